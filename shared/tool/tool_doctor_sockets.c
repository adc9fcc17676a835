/*
 * gatecast doctor, who listens: the sockets of login.fcgi and wsd, and wsd's
 * own word over its control socket.
 */
#include "tool/tool_control.h"
#include "tool/tool_doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connects and hangs up. 0, or errno. */
static int
try_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int error = 0;

	/* Its length was checked with the configuration. */
	strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	/* A full queue is somebody who listens. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return errno;
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1 &&
	    errno != EAGAIN)
		error = errno;
	close(fd);
	return error;
}

/* By its mode, and those of the directories above it. */
static bool
is_open_to_all(const char *path)
{
	char dir[4096];
	struct stat st;

	if (stat(path, &st) == -1 || (st.st_mode & S_IWOTH) == 0)
		return false;
	snprintf(dir, sizeof(dir), "%s", path);
	for (char *slash; (slash = strrchr(dir, '/')) != NULL && slash > dir;) {
		*slash = '\0';
		if (stat(dir, &st) == -1 || (st.st_mode & S_IXOTH) == 0)
			return false;
	}
	return true;
}

static void
check_socket(struct doctor *d, const char *name, const char *listen,
    const char *program, const char *unit)
{
	static const char prefix[] = "unix:";

	if (strncmp(listen, prefix, sizeof(prefix) - 1) != 0) {
		doctor_skip(d, name, "%s, not looked at",
		    listen[0] == '\0' ? "handed over to the program" : listen);
		return;
	}
	const char *path = listen + sizeof(prefix) - 1;
	int error = try_connect(path);
	if (error == 0 && is_open_to_all(path)) {
		doctor_find(d, true, name,
		    "%s: every user of this machine can connect, and say there "
		    "that he comes from any address",
		    path);
		doctor_fix(d,
		    "chmod o-rwx %s, and let the web server's group in", path);
		return;
	}
	if (error == 0) {
		doctor_ok(d, name, "%s is listened on", path);
		return;
	}
	if (error == EACCES) {
		doctor_find(d, false, name,
		    "%s: you may not connect, so it was not looked at", path);
		doctor_fix(d, "run gatecast doctor as root");
		return;
	}
	doctor_find(d, true, name, "%s: %s", path,
	    error == ENOENT             ? "is not there"
		: error == ECONNREFUSED ? "nobody listens on it"
					: strerror(error));
	doctor_fix(d, "systemctl start %s, or start %s with -c %s", unit,
	    program, d->t->conf_path);
}

void
doctor_login_socket(struct doctor *d, const char *name)
{
	check_socket(d, name, d->t->config.login.listen, "login.fcgi",
	    "login-fcgi.socket");
}

void
doctor_wsd_socket(struct doctor *d, const char *name)
{
	check_socket(d, name, d->t->config.wsd.listen, "wsd", "wsd.service");
}

void
doctor_wsd(struct doctor *d, const char *name)
{
	const char *where = d->t->config.wsd.control;
	struct tool_control_answer *a;

	if (where[0] == '\0') {
		doctor_find(
		    d, false, name, "wsd.control is empty: it cannot be asked");
		doctor_fix(d,
		    "set control = unix:/run/gatecast/control.sock in "
		    "[wsd] of %s, and start wsd again",
		    d->t->conf_path);
		return;
	}
	int code = tool_control_ask(d->t, "status", NULL, &a);
	if (code != TOOL_OK) {
		doctor_find(d, true, name, "does not answer at %s", where);
		doctor_fix(d,
		    "systemctl restart wsd.service, or start wsd with "
		    "-c %s; then gatecast status",
		    d->t->conf_path);
		return;
	}
	const char *version = tool_control_text(a, NULL, 0, "version");
	if (strcmp(version, GATECAST_VERSION) != 0) {
		doctor_find(d, false, name, "runs as version %s, this is %s",
		    version, GATECAST_VERSION);
		doctor_fix(d, "gatecast drain, and it is started again as %s",
		    GATECAST_VERSION);
	} else {
		doctor_ok(d, name, "version %s, store %s", version,
		    tool_control_text(a, NULL, 0, "store"));
	}
	tool_control_free(a);
}
