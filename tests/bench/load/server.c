/* See server.h. */
#include "tests/bench/load/server.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

double
server_cpu_s(pid_t pid)
{
	clockid_t clock;
	struct timespec ts;

	if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) == -1)
		return 0;
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

long
server_rss_kib(pid_t pid)
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

/* Bytes queued in the socket that one answer of sock_diag is about. */
static uint64_t
queued(const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(m + 1);
	size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		uint32_t info[SK_MEMINFO_VARS];
		if (a->rta_type != INET_DIAG_SKMEMINFO ||
		    RTA_PAYLOAD(a) < sizeof(info))
			continue;
		memcpy(info, RTA_DATA(a), sizeof(info));
		return (uint64_t)info[SK_MEMINFO_RMEM_ALLOC] +
		    info[SK_MEMINFO_WMEM_QUEUED];
	}
	return 0;
}

long
server_sockets_kib(int port)
{
	static _Alignas(struct nlmsghdr) char buf[65536];
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = {
	    .head = {.nlmsg_len = sizeof(ask),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	    .req = {.sdiag_family = AF_INET,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
		.idiag_states = ~(1u << TCP_LISTEN)},
	};
	uint64_t bytes = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd == -1)
		return -1;
	if (send(fd, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
		goto err;
	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0)
			goto err;
		size_t left = (size_t)n;
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE) {
				close(fd);
				return (long)(bytes / 1024);
			}
			if (h->nlmsg_type == NLMSG_ERROR)
				goto err;
			const struct inet_diag_msg *m = NLMSG_DATA(h);
			if (ntohs(m->id.idiag_sport) == port)
				bytes += queued(h);
		}
	}
err:
	close(fd);
	return -1;
}

long
server_all_tcp_kib(void)
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
