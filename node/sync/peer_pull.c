/*
 * peer_pull.c - one pull: row, hello, index, and what is to be known of each event the next time.
 * The events themselves are taken in by intake.c.
 */
#include "sync/peer_pull.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/pack.h"
#include "sync/peer_index.h"
#include "sync/peer_rules.h"

#define INDEX_MAX (UINT64_C(1) << 30)
#define RETRIES_MAX 10000
/* Events of one run; the next one goes on. Bounds what a peer's index can make us remember. */
#define WANTED_MAX 1000000
/* Clocks of the peer's own machines may differ, and events are published while we ask. */
#define OVERLAP_S 900
/* Rights, sharing groups and embargoes let events appear that were published long ago. */
#define WHOLE_INDEX_EVERY_S 86400

struct run {
	const struct peer_pull_opts *o;
	struct peer_pull_result *res;
	struct arena *a; /* of the row */
	struct misp_peer row;
	struct uuid org; /* of the row's organisation */
	bool internal;
	char base[1100]; /* URL without slash at the end */
	struct client_opts client;
	char agent[100], auth[80];
	const char *header[4];
	int64_t asked_at; /* the peer's clock at the index, else ours */
	bool cut; /* there was more than WANTED_MAX: the cursor stays */
	struct intake take;
};

/* ---- the key ---- */

static struct str bond(uint64_t peer_id, char out[40])
{
	int n = snprintf(out, 40, "peer/%llu", (unsigned long long)peer_id);
	return (struct str){out, (size_t)n};
}

enum err peer_key_seal(const struct secret_key *k, uint64_t peer_id, struct str key,
		       struct buf *out, struct fail *f)
{
	char b[40];
	return secret_seal(k, key, bond(peer_id, b), out, f);
}

enum err peer_key_open(const struct secret_key *k, const struct misp_peer *row, struct buf *out,
		       struct fail *f)
{
	char b[40];
	return secret_open(k, row->key_sealed, bond(row->id, b), out, f);
}

/* ---- ROW ---- */

static enum err row_client(struct run *r, struct fail *f)
{
	OWN(buf) struct buf key = BUF(1000);
	const struct misp_peer *row = &r->row;
	TRY(peer_key_open(r->o->key, row, &key, f));
	snprintf(r->auth, sizeof(r->auth), "Authorization: %s", buf_cstr(&key));
	secret_wipe(key.p, key.n);
	snprintf(r->agent, sizeof(r->agent), "MISP 2.5.1 (tocsin/%s)",
		 r->o->node_version ? r->o->node_version : "");
	r->header[0] = r->auth;
	r->header[1] = "Accept: application/json";
	r->header[2] = "Content-Type: application/json";
	r->client = r->o->client;
	r->client.user_agent = r->agent;
	r->client.insecure = row->self_signed && !row->cert_file.n;
	if (row->cert_file.n)
		r->client.ca_file = arena_cstr(r->a, row->cert_file);
	if (row->client_cert_file.n)
		r->client.cert_file = r->client.key_file = arena_cstr(r->a, row->client_cert_file);
	if (row->skip_proxy)
		r->client.proxy = NULL;
	return ERR_OK;
}

static enum err row_read(struct run *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer row;
	struct misp_org org;
	TRY(store_read(r->o->in->store, &t, f));
	enum err e = store_get(t, T_PEER, r->o->peer_id, r->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "there is no peer %llu", (unsigned long long)r->o->peer_id);
	TRY(entity_copy(r->a, &desc_misp_peer, &row, &r->row));
	if (store_get(t, T_ORG, row.org_id, r->a, &org) != ERR_OK)
		return fail(f, ERR_CONFIG, "the peer's organisation %llu is gone",
			    (unsigned long long)row.org_id);
	r->org = org.uuid;
	r->internal = row.internal && row.org_id == r->o->in->host_org_id;
	struct str url = r->row.url;
	while (url.n > 1 && url.p[url.n - 1] == '/')
		url.n--;
	if (!url.n || url.n >= sizeof(r->base))
		return fail(f, ERR_INVAL, "the peer has no URL");
	snprintf(r->base, sizeof(r->base), "%.*s", STR_ARG(url));
	return row_client(r, f);
}

