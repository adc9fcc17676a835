/*
 * Mutants of good cookies, asked of login.fcgi's reading and of wsd's: one
 * verdict, and none that is not what was issued gets in. The dice are
 * seeded: a failure comes again. GATECAST_MUTANTS makes it longer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/session_verdict.h"

#define MUTANTS 200000
#define ISSUED 3

static struct verdict_site site;
/* Sessions: of the current key, of the previous one, of another user. */
static char issued[ISSUED][TOKEN_SIZE];
static char csrf[TOKEN_SIZE], device[TOKEN_SIZE], retired[TOKEN_SIZE];
static uint32_t dice;

static uint32_t
roll(uint32_t sides)
{
	/* xorshift32 (Marsaglia, 2003) */
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice % sides;
}

static int
setup(void **state)
{
	uint8_t id[2][TOKEN_ID_BYTES];
	struct keyring previous = {.n = 1};

	(void)state;
	verdict_site_init(&site);
	for (size_t i = 0; i < TOKEN_ID_BYTES; i++) {
		id[0][i] = (uint8_t)(i * 37 + 11);
		id[1][i] = (uint8_t)(255 - i * 13);
	}
	previous.keys[0] = site.ring.keys[1];
	previous.keys[0].state = KEYRING_CURRENT;
	token_make(&site.ring, TOKEN_SESSION, id[0], issued[0]);
	token_make(&previous, TOKEN_SESSION, id[0], issued[1]);
	token_make(&site.ring, TOKEN_SESSION, id[1], issued[2]);
	token_make(&site.ring, TOKEN_CSRF, id[0], csrf);
	token_make(&site.ring, TOKEN_DEVICE, id[0], device);
	token_make(&site.retired, TOKEN_SESSION, id[0], retired);
	return 0;
}

/* Both verdicts on one header; they must agree. */
static bool
is_session(const char *header, size_t n, bool is_https)
{
	struct verdict_line line = {header, n};
	uint8_t id[2][TOKEN_ID_BYTES];
	bool login = verdict_of_login(&site, &line, 1, is_https, id[0]);
	bool wsd = verdict_of_wsd(&site, &line, 1, is_https, id[1]);

	if (login != wsd)
		fail_msg(
		    "login.fcgi %d, wsd %d: %.*s", login, wsd, (int)n, header);
	if (login)
		assert_memory_equal(id[0], id[1], TOKEN_ID_BYTES);
	return login;
}

static bool
is_token(const char *token, size_t n)
{
	char header[1024];
	int len =
	    snprintf(header, sizeof(header), "gatecast=%.*s", (int)n, token);

	/* What has a NUL is cut short by %s. */
	if (memchr(token, '\0', n) != NULL) {
		memcpy(header + 9, token, n);
		len = (int)(9 + n);
	}
	return is_session(header, (size_t)len, false);
}

static void
test_issued(void **state)
{
	char header[256];

	(void)state;
	for (size_t i = 0; i < ISSUED; i++) {
		assert_true(is_token(issued[i], strlen(issued[i])));
		int n = snprintf(
		    header, sizeof(header), "__Host-gatecast=%s", issued[i]);
		assert_true(is_session(header, (size_t)n, true));
		assert_false(is_session(header, (size_t)n, false));
		n = snprintf(header, sizeof(header), "gatecast=%s", issued[i]);
		assert_false(is_session(header, (size_t)n, true));
	}
	assert_false(is_token(csrf, strlen(csrf)));
	assert_false(is_token(device, strlen(device)));
	assert_false(is_token(retired, strlen(retired)));
}

static void
test_every_bit(void **state)
{
	(void)state;
	for (size_t t = 0; t < ISSUED; t++) {
		size_t n = strlen(issued[t]);
		for (size_t bit = 0; bit < n * 8; bit++) {
			char token[TOKEN_SIZE];
			memcpy(token, issued[t], n);
			token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
			assert_false(is_token(token, n));
		}
		for (size_t cut = 0; cut < n; cut++) {
			assert_false(is_token(issued[t], cut));
			if (cut > 0)
				assert_false(
				    is_token(issued[t] + cut, n - cut));
		}
	}
}

static bool
is_issued(const char *token)
{
	for (size_t i = 0; i < ISSUED; i++)
		if (strcmp(token, issued[i]) == 0)
			return true;
	return false;
}

