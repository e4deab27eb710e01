/*
 * documents.c - see documents.h. The reader writes MISP JSON, which goes the way of events/add and events/edit:
 * what a document may do is what its sender may.
 */
#include "api/documents.h"

#include <stdatomic.h>

#include "api/upload.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "feeds/in/openioc.h"
#include "feeds/in/stix.h"
#include "feeds/in/stix1.h"
#include "ingest/quarantine.h"

/* Objects of a document are trees of up to 100 MB, one at a time. */
#define AT_ONCE 6u
static atomic_uint under_way;

/* ---- readers ---- */

#define READER(name)                                                                                \
	static enum err name##_feed(void *in, const void *p, size_t n, struct fail *f)              \
	{                                                                                           \
		return name##_in_feed(in, p, n, f);                                                 \
	}                                                                                           \
	static enum err name##_end(void *in, stix_in_fn fn, void *user, struct fail *f)             \
	{                                                                                           \
		return name##_in_end(in, fn, user, f);                                              \
	}                                                                                           \
	static struct stix_in_counts name##_counts(const void *in)                                  \
	{                                                                                           \
		return name##_in_counts(in);                                                        \
	}                                                                                           \
	static void name##_free(void *in)                                                           \
	{                                                                                           \
		name##_in_free(in);                                                                 \
	}
READER(stix)
READER(stix1)
READER(openioc)
#undef READER

struct reader {
	const char *name;
	enum err (*feed)(void *in, const void *p, size_t n, struct fail *f);
	enum err (*end)(void *in, stix_in_fn fn, void *user, struct fail *f);
	struct stix_in_counts (*counts)(const void *in);
	void (*free)(void *in);
};
#define ROW(name, fn) {name, fn##_feed, fn##_end, fn##_counts, fn##_free}
static const struct reader readers[DOCUMENT_FORMATS] = {
	[DOCUMENT_STIX2] = ROW("stix2", stix),
	[DOCUMENT_STIX1] = ROW("stix1", stix1),
	[DOCUMENT_OPENIOC] = ROW("openioc", openioc),
};
#undef ROW

struct documents {
	enum document_format format;
	void *in; /* of readers[format] */
	struct hash_ctx *digest;
	struct json_read *reader;
	struct http_req *r;
	struct document_result *out;
	struct origin origin;
	struct fail why;
	enum err err;
	uint32_t n_events; /* that came so far */
	bool counted; /* in under_way */
};

/* The reader of STIX 2, which tells more than the others; NULL: it is none. */
static struct stix_in *stix_of(const struct documents *d)
{
	return d->format == DOCUMENT_STIX2 ? d->in : NULL;
}

bool document_format_of(struct str name, enum document_format *out)
{
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (str_is(name, readers[i].name)) {
			*out = (enum document_format)i;
			return true;
		}
	return false;
}

static void documents_free(void *ctx)
{
	struct documents *d = ctx;
	if (d->in)
		readers[d->format].free(d->in);
	hash_abort(d->digest);
	json_read_free(d->reader);
	if (d->counted)
		atomic_fetch_sub(&under_way, 1);
	free(d);
}

static bool flag(struct http_req *r, const char *name)
{
	struct str s = req_param(r, name);
	return s.n && !str_is(s, "0") && !str_is(s, "false");
}

static struct stix_in_opts options(struct http_req *r, bool publish)
{
	struct stix_in_opts o = {.spool_dir = api_of(r)->ingest.spool_dir,
				 .info = req_param(r, "info"),
				 .publish = req_param(r, "publish").p ? flag(r, "publish") : publish};
	uint64_t n;
	if (str_u64(req_param(r, "distribution"), &n) && n <= DIST_GROUP) {
		o.has_distribution = true;
		o.distribution = (uint8_t)n;
	}
	if (str_u64(req_param(r, "sharing_group_id"), &n))
		o.sharing_group_id = n;
	return o;
}

/* The event that a request names, to be filled. False: answered later. */
static bool target(struct documents *d, struct http_req *r, struct openioc_in_opts *o)
{
	OWN(view) struct view *v = NULL;
	struct str id = req_arg(r, "id");
	struct misp_event e;
	struct fail why = {0};
	if (!id.n)
		return true;
	enum err err = rest_view(r, &v, &why);
	if (err == ERR_OK)
		err = view_event(v, id, r->arena, &e, &why);
	if (err != ERR_OK) {
		d->err = fail(&d->why, ERR_NOENT, "Invalid event");
		return false;
	}
	o->into = true;
	o->event_uuid = e.uuid;
	o->now = MAX(clock_now(), e.timestamp + 1);
	return true;
}

