/* auth/backup: what was put is got; anything else is refused before its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "auth/backup.h"
#include "store/journal.h"

#define MADE_MS 1700000000123
#define BOB "v=1 name=bob hash=x created=1 changed=2 locked=0"
#define EVE "v=1 name=eve hash= created=3 changed=4 locked=1 later=thing"

static void
add(struct buf *file, int rc, const struct buf *piece)
{
	assert_int_equal(rc, 0);
	assert_int_equal(buf_append(file, piece->data, piece->len), 0);
}

/* A file of these users; the caller frees it. */
static struct buf
make(const char *const *values, size_t n)
{
	struct backup_writer w;
	struct buf file = BUF_INIT, piece = BUF_INIT;

	add(&file, backup_put_first(&w, MADE_MS, &piece), &piece);
	for (size_t i = 0; i < n; i++)
		add(&file,
		    backup_put_user(&w, values[i], strlen(values[i]), &piece),
		    &piece);
	add(&file, backup_put_last(&w, &piece), &piece);
	buf_fini(&piece);
	return file;
}

static const char *const both[] = {BOB, EVE};

/* What reading all of it ends with; *users of them came before that. */
static enum backup_err
read_all(const void *bytes, size_t n, uint64_t *users)
{
	struct backup_reader r;
	struct record_user u;
	const char *value;
	size_t len;
	/* Its own memory, so that a step beyond it is seen. */
	char *copy = malloc(n == 0 ? 1 : n);

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	enum backup_err err = backup_open(&r, copy, n);
	while (err == BACKUP_OK)
		err = backup_next(&r, &value, &len, &u);
	if (users != NULL)
		*users = r.users;
	free(copy);
	return err;
}

static void
test_round_trip(void **state)
{
	struct buf file = make(both, 2);
	struct backup_reader r;
	struct record_user u;
	const char *value;
	size_t len;

	(void)state;
	assert_int_equal(backup_open(&r, file.data, file.len), BACKUP_OK);
	assert_true(r.made_ms == MADE_MS);
	assert_int_equal(backup_next(&r, &value, &len, &u), BACKUP_OK);
	assert_int_equal(len, strlen(BOB));
	assert_memory_equal(value, BOB, len);
	assert_string_equal(u.name, "bob");
	assert_int_equal(backup_next(&r, &value, &len, &u), BACKUP_OK);
	/* As it is in the store, with what this version does not know. */
	assert_int_equal(len, strlen(EVE));
	assert_memory_equal(value, EVE, len);
	assert_true(u.is_locked);
	assert_int_equal(backup_next(&r, &value, &len, &u), BACKUP_END);
	assert_true(r.users == 2);
	buf_fini(&file);
}

static void
test_no_users(void **state)
{
	struct buf file = make(NULL, 0);
	uint64_t users;

	(void)state;
	assert_int_equal(read_all(file.data, file.len, &users), BACKUP_END);
	assert_true(users == 0);
	buf_fini(&file);
}

/* The table of DESIGN.md, byte by byte. */
static void
test_bytes(void **state)
{
	struct buf file = make(both, 1);
	const uint8_t *p = (const uint8_t *)file.data;
	static const char first[] = "backup v=1 made=1700000000123";
	struct journal_record r;

	(void)state;
	assert_memory_equal(p, "GCBACKUP", 8);
	assert_int_equal(p[8], strlen(first));
	assert_int_equal(
	    journal_record_decode(p + 8, file.len - 8, 0, 8, &r), JOURNAL_OK);
	assert_true(r.durable == 0);
	assert_int_equal(r.body_len, strlen(first));
	assert_memory_equal(r.body, first, r.body_len);
	size_t at = 8 + r.size;
	assert_int_equal(
	    journal_record_decode(p + at, file.len - at, MADE_MS, at, &r),
	    JOURNAL_OK);
	assert_memory_equal(r.body, "user " BOB, r.body_len);
	at += r.size;
	assert_int_equal(
	    journal_record_decode(p + at, file.len - at, MADE_MS, at, &r),
	    JOURNAL_OK);
	assert_int_equal(r.body_len, strlen("end users=1"));
	assert_memory_equal(r.body, "end users=1", r.body_len);
	assert_int_equal(at + r.size, file.len);
	buf_fini(&file);
}

static void
test_cut_anywhere(void **state)
{
	struct buf file = make(both, 2);

	(void)state;
	for (size_t n = 0; n < file.len; n++)
		assert_int_equal(read_all(file.data, n, NULL),
		    n == 0 ? BACKUP_MAGIC : BACKUP_SHORT);
	buf_fini(&file);
}

