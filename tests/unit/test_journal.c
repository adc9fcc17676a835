/* The bytes of a journal: header, records, ops, and what is damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/crc.h"
#include "store/journal.h"
#include "store/store.h"

#include <string.h>

#define GEN UINT64_C(7)

static void
crc_has_the_published_values(void **state)
{
	(void)state;
	/* RFC 3720 B.4 */
	uint8_t zeroes[32] = {0}, ones[32], up[32];
	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < 32; i++)
		up[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, zeroes, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void
crc_ways_agree(void **state)
{
	(void)state;
	uint8_t bytes[300];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n + from <= sizeof(bytes); n++) {
			uint32_t crc = crc32c(0, bytes + from, n);
			assert_int_equal(
			    crc, crc32c_portable(0, bytes + from, n));
			size_t half = n / 2;
			assert_int_equal(crc,
			    crc32c(crc32c(0, bytes + from, half),
				bytes + from + half, n - half));
		}
}

static void
header_comes_back(void **state)
{
	(void)state;
	uint8_t bytes[JOURNAL_HEADER_SIZE];
	struct journal_header in = {
	    .generation = GEN,
	    .base_bytes = UINT64_C(0x123456789a),
	    .base_crc = 0xdeadbeef,
	    .carried = UINT64_C(0x55443322),
	};
	struct journal_header out;
	journal_header_encode(&in, bytes);
	assert_int_equal(
	    journal_header_decode(bytes, sizeof(bytes), &out), JOURNAL_OK);
	assert_int_equal(out.generation, in.generation);
	assert_int_equal(out.base_bytes, in.base_bytes);
	assert_int_equal(out.base_crc, in.base_crc);
	assert_int_equal(out.carried, in.carried);
	/* The layout DESIGN.md has. */
	assert_memory_equal(bytes, "GCJOURNL\1\0\0\0\100\0\0\0\7\0\0\0", 20);
	assert_memory_equal(bytes + 40, "\x22\x33\x44\x55\0\0\0\0", 8);
}

static void
header_refuses_every_flipped_bit(void **state)
{
	(void)state;
	uint8_t bytes[JOURNAL_HEADER_SIZE];
	struct journal_header in = {.generation = GEN}, out;
	journal_header_encode(&in, bytes);
	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(
		    journal_header_decode(bytes, sizeof(bytes), &out),
		    JOURNAL_OK);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(
		    journal_header_decode(bytes, n, &out), JOURNAL_SHORT);
}

static void
header_of_another_version_is_told_apart(void **state)
{
	(void)state;
	uint8_t bytes[JOURNAL_HEADER_SIZE];
	struct journal_header h = {.generation = GEN};
	journal_header_encode(&h, bytes);
	const uint8_t others[] = {0, 2, 255};
	for (size_t i = 0; i < sizeof(others); i++) {
		bytes[8] = others[i];
		uint32_t crc = crc32c(0, bytes, 60);
		for (int j = 0; j < 4; j++)
			bytes[60 + j] = (uint8_t)(crc >> 8 * j);
		assert_int_equal(
		    journal_header_decode(bytes, sizeof(bytes), &h),
		    JOURNAL_VERSION);
		assert_int_equal(h.version, others[i]);
	}
	memcpy(bytes, "GCHISTRY", 8);
	assert_int_equal(
	    journal_header_decode(bytes, sizeof(bytes), &h), JOURNAL_MAGIC);
}

/* put key=value at offset, claiming durable. */
static void
make(struct buf *b, const char *key, const char *value, uint64_t offset,
    uint64_t durable)
{
	assert_int_equal(journal_record_begin(b), 0);
	assert_int_equal(
	    journal_put(b, key, strlen(key), value, strlen(value)), 0);
	assert_int_equal(journal_record_finish(b, GEN, offset, durable), 0);
}

