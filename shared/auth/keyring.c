/*
 * The keyring file is small, read often and written twice a year: it is
 * parsed as a whole, strictly. keyring_write.c makes and replaces it.
 */
#include "auth/keyring.h"

#include "base/file.h"
#include "base/format.h"
#include "base/number.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* Others nothing; the group (wsd) may read, never write. */
#define VERSION 1
#define FORBIDDEN_MODE 0027

int
keyring_path(const char *dir, struct buf *path)
{
	return buf_printf(path, "%s/" KEYRING_FILE, dir);
}

/* --- parsing ------------------------------------------------------------ */

/* Takes "NAME=" off the front of a word. */
static bool
take_field(const char **p, const char *end, const char *name, const char **text,
    size_t *n)
{
	size_t name_len = strlen(name);
	const char *stop = memchr(*p, ' ', (size_t)(end - *p));

	if (stop == NULL)
		stop = end;
	if ((size_t)(stop - *p) <= name_len ||
	    memcmp(*p, name, name_len) != 0 || (*p)[name_len] != '=')
		return false;
	*text = *p + name_len + 1;
	*n = (size_t)(stop - *text);
	*p = stop < end ? stop + 1 : end;
	return true;
}

static bool
is_word(const char *text, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(text, word, n) == 0;
}

static bool
parse_kid(const char *text, size_t n, char kid[static KEYRING_KID_MAX + 1])
{
	if (n == 0 || n > KEYRING_KID_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') ||
			(text[i] >= '0' && text[i] <= '9')))
			return false;
	memcpy(kid, text, n);
	kid[n] = '\0';
	return true;
}

/* One spelling; far below what additions could overflow. */
static bool
parse_seconds(const char *text, size_t n, int64_t *out)
{
	return (n == 1 || (n > 1 && text[0] != '0')) &&
	    number_parse(text, n, INT64_MAX / 4, out);
}

/* NULL, or what is wrong with the line. */
static const char *
parse_line(const char *p, size_t n, struct keyring_key *key)
{
	const char *end = p + n, *text;
	size_t len;

	if (!take_field(&p, end, "kid", &text, &len) ||
	    !parse_kid(text, len, key->kid))
		return "kid= with 1 to 8 of [a-z0-9] expected";
	if (!take_field(&p, end, "key", &text, &len) ||
	    crypto_b64_decode(text, len, key->secret, sizeof(key->secret)) != 0)
		return "key= with 43 characters of base64url expected";
	if (!take_field(&p, end, "created", &text, &len) ||
	    !parse_seconds(text, len, &key->created_s))
		return "created= with seconds since 1970 expected";
	if (!take_field(&p, end, "state", &text, &len) || text + len != end)
		return "state= as the last field expected";
	if (is_word(text, len, "current"))
		key->state = KEYRING_CURRENT;
	else if (is_word(text, len, "previous"))
		key->state = KEYRING_PREVIOUS;
	else
		return "state= must be current or previous";
	return NULL;
}

/* Puts the current key first, the others in the order of the file. */
static const char *
add_key(struct keyring *out, const struct keyring_key *key)
{
	if (keyring_find(out, key->kid, strlen(key->kid)) != NULL)
		return "this kid is there twice";
	if (out->n == KEYRING_KEYS_MAX)
		return "more than 8 keys";
	if (key->state == KEYRING_CURRENT && out->n > 0) {
		if (out->keys[0].state == KEYRING_CURRENT)
			return "a second key with state=current";
		memmove(
		    out->keys + 1, out->keys, out->n * sizeof(out->keys[0]));
		out->keys[0] = *key;
	} else {
		out->keys[out->n] = *key;
	}
	out->n++;
	return NULL;
}

static bool
is_of_another_version(const char *line, size_t n, struct buf *error)
{
	int64_t v;

	if (n <= 2 || memcmp(line, "v=", 2) != 0 ||
	    !number_parse(line + 2, n - 2, UINT32_MAX, &v) || v == VERSION)
		return false;
	format_refuse(error, (uint64_t)v, VERSION,
	    "move it away and run gatecast store init: then a new one is "
	    "made, and everybody signs in again");
	return true;
}

