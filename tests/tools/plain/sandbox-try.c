/*
 * Enters a program's sandbox and tries what a program that has been taken over
 * would: sandbox-try CONFIG ROLE CALL [PATH]. Prints "allowed" or the error's
 * name. ROLE is master, worker or wsd; a worker has been a master before, as
 * in login.fcgi. "none" is no sandbox at all: what fails there proves nothing.
 *
 * Built without a sanitizer whatever the flavour is, for a build with one has
 * a wider sandbox.
 */
#include "base/config.h"
#include "base/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int
try_exec(const char *path)
{
	char *argv[] = {(char *)"true", NULL};

	/* On success "true" says nothing: say it first. */
	puts("allowed");
	fflush(stdout);
	execv(path != NULL ? path : "/bin/true", argv);
	return -1;
}

static int
try_fork(const char *path)
{
	pid_t pid = fork();

	(void)path;
	if (pid == 0)
		_exit(0);
	return pid == -1 || waitpid(pid, NULL, 0) == -1 ? -1 : 0;
}

static int
try_namespace(const char *path)
{
	(void)path;
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return (int)pid;
}

static int
try_ptrace(const char *path)
{
	(void)path;
	return (int)ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static int
try_signal(const char *path)
{
	(void)path;
	return kill(getppid(), 0);
}

static int
try_socket(const char *path)
{
	(void)path;
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int unconnected = -1; /* made before the sandbox */

static int
try_connect(const char *path)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(9),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};

	(void)path;
	if (connect(unconnected, (struct sockaddr *)&sin, sizeof(sin)) == 0 ||
	    errno == ECONNREFUSED)
		return 0;
	return -1;
}

static int
try_bind(const char *path)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	(void)path;
	return bind(unconnected, (struct sockaddr *)&sin, sizeof(sin));
}

static int
try_code(const char *path)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)path;
	return p == MAP_FAILED ? -1 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int
try_root(const char *path)
{
	(void)path;
	return (int)syscall(SYS_setuid, 0);
}

static int
try_core(const char *path)
{
	const struct rlimit limit = {4096, 4096};

	(void)path;
	return setrlimit(RLIMIT_CORE, &limit);
}

static int
try_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY);

	return fd == -1 || read(fd, &byte, 1) == -1 ? -1 : 0;
}

static int
try_write(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

static int
try_remove(const char *path)
{
	return unlink(path);
}

static const struct {
	const char *name;
	int (*run)(const char *path);
} calls[] = {{"exec", try_exec}, {"fork", try_fork},
    {"namespace", try_namespace}, {"ptrace", try_ptrace},
    {"signal", try_signal}, {"socket", try_socket}, {"connect", try_connect},
    {"bind", try_bind}, {"code", try_code}, {"root", try_root},
    {"core", try_core}, {"read", try_read}, {"write", try_write},
    {"remove", try_remove}};

static int
enter(const char *config_path, const char *role)
{
	static struct config config;
	struct buf error = BUF_INIT;
	struct sandbox_opts o = {.config = &config, .config_path = config_path};

	if (config_load(&config, config_path, &error) == -1) {
		fputs(buf_str(&error), stderr);
		return -1;
	}
	if (strcmp(role, "none") == 0)
		return 0;
	o.role = SANDBOX_WSD;
	if (strcmp(role, "wsd") == 0)
		return sandbox_enter(&o);
	o.role = SANDBOX_LOGIN_MASTER;
	if (sandbox_enter(&o) == -1 || strcmp(role, "master") == 0)
		return 0;
	o.role = SANDBOX_LOGIN_WORKER;
	return sandbox_enter(&o);
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	unconnected = socket(AF_INET, SOCK_STREAM, 0);
	if (enter(argv[1], argv[2]) == -1)
		return 1;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, argv[3]) != 0)
			continue;
		if (calls[i].run(argv[4]) == -1)
			puts(strerrorname_np(errno));
		else
			puts("allowed");
		return 0;
	}
	return 2;
}
