/*
 * The file is written under another name and linked into place, which fails
 * when somebody was faster: a secret that was once seen is never replaced.
 */
#include "auth/users_secret.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_CHARS CRYPTO_B64_LEN(CRYPTO_KEY_BYTES)

int
users_secret_make(const char *path)
{
	struct buf temporary = BUF_INIT;
	uint8_t raw[CRYPTO_KEY_BYTES];
	char text[SECRET_CHARS + 2];
	uint8_t tag[8];
	char tag_text[2 * sizeof(tag) + 1];
	int fd = -1, rc = -1;

	crypto_random(tag, sizeof(tag));
	crypto_hex(tag, sizeof(tag), tag_text, sizeof(tag_text));
	if (buf_printf(&temporary, "%s.%s", path, tag_text) != 0) {
		errno = ENOMEM;
		return -1;
	}
	crypto_random(raw, sizeof(raw));
	crypto_b64_encode(raw, sizeof(raw), text, sizeof(text));
	text[SECRET_CHARS] = '\n';
	fd = open(buf_str(&temporary),
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		goto out;
	/* The umask may have taken bits away. */
	if (fchmod(fd, 0600) == 0 &&
	    file_write_all(fd, text, SECRET_CHARS + 1) == 0 && fsync(fd) == 0 &&
	    (link(buf_str(&temporary), path) == 0 || errno == EEXIST))
		rc = 0;
	int saved = errno;
	close(fd);
	unlink(buf_str(&temporary));
	errno = saved;
out:
	crypto_wipe(raw, sizeof(raw));
	crypto_wipe(text, sizeof(text));
	buf_fini(&temporary);
	return rc;
}

enum store_err
users_secret_load(const char *path, uint8_t secret[static CRYPTO_KEY_BYTES],
    struct buf *error)
{
	struct buf text = BUF_INIT;
	enum store_err rc = STORE_OK;

	if (buf_reserve(&text, SECRET_CHARS + 2) != 0)
		return STORE_NOMEM;
	enum file_err err = file_read(path, SECRET_CHARS + 1, 0077, &text);
	if (err != FILE_OK) {
		buf_printf(error, "%s: %s%s", path, file_strerror(err),
		    file_cure(err));
		if (err == FILE_MODE)
			buf_printf(error, "; chmod 600 %s", path);
		if (err == FILE_SIZE)
			buf_puts(error,
			    "; restore from a backup: gatecast store restore");
		rc = err == FILE_MISSING ? STORE_MISSING
		    : err == FILE_SIZE   ? STORE_CORRUPT
		    : err == FILE_IO     ? STORE_IO
					 : STORE_DENIED;
	} else if (text.len != SECRET_CHARS + 1 ||
	    text.data[SECRET_CHARS] != '\n' ||
	    crypto_b64_decode(
		text.data, SECRET_CHARS, secret, CRYPTO_KEY_BYTES) != 0) {
		buf_printf(error,
		    "%s: is not a secret of %d characters, and all user names "
		    "are filed under it; restore from a backup: gatecast store "
		    "restore",
		    path, (int)SECRET_CHARS);
		rc = STORE_CORRUPT;
	}
	crypto_buf_fini(&text);
	return rc;
}
