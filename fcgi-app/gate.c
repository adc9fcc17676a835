/*
 * A check reads two records: the session, and the account for its groups, so
 * that a group that was taken away is gone at the next request. Neither read
 * waits for a writer.
 *
 * The rules are asked about each path that is known of the request: what the
 * browser asked for and what the web server made of it. They may differ where
 * a server rewrites, and then both rules have to be met.
 */
#include "fcgi-app/gate.h"

#include "auth/crypto.h"
#include "base/gate_rule.h"
#include "base/log.h"
#include "fcgi-app/next_url.h"
#include "fcgi-app/page_error.h"
#include "fcgi-app/visitor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define READINGS_MAX 3

enum verdict {
	PASS_USER,
	PASS_ANYBODY, /* nobody is signed in, and nobody needs to be */
	STRANGER,
	NOT_IN_GROUP,
	UNCLEAR, /* which rule is meant */
	UNAVAILABLE, /* a store cannot be read; logged */
};

/* What all rules together ask for. */
struct need {
	bool is_public;
	size_t n_readings;
	size_t n_groups; /* one of each list */
	char groups[READINGS_MAX][GROUP_LIST_SIZE];
};

/* Who asks, when it is PASS_USER. */
struct who {
	struct visitor visitor;
	char groups[GROUP_LIST_SIZE];
};

/* --- which rules --------------------------------------------------------- */

/* false: unclear. */
static bool
add_reading(const struct call *c, const char *path, enum gate_path_form form,
    struct need *need)
{
	const struct config_list *rules = &c->app->config->gate.rules;
	struct gate_path p;

	if (!gate_path_read(&p, path, strlen(path), form))
		return false;
	need->n_readings++;
	switch (gate_rules_find(
	    rules->items, rules->n, &p, need->groups[need->n_groups])) {
	case GATE_WHO_PUBLIC:
		return true;
	case GATE_WHO_GROUPS:
		need->n_groups++;
		/* fallthrough */
	case GATE_WHO_ANY:
		need->is_public = false;
		return true;
	case GATE_WHO_UNCLEAR:
		break;
	}
	return false;
}

/* Whether a URL's path is the one that we are asked at. */
static bool
is_own(const struct request *req, const char *uri)
{
	size_t n = strcspn(uri, "?");

	return n == strlen(req->path) && memcmp(uri, req->path, n) == 0;
}

/* is_about_other: the request is a web server's own, about the one in its
 * headers. */
static bool
find_need(const struct call *c, bool is_about_other, struct need *need)
{
	const struct request *req = c->req;
	char decoded[GATE_PATH_MAX + 1];

	memset(need, 0, sizeof(*need));
	/* Without rules any path is for every signed-in user. */
	if (c->app->config->gate.rules.n == 0)
		return true;
	need->is_public = true;
	if (is_about_other) {
		const char *const uris[READINGS_MAX] = {req->original_uri,
		    req->forwarded_uri,
		    req->uri != NULL && is_own(req, req->uri) ? NULL
							      : req->uri};
		for (size_t i = 0; i < READINGS_MAX; i++)
			if (uris[i] != NULL &&
			    !add_reading(c, uris[i], GATE_PATH_URL, need))
				return false;
	} else {
		if (req->uri != NULL &&
		    !add_reading(c, req->uri, GATE_PATH_URL, need))
			return false;
		if (request_join_path(req, decoded, sizeof(decoded)) == -1)
			return false;
		if (decoded[0] != '\0' &&
		    !add_reading(c, decoded, GATE_PATH_DECODED, need))
			return false;
	}
	if (need->n_readings == 0)
		log_warn("gate: the web server does not say which path it "
			 "asks about; see scripts/deploy");
	return need->n_readings > 0;
}

/* --- the verdict --------------------------------------------------------- */

/* The visitor's groups as they are now. */
static enum verdict
find_groups(const struct call *c, struct who *who)
{
	struct users *users = stores_users(&c->app->stores);
	struct record_user r;
	enum verdict verdict = PASS_USER;

	if (users == NULL)
		return UNAVAILABLE;
	enum store_err err = users_get(users, who->visitor.session.user, &r);
	if (err == STORE_OK && !r.is_locked) {
		memcpy(who->groups, r.groups, sizeof(who->groups));
	} else if (err == STORE_OK || err == STORE_NOTFOUND) {
		/* Its sessions are being ended. */
		verdict = STRANGER;
	} else {
		stores_users_failed(&c->app->stores, "read", err);
		verdict = UNAVAILABLE;
	}
	crypto_wipe(&r, sizeof(r));
	return verdict;
}

