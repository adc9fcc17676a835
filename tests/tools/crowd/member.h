/*
 * One gatecast.v1 client of a crowd. It judges what it gets, and when it is
 * cut off it comes back as www/static/js/gatecast.js does.
 */
#ifndef TESTS_TOOLS_CROWD_MEMBER_H
#define TESTS_TOOLS_CROWD_MEMBER_H

#include "tests/lib/ws_client.h"
#include "tests/tools/crowd/seen.h"

#include <stdbool.h>
#include <stdint.h>

#define MEMBER_COOKIE_SIZE 300

struct member;

/* Who looks more closely than struct seen. */
struct crowd_watch {
	void (*here)(struct member *m); /* it has its hello */
	void (*event)(struct member *m, uint64_t seq, const char *p, size_t n);
	void (*ack)(struct member *m, uint64_t ref, uint64_t seq);
	bool (*lost)(struct member *m); /* whether it shall come back */
};

/* What members have in common. */
struct crowd {
	int epoll_fd; /* tells of a struct member */
	int port;
	const char *origin;
	size_t here; /* that have a hello */
	const struct crowd_watch *watch; /* or NULL */
	struct seen seen;
};

/* A new one is zero but for client.fd, crowd and cookie. */
struct member {
	struct ws_client client;
	struct crowd *crowd;
	uint64_t due_ns; /* of the next try; 0: none */
	uint64_t came_ns; /* the newest try */
	uint64_t hello_ns; /* 0: none on this connection */
	uint64_t away_ns; /* since when it wants to be here */
	uint64_t epoch, seq;
	bool has_epoch;
	unsigned attempt;
	uint64_t joins, leaves; /* that it heard of */
	uint64_t said, acked; /* refs of the newest */
	uint64_t acked_seq;
	char cookie[MEMBER_COOKIE_SIZE]; /* NAME=VALUE */
};

/* It shall come at that moment, as one that was never here. */
void member_want(struct member *m, uint64_t at_ns);

/* Comes if that is due. */
void member_turn(struct member *m, uint64_t now_ns);

/* Reads once. */
void member_read(struct member *m);

/* Only of one that is here; text needs no escapes. */
void member_say(struct member *m, const char *text);

/* The newest once more, under its ref. */
void member_repeat(struct member *m, const char *text);

/* Goes, to stay away. */
void member_leave(struct member *m);

#endif
