/*
 * wsd: the live channel. Options, configuration, log; then the server.
 */
#include "auth/crypto.h"
#include "base/config.h"
#include "base/log.h"
#include "wsd/json_object.h"
#include "wsd/server.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define EXIT_CONFIG 1
#define EXIT_USAGE 2
#define LISTEN_MAX 8

static void
usage(FILE *to)
{
	fputs(
	    "usage: wsd [-nhV] [-c FILE] [--listen WHERE]...\n"
	    "  -c, --config FILE   configuration (default " CONFIG_PATH_DEFAULT
	    ")\n"
	    "  -n, --check         check the configuration and exit\n"
	    "      --listen WHERE  unix:PATH or HOST:PORT in place of "
	    "wsd.listen; repeatable\n"
	    "  -h, --help\n"
	    "  -V, --version\n",
	    to);
}

int
main(int argc, char **argv)
{
	enum {
		OPT_LISTEN = 256
	};
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'n'},
	    {"listen", required_argument, NULL, OPT_LISTEN},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	const char *path = NULL; /* the default one, if it is there */
	const char *listen[LISTEN_MAX];
	struct server_opts opts = {.listen = listen};
	bool is_check = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:nhV", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 'n':
			is_check = true;
			break;
		case OPT_LISTEN:
			if (opts.listen_count == LISTEN_MAX) {
				fprintf(stderr, "wsd: at most %d --listen\n",
				    LISTEN_MAX);
				return EXIT_USAGE;
			}
			listen[opts.listen_count++] = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("wsd " GATECAST_VERSION);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return EXIT_USAGE;
	}

	struct config config;
	struct buf error = BUF_INIT;
	if (config_load(&config, path, &error) == -1) {
		fputs(buf_str(&error), stderr);
		buf_fini(&error);
		return EXIT_CONFIG;
	}
	if (is_check) {
		int bad = config_check_paths(&config,
		    path != NULL ? path : CONFIG_PATH_DEFAULT, false, &error);
		fputs(buf_str(&error), stderr);
		buf_fini(&error);
		config_fini(&config);
		return bad == -1 ? EXIT_CONFIG : 0;
	}
	buf_fini(&error);
	const struct log_opts log = {.ident = "wsd",
	    .level = (enum log_level)config.log.level,
	    .has_audit = config.log.audit};
	log_init(&log);
	int rc = EXIT_CONFIG;
	if (crypto_init() == -1) {
		log_err("no source of random numbers");
	} else {
		json_object_init();
		opts.config = &config;
		opts.config_path = path;
		rc = server_run(&opts) == 0 ? 0 : EXIT_CONFIG;
	}
	config_fini(&config);
	return rc;
}
