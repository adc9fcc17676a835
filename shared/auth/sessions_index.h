/*
 * Which sessions a user has, as records of the sessions store itself, so
 * that ending all of one user's does not read everybody's. For the files of
 * sessions; `store check` asks sessions_index_is_good.
 *
 * A list, oldest first, cut into chunks: "n:" + hex SHA-256(folded name) is
 * its head, the same + ":" + number a chunk. A login rewrites the last chunk;
 * the end of a session rewrites nothing: its entry stays and is passed over,
 * until a login to its chunk or compacting finds it. So a transaction that
 * only ends sessions only deletes, which succeeds on a full disk too.
 */
#ifndef AUTH_SESSIONS_INDEX_H
#define AUTH_SESSIONS_INDEX_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSIONS_INDEX_LEN 66 /* "n:" + 64 hex digits */
#define SESSIONS_INDEX_SIZE (SESSIONS_INDEX_LEN + 1)

/* The head's key for a canonical name. 0, or -1: the name cannot be folded. */
int sessions_index_of(const char *user, char head[static SESSIONS_INDEX_SIZE]);

/*
 * Adds a session's key (SESSIONS_KEY_LEN characters). end_s: until when it
 * can live at most, 0 for ever. In a transaction, as all below but each.
 */
enum store_err sessions_index_add(
    struct store *s, const char *head, const char *key, int64_t end_s);

/*
 * Calls visit for the key of each entry, oldest first, of ended sessions
 * too. visit may use the store. Anything but STORE_OK ends the walk and is
 * returned.
 */
typedef enum store_err sessions_index_visit(void *arg, const char *key);
enum store_err sessions_index_each(
    struct store *s, const char *head, sessions_index_visit *visit, void *arg);

/* Deletes the list; the sessions stay. */
enum store_err sessions_index_del(struct store *s, const char *head);

/* For a checkpoint: an index record of which nothing lives any more. Pure. */
bool sessions_index_is_dead(const void *key, size_t key_len, const void *value,
    size_t value_len, int64_t now_s);

/* Whether a record of the store is one of a list. Pure. */
bool sessions_index_is_good(
    const void *key, size_t key_len, const void *value, size_t value_len);

#endif