struct row_note {
	const struct run *r;
	enum err err;
	const char *text;
};

static enum err row_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct row_note *n = arg;
	struct misp_peer row;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_get(store_view(w), T_PEER, n->r->o->peer_id, a, &row);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e; /* removed meanwhile */
	row.last_try = clock_now();
	row.last_error = n->err == ERR_OK ? STR("") : str_c(n->text);
	row.failures = n->err == ERR_OK ? 0 : row.failures + 1;
	bool all = n->err == ERR_OK && !n->r->cut;
	if (all && n->r->asked_at)
		row.last_success = n->r->asked_at;
	TRY(store_put(w, T_PEER, row.id, &row, f));
	if (all && n->r->res->whole_index) {
		char key[60], now[24];
		int k = snprintf(key, sizeof(key), "peer/%llu/whole", (unsigned long long)row.id);
		snprintf(now, sizeof(now), "%lld", (long long)clock_now());
		return store_kv_put(w, (struct str){key, (size_t)k}, str_c(now), f);
	}
	return ERR_OK;
}

/* ---- notes: what was refused (and at which timestamp), what failed and is to be tried again ---- */

static struct str note_key(const struct run *r, const char *what, struct uuid u, char out[120])
{
	char uuid[UUID_TEXT_LEN + 1];
	int n = snprintf(out, 120, "peer/%llu/%s/%s", (unsigned long long)r->o->peer_id, what,
			 uuid_is_nil(u) ? "" : uuid_format(u, uuid));
	return (struct str){out, (size_t)n};
}

struct note {
	char refused[120], again[120];
	struct str refused_key, again_key;
	char timestamp[24];
	bool is_refused, is_again;
};

static enum err note_set(struct store_wtxn *w, struct str key, bool on, struct str value,
			 struct fail *f)
{
	struct str was;
	if (on)
		return store_kv_put(w, key, value, f);
	enum err e = store_kv_get(store_view(w), key, &was);
	return e == ERR_OK ? store_kv_del(w, key, f) : e == ERR_NOENT ? ERR_OK : e;
}

static enum err note_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct note *n = arg;
	struct str t = str_c(n->timestamp);
	TRY(note_set(w, n->refused_key, n->is_refused, t, f));
	return note_set(w, n->again_key, n->is_again, t, f);
}

static void note_event(const struct run *r, const struct intake_want *w, bool is_refused, bool is_again)
{
	struct note n = {.is_refused = is_refused, .is_again = is_again};
	struct fail f = {0};
	n.refused_key = note_key(r, "refused", w->uuid, n.refused);
	n.again_key = note_key(r, "again", w->uuid, n.again);
	snprintf(n.timestamp, sizeof(n.timestamp), "%lld", (long long)w->timestamp);
	if (store_run(r->o->in->store, note_write, &n, &f) != ERR_OK)
		log_warn("sync", "peer=%llu note not written: %s", (unsigned long long)r->o->peer_id,
			 f.text);
}

/* ---- HELLO ---- */

static enum err call(struct run *r, struct client *c, const char *path, struct str body,
		     uint64_t max, enum err (*data)(void *, const void *, size_t, struct fail *),
		     void (*header)(void *, struct str, struct str), void *user, struct fail *f)
{
	char url[1700];
	struct client_res res;
	if ((size_t)snprintf(url, sizeof(url), "%s%s", r->base, path) >= sizeof(url))
		return fail(f, ERR_INVAL, "the peer's URL is too long");
	struct client_req req = {.url = url,
				 .headers = r->header,
				 .n_headers = 3,
				 .body = body,
				 .max_bytes = max,
				 .cancelled = r->o->cancelled,
				 .data = data,
				 .header = header,
				 .user = user};
	return client_call(c, &req, &res, f);
}

