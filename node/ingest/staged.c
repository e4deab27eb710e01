/*
 * staged.c - big documents: written in jobs of bounded size under a body that no event names yet,
 * and named by one last small job (design section 5). The next step is prepared while the writer
 * puts the one before. A stage that is not finished is deleted at the next start. An edit stages
 * the whole new version: what is there is copied, the document is merged into the copy, and the
 * event is pointed at it.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/ctx.h"
#include "model/pack.h"

/* Elements a job of a stage writes: about 8 MiB of records. */
#define STAGE_STEP 8192
#define EDIT_TRIES 5

/* ---- UUIDs that references name: the index knows nothing of a stage ---- */

static int note_order(const void *a, const void *b)
{
	const struct ingest_note *x = a, *y = b;
	return uuid_cmp(x->uuid, y->uuid);
}

struct ingest_note *ingest_note_find(struct ingest_ctx *c, struct uuid u)
{
	struct ingest_note key = {.uuid = u};
	if (!c->n_notes)
		return NULL;
	return bsearch(&key, c->notes, c->n_notes, sizeof(key), note_order);
}

static void notes_sort(struct ingest_ctx *c)
{
	uint32_t n = 0;
	qsort(c->notes, c->n_notes, sizeof(*c->notes), note_order);
	for (uint32_t i = 0; i < c->n_notes; i++)
		if (!n || !uuid_eq(c->notes[n - 1].uuid, c->notes[i].uuid))
			c->notes[n++] = c->notes[i];
	c->n_notes = n;
}

/* Collect what the references point to and from. */
static enum err notes_collect(struct ingest_ctx *c, struct fail *f)
{
	struct raw_event *raw = admitted_raw(c->adm);
	uint64_t refs = raw_count(raw, EL_REF);
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(raw);
	OWN(arena) struct arena *a = arena_new(64u << 20);
	struct element e;
	enum err err = ERR_OK;
	if (!refs)
		return ERR_OK;
	c->notes = calloc(refs * 2, sizeof(*c->notes));
	if (!cur || !a || !c->notes)
		return fail(f, ERR_NOMEM, "no memory for %llu references", (unsigned long long)refs);
	while (err == ERR_OK) {
		arena_reset(a);
		err = raw_next(cur, a, &e, f);
		if (err != ERR_OK || e.kind != EL_REF || c->n_notes + 2 > refs * 2)
			continue;
		c->notes[c->n_notes++].uuid = e.ref.referenced_uuid;
		c->notes[c->n_notes++].uuid =
			uuid_is_nil(e.ref.source_uuid) ? e.ref.object_uuid : e.ref.source_uuid;
	}
	notes_sort(c);
	return err == ERR_NOENT ? ERR_OK : err;
}

/* ---- writing a stage ---- */

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

static enum err run_pass(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct ingest_job *j = arg;
	struct ingest_ctx *c = j->c;
	ingest_snap_back(c, &j->before);
	if (j->first) {
		TRY(ingest_head_begin(c, w, j->arena, f));
		TRY(store_stage_new(w, &c->event.body, f));
	}
	return ingest_pass_put(c, w, j->kinds, f);
}

static enum err run_drop(struct store_wtxn *w, void *arg, struct fail *f)
{
	const uint64_t *body = arg;
	TRY(store_body_drop(w, *body, f));
	return store_stage_release(w, *body, f);
}

static void stage_drop(struct ingest_ctx *c)
{
	uint64_t body = c->event.body;
	struct fail f = {0};
	if (body && store_run(c->env->store, run_drop, &body, &f) != ERR_OK)
		log_warn("ingest", "stage not dropped, left for the next start");
}

/* A context of its own for what is prepared: the job at hand changes the other one. */
struct ahead {
	struct ingest_ctx c;
	struct ingest_result out;
	struct arena *arena; /* of `out` */
};

