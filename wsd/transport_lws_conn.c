/*
 * Bytes of whole frames go out with LWS_WRITE_RAW, which is safe to continue
 * as long as each write ends on a frame boundary; a framed write while one is
 * unfinished corrupts the stream. The library's own close frame is lost when
 * bytes are still buffered or when WRITEABLE asked for it (libuv, Debian's
 * build), and each waits in a sorted list. Ours is bytes like any other,
 * behind what was written, and we wait for the answer ourselves.
 */
#include "wsd/transport_lws_conn.h"

#include "wsd/frame.h"
#include "wsd/transport_lws.h"

#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* How long a peer may take to answer a close frame. */
#define CLOSE_WAIT_MS 3000
#define CLOSE_PAYLOAD_MAX 125
#define CLOSE_REASON_MAX (CLOSE_PAYLOAD_MAX - 2)

struct conn_list *
conn_list_of(struct conn *c)
{
	switch (c->state) {
	case CONN_OPEN:
		return &c->owner->open;
	case CONN_CLOSING:
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

/*
 * Behind whatever the library keeps already. It takes a mutable pointer
 * because framed writes put a header in front of it; a raw write only reads.
 */
static int
write_raw(struct conn *c, const uint8_t *bytes, size_t n)
{
	return lws_write(c->wsi, (unsigned char *)(uintptr_t)bytes, n,
		   LWS_WRITE_RAW) < 0
	    ? -1
	    : 0;
}

/*
 * The kernel first: nearly always it takes everything, and the library's own
 * way there costs 2 % more. What it does not take of a frame, and what it
 * says of a dead peer, is the library's, which keeps the rest
 * (lws_partial_buffered) and writes it when there is room.
 */
static enum transport_result
raw_write(
    void *conn, const uint8_t *bytes, size_t n, struct transport_taken *taken)
{
	struct conn *c = conn;
	size_t frames;
	if (c->state != CONN_OPEN)
		return TRANSPORT_GONE;
	if (lws_partial_buffered(c->wsi))
		return TRANSPORT_BUSY;
	ssize_t sent = send(
	    lws_get_socket_fd(c->wsi), bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	*taken = (struct transport_taken){.bytes = n};
	if (sent == (ssize_t)n)
		return TRANSPORT_OK;
	size_t at = sent > 0 ? (size_t)sent : 0;
	taken->bytes = frame_run_past(bytes, n, at, &frames);
	taken->kept = taken->bytes - at;
	if (write_raw(c, bytes + at, taken->kept) == -1) {
		conn_set_state(c, CONN_DOOMED);
		return TRANSPORT_GONE;
	}
	return TRANSPORT_OK;
}

static bool
raw_is_busy(void *conn)
{
	struct conn *c = conn;
	return c->state == CONN_OPEN && lws_partial_buffered(c->wsi);
}

static void
want_write(void *conn)
{
	struct conn *c = conn;
	if (c->state == CONN_OPEN)
		lws_callback_on_writable(c->wsi);
}

int
conn_write_close(struct conn *c, const uint8_t *payload, size_t n)
{
	uint8_t frame[FRAME_HEADER_MAX + CLOSE_PAYLOAD_MAX];
	if (c->framed.n > 0)
		return -1;
	size_t header_bytes = frame_header(frame, FRAME_CLOSE, n);
	memcpy(frame + header_bytes, payload, n);
	return write_raw(c, frame, header_bytes + n);
}

void
conn_await_end(struct conn *c)
{
	c->deadline_ms = clock_mono_ms(c->owner->clock) + CLOSE_WAIT_MS;
	conn_set_state(c, CONN_CLOSING);
}

void
conn_close(void *conn, uint16_t code, const char *reason)
{
	struct conn *c = conn;
	if (c->state != CONN_OPEN)
		return;
	size_t len = strnlen(reason, CLOSE_REASON_MAX);
	uint8_t payload[2 + CLOSE_REASON_MAX] = {
	    (uint8_t)(code >> 8), (uint8_t)code};
	memcpy(payload + 2, reason, len);
	if (conn_write_close(c, payload, 2 + len) == 0)
		conn_await_end(c);
	else
		conn_set_state(c, CONN_DOOMED);
}

static void
cut_soon(void *conn)
{
	conn_set_state(conn, CONN_DOOMED);
}

static size_t
kernel_bytes(void *conn)
{
	const struct conn *c = conn;
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t n = sizeof(info);

	getsockopt(lws_get_socket_fd(c->wsi), SOL_SOCKET, SO_MEMINFO, info, &n);
	return info[SK_MEMINFO_WMEM_QUEUED];
}

static const struct transport_ops raw_ops = {
    .cut = cut_soon,
    .kernel_bytes = kernel_bytes,
    .write = raw_write,
    .is_busy = raw_is_busy,
    .want_write = want_write,
    .close = conn_close,
};

/* --- framed: the same by the library's own framing ---------------------- */

static enum framed_sent
send_framed(
    void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t n)
{
	struct conn *c = arg;
	/* It writes its header in front of the payload. */
	unsigned char *copy = malloc(LWS_PRE + n);
	if (copy == NULL)
		return FRAMED_FAILED;
	memcpy(copy + LWS_PRE, payload, n);
	int rc = lws_write(c->wsi, copy + LWS_PRE, n,
	    opcode == FRAME_PING ? LWS_WRITE_PING : LWS_WRITE_TEXT);
	free(copy);
	if (rc < 0)
		return FRAMED_FAILED;
	return lws_partial_buffered(c->wsi) ? FRAMED_UNFINISHED : FRAMED_MORE;
}

static bool
library_is_busy(void *conn)
{
	struct conn *c = conn;
	return c->state == CONN_OPEN &&
	    (c->framed.n > 0 || lws_partial_buffered(c->wsi));
}

static enum transport_result
library_write(
    void *conn, const uint8_t *bytes, size_t n, struct transport_taken *taken)
{
	struct conn *c = conn;
	if (c->state != CONN_OPEN)
		return TRANSPORT_GONE;
	if (library_is_busy(c))
		return TRANSPORT_BUSY;
	if (framed_write(&c->framed, bytes, n, send_framed, c) == -1) {
		conn_set_state(c, CONN_DOOMED);
		return TRANSPORT_GONE;
	}
	*taken = (struct transport_taken){.bytes = n, .kept = c->framed.n};
	return TRANSPORT_OK;
}

bool
conn_resume(struct conn *c)
{
	if (c->framed.n > 0 && framed_resume(&c->framed, send_framed, c) == -1)
		conn_set_state(c, CONN_DOOMED);
	return !library_is_busy(c);
}

static const struct transport_ops framed_ops = {
    .cut = cut_soon,
    .kernel_bytes = kernel_bytes,
    .write = library_write,
    .is_busy = library_is_busy,
    .want_write = want_write,
    .close = conn_close,
};

const struct transport_ops *
transport_lws_ops(bool is_framed)
{
	return is_framed ? &framed_ops : &raw_ops;
}

/*
 * Closes at once, and with a reset: else what is unsent would stay with the
 * kernel for minutes, for a peer that has stopped. With bytes still buffered
 * the library would wait for them to drain; after a failed write it does not.
 */
void
conn_cut(struct conn *c)
{
	struct lws *wsi = c->wsi;
	const struct linger none = {.l_onoff = 1};
	setsockopt(
	    lws_get_socket_fd(wsi), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (lws_partial_buffered(wsi)) {
		shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
		write_raw(c, (const uint8_t *)"", 1);
	}
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}