static enum err to_buf(void *user, const void *p, size_t n, struct fail *f)
{
	struct buf *b = user;
	buf_add(b, p, n);
	return buf_err(b) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "the answer is too large");
}

static enum err hello(struct run *r, struct client *c, struct fail *f)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	r->take.progress.step = "hello";
	enum err e = call(r, c, "/servers/getVersion", STR_NONE, 1 << 20, to_buf, NULL, &b, f);
	if (e == ERR_AUTH)
		return fail(f, e, "the peer does not accept the API key");
	TRY(e);
	json_t *j = json_loadb(b.p ? b.p : "", b.n, 0, NULL);
	const char *version = json_string_value(json_object_get(j, "version"));
	snprintf(r->res->version, sizeof(r->res->version), "%s", version ? version : "");
	json_decref(j);
	return version ? ERR_OK : fail(f, ERR_PEER, "what answers is neither a MISP nor a tocsin");
}

/* ---- INDEX ---- */

struct index_job {
	struct run *r;
	struct intake_snapshot snap;
	struct arena *a;
	struct peer_index *x;
};

static enum err want(struct run *r, struct uuid u, int64_t timestamp, struct fail *f)
{
	if (r->take.n_wanted == WANTED_MAX) {
		r->cut = true;
		return ERR_OK;
	}
	return intake_add(&r->take, (struct intake_want){u, timestamp, timestamp == 0}, f);
}

