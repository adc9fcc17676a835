/*
 * What the files of users share: users.c reads and writes, users_restore.c
 * replaces all of them.
 */
#ifndef AUTH_USERS_IMPL_H
#define AUTH_USERS_IMPL_H

#include "auth/crypto.h"
#include "auth/users.h"

#define USERS_DIR_MODE 0700

struct users {
	struct store *store; /* NULL: damaged */
	char *dir; /* of the store */
	char *secret_path;
	int lock_wait_ms;
	bool is_writer;
	uint8_t secret[CRYPTO_KEY_BYTES];
	bool is_secret_old; /* a restore may have made another */
	struct buf value;
};

/* Nothing opened yet; NULL: no memory. */
struct users *users_new(const char *dir, int lock_wait_ms);
enum store_err users_open_store(
    struct users *u, bool is_writer, int64_t reserve_bytes, struct buf *error);
enum store_err users_make_secret(struct users *u, struct buf *error);

#endif
