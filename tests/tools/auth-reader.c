/*
 * A reader of accounts and sessions that stays, for the crash tests: it opens
 * the stores in DIR as wsd does and answers lines on stdin.
 *
 *   user NAME PASSWORD...   "none", "open N" or "locked N": the N-th password
 *                           is the user's, 0: none of these
 *   token VALUE             "valid USER", "unknown", "bad" or "expired"
 *   count                   sessions that are valid
 *   open                    "ready": the stores, opened anew
 *
 * Errors are lines that begin with "!".
 */
#include "auth/crypto.h"
#include "auth/sessions.h"
#include "auth/users.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hashes are cheap here; what is asked for is only whether they match. */
static const struct password_cost cost = {.memory_kib = 64, .passes = 1};

static void
show_user(struct users *u, char *rest)
{
	struct record_user r;
	char *saved = NULL;
	const char *name = strtok_r(rest, " ", &saved);
	const char *password;
	int n = 0, match = 0;

	enum store_err err = users_get(u, name == NULL ? "" : name, &r);
	if (err == STORE_NOTFOUND) {
		puts("none");
		return;
	}
	if (err != STORE_OK) {
		printf("!%s: %s\n", store_strerror(err), users_detail(u));
		return;
	}
	while ((password = strtok_r(NULL, " ", &saved)) != NULL) {
		n++;
		if (password_verify(r.hash, password, strlen(password),
			&cost) == PASSWORD_OK)
			match = n;
	}
	printf("%s %d\n", r.is_locked ? "locked" : "open", match);
}

static void
show_token(struct sessions *s, const char *token)
{
	struct record_session r;

	switch (sessions_validate(s, token, strlen(token), &r, NULL, NULL)) {
	case SESSIONS_VALID:
		printf("valid %s\n", r.user);
		break;
	case SESSIONS_BAD_TOKEN:
		puts("bad");
		break;
	case SESSIONS_UNKNOWN:
		puts("unknown");
		break;
	case SESSIONS_EXPIRED:
		puts("expired");
		break;
	case SESSIONS_UNAVAILABLE:
		printf("!unavailable: %s\n", sessions_detail(s));
		break;
	}
}

static int
count_one(void *arg, const char *key, const struct record_session *r)
{
	(void)key;
	(void)r;
	++*(long *)arg;
	return 0;
}

static void
show_count(struct sessions *s)
{
	long n = 0;
	enum store_err err = sessions_each(s, count_one, &n);

	if (err == STORE_OK)
		printf("%ld\n", n);
	else
		printf("!%s: %s\n", store_strerror(err), sessions_detail(s));
}

/* Says so, or why not. Both are closed before. */
static int
open_stores(const char *dir, struct users **u, struct sessions **s)
{
	struct buf error = BUF_INIT;

	users_close(*u);
	sessions_close(*s);
	*u = NULL;
	*s = NULL;
	enum store_err err = users_open(dir, false, 0, 0, u, &error);
	if (err == STORE_OK)
		err =
		    sessions_open(dir, false, 0, 0, clock_system(), s, &error);
	if (err == STORE_OK)
		puts("ready");
	else
		fprintf(stderr, "auth-reader: %s: %s\n", store_strerror(err),
		    buf_str(&error));
	buf_fini(&error);
	return err == STORE_OK ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct users *u = NULL;
	struct sessions *s = NULL;
	char line[4096];
	int rc = EXIT_SUCCESS;

	if (argc != 2 || crypto_init() == -1) {
		fprintf(stderr, "usage: auth-reader DIR\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (open_stores(argv[1], &u, &s) == -1)
		rc = EXIT_FAILURE;
	while (rc == EXIT_SUCCESS && fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "open") == 0) {
			if (open_stores(argv[1], &u, &s) == -1)
				rc = EXIT_FAILURE;
		} else if (strncmp(line, "user ", 5) == 0)
			show_user(u, line + 5);
		else if (strncmp(line, "token ", 6) == 0)
			show_token(s, line + 6);
		else if (strcmp(line, "count") == 0)
			show_count(s);
		else
			puts("!what?");
	}
	sessions_close(s);
	users_close(u);
	return rc;
}
