/* See storm.h. */
#include "tests/bench/load/storm.h"

#include "tests/lib/now.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct attempt {
	struct ws_client client;
	uint64_t from_ns;
};

static int
begin(int epoll_fd, struct attempt *a, const struct ws_client_request *r)
{
	a->from_ns = now_ns();
	return ws_client_open(&a->client, r, epoll_fd, a);
}

static void
ignore(void *arg, const uint8_t *payload, size_t n)
{
	(void)arg;
	(void)payload;
	(void)n;
}

const char *
storm_run(const struct ws_client_request *r, size_t at_once, uint64_t until_ns,
    uint64_t *done, struct hist *times)
{
	const char *why = NULL;
	struct attempt *all = calloc(at_once, sizeof(*all));
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (all == NULL || epoll_fd == -1) {
		why = strerror(errno);
		goto out;
	}
	for (size_t i = 0; i < at_once; i++)
		all[i].client.fd = -1;
	for (size_t i = 0; i < at_once; i++)
		if (begin(epoll_fd, &all[i], r) == -1) {
			why = strerror(errno);
			goto out;
		}
	while (now_ns() < until_ns) {
		struct epoll_event ev[64];
		int n = epoll_wait(epoll_fd, ev, 64, 100);
		for (int i = 0; i < n; i++) {
			struct attempt *a = ev[i].data.ptr;
			why = ws_client_read(&a->client, ignore, NULL);
			if (why != NULL)
				goto out;
			if (!a->client.is_open)
				continue;
			hist_add(times, now_ns() - a->from_ns);
			++*done;
			ws_client_reset(&a->client);
			if (begin(epoll_fd, a, r) == -1) {
				why = strerror(errno);
				goto out;
			}
		}
	}
out:
	for (size_t i = 0; all != NULL && i < at_once; i++)
		ws_client_reset(&all[i].client);
	free(all);
	if (epoll_fd != -1)
		close(epoll_fd);
	return why;
}
