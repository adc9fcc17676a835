/*
 * The library keeps the rest of one frame only, and a second one behind it
 * would corrupt the stream, so the frames that follow are copied and wait
 * here. Slow: it is there to be compared with, not to be used.
 */
#include "wsd/framed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* How many bytes were done with, or -1. */
static ssize_t
send_frames(const uint8_t *bytes, size_t n, framed_send *send, void *arg)
{
	size_t done = 0;
	enum framed_sent sent = FRAMED_MORE;

	while (done < n && sent == FRAMED_MORE) {
		size_t header_bytes, frame_bytes;
		const uint8_t *frame = bytes + done;
		frame_measure(frame, n - done, &header_bytes, &frame_bytes);
		sent = send(arg, frame_opcode(frame), frame + header_bytes,
		    frame_bytes - header_bytes);
		if (sent == FRAMED_FAILED)
			return -1;
		done += frame_bytes;
	}
	return (ssize_t)done;
}

int
framed_write(struct framed *f, const uint8_t *bytes, size_t n,
    framed_send *send, void *arg)
{
	ssize_t done = send_frames(bytes, n, send, arg);

	if (done == -1)
		return -1;
	size_t left = n - (size_t)done;
	if (left == 0)
		return 0;
	f->rest = malloc(left);
	if (f->rest == NULL)
		return -1;
	memcpy(f->rest, bytes + done, left);
	f->n = left;
	return 0;
}

int
framed_resume(struct framed *f, framed_send *send, void *arg)
{
	ssize_t done = send_frames(f->rest, f->n, send, arg);

	if (done == -1)
		return -1;
	f->n -= (size_t)done;
	if (f->n == 0)
		framed_fini(f);
	else
		memmove(f->rest, f->rest + done, f->n);
	return 0;
}

void
framed_fini(struct framed *f)
{
	free(f->rest);
	f->rest = NULL;
	f->n = 0;
}
