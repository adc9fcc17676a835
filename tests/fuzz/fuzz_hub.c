/*
 * Any order of joins, messages, flushes, busy and dying connections. One
 * witness is never slow; the others must have seen, from their hello.seq or
 * their join on, exactly what the witness saw, in that order, or an explicit
 * gap; and who is still there at the end must have seen all of it.
 *
 * Each operation is a byte, taking the bytes it needs from what follows.
 */
#include "hub_seen.h"
#include "hub_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t
next_byte(struct world *w)
{
	if (w->left == 0)
		return 0;
	w->left--;
	return *w->data++;
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
			p->conn.kernel_bytes = arg % 2 * arg * 8;
		if (p != NULL && arg % 2 == 0)
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
			hub_pong(p->client);
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
	hub_pong(w->people[0].client);
	hub_writable(w->hub, w->people[0].client);
	if (arg % 2 == 0)
		hub_flush(w->hub);
}

/* Everyone who can still read does. */
static void
settle(struct world *w)
{
	w->config.wsd.slow_bytes = INT64_MAX;
	for (size_t i = 0; i < w->count; i++) {
		w->people[i].conn.is_busy = false;
		w->people[i].conn.is_partial = false;
		w->people[i].conn.kernel_bytes = 0;
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
			hub_flush(w->hub);
		} while (p->conn.bytes.len != before);
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
