/*
 * Any order of joins, messages, flushes, busy and dying connections. One
 * witness is never slow; the others must have seen, from their hello.seq or
 * their join on, exactly what the witness saw, in that order, or an explicit
 * gap; and who is still there at the end must have seen all of it.
 *
 * Each operation is a byte, taking the bytes it needs from what follows.
 */
#include "base/clock.h"
#include "base/config.h"
#include "tests/unit/fake_transport.h"
#include "wsd/hub.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH 7
#define PEOPLE 12
#define EVENTS 4096
#define USERS 5
#define SESSIONS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct person {
	struct fake_conn conn;
	struct client *client; /* NULL: gone */
	enum hub_protocol protocol;
	uint64_t joined_seq; /* newest then */
	bool has_cursor;
	uint64_t cursor;
	char session; /* digit */
	size_t revoked_bytes; /* it had then; SIZE_MAX: it was not */
};

struct world {
	struct clock_manual clock;
	struct config config;
	struct hub *hub;
	struct person people[PEOPLE];
	size_t count;
	const uint8_t *data;
	size_t left;
	char *events[EVENTS]; /* by seq, as the witness saw them */
	uint64_t newest;
};

static void
check(bool is_true)
{
	if (!is_true)
		abort();
}

static uint8_t
next_byte(struct world *w)
{
	if (w->left == 0)
		return 0;
	w->left--;
	return *w->data++;
}

static uint64_t
newest_seq(struct world *w)
{
	struct hub_stats stats;

	hub_get_stats(w->hub, &stats);
	return stats.seq;
}

static const char *
session_key(char digit)
{
	static char key[SESSIONS_KEY_SIZE];

	memset(key, digit, sizeof(key) - 1);
	memcpy(key, "s:", 2);
	return key;
}

static void
join(struct world *w, uint8_t who, uint8_t how)
{
	char user[8];

	if (w->count == PEOPLE)
		return;
	struct person *p = &w->people[w->count];
	memset(p, 0, sizeof(*p));
	p->protocol = how & 1 ? HUB_GATECAST : HUB_PLAIN;
	p->joined_seq = newest_seq(w);
	p->session = w->count == 0 ? 'a' : (char)('0' + (how >> 1) % SESSIONS);
	p->revoked_bytes = SIZE_MAX;
	p->has_cursor = p->protocol == HUB_GATECAST && (how & 0x40) != 0;
	if (p->has_cursor && p->joined_seq > 0)
		p->cursor = (how >> 3) % (p->joined_seq + 2);
	snprintf(user, sizeof(user), "u%d", who % USERS);
	const struct hub_join j = {
	    .conn = &p->conn,
	    .user = user,
	    .session_key = session_key(p->session),
	    .address = "::1",
	    .protocol = p->protocol,
	    .session_end_s = INT64_MAX,
	    .has_cursor = p->has_cursor,
	    .cursor_epoch = EPOCH,
	    .cursor_seq = p->cursor,
	};
	check(hub_join(w->hub, &j, &p->client) == HUB_OK);
	w->count++;
}

/* Not the witness; NULL when nobody else is there. */
static struct person *
pick(struct world *w, uint8_t which)
{
	if (w->count < 2)
		return NULL;
	struct person *p = &w->people[1 + which % (w->count - 1)];
	return p->client == NULL ? NULL : p;
}

static void
receive(struct world *w, struct person *p, const char *bytes, size_t n,
    uint8_t pieces)
{
	size_t step = pieces % 4 == 0 ? n : 1 + n / (pieces % 4);
	size_t done = 0;

	do {
		size_t now = n - done < step ? n - done : step;
		hub_receive(w->hub, p->client,
		    &(struct hub_fragment){
			.bytes = (const uint8_t *)bytes + done,
			.n = now,
			.remaining = pieces & 8 ? n - done - now : 0,
			.is_first = done == 0,
			.is_final = done + now == n,
		    });
		done += now;
	} while (done < n);
}

static void
say(struct world *w, struct person *p, uint8_t what)
{
	static char text[5000];
	size_t n = 0, letters = what % 16 == 0 ? 4000 : 1 + what % 16;

	if (p->protocol == HUB_GATECAST) {
		n = (size_t)snprintf(text, sizeof(text), "{\"type\":\"send\",");
		if (what & 0x20)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "\"ref\":\"%d\",", what & 3);
		n +=
		    (size_t)snprintf(text + n, sizeof(text) - n, "\"text\":\"");
	}
	for (size_t i = 0; i < letters; i++)
		text[n++] = (char)('a' + (what + i) % 26);
	if (p->protocol == HUB_GATECAST)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\"}");
	receive(w, p, text, n, next_byte(w));
}

