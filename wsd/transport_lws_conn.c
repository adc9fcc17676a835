/*
 * What goes out is ready bytes, straight to the kernel; what it does not
 * take is kept here and not by libwebsockets, which would stop reading
 * meanwhile and, with libuv, spin on what it does not read. Its framing and
 * its closing are not used: a frame written while another is unfinished
 * corrupts its stream, and its close frame is lost when bytes are buffered.
 */
#include "wsd/transport_lws_conn.h"

#include "wsd/frame.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* How long a peer may take to answer a close frame. */
#define CLOSE_WAIT_MS 3000
#define CLOSE_REASON_MAX (DEFRAME_CONTROL_MAX - 2)

struct conn_list *
conn_list_of(struct conn *c)
{
	switch (c->state) {
	case CONN_OPEN:
		return &c->owner->open;
	case CONN_CLOSING:
	case CONN_FAILED:
		return &c->owner->closing;
	case CONN_DOOMED:
		break;
	}
	return &c->owner->doomed;
}

void
conn_set_state(struct conn *c, enum conn_state state)
{
	TAILQ_REMOVE(conn_list_of(c), c, entry);
	c->state = state;
	TAILQ_INSERT_TAIL(conn_list_of(c), c, entry);
}

/* How much of it the kernel took, or -1: the connection is dead. */
static ssize_t
send_some(struct conn *c, const uint8_t *bytes, size_t n)
{
	ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return sent;
}

/* Puts n bytes behind what waits. 0, or -1: no memory. */
static int
keep(struct conn *c, const uint8_t *bytes, size_t n)
{
	size_t used = c->rest == NULL ? 0 : c->rest->n;
	struct conn_rest *r = realloc(c->rest, sizeof(*r) + used + n);
	if (r == NULL)
		return -1;
	if (c->rest == NULL) {
		*r = (struct conn_rest){0};
		lws_callback_on_writable(c->wsi);
	}
	memcpy(r->bytes + used, bytes, n);
	r->n = used + n;
	c->rest = r;
	return 0;
}

/* 0, or -1: nothing can be written any more. */
static int
put(struct conn *c, const uint8_t *bytes, size_t n)
{
	size_t sent = 0;
	if (c->rest == NULL) {
		ssize_t rc = send_some(c, bytes, n);
		if (rc == -1)
			return -1;
		sent = (size_t)rc;
	}
	return sent == n ? 0 : keep(c, bytes + sent, n - sent);
}

/* A control frame of at most DEFRAME_CONTROL_MAX payload bytes. */
static int
put_control(
    struct conn *c, enum frame_opcode opcode, const uint8_t *payload, size_t n)
{
	uint8_t frame[FRAME_HEADER_MAX + DEFRAME_CONTROL_MAX];
	size_t header_bytes = frame_header(frame, opcode, n);
	if (n > 0)
		memcpy(frame + header_bytes, payload, n);
	return put(c, frame, header_bytes + n);
}

static enum transport_result
conn_write(
    void *conn, const uint8_t *bytes, size_t n, struct transport_taken *taken)
{
	struct conn *c = conn;
	size_t frames;

	if (c->state != CONN_OPEN)
		return TRANSPORT_GONE;
	if (c->rest != NULL)
		return TRANSPORT_BUSY;
	*taken = (struct transport_taken){.bytes = n};
	ssize_t sent = send_some(c, bytes, n);
	if (sent == (ssize_t)n)
		return TRANSPORT_OK;
	if (sent != -1) {
		size_t at = (size_t)sent;
		taken->bytes = frame_run_past(bytes, n, at, &frames);
		taken->kept = taken->bytes - at;
		if (keep(c, bytes + at, taken->kept) == 0)
			return TRANSPORT_OK;
	}
	conn_set_state(c, CONN_DOOMED);
	return TRANSPORT_GONE;
}

static bool
conn_is_busy(void *conn)
{
	const struct conn *c = conn;
	return c->state == CONN_OPEN && c->rest != NULL;
}

static void
conn_want_write(void *conn)
{
	struct conn *c = conn;
	if (c->state == CONN_OPEN)
		lws_callback_on_writable(c->wsi);
}