int
keyring_parse(
    const char *bytes, size_t n, struct keyring *out, struct buf *error)
{
	const char *p = bytes, *end = bytes + n, *wrong = NULL;
	struct keyring_key key;
	unsigned line = 0;

	memset(out, 0, sizeof(*out));
	memset(&key, 0, sizeof(key));
	while (wrong == NULL && p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		line++;
		if (newline == NULL) {
			wrong = "the last line is cut";
			break;
		}
		size_t len = (size_t)(newline - p);
		if (line == 1) {
			if (!is_word(p, len, "v=1"))
				wrong = "v=1 expected";
			if (is_of_another_version(p, len, error))
				goto refused;
		} else if ((wrong = parse_line(p, len, &key)) == NULL) {
			wrong = add_key(out, &key);
		}
		p = newline + 1;
	}
	crypto_wipe(&key, sizeof(key));
	if (wrong != NULL) {
		buf_printf(error, "line %u: %s", line, wrong);
	} else if (keyring_current(out) == NULL) {
		wrong = "none";
		buf_puts(error, "no key with state=current");
	}
	if (wrong == NULL)
		return 0;
refused:
	keyring_wipe(out);
	return -1;
}

int
keyring_load(const char *dir, struct keyring *out, struct buf *error)
{
	struct buf path = BUF_INIT, text = BUF_INIT, why = BUF_INIT;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	/* Room for all of it at once, so that no copy is left behind. */
	if (keyring_path(dir, &path) != 0 ||
	    buf_reserve(&text, KEYRING_BYTES_MAX + 1) != 0) {
		buf_puts(error, "out of memory");
		goto out;
	}
	enum file_err err =
	    file_read(buf_str(&path), KEYRING_BYTES_MAX, FORBIDDEN_MODE, &text);
	if (err != FILE_OK) {
		buf_printf(error, "%s: %s%s", buf_str(&path),
		    file_strerror(err), file_cure(err));
		if (err == FILE_MODE)
			buf_printf(error, "; chmod 640 %s", buf_str(&path));
		if (err == FILE_MISSING)
			buf_puts(error, "; `gatecast store init` makes it");
		goto out;
	}
	if (keyring_parse(text.data, text.len, out, &why) != 0) {
		buf_printf(error,
		    "%s: %s; put it back from a copy, or move it away: "
		    "`gatecast store init` makes another, and everybody has "
		    "to sign in again",
		    buf_str(&path), buf_str(&why));
		goto out;
	}
	rc = 0;
out:
	crypto_buf_fini(&text);
	buf_fini(&why);
	buf_fini(&path);
	return rc;
}

/* --- using -------------------------------------------------------------- */

const struct keyring_key *
keyring_find(const struct keyring *k, const char *kid, size_t n)
{
	for (size_t i = 0; i < k->n; i++)
		if (strlen(k->keys[i].kid) == n &&
		    memcmp(k->keys[i].kid, kid, n) == 0)
			return &k->keys[i];
	return NULL;
}

const struct keyring_key *
keyring_current(const struct keyring *k)
{
	return k->n > 0 && k->keys[0].state == KEYRING_CURRENT ? &k->keys[0]
							       : NULL;
}

static uint64_t
nanoseconds(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000U + (uint64_t)t->tv_nsec;
}

/*
 * ctime too: bytes put back under an old mtime in a file of the same size, or
 * a mode that was changed, show in nothing else.
 */
int
keyring_watch(const char *dir, struct keyring_watch *w)
{
	struct buf path = BUF_INIT;
	struct stat st;
	int rc = -1;

	if (keyring_path(dir, &path) == 0 && lstat(buf_str(&path), &st) == 0) {
		const struct keyring_watch now = {
		    .dev = (uint64_t)st.st_dev,
		    .ino = (uint64_t)st.st_ino,
		    .mtime_ns = nanoseconds(&st.st_mtim),
		    .ctime_ns = nanoseconds(&st.st_ctim),
		    .size = (uint64_t)st.st_size,
		};
		rc = now.dev != w->dev || now.ino != w->ino ||
		    now.mtime_ns != w->mtime_ns ||
		    now.ctime_ns != w->ctime_ns || now.size != w->size;
		*w = now;
	}
	buf_fini(&path);
	return rc;
}

void
keyring_wipe(struct keyring *k)
{
	crypto_wipe(k, sizeof(*k));
}
