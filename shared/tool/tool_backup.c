/*
 * gatecast store backup: all accounts of one moment into a file.
 *
 * Two processes, for what root may write the owner of the store may not, and
 * what the owner of the store could have put into it root must not parse: one
 * reads as the owner and writes to a descriptor, the other, who asked, makes
 * the file and gives it its name.
 */
#include "auth/backup.h"
#include "auth/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "tool/tool.h"
#include "tool/tool_progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MODE 0600
#define FLUSH_BYTES ((size_t)256 << 10)

/* --- reading and writing, as the owner ------------------------------------ */

struct work {
	int fd;
	struct backup_writer writer;
	struct buf piece, out;
	struct tool_progress progress;
	uint64_t bad;
	int error; /* errno of a write */
};

static int
flush(struct work *w)
{
	int rc = file_write_all(w->fd, w->out.data, w->out.len);

	if (rc == -1)
		w->error = errno;
	buf_reset(&w->out);
	return rc;
}

static int
add_piece(struct work *w)
{
	if (buf_append(&w->out, w->piece.data, w->piece.len) != 0)
		return -1;
	return w->out.len < FLUSH_BYTES ? 0 : flush(w);
}

static int
add_user(void *arg, const void *key, size_t key_len, const void *value,
    size_t value_len)
{
	struct work *w = arg;
	struct record_user r;
	char name[STORE_KEY_MAX * 4 + 1];

	int rc = record_get_user(value, value_len, &r);
	crypto_wipe(&r, sizeof(r));
	if (rc != 0 || !users_is_key(key, key_len)) {
		w->bad++;
		log_escape(key, key_len, name, sizeof(name));
		tool_fail(TOOL_REFUSED, "users: record %s: malformed", name);
		return 0;
	}
	if (backup_put_user(&w->writer, value, value_len, &w->piece) != 0 ||
	    add_piece(w) != 0)
		return -1;
	tool_progress_step(&w->progress, w->writer.users);
	return 0;
}

/* The users of one moment, in no order. */
static enum store_err
add_users(struct tool *t, struct work *w, struct store *s)
{
	struct store_stats stats;

	if (backup_put_first(&w->writer, clock_wall_ms(t->clock), &w->piece) !=
		0 ||
	    add_piece(w) != 0)
		return STORE_NOMEM;
	enum store_err err = store_stats(s, &stats);
	if (err != STORE_OK)
		return err;
	tool_progress_begin(
	    &w->progress, t->clock, "backup", "users", stats.records);
	err = store_each(s, add_user, w);
	tool_progress_end(&w->progress);
	if (err != STORE_OK || w->bad > 0 || w->error != 0)
		return err;
	if (backup_put_last(&w->writer, &w->piece) != 0 || add_piece(w) != 0)
		return STORE_NOMEM;
	flush(w);
	return w->out.has_failed || w->piece.has_failed ? STORE_NOMEM
							: STORE_OK;
}

/* TOOL_OK or the exit code. */
static int
write_backup(struct tool *t, const char *file, int fd, uint64_t *users)
{
	struct work w = {.fd = fd};
	struct users *u = NULL;

	int code = tool_open_users(t, false, &u);
	if (code != TOOL_OK)
		return code;
	enum store_err err = add_users(t, &w, users_store(u));
	*users = w.writer.users;
	if (w.error != 0)
		code = tool_fail(TOOL_REFUSED, "%s: cannot write: %s", file,
		    strerror(w.error));
	else if (err != STORE_OK)
		code = tool_fail_store(
		    err, "cannot read the users", users_detail(u));
	else if (w.bad > 0)
		code = tool_fail(TOOL_REFUSED,
		    "no backup was made: it would be without %" PRIu64
		    " of the users",
		    w.bad);
	crypto_buf_fini(&w.out);
	buf_fini(&w.piece);
	users_close(u);
	return code;
}

/* --- the file, as who asked ------------------------------------------------
 */

/* Signals that would end this process end the other one, which it outlives. */
static int
wait_for(pid_t child, const sigset_t *ending)
{
	int status = 0;

	for (;;) {
		int sig = sigwaitinfo(ending, NULL);
		if (sig == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) == child)
				return status;
		} else if (sig > 0) {
			kill(child, SIGTERM);
		}
	}
}

