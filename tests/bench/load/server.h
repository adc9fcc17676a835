/*
 * What the kernel says of the server under load: its CPU time, its memory,
 * and what is held for its sockets. A process that cannot be read counts as
 * 0 (pid 0: none was named).
 */
#ifndef BENCH_LOAD_SERVER_H
#define BENCH_LOAD_SERVER_H

#include <sys/types.h>

/* User and system time of all its threads so far, in seconds. */
double server_cpu_s(pid_t pid);

/* Resident set, in KiB. */
long server_rss_kib(pid_t pid);

/*
 * What is queued, both ways, in this machine's TCP sockets over IPv4 whose
 * own port it is, in KiB as the kernel accounts them; -1 if it cannot be
 * asked (sock_diag(7)).
 */
long server_sockets_kib(int port);

/* What the kernel holds for all TCP sockets of the machine, in KiB. */
long server_all_tcp_kib(void);

#endif
