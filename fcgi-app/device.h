/*
 * The device cookie: in which accounts this browser has signed in before.
 *
 * "TOKEN~BIND~BIND…": a signed ID of the browser, and for each account a
 * value that only we can make of that ID and the account's name. It signs
 * nobody in; it is worth a throttle of one's own (auth/throttle.h), and the
 * server keeps nothing for it.
 */
#ifndef FCGI_APP_DEVICE_H
#define FCGI_APP_DEVICE_H

#include "auth/keyring.h"
#include "auth/token.h"
#include "fcgi-app/request.h"
#include "fcgi-app/response.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_COOKIE_HTTPS "__Host-gatecast-device"
#define DEVICE_COOKIE_HTTP "gatecast-device"
#define DEVICE_MAX_AGE_S (365 * 24 * 3600)
#define DEVICE_ACCOUNTS_MAX 4 /* the last ones */

/*
 * Whether this browser has signed in to that account (n bytes of a name, as
 * typed) before; its ID then.
 */
bool device_knows(const struct keyring *keys, const struct request *req,
    const char *name, size_t n, uint8_t id[static TOKEN_ID_BYTES]);

/* Sets the cookie after a sign-in, with the accounts it had before. */
void device_remember(const struct keyring *keys, const struct request *req,
    struct response *resp, const char *name, size_t n);

#endif
