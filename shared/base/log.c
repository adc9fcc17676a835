/*
 * Log lines to stderr. A line is built on the stack and leaves in one
 * write(2), so that lines of several workers never interleave; what does
 * not fit in MAX_LINE bytes is cut and says so. A log that cannot be written
 * is not worth dying for: errors of write are dropped.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/number.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Below PIPE_BUF (4096), so that a line into a pipe is atomic too. */
#define MAX_LINE 4000
#define MAX_TEXT 3000
/* Of one value in an audit line, so that all of its fields fit. */
#define MAX_VALUE 400
#define CUT_MARK "..."

static struct {
	const char *ident;
	enum log_level level;
	bool has_audit;
	bool has_priority;
} state = {NULL, LOG_LEVEL_INFO, false, false};

/* Is stderr the very stream that $JOURNAL_STREAM names (systemd.exec(5))? */
static bool
is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	int64_t dev, ino;
	struct stat st;

	if (env == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	const char *colon = strchr(env, ':');
	return colon != NULL &&
	    number_parse(env, (size_t)(colon - env), INT64_MAX, &dev) &&
	    number_parse(colon + 1, strlen(colon + 1), INT64_MAX, &ino) &&
	    (uint64_t)dev == st.st_dev && (uint64_t)ino == st.st_ino;
}

void
log_init(const struct log_opts *opts)
{
	state.ident = opts->ident;
	state.level = opts->level;
	state.has_audit = opts->has_audit;
	state.has_priority = opts->has_priority || is_journal();
}

/*
 * Length of the well-formed UTF-8 sequence of text at s (RFC 3629), or 0
 * for what has no business in a line: ill-formed bytes, controls (C1 too),
 * line and paragraph separators, and the marks that reorder or hide text.
 */
static size_t
text_len(const unsigned char *s, size_t n)
{
	unsigned long cp;
	size_t len;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		len = 2;
		cp = s[0] & 0x1f;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		len = 3;
		cp = s[0] & 0x0f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		len = 4;
		cp = s[0] & 0x07;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if ((len == 3 && cp < 0x800) || (len == 4 && cp < 0x10000) ||
	    cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	if (cp < 0xa0 || cp == 0x061c || (cp >= 0x200b && cp <= 0x200f) ||
	    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
	    cp == 0xfeff || (cp & 0xfffe) == 0xfffe)
		return 0;
	return len;
}

/*
 * The common part of log_escape and of quoted values. With is_quoted, the
 * quote is escaped too. *used: how many input bytes went in.
 */
static size_t
escape(const char *bytes, size_t n, bool is_quoted, char *out, size_t size,
    size_t *used)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)bytes;
	size_t i = 0, o = 0;

	if (size == 0) {
		*used = 0;
		return 0;
	}
	while (i < n) {
		/* The backslash too, or \x41 could be typed by a stranger. */
		size_t len = text_len(s + i, n - i);
		if (s[i] == '\\' || (is_quoted && s[i] == '"'))
			len = 0;
		size_t need = len == 0 ? 4 : len;
		if (need > size - 1 - o)
			break;
		if (len == 0) {
			out[o++] = '\\';
			out[o++] = 'x';
			out[o++] = hex[s[i] >> 4];
			out[o++] = hex[s[i] & 0x0f];
			i++;
		} else {
			memcpy(out + o, s + i, len);
			o += len;
			i += len;
		}
	}
	out[o] = '\0';
	*used = i;
	return o;
}

size_t
log_escape(const char *bytes, size_t n, char *out, size_t size)
{
	size_t used;
	return escape(bytes, n, false, out, size, &used);
}

/* A line under construction; room for the newline is always kept. */
struct line {
	char bytes[MAX_LINE + 1];
	size_t len;
};

static void
line_put(struct line *l, const char *s)
{
	size_t n = strlen(s);
	if (n > MAX_LINE - 1 - l->len)
		n = MAX_LINE - 1 - l->len;
	memcpy(l->bytes + l->len, s, n);
	l->len += n;
}

/* At most max bytes of escapes. */
static void
line_put_escaped(
    struct line *l, const char *s, size_t n, bool is_quoted, size_t max)
{
	size_t room = MAX_LINE - 1 - l->len;
	size_t used;

