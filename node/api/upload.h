/*
 * upload.h - MISP documents in request bodies, parsed as they arrive.
 */
#pragma once

#include "api/rest.h"

/* begin and body of a row with EP_STREAM_BODY (begin wants a wrapper that says the root). */
MUST_USE enum err upload_begin(struct http_req *r, enum raw_root root, struct fail *f);
MUST_USE enum err upload_body(struct http_req *r, struct str bytes, struct fail *f);
/* The finished document (the caller's), or NULL and answered. An empty body is an empty one. */
struct raw_event *upload_take(struct http_req *r);
/*
 * The event that the document makes or edits is protected by `keys`: was the body signed under one
 * of them (header x-pgp-signature)? Fills the facts. ERR_PERM with MISP's text when not; other
 * errors: nobody could be asked.
 */
#define SIGNATURE_HEADER "x-pgp-signature"
#define SIGNED_MAX (UINT64_C(8) << 30)
MUST_USE enum err upload_verify(struct http_req *r, const struct entity_list *keys,
				struct admit_facts *facts, struct fail *f);
/* Is the body a list, or wrapped in "response"? It is read, so that faults are told, but not taken. */
bool upload_is_foreign(struct http_req *r);
/* Neither members nor elements? */
bool upload_is_empty(struct raw_event *raw);
/* `errors` of a failed save: the gate's text is JSON already, or a sentence. */
struct str upload_errors(struct http_req *r, const struct fail *why);
/* Answer a refusal in MISP's way. */
void upload_refused(struct http_req *r, const char *action, const char *what, enum err e,
		    const struct fail *why);
/* rest_origin() with the digest of the body, once it has been taken. */
struct origin upload_origin(struct http_req *r);
