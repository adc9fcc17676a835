/*
 * What can be configured: one row a key. Read by the parser, by the writers
 * of `config show` and the example file, and by tests.
 */
#ifndef BASE_CONFIG_TABLE_H
#define BASE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
	CONFIG_INT, /* int64_t, min..max */
	CONFIG_BOOL, /* bool, yes or no */
	CONFIG_ENUM, /* int, one of words */
	CONFIG_STRING, /* char *, form decides */
	CONFIG_PATH, /* char *, absolute */
	CONFIG_LIST, /* struct config_list, form decides on each word */
};

struct config_word {
	const char *word; /* NULL ends an array */
	int value;
};

/*
 * Whether the word has the form; may bring it to the canonical spelling in
 * place (which is never longer).
 */
typedef bool config_form(char *word);

struct config_key {
	const char *section;
	const char *name;
	enum config_type type;
	size_t offset; /* in struct config */
	const char *preset; /* default, as a file would spell it */
	int64_t min, max; /* CONFIG_INT */
	const char *zero; /* what 0 means if it is special, or NULL */
	const char *unit; /* or NULL */
	const struct config_word *words; /* CONFIG_ENUM */
	config_form *form; /* CONFIG_STRING, CONFIG_LIST */
	const char *form_help; /* the form in words */
	bool may_be_empty; /* CONFIG_STRING, CONFIG_PATH */
	bool is_reloadable;
	const char *help; /* one or more whole sentences */
};

/* Keys of a section stand together; i < config_key_count(). */
size_t config_key_count(void);
const struct config_key *config_key_info(size_t i);

/* -> index, or -1. */
int config_key_find(const char *section, const char *name);
bool config_section_exists(const char *section);

#endif
