/*
 * What /proc says of a process: CPU time and memory, for the bench's reports.
 * A process that cannot be read counts as 0 (pid 0: none was named).
 */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* User and system time so far, in seconds. */
static inline double
proc_cpu_s(pid_t pid)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return 0;
	const char *p = fgets(line, sizeof(line), f);
	fclose(f);
	/* The name in parentheses may hold blanks; the fields follow it. */
	p = p != NULL ? strrchr(line, ')') : NULL;
	if (p == NULL ||
	    sscanf(p + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&system) != 2)
		return 0;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Resident set, in KiB. */
static inline long
proc_rss_kib(pid_t pid)
{
	char path[64];
	long pages = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* What the kernel holds for all TCP sockets of the machine, in KiB. */
static inline long
proc_tcp_kib(void)
{
	char line[256];
	long pages = 0;

	FILE *f = fopen("/proc/net/sockstat", "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *p = strstr(line, "mem ");
		if (strncmp(line, "TCP:", 4) == 0 && p != NULL)
			pages = strtol(p + 4, NULL, 10);
	}
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#endif
