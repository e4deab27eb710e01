/*
 * feed_fetch.c - one run of a feed: row, manifest, and what the row says over each event. The
 * events themselves are taken in by intake.c.
 */
#include "sync/feed_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "feeds/in/manifest.h"
#include "feeds/in/rules.h"
#include "metrics/metrics.h"
#include "model/pack.h"

#define MANIFEST_MAX (UINT64_C(1) << 30)

struct run {
	const struct feed_fetch_opts *o;
	struct feed_fetch_result *res;
	struct arena *a; /* of the row */
	struct misp_feed row;
	struct misp_tagref tag; /* put on every event; name absent: none */
	struct feed_rules *rules;
	bool local;
	char base[2000]; /* URL or folder, without slash at the end */
	char etag[256]; /* of the manifest that was read */
	const char *header[32]; /* lines of the row */
	size_t n_headers;
	int dirfd;
	struct intake take;
};

/* ---- the row ---- */

static enum err row_headers(struct run *r, struct fail *f)
{
	struct str rest = r->row.headers, line;
	static const char *const ours[] = {"Accept: application/json, text/plain, text/*"};
	r->header[r->n_headers++] = ours[0];
	while (rest.n && r->n_headers < ARRAY_LEN(r->header)) {
		rest = str_split(rest, '\n', &line);
		line = str_trim(line);
		if (str_chr(line, ':') <= 0)
			continue;
		r->header[r->n_headers] = arena_cstr(r->a, line);
		if (!r->header[r->n_headers++])
			return fail(f, ERR_NOMEM, "no memory");
	}
	return ERR_OK;
}

static enum err row_tag(struct run *r, const struct store_rtxn *t, struct fail *f)
{
	struct misp_tag tag;
	if (!r->row.tag_id)
		return ERR_OK;
	enum err e = store_get(t, T_TAG, r->row.tag_id, r->a, &tag);
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "the feed's tag");
	r->tag = (struct misp_tagref){.name = arena_str(r->a, tag.name),
				      .colour = arena_str(r->a, tag.colour),
				      .exportable = tag.exportable};
	return r->tag.name.p ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static enum err row_read(struct run *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed row;
	TRY(store_read(r->o->in->store, &t, f));
	enum err e = store_get(t, T_FEED, r->o->feed_id, r->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "there is no feed %llu", (unsigned long long)r->o->feed_id);
	TRY(entity_copy(r->a, &desc_misp_feed, &row, &r->row));
	if (!r->row.enabled && !r->o->disabled_too)
		return fail(f, ERR_PERM, "the feed is not enabled");
	if (r->row.source_format.n && !str_is(r->row.source_format, "misp"))
		return fail(f, ERR_UNSUPPORTED, "feeds in the format %s are not read yet",
			    log_val(r->row.source_format));
	r->local = str_is(r->row.input_source, "local") || str_has_prefix(r->row.url, STR("/"));
	struct str url = r->row.url;
	if (str_has_suffix(url, STR("manifest.json")))
		url.n -= 13;
	while (url.n > 1 && url.p[url.n - 1] == '/')
		url.n--;
	if (!url.n || url.n >= sizeof(r->base))
		return fail(f, ERR_INVAL, "the feed has no URL or folder");
	snprintf(r->base, sizeof(r->base), "%.*s", STR_ARG(url));
	TRY(row_headers(r, f));
	TRY(row_tag(r, t, f));
	return feed_rules_new(r->row.rules, r->row.settings, &r->rules, f);
}

struct row_note {
	const struct run *r;
	enum err err;
	const char *text;
	bool all_in;
};

static enum err row_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct row_note *n = arg;
	struct misp_feed row;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_get(store_view(w), T_FEED, n->r->o->feed_id, a, &row);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e; /* removed meanwhile */
	row.last_try = clock_now();
	row.last_error = n->err == ERR_OK ? STR("") : str_c(n->text);
	if (n->err == ERR_OK)
		row.last_success = row.last_try;
	if (n->err == ERR_OK && !n->r->res->not_modified)
		row.manifest_etag = n->all_in && uuid_is_nil(n->r->o->only) ? str_c(n->r->etag) : STR("");
	return store_put(w, T_FEED, row.id, &row, f);
}

