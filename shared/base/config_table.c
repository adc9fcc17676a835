/*
 * What can be configured, with its range, default and meaning. A number's
 * minimum is what still works, not what is wise: the help says that.
 */
#include "base/config_table.h"

#include "base/config.h"
#include "base/config_form.h"
#include "base/log.h"

#include <string.h>

#define KEY(s, n) \
	.section = #s, .name = #n, .offset = offsetof(struct config, s.n)

#define UNIX_FORM "unix:/ABSOLUTE/PATH (at most 107 bytes)"
#define LOOPBACK_FORM "127.0.0.1:PORT, [::1]:PORT or localhost:PORT"
#define TCP_FORM "HOST:PORT (IPv6 in brackets)"

#define KIB 1024LL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define YEAR_S 31536000LL

static const struct config_word languages[] = {
    {"auto", CONFIG_LANGUAGE_AUTO},
    {"en", CONFIG_LANGUAGE_EN},
    {"zh", CONFIG_LANGUAGE_ZH},
    {NULL, 0},
};

static const struct config_word forwarded_headers[] = {
    {"x-forwarded", CONFIG_FORWARDED_X},
    {"forwarded", CONFIG_FORWARDED_RFC},
    {NULL, 0},
};

static const struct config_word plain_lines[] = {
    {"raw", CONFIG_PLAIN_RAW},
    {"html", CONFIG_PLAIN_HTML},
    {"off", CONFIG_PLAIN_OFF},
    {NULL, 0},
};

static const struct config_word history_syncs[] = {
    {"kill", CONFIG_SYNC_KILL},
    {"always", CONFIG_SYNC_ALWAYS},
    {NULL, 0},
};

static const struct config_word log_levels[] = {
    {"err", LOG_LEVEL_ERR},
    {"warn", LOG_LEVEL_WARN},
    {"notice", LOG_LEVEL_NOTICE},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
    {NULL, 0},
};

