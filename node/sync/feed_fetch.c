/*
 * feed_fetch.c - one run of a MISP feed: manifest, and what the row says over each event. The
 * events themselves are taken in by intake.c.
 */
#include "sync/feed_run.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "feeds/in/manifest.h"
#include "metrics/metrics.h"
#include "model/pack.h"

#define MANIFEST_MAX (UINT64_C(1) << 30)
#define LOCAL_PARALLEL 4 /* they need not wait for the disk */

/* ---- refused before ---- */

/* "feed/<id>/<uuid>" -> timestamp of the manifest at which the event was refused. */
static struct str refused_key(const struct feed_run *r, struct uuid u, char out[96])
{
	char uuid[UUID_TEXT_LEN + 1];
	int n = snprintf(out, 96, "feed/%llu/%s", (unsigned long long)r->o->feed_id,
			 uuid_format(u, uuid));
	return (struct str){out, (size_t)n};
}

struct refusal {
	struct str key;
	char text[24];
};

static enum err refusal_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct refusal *x = arg;
	return store_kv_put(w, x->key, str_c(x->text), f);
}

static void refused_note(const struct feed_run *r, const struct intake_want *w)
{
	char key[96];
	struct refusal x = {.key = refused_key(r, w->uuid, key)};
	struct fail f = {0};
	snprintf(x.text, sizeof(x.text), "%lld", (long long)w->timestamp);
	if (store_run(r->o->in->store, refusal_write, &x, &f) != ERR_OK)
		log_warn("sync", "feed=%llu refusal not noted: %s",
			 (unsigned long long)r->o->feed_id, f.text);
}

/* ---- the manifest ---- */

struct manifest_job {
	struct feed_run *r;
	struct intake_snapshot snap;
	struct arena *a;
	struct manifest_read *m;
};

static enum err is_current(struct manifest_job *j, const struct manifest_entry *e, bool *yes,
			   struct fail *f)
{
	char name[96];
	struct str key = {(const char *)e->uuid.b, sizeof(e->uuid.b)}, was;
	struct misp_event stored;
	uint64_t id;
	int64_t refused;
	TRY(intake_snapshot_next(&j->r->take, &j->snap, f));
	arena_reset(j->a);
	enum err err = store_find(j->snap.t, IX_EVENT_UUID, key, &id);
	if (err == ERR_OK)
		err = store_get(j->snap.t, T_EVENT, id, j->a, &stored);
	*yes = err == ERR_OK && e->timestamp && e->timestamp <= stored.timestamp;
	if (err != ERR_OK && err != ERR_NOENT)
		return fail(f, err, "looking up an event of the feed");
	if (!*yes && !j->r->o->again && uuid_is_nil(j->r->o->only) &&
	    store_kv_get(j->snap.t, refused_key(j->r, e->uuid, name), &was) == ERR_OK)
		*yes = str_i64(was, &refused) && refused == e->timestamp;
	return ERR_OK;
}

static enum err on_entry(void *user, const struct manifest_entry *e, struct fail *f)
{
	struct manifest_job *j = user;
	struct feed_run *r = j->r;
	bool current;
	if (!uuid_is_nil(r->o->only) && !uuid_eq(r->o->only, e->uuid))
		return ERR_OK;
	r->res->n.listed = ++r->take.progress.listed;
	if (!feed_rules_want(r->rules, e)) {
		r->res->filtered++;
		return ERR_OK;
	}
	TRY(is_current(j, e, &current, f));
	if (current) {
		r->res->n.current++;
		return ERR_OK;
	}
	return intake_add(&r->take, (struct intake_want){e->uuid, e->timestamp, false}, f);
}

static enum err manifest_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct manifest_job *j = user;
	j->r->res->n.bytes += n;
	if (intake_cancelled(&j->r->take))
		return fail(f, ERR_CANCELLED, "cancelled");
	return manifest_read_feed(j->m, p, n, f);
}