static enum err ahead_init(struct ahead *h, const struct ingest_ctx *c, struct fail *f)
{
	h->arena = arena_new(64u << 20);
	ingest_ctx_init(&h->c, c->env, c->adm, c->facts, h->arena, &h->out);
	h->c.adding = c->adding;
	h->c.break_repeats = c->break_repeats;
	return h->arena ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static void ahead_free(struct ahead *h)
{
	ingest_ctx_free(&h->c);
	arena_free(h->arena);
}

/* What is prepared is next, with what was found to be wrong with it. No job is at work. */
static void ahead_take(struct ahead *h, struct ingest_ctx *c)
{
	struct arena *used = c->arena;
	c->arena = h->c.arena;
	h->c.arena = used;
	c->els = h->c.els;
	c->index_of = h->c.index_of;
	c->n = h->c.n;
	c->has_vuln |= h->c.has_vuln;
	c->out->refused += h->out.refused - h->out.n_problems;
	for (uint32_t i = 0; i < h->out.n_problems; i++) {
		struct ingest_problem p = h->out.problems[i];
		uint32_t n = c->out->n_problems;
		ingest_ctx_problem(c, p.index, p.errors.p);
		if (c->out->n_problems == n)
			continue;
		p.errors = c->out->problems[n].errors;
		p.relation = arena_str(c->out_arena, p.relation);
		c->out->problems[n] = p;
	}
	for (size_t i = 0; i < h->c.objects.cap; i++) {
		const struct ordmap_slot *o = &h->c.objects.v[i];
		struct ordmap_slot *to = o->refused ? ingest_ordmap_at(&c->objects, o->ordinal, true) : NULL;
		if (to)
			to->refused = true;
	}
	ingest_ordmap_free(&h->c.objects);
	h->out = (struct ingest_result){0};
	arena_reset(h->arena);
}

struct landing {
	sem_t sem;
	enum err err;
	struct fail why;
};

static void on_landed(void *arg, enum err e, const struct fail *why)
{
	struct landing *l = ((struct ingest_job *)arg)->user;
	l->err = e;
	l->why = *why;
	sem_post(&l->sem);
}

/* Put what is prepared; meanwhile prepare the next step, if there is one. */
static enum err put_and_prepare(struct ingest_ctx *c, struct ingest_job *j, struct ahead *h,
				struct raw_cursor *cur, bool *end, struct fail *f)
{
	struct landing l = {.err = ERR_OK};
	enum err e = ERR_OK;
	sem_init(&l.sem, 0, 0);
	j->user = &l;
	ingest_job_begin(c, j);
	enum err sent = store_submit(c->env->store, run_pass, on_landed, j);
	if (sent == ERR_OK && !*end)
		e = ingest_ctx_prepare(&h->c, cur, j->kinds, STAGE_STEP, end, f);
	else if (sent != ERR_OK)
		e = fail(f, sent, "the store takes no jobs");
	while (sent == ERR_OK && sem_wait(&l.sem) && errno == EINTR)
		;
	sem_destroy(&l.sem);
	if (sent == ERR_OK && l.err == ERR_OK)
		j->first = false;
	if (l.err != ERR_OK && f)
		*f = l.why;
	return l.err != ERR_OK ? l.err : e;
}

static enum err one_pass(struct ingest_ctx *c, struct ingest_job *j, struct ahead *h, unsigned kinds,
			 struct fail *f)
{
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(admitted_raw(c->adm));
	bool end = false, last = false;
	if (!cur)
		return fail(f, ERR_NOMEM, "no memory");
	j->kinds = kinds;
	TRY(ingest_ctx_prepare(&h->c, cur, kinds, STAGE_STEP, &end, f));
	while (!last) {
		last = end;
		ahead_take(h, c);
		if (c->n || j->first)
			TRY(put_and_prepare(c, j, h, cur, &end, f));
		else if (!end)
			TRY(ingest_ctx_prepare(&h->c, cur, kinds, STAGE_STEP, &end, f));
	}
	return ERR_OK;
}

static enum err passes_with(struct ingest_ctx *c, struct ingest_job *j, struct ahead *h, struct fail *f)
{
	struct raw_event *raw = admitted_raw(c->adm);
	for (size_t i = 0; i < INGEST_PASSES; i++) {
		bool any = j->first;
		for (unsigned k = 0; k < EL_COUNT; k++)
			any |= (ingest_passes[i] & KIND(k)) && raw_count(raw, k);
		if (any)
			TRY(one_pass(c, j, h, ingest_passes[i], f));
	}
	c->n = 0;
	return ERR_OK;
}

static enum err all_passes(struct ingest_ctx *c, struct ingest_job *j, struct fail *f)
{
	struct ahead h;
	enum err e = ahead_init(&h, c, f);
	if (e == ERR_OK)
		e = passes_with(c, j, &h, f);
	ahead_free(&h);
	return e;
}

/* ---- adding ---- */

static enum err run_add_last(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct ingest_job *j = arg;
	struct ingest_ctx *c = j->c;
	uint64_t id;
	ingest_snap_back(c, &j->before);
	/* somebody may have added it while this was being staged */
	if (store_find(store_view(w), IX_EVENT_UUID, uuid_key(&c->event.uuid), &id) == ERR_OK) {
		c->out->event_id = id;
		return fail(f, ERR_EXISTS, "event exists");
	}
	TRY(ingest_head_end(c, w, f));
	return store_stage_release(w, c->event.body, f);
}

enum err ingest_add_staged(struct ingest_ctx *c, struct arena *a, struct fail *f)
{
	struct ingest_job j = {.arena = a, .first = true};
	c->staged = true;
	TRY(notes_collect(c, f));
	enum err e = all_passes(c, &j, f);
	if (e == ERR_OK)
		e = ingest_step(c, &j, run_add_last, f);
	if (e != ERR_OK && !j.first)
		stage_drop(c);
	return e;
}

/* ---- editing ---- */

static const enum element_kind copied[] = {EL_ATTR,   EL_OBJECT,   EL_REF,
					   EL_REPORT, EL_PROPOSAL, EL_SIGHTING};

struct copy {
	struct ingest_ctx *c;
	struct misp_event head; /* as it was when copying began */
	uint64_t id, from, to; /* event, bodies */
	unsigned kind; /* of copied[] */
	struct el_key at;
	struct arena *arena;
};

static enum err run_stage_new(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct copy *cp = arg;
	enum err e = store_get(store_view(w), T_EVENT, cp->id, cp->arena, &cp->head);
	if (e != ERR_OK)
		return fail(f, e, "Invalid event");
	TRY(entity_copy(cp->arena, &desc_misp_event, &cp->head, &cp->head));
	cp->from = cp->head.body;
	return store_stage_new(w, &cp->to, f);
}

/* As many elements as fit into one transaction; goes on where the last job ended. */
static enum err run_copy(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct copy *cp = arg, now = *cp;
	struct element row;
	while (now.kind < ARRAY_LEN(copied)) {
		enum element_kind k = copied[now.kind];
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		struct el_key key;
		enum err e = ERR_OK;
		now.at.body = cp->from;
		TRY(store_el_iter_new(store_view(w), k, now.at, false, &it));
		while (!store_txn_full(w)) {
			arena_reset(now.c->arena);
			e = store_el_iter_next(it, now.c->arena, &key, &row.head);
			if (e != ERR_OK)
				break;
			struct el_key to = {cp->to, key.parent, key.id};
			TRY(store_el_put(w, now.c->adm, k, to, &row.head, f));
			now.at = key;
			now.at.id++;
		}
		if (e == ERR_OK)
			break; /* full */
		if (e != ERR_NOENT)
			return fail(f, e, "copying elements");
		now.kind++;
		now.at = (struct el_key){0};
	}
	/* only this job's own place: it is set again when the job is run again */
	cp->c->copy_kind = now.kind;
	cp->c->copy_at = now.at;
	return ERR_OK;
}

static enum err copy_body(struct ingest_ctx *c, struct copy *cp, struct fail *f)
{
	if (!c->arena)
		c->arena = arena_new(64u << 20);
	if (!c->arena)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_run(c->env->store, run_stage_new, cp, f));
	while (cp->kind < ARRAY_LEN(copied)) {
		TRY(store_run(c->env->store, run_copy, cp, f));
		cp->kind = c->copy_kind;
		cp->at = c->copy_at;
	}
	return ERR_OK;
}

