/*
 * peer_pull.c - one pull: hello, index, events. A few threads each fetch, parse and merge one event
 * at a time, straight from the socket into the reader.
 */
#include "sync/peer_pull.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/pack.h"
#include "sync/peer_index.h"
#include "sync/peer_rules.h"

#define PARALLEL_MAX 16
#define EVENT_MAX (UINT64_C(1) << 30)
#define INDEX_MAX (UINT64_C(1) << 30)
#define RESULT_ARENA (64u << 20)
#define RETRIES_MAX 10000
/* Events of one run; the next one goes on. Bounds what a peer's index can make us remember. */
#define WANTED_MAX 1000000
/* Clocks of the peer's own machines may differ, and events are published while we ask. */
#define OVERLAP_S 900
/* Rights, sharing groups and embargoes let events appear that were published long ago. */
#define WHOLE_INDEX_EVERY_S 86400

struct wanted {
	struct uuid uuid;
	int64_t timestamp; /* 0: unknown, not in the index */
	bool again; /* it failed before, which is noted */
};

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
	struct wanted *wanted;
	size_t n_wanted, cap;
	bool cut; /* there was more than WANTED_MAX: the cursor stays */
	/* shared by the threads */
	pthread_mutex_t lock;
	size_t next;
	struct peer_progress progress;
	enum err stop; /* store or peer fail: no use in going on */
	char stop_text[256];
	unsigned in_a_row; /* network failures */
};

static const char *const step_names[] = {"row", "hello", "index", "events", "done"};

const char *peer_step_name(enum peer_step s)
{
	return step_names[s];
}

static bool cancelled(const struct run *r)
{
	return r->o->cancelled && atomic_load(r->o->cancelled);
}

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

static void note_event(const struct run *r, const struct wanted *w, bool is_refused, bool is_again)
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
	r->progress.step = PEER_HELLO;
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
	struct store_rtxn *t;
	struct arena *a;
	struct peer_index *x;
	uint64_t since_open;
};

