/*
 * A path as the gate's rules see it. Web servers, file systems and programs
 * do not agree on what a path with escapes, dots or empty segments means; so
 * what could be read in two ways is not read at all. Pure.
 */
#ifndef BASE_GATE_PATH_H
#define BASE_GATE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define GATE_PATH_MAX 2048 /* bytes, decoded */

enum gate_path_form {
	GATE_PATH_URL, /* as asked for: escapes, and a query after '?' */
	GATE_PATH_DECODED, /* as a web server hands it on */
};

struct gate_path {
	char bytes[GATE_PATH_MAX + 1]; /* decoded, no empty segment but the
					  last; not ended by a NUL */
	size_t n;
	size_t gap; /* where an empty segment was left out first; else n */
};

/*
 * Decodes n bytes. false, and *out unusable: no absolute path, longer than
 * GATE_PATH_MAX, or ambiguous. That is a broken escape; an escape for '/',
 * '\', '?', '#', ';' or a control byte, or these bytes themselves; a '%' that
 * a second decoding would take for an escape; overlong UTF-8; a segment that
 * is "." or ".." or ends in a dot or a blank.
 */
bool gate_path_read(
    struct gate_path *out, const char *s, size_t n, enum gate_path_form form);

#endif