static bool reader_new(struct documents *d, struct http_req *r)
{
	struct stix_in_opts o = options(r, false);
	struct openioc_in_opts x = {.info = o.info,
				    .has_distribution = o.has_distribution,
				    .distribution = o.distribution,
				    .sharing_group_id = o.sharing_group_id,
				    .publish = o.publish};
	if (d->format == DOCUMENT_OPENIOC)
		d->in = target(d, r, &x) ? openioc_in_new(&x) : NULL;
	else
		d->in = d->format == DOCUMENT_STIX1 ? (void *)stix1_in_new(&o) : (void *)stix_in_new(&o);
	return d->in || d->err != ERR_OK;
}

/* By the path, by ?as, or by what is said of it. */
static void format_choose(struct documents *d, struct http_req *r)
{
	const enum document_format *arg = r->ep->arg;
	struct str version = req_arg(r, "version");
	d->format = DOCUMENT_STIX2;
	if (arg)
		d->format = *arg;
	else if (!document_format_of(req_query(r, "as"), &d->format))
		d->err = fail(&d->why, ERR_INVAL, "as is stix2, stix1 or openioc.");
	if (arg && d->format == DOCUMENT_STIX2 && version.n && version.p[0] == '1')
		d->format = DOCUMENT_STIX1;
	else if (arg && d->format == DOCUMENT_STIX2 && !version.n &&
		 (rest_wants_xml(r) || str_find_nocase(req_header(r, "Content-Type"), STR("xml")) >= 0))
		d->format = DOCUMENT_STIX1;
}

static struct documents *begin(struct http_req *r)
{
	struct documents *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->r = r;
	r->ctx = d;
	r->ctx_free = documents_free;
	d->digest = hash_begin();
	d->counted = true;
	if (atomic_fetch_add(&under_way, 1) >= AT_ONCE)
		d->err = fail(&d->why, ERR_AGAIN, "Too many documents at once: try again.");
	return d;
}

