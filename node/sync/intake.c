/*
 * intake.c - a few threads take events from one list; each fetches and parses one event at a time,
 * straight from the socket into the reader, and merges it, or hands it to a stream and goes on.
 */
#include "sync/intake.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "ingest/quarantine.h"
#include "model/pack.h"

#define RESULT_ARENA (64u << 20)
#define SNAPSHOT_ROWS 10000
#define SIGNATURE_TEXT_MAX (64u << 10)

void intake_init(struct intake *i)
{
	pthread_mutex_init(&i->lock, NULL);
}

void intake_done(struct intake *i)
{
	free(i->wanted);
	pthread_mutex_destroy(&i->lock);
}

enum err intake_add(struct intake *i, struct intake_want w, struct fail *f)
{
	if (i->n_wanted == i->cap) {
		size_t cap = i->cap ? i->cap * 2 : 256;
		struct intake_want *v = reallocarray(i->wanted, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		i->wanted = v;
		i->cap = cap;
	}
	i->wanted[i->n_wanted++] = w;
	i->progress.total = i->n_wanted;
	return ERR_OK;
}

enum err intake_snapshot_next(const struct intake *i, struct intake_snapshot *s, struct fail *f)
{
	if (s->t && s->since_open++ < SNAPSHOT_ROWS)
		return ERR_OK;
	intake_snapshot_end(s);
	s->since_open = 0;
	return store_read(i->in->store, &s->t, f);
}

void intake_snapshot_end(struct intake_snapshot *s)
{
	if (s->t)
		store_read_end(MOVE(s->t));
}

/* ---- one event ---- */

/* Several events of one thread on their way to the disk, told of in order. */
struct lane {
	struct intake *i;
	struct ingest_stream *stream; /* NULL: one at a time */
	struct sent {
		const struct intake_want *w;
		uint64_t bytes;
	} sent[2 * INGEST_STREAM_MAX];
	size_t head, tail;
};

struct event_job {
	struct intake *i;
	struct lane *lane;
	const struct intake_want *w;
	struct json_read *j;
	struct raw_event *raw; /* once the document has come */
	struct intake_signed sig;
	struct hash_ctx *digest; /* of the bytes as they came, for the origin */
	uint64_t bytes;
	struct ingest_result result;
	bool sent; /* the stream tells what came of it */
};

static void on_landed(void *user, enum err e, const struct ingest_result *res,
		      const struct fail *why)
{
	struct lane *l = user;
	const struct sent *s = &l->sent[l->head++ % ARRAY_LEN(l->sent)];
	intake_account(l->i, s->w, s->bytes, e, res, why);
}

static void event_send(struct event_job *ev, struct raw_event *raw, const struct origin *o,
		       const struct admit_facts *facts)
{
	struct lane *l = ev->lane;
	l->sent[l->tail++ % ARRAY_LEN(l->sent)] = (struct sent){ev->w, ev->bytes};
	ev->sent = true;
	ingest_stream_add(l->stream, raw, o, facts);
	ingest_stream_poll(l->stream);
}

struct admit_facts intake_facts(const struct intake *i)
{
	return (struct admit_facts){
		.user_id = i->user_id,
		.perm_sync = true,
		.perm_publish = true,
		.perm_tagger = true,
		.perm_tag_editor = true,
		.perm_sharing_group = true,
		.default_attr_distribution = DIST_INHERIT,
		.now = clock_now(),
	};
}

static enum err on_document(void *user, struct raw_event *doc, struct fail *f)
{
	struct event_job *ev = user;
	if (ev->raw) {
		raw_free(doc);
		return fail(f, ERR_INVAL, "the %s holds several events", ev->i->source->document);
	}
	ev->raw = doc;
	return ERR_OK;
}

/* Not before the last byte has come: a signature is over all of them. */
static enum err event_merge(struct event_job *ev, struct fail *f)
{
	struct intake *i = ev->i;
	OWN(raw) struct raw_event *raw = MOVE(ev->raw);
	struct origin origin = i->origin;
	const struct misp_event *h = raw_head(raw);
	struct admit_facts facts = intake_facts(i);
	struct sha256 digest = hash_end(MOVE(ev->digest));
	origin.time = facts.now;
	memcpy(origin.digest, digest.b, sizeof(origin.digest));
	if (!ENTITY_HAS(h, EVENT_F_uuid) || !uuid_eq(h->uuid, ev->w->uuid))
		return fail(f, ERR_INVAL, "the %s holds another event", i->source->document);
	TRY(i->source->prepare(i->run, raw, &ev->sig, &facts, f));
	if (ev->lane->stream) {
		event_send(ev, MOVE(raw), &origin, &facts);
		return ERR_OK;
	}
	OWN(arena) struct arena *a = arena_new(RESULT_ARENA);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = ingest_event_merge(i->in, &raw, &origin, &facts, a, &ev->result, f);
	ev->result.ids = NULL; /* they die with the arena */
	ev->result.problems = NULL;
	return e;
}

void intake_header(void *user, struct str name, struct str value)
{
	struct event_job *ev = user;
	if (!str_eq_nocase(name, STR("x-pgp-signature")))
		return;
	buf_clear(&ev->sig.text);
	buf_str_add(&ev->sig.text, value);
}

/* Errors are kept for when the signature is asked for. */
static void spool_signed(struct event_job *ev, const void *p, size_t n)
{
	struct intake_signed *s = &ev->sig;
	if (!s->text.n || s->err != ERR_OK)
		return;
	if (!s->bytes)
		s->err = pgp_spool_new(ev->i->in->spool_dir, INTAKE_EVENT_MAX, true, &s->bytes,
				       &s->why);
	if (s->err == ERR_OK)
		s->err = pgp_spool_add(s->bytes, (struct str){p, n}, &s->why);
}

static enum err event_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct event_job *ev = user;
	ev->bytes += n;
	if (intake_cancelled(ev->i))
		return fail(f, ERR_CANCELLED, "cancelled");
	spool_signed(ev, p, n);
	hash_add(ev->digest, p, n);
	return json_read_feed(ev->j, p, n, f);
}