static void
record_comes_back(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct journal_record r;
	struct journal_op op;
	struct journal_next next = {UINT64_MAX - 7, -3, 1 << 20, 0x87654321};
	assert_int_equal(journal_record_begin(&b), 0);
	assert_int_equal(journal_put(&b, "k", 1, "value", 5), 0);
	assert_int_equal(journal_put(&b, "e", 1, "", 0), 0);
	assert_int_equal(journal_del(&b, "gone", 4), 0);
	assert_int_equal(journal_seal(&b, &next), 0);
	assert_int_equal(journal_record_finish(&b, GEN, 64, 64), 0);
	assert_int_equal(
	    journal_record_decode(b.data, b.len, GEN, 64, &r), JOURNAL_OK);
	assert_int_equal(r.size, b.len);
	assert_int_equal(r.durable, 64);
	assert_int_equal(r.body_len,
	    JOURNAL_PUT_SIZE(1, 5) + JOURNAL_PUT_SIZE(1, 0) +
		JOURNAL_DEL_SIZE(4) + JOURNAL_SEAL_SIZE);
	const uint8_t *body = r.body;
	size_t n = r.body_len;
	assert_int_equal(journal_op_next(&body, &n, &op), JOURNAL_OK);
	assert_int_equal(op.type, JOURNAL_PUT);
	assert_int_equal(op.value_len, 5);
	assert_memory_equal(op.key, "kvalue", 6);
	assert_int_equal(journal_op_next(&body, &n, &op), JOURNAL_OK);
	assert_int_equal(op.type, JOURNAL_PUT);
	assert_int_equal(op.value_len, 0);
	assert_int_equal(journal_op_next(&body, &n, &op), JOURNAL_OK);
	assert_int_equal(op.type, JOURNAL_DEL);
	assert_memory_equal(op.key, "gone", 4);
	assert_int_equal(journal_op_next(&body, &n, &op), JOURNAL_OK);
	assert_int_equal(op.type, JOURNAL_SEAL);
	assert_int_equal(op.next.inode, next.inode);
	assert_int_equal(op.next.mtime_ns, next.mtime_ns);
	assert_int_equal(op.next.base_bytes, next.base_bytes);
	assert_int_equal(op.next.base_crc, next.base_crc);
	assert_int_equal(journal_op_next(&body, &n, &op), JOURNAL_END);
	buf_fini(&b);
}

static void
record_cut_short_is_short_and_flipped_is_not_whole(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct journal_record r;
	make(&b, "key", "some value", 100, 64);
	for (size_t n = 0; n < b.len; n++) {
		assert_int_equal(journal_record_decode(b.data, n, GEN, 100, &r),
		    JOURNAL_SHORT);
		assert_int_equal(r.size, n < JOURNAL_FRAME_SIZE ? 0 : b.len);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_not_equal(
		    journal_record_decode(b.data, b.len, GEN, 100, &r),
		    JOURNAL_OK);
		b.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	buf_fini(&b);
}

static void
record_belongs_to_its_generation_and_place(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	struct journal_record r;
	make(&b, "key", "value", 100, 64);
	assert_int_equal(journal_record_decode(b.data, b.len, GEN + 1, 100, &r),
	    JOURNAL_BAD);
	assert_int_equal(
	    journal_record_decode(b.data, b.len, GEN, 101, &r), JOURNAL_BAD);
	/* Claiming more than what lies before it. */
	make(&b, "key", "value", 100, 101);
	assert_int_equal(
	    journal_record_decode(b.data, b.len, GEN, 100, &r), JOURNAL_BAD);
	buf_fini(&b);
}

static void
zeroes_are_no_record(void **state)
{
	(void)state;
	uint8_t zeroes[4096] = {0};
	struct journal_record r;
	assert_int_equal(
	    journal_record_decode(zeroes, sizeof(zeroes), GEN, 64, &r),
	    JOURNAL_BAD);
	assert_false(journal_is_damaged(zeroes, sizeof(zeroes), GEN, 64));
}

static void
record_without_body_or_with_too_much_is_not_made(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	assert_int_equal(journal_record_begin(&b), 0);
	assert_int_equal(journal_record_finish(&b, GEN, 64, 0), -1);
	char *big = test_calloc(1, JOURNAL_BODY_MAX + 1);
	assert_int_equal(buf_append(&b, big, JOURNAL_BODY_MAX), 0);
	assert_int_equal(journal_record_finish(&b, GEN, 64, 0), 0);
	assert_int_equal(buf_append(&b, big, 1), 0);
	assert_int_equal(journal_record_finish(&b, GEN, 64, 0), -1);
	test_free(big);
	buf_fini(&b);
}

static void
ops_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
	    {"\0", 1}, /* no such op */
	    {"\4", 1}, {"\1", 1}, /* cut */
	    {"\1\1\0\0\0\0", 6}, {"\2\1", 2}, {"\2\1\0", 3}, /* no key */
	    {"\2\0\0", 3}, /* empty key */
	    {"\1\0\0\0\0\0\0", 7}, {"\1\1\0\2\0\0\0kv", 9}, /* value cut */
	    {"\1\1\0\1\0\1\0kv", 9}, /* value of 65537 */
	    {"\1\1\0\377\377\377\377kv", 9}, {"\2\1\1k", 4}, /* key of 257 */
	    {"\2\5\0!meta", 8}, /* the base's own */
	    {"\3", 1}, {"\3abcdefghijklmnopqrstuvwxyz0", 28}, /* cut */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct journal_op op;
		const uint8_t *p = (const uint8_t *)bad[i].bytes;
		size_t n = bad[i].n;
		assert_int_equal(journal_op_next(&p, &n, &op), JOURNAL_BAD);
	}
}

