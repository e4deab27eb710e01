/*
 * link.h - one peer as we talk to it: its row, its URL, our key, what it said about itself, and
 * what the talking cost. Knows MISP's manners (sync-protocol.md 1 and 2) and no entity.
 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/secretbox.h"
#include "base/uuid.h"
#include "model/misp.h"
#include "store/store.h"
#include "sync/client_curl.h"

/* What servers/getVersion said (2.1). */
struct link_hello {
	char version[32];
	unsigned major, minor, hotfix;
	struct uuid uuid; /* nil: it did not say */
	/* rights of our user there */
	bool perm_sync, perm_sighting, perm_galaxy_editor, perm_analyst_data;
	bool has_clusters; /* perm_galaxy_editor is a member at all: clusters can be pulled */
	bool filter_sightings; /* sightings/filterSightingUuidsForPush is there */
	bool gzip, br; /* compressed requests are understood */
	char tocsin[32]; /* version of a tocsin, "" for others */
	unsigned changes; /* version of the stream of changes it offers (changes.h), 0: none */
	int64_t skew_s; /* how far its clock is ahead of ours */
	int64_t key_expires; /* our key there; 0: it did not say */
};

struct link_env {
	struct store *store;
	const struct secret_key *key; /* opens the row's API key */
	struct client_opts client; /* proxy, time limits, network; TLS and agent come from the row */
	const char *node_version; /* for the User-Agent */
	uint64_t host_org_id;
	const atomic_bool *cancelled; /* NULL: never */
};

struct link {
	const struct link_env *env;
	struct arena *a; /* of the row */
	struct misp_peer row;
	struct uuid org, remote_org; /* of the row's organisations; remote: nil when it has none */
	bool internal; /* both ends run by the host organisation: pulled as it is */
	bool internal_push; /* likewise for what we send (4.4.6) */
	char base[1100]; /* URL without slash at the end */
	char agent[100], auth[80];
	const char *header[3];
	struct client_opts client;
	struct client *c; /* of the thread that runs the pass */
	struct link_hello hello;
	struct str hello_text; /* as it came, in `a`; absent when it is long */
	atomic_ullong requests, bytes_in, bytes_out; /* on the wire */
};

/* Read row `peer_id` and make ready. ERR_NOENT: no such row; ERR_CONFIG, ERR_CORRUPT (key). */
MUST_USE enum err link_open(struct link *l, const struct link_env *env, uint64_t peer_id,
			    struct fail *f);
void link_close(struct link *l);

/* One request. Zero means the default. */
struct link_req {
	const char *method; /* NULL: GET, or POST when there is a body */
	const char *path; /* from "/" on, as it goes out */
	struct str body; /* absent: none */
	const char *etag; /* If-None-Match; NULL: not asked */
	const char *extra; /* one more header line; NULL: none */
	/* a body that is made while it is sent, as in client_req; `big`: worth compressing */
	enum err (*read)(void *user, void *p, size_t cap, size_t *n, struct fail *f);
	enum err (*rewind)(void *user, struct fail *f);
	int64_t body_size;
	bool compress; /* the body, as the peer understands it */
	uint64_t max_bytes; /* of the answer, 0: 1 MiB */
	struct client *c; /* another thread's; NULL: the link's own */
	/* as in client_req */
	enum err (*data)(void *user, const void *p, size_t n, struct fail *f);
	void (*header)(void *user, struct str name, struct str value);
	void *user;
};
/* Errors as client_call(). The cost is counted. */
MUST_USE enum err link_call(struct link *l, const struct link_req *q, struct client_res *res,
			    struct fail *f);
/*
 * A small answer as JSON: `body` (NULL: GET) goes out as POST. *out is the caller's, NULL when there
 * was no body. ERR_PEER when it is not JSON. `max` as max_bytes.
 */
MUST_USE enum err link_json(struct link *l, const char *path, const json_t *body, uint64_t max,
			    json_t **out, struct fail *f);

/* Ask getVersion; fills l->hello. ERR_AUTH: the key is not accepted; ERR_PEER: not a MISP. */
MUST_USE enum err link_hello(struct link *l, struct fail *f);
/* The same from what it said some time ago (text: JSON); false when it cannot be read. */
bool link_hello_again(struct link *l, struct str text);
/* The same with an answer of getVersion that is here already. */
MUST_USE enum err link_hello_take(struct link *l, const json_t *j, struct fail *f);
/* Is its version at least 2.`minor`.`hotfix` (or of a later minor)? (2.1, features) */
bool link_since(const struct link *l, unsigned minor, unsigned hotfix);

/* The API key of a peer, sealed for its row and opened again. */
MUST_USE enum err peer_key_seal(const struct secret_key *k, uint64_t peer_id, struct str key,
				struct buf *out, struct fail *f);
MUST_USE enum err peer_key_open(const struct secret_key *k, const struct misp_peer *row,
				struct buf *out, struct fail *f);
