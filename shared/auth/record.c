/*
 * Stored values are text that gdbmtool can show and a person can read. The
 * format is strict, one spelling for one record, so that a damaged value is
 * seen as damaged; but a key that is not known here is passed over, so that
 * an older program can read what a newer one wrote.
 */
#include "auth/record.h"

#include "auth/crypto.h"
#include "base/number.h"

#include <inttypes.h>
#include <string.h>

#define VERSION "v=1"

/* --- writing ------------------------------------------------------------ */

/* One bit a byte: digits and letters, and "._:/@+$,-". */
static bool
is_plain(unsigned char c)
{
	static const uint64_t plain[4] = {
	    UINT64_C(0x07fff81000000000), UINT64_C(0x07fffffe87ffffff), 0, 0};

	return (plain[c >> 6] >> (c & 63) & 1) != 0;
}

static void
put_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, " %s=", key);
	for (const char *p = value; *p != '\0'; p++) {
		if (is_plain((unsigned char)*p))
			buf_putc(out, *p);
		else
			buf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

static void
put_number(struct buf *out, const char *key, int64_t value)
{
	buf_printf(out, " %s=%" PRId64, key, value);
}

int
record_put_user(const struct record_user *r, struct buf *out)
{
	if (r->name[0] == '\0' || r->created_s < 0 || r->changed_s < 0 ||
	    !group_list_is_valid(r->groups))
		return -1;
	buf_puts(out, VERSION);
	put_text(out, "name", r->name);
	put_text(out, "hash", r->hash);
	put_number(out, "created", r->created_s);
	put_number(out, "changed", r->changed_s);
	put_number(out, "locked", r->is_locked ? 1 : 0);
	if (r->groups[0] != '\0')
		put_text(out, "groups", r->groups);
	return out->has_failed ? -1 : 0;
}

int
record_put_session(const struct record_session *r, struct buf *out)
{
	if (r->user[0] == '\0' || r->created_s < 0 || r->seen_s < 0 ||
	    r->expires_s < 0 || r->idle_s < 0)
		return -1;
	buf_puts(out, VERSION);
	put_text(out, "user", r->user);
	put_number(out, "created", r->created_s);
	put_number(out, "seen", r->seen_s);
	put_number(out, "exp", r->expires_s);
	put_number(out, "idle", r->idle_s);
	put_text(out, "addr", r->address);
	put_text(out, "agent", r->agent);
	return out->has_failed ? -1 : 0;
}

int
record_put_throttle(const struct record_throttle *r, struct buf *out)
{
	const struct throttle_state *s = &r->state;

	if (r->who[0] == '\0' || s->fails < 0 || s->since_s < 0 ||
	    s->until_s < 0)
		return -1;
	buf_puts(out, VERSION);
	put_text(out, "who", r->who);
	put_number(out, "fails", s->fails);
	put_number(out, "since", s->since_s);
	put_number(out, "until", s->until_s);
	return out->has_failed ? -1 : 0;
}

/* --- reading ------------------------------------------------------------ */

enum type {
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_BOOL,
};

struct field {
	const char *key;
	enum type type;
	void *out;
	size_t size; /* of a text, its NUL included */
	bool may_be_empty; /* a text; it must be there all the same */
	bool has_come;
	bool may_be_missing;
};

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes put_text; refuses what it would not have written. */
static bool
get_text(const char *p, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '%') {
			int high = n - i > 2 ? hex_value(p[i + 1]) : -1;
			int low = n - i > 2 ? hex_value(p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (unsigned char)(high << 4 | low);
			if (c == '\0' || is_plain(c))
				return false;
			i += 2;
		} else if (!is_plain(c)) {
			return false;
		}
		if (len + 1 >= size)
			return false;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return true;
}

static bool
get_number(const char *p, size_t n, int64_t max, int64_t *out)
{
	return (n == 1 || (n > 1 && p[0] != '0')) &&
	    number_parse(p, n, max, out);
}

static bool
get_value(const struct field *f, const char *p, size_t n)
{
	int64_t v;

	switch (f->type) {
	case TYPE_TEXT:
		return (n > 0 || f->may_be_empty) &&
		    get_text(p, n, f->out, f->size);
	case TYPE_NUMBER:
		return get_number(p, n, INT64_MAX, f->out);
	case TYPE_BOOL:
		if (!get_number(p, n, 1, &v))
			return false;
		*(bool *)f->out = v == 1;
		return true;
	}
	return false;
}

/* They come in this order, mostly: looks from *next on, around the end. */
static struct field *
find_field(
    struct field *fields, size_t count, size_t *next, const char *key, size_t n)
{
	for (size_t i = 0; i < count; i++) {
		struct field *f = &fields[(*next + i) % count];

		if (strlen(f->key) == n && memcmp(f->key, key, n) == 0) {
			*next = (size_t)(f - fields) + 1;
			return f;
		}
	}
	return NULL;
}

static bool
is_key(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || p[i] == '_'))
			return false;
	return n > 0;
}

