/*
 * ctx.c - the shared state of one ingest: maps of a document's ordinals, problems, results.
 */
#include "ingest/ctx.h"

#include <stdlib.h>

#include "base/hash.h"

#define PROBLEMS_MAX 1000
#define IDS_MAX 1000

static size_t ordmap_place(const struct ordmap *m, uint32_t ordinal)
{
	size_t i = (ordinal * UINT32_C(2654435761)) & (m->cap - 1);
	while (m->v[i].ordinal && m->v[i].ordinal != ordinal)
		i = (i + 1) & (m->cap - 1);
	return i;
}

static bool ordmap_grow(struct ordmap *m)
{
	struct ordmap old = *m;
	m->cap = old.cap ? old.cap * 2 : 64;
	m->v = calloc(m->cap, sizeof(*m->v));
	if (!m->v) {
		*m = old;
		return false;
	}
	for (size_t i = 0; i < old.cap; i++)
		if (old.v[i].ordinal)
			m->v[ordmap_place(m, old.v[i].ordinal)] = old.v[i];
	free(old.v);
	return true;
}

struct ordmap_slot *ingest_ordmap_at(struct ordmap *m, uint32_t ordinal, bool make)
{
	if (ordinal == 0)
		return NULL;
	if (m->cap) {
		struct ordmap_slot *s = &m->v[ordmap_place(m, ordinal)];
		if (s->ordinal)
			return s;
	}
	if (!make || (m->n * 4 >= m->cap * 3 && !ordmap_grow(m)))
		return NULL;
	struct ordmap_slot *s = &m->v[ordmap_place(m, ordinal)];
	*s = (struct ordmap_slot){.ordinal = ordinal};
	m->n++;
	return s;
}

void ingest_ordmap_free(struct ordmap *m)
{
	free(m->v);
	*m = (struct ordmap){0};
}

static bool seen_grow(struct seen *s)
{
	struct seen old = *s;
	s->cap = old.cap ? old.cap * 2 : 256;
	s->v = calloc(s->cap, sizeof(*s->v));
	if (!s->v) {
		*s = old;
		return false;
	}
	for (size_t i = 0; i < old.cap; i++) {
		if (!old.v[i])
			continue;
		size_t k = old.v[i] & (s->cap - 1);
		while (s->v[k])
			k = (k + 1) & (s->cap - 1);
		s->v[k] = old.v[i];
	}
	free(old.v);
	return true;
}

bool ingest_seen_add(struct seen *s, uint64_t digest, bool *oom)
{
	digest = digest ? digest : 1; /* 0 is the empty slot */
	if (s->n * 4 >= s->cap * 3 && !seen_grow(s)) {
		*oom = true;
		return false;
	}
	size_t i = digest & (s->cap - 1);
	while (s->v[i]) {
		if (s->v[i] == digest)
			return true;
		i = (i + 1) & (s->cap - 1);
	}
	s->v[i] = digest;
	s->n++;
	return false;
}

void ingest_seen_free(struct seen *s)
{
	free(s->v);
	*s = (struct seen){0};
}

const unsigned ingest_passes[INGEST_PASSES] = {
	KIND(EL_CLUSTER) | KIND(EL_OBJECT),
	KIND(EL_ATTR),
	KIND(EL_REF) | KIND(EL_REPORT) | KIND(EL_SIGHTING),
	KIND(EL_ANALYST),
};

uint64_t ingest_elements_of(struct raw_event *r)
{
	uint64_t n = 0;
	for (unsigned k = 0; k < EL_COUNT; k++)
		n += raw_count(r, k);
	return n;
}

void ingest_snap_back(struct ingest_ctx *c, const struct ingest_snapshot *s)
{
	c->event = s->event;
	*c->out = s->out;
	c->changes = s->changes;
	c->touched = s->touched;
	c->content_changed = s->content_changed;
	memset(c->tags, 0, sizeof(c->tags));
	c->embargoes = EMBARGOES_ONCE;
}

void ingest_job_begin(struct ingest_ctx *c, struct ingest_job *j)
{
	j->c = c;
	j->before = (struct ingest_snapshot){c->event, *c->out, c->changes, c->touched,
					     c->content_changed};
}

enum err ingest_step(struct ingest_ctx *c, struct ingest_job *j, store_run_fn run, struct fail *f)
{
	ingest_job_begin(c, j);
	return store_run(c->env->store, run, j, f);
}

/* How many elements ahead their UUIDs are announced. */
#define AHEAD 8

static void expect(struct ingest_ctx *c, uint32_t i)
{
	if (i < c->n && c->els[i].kind == EL_ATTR)
		index_uuid_expect(c->env->index, c->els[i].attr.uuid);
}

/* What of it means something: an attribute is half of the largest. */
static void element_copy(struct element *to, const struct element *from)
{
	size_t n = offsetof(struct element, head) + element_desc(from->kind)->size;
	memcpy((void *)to, from, from->kind == EL_CLUSTER ? sizeof(*to) : n);
}

enum err ingest_pass_put(struct ingest_ctx *c, struct store_wtxn *w, unsigned kinds, struct fail *f)
{
	for (uint32_t i = 0; i < AHEAD && kinds & KIND(EL_ATTR); i++)
		expect(c, i);
	/* copies, since a job may run again */
	for (uint32_t i = 0; i < c->n; i++) {
		if (!(kinds & KIND(c->els[i].kind)))
			continue;
		element_copy(&c->one, &c->els[i]);
		expect(c, i + AHEAD);
		TRY(ingest_put_element(c, w, &c->one, c->index_of[i], f));
	}
	return ERR_OK;
}

void ingest_ctx_init(struct ingest_ctx *c, const struct ingest_env *env, const struct admitted *adm,
	      struct admit_facts *facts, struct arena *a, struct ingest_result *out)
{
	*c = (struct ingest_ctx){.env = env,
				 .adm = adm,
				 .origin = adm ? admitted_origin(adm) : NULL,
				 .facts = facts,
				 .out_arena = a,
				 .break_repeats = true,
				 .out = out};
	*out = (struct ingest_result){0};
}

void ingest_ctx_free(struct ingest_ctx *c)
{
	arena_free(c->arena);
	ingest_ordmap_free(&c->objects);
	ingest_ordmap_free(&c->attrs);
	ingest_seen_free(&c->seen);
	free(c->notes);
	exprs_unref(c->rewrites);
}

void ingest_ctx_problem(struct ingest_ctx *c, uint32_t index, const char *errors)
{
	ingest_ctx_problem_of(c, index, UUID_NIL, errors);
}

void ingest_ctx_problem_of(struct ingest_ctx *c, uint32_t index, struct uuid u, const char *errors)
{
	c->out->refused++;
	if (c->out->n_problems >= PROBLEMS_MAX)
		return;
	if (!c->out->problems)
		c->out->problems = ARENA_ARRAY(c->out_arena, struct ingest_problem, PROBLEMS_MAX);
	struct str text = arena_str(c->out_arena, str_c(errors));
	if (c->out->problems && text.p)
		c->out->problems[c->out->n_problems++] = (struct ingest_problem){
			.index = index, .errors = text, .element = u};
}

void ingest_ctx_id(struct ingest_ctx *c, enum element_kind k, uint64_t id, uint64_t parent)
{
	if (c->no_ids || c->out->n_ids >= IDS_MAX)
		return;
	if (!c->out->ids)
		c->out->ids = arena_array(c->out_arena, IDS_MAX, sizeof(*c->out->ids));
	if (c->out->ids)
		c->out->ids[c->out->n_ids++] = (struct search_id){k, id, parent};
}
