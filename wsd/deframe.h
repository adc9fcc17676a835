/*
 * WebSocket frames of the receiving side (RFC 6455 §5), a client's: bytes in
 * as they come, events out, however the bytes are cut. Knows no socket and no
 * limits but the protocol's; whoever asks has the last word on size.
 */
#ifndef WSD_DEFRAME_H
#define WSD_DEFRAME_H

#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEFRAME_HEADER_MAX 14
#define DEFRAME_CONTROL_MAX 125

/* What a close frame or a failure may say (§7.4.1). */
enum deframe_code {
	DEFRAME_NO_CODE = 0, /* a close frame without payload */
	DEFRAME_PROTOCOL_ERROR = 1002,
	DEFRAME_NOT_UTF8 = 1007,
	DEFRAME_NO_MEMORY = 1011,
};

/* Zeroed: at the beginning. */
struct deframe {
	uint64_t left; /* of the frame's payload, still to come */
	uint8_t *control; /* payload of a control frame that came in pieces */
	uint8_t header[DEFRAME_HEADER_MAX];
	uint8_t mask[4]; /* the first is for the next byte */
	struct utf8 utf8;
	uint8_t header_bytes; /* that are there */
	uint8_t control_bytes;
	uint8_t message; /* opcode of the one that is unfinished; 0: none */
	bool is_first; /* nothing of that one has come out yet */
	bool is_in_payload;
};

enum deframe_event {
	DEFRAME_MORE, /* all bytes are used up */
	DEFRAME_DATA, /* a piece of a message */
	DEFRAME_PING,
	DEFRAME_PONG,
	DEFRAME_CLOSE, /* nothing that follows is a frame */
	DEFRAME_FAILED, /* nor here: to be closed with code and reason */
};

/*
 * Of a data frame there is at least one piece, with no bytes if need be, as
 * soon as its header is whole. The text of DATA is UTF-8 as far as it goes;
 * with is_final it ends with a whole character.
 */
struct deframe_piece {
	const uint8_t *bytes; /* unmasked; valid until the next call */
	size_t n;
	uint64_t remaining; /* of the frame, behind these */
	bool is_first; /* of the message */
	bool is_final; /* of the message */
	bool is_binary;
	uint16_t code; /* CLOSE, FAILED */
	const char *reason; /* FAILED: static storage */
};

/*
 * The next event in *n bytes at *bytes, which both move on. The bytes are
 * unmasked where they lie. Not to be called again after CLOSE and FAILED.
 */
enum deframe_event deframe_next(
    struct deframe *d, uint8_t **bytes, size_t *n, struct deframe_piece *out);

void deframe_fini(struct deframe *d);

#endif