static void
say_anything(struct world *w, struct person *p, uint8_t n)
{
	char bytes[64];

	n %= sizeof(bytes);
	for (uint8_t i = 0; i < n; i++)
		bytes[i] = (char)(next_byte(w) & 0x7f); /* UTF-8 */
	receive(w, p, bytes, n, next_byte(w));
}

static void
gone(struct world *w, struct person *p)
{
	hub_gone(w->hub, p->client);
	p->client = NULL;
}

static void
end_session(struct world *w, uint8_t which)
{
	char digit = (char)('0' + which % SESSIONS);

	hub_end_session(w->hub, session_key(digit));
	for (size_t i = 0; i < w->count; i++) {
		struct person *p = &w->people[i];
		if (p->session != digit || p->client == NULL)
			continue;
		check(p->conn.close_code != 0 || p->conn.is_dead);
		if (p->revoked_bytes == SIZE_MAX)
			p->revoked_bytes = p->conn.bytes.len;
	}
}

static void
operate(struct world *w)
{
	uint8_t op = next_byte(w);
	uint8_t arg = next_byte(w);
	struct person *p = pick(w, arg);

	switch (op % 16) {
	case 0:
	case 1:
		join(w, arg, next_byte(w));
		break;
	case 2:
	case 3:
		hub_flush(w->hub);
		break;
	case 4:
		clock_manual_advance(&w->clock, (int64_t)arg * 20);
		hub_tick(w->hub);
		break;
	case 5:
		if (p != NULL)
			p->conn.is_busy = !p->conn.is_busy;
		break;
	case 6:
		if (p != NULL)
			p->conn.is_partial = !p->conn.is_partial;
		break;
	case 7:
		if (p != NULL)
			hub_writable(w->hub, p->client);
		break;
	case 8:
		if (p != NULL)
			gone(w, p);
		break;
	case 9:
		if (p != NULL && p->conn.close_code == 0)
			p->conn.is_dead = true;
		break;
	case 10:
		if (p != NULL)
			hub_pong(w->hub, p->client);
		break;
	case 11:
		w->config.wsd.history_messages = arg % 32;
		w->config.wsd.slow_bytes = 1024 + arg * 256;
		break;
	case 12:
		if (arg % 8 == 0)
			end_session(w, next_byte(w));
		else
			hub_notice(w->hub, "notice", arg % 7);
		break;
	case 13:
		if (p != NULL)
			say_anything(w, p, next_byte(w));
		break;
	default:
		if (p != NULL)
			say(w, p, next_byte(w));
		break;
	}
	/* The witness takes all it is given, and its session stays. */
	hub_pong(w->hub, w->people[0].client);
	hub_writable(w->hub, w->people[0].client);
}

/* --- what was seen -------------------------------------------------------- */

static const char *
string_of(const json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	check(s != NULL);
	return s;
}

static uint64_t
number_of(const json_t *root, const char *key)
{
	const json_t *v = json_object_get(root, key);

	check(json_is_integer(v));
	return (uint64_t)json_integer_value(v);
}

static bool
is_event(const char *type)
{
	return strcmp(type, "message") == 0 || strcmp(type, "join") == 0 ||
	    strcmp(type, "leave") == 0 || strcmp(type, "notice") == 0;
}

static void
check_known_event(struct world *w, uint64_t seq, const char *text)
{
	check(seq >= 1 && seq <= w->newest);
	if (w->events[seq] == NULL)
		w->events[seq] = strdup(text);
	check(strcmp(w->events[seq], text) == 0);
}

static void
check_history(struct world *w, const json_t *root)
{
	const json_t *messages = json_object_get(root, "messages");
	uint64_t last = 0;
	size_t i;
	json_t *m;

	json_array_foreach(messages, i, m)
	{
		check(number_of(m, "seq") > last);
		last = number_of(m, "seq");
		char *text = json_dumps(m, JSON_COMPACT);
		check(text != NULL);
		check_known_event(w, last, text);
		free(text);
	}
}

static void
check_gatecast(struct world *w, struct person *p)
{
	uint8_t first;
	size_t n;
	char *text;
	bool has_hello = false;
	uint64_t next = 0;

	while ((text = fake_frame(&p->conn, &first, &n)) != NULL) {
		if (first == 0x89) {
			check(n > 0 && n <= 125);
			free(text);
			continue;
		}
		check(first == 0x81);
		json_t *root =
		    json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
		check(root != NULL);
		const char *type = string_of(root, "type");
		if (strcmp(type, "hello") == 0) {
			check(!has_hello);
			has_hello = true;
			next = number_of(root, "seq") + 1;
			bool is_resumed =
			    p->has_cursor && p->cursor <= p->joined_seq;
			check(json_is_true(json_object_get(root, "resumed")) ==
			    is_resumed);
			check(next ==
			    1 + (is_resumed ? p->cursor : p->joined_seq));
		} else if (strcmp(type, "gap") == 0) {
			check(has_hello && number_of(root, "from") == next);
			next = number_of(root, "to") + 1;
			check(next > number_of(root, "from"));
			check(next <= p->joined_seq + 1);
		} else if (is_event(type)) {
			check(has_hello && number_of(root, "seq") == next);
			check_known_event(w, next, text);
			next++;
		} else if (strcmp(type, "history") == 0) {
			check_history(w, root);
		} else if (strcmp(type, "ack") == 0) {
			check(number_of(root, "seq") <= w->newest);
		} else {
			check(strcmp(type, "error") == 0);
		}
		json_decref(root);
		free(text);
	}
	if (p->client != NULL && p->conn.close_code == 0 && !p->conn.is_dead)
		check(has_hello && next == w->newest + 1);
}

