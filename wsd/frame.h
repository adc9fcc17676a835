/*
 * Headers of the frames a server sends (RFC 6455 §5.2): FIN, not masked, the
 * shortest length form; and finding the frames again in a run of them.
 */
#ifndef WSD_FRAME_H
#define WSD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_MAX 10

enum frame_opcode {
	FRAME_CONTINUATION = 0x0,
	FRAME_TEXT = 0x1,
	FRAME_BINARY = 0x2,
	FRAME_CLOSE = 0x8,
	FRAME_PING = 0x9,
	FRAME_PONG = 0xa,
};

/* Writes the header for n payload bytes; returns its length: 2, 4 or 10. */
size_t frame_header(
    uint8_t out[static FRAME_HEADER_MAX], enum frame_opcode opcode, uint64_t n);

/*
 * Of the frame that begins at bytes (which frame_header made): how long its
 * header is, and how long the whole frame. n bytes are there; both are 0
 * when the header is not complete.
 */
void frame_measure(
    const uint8_t *bytes, size_t n, size_t *header_bytes, size_t *frame_bytes);

/*
 * The bytes of as many whole frames from the start as fit into max; of the
 * first one alone when that is longer. bytes holds whole frames only.
 */
size_t frame_run(const uint8_t *bytes, size_t n, size_t max);

/*
 * The same up to the end of the frame that byte at (< n) belongs to; frames:
 * how many. n when at is not below it.
 */
size_t
frame_run_past(const uint8_t *bytes, size_t n, size_t at, size_t *frames);

#endif
