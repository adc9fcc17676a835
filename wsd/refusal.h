/*
 * The answer to a request that does not become a WebSocket: a status, one
 * line of text, and the headers that keep it harmless. Pure.
 */
#ifndef WSD_REFUSAL_H
#define WSD_REFUSAL_H

#include <stddef.h>

#define REFUSAL_SIZE 1024 /* enough for every answer with why <= 256 bytes */

/* The statuses there are: refusal_status(i), i < REFUSAL_STATUSES. */
#define REFUSAL_STATUSES 8
int refusal_status(size_t i);
size_t refusal_index(int status); /* the last one's for an unknown one */

/*
 * Writes the whole response to out; the connection closes after it. why has
 * no newline. Returns its length.
 */
size_t
refusal_format(int status, const char *why, char out[static REFUSAL_SIZE]);

#endif
