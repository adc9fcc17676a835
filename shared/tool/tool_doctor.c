/*
 * gatecast doctor: looks at everything a site stands on and changes nothing.
 * A check that fails does not keep the others from being made.
 */
#include "tool/tool_doctor.h"

#include "base/buf.h"

#include <signal.h>
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
    {"web server", doctor_web},
    {"users", doctor_users},
};

static void say(struct doctor *d, const char *level, const char *name,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

/* All but the fix. */
static void
say(struct doctor *d, const char *level, const char *name, const char *fmt,
    va_list ap)
{
	struct buf what = BUF_INIT;

	buf_vprintf(&what, fmt, ap);
	if (d->out == NULL) {
		printf("%-4s  %s: %s\n", level, name, buf_str(&what));
	} else {
		tool_out_text(d->out, name);
		tool_out_text(d->out, level);
		tool_out_text(d->out, buf_str(&what));
	}
	buf_fini(&what);
}

void
doctor_ok(struct doctor *d, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, "ok", name, fmt, ap);
	va_end(ap);
	if (d->out != NULL)
		tool_out_text(d->out, "");
}

void
doctor_skip(struct doctor *d, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, "skip", name, fmt, ap);
	va_end(ap);
	if (d->out != NULL)
		tool_out_text(d->out, "");
}

void
doctor_find(
    struct doctor *d, bool is_failure, const char *name, const char *fmt, ...)
{
	va_list ap;

	d->has_failed = d->has_failed || is_failure;
	va_start(ap, fmt);
	say(d, is_failure ? "FAIL" : "warn", name, fmt, ap);
	va_end(ap);
}

void
doctor_fix(struct doctor *d, const char *fmt, ...)
{
	struct buf fix = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&fix, fmt, ap);
	va_end(ap);
	if (d->out == NULL)
		printf("      fix: %s\n", buf_str(&fix));
	else
		tool_out_text(d->out, buf_str(&fix));
	buf_fini(&fix);
}

int
tool_doctor(struct tool *t)
{
	static const char *const columns[] = {"check", "level", "what", "fix"};
	struct doctor d = {.t = t};

	if (t->args.has_json && (d.out = tool_out_new(columns, 4)) == NULL)
		return tool_fail(TOOL_REFUSED, "out of memory");
	/* A server that hangs up is a finding. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i].run(&d, checks[i].name);
	int code = d.has_failed ? TOOL_REFUSED : TOOL_OK;
	if (d.out != NULL && tool_out_print(d.out, true, stdout) == -1)
		code = tool_fail_output();
	tool_out_free(d.out);
	return code;
}