static void
conn_cut_soon(void *conn)
{
	conn_set_state(conn, CONN_DOOMED);
}

static size_t
conn_kernel_bytes(void *conn, bool *has_unsent)
{
	const struct conn *c = conn;
	int unsent = 0;
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t n = sizeof(info);

	getsockopt(c->fd, SOL_SOCKET, SO_MEMINFO, info, &n);
	if (info[SK_MEMINFO_WMEM_QUEUED] > 0)
		ioctl(c->fd, SIOCOUTQNSD, &unsent);
	*has_unsent = unsent > 0;
	return info[SK_MEMINFO_WMEM_QUEUED];
}

const struct transport_ops conn_ops = {
    .write = conn_write,
    .is_busy = conn_is_busy,
    .want_write = conn_want_write,
    .close = conn_close,
    .cut = conn_cut_soon,
    .kernel_bytes = conn_kernel_bytes,
};

/* A close frame, and then state (or none, when it cannot be written). */
static void
begin_close(
    struct conn *c, enum conn_state state, const uint8_t *payload, size_t n)
{
	if (put_control(c, FRAME_CLOSE, payload, n) == -1)
		state = CONN_DOOMED;
	c->deadline_ms = clock_mono_ms(c->owner->clock) + CLOSE_WAIT_MS;
	conn_set_state(c, state);
}

static void
close_with(
    struct conn *c, enum conn_state state, uint16_t code, const char *reason)
{
	size_t len = strnlen(reason, CLOSE_REASON_MAX);
	uint8_t payload[DEFRAME_CONTROL_MAX] = {
	    (uint8_t)(code >> 8), (uint8_t)code};
	memcpy(payload + 2, reason, len);
	begin_close(c, state, payload, 2 + len);
}

void
conn_close(void *conn, uint16_t code, const char *reason)
{
	struct conn *c = conn;
	if (c->state == CONN_OPEN)
		close_with(c, CONN_CLOSING, code, reason);
}

/*
 * Its end of the stream tells the peer that no answer is read; what it still
 * sends is, for closing on unread bytes would reset the connection, and the
 * close frame might be lost.
 */
static void
end_stream(struct conn *c)
{
	if (c->state == CONN_FAILED && c->rest == NULL)
		shutdown(c->fd, SHUT_WR);
}

void
conn_fail(struct conn *c, uint16_t code, const char *reason)
{
	close_with(c, CONN_FAILED, code, reason);
	end_stream(c);
}

int
conn_answer_close(struct conn *c, uint16_t code)
{
	const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
	if (c->state == CONN_OPEN)
		begin_close(c, CONN_FAILED, payload, code == 0 ? 0 : 2);
	else
		conn_set_state(c, CONN_FAILED);
	return c->rest == NULL ? -1 : 0;
}

void
conn_pong(struct conn *c, const uint8_t *payload, size_t n)
{
	struct conn_rest *r = c->rest;
	if (r != NULL && r->pong > r->sent)
		r->n = r->pong;
	size_t at = r == NULL ? 0 : r->n;
	if (put_control(c, FRAME_PONG, payload, n) == -1)
		conn_set_state(c, CONN_DOOMED);
	else if (at > 0)
		c->rest->pong = at;
}

bool
conn_resume(struct conn *c)
{
	struct conn_rest *r = c->rest;
	if (r != NULL) {
		ssize_t sent = send_some(c, r->bytes + r->sent, r->n - r->sent);
		if (sent == -1) {
			conn_set_state(c, CONN_DOOMED);
			return false;
		}
		r->sent += (size_t)sent;
		if (r->sent < r->n) {
			lws_callback_on_writable(c->wsi);
			return false;
		}
		free(r);
		c->rest = NULL;
		end_stream(c);
	}
	return c->state == CONN_OPEN;
}

/*
 * With a reset: else what is unsent would stay with the kernel for minutes,
 * for a peer that has stopped.
 */
void
conn_cut(struct conn *c)
{
	const struct linger none = {.l_onoff = 1};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}