/* ---- refused before ---- */

/* "feed/<id>/<uuid>" -> timestamp of the manifest at which the event was refused. */
static struct str refused_key(const struct run *r, struct uuid u, char out[96])
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

static void refused_note(const struct run *r, const struct intake_want *w)
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
	struct run *r;
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
	struct run *r = j->r;
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

static enum err file_read(const struct run *r, const char *name, uint64_t max, intake_data_fn data,
			  void *user, struct fail *f)
{
	char chunk[16384]; /* cleared for each file */
	ssize_t n;
	uint64_t total = 0;
	OWN(fd) int fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail_errno(f, errno == ENOENT ? ERR_NOENT : ERR_IO, errno, "cannot read %s",
				  name);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		total += (uint64_t)n;
		if (total > max)
			return fail(f, ERR_LIMIT, "%s is larger than %llu bytes", name,
				    (unsigned long long)max);
		TRY(data(user, chunk, (size_t)n, f));
	}
	return n == 0 ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot read %s", name);
}

/* One file of the feed, from wherever it is. */
static enum err feed_get(const struct run *r, struct client *c, const char *name, uint64_t max,
			 const char *etag, intake_data_fn data, void *user, struct client_res *res,
			 struct fail *f)
{
	char url[2200];
	*res = (struct client_res){0};
	if (r->local)
		return file_read(r, name, max, data, user, f);
	snprintf(url, sizeof(url), "%s/%s", r->base, name);
	struct client_req req = {.url = url,
				 .headers = r->header,
				 .n_headers = r->n_headers,
				 .etag = etag,
				 .max_bytes = max,
				 .cancelled = r->o->cancelled,
				 .data = data,
				 .user = user};
	return client_call(c, &req, res, f);
}

static enum err manifest_get(struct run *r, struct client *c, struct fail *f)
{
	struct manifest_job j = {.r = r};
	struct client_res res;
	char etag[256] = "";
	if (!r->o->again && uuid_is_nil(r->o->only) && r->row.manifest_etag.n < sizeof(etag))
		snprintf(etag, sizeof(etag), "%.*s", STR_ARG(r->row.manifest_etag));
	j.m = manifest_read_new(on_entry, &j);
	j.a = arena_new(16u << 20);
	enum err e = j.m && j.a ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = feed_get(r, c, "manifest.json", MANIFEST_MAX, etag, manifest_data, &j, &res, f);
	if (e == ERR_OK && res.status == 304)
		r->res->not_modified = true;
	else if (e == ERR_OK)
		e = manifest_read_end(j.m, f);
	if (e == ERR_OK)
		snprintf(r->etag, sizeof(r->etag), "%s", res.etag);
	else if (e == ERR_NOENT)
		e = fail(f, ERR_PEER, "the feed has no manifest.json");
	manifest_read_free(j.m);
	arena_free(j.a);
	intake_snapshot_end(&j.snap);
	return e;
}

/* ---- events ---- */

/* What the row says goes over what the document says (sync-protocol.md 9.2, step 5). */
static enum err prepare(void *run, struct raw_event *raw, struct intake_signed *sig,
			struct admit_facts *facts, struct fail *f)
{
	const struct run *r = run;
	(void)sig;
	struct misp_event *h = raw_head(raw);
	struct arena *a = raw_arena(raw);
	facts->kind = AUD_FEED;
	facts->wants_signature = true; /* and has none: what is protected here is not edited by it */
	facts->org_id = r->o->org_id;
	facts->default_event_distribution = DIST_ORG;
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
	if (!r->tag.name.p)
		return ERR_OK;
	LIST_EACH(t, h->tags, struct misp_tagref)
		if (str_eq_nocase(t->name, r->tag.name))
			return ERR_OK;
	struct misp_tagref *v = ARENA_ARRAY(a, struct misp_tagref, h->tags.n + 1);
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for tags");
	if (h->tags.n)
		memcpy(v, h->tags.v, h->tags.n * sizeof(*v));
	v[h->tags.n] = r->tag;
	h->tags = (struct entity_list){v, h->tags.n + 1};
	ENTITY_SET_HAS(h, EVENT_F_tags);
	return ERR_OK;
}

