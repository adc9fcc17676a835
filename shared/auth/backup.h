/*
 * The bytes of a backup: all accounts of one moment, nothing else. No
 * sessions (a backup must not bring back what was ended after it was made),
 * no signing keys and no secret (whoever steals a backup must not be able to
 * make a cookie). DESIGN.md has the table. Pure: bytes in, enum out.
 */
#ifndef AUTH_BACKUP_H
#define AUTH_BACKUP_H

#include "auth/record.h"
#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum backup_err {
	BACKUP_OK = 0,
	BACKUP_END, /* nothing follows */
	BACKUP_MAGIC, /* not a backup */
	BACKUP_VERSION, /* another than BACKUP_VERSION_OURS */
	BACKUP_SHORT, /* it ends before its end */
	BACKUP_BAD, /* a checksum, or what no checksum can excuse */
};

#define BACKUP_VERSION_OURS 1

const char *backup_strerror(enum backup_err err);

/*
 * Each call puts one piece into *out in place of what it held, to be written
 * behind what came before: first, users, last. 0, or -1: no memory.
 */
struct backup_writer {
	uint64_t offset; /* of the next piece */
	uint64_t made_ms; /* seeds the checksums */
	uint64_t users;
};
int backup_put_first(struct backup_writer *w, int64_t made_ms, struct buf *out);
int backup_put_user(
    struct backup_writer *w, const void *value, size_t n, struct buf *out);
int backup_put_last(struct backup_writer *w, struct buf *out);

/* Whether a file that begins with these bytes is one, whole or not. */
#define BACKUP_MAGIC_LEN 8
bool backup_is_begun(const void *bytes, size_t n);

/* A whole file, which stays the caller's, is read from its beginning. */
struct backup_reader {
	const uint8_t *bytes;
	size_t n;
	size_t at; /* what was taken; where it stands that is wrong */
	uint64_t version; /* as found */
	uint64_t made_ms;
	uint64_t users; /* read so far */
};
enum backup_err
backup_open(struct backup_reader *r, const void *bytes, size_t n);

/*
 * The next user: *value (its record as the store has it, len bytes of the
 * file) and what it says. BACKUP_END once all have come and their number is
 * the one that was written. Nothing may be done with any before that.
 */
enum backup_err backup_next(struct backup_reader *r, const char **value,
    size_t *len, struct record_user *out);

#endif
