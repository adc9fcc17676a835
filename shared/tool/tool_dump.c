/*
 * gatecast store dump: every record as text, one a line: store, kind, key,
 * value. The stores are opened as such, without keyring, secret or a look at
 * what the records say, so that what is wrong elsewhere hides nothing here.
 */
#include "base/log.h"
#include "tool/tool.h"

#include <stdio.h>
#include <string.h>

/* Every byte of a value as four: \xNN. */
#define ESCAPED_SIZE(n) ((n)*4 + 1)

struct dump {
	const char *store;
	char text[ESCAPED_SIZE(STORE_VALUE_MAX)];
};

static const char *
kind_of(const char *store, const char *key, size_t n)
{
	static const struct {
		const char *store;
		const char *prefix;
		const char *kind;
	} kinds[] = {
	    {"users", "u:", "user"},
	    {"sessions", "s:", "session"},
	    {"sessions", "n:", "list"}, /* a user's sessions */
	    {"throttle", "n:", "account"},
	    {"throttle", "a:", "address"},
	    {"throttle", "d:", "device"},
	    {"throttle", "se", "secret"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(store, kinds[i].store) == 0 && n > 2 &&
		    memcmp(key, kinds[i].prefix, 2) == 0)
			return kinds[i].kind;
	return "unknown";
}

static int
print_record(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct dump *d = arg;

	log_escape(key, key_len, d->text, sizeof(d->text));
	if (printf("%s %s %s ", d->store, kind_of(d->store, key, key_len),
		d->text) < 0)
		return -1;
	log_escape(value, value_len, d->text, sizeof(d->text));
	return puts(d->text) == EOF ? -1 : 0;
}

static int
dump_store(const struct tool *t, const char *name)
{
	static struct dump d;
	char dir[4096];
	struct buf why = BUF_INIT;
	struct store *s = NULL;

	snprintf(dir, sizeof(dir), "%s/%s", t->config.store.dir, name);
	const struct store_opts opts = {.dir = dir};
	enum store_err err = store_open(&opts, &s, &why);
	if (err == STORE_OK) {
		d.store = name;
		err = store_each(s, print_record, &d);
		if (err != STORE_OK)
			buf_puts(&why, store_detail(s));
	}
	int code = TOOL_OK;
	if (err != STORE_OK) {
		char doing[32];
		snprintf(doing, sizeof(doing), "cannot dump %s", name);
		code = tool_fail_store(err, doing, buf_str(&why));
	} else if (ferror(stdout)) {
		code = tool_fail_output();
	}
	store_close(s);
	buf_fini(&why);
	return code;
}

int
tool_store_dump(struct tool *t)
{
	static const char *const names[] = {"users", "sessions", "throttle"};
	const char *only = t->args.n > 0 ? t->args.operands[0] : NULL;
	size_t found = 0;

	int code = tool_become_owner(t);
	if (code != TOOL_OK)
		return code;
	/* All are tried, also when one cannot be read. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (only != NULL && strcmp(only, names[i]) != 0)
			continue;
		found++;
		int one = dump_store(t, names[i]);
		if (code == TOOL_OK)
			code = one;
		if (ferror(stdout))
			break;
	}
	if (found == 0)
		return tool_fail(TOOL_USAGE,
		    "no such store: %s (users, sessions, throttle)", only);
	if (code == TOOL_OK)
		tool_audit("store.dump", NULL);
	return code;
}
