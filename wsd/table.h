/*
 * uthash as wsd uses it: keyed with SipHash, because strangers choose names,
 * addresses and refs and must not be able to make them collide, and without
 * exit() when memory runs out: after HASH_ADD*, TABLE_HAS(hh, e) tells
 * whether e is in.
 */
#ifndef WSD_TABLE_H
#define WSD_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* A fresh secret for all tables to come; once, before the first. */
void table_init(void);

uint32_t table_hash(const void *key, size_t n);

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) \
	do {                   \
	} while (0)
#define HASH_FUNCTION(key, n, hash) ((hash) = table_hash((key), (n)))
#define TABLE_HAS(hh, e) ((e)->hh.tbl != NULL)

#include <uthash.h>

#endif
