/*
 * One value of the configuration: from text and to text. Pure; knows the
 * table's rows but not the table.
 */
#ifndef BASE_CONFIG_VALUE_H
#define BASE_CONFIG_VALUE_H

#include "base/buf.h"
#include "base/config.h"
#include "base/config_table.h"

#include <stdbool.h>

enum config_value_err {
	CONFIG_VALUE_OK = 0,
	CONFIG_VALUE_REFUSED, /* *c is unchanged */
	CONFIG_VALUE_NOMEM, /* *c is unchanged */
};

/* Sets k in *c from text, freeing what was there. */
enum config_value_err config_value_set(
    struct config *c, const struct config_key *k, const char *text);

/* Appends the value as a file would spell it. 0 or -1. */
int config_value_format(
    const struct config *c, const struct config_key *k, struct buf *out);

/* Appends what may be given, in words. 0 or -1. */
int config_value_allowed(const struct config_key *k, struct buf *out);

bool config_value_equal(
    const struct config *a, const struct config *b, const struct config_key *k);

void config_value_swap(
    struct config *a, struct config *b, const struct config_key *k);

/* Frees what k owns and leaves it empty. */
void config_value_clear(struct config *c, const struct config_key *k);

#endif
