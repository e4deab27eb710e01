/*
 * pull_sightings.c - sightings of events that are here (sync-protocol.md 3.8): the peer's index says
 * which events have new ones, they are read as they arrive, however many, and what was fetched at
 * which sighting_timestamp is remembered, so that nothing is fetched twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/pass.h"
#include "sync/peer_index.h"
#include "sync/peer_rules.h"
#include "sync/sighting_stream.h"

#define INDEX_MAX (UINT64_C(1) << 30)
#define ANSWER_MAX (UINT64_C(16) << 30) /* streamed; a limit against endless ones */
#define CHUNK 20u /* events asked about at a time, as MISP does */
#define BATCH 2000u /* sightings stored at a time */
#define WANTED_MAX 1000000u
#define BATCH_ARENA (8u << 20)
/* A long index is not read more often than this unless somebody asks. */
#define LONG_INDEX 5000u
#define LONG_INDEX_EVERY_S 3600

struct want {
	struct uuid uuid;
	int64_t at; /* sighting_timestamp there */
};

struct pull {
	struct pass *p;
	struct intake_snapshot snap;
	struct want *v;
	size_t n, cap;
	uint64_t rows;
	/* the answer at hand */
	struct arena *a;
	struct ingest_sighting *batch;
	struct misp_org *orgs;
	size_t n_batch;
};

/* ---- which events ---- */

static enum err want(struct pull *x, const struct peer_index_row *row, struct fail *f)
{
	if (x->n == WANTED_MAX) {
		x->p->more = true;
		return ERR_OK;
	}
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 64;
		struct want *v = reallocarray(x->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		x->v = v;
		x->cap = cap;
	}
	x->v[x->n++] = (struct want){row->uuid, row->sighting_timestamp};
	return ERR_OK;
}

static enum err on_row(struct pull *x, const struct peer_index_row *row, struct fail *f)
{
	struct note n;
	uint64_t id;
	if (row->sighting_timestamp <= 0)
		return ERR_OK;
	TRY(intake_snapshot_next(&x->p->take, &x->snap, f));
	enum err e = store_find(x->snap.t, IX_EVENT_UUID,
				(struct str){(const char *)row->uuid.b, sizeof(row->uuid.b)}, &id);
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e == ERR_OK)
		e = note_get(x->snap.t, x->p->o->peer_id, NOTE_sightings, row->uuid, &n);
	if (e == ERR_OK && n.timestamp == row->sighting_timestamp && !x->p->o->all)
		return ERR_OK;
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "looking up an event of the peer");
	return want(x, row, f);
}

struct index_job {
	struct pull *x;
	struct peer_index *index;
};

static enum err on_index_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct pull *x = user;
	x->rows++;
	return on_row(x, row, f);
}

