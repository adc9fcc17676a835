/*
 * The forms that words of the configuration must have. Pure.
 */
#ifndef BASE_CONFIG_FORM_H
#define BASE_CONFIG_FORM_H

#include "base/config_table.h"

/* scheme://host[:port]; becomes lower-case, without a default port. */
config_form config_form_origin;
/* "unix", or an address with an optional /prefix. */
config_form config_form_proxy;
/* What all paths begin with: /SEGMENT..., unreserved bytes alone. */
config_form config_form_prefix;
/* PATH=WHO, see base/gate_rule.h */
config_form config_form_gate_rule;
/* unix:/PATH */
config_form config_form_unix;
/* HOST:PORT, [IPv6]:PORT */
config_form config_form_tcp;
/* The same, of this machine alone: 127.x.x.x, [::1] or localhost. */
config_form config_form_loopback;
/* config_form_unix or config_form_tcp */
config_form config_form_listen;

#endif
