/*
 * Prefork: libfcgi serves one request at a time, and a password takes its
 * 20 ms of a core, so the unit of concurrency is a process. The parent
 * touches no request and no store; what a worker does cannot hurt it.
 */
#include "fcgi-app/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/sandbox.h"
#include "fcgi-app/listener.h"
#include "fcgi-app/lobby.h"
#include "fcgi-app/slots.h"
#include "fcgi-app/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MS 4500 /* of the 5 s that a stop may take */
#define EARLY_MS 2000 /* a worker that lived shorter died at the start */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define WORKERS_MAX 1024 /* retiring ones included */

struct child {
	pid_t pid;
	unsigned generation;
	int64_t started_ms;
};

struct master {
	const struct master_opts *opts;
	struct views *views;
	const struct clock *clock;
	struct slots slots;
	struct lobby lobby;
	int signals;
	struct child children[WORKERS_MAX];
	size_t n;
	unsigned generation; /* of the configuration */
	int64_t backoff_ms;
	int64_t start_at_ms; /* no new worker before it */
	bool is_stopping;
	bool is_worker; /* in a forked process */
};

void
master_init_log(const struct config *config)
{
	const struct log_opts opts = {
	    .ident = "login.fcgi",
	    .level = config->log.level,
	    .has_audit = config->log.audit,
	};

	log_init(&opts);
}

/* --- workers ------------------------------------------------------------ */

static int
be_worker(struct master *m, pid_t parent)
{
	close(m->signals);
	/* A parent that was killed cannot tell us to end. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent)
		return EXIT_FAILURE;
	const struct worker_opts opts = {
	    .listener = m->opts->listener->fd,
	    .config = m->opts->config,
	    .views = m->views,
	    .slots = &m->slots,
	    .lobby = &m->lobby,
	    .is_gate = m->opts->is_gate,
	};
	return worker_run(&opts);
}

static size_t
count_current(const struct master *m)
{
	size_t count = 0;

	for (size_t i = 0; i < m->n; i++)
		count += m->children[i].generation == m->generation;
	return count;
}

static void
delay_start(struct master *m)
{
	m->backoff_ms = m->backoff_ms == 0 ? BACKOFF_MIN_MS : m->backoff_ms * 2;
	if (m->backoff_ms > BACKOFF_MAX_MS)
		m->backoff_ms = BACKOFF_MAX_MS;
	m->start_at_ms = clock_mono_ms(m->clock) + m->backoff_ms;
}

/*
 * Brings the workers up to their number. Returns a worker's exit status in a
 * worker (is_worker), else 0.
 */
static int
start_missing(struct master *m)
{
	size_t wanted = (size_t)m->opts->config->login.workers;
	pid_t parent = getpid();

	while (count_current(m) < wanted && m->n < WORKERS_MAX &&
	    clock_mono_ms(m->clock) >= m->start_at_ms) {
		pid_t pid = fork();
		if (pid == 0) {
			m->is_worker = true;
			return be_worker(m, parent);
		}
		if (pid == -1) {
			log_err_errno("fork");
			delay_start(m);
			break;
		}
		m->children[m->n++] =
		    (struct child){pid, m->generation, clock_mono_ms(m->clock)};
	}
	return 0;
}

static void
note_death(struct master *m, const struct child *c, int status)
{
	if (WIFSIGNALED(status))
		log_err("worker %ld was killed by signal %d", (long)c->pid,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != EXIT_SUCCESS)
		log_err("worker %ld ended with status %d", (long)c->pid,
		    WEXITSTATUS(status));
	if (c->generation != m->generation || m->is_stopping)
		return;
	if (clock_mono_ms(m->clock) - c->started_ms < EARLY_MS)
		delay_start(m);
	else
		m->backoff_ms = 0;
}

static void
reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < m->n; i++)
			if (m->children[i].pid == pid) {
				note_death(m, &m->children[i], status);
				m->children[i] = m->children[--m->n];
				break;
			}
}

/* A signal to the workers; with is_old_only, of earlier generations. */
static void
signal_workers(const struct master *m, int signal, bool is_old_only)
{
	for (size_t i = 0; i < m->n; i++)
		if (!is_old_only || m->children[i].generation != m->generation)
			kill(m->children[i].pid, signal);
}

/* --- signals ------------------------------------------------------------ */

