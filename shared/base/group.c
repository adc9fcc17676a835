/*
 * A list of groups is short and read far more often than changed, so it is
 * kept as the text it is stored as.
 */
#include "base/group.h"

#include <string.h>

bool
group_is_name(const char *s, size_t n)
{
	if (n == 0 || n > GROUP_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool is_alnum = (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= '0' && s[i] <= '9');
		bool is_inner = s[i] == '.' || s[i] == '_' || s[i] == '-';
		if (!is_alnum && !(is_inner && i > 0))
			return false;
	}
	return !(n == 3 && memcmp(s, "any", n) == 0) &&
	    !(n == 6 && memcmp(s, "public", n) == 0);
}

/* The order of two names: as memcmp, the shorter first. */
static int
compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

/*
 * Steps through a list: *at is 0 at first. false at its end. The name is
 * *name of *n bytes.
 */
static bool
next_name(const char *list, size_t *at, const char **name, size_t *n)
{
	if (list[*at] == '\0')
		return false;
	*name = list + *at;
	*n = strcspn(*name, ",");
	*at += *n;
	if (list[*at] == ',')
		(*at)++;
	return true;
}

bool
group_list_is_valid(const char *list)
{
	const char *name, *last = "";
	size_t at = 0, n, last_n = 0, len = strlen(list);

	if (len >= GROUP_LIST_SIZE || (len > 0 && list[len - 1] == ','))
		return false;
	while (next_name(list, &at, &name, &n)) {
		if (!group_is_name(name, n) ||
		    compare(last, last_n, name, n) >= 0)
			return false;
		last = name;
		last_n = n;
	}
	return true;
}

enum group_err
group_list_add(char list[static GROUP_LIST_SIZE], const char *name, size_t n)
{
	const char *other;
	size_t at = 0, before = 0, other_n, len = strlen(list);

	if (!group_is_name(name, n))
		return GROUP_BAD_NAME;
	while (next_name(list, &at, &other, &other_n)) {
		int order = compare(other, other_n, name, n);
		if (order == 0)
			return GROUP_OK;
		if (order > 0)
			break;
		before = (size_t)(other - list) + other_n;
	}
	size_t more = n + (len > 0 ? 1 : 0);
	if (len + more >= GROUP_LIST_SIZE)
		return GROUP_FULL;
	/* before: the end of the name in front of it, or 0. */
	memmove(list + before + more, list + before, len - before + 1);
	if (before > 0)
		list[before++] = ',';
	memcpy(list + before, name, n);
	if (before == 0 && len > 0)
		list[n] = ',';
	return GROUP_OK;
}

bool
group_list_remove(char list[static GROUP_LIST_SIZE], const char *name, size_t n)
{
	const char *other;
	size_t at = 0, other_n;

	while (next_name(list, &at, &other, &other_n)) {
		if (compare(other, other_n, name, n) != 0)
			continue;
		size_t from = (size_t)(other - list);
		memmove(list + from, list + at, strlen(list + at) + 1);
		/* It was the last: the comma before it goes too. */
		if (list[from] == '\0' && from > 0)
			list[from - 1] = '\0';
		return true;
	}
	return false;
}

bool
group_lists_meet(const char *a, const char *b)
{
	const char *x, *y;
	size_t at = 0, bt = 0, x_n, y_n;
	bool has_x = next_name(a, &at, &x, &x_n);
	bool has_y = next_name(b, &bt, &y, &y_n);

	while (has_x && has_y) {
		int order = compare(x, x_n, y, y_n);
		if (order == 0)
			return true;
		if (order < 0)
			has_x = next_name(a, &at, &x, &x_n);
		else
			has_y = next_name(b, &bt, &y, &y_n);
	}
	return false;
}

const char *
group_strerror(enum group_err err)
{
	switch (err) {
	case GROUP_OK:
		return "in order";
	case GROUP_BAD_NAME:
		return "a group's name has " GROUP_NAME_FORM;
	case GROUP_FULL:
		return "a user's groups have at most 255 bytes in all";
	}
	return "unknown";
}
