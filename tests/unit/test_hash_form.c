/* auth/hash_form: which hashes are taken; auth/crypt_hash: what they open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/crypt_hash.h"
#include "auth/hash_form.h"
#include "auth/password.h"

#define PHRASE "correct horse 7"

/* All of PHRASE; made by mkpasswd(1) and htpasswd(1), with their options. */
#define MK_SHA256                                            \
	"$5$omvz1qGh5HJ6QpmT$.6hEbFPouslBzmvC/LVlmdmEK60WX." \
	"GtO0m1o3QKcn/"
#define MK_SHA512_1000                                                      \
	"$6$rounds=1000$zPRhwkYvMrdQJWrT$rWy4qt0W6QHg5kqTDJ0F/hRD3zBAbMj5C" \
	"Yd1HcaceAafc8njeNWu1soGLuolljo0nwXCwhfrcbIGgyl.wZwxu/"
#define MK_YESCRYPT                                           \
	"$y$j9T$vDV60mirIZ1W3mGgO7COm/$5Wl5KgkOW/.dG2QN7Pkoc" \
	"JJZtFjJx6TplMtpFrXjDn."
#define MK_YESCRYPT_1                                         \
	"$y$j75$vwQgGcY5JaUoagBLKKNGr0$pkAlZda..le1qAPCYY522" \
	"rucR5VtRHEahAZ5Rj9IT.A"
#define MK_YESCRYPT_11                                        \
	"$y$jFT$48i0gMZKuG17an2bdTtFi/$DzrU5Sh3AY5R6VOCiZjLm" \
	"m.XcxK/qrZT9WtWcMxgu71"
#define MK_BCRYPT "$2b$05$NwARutSdfDavamJbsHECh.19XoKO0SMHI/jJ137k266PcTjTs9rWK"
#define MK_BCRYPT_A \
	"$2a$05$mcUprxbVjhRmNc8PX/zXH.1fMa8HTA2d3SLVnRj3D/43sYu4pcCYm"
#define HT_BCRYPT_4 \
	"$2y$04$f.7TesdbD0mUCrtoE/UOpOU4Ef/vaBeDIRtmrdWKoCEwds136xKmm"
#define HT_SHA256                                           \
	"$5$Gczj1Ha3W4J5Cbfp$svOiIciFt4Agyc6W9UzYM8BcA4991" \
	"eIdQHC1rduU4P6"
#define HT_SHA512                                                       \
	"$6$MnCBXbwrvdNasXCh$dWCJ4Oh9JslZmQ0Aq6W8yVUJnnASvVUvJ35GsV66l" \
	"fzT7t1XCj8AaEZJikIn.ouDJKduLipQPDaa0y1U1NsUr."

/* A salt and a hash of the right lengths, for what is only parsed. */
#define B53 "NwARutSdfDavamJbsHECh.19XoKO0SMHI/jJ137k266PcTjTs9rWK"
#define H43 "svOiIciFt4Agyc6W9UzYM8BcA4991eIdQHC1rduU4P6"
#define ARGON(m, t, p)                                                   \
	"$argon2id$v=19$m=" m ",t=" t ",p=" p "$c2FsdHNhbHRzYWx0c2FsdA$" \
	"p2/sSvOaJtVfBQxbT4XuQmtPaW5kcJ8d8LCdmKKtDNc"

static int
setup(void **state)
{
	(void)state;
	return crypto_init();
}

