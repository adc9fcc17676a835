/*
 * Each kind gets what its own limits say, but not more than a quarter of what
 * is left after the base; the rest, a quarter at least, is for the queues. So
 * a budget that is too small makes every limit smaller and none zero.
 */
#include "base/config_memory.h"

#include <inttypes.h>

#define BASE_BYTES ((int64_t)16 * 1024 * 1024)
#define ENCODINGS 2 /* gatecast.v1 and plain lines */
#define BUSY_SHARE 10 /* one of so many connections is busy */

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
history_need(const struct config *c)
{
	return c->wsd.history_bytes * CONFIG_MEMORY_LOG +
	    c->wsd.history_messages * CONFIG_MEMORY_MESSAGE;
}

/* need, but at most a quarter of left; all of that when need is not known. */
static int64_t
share(int64_t left, int64_t need, bool is_known)
{
	return is_known ? least(left / 4, need) : left / 4;
}

void
config_memory_split(const struct config *c, struct config_memory *out)
{
	int64_t total = c->wsd.max_memory;

	*out = (struct config_memory){.total = total};
	if (total == 0)
		return;
	out->base = least(BASE_BYTES, total / 2);
	int64_t left = total - out->base;
	out->connections =
	    share(left, c->wsd.max_connections * CONFIG_MEMORY_CONNECTION,
		c->wsd.max_connections > 0);
	out->history = share(left, history_need(c), c->wsd.history_bytes > 0);
	out->streams = share(
	    left, c->wsd.slow_bytes * CONFIG_MEMORY_LOG * ENCODINGS, true);
	out->queues = left - out->connections - out->history - out->streams;
}

int64_t
config_memory_history_messages(
    const struct config *c, const struct config_memory *m)
{
	int64_t n = c->wsd.history_messages;

	if (m->total == 0)
		return n;
	return least(n, m->history / 2 / CONFIG_MEMORY_MESSAGE);
}

int64_t
config_memory_history_bytes(
    const struct config *c, const struct config_memory *m)
{
	int64_t n = c->wsd.history_bytes;

	if (m->total == 0)
		return n;
	int64_t most =
	    (m->history -
		config_memory_history_messages(c, m) * CONFIG_MEMORY_MESSAGE) /
	    CONFIG_MEMORY_LOG;
	return n == 0 ? most : least(n, most);
}

int64_t
config_memory_slow_bytes(const struct config *c, const struct config_memory *m)
{
	int64_t n = c->wsd.slow_bytes;

	if (m->total == 0)
		return n;
	return least(n, m->streams / CONFIG_MEMORY_LOG / ENCODINGS);
}

int64_t
config_memory_need(const struct config *c)
{
	return BASE_BYTES + c->wsd.max_connections * CONFIG_MEMORY_CONNECTION +
	    history_need(c) +
	    c->wsd.slow_bytes * CONFIG_MEMORY_LOG * ENCODINGS +
	    c->wsd.max_connections / BUSY_SHARE * CONFIG_MEMORY_BUSY;
}

void
config_memory_warn(const struct config *c, struct buf *out)
{
	int64_t need = config_memory_need(c);

	if (c->wsd.max_memory == 0 || need <= c->wsd.max_memory)
		return;
	buf_printf(out,
	    "wsd.max_memory = %" PRId64
	    " holds before the other limits do: wsd.max_connections, "
	    "history_bytes, history_messages and slow_bytes together may need "
	    "%" PRId64 "\n",
	    c->wsd.max_memory, need);
}