static enum err event_get(void *run, struct client *c, const struct intake_want *w,
			  intake_data_fn data, void *user, struct fail *f)
{
	const struct run *r = run;
	struct client_res res;
	char name[UUID_TEXT_LEN + 6], uuid[UUID_TEXT_LEN + 1];
	uint64_t max = r->o->max_event_bytes ? r->o->max_event_bytes : INTAKE_EVENT_MAX;
	snprintf(name, sizeof(name), "%s.json", uuid_format(w->uuid, uuid));
	return feed_get(r, c, name, max, NULL, data, user, &res, f);
}

static void event_note(void *run, const struct intake_want *w, enum err e,
		       const struct ingest_result *result, const struct fail *why)
{
	(void)why;
	if (intake_is_refusal(e) || (e == ERR_OK && result->outcome > INGEST_UPDATED))
		refused_note(run, w);
}

static const struct intake_source source = {
	.document = "file",
	.get = event_get,
	.prepare = prepare,
	.note = event_note,
};

/* ---- a run ---- */

/* The row, and what its files are reached by. */
static enum err run_open(struct run *r, struct client **c, struct fail *f)
{
	TRY(row_read(r, f));
	if (!r->local)
		return client_new(&r->o->client, c, f);
	r->dirfd = open(r->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->dirfd >= 0 ? ERR_OK
			     : fail_errno(f, ERR_IO, errno, "cannot open the folder %s", r->base);
}

static enum err run_all(struct run *r, struct fail *f)
{
	OWN(client) struct client *c = NULL;
	TRY(run_open(r, &c, f));
	TRY(manifest_get(r, c, f));
	client_free(MOVE(c)); /* each thread has its own */
	r->take.client = r->local ? NULL : &r->o->client;
	/* more of them also share more commits: 1,600 small events/s with one, 7,500 with 16 */
	r->take.parallel = r->o->parallel ? r->o->parallel : r->local ? INTAKE_PARALLEL_MAX : 6;
	return intake_run(&r->take, f);
}

enum err feed_fetch_run(const struct feed_fetch_opts *o, struct feed_fetch_result *out,
			struct fail *f)
{
	struct run r = {.o = o, .res = out, .dirfd = -1};
	struct fail mine = {0}, ignored = {0};
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
	r.a = arena_new(1u << 20);
	enum err e = r.a ? run_all(&r, &mine) : fail(&mine, ERR_NOMEM, "no memory");
	intake_log(&r.take, "feed", o->feed_id, e);
	metric_add(M_FEED_FETCHES, e, 0, 1);
	metric_add(M_PEER_BYTES, METRIC_IN, 0, (int64_t)out->n.bytes);
	struct row_note note = {&r, e, mine.text, out->n.failed == 0};
	if (e != ERR_NOENT && store_run(o->in->store, row_write, &note, &ignored) != ERR_OK)
		log_warn("sync", "feed=%llu state not written: %s",
			 (unsigned long long)o->feed_id, ignored.text);
	if (f)
		*f = mine;
	feed_rules_free(r.rules);
	arena_free(r.a);
	if (r.dirfd >= 0)
		close(r.dirfd);
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
	OWN(client) struct client *c = NULL;
	struct feed_fetch_result none = {0};
	struct run r = {.o = o, .res = &none, .dirfd = -1};
	struct client_res res;
	r.a = arena_new(1u << 20);
	enum err e = r.a ? run_open(&r, &c, f) : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = feed_get(&r, c, name, max, NULL, data, user, &res, f);
	feed_rules_free(r.rules);
	arena_free(r.a);
	if (r.dirfd >= 0)
		close(r.dirfd);
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