/* Parts of one token with parts of another. */
static void
test_swapped(void **state)
{
	const char *all[] = {
	    issued[0], issued[1], issued[2], csrf, device, retired};
	const size_t n = sizeof(all) / sizeof(all[0]);
	char token[2 * TOKEN_SIZE];
	int tried = 0;

	(void)state;
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++) {
			/* another MAC */
			int len = snprintf(token, sizeof(token), "%.*s%s",
			    (int)(strrchr(all[a], '.') - all[a]), all[a],
			    strrchr(all[b], '.'));
			assert_int_equal(
			    is_token(token, (size_t)len), is_issued(token));
			tried += !is_issued(token);
			/* another key */
			len = snprintf(token, sizeof(token), "v1.%.*s%s",
			    (int)strcspn(all[a] + 3, "."), all[a] + 3,
			    strchr(all[b] + 3, '.'));
			assert_int_equal(
			    is_token(token, (size_t)len), is_issued(token));
			tried += !is_issued(token);
		}
	assert_true(tried > 40);
}

static size_t
mutate(char *text, size_t n, size_t cap)
{
	static const char telling[] = ".=;, \t\"\\%+/-_v1kAB\r\n\x7f\x80\xff";
	size_t at = roll((uint32_t)n + 1), many = 1 + roll(12), from;

	switch (roll(7)) {
	case 0: /* another bit */
		if (at < n)
			text[at] = (char)(text[at] ^ 1 << roll(8));
		return n;
	case 1: /* another byte */
		if (at < n)
			text[at] = telling[roll(sizeof(telling))];
		return n;
	case 2: /* one more */
		if (n == cap)
			return n;
		memmove(text + at + 1, text + at, n - at);
		text[at] = telling[roll(sizeof(telling))];
		return n + 1;
	case 3: /* some less */
		if (many > n - at)
			many = n - at;
		memmove(text + at, text + at + many, n - at - many);
		return n - many;
	case 4: /* a part again */
		from = roll((uint32_t)n + 1);
		if (many > n - from)
			many = n - from;
		if (many > cap - n)
			return n;
		char part[12];
		memcpy(part, text + from, many);
		memmove(text + at + many, text + at, n - at);
		memcpy(text + at, part, many);
		return n + many;
	case 5: /* another case */
		if (at < n)
			text[at] = (char)(text[at] ^ 0x20);
		return n;
	default: /* two exchanged */
		from = roll((uint32_t)n + 1);
		if (at < n && from < n) {
			char c = text[at];
			text[at] = text[from];
			text[from] = c;
		}
		return n;
	}
}

static bool
holds_issued(const char *text, size_t n)
{
	for (size_t i = 0; i < ISSUED; i++)
		if (memmem(text, n, issued[i], strlen(issued[i])) != NULL)
			return true;
	return false;
}

static void
test_mutants(void **state)
{
	static const struct {
		const char *before, *after;
	} forms[] = {
	    {"gatecast=", ""},
	    {"lang=zh; gatecast=", "; theme=dark"},
	    {"__Host-gatecast=", "; a=b"},
	    {"gatecast-pre=v1.k1.x.y;gatecast=", ";"},
	};
	const char *all[] = {
	    issued[0], issued[1], issued[2], csrf, device, retired};
	const char *wanted = getenv("GATECAST_MUTANTS");
	long mutants = wanted != NULL ? strtol(wanted, NULL, 10) : MUTANTS;
	long accepted = 0, forged = 0;

	(void)state;
	dice = 20261123;
	for (long i = 0; i < mutants; i++) {
		char text[1024];
		uint32_t form = roll(4);
		size_t n = (size_t)snprintf(text, sizeof(text), "%s%s%s",
		    forms[form].before, all[roll(6)], forms[form].after);
		for (uint32_t more = roll(4) + 1; more > 0; more--)
			n = mutate(text, n, sizeof(text) - 1);
		if (!is_session(text, n, roll(4) == 0))
			continue;
		accepted++;
		/* The change was elsewhere in the header. */
		forged += !holds_issued(text, n);
	}
	print_message("%ld mutants, %ld with an issued token untouched\n",
	    mutants, accepted);
	assert_int_equal(forged, 0);
	assert_in_range(accepted, mutants / 1000, mutants / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_issued),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_swapped),
	    cmocka_unit_test(test_mutants),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
