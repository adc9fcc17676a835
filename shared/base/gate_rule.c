/*
 * Rules are few and short, so they are read anew at each question and never
 * kept: nothing to build at a reload, nothing to free.
 */
#include "base/gate_rule.h"

#include <string.h>

static bool
parse_who(const char *s, struct gate_rule *out)
{
	out->groups[0] = '\0';
	out->who = GATE_WHO_ANY;
	if (strcmp(s, "any") == 0)
		return true;
	out->who = GATE_WHO_PUBLIC;
	if (strcmp(s, "public") == 0)
		return true;
	out->who = GATE_WHO_GROUPS;
	for (;;) {
		size_t n = strcspn(s, ",");
		if (group_list_add(out->groups, s, n) != GROUP_OK)
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

bool
gate_rule_parse(const char *word, struct gate_rule *out)
{
	struct gate_path path;
	const char *equals = strrchr(word, '=');

	if (equals == NULL ||
	    memchr(word, '?', (size_t)(equals - word)) != NULL)
		return false;
	if (!gate_path_read(
		&path, word, (size_t)(equals - word), GATE_PATH_URL) ||
	    path.gap < path.n)
		return false;
	/* "/" becomes "", which lies above everything. */
	if (path.bytes[path.n - 1] == '/')
		path.n--;
	if (path.n > GATE_RULE_PATH_MAX)
		return false;
	memcpy(out->path, path.bytes, path.n);
	out->path[path.n] = '\0';
	out->n = path.n;
	return parse_who(equals + 1, out);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether the rule's path is that of n bytes, or lies above it. */
static bool
is_above(const struct gate_rule *r, const char *path, size_t n, bool has_case)
{
	if (r->n > n || (r->n < n && path[r->n] != '/'))
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (r->path[i] != path[i] &&
		    (has_case || lower(r->path[i]) != lower(path[i])))
			return false;
	return true;
}

/*
 * The rule with the longest path; without case the first such one. None:
 * every signed-in user.
 */
static void
find(char *const *rules, size_t count, const char *path, size_t n,
    bool has_case, struct gate_rule *best)
{
	struct gate_rule r;
	bool has_best = false;

	best->who = GATE_WHO_ANY;
	best->groups[0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (gate_rule_parse(rules[i], &r) &&
		    is_above(&r, path, n, has_case) &&
		    (!has_best || r.n > best->n)) {
			*best = r;
			has_best = true;
		}
}

static bool
is_same(const struct gate_rule *a, const struct gate_rule *b)
{
	return a->who == b->who && strcmp(a->groups, b->groups) == 0;
}

enum gate_who
gate_rules_find(char *const *rules, size_t n, const struct gate_path *path,
    char groups[static GROUP_LIST_SIZE])
{
	struct gate_rule rule, other;

	find(rules, n, path->bytes, path->n, true, &rule);
	memcpy(groups, rule.groups, GROUP_LIST_SIZE);
	find(rules, n, path->bytes, path->n, false, &other);
	if (!is_same(&rule, &other))
		return GATE_WHO_UNCLEAR;
	if (path->gap < path->n) {
		find(rules, n, path->bytes, path->gap, true, &other);
		if (!is_same(&rule, &other))
			return GATE_WHO_UNCLEAR;
	}
	return rule.who;
}
