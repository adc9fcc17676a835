/*
 * Any bytes as a configuration: refused with whole lines of message, or
 * taken, and then what config_show says is taken to the same values.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_refusal(const struct buf *error)
{
	if (error->len == 0 || error->data[error->len - 1] != '\n')
		abort();
	for (size_t i = 0; i < error->len; i++) {
		unsigned char ch = (unsigned char)error->data[i];
		if ((ch < 0x20 && ch != '\n') || ch == 0x7f)
			abort();
	}
	/* Each line names its place. */
	for (const char *line = error->data; *line != '\0';
	     line = strchr(line, '\n') + 1)
		if (strncmp(line, "F:", 2) != 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c, again;
	struct buf error = BUF_INIT, shown = BUF_INIT, shown_again = BUF_INIT;

	if (config_parse(&c, "F", (const char *)data, size, &error) == -1) {
		check_refusal(&error);
	} else {
		if (error.len != 0 || config_show(&c, &shown) == -1)
			abort();
		if (config_parse(&again, "F", shown.data, shown.len, &error) ==
			-1 ||
		    config_show(&again, &shown_again) == -1)
			abort();
		if (strcmp(shown.data, shown_again.data) != 0)
			abort();
		config_fini(&again);
	}
	config_fini(&c);
	buf_fini(&error);
	buf_fini(&shown);
	buf_fini(&shown_again);
	return 0;
}
