/*
 * An overview as Prometheus reads it (text exposition format 0.0.4). Pure.
 *
 * Counters end in _total and never go back while the process lives; sizes are
 * bytes, times seconds. There is no metric of waiting for locks: a handshake
 * reads the sessions without one (store.h).
 */
#ifndef WSD_METRICS_H
#define WSD_METRICS_H

#include "base/buf.h"
#include "wsd/overview.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Failure stays in the buffer (buf.h). */
void metrics_format(struct buf *out, const struct overview *o);

#endif
