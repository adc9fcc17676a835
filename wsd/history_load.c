/*
 * What a start finds. A kill cuts the last record short, and nobody was told
 * of it: it is left out and the epoch goes on. After a power loss that holds
 * for whatever was synced before it was told. All else means that somebody
 * may have seen more than is here; then numbers must not be given twice in
 * one epoch, and a new one begins with what is whole.
 */
#include "wsd/history_impl.h"

#include "base/log.h"
#include "store/journal.h"

#include <string.h>

struct load {
	history_apply *apply;
	void *arg;
	uint64_t epoch; /* 0: no BEGIN yet */
	char boot[HISTORY_BOOT_BYTES];
	bool is_synced; /* the last record */
};

/* Of a whole body, before any of it counts. */
static bool
is_body_good(const struct load *l, const uint8_t *body, size_t n)
{
	bool has_begun = l->epoch != 0;
	enum history_op_err err;
	struct history_op op;

	while ((err = history_op_next(&body, &n, &op)) == HISTORY_OP_OK) {
		bool is_begin = op.type == HISTORY_BEGIN;
		if (is_begin && (op.epoch == 0 || op.seq > INT64_MAX))
			return false;
		if (op.type != HISTORY_SYNCED && is_begin == has_begun)
			return false;
		has_begun = has_begun || is_begin;
	}
	return err == HISTORY_OP_END;
}

static int
apply_body(struct load *l, const uint8_t *body, size_t n)
{
	struct history_op op;

	l->is_synced = false;
	while (history_op_next(&body, &n, &op) == HISTORY_OP_OK) {
		switch (op.type) {
		case HISTORY_SYNCED:
		case HISTORY_STOP:
			l->is_synced = true;
			continue;
		case HISTORY_BEGIN:
			l->epoch = op.epoch;
			memcpy(l->boot, op.boot, HISTORY_BOOT_BYTES);
			break;
		default:
			break;
		}
		if (l->apply(l->arg, &op) == -1)
			return -1;
	}
	return 0;
}

/* Where the machine does not tell its boot it may have been another. */
static bool
is_same_boot(const struct history *h, const struct load *l)
{
	static const char unknown[HISTORY_BOOT_BYTES];

	return memcmp(l->boot, h->boot, HISTORY_BOOT_BYTES) == 0 &&
	    memcmp(h->boot, unknown, HISTORY_BOOT_BYTES) != 0;
}

/* Behind the last whole record; at is its end. */
static bool
is_tail(const struct history *h, const struct load *l,
    const struct journal_header *header, size_t at, enum journal_err err)
{
	const char *bytes = h->loaded.data + at;
	size_t n = h->loaded.len - at;

	if (l->epoch == 0 || at < header->carried ||
	    journal_is_damaged(bytes, n, header->generation, at))
		return false;
	/* A kill cuts; a power loss may also leave other bytes. */
	return err == JOURNAL_SHORT || !is_same_boot(h, l);
}

int
history_load(
    struct history *h, history_apply *apply, void *arg, uint64_t *epoch)
{
	struct load l = {.apply = apply, .arg = arg};
	const struct buf *b = &h->loaded;
	struct journal_header header;
	struct journal_record r;
	enum journal_err err;
	size_t at = JOURNAL_HEADER_SIZE;
	int rc = 0;

	if (!h->must_keep_aside) /* there is none */
		return 0;
	if (journal_header_decode(b->data, b->len, &header) != JOURNAL_OK)
		goto done;
	h->file.generation = header.generation;
	while ((err = journal_record_decode(b->data + at, b->len - at,
		    header.generation, at, &r)) == JOURNAL_OK) {
		if (!is_body_good(&l, r.body, r.body_len)) {
			err = JOURNAL_BAD;
			break;
		}
		rc = apply_body(&l, r.body, r.body_len);
		if (rc == -1)
			goto done;
		at += r.size;
		l.is_synced = l.is_synced || at <= header.carried;
	}
	h->must_keep_aside = !is_tail(h, &l, &header, at, err);
	if (!h->must_keep_aside && at < b->len)
		log_notice("%s/%s: %zu bytes of an unfinished write left out",
		    h->files.dir, HISTORY_FILE, b->len - at);
	if (!h->must_keep_aside && (l.is_synced || is_same_boot(h, &l)))
		*epoch = l.epoch;
	else if (!h->must_keep_aside)
		log_warn("%s/%s: the machine went down without a "
			 "wsd.history_sync = always: a new epoch begins",
		    h->files.dir, HISTORY_FILE);
done:
	if (h->must_keep_aside && rc == 0)
		log_err("%s/%s: damaged at %zu of %zu bytes: a new epoch "
			"begins with what is before, the file is kept aside",
		    h->files.dir, HISTORY_FILE, at < b->len ? at : b->len,
		    b->len);
	buf_fini(&h->loaded);
	return rc;
}
