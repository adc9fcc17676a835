/*
 * One who asks is read from or written to, never both: while an answer is under
 * way nothing more is read, so what one holds is a request and an answer.
 */
#include "wsd/control.h"

#include "base/log.h"
#include "wsd/listener.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_BYTES 16384

struct admin {
	TAILQ_ENTRY(admin) entry;
	struct control *owner;
	struct loop_fd *watch;
	int fd;
	uid_t uid;
	int64_t deadline_ms;
	bool is_last; /* nothing is read any more */
	struct buf in;
	struct buf out; /* being written when not empty */
};

TAILQ_HEAD(admin_list, admin);

struct control {
	struct control_opts o;
	struct listeners *listeners;
	struct admin_list admins; /* oldest request first */
	size_t count;
};

static void
cut(struct admin *c)
{
	struct control *control = c->owner;

	TAILQ_REMOVE(&control->admins, c, entry);
	control->count--;
	loop_fd_free(c->watch);
	close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

static void
renew(struct admin *c)
{
	struct control *control = c->owner;

	c->deadline_ms = clock_mono_ms(control->o.clock) + CONTROL_MS;
	TAILQ_REMOVE(&control->admins, c, entry);
	TAILQ_INSERT_TAIL(&control->admins, c, entry);
}

/* Answers the next whole line, if there is one and nothing to be written. */
static void
answer(struct admin *c)
{
	const char *end = c->out.len > 0 || c->in.len == 0
	    ? NULL
	    : memchr(c->in.data, '\n', c->in.len);

	if (end == NULL) {
		if (c->in.len <= CONTROL_LINE_MAX || c->out.len > 0)
			return;
		control_reply_refusal(
		    &c->out, "refused", "the request is too long");
		c->is_last = true;
		return;
	}
	size_t n = (size_t)(end - c->in.data);
	control_reply(&c->owner->o.actions, c->in.data, n, c->uid, &c->out);
	buf_consume(&c->in, n + 1);
	renew(c);
}

/* 0, or -1: c is gone. */
static int
write_out(struct admin *c)
{
	while (c->out.len > 0 && !c->out.has_failed) {
		ssize_t n = send(c->fd, c->out.data, c->out.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			loop_fd_want_write(c->watch);
			return 0;
		}
		if (n == -1)
			break;
		buf_consume(&c->out, (size_t)n);
		if (c->out.len == 0 && !c->is_last)
			answer(c);
	}
	if (c->out.len > 0 || c->out.has_failed || c->is_last) {
		cut(c);
		return -1;
	}
	loop_fd_resume(c->watch);
	return 0;
}

static void
on_ready(void *arg)
{
	struct admin *c = arg;
	char bytes[READ_BYTES];

	if (c->out.len > 0) {
		write_out(c);
		return;
	}
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || buf_append(&c->in, bytes, (size_t)n) == -1) {
		cut(c);
		return;
	}
	answer(c);
	if (c->out.len > 0 || c->out.has_failed)
		write_out(c);
}

static bool
is_allowed(const struct control *control, uid_t uid)
{
	struct stat st;

	return uid == 0 || uid == geteuid() ||
	    (stat(control->o.actions.config->store.dir, &st) == 0 &&
		uid == st.st_uid);
}

static void
on_accept(void *arg, int fd, const char *peer)
{
	struct control *control = arg;
	struct ucred peer_is;
	socklen_t len = sizeof(peer_is);

	(void)peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer_is, &len) == -1) {
		close(fd);
		return;
	}
	if (!is_allowed(control, peer_is.uid)) {
		struct buf out = BUF_INIT;
		control_reply_refusal(&out, "denied",
		    "only root, wsd's user and the owner of store.dir may");
		send(fd, buf_str(&out), out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		buf_fini(&out);
		close(fd);
		log_warn("control: refused uid %u", (unsigned)peer_is.uid);
		return;
	}
	struct admin *c = calloc(1, sizeof(*c));
	if (c == NULL)
		goto err0;
	c->watch = loop_fd_new(control->o.loop, fd, on_ready, c);
	if (c->watch == NULL)
		goto err1;
	c->owner = control;
	c->fd = fd;
	c->uid = peer_is.uid;
	if (control->count == CONTROL_MAX)
		cut(TAILQ_FIRST(&control->admins));
	TAILQ_INSERT_TAIL(&control->admins, c, entry);
	control->count++;
	renew(c);
	return;

err1:
	free(c);
err0:
	close(fd);
}

struct control *
control_new(const struct control_opts *opts)
{
	struct control *control = calloc(1, sizeof(*control));
	if (control == NULL)
		return NULL;
	control->o = *opts;
	TAILQ_INIT(&control->admins);
	control->listeners =
	    listeners_new(opts->loop, opts->clock, on_accept, control);
	if (control->listeners == NULL) {
		free(control);
		return NULL;
	}
	return control;
}

int
control_open(struct control *c, const char *where, struct buf *error)
{
	return listeners_open(c->listeners, where, error);
}

int
control_adopt(struct control *c, int fd, const char *where, struct buf *error)
{
	static const char prefix[] = "unix:";
	struct sockaddr_un sun = {0};
	socklen_t len = sizeof(sun) - 1; /* a NUL stays behind it */

	if (getsockname(fd, (struct sockaddr *)&sun, &len) == -1 ||
	    sun.sun_family != AF_UNIX ||
	    strncmp(where, prefix, sizeof(prefix) - 1) != 0 ||
	    strcmp(sun.sun_path, where + sizeof(prefix) - 1) != 0)
		return 0;
	return listeners_adopt(c->listeners, fd, error) == 0 ? 1 : -1;
}

void
control_tick(struct control *control)
{
	int64_t now = clock_mono_ms(control->o.clock);
	struct admin *c;

	while ((c = TAILQ_FIRST(&control->admins)) != NULL &&
	    c->deadline_ms <= now)
		cut(c);
}

void
control_free(struct control *control)
{
	struct admin *c;

	if (control == NULL)
		return;
	while ((c = TAILQ_FIRST(&control->admins)) != NULL)
		cut(c);
	listeners_free(control->listeners);
	free(control);
}