static void
test_bit_flipped_anywhere(void **state)
{
	struct buf file = make(both, 2);

	(void)state;
	for (size_t bit = 0; bit < file.len * 8; bit++) {
		file.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_not_equal(
		    read_all(file.data, file.len, NULL), BACKUP_END);
		file.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(read_all(file.data, file.len, NULL), BACKUP_END);
	buf_fini(&file);
}

static void
test_more_behind_the_end(void **state)
{
	struct buf file = make(both, 2);
	struct buf twice = BUF_INIT;

	(void)state;
	buf_append(&twice, file.data, file.len);
	buf_append(&twice, file.data, file.len);
	assert_int_equal(read_all(twice.data, twice.len, NULL), BACKUP_BAD);
	buf_putc(&file, '\0');
	assert_int_equal(read_all(file.data, file.len, NULL), BACKUP_BAD);
	buf_fini(&twice);
	buf_fini(&file);
}

/* Two of the same length, made at other times, do not fit together. */
static void
test_spliced(void **state)
{
	struct buf file = make(both, 2), other = BUF_INIT, piece = BUF_INIT;
	struct backup_writer w;

	(void)state;
	add(&other, backup_put_first(&w, MADE_MS + 1, &piece), &piece);
	size_t head = other.len;
	buf_append(&other, file.data + head, file.len - head);
	assert_int_equal(read_all(other.data, other.len, NULL), BACKUP_BAD);
	buf_fini(&piece);
	buf_fini(&other);
	buf_fini(&file);
}

/* Frames are right, the text in one is not. */
static enum backup_err
read_text(const char *first, const char *second, const char *third)
{
	const char *const texts[] = {first, second, third};
	struct buf file = BUF_INIT, piece = BUF_INIT;

	buf_puts(&file, "GCBACKUP");
	for (size_t i = 0; i < 3 && texts[i] != NULL; i++) {
		journal_record_begin(&piece);
		buf_puts(&piece, texts[i]);
		add(&file,
		    journal_record_finish(&piece, i == 0 ? 0 : 7, file.len, 0),
		    &piece);
	}
	enum backup_err err = read_all(file.data, file.len, NULL);
	buf_fini(&piece);
	buf_fini(&file);
	return err;
}

static void
test_text(void **state)
{
	static const struct {
		const char *first, *second, *third;
		enum backup_err err;
	} table[] = {
	    {"backup v=1 made=7", "user " BOB, "end users=1", BACKUP_END},
	    {"backup v=1 made=7", "end users=0", NULL, BACKUP_END},
	    {"backup v=2 made=7", "end users=0", NULL, BACKUP_VERSION},
	    {"backup v=11 made=7", "end users=0", NULL, BACKUP_VERSION},
	    {"backup v=0 made=7", "end users=0", NULL, BACKUP_VERSION},
	    {"backup v=2", "end users=0", NULL, BACKUP_VERSION},
	    {"backup v= made=7", "end users=0", NULL, BACKUP_BAD},
	    {"backup v=01 made=7", "end users=0", NULL, BACKUP_BAD},
	    {"backup v=1 made=07", "end users=0", NULL, BACKUP_BAD},
	    {"backup v=1 made=", "end users=0", NULL, BACKUP_BAD},
	    {"backup v=1 made=7 ", "end users=0", NULL, BACKUP_BAD},
	    {"backup", "end users=0", NULL, BACKUP_BAD},
	    {"user " BOB, "end users=1", NULL, BACKUP_BAD},
	    {"backup v=1 made=7", "user " BOB, "end users=2", BACKUP_BAD},
	    {"backup v=1 made=7", "user " BOB, "end users=0", BACKUP_BAD},
	    {"backup v=1 made=7", "user " BOB, "end users=01", BACKUP_BAD},
	    {"backup v=1 made=7", "user " BOB, "end", BACKUP_BAD},
	    {"backup v=1 made=7", "user " BOB, NULL, BACKUP_SHORT},
	    {"backup v=1 made=7", "user v=1 name=", "end users=1", BACKUP_BAD},
	    {"backup v=1 made=7", "user", "end users=1", BACKUP_BAD},
	    {"backup v=1 made=7", BOB, "end users=1", BACKUP_BAD},
	    {"backup v=1 made=7", "end users=0", "end users=0", BACKUP_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(
		    read_text(table[i].first, table[i].second, table[i].third),
		    table[i].err);
}

static void
test_not_a_backup(void **state)
{
	(void)state;
	assert_int_equal(read_all("", 0, NULL), BACKUP_MAGIC);
	assert_int_equal(read_all("x", 1, NULL), BACKUP_MAGIC);
	assert_int_equal(read_all("GCJOURNL12345678", 16, NULL), BACKUP_MAGIC);
	assert_int_equal(read_all("bob:$2y$05$abc\n", 15, NULL), BACKUP_MAGIC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_no_users),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_bit_flipped_anywhere),
	    cmocka_unit_test(test_more_behind_the_end),
	    cmocka_unit_test(test_spliced),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_not_a_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
