/*
 * What the checks of gatecast doctor share: one line a check, and below what
 * is not well the exact command or line that mends it; or all of it as JSON.
 */
#ifndef TOOL_TOOL_DOCTOR_H
#define TOOL_TOOL_DOCTOR_H

#include "tool/tool.h"
#include "tool/tool_out.h"

#include <stdbool.h>

struct doctor {
	struct tool *t;
	bool has_failed;
	struct tool_out *out; /* --json; NULL: lines, at once */
};

/* name: of the check, as --json has it. */
void doctor_ok(struct doctor *d, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What could not be looked at, and so may be well or not. */
void doctor_skip(struct doctor *d, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A finding, what it means, to be followed by doctor_fix. is_failure: it does
 * not work so, and the exit code says it; else a warning.
 */
void doctor_find(struct doctor *d, bool is_failure, const char *name,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void doctor_fix(struct doctor *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The checks, each an entry of the table in tool_doctor.c. */
void doctor_configuration(struct doctor *d, const char *name);
void doctor_templates(struct doctor *d, const char *name);
void doctor_secrets(struct doctor *d, const char *name);
void doctor_disk(struct doctor *d, const char *name);
void doctor_plain_http(struct doctor *d, const char *name);
void doctor_login_socket(struct doctor *d, const char *name);
void doctor_wsd_socket(struct doctor *d, const char *name);
void doctor_wsd(struct doctor *d, const char *name);
void doctor_site(struct doctor *d, const char *name);
void doctor_web(struct doctor *d, const char *name);
void doctor_users(struct doctor *d, const char *name);

#endif
