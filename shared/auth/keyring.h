/*
 * The signing keys of the tokens: one current, and earlier ones that still
 * verify until everything they signed has expired.
 *
 * File DIR/keyring (mode 0640; group: those who validate, i.e. wsd), text:
 * a "v=1" line, then one "kid=... key=... created=... state=..." line a key.
 */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include "auth/crypto.h"
#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define KEYRING_FILE "keyring" /* in store.dir */
#define KEYRING_BYTES_MAX 4096 /* of the file, read and written */
#define KEYRING_KEYS_MAX 8
#define KEYRING_KID_MAX 8 /* characters, [a-z0-9] */

/* Appends the file's path to *path; 0, or -1 no memory. */
int keyring_path(const char *dir, struct buf *path);

enum keyring_state {
	KEYRING_CURRENT,
	KEYRING_PREVIOUS
};

struct keyring_key {
	char kid[KEYRING_KID_MAX + 1];
	uint8_t secret[CRYPTO_KEY_BYTES];
	int64_t created_s;
	enum keyring_state state;
};

struct keyring {
	struct keyring_key keys[KEYRING_KEYS_MAX]; /* current first */
	size_t n;
};

/* Makes DIR/keyring with one fresh key unless there is one. 0 or -1. */
int keyring_create(const char *dir, int64_t now_s, struct buf *error);

/*
 * Reads DIR/keyring; refuses a symlink, a mode open to others or writable by
 * the group, a malformed line, no or two current keys, double ids. 0, or -1
 * with error set ("PATH: why") and *out empty.
 */
int keyring_load(const char *dir, struct keyring *out, struct buf *error);

/* The same from bytes; error gets "line N: why". Pure. */
int keyring_parse(
    const char *bytes, size_t n, struct keyring *out, struct buf *error);

/*
 * A fresh current key; the old one becomes previous. A previous key that was
 * replaced more than keep_s ago (the absolute session lifetime) is dropped:
 * nothing it signed can still be valid (keep_s 0: none is dropped). Refused
 * while KEYRING_KEYS_MAX keys
 * are still needed. Writes the file as a whole under an exclusive lock (flock
 * on DIR itself). 0 or -1.
 */
int keyring_rotate(
    const char *dir, int64_t now_s, int64_t keep_s, struct buf *error);

/* NULL when there is no such key. */
const struct keyring_key *
keyring_find(const struct keyring *k, const char *kid, size_t n);
const struct keyring_key *keyring_current(const struct keyring *k);

/*
 * Whether the file is another than at the last call (one stat); *w zeroed
 * means never seen. Watch first, then load: a change between the two is then
 * seen by the next call. 1 changed, 0 the same, -1 cannot be seen (errno).
 */
struct keyring_watch {
	uint64_t dev, ino, mtime_ns, ctime_ns, size;
};
int keyring_watch(const char *dir, struct keyring_watch *w);

void keyring_wipe(struct keyring *k);

#endif
