/*
 * What a configuration says: defaults, round trips, and texts that are wrong in
 * every way, with the line that the message has to name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_fixture.h"

static void
defaults(void **state)
{
	(void)state;
	struct config c;

	assert_int_equal(config_init(&c), 0);
	assert_int_equal(c.site.origins.n, 0);
	assert_int_equal(c.site.trusted_proxies.n, 0);
	assert_int_equal(c.site.language, CONFIG_LANGUAGE_AUTO);
	assert_string_equal(c.store.dir, "/var/lib/gatecast");
	assert_string_equal(c.login.listen, "");
	assert_string_equal(c.login.templates, GATECAST_DATADIR "/templates");
	assert_int_equal(c.login.workers, 4);
	assert_false(c.login.plain_http);
	assert_int_equal(c.login.idle_lifetime_s, 7 * 86400);
	assert_int_equal(c.login.absolute_lifetime_s, 30 * 86400);
	assert_int_equal(c.login.argon2_memory_kib, 19456);
	assert_int_equal(c.login.argon2_passes, 2);
	assert_int_equal(c.login.password_min, 8);
	assert_true(c.login.throttle);
	assert_string_equal(c.wsd.listen, "unix:/run/gatecast/wsd.sock");
	assert_int_equal(c.wsd.message_bytes, 4096);
	assert_int_equal(c.wsd.plain_lines, CONFIG_PLAIN_RAW);
	assert_int_equal(c.wsd.history_bytes, 4 << 20);
	assert_int_equal(c.wsd.history_sync, CONFIG_SYNC_KILL);
	assert_int_equal(c.wsd.ping_s, 25);
	assert_int_equal(c.wsd.slow_bytes, 1 << 20);
	assert_int_equal(c.wsd.leave_grace_s, 5);
	assert_int_equal(c.wsd.store_grace_s, 30);
	assert_int_equal(c.log.level, LOG_LEVEL_INFO);
	assert_true(c.log.audit);
	assert_taken("");
	assert_same(&c, &config);
	config_fini(&config);
	assert_int_equal(config_parse(&config, "F", NULL, 0, &error), 0);
	assert_same(&c, &config);
	config_fini(&c);
	config_fini(&c);
}

/* What stands in a file, and the messages it must and must not give. */
static void
lists(void **state)
{
	(void)state;
	assert_taken("[site]\norigins =\t https://A:443  http://b:81\t\n");
	assert_int_equal(config.site.origins.n, 2);
	assert_string_equal(config.site.origins.items[0], "https://a");
	assert_string_equal(config.site.origins.items[1], "http://b:81");
	assert_round_trip();
	assert_refused("[site]\norigins = https://a b\n",
	    "F:2: site.origins cannot be \"https://a b\"; allowed: ");
	assert_taken("[site]\ntrusted_proxies = unix 10.0.0.0/8 ::1\n");
	assert_int_equal(config.site.trusted_proxies.n, 3);
	assert_round_trip();
}

