/*
 * A backup is framed like a journal (store/journal.h), so that a flip, a cut
 * and two files spliced together show, and says at its end how many users it
 * holds. What stands in the frames is text.
 */
#include "auth/backup.h"

#include "base/number.h"
#include "store/journal.h"
#include "store/store.h"

#include <inttypes.h>
#include <string.h>

#define MAGIC "GCBACKUP"
#define FIRST "backup v=1 made="
#define VERSIONS "backup v="
#define USER "user "
#define LAST "end users="

const char *
backup_strerror(enum backup_err err)
{
	switch (err) {
	case BACKUP_OK:
		return "ok";
	case BACKUP_END:
		return "nothing follows";
	case BACKUP_MAGIC:
		return "not a backup of gatecast";
	case BACKUP_VERSION:
		return "of another version of gatecast";
	case BACKUP_SHORT:
		return "cut short: its end is missing";
	case BACKUP_BAD:
		return "damaged";
	}
	return "?";
}

/* --- writing ------------------------------------------------------------ */

static int
finish(struct backup_writer *w, uint64_t seed, struct buf *out)
{
	if (journal_record_finish(out, seed, w->offset, 0) != 0)
		return -1;
	w->offset += out->len;
	return 0;
}

int
backup_put_first(struct backup_writer *w, int64_t made_ms, struct buf *out)
{
	struct buf record = BUF_INIT;

	memset(w, 0, sizeof(*w));
	w->made_ms = made_ms > 0 ? (uint64_t)made_ms : 0;
	w->offset = BACKUP_MAGIC_LEN;
	journal_record_begin(&record);
	buf_printf(&record, FIRST "%" PRIu64, w->made_ms);
	int rc = finish(w, 0, &record);
	buf_reset(out);
	if (rc == 0) {
		buf_append(out, MAGIC, BACKUP_MAGIC_LEN);
		rc = buf_append(out, record.data, record.len);
	}
	buf_fini(&record);
	return rc;
}

int
backup_put_user(
    struct backup_writer *w, const void *value, size_t n, struct buf *out)
{
	journal_record_begin(out);
	buf_puts(out, USER);
	buf_append(out, value, n);
	w->users++;
	return finish(w, w->made_ms, out);
}

int
backup_put_last(struct backup_writer *w, struct buf *out)
{
	journal_record_begin(out);
	buf_printf(out, LAST "%" PRIu64, w->users);
	return finish(w, w->made_ms, out);
}

/* --- reading ------------------------------------------------------------ */

/* The next record's body as text; r->at stays until it has been judged. */
static enum backup_err
take(struct backup_reader *r, uint64_t seed, struct journal_record *out)
{
	switch (journal_record_decode(
	    r->bytes + r->at, r->n - r->at, seed, r->at, out)) {
	case JOURNAL_OK:
		return BACKUP_OK;
	case JOURNAL_SHORT:
		return BACKUP_SHORT;
	default:
		return BACKUP_BAD;
	}
}

static bool
has_prefix(const struct journal_record *r, const char *prefix)
{
	size_t n = strlen(prefix);

	return r->body_len >= n && memcmp(r->body, prefix, n) == 0;
}

/* The number behind a prefix, in its one spelling. */
static bool
get_number(const struct journal_record *r, const char *prefix, uint64_t *out)
{
	size_t skip = strlen(prefix);
	const char *p = (const char *)r->body + skip;
	size_t n = r->body_len - skip;
	int64_t v;

	if (!number_parse(p, n, INT64_MAX, &v) || (n > 1 && p[0] == '0'))
		return false;
	*out = (uint64_t)v;
	return true;
}

/* Whatever a version has behind it. */
static bool
get_version(const struct journal_record *r, uint64_t *out)
{
	int64_t v;

	if (!has_prefix(r, VERSIONS))
		return false;
	const char *p = (const char *)r->body + strlen(VERSIONS);
	size_t left = r->body_len - strlen(VERSIONS);
	const char *space = memchr(p, ' ', left);
	size_t n = space == NULL ? left : (size_t)(space - p);
	if (!number_parse(p, n, INT64_MAX, &v))
		return false;
	*out = (uint64_t)v;
	return true;
}

bool
backup_is_begun(const void *bytes, size_t n)
{
	return n > 0 &&
	    memcmp(bytes, MAGIC, n < BACKUP_MAGIC_LEN ? n : BACKUP_MAGIC_LEN) ==
	    0;
}

enum backup_err
backup_open(struct backup_reader *r, const void *bytes, size_t n)
{
	struct journal_record first;

	memset(r, 0, sizeof(*r));
	r->bytes = bytes;
	r->n = n;
	if (!backup_is_begun(bytes, n))
		return BACKUP_MAGIC;
	if (n < BACKUP_MAGIC_LEN)
		return BACKUP_SHORT;
	r->at = BACKUP_MAGIC_LEN;
	enum backup_err err = take(r, 0, &first);
	if (err != BACKUP_OK)
		return err;
	if (!get_version(&first, &r->version))
		return BACKUP_BAD;
	if (r->version != BACKUP_VERSION_OURS)
		return BACKUP_VERSION;
	if (!has_prefix(&first, FIRST) ||
	    !get_number(&first, FIRST, &r->made_ms))
		return BACKUP_BAD;
	r->at += first.size;
	return BACKUP_OK;
}

enum backup_err
backup_next(struct backup_reader *r, const char **value, size_t *len,
    struct record_user *out)
{
	struct journal_record record;
	uint64_t users;

	enum backup_err err = take(r, r->made_ms, &record);
	if (err != BACKUP_OK)
		return err;
	if (has_prefix(&record, LAST)) {
		/* What follows the end belongs to no backup. */
		if (!get_number(&record, LAST, &users) || users != r->users ||
		    r->at + record.size != r->n)
			return BACKUP_BAD;
		return BACKUP_END;
	}
	if (!has_prefix(&record, USER))
		return BACKUP_BAD;
	*value = (const char *)record.body + strlen(USER);
	*len = record.body_len - strlen(USER);
	if (*len > STORE_VALUE_MAX || record_get_user(*value, *len, out) != 0)
		return BACKUP_BAD;
	r->at += record.size;
	r->users++;
	return BACKUP_OK;
}
