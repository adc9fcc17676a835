/*
 * The members of `make soak` (tests/bench/soak): a thousand gatecast.v1
 * clients in one process, whom the caller lets come, go, speak and be thrown
 * out, and a ledger of all that they hear. Whoever is cut off comes back with
 * the cursor, and says again what was not acknowledged.
 *
 *   soak-members ORIGIN PORT DIRECT_PORT
 *
 * Members are of three kinds by their number: of ten, six come through the web
 * server at PORT, three directly to wsd at DIRECT_PORT, and one, also there,
 * reads twice a second only. Their accounts are member0, member1...
 *
 * Commands come on stdin, one a line; those with "?" are answered by a line
 * of JSON:
 *
 *   come I COOKIE  I is here from now on, as one that never was
 *   leave I        I goes, without a close frame each second time
 *   revoking I ?   I's session will be ended now
 *   revoked I      it has been: I is shown the door within a second, and
 *                  refused when it comes again
 *   talk N         N messages a second, each by somebody (0: no more)
 *   disturbed 0|1  whether times are judged apart, since something restarts
 *   stats ?        what was seen since the last time
 *   level ?        waits until all have heard all, at most 60 s
 *
 * What is wrong is a line on stderr, and counted.
 */
#include "tests/lib/die.h"
#include "tests/lib/files.h"
#include "tests/lib/now.h"
#include "tests/tools/crowd/ledger.h"
#include "tests/tools/crowd/member.h"

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MS NOW_NS_PER_MS
#define PEOPLE 4096
#define PATIENCE_MS 60000
#define DOOR_MS 1000 /* from a revocation to the close frame */
#define SLOW_MS 500 /* between two reads of those who are slow */
#define AGAIN_MS 200 /* between two tries of one whose session is over */
#define COMPLAINTS_MAX 50

enum kind {
	PROXIED,
	DIRECT,
	SLOW,
	KINDS
};
static const char *const kind_names[KINDS] = {"proxied", "direct", "slow"};

enum stage {
	IN_ORDER,
	REVOKING, /* may be over */
	REVOKED, /* must be over, at revoked_ns */
	OVER /* shown the door and refused */
};

struct person {
	struct member m; /* first: a watch gets this */
	bool is_wanted;
	enum stage stage;
	uint64_t revoked_ns;
	uint64_t connected_at_ns; /* m.hello_ns at that moment; 0: was not */
	bool is_late;
	char text[40]; /* that is not acknowledged; empty: none */
};

static struct crowd crowds[KINDS];
static struct hist calm[KINDS], disturbed[KINDS];
static bool is_disturbed;
static struct person people[PEOPLE];
static size_t n_people, wanted;
static struct ledger *ledger;
static uint64_t talk_ns, talk_due_ns, newest;
static uint64_t wrong, late, thrown_out, undone;
static struct hist door;
static size_t over[PEOPLE], n_over; /* not told yet */

static struct person *
of(struct member *m)
{
	return (struct person *)(void *)m;
}

static void
complain(const struct person *p, const char *what)
{
	if (++wrong <= COMPLAINTS_MAX)
		fprintf(stderr, "member%td: %s\n", p - people, what);
}

/* --- what they see -------------------------------------------------------- */

static void
on_here(struct member *m)
{
	struct person *p = of(m);

	/* A hello may have been on its way when the session ended. */
	if (p->stage == REVOKED && m->came_ns > p->revoked_ns) {
		undone++;
		complain(p, "is in with a session that was ended");
	}
	if (p->text[0] != '\0')
		member_repeat(m, p->text);
}

