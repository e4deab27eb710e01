/* tls.h - TLS 1.2 and 1.3 on a non-blocking socket. With base/hash.c the home of OpenSSL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/server.h"

/* Certificates and settings, shared by connections; counted references. */
struct tls_ctx;
enum err tls_ctx_new(const struct http_tls_conf *conf, struct tls_ctx **out,
		     struct fail *f) MUST_USE;
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);
void tls_ctx_unref(struct tls_ctx *c);

enum tls_io { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_EOF, TLS_FAILED };

struct tls;
/* Server side of a connection on `fd` (which stays the caller's). NULL when out of memory. */
struct tls *tls_new(struct tls_ctx *c, int fd);
void tls_free(struct tls *t);
enum tls_io tls_handshake(struct tls *t);
enum tls_io tls_read(struct tls *t, void *p, size_t max, size_t *got);
enum tls_io tls_write(struct tls *t, const void *p, size_t n, size_t *put);
/* Are there decrypted bytes that tls_read() would give at once? */
bool tls_pending(const struct tls *t);
/* Say goodbye (close_notify), best effort. */
void tls_bye(struct tls *t);
/* Subject of the verified client certificate, absent if there is none. */
struct str tls_subject(const struct tls *t, struct arena *a);
