/*
 * The keyring file is small, read often and written twice a year: it is
 * parsed as a whole, strictly, and replaced as a whole. One writer at a time
 * is had by a lock on the directory itself, which needs no lock file of its
 * own whose owner or mode could be wrong.
 */
#include "auth/keyring.h"

#include "base/file.h"
#include "base/number.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES_MAX 4096
/* Others nothing; the group (wsd) may read, never write. */
#define FORBIDDEN_MODE 0027
#define FILE_MODE_KEYRING 0640
#define KID_CHARS 6
#define KID_TRIES 16
#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 10

static int
path_of(const char *dir, struct buf *path)
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
	if (path_of(dir, &path) != 0 ||
	    buf_reserve(&text, FILE_BYTES_MAX + 1) != 0) {
		buf_puts(error, "out of memory");
		goto out;
	}
	enum file_err err =
	    file_read(buf_str(&path), FILE_BYTES_MAX, FORBIDDEN_MODE, &text);
	if (err != FILE_OK) {
		buf_printf(error, "%s: %s", buf_str(&path), file_strerror(err));
		goto out;
	}
	if (keyring_parse(text.data, text.len, out, &why) != 0) {
		buf_printf(error, "%s: %s", buf_str(&path), buf_str(&why));
		goto out;
	}
	rc = 0;
out:
	if (text.data != NULL)
		crypto_wipe(text.data, text.cap);
	buf_fini(&why);
	buf_fini(&text);
	buf_fini(&path);
	return rc;
}

/* --- writing ------------------------------------------------------------ */

/*
 * 32 characters, so that five bits of a random byte are one, without those
 * that are misread aloud.
 */
static int
fresh_key(const struct keyring *k, int64_t now_s, struct keyring_key *key)
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	uint8_t raw[KID_CHARS];

	memset(key, 0, sizeof(*key));
	for (int i = 0; i < KID_TRIES; i++) {
		crypto_random(raw, sizeof(raw));
		for (size_t j = 0; j < sizeof(raw); j++)
			key->kid[j] = letters[raw[j] & 31];
		if (keyring_find(k, key->kid, KID_CHARS) != NULL)
			continue;
		crypto_random(key->secret, sizeof(key->secret));
		key->created_s = now_s > 0 ? now_s : 0;
		key->state = KEYRING_CURRENT;
		return 0;
	}
	return -1;
}

static int
write_file(const char *path, const struct keyring *k, struct buf *error)
{
	char text[FILE_BYTES_MAX];
	char key[CRYPTO_B64_LEN(CRYPTO_KEY_BYTES) + 1];
	size_t n = 0;
	int rc = 0;

	n += (size_t)snprintf(text, sizeof(text), "v=1\n");
	for (size_t i = 0; i < k->n; i++) {
		const struct keyring_key *one = &k->keys[i];

		crypto_b64_encode(
		    one->secret, sizeof(one->secret), key, sizeof(key));
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "kid=%s key=%s created=%" PRId64 " state=%s\n", one->kid,
		    key, one->created_s,
		    one->state == KEYRING_CURRENT ? "current" : "previous");
	}
	if (file_replace(path, text, n, FILE_MODE_KEYRING) != 0) {
		buf_printf(
		    error, "%s: cannot be written: %s", path, strerror(errno));
		rc = -1;
	}
	crypto_wipe(text, sizeof(text));
	crypto_wipe(key, sizeof(key));
	return rc;
}

/* The descriptor that holds the lock, or -1 with error set. */
static int
lock_dir(const char *dir, struct buf *error)
{
	const struct timespec step = {0, LOCK_STEP_MS * 1000000L};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		buf_printf(error, "%s: %s", dir, strerror(errno));
		return -1;
	}
	for (int waited = 0;; waited += LOCK_STEP_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK && errno != EINTR) {
			buf_printf(error, "%s: cannot be locked: %s", dir,
			    strerror(errno));
			break;
		}
		if (waited >= LOCK_WAIT_MS) {
			buf_printf(error,
			    "%s: another program is changing the keyring", dir);
			break;
		}
		nanosleep(&step, NULL);
	}
	close(fd);
	return -1;
}

