/*
 * The base: one immutable GDBM file of all records as of a checkpoint. The
 * only file that knows gdbm. Key "!meta" holds "gen=N".
 */
#ifndef STORE_BASE_GDBM_H
#define STORE_BASE_GDBM_H

#include "base/buf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Checksum and size of what is behind fd, read from its beginning. 0 or -1
 * with errno.
 */
int base_checksum(int fd, uint32_t *crc, uint64_t *bytes);

struct base;

/*
 * Opens fd, which must have passed its checksum (gdbm trusts its files too
 * much for anything else); takes it over, also on failure. STORE_CORRUPT: it
 * is not a base.
 */
enum store_err base_open(int fd, struct base **out, uint64_t *generation);
void base_close(struct base *b);

/* Appends to *value (may be NULL). STORE_OK, _NOTFOUND, _CORRUPT, _NOMEM. */
enum store_err
base_get(struct base *b, const void *key, size_t key_len, struct buf *value);

/* All records in no order, the store's own left out. */
enum store_err base_each(struct base *b, store_visit *visit, void *arg);

/* Records, the store's own left out. */
uint64_t base_count(struct base *b);

/* A new base, written to fd (empty, read and write; taken over as above). */
struct base_builder;
enum store_err base_build_begin(int fd, struct base_builder **out);
/* The last value counts. */
enum store_err base_build_put(struct base_builder *b, const void *key,
    size_t key_len, const void *value, size_t value_len);

/*
 * Writes the generation, syncs, reads all of it back (STORE_IO: not what was
 * put in), and tells checksum and size. b is freed in any case.
 */
enum store_err base_build_finish(struct base_builder *b, uint64_t generation,
    uint32_t *crc, uint64_t *bytes);
void base_build_abort(struct base_builder *b);

/* In words, the last failure of this thread; static, until the next. */
const char *base_strerror(void);

#endif
