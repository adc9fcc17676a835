/*
 * What a name looks like to a reader, by UTS #39 (Unicode Security
 * Mechanisms). The only file that knows ICU.
 */
#ifndef TOOL_TOOL_CONFUSABLE_H
#define TOOL_TOOL_CONFUSABLE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct tool_confusable;

/* NULL: no memory, or ICU's data are not there. */
struct tool_confusable *tool_confusable_new(void);
void tool_confusable_free(struct tool_confusable *c);

/*
 * Whether a canonical name mixes scripts as no language does: more than the
 * restriction level "highly restrictive" (UTS #39 §5.2) takes. Latin goes
 * with Han and kana, Han and Bopomofo, Han and Hangul; all else stands alone.
 */
bool
tool_confusable_is_mixed(const struct tool_confusable *c, const char *name);

/*
 * The looks of a canonical name, replacing *looks' content: bytes to be
 * compared and nothing else. Two names that share a look can be mistaken for
 * each other, in one case or another. 0, or -1: no memory.
 */
#define TOOL_CONFUSABLE_LOOKS 2
int tool_confusable_looks(const struct tool_confusable *c, const char *name,
    struct buf looks[static TOOL_CONFUSABLE_LOOKS]);

#endif
