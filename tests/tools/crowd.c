/*
 * A crowd of gatecast.v1 clients in one process, for storms: people who come
 * and go by the thousand, and a server that restarts under them. Each judges
 * what it gets: numbers rise by one, or a gap says what is missing. Whoever
 * is cut off comes back as www/static/js/gatecast.js does, with full jitter
 * and the cursor.
 *
 *   crowd PORT ORIGIN COOKIES    COOKIES: a file, one session a line
 *
 * Commands come on stdin, one a line, and each is answered by one line of
 * JSON on stdout when it is done:
 *
 *   join N MS     N more come, evenly over so long; until all have a hello
 *   leave N MS    the N newest go, evenly over so long
 *   talk MS       the first one says something each MS ms (0: no more)
 *   hear TYPE N   until the first one has had N events of that type
 *   level         until all have what the first one says now
 *   cut           until somebody is cut off
 *   back          until all are here again
 *   stats         what was seen since the last time
 *
 * What does not happen within 60 s is answered with "done": false.
 */
#include "tests/lib/die.h"
#include "tests/lib/files.h"
#include "tests/lib/now.h"
#include "tests/tools/crowd/member.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MS NOW_NS_PER_MS
#define PATIENCE_MS 60000

static struct crowd crowd;
static struct member *members;
static size_t known, wanted; /* cookies; members [0, wanted) belong here */
static uint64_t talk_ns, talk_due_ns;

/* What is due, and then what has come. */
static void
turn(void)
{
	struct epoll_event ev[512];
	uint64_t now = now_ns();

	for (size_t i = 0; i < wanted; i++)
		member_turn(&members[i], now);
	if (talk_ns != 0 && now >= talk_due_ns && members[0].hello_ns != 0) {
		char text[40];
		snprintf(text, sizeof(text), "at %" PRIu64, now);
		member_say(&members[0], text);
		talk_due_ns = now + talk_ns;
	}
	int n = epoll_wait(crowd.epoll_fd, ev, 512, 1);
	for (int i = 0; i < n; i++)
		member_read(ev[i].data.ptr);
}

static bool
is_level(uint64_t seq)
{
	for (size_t i = 0; i < wanted; i++)
		if (members[i].hello_ns != 0 && members[i].seq < seq)
			return false;
	return true;
}

static bool
begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static bool
has_come(const char *type, uint64_t count)
{
	const struct member *first = &members[0];

	return (strcmp(type, "join") == 0 ? first->joins : first->leaves) >=
	    count;
}

static void
join(size_t n, uint64_t over_ms)
{
	uint64_t now = now_ns();

	if (wanted + n > known)
		die("%zu members and %zu cookies", wanted + n, known);
	for (size_t i = 0; i < n; i++)
		member_want(&members[wanted + i], now + over_ms * MS * i / n);
	wanted += n;
}

/* true: the command line is done. */
static bool
is_done(const char *line, uint64_t began_ns, uint64_t level)
{
	unsigned n = 0, ms = 0;
	char type[16] = "";

	if (sscanf(line, "leave %u %u", &n, &ms) == 2)
		return now_ns() - began_ns >= ms * MS;
	if (sscanf(line, "hear %15s %u", type, &n) == 2)
		return has_come(type, n);
	if (begins(line, "level"))
		return members[0].acked >= level &&
		    is_level(members[0].acked_seq);
	if (begins(line, "cut"))
		return crowd.here < wanted;
	if (begins(line, "join") || begins(line, "back"))
		return crowd.here == wanted;
	return true;
}

static void
obey(const char *line)
{
	uint64_t began = now_ns(), level = 0;
	unsigned n = 0, ms = 0, gone = 0;
	bool is_over;

	if (begins(line, "stats")) {
		seen_print(&crowd.seen, crowd.here);
		memset(&crowd.seen, 0, sizeof(crowd.seen));
		return;
	}
	if (sscanf(line, "join %u %u", &n, &ms) == 2)
		join(n, ms);
	else if (sscanf(line, "talk %u", &ms) == 1)
		talk_ns = ms * MS;
	else if (begins(line, "level")) {
		if (members[0].hello_ns != 0)
			member_say(&members[0], "level");
		level = members[0].said;
	}
	bool is_leave = sscanf(line, "leave %u %u", &n, &ms) == 2;
	while (!(is_over = is_done(line, began, level)) &&
	    now_ns() - began < PATIENCE_MS * MS) {
		while (is_leave && gone < n &&
		    now_ns() - began >= ms * MS * gone / n) {
			member_leave(&members[--wanted]);
			gone++;
		}
		turn();
	}
	for (; is_leave && gone < n; gone++)
		member_leave(&members[--wanted]);
	printf("{\"done\":%s,\"ms\":%" PRIu64 ",\"here\":%zu}\n",
	    is_over ? "true" : "false", (now_ns() - began) / MS, crowd.here);
}

static void
read_cookies(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		die("%s: %s", path, strerror(errno));
	for (size_t size = 0; fgets(line, sizeof(line), f) != NULL; known++) {
		if (known == size) {
			size = size == 0 ? 1024 : size * 2;
			members = realloc(members, size * sizeof(*members));
			if (members == NULL)
				die("out of memory");
		}
		struct member *m = &members[known];
		*m = (struct member){.client.fd = -1, .crowd = &crowd};
		snprintf(m->cookie, sizeof(m->cookie), "gatecast=%.*s",
		    (int)strcspn(line, "\n"), line);
	}
	fclose(f);
}

int
main(int argc, char **argv)
{
	char line[128];

	if (argc != 4) {
		fputs("usage: crowd PORT ORIGIN COOKIES\n", stderr);
		return 2;
	}
	crowd.port = (int)strtol(argv[1], NULL, 10);
	crowd.origin = argv[2];
	read_cookies(argv[3]);
	files_raise();
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	crowd.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	srand48((long)now_ns());

	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	for (;;) {
		/* Between commands the crowd goes on as well. */
		while (poll(&in, 1, 0) == 0)
			turn();
		if (fgets(line, sizeof(line), stdin) == NULL)
			return 0;
		obey(line);
	}
}
