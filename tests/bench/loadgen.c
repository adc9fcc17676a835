/*
 * A load generator for a WebSocket broadcast server: N receivers, one of
 * which sends; every delivery is timed and its order checked (load/crowd.h).
 * With --handshakes nothing is said: connections come and go.
 *
 * One thread and one epoll: the generator is pinned to a core of its own and
 * its CPU use is reported, so that a saturated generator is not taken for a
 * slow server. Latency by the clock counts from the moment a message was
 * due, so a generator or a server that holds it up does not hide that.
 *
 * The report is one JSON object on stdout; exit 1 when anything was lost,
 * doubled or out of order or a connection ended, 2 when nothing was measured.
 */
#include "tests/bench/load/crowd.h"
#include "tests/bench/load/phase.h"
#include "tests/bench/load/server.h"
#include "tests/bench/load/storm.h"
#include "tests/lib/die.h"
#include "tests/lib/files.h"
#include "tests/lib/now.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH "/websocket"

struct opts {
	struct crowd_opts crowd;
	struct phase_opts phase;
	int port;
	const char *cookie, *origin, *subprotocol, *idle_path;
	bool is_storm;
	double seconds, warmup_s;
};

/* CPU time of server and generator, from one moment to another. */
struct cpu {
	uint64_t at_ns;
	double server_s, own_s;
};

static struct crowd crowd;
static struct hist handshake_times;

static struct cpu
cpu_now(pid_t server)
{
	return (struct cpu){
	    now_ns(), server_cpu_s(server), server_cpu_s(getpid())};
}

static struct cpu
cpu_since(struct cpu from, pid_t server)
{
	struct cpu now = cpu_now(server);
	return (struct cpu){now.at_ns - from.at_ns,
	    now.server_s - from.server_s, now.own_s - from.own_s};
}

/* ,"NAME":VALUE, null when it is a figure of nothing. */
static void
print_figure(const char *prefix, const char *name, bool is_there, double value)
{
	if (is_there)
		printf(",\"%s%s\":%.4f", prefix, name, value);
	else
		printf(",\"%s%s\":null", prefix, name);
}

