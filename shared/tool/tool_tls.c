#include "tool/tool_tls.h"

#include <limits.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tool_tls {
	SSL_CTX *context;
	SSL *ssl;
};

/* The certificate is to be for that host: an address or a name. */
static int
expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *want = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(want, host) == 1)
		return 0;
	/* An address is never said in SNI (RFC 6066 §3). */
	if (X509_VERIFY_PARAM_set1_host(want, host, 0) != 1 ||
	    SSL_set_tlsext_host_name(ssl, host) != 1)
		return -1;
	return 0;
}

struct tool_tls *
tool_tls_new(int fd, const char *host, const char **why)
{
	struct tool_tls *t = calloc(1, sizeof(*t));

	*why = NULL;
	if (t == NULL ||
	    (t->context = SSL_CTX_new(TLS_client_method())) == NULL)
		goto err;
	/* Without them, each certificate is an unknown one: told as that. */
	SSL_CTX_set_default_verify_paths(t->context);
	t->ssl = SSL_new(t->context);
	if (t->ssl == NULL || expect_host(t->ssl, host) == -1 ||
	    SSL_set_fd(t->ssl, fd) != 1 || SSL_connect(t->ssl) != 1)
		goto err;
	long verdict = SSL_get_verify_result(t->ssl);
	if (verdict != X509_V_OK)
		*why = X509_verify_cert_error_string(verdict);
	return t;
err:
	tool_tls_free(t);
	return NULL;
}

void
tool_tls_free(struct tool_tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	free(t);
}

ssize_t
tool_tls_write(struct tool_tls *t, const char *bytes, size_t n)
{
	if (n > INT_MAX)
		return -1;
	int done = SSL_write(t->ssl, bytes, (int)n);
	return done > 0 ? done : -1;
}

ssize_t
tool_tls_read(struct tool_tls *t, char *bytes, size_t n)
{
	int done = SSL_read(t->ssl, bytes, n > INT_MAX ? INT_MAX : (int)n);
	return done > 0 ? done : -1;
}