static void
on_event(struct member *m, uint64_t seq, const char *e, size_t n)
{
	size_t speaker = 0, nth = 0;
	char user[32];
	const char *text = memmem(e, n, "\"text\":\"at ", 10);
	const char *from = memmem(e, n, "\"user\":\"member", 14);

	if (text != NULL && from != NULL) {
		unsigned long long at;
		if (sscanf(text, "\"text\":\"at %llu of %zu %zu\"", &at,
			&speaker, &nth) != 3)
			complain(of(m), "hears what nobody said");
		snprintf(user, sizeof(user), "\"user\":\"member%zu\"", speaker);
		if (speaker >= PEOPLE || nth > people[speaker].m.said ||
		    strncmp(from, user, strlen(user)) != 0) {
			complain(of(m), "hears what this one did not say");
			nth = 0;
		}
	}
	const char *why = ledger_hear(ledger, seq, e, n, speaker, nth);
	if (why != NULL)
		complain(of(m), why);
	if (seq > newest)
		newest = seq;
}

static void
on_ack(struct member *m, uint64_t ref, uint64_t seq)
{
	struct person *p = of(m);
	const char *why = ledger_ack(ledger, (size_t)(p - people), ref, seq);

	if (why != NULL)
		complain(p, why);
	if (ref == m->said)
		p->text[0] = '\0';
}

static bool
on_lost(struct member *m)
{
	struct person *p = of(m);
	unsigned code = m->client.code;
	bool is_end = code == 4401 || code == 401;

	if (p->stage == IN_ORDER && is_end) {
		thrown_out++;
		complain(p,
		    code == 401 ? "is refused with a valid session"
				: "is thrown out with a valid session");
	}
	/* Once more, to see that it is refused. */
	if (p->stage == REVOKED && code == 401) {
		p->stage = OVER;
		over[n_over++] = (size_t)(p - people);
		p->is_wanted = false;
		wanted--;
		return false;
	}
	if (p->stage == REVOKED && code == 4401)
		hist_add(&door, now_ns() - p->revoked_ns);
	if (p->stage >= REVOKING) {
		m->due_ns = now_ns() + AGAIN_MS * MS;
		return false;
	}
	return true;
}

static const struct crowd_watch watch = {
    .here = on_here, .event = on_event, .ack = on_ack, .lost = on_lost};

/* --- what they do --------------------------------------------------------- */

static void
come(struct person *p, const char *cookie)
{
	size_t i = (size_t)(p - people);
	enum kind kind = i % 10 < 6 ? PROXIED : i % 10 < 9 ? DIRECT : SLOW;

	if (i >= n_people) {
		for (; n_people <= i; n_people++)
			people[n_people].m.client.fd = -1;
	}
	if (p->is_wanted)
		die("member%zu is here already", i);
	p->m.crowd = &crowds[kind];
	p->is_wanted = true;
	p->stage = IN_ORDER;
	p->is_late = false;
	p->text[0] = '\0';
	snprintf(p->m.cookie, sizeof(p->m.cookie), "%s", cookie);
	member_want(&p->m, now_ns());
	wanted++;
}

static void
leave(struct person *p)
{
	static unsigned turns;

	if (!p->is_wanted)
		return;
	p->is_wanted = false;
	wanted--;
	if (turns++ % 2 == 0 && p->m.client.fd != -1)
		ws_client_reset(&p->m.client);
	member_leave(&p->m);
}

/* Somebody who is here and has no answer to wait for. */
static void
say(uint64_t now)
{
	for (int tries = 0; tries < 100; tries++) {
		size_t i = (size_t)lrand48() % n_people;
		struct person *p = &people[i];
		if (p->m.hello_ns == 0 || p->stage != IN_ORDER ||
		    p->text[0] != '\0')
			continue;
		snprintf(p->text, sizeof(p->text),
		    "at %" PRIu64 " of %zu %" PRIu64, now, i, p->m.said + 1);
		member_say(&p->m, p->text);
		return;
	}
}

