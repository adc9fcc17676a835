/* Accounts as htpasswd and as CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* shared/tool is a program, not a library: its pure files are taken in. */
#include "tool/tool_csv.c"
#include "tool/tool_userfile.c"
#include "tool/tool_userfile_csv.c"

#include <stdio.h>

#include "auth/crypto.h"

#define B "$2y$04$f.7TesdbD0mUCrtoE/UOpOU4Ef/vaBeDIRtmrdWKoCEwds136xKmm"
#define TOO_MUCH "$2y$31$f.7TesdbD0mUCrtoE/UOpOU4Ef/vaBeDIRtmrdWKoCEwds136xKmm"
#define PW "a quiet phrase"
#define NOW 1767225600

static int
setup(void **state)
{
	(void)state;
	return crypto_init();
}

/* The text must outlive what was read: it is kept here. */
static char *kept;

static void
parse(const char *text, struct tool_userfile *f)
{
	const struct tool_userfile_opts opts = {
	    .label = "f",
	    .password_min = 8,
	    .cost = {8, 1},
	    .now_s = NOW,
	};
	size_t n = strlen(text);

	free(kept);
	kept = malloc(n > 0 ? n : 1);
	assert_non_null(kept);
	memcpy(kept, text, n);
	assert_int_equal(tool_userfile_parse(&opts, kept, n, f), 0);
}

/* "NAME=HASH or NAME:PASSWORD", "!" behind who is locked. */
static void
test_good(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
	    {"", ""},
	    {"\n\r\n#only:this\n", ""},
	    {"\xef\xbb\xbf", ""},
	    {"alice:" B, "alice=" B " "},
	    {"alice:" B "\r\nbob:" B ":more:and:more\n",
		"alice=" B " bob=" B " "},
	    {"\xef\xbb\xbf# x\n\n\xe4\xb8\x8a:" B "\n", "\xe4\xb8\x8a=" B " "},
	    /* NFC */
	    {"u\xcc\x88:" B "\n", "\xc3\xbc=" B " "},
	    {"name,hash", ""},
	    {"\xef\xbb\xbfname,hash\r\n\r\nalice," B "\r\n", "alice=" B " "},
	    {"hash,name\n\"" B "\",\"alice\"", "alice=" B " "},
	    {"name,password\nalice," PW "\nbob,\"1, \"\"2\"\", 3\"\n",
		"alice:" PW " bob:1, \"2\", 3 "},
	    {"name,password,hash,locked\nalice," PW ",,yes\nbob,," B ",no\n"
	     "carl,," B ",\n",
		"alice:" PW "! bob=" B " carl=" B " "},
	    /* In a CSV file a colon is a character like others. */
	    {"name,password\nalice,a:b:c:d:e\n", "alice:a:b:c:d:e "},
	};
	struct tool_userfile f;
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].text, &f);
		assert_string_equal(buf_str(&f.errors), "");
		buf_reset(&out);
		for (size_t j = 0; j < f.n; j++) {
			const struct tool_userfile_entry *e = &f.entries[j];
			buf_puts(&out, e->user.name);
			if (e->password != NULL) {
				buf_putc(&out, ':');
				buf_append(&out, e->password, e->password_len);
				assert_string_equal(e->user.hash, "");
			} else {
				buf_printf(&out, "=%s", e->user.hash);
			}
			buf_puts(&out, e->user.is_locked ? "! " : " ");
			assert_int_equal(e->user.created_s, NOW);
			assert_int_equal(e->user.changed_s, NOW);
		}
		assert_string_equal(buf_str(&out), cases[i].want);
		tool_userfile_free(&f);
	}
	buf_fini(&out);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* what the errors hold, in order */
		size_t n_errors;
	} cases[] = {
	    {"alice:" B "\nbob:secret\n:" B "\n\ncarl:$apr1$x$y\n",
		"f:2: this is no bcrypt\nf:3: not a user name\nf:5: $apr1$", 3},
	    {"alice:\nb c:{SHA}x\n",
		"f:1: the hash is empty\nf:2: not a user name\n"
		"f:2: {SHA} is",
		3},
	    {"alice:" TOO_MUCH "\n", "f:1: the hash asks for more", 1},
	    {"alice: " B "\nbob:" B " \n",
		"f:1: this is no bcrypt\nf:2: the hash is cut", 2},
	    {"# a\nalice:" B "\nbob:" B "\nALICE:" B "\nalice:" B "\n",
		"f:4: ALICE is in the file already\n"
		"f:5: alice is in the file already\n",
		2},
	    {"a:" B "\nb\n", "f:2: no ':' between a name and a hash\n", 1},
	    {"alice", "f:1: column 1 is none of name, hash", 1},
	    {"name\nalice\n", "f:1: the first line names the columns", 1},
	    {"hash,password\nx,y\n", "f:1: the first line names", 1},
	    {"name,hash,loked\nx,y,z\n", "f:1: column 3 is none of", 1},
	    {"name,hash,name\nx,y,z\n", "f:1: the column name comes twice", 1},
	    {"Name,hash\n", "f:1: column 1 is none of", 1},
	    {"name,\"hash\nalice," B "\n", "f:1: the quote that is opened", 1},
	    {"name,hash\nalice\nbob," B ",x\n\"x\"y,z\n",
		"f:2: 1 fields, and the first line names 2\n"
		"f:3: 3 fields, and the first line names 2\n"
		"f:4: a quote inside a field",
		3},
	    {"name,password\nalice,short\nbob,password\n",
		"f:2: the password is too short: at least 8 bytes "
		"(login.password_min)\nf:3: this password is among",
		2},
	    /* The name for a password, in whichever column it comes first. */
	    {"name,password\nalice.liddell,Alice.Liddell\n",
		"f:2: this password is among", 1},
	    {"password,name\nBOB.the.builder,bob.the.builder\n",
		"f:2: this password is among", 1},
	    {"name,hash,password\nalice,,\nbob," B "," PW "\n",
		"f:2: neither a hash nor a password\n"
		"f:3: a hash and a password",
		2},
	    {"name,hash,locked,created,password_set\n"
	     "a," B ",Yes,now,2026-01-01\n",
		"f:2: locked is yes, no or empty\nf:2: created is a time like "
		"2026-01-31T12:00:00.000Z or empty\nf:2: password_set is a "
		"time",
		3},
	    {"name,hash,groups\na," B ",Staff\nb," B ",\"a,,b\"\nc," B
	     ",\"b,a\"\nd," B ",any\n",
		"f:2: groups are names with commas between them: a group's\n"
		"f:3: groups are names with commas between them: a group's\n"
		"f:5: groups are names with commas between them: a group's",
		3},
	    {"name,hash,created\na," B ",1969-12-31T23:59:59.000Z\n",
		"f:2: created is a time", 1},
	    {"name,hash\n\"a\nb\"," B "\nc,d\n",
		"f:2: not a user name\nf:4: this is no bcrypt", 2},
	};
	struct tool_userfile f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].text, &f);
		const char *at = buf_str(&f.errors);
		char want[512];
		snprintf(want, sizeof(want), "%s", cases[i].want);
		for (char *p = strtok(want, "\n"); p != NULL;
		     p = strtok(NULL, "\n")) {
			if (strncmp(at, p, strlen(p)) != 0)
				fail_msg("%s\ninstead of\n%s", at, p);
			at = strchr(at, '\n');
			assert_non_null(at);
			at++;
		}
		assert_string_equal(at, "");
		assert_int_equal(f.n_errors, cases[i].n_errors);
		tool_userfile_free(&f);
	}
}

