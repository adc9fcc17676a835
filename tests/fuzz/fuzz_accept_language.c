/* Accept-Language and phrase files. */
#include "fcgi-app/i18n.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	const struct i18n_file files[I18N_LANGS] = {
	    {"en", bytes, size}, {"zh", bytes, size}};
	struct buf error = BUF_INIT;

	if (i18n_accept(bytes, size) > I18N_LANGS)
		abort();
	/* The same file twice has the same keys: refused only for a line. */
	struct i18n *t = i18n_new(files, &error);
	if ((t == NULL) != (error.len > 0))
		abort();
	i18n_free(t);
	buf_fini(&error);
	return 0;
}
