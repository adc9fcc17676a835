/*
 * The configuration of all programs: INI, one typed table.
 *
 * The table in config_table.c drives parsing, ranges, defaults, `config show`,
 * the example file and the man page's list. An unknown section or key, a key
 * given twice, a bad value: "FILE:LINE: what is wrong and what is allowed".
 *
 * A line is [section], "key = value" or a comment (from ; or #); a comment
 * stands on a line of its own, a value on one line. Nothing is cut silently.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH_DEFAULT GATECAST_SYSCONFDIR "/gatecast/gatecast.conf"

enum config_plain_lines {
	CONFIG_PLAIN_RAW,
	CONFIG_PLAIN_HTML,
	CONFIG_PLAIN_OFF,
};

enum config_forwarded {
	CONFIG_FORWARDED_X, /* X-Forwarded-For and X-Forwarded-Proto */
	CONFIG_FORWARDED_RFC, /* Forwarded */
};

enum config_language {
	CONFIG_LANGUAGE_AUTO, /* by Accept-Language */
	CONFIG_LANGUAGE_EN,
	CONFIG_LANGUAGE_ZH,
};

enum config_history_sync {
	CONFIG_SYNC_KILL, /* survives kill -9 */
	CONFIG_SYNC_ALWAYS, /* survives power loss too */
};

#define CONFIG_KEYS_MAX 64

/* A list of words separated by blanks. */
struct config_list {
	char **items;
	size_t n;
};

/*
 * Effective values. Strings and lists are owned by the struct and valid
 * until config_fini. 0 means "no limit" where the table says so.
 */
struct config {
	struct {
		struct config_list origins; /* scheme://host[:port] */
		struct config_list trusted_proxies; /* CIDR, or "unix" */
		int forwarded_header; /* enum config_forwarded */
		int language; /* enum config_language */
		char *prefix; /* of all paths: "", or "/" and segments */
	} site;
	struct {
		char *dir;
		int64_t reserve_bytes;
		int64_t lock_wait_ms; /* a writer's longest wait, then 503 */
	} store;
	struct {
		char *listen; /* unix:PATH, HOST:PORT, "" = fd 0 */
		char *templates;
		int64_t workers;
		bool plain_http;
		int64_t idle_lifetime_s;
		int64_t absolute_lifetime_s;
		int64_t sessions_per_user;
		int64_t argon2_memory_kib;
		int64_t argon2_passes;
		int64_t hash_slots;
		int64_t password_min;
		int64_t request_timeout_ms; /* reading one request */
		bool throttle;
	} login;
	struct {
		struct config_list rules; /* PATH=WHO */
	} gate;
	struct {
		char *listen; /* unix:PATH or HOST:PORT; "" = systemd's */
		char *control;
		char *metrics_listen;
		int64_t max_connections;
		int64_t connections_per_user;
		int64_t connections_per_address;
		int64_t message_bytes;
		int plain_lines; /* enum config_plain_lines */
		int64_t user_rate;
		int64_t user_burst;
		int64_t history_messages;
		int64_t history_bytes;
		int64_t history_age_s;
		int history_sync; /* enum config_history_sync */
		char *history_dir; /* "": memory alone */
		int64_t ping_s;
		int64_t slow_bytes;
		int64_t slow_s;
		int64_t leave_grace_s;
		int64_t store_grace_s;
		int64_t handshake_timeout_s;
		int64_t max_memory;
	} wsd;
	struct {
		int level; /* enum log_level */
		bool audit;
	} log;
	int lines[CONFIG_KEYS_MAX]; /* by key's index; 0: not in the file */
};

/* Defaults only. 0, or -1 out of memory. */
int config_init(struct config *c);
void config_fini(struct config *c);

/*
 * Defaults, then the file. On failure *c is left finished (config_fini'd)
 * and *error holds one or more "FILE:LINE: ..." lines ("FILE: ..." when the
 * file itself cannot be read), each ended by a newline. 0 or -1.
 * path NULL: CONFIG_PATH_DEFAULT, which need not be there.
 */
int config_load(struct config *c, const char *path, struct buf *error);

/* The same from bytes; name stands for FILE in messages. For the fuzzer. */
int config_parse(struct config *c, const char *name, const char *bytes,
    size_t n, struct buf *error);

/*
 * What only the machine can answer: store.dir is a directory; and, where the
 * file named them, login.templates is a directory and the directories of
 * Unix sockets are there (defaults of programs that do not run here are not
 * held against those that do). has_defaults: store.dir counts though the file
 * does not name it. Appends "FILE:LINE: ..." lines to *error, or "FILE: ..."
 * for a default. 0 or -1.
 */
int config_check_paths(const struct config *c, const char *name,
    bool has_defaults, struct buf *error);

/*
 * Every key with its effective value as a file that config_parse takes back
 * unchanged. 0 or -1.
 */
int config_show(const struct config *c, struct buf *out);

/*
 * The commented example file: every key at its default, commented out, with
 * its help, range and unit. A line that begins with '#' and a letter is a
 * key, all other comments are prose. 0 or -1.
 */
int config_example(struct buf *out);

/*
 * Of what a SIGHUP would change, moves into *live the keys that can be
 * changed while running; names of keys that differ but need a restart are
 * appended to *restart, one a line. *fresh is left finished. 0 or -1.
 */
int
config_reload(struct config *live, struct config *fresh, struct buf *restart);

#endif
