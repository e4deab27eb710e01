/*
 * taxii.h - what TAXII 2.1 wants of every answer: its media type, its error documents, HTTP Basic.
 */
#pragma once

#include "api/rest.h"

#define TAXII_TYPE "application/taxii+json;version=2.1"
/* Of the collection that is written to: the same on every node, so that it can stand in instructions. */
#define TAXII_INBOX_ID "5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e02"
#define TAXII_CONTENT_MAX ((uint64_t)64 << 20) /* of an envelope */

/* Is the request one of TAXII? */
bool taxii_is(const struct http_req *r);
/* The key in HTTP Basic (as password, or as name) or behind "Token"; what stands there otherwise. */
struct str taxii_key(struct http_req *r, struct str header);
/* An error document; `title` is a sentence. */
void taxii_error(struct http_req *r, int status, const char *title);
/* Its document, and how to log in with 401. */
void taxii_refuse(struct http_req *r, int status, const char *title);
/* Answer a finished document. */
void taxii_answer(struct http_req *r, int status, struct buf *b);
/* Does the client take TAXII 2.1? If not, it has been told (406). */
bool taxii_accepts(struct http_req *r);
/* Is the body of that type? If not, it has been told (415). */
bool taxii_typed(struct http_req *r);
/* Runs a handler; what goes wrong is told as TAXII wants it. */
MUST_USE enum err taxii_run(struct http_req *r, http_run_fn run, struct fail *f);

/* A collection that the caller may read, or write to. */
struct taxii_collection {
	struct uuid id;
	struct str title, description;
	enum { TAXII_ALL, TAXII_TAGS, TAXII_GROUP, TAXII_INBOX } kind; /* the inbox is only written to */
	uint64_t row; /* tag collection or sharing group */
};
/* All of them, in a list of the request's. */
MUST_USE enum err taxii_collections(struct http_req *r, struct view *v, struct taxii_collection **out,
				    size_t *n, struct fail *f);
/* By its id in the path; ERR_NOENT. */
MUST_USE enum err taxii_collection(struct http_req *r, struct view *v, struct str id,
				   struct taxii_collection *out, struct fail *f);

/* Parts of a path, `rest` of the request's; more than four: 5. */
size_t taxii_parts(struct str rest, struct str v[4]);
/* 404 of what is not there, or may not be seen. */
enum err taxii_no_such(struct http_req *r);

/* ep_taxii_objects.c: what stands behind /collections/ID/. `what` is objects, manifest or versions. */
MUST_USE enum err taxii_page_answer(struct http_req *r, const struct taxii_collection *c,
				    struct view **v, struct str what, struct str object, struct fail *f);
