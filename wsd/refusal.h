/*
 * The answer to a request that does not become a WebSocket: a status, one
 * line of text, and the headers that keep it harmless. Pure.
 */
#ifndef WSD_REFUSAL_H
#define WSD_REFUSAL_H

#include <stddef.h>

#define REFUSAL_SIZE 1024 /* enough for every answer with why <= 256 bytes */

/*
 * Writes the whole response to out; the connection closes after it. why has
 * no newline. Returns its length.
 */
size_t
refusal_format(int status, const char *why, char out[static REFUSAL_SIZE]);

#endif