	/* Keep room for the mark, the closing quote and escape()'s NUL. */
	size_t keep = sizeof(CUT_MARK) + 1;
	if (room <= keep)
		return;
	if (max > room - keep - 1)
		max = room - keep - 1;
	l->len += escape(s, n, is_quoted, l->bytes + l->len, max + 1, &used);
	if (used < n)
		line_put(l, CUT_MARK);
}

static void
line_begin(struct line *l, enum log_level level)
{
	l->len = 0;
	if (state.has_priority) {
		char prio[] = {'<', (char)('0' + level), '>', '\0'};
		line_put(l, prio);
		return;
	}
	char now[CLOCK_LOCAL_SIZE];
	clock_format_local(clock_wall_ms(clock_system()), now);
	line_put(l, now);
	line_put(l, " ");
	if (state.ident != NULL) {
		char pid[32];
		snprintf(pid, sizeof(pid), "[%ld]: ", (long)getpid());
		line_put(l, state.ident);
		line_put(l, pid);
	}
}

static void
line_end(struct line *l)
{
	ssize_t n;

	l->bytes[l->len++] = '\n';
	do
		n = write(STDERR_FILENO, l->bytes, l->len);
	while (n == -1 && errno == EINTR);
}

static void log_line(enum log_level level, int err, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* err: 0, or an errno whose words go behind the text. */
static void
log_line(enum log_level level, int err, const char *fmt, va_list ap)
{
	static const char *const words[] = {
	    [LOG_LEVEL_ERR] = "error: ",
	    [LOG_LEVEL_WARN] = "warning: ",
	};
	char text[MAX_TEXT];
	struct line l;

	if (level > state.level)
		return;
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		return;
	size_t len = (size_t)n;
	bool is_cut = len >= sizeof(text);
	if (is_cut)
		len = sizeof(text) - 1;
	line_begin(&l, level);
	if (!state.has_priority && level <= LOG_LEVEL_WARN)
		line_put(&l, words[level]);
	line_put_escaped(&l, text, len, false, MAX_LINE);
	if (is_cut)
		line_put(&l, CUT_MARK);
	if (err != 0) {
		line_put(&l, ": ");
		line_put(&l, strerror(err));
	}
	line_end(&l);
}

#define DEFINE_LOG(name, level, err)                 \
	void name(const char *fmt, ...)              \
	{                                            \
		int saved = errno;                   \
		va_list ap;                          \
		va_start(ap, fmt);                   \
		log_line((level), (err), (fmt), ap); \
		va_end(ap);                          \
		errno = saved;                       \
	}

DEFINE_LOG(log_err, LOG_LEVEL_ERR, 0)
DEFINE_LOG(log_err_errno, LOG_LEVEL_ERR, saved)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN, 0)
DEFINE_LOG(log_warn_errno, LOG_LEVEL_WARN, saved)
DEFINE_LOG(log_notice, LOG_LEVEL_NOTICE, 0)
DEFINE_LOG(log_info, LOG_LEVEL_INFO, 0)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG, 0)

void
log_lines(void (*log)(const char *fmt, ...), const char *what, const char *text)
{
	while (*text != '\0') {
		int n = (int)strcspn(text, "\n");
		if (what != NULL)
			log("%s: %.*s", what, n, text);
		else
			log("%.*s", n, text);
		text += n;
		text += *text == '\n';
	}
}

static bool
is_plain(const char *s, size_t n)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789._:/@+-";
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0' || strchr(plain, s[i]) == NULL)
			return false;
	return n > 0;
}

void
log_audit(const char *event, const struct log_field *fields, size_t n)
{
	struct line l;
	int saved = errno;

	if (!state.has_audit)
		return;
	line_begin(&l, LOG_LEVEL_NOTICE);
	line_put(&l, "audit event=");
	line_put(&l, event);
	for (size_t i = 0; i < n; i++) {
		const struct log_field *f = &fields[i];
		if (f->value == NULL)
			continue;
		size_t len = f->len == SIZE_MAX ? strlen(f->value) : f->len;
		line_put(&l, " ");
		line_put(&l, f->key);
		line_put(&l, "=");
		if (is_plain(f->value, len)) {
			line_put_escaped(&l, f->value, len, false, MAX_VALUE);
			continue;
		}
		line_put(&l, "\"");
		line_put_escaped(&l, f->value, len, true, MAX_VALUE);
		line_put(&l, "\"");
	}
	line_end(&l);
	errno = saved;
}
