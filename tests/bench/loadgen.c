/*
 * A load generator for a WebSocket broadcast server: N receivers, one of
 * which sends; every delivery is timed and its order checked.
 *
 * Each message carries a number and the moment it was sent, so a receiver
 * can tell a hole, a repetition and a swap from the message before it, and
 * the latency includes everything between the sender's write and the
 * receiver's read. One thread and one epoll: the generator is pinned to a
 * core of its own and its CPU use is reported, so that a saturated generator
 * is not taken for a slow server.
 *
 * Beside the receivers there may be connections that do nothing (--idle,
 * with --acks: nothing is broadcast then, but each receiver asks and is
 * answered alone) or never read (--stopped).
 *
 * The report is one JSON object on stdout; exit 1 when anything was lost,
 * doubled or out of order.
 */
#include "tests/bench/hist.h"
#include "tests/bench/proc.h"
#include "tests/bench/ws_client.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MARK '#' /* "#NUMBER:NANOSECONDS:" in hex, 16 digits each */
#define MARK_LEN 35
#define INFLIGHT_MAX 4096

struct opts {
	int port;
	struct ws_handshake handshake;
	int receivers;
	int size; /* bytes of text a message */
	double rate; /* messages a second; 0: closed loop */
	int inflight;
	int idle; /* connections beside the receivers */
	int stopped; /* of these, how many never read */
	bool has_acks; /* each message is one said before: an ack is all */
	double seconds;
	double warmup_s;
	pid_t pid; /* the server's, for its CPU and memory; 0: none */
};

struct receiver {
	struct ws_client ws;
	uint64_t next; /* number of the next message; 0: none seen yet */
};

static struct opts opts = {
    .handshake = {.origin = "http://127.0.0.1"},
    .receivers = 1000,
    .size = 64,
    .inflight = 1,
    .seconds = 10,
    .warmup_s = 1,
};
static struct receiver *receivers;
static int epoll_fd;
static struct hist latency;
static uint64_t sent, deliveries, lost, doubled, disconnected;
static uint64_t measured_from_ns; /* UINT64_MAX until the warm-up is over */
static uint64_t completed; /* messages that reached everyone */
static long peak_rss_kib, peak_kernel_kib;
static uint32_t reached[INFLIGHT_MAX];

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("loadgen: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t
hex16(const uint8_t *p)
{
	uint64_t v = 0;
	for (int i = 0; i < 16; i++)
		v = v << 4 |
		    (uint64_t)(p[i] <= '9' ? p[i] - '0' : p[i] - 'a' + 10);
	return v;
}

static void
take_message(
    struct receiver *r, const uint8_t *payload, size_t n, uint64_t at_ns)
{
	if (opts.has_acks) {
		if (memmem(payload, n, "\"ack\"", 5) == NULL)
			return;
		completed++;
		if (at_ns >= measured_from_ns)
			deliveries++;
		return;
	}
	const uint8_t *m = memchr(payload, MARK, n);
	if (m == NULL || (size_t)(payload + n - m) < MARK_LEN)
		return; /* joins, hello, acknowledgements */
	uint64_t number = hex16(m + 1);
	uint64_t sent_ns = hex16(m + 18);

	if (r->next != 0 && number > r->next)
		lost += number - r->next;
	else if (r->next != 0 && number < r->next) {
		doubled++;
		return;
	} else if (r->next == 0 && number != 1)
		lost += number - 1;
	r->next = number + 1;
	if (sent_ns >= measured_from_ns) {
		hist_add(&latency, at_ns - sent_ns);
		deliveries++;
	}
	if (++reached[number % INFLIGHT_MAX] == (uint32_t)opts.receivers) {
		reached[number % INFLIGHT_MAX] = 0;
		completed++;
	}
}

static void
on_text(void *arg, const uint8_t *payload, size_t n)
{
	take_message(arg, payload, n, now_ns());
}

static bool
is_stopped(const struct receiver *r)
{
	int i = (int)(r - receivers) - opts.receivers;
	return i >= 0 && i < opts.stopped;
}

static void
read_receiver(struct receiver *r)
{
	const char *why = ws_client_read(&r->ws, on_text, r);
	if (why == NULL) {
		if (r->ws.is_open && is_stopped(r))
			epoll_ctl(epoll_fd, EPOLL_CTL_DEL, r->ws.fd, NULL);
		return;
	}
	if (!r->ws.is_open)
		die("handshake: %s", why);
	fprintf(stderr, "loadgen: %s\n", why);
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, r->ws.fd, NULL);
	close(r->ws.fd);
	disconnected++;
}

static void
open_receiver(struct receiver *r)
{
	if (ws_client_open(&r->ws, opts.port, &opts.handshake) == -1)
		die("port %d: %s", opts.port, strerror(errno));
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = r};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, r->ws.fd, &ev) == -1)
		die("epoll_ctl: %s", strerror(errno));
}

