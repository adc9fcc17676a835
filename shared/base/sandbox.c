#include "base/sandbox.h"

#include "base/log.h"
#include "base/sandbox_calls.h"
#include "base/sandbox_files.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define UNIX_PREFIX "unix:"

/* A socket of our own is removed at the end; TCP has no file. */
static void
allow_removal(struct sandbox_files *f, const char *address)
{
	size_t n = strlen(UNIX_PREFIX);

	if (strncmp(address, UNIX_PREFIX, n) == 0)
		sandbox_files_allow_beside(f, address + n, SANDBOX_REMOVE);
}

static void
allow_files(struct sandbox_files *f, const struct sandbox_opts *o)
{
	const struct config *c = o->config;
	const char *listen =
	    o->role == SANDBOX_WSD ? c->wsd.listen : c->login.listen;

	sandbox_files_allow(f, c->store.dir,
	    o->role == SANDBOX_WSD ? SANDBOX_READ : SANDBOX_WRITE);
	/* What localtime(3) reads again when it has changed. */
	sandbox_files_allow(f, "/etc/localtime", SANDBOX_READ);
	sandbox_files_allow(f, "/usr/share/zoneinfo", SANDBOX_READ);
	if (SANDBOX_HAS_SANITIZER) {
		sandbox_files_allow(f, "/proc", SANDBOX_READ);
		sandbox_files_allow(f, "/proc/self/exe", SANDBOX_READ);
	}
	if (o->role == SANDBOX_LOGIN_WORKER)
		return;
	/* SIGHUP; an editor puts a new file in the old one's place. */
	sandbox_files_allow_beside(f,
	    o->config_path != NULL ? o->config_path : CONFIG_PATH_DEFAULT,
	    SANDBOX_READ);
	allow_removal(f, listen);
	for (size_t i = 0; i < o->listen_count; i++)
		allow_removal(f, o->listen[i]);
	if (o->role == SANDBOX_LOGIN_MASTER) {
		sandbox_files_allow(f, c->login.templates, SANDBOX_READ);
		return;
	}
	if (c->wsd.history_dir[0] != '\0')
		sandbox_files_allow(f, c->wsd.history_dir, SANDBOX_WRITE);
	allow_removal(f, c->wsd.control);
	allow_removal(f, c->wsd.metrics_listen);
}

/*
 * Passwords and keys are in this memory: no core of it, and no other process
 * of the same user attaches to it.
 */
static int
close_memory(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_err_errno("sandbox");
		return -1;
	}
	return 0;
}

int
sandbox_enter(const struct sandbox_opts *opts)
{
	struct sandbox_files files;

	tzset();
	if (close_memory() == -1)
		return -1;
	sandbox_files_init(&files);
	allow_files(&files, opts);
	if (sandbox_files_enter(&files) == -1)
		return -1;
	return sandbox_calls_enter(opts->role);
}