static const struct config_key keys[] = {
    {KEY(site, origins), .type = CONFIG_LIST, .preset = "",
	.form = config_form_origin,
	.form_help = "http[s]://HOST[:PORT] without a path",
	.is_reloadable = true,
	.help = "Where the site's pages come from, as browsers write it "
		"in Origin. Empty: scheme and Host of the request "
		"itself."},
    {KEY(site, trusted_proxies), .type = CONFIG_LIST, .preset = "",
	.form = config_form_proxy,
	.form_help = "ADDRESS, ADDRESS/PREFIX or unix", .is_reloadable = true,
	.help = "Peers whose forwarded headers are believed. A peer on a "
		"Unix socket always is: its directory's permissions "
		"decide who that can be."},
    {KEY(site, forwarded_header), .type = CONFIG_ENUM, .preset = "x-forwarded",
	.words = forwarded_headers, .is_reloadable = true,
	.help = "The header that these proxies set, for X-Forwarded-For and "
		"X-Forwarded-Proto, or RFC 7239's Forwarded. The other one is "
		"the client's own word, and passed over."},
    {KEY(site, language), .type = CONFIG_ENUM, .preset = "auto",
	.words = languages, .is_reloadable = true,
	.help = "Language of the pages; auto: as the browser asks."},
    {KEY(site, prefix), .type = CONFIG_STRING, .preset = "",
	.form = config_form_prefix,
	.form_help = "/SEGMENT[/SEGMENT...] (letters, digits and -._~; at most "
		     "100 bytes)",
	.may_be_empty = true,
	.help = "What all of Gatecast's paths begin with, where it has only a "
		"part of a site: with /gate it is at /gate/login, "
		"/gate/websocket, /gate/static/ and so on. The web server "
		"must hand these paths on whole. Empty: the site's root."},

    {KEY(store, dir), .type = CONFIG_PATH, .preset = "/var/lib/gatecast",
	.help = "Directory of users, sessions and keys. Another one than "
		"this needs a ReadWritePaths= in drop-ins for "
		"login-fcgi.service and gatecast-checkpoint.service."},
    {KEY(store, reserve_bytes), .type = CONFIG_INT, .preset = "1048576",
	.min = 0, .max = GIB, .unit = "bytes", .zero = "no reserve",
	.help = "Kept free for logouts when the disk is full."},
    {KEY(store, lock_wait_ms), .type = CONFIG_INT, .preset = "2000", .min = 1,
	.max = 60000, .unit = "milliseconds", .is_reloadable = true,
	.help = "A writer's longest wait for other writers; then 503."},

    {KEY(login, listen), .type = CONFIG_STRING, .preset = "",
	.form = config_form_listen, .form_help = UNIX_FORM " or " TCP_FORM,
	.may_be_empty = true,
	.help = "Where login.fcgi listens. Empty: the socket that the web "
		"server or systemd hands over. Never a TCP port that "
		"local users can reach: they could forge any header."},
    {KEY(login, templates), .type = CONFIG_PATH,
	.preset = GATECAST_DATADIR "/templates",
	.help = "Directory of the pages' templates."},
    {KEY(login, workers), .type = CONFIG_INT, .preset = "4", .min = 1,
	.max = 256, .unit = "processes",
	.help = "Requests served at the same time."},
    {KEY(login, plain_http), .type = CONFIG_BOOL, .preset = "no",
	.is_reloadable = true,
	.help = "Let people sign in over http. The password and the "
		"session can then be read on the way: for a LAN or a "
		"development machine."},
    {KEY(login, idle_lifetime_s), .type = CONFIG_INT, .preset = "604800",
	.min = 0, .max = 10 * YEAR_S, .unit = "seconds", .zero = "no limit",
	.is_reloadable = true,
	.help = "A session ends after so long without a request (default "
		"7 days). Not above absolute_lifetime_s."},
    {KEY(login, absolute_lifetime_s), .type = CONFIG_INT, .preset = "2592000",
	.min = 0, .max = 10 * YEAR_S, .unit = "seconds", .zero = "no limit",
	.is_reloadable = true,
	.help = "A session ends so long after its login at the latest "
		"(default 30 days)."},
    {KEY(login, sessions_per_user), .type = CONFIG_INT, .preset = "20",
	.min = 0, .max = 10000, .unit = "sessions", .zero = "no limit",
	.is_reloadable = true,
	.help = "A login beyond it ends the user's oldest session."},
    {KEY(login, argon2_memory_kib), .type = CONFIG_INT, .preset = "19456",
	.min = 8, .max = 4 * MIB, .unit = "KiB", .is_reloadable = true,
	.help = "Memory of one password hash. Below the default, stolen "
		"hashes are cheaper to guess. Changed at a user's next "
		"login."},
    {KEY(login, argon2_passes), .type = CONFIG_INT, .preset = "2", .min = 1,
	.max = 100, .unit = "passes", .is_reloadable = true,
	.help = "Passes over that memory."},
    {KEY(login, hash_slots), .type = CONFIG_INT, .preset = "0", .min = 0,
	.max = 255, .unit = "hashes", .zero = "workers - 1, at least 1",
	.help = "Passwords hashed at the same time; beyond it 503. Less "
		"than workers, so that sessions are still checked "
		"meanwhile."},
    {KEY(login, password_min), .type = CONFIG_INT, .preset = "8", .min = 1,
	.max = 1024, .unit = "bytes", .is_reloadable = true,
	.help = "Shortest password that can be set."},
    {KEY(login, request_timeout_ms), .type = CONFIG_INT, .preset = "5000",
	.min = 100, .max = 5000, .unit = "milliseconds", .is_reloadable = true,
	.help = "Longest time for reading one request."},
    {KEY(login, throttle), .type = CONFIG_BOOL, .preset = "yes",
	.is_reloadable = true, .help = "Slow down guessing of passwords."},

    {KEY(gate, rules), .type = CONFIG_LIST, .preset = "",
	.form = config_form_gate_rule,
	.form_help = "PATH=any, PATH=public or PATH=GROUP,GROUP...; a path "
		     "begins with / and has no dot segments",
	.is_reloadable = true,
	.help = "Where login.fcgi guards other pages: who may see what is at "
		"and below a path; the longest path decides. any: every "
		"signed-in user, as where no rule is; public: everybody; "
		"groups: who is in one of them."},

    {KEY(wsd, listen), .type = CONFIG_STRING,
	.preset = "unix:/run/gatecast/wsd.sock", .form = config_form_listen,
	.form_help = UNIX_FORM " or " TCP_FORM, .may_be_empty = true,
	.help = "Where wsd listens, unless systemd hands over sockets. "
		"Empty: only then."},
    {KEY(wsd, control), .type = CONFIG_STRING,
	.preset = "unix:/run/gatecast/control.sock", .form = config_form_unix,
	.form_help = UNIX_FORM, .may_be_empty = true,
	.help = "Socket of the admin script. Empty: none."},
    {KEY(wsd, metrics_listen), .type = CONFIG_STRING, .preset = "",
	.form = config_form_loopback, .form_help = LOOPBACK_FORM,
	.may_be_empty = true,
	.help = "Where Prometheus reads /metrics, and anybody on this machine "
		"/healthz. Empty: nowhere."},
    {KEY(wsd, max_connections), .type = CONFIG_INT, .preset = "10000", .min = 0,
	.max = 1000000, .unit = "connections", .zero = "no limit",
	.is_reloadable = true, .help = "Connections in all; beyond it 503."},
    {KEY(wsd, connections_per_user), .type = CONFIG_INT, .preset = "20",
	.min = 0, .max = 1000000, .unit = "connections", .zero = "no limit",
	.is_reloadable = true,
	.help = "Connections of one user; beyond it 429."},
    {KEY(wsd, connections_per_address), .type = CONFIG_INT, .preset = "0",
	.min = 0, .max = 1000000, .unit = "connections", .zero = "no limit",
	.is_reloadable = true,
	.help = "Connections from one address; beyond it 429. Many "
		"people may share one address."},
    {KEY(wsd, message_bytes), .type = CONFIG_INT, .preset = "4096", .min = 1,
	.max = 64 * KIB, .unit = "bytes", .is_reloadable = true,
	.help = "Longest message."},
    {KEY(wsd, plain_lines), .type = CONFIG_ENUM, .preset = "raw",
	.words = plain_lines, .is_reloadable = true,
	.help = "Lines for pages that ask for no subprotocol: raw; html "
		"escapes text and names, for pages that insert lines as "
		"markup; off refuses such pages."},
    {KEY(wsd, user_rate), .type = CONFIG_INT, .preset = "10", .min = 0,
	.max = 10000, .unit = "messages a second", .zero = "no limit",
	.is_reloadable = true,
	.help = "What one user may send over all connections."},
    {KEY(wsd, user_burst), .type = CONFIG_INT, .preset = "20", .min = 1,
	.max = 100000, .unit = "messages", .is_reloadable = true,
	.help = "What one user may send at once before user_rate "
		"counts."},
    {KEY(wsd, history_messages), .type = CONFIG_INT, .preset = "1000", .min = 0,
	.max = 1000000, .unit = "messages", .zero = "none are kept",
	.is_reloadable = true,
	.help = "Messages kept for those who come back."},
    {KEY(wsd, history_bytes), .type = CONFIG_INT, .preset = "4194304", .min = 0,
	.max = GIB, .unit = "bytes", .zero = "no limit", .is_reloadable = true,
	.help = "Bytes kept at most."},
    {KEY(wsd, history_age_s), .type = CONFIG_INT, .preset = "86400", .min = 0,
	.max = 10 * YEAR_S, .unit = "seconds", .zero = "no limit",
	.is_reloadable = true, .help = "Older messages are dropped."},
    {KEY(wsd, history_sync), .type = CONFIG_ENUM, .preset = "kill",
	.words = history_syncs, .is_reloadable = true,
	.help = "What an acknowledged message survives: kill, the end of "
		"the process; always, power loss too, at the price of a "
		"disk write a batch."},
    {KEY(wsd, history_dir), .type = CONFIG_PATH,
	.preset = "/var/lib/gatecast-wsd", .may_be_empty = true,
	.help = "Directory of wsd's own, where the history is kept over a "
		"restart; made if it is not there. Empty: in memory alone."},
    {KEY(wsd, ping_s), .type = CONFIG_INT, .preset = "25", .min = 1,
	.max = 3600, .unit = "seconds", .is_reloadable = true,
	.help = "Between pings; a connection that misses two is dead. "
		"Web servers drop silent ones at 60."},
    {KEY(wsd, slow_bytes), .type = CONFIG_INT, .preset = "1048576", .min = KIB,
	.max = GIB, .unit = "bytes", .is_reloadable = true,
	.help = "A reader so far behind is closed with 4408."},
    {KEY(wsd, slow_s), .type = CONFIG_INT, .preset = "30", .min = 0,
	.max = 3600, .unit = "seconds", .zero = "no limit",
	.is_reloadable = true,
	.help = "A reader behind for so long is closed with 4408."},
    {KEY(wsd, leave_grace_s), .type = CONFIG_INT, .preset = "5", .min = 0,
	.max = 3600, .unit = "seconds", .zero = "at once",
	.is_reloadable = true,
	.help = "From a user's last connection to the leave."},
    {KEY(wsd, store_grace_s), .type = CONFIG_INT, .preset = "30", .min = 0,
	.max = 86400, .unit = "seconds", .zero = "at once",
	.is_reloadable = true,
	.help = "How long connections stay when sessions cannot be "
		"checked."},
    {KEY(wsd, handshake_timeout_s), .type = CONFIG_INT, .preset = "5", .min = 1,
	.max = 60, .unit = "seconds", .is_reloadable = true,
	.help = "Longest time for a handshake. A change is for those that "
		"begin after it."},
    {KEY(wsd, max_memory), .type = CONFIG_INT, .preset = "268435456", .min = 0,
	.max = 1024 * GIB, .unit = "bytes", .zero = "no limit",
	.is_reloadable = true,
	.help = "What wsd may take, with what the kernel holds for its slow "
		"readers. At the limit these are closed with 4408 and new "
		"connections refused with 503."},

    {KEY(log, level), .type = CONFIG_ENUM, .preset = "info",
	.words = log_levels, .is_reloadable = true,
	.help = "Lines less urgent than this are dropped."},
    {KEY(log, audit), .type = CONFIG_BOOL, .preset = "yes",
	.is_reloadable = true,
	.help = "A line for each login, logout, refusal and admin "
		"action."},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

_Static_assert(N_KEYS <= CONFIG_KEYS_MAX, "struct config's lines are too few");

size_t
config_key_count(void)
{
	return N_KEYS;
}

const struct config_key *
config_key_info(size_t i)
{
	return &keys[i];
}

int
config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].section, section) == 0 &&
		    strcmp(keys[i].name, name) == 0)
			return (int)i;
	return -1;
}

bool
config_section_exists(const char *section)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].section, section) == 0)
			return true;
	return false;
}