static enum err manifest_get(struct feed_run *r, struct fail *f)
{
	struct manifest_job j = {.r = r};
	j.m = manifest_read_new(on_entry, &j);
	j.a = arena_new(16u << 20);
	enum err e = j.m && j.a ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	struct feed_file file = {.name = "manifest.json",
				 .max = MANIFEST_MAX,
				 .conditional = true,
				 .data = manifest_data,
				 .user = &j};
	if (e == ERR_OK)
		e = feed_run_get(r, r->client, &file, f);
	if (e == ERR_OK && !r->res->not_modified)
		e = manifest_read_end(j.m, f);
	else if (e == ERR_NOENT)
		e = fail(f, ERR_PEER, "the feed has no manifest.json");
	manifest_read_free(j.m);
	arena_free(j.a);
	intake_snapshot_end(&j.snap);
	return e;
}

/* ---- events ---- */

/* The feed's tags, where the event lacks them. */
static enum err put_tags(const struct feed_run *r, struct misp_event *h, struct arena *a,
			 struct fail *f)
{
	struct misp_tagref *v = ARENA_ARRAY(a, struct misp_tagref, h->tags.n + r->tags.n + 1);
	uint32_t n = h->tags.n;
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for tags");
	if (n)
		memcpy(v, h->tags.v, n * sizeof(*v));
	LIST_EACH(t, r->tags, struct misp_tagref) {
		uint32_t i = 0;
		while (i < n && !str_eq_nocase(v[i].name, t->name))
			i++;
		if (i == n)
			v[n++] = *t;
	}
	h->tags = (struct entity_list){v, n};
	if (r->tags.n)
		ENTITY_SET_HAS(h, EVENT_F_tags);
	return ERR_OK;
}

/* What the row says goes over what the document says (sync-protocol.md 9.2, step 5). */
static enum err prepare(void *run, struct raw_event *raw, struct intake_signed *sig,
			struct admit_facts *facts, struct fail *f)
{
	const struct feed_run *r = run;
	(void)sig;
	struct misp_event *h = raw_head(raw);
	facts->kind = AUD_FEED;
	facts->wants_signature = true; /* and has none: what is protected here is not edited by it */
	facts->org_id = r->o->org_id;
	facts->default_event_distribution = DIST_ORG;
	facts->all_to_ids = r->row.force_to_ids;
	facts->no_to_ids = r->row.override_ids && !r->row.force_to_ids;
	if (r->row.distribution != DIST_INHERIT) {
		h->distribution = r->row.distribution;
		h->sharing_group_id = r->row.sharing_group_id;
		h->sharing_group = (struct entity_list){NULL, 0};
		facts->elements_inherit = true;
	} else if (!ENTITY_HAS(h, EVENT_F_distribution)) {
		h->distribution = DIST_ORG;
	}
	ENTITY_SET_HAS(h, EVENT_F_distribution);
	if (feed_rules_no_correlation(r->rules)) {
		h->disable_correlation = true;
		ENTITY_SET_HAS(h, EVENT_F_disable_correlation);
	}
	if (feed_rules_unpublish(r->rules))
		h->published = false;
	return put_tags(r, h, raw_arena(raw), f);
}

static enum err event_get(void *run, struct client *c, const struct intake_want *w,
			  intake_data_fn data, void *user, struct fail *f)
{
	const struct feed_run *r = run;
	char name[UUID_TEXT_LEN + 6], uuid[UUID_TEXT_LEN + 1];
	struct feed_file file = {
		.name = name,
		.max = r->o->max_event_bytes ? r->o->max_event_bytes : INTAKE_EVENT_MAX,
		.data = data,
		.user = user};
	snprintf(name, sizeof(name), "%s.json", uuid_format(w->uuid, uuid));
	return feed_run_get((struct feed_run *)run, c, &file, f);
}

static void event_note(void *run, const struct intake_want *w, enum err e,
		       const struct ingest_result *result, const struct fail *why)
{
	(void)why;
	if (intake_is_refusal(e) || (e == ERR_OK && result->outcome > INGEST_UPDATED))
		refused_note(run, w);
	if (e == ERR_OK)
		feed_run_file_done(run, w);
}

static const struct intake_source source = {
	.document = "file",
	.streams = true,
	.get = event_get,
	.prepare = prepare,
	.note = event_note,
};

/* ---- a run ---- */

static enum err misp_run(struct feed_run *r, struct fail *f)
{
	TRY(manifest_get(r, f));
	client_free(MOVE(r->client)); /* each thread has its own */
	r->take.client = r->local ? NULL : &r->opts;
	r->take.parallel = r->o->parallel ? r->o->parallel : r->local ? LOCAL_PARALLEL : 6;
	TRY(intake_run(&r->take, f));
	r->all_in = r->res->n.failed == 0;
	return ERR_OK;
}

