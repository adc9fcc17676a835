/* What throttle.c, throttle_try.c and throttle_upkeep.c share. */
#ifndef AUTH_THROTTLE_IMPL_H
#define AUTH_THROTTLE_IMPL_H

#include "auth/crypto.h"
#include "auth/throttle.h"

#define THROTTLE_SECRET_KEY "secret"
#define THROTTLE_KEY_LEN (2 + 2 * CRYPTO_MAC_BYTES) /* "n:" and hex */
#define THROTTLE_KEY_SIZE (THROTTLE_KEY_LEN + 1)

struct throttle {
	struct store *store;
	const struct clock *clock;
	uint8_t secret[CRYPTO_KEY_BYTES];
	uint64_t records_max;
	struct buf value;
};

/*
 * Looks the secret up, at the beginning of whatever makes a key: the
 * directory may have been replaced. STORE_NOTFOUND: there is none.
 */
enum store_err throttle_impl_secret(struct throttle *t);

/* canonical name. -1: it is none after all. */
int throttle_impl_name_key(const struct throttle *t, const char *name,
    char key[static THROTTLE_KEY_SIZE]);
/* Of who->device and who->name: one browser may hold several accounts. */
int throttle_impl_device_key(const struct throttle *t,
    const struct throttle_who *who, char key[static THROTTLE_KEY_SIZE]);
void throttle_impl_net_key(const struct throttle *t, const char *net,
    char key[static THROTTLE_KEY_SIZE]);

/* Of a key in the store; THROTTLE_KINDS: it is not one of a record. */
enum throttle_kind throttle_impl_kind(const void *key, size_t key_len);

/* A record's value, sane and aged to now. -1: it is damaged. */
int
throttle_impl_read(enum throttle_kind kind, const void *value, size_t value_len,
    int64_t now_s, struct record_throttle *out, bool *is_back);

/* Whether nothing is left of it to remember. */
bool throttle_impl_is_forgotten(const struct throttle_state *s, int64_t now_s);

#endif