static void
send_message(struct receiver *from)
{
	static char body[66000];
	char mark[MARK_LEN + 1];
	size_t n = 0, size = (size_t)opts.size;

	sent++;
	snprintf(mark, sizeof(mark), "%c%016" PRIx64 ":%016" PRIx64 ":", MARK,
	    sent, now_ns());
	if (opts.handshake.subprotocol != NULL)
		n = (size_t)snprintf(body, sizeof(body),
		    "{\"type\":\"send\",\"ref\":\"%" PRIu64 "\",\"text\":\"",
		    opts.has_acks ? 1 : sent);
	memcpy(body + n, mark, MARK_LEN);
	if (size < MARK_LEN)
		size = MARK_LEN;
	memset(body + n + MARK_LEN, 'x', size - MARK_LEN);
	n += size;
	if (opts.handshake.subprotocol != NULL) {
		memcpy(body + n, "\"}", 2);
		n += 2;
	}
	if (ws_client_send(&from->ws, body, n) == -1)
		die("send: %s", strerror(errno));
}

static void
pump(int timeout_ms)
{
	struct epoll_event ev[512];
	int n = epoll_wait(epoll_fd, ev, 512, timeout_ms);
	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr != NULL)
			read_receiver(ev[i].data.ptr);
}

/* Connects all, a few dozen handshakes in flight at a time. */
static void
connect_all(void)
{
	int total = opts.receivers + opts.idle;
	receivers = calloc((size_t)total, sizeof(*receivers));
	if (receivers == NULL)
		die("out of memory");
	int open = 0;
	for (int i = 0; i < total; i++) {
		open_receiver(&receivers[i]);
		while (i - open >= 64) {
			pump(100);
			while (open < i && receivers[open].ws.is_open)
				open++;
		}
	}
	uint64_t deadline = now_ns() + 30000000000u;
	for (; open < total; pump(100)) {
		while (open < total && receivers[open].ws.is_open)
			open++;
		if (now_ns() > deadline)
			die("%d of %d handshakes unanswered", total - open,
			    total);
	}
}

/* Ten times a second: what server and kernel hold. */
static void
look_at_memory(void)
{
	static uint64_t looked_ns;
	uint64_t now = now_ns();

	if (now - looked_ns < 100000000u)
		return;
	looked_ns = now;
	long rss = proc_rss_kib(opts.pid), kernel = proc_tcp_kib();
	peak_rss_kib = rss > peak_rss_kib ? rss : peak_rss_kib;
	peak_kernel_kib = kernel > peak_kernel_kib ? kernel : peak_kernel_kib;
}

/* Sends by the clock, or whenever fewer than inflight are on their way. */
static void
run_load(uint64_t until_ns)
{
	uint64_t interval = opts.rate > 0 ? (uint64_t)(1e9 / opts.rate) : 0;
	uint64_t due = now_ns();
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

	if (timer == -1 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &ev) == -1)
		die("timerfd: %s", strerror(errno));
	while (now_ns() < until_ns && disconnected == 0) {
		look_at_memory();
		if (interval == 0) {
			while (sent - completed < (uint64_t)opts.inflight)
				send_message(&receivers[0]);
			pump(100);
			continue;
		}
		while (now_ns() >= due) {
			send_message(&receivers[opts.has_acks
				? sent % (uint64_t)opts.receivers
				: 0]);
			due += interval;
		}
		struct itimerspec at = {
		    .it_value = {(time_t)(due / 1000000000u),
			(long)(due % 1000000000u)}};
		timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
		pump(-1);
		uint64_t fired;
		if (read(timer, &fired, sizeof(fired)) == -1 && errno != EAGAIN)
			die("timerfd: %s", strerror(errno));
	}
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, timer, NULL);
	close(timer);
}

/* What was sent and has not come after five quiet seconds is lost. */
static void
drain(void)
{
	uint64_t quiet_from = now_ns();
	uint64_t before = completed;
	while (completed < sent && disconnected == 0 &&
	    now_ns() - quiet_from < 5000000000u) {
		pump(100);
		if (completed != before)
			quiet_from = now_ns();
		before = completed;
	}
	if (opts.has_acks) {
		lost += sent - completed;
		return;
	}
	for (int i = 0; i < opts.receivers; i++) {
		uint64_t next = receivers[i].next != 0 ? receivers[i].next : 1;
		if (next <= sent)
			lost += sent + 1 - next;
	}
}

static const struct option long_opts[] = {
    {"port", required_argument, NULL, 'p'},
    {"cookie", required_argument, NULL, 'c'},
    {"origin", required_argument, NULL, 'o'},
    {"subprotocol", required_argument, NULL, 's'},
    {"receivers", required_argument, NULL, 'n'},
    {"size", required_argument, NULL, 'b'},
    {"rate", required_argument, NULL, 'r'},
    {"inflight", required_argument, NULL, 'i'},
    {"idle", required_argument, NULL, 'I'},
    {"stopped", required_argument, NULL, 'S'},
    {"acks", no_argument, NULL, 'A'},
    {"seconds", required_argument, NULL, 't'},
    {"warmup", required_argument, NULL, 'w'},
    {"pid", required_argument, NULL, 'P'},
    {NULL, 0, NULL, 0},
};

