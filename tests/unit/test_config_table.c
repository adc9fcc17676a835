/*
 * Every key of the table, by walking it: at its ends and beyond them, in the
 * example, through `config show` and back, and in a reload.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One key, in a file of three lines whose last it is. */
static void
one_key(char *out, size_t size, const struct config_key *k, const char *value)
{
	snprintf(out, size, "\n[%s]\n%s = %s\n", k->section, k->name, value);
}

static void
assert_value_refused(const struct config_key *k, const char *value)
{
	char text[6000], want[200];

	one_key(text, sizeof(text), k, value);
	snprintf(want, sizeof(want), "F:3: %s.%s cannot be \"%.90s", k->section,
	    k->name, value);
	assert_refused(text, want);
	assert_non_null(strstr(buf_str(&error), "; allowed: "));
}

static void
assert_value_taken(const struct config_key *k, const char *value)
{
	char text[6000], want[6000];

	one_key(text, sizeof(text), k, value);
	assert_taken(text);
	struct buf shown = BUF_INIT;
	assert_int_equal(config_show(&config, &shown), 0);
	snprintf(want, sizeof(want), "\n%s =%s%s\n", k->name,
	    value[0] == '\0' ? "" : " ", value);
	/* A name may stand in two sections: [login] and [wsd] listen. */
	const char *section = strstr(shown.data, k->section);
	assert_non_null(section);
	assert_non_null(strstr(section, want));
	buf_fini(&shown);
	assert_round_trip();
}

/* The table itself: what messages and documents are made of is there. */
static void
table_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		assert_int_equal(config_key_find(k->section, k->name), i);
		assert_true(config_section_exists(k->section));
		assert_non_null(k->preset);
		assert_int_equal(k->help[strlen(k->help) - 1], '.');
		if (k->type == CONFIG_INT) {
			assert_non_null(k->unit);
			assert_true(k->min <= k->max);
			/* 0 is allowed exactly where it has a meaning. */
			assert_int_equal(k->min == 0, k->zero != NULL);
		}
		if (k->type == CONFIG_ENUM)
			assert_non_null(k->words);
		if (k->type == CONFIG_STRING || k->type == CONFIG_LIST) {
			assert_non_null(k->form);
			assert_non_null(k->form_help);
		}
		/* The sections stand together. */
		for (size_t j = i + 2; j < config_key_count(); j++)
			if (strcmp(config_key_info(j)->section, k->section) ==
			    0)
				assert_string_equal(
				    config_key_info(j - 1)->section,
				    k->section);
	}
	assert_int_equal(config_key_find("site", "dir"), -1);
	assert_int_equal(config_key_find("", "dir"), -1);
	assert_false(config_section_exists(""));
}

static void
every_number_has_ends(void **state)
{
	(void)state;
	char text[64];
	int n = 0;

	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (k->type != CONFIG_INT)
			continue;
		n++;
		snprintf(text, sizeof(text), "%" PRId64, k->min - 1);
		assert_value_refused(k, text);
		snprintf(text, sizeof(text), "%" PRId64, k->max + 1);
		assert_value_refused(k, text);
		static const char *const bad[] = {"", "x", "1x", "+1", "0x10",
		    "1 2", "1.5", "9223372036854775808",
		    "99999999999999999999999"};
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			assert_value_refused(k, bad[j]);
		/* These two have a partner that would have to move along. */
		if (strcmp(k->name, "hash_slots") != 0 &&
		    strcmp(k->name, "idle_lifetime_s") != 0) {
			snprintf(text, sizeof(text), "%" PRId64, k->max);
			assert_value_taken(k, text);
		}
		snprintf(text, sizeof(text), "%" PRId64, k->min);
		assert_value_taken(k, text);
	}
	assert_true(n > 20);
}

static void
every_word_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (k->type == CONFIG_ENUM)
			for (const struct config_word *w = k->words;
			     w->word != NULL; w++)
				assert_value_taken(k, w->word);
		if (k->type == CONFIG_BOOL) {
			assert_value_taken(k, "yes");
			assert_value_taken(k, "no");
		}
		if (k->type != CONFIG_ENUM && k->type != CONFIG_BOOL)
			continue;
		static const char *const bad[] = {
		    "", "Yes", "true", "1", "maybe", "yes no"};
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			assert_value_refused(k, bad[j]);
	}
}

