/*
 * Rules and paths: a line of rules with blanks between them, then a path.
 * What is taken is looked at again the way the most careless server would
 * read it: it must not lead to another rule than the one that was found.
 */
#include "base/gate_rule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decoded, in lower case, with doubled slashes and dot segments resolved. */
static void
check_path(const struct gate_path *p)
{
	if (p->n == 0 || p->n > GATE_PATH_MAX || p->gap > p->n ||
	    p->bytes[0] != '/')
		abort();
	for (size_t i = 0; i < p->n; i++) {
		unsigned char c = (unsigned char)p->bytes[i];

		if (c < 0x20 || c == 0x7f || strchr("\\?#;", c) != NULL)
			abort();
		if (c != '/')
			continue;
		if (i + 1 < p->n && p->bytes[i + 1] == '/')
			abort();
		if (i > 0 && (p->bytes[i - 1] == '.' || p->bytes[i - 1] == ' '))
			abort();
	}
}

static void
check_answer(char *const *rules, size_t n, const struct gate_path *p,
    enum gate_who who, const char *groups)
{
	struct gate_path lower = *p;
	char again[GROUP_LIST_SIZE];

	if ((who == GATE_WHO_GROUPS) != (groups[0] != '\0') &&
	    who != GATE_WHO_UNCLEAR)
		abort();
	if (!group_list_is_valid(groups))
		abort();
	if (who == GATE_WHO_UNCLEAR)
		return;
	for (size_t i = 0; i < lower.n; i++)
		if (lower.bytes[i] >= 'A' && lower.bytes[i] <= 'Z')
			lower.bytes[i] |= 0x20;
	lower.gap = lower.n;
	enum gate_who other = gate_rules_find(rules, n, &lower, again);
	if (other != GATE_WHO_UNCLEAR &&
	    (other != who || strcmp(groups, again) != 0))
		abort();
}

/* Of rules that differ in case alone config.c takes none. */
static bool
is_lower(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '%' || (*s >= 'A' && *s <= 'Z'))
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *rules[RULES_MAX];
	char groups[GROUP_LIST_SIZE];
	struct gate_rule rule;
	struct gate_path path;
	size_t n = 0;

	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	char *target = memchr(text, '\n', size);
	if (target == NULL)
		goto out;
	*target++ = '\0';
	for (char *word = strtok(text, " "); word != NULL && n < RULES_MAX;
	     word = strtok(NULL, " "))
		if (gate_rule_parse(word, &rule)) {
			if (rule.n > 0 && rule.path[rule.n - 1] == '/')
				abort();
			if (is_lower(word))
				rules[n++] = word;
		}
	for (int form = GATE_PATH_URL; form <= GATE_PATH_DECODED; form++) {
		if (!gate_path_read(&path, target,
			(size_t)(text + size - target),
			(enum gate_path_form)form))
			continue;
		check_path(&path);
		enum gate_who who = gate_rules_find(rules, n, &path, groups);
		check_answer(rules, n, &path, who, groups);
	}
out:
	free(text);
	return 0;
}
