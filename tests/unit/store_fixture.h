/*
 * A store in a directory of its own, and hands that damage its files.
 * Include after cmocka.h.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "base/buf.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char root[64]; /* removed with all below it */
	char dir[80]; /* the store */
	char path[512]; /* the last fixture_path */
	struct buf value;
	struct buf detail;
};

static inline void
fixture_empty_at(int at, const char *dir)
{
	int fd = openat(at, dir, O_RDONLY | O_DIRECTORY);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == -1) {
			fixture_empty_at(fd, e->d_name);
			unlinkat(fd, e->d_name, AT_REMOVEDIR);
		}
	}
	if (d != NULL)
		closedir(d);
}

static inline void
fixture_empty(const char *dir)
{
	fixture_empty_at(AT_FDCWD, dir);
}

static inline int
fixture_setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	if (fx == NULL)
		return -1;
	snprintf(fx->root, sizeof(fx->root), "/tmp/gatecast-XXXXXX");
	if (mkdtemp(fx->root) == NULL) {
		free(fx);
		return -1;
	}
	snprintf(fx->dir, sizeof(fx->dir), "%s/store", fx->root);
	*state = fx;
	return 0;
}

/* With an empty store in it. */
static inline int
fixture_create(void **state)
{
	if (fixture_setup(state) == -1)
		return -1;
	struct fixture *fx = *state;
	return store_create(fx->dir, 02750, NULL) == STORE_OK ? 0 : -1;
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *fx = *state;
	fixture_empty(fx->root);
	rmdir(fx->root);
	buf_fini(&fx->value);
	buf_fini(&fx->detail);
	free(fx);
	return 0;
}

static inline const char *
fixture_path(struct fixture *fx, const char *name)
{
	snprintf(fx->path, sizeof(fx->path), "%s/%s", fx->dir, name);
	return fx->path;
}

static inline struct store *
fixture_open(struct fixture *fx, bool is_writer)
{
	struct store_opts opts = {
	    .dir = fx->dir,
	    .is_writer = is_writer,
	    .has_sync = true,
	    .lock_wait_ms = 200,
	};
	struct store *s = NULL;
	if (store_open(&opts, &s, &fx->detail) != STORE_OK)
		fprintf(stderr, "%s\n", buf_str(&fx->detail));
	return s;
}

/* What opening for reading says; the words are in fx->detail. */
static inline enum store_err
fixture_try(struct fixture *fx)
{
	struct store_opts opts = {.dir = fx->dir};
	struct store *s = NULL;
	buf_reset(&fx->detail);
	enum store_err err = store_open(&opts, &s, &fx->detail);
	store_close(s);
	return err;
}

static inline enum store_err
fixture_put(struct store *s, const char *key, const char *value)
{
	enum store_err err = store_begin(s);
	if (err != STORE_OK)
		return err;
	err = store_put(s, key, strlen(key), value, strlen(value));
	if (err != STORE_OK) {
		store_abort(s);
		return err;
	}
	return store_commit(s);
}

static inline enum store_err
fixture_del(struct store *s, const char *key)
{
	enum store_err err = store_begin(s);
	if (err != STORE_OK)
		return err;
	err = store_del(s, key, strlen(key));
	if (err != STORE_OK) {
		store_abort(s);
		return err;
	}
	return store_commit(s);
}

/* The value; "-" when there is none, "!" and the error's words else. */
static inline const char *
fixture_get(struct fixture *fx, struct store *s, const char *key)
{
	enum store_err err = store_get(s, key, strlen(key), &fx->value);
	if (err == STORE_OK)
		return buf_str(&fx->value);
	if (err == STORE_NOTFOUND)
		return "-";
	snprintf(fx->path, sizeof(fx->path), "!%s", store_strerror(err));
	return fx->path;
}

#define assert_get(fx, s, key, value) \
	assert_string_equal(fixture_get(fx, s, key), value)

static inline uint64_t
fixture_generation(struct store *s)
{
	struct store_stats stats;
	assert_int_equal(store_stats(s, &stats), STORE_OK);
	return stats.generation;
}

static inline long
fixture_size(struct fixture *fx, const char *name)
{
	struct stat st;
	return stat(fixture_path(fx, name), &st) == 0 ? (long)st.st_size : -1;
}

/* Flips bits of the byte at offset; offset < 0 counts from the end. */
static inline void
fixture_flip(struct fixture *fx, const char *name, long offset)
{
	FILE *f = fopen(fixture_path(fx, name), "r+b");
	if (f == NULL)
		abort();
	fseek(f, offset, offset < 0 ? SEEK_END : SEEK_SET);
	int c = fgetc(f);
	fseek(f, -1, SEEK_CUR);
	fputc(c ^ 0x41, f);
	fclose(f);
}

static inline void
fixture_append(
    struct fixture *fx, const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(fixture_path(fx, name), "ab");
	if (f == NULL || fwrite(bytes, 1, n, f) != n)
		abort();
	fclose(f);
}

static inline void
fixture_copy(struct fixture *fx, const char *from, const char *to)
{
	char bytes[4096];
	size_t n;
	FILE *in = fopen(fixture_path(fx, from), "rb");
	FILE *out = fopen(fixture_path(fx, to), "wb");
	if (in == NULL || out == NULL)
		abort();
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		if (fwrite(bytes, 1, n, out) != n)
			abort();
	fclose(in);
	fclose(out);
}

static inline void
fixture_rename(struct fixture *fx, const char *from, const char *to)
{
	char old[512];
	snprintf(old, sizeof(old), "%s", fixture_path(fx, from));
	if (rename(old, fixture_path(fx, to)) == -1)
		abort();
}

/* One cmocka test on an empty store. */
#define FIXTURE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_create, fixture_teardown)

#endif
