/*
 * Stored values as text: "v=1 key=value key=value". Values are
 * percent-encoded where they are not [A-Za-z0-9._:/@+$,-]. Keys that are not
 * known are passed over; a known key twice, one missing (but for a user's
 * groups, which are there where there are any), another spelling of a value
 * are malformed. Pure.
 */
#ifndef AUTH_RECORD_H
#define AUTH_RECORD_H

#include "auth/name.h"
#include "auth/password.h"
#include "auth/throttle_policy.h"
#include "base/buf.h"
#include "base/group.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_user {
	char name[NAME_SIZE]; /* canonical, as it is shown */
	char hash[PASSWORD_HASH_SIZE];
	int64_t created_s;
	int64_t changed_s; /* password last set */
	bool is_locked;
	char groups[GROUP_LIST_SIZE]; /* see base/group.h */
};

#define RECORD_AGENT_SIZE 129

struct record_session {
	char user[NAME_SIZE];
	int64_t created_s;
	int64_t seen_s; /* last activity written */
	int64_t expires_s; /* absolute end; 0: none */
	int64_t idle_s; /* idle lifetime, fixed at login; 0: none */
	char address[46];
	char agent[RECORD_AGENT_SIZE]; /* User-Agent, cut */
};

struct record_throttle {
	char who[NAME_SIZE]; /* the account, or the address */
	struct throttle_state state;
};

/* put appends, get overwrites *out. 0, or -1: malformed, no memory. */
int record_put_user(const struct record_user *r, struct buf *out);
int record_get_user(const char *bytes, size_t n, struct record_user *out);
/*
 * Appends the keys of a user's record that are not known here to the record
 * that takes its place. 0, also when it is malformed, or -1: no memory.
 */
int record_keep_user(const char *bytes, size_t n, struct buf *out);
int record_put_session(const struct record_session *r, struct buf *out);
int record_get_session(const char *bytes, size_t n, struct record_session *out);
int record_put_throttle(const struct record_throttle *r, struct buf *out);
int
record_get_throttle(const char *bytes, size_t n, struct record_throttle *out);

/*
 * When it ends by itself: the earlier of idle and absolute. INT64_MAX: it
 * does not.
 */
int64_t record_session_end_s(const struct record_session *r);

#endif
