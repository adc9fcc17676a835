/*
 * Log lines to stderr, one event a line, with journald's <N> priority when
 * stderr is the journal (JOURNAL_STREAM) or log_opts.has_priority says so;
 * otherwise with a local time, for a person who reads a terminal.
 *
 * Every byte outside printable ASCII and valid UTF-8 text, every control byte
 * and the backslash leave as \xNN: nothing a stranger sends can forge a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { /* syslog's numbers, sd-daemon(3) */
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

struct log_opts {
	const char *ident; /* program name, static storage */
	enum log_level level; /* lines above it are dropped */
	bool has_audit; /* log.audit */
	bool has_priority; /* <N> although stderr is not the journal */
};

/* May be called again after a reload. Without it: INFO, no audit. */
void log_init(const struct log_opts *opts);

/* _errno variants add ": " and strerror(errno). errno is preserved. */
void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_err_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Each line of text as a log line of its own, through one of the above;
 * behind "WHAT: " unless what is NULL.
 */
void log_lines(
    void (*log)(const char *fmt, ...), const char *what, const char *text);

/* One key=value of an audit line; value NULL: left out. */
struct log_field {
	const char *key;
	const char *value;
	size_t len; /* bytes of value; SIZE_MAX: strlen(value) */
};

/*
 * One audit line: "audit event=EVENT key=value ...". Values with anything
 * but [A-Za-z0-9._:/@+-] are quoted and escaped. Nothing when audit is off.
 */
void log_audit(const char *event, const struct log_field *fields, size_t n);

/*
 * Escapes bytes for one line of text into out (always NUL-terminated, cut at
 * a whole escape). Returns the length. Pure; exported for its fuzzer.
 */
size_t log_escape(const char *bytes, size_t n, char *out, size_t size);

#endif
