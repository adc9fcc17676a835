/* See seen.h. */
#include "tests/tools/crowd/seen.h"

#include <inttypes.h>
#include <stdio.h>

static void
print_hist(const char *name, const struct hist *h)
{
	printf(",\"%s_p50_ms\":%.3f,\"%s_p99_ms\":%.3f,\"%s_max_ms\":%.3f",
	    name, (double)hist_quantile_ns(h, .5) / 1e6, name,
	    (double)hist_quantile_ns(h, .99) / 1e6, name,
	    (double)h->max_ns / 1e6);
}

void
seen_print(const struct seen *s, size_t here)
{
	printf("{\"here\":%zu,\"joins\":%" PRIu64 ",\"leaves\":%" PRIu64
	       ",\"messages\":%" PRIu64 ",\"acks\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"fresh\":%" PRIu64
	       ",\"resumed\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"cut\":%" PRIu64
	       ",\"refused\":%" PRIu64 ",\"unreachable\":%" PRIu64,
	    here, s->joins, s->leaves, s->messages, s->acks, s->lost, s->wrong,
	    s->fresh, s->resumed, s->gaps, s->cut, s->refused, s->unreachable);
	print_hist("latency", &s->latency);
	print_hist("arrival", &s->arrival);
	puts("}");
}