static enum verdict
judge(const struct call *c, bool is_about_other, struct who *who)
{
	struct need need;
	enum verdict verdict = UNAVAILABLE;

	if (!find_need(c, is_about_other, &need))
		return UNCLEAR;
	switch (visitor_find(c, &who->visitor)) {
	case VISITOR_UNKNOWN:
		break;
	case VISITOR_ANONYMOUS:
		verdict = STRANGER;
		break;
	case VISITOR_SIGNED_IN:
		verdict = find_groups(c, who);
		break;
	}
	for (size_t i = 0; verdict == PASS_USER && i < need.n_groups; i++)
		if (!group_lists_meet(need.groups[i], who->groups))
			verdict = NOT_IN_GROUP;
	if (verdict == STRANGER && need.is_public)
		verdict = PASS_ANYBODY;
	if (verdict == PASS_USER)
		visitor_touch(c, &who->visitor);
	return verdict;
}

/* --- answers ------------------------------------------------------------- */

static bool
has_prefix(const char *s, const char *prefix)
{
	return s != NULL && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
gate_is_page(const struct request *req)
{
	if (req->fetch_mode != NULL)
		return strcmp(req->fetch_mode, "navigate") == 0;
	if (req->requested_with != NULL || req->upgrade != NULL ||
	    req->accept == NULL)
		return false;
	/* As a media range of its own, not within another's parameters. */
	for (const char *p = req->accept; *p != '\0'; p += *p == ',') {
		p += strspn(p, " \t");
		if (has_prefix(p, "text/html") &&
		    strchr("; \t,", p[strlen("text/html")]) != NULL)
			return true;
		p += strcspn(p, ",");
	}
	return false;
}

void
gate_page_login(struct call *c)
{
	const char *uri = c->req->uri != NULL ? c->req->uri : "";
	char next[NEXT_URL_MAX + 1];
	const char *prefix = c->app->config->site.prefix;

	if (!gate_is_page(c->req)) {
		char text[192];

		snprintf(text, sizeof(text),
		    "{\"error\":\"no session\",\"login\":\"%s/login\"}\n",
		    prefix);
		response_json(c->resp, 401, text);
		return;
	}
	next_url_choose(prefix, uri, strlen(uri), next);
	app_redirect(c, "/login", strcmp(next, uri) == 0 ? next : NULL);
}

static void
note_refusal(const struct call *c, const struct who *who)
{
	const struct log_field fields[] = {
	    {"path", c->req->uri != NULL ? c->req->uri : c->req->path,
		SIZE_MAX},
	    {"reason", "group", SIZE_MAX},
	    {"user", who->visitor.session.user, SIZE_MAX},
	    {"address", c->req->address, SIZE_MAX},
	};

	log_audit("refuse", fields, sizeof(fields) / sizeof(fields[0]));
}

static void
refuse(
    struct call *c, enum verdict verdict, const struct who *who, bool is_page)
{
	const char *what = verdict == NOT_IN_GROUP ? "group" : "path";

	if (verdict == NOT_IN_GROUP)
		note_refusal(c, who);
	if (verdict == UNAVAILABLE && is_page) {
		page_error_store(c);
	} else if (verdict == UNAVAILABLE) {
		page_error_store_json(c);
	} else if (is_page) {
		page_error(c, 403, what);
	} else {
		response_json(c->resp, 403,
		    verdict == NOT_IN_GROUP
			? "{\"error\":\"not in a group that may\"}\n"
			: "{\"error\":\"ambiguous path\"}\n");
	}
}

/* The user's name and groups, if anybody's. */
static void
name_user(struct call *c, enum verdict verdict, const struct who *who,
    const char *user_header, const char *groups_header)
{
	if (verdict != PASS_USER)
		return;
	response_header_utf8(c->resp, user_header, who->visitor.session.user);
	if (who->groups[0] != '\0')
		response_header(c->resp, groups_header, who->groups);
}

void
gate_authorize(struct call *c)
{
	struct who who;
	enum verdict verdict = judge(c, false, &who);

	switch (verdict) {
	case PASS_USER:
	case PASS_ANYBODY:
		c->resp->is_pass = true;
		name_user(c, verdict, &who, "Variable-REMOTE_USER",
		    "Variable-REMOTE_GROUPS");
		return;
	case STRANGER:
		gate_page_login(c);
		break;
	case NOT_IN_GROUP:
	case UNCLEAR:
	case UNAVAILABLE:
		refuse(c, verdict, &who, gate_is_page(c->req));
		break;
	}
	/* Apache keeps every header of an authorizer but its Content-Type. */
	if (c->resp->body.len > 0)
		response_header(c->resp, "X-Gatecast-Type", c->resp->type);
}

void
gate_page_auth(struct call *c)
{
	struct who who;
	enum verdict verdict = judge(c, true, &who);

	switch (verdict) {
	case PASS_USER:
	case PASS_ANYBODY:
		c->resp->status = 204;
		name_user(c, verdict, &who, "X-User", "X-Groups");
		return;
	case STRANGER:
		response_json(c->resp, 401, "{\"error\":\"no session\"}\n");
		return;
	case NOT_IN_GROUP:
	case UNCLEAR:
	case UNAVAILABLE:
		refuse(c, verdict, &who, false);
	}
}