static enum err run_all(struct feed_run *r, struct fail *f)
{
	TRY(feed_run_open(r, f));
	return r->is_values ? feed_values_run(r, f) : misp_run(r, f);
}

enum err feed_fetch_run(const struct feed_fetch_opts *o, struct feed_fetch_result *out,
			struct fail *f)
{
	struct feed_run r = {.o = o, .res = out, .dirfd = -1, .began_ms = clock_boot_ms()};
	struct fail mine = {0};
	*out = (struct feed_fetch_result){0};
	r.take = (struct intake){.source = &source,
				 .run = &r,
				 .in = o->in,
				 .origin = {.kind = ORIGIN_FEED, .id = o->feed_id},
				 .user_id = o->user_id,
				 .cancelled = o->cancelled,
				 .progress_fn = o->progress,
				 .problem_fn = o->problem,
				 .user = o->user,
				 .res = &out->n};
	intake_init(&r.take);
	enum err e = run_all(&r, &mine);
	intake_log(&r.take, "feed", o->feed_id, e);
	metric_add(M_FEED_FETCHES, e, 0, 1);
	metric_add(M_PEER_BYTES, METRIC_IN, 0, (int64_t)out->n.bytes);
	feed_run_note(&r, e, &mine);
	if (f)
		*f = mine;
	feed_run_close(&r);
	intake_done(&r.take);
	return e;
}

/* ---- looking only ---- */

static enum err keep_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct buf *b = user;
	buf_add(b, p, n);
	return buf_err(b) == ERR_OK ? ERR_OK : fail(f, buf_err(b), "the file is too long");
}

enum err feed_fetch_data(const struct feed_fetch_opts *o, const char *name, uint64_t max,
			 intake_data_fn data, void *user, struct fail *f)
{
	struct feed_fetch_result none = {0};
	struct feed_run r = {.o = o, .res = &none, .dirfd = -1};
	struct feed_file file = {.name = name, .max = max, .data = data, .user = user};
	enum err e = feed_run_open(&r, f);
	if (e == ERR_OK && !r.is_values != !name)
		e = feed_run_get(&r, r.client, &file, f);
	else if (e == ERR_OK)
		e = fail(f, ERR_UNSUPPORTED, "a feed in the format %s has no files to choose from",
			 log_val(r.row.source_format));
	feed_run_close(&r);
	return e;
}

enum err feed_fetch_file(const struct feed_fetch_opts *o, const char *name, struct buf *out,
			 struct fail *f)
{
	return feed_fetch_data(o, name, out->max, keep_data, out, f);
}

/* ---- in a thread ---- */

struct feed_fetch {
	struct feed_fetch_opts o;
	atomic_bool cancelled;
	feed_done_fn done;
	pthread_t thread;
};

static void *thread_main(void *arg)
{
	struct feed_fetch *ff = arg;
	struct fail f = {0};
	struct feed_fetch_result *res = calloc(1, sizeof(*res));
	enum err e = res ? feed_fetch_run(&ff->o, res, &f) : fail(&f, ERR_NOMEM, "no memory");
	if (ff->done)
		ff->done(ff->o.user, e, res, &f);
	free(res);
	return NULL;
}

enum err feed_fetch_start(const struct feed_fetch_opts *o, feed_done_fn done,
			  struct feed_fetch **out, struct fail *f)
{
	struct feed_fetch *ff = calloc(1, sizeof(*ff));
	*out = NULL;
	if (!ff)
		return fail(f, ERR_NOMEM, "no memory");
	ff->o = *o;
	ff->o.cancelled = &ff->cancelled;
	ff->done = done;
	int e = pthread_create(&ff->thread, NULL, thread_main, ff);
	if (e != 0) {
		free(ff);
		return fail_errno(f, ERR_NOMEM, e, "cannot start a thread");
	}
	*out = ff;
	return ERR_OK;
}

void feed_fetch_cancel(struct feed_fetch *ff)
{
	atomic_store(&ff->cancelled, true);
}

void feed_fetch_join(struct feed_fetch *ff)
{
	if (!ff)
		return;
	pthread_join(ff->thread, NULL);
	free(ff);
}
