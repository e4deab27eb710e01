/*
 * peer_rows.h - rows of peers: MISP's form of them, and how a request names one. API keys of peers
 * come in and never go out again.
 */
#pragma once

#include "api/rest.h"
#include "sync/pass.h"

/* {"Server":{..}}; `authkey` only in the answer to whoever has just given it, else absent. */
void peer_row_answer(struct http_req *r, const struct misp_peer *p, struct str authkey);
/* The members of a row, without braces. */
void peer_row_members(struct jsonw *w, const struct misp_peer *p, struct str authkey);
/* A member that is null when the text is empty or absent. */
void peer_text_or_null(struct jsonw *w, const char *key, struct str s);

/* The peer that :id of the path names, by its number, or answered with MISP's 404. A copy in the
   request's arena. */
MUST_USE bool peer_of_path(struct http_req *r, struct misp_peer *p, struct fail *f);
/* The same where names are good as well (our own calls): also told when several have the name. */
MUST_USE bool peer_named(struct http_req *r, struct misp_peer *p, struct fail *f);

/* Store a row; the row first, since the key is sealed for its number. Absent `key`: as it was. */
MUST_USE enum err peer_row_save(struct http_req *r, struct misp_peer *p, struct str key,
				struct fail *f);
/* MISP's error map for what is wrong with a row, or absent. */
struct str peer_row_fault(struct http_req *r, const struct misp_peer *p, struct str key,
			  bool key_wanted);
/* What a run of the peer wants to know of this node: asked for by a user, or by the caller. */
struct pass_opts peer_run_of(const struct api *api, uint64_t peer_id, uint64_t user_id);
struct pass_opts peer_run_opts(struct http_req *r, const struct misp_peer *p);
/* A peer_run_fn: one run of a peer, unless one is going on (ERR_BUSY). `api` is a struct api. */
enum err peer_run_scheduled(void *api, uint64_t peer_id, enum pass_direction d,
			    const atomic_bool *stop);