static enum err is_blocked(const struct store_rtxn *t, uint8_t kind, struct uuid u, bool *yes)
{
	char key[17] = {(char)kind};
	uint64_t id;
	memcpy(key + 1, u.b, 16);
	enum err e = store_find(t, IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id);
	*yes |= e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* Is the event here, as new as there, or made here? Counts it then. (3.3) */
static enum err is_done_with(struct index_job *j, const struct peer_index_row *row, bool *yes)
{
	struct run *r = j->r;
	struct misp_event stored;
	uint64_t id;
	int64_t refused;
	char name[120];
	struct str was, key = {(const char *)row->uuid.b, sizeof(row->uuid.b)};
	enum err e = store_find(j->snap.t, IX_EVENT_UUID, key, &id);
	if (e == ERR_OK)
		e = store_get(j->snap.t, T_EVENT, id, j->a, &stored);
	if (e == ERR_OK && !stored.locked && !r->internal) {
		r->res->local++;
		*yes = true;
	} else if (e == ERR_OK && stored.timestamp >= row->timestamp) {
		r->res->n.current++;
		*yes = true;
	} else if (e == ERR_OK || e == ERR_NOENT) {
		e = store_kv_get(j->snap.t, note_key(r, "refused", row->uuid, name), &was);
		*yes = e == ERR_OK && !r->o->full && str_i64(was, &refused) &&
		       refused == row->timestamp;
		r->res->n.current += *yes;
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err on_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct index_job *j = user;
	struct run *r = j->r;
	bool blocked = false, done = false;
	r->res->n.listed = ++r->take.progress.listed;
	if (!row->published)
		return ERR_OK;
	TRY(intake_snapshot_next(&j->r->take, &j->snap, f));
	arena_reset(j->a);
	enum err e = is_blocked(j->snap.t, 0, row->uuid, &blocked);
	if (e == ERR_OK && !uuid_is_nil(row->orgc_uuid))
		e = is_blocked(j->snap.t, 1, row->orgc_uuid, &blocked);
	r->res->blocked += blocked;
	if (e == ERR_OK && !blocked)
		e = is_done_with(j, row, &done);
	if (e != ERR_OK)
		return fail(f, e, "looking up an event of the peer");
	return blocked || done ? ERR_OK : want(r, row->uuid, row->timestamp, f);
}

static enum err index_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct index_job *j = user;
	j->r->res->n.bytes += n;
	if (intake_cancelled(&j->r->take))
		return fail(f, ERR_CANCELLED, "cancelled");
	return peer_index_feed(j->x, p, n, f);
}

/* The cursor is in the peer's time, not ours. */
static void index_header(void *user, struct str name, struct str value)
{
	struct index_job *j = user;
	char text[64];
	struct tm tm = {0};
	if (!str_eq_nocase(name, STR("Date")) || value.n >= sizeof(text))
		return;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(value));
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		j->r->asked_at = clock_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
						  tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Everything, or what was published since the last success? */
static int64_t cursor(const struct run *r, const struct store_rtxn *t)
{
	char key[60];
	struct str was;
	int64_t whole = 0;
	int n = snprintf(key, sizeof(key), "peer/%llu/whole", (unsigned long long)r->o->peer_id);
	if (r->o->full || !r->row.last_success)
		return 0;
	if (store_kv_get(t, (struct str){key, (size_t)n}, &was) != ERR_OK || !str_i64(was, &whole) ||
	    whole + WHOLE_INDEX_EVERY_S < clock_now() || whole > clock_now())
		return 0;
	return MAX(r->row.last_success - OVERLAP_S, (int64_t)1);
}

static int by_uuid(const void *a, const void *b)
{
	const struct intake_want *x = a, *y = b;
	return memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

/* What failed before; marked where it is in the index as well. */
static enum err want_again(struct run *r, const struct store_rtxn *t, struct fail *f)
{
	char text[120];
	OWN(buf) struct buf key = BUF(300);
	struct str value, prefix = note_key(r, "again", (struct uuid){{0}}, text);
	struct uuid u;
	size_t listed = r->take.n_wanted;
	enum err e = ERR_OK;
	if (listed)
		qsort(r->take.wanted, listed, sizeof(*r->take.wanted), by_uuid);
	for (unsigned i = 0; i < RETRIES_MAX; i++) {
		e = store_kv_next(t, prefix, &key, &value);
		if (e != ERR_OK)
			break;
		if (!uuid_parse(str_sub(buf_str(&key), prefix.n, key.n), &u))
			continue;
		struct intake_want one = {.uuid = u}, *known = NULL;
		if (listed)
			known = bsearch(&one, r->take.wanted, listed, sizeof(one), by_uuid);
		if (known)
			known->again = true;
		else
			TRY(want(r, u, 0, f));
	}
	return e == ERR_NOENT || e == ERR_OK ? ERR_OK : fail(f, e, "reading what failed before");
}

static enum err index_get(struct run *r, struct client *c, struct fail *f)
{
	struct index_job j = {.r = r};
	OWN(buf) struct buf body = BUF(1 << 20);
	r->take.progress.step = "index";
	r->asked_at = clock_now();
	TRY(intake_snapshot_next(&r->take, &j.snap, f));
	int64_t since = cursor(r, j.snap.t);
	r->res->whole_index = since == 0;
	j.x = peer_index_new(on_row, &j);
	j.a = arena_new(16u << 20);
	enum err e = j.x && j.a ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = peer_rules_body(r->row.pull_rules, since, &body, f);
	if (e == ERR_OK)
		e = call(r, c, "/events/index", buf_str(&body), INDEX_MAX, index_data, index_header, &j,
			 f);
	if (e == ERR_OK)
		e = peer_index_end(j.x, f);
	if (e == ERR_NOENT)
		e = fail(f, ERR_PEER, "the peer has no index of events");
	if (e == ERR_OK)
		e = want_again(r, j.snap.t, f);
	peer_index_free(j.x);
	arena_free(j.a);
	intake_snapshot_end(&j.snap);
	return e;
}

/* ---- EVENTS ---- */

static enum err prepare(void *run, struct raw_event *raw, struct admit_facts *facts,
			struct fail *f)
{
	const struct run *r = run;
	/* no signature can be checked yet, so none is believed (3.6) */
	if (raw_head(raw)->is_protected)
		return fail(f, ERR_BLOCKED, "protected events are not taken yet");
	facts->kind = AUD_PEER;
	facts->org_id = r->row.org_id;
	facts->org = r->org;
	facts->pull = true;
	facts->internal_link = r->internal;
	facts->default_event_distribution = DIST_COMMUNITY;
	return ERR_OK;
}

static enum err event_get(void *run, struct client *c, const struct intake_want *w,
			  intake_data_fn data, void *user, struct fail *f)
{
	struct run *r = run;
	char path[400], uuid[UUID_TEXT_LEN + 1];
	uint64_t max = r->o->max_event_bytes ? r->o->max_event_bytes : INTAKE_EVENT_MAX;
	snprintf(path, sizeof(path),
		 "/events/view/%s/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/"
		 "includeFeedCorrelations:0/includeWarninglistHits:0%s",
		 uuid_format(w->uuid, uuid), r->internal ? "" : "/excludeLocalTags:1");
	return call(r, c, path, STR_NONE, max, data, NULL, user, f);
}

/* What is to be known of an event the next time. */
static void event_note(void *run, const struct intake_want *w, enum err e,
		       const struct ingest_result *result)
{
	bool refused = intake_is_refusal(e) ||
		       (e == ERR_OK && result->outcome == INGEST_REFUSED);
	bool gone = e == ERR_NOENT; /* no longer there, or no longer for us */
	bool again = e != ERR_OK && !refused && !gone && !intake_stops_all(e);
	if (refused || again || w->again)
		note_event(run, w, refused && w->timestamp, again);
}

static const struct intake_source source = {
	.document = "answer",
	.gone_after = 10,
	.get = event_get,
	.prepare = prepare,
	.note = event_note,
};

/* ---- a run ---- */

static enum err run_all(struct run *r, bool only_hello, struct fail *f)
{
	OWN(client) struct client *c = NULL;
	TRY(row_read(r, f));
	TRY(client_new(&r->client, &c, f));
	TRY(hello(r, c, f));
	if (only_hello)
		return ERR_OK;
	if (uuid_is_nil(r->o->only))
		TRY(index_get(r, c, f));
	else
		TRY(want(r, r->o->only, 0, f));
	client_free(MOVE(c)); /* each thread has its own */
	r->take.progress.step = "events";
	return intake_run(&r->take, f);
}

static void run_init(struct run *r, const struct peer_pull_opts *o, struct peer_pull_result *out)
{
	*out = (struct peer_pull_result){0};
	*r = (struct run){.o = o, .res = out, .a = arena_new(1u << 20)};
	r->take = (struct intake){.source = &source,
				  .run = r,
				  .in = o->in,
				  .client = &r->client,
				  .origin = {.kind = ORIGIN_PEER, .id = o->peer_id},
				  .user_id = o->user_id,
				  .parallel = o->parallel ? o->parallel : 4,
				  .cancelled = o->cancelled,
				  .progress_fn = o->progress,
				  .problem_fn = o->problem,
				  .user = o->user,
				  .res = &out->n,
				  .progress = {.step = "row"}};
	intake_init(&r->take);
}

static void run_free(struct run *r)
{
	secret_wipe(r->auth, sizeof(r->auth));
	arena_free(r->a);
	intake_done(&r->take);
}

enum err peer_pull_run(const struct peer_pull_opts *o, struct peer_pull_result *out,
		       struct fail *f)
{
	struct run r;
	struct fail mine = {0}, ignored = {0};
	run_init(&r, o, out);
	enum err e = r.a ? run_all(&r, false, &mine) : fail(&mine, ERR_NOMEM, "no memory");
	intake_log(&r.take, "peer", o->peer_id, e);
	struct row_note note = {&r, e, mine.text};
	if (e != ERR_NOENT && store_run(o->in->store, row_write, &note, &ignored) != ERR_OK)
		log_warn("sync", "peer=%llu state not written: %s",
			 (unsigned long long)o->peer_id, ignored.text);
	if (f)
		*f = mine;
	run_free(&r);
	return e;
}

enum err peer_hello(const struct peer_pull_opts *o, struct peer_pull_result *out, struct fail *f)
{
	struct run r;
	run_init(&r, o, out);
	enum err e = r.a ? run_all(&r, true, f) : fail(f, ERR_NOMEM, "no memory");
	run_free(&r);
	return e;
}
