/*
 * Form bodies: values stay inside the bytes, strict mode gives all fields or
 * an error. And content types.
 */
#include "fcgi-app/form.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const uint8_t *data, size_t size, enum form_mode mode)
{
	struct form_field fields[] = {
	    {.name = "name"}, {.name = "next"}, {.name = "csrf"}};
	size_t count = sizeof(fields) / sizeof(fields[0]);
	char *bytes = malloc(size + (size == 0));

	if (bytes == NULL)
		return;
	memcpy(bytes, data, size);
	enum form_err err = form_parse(bytes, size, mode, fields, count);
	if (mode == FORM_QUERY && err != FORM_OK)
		abort();
	for (size_t i = 0; i < count; i++) {
		const struct form_field *f = &fields[i];
		if (f->value == NULL) {
			if (f->n != 0 ||
			    (mode == FORM_STRICT && err == FORM_OK))
				abort();
		} else if (f->value < bytes || f->value + f->n > bytes + size) {
			abort();
		}
	}
	free(bytes);
}

static void
check_type(const uint8_t *data, size_t size)
{
	char *type = strndup((const char *)data, size);

	if (type != NULL && form_is_type(type) && strchr(type, '/') == NULL)
		abort();
	free(type);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_type(data, size);
	check(data, size, FORM_STRICT);
	check(data, size, FORM_QUERY);
	return 0;
}
