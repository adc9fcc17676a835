/*
 * Names made to collide in GDBM's hash. It has no key: to it the bytes of a
 * name 24 apart count alike, so swapping them makes another name of the same
 * hash, 2^24 of them in 48 letters. One bucket cannot hold them, and the
 * directory doubles until memory or its largest size ends it. The stores
 * file everything under MACs and digests, and never notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions_fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define HALF 24 /* the period of the hash */
#define ORDINARY 10000
#define CRAFTED (10 * ORDINARY)
#define SIGNED_IN 200 /* a bucket holds 166 */

typedef void name_maker(unsigned i, char out[static NAME_SIZE]);

static void
crafted(unsigned i, char out[static NAME_SIZE])
{
	for (unsigned k = 0; k < HALF; k++) {
		bool is_swapped = i >> k & 1;

		out[k] = is_swapped ? 'b' : 'a';
		out[k + HALF] = is_swapped ? 'a' : 'b';
	}
	out[2 * HALF] = '\0';
}

/* As long, but nobody chose them. */
static void
ordinary(unsigned i, char out[static NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "somebody%040u", i);
}

/* --- plain GDBM, so that the rest means something ------------------------ */

/* Whether gdbmtool takes 400 names as keys, in 256 MB of memory. */
static bool
takes_all(name_maker *make)
{
	const struct rlimit limit = {256 << 20, 256 << 20};
	char commands[96], file[96], name[NAME_SIZE], line[256] = "";
	int status;

	snprintf(commands, sizeof(commands), "%s/commands", dir);
	snprintf(file, sizeof(file), "%s/plain.gdbm", dir);
	FILE *f = fopen(commands, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < 400; i++) {
		make(i, name);
		fprintf(f, "store %s x\n", name);
	}
	fprintf(f, "count\n");
	assert_int_equal(fclose(f), 0);

	FILE *out = tmpfile();
	assert_non_null(out);
	pid_t pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		if (dup2(fileno(out), STDOUT_FILENO) == -1 ||
		    dup2(fileno(out), STDERR_FILENO) == -1 ||
		    setrlimit(RLIMIT_AS, &limit) == -1)
			_exit(126);
		execlp("gdbmtool", "gdbmtool", "-N", "-q", "-n", "-f", commands,
		    file, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* It exits 0 whatever happened. */
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 126);
	rewind(out);
	while (fgets(line, sizeof(line), out) != NULL)
		;
	fclose(out);
	return strstr(line, " 400 items") != NULL;
}

static void
test_plain_gdbm(void **state)
{
	(void)state;
	assert_true(takes_all(ordinary));
	assert_false(takes_all(crafted));
}

/* --- the stores ---------------------------------------------------------- */

/* CPU time: other processes do not count. */
static double
spent_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Makes them all, checkpoints, finds some; gives the size of the base. */
static int64_t
put_all(name_maker *make, unsigned n, double *seconds)
{
	struct record_user r = {.created_s = NOW_S, .hash = HASH};
	struct store_stats stats;
	double start = spent_s();

	for (unsigned i = 0; i < n; i++) {
		if (i % 10000 == 0)
			assert_int_equal(users_begin(users), STORE_OK);
		make(i, r.name);
		assert_int_equal(users_put(users, &r), STORE_OK);
		if ((i + 1) % 10000 == 0)
			assert_int_equal(users_commit(users), STORE_OK);
	}
	assert_int_equal(
	    store_checkpoint(users_store(users), NULL, NULL), STORE_OK);
	*seconds = spent_s() - start;
	for (unsigned i = 0; i < n; i += 997) {
		make(i, r.name);
		assert_int_equal(users_get(users, r.name, &r), STORE_OK);
	}
	assert_int_equal(store_stats(users_store(users), &stats), STORE_OK);
	assert_int_equal(stats.records, n + 2); /* the fixture's two */
	return stats.base_bytes;
}

static void
test_users(void **state)
{
	double seconds, crafted_seconds;

	int64_t bytes = put_all(ordinary, ORDINARY, &seconds);
	teardown(state);
	assert_int_equal(setup(state), 0);
	int64_t crafted_bytes = put_all(crafted, CRAFTED, &crafted_seconds);
	print_message("%d ordinary: %.2f s, %lld bytes; %d crafted: %.2f s, "
		      "%lld bytes\n",
	    ORDINARY, seconds, (long long)bytes, CRAFTED, crafted_seconds,
	    (long long)crafted_bytes);
	/* Ten times as many; buckets are half to quite full. */
	assert_true(crafted_bytes < 10 * bytes * 3 / 2);
	assert_true(crafted_seconds < 10 * seconds * 3);
}

/* Their sessions and the lists of these, two for each. */
static void
test_sessions(void **state)
{
	char name[NAME_SIZE];
	struct store_stats stats;
	size_t ended;

	(void)state;
	for (unsigned i = 0; i < SIGNED_IN; i++) {
		crafted(i, name);
		put_user(name, HASH, false);
		begin(name);
		begin(name);
	}
	assert_int_equal(
	    store_checkpoint(sessions_store(sessions), NULL, NULL), STORE_OK);
	assert_int_equal(count(), 2 * SIGNED_IN);
	assert_int_equal(
	    store_stats(sessions_store(sessions), &stats), STORE_OK);
	assert_true(stats.base_bytes < SIGNED_IN * 4096);
	crafted(7, name);
	assert_int_equal(
	    sessions_end_user(sessions, name, NULL, &ended), STORE_OK);
	assert_int_equal(ended, 2);
}

/*
 * Nobody chooses the id of a session: it comes from crypto_random, and one
 * that came from elsewhere ends at its MAC, before the store.
 */
static void
test_ids(void **state)
{
	uint8_t id[TOKEN_ID_BYTES] = "chosen by hand!";
	char first[TOKEN_SIZE], chosen[TOKEN_SIZE];

	(void)state;
	begin("Alice");
	memcpy(first, token, sizeof(first));
	begin("Alice");
	assert_string_not_equal(first, token);
	/* With its MAC, as only the holder of the keyring could make it. */
	token_make(sessions_keyring(sessions), TOKEN_SESSION, id, chosen);
	assert_int_equal(validate(sessions, chosen), SESSIONS_UNKNOWN);
	char *last = &chosen[strlen(chosen) - 2];
	*last = *last == 'A' ? 'B' : 'A';
	assert_int_equal(validate(sessions, chosen), SESSIONS_BAD_TOKEN);
	assert_int_equal(count(), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_plain_gdbm),
	    CASE(test_users),
	    CASE(test_sessions),
	    CASE(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
