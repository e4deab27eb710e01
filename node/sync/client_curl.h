/*
 * client_curl.h - our requests to others: a small HTTP client for peers and feeds.
 *
 * Plain blocking calls for threads that may wait; several requests in flight are several clients.
 * Bodies are streamed both ways and never kept. Callbacks run on the thread that calls.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

struct client_opts;
struct client_req;
struct client_res;

/*
 * The way to other hosts, for tests that put a network of their own in its place. `call` answers
 * one request on the caller's thread: fills res->status, hands each header to r->header (may be
 * NULL), a 2xx body to r->data and the beginning of another to res->error_body. ERR_OK means that an
 * answer came, whatever its status: client_call() judges that. Called from several threads at once.
 */
struct net {
	enum err (*call)(struct net *n, const struct client_opts *o, const struct client_req *r,
			 struct client_res *res, struct fail *f);
};

/* How to talk to one server. Texts are copied; zero means the default given in brackets. */
struct client_opts {
	struct net *net; /* NULL: the real one, libcurl. Borrowed. */
	const char *ca_file; /* trusted instead of the system's; NULL: the system's */
	const char *pinned; /* "sha256//<base64>" of the public key, as libcurl takes it; NULL: none */
	const char *cert_file, *key_file; /* of ours; NULL: none */
	bool insecure; /* do not verify the certificate: only when somebody has said so */
	const char *proxy; /* NULL: none (the environment is not looked at) */
	const char *user_agent; /* [tocsin] */
	unsigned connect_ms; /* [15 000] */
	unsigned stall_ms; /* less than 64 bytes a second for so long: ERR_TIMEOUT [60 000] */
	unsigned answer_ms; /* likewise, before the answer begins [300 000] */
	unsigned total_ms; /* for a call that has no limit of its own [none but the stall] */
	unsigned redirects; /* followed at most, http and https only [10] */
};

struct conf;
/* Proxy and time limits of the configuration, whose texts are borrowed. */
struct client_opts client_opts_of(const struct conf *c);

/*
 * The thread that carries all requests, with its connections, lives while there is a client, or
 * somebody holds it so that connections outlast single runs. A hold is dropped once.
 */
MUST_USE enum err client_hold(struct fail *f);
void client_drop(void);

/* Is this a pin as in client_opts.pinned, or several with ";" between them? */
bool client_pin_ok(struct str pin);

struct client;
/* ERR_CONFIG: the pin is none. */
MUST_USE enum err client_new(const struct client_opts *o, struct client **out, struct fail *f);
void client_free(struct client *c);
OWN_DEFINE(client, struct client *, client_free(*p))

/*
 * Content-Encoding of a request. The peer must have said that it reads it: getVersion's
 * "request_encoding" (a MISP never takes zstd).
 */
enum client_encoding { CLIENT_PLAIN, CLIENT_GZIP, CLIENT_BR };

struct client_req {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *url;
	const char *const *headers; /* "Name: value", n of them */
	size_t n_headers;
	struct str body; /* absent: none */
	/*
	 * A body that is made while it is sent, instead of `body`: write up to `cap` bytes to `p` and
	 * set *n, 0 at the end. An error ends the request and is returned.
	 */
	enum err (*read)(void *user, void *p, size_t cap, size_t *n, struct fail *f);
	int64_t body_size; /* of what read() gives in all; -1: unknown, sent in chunks */
	/* Back to its start, for a redirect or a second try; NULL: then those fail. */
	enum err (*rewind)(void *user, struct fail *f);
	enum client_encoding content_encoding; /* of the body, done here; small ones go as they are */
	const char *etag; /* asks with If-None-Match; NULL or "": not */
	uint64_t max_bytes; /* of the decoded answer: ERR_LIMIT beyond. 0: 64 MiB */
	unsigned total_ms; /* for all of it, each redirect anew; 0: as the client's */
	const atomic_bool *cancelled; /* NULL: never. Looked at 20 times a second. */
	/* Bytes of a 2xx answer, decoded. An error ends the request and is returned. */
	enum err (*data)(void *user, const void *p, size_t n, struct fail *f);
	/* Each header of the last answer, before its body; may be NULL. Names as sent. */
	void (*header)(void *user, struct str name, struct str value);
	void *user;
};

struct client_res {
	long status; /* of the last answer */
	uint64_t bytes; /* decoded */
	uint64_t wire_bytes; /* body as it came */
	uint64_t bytes_out, bytes_in; /* all on the wire, heads too, of all redirects; without TLS */
	char etag[256]; /* "" when none (or longer) */
	char error_body[401]; /* beginning of the body of a 4xx or 5xx answer */
};

/*
 * Redirects are followed with method and body kept (303: as GET); to another host, or from https to
 * http, go neither our headers (the API key is one) nor a body.
 * ERR_OK: a 2xx came completely, or 304 (see status). ERR_NOENT: 404 or 410. ERR_AUTH: 401 or 403.
 * ERR_PEER: another status, or what is no HTTP. ERR_NET, ERR_TIMEOUT, ERR_LIMIT, ERR_CANCELLED, or
 * what data() or read() said. `f` never holds the URL's password or a header.
 */
MUST_USE enum err client_call(struct client *c, const struct client_req *r, struct client_res *res,
			      struct fail *f);