static enum err want(struct run *r, struct uuid u, int64_t timestamp, struct fail *f)
{
	if (r->n_wanted == WANTED_MAX) {
		r->cut = true;
		return ERR_OK;
	}
	if (r->n_wanted == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;
		struct wanted *v = reallocarray(r->wanted, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		r->wanted = v;
		r->cap = cap;
	}
	r->wanted[r->n_wanted++] = (struct wanted){u, timestamp, timestamp == 0};
	r->progress.total = r->n_wanted;
	return ERR_OK;
}

/* A long index over a slow line must not hold a snapshot: a new one now and then. */
static enum err index_snapshot(struct index_job *j, struct fail *f)
{
	if (j->t && j->since_open++ < 10000)
		return ERR_OK;
	if (j->t)
		store_read_end(MOVE(j->t));
	j->since_open = 0;
	return store_read(j->r->o->in->store, &j->t, f);
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
	enum err e = store_find(j->t, IX_EVENT_UUID, key, &id);
	if (e == ERR_OK)
		e = store_get(j->t, T_EVENT, id, j->a, &stored);
	if (e == ERR_OK && !stored.locked && !r->internal) {
		r->res->local++;
		*yes = true;
	} else if (e == ERR_OK && stored.timestamp >= row->timestamp) {
		r->res->current++;
		*yes = true;
	} else if (e == ERR_OK || e == ERR_NOENT) {
		e = store_kv_get(j->t, note_key(r, "refused", row->uuid, name), &was);
		*yes = e == ERR_OK && !r->o->full && str_i64(was, &refused) &&
		       refused == row->timestamp;
		r->res->current += *yes;
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err on_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct index_job *j = user;
	struct run *r = j->r;
	bool blocked = false, done = false;
	r->res->listed = ++r->progress.listed;
	if (!row->published)
		return ERR_OK;
	TRY(index_snapshot(j, f));
	arena_reset(j->a);
	enum err e = is_blocked(j->t, 0, row->uuid, &blocked);
	if (e == ERR_OK && !uuid_is_nil(row->orgc_uuid))
		e = is_blocked(j->t, 1, row->orgc_uuid, &blocked);
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
	j->r->res->bytes += n;
	if (cancelled(j->r))
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
	const struct wanted *x = a, *y = b;
	return memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

/* What failed before; marked where it is in the index as well. */
static enum err want_again(struct run *r, const struct store_rtxn *t, struct fail *f)
{
	char text[120];
	OWN(buf) struct buf key = BUF(300);
	struct str value, prefix = note_key(r, "again", (struct uuid){{0}}, text);
	struct uuid u;
	size_t listed = r->n_wanted;
	enum err e = ERR_OK;
	if (listed)
		qsort(r->wanted, listed, sizeof(*r->wanted), by_uuid);
	for (unsigned i = 0; i < RETRIES_MAX; i++) {
		e = store_kv_next(t, prefix, &key, &value);
		if (e != ERR_OK)
			break;
		if (!uuid_parse(str_sub(buf_str(&key), prefix.n, key.n), &u))
			continue;
		struct wanted one = {.uuid = u}, *known = NULL;
		if (listed)
			known = bsearch(&one, r->wanted, listed, sizeof(one), by_uuid);
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
	r->progress.step = PEER_INDEX;
	r->asked_at = clock_now();
	TRY(store_read(r->o->in->store, &j.t, f));
	int64_t since = cursor(r, j.t);
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
		e = want_again(r, j.t, f);
	peer_index_free(j.x);
	arena_free(j.a);
	if (j.t)
		store_read_end(j.t);
	return e;
}

/* ---- EVENTS ---- */

struct event_job {
	struct run *r;
	const struct wanted *w;
	struct json_read *j;
	bool seen; /* the document has come */
	uint64_t bytes;
	struct ingest_result result;
};

static struct admit_facts facts_of(const struct run *r, int64_t now)
{
	return (struct admit_facts){
		.kind = AUD_PEER,
		.org_id = r->row.org_id,
		.user_id = r->o->user_id,
		.org = r->org,
		.perm_sync = true,
		.perm_publish = true,
		.perm_tagger = true,
		.perm_tag_editor = true,
		.pull = true,
		.internal_link = r->internal,
		.default_event_distribution = DIST_COMMUNITY,
		.default_attr_distribution = DIST_INHERIT,
		.now = now,
	};
}

static enum err on_document(void *user, struct raw_event *doc, struct fail *f)
{
	struct event_job *ev = user;
	const struct run *r = ev->r;
	OWN(raw) struct raw_event *raw = doc;
	OWN(arena) struct arena *a = arena_new(RESULT_ARENA);
	struct origin origin = {.kind = ORIGIN_PEER, .id = r->o->peer_id, .time = clock_now()};
	struct admit_facts facts = facts_of(r, origin.time);
	const struct misp_event *h = raw_head(raw);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (ev->seen)
		return fail(f, ERR_INVAL, "the answer holds several events");
	ev->seen = true;
	if (!ENTITY_HAS(h, EVENT_F_uuid) || !uuid_eq(h->uuid, ev->w->uuid))
		return fail(f, ERR_INVAL, "the answer holds another event");
	/* no signature can be checked yet, so none is believed (3.6) */
	if (h->is_protected)
		return fail(f, ERR_BLOCKED, "protected events are not taken yet");
	enum err e = ingest_event_merge(r->o->in, &raw, &origin, &facts, a, &ev->result, f);
	ev->result.ids = NULL; /* they die with the arena */
	ev->result.problems = NULL;
	return e;
}

static enum err event_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct event_job *ev = user;
	ev->bytes += n;
	if (cancelled(ev->r))
		return fail(f, ERR_CANCELLED, "cancelled");
	return json_read_feed(ev->j, p, n, f);
}

static enum err event_get(struct event_job *ev, struct client *c, struct fail *f)
{
	struct run *r = ev->r;
	struct json_read_opts jo = {.root = RAW_EVENT, .spool_dir = r->o->in->spool_dir};
	char path[400], uuid[UUID_TEXT_LEN + 1];
	OWN(json_read) struct json_read *j = json_read_new(&jo, on_document, ev);
	if (!j)
		return fail(f, ERR_NOMEM, "no memory");
	ev->j = j;
	snprintf(path, sizeof(path),
		 "/events/view/%s/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/"
		 "includeFeedCorrelations:0/includeWarninglistHits:0%s",
		 uuid_format(ev->w->uuid, uuid), r->internal ? "" : "/excludeLocalTags:1");
	TRY(call(r, c, path, STR_NONE, r->o->max_event_bytes ? r->o->max_event_bytes : EVENT_MAX,
		 event_data, NULL, ev, f));
	TRY(json_read_end(j, f));
	return ev->seen ? ERR_OK : fail(f, ERR_PARSE, "the answer holds no event");
}

static bool is_refusal(enum err e)
{
	return e == ERR_STALE || e == ERR_BLOCKED || e == ERR_PERM;
}

static bool stops_all(enum err e)
{
	return e == ERR_STORE || e == ERR_FULL || e == ERR_CORRUPT || e == ERR_CANCELLED;
}

/* Ten in a row: the peer is gone or turns us away, there is no use in asking it for the rest. */
#define NET_FAILURES 10

static bool peer_is_gone(struct run *r, enum err e)
{
	bool bad = e == ERR_NET || e == ERR_TIMEOUT || e == ERR_AUTH;
	r->in_a_row = bad ? r->in_a_row + 1 : 0;
	return r->in_a_row >= NET_FAILURES;
}

static void problem_add(struct run *r, struct uuid u, enum err e, const struct fail *f)
{
	struct peer_problem p = {.uuid = u, .err = e};
	snprintf(p.text, sizeof(p.text), "%.200s", f->text[0] ? f->text : err_text(e));
	if (f->line)
		snprintf(p.text + strlen(p.text), sizeof(p.text) - strlen(p.text),
			 " (line %u, column %u)", f->line, f->column);
	if (r->res->n_problems < PEER_PROBLEMS_MAX)
		r->res->problems[r->res->n_problems++] = p;
	if (r->o->problem)
		r->o->problem(r->o->user, &p);
}

/* Under the lock. */
static void event_count(struct run *r, const struct event_job *ev, enum err e, const struct fail *f)
{
	struct peer_pull_result *res = r->res;
	res->bytes += ev->bytes;
	r->progress.bytes = res->bytes;
	if (e == ERR_OK) {
		res->added += ev->result.outcome == INGEST_ADDED;
		res->updated += ev->result.outcome == INGEST_UPDATED;
		res->unchanged += ev->result.outcome == INGEST_UNCHANGED;
		res->refused += ev->result.outcome == INGEST_REFUSED;
		res->attributes += ev->result.added + ev->result.updated;
	} else if (e != ERR_CANCELLED) {
		res->refused += is_refusal(e);
		res->failed += !is_refusal(e);
		r->progress.failed = res->failed;
		problem_add(r, ev->w->uuid, e, f);
	}
	if ((stops_all(e) || peer_is_gone(r, e)) && r->stop == ERR_OK) {
		r->stop = e;
		snprintf(r->stop_text, sizeof(r->stop_text), "%.250s", f->text);
	}
	r->progress.done++;
	if (r->o->progress)
		r->o->progress(r->o->user, &r->progress);
}

/* What is to be known of an event the next time. */
static void event_note(struct run *r, const struct event_job *ev, enum err e)
{
	const struct wanted *w = ev->w;
	bool refused = is_refusal(e) || (e == ERR_OK && ev->result.outcome == INGEST_REFUSED);
	bool gone = e == ERR_NOENT; /* no longer there, or no longer for us */
	bool again = e != ERR_OK && !refused && !gone && !stops_all(e);
	if (refused || again || w->again)
		note_event(r, w, refused && w->timestamp, again);
}

static const struct wanted *take_next(struct run *r)
{
	const struct wanted *w = NULL;
	pthread_mutex_lock(&r->lock);
	if (r->stop == ERR_OK && !cancelled(r) && r->next < r->n_wanted)
		w = &r->wanted[r->next++];
	pthread_mutex_unlock(&r->lock);
	return w;
}

static void *work(void *arg)
{
	struct run *r = arg;
	OWN(client) struct client *c = NULL;
	struct fail f = {0};
	const struct wanted *w;
	enum err e = client_new(&r->client, &c, &f);
	while (e == ERR_OK && (w = take_next(r))) {
		struct event_job ev = {.r = r, .w = w};
		struct fail problem = {0};
		enum err got = event_get(&ev, c, &problem);
		event_note(r, &ev, got);
		pthread_mutex_lock(&r->lock);
		event_count(r, &ev, got, &problem);
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

static enum err events_get(struct run *r, struct fail *f)
{
	pthread_t threads[PARALLEL_MAX];
	unsigned many = r->o->parallel ? MIN(r->o->parallel, PARALLEL_MAX) : 4, n = 0;
	r->progress.step = PEER_EVENTS;
	if (r->o->progress)
		r->o->progress(r->o->user, &r->progress);
	if (!r->n_wanted)
		return ERR_OK;
	many = (unsigned)MIN((size_t)many, r->n_wanted);
	/* this thread is one of them */
	while (n + 1 < many && pthread_create(&threads[n], NULL, work, r) == 0)
		n++;
	work(r);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (cancelled(r))
		return fail(f, ERR_CANCELLED, "cancelled");
	return r->stop == ERR_OK ? ERR_OK : fail(f, r->stop, "%s", r->stop_text);
}

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
	TRY(events_get(r, f));
	r->progress.step = PEER_DONE;
	return ERR_OK;
}

static void run_free(struct run *r)
{
	secret_wipe(r->auth, sizeof(r->auth));
	free(r->wanted);
	arena_free(r->a);
	pthread_mutex_destroy(&r->lock);
}

enum err peer_pull_run(const struct peer_pull_opts *o, struct peer_pull_result *out,
		       struct fail *f)
{
	struct run r = {.o = o, .res = out};
	struct fail mine = {0}, ignored = {0};
	*out = (struct peer_pull_result){0};
	pthread_mutex_init(&r.lock, NULL);
	r.a = arena_new(1u << 20);
	enum err e = r.a ? run_all(&r, false, &mine) : fail(&mine, ERR_NOMEM, "no memory");
	log_info("sync",
		 "peer=%llu result=%s listed=%llu current=%llu added=%llu updated=%llu refused=%llu "
		 "failed=%llu bytes=%llu",
		 (unsigned long long)o->peer_id, err_name(e), (unsigned long long)out->listed,
		 (unsigned long long)out->current, (unsigned long long)out->added,
		 (unsigned long long)out->updated, (unsigned long long)out->refused,
		 (unsigned long long)out->failed, (unsigned long long)out->bytes);
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
	struct run r = {.o = o, .res = out};
	*out = (struct peer_pull_result){0};
	pthread_mutex_init(&r.lock, NULL);
	r.a = arena_new(1u << 20);
	enum err e = r.a ? run_all(&r, true, f) : fail(f, ERR_NOMEM, "no memory");
	run_free(&r);
	return e;
}
