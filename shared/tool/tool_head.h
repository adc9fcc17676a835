/*
 * The head of an HTTP/1 answer, as much of it as a diagnosis needs. Pure:
 * bytes in, a status and values out.
 */
#ifndef TOOL_TOOL_HEAD_H
#define TOOL_TOOL_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tool_head {
	int status; /* 100..599 */
	const char *fields; /* behind the status line; into the bytes */
	size_t n; /* of the fields, without the empty line */
};

enum tool_head_err {
	TOOL_HEAD_OK = 0,
	TOOL_HEAD_PARTIAL, /* no empty line yet */
	TOOL_HEAD_INVALID, /* not the answer of an HTTP/1 server */
};

/* RFC 9112 §4, §5. *out points into bytes. */
enum tool_head_err
tool_head_parse(const char *bytes, size_t n, struct tool_head *out);

/*
 * The i-th field (from 0) of that name, whose case makes no difference: its
 * value without blanks around it, not ended by a NUL. false: there is none.
 */
bool tool_head_field(const struct tool_head *h, const char *name, size_t i,
    const char **value, size_t *value_len);

/* The Date (RFC 9110 §5.6.7, as all servers write it), or 0. */
int64_t tool_head_date_s(const struct tool_head *h);

#endif
