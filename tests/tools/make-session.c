/*
 * Sessions without a login, for tests and benchmarks of wsd alone.
 *
 *   make-session DIR USER...           makes the stores in DIR and the users
 *                                      unless they are there, a session for
 *                                      each; prints the cookie's value, one
 *                                      a line
 *   make-session --many N DIR USER...  the same for USER0 ... USER(N-1)
 *   make-session --lifetime S ...      that expire after so many seconds
 *   make-session --end DIR VALUE...    ends those sessions; prints when each
 *                                      was durable (monotonic, ns)
 */
#include "auth/crypto.h"
#include "auth/keyring.h"
#include "auth/sessions.h"
#include "auth/users.h"
#include "base/clock.h"
#include "tests/lib/now.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_WAIT_MS 5000
#define LIFETIME_S 86400 /* unless --lifetime says so */
#define HASH "!" /* nobody signs in with a password as one made here */

static void
die(const char *what, enum store_err err, const char *detail)
{
	fprintf(stderr, "make-session: %s: %s %s\n", what, store_strerror(err),
	    detail);
	exit(EXIT_FAILURE);
}

static void
create(const char *dir)
{
	struct buf error = BUF_INIT;
	enum store_err err = users_create(dir, &error);
	if (err == STORE_OK)
		err = sessions_create_store(dir, &error);
	if (err != STORE_OK)
		die(dir, err, buf_str(&error));
	if (keyring_create(dir, clock_wall_s(clock_system()), &error) == -1)
		die(dir, STORE_IO, buf_str(&error));
	buf_fini(&error);
}

static void
add_user(struct users *u, const char *name, struct record_user *r)
{
	memset(r, 0, sizeof(*r));
	r->created_s = clock_wall_s(clock_system());
	enum store_err err = users_begin(u);
	if (err != STORE_OK)
		die(name, err, users_detail(u));
	err = users_get(u, name, r);
	if (err == STORE_OK) {
		users_abort(u);
		return;
	}
	if (err == STORE_NOTFOUND) {
		snprintf(r->name, sizeof(r->name), "%s", name);
		snprintf(r->hash, sizeof(r->hash), "%s", HASH);
		err = users_put(u, r);
	}
	if (err == STORE_OK)
		err = users_commit(u);
	if (err != STORE_OK)
		die(name, err, users_detail(u));
}

static void
add(struct sessions *s, struct users *u, const char *name, long lifetime_s)
{
	char token[TOKEN_SIZE];
	struct record_user r;
	const struct sessions_new new = {
	    .user = name,
	    .address = "127.0.0.1",
	    .idle_s = lifetime_s,
	    .absolute_s = lifetime_s,
	};
	add_user(u, name, &r);
	enum store_err err = sessions_begin(s, u, &new, r.hash, token);
	if (err != STORE_OK)
		die(name, err, sessions_detail(s));
	puts(token);
}

static void
end(struct sessions *s, const char *token)
{
	char key[SESSIONS_KEY_SIZE];
	struct record_session r;
	if (sessions_validate(s, token, strlen(token), &r, key, NULL) !=
	    SESSIONS_VALID)
		die("no such session", STORE_NOTFOUND, "");
	enum store_err err = sessions_end(s, key);
	if (err != STORE_OK)
		die(key, err, sessions_detail(s));
	printf("%" PRIu64 "\n", now_ns());
}

static void
add_many(struct sessions *s, struct users *u, const char *name, long many,
    long lifetime_s)
{
	for (long i = 0; i < many; i++) {
		char numbered[NAME_SIZE];
		snprintf(numbered, sizeof(numbered), "%.50s%ld", name, i);
		add(s, u, numbered, lifetime_s);
	}
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"many", required_argument, NULL, 'm'},
	    {"end", no_argument, NULL, 'e'},
	    {"lifetime", required_argument, NULL, 'l'},
	    {NULL, 0, NULL, 0},
	};
	bool is_end = false;
	long many = 0, lifetime_s = LIFETIME_S;
	int opt;
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'm')
			many = strtol(optarg, NULL, 10);
		else if (opt == 'l')
			lifetime_s = strtol(optarg, NULL, 10);
		else if (opt == 'e')
			is_end = true;
		else
			return 2;
	}
	if (argc - optind < 2) {
		fputs("usage: make-session [--many N] [--lifetime S] DIR "
		      "USER...\n"
		      "       make-session --end DIR VALUE...\n",
		    stderr);
		return 2;
	}
	const char *dir = argv[optind++];
	struct sessions *s = NULL;
	struct users *u = NULL;
	struct buf error = BUF_INIT;

	if (crypto_init() == -1)
		die("crypto", STORE_IO, "");
	create(dir);
	enum store_err err = users_open(dir, true, LOCK_WAIT_MS, 0, &u, &error);
	if (err == STORE_OK)
		err = sessions_open(
		    dir, true, LOCK_WAIT_MS, 0, clock_system(), &s, &error);
	if (err != STORE_OK)
		die(dir, err, buf_str(&error));
	buf_fini(&error);

	for (; optind < argc; optind++) {
		if (is_end)
			end(s, argv[optind]);
		else if (many > 0)
			add_many(s, u, argv[optind], many, lifetime_s);
		else
			add(s, u, argv[optind], lifetime_s);
	}
	sessions_close(s);
	users_close(u);
	return 0;
}