int
keyring_create(const char *dir, int64_t now_s, struct buf *error)
{
	struct buf path = BUF_INIT;
	struct keyring k;
	struct stat st;
	int lock = -1, rc = -1;

	memset(&k, 0, sizeof(k));
	if (path_of(dir, &path) != 0) {
		buf_puts(error, "out of memory");
		goto out;
	}
	/* A symlink counts as there: loading it then says what is wrong. */
	if (lstat(buf_str(&path), &st) == 0) {
		rc = 0;
		goto out;
	}
	lock = lock_dir(dir, error);
	if (lock < 0)
		goto out;
	if (lstat(buf_str(&path), &st) == 0) {
		rc = 0;
		goto out;
	}
	if (fresh_key(&k, now_s, &k.keys[0]) != 0) {
		buf_puts(error, "no random key id could be had");
		goto out;
	}
	k.n = 1;
	rc = write_file(buf_str(&path), &k, error);
out:
	if (lock >= 0)
		close(lock);
	keyring_wipe(&k);
	buf_fini(&path);
	return rc;
}

/*
 * Drops what was replaced more than keep_s ago. A key was replaced when the
 * one before it in the list was made; the list is newest first.
 */
static void
drop_old(struct keyring *k, int64_t now_s, int64_t keep_s)
{
	size_t kept = 1;

	for (size_t i = 1; i < k->n; i++) {
		int64_t replaced_s = k->keys[i - 1].created_s;

		if (keep_s > 0 && now_s - replaced_s > keep_s)
			break;
		kept++;
	}
	for (size_t i = kept; i < k->n; i++)
		crypto_wipe(&k->keys[i], sizeof(k->keys[i]));
	k->n = kept;
}

int
keyring_rotate(
    const char *dir, int64_t now_s, int64_t keep_s, struct buf *error)
{
	struct buf path = BUF_INIT;
	struct keyring old, new;
	int lock = -1, rc = -1;

	memset(&old, 0, sizeof(old));
	memset(&new, 0, sizeof(new));
	if (path_of(dir, &path) != 0) {
		buf_puts(error, "out of memory");
		goto out;
	}
	lock = lock_dir(dir, error);
	if (lock < 0 || keyring_load(dir, &old, error) != 0)
		goto out;
	drop_old(&old, now_s, keep_s);
	if (old.n == KEYRING_KEYS_MAX) {
		buf_printf(error,
		    "%s: %d keys still verify sessions; rotate again when the "
		    "oldest has been replaced for login.absolute_lifetime_s",
		    buf_str(&path), KEYRING_KEYS_MAX);
		goto out;
	}
	if (fresh_key(&old, now_s, &new.keys[0]) != 0) {
		buf_puts(error, "no random key id could be had");
		goto out;
	}
	memcpy(new.keys + 1, old.keys, old.n * sizeof(old.keys[0]));
	new.keys[1].state = KEYRING_PREVIOUS;
	new.n = old.n + 1;
	rc = write_file(buf_str(&path), &new, error);
out:
	if (lock >= 0)
		close(lock);
	keyring_wipe(&new);
	keyring_wipe(&old);
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

int
keyring_watch(const char *dir, struct keyring_watch *w)
{
	struct buf path = BUF_INIT;
	struct stat st;
	int rc = -1;

	if (path_of(dir, &path) == 0 && stat(buf_str(&path), &st) == 0) {
		const struct keyring_watch now = {
		    .dev = (uint64_t)st.st_dev,
		    .ino = (uint64_t)st.st_ino,
		    .mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000U +
			(uint64_t)st.st_mtim.tv_nsec,
		    .size = (uint64_t)st.st_size,
		};
		rc = now.dev != w->dev || now.ino != w->ino ||
		    now.mtime_ns != w->mtime_ns || now.size != w->size;
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