/* All of the new, or all of the old. */
static void
reload(struct master *m)
{
	struct buf error = BUF_INIT;
	struct buf restart = BUF_INIT;
	struct config fresh;
	struct views *views = NULL;

	notify_send("RELOADING=1");
	if (config_load(&fresh, m->opts->config_path, &error) == -1)
		goto keep;
	views = views_load(m->opts->config->login.templates,
	    m->opts->config->site.prefix, &error);
	if (views == NULL) {
		config_fini(&fresh);
		goto keep;
	}
	if (config_reload(m->opts->config, &fresh, &restart) == -1) {
		buf_puts(&error, "out of memory\n");
		views_free(views);
		goto keep;
	}
	views_free(m->views);
	m->views = views;
	m->generation++;
	m->backoff_ms = 0;
	m->start_at_ms = 0;
	master_init_log(m->opts->config);
	log_lines(log_warn, "needs a restart to change", buf_str(&restart));
	log_notice("configuration loaded again");
	goto out;
keep:
	log_err("configuration not loaded; the old one stays");
	log_lines(log_warn, "reload", buf_str(&error));
out:
	notify_send("READY=1");
	buf_fini(&error);
	buf_fini(&restart);
}

static void
take_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(m);
			break;
		case SIGHUP:
			if (m->is_stopping)
				break;
			reload(m);
			break;
		default:
			m->is_stopping = true;
			break;
		}
	}
}

/* How long to wait for a signal; -1: for ever. */
static int
poll_ms(const struct master *m)
{
	if (count_current(m) >= (size_t)m->opts->config->login.workers)
		return -1;
	int64_t left = m->start_at_ms - clock_mono_ms(m->clock);
	return left > 0 ? (int)left : 0;
}

static void
stop(struct master *m)
{
	int64_t deadline = clock_mono_ms(m->clock) + DRAIN_MS;
	struct pollfd p = {.fd = m->signals, .events = POLLIN};

	notify_send("STOPPING=1");
	signal_workers(m, SIGTERM, false);
	while (m->n > 0) {
		int64_t left = deadline - clock_mono_ms(m->clock);
		if (left <= 0) {
			log_warn("%zu workers did not end in time", m->n);
			signal_workers(m, SIGKILL, false);
			deadline += DRAIN_MS;
			continue;
		}
		poll(&p, 1, (int)left);
		take_signals(m);
		reap(m);
	}
}

static int
loop(struct master *m)
{
	struct pollfd p = {.fd = m->signals, .events = POLLIN};

	int rc = start_missing(m);
	if (m->is_worker)
		return rc;
	notify_send("READY=1");
	for (;;) {
		if (poll(&p, 1, poll_ms(m)) == -1 && errno != EINTR) {
			log_err_errno("poll");
			rc = EXIT_FAILURE;
			break;
		}
		take_signals(m);
		reap(m);
		if (m->is_stopping)
			break;
		rc = start_missing(m);
		if (m->is_worker)
			return rc;
		/* Not before new ones stand: a fork may fail. */
		if (count_current(m) > 0)
			signal_workers(m, SIGHUP, true);
	}
	stop(m);
	return rc;
}

static int
enter_sandbox(const struct master *m)
{
	const struct sandbox_opts opts = {
	    .role = SANDBOX_LOGIN_MASTER,
	    .config = m->opts->config,
	    .config_path = m->opts->config_path,
	    .listen = &m->opts->listen,
	    .listen_count = m->opts->listen != NULL,
	};

	if (notify_open() == -1) {
		log_err_errno("a socket for NOTIFY_SOCKET");
		return -1;
	}
	return sandbox_enter(&opts);
}

int
master_run(const struct master_opts *opts)
{
	static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
	struct master *m = calloc(1, sizeof(*m));
	int rc = EXIT_FAILURE;
	sigset_t set;

	if (m == NULL) {
		views_free(opts->views);
		return EXIT_FAILURE;
	}
	m->opts = opts;
	m->views = opts->views;
	m->clock = clock_system();
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(&set, handled[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/*
	 * libfcgi puts handlers of its own on SIGPIPE and SIGUSR1 unless
	 * somebody was there first.
	 */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signals == -1) {
		log_err_errno("signalfd");
		goto err0;
	}
	if (slots_init(&m->slots,
		opts->has_copies ? opts->config->store.dir : NULL,
		slots_count(opts->config->login.workers,
		    opts->config->login.hash_slots)) == -1) {
		log_err_errno("hash slots");
		goto err1;
	}
	if (lobby_init(&m->lobby) == -1) {
		log_err_errno("the lobby");
		goto err2;
	}
	if (enter_sandbox(m) == 0)
		rc = loop(m);
	lobby_fini(&m->lobby);
err2:
	slots_fini(&m->slots);
err1:
	if (!m->is_worker)
		close(m->signals);
err0:
	if (m->is_worker)
		listener_disown(opts->listener);
	views_free(m->views);
	free(m);
	return rc;
}