static void
paths_are_absolute(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		if (k->type != CONFIG_PATH)
			continue;
		assert_value_taken(k, "/a");
		assert_value_taken(k, "/a b/;c#=[d]");
		if (k->may_be_empty)
			assert_value_taken(k, "");
		else
			assert_value_refused(k, "");
		assert_value_refused(k, "a");
		assert_value_refused(k, "./a");
		assert_value_refused(k, "\"/a\"");
	}
}

static void
example_is_the_defaults(void **state)
{
	(void)state;
	struct buf text = BUF_INIT;
	struct buf live = BUF_INIT;
	struct config c;
	size_t n_keys = 0;

	assert_int_equal(config_example(&text), 0);
	assert_int_equal(config_init(&c), 0);
	/* As it stands: nothing is set. */
	assert_taken(buf_str(&text));
	assert_same(&c, &config);
	for (size_t i = 0; i < config_key_count(); i++)
		assert_int_equal(config.lines[i], 0);
	/* Every key's line with its # taken away. */
	char *save = NULL;
	char *copy = strdup(buf_str(&text));
	for (char *l = strtok_r(copy, "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save)) {
		assert_true(strlen(l) <= 80);
		bool is_key = l[0] == '#' && l[1] >= 'a' && l[1] <= 'z';
		n_keys += is_key;
		buf_printf(&live, "%s\n", is_key ? l + 1 : l);
	}
	assert_int_equal(n_keys, config_key_count());
	assert_taken(buf_str(&live));
	assert_same(&c, &config);
	for (size_t i = 0; i < config_key_count(); i++)
		assert_true(config.lines[i] > 0);
	free(copy);
	config_fini(&c);
	buf_fini(&text);
	buf_fini(&live);
}

/* Every key alone: it either moves or is named. */
static void
reload_forgets_no_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count(); i++) {
		const struct config_key *k = config_key_info(i);
		char text[200], number[32], want[100];
		const char *other = number;
		struct config live, fresh;
		struct buf restart = BUF_INIT;

		switch (k->type) {
		case CONFIG_INT:
			snprintf(number, sizeof(number), "%" PRId64,
			    strcmp(k->name, "idle_lifetime_s") == 0 ||
				    strcmp(k->name, "hash_slots") == 0
				? 1
				: k->max - 1);
			break;
		case CONFIG_BOOL:
			other = k->preset[0] == 'y' ? "no" : "yes";
			break;
		case CONFIG_ENUM:
			other = strcmp(k->words[0].word, k->preset) == 0
			    ? k->words[1].word
			    : k->words[0].word;
			break;
		case CONFIG_PATH:
			other = "/other";
			break;
		case CONFIG_STRING:
			other = k->form == config_form_loopback ? "127.0.0.1:1"
			    : k->form == config_form_prefix     ? "/other"
								: "unix:/other";
			break;
		case CONFIG_LIST:
			other = k->form == config_form_origin  ? "http://other"
			    : k->form == config_form_gate_rule ? "/a=b"
							       : "::1";
			break;
		}
		one_key(text, sizeof(text), k, other);
		assert_int_equal(config_init(&live), 0);
		assert_taken(text);
		assert_int_equal(
		    config_parse(&fresh, "F", text, strlen(text), &error), 0);
		assert_int_equal(config_reload(&live, &fresh, &restart), 0);
		snprintf(want, sizeof(want), "%s.%s\n", k->section, k->name);
		assert_string_equal(
		    buf_str(&restart), k->is_reloadable ? "" : want);
		if (!k->is_reloadable) {
			config_fini(&config);
			assert_int_equal(config_init(&config), 0);
		}
		assert_same(&live, &config);
		config_fini(&live);
		buf_fini(&restart);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(table_is_whole),
	    TEST(every_number_has_ends),
	    TEST(every_word_is_taken),
	    TEST(paths_are_absolute),
	    TEST(example_is_the_defaults),
	    TEST(reload_forgets_no_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
