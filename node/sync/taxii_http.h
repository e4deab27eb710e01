/*
 * taxii_http.h - requests to TAXII 2.1 servers: where things stand below a row's API root, credentials, media
 * types. What pulls and pushes share.
 */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/secretbox.h"
#include "model/misp.h"
#include "sync/client_curl.h"

#define TAXII_URL_MAX 6000u

/* How to reach the server of a row. */
struct taxii_to {
	const struct misp_taxii *row;
	const struct secret_key *key; /* of the stored credentials */
	bool clear_key; /* the row is not stored yet: its api_key is as it was given */
	const atomic_bool *cancelled; /* NULL: never */
};

/* Credentials at rest; they belong to the row's UUID. */
MUST_USE enum err taxii_key_seal(const struct secret_key *k, struct uuid row, struct str key,
				 struct buf *base64, struct fail *f);
/* The row's API root, with a slash at its end: an URL, a path on the host, or a name below the base. */
void taxii_root_put(struct buf *b, const struct misp_taxii *row);
/* "https://host" of "https://host/path". */
struct str taxii_host_of(struct str url);
/* "?name=value" or "&name=value". */
void taxii_param_put(struct buf *b, const char *name, struct str v);
bool taxii_has_control(struct str s);
/* A request with the row's credentials and TAXII's media types. `req` as for client_call(), without headers. */
MUST_USE enum err taxii_call(const struct taxii_to *to, struct client *c, const struct client_req *req,
			     struct client_res *res, struct fail *f);
/* One small document, whose root is an object; the caller's (json_decref). *res may be NULL. */
MUST_USE enum err taxii_get(const struct taxii_to *to, struct client *c, const char *url, json_t **out,
			    struct client_res *res, struct fail *f);
