/*
 * A hub with a journal, which can be killed and started again. Include after
 * cmocka.h; each test has a directory of its own.
 */
#ifndef TESTS_UNIT_FAKE_HISTORY_H
#define TESTS_UNIT_FAKE_HISTORY_H

#include "fake_hub.h"
#include "temp_dir.h"
#include "wsd/history.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define FRESH_EPOCH 0xf00 /* of a hub that cannot go on */

static char fake_boot[HISTORY_BOOT_BYTES + 1] =
    "00000000-0000-0000-0000-000000000001";
static char fake_dir[32];

static inline const char *
fake_path(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", fake_dir, name);
	return path;
}

/* Opens the journal and a hub on it, whose epoch is that if it is new. */
static inline void
start_as(struct fake *f, uint64_t epoch)
{
	struct buf error = BUF_INIT;

	f->history = history_open(
	    &(struct history_opts){
		.dir = fake_dir,
		.clock = &f->clock.clock,
		.config = &f->config,
		.boot = fake_boot,
	    },
	    &error);
	if (f->history == NULL)
		fail_msg("%s", buf_str(&error));
	buf_fini(&error);
	f->hub = hub_new(&(struct hub_opts){
	    .transport = &fake_transport,
	    .clock = &f->clock.clock,
	    .config = &f->config,
	    .epoch = epoch,
	    .history = f->history,
	});
	assert_non_null(f->hub);
}

static inline void
start(struct fake *f)
{
	start_as(f, FRESH_EPOCH);
}

/* As SIGKILL does: what is not written is lost. */
static inline void
end(struct fake *f)
{
	for (size_t i = 0; i < f->count; i++) {
		if (f->people[i].client != NULL)
			gone(f, &f->people[i]);
		fake_fini(&f->people[i].conn);
	}
	f->count = 0;
	hub_free(f->hub);
	history_free(f->history);
	f->hub = NULL;
	f->history = NULL;
}

static inline void
restart(struct fake *f)
{
	end(f);
	start(f);
}

static inline int
history_setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fake_configure(f);
	strcpy(fake_dir, "/tmp/gatecast-XXXXXX");
	assert_non_null(mkdtemp(fake_dir));
	start(f);
	*state = f;
	return 0;
}

static inline int
history_teardown(void **state)
{
	struct fake *f = *state;

	if (f->hub != NULL)
		end(f);
	temp_dir_remove(fake_dir);
	free(f);
	return 0;
}

/* A message with a ref, over gatecast.v1. */
static inline void
send_ref(struct fake *f, struct person *p, const char *ref, const char *text)
{
	char object[512];

	snprintf(object, sizeof(object),
	    "{\"type\":\"send\",\"ref\":\"%s\",\"text\":\"%s\"}", ref, text);
	say(f, p, object);
}

/* The content of a file. */
static inline struct buf
slurp(const char *path)
{
	struct buf b = BUF_INIT;
	char bytes[65536];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	assert_int_not_equal(fd, -1);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		buf_append(&b, bytes, (size_t)n);
	close(fd);
	assert_false(b.has_failed);
	return b;
}

/* Another content for the journal. */
static inline void
plant(const void *bytes, size_t n)
{
	int fd = open(fake_path("journal"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, bytes, n, 0), (ssize_t)n);
	close(fd);
}

/* How many files of a name that begins so are there. */
static inline size_t
count_files(const char *prefix)
{
	size_t n = 0;

	DIR *d = opendir(fake_dir);
	assert_non_null(d);
	struct dirent *e;
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

#define HISTORY_TEST(f) \
	cmocka_unit_test_setup_teardown(f, history_setup, history_teardown)

#endif