/* Three records in a row from offset 64; ends[i] is where the i-th ends. */
static void
make_three(struct buf *all, uint64_t ends[3], const uint64_t durable[3])
{
	struct buf b = BUF_INIT;
	uint64_t at = 64;
	for (size_t i = 0; i < 3; i++) {
		make(&b, "key", "some value", at,
		    durable[i] == UINT64_MAX ? at : durable[i]);
		assert_int_equal(buf_append(all, b.data, b.len), 0);
		at += b.len;
		ends[i] = at;
	}
	buf_fini(&b);
}

static void
damage_before_what_was_durable_is_damage(void **state)
{
	(void)state;
	struct buf all = BUF_INIT;
	uint64_t ends[3];
	make_three(
	    &all, ends, (const uint64_t[]){UINT64_MAX, UINT64_MAX, UINT64_MAX});
	size_t n = all.len;
	for (size_t i = 0; i < ends[1] - 64; i++) {
		size_t at = i < ends[0] - 64 ? 0 : ends[0] - 64;
		all.data[i] ^= 0x55;
		assert_true(
		    journal_is_damaged(all.data + at, n - at, GEN, 64 + at));
		all.data[i] ^= 0x55;
	}
	/* The last: nothing stands behind it. */
	size_t last = ends[1] - 64;
	all.data[n - 1] ^= 0x55;
	assert_false(
	    journal_is_damaged(all.data + last, n - last, GEN, ends[1]));
	buf_fini(&all);
}

static void
damage_to_what_never_was_durable_is_a_torn_tail(void **state)
{
	(void)state;
	/* Two unsynced records, of which power loss kept the second. */
	struct buf all = BUF_INIT;
	uint64_t ends[3];
	make_three(&all, ends, (const uint64_t[]){64, 64, 64});
	memset(all.data, 0, ends[0] - 64);
	assert_false(journal_is_damaged(all.data, all.len, GEN, 64));
	buf_fini(&all);
}

static void
damage_search_is_bounded(void **state)
{
	(void)state;
	/* Frames in a row: 1 MiB each, everything before 65 was durable. */
	size_t n = (size_t)32 << 20;
	uint8_t *bytes = test_calloc(1, n);
	for (size_t i = 0; i < n; i += JOURNAL_FRAME_SIZE) {
		bytes[i + 2] = 0x10;
		bytes[i + 8] = 65;
	}
	assert_true(journal_is_damaged(bytes, n, GEN, 64));
	test_free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc_has_the_published_values),
	    cmocka_unit_test(crc_ways_agree),
	    cmocka_unit_test(header_comes_back),
	    cmocka_unit_test(header_refuses_every_flipped_bit),
	    cmocka_unit_test(header_of_another_version_is_told_apart),
	    cmocka_unit_test(record_comes_back),
	    cmocka_unit_test(
		record_cut_short_is_short_and_flipped_is_not_whole),
	    cmocka_unit_test(record_belongs_to_its_generation_and_place),
	    cmocka_unit_test(zeroes_are_no_record),
	    cmocka_unit_test(record_without_body_or_with_too_much_is_not_made),
	    cmocka_unit_test(ops_that_make_no_sense_are_refused),
	    cmocka_unit_test(damage_before_what_was_durable_is_damage),
	    cmocka_unit_test(damage_to_what_never_was_durable_is_a_torn_tail),
	    cmocka_unit_test(damage_search_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