static bool
is_line_of(const char *line, const char *event)
{
	char want[6000];
	bool is_same;
	json_t *root = json_loads(event, 0, NULL);

	check(root != NULL);
	const char *type = string_of(root, "type");
	if (strcmp(type, "notice") == 0) {
		snprintf(want, sizeof(want), "%s", string_of(root, "text"));
	} else if (strcmp(type, "message") == 0) {
		/* The local time is between user and text: not of interest. */
		char end[5000];
		snprintf(want, sizeof(want), "%s-", string_of(root, "user"));
		snprintf(end, sizeof(end), "-说:%s", string_of(root, "text"));
		is_same = strlen(line) ==
			strlen(want) + CLOCK_LOCAL_SIZE - 1 + strlen(end) &&
		    strncmp(line, want, strlen(want)) == 0 &&
		    strcmp(line + strlen(line) - strlen(end), end) == 0;
		json_decref(root);
		return is_same;
	} else {
		snprintf(want, sizeof(want), "%s%s", string_of(root, "user"),
		    strcmp(type, "join") == 0 ? "上线" : "下线~");
	}
	is_same = strcmp(line, want) == 0;
	json_decref(root);
	return is_same;
}

static void
check_plain(struct world *w, struct person *p)
{
	uint8_t first;
	size_t n;
	char *text;
	uint64_t next = p->joined_seq + 1;

	while ((text = fake_frame(&p->conn, &first, &n)) != NULL) {
		if (first != 0x89) {
			check(first == 0x81 && next <= w->newest);
			check(is_line_of(text, w->events[next]));
			next++;
		}
		free(text);
	}
	if (p->client != NULL && p->conn.close_code == 0 && !p->conn.is_dead)
		check(next == w->newest + 1);
}

/* Everyone who can still read does. */
static void
settle(struct world *w)
{
	w->config.wsd.slow_bytes = INT64_MAX;
	for (size_t i = 0; i < w->count; i++) {
		w->people[i].conn.is_busy = false;
		w->people[i].conn.is_partial = false;
	}
	hub_flush(w->hub);
	for (size_t i = 0; i < w->count; i++) {
		struct person *p = &w->people[i];
		size_t before;
		if (p->client == NULL)
			continue;
		do {
			before = p->conn.bytes.len;
			hub_writable(w->hub, p->client);
		} while (p->conn.bytes.len != before);
	}
}

static void
check_all(struct world *w)
{
	w->newest = newest_seq(w);
	check(w->newest < EVENTS);
	check_gatecast(w, &w->people[0]);
	for (uint64_t seq = 1; seq <= w->newest; seq++)
		check(w->events[seq] != NULL);
	for (size_t i = 1; i < w->count; i++) {
		struct person *p = &w->people[i];
		if (p->revoked_bytes != SIZE_MAX)
			check(p->conn.bytes.len == p->revoked_bytes);
		if (p->protocol == HUB_GATECAST)
			check_gatecast(w, p);
		else
			check_plain(w, p);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.data = data;
	w.left = size > EVENTS ? EVENTS : size;
	clock_manual_init(&w.clock, INT64_C(1767323045678));
	w.config.wsd.message_bytes = 4096;
	w.config.wsd.history_messages = 16;
	w.config.wsd.history_bytes = 32768;
	w.config.wsd.ping_s = 5;
	w.config.wsd.slow_bytes = 16384;
	w.config.wsd.slow_s = 10;
	w.config.wsd.leave_grace_s = 2;
	w.hub = hub_new(&(struct hub_opts){
	    .transport = &fake_transport,
	    .clock = &w.clock.clock,
	    .config = &w.config,
	    .epoch = EPOCH,
	});
	check(w.hub != NULL);
	join(&w, 0, 1);
	while (w.left > 0)
		operate(&w);
	settle(&w);
	check_all(&w);

	for (size_t i = 0; i < w.count; i++) {
		if (w.people[i].client != NULL)
			gone(&w, &w.people[i]);
		fake_fini(&w.people[i].conn);
	}
	check(hub_count(w.hub) == 0);
	hub_free(w.hub);
	for (size_t i = 0; i < EVENTS; i++)
		free(w.events[i]);
	return 0;
}