static void
test_errors_are_bounded(void **state)
{
	struct tool_userfile f;
	struct buf text = BUF_INIT;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_puts(&text, "x:y\n");
	parse(buf_str(&text), &f);
	assert_int_equal(f.n_errors, 1000);
	for (const char *p = buf_str(&f.errors); *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, TOOL_USERFILE_ERRORS_MAX);
	tool_userfile_free(&f);
	buf_fini(&text);
}

/* A hash of the configured cost is ours, whatever the cost is. */
static void
test_own_cost(void **state)
{
	const char *line = "a:$argon2id$v=19$m=1048576,t=2,p=1$c2FsdHNhbHRzYWx0"
			   "c2FsdA$p2/sSvOaJtVfBQxbT4XuQmtPaW5kcJ8d8LCdmKKtDNc";
	struct tool_userfile_opts opts = {
	    .label = "f", .password_min = 8, .cost = {1048576, 2}};
	char text[256];
	struct tool_userfile f;

	(void)state;
	for (int i = 0; i < 2; i++) {
		memcpy(text, line, strlen(line));
		assert_int_equal(
		    tool_userfile_parse(&opts, text, strlen(line), &f), 0);
		assert_int_equal(f.n_errors, i);
		tool_userfile_free(&f);
		opts.cost.memory_kib--;
	}
}

static void
test_round_trip(void **state)
{
	static const struct record_user users[] = {
	    {"alice", B, 0, 1, false, ""},
	    {"bob", B, 0, 1, false, "ops"},
	    {"\xe4\xb8\x8a",
		"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0"
		"c2FsdA$p2/sSvOaJtVfBQxbT4XuQmtPaW5kcJ8d8LCdmKKtDNc",
		1772323199, 253402300799, true, "a,b,c"},
	};
	struct buf text = BUF_INIT;
	struct tool_userfile f;

	(void)state;
	tool_userfile_put_head(&text);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(tool_userfile_put_csv(&text, &users[i]), 0);
	parse(buf_str(&text), &f);
	assert_string_equal(buf_str(&f.errors), "");
	assert_int_equal(f.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(
		    &f.entries[i].user, &users[i], sizeof(users[i]));
	tool_userfile_free(&f);

	buf_reset(&text);
	tool_userfile_put_htpasswd(&text, &users[0]);
	assert_string_equal(buf_str(&text), "alice:" B "\n");
	buf_fini(&text);
	free(kept);
	kept = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_errors_are_bounded),
	    cmocka_unit_test(test_own_cost),
	    cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
