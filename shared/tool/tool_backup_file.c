/*
 * All of a backup is held in memory while it is looked through, so that what
 * was verified is what is restored.
 */
#include "tool/tool_backup_file.h"

#include "auth/crypto.h"
#include "base/file.h"
#include "base/format.h"
#include "tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* As who asked: the owner of the store may not be allowed to. */
int
tool_backup_file_read(struct tool_backup_file *f)
{
	struct stat st;
	enum file_err err;
	int fd = STDIN_FILENO;

	if (strcmp(f->path, "-") != 0)
		fd =
		    open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return tool_fail(
		    TOOL_REFUSED, "%s: %s", f->path, strerror(errno));
	if (fd != STDIN_FILENO && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		err = FILE_TYPE;
	else
		err = file_read_fd(fd, FILE_BYTES_MAX, &f->bytes);
	int code = TOOL_OK;
	if (err == FILE_TYPE)
		code = tool_fail(TOOL_REFUSED,
		    "%s: not a regular file; give the name of one, or - for "
		    "standard input",
		    f->path);
	else if (err != FILE_OK)
		code = tool_fail(
		    TOOL_REFUSED, "%s: %s", f->path, file_strerror(err));
	if (fd != STDIN_FILENO)
		close(fd);
	return code;
}

/* Goes through the whole file; entries may be NULL, else have room for all. */
static enum backup_err
read_users(struct tool_backup_file *f, const struct users *users,
    struct tool_backup_entry *entries, bool *is_name)
{
	struct record_user u;
	const char *value;
	size_t len;

	enum backup_err err =
	    backup_open(&f->reader, f->bytes.data, f->bytes.len);
	for (struct tool_backup_entry *e = entries; err == BACKUP_OK;) {
		err = backup_next(&f->reader, &value, &len, &u);
		if (err != BACKUP_OK || entries == NULL)
			continue;
		e->value = value;
		e->len = len;
		*is_name = users_key(users, u.name, e->key) == 0;
		if (!*is_name)
			err = BACKUP_BAD;
		e++;
	}
	crypto_wipe(&u, sizeof(u));
	return err;
}

/* Whole and undamaged, before anything is touched. */
int
tool_backup_file_verify(struct tool_backup_file *f)
{
	enum backup_err err =
	    f->bytes.len == 0 ? BACKUP_MAGIC : read_users(f, NULL, NULL, NULL);

	if (err == BACKUP_END)
		return TOOL_OK;
	if (err == BACKUP_BAD || err == BACKUP_SHORT)
		return tool_fail(TOOL_REFUSED,
		    "%s: %s, at byte %zu of %zu; nothing was changed", f->path,
		    backup_strerror(err), f->reader.at, f->bytes.len);
	struct buf why = BUF_INIT;
	if (err == BACKUP_VERSION)
		format_refuse(&why, f->reader.version, BACKUP_VERSION_OURS,
		    "restore it with that one");
	else
		buf_puts(&why, backup_strerror(err));
	int code = tool_fail(TOOL_REFUSED, "%s: %s; nothing was changed",
	    f->path, buf_str(&why));
	buf_fini(&why);
	return code;
}

static int
compare(const void *a, const void *b)
{
	const struct tool_backup_entry *left = a, *right = b;

	return memcmp(left->key, right->key, USERS_KEY_LEN);
}

/* Names become keys under the secret that is there now. */
int
tool_backup_file_index(struct tool_backup_file *f, const struct users *users)
{
	size_t n = (size_t)f->reader.users;
	bool is_name = true;

	f->entries = calloc(n + 1, sizeof(*f->entries));
	if (f->entries == NULL)
		return tool_fail(TOOL_REFUSED, "out of memory");
	if (read_users(f, users, f->entries, &is_name) != BACKUP_END)
		return tool_fail(TOOL_REFUSED,
		    "%s: a name that cannot be, at byte %zu; nothing was "
		    "changed",
		    f->path, f->reader.at);
	qsort(f->entries, n, sizeof(*f->entries), compare);
	for (size_t i = 1; i < n; i++)
		if (compare(&f->entries[i - 1], &f->entries[i]) == 0)
			return tool_fail(TOOL_REFUSED,
			    "%s: two accounts of one name; nothing was changed",
			    f->path);
	return TOOL_OK;
}

struct tool_backup_entry *
tool_backup_file_find(struct tool_backup_file *f, const char *key)
{
	struct tool_backup_entry wanted = {0};

	memcpy(wanted.key, key, sizeof(wanted.key));
	return bsearch(&wanted, f->entries, (size_t)f->reader.users,
	    sizeof(wanted), compare);
}

void
tool_backup_file_fini(struct tool_backup_file *f)
{
	crypto_buf_fini(&f->bytes); /* hashes */
	free(f->entries);
	f->entries = NULL;
}