static void
faults_have_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *message;
	} table[] = {
	    {"[nope]\n",
		"F:1: unknown section [nope]; allowed: [site] "
		"[store] [login] [gate] [wsd] [log]\n"},
	    {"\n\n[ site ]\n", "F:3: unknown section [ site ]"},
	    {"[Site]\n", "F:1: unknown section [Site]"},
	    {"[]\n", "F:1: unknown section []"},
	    {"[site]]\n", "F:1: unknown section [site]]"},
	    {"[site\n", "F:1: a section that has no ]"},
	    {"[site] x\n", "F:1: a section that has no ]"},
	    {"[\n", "F:1: a section that has no ]"},
	    {"[log]\nlevl = info\n",
		"F:2: unknown key levl in [log]; allowed: level audit\n"},
	    {"[log]\nLevel = info\n", "F:2: unknown key Level"},
	    {"[log]\nworkers = 1\n", "(workers belongs to [login])"},
	    {"[log]\n= info\n", "F:2: unknown key "},
	    {"level = info\n", "F:1: a key before the first [SECTION]"},
	    {"[log]\nlevel\n", "F:2: neither [SECTION] nor KEY = VALUE"},
	    {"[log]\nlevel = info\nlevel = info\n",
		"F:3: log.level is already set in line 2"},
	    {"[log]\naudit=no\n[site]\n[log]\n\naudit=no\n",
		"F:6: log.audit is already set in line 2"},
	    {"[log]\nlevel = info ; why\n", "F:2: a comment behind"},
	    {"[log]\nlevel = info # why\n", "F:2: a comment behind"},
	    {"[log]\nlevel = info\t;why\n", "F:2: a comment behind"},
	    {"[log]\nlevel = ;\n", "F:2: a comment behind"},
	    {"[store]\ndir =;x\n", "F:2: store.dir cannot be \";x\""},
	    /* A continuation would be part of the line before. */
	    {"[site]\norigins = http://a\n http://b\n",
		"F:3: unknown key http in [site]"},
	    {"[log]\nlevel =\n info\n", "F:2: log.level cannot be \"\""},
	    {"[log]\nlevel = info\n\tdebug\n", "F:3: neither"},
	    {"[log]\nlevel = in\rfo\n", "F:2: control byte 0x0d"},
	    {"# \x1b[2J\n", "F:1: control byte 0x1b"},
	    {"[log]\nlevel = \x7f\n", "F:2: control byte 0x7f"},
	    {"[log]\nlevel = a\xff\n", "cannot be \"a\\xff\""},
	    {"\n\xef\xbb\xbf[log]\n", "F:2: neither"},
	    {"[login]\nidle_lifetime_s = 100\nabsolute_lifetime_s = 99\n",
		"F:3: login.idle_lifetime_s is above"},
	    {"[login]\nidle_lifetime_s = 2592001\n",
		"F:2: login.idle_lifetime_s is above "
		"login.absolute_lifetime_s; allowed: 0 to 2592000\n"},
	    {"[login]\nworkers = 2\nhash_slots = 2\n",
		"F:3: login.hash_slots is not below login.workers; "
		"allowed: 0 to 1\n"},
	    {"[gate]\nrules = /a=any\t/b/=any /B=ops\n",
		"F:2: gate.rules has two rules for /B; allowed: one, and none "
		"that differs in case alone"},
	    {"[gate]\nrules = /=any /=ops\n",
		"F:2: gate.rules has two rules for /;"},
	    {"[gate]\n\nrules = /a=any /b\n",
		"F:3: gate.rules cannot be \"/a=any /b\"; allowed: words "
		"separated by blanks, each PATH=any"},
	    {"[login]\nhash_slots = 3\nworkers = 2\n",
		"F:3: login.hash_slots is not below"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_refused(table[i].text, table[i].message);
}

static void
spellings_that_are_taken(void **state)
{
	(void)state;
	static const char *const table[] = {
	    "[log]\nlevel = debug\n",
	    "[log]\nlevel=debug", /* no newline at the end */
	    "[log]\r\nlevel = debug\r\n",
	    "\xef\xbb\xbf[log]\nlevel = debug\n",
	    "  [log]  \n\t level\t=\tdebug\t \n",
	    "; a\n# b\n\n[log]\n  # c\nlevel = debug\n",
	    "[site]\n[log]\n[site]\n[log]\nlevel = debug\n",
	    "[log]\nlevel: debug\n",
	    "# \xe6\x97\xa5\xe5\xbf\x97\n[log]\nlevel = debug\n",
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_taken(table[i]);
		assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
	}
	assert_taken("[gate]\nrules = /a=any /a/b=any /ab=any /=public\n");
	assert_taken("[login]\nworkers = 1\nhash_slots = 1\n");
	assert_taken("[login]\nabsolute_lifetime_s = 0\n");
	assert_taken(
	    "[login]\nabsolute_lifetime_s = 99\nidle_lifetime_s = 0\n");
	assert_taken("[login]\nworkers = 9\nhash_slots = 8\n");
	int i = config_key_find("login", "hash_slots");
	assert_int_equal(config.lines[i], 3);
	assert_int_equal(config.lines[0], 0);
}

static void
nul_and_long_lines(void **state)
{
	(void)state;
	static const char nul[] = "[log]\nlevel = info\0\naudit = no\n";
	static const char comment[] = "#\0\n";
	char text[5000];

	assert_int_equal(
	    config_parse(&config, "F", nul, sizeof(nul) - 1, &error), -1);
	assert_string_equal(
	    buf_str(&error), "F:2: control byte 0x00; allowed: text\n");
	buf_reset(&error);
	assert_int_equal(
	    config_parse(&config, "F", comment, sizeof(comment) - 1, &error),
	    -1);
	assert_string_equal(
	    buf_str(&error), "F:1: control byte 0x00; allowed: text\n");

	/* The longest value goes through inih whole, and comes back. */
	static const char head[] = "[store]\ndir=/";
	size_t value = strlen("[store]\ndir=");
	memset(text, 'a', sizeof(text));
	memcpy(text, head, strlen(head));
	text[value + 4000] = '\0';
	assert_taken(text);
	assert_int_equal(strlen(config.store.dir), 4000);
	assert_round_trip();
	text[value + 4000] = 'a';
	text[value + 4001] = '\0';
	assert_refused(text, "F:2: a value of 4001 bytes; allowed: 4000\n");

	size_t line = strlen("[store]\n");
	text[value + 4001] = 'a';
	text[line + 4094] = '\0';
	assert_refused(text, "F:2: a value of 4090 bytes");
	text[line + 4094] = 'a';
	text[line + 4095] = '\0';
	assert_refused(text, "F:2: a line of 4095 bytes; allowed: 4094\n");
	text[line + 4095] = 'a';
	memcpy(text + 4500, "\nx=1\n", 6);
	assert_refused(text, "F:2: a line of ");
	assert_non_null(strstr(buf_str(&error), "F:3: unknown key x"));
}

static void
several_faults_at_once(void **state)
{
	(void)state;
	assert_refused("[log]\nlevel = x\n[nope]\na = b\nc\n[login]\n"
		       "workers = 0\nfoo\n[wsd]\nping_s\n",
	    "F:2: ");
	assert_non_null(strstr(buf_str(&error), "F:3: unknown section"));
	/* Keys of an unknown section are not complained of one by one. */
	assert_null(strstr(buf_str(&error), "F:4: "));
	assert_non_null(strstr(buf_str(&error), "F:7: login.workers"));
	assert_non_null(strstr(buf_str(&error), "F:8: neither"));
	assert_non_null(strstr(buf_str(&error), "F:10: neither"));

	struct buf text = BUF_INIT;
	for (int i = 0; i < 1000; i++)
		buf_puts(&text, "nonsense\n");
	assert_refused(buf_str(&text), "F:19: neither");
	assert_non_null(strstr(buf_str(&error), "F: more errors follow\n"));
	assert_null(strstr(buf_str(&error), "F:20: "));
	buf_fini(&text);
}

static void
messages_are_one_line_each(void **state)
{
	(void)state;
	char text[1000];

	/* A long value is cut, a strange one escaped. */
	memset(text, 'v', sizeof(text));
	memcpy(text, "[log]\nlevel = \xe2\x80\xae", 17);
	text[sizeof(text) - 1] = '\0';
	assert_refused(text, "cannot be \"\\xe2\\x80\\xaevvvv");
	assert_non_null(strstr(buf_str(&error), "vvv...\"; allowed: "));
	assert_true(error.len < 250);
	assert_ptr_equal(
	    strchr(buf_str(&error), '\n'), buf_str(&error) + error.len - 1);
}

static void
reload_moves_what_it_may(void **state)
{
	(void)state;
	struct config live, fresh;
	struct buf restart = BUF_INIT;
	static const char before[] =
	    "[site]\norigins = http://a http://b\n[login]\nworkers = 2\n"
	    "[wsd]\nlisten = unix:/old\n[log]\nlevel = err\n";
	static const char after[] =
	    "\n[site]\norigins = http://c\n[login]\nworkers = 3\n"
	    "password_min = 12\n[wsd]\nlisten = unix:/new\n";

	assert_int_equal(
	    config_parse(&live, "F", before, strlen(before), &error), 0);
	assert_int_equal(
	    config_parse(&fresh, "F", after, strlen(after), &error), 0);
	assert_int_equal(config_reload(&live, &fresh, &restart), 0);
	assert_string_equal(buf_str(&restart), "login.workers\nwsd.listen\n");
	assert_int_equal(live.site.origins.n, 1);
	assert_string_equal(live.site.origins.items[0], "http://c");
	assert_int_equal(live.login.password_min, 12);
	assert_int_equal(live.log.level, LOG_LEVEL_INFO); /* its default */
	assert_int_equal(live.login.workers, 2);
	assert_string_equal(live.wsd.listen, "unix:/old");
	assert_int_equal(live.lines[config_key_find("site", "origins")], 3);
	assert_null(fresh.store.dir);
	/* Again with the same: nothing differs. */
	buf_reset(&restart);
	assert_int_equal(config_init(&fresh), 0);
	assert_int_equal(config_reload(&live, &fresh, &restart), 0);
	buf_reset(&restart);
	assert_int_equal(config_init(&fresh), 0);
	config_fini(&live);
	assert_int_equal(config_init(&live), 0);
	assert_int_equal(config_reload(&live, &fresh, &restart), 0);
	assert_int_equal(restart.len, 0);
	config_fini(&live);
	buf_fini(&restart);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(defaults),
	    TEST(lists),
	    TEST(faults_have_lines),
	    TEST(spellings_that_are_taken),
	    TEST(nul_and_long_lines),
	    TEST(several_faults_at_once),
	    TEST(messages_are_one_line_each),
	    TEST(reload_moves_what_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
