/*
 * ICU knows which letters look alike, and its tables change with Unicode:
 * none of that is ours to keep. Its price is 37 MB on the disk, which is why
 * the admin tool alone, who makes the names, is linked with it, and not the
 * programs that face the network.
 *
 * UTS #39 compares skeletons of the text as it is shown. Here a name stands
 * for itself in any case, so there are two looks: of the folded name (a
 * Cyrillic name and "Isa", which is isa), and of the shown one, folded then
 * ("paypaI", which shows as paypal; "b0b", whose skeleton is "bOb").
 */
#include "tool/tool_confusable.h"

#include "auth/name.h"

#include <unicode/uspoof.h>
#include <unicode/ustring.h>

/* One character becomes at most 18 by a skeleton, 3 by folding. */
#define UNITS_MAX (NAME_CHARS_MAX * 18 * 3)

struct text {
	UChar units[UNITS_MAX];
	int32_t n;
};

struct tool_confusable *
tool_confusable_new(void)
{
	UErrorCode err = U_ZERO_ERROR;

	USpoofChecker *checker = uspoof_open(&err);
	if (U_SUCCESS(err))
		uspoof_setChecks(checker, USPOOF_RESTRICTION_LEVEL, &err);
	if (U_FAILURE(err)) {
		uspoof_close(checker);
		return NULL;
	}
	uspoof_setRestrictionLevel(checker, USPOOF_HIGHLY_RESTRICTIVE);
	return (struct tool_confusable *)checker;
}

void
tool_confusable_free(struct tool_confusable *c)
{
	uspoof_close((USpoofChecker *)c);
}

static const USpoofChecker *
checker_of(const struct tool_confusable *c)
{
	return (const USpoofChecker *)c;
}

bool
tool_confusable_is_mixed(const struct tool_confusable *c, const char *name)
{
	UErrorCode err = U_ZERO_ERROR;

	int32_t checks = uspoof_checkUTF8(checker_of(c), name, -1, NULL, &err);
	return U_FAILURE(err) || checks != 0;
}

static void
fold(const struct text *from, struct text *to, UErrorCode *err)
{
	to->n = u_strFoldCase(to->units, UNITS_MAX, from->units, from->n,
	    U_FOLD_CASE_DEFAULT, err);
}

static void
skeleton(const struct tool_confusable *c, const struct text *from,
    struct text *to, UErrorCode *err)
{
	to->n = uspoof_getSkeleton(
	    checker_of(c), 0, from->units, from->n, to->units, UNITS_MAX, err);
}

static int
put(struct buf *out, const struct text *t)
{
	buf_reset(out);
	return buf_append(out, t->units, (size_t)t->n * sizeof(t->units[0]));
}

int
tool_confusable_looks(const struct tool_confusable *c, const char *name,
    struct buf looks[static TOOL_CONFUSABLE_LOOKS])
{
	struct text given, folded, shown, look;
	UErrorCode err = U_ZERO_ERROR;

	u_strFromUTF8(given.units, UNITS_MAX, &given.n, name, -1, &err);
	fold(&given, &folded, &err);
	skeleton(c, &folded, &look, &err);
	if (U_FAILURE(err) || put(&looks[0], &look) != 0)
		return -1;
	skeleton(c, &given, &shown, &err);
	fold(&shown, &folded, &err);
	skeleton(c, &folded, &look, &err);
	if (U_FAILURE(err) || put(&looks[1], &look) != 0)
		return -1;
	return 0;
}