/* unknown may be NULL; gets " key=value" of what is passed over. */
static bool
get_fields(const char *bytes, size_t n, struct field *fields, size_t count,
    struct buf *unknown)
{
	const char *p = bytes, *end = bytes + n;
	const size_t version_len = strlen(VERSION);
	size_t next = 0;

	if (n < version_len || memcmp(p, VERSION, version_len) != 0)
		return false;
	p += version_len;
	while (p < end) {
		if (*p++ != ' ')
			return false;
		const char *stop = memchr(p, ' ', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		const char *equal = memchr(p, '=', (size_t)(stop - p));
		if (equal == NULL || !is_key(p, (size_t)(equal - p)))
			return false;
		struct field *f =
		    find_field(fields, count, &next, p, (size_t)(equal - p));
		if (f != NULL) {
			if (f->has_come ||
			    !get_value(
				f, equal + 1, (size_t)(stop - equal) - 1))
				return false;
			f->has_come = true;
		} else if (unknown != NULL) {
			buf_append(unknown, p - 1, (size_t)(stop - p) + 1);
		}
		p = stop;
	}
	for (size_t i = 0; i < count; i++)
		if (!fields[i].has_come && !fields[i].may_be_missing)
			return false;
	return true;
}

#define TEXT(key, at, empty)                                        \
	{                                                           \
		key, TYPE_TEXT, at, sizeof(at), empty, false, false \
	}
#define NUMBER(key, at)                                        \
	{                                                      \
		key, TYPE_NUMBER, &(at), 0, true, false, false \
	}

static bool
get_user(
    const char *bytes, size_t n, struct record_user *out, struct buf *unknown)
{
	struct field fields[] = {
	    TEXT("name", out->name, false),
	    TEXT("hash", out->hash, true),
	    NUMBER("created", out->created_s),
	    NUMBER("changed", out->changed_s),
	    {"locked", TYPE_BOOL, &out->is_locked, 0, false, false, false},
	    {"groups", TYPE_TEXT, out->groups, sizeof(out->groups), false,
		false, true},
	};

	memset(out, 0, sizeof(*out));
	return get_fields(bytes, n, fields, sizeof(fields) / sizeof(fields[0]),
		   unknown) &&
	    group_list_is_valid(out->groups);
}

int
record_get_user(const char *bytes, size_t n, struct record_user *out)
{
	return get_user(bytes, n, out, NULL) ? 0 : -1;
}

int
record_keep_user(const char *bytes, size_t n, struct buf *out)
{
	struct record_user known;
	size_t before = out->len;

	if (!get_user(bytes, n, &known, out) && !out->has_failed)
		out->len = before;
	crypto_wipe(&known, sizeof(known));
	return out->has_failed ? -1 : 0;
}

int
record_get_session(const char *bytes, size_t n, struct record_session *out)
{
	struct field fields[] = {
	    TEXT("user", out->user, false),
	    NUMBER("created", out->created_s),
	    NUMBER("seen", out->seen_s),
	    NUMBER("exp", out->expires_s),
	    NUMBER("idle", out->idle_s),
	    TEXT("addr", out->address, true),
	    TEXT("agent", out->agent, true),
	};

	memset(out, 0, sizeof(*out));
	return get_fields(
		   bytes, n, fields, sizeof(fields) / sizeof(fields[0]), NULL)
	    ? 0
	    : -1;
}

int
record_get_throttle(const char *bytes, size_t n, struct record_throttle *out)
{
	struct field fields[] = {
	    TEXT("who", out->who, false),
	    NUMBER("fails", out->state.fails),
	    NUMBER("since", out->state.since_s),
	    NUMBER("until", out->state.until_s),
	};

	memset(out, 0, sizeof(*out));
	return get_fields(
		   bytes, n, fields, sizeof(fields) / sizeof(fields[0]), NULL)
	    ? 0
	    : -1;
}

int64_t
record_session_end_s(const struct record_session *r)
{
	int64_t end = r->expires_s > 0 ? r->expires_s : INT64_MAX;

	if (r->idle_s > 0 && r->seen_s <= INT64_MAX - r->idle_s &&
	    r->seen_s + r->idle_s < end)
		end = r->seen_s + r->idle_s;
	return end;
}