/* *users: a message from the one to the other. */
static int
run_writer(struct tool *t, const char *file, int fd, uint64_t *users)
{
	sigset_t ending, old;
	int message[2];

	if (pipe2(message, O_CLOEXEC) == -1)
		return tool_fail(TOOL_REFUSED, "%s", strerror(errno));
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&ending);
	sigaddset(&ending, SIGCHLD);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, &old);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		int code = write_backup(t, file, fd, users);
		if (write(message[1], users, sizeof(*users)) == -1)
			code = TOOL_REFUSED;
		exit(code);
	}
	int code = TOOL_REFUSED;
	if (child == -1) {
		tool_fail(TOOL_REFUSED, "cannot fork: %s", strerror(errno));
	} else {
		int status = wait_for(child, &ending);
		if (WIFEXITED(status))
			code = WEXITSTATUS(status);
		else
			tool_fail(TOOL_REFUSED, "%s: not made: %s", file,
			    strsignal(WTERMSIG(status)));
		if (code == TOOL_OK &&
		    read(message[0], users, sizeof(*users)) != sizeof(*users))
			*users = 0;
	}
	close(message[0]);
	close(message[1]);
	return code;
}

/* Or anywhere below it: the stores' own files are there. */
static bool
is_in_store_dir(const struct tool *t, const char *file)
{
	char *copy = strdup(file);
	char *dir = copy == NULL ? NULL : realpath(dirname(copy), NULL);
	char *top = realpath(t->config.store.dir, NULL);
	size_t n = top == NULL ? 0 : strlen(top);

	bool is_in = dir != NULL && n > 0 && strncmp(dir, top, n) == 0 &&
	    (dir[n] == '\0' || dir[n] == '/');
	free(top);
	free(dir);
	free(copy);
	return is_in;
}

/*
 * What may be replaced: a backup, of whatever version and however damaged, or
 * an empty file, as mktemp makes one. A slip of the hand must not cost the
 * file it names.
 */
static int
check_replaced(const char *file)
{
	uint8_t head[BACKUP_MAGIC_LEN];
	struct stat st;

	if (lstat(file, &st) == -1)
		return TOOL_OK;
	/* Else /dev/null would be a backup from now on. */
	if (!S_ISREG(st.st_mode))
		return tool_fail(TOOL_REFUSED,
		    "%s: is there and not a regular file; give the name of "
		    "one, or - for standard output",
		    file);
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, head, sizeof(head));
	int error = errno;
	if (fd != -1)
		close(fd);
	if (n == -1)
		return tool_fail(TOOL_REFUSED,
		    "%s: is there, and whether it is a backup cannot be read: "
		    "%s",
		    file, strerror(error));
	if (n > 0 && !backup_is_begun(head, (size_t)n))
		return tool_fail(TOOL_REFUSED,
		    "%s: is there and not a backup; move it away or give "
		    "another name",
		    file);
	return TOOL_OK;
}

static int
make_file(struct tool *t, const char *file, uint64_t *users)
{
	struct file_new f;

	if (is_in_store_dir(t, file))
		return tool_fail(TOOL_REFUSED,
		    "%s: is in store.dir, where it could replace what it is "
		    "a backup of; choose another directory",
		    file);
	int code = check_replaced(file);
	if (code != TOOL_OK)
		return code;
	if (file_begin(&f, file, FILE_MODE) == -1)
		return tool_fail(TOOL_REFUSED, "%s: cannot be made: %s", file,
		    strerror(errno));
	code = run_writer(t, file, f.fd, users);
	if (code != TOOL_OK) {
		file_abort(&f);
		return code;
	}
	if (file_commit(&f) == -1)
		return tool_fail(TOOL_REFUSED, "%s: cannot be made: %s", file,
		    strerror(errno));
	return TOOL_OK;
}

int
tool_store_backup(struct tool *t)
{
	const char *file = t->args.operands[0];
	uint64_t users = 0;
	char count[24];
	int code;

	if (strcmp(file, "-") != 0)
		code = make_file(t, file, &users);
	else if (isatty(STDOUT_FILENO))
		code = tool_fail(TOOL_REFUSED,
		    "a backup is not for a terminal: give a FILE");
	else
		code =
		    write_backup(t, "standard output", STDOUT_FILENO, &users);
	if (code != TOOL_OK)
		return code;
	snprintf(count, sizeof(count), "%" PRIu64, users);
	tool_audit_with("store.backup", NULL, "users", count);
	fprintf(strcmp(file, "-") == 0 ? stderr : stdout,
	    "%" PRIu64 " %s in the backup\n", users,
	    users == 1 ? "user" : "users");
	return TOOL_OK;
}
