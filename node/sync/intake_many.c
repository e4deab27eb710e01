/*
 * intake_many.c - many events of one answer, read as it comes: the next one is parsed while those
 * before it wait for the disk. An answer that breaks loses nothing: what did not come is asked for one
 * by one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "ingest/quarantine.h"
#include "sync/intake.h"

/* Of one answer: enough that the request does not count, few enough to begin anew without pain. */
#define MANY 1000

struct many {
	struct intake *i;
	struct intake_want *first; /* of this answer, by UUID */
	size_t n;
	struct json_read *reader;
	struct ingest_stream *stream;
	/* in the stream, in order; what it tells comes in the same order */
	struct intake_want *fifo[MANY];
	size_t head, tail;
	uint64_t bytes, told; /* read, and booked to events */
	/* the digest of the event at hand, for its origin */
	struct hash_ctx *digest;
	const uint8_t *chunk; /* that is being read */
	uint64_t chunk_at; /* its place in the answer */
	uint64_t hashed; /* of the answer, up to here */
};

static int by_uuid(const void *a, const void *b)
{
	const struct intake_want *x = a, *y = b;
	return memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

static void account(struct many *m, struct intake_want *w, enum err e,
		    const struct ingest_result *res, const struct fail *why)
{
	w->done = true;
	intake_account(m->i, w, m->bytes - m->told, e, res, why);
	m->told = m->bytes;
}

static void on_done(void *user, enum err e, const struct ingest_result *res, const struct fail *why)
{
	struct many *m = user;
	account(m, m->fifo[m->head++ % MANY], e, res, why);
}

/* Hash what of the event at hand stands in this chunk. */
static void hash_event(struct many *m)
{
	uint64_t from, to;
	if (!json_read_place(m->reader, &from, &to))
		return;
	from = MAX(from, MAX(m->hashed, m->chunk_at));
	if (!m->digest)
		m->digest = hash_begin();
	if (to > from)
		hash_add(m->digest, m->chunk + (from - m->chunk_at), to - from);
	m->hashed = MAX(to, m->hashed);
}

static enum err on_event(void *user, struct raw_event *doc, struct fail *f)
{
	struct many *m = user;
	struct intake *i = m->i;
	OWN(raw) struct raw_event *raw = doc;
	struct admit_facts facts = intake_facts(i);
	struct origin origin = i->origin;
	struct ingest_result none = {0};
	struct fail why = {0};
	struct intake_want key = {.uuid = raw_head(raw)->uuid}, *w;
	hash_event(m);
	struct sha256 digest = hash_end(MOVE(m->digest));
	memcpy(origin.digest, digest.b, sizeof(origin.digest));
	origin.time = facts.now;
	w = bsearch(&key, m->first, m->n, sizeof(key), by_uuid);
	if (!w || w->done)
		return fail(f, ERR_PEER, "an event comes that was not asked for, or twice");
	struct intake_signed none_signed = {0}; /* protected events come one by one */
	enum err e = i->source->prepare(i->run, raw, &none_signed, &facts, &why);
	if (e != ERR_OK) {
		account(m, w, e, &none, &why);
		return ERR_OK;
	}
	w->done = true; /* not twice */
	m->fifo[m->tail++ % MANY] = w;
	ingest_stream_add(m->stream, MOVE(raw), &origin, &facts);
	return i->stop == ERR_OK ? ERR_OK : fail(f, i->stop, "%s", i->stop_text);
}

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct many *m = user;
	m->chunk = p;
	m->chunk_at = m->bytes;
	m->bytes += n;
	if (intake_cancelled(m->i))
		return fail(f, ERR_CANCELLED, "cancelled");
	enum err e = json_read_feed(m->reader, p, n, f);
	hash_event(m);
	return e;
}

static enum err answer(struct many *m, struct client *c, struct fail *f)
{
	struct intake *i = m->i;
	struct json_read_opts o = {.root = RAW_EVENT,
				   .spool_dir = i->in->spool_dir,
				   .keep_source = ingest_keeps_source(i->in),
				   .many = true};
	m->reader = json_read_new(&o, on_event, m);
	if (!m->reader)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = i->source->get_many(i->run, c, m->first, m->n, on_data, m, f);
	if (e == ERR_OK)
		e = json_read_end(m->reader, f);
	json_read_free(m->reader);
	hash_abort(MOVE(m->digest));
	ingest_stream_end(m->stream);
	return e;
}

static void keep_rest(struct intake *i)
{
	size_t n = 0;
	for (size_t k = 0; k < i->n_wanted; k++)
		if (!i->wanted[k].done)
			i->wanted[n++] = i->wanted[k];
	i->n_wanted = n;
}

enum err intake_run_many(struct intake *i, struct fail *f)
{
	OWN(client) struct client *c = NULL;
	struct many *m = calloc(1, sizeof(*m));
	enum err e = m ? client_new(i->client, &c, f) : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK && i->n_wanted)
		qsort(i->wanted, i->n_wanted, sizeof(*i->wanted), by_uuid);
	for (size_t at = 0; e == ERR_OK && at < i->n_wanted; at += MANY) {
		*m = (struct many){.i = i, .first = i->wanted + at, .n = MIN(i->n_wanted - at, (size_t)MANY)};
		m->stream = ingest_stream_new(i->in, on_done, m);
		e = m->stream ? answer(m, c, f) : fail(f, ERR_NOMEM, "no memory");
		ingest_stream_free(m->stream);
	}
	free(m);
	if (i->stop != ERR_OK)
		e = fail(f, i->stop, "%s", i->stop_text);
	keep_rest(i);
	if (e != ERR_OK)
		log_warn("sync", "many at once: err=%s detail=%s rest=%zu", err_name(e),
			 log_val(str_c(f->text)), i->n_wanted);
	/* a broken answer: the rest one by one, each with a reason of its own */
	return e == ERR_OK || intake_stops_all(e) || i->stop != ERR_OK ? e : ERR_OK;
}