static void
test_forms(void **state)
{
	static const struct {
		const char *text;
		enum hash_form want;
	} cases[] = {
	    {MK_SHA256, HASH_FORM_CRYPT},
	    {MK_SHA512_1000, HASH_FORM_CRYPT},
	    {MK_YESCRYPT, HASH_FORM_CRYPT},
	    {MK_YESCRYPT_1, HASH_FORM_CRYPT},
	    {MK_BCRYPT, HASH_FORM_CRYPT},
	    {MK_BCRYPT_A, HASH_FORM_CRYPT},
	    {HT_BCRYPT_4, HASH_FORM_CRYPT},
	    {HT_SHA256, HASH_FORM_CRYPT},
	    {HT_SHA512, HASH_FORM_CRYPT},
	    {ARGON("19456", "2", "1"), HASH_FORM_ARGON2ID},
	    {ARGON("65536", "3", "4"), HASH_FORM_ARGON2ID},
	    /* what they may cost */
	    {"$2b$14$" B53, HASH_FORM_CRYPT},
	    {"$2b$15$" B53, HASH_FORM_COSTLY},
	    {"$2y$31$" B53, HASH_FORM_COSTLY},
	    {"$5$rounds=1000000$salt$" H43, HASH_FORM_CRYPT},
	    {"$5$rounds=1000001$salt$" H43, HASH_FORM_COSTLY},
	    {"$5$rounds=999999999$salt$" H43, HASH_FORM_COSTLY},
	    {"$y$jDT$salt$" H43, HASH_FORM_CRYPT}, /* 256 MiB */
	    {"$y$jET$salt$" H43, HASH_FORM_COSTLY},
	    {"$y$jDU$salt$" H43, HASH_FORM_COSTLY},
	    {MK_YESCRYPT_11, HASH_FORM_COSTLY},
	    {"$y$jjj$salt$" H43, HASH_FORM_COSTLY}, /* 2^48 * 48 */
	    {ARGON("262144", "4", "1"), HASH_FORM_ARGON2ID},
	    {ARGON("262144", "5", "1"), HASH_FORM_COSTLY},
	    {ARGON("262145", "1", "1"), HASH_FORM_COSTLY},
	    {ARGON("4194304", "1", "1"), HASH_FORM_COSTLY},
	    {ARGON("8", "131073", "1"), HASH_FORM_COSTLY},
	    /* not whole */
	    {"$2b$", HASH_FORM_DAMAGED},
	    {"$2b$05", HASH_FORM_DAMAGED},
	    {"$2b$03$" B53, HASH_FORM_DAMAGED},
	    {"$2b$32$" B53, HASH_FORM_DAMAGED},
	    {"$2b$5$$" B53, HASH_FORM_DAMAGED},
	    {"$2b$05$" B53 "K", HASH_FORM_DAMAGED},
	    {"$2b$05$", HASH_FORM_DAMAGED},
	    {"$2b$05$NwARutSdfDavamJbsHECh-19XoKO0SMHI/jJ137k266PcTjTs9rWK",
		HASH_FORM_DAMAGED},
	    {"$5$", HASH_FORM_DAMAGED},
	    {"$5$salt", HASH_FORM_DAMAGED},
	    {"$5$salt$", HASH_FORM_DAMAGED},
	    {"$5$$" H43, HASH_FORM_DAMAGED},
	    {"$5$salt$" H43 "a", HASH_FORM_DAMAGED},
	    {"$6$salt$" H43, HASH_FORM_DAMAGED},
	    {"$5$seventeencharacte$" H43, HASH_FORM_DAMAGED},
	    {"$5$sa:lt$" H43, HASH_FORM_DAMAGED},
	    {"$5$rounds=999$salt$" H43, HASH_FORM_DAMAGED},
	    {"$5$rounds=05000$salt$" H43, HASH_FORM_DAMAGED},
	    {"$5$rounds=1000000000$salt$" H43, HASH_FORM_DAMAGED},
	    {"$5$rounds=$salt$" H43, HASH_FORM_DAMAGED},
	    {"$5$rounds=-1$salt$" H43, HASH_FORM_DAMAGED},
	    {"$y$j9T$salt$" H43 "a", HASH_FORM_DAMAGED},
	    {"$y$j9T$$" H43, HASH_FORM_DAMAGED},
	    {"$y$j9T", HASH_FORM_DAMAGED},
	    {"$y$i9T$salt$" H43, HASH_FORM_DAMAGED},
	    {"$y$j.T$salt$" H43, HASH_FORM_DAMAGED}, /* N = 2 */
	    {"$y$jkT$salt$" H43, HASH_FORM_DAMAGED},
	    {"$y$j9Tk$salt$" H43, HASH_FORM_DAMAGED},
	    {"$argon2id$", HASH_FORM_DAMAGED},
	    {ARGON("19456", "2", "1") "=", HASH_FORM_DAMAGED},
	    {ARGON("19456", "2", "1") "$", HASH_FORM_DAMAGED},
	    {ARGON("0", "2", "1"), HASH_FORM_DAMAGED},
	    {ARGON("19456", "0", "1"), HASH_FORM_DAMAGED},
	    {ARGON("19456", "02", "1"), HASH_FORM_DAMAGED},
	    {ARGON("19456", "2", "0"), HASH_FORM_DAMAGED},
	    {ARGON("99999999999", "2", "1"), HASH_FORM_DAMAGED},
	    {"$argon2id$v=16$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$" H43,
		HASH_FORM_DAMAGED},
	    /* others, by name */
	    {"", HASH_FORM_EMPTY},
	    {"{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=", HASH_FORM_SHA1},
	    {"$apr1$sq5iuUIy$DU3Z6JA.a9IZ4v8Tfxxna/", HASH_FORM_MD5},
	    {"$1$sq5iuUIy$DU3Z6JA.a9IZ4v8Tfxxna/", HASH_FORM_MD5},
	    {"BB0kPVEGDAVO.", HASH_FORM_DES},
	    {"BB0kPVEGDAVO", HASH_FORM_UNKNOWN},
	    {"BB0kPVEGDAVO..", HASH_FORM_UNKNOWN},
	    {"correct horse", HASH_FORM_UNKNOWN},
	    {"!" MK_BCRYPT, HASH_FORM_UNKNOWN},
	    {"$2x$05$" B53, HASH_FORM_UNKNOWN},
	    {"$7$", HASH_FORM_UNKNOWN},
	    {"$argon2i$v=19$m=8,t=3,p=1$c2FsdHNhbHQ$" H43, HASH_FORM_UNKNOWN},
	    {H43 H43 H43, HASH_FORM_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum hash_form form =
		    hash_form_parse(cases[i].text, strlen(cases[i].text));
		if (form != cases[i].want)
			fail_msg("%s: %d", cases[i].text, (int)form);
		assert_true(strlen(hash_form_reason(form)) > 0);
	}
	/* Bytes, not a string. */
	assert_int_equal(
	    hash_form_parse(MK_BCRYPT "x", strlen(MK_BCRYPT)), HASH_FORM_CRYPT);
	assert_int_equal(hash_form_parse(ARGON("8", "1", "1") "\0",
			     strlen(ARGON("8", "1", "1")) + 1),
	    HASH_FORM_DAMAGED);
}

static const char *const usable[] = {MK_SHA256, MK_SHA512_1000, MK_YESCRYPT,
    MK_YESCRYPT_1, MK_BCRYPT, MK_BCRYPT_A, HT_BCRYPT_4, HT_SHA256, HT_SHA512};

#define N_USABLE (sizeof(usable) / sizeof(usable[0]))

static void
test_verify(void **state)
{
	static const struct password_cost cheap = {8, 1};

	(void)state;
	for (size_t i = 0; i < N_USABLE; i++) {
		const char *hash = usable[i];
		assert_int_equal(
		    password_verify(hash, PHRASE, 15, &cheap), PASSWORD_OK);
		assert_int_equal(
		    password_verify(hash, PHRASE, 14, &cheap), PASSWORD_WRONG);
		/* libcrypt alone would stop at the NUL. */
		assert_int_equal(
		    password_verify(hash, PHRASE "\0x", 17, &cheap),
		    PASSWORD_WRONG);
		assert_int_equal(
		    password_verify(hash, "", 0, &cheap), PASSWORD_WRONG);
		assert_true(password_needs_rehash(hash, &cheap));
	}
	/* Never spent, not even when it stands in the store. */
	assert_int_equal(password_verify(MK_YESCRYPT_11, PHRASE, 15, &cheap),
	    PASSWORD_UNUSABLE);
	assert_int_equal(password_verify("$2b$31$" B53, PHRASE, 15, &cheap),
	    PASSWORD_UNUSABLE);
}

static int64_t
cost_of(const char *hash, const struct password_cost *cost)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct timespec a, b;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		assert_int_equal(
		    password_verify(hash, "wrong", 5, cost), PASSWORD_WRONG);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		int64_t ns = (b.tv_sec - a.tv_sec) * INT64_C(1000000000) +
		    b.tv_nsec - a.tv_nsec;
		if (ns < best)
			best = ns;
	}
	return best;
}

/* An account with a cheap hash is not told by a quick answer. */
static void
test_never_sooner(void **state)
{
	static const struct password_cost cost = {4096, 2};
	int64_t unknown = cost_of(NULL, &cost);

	(void)state;
	assert_true(cost_of(HT_BCRYPT_4, &cost) > unknown / 2);
	assert_true(cost_of(MK_SHA512_1000, &cost) > unknown / 2);
}

static void
test_long_password(void **state)
{
	static const struct password_cost cheap = {8, 1};
	char pw[PASSWORD_BYTES_MAX];

	(void)state;
	memset(pw, 'x', sizeof(pw));
	assert_int_equal(
	    password_verify(HT_SHA256, pw, 511, &cheap), PASSWORD_WRONG);
	assert_int_equal(
	    password_verify(HT_SHA256, pw, 512, &cheap), PASSWORD_WRONG);
	assert_int_equal(
	    password_verify(HT_SHA256, pw, sizeof(pw), &cheap), PASSWORD_WRONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_verify),
	    cmocka_unit_test(test_never_sooner),
	    cmocka_unit_test(test_long_password),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
