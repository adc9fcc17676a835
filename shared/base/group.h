/*
 * Groups of users: "ops,staff", in the order of bytes, none twice; "" is no
 * group. One spelling for one set, in records and rules alike. Pure.
 */
#ifndef BASE_GROUP_H
#define BASE_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#define GROUP_NAME_MAX 32
#define GROUP_LIST_SIZE 256 /* of a list, its NUL included */
#define GROUP_NAME_FORM                                                        \
	"1 to 32 of a-z, 0-9, '.', '_' and '-', first a letter or digit, not " \
	"any or public"

enum group_err {
	GROUP_OK = 0,
	GROUP_BAD_NAME,
	GROUP_FULL, /* the list would be longer than GROUP_LIST_SIZE */
};

/* As GROUP_NAME_FORM says: `any` and `public` are words of rules. */
bool group_is_name(const char *s, size_t n);

/* Whether it is spelled as above. */
bool group_list_is_valid(const char *list);

/* Puts a name where it belongs; one that is there changes nothing. */
enum group_err
group_list_add(char list[static GROUP_LIST_SIZE], const char *name, size_t n);

/* false: it was not there. */
bool group_list_remove(
    char list[static GROUP_LIST_SIZE], const char *name, size_t n);

/* Whether two lists have a name in common. */
bool group_lists_meet(const char *a, const char *b);

const char *group_strerror(enum group_err err); /* what is allowed */

#endif
