/*
 * Plain text lines, for clients that ask for no subprotocol: the lines that
 * the Tornado tutorial's page shows.
 */
#ifndef WSD_LINES_H
#define WSD_LINES_H

#include "base/buf.h"
#include "wsd/protocol.h"

#include <stdbool.h>

/*
 * Appends the line of an event: "NAME上线", "NAME下线~",
 * "NAME-LOCAL-说:TEXT" where local is "YYYY-MM-DD HH:MM:SS", or a notice's
 * text. is_html: names and texts with & < > " ' as references, for pages
 * that insert lines as markup.
 */
void lines_event(struct buf *out, const struct protocol_event *e,
    const char *local, bool is_html);

/*
 * Appends what a plain client said without C0 controls other than line feed
 * and tab.
 */
void lines_clean(struct buf *out, const char *text, size_t n);

#endif
