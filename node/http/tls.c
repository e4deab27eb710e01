/*
 * tls.c - OpenSSL 3 behind five calls.
 *
 * Uses the socket directly (SSL_set_fd); never blocks. Invariant: a context is immutable once
 * made, so a reload is a new context.
 */
#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

struct tls_ctx {
	SSL_CTX *ssl;
	atomic_uint refs;
};

struct tls {
	SSL *ssl;
	struct tls_ctx *ctx;
};

/* The oldest error of this thread as a detail; clears the queue. */
static enum err tls_fail(struct fail *f, const char *what, const char *file)
{
	char text[160] = "unknown error";
	unsigned long e = ERR_get_error();

	if (e)
		ERR_error_string_n(e, text, sizeof(text));
	ERR_clear_error();
	return fail(f, ERR_CONFIG, "tls: %s %s: %s", what, file ? file : "", text);
}

static enum err load(SSL_CTX *ssl, const struct http_tls_conf *conf, struct fail *f)
{
	if (SSL_CTX_use_certificate_chain_file(ssl, conf->cert_file) != 1)
		return tls_fail(f, "certificate", conf->cert_file);
	if (SSL_CTX_use_PrivateKey_file(ssl, conf->key_file, SSL_FILETYPE_PEM) != 1)
		return tls_fail(f, "key", conf->key_file);
	if (SSL_CTX_check_private_key(ssl) != 1)
		return tls_fail(f, "key does not fit the certificate", conf->key_file);
	if (!conf->client_ca_file)
		return ERR_OK;
	if (SSL_CTX_load_verify_file(ssl, conf->client_ca_file) != 1)
		return tls_fail(f, "client CA", conf->client_ca_file);
	SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(conf->client_ca_file));
	SSL_CTX_set_verify(ssl,
			   SSL_VERIFY_PEER |
				   (conf->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
			   NULL);
	return ERR_OK;
}

/* Only HTTP/1.1 is spoken; a client that insists on something else is told so. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
		       const unsigned char *in, unsigned int in_n, void *arg)
{
	static const unsigned char mine[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, mine, sizeof(mine) - 1,
				  in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

enum err tls_ctx_new(const struct http_tls_conf *conf, struct tls_ctx **out, struct fail *f)
{
	static const unsigned char session_id[] = "tocsin";
	struct tls_ctx *c = calloc(1, sizeof(*c));
	enum err e;

	*out = NULL;
	if (!c)
		return fail(f, ERR_NOMEM, "tls");
	atomic_init(&c->refs, 1);
	c->ssl = SSL_CTX_new(TLS_server_method());
	if (!c->ssl) {
		free(c);
		return tls_fail(f, "context", NULL);
	}
	SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					    SSL_OP_CIPHER_SERVER_PREFERENCE |
					    SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					 SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_cipher_list(c->ssl, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL");
	SSL_CTX_set_session_id_context(c->ssl, session_id, sizeof(session_id) - 1);
	SSL_CTX_set_alpn_select_cb(c->ssl, choose_alpn, NULL);
	e = load(c->ssl, conf, f);
	if (e != ERR_OK) {
		tls_ctx_unref(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void tls_ctx_unref(struct tls_ctx *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

struct tls *tls_new(struct tls_ctx *c, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->ssl = SSL_new(c->ssl);
	if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
		SSL_free(t->ssl);
		free(t);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	t->ctx = tls_ctx_ref(c);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	tls_ctx_unref(t->ctx);
	free(t);
}

static enum tls_io outcome(struct tls *t, int rc)
{
	if (rc == 1)
		return TLS_DONE;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_EOF;
	default:
		ERR_clear_error();
		return TLS_FAILED;
	}
}

enum tls_io tls_handshake(struct tls *t)
{
	ERR_clear_error();
	return outcome(t, SSL_do_handshake(t->ssl));
}

enum tls_io tls_read(struct tls *t, void *p, size_t max, size_t *got)
{
	*got = 0;
	ERR_clear_error();
	return outcome(t, SSL_read_ex(t->ssl, p, max, got));
}

enum tls_io tls_write(struct tls *t, const void *p, size_t n, size_t *put)
{
	*put = 0;
	ERR_clear_error();
	return outcome(t, SSL_write_ex(t->ssl, p, n, put));
}

bool tls_pending(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

void tls_bye(struct tls *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

struct str tls_subject(const struct tls *t, struct arena *a)
{
	X509 *cert = SSL_get0_peer_certificate(t->ssl);
	char name[512];

	if (!cert || SSL_get_verify_result(t->ssl) != X509_V_OK)
		return STR_NONE;
	if (!X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof(name)))
		return STR_NONE;
	return arena_str(a, str_c(name));
}
