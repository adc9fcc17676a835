/*
 * gdbm without its locks (it would refuse readers beside a writer), without
 * its mmap (a file cut short by somebody's cp would kill the process by
 * SIGBUS; a fetch costs 1 microsecond in place of 0.2), and without changing
 * a file that anybody else can see.
 */
#include "store/base_gdbm.h"

#include "store/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <gdbm.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define META_KEY "!meta"
#define BLOCK_BYTES 4096
#define CACHE_BUCKETS 2048 /* of a block each: some 200,000 records */
#define CHUNK_BYTES 65536
#define FLAGS (GDBM_NOLOCK | GDBM_NOMMAP | GDBM_CLOEXEC | GDBM_CLOERROR)

struct base {
	GDBM_FILE db;
};

/* A number for a set of records that does not depend on their order. */
struct tally {
	uint64_t records;
	uint64_t sum;
};

struct base_builder {
	GDBM_FILE db;
	int fd; /* a second one, for after gdbm_close */
	struct tally tally;
};

int
base_checksum(int fd, uint32_t *crc, uint64_t *bytes)
{
	static const size_t chunk = CHUNK_BYTES;
	char *buf = malloc(chunk);
	if (buf == NULL)
		return -1;
	*crc = 0;
	*bytes = 0;
	for (;;) {
		ssize_t n = pread(fd, buf, chunk, (off_t)*bytes);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = errno;
			free(buf);
			errno = error;
			return n == 0 ? 0 : -1;
		}
		*crc = crc32c(*crc, buf, (size_t)n);
		*bytes += (uint64_t)n;
	}
}

static datum
to_datum(const void *bytes, size_t n)
{
	/* gdbm takes no NULL, and does not write through the pointer. */
	union {
		const void *in;
		char *out;
	} u = {.in = n == 0 ? "" : bytes};
	return (datum){.dptr = u.out, .dsize = (int)n};
}

static bool
is_own(const datum *key)
{
	return key->dsize > 0 && key->dptr[0] == '!';
}

/* Of the last failure, for base_strerror: gdbm's own do not outlive a call. */
static _Thread_local const char *last_words = "";

static enum store_err
fail(enum store_err err, const char *words)
{
	last_words = words;
	return err;
}

static enum store_err
fail_nomem(void)
{
	return fail(STORE_NOMEM, strerror(ENOMEM));
}

static enum store_err
err_of_gdbm(void)
{
	if (gdbm_errno == GDBM_ITEM_NOT_FOUND)
		return fail(STORE_NOTFOUND, "no such record");
	last_words = gdbm_strerror(gdbm_errno);
	switch (gdbm_errno) {
	case GDBM_MALLOC_ERROR:
		return STORE_NOMEM;
	case GDBM_FILE_READ_ERROR:
	case GDBM_FILE_SEEK_ERROR:
	case GDBM_FILE_STAT_ERROR:
		return STORE_IO;
	default:
		return STORE_CORRUPT;
	}
}

static enum store_err
err_of_errno(int error)
{
	bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
	return fail(is_full ? STORE_FULL : STORE_IO, strerror(error));
}

/*
 * While building. gdbm tells the second failure rather than the first (a
 * write that failed becomes "needs recovery"); errno tells the first.
 */
static enum store_err
err_of_build(void)
{
	if (gdbm_errno == GDBM_ITEM_NOT_FOUND ||
	    gdbm_errno == GDBM_MALLOC_ERROR)
		return err_of_gdbm();
	return err_of_errno(errno);
}

const char *
base_strerror(void)
{
	return last_words;
}

/* "gen=N" and nothing else. */
static enum store_err
read_generation(struct base *b, uint64_t *generation)
{
	struct buf meta = BUF_INIT;
	enum store_err err = base_get(b, META_KEY, sizeof(META_KEY) - 1, &meta);
	if (err == STORE_NOTFOUND)
		err = fail(STORE_CORRUPT, "it has no generation");
	if (err == STORE_OK) {
		char again[32];
		*generation = 0;
		if (strncmp(buf_str(&meta), "gen=", 4) == 0)
			*generation = strtoull(buf_str(&meta) + 4, NULL, 10);
		snprintf(again, sizeof(again), "gen=%" PRIu64, *generation);
		if (*generation == 0 || strlen(again) != meta.len ||
		    memcmp(again, buf_str(&meta), meta.len) != 0)
			err =
			    fail(STORE_CORRUPT, "its generation is no number");
	}
	buf_fini(&meta);
	return err;
}

enum store_err
base_open(int fd, struct base **out, uint64_t *generation)
{
	*out = NULL;
	struct base *b = calloc(1, sizeof(*b));
	if (b == NULL) {
		close(fd);
		return fail_nomem();
	}
	lseek(fd, 0, SEEK_SET); /* gdbm begins where it is */
	b->db = gdbm_fd_open(fd, "base.gdbm", 0, GDBM_READER | FLAGS, NULL);
	if (b->db == NULL) {
		enum store_err err = err_of_gdbm();
		free(b);
		return err;
	}
	size_t cache = CACHE_BUCKETS;
	gdbm_setopt(b->db, GDBM_SETCACHESIZE, &cache, sizeof(cache));
	enum store_err err = read_generation(b, generation);
	if (err != STORE_OK) {
		base_close(b);
		return err;
	}
	*out = b;
	return STORE_OK;
}

void
base_close(struct base *b)
{
	if (b == NULL)
		return;
	gdbm_close(b->db);
	free(b);
}

enum store_err
base_get(struct base *b, const void *key, size_t key_len, struct buf *value)
{
	datum got = gdbm_fetch(b->db, to_datum(key, key_len));
	if (got.dptr == NULL)
		return err_of_gdbm();
	int rc = 0;
	if (value != NULL)
		rc = buf_append(value, got.dptr, (size_t)got.dsize);
	free(got.dptr);
	return rc == -1 ? fail_nomem() : STORE_OK;
}

