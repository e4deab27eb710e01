/*
 * ep_import_values.c - POST /tocsin/importValues: a list, table or text full of values becomes an event, or
 * goes into one. The body is spooled as it comes; then one edit, as for feeds of values (sync/value_event.h).
 */
#include <fcntl.h>
#include <unistd.h>

#include "api/feeds.h"
#include "api/intake_lines.h"
#include "api/long_job.h"
#include "api/rest.h"
#include "api/upload.h"
#include "base/hash.h"
#include "lists/lists.h"
#include "model/types.h"
#include "sync/value_event.h"

#define TEXT_MAX (UINT64_C(1) << 30)
#define TAGS_MAX 64u
#define FAULTS_TOLD 1000u
#define SHOWN_MAX 200u /* bytes of a text that is no value */
#define FOUND_MAX 100000u /* values of a dry run that are told */

struct import {
	struct value_event_opts o;
	struct value_event_result res;
	struct long_job *job;
	struct arena *a; /* of texts: the work may outlive the request */
	struct hash_ctx *digest;
	int fd;
	uint64_t bytes, faults, found;
	struct buf told; /* of an answer in one piece: faults as JSON, comma between them */
	struct fail why;
	enum err err;
	struct warnlists *warnings;
	bool dry, streams;
};

static void import_free(void *arg)
{
	struct import *x = arg;
	if (x->fd >= 0)
		close(x->fd);
	hash_abort(x->digest);
	buf_free(&x->told);
	if (x->warnings)
		warnlist_unref(x->warnings);
	arena_free(x->a);
	free(x);
}

/* ---- the body ---- */

static enum err import_begin(struct http_req *r, struct fail *f)
{
	struct import *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->fd = -1;
	x->told = BUF(4u << 20);
	r->ctx = x;
	r->ctx_free = import_free;
	x->a = arena_new(1u << 20);
	x->digest = hash_begin();
	x->fd = value_event_spool(api_of(r)->ingest.spool_dir);
	return x->a && x->digest && x->fd >= 0 ? ERR_OK : fail(f, ERR_IO, "no room for the text");
}

static enum err import_body(struct http_req *r, struct str bytes, struct fail *f)
{
	struct import *x = r->ctx;
	(void)f;
	hash_add(x->digest, bytes.p, bytes.n);
	x->bytes += bytes.n;
	while (bytes.n && x->err == ERR_OK) {
		ssize_t n = write(x->fd, bytes.p, bytes.n);
		if (n <= 0)
			x->err = fail(&x->why, ERR_FULL, "no room for the text");
		else
			bytes = str_sub(bytes, (size_t)n, bytes.n);
	}
	return ERR_OK;
}

/* ---- what is told ---- */

static enum err on_progress(void *user, uint64_t bytes, struct fail *f)
{
	struct import *x = user;
	struct intake_progress p = {.listed = x->res.values, .bytes = bytes};
	if (atomic_load(long_job_cancelled(x->job)))
		return fail(f, ERR_CANCELLED, "cancelled");
	intake_line_progress(x->job, &p);
	return ERR_OK;
}

/* Bytes of others as JSON wants them. */
static struct str shown(struct arena *a, struct str s)
{
	s = str_sub(s, 0, SHOWN_MAX);
	while (s.n && !str_utf8_ok(s))
		s.n--;
	return arena_str(a, s);
}

static void on_fault(void *user, uint64_t line, struct str text, struct str why)
{
	struct import *x = user;
	struct arena_mark m = arena_mark(x->a);
	if (line == 1 && x->o.read.format == VALUES_CSV)
		return; /* a heading */
	if (++x->faults > FAULTS_TOLD)
		return;
	OWN(buf) struct buf b = BUF(1u << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "line", line);
	JSONW_KV(&w, jsonw_str, "text", why);
	JSONW_KV(&w, jsonw_str, "value", shown(x->a, text));
	jsonw_obj_end(&w);
	arena_rewind(x->a, m);
	if (!x->streams) {
		if (x->told.n)
			buf_putc(&x->told, ',');
		buf_str_add(&x->told, buf_str(&b));
		return;
	}
	OWN(buf) struct buf line_of = BUF(1u << 16);
	buf_printf(&line_of, "{\"problem\":%.*s}", STR_ARG(buf_str(&b)));
	long_job_line(x->job, buf_str(&line_of), false);
}

