/*
 * FastCGI's records as bytes (FastCGI 1.0 §3.3, §3.4, §4, §5.5): how pairs
 * are read, and what the protocol itself has answers for. Pure.
 *
 * The answers to requests are libfcgi's (fcgi_io.h), which sees none of the
 * records that are answered here.
 */
#ifndef FCGI_APP_FCGI_RECORD_H
#define FCGI_APP_FCGI_RECORD_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fcgi_record_type {
	FCGI_RECORD_BEGIN_REQUEST = 1,
	FCGI_RECORD_ABORT_REQUEST = 2,
	FCGI_RECORD_END_REQUEST = 3,
	FCGI_RECORD_PARAMS = 4,
	FCGI_RECORD_STDIN = 5,
	FCGI_RECORD_GET_VALUES = 9,
	FCGI_RECORD_GET_VALUES_RESULT = 10,
	FCGI_RECORD_UNKNOWN_TYPE = 11,
};

/* How a request ends (§5.5), where that is not the end of an answer. */
enum fcgi_record_status {
	FCGI_RECORD_COMPLETE = 0,
	FCGI_RECORD_CANT_MPX_CONN = 1,
	FCGI_RECORD_UNKNOWN_ROLE = 3,
};

#define FCGI_RECORD_VERSION 1
#define FCGI_RECORD_HEADER_LEN 8

struct fcgi_record_pair {
	const uint8_t *name;
	size_t name_len;
	const uint8_t *value;
	size_t value_len;
};

uint16_t fcgi_record_get16(const uint8_t *b);

/*
 * The pair at *b, which is moved behind it. false: its lengths go beyond
 * end (§3.4).
 */
bool fcgi_record_pair(
    const uint8_t **b, const uint8_t *end, struct fcgi_record_pair *out);

/*
 * Each appends one record, without padding; a failure is out's. n: at most
 * 65535.
 */
void fcgi_record_put(
    struct buf *out, uint8_t type, uint16_t id, const void *bytes, size_t n);
void fcgi_record_put_end(
    struct buf *out, uint16_t id, enum fcgi_record_status status);
void fcgi_record_put_unknown(struct buf *out, uint8_t type);

/*
 * To the n bytes of a query (§4.1). What is known is that connections carry
 * one request at a time; other names are left out. false: its pairs do not
 * add up, and nothing is appended.
 */
bool fcgi_record_put_values(struct buf *out, const uint8_t *query, size_t n);

#endif
