/*
 * gatecast doctor: looks at everything a site stands on and changes nothing.
 * A check that fails does not keep the others from being made.
 */
#include "tool/tool_doctor.h"

#include <stdarg.h>
#include <stdio.h>

/* Users come last: for them the tool becomes the owner of store.dir. */
static const struct {
	const char *name;
	void (*run)(struct doctor *d, const char *name);
} checks[] = {
    {"configuration", doctor_configuration},
    {"templates", doctor_templates},
    {"secrets", doctor_secrets},
    {"disk", doctor_disk},
    {"plain http", doctor_plain_http},
    {"login socket", doctor_login_socket},
    {"wsd socket", doctor_wsd_socket},
    {"wsd", doctor_wsd},
    {"site", doctor_site},
    {"users", doctor_users},
};

static void say(const char *lead, const char *name, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void
say(const char *lead, const char *name, const char *fmt, va_list ap)
{
	printf("%-4s  %s: ", lead, name);
	vprintf(fmt, ap);
	putchar('\n');
}

void
doctor_ok(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("ok", name, fmt, ap);
	va_end(ap);
}

void
doctor_skip(const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("skip", name, fmt, ap);
	va_end(ap);
}

void
doctor_find(
    struct doctor *d, bool is_failure, const char *name, const char *fmt, ...)
{
	va_list ap;

	d->has_failed = d->has_failed || is_failure;
	va_start(ap, fmt);
	say(is_failure ? "FAIL" : "warn", name, fmt, ap);
	va_end(ap);
}

void
doctor_fix(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("      fix: ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

int
tool_doctor(struct tool *t)
{
	struct doctor d = {.t = t};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i].run(&d, checks[i].name);
	return d.has_failed ? TOOL_REFUSED : TOOL_OK;
}
