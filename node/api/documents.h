/*
 * documents.h - documents of other formats in request bodies (STIX, OpenIOC), as events of the caller's.
 */
#pragma once

#include "api/rest.h"
#include "feeds/in/stix.h"

enum document_format { DOCUMENT_STIX2, DOCUMENT_STIX1, DOCUMENT_OPENIOC, DOCUMENT_FORMATS };
/* "stix2", ...; false: none. */
bool document_format_of(struct str name, enum document_format *out);

struct document_event {
	struct uuid uuid;
	uint64_t id; /* 0: refused */
	enum ingest_outcome outcome;
	enum err err; /* why it was refused */
	bool waits; /* for a decision: in quarantine */
	struct str why;
	const struct ingest_problem *problems; /* parts that were refused; the request's */
	uint32_t n_problems;
	struct document_event *next;
};

/* What became of the document. */
struct document_result {
	struct document_event *first, *last;
	uint64_t added, updated, unchanged, failed, elements;
	uint64_t attributes_refused;
	enum err why_not; /* of the first that failed */
	struct fail why;
};

/* Body of a row with EP_STREAM_BODY. The row's `arg` is its format, or NULL: what ?as names. Where
   STIX is meant, version 1 in the path, or no version and XML, is STIX 1. */
MUST_USE enum err document_begin(struct http_req *r, struct fail *f);
/* The same for STIX, each object of which has to have an id; published unless the request says otherwise. */
MUST_USE enum err document_begin_stix(struct http_req *r, bool publish, struct fail *f);
MUST_USE enum err document_body(struct http_req *r, struct str bytes, struct fail *f);
/*
 * Read it and save its events: new ones added, known ones edited where the caller may. Options are those of
 * the request: publish, distribution, sharing_group_id, info. Errors: the document cannot be read.
 */
MUST_USE enum err document_take(struct http_req *r, struct document_result *out, struct fail *f);
/* "objects 12, ..": what was read and what was not, in the reader's words; its members as JSON. */
void document_counts(struct http_req *r, struct jsonw *w);
/* Objects of a STIX document that was taken, and their versions: stix_in_object(), stix_in_version(). */
bool document_object(struct http_req *r, uint32_t *i, struct stix_in_object *out);
void document_version(struct http_req *r, uint32_t i, char out[40]);