/* Who was connected when the session ended, and still is. */
static void
watch_the_door(struct person *p, uint64_t now)
{
	if (p->stage != REVOKED || p->is_late || p->connected_at_ns == 0 ||
	    p->m.hello_ns != p->connected_at_ns ||
	    now - p->revoked_ns <= DOOR_MS * MS)
		return;
	p->is_late = true;
	late++;
	complain(p, "is still here a second after its session ended");
}

static void
take(int epoll_fd, int wait_ms)
{
	struct epoll_event ev[512];

	int n = epoll_wait(epoll_fd, ev, 512, wait_ms);
	for (int i = 0; i < n; i++)
		member_read(ev[i].data.ptr);
}

static void
turn(void)
{
	static uint64_t slow_due_ns;
	uint64_t now = now_ns();

	for (size_t i = 0; i < n_people; i++) {
		member_turn(&people[i].m, now);
		watch_the_door(&people[i], now);
	}
	if (talk_ns != 0 && n_people > 0 && now >= talk_due_ns) {
		say(now);
		talk_due_ns += talk_ns;
		if (talk_due_ns < now)
			talk_due_ns = now;
	}
	if (now >= slow_due_ns) {
		take(crowds[SLOW].epoll_fd, 0);
		slow_due_ns = now + SLOW_MS * MS;
	}
	take(crowds[PROXIED].epoll_fd, 1);
}

/* --- what is told --------------------------------------------------------- */

static size_t
here(void)
{
	return crowds[PROXIED].here + crowds[DIRECT].here + crowds[SLOW].here;
}

static void
fold(void)
{
	for (int k = 0; k < KINDS; k++) {
		struct hist *h = &crowds[k].seen.latency;
		hist_merge(is_disturbed ? &disturbed[k] : &calm[k], h);
		memset(h, 0, sizeof(*h));
	}
}

static void
print_times(const char *name, const struct hist *h)
{
	printf("\"%s\":{\"n\":%" PRIu64 ",\"p50\":%.2f,\"p99\":%.2f,\"max\":"
	       "%.2f},",
	    name, h->n, (double)hist_quantile_ns(h, .5) / 1e6,
	    (double)hist_quantile_ns(h, .99) / 1e6, (double)h->max_ns / 1e6);
}

static void
print_all_times(const char *name, const struct hist of_kind[KINDS])
{
	static struct hist prompt;

	memset(&prompt, 0, sizeof(prompt));
	printf("\"%s\":{", name);
	for (int k = 0; k < KINDS; k++) {
		print_times(kind_names[k], &of_kind[k]);
		if (k != SLOW)
			hist_merge(&prompt, &of_kind[k]);
	}
	print_times("prompt", &prompt);
	printf("\"unit\":\"ms\"},");
}

static void
stats(void)
{
	static struct hist window[KINDS];
	struct seen all = {.joins = 0};

	for (int k = 0; k < KINDS; k++) {
		const struct seen *s = &crowds[k].seen;
		window[k] = s->latency;
		all.joins += s->joins;
		all.leaves += s->leaves;
		all.messages += s->messages;
		all.acks += s->acks;
		all.lost += s->lost;
		all.wrong += s->wrong;
		all.fresh += s->fresh;
		all.resumed += s->resumed;
		all.gaps += s->gaps;
		all.cut += s->cut;
		all.refused += s->refused;
		all.unreachable += s->unreachable;
	}
	fold();
	printf("{");
	print_all_times("window", window);
	print_all_times("calm", calm);
	print_all_times("disturbed", disturbed);
	print_times("door", &door);
	printf("\"over\":[");
	for (size_t i = 0; i < n_over; i++)
		printf("%s%zu", i > 0 ? "," : "", over[i]);
	n_over = 0;
	size_t unacked = 0;
	for (size_t i = 0; i < n_people; i++)
		unacked += people[i].is_wanted && people[i].text[0] != '\0' &&
		    people[i].stage == IN_ORDER;
	printf("],\"here\":%zu,\"wanted\":%zu,\"newest\":%" PRIu64
	       ",\"joins\":%" PRIu64 ",\"leaves\":%" PRIu64
	       ",\"messages\":%" PRIu64 ",\"acks\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"misordered\":%" PRIu64
	       ",\"fresh\":%" PRIu64 ",\"resumed\":%" PRIu64
	       ",\"gaps\":%" PRIu64 ",\"cut\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"unreachable\":%" PRIu64 ",\"wrong\":%" PRIu64
	       ",\"late\":%" PRIu64 ",\"thrown_out\":%" PRIu64
	       ",\"undone\":%" PRIu64 ",\"unheard\":%zu,\"unacked\":%zu}\n",
	    here(), wanted, newest, all.joins, all.leaves, all.messages,
	    all.acks, all.lost, all.wrong, all.fresh, all.resumed, all.gaps,
	    all.cut, all.refused, all.unreachable, wrong, late, thrown_out,
	    undone, ledger_unheard(ledger), unacked);
}

