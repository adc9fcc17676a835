/* What was taken without an error is read as the same when it is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* shared/tool is a program, not a library: its pure files are taken in. */
#include "tool/tool_csv.c"
#include "tool/tool_userfile.c"
#include "tool/tool_userfile_csv.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tool_userfile_opts opts = {
    .label = "f",
    .password_min = 1,
    .cost = {8, 1},
    .now_s = 1767225600,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;
	struct tool_userfile f, again;

	/* An exact allocation, so that ASan sees the first byte beyond it. */
	char *copy = malloc(size > 0 ? size : 1);
	if (copy == NULL)
		return 0;
	if (size > 0)
		memcpy(copy, data, size);
	if (tool_userfile_parse(&opts, copy, size, &f) != 0)
		abort();
	if (f.n_errors > 0 && f.errors.len == 0)
		abort();
	tool_userfile_put_head(&text);
	for (size_t i = 0; i < f.n; i++) {
		struct record_user *r = &f.entries[i].user;
		const char *pw = f.entries[i].password;

		if (pw != NULL && (pw < copy || pw > copy + size))
			abort();
		if (r->hash[0] == '\0')
			strcpy(r->hash,
			    "$5$Gczj1Ha3W4J5Cbfp$svOiIciFt4Agyc6W9UzYM8BcA4991"
			    "eIdQHC1rduU4P6");
		tool_userfile_put_csv(&text, r);
	}
	if (f.n_errors == 0) {
		if (tool_userfile_parse(&opts, text.data, text.len, &again) !=
			0 ||
		    again.n_errors > 0 || again.n != f.n)
			abort();
		for (size_t i = 0; i < f.n; i++)
			if (memcmp(&again.entries[i].user, &f.entries[i].user,
				sizeof(f.entries[i].user)) != 0)
				abort();
		tool_userfile_free(&again);
	}
	tool_userfile_free(&f);
	buf_fini(&text);
	free(copy);
	return 0;
}
