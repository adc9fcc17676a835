/*
 * A transport in memory: what each connection was given, and how it takes
 * more is up to the test.
 */
#ifndef TESTS_UNIT_FAKE_TRANSPORT_H
#define TESTS_UNIT_FAKE_TRANSPORT_H

#include "base/buf.h"
#include "wsd/frame.h"
#include "wsd/transport.h"

#include <stdlib.h>
#include <string.h>

struct fake_conn {
	struct buf bytes; /* all that was taken, as it came */
	size_t read; /* of them, by fake_frame */
	size_t writes;
	size_t longest_write;
	size_t wants;
	uint16_t close_code; /* 0: open */
	char close_reason[124];
	size_t closes;
	size_t cuts;
	size_t unread; /* what the kernel says that it holds */
	bool is_under_way; /* and that all of it was sent */
	bool is_busy;
	bool is_partial; /* each write leaves it busy */
	size_t kernel_bytes; /* a write takes no more than the frame that
			      * crosses this; 0: all */
	bool is_dead; /* the next write finds it gone */
	bool is_lying; /* says it is not busy, and refuses the write */
};

static inline enum transport_result
fake_write(
    void *conn, const uint8_t *bytes, size_t n, struct transport_taken *taken)
{
	struct fake_conn *f = conn;

	if (f->close_code != 0 || n == 0)
		abort(); /* the contract is broken */
	if (f->is_dead)
		return TRANSPORT_GONE;
	if (f->is_busy || f->is_lying)
		return TRANSPORT_BUSY;
	size_t frames;
	if (f->kernel_bytes > 0)
		n = frame_run_past(bytes, n, f->kernel_bytes, &frames);
	if (buf_append(&f->bytes, bytes, n) == -1)
		abort();
	*taken = (struct transport_taken){.bytes = n};
	if (f->kernel_bytes > 0 && n > f->kernel_bytes) {
		taken->kept = n - f->kernel_bytes;
		f->is_busy = true;
	}
	f->writes++;
	if (n > f->longest_write)
		f->longest_write = n;
	if (f->is_partial)
		f->is_busy = true;
	return TRANSPORT_OK;
}

static inline bool
fake_is_busy(void *conn)
{
	return ((struct fake_conn *)conn)->is_busy;
}

static inline void
fake_want_write(void *conn)
{
	((struct fake_conn *)conn)->wants++;
}

static inline void
fake_close(void *conn, uint16_t code, const char *reason)
{
	struct fake_conn *f = conn;

	if (f->close_code == 0) {
		f->close_code = code;
		strncpy(f->close_reason, reason, sizeof(f->close_reason) - 1);
	}
	f->closes++;
}

static inline void
fake_cut(void *conn)
{
	((struct fake_conn *)conn)->cuts++;
}

static inline size_t
fake_kernel_bytes(void *conn, bool *has_unsent)
{
	const struct fake_conn *f = conn;

	*has_unsent = f->unread > 0 && !f->is_under_way;
	return f->unread;
}

static const struct transport_ops fake_transport = {
    .cut = fake_cut,
    .kernel_bytes = fake_kernel_bytes,
    .write = fake_write,
    .is_busy = fake_is_busy,
    .want_write = fake_want_write,
    .close = fake_close,
};

static inline void
fake_fini(struct fake_conn *f)
{
	buf_fini(&f->bytes);
	memset(f, 0, sizeof(*f));
}

/*
 * The next frame's payload, NUL-terminated and owned by the caller, and its
 * first byte; NULL when there is none. Parsed by the RFC's rules (§5.2), not
 * with the code under test.
 */
static inline char *
fake_frame(struct fake_conn *f, uint8_t *first, size_t *n)
{
	size_t left = f->bytes.len - f->read;

	if (left == 0)
		return NULL;
	const uint8_t *p = (const uint8_t *)f->bytes.data + f->read;
	if (left < 2 || (p[1] & 0x80) != 0)
		abort();
	size_t header = 2, length = p[1];
	if (length == 126) {
		if (left < 4)
			abort();
		length = (size_t)p[2] << 8 | p[3];
		header = 4;
		if (length < 126)
			abort(); /* not the shortest form */
	} else if (length == 127) {
		if (left < 10)
			abort();
		length = 0;
		for (int i = 2; i < 10; i++)
			length = length << 8 | p[i];
		header = 10;
		if (length < 65536)
			abort();
	}
	if (left - header < length)
		abort();
	char *text = malloc(length + 1);
	if (text == NULL)
		abort();
	memcpy(text, p + header, length);
	text[length] = '\0';
	*first = p[0];
	*n = length;
	f->read += header + length;
	return text;
}

#endif