enum err document_begin(struct http_req *r, struct fail *f)
{
	struct documents *d = begin(r);
	if (!d)
		return fail(f, ERR_NOMEM, "no memory");
	format_choose(d, r);
	bool fine = d->digest && (d->err != ERR_OK || reader_new(d, r));
	return fine ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

enum err document_begin_stix(struct http_req *r, bool publish, struct fail *f)
{
	struct documents *d = begin(r);
	if (!d)
		return fail(f, ERR_NOMEM, "no memory");
	struct stix_in_opts o = options(r, publish);
	o.need_ids = true;
	d->format = DOCUMENT_STIX2;
	d->in = stix_in_new(&o);
	return d->in && d->digest ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

enum err document_body(struct http_req *r, struct str bytes, struct fail *f)
{
	struct documents *d = r->ctx;
	(void)f;
	hash_add(d->digest, bytes.p, bytes.n);
	if (d->err == ERR_OK)
		d->err = readers[d->format].feed(d->in, bytes.p, bytes.n, &d->why);
	return ERR_OK;
}

/* ---- its events ---- */

/* The event with this UUID, if the caller sees it. */
static enum err known(struct http_req *r, struct uuid u, struct misp_event *e, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	char text[UUID_TEXT_LEN + 1];
	TRY(rest_view(r, &v, f));
	return view_event(v, str_c(uuid_format(u, text)), r->arena, e, f);
}

/* What its maker has revoked, all of it, is deleted here. */
static enum err take_back(struct documents *d, const struct misp_event *e, int64_t when,
			  struct ingest_result *res, struct fail *f)
{
	if (when < e->timestamp)
		return ERR_STALE;
	res->outcome = INGEST_UPDATED;
	return ingest_event_delete(&api_of(d->r)->ingest, e->id, false, &d->origin, f);
}

/* `there`: number of the event, if it is here. */
static enum err save(struct documents *d, struct raw_event **raw, struct ingest_result *res, uint64_t *there,
		     struct fail *f)
{
	struct http_req *r = d->r;
	struct admit_facts facts = rest_facts(r);
	struct misp_event e;
	enum err err = known(r, raw_head(*raw)->uuid, &e, f);
	bool revoked = stix_of(d) && stix_in_taken_back(stix_of(d), d->n_events);
	if (err == ERR_NOENT && revoked)
		return ERR_STALE; /* there is nothing to be taken back */
	if (err == ERR_NOENT) {
		*f = (struct fail){0};
		return ingest_event_add(&api_of(r)->ingest, raw, &d->origin, &facts, r->arena, res, f);
	}
	TRY(err);
	*there = e.id;
	if (!rest_is_editor(r, &e))
		return fail(f, ERR_PERM, "The event is there, and you may not change it.");
	if (e.is_protected)
		return fail(f, ERR_PERM, "The event is protected: what changes it has to be signed.");
	if (revoked)
		return take_back(d, &e, raw_head(*raw)->timestamp, res, f);
	facts.existing_local = !e.locked;
	return ingest_event_edit(&api_of(r)->ingest, e.id, raw, &d->origin, &facts, r->arena, res, f);
}

static enum err on_event(void *user, struct raw_event *given, struct fail *f)
{
	OWN(raw) struct raw_event *raw = given;
	struct documents *d = user;
	struct document_result *out = d->out;
	struct ingest_result res = {0};
	struct fail why = {0};
	struct document_event *e = ARENA_NEW(d->r->arena, struct document_event);
	if (!e)
		return fail(f, ERR_LIMIT, "too many events");
	e->uuid = raw_head(raw)->uuid;
	d->n_events++;
	enum err err = save(d, &raw, &res, &e->id, &why);
	e->outcome = err == ERR_STALE ? INGEST_UNCHANGED : err == ERR_OK ? res.outcome : INGEST_REFUSED;
	if (err == ERR_OK)
		e->id = res.event_id;
	else if (err != ERR_STALE)
		e->id = 0;
	e->err = e->outcome == INGEST_REFUSED ? err : ERR_OK;
	e->waits = e->err == ERR_BLOCKED && ingest_quarantine_waits(&why);
	if (e->err != ERR_OK)
		e->why = arena_str(d->r->arena, str_c(why.text[0] ? why.text : err_text(err)));
	e->problems = res.problems;
	e->n_problems = res.n_problems;
	if (out->last)
		out->last->next = e;
	else
		out->first = e;
	out->last = e;
	out->added += e->outcome == INGEST_ADDED;
	out->updated += e->outcome == INGEST_UPDATED;
	out->unchanged += e->outcome == INGEST_UNCHANGED;
	out->failed += e->outcome == INGEST_REFUSED;
	out->elements += res.added + res.updated;
	out->attributes_refused += res.refused;
	if (e->outcome == INGEST_REFUSED && out->why_not == ERR_OK) {
		out->why_not = err;
		out->why = why;
	}
	return ERR_OK;
}

static enum err on_bytes(void *user, const void *p, size_t n, struct fail *f)
{
	struct documents *d = user;
	return json_read_feed(d->reader, p, n, f);
}

enum err document_take(struct http_req *r, struct document_result *out, struct fail *f)
{
	struct documents *d = r->ctx;
	struct json_read_opts o = {.root = RAW_EVENT,
				   .spool_dir = api_of(r)->ingest.spool_dir,
				   .keep_source = ingest_keeps_source(&api_of(r)->ingest),
				   .many = true};
	*out = (struct document_result){0};
	if (d->err != ERR_OK)
		return fail(f, d->err, "%s", d->why.text);
	d->out = out;
	d->origin = rest_origin(r);
	struct sha256 digest = hash_end(MOVE(d->digest));
	memcpy(d->origin.digest, digest.b, sizeof(d->origin.digest));
	d->reader = json_read_new(&o, on_event, d);
	if (!d->reader)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(readers[d->format].end(d->in, on_bytes, d, f));
	return json_read_end(d->reader, f);
}

void document_counts(struct http_req *r, struct jsonw *w)
{
	const struct documents *d = r->ctx;
	struct stix_in_counts c = readers[d->format].counts(d->in);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "objects", c.objects);
	JSONW_KV(w, jsonw_uint, "older_versions", c.older);
	JSONW_KV(w, jsonw_uint, "events", c.events);
	JSONW_KV(w, jsonw_uint, "attributes", c.attributes);
	JSONW_KV(w, jsonw_uint, "misp_objects", c.misp_objects);
	JSONW_KV(w, jsonw_uint, "reports", c.reports);
	JSONW_KV(w, jsonw_uint, "tags", c.tags);
	JSONW_KV(w, jsonw_uint, "said", c.said);
	JSONW_KV(w, jsonw_uint, "kept_as_patterns", c.as_patterns);
	JSONW_KV(w, jsonw_uint, "kept_as_text", c.as_text);
	JSONW_KV(w, jsonw_uint, "left_out", c.left_out);
	JSONW_KV(w, jsonw_str, "left_out_types", c.left_out_types.p ? c.left_out_types : STR(""));
	jsonw_obj_end(w);
}

bool document_object(struct http_req *r, uint32_t *i, struct stix_in_object *out)
{
	const struct documents *d = r->ctx;
	return stix_of(d) && stix_in_object(stix_of(d), i, out);
}

void document_version(struct http_req *r, uint32_t i, char out[40])
{
	const struct documents *d = r->ctx;
	stix_in_version(stix_of(d), i, out);
}
