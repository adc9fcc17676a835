/*
 * A name is read once, by a stranger's keyboard, and then seen by everybody:
 * so it holds nothing invisible, nothing that reorders text, and one
 * spelling. Combining marks are taken behind a letter, because many scripts
 * cannot be written without them, and only so many of them, because they
 * stack. What looks alike is looked for where names are made, by the admin
 * tool (tool/tool_names.h), and not here, where each login comes by.
 */
#include "auth/name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <utf8proc.h>

/* Decomposed input may be longer than what becomes of it. */
#define INPUT_BYTES_MAX ((size_t)(NAME_CHARS_MAX * 4 * 4))
#define CODES_MAX 4096
#define MARKS_MAX 4 /* in a row; UTS #39 §5.4 has the same limit */

enum kind {
	KIND_LETTER,
	KIND_MARK,
	KIND_DIGIT,
	KIND_PUNCTUATION,
	KIND_NONE,
};

static enum kind
kind_of(int32_t code)
{
	if (code == '.' || code == '_' || code == '-')
		return KIND_PUNCTUATION;
	/* Fillers and selectors are letters and marks that nobody sees. */
	const utf8proc_property_t *p = utf8proc_get_property(code);
	if (p->ignorable)
		return KIND_NONE;
	switch (p->category) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
		return KIND_LETTER;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
		return KIND_MARK;
	case UTF8PROC_CATEGORY_ND:
		return KIND_DIGIT;
	default:
		return KIND_NONE;
	}
}

static bool
is_grammatical(const int32_t *codes, size_t n)
{
	bool takes_mark = false;
	unsigned marks = 0;

	for (size_t i = 0; i < n; i++) {
		enum kind kind = kind_of(codes[i]);

		if (kind == KIND_NONE || (i == 0 && kind == KIND_PUNCTUATION))
			return false;
		if (kind == KIND_MARK) {
			if (!takes_mark || ++marks > MARKS_MAX)
				return false;
		} else {
			takes_mark = kind == KIND_LETTER;
			marks = 0;
		}
	}
	return true;
}

/* Decomposes and composes again; *count code points. */
static enum name_err
normalize(const char *bytes, size_t n, utf8proc_option_t options,
    int32_t codes[static CODES_MAX + 1], size_t *count)
{
	utf8proc_ssize_t got = utf8proc_decompose((const uint8_t *)bytes,
	    (utf8proc_ssize_t)n, codes, CODES_MAX, options);

	if (got == UTF8PROC_ERROR_NOTASSIGNED)
		return NAME_GRAMMAR;
	if (got < 0)
		return NAME_ENCODING;
	if (got > CODES_MAX)
		return NAME_LONG;
	got = utf8proc_normalize_utf32(codes, got, options);
	if (got < 0)
		return NAME_ENCODING;
	*count = (size_t)got;
	return NAME_OK;
}

/* In place; codes has room for one more. */
static enum name_err
encode(int32_t *codes, size_t count, utf8proc_option_t options, char *out,
    size_t size)
{
	utf8proc_ssize_t n =
	    utf8proc_reencode(codes, (utf8proc_ssize_t)count, options);

	if (n < 0)
		return NAME_ENCODING;
	if ((size_t)n >= size)
		return NAME_LONG;
	memcpy(out, codes, (size_t)n);
	out[n] = '\0';
	return NAME_OK;
}

enum name_err
name_canonical(const char *bytes, size_t n, char out[static NAME_SIZE])
{
	const utf8proc_option_t options =
	    UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_REJECTNA;
	int32_t codes[CODES_MAX + 1];
	size_t count;

	if (n == 0)
		return NAME_EMPTY;
	if (n > INPUT_BYTES_MAX)
		return NAME_LONG;
	enum name_err err = normalize(bytes, n, options, codes, &count);
	if (err != NAME_OK)
		return err;
	if (!is_grammatical(codes, count))
		return NAME_GRAMMAR;
	if (count > NAME_CHARS_MAX)
		return NAME_LONG;
	return encode(codes, count, options, out, NAME_SIZE);
}

enum name_err
name_fold(const char *in, char out[static NAME_FOLD_SIZE])
{
	const utf8proc_option_t options =
	    UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;
	int32_t codes[CODES_MAX + 1];
	size_t n = strlen(in), count;

	if (n == 0)
		return NAME_EMPTY;
	if (n >= NAME_SIZE)
		return NAME_LONG;
	enum name_err err = normalize(in, n, options, codes, &count);
	if (err != NAME_OK)
		return err;
	return encode(codes, count, options, out, NAME_FOLD_SIZE);
}

const char *
name_strerror(enum name_err err)
{
	switch (err) {
	case NAME_OK:
		return "a good name";
	case NAME_EMPTY:
		return "a name is not empty";
	case NAME_LONG:
		return "a name has at most 64 characters";
	case NAME_ENCODING:
		return "a name is UTF-8 text";
	case NAME_GRAMMAR:
		break;
	}
	return "a name is made of letters of any script, digits, '.', '_' and "
	       "'-', and begins with a letter or digit";
}
