/*
 * api.h - what endpoints work with, and the table of them.
 */
#pragma once

#include <stdatomic.h>

#include "api/index_tag.h"
#include "api/long_job.h"
#include "base/secretbox.h"
#include "conf/conf.h"
#include "egress/egress.h"
#include "http/server.h"
#include "ingest/ingest.h"
#include "mail/mail.h"
#include "model/perms.h"
#include "pgp/pgp.h"

struct audit_queue;
struct jsonw;
struct vocabs;
struct throttle;
struct keyring;
struct known_key;
struct rates;
struct session;
struct audit_scope;

/* One per daemon; handed to the server as http_conf.app. */
struct api {
	struct store *store;
	struct index *index;
	struct ingest_env ingest;
	struct egress_env egress;
	struct str base_url, misp_version;
	struct str key_secret; /* HMAC key under which API keys are stored */
	bool (*ready)(void *user, struct buf *why); /* for /readyz */
	void (*metrics)(void *user, struct buf *out); /* Prometheus text */
	const char *(*clock_alarm)(void *user); /* why embargoes stay shut; "fine" when they do not */
	void (*clock_accept)(void *user); /* the operator vouches for the wall clock */
	enum err (*reload)(void *user, struct fail *f); /* policy and certificates */
	void (*zones)(void *user, struct jsonw *w); /* of the DNS server, for the status; NULL: none */
	void *user;
	size_t max_event_bytes; /* largest document taken */
	const char *feeds_dir; /* published feeds, or NULL */
	struct offload *workers; /* where handlers run */
	struct subs *subs; /* export subscriptions; NULL: not running */
	const struct conf *conf;
	struct pgp *pgp; /* signatures of protected events */
	struct mail *mail; /* messages to people; without a program it says that it sends none */
	const struct secret_key *peer_key; /* under which the keys of peers are stored */
	struct long_jobs jobs; /* fetches and pulls */
	struct index_tags index_tags; /* of events/index */
	struct search_pages *pages; /* where pages of searches ended; NULL: not remembered */
	struct order *order; /* of events, for TAXII */
	struct vocabs *vocabs; /* under its lock; NULL: not loaded yet */
	pthread_mutex_t vocabs_lock;
	struct audit_queue *audit; /* NULL: nothing is recorded */
	struct throttle *throttle; /* back-off against guessing; NULL: none */
	struct keyring *keys; /* that were good lately; NULL: none is remembered */
	struct rates *rates; /* of roles; NULL: not counted */
	atomic_uint hashing; /* passwords that are being digested */
};

/* Read the vocabularies (again); those before stay when that fails. */
MUST_USE enum err api_vocabs_reload(struct api *api, struct fail *f);

/* A reference to them (vocab.h). */
struct vocabs *api_vocabs(struct api *api);

/* Who calls: made by api_auth(), in http_req.user. */
struct api_user {
	struct misp_user user;
	struct misp_role role;
	struct misp_org org;
	struct misp_authkey key;
	uint32_t perms;
	struct caller caller;
	const struct session *session; /* NULL: came with a key or over the socket */
	struct audit_scope *scope; /* of a request that may change something */
	struct known_key *known; /* what the texts belong to; NULL: to the request */
	bool may; /* the endpoint is permitted */
	struct str url; /* what answers say as `url`, when it is not the request's own */
};

/* The permission wanted by a row (endpoint.auth): bits of enum perm, all of which are needed. */
#define API_ANY 0u

/* http_conf.auth. Key from Authorization or X-MISP-AUTH, or the local socket's credentials. */
enum err api_auth(struct http_req *r, struct fail *f);
/* http_conf.gone: let go of what the request held. */
void api_gone(struct http_req *r);
/* Digest under which an API key is stored. */
struct sha256 api_key_digest(const struct api *api, struct str key);
/* A new random key of 40 letters and digits. */
void api_key_new(char out[41]);

/* The rows, one by one. */
#define ENDPOINT(row) extern const struct endpoint row;
#include "api/endpoints.inc"
#undef ENDPOINT
/* All rows, for http_conf. */
extern const struct endpoint *const api_rows[];
extern const size_t api_rows_n;
extern const char *const api_row_names[]; /* "ep_events_view", in the same order */