static enum err event_take(struct event_job *ev, struct client *c, struct fail *f)
{
	struct intake *i = ev->i;
	struct json_read_opts jo = {.root = RAW_EVENT,
				    .spool_dir = i->in->spool_dir,
				    .keep_source = ingest_keeps_source(i->in)};
	OWN(json_read) struct json_read *j = json_read_new(&jo, on_document, ev);
	if (!j)
		return fail(f, ERR_NOMEM, "no memory");
	ev->j = j;
	TRY(i->source->get(i->run, c, ev->w, event_data, ev, f));
	TRY(json_read_end(j, f));
	if (!ev->raw)
		return fail(f, ERR_PARSE, "the %s holds no event", i->source->document);
	return event_merge(ev, f);
}

static enum err event_get(struct event_job *ev, struct client *c, struct fail *f)
{
	ev->sig.text = BUF(SIGNATURE_TEXT_MAX);
	ev->digest = hash_begin();
	enum err e = ev->digest ? event_take(ev, c, f) : fail(f, ERR_NOMEM, "no memory");
	hash_abort(ev->digest);
	raw_free(ev->raw);
	pgp_spool_free(ev->sig.bytes);
	buf_free(&ev->sig.text);
	return e;
}

/* ---- the account, under the lock ---- */

/* So many in a row: it is gone or turns us away, there is no use in asking it for the rest. */
static bool source_is_gone(struct intake *i, enum err e)
{
	bool bad = e == ERR_NET || e == ERR_TIMEOUT || e == ERR_AUTH;
	i->in_a_row = bad ? i->in_a_row + 1 : 0;
	return i->source->gone_after && i->in_a_row >= i->source->gone_after;
}

static void problem_add(struct intake *i, struct uuid u, enum err e, const struct fail *f)
{
	struct intake_problem p = {.uuid = u, .err = e};
	snprintf(p.text, sizeof(p.text), "%.200s", f->text[0] ? f->text : err_text(e));
	if (f->line)
		snprintf(p.text + strlen(p.text), sizeof(p.text) - strlen(p.text),
			 " (line %u, column %u)", f->line, f->column);
	if (i->res->n_problems < INTAKE_PROBLEMS_MAX)
		i->res->problems[i->res->n_problems++] = p;
	if (i->problem_fn)
		i->problem_fn(i->user, &p);
}