/* A dry run tells what would come. */
static enum err on_found(void *user, const struct value_new *v, struct fail *f)
{
	struct import *x = user;
	(void)f;
	if (x->found++ >= FOUND_MAX)
		return ERR_OK;
	OWN(buf) struct buf b = BUF(1u << 19);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "item");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "type", type_name(v->type));
	JSONW_KV(&w, jsonw_str, "value", v->value);
	JSONW_KV(&w, jsonw_bool, "to_ids", v->to_ids);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
	return ERR_OK;
}

static void put_result(struct import *x, struct jsonw *w)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_bool, "dry_run", x->dry);
	JSONW_KV(w, jsonw_bool, "made", x->res.made);
	JSONW_KV(w, jsonw_bool, "changed", x->res.changed);
	values_counts_put(w, &x->res);
	JSONW_KV(w, jsonw_uint, "faults", x->faults);
	if (!x->streams) {
		jsonw_key(w, "problems");
		jsonw_arr(w);
		jsonw_raw(w, buf_str(&x->told));
		jsonw_arr_end(w);
	}
	jsonw_obj_end(w);
}

static void run(struct long_job *j, void *arg)
{
	struct import *x = arg;
	x->job = j;
	x->err = value_event_take(&x->o, &x->res, &x->why);
	if (!x->streams)
		return;
	if (x->err != ERR_OK) {
		long_job_error(j, x->err, x->why.text);
		return;
	}
	OWN(buf) struct buf b = BUF(1u << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	put_result(x, &w);
	jsonw_obj_end(&w);
	long_job_line(j, buf_str(&b), false);
}

/* ---- what is asked for ---- */

static struct str option(struct http_req *r, struct import *x, const char *name)
{
	return arena_str(x->a, req_query(r, name));
}

static bool flag(struct http_req *r, const char *name)
{
	struct str s = req_query(r, name);
	return s.n && !str_is(s, "0") && !str_is(s, "false");
}

/* False: answered. */
static bool reading(struct http_req *r, struct import *x)
{
	struct values_opts *o = &x->o.read;
	struct str as = req_query(r, "as"), type = req_query(r, "type");
	if (!values_format_of(as.n ? as : STR("list"), &o->format)) {
		reply_error(r, 400, "as is list, csv or freetext.");
		return false;
	}
	o->type = type.n ? type_find(type) : 0;
	if (type.n && !o->type) {
		reply_error(r, 400, "There is no attribute type \"%.*s\".", STR_ARG(str_sub(type, 0, 60)));
		return false;
	}
	o->columns = option(r, x, "columns");
	o->delimiter = option(r, x, "delimiter");
	o->exclude = option(r, x, "exclude");
	return true;
}

/* The event to be filled, if one is named. False: answered. */
static bool target(struct http_req *r, struct import *x)
{
	OWN(view) struct view *v = NULL;
	struct str id = req_query(r, "event");
	struct misp_event e;
	struct fail why = {0};
	if (!id.n)
		return true;
	enum err err = rest_view(r, &v, &why);
	if (err == ERR_OK)
		err = view_event(v, id, r->arena, &e, &why);
	if (err != ERR_OK) {
		reply_error(r, 404, "There is no event %.*s.", STR_ARG(str_sub(id, 0, 60)));
		return false;
	}
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You may not change this event.");
		return false;
	}
	x->o.event_id = e.id;
	x->o.facts.existing_local = !e.locked;
	return true;
}

#define GIVE(h, member, v) ((h)->member = (v), ENTITY_SET_HAS((h), EVENT_F_##member))

static void tag_list(struct http_req *r, struct import *x, struct entity_list *out)
{
	struct str rest = option(r, x, "tags"), one;
	*out = (struct entity_list){ARENA_ARRAY(x->a, struct misp_tagref, TAGS_MAX), 0};
	while (out->v && rest.n && out->n < TAGS_MAX) {
		rest = str_split(rest, ',', &one);
		one = str_trim(one);
		if (one.n)
			*LIST_AT(*out, struct misp_tagref, out->n++) =
				(struct misp_tagref){.name = one, .colour = STR("#0088cc"), .exportable = true};
	}
}