static void
print_hist(const char *prefix, const struct hist *h)
{
	static const struct {
		const char *name;
		double quantile;
	} all[] = {{"p50_ms", 0.5}, {"p99_ms", 0.99}, {"p999_ms", 0.999}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		print_figure(prefix, all[i].name, h->n > 0,
		    (double)hist_quantile_ns(h, all[i].quantile) / 1e6);
	print_figure(prefix, "max_ms", h->n > 0, (double)h->max_ns / 1e6);
}

/* done: deliveries or handshakes, whatever the work was. */
static void
print_cpu(struct cpu took, uint64_t done)
{
	double seconds = (double)took.at_ns / 1e9;

	printf("\"done\":%" PRIu64, done);
	print_figure("", "per_s", done > 0, (double)done / seconds);
	print_figure(
	    "", "server_us_each", done > 0, took.server_s * 1e6 / (double)done);
	print_figure("", "server_cpu", true, took.server_s / seconds);
	print_figure("", "generator_cpu", true, took.own_s / seconds);
}

static int
storm(const struct opts *o)
{
	static struct hist warming;
	size_t at_once = (size_t)o->phase.inflight;
	uint64_t warm = 0, done = 0;

	const char *why = storm_run(&o->crowd.request, at_once,
	    now_ns() + (uint64_t)(o->warmup_s * 1e9), &warm, &warming);
	struct cpu from = cpu_now(o->phase.pid);
	if (why == NULL)
		why = storm_run(&o->crowd.request, at_once,
		    from.at_ns + (uint64_t)(o->seconds * 1e9), &done,
		    &handshake_times);
	if (why != NULL)
		die("handshake: %s", why);
	putchar('{');
	print_cpu(cpu_since(from, o->phase.pid), done);
	print_hist("", &handshake_times);
	puts("}");
	return 0;
}

static int
broadcast(const struct opts *o)
{
	pid_t pid = o->phase.pid;
	struct phase_peaks peaks = {0, 0};
	int connections = o->crowd.receivers + o->crowd.idle + o->crowd.stopped;
	long base_rss_kib = server_rss_kib(pid);
	long base_tcp_kib = server_all_tcp_kib();

	crowd_connect(&crowd, &o->crowd);
	long idle_rss_kib = server_rss_kib(pid);
	phase_load(&crowd, &o->phase, now_ns() + (uint64_t)(o->warmup_s * 1e9),
	    &peaks);
	struct cpu from = cpu_now(pid);
	uint64_t arrived = crowd.arrived;
	crowd.measured_from_ns = from.at_ns;
	phase_load(&crowd, &o->phase, from.at_ns + (uint64_t)(o->seconds * 1e9),
	    &peaks);
	struct cpu took = cpu_since(from, pid);
	arrived = crowd.arrived - arrived;
	long rss_kib = server_rss_kib(pid);
	long sockets_kib = server_sockets_kib(o->port);
	long tcp_kib = server_all_tcp_kib() - base_tcp_kib;
	uint64_t late = phase_drain(&crowd, &o->phase);

	putchar('{');
	print_cpu(took, arrived);
	print_hist("", &crowd.latency);
	print_hist("last_", &crowd.to_last);
	printf(",\"sent\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64
	       ",\"swapped\":%" PRIu64 ",\"disconnected\":%" PRIu64
	       ",\"late\":%" PRIu64,
	    crowd.sent, crowd.faults.lost, crowd.faults.doubled,
	    crowd.faults.swapped, crowd.disconnected, late);
	printf(",\"base_rss_kib\":%ld,\"idle_rss_kib\":%ld"
	       ",\"idle_bytes_each\":%ld,\"rss_kib\":%ld,\"peak_rss_kib\":%ld"
	       ",\"sockets_kib\":%ld,\"tcp_kib\":%ld,\"peak_tcp_kib\":%ld}\n",
	    base_rss_kib, idle_rss_kib,
	    (idle_rss_kib - base_rss_kib) * 1024 / connections, rss_kib,
	    peaks.rss_kib, sockets_kib, tcp_kib, peaks.tcp_kib - base_tcp_kib);
	return crowd.faults.lost + crowd.faults.doubled + crowd.faults.swapped +
		    crowd.disconnected ==
		0
	    ? 0
	    : 1;
}

static const struct option long_opts[] = {
    {"port", required_argument, NULL, 'p'},
    {"cookie", required_argument, NULL, 'c'},
    {"origin", required_argument, NULL, 'o'},
    {"subprotocol", required_argument, NULL, 's'},
    {"idle-path", required_argument, NULL, 'd'},
    {"receivers", required_argument, NULL, 'n'},
    {"size", required_argument, NULL, 'b'},
    {"rate", required_argument, NULL, 'r'},
    {"inflight", required_argument, NULL, 'i'},
    {"idle", required_argument, NULL, 'I'},
    {"stopped", required_argument, NULL, 'S'},
    {"acks", no_argument, NULL, 'A'},
    {"handshakes", no_argument, NULL, 'H'},
    {"seconds", required_argument, NULL, 't'},
    {"warmup", required_argument, NULL, 'w'},
    {"patience", required_argument, NULL, 'q'},
    {"pid", required_argument, NULL, 'P'},
    {NULL, 0, NULL, 0},
};

static void __attribute__((noreturn)) usage(void)
{
	fputs("usage: loadgen --port N [--cookie NAME=VALUE] [--origin URL]\n"
	      "  [--subprotocol gatecast.v1] [--receivers 1000] [--size 64]\n"
	      "  [--rate MESSAGES/S | --inflight 1] [--handshakes]\n"
	      "  [--idle N [--idle-path PATH]] [--stopped N] [--acks]\n"
	      "  [--seconds 10] [--warmup 1] [--patience 5] [--pid SERVER]\n",
	    stderr);
	exit(2);
}

static int
number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static void
set(struct opts *o, int option, const char *value)
{
	switch (option) {
	case 'p':
		o->port = number(value);
		break;
	case 'c':
		o->cookie = value;
		break;
	case 'o':
		o->origin = value;
		break;
	case 's':
		o->subprotocol = value;
		break;
	case 'd':
		o->idle_path = value;
		break;
	case 'n':
		o->crowd.receivers = number(value);
		break;
	case 'b':
		o->crowd.size = number(value);
		break;
	case 'r':
		o->phase.rate = strtod(value, NULL);
		break;
	case 'i':
		o->phase.inflight = number(value);
		break;
	case 'I':
		o->crowd.idle = number(value);
		break;
	case 'S':
		o->crowd.stopped = number(value);
		break;
	case 'A':
		o->crowd.has_acks = true;
		break;
	case 'H':
		o->is_storm = true;
		break;
	case 't':
		o->seconds = strtod(value, NULL);
		break;
	case 'w':
		o->warmup_s = strtod(value, NULL);
		break;
	case 'q':
		o->phase.patience_s = strtod(value, NULL);
		break;
	case 'P':
		o->phase.pid = (pid_t)strtol(value, NULL, 10);
		break;
	default:
		usage();
	}
}

int
main(int argc, char **argv)
{
	struct opts o = {
	    .crowd = {.receivers = 1000, .size = 64},
	    .phase = {.inflight = 1, .patience_s = 5},
	    .origin = "http://127.0.0.1",
	    .idle_path = PATH,
	    .seconds = 10,
	    .warmup_s = 1,
	};
	int option;
	while ((option = getopt_long(argc, argv, "", long_opts, NULL)) != -1)
		set(&o, option, optarg);
	o.crowd.is_json = o.subprotocol != NULL;
	if (optind != argc || o.port <= 0 || o.crowd.receivers <= 0 ||
	    o.crowd.receivers > UINT16_MAX || o.phase.inflight <= 0 ||
	    o.phase.inflight > STORM_AT_ONCE_MAX || o.crowd.size > 60000 ||
	    (o.crowd.has_acks && !o.crowd.is_json) ||
	    ws_client_request_make(&o.crowd.request, o.port, PATH, o.origin,
		o.cookie, o.subprotocol) == -1 ||
	    ws_client_request_make(&o.crowd.idle_request, o.port, o.idle_path,
		o.origin, o.cookie, o.subprotocol) == -1)
		usage();
	files_raise();
	return o.is_storm ? storm(&o) : broadcast(&o);
}