static enum err index_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct index_job *j = user;
	if (pass_cancelled(j->x->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	return peer_index_feed(j->index, p, n, f);
}

/* The whole index, with the rules, unless it is as it was. *etag is the new one. */
static enum err index_get(struct pull *x, char *etag, size_t cap, struct fail *f)
{
	struct pass *p = x->p;
	OWN(buf) struct buf body = BUF(1 << 20);
	OWN(peer_index) struct peer_index *index = NULL;
	char was[256] = "";
	struct client_res res;
	TRY(peer_rules_body(p->o->technique == PASS_UPDATE ? STR_NONE : p->link.row.pull_rules, 0,
			    &body, f));
	if (!p->o->all)
		snprintf(was, sizeof(was), "%.*s", STR_ARG(p->state.sightings_etag));
	/* a MISP makes one only when it is asked for one (1.6) */
	if (!*was)
		snprintf(was, sizeof(was), "\"\"");
	index = peer_index_new(on_index_row, x);
	if (!index)
		return fail(f, ERR_NOMEM, "no memory");
	struct index_job j = {x, index};
	struct link_req q = {.path = "/events/index",
			     .body = buf_str(&body),
			     .etag = was,
			     .max_bytes = INDEX_MAX,
			     .data = index_data,
			     .user = &j};
	TRY(link_call(&p->link, &q, &res, f));
	snprintf(etag, cap, "%s", res.status == 304 ? was : res.etag);
	if (res.status == 304) {
		x->rows = p->state.sightings_rows;
		return ERR_OK;
	}
	return peer_index_end(index, f);
}

/* The index has been read by the step of the events, a tocsin's as far as it changed. */
static enum err index_had(struct pull *x, char *etag, size_t cap, struct fail *f)
{
	const struct pass *p = x->p;
	if (p->has_index) {
		snprintf(etag, cap, "%s", p->index_etag);
		x->rows = p->index_rows;
	}
	for (size_t i = 0; i < p->n_sighted; i++) {
		const struct peer_index_row row = {.uuid = p->sighted[i].uuid,
						   .sighting_timestamp = p->sighted[i].at};
		TRY(on_row(x, &row, f));
	}
	return ERR_OK;
}

/* ---- the sightings ---- */

static void forget_batch(struct pull *x)
{
	x->n_batch = 0;
	arena_reset(x->a);
	x->batch = ARENA_ARRAY(x->a, struct ingest_sighting, BATCH);
	x->orgs = ARENA_ARRAY(x->a, struct misp_org, BATCH);
}

static void tell_batch(struct pull *x)
{
	for (size_t i = 0; i < x->n_batch; i++) {
		struct uuid u = x->batch[i].s.uuid;
		bool known = ingest_sighting_known(x->p->o->in, u);
		struct pass_item item = {.kind = PASS_SIGHTING,
					 .uuid = u,
					 .what = PASS_ITEM_ADDED,
					 .text = "seen there"};
		if (known)
			x->p->res->n[PASS_SIGHTING].current++;
		else
			pass_tell(x->p, &item);
	}
}

/* Store what has come so far: each batch is one commit. */
static enum err flush(struct pull *x, struct fail *f)
{
	struct pass_count *n = &x->p->res->n[PASS_SIGHTING];
	uint64_t added = 0;
	if (x->n_batch && x->p->o->preview) {
		tell_batch(x);
	} else if (x->n_batch) {
		struct origin o = pass_origin(x->p);
		TRY(ingest_sightings_add(x->p->o->in, x->batch, x->n_batch, 0, &o, &added, f));
		uint64_t missing = 0;
		for (size_t i = 0; i < x->n_batch; i++)
			missing += x->batch[i].missing;
		n->added += added;
		n->refused += missing; /* of attributes that are not here */
		n->current += x->n_batch - added - missing;
	}
	forget_batch(x);
	return x->orgs ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

/* As a bulk save takes it: nobody's when nobody is named (4.9.3). */
static enum err on_sighting(void *user, const struct sighting_row *row, struct fail *f)
{
	struct pull *x = user;
	struct pass_count *n = &x->p->res->n[PASS_SIGHTING];
	n->listed++;
	if (row->type > 2 || row->source.n > 255 || uuid_is_nil(row->attribute_uuid)) {
		n->refused++;
		return ERR_OK;
	}
	struct ingest_sighting *s = &x->batch[x->n_batch];
	*s = (struct ingest_sighting){.attr_uuid = row->attribute_uuid,
				      .s = {.uuid = row->uuid,
					    .type = (uint8_t)row->type,
					    .date_sighting = row->date > 0 ? row->date : clock_now(),
					    .source = arena_str(x->a, row->source)}};
	if (!s->s.source.p)
		s->s.source = STR("");
	if (!row->no_org && (row->org_name.n || !uuid_is_nil(row->org_uuid))) {
		struct misp_org *org = &x->orgs[x->n_batch];
		*org = (struct misp_org){.uuid = row->org_uuid,
					 .name = arena_str(x->a, row->org_name)};
		s->org = org;
	}
	if (++x->n_batch == BATCH)
		return flush(x, f);
	return ERR_OK;
}

struct answer_job {
	struct pull *x;
	struct sighting_stream *stream;
};

static enum err answer_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct answer_job *j = user;
	if (pass_cancelled(j->x->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	return sighting_stream_feed(j->stream, p, n, f);
}

static enum err ask_body(const struct pull *x, size_t at, size_t n, char **out, struct fail *f)
{
	json_t *list = json_array(), *body;
	char text[UUID_TEXT_LEN + 1];
	for (size_t i = at; i < at + n; i++)
		json_array_append_new(list, json_string(uuid_format(x->v[i].uuid, text)));
	body = json_pack("{s:s,s:i,s:b,s:o}", "returnFormat", "json", "last", 0, "includeUuid", 1,
			 "uuid", list);
	*out = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static enum err ask(struct pull *x, size_t at, size_t n, struct fail *f)
{
	OWN(sighting_stream) struct sighting_stream *stream = sighting_stream_new(on_sighting, x);
	struct client_res res;
	char *body;
	if (!stream)
		return fail(f, ERR_NOMEM, "no memory");
	forget_batch(x);
	if (!x->orgs)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ask_body(x, at, n, &body, f));
	struct answer_job j = {x, stream};
	struct link_req q = {.path = "/sightings/restSearch/event",
			     .body = str_c(body),
			     .max_bytes = ANSWER_MAX,
			     .data = answer_data,
			     .user = &j};
	enum err e = link_call(&x->p->link, &q, &res, f);
	free(body);
	if (e == ERR_OK)
		e = sighting_stream_end(stream, f);
	x->p->res->n[PASS_SIGHTING].bytes += res.bytes;
	return e == ERR_OK ? flush(x, f) : e;
}

/* ---- what is remembered ---- */

struct note_job {
	const struct pull *x;
	size_t at, n;
};

static enum err run_notes(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct note_job *j = arg;
	for (size_t i = j->at; i < j->at + j->n; i++) {
		struct note n = {.timestamp = j->x->v[i].at, .time = clock_now()};
		TRY(note_put(w, j->x->p->o->peer_id, NOTE_sightings, j->x->v[i].uuid, &n, f));
	}
	return ERR_OK;
}

static enum err fetched(struct pull *x, size_t at, size_t n, struct fail *f)
{
	struct note_job j = {x, at, n};
	return x->p->o->preview ? ERR_OK : store_run(x->p->o->in->store, run_notes, &j, f);
}

static void failed(struct pull *x, size_t at, enum err e, const struct fail *why)
{
	char text[NOTE_TEXT_MAX];
	snprintf(text, sizeof(text), "sightings: %.200s", why->text[0] ? why->text : err_text(e));
	struct pass_item item = {.kind = PASS_SIGHTING,
				 .uuid = x->v[at].uuid,
				 .what = PASS_ITEM_FAILED,
				 .text = text};
	pass_tell(x->p, &item);
}

static bool ends_all(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_AUTH || e == ERR_NOMEM;
}

/* A chunk that fails is asked for event by event: one with an answer that cannot be had does not
   hold up the others. */
static enum err chunk(struct pull *x, size_t at, size_t n, bool *all, struct fail *f)
{
	struct fail why = {0};
	enum err e = ask(x, at, n, &why);
	if (e == ERR_OK)
		return fetched(x, at, n, f);
	if (ends_all(e)) {
		*f = why;
		return e;
	}
	if (n == 1) {
		failed(x, at, e, &why);
		*all = false;
		return ERR_OK;
	}
	for (size_t i = 0; i < n; i++)
		TRY(chunk(x, at + i, 1, all, f));
	return ERR_OK;
}

/* ---- the step ---- */

bool pull_sightings_due(const struct pass *p)
{
	const struct misp_peerstate *s = &p->state;
	int64_t now = clock_now();
	if (p->o->technique != PASS_FULL && p->o->technique != PASS_UPDATE)
		return false;
	return p->o->all || p->native || s->sightings_rows < LONG_INDEX || s->sightings_at > now ||
	       s->sightings_at + LONG_INDEX_EVERY_S <= now;
}

static enum err pull(struct pull *x, struct fail *f)
{
	struct pass *p = x->p;
	char etag[256] = "";
	bool all = true;
	enum err e = p->native || p->has_index ? index_had(x, etag, sizeof(etag), f)
					       : index_get(x, etag, sizeof(etag), f);
	intake_snapshot_end(&x->snap);
	TRY(e);
	for (size_t at = 0; at < x->n; at += CHUNK) {
		pass_progress(p, at, x->n);
		TRY(chunk(x, at, MIN(CHUNK, x->n - at), &all, f));
	}
	if (!all && p->native)
		p->state.remote_cursor = STR_NONE; /* what failed must be named again */
	if (p->o->technique != PASS_FULL || p->o->preview || p->native)
		return ERR_OK;
	/* an index that is as it was has nothing more to say only when all of it was fetched */
	p->state.sightings_etag = all && !p->more ? arena_str(p->a, str_c(etag)) : STR_NONE;
	p->state.sightings_at = clock_now();
	p->state.sightings_rows = x->rows;
	return ERR_OK;
}

enum err pull_sightings(struct pass *p, struct fail *f)
{
	struct pull x = {.p = p, .a = arena_new(BATCH_ARENA)};
	enum err e = ERR_OK;
	if (!pull_sightings_due(p))
		goto out;
	e = x.a ? pull(&x, f) : fail(f, ERR_NOMEM, "no memory");
out:
	intake_snapshot_end(&x.snap);
	arena_free(x.a);
	free(x.v);
	return e;
}
