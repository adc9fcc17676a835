/*
 * Paths of the configuration against the machine, apart from the parser,
 * which stays pure.
 */
#include "base/config.h"
#include "base/config_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The directory at path, or the one that path is in. NULL, or what is wrong. */
static const char *
directory_fault(const char *path, bool is_parent)
{
	struct stat st;
	char *dir = NULL;

	if (is_parent) {
		size_t n = strlen(path);
		while (n > 1 && path[n - 1] == '/')
			n--;
		while (n > 1 && path[n - 1] != '/')
			n--;
		dir = strndup(path, n);
		if (dir == NULL)
			return "out of memory";
	}
	int rc = stat(is_parent ? dir : path, &st);
	free(dir);
	if (rc == -1)
		return strerror(errno);
	return S_ISDIR(st.st_mode) ? NULL : strerror(ENOTDIR);
}

int
config_check_paths(const struct config *c, const char *name, bool has_defaults,
    struct buf *error)
{
	static const char unix_prefix[] = "unix:";
	const struct {
		const char *section, *key;
		const char *value;
		bool is_always; /* a default counts too */
		bool is_made; /* by the program, in a directory that is */
	} paths[] = {
	    {"store", "dir", c->store.dir, true, false},
	    {"login", "templates", c->login.templates, false, false},
	    {"login", "listen", c->login.listen, false, false},
	    {"wsd", "listen", c->wsd.listen, false, false},
	    {"wsd", "control", c->wsd.control, false, false},
	    {"wsd", "history_dir", c->wsd.history_dir, false, true},
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *value = paths[i].value;
		int line =
		    c->lines[config_key_find(paths[i].section, paths[i].key)];
		if (line == 0 && !(has_defaults && paths[i].is_always))
			continue;
		bool is_socket = value[0] != '/';
		if (is_socket) {
			size_t n = sizeof(unix_prefix) - 1;
			if (strncmp(value, unix_prefix, n) != 0)
				continue;
			value += n;
		}
		bool is_parent = is_socket || paths[i].is_made;
		const char *fault = directory_fault(value, is_parent);
		if (fault == NULL)
			continue;
		buf_puts(error, name);
		if (line != 0)
			buf_printf(error, ":%d", line);
		buf_printf(error,
		    ": %s.%s: %s%s: %s; allowed: a directory "
		    "that exists\n",
		    paths[i].section, paths[i].key,
		    is_parent ? "directory of " : "", value, fault);
		rc = -1;
	}
	return rc;
}
