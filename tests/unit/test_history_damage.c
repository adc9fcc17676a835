/*
 * What a start makes of a journal that was cut or changed at any place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_history.h"

#include <inttypes.h>

#define MARKS 8
#define CARRIED_AT 40 /* in the header; shared/DESIGN.md */

/* A moment at which everything was acknowledged. */
struct mark {
	size_t size; /* of the journal */
	char *history; /* as a client is told it */
};

struct run {
	struct mark marks[MARKS];
	size_t count;
	struct buf journal;
	size_t carried;
};

/* The newest answer to a request for history, and the hello's epoch. */
static char *
ask(struct fake *f, uint64_t *epoch)
{
	struct person *p = join(f, "zoe", HUB_GATECAST);
	uint8_t first;
	size_t n;

	say(f, p, "{\"type\":\"history\",\"limit\":200}");
	hub_flush(f->hub);
	char *hello = fake_frame(&p->conn, &first, &n);
	assert_non_null(hello);
	sscanf(strstr(hello, "\"epoch\":\"") + 9, "%" SCNx64, epoch);
	free(hello);
	char *history = fake_frame(&p->conn, &first, &n);
	assert_non_null(history);
	return history;
}

static void
mark(struct fake *f, struct run *r, struct person *a)
{
	struct stat st;
	struct mark *m = &r->marks[r->count++];

	hub_flush(f->hub);
	skip_all(a);
	assert_int_equal(stat(fake_path("journal"), &st), 0);
	m->size = (size_t)st.st_size;
	say(f, a, "{\"type\":\"history\",\"limit\":200}");
	hub_flush(f->hub);
	m->history = fake_frame(&a->conn, &(uint8_t){0}, &(size_t){0});
	assert_non_null(m->history);
}

/* Some turns of one and of more messages, behind a carried one. */
static void
talk(struct fake *f, struct run *r)
{
	struct person *a = join(f, "alice", HUB_GATECAST);

	send_ref(f, a, "r0", "carried");
	hub_flush(f->hub);
	restart(f);
	a = join(f, "alice", HUB_GATECAST);
	mark(f, r, a);
	send_ref(f, a, "r1", "one");
	mark(f, r, a);
	send_ref(f, a, "r2", "two");
	send_text(f, a, "three");
	mark(f, r, a);
	join(f, "bob", HUB_PLAIN);
	mark(f, r, a);
	send_ref(f, a, "r4", "four");
	mark(f, r, a);
	r->journal = slurp(fake_path("journal"));
	const uint8_t *p = (const uint8_t *)r->journal.data + CARRIED_AT;
	r->carried = p[0] | (size_t)p[1] << 8;
	end(f);
}

static void
forget(struct run *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->marks[i].history);
	buf_fini(&r->journal);
}

static const struct mark *
mark_at(const struct run *r, size_t size)
{
	const struct mark *m = NULL;

	for (size_t i = 0; i < r->count; i++)
		if (r->marks[i].size <= size)
			m = &r->marks[i];
	return m;
}

/* All that was acknowledged up to there, and nothing else. */
static void
test_cut_anywhere(void **state)
{
	struct fake *f = *state;
	struct run r = {.count = 0};

	talk(f, &r);
	for (size_t n = 0; n <= r.journal.len; n++) {
		uint64_t epoch;
		plant(r.journal.data, n);
		start_as(f, 0xabc);
		char *history = ask(f, &epoch);
		if (n < r.carried) {
			assert_int_equal(epoch, 0xabc);
			assert_int_equal(count_files("damaged."), n + 1);
		} else {
			assert_int_equal(epoch, FRESH_EPOCH);
			assert_string_equal(history, mark_at(&r, n)->history);
		}
		free(history);
		end(f);
		/* A name of its own for each. */
		clock_manual_advance(&f->clock, 1);
	}
	assert_int_equal(count_files("damaged."), r.carried);
	forget(&r);
}

/*
 * Never another content under the old epoch. The one change that looks like
 * a kill is to the length of the last record.
 */
static void
test_flipped_anywhere(void **state)
{
	struct fake *f = *state;
	struct run r = {.count = 0};
	size_t damaged = 0, going_on = 0;

	talk(f, &r);
	const struct mark *last = &r.marks[r.count - 1];
	const struct mark *before = mark_at(&r, last->size - 1);
	for (size_t i = 0; i < r.journal.len; i++) {
		uint64_t epoch;
		r.journal.data[i] ^= 4;
		plant(r.journal.data, r.journal.len);
		r.journal.data[i] ^= 4;
		start_as(f, 0xabc);
		char *history = ask(f, &epoch);
		if (epoch == 0xabc) {
			damaged++;
			assert_int_equal(count_files("damaged."), damaged);
		} else {
			going_on++;
			assert_in_range(i, before->size, before->size + 3);
			assert_string_equal(history, before->history);
		}
		free(history);
		end(f);
		clock_manual_advance(&f->clock, 1);
	}
	assert_in_range(going_on, 1, 4);
	forget(&r);
}

/* Files that are none. */
static void
test_no_journal(void **state)
{
	struct fake *f = *state;
	char zeroes[4096] = "";
	uint64_t epoch;

	end(f);
	plant(zeroes, sizeof(zeroes));
	start_as(f, 0xabc);
	free(ask(f, &epoch));
	assert_int_equal(epoch, 0xabc);
	assert_int_equal(count_files("damaged."), 1);
	end(f);
	/* It is no file: that is for a person to look at. */
	struct buf error = BUF_INIT;
	assert_int_equal(unlink(fake_path("journal")), 0);
	assert_int_equal(symlink("elsewhere", fake_path("journal")), 0);
	assert_null(history_open(
	    &(struct history_opts){
		.dir = fake_dir,
		.clock = &f->clock.clock,
		.config = &f->config,
	    },
	    &error));
	assert_non_null(strstr(buf_str(&error), "/journal: "));
	buf_fini(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    HISTORY_TEST(test_cut_anywhere),
	    HISTORY_TEST(test_flipped_anywhere),
	    HISTORY_TEST(test_no_journal),
	};

	return cmocka_run_group_tests(tests, fake_group_setup, NULL);
}
