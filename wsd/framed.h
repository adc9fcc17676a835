/*
 * Writing by somebody else's framing: a run of ready frames is taken apart
 * again, and each payload handed to who frames it. A test aid, to compare the
 * bytes and the cost with the way that sends the run as it is.
 */
#ifndef WSD_FRAMED_H
#define WSD_FRAMED_H

#include "wsd/frame.h"

#include <stddef.h>
#include <stdint.h>

/* Zeroed: nothing waits. */
struct framed {
	uint8_t *rest; /* frames that wait for the one that is unfinished */
	size_t n;
};

enum framed_sent {
	FRAMED_MORE, /* taken, and another one can follow */
	FRAMED_UNFINISHED, /* taken, but no other may follow for now */
	FRAMED_FAILED,
};

typedef enum framed_sent framed_send(
    void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t n);

/*
 * Sends n bytes of whole frames (frame.h), until one stays unfinished; those
 * behind it wait. Only when none waits. 0, or -1: no memory, or send failed.
 */
int framed_write(struct framed *f, const uint8_t *bytes, size_t n,
    framed_send *send, void *arg);

/* Sends of those that wait. 0 or -1, as above. */
int framed_resume(struct framed *f, framed_send *send, void *arg);

void framed_fini(struct framed *f);

#endif
