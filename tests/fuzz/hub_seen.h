/*
 * Did each in the hub's fuzzer see what it must? The witness' frames are the
 * truth; the others' are held against them.
 */
#ifndef TESTS_FUZZ_HUB_SEEN_H
#define TESTS_FUZZ_HUB_SEEN_H

#include "hub_world.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static inline const char *
string_of(const json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	check(s != NULL);
	return s;
}

static inline uint64_t
number_of(const json_t *root, const char *key)
{
	const json_t *v = json_object_get(root, key);

	check(json_is_integer(v));
	return (uint64_t)json_integer_value(v);
}

static inline bool
is_event(const char *type)
{
	return strcmp(type, "message") == 0 || strcmp(type, "join") == 0 ||
	    strcmp(type, "leave") == 0 || strcmp(type, "notice") == 0;
}

static inline void
check_known_event(struct world *w, uint64_t seq, const char *text)
{
	check(seq >= 1 && seq <= w->newest);
	if (w->events[seq] == NULL)
		w->events[seq] = strdup(text);
	check(strcmp(w->events[seq], text) == 0);
}

static inline void
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

static inline void
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

static inline bool
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

static inline void
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

static inline void
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

#endif
