/*
 * rest.h - what endpoint handlers share: caller, bodies, MISP's answer envelopes, sealed answers.
 */
#pragma once

#include <jansson.h>

#include "api/api.h"
#include "base/jsonw.h"
#include "http/reply.h"

#define ANSWER_MAX (64u << 20)

static inline struct api *api_of(const struct http_req *r)
{
	return r->app;
}
static inline struct api_user *me(const struct http_req *r)
{
	return r->user;
}
static inline bool may(const struct http_req *r, uint32_t perms)
{
	return (me(r)->perms & perms) == perms;
}

/*
 * The body as JSON (an empty one is an empty object), wrapper `{"<wrapper>":{..}}` and
 * `{"request":{..}}` taken off. Owned by the request. ERR_INVAL and answered (405) when it is not
 * JSON, as MISP does. A body in XML is taken as the JSON that it stands for (xml_body.h).
 */
MUST_USE enum err rest_json(struct http_req *r, const char *wrapper, json_t **out, struct fail *f);
/* Does the Content-Type say that the body is XML? */
bool rest_is_xml(const struct http_req *r);
/* Answer that a body in XML could not be read. */
void rest_bad_xml(struct http_req *r, enum err e, const struct fail *why);
/* A member as text, whatever its JSON type ("5", 5, true -> "1"); absent when not there or null. */
struct str rest_text(struct http_req *r, const json_t *o, const char *key);
struct str rest_text_in(struct arena *a, const json_t *o, const char *key);
bool rest_flag(const json_t *o, const char *key, bool otherwise);
bool json_truthy(const json_t *v);
/* Does the caller want XML: ".xml" behind the path, or Accept? */
bool rest_wants_xml(const struct http_req *r);
/* Named parameter, query parameter or member of the body. */
struct str rest_param(struct http_req *r, const json_t *body, const char *key);