static void event_count(struct intake *i, const struct intake_want *w, uint64_t bytes, enum err e,
			const struct ingest_result *result, const struct fail *f)
{
	struct intake_result *res = i->res;
	res->bytes += bytes;
	i->progress.bytes = res->bytes;
	if (e == ERR_OK) {
		res->added += result->outcome == INGEST_ADDED;
		res->updated += result->outcome == INGEST_UPDATED;
		res->unchanged += result->outcome == INGEST_UNCHANGED;
		res->refused += result->outcome == INGEST_REFUSED;
		res->attributes += result->added + result->updated;
	} else if (e != ERR_CANCELLED) {
		bool refused = intake_is_refusal(e) || (e == ERR_NOENT && i->source->may_go);
		res->refused += refused;
		res->failed += !refused;
		i->progress.failed = res->failed;
		problem_add(i, w->uuid, e, f);
	}
	if ((intake_stops_all(e) || source_is_gone(i, e)) && i->stop == ERR_OK) {
		i->stop = e;
		snprintf(i->stop_text, sizeof(i->stop_text), "%.250s", f->text);
	}
	i->progress.done++;
	if (i->progress_fn)
		i->progress_fn(i->user, &i->progress);
}

void intake_account(struct intake *i, const struct intake_want *w, uint64_t bytes, enum err e,
		    const struct ingest_result *result, const struct fail *why)
{
	i->source->note(i->run, w, e, result, why);
	pthread_mutex_lock(&i->lock);
	event_count(i, w, bytes, e, result, why);
	pthread_mutex_unlock(&i->lock);
}

/* ---- all of them ---- */

static const struct intake_want *take_next(struct intake *i)
{
	const struct intake_want *w = NULL;
	pthread_mutex_lock(&i->lock);
	if (i->stop == ERR_OK && !intake_cancelled(i) && i->next < i->n_wanted)
		w = &i->wanted[i->next++];
	pthread_mutex_unlock(&i->lock);
	return w;
}

static void *work(void *arg)
{
	struct intake *i = arg;
	OWN(client) struct client *c = NULL;
	struct fail f = {0};
	const struct intake_want *w;
	struct lane l = {.i = i};
	enum err e = i->client ? client_new(i->client, &c, &f) : ERR_OK;
	/* without memory for one it goes slower */
	if (i->source->streams && e == ERR_OK)
		l.stream = ingest_stream_new(i->in, on_landed, &l);
	while (e == ERR_OK && (w = take_next(i))) {
		struct event_job ev = {.i = i, .lane = &l, .w = w};
		struct fail problem = {0};
		enum err got = event_get(&ev, c, &problem);
		if (!ev.sent)
			intake_account(i, w, ev.bytes, got, &ev.result, &problem);
	}
	if (l.stream)
		ingest_stream_end(l.stream);
	ingest_stream_free(l.stream);
	return NULL;
}

enum err intake_run(struct intake *i, struct fail *f)
{
	pthread_t threads[INTAKE_PARALLEL_MAX];
	unsigned many = MIN(i->parallel, (unsigned)INTAKE_PARALLEL_MAX), n = 0;
	if (i->progress_fn)
		i->progress_fn(i->user, &i->progress);
	if (!i->n_wanted)
		return ERR_OK;
	many = (unsigned)MIN((size_t)many, i->n_wanted);
	/* this thread is one of them */
	while (n + 1 < many && pthread_create(&threads[n], NULL, work, i) == 0)
		n++;
	work(i);
	for (unsigned k = 0; k < n; k++)
		pthread_join(threads[k], NULL);
	if (intake_cancelled(i))
		return fail(f, ERR_CANCELLED, "cancelled");
	return i->stop == ERR_OK ? ERR_OK : fail(f, i->stop, "%s", i->stop_text);
}

void intake_log(const struct intake *i, const char *what, uint64_t id, enum err e)
{
	const struct intake_result *res = i->res;
	log_info("sync",
		 "%s=%llu result=%s listed=%llu current=%llu added=%llu updated=%llu refused=%llu "
		 "failed=%llu bytes=%llu",
		 what, (unsigned long long)id, err_name(e), (unsigned long long)res->listed,
		 (unsigned long long)res->current, (unsigned long long)res->added,
		 (unsigned long long)res->updated, (unsigned long long)res->refused,
		 (unsigned long long)res->failed, (unsigned long long)res->bytes);
}
