/*
 * The keyring file is replaced as a whole, by one writer at a time: that is
 * had by a lock on the directory itself, which needs no lock file of its own
 * whose owner or mode could be wrong.
 */
#include "auth/keyring.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE_KEYRING 0640
#define KID_CHARS 6
#define KID_TRIES 16
#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 10

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
	char text[KEYRING_BYTES_MAX];
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
	if (keyring_path(dir, &path) != 0) {
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
	if (keyring_path(dir, &path) != 0) {
		buf_puts(error, "out of memory");
		goto out;
	}
	lock = lock_dir(dir, error);
	if (lock < 0 || keyring_load(dir, &old, error) != 0)
		goto out;
	drop_old(&old, now_s, keep_s);
	if (old.n == KEYRING_KEYS_MAX) {
		buf_printf(error, "%s: %d keys still verify sessions; %s",
		    buf_str(&path), KEYRING_KEYS_MAX,
		    keep_s > 0
			? "rotate again when the oldest has been replaced for "
			  "login.absolute_lifetime_s"
			: "without a login.absolute_lifetime_s each of them is "
			  "kept");
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
