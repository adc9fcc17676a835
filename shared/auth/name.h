/*
 * User names: letters of any script in NFC, digits, '.', '_', '-'; first a
 * letter or digit; 1-64 characters. The only file that knows utf8proc.
 */
#ifndef AUTH_NAME_H
#define AUTH_NAME_H

#include <stddef.h>

#define NAME_CHARS_MAX 64
#define NAME_SIZE (NAME_CHARS_MAX * 4 + 1)

enum name_err {
	NAME_OK = 0,
	NAME_EMPTY,
	NAME_LONG,
	NAME_ENCODING, /* not UTF-8 */
	NAME_GRAMMAR, /* a character outside the grammar */
};

/* The NFC spelling of n bytes, NUL-terminated. Pure. */
enum name_err
name_canonical(const char *bytes, size_t n, char out[static NAME_SIZE]);

/*
 * The spelling under which a name is looked up: NFC and case-folded, so
 * that Alice and alice are one account. in must be canonical.
 */
#define NAME_FOLD_SIZE (NAME_SIZE * 3)
enum name_err name_fold(const char *in, char out[static NAME_FOLD_SIZE]);

const char *name_strerror(enum name_err err); /* what is allowed */

#endif