static bool head_same(const struct misp_event *a, const struct misp_event *b)
{
	OWN(buf) struct buf x = BUF(1 << 20), y = BUF(1 << 20);
	pack_entity(&x, &desc_misp_event, a, PACK_STORE);
	pack_entity(&y, &desc_misp_event, b, PACK_STORE);
	return str_eq(buf_str(&x), buf_str(&y));
}

struct last {
	struct ingest_job j; /* first */
	const struct copy *cp;
};

static enum err run_edit_last(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct last *l = arg;
	struct ingest_ctx *c = l->j.c;
	struct misp_event staged = l->j.before.event, now;
	ingest_snap_back(c, &l->j.before);
	TRY(store_get(store_view(w), T_EVENT, l->cp->id, l->j.arena, &now));
	if (!head_same(&now, &l->cp->head))
		return fail(f, ERR_AGAIN, "the event was changed meanwhile");
	TRY(ingest_edit_head(c, w, l->cp->id, l->j.arena, f));
	/* what the merge has counted, and where it is */
	c->event.body = staged.body;
	c->event.attribute_count = staged.attribute_count;
	c->event.attribute_total = staged.attribute_total;
	c->event.object_count = staged.object_count;
	c->event.ref_count = staged.ref_count;
	c->event.report_count = staged.report_count;
	c->event.proposal_count = staged.proposal_count;
	c->event.sighting_count = staged.sighting_count;
	c->event.sighting_timestamp = staged.sighting_timestamp;
	TRY(ingest_edit_end(c, w, f));
	TRY(store_stage_release(w, staged.body, f));
	return store_body_drop(w, l->cp->from, f);
}

static enum err edit_once(struct ingest_ctx *c, uint64_t id, struct arena *a, struct fail *f)
{
	struct copy cp = {.c = c, .id = id, .arena = a};
	TRY(copy_body(c, &cp, f));
	c->event = cp.head;
	c->event.body = cp.to;
	struct ingest_job j = {.arena = a};
	enum err e = all_passes(c, &j, f);
	struct last l = {.j = {.arena = a}, .cp = &cp};
	if (e == ERR_OK)
		e = ingest_step(c, &l.j, run_edit_last, f);
	if (e != ERR_OK) {
		c->event.body = cp.to;
		stage_drop(c);
	}
	return e;
}

enum err ingest_edit_staged(struct ingest_ctx *c, struct arena *a, struct fail *f)
{
	uint64_t id = c->event.id;
	struct ingest_result before = *c->out;
	enum err e = ERR_AGAIN;
	c->staged = true;
	TRY(notes_collect(c, f));
	for (unsigned i = 0; i < EDIT_TRIES && e == ERR_AGAIN; i++) {
		*c->out = before;
		e = edit_once(c, id, a, f);
	}
	return e;
}
