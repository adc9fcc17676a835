/*
 * What the hub itself costs: messages to receivers over a transport that
 * does nothing. Prints ns of CPU a delivery, and bytes an idle client.
 *
 *   hub_bench [RECEIVERS [MESSAGES [DIR [always]]]]
 *
 * With DIR every message goes through a journal there.
 */
#include "base/clock.h"
#include "wsd/history.h"
#include "wsd/hub.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t taken_bytes;

static enum transport_result
take(void *conn, const uint8_t *bytes, size_t n, struct transport_taken *taken)
{
	(void)conn;
	(void)bytes;
	taken_bytes += n;
	*taken = (struct transport_taken){.bytes = n};
	return TRANSPORT_OK;
}

static bool
is_busy(void *conn)
{
	(void)conn;
	return false;
}

static void
ignore_want(void *conn)
{
	(void)conn;
}

static void
ignore_close(void *conn, uint16_t code, const char *reason)
{
	(void)conn;
	fprintf(stderr, "closed: %u %s\n", code, reason);
	exit(EXIT_FAILURE);
}

static size_t
kernel_bytes(void *conn, bool *has_unsent)
{
	(void)conn;
	*has_unsent = false;
	return 0;
}

static const struct transport_ops transport = {
    .cut = ignore_want,
    .kernel_bytes = kernel_bytes,
    .write = take,
    .is_busy = is_busy,
    .want_write = ignore_want,
    .close = ignore_close,
};

static double
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct client **
join_all(struct hub *h, size_t n, size_t users)
{
	struct client **clients = calloc(n, sizeof(*clients));

	if (clients == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char user[32], key[SESSIONS_KEY_SIZE];
		snprintf(user, sizeof(user), "user%zu", i % users);
		snprintf(key, sizeof(key), "s:%064zx", i);
		const struct hub_join join = {
		    .conn = &clients[i],
		    .user = user,
		    .session_key = key,
		    .address = "192.0.2.1",
		    .protocol = HUB_GATECAST,
		    .session_end_s = INT64_MAX,
		};
		if (hub_join(h, &join, &clients[i]) != HUB_OK)
			exit(EXIT_FAILURE);
		hub_flush(h);
	}
	return clients;
}

static void
run(struct hub *h, struct client *c, size_t messages, size_t in_flight)
{
	static const char text[] =
	    "{\"type\":\"send\",\"text\":\"sixteen bytes...\"}";
	const struct hub_fragment f = {
	    .bytes = (const uint8_t *)text,
	    .n = sizeof(text) - 1,
	    .is_first = true,
	    .is_final = true,
	};
	struct hub_stats before, after;

	hub_get_stats(h, &before);
	double start_ns = cpu_ns();
	for (size_t i = 0; i < messages; i++) {
		hub_receive(h, c, &f);
		if ((i + 1) % in_flight == 0)
			hub_flush(h);
	}
	hub_flush(h);
	double ns = cpu_ns() - start_ns;
	hub_get_stats(h, &after);
	double deliveries = (double)(after.deliveries - before.deliveries);
	printf("%zu in flight: %.1f ns a delivery, %.2f us a message, "
	       "%.0f deliveries, %.0f writes\n",
	    in_flight, ns / deliveries, ns / 1e3 / (double)messages, deliveries,
	    (double)(after.writes - before.writes));
}

int
main(int argc, char **argv)
{
	int64_t receivers = 1000, messages = 20000;
	struct config config = {.wsd = {
				    .message_bytes = 4096,
				    .history_messages = 1000,
				    .history_bytes = 4 << 20,
				    .ping_s = 25,
				    .slow_bytes = 1 << 20,
				    .slow_s = 30,
				    .leave_grace_s = 5,
				}};

	if (argc > 1)
		receivers = strtoll(argv[1], NULL, 10);
	if (argc > 2)
		messages = strtoll(argv[2], NULL, 10);
	if (receivers < 1 || messages < 1) {
		fprintf(stderr, "usage: %s [RECEIVERS [MESSAGES]]\n", argv[0]);
		return EXIT_FAILURE;
	}
	struct history *history = NULL;
	if (argc > 3) {
		struct buf error = BUF_INIT;
		if (argc > 4)
			config.wsd.history_sync = CONFIG_SYNC_ALWAYS;
		history = history_open(
		    &(struct history_opts){
			.dir = argv[3],
			.clock = clock_system(),
			.config = &config,
		    },
		    &error);
		if (history == NULL) {
			fprintf(stderr, "%s\n", buf_str(&error));
			return EXIT_FAILURE;
		}
	}
	struct hub *h = hub_new(&(struct hub_opts){
	    .transport = &transport,
	    .clock = clock_system(),
	    .config = &config,
	    .epoch = 1,
	    .history = history,
	});
	if (h == NULL)
		return EXIT_FAILURE;
	size_t before_bytes = mallinfo2().uordblks;
	struct client **clients = join_all(h, (size_t)receivers, 10);
	if (clients == NULL)
		return EXIT_FAILURE;
	size_t own_bytes = (size_t)receivers * sizeof(*clients);
	printf("%lld receivers of 10 users: %.0f bytes each\n",
	    (long long)receivers,
	    (double)(mallinfo2().uordblks - before_bytes - own_bytes) /
		(double)receivers);
	run(h, clients[0], (size_t)messages, 1);
	run(h, clients[0], (size_t)messages, 16);
	for (int64_t i = 0; i < receivers; i++)
		hub_gone(h, clients[i]);
	hub_free(h);
	history_free(history);
	free(clients);
	return EXIT_SUCCESS;
}