/* {"saved":true,"success":true,"name":..,"message":..,"url":..[,"id":..]} */
void rest_saved(struct http_req *r, struct str id, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* 403 {"saved":false,"name":"Could not <action> <what>","message":..,"url":..,"errors":E[,"id"]};
   `errors_json` is JSON text. */
void rest_not_saved(struct http_req *r, const char *action, const char *what, struct str id,
		    struct str errors_json);
/* The text as a JSON string, for `errors_json`. */
struct str rest_quoted(struct http_req *r, const char *text);
/* Answer a finished JSON buffer built with jsonw. */
void rest_answer(struct http_req *r, int status, struct buf *b);
/* {"message":..} */
void rest_message(struct http_req *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Send a sealed answer; whole with length when small, else streamed. Takes *s over. */
void rest_sealed(struct http_req *r, struct sealed **s, const char *content_type);
/* The same; `after` frees, in any case, what the stream needed. */
void rest_sealed_then(struct http_req *r, struct sealed **s, const char *content_type,
		      void (*after)(void *arg), void *arg);
/* As JSON inside the handler: pull everything (at most ANSWER_MAX) into `out`. */
MUST_USE enum err rest_sealed_all(struct sealed **s, struct buf *out, struct fail *f);

/* Parameters of the exporters behind single calls. A list of them ends with a name of NULL. */
struct rest_pair {
	const char *name;
	struct str value;
};
/* Value of a name in such a list (struct export_opts.param). */
struct str rest_pair_get(void *user, const char *name);
/* Exactly these elements through the gate, in the form of an exporter (dot-names too). */
struct rest_export {
	const char *exporter;
	unsigned scope; /* enum export_scope */
	const struct search_hit *hits;
	uint64_t n;
	const struct rest_pair *params; /* NULL: none; the texts live as long as the request */
	const struct part_filter *parts; /* EXPORT_PARTS; lives as long as the request */
	bool deleted_too, attachments, sightings, event_uuid, full_tags, context, metadata, scores;
};
MUST_USE enum err rest_export(struct http_req *r, const struct rest_export *x, struct sealed **out,
			      struct fail *f);
/* The same, sent. */
MUST_USE enum err rest_send(struct http_req *r, const struct rest_export *x, struct fail *f);
/* The same, sent unless nothing passed the gate: then MISP's error document with this text. */
MUST_USE enum err rest_send_or(struct http_req *r, const struct rest_export *x, int status,
			       const char *text, struct fail *f);

/* Take a member of the body when it is there (texts in any JSON form; null is absent). */
bool rest_take_text(struct http_req *r, const json_t *body, const char *key, struct str *to);
/* Likewise; an object or list is taken as its JSON text. */
void rest_take_json(struct http_req *r, const json_t *body, const char *key, struct str *to);
bool rest_take_flag(const json_t *body, const char *key, bool *to);
bool rest_take_u64(struct http_req *r, const json_t *body, const char *key, uint64_t *to);
/* "YYYY-MM-DD hh:mm:ss" of now, in the request's arena. */
struct str rest_now_text(struct http_req *r);
/* {"field":["message"]} */
struct str rest_field_error(struct http_req *r, const char *field, const char *message);

/* Write one administrative row with its change record. A new one (*id == 0) gets its id, also in
   *id, which must be the row's own member. ERR_EXISTS: a unique key belongs to another row; ERR_NOENT: the
   row was deleted meanwhile. */
MUST_USE enum err rest_row_put(struct http_req *r, enum store_table tab, uint64_t *id,
			       const void *row, struct uuid uuid, struct fail *f);
MUST_USE enum err rest_row_del(struct http_req *r, enum store_table tab, uint64_t id,
			       struct uuid uuid, struct fail *f);

/* May the caller change this event (sync-protocol.md 4.5.2, 2)? */
bool rest_is_editor(struct http_req *r, const struct misp_event *e);
/* The same without a signature: not for peers where the event is protected. */
bool rest_may_modify(struct http_req *r, const struct misp_event *e);
/* A number as text, in the request's arena. */
struct str rest_id(struct http_req *r, uint64_t id);

/* Parameters of a search: the body, and those of path and query. ERR_INVAL and answered when the
   body is not JSON. ep_search.c */
MUST_USE enum err rest_search_params(struct http_req *r, json_t **out, struct fail *f);
/* The same without what stands in the path by position. */
MUST_USE enum err rest_named_params(struct http_req *r, json_t **out, struct fail *f);

/* How much a search of this request may use; `params` (may be NULL) is what it asks. */
struct search_how rest_search_how(struct http_req *r, json_t *params);
/* Answer that a search would use more; false: that is not what went wrong. */
bool rest_search_refused(struct http_req *r, enum err e);

/* What MISP says of a call that is asked for with GET. ep_describe.c */
struct described {
	const char *call, *text, *url;
	const char *const *needed, *const *optional; /* members of the body; NULL ends */
};
void rest_describe(struct http_req *r, const struct described *d);

/* A view for the caller. */
MUST_USE enum err rest_view(struct http_req *r, struct view **v, struct fail *f);

/* Every event that the view shows, for counts; ERR_CANCELLED when the client has left. */
struct each_event {
	bool (*wanted)(void *user, const struct misp_event *e); /* asked before the gate; NULL: all */
	enum err (*seen)(void *user, struct view *v, const struct misp_event *e);
	void *user;
};
MUST_USE enum err rest_each_event(struct http_req *r, struct view *v, const struct each_event *x);
/* Facts of the caller for the way in, and the origin. */
struct admit_facts rest_facts(struct http_req *r);
struct origin rest_origin(struct http_req *r);

/* Options of events/view; from path, query and body. */
struct event_opts {
	bool metadata, attachments, deleted_too, deleted_only, no_sightings, correlations, granular,
		warnings, all_tags, no_local_tags, no_reports, no_proposals, no_related,
		related_inbound, no_galaxies,
		public_only,
		sg_reference_only, no_analyst,
		scores, event_scores, full_models, /* decaying models */
		feeds, servers; /* whose caches know a value */
	bool xml; /* as MISP XML */
	bool sign; /* with the signature of a protected event */
	bool extended; /* with what extending events hold */
	struct str search_for; /* absent: all */
	const char *caches_dir; /* NULL: the caller may not ask them */
	uint8_t to_ids; /* query_flag: only these attributes */
};
/* One event as the caller may see it, as {"Event":..}; 404 when there is none. */
MUST_USE enum err rest_event(struct http_req *r, uint64_t id, const struct event_opts *o,
			     struct fail *f);
/* The answer itself, for the view's audience; the view is consumed. */
MUST_USE enum err rest_event_sealed(struct view **v, uint64_t id, const struct event_opts *o,
				    const struct export_opts *base, struct sealed **out,
				    struct fail *f);
/* Where feeds' and peers' caches are, for who may see what they know; NULL for others. */
const char *rest_caches_dir(struct http_req *r);
/* What the request asks for of all this. */
struct event_opts rest_event_opts(struct http_req *r, const json_t *body);
/* The defaults of export options for this caller; of anybody, for whom SIDs begin there. */
struct export_opts rest_export_opts(struct http_req *r, unsigned scope);
struct export_opts rest_opts_of(const struct api *api, unsigned scope, uint64_t nids_sid);

/* A search with its options made from restSearch's parameters. */
struct search_way {
	enum search_scope scope;
	json_t *params; /* borrowed, like the arena, for as long as the answer */
	struct arena *a;
	struct export_opts base;
	struct query *q; /* made */
	struct egress_query eq;
	bool takes_json; /* formats of which there are two are meant as JSON */
};
/* ERR_INVAL: a parameter is wrong, in f's text; ERR_NOENT: there is no such format. */
MUST_USE enum err rest_search_way(struct search_way *w, struct fail *f);
/* Add what the caller's setting default_restsearch_parameters says and the parameters do not. */
MUST_USE enum err rest_search_defaults(struct http_req *r, enum search_scope scope, json_t *params,
				       struct fail *f);
/* Search and answer as restSearch of the scope does. The parameters live as long as the answer. ep_search.c */
MUST_USE enum err rest_search_answer(struct http_req *r, enum search_scope scope, json_t *params,
				     struct fail *f);
/*
 * A view for the caller, or for the audience of the policy that `tocsin_audience` names, which site
 * administrators may ask for: so subscriptions are made. ERR_WITHHELD: answered.
 */
MUST_USE enum err rest_view_named(struct http_req *r, const json_t *params, struct view **v,
				  struct fail *f);

/* Analyst data on its own, through the gate, in a form of the exporter ".analyst"; sent, or MISP's
   error document with `status` and `text` when nothing passed (status 0: sent all the same). What
   `q` points to lives as long as the request. ep_analyst.c */
struct analyst_query;
MUST_USE enum err rest_analyst(struct http_req *r, struct analyst_query *q, const char *form,
			       int status, const char *text, struct fail *f);
/* Kind by its name in a path ("Note"); ANALYST_KINDS: none. */
enum analyst_kind rest_analyst_kind(struct str name);

/* Run a small job on the writer; shorthand. */
static inline MUST_USE enum err rest_write(struct http_req *r, store_run_fn run, void *arg,
					   struct fail *f)
{
	return store_run(api_of(r)->store, run, arg, f);
}
/* May the caller know that there is this tag? For every list of tags. ep_tags.c */
MUST_USE enum err rest_tag_listed(struct http_req *r, struct view *v, const struct misp_tag *tag,
				  bool *listed);
/* The tag of this number or name, made when it may be; or why not. ep_tagging.c */
const char *rest_tag_wanted(struct http_req *r, struct str s, struct misp_tag *tag, struct fail *f);
/* Tags of a collection that the caller may use; ERR_NOENT: there is none for him. ep_tag_collections.c */
MUST_USE enum err rest_collection_tags(struct http_req *r, struct str id, const uint64_t **ids, size_t *n);
/* Put a tag into a collection that the caller may change. *fault: why not, to be told; ERR_NOENT: there is no
   such collection for him. ep_tag_collections.c */
MUST_USE enum err rest_collection_put(struct http_req *r, struct str id, uint64_t tag_id, bool *already,
				      const char **fault, struct fail *f);
/* How often the caller sees it used, and whether he may know of it at all. ep_tags.c */
struct tag_uses {
	uint64_t events, attributes;
};
MUST_USE enum err rest_tag_counts(struct http_req *r, struct view *v, const struct misp_tag *tag,
				  struct tag_uses *u, bool *listed);
/* Number of the tag of this name and how often the caller sees it used; 0: there is none for it. */
MUST_USE enum err rest_tag_uses(struct http_req *r, struct view *v, struct str name,
				uint64_t *tag_id, uint64_t *uses, struct fail *f);
