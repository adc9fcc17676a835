/*
 * The table of users, and the list of those on leave in the order in which
 * they went: the grace is one number for all, so whoever is next is at its
 * old end.
 */
#include "wsd/presence.h"

#include <stdlib.h>
#include <string.h>

void
presence_init(struct presence *p)
{
	memset(p, 0, sizeof(*p));
}

struct presence_user *
presence_find(const struct presence *p, const char *name, size_t n)
{
	struct presence_user *u;

	HASH_FIND(hh, p->users, name, n, u);
	return u;
}

static void
list_remove(struct presence_list *l, struct presence_user *u)
{
	*(u->older != NULL ? &u->older->newer : &l->oldest) = u->newer;
	*(u->newer != NULL ? &u->newer->older : &l->newest) = u->older;
	u->older = NULL;
	u->newer = NULL;
}

static void
list_append(struct presence_list *l, struct presence_user *u)
{
	u->older = l->newest;
	u->newer = NULL;
	*(u->older != NULL ? &u->older->newer : &l->oldest) = u;
	l->newest = u;
}

static void
forget(struct presence *p, struct presence_user *u)
{
	HASH_DEL(p->users, u);
	free(u);
}

void
presence_fini(struct presence *p)
{
	while (p->users != NULL)
		forget(p, p->users);
	presence_init(p);
}

static struct presence_user *
add_user(struct presence *p, const char *name, size_t n)
{
	if (n > UINT16_MAX)
		return NULL;
	struct presence_user *u = calloc(1, sizeof(*u) + n + 1);
	if (u == NULL)
		return NULL;
	u->name_bytes = (uint16_t)n;
	memcpy(u->name, name, n);
	HASH_ADD_KEYPTR(hh, p->users, u->name, n, u);
	if (!TABLE_HAS(hh, u)) {
		free(u);
		return NULL;
	}
	list_append(&p->offline, u);
	return u;
}

struct presence_user *
presence_enter(
    struct presence *p, const char *name, int64_t wall_ms, bool *is_first)
{
	size_t n = strlen(name);
	struct presence_user *u = presence_find(p, name, n);

	if (u == NULL)
		u = add_user(p, name, n);
	if (u == NULL)
		return NULL;
	if (u->connections == 0)
		list_remove(u->is_online ? &p->leaving : &p->offline, u);
	u->connections++;
	*is_first = !u->is_online;
	if (!u->is_online) {
		u->is_online = true;
		u->since_ms = wall_ms;
		u->join_seq = 0;
		p->online++;
	}
	return u;
}

void
presence_exit(struct presence *p, struct presence_user *u, int64_t mono_ms)
{
	u->connections--;
	if (u->connections > 0)
		return;
	u->gone_ms = mono_ms;
	list_append(&p->leaving, u);
}

struct presence_user *
presence_next_leaving(
    const struct presence *p, int64_t grace_ms, int64_t mono_ms)
{
	struct presence_user *u = p->leaving.oldest;

	return u != NULL && mono_ms - u->gone_ms >= grace_ms ? u : NULL;
}

void
presence_leave(struct presence *p, struct presence_user *u, int64_t mono_ms)
{
	list_remove(&p->leaving, u);
	u->is_online = false;
	p->online--;
	if (ratelimit_is_full(&u->bucket, mono_ms))
		forget(p, u);
	else
		list_append(&p->offline, u);
}

void
presence_forget(struct presence *p, int64_t mono_ms)
{
	struct presence_user *u, *newer;

	for (u = p->offline.oldest; u != NULL; u = newer) {
		newer = u->newer;
		if (!ratelimit_is_full(&u->bucket, mono_ms))
			continue;
		list_remove(&p->offline, u);
		forget(p, u);
	}
}