enum store_err
base_each(struct base *b, store_visit *visit, void *arg)
{
	datum key = gdbm_firstkey(b->db);
	while (key.dptr != NULL) {
		if (!is_own(&key)) {
			datum value = gdbm_fetch(b->db, key);
			if (value.dptr == NULL) {
				free(key.dptr);
				enum store_err err = err_of_gdbm();
				if (err == STORE_NOTFOUND)
					err = fail(STORE_CORRUPT,
					    "a key has no record");
				return err;
			}
			int rc = visit(arg, key.dptr, (size_t)key.dsize,
			    value.dptr, (size_t)value.dsize);
			free(value.dptr);
			if (rc != 0) {
				free(key.dptr);
				return STORE_OK;
			}
		}
		datum next = gdbm_nextkey(b->db, key);
		free(key.dptr);
		key = next;
	}
	enum store_err err = err_of_gdbm();
	return err == STORE_NOTFOUND ? STORE_OK : err;
}

uint64_t
base_count(struct base *b)
{
	gdbm_count_t n = 0;
	if (gdbm_count(b->db, &n) != 0 || n == 0)
		return 0;
	return n - 1; /* !meta */
}

enum store_err
base_build_begin(int fd, struct base_builder **out)
{
	*out = NULL;
	struct base_builder *b = calloc(1, sizeof(*b));
	if (b == NULL) {
		close(fd);
		return fail_nomem();
	}
	b->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (b->fd == -1) {
		enum store_err err = err_of_errno(errno);
		close(fd);
		free(b);
		return err;
	}
	b->db =
	    gdbm_fd_open(fd, "base.new", BLOCK_BYTES, GDBM_NEWDB | FLAGS, NULL);
	if (b->db == NULL) {
		enum store_err err = err_of_build();
		close(b->fd);
		free(b);
		return err;
	}
	size_t cache = CACHE_BUCKETS;
	gdbm_setopt(b->db, GDBM_SETCACHESIZE, &cache, sizeof(cache));
	*out = b;
	return STORE_OK;
}

static uint64_t
digest(const void *key, size_t key_len, const void *value, size_t value_len)
{
	uint32_t crc = crc32c(0, key, key_len);
	return (uint64_t)crc << 32 | crc32c(crc, value, value_len);
}

static enum store_err
forget(struct base_builder *b, const void *key, size_t key_len)
{
	errno = 0;
	datum old = gdbm_fetch(b->db, to_datum(key, key_len));
	if (old.dptr == NULL)
		return err_of_build();
	uint64_t sum = digest(key, key_len, old.dptr, (size_t)old.dsize);
	free(old.dptr);
	if (gdbm_delete(b->db, to_datum(key, key_len)) != 0)
		return err_of_build();
	b->tally.records--;
	b->tally.sum -= sum;
	return STORE_OK;
}

enum store_err
base_build_put(struct base_builder *b, const void *key, size_t key_len,
    const void *value, size_t value_len)
{
	for (int tries = 0; tries < 2; tries++) {
		errno = 0;
		int rc = gdbm_store(b->db, to_datum(key, key_len),
		    to_datum(value, value_len), GDBM_INSERT);
		if (rc == 0) {
			b->tally.records++;
			b->tally.sum += digest(key, key_len, value, value_len);
			return STORE_OK;
		}
		if (rc != 1)
			break;
		enum store_err err = forget(b, key, key_len);
		if (err != STORE_OK)
			return err;
	}
	return err_of_build();
}

static enum store_err
sync_fd(int fd)
{
	while (fsync(fd) == -1)
		if (errno != EINTR)
			return err_of_errno(errno);
	return STORE_OK;
}

static int
count_in(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct tally *t = arg;
	t->records++;
	t->sum += digest(key, key_len, value, value_len);
	return 0;
}

/*
 * gdbm 1.23 lets a failed write pass unnoticed at times, so what was built is
 * read back: what is wrong with it must show before it gets its name.
 */
static enum store_err
verify(struct base_builder *b, uint64_t generation)
{
	struct base *base;
	struct tally found = {0, 0};
	uint64_t its_generation = 0;
	int fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		return err_of_errno(errno);
	enum store_err err = base_open(fd, &base, &its_generation);
	if (err == STORE_OK) {
		err = base_each(base, count_in, &found);
		base_close(base);
	}
	if (err == STORE_NOMEM)
		return err;
	if (err == STORE_OK && its_generation == generation &&
	    found.records == b->tally.records && found.sum == b->tally.sum)
		return STORE_OK;
	return fail(STORE_IO, "it does not read back as it was written");
}

enum store_err
base_build_finish(
    struct base_builder *b, uint64_t generation, uint32_t *crc, uint64_t *bytes)
{
	char meta[32];
	struct tally records = b->tally;
	snprintf(meta, sizeof(meta), "gen=%" PRIu64, generation);
	enum store_err err = base_build_put(
	    b, META_KEY, sizeof(META_KEY) - 1, meta, strlen(meta));
	b->tally = records;
	errno = 0;
	if (gdbm_close(b->db) != 0 && err == STORE_OK)
		err = err_of_build();
	if (err == STORE_OK)
		err = sync_fd(b->fd);
	if (err == STORE_OK)
		err = verify(b, generation);
	if (err == STORE_OK && base_checksum(b->fd, crc, bytes) == -1)
		err = err_of_errno(errno);
	close(b->fd);
	free(b);
	return err;
}

void
base_build_abort(struct base_builder *b)
{
	if (b == NULL)
		return;
	gdbm_close(b->db);
	close(b->fd);
	free(b);
}
