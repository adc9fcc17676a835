/*
 * One request a connection, with a limit of time at every step: a daemon that
 * stands still is one that cannot be reached.
 */
#include "tool/tool_control.h"

#include "base/buf.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 10

struct tool_control_answer {
	json_t *root;
};

static int
fail_reach(const char *where, int error)
{
	const char *advice = "";

	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		advice = "; is wsd running, with the same configuration?";
		break;
	case EACCES:
		advice = "; run it as root, or as the owner of store.dir";
		break;
	case EAGAIN:
	case ETIMEDOUT:
		return tool_fail(TOOL_UNREACHABLE,
		    "wsd does not answer at %s for %d s", where, TIMEOUT_S);
	default:
		break;
	}
	return tool_fail(TOOL_UNREACHABLE, "cannot reach wsd at %s: %s%s",
	    where, strerror(error), advice);
}

/* A descriptor in *fd. TOOL_OK or the exit code. */
static int
reach(const char *where, int *fd)
{
	static const char prefix[] = "unix:";
	const struct timeval limit = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	*fd = -1;
	if (where[0] == '\0')
		return tool_fail(TOOL_UNREACHABLE,
		    "wsd.control is empty: wsd has no control socket; name one "
		    "in the configuration and start wsd again");
	/* Its form and length were checked with the configuration. */
	strncpy(
	    sun.sun_path, where + sizeof(prefix) - 1, sizeof(sun.sun_path) - 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd == -1)
		return fail_reach(where, errno);
	if (setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ==
		-1 ||
	    setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		-1 ||
	    connect(*fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1) {
		int error = errno;
		close(*fd);
		return fail_reach(where, error);
	}
	return TOOL_OK;
}

static char *
make_request(const char *command, const struct tool_control_field *fields)
{
	json_t *root = json_pack("{ss}", "command", command);

	for (; root != NULL && fields != NULL && fields->key != NULL; fields++)
		if (fields->value != NULL &&
		    json_object_set_new(root, fields->key,
			json_stringn(fields->value, fields->n)) == -1) {
			json_decref(root);
			return NULL;
		}
	char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return text;
}

/* 0, or -1 with errno. */
static int
send_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return -1;
		bytes += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* One line, without its end. 0, or -1 with errno. */
static int
receive_line(int fd, struct buf *in)
{
	char bytes[16384];

	for (;;) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0)
			return -1;
		if (in->len > TOOL_CONTROL_ANSWER_MAX ||
		    buf_append(in, bytes, (size_t)n) == -1) {
			errno = ENOMEM;
			return -1;
		}
		if (bytes[n - 1] == '\n')
			return 0;
	}
}

static int
judge(const json_t *root)
{
	if (json_is_true(json_object_get(root, "ok")))
		return TOOL_OK;
	const char *code = json_string_value(json_object_get(root, "code"));
	const char *error = json_string_value(json_object_get(root, "error"));
	if (code == NULL || error == NULL)
		return tool_fail(TOOL_UNREACHABLE,
		    "wsd's answer makes no sense; is it of this version?");
	if (strcmp(code, "not_found") == 0)
		return tool_fail(TOOL_NOTFOUND, "%s", error);
	if (strcmp(code, "denied") == 0)
		return tool_fail(TOOL_UNREACHABLE, "wsd refuses: %s", error);
	return tool_fail(TOOL_REFUSED, "%s", error);
}

int
tool_control_ask(const struct tool *t, const char *command,
    const struct tool_control_field *fields,
    struct tool_control_answer **answer)
{
	const char *where = t->config.wsd.control;
	struct buf in = BUF_INIT;
	int fd;

	*answer = NULL;
	char *request = make_request(command, fields);
	if (request == NULL)
		return tool_fail(TOOL_REFUSED, "the text is not UTF-8");
	int code = reach(where, &fd);
	if (code != TOOL_OK)
		goto err0;
	/*
	 * One who may not ask is told so at once, and what we send is not
	 * read: the answer counts, not that.
	 */
	int rc = send_all(fd, request, strlen(request));
	if (rc == 0)
		rc = send_all(fd, "\n", 1);
	if ((rc == -1 && errno != EPIPE && errno != ECONNRESET) ||
	    receive_line(fd, &in) == -1) {
		code = fail_reach(where, errno);
		goto err1;
	}
	struct tool_control_answer *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		code = tool_fail(TOOL_REFUSED, "out of memory");
		goto err1;
	}
	a->root = json_loadb(in.data, in.len, 0, NULL);
	code = judge(a->root);
	if (code == TOOL_OK)
		*answer = a;
	else
		tool_control_free(a);
err1:
	close(fd);
err0:
	buf_fini(&in);
	free(request);
	return code;
}

void
tool_control_free(struct tool_control_answer *a)
{
	if (a == NULL)
		return;
	json_decref(a->root);
	free(a);
}

static const json_t *
find(const struct tool_control_answer *a, const char *list, size_t i,
    const char *key)
{
	const json_t *at = a->root;

	if (list != NULL)
		at = json_array_get(json_object_get(at, list), i);
	return json_object_get(at, key);
}

int64_t
tool_control_number(const struct tool_control_answer *a, const char *list,
    size_t i, const char *key)
{
	return json_integer_value(find(a, list, i, key));
}

const char *
tool_control_text(const struct tool_control_answer *a, const char *list,
    size_t i, const char *key)
{
	const char *text = json_string_value(find(a, list, i, key));

	return text != NULL ? text : "";
}

size_t
tool_control_count(const struct tool_control_answer *a, const char *list)
{
	return json_array_size(json_object_get(a->root, list));
}
