/*
 * client_curl.h - our requests to others: a small HTTP client for peers and feeds. libcurl's home.
 *
 * Plain blocking calls for threads that may wait; several requests in flight are several clients,
 * each with its connection kept open. Bodies are handed on as they arrive and never kept.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

/* How to talk to one server. Texts are copied; zero means the default given in brackets. */
struct client_opts {
	const char *ca_file; /* trusted instead of the system's; NULL: the system's */
	const char *pinned; /* "sha256//<base64>" of the public key, as libcurl takes it; NULL: none */
	const char *cert_file, *key_file; /* of ours; NULL: none */
	bool insecure; /* do not verify the certificate: only when somebody has said so */
	const char *proxy; /* NULL: none (the environment is not looked at) */
	const char *user_agent; /* [tocsin] */
	unsigned connect_ms; /* [15 000] */
	unsigned stall_ms; /* no byte for so long: ERR_TIMEOUT [60 000] */
	unsigned redirects; /* followed at most, http and https only [5] */
};

struct client;
MUST_USE enum err client_new(const struct client_opts *o, struct client **out, struct fail *f);
void client_free(struct client *c);
OWN_DEFINE(client, struct client *, client_free(*p))

struct client_req {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	const char *const *headers; /* "Name: value", n of them */
	size_t n_headers;
	struct str body; /* absent: none */
	const char *etag; /* asks with If-None-Match; NULL or "": not */
	uint64_t max_bytes; /* of the decoded answer: ERR_LIMIT beyond. 0: 64 MiB */
	unsigned total_ms; /* for all of it; 0: no limit but the stall */
	const atomic_bool *cancelled; /* NULL: never. Looked at about every second. */
	/* Bytes of a 2xx answer, decoded. An error ends the request and is returned. */
	enum err (*data)(void *user, const void *p, size_t n, struct fail *f);
	/* Each header of the last answer; may be NULL. Names as sent. */
	void (*header)(void *user, struct str name, struct str value);
	void *user;
};

struct client_res {
	long status;
	uint64_t bytes; /* decoded */
	uint64_t wire_bytes;
	char etag[256]; /* "" when none (or longer) */
	char error_body[401]; /* beginning of the body of a 4xx or 5xx answer */
};

/*
 * ERR_OK: a 2xx came completely, or 304 (see status). ERR_NOENT: 404 or 410. ERR_AUTH: 401 or 403.
 * ERR_PEER: another status. ERR_NET, ERR_TIMEOUT, ERR_LIMIT, ERR_CANCELLED, or what data() said.
 * `f` never holds the URL's password or a header.
 */
MUST_USE enum err client_call(struct client *c, const struct client_req *r, struct client_res *res,
			      struct fail *f);
