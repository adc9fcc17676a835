/*
 * Most browsers claim to be several others, so the one that fewest claim to
 * be is looked for first. A short table: enough to tell one's own phone from
 * a stranger's computer, and what is in none of its rows is shown by the name
 * it begins with.
 */
#include "fcgi-app/user_agent.h"

#include <stdbool.h>
#include <string.h>

#define VERSION_MAX 4 /* digits */
#define PRODUCT_MAX 24

struct word {
	const char *token;
	const char *name;
};

static const struct word browsers[] = {
    {"MicroMessenger/", "WeChat"},
    {"EdgA/", "Edge"},
    {"EdgiOS/", "Edge"},
    {"Edg/", "Edge"},
    {"Edge/", "Edge"},
    {"OPR/", "Opera"},
    {"SamsungBrowser/", "Samsung Internet"},
    {"HuaweiBrowser/", "Huawei Browser"},
    {"MiuiBrowser/", "Mi Browser"},
    {"UCBrowser/", "UC Browser"},
    {"QQBrowser/", "QQ Browser"},
    {"Vivaldi/", "Vivaldi"},
    {"FxiOS/", "Firefox"},
    {"Firefox/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"HeadlessChrome/", "Chrome"},
    {"Chromium/", "Chromium"},
    {"Chrome/", "Chrome"},
    {"Version/", "Safari"},
};

static const struct word systems[] = {
    {"OpenHarmony", "HarmonyOS"},
    {"HarmonyOS", "HarmonyOS"},
    {"Android", "Android"},
    {"iPhone", "iPhone"},
    {"iPad", "iPad"},
    {"Windows", "Windows"},
    {"CrOS", "ChromeOS"},
    {"Macintosh", "macOS"},
    {"Mac OS X", "macOS"},
    {"Linux", "Linux"},
    {"X11", "Unix"},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_product(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    is_digit(c) || c == '-' || c == '_' || c == '.';
}

/* Where the token stands as a word of its own; NULL: nowhere. */
static const char *
find(const char *bytes, size_t n, const char *token)
{
	size_t len = strlen(token);

	for (const char *p = bytes;
	     (p = memmem(p, n - (size_t)(p - bytes), token, len)) != NULL; p++)
		if (p == bytes || !is_product(p[-1]))
			return p;
	return NULL;
}

/* Appends " 128", of what stands at p; at most VERSION_MAX digits. */
static void
put_version(const char *p, const char *end, char out[USER_AGENT_WORD_SIZE])
{
	size_t n = 0, at = strlen(out);

	while (p + n < end && is_digit(p[n]))
		n++;
	if (n == 0 || n > VERSION_MAX)
		return;
	out[at++] = ' ';
	memcpy(out + at, p, n);
	out[at + n] = '\0';
}

/* "curl/7.88.1": the product that it begins with. */
static void
read_product(const char *bytes, size_t n, char out[USER_AGENT_WORD_SIZE])
{
	size_t len = 0;

	while (len < n && is_product(bytes[len]))
		len++;
	if (len == 0 || len > PRODUCT_MAX || len == n || bytes[len] != '/')
		return;
	memcpy(out, bytes, len);
	out[len] = '\0';
	put_version(bytes + len + 1, bytes + n, out);
}

void
user_agent_read(const char *bytes, size_t n, struct user_agent *out)
{
	const char *p = NULL;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (find(bytes, n, systems[i].token) != NULL) {
			strcpy(out->system, systems[i].name);
			break;
		}
	for (size_t i = 0; i < sizeof(browsers) / sizeof(browsers[0]); i++)
		if ((p = find(bytes, n, browsers[i].token)) != NULL) {
			strcpy(out->browser, browsers[i].name);
			p += strlen(browsers[i].token);
			put_version(p, bytes + n, out->browser);
			return;
		}
	/* All of them begin so; it says nothing. */
	if (find(bytes, n, "Mozilla/") != bytes)
		read_product(bytes, n, out->browser);
}