static bool head(struct http_req *r, struct import *x)
{
	struct misp_event *h = &x->o.head;
	struct str info = option(r, x, "info"), d = req_query(r, "distribution");
	uint64_t distribution = api_of(r)->ingest.default_event_distribution;
	struct entity_list tags;
	tag_list(r, x, &tags);
	if (d.n && (!str_u64(d, &distribution) || distribution > DIST_ALL)) {
		reply_error(r, 400, "distribution is 0, 1, 2 or 3.");
		return false;
	}
	GIVE(h, uuid, uuid_random());
	GIVE(h, info, info.n ? info : STR("Imported values"));
	GIVE(h, analysis, 2);
	GIVE(h, threat_level_id, 4);
	GIVE(h, distribution, (uint8_t)distribution);
	GIVE(h, timestamp, x->o.facts.now);
	GIVE(h, published, flag(r, "publish"));
	if (tags.n)
		GIVE(h, tags, tags);
	return true;
}

/* Values on a warning list: marked as not for detection, left out, or as any other. False: answered. */
static bool warnings(struct http_req *r, struct import *x)
{
	struct str s = req_query(r, "warninglists");
	if (str_is(s, "ignore"))
		return true;
	if (s.n && !str_is(s, "mark") && !str_is(s, "drop")) {
		reply_error(r, 400, "warninglists is mark, drop or ignore.");
		return false;
	}
	x->warnings = lists_warnings(api_of(r)->egress.lists);
	x->o.warnings = x->warnings;
	x->o.facts.no_warned = str_is(s, "drop") && x->warnings;
	x->o.facts.warnings = x->o.facts.no_warned ? x->warnings : NULL;
	return true;
}

static bool prepare(struct http_req *r, struct import *x)
{
	struct str ids = req_query(r, "to_ids");
	x->dry = flag(r, "dry");
	x->streams = flag(r, "progress");
	x->o = (struct value_event_opts){.in = &api_of(r)->ingest,
					 .fd = x->fd,
					 .origin = rest_origin(r),
					 .facts = rest_facts(r),
					 .ids = !ids.n		    ? IDS_BY_TYPE
						: flag(r, "to_ids") ? IDS_ALL
								    : IDS_NONE,
					 .note_ports = true,
					 .dry = x->dry,
					 .found = x->dry && x->streams ? on_found : NULL,
					 .fault = on_fault,
					 .progress = on_progress,
					 .user = x};
	/* texts of the request, which may be gone before the work is done */
	x->o.facts.peer.name = arena_str(x->a, x->o.facts.peer.name);
	x->o.facts.peer.url = arena_str(x->a, x->o.facts.peer.url);
	x->o.facts.sender = arena_str(x->a, x->o.facts.sender);
	struct sha256 d = hash_end(MOVE(x->digest));
	memcpy(x->o.origin.digest, d.b, sizeof(x->o.origin.digest));
	return reading(r, x) && head(r, x) && warnings(r, x) && target(r, x);
}

/* Two imports into one event wait for nobody: the later one is told to come again. */
static uint64_t job_id(const struct import *x)
{
	static atomic_uint_fast64_t next;
	return x->o.event_id ? x->o.event_id : (UINT64_C(1) << 63) + atomic_fetch_add(&next, 1);
}

static enum err import_run(struct http_req *r, struct fail *f)
{
	struct import *x = r->ctx;
	struct long_jobs *jobs = &api_of(r)->jobs;
	if (x->err == ERR_OK && !prepare(r, x))
		return ERR_OK;
	enum err e = x->err;
	if (e == ERR_OK && x->streams) {
		uint64_t id = job_id(x);
		r->ctx = NULL;
		e = long_job_stream(jobs, r, "import", id, run, x, import_free, f);
		if (e == ERR_BUSY)
			reply_error(r, 409, "Something is being imported into this event already.");
		return e == ERR_BUSY ? ERR_OK : e;
	}
	if (e == ERR_OK) {
		e = long_job_here(jobs, "import", job_id(x), run, x, &x->why);
		e = e == ERR_OK ? x->err : e;
	}
	if (e != ERR_OK) {
		upload_refused(r, "import", "Event", e, &x->why);
		return ERR_OK;
	}
	struct buf b = BUF(8u << 20);
	struct jsonw w = jsonw_on(&b);
	put_result(x, &w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_tocsin_import_values = {
	.methods = HTTP_POST,
	.path = "/tocsin/importValues",
	.flags = EP_STREAM_BODY,
	.auth = perm_add,
	.body_cap = TEXT_MAX,
	.begin = import_begin,
	.body = import_body,
	.run = import_run,
	.shape = "ImportValues",
	.takes = "ValueText",
	.doc = "Values of a list, table (csv) or text (freetext), named by ?as, become an event or go into ?event; "
	       "?dry=1 only looks",
};
