#include "fcgi-app/device.h"

#include "auth/cookie.h"
#include "auth/crypto.h"
#include "auth/name.h"
#include "base/buf.h"
#include "fcgi-app/set_cookie.h"

#include <string.h>

#define SEPARATOR '~'
#define BIND_CHARS (TOKEN_BOUND_SIZE - 1)
#define LABEL "device "
#define LABEL_SIZE (sizeof(LABEL) + NAME_FOLD_SIZE)

static const char *
cookie_name(const struct request *req)
{
	return req->is_https ? DEVICE_COOKIE_HTTPS : DEVICE_COOKIE_HTTP;
}

/* What a browser shows: its ID, and what it is bound to as text. */
struct shown {
	uint8_t id[TOKEN_ID_BYTES];
	const char *binds; /* "~BIND~BIND…" */
	size_t n;
};

static bool
find(const struct keyring *keys, const struct request *req, struct shown *out)
{
	const char *value;
	size_t n;

	if (cookie_find(req->cookies, req->n_cookies, cookie_name(req), &value,
		&n) != COOKIE_OK)
		return false;
	out->binds = memchr(value, SEPARATOR, n);
	if (out->binds == NULL)
		return false;
	size_t token_len = (size_t)(out->binds - value);
	out->n = n - token_len;
	return out->n % (1 + BIND_CHARS) == 0 &&
	    out->n / (1 + BIND_CHARS) <= DEVICE_ACCOUNTS_MAX &&
	    token_verify(keys, TOKEN_DEVICE, value, token_len, out->id) ==
	    TOKEN_OK;
}

/* The bind at that place; NULL behind the last. */
static const char *
bind_at(const struct shown *s, size_t i)
{
	size_t at = i * (1 + BIND_CHARS);

	return at < s->n ? s->binds + at + 1 : NULL;
}

static bool
make_label(const char *typed, size_t n, char label[static LABEL_SIZE])
{
	char name[NAME_SIZE];

	memcpy(label, LABEL, sizeof(LABEL));
	return name_canonical(typed, n, name) == NAME_OK &&
	    name_fold(name, label + sizeof(LABEL) - 1) == NAME_OK;
}

bool
device_knows(const struct keyring *keys, const struct request *req,
    const char *name, size_t n, uint8_t id[static TOKEN_ID_BYTES])
{
	char label[LABEL_SIZE];
	struct shown s;
	const char *bind;

	if (!find(keys, req, &s) || !make_label(name, n, label))
		return false;
	for (size_t i = 0; (bind = bind_at(&s, i)) != NULL; i++)
		if (token_is_bound(keys, label, s.id, bind, BIND_CHARS)) {
			memcpy(id, s.id, TOKEN_ID_BYTES);
			return true;
		}
	return false;
}

/* Of base64url: what is not, was not made by us. */
static bool
is_bind(const char *bind)
{
	uint8_t mac[CRYPTO_MAC_BYTES];

	return crypto_b64_decode(bind, BIND_CHARS, mac, sizeof(mac)) == 0;
}

void
device_remember(const struct keyring *keys, const struct request *req,
    struct response *resp, const char *name, size_t n)
{
	char label[LABEL_SIZE];
	char token[TOKEN_SIZE], fresh[TOKEN_BOUND_SIZE];
	struct buf value = BUF_INIT;
	struct shown s;
	const char *bind;
	size_t accounts = 1;

	if (!make_label(name, n, label))
		return;
	if (!find(keys, req, &s)) {
		memset(&s, 0, sizeof(s));
		crypto_random(s.id, sizeof(s.id));
	}
	/* By the current key, so that a rotation does not end it. */
	token_make(keys, TOKEN_DEVICE, s.id, token);
	token_bind(keys, label, s.id, fresh);
	buf_printf(&value, "%s%c%s", token, SEPARATOR, fresh);
	for (size_t i = 0; (bind = bind_at(&s, i)) != NULL; i++)
		if (accounts < DEVICE_ACCOUNTS_MAX && is_bind(bind) &&
		    !token_is_bound(keys, label, s.id, bind, BIND_CHARS)) {
			buf_printf(
			    &value, "%c%.*s", SEPARATOR, BIND_CHARS, bind);
			accounts++;
		}
	if (value.has_failed)
		resp->is_spoiled = true;
	else
		set_cookie(resp, cookie_name(req), buf_str(&value),
		    DEVICE_MAX_AGE_S, req->is_https);
	buf_fini(&value);
}