static bool
is_level(void)
{
	for (size_t i = 0; i < n_people; i++) {
		const struct person *p = &people[i];
		if (p->is_wanted && p->stage == IN_ORDER &&
		    (p->m.hello_ns == 0 || p->m.seq < newest ||
			p->text[0] != '\0'))
			return false;
	}
	return true;
}

static void
level(void)
{
	uint64_t began = now_ns();

	while (!is_level() && now_ns() - began < PATIENCE_MS * MS)
		turn();
	printf("{\"level\":%s}\n", is_level() ? "true" : "false");
}

/* --- what they are told --------------------------------------------------- */

static void
obey(const char *line)
{
	char cookie[MEMBER_COOKIE_SIZE];
	unsigned i = 0;

	if (sscanf(line, "come %u %299s", &i, cookie) == 2 && i < PEOPLE) {
		come(&people[i], cookie);
	} else if (sscanf(line, "leave %u", &i) == 1 && i < n_people) {
		leave(&people[i]);
	} else if (sscanf(line, "revoking %u", &i) == 1 && i < n_people) {
		people[i].stage = REVOKING;
		puts("{}");
	} else if (sscanf(line, "revoked %u", &i) == 1 && i < n_people) {
		people[i].stage = REVOKED;
		people[i].revoked_ns = now_ns();
		people[i].connected_at_ns = people[i].m.hello_ns;
		if (people[i].m.client.fd == -1)
			people[i].m.due_ns = now_ns();
	} else if (sscanf(line, "talk %u", &i) == 1) {
		talk_ns = i == 0 ? 0 : 1000 * MS / i;
		talk_due_ns = now_ns();
	} else if (sscanf(line, "disturbed %u", &i) == 1) {
		fold();
		is_disturbed = i != 0;
	} else if (strncmp(line, "stats", 5) == 0) {
		stats();
	} else if (strncmp(line, "level", 5) == 0) {
		level();
	} else {
		die("what? %s", line);
	}
}

static void
open_crowds(char **argv)
{
	for (int k = 0; k < KINDS; k++) {
		/* Who reads in time is waited for together. */
		crowds[k].epoll_fd = k == DIRECT ? crowds[PROXIED].epoll_fd
						 : epoll_create1(EPOLL_CLOEXEC);
		crowds[k].origin = argv[1];
		crowds[k].port =
		    (int)strtol(argv[k == PROXIED ? 2 : 3], NULL, 10);
		crowds[k].watch = &watch;
	}
}

int
main(int argc, char **argv)
{
	char line[512];

	if (argc != 4) {
		fputs("usage: soak-members ORIGIN PORT DIRECT_PORT\n", stderr);
		return 2;
	}
	files_raise();
	ledger = ledger_new();
	open_crowds(argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	srand48((long)now_ns());
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	for (;;) {
		while (poll(&in, 1, 0) == 0)
			turn();
		if (fgets(line, sizeof(line), stdin) == NULL)
			return 0;
		obey(line);
	}
}
