/*
 * peer_ask.h - a question or two to a peer inside a request: open the link of the path's peer, ask in
 * JSON, close. Nothing of it is stored.
 */
#pragma once

#include "api/peer_rows.h"
#include "sync/link.h"

OWN_DEFINE(json_ref, json_t *, json_decref(*p))

struct ask {
	struct link_env env;
	struct link link;
};
/* What an answer says besides its body. */
struct ask_heads {
	long status; /* 0: none came */
	char encoding[40];
	int64_t date; /* the peer's clock; 0: not told */
	int64_t key_expires; /* of our API key; 0: not told */
	char text[401]; /* beginning of an error's body */
};

/* Is there such a peer? Else answered. */
MUST_USE bool ask_peer(struct http_req *r, struct fail *f);
/* In any case followed by ask_close(). `connect_ms` 0: as usual. */
MUST_USE enum err ask_open(struct http_req *r, struct ask *a, unsigned connect_ms, struct fail *f);
void ask_close(struct ask *a);
/* getVersion, into the link. */
MUST_USE enum err ask_hello(struct link *l, struct ask_heads *heads, struct fail *f);
/* GET, or POST with a body; *out is the caller's. Errors as client_call(). */
MUST_USE enum err ask_json(struct link *l, const char *path, const json_t *body,
			   struct ask_heads *heads, json_t **out, struct fail *f);
