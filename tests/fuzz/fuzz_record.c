/* A record that was taken can be written, and is then read as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record_user user, user2;
	static struct record_session session, session2;
	struct buf text = BUF_INIT;

	if (record_get_user((const char *)data, size, &user) == 0) {
		if (record_put_user(&user, &text) != 0 ||
		    record_get_user(text.data, text.len, &user2) != 0 ||
		    memcmp(&user, &user2, sizeof(user)) != 0)
			abort();
		/* What is not known here is kept, and known to nobody. */
		if (record_keep_user((const char *)data, size, &text) != 0 ||
		    record_get_user(text.data, text.len, &user2) != 0 ||
		    memcmp(&user, &user2, sizeof(user)) != 0)
			abort();
	}
	buf_reset(&text);
	if (record_get_session((const char *)data, size, &session) == 0) {
		(void)record_session_end_s(&session);
		if (record_put_session(&session, &text) != 0 ||
		    record_get_session(text.data, text.len, &session2) != 0 ||
		    memcmp(&session, &session2, sizeof(session)) != 0)
			abort();
	}
	buf_fini(&text);
	return 0;
}
