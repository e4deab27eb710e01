/*
 * stix.h - STIX 2.0 and 2.1 to MISP events: a bundle, a TAXII envelope, a list of objects or one object.
 *
 * Each report or grouping is an event under its own UUID; what none of them names joins the only one there
 * is, or makes an event of its own. Bytes are gathered (in a file when they are many), objects indexed, and
 * one at a time is a tree: memory does not grow with their sizes. UUIDs are those of the objects or made of
 * them, so that the same bundle is the same event. What MISP exported comes back as it was; mappings are
 * in stix_paths.inc and stix_kinds.inc, after the recorded behaviour of MISP's own converter.
 *
 * What becomes of the events is the caller's: they come as MISP JSON, for model/json_read.h.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "base/uuid.h"

struct stix_in_opts {
	const char *spool_dir; /* NULL: memory only */
	uint64_t max_bytes; /* of the document; 0: 1 GiB */
	struct str info; /* title of the event of what no report names; empty: told from the bundle */
	struct uuid event_uuid; /* and its UUID; nil: made of the bundle's id, or of its objects' */
	bool has_distribution; /* of all events; else the receiver's default */
	uint8_t distribution;
	uint64_t sharing_group_id;
	bool publish;
	bool apart; /* what no report names never joins one, even if there is only one */
	bool need_ids; /* an object without an id of its type is a fault of the document (ERR_INVAL) */
};

/* Texts live as long as the reader. */
struct stix_in_counts {
	uint64_t objects; /* in the document, each id once */
	uint64_t older; /* versions of objects that come in a newer one, too */
	uint64_t events, attributes, misp_objects, reports, tags, said; /* said: sightings, notes, opinions,
									   references */
	uint64_t as_patterns; /* patterns that were kept as text (stix2-pattern) */
	uint64_t as_text; /* objects that were kept as text, since MISP has nothing like them */
	uint64_t left_out; /* objects of which nothing is kept: what they are about is not here */
	struct str left_out_types; /* "relationship 3, note 1" */
};

struct stix_in;
/* Texts of `o` are copied. NULL: no memory. */
struct stix_in *stix_in_new(const struct stix_in_opts *o);
/* More bytes of a document, cut anywhere. ERR_LIMIT, ERR_IO, ERR_FULL. */
MUST_USE enum err stix_in_feed(struct stix_in *s, const void *p, size_t n, struct fail *f);
/*
 * The document at hand ends; more may follow (pages of one collection), and all are read as one. ERR_PARSE:
 * it is no JSON, or holds no list of STIX objects; with place.
 */
MUST_USE enum err stix_in_document_end(struct stix_in *s, struct fail *f);
/*
 * Write all events: `[{"Event":{..}},..]`, in pieces. Ends the document at hand, if one is. An error of `fn`
 * ends the writing and is returned.
 */
typedef enum err (*stix_in_fn)(void *user, const void *p, size_t n, struct fail *f);
MUST_USE enum err stix_in_end(struct stix_in *s, stix_in_fn fn, void *user, struct fail *f);
struct stix_in_counts stix_in_counts(const struct stix_in *s);
/* Bytes that came so far. */
uint64_t stix_in_bytes(const struct stix_in *s);
/*
 * In place of stix_in_end(), when documents that belong to these are still to come: writes the events whose
 * reports have all that they name, and hands what is left to `rest` (a new reader) as its first document; what
 * several events may share goes there, too, and by itself into `shared` as a document. *first: the first
 * document (from 0) of which something is left that nothing was made of; UINT32_MAX: none.
 */
MUST_USE enum err stix_in_part(struct stix_in *s, struct stix_in *rest, struct buf *shared,
			       uint32_t *first, stix_in_fn fn, void *user, struct fail *f);

/* Is the event of this number (from 1, in the order of writing) revoked with all that the document has of it? Known
   when it is written. */
bool stix_in_taken_back(const struct stix_in *s, uint32_t event);

/* What became of one object of the document. */
struct stix_in_object {
	struct str id; /* in the document */
	struct uuid uuid;
	uint32_t event; /* number of the event that has it, from 1 in the order of writing; 0: what all share */
	bool left_out; /* nothing of it is kept */
};
/* After stix_in_end(): the object at *i (begin with 0), which is moved on. False: there are no more. */
bool stix_in_object(const struct stix_in *s, uint32_t *i, struct stix_in_object *out);
/* Version of the object that was told last with this *i: `modified`, else `created`; in `out`, "" without. */
void stix_in_version(const struct stix_in *s, uint32_t i, char out[40]);
void stix_in_free(struct stix_in *s);
OWN_DEFINE(stix_in, struct stix_in *, stix_in_free(*p))
