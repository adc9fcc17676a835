/*
 * The rules of [gate]: "PATH=WHO", who may see what is below a path. Pure.
 */
#ifndef BASE_GATE_RULE_H
#define BASE_GATE_RULE_H

#include "base/gate_path.h"
#include "base/group.h"

#include <stdbool.h>
#include <stddef.h>

enum gate_who {
	GATE_WHO_ANY, /* every signed-in user; also where no rule is */
	GATE_WHO_PUBLIC, /* everybody */
	GATE_WHO_GROUPS, /* who is in one of the groups */
	GATE_WHO_UNCLEAR, /* two readings of the path have different rules */
};

#define GATE_RULE_PATH_MAX 255

struct gate_rule {
	char path[GATE_RULE_PATH_MAX + 1]; /* decoded; no slash at its end */
	size_t n;
	enum gate_who who; /* not UNCLEAR */
	char groups[GROUP_LIST_SIZE]; /* GATE_WHO_GROUPS; else "" */
};

/*
 * Reads one rule. PATH as gate_path_read takes it from a URL, without a
 * query or an empty segment; a slash at its end makes no difference. WHO is
 * any, public, or groups with commas between them. false: not a rule.
 */
bool gate_rule_parse(const char *word, struct gate_rule *out);

/*
 * Of n rules the one with the longest path that is the given one or lies
 * above it, segment by segment. Words that are no rules are passed over:
 * config_form_gate_rule lets none in. UNCLEAR: a path in another case, or one
 * whose empty segments count, would come under another rule that is not the
 * same. groups is set as in struct gate_rule.
 */
enum gate_who gate_rules_find(char *const *rules, size_t n,
    const struct gate_path *path, char groups[static GROUP_LIST_SIZE]);

#endif
