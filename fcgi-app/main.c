/*
 * login.fcgi: sign-in and sessions for any web server that speaks FastCGI or
 * CGI. Started with a listener on descriptor 0, by systemd, with --listen,
 * or for one request.
 */
#include "auth/crypto.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/log.h"
#include "base/notify.h"
#include "fcgi-app/cgi.h"
#include "fcgi-app/listener.h"
#include "fcgi-app/master.h"
#include "fcgi-app/views.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2
/* Where CGI programs get no arguments: set by the web server. */
#define CONFIG_ENV "GATECAST_CONF"

struct options {
	const char *config_path; /* NULL: the default one, if it is there */
	const char *listen; /* NULL: not given */
	bool is_check;
	bool is_gate;
};

static void
print_usage(FILE *f)
{
	fputs("usage: login.fcgi [-c FILE] [--gate] "
	      "[--listen unix:PATH|HOST:PORT]\n"
	      "       login.fcgi [-c FILE] -n\n"
	      "  -c, --config FILE  configuration (default: $" CONFIG_ENV
	      " or\n"
	      "                     " CONFIG_PATH_DEFAULT ")\n"
	      "  -n, --check        check the configuration and the "
	      "templates, and exit\n"
	      "      --listen ADDR  listen there, not on descriptor 0 or "
	      "systemd's socket\n"
	      "      --gate         answer in the role Authorizer alone: for a "
	      "TCP port\n"
	      "  -h, --help         this text\n"
	      "  -V, --version      the version\n",
	    f);
}

/* -1 to go on, else the exit status. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'n'},
	    {"listen", required_argument, NULL, 'l'},
	    {"gate", no_argument, NULL, 'g'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:nhV", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->config_path = optarg;
			break;
		case 'n':
			o->is_check = true;
			break;
		case 'g':
			o->is_gate = true;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'h':
			print_usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("login.fcgi " GATECAST_VERSION);
			return EXIT_SUCCESS;
		default:
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "login.fcgi: what is \"%s\"?\n", argv[optind]);
		print_usage(stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* The first that there is: --listen, systemd's, descriptor 0, login.listen. */
static int
find_listener(
    struct endpoint *e, const struct options *o, const struct config *config)
{
	int passed = notify_listen_fds();

	if (passed == -1) {
		log_err("LISTEN_FDS is malformed");
		return -1;
	}
	if (o->listen != NULL)
		return listener_open(e, o->listen);
	int fd = passed > 0 ? NOTIFY_FD_FIRST : STDIN_FILENO;
	if (passed > 1) {
		log_err("%d sockets were passed, one is needed", passed);
		return -1;
	}
	if (listener_is(fd)) {
		if (listener_inherit(e, fd) == 0)
			return 0;
		log_err_errno("descriptor %d", fd);
		return -1;
	}
	if (config->login.listen[0] != '\0')
		return listener_open(e, config->login.listen);
	log_err("nothing to listen on: descriptor 0 is no listening socket, "
		"and neither --listen nor login.listen is given");
	return -1;
}

static int
serve(const struct options *o, struct config *config, struct views *views)
{
	struct endpoint listener;
	int rc = EXIT_FAILURE;

	if (find_listener(&listener, o, config) == -1) {
		views_free(views);
		return EXIT_FAILURE;
	}
	const struct master_opts opts = {
	    .config_path = o->config_path,
	    .config = config,
	    .views = views,
	    .listener = &listener,
	    .is_gate = o->is_gate,
	    .has_copies = listener.fd == STDIN_FILENO,
	    .listen = o->listen,
	};
	rc = master_run(&opts);
	endpoint_close(&listener);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.config_path = getenv(CONFIG_ENV)};
	struct buf error = BUF_INIT;
	struct config config;
	int rc = EXIT_FAILURE;
	bool is_cgi = cgi_is_request();

	/*
	 * A web server may pass the query string as arguments to a CGI
	 * program (RFC 3875 §4.4): "/login?-n" must not mean anything.
	 */
	if (!is_cgi) {
		int status = parse_options(argc, argv, &o);
		if (status != -1)
			return status;
	}
	if (config_load(&config, o.config_path, &error) == -1)
		goto err0;
	if (o.is_check &&
	    config_check_paths(&config,
		o.config_path != NULL ? o.config_path : CONFIG_PATH_DEFAULT,
		false, &error) == -1)
		goto err1;
	master_init_log(&config);
	struct views *views =
	    views_load(config.login.templates, config.site.prefix, &error);
	if (views == NULL)
		goto err1;
	if (o.is_check) {
		views_free(views);
		rc = EXIT_SUCCESS;
		goto err1;
	}
	if (crypto_init() == -1) {
		log_err("no randomness from the system");
		views_free(views);
		goto err1;
	}
	if (is_cgi) {
		rc = cgi_run(&config, views);
		views_free(views);
	} else {
		rc = serve(&o, &config, views);
	}
err1:
	config_fini(&config);
err0:
	fputs(buf_str(&error), stderr);
	buf_fini(&error);
	return rc;
}
