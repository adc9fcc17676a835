/*
 * The private side of a connection. Queue and unfinished message are memory
 * only while there is something in them: ten thousand idle connections have
 * neither.
 */
#include "wsd/client.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_MIN 256
#define PARTIAL_MIN 512

struct client *
client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->queued_at = CLIENT_NOT_QUEUED;
	return c;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	free(c->queue);
	free(c->partial);
	free(c);
}

static int
grow(size_t *size, size_t need, size_t least)
{
	size_t grown = *size < least ? least : *size;

	while (grown < need) {
		if (grown > SIZE_MAX / 4)
			return -1;
		grown *= 2;
	}
	*size = grown;
	return 0;
}

static int
reserve_queue(struct client *c, size_t more)
{
	struct client_queue *q = c->queue;
	size_t size = q == NULL ? 0 : q->size;
	size_t used = q == NULL ? 0 : q->n;

	if (more > SIZE_MAX / 4)
		return -1;
	if (q != NULL && more <= size - used)
		return 0;
	if (grow(&size, used + more, QUEUE_MIN) == -1)
		return -1;
	q = realloc(q, sizeof(*q) + size);
	if (q == NULL)
		return -1;
	if (c->queue == NULL)
		*q = (struct client_queue){.since_ms = CLIENT_NOT_SEEN};
	q->size = size;
	c->queue = q;
	return 0;
}

int
client_queue(
    struct client *c, enum frame_opcode opcode, const void *payload, size_t n)
{
	uint8_t header[FRAME_HEADER_MAX];
	size_t header_bytes = frame_header(header, opcode, n);

	if (reserve_queue(c, header_bytes + n) == -1)
		return -1;
	struct client_queue *q = c->queue;
	memcpy(q->bytes + q->n, header, header_bytes);
	if (n > 0)
		memcpy(q->bytes + q->n + header_bytes, payload, n);
	q->n += header_bytes + n;
	return 0;
}

const uint8_t *
client_queued(const struct client *c, size_t *n)
{
	const struct client_queue *q = c->queue;

	*n = q == NULL ? 0 : q->n - q->sent;
	return q == NULL ? NULL : q->bytes + q->sent;
}

void
client_sent(struct client *c, size_t n)
{
	struct client_queue *q = c->queue;

	q->sent += n;
	q->since_ms = CLIENT_NOT_SEEN;
	if (q->sent == q->n)
		client_drop_queue(c);
}

void
client_drop_queue(struct client *c)
{
	free(c->queue);
	c->queue = NULL;
}

size_t
client_memory(const struct client *c)
{
	size_t n = c->kept + c->kernel;

	if (c->queue != NULL)
		n += sizeof(*c->queue) + c->queue->size;
	if (c->partial != NULL)
		n += sizeof(*c->partial) + c->partial->size;
	return n;
}

int
client_collect(
    struct client *c, const uint8_t *bytes, size_t n, int64_t mono_ms)
{
	struct client_partial *p = c->partial;
	size_t size = p == NULL ? 0 : p->size;
	size_t used = p == NULL ? 0 : p->n;

	if (p == NULL || n > size - used) {
		if (n > SIZE_MAX / 4 ||
		    grow(&size, used + n, PARTIAL_MIN) == -1)
			return -1;
		p = realloc(p, sizeof(*p) + size);
		if (p == NULL)
			return -1;
		if (c->partial == NULL) {
			p->n = 0;
			p->since_ms = mono_ms;
		}
		p->size = size;
		c->partial = p;
	}
	if (n > 0)
		memcpy(p->bytes + p->n, bytes, n);
	p->n += n;
	return 0;
}

void
client_drop_partial(struct client *c)
{
	free(c->partial);
	c->partial = NULL;
}