static void __attribute__((noreturn)) usage(void)
{
	fputs("usage: loadgen --port N [--cookie NAME=VALUE] [--origin URL]\n"
	      "  [--subprotocol gatecast.v1] [--receivers 1000] [--size 64]\n"
	      "  [--rate MESSAGES/S | --inflight K] [--seconds 10]\n"
	      "  [--idle N] [--stopped N] [--acks]\n"
	      "  [--warmup 1] [--pid SERVER]\n",
	    stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	int o;
	while ((o = getopt_long(argc, argv, "", long_opts, NULL)) != -1) {
		switch (o) {
		case 'p':
			opts.port = (int)strtol(optarg, NULL, 10);
			break;
		case 'c':
			opts.handshake.cookie = optarg;
			break;
		case 'o':
			opts.handshake.origin = optarg;
			break;
		case 's':
			opts.handshake.subprotocol = optarg;
			break;
		case 'n':
			opts.receivers = (int)strtol(optarg, NULL, 10);
			break;
		case 'b':
			opts.size = (int)strtol(optarg, NULL, 10);
			break;
		case 'r':
			opts.rate = strtod(optarg, NULL);
			break;
		case 'i':
			opts.inflight = (int)strtol(optarg, NULL, 10);
			break;
		case 'I':
			opts.idle += (int)strtol(optarg, NULL, 10);
			break;
		case 'S':
			opts.stopped = (int)strtol(optarg, NULL, 10);
			opts.idle += opts.stopped;
			break;
		case 'A':
			opts.has_acks = true;
			break;
		case 't':
			opts.seconds = strtod(optarg, NULL);
			break;
		case 'w':
			opts.warmup_s = strtod(optarg, NULL);
			break;
		case 'P':
			opts.pid = (pid_t)strtol(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (opts.port <= 0 || opts.receivers <= 0 || opts.inflight <= 0 ||
	    opts.inflight >= INFLIGHT_MAX || opts.size > 60000 ||
	    optind != argc)
		usage();
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd == -1)
		die("epoll_create1: %s", strerror(errno));
	long base_rss_kib = proc_rss_kib(opts.pid);
	long base_kernel_kib = proc_tcp_kib();
	connect_all();
	long idle_rss_kib = proc_rss_kib(opts.pid);

	measured_from_ns = UINT64_MAX;
	run_load(now_ns() + (uint64_t)(opts.warmup_s * 1e9));
	measured_from_ns = now_ns();
	double server_from = proc_cpu_s(opts.pid),
	       own_from = proc_cpu_s(getpid());
	run_load(measured_from_ns + (uint64_t)(opts.seconds * 1e9));
	double took_s = (double)(now_ns() - measured_from_ns) / 1e9;
	double server_s = proc_cpu_s(opts.pid) - server_from;
	double own_s = proc_cpu_s(getpid()) - own_from;
	uint64_t in_time = deliveries;
	drain();

	printf("{\"receivers\":%d,\"size\":%d,\"sent\":%" PRIu64
	       ",\"deliveries\":%" PRIu64 ",\"per_s\":%.0f"
	       ",\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f"
	       ",\"max_ms\":%.3f,\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
	       ",\"disconnected\":%" PRIu64
	       ",\"server_us_a_delivery\":%.3f,\"server_cpu\":%.3f"
	       ",\"generator_cpu\":%.3f,\"base_rss_kib\":%ld"
	       ",\"idle_rss_kib\":%ld,\"idle_bytes_each\":%ld,\"rss_kib\":%ld"
	       ",\"peak_rss_kib\":%ld,\"peak_kernel_kib\":%ld}\n",
	    opts.receivers, opts.size, sent, deliveries,
	    (double)in_time / took_s,
	    (double)hist_quantile_ns(&latency, 0.5) / 1e6,
	    (double)hist_quantile_ns(&latency, 0.99) / 1e6,
	    (double)hist_quantile_ns(&latency, 0.999) / 1e6,
	    (double)latency.max_ns / 1e6, lost, doubled, disconnected,
	    in_time > 0 ? server_s * 1e6 / (double)in_time : 0,
	    server_s / took_s, own_s / took_s, base_rss_kib, idle_rss_kib,
	    (idle_rss_kib - base_rss_kib) * 1024 / (opts.receivers + opts.idle),
	    proc_rss_kib(opts.pid), peak_rss_kib,
	    peak_kernel_kib - base_kernel_kib);
	return lost + doubled + disconnected == 0 ? 0 : 1;
}
