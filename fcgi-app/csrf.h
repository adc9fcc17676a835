/*
 * Whether a form was sent from a page of ours.
 *
 * Two tests, each enough on its own against an ordinary attack: what the
 * browser says of the source (Origin, Sec-Fetch-Site), and a field bound to
 * a signed cookie. The cookie is set once and left alone while it is valid,
 * so that forms in several tabs do not spoil one another.
 */
#ifndef FCGI_APP_CSRF_H
#define FCGI_APP_CSRF_H

#include "auth/keyring.h"
#include "auth/token.h"
#include "base/config.h"
#include "fcgi-app/request.h"
#include "fcgi-app/response.h"

#include <stdbool.h>
#include <stdint.h>

#define CSRF_COOKIE_HTTPS "__Host-gatecast-pre"
#define CSRF_COOKIE_HTTP "gatecast-pre"
#define CSRF_LABEL_LOGIN "login"
#define CSRF_LABEL_SESSION "session" /* of who is signed in */

/*
 * false: the browser says that another site caused the request. A browser
 * that says nothing passes; the token decides then.
 */
bool csrf_is_own_source(
    const struct request *req, const struct config_list *origins);

/* The ID of a valid pre-session cookie in the request. false: there is none. */
bool csrf_find(const struct keyring *keys, const struct request *req,
    uint8_t id[static TOKEN_ID_BYTES]);

/* The same; without a valid one a fresh one is made and its cookie set. */
void csrf_begin(const struct keyring *keys, const struct request *req,
    struct response *resp, uint8_t id[static TOKEN_ID_BYTES]);

#endif
