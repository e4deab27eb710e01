/*
 * lookup.c - a list of values in, a line of JSON for each out, in the same order: who has it, since
 * when, whether for detection, under which TLP. Slice by slice; what is told of a hit has been
 * released, and what is hidden is not there.
 */
#include <stdlib.h>

#include "base/jsonw.h"
#include "egress/run.h"
#include "gate/seal.h"
#include "model/types.h"
#include "search/values.h"

#define BATCH 128
#define HITS_MAX 100
#define NAMES_MAX 32 /* of organisations and types */
#define BATCH_ARENA (64u << 20)
#define CHUNK_MAX (64u << 20)

struct lookup_run {
	struct view *view;
	struct witness *witness;
	struct value_eye *eye;
	struct search_visible vis;
	struct lookup_source source;
	struct arena *arena; /* of a batch */
	struct arena *hit_arena; /* of one event and attribute */
	uint64_t asked; /* values that were answered */
	bool done;
};

/* What the hits of one value come to. */
struct summary {
	uint64_t events[HITS_MAX];
	struct uuid uuids[HITS_MAX];
	struct str orgs[NAMES_MAX];
	uint16_t types[NAMES_MAX];
	uint32_t hits, n_events, n_orgs, n_types;
	int64_t first, last;
	bool to_ids, ids;
	int tlp; /* in tlp_names, -1: none */
};

/* From open to strict; both names of clear. */
static const char *const tlp_names[] = {"white",	"clear", "green", "amber",
					"amber+strict", "red"};

/* ---- one hit -------------------------------------------------------------------------------- */

static void take_tlp(struct summary *s, const struct misp_tagref *tags, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct str name = tags[i].name;
		if (name.n < 4 || !str_eq_nocase(str_sub(name, 0, 4), STR("tlp:")))
			continue;
		name = str_sub(name, 4, name.n);
		for (int k = 0; k < (int)ARRAY_LEN(tlp_names); k++)
			if (k > s->tlp && str_eq_nocase(name, str_c(tlp_names[k])))
				s->tlp = k;
	}
}

static enum err take_org(struct lookup_run *r, struct summary *s, struct str name)
{
	for (uint32_t i = 0; i < s->n_orgs; i++)
		if (str_eq(s->orgs[i], name))
			return ERR_OK;
	if (s->n_orgs == NAMES_MAX)
		return ERR_OK;
	s->orgs[s->n_orgs] = arena_str(r->arena, name);
	return s->orgs[s->n_orgs++].p ? ERR_OK : ERR_LIMIT;
}

static enum err take(struct lookup_run *r, struct summary *s, const struct rel_event *e,
		     const struct misp_attr *a)
{
	uint32_t i = 0;
	s->first = s->hits ? MIN(s->first, a->timestamp) : a->timestamp;
	s->last = s->hits ? MAX(s->last, a->timestamp) : a->timestamp;
	s->hits++;
	s->to_ids |= a->to_ids;
	s->ids = e->ids;
	for (i = 0; i < s->n_events; i++)
		if (uuid_eq(s->uuids[i], e->e->uuid))
			break;
	if (i == s->n_events) {
		s->events[s->n_events] = e->e->id;
		s->uuids[s->n_events++] = e->e->uuid;
	}
	for (i = 0; i < s->n_types && s->types[i] != a->type; i++)
		;
	if (i == s->n_types && i < NAMES_MAX)
		s->types[s->n_types++] = a->type;
	take_tlp(s, a->tags.v, a->tags.n);
	take_tlp(s, e->e->tags.v, e->e->tags.n);
	return e->orgc ? take_org(r, s, e->orgc->name) : ERR_OK;
}

/* The attribute of a hit, released with its event. ERR_NOENT: it is not for the audience. */
static enum err one_hit(struct lookup_run *r, const struct search_hit *h, struct summary *s)
{
	struct arena *a = r->hit_arena;
	struct rel_element el = {.kind = EL_ATTR};
	struct subject sub;
	struct verdict verdict;
	struct misp_attr attr;
	struct misp_object object;
	arena_reset(a);
	TRY(view_subject_lent(r->view, h->event_id, a, &sub));
	struct released *rel = gate_release(&r->view->gate, &sub.s, a, &verdict);
	if (!rel)
		return ERR_NOENT;
	struct el_key key = {sub.event.body, h->object_id, h->attr_id};
	TRY(store_el_get(r->view->txn, EL_ATTR, key, a, &attr));
	TRY(view_resolve_tags(r->view, a, &attr.tags));
	el.attr = &attr;
	if (h->object_id) {
		key = (struct el_key){sub.event.body, 0, h->object_id};
		TRY(store_el_get(r->view->txn, EL_OBJECT, key, a, &object));
		el.in_object = &object;
	}
	const struct rel_element *cut = gate_release_element(rel, &el, a);
	if (!cut)
		return ERR_NOENT;
	TRY(take(r, s, released_event(rel), cut->attr));
	return witness_name(r->witness, LEDGER_THING_EVENT, sub.event.uuid, sub.event.id,
			    sub.event.timestamp, store_seq(r->view->txn));
}

/* ---- one line ------------------------------------------------------------------------------- */

static void details(struct jsonw *w, const struct summary *s)
{
	jsonw_key(w, "orgs");
	jsonw_arr(w);
	for (uint32_t i = 0; i < s->n_orgs; i++)
		jsonw_str(w, s->orgs[i]);
	jsonw_arr_end(w);
	JSONW_KV(w, jsonw_int, "first", s->first);
	JSONW_KV(w, jsonw_int, "last", s->last);
	JSONW_KV(w, jsonw_bool, "to_ids", s->to_ids);
	jsonw_key(w, "tlp");
	if (s->tlp < 0)
		jsonw_null(w);
	else
		jsonw_c(w, tlp_names[s->tlp]);
	jsonw_key(w, "types");
	jsonw_arr(w);
	for (uint32_t i = 0; i < s->n_types; i++)
		jsonw_str(w, type_name(s->types[i]));
	jsonw_arr_end(w);
}

static void line(struct buf *b, struct str value, const struct summary *s, bool more)
{
	struct jsonw w = jsonw_on(b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "value", value);
	JSONW_KV(&w, jsonw_bool, "found", s->hits > 0);
	JSONW_KV(&w, jsonw_uint, "hits", s->hits);
	JSONW_KV(&w, jsonw_bool, "more", more);
	jsonw_key(&w, "events");
	jsonw_arr(&w);
	for (uint32_t i = 0; i < s->n_events; i++)
		if (s->ids)
			jsonw_uint_str(&w, s->events[i]);
		else
			jsonw_uuid(&w, s->uuids[i]);
	jsonw_arr_end(&w);
	if (s->hits)
		details(&w, s);
	jsonw_obj_end(&w);
	buf_putc(b, '\n');
}

/* Most values of a long list are not known. */
static void line_none(struct buf *b, struct str value)
{
	static const char before[] = "{\"value\":",
			  behind[] = ",\"found\":false,\"hits\":0,\"more\":false,\"events\":[]}\n";
	buf_add(b, before, sizeof(before) - 1);
	json_quote(b, value);
	buf_add(b, behind, sizeof(behind) - 1);
}

static void line_error(struct buf *b, struct str value, const char *why)
{
	struct jsonw w = jsonw_on(b);
	jsonw_obj(&w);
	if (value.p)
		JSONW_KV(&w, jsonw_str, "value", value);
	JSONW_KV(&w, jsonw_bool, "found", false);
	JSONW_KV(&w, jsonw_c, "error", why);
	jsonw_obj_end(&w);
	buf_putc(b, '\n');
}

static enum err one_value(struct lookup_run *r, struct buf *b, struct str value,
			  const struct value_hits *hits)
{
	struct summary s = {.tlp = -1};
	for (uint32_t i = 0; i < hits->n; i++) {
		enum err e = one_hit(r, &hits->v[i], &s);
		if (e != ERR_OK && e != ERR_NOENT && e != ERR_WITHHELD)
			return e;
	}
	if (s.hits)
		line(b, value, &s, hits->more);
	else
		line_none(b, value);
	return buf_err(b);
}

/* ---- the stream ----------------------------------------------------------------------------- */

static enum err batch(struct lookup_run *r, struct buf *b, struct fail *f)
{
	struct lookup_value v[BATCH];
	struct str asked[BATCH];
	struct value_hits hits[BATCH];
	size_t n = 0, k = 0, m = 0;
	arena_reset(r->arena);
	while (n < BATCH && r->source.next(r->source.user, r->arena, &v[n]))
		n++;
	r->done = n < BATCH;
	for (size_t i = 0; i < n; i++)
		if (!v[i].error)
			asked[k++] = v[i].value;
	if (k)
		TRY(value_eye_look(r->eye, r->view->txn, asked, k, HITS_MAX, r->arena, hits, f));
	for (size_t i = 0; i < n; i++, r->asked++)
		if (v[i].error) {
			line_error(b, v[i].value, v[i].error);
		} else if (!hits[m].n) {
			line_none(b, v[i].value);
			m++;
		} else {
			TRY(one_value(r, b, v[i].value, &hits[m]));
			m++;
		}
	return buf_err(b);
}

/* An answer that has begun cannot become an error: the last line tells it. */
static void broken_off(struct lookup_run *r, struct buf *b, enum err e)
{
	struct jsonw w = jsonw_on(b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "found", false);
	JSONW_KV(&w, jsonw_c, "error", err_text(e));
	JSONW_KV(&w, jsonw_uint, "answered", r->asked);
	jsonw_obj_end(&w);
	buf_putc(b, '\n');
	r->done = true;
}

static enum err produce(void *user, struct seal_writer *w, size_t want, bool *end, struct fail *f)
{
	struct lookup_run *r = user;
	struct buf *b = seal_buf(w);
	enum err e = view_reopen(r->view, f);
	while (e == ERR_OK && b->n < want && !r->done)
		e = batch(r, b, f);
	if (e != ERR_OK && r->asked) {
		broken_off(r, b, e);
		e = buf_err(b);
	}
	*end = r->done;
	view_pause(r->view);
	return e;
}

static void run_free(void *user)
{
	struct lookup_run *r = user;
	if (!r)
		return;
	if (r->source.free)
		r->source.free(r->source.user);
	value_eye_free(r->eye);
	view_close(r->view);
	arena_free(r->arena);
	arena_free(r->hit_arena);
	free(r);
}

enum err egress_lookup(struct view **v, const struct lookup_source *source, struct sealed **out,
		       struct fail *f)
{
	struct lookup_run *r = calloc(1, sizeof(*r));
	*out = NULL;
	if (!r) {
		if (source->free)
			source->free(source->user);
		return fail(f, ERR_NOMEM, "no memory");
	}
	r->source = *source;
	r->view = MOVE(*v);
	r->vis = view_visible(r->view);
	r->arena = arena_new(BATCH_ARENA);
	r->hit_arena = arena_new(BATCH_ARENA);
	r->eye = value_eye_new(r->view->env->index, &r->vis);
	enum err e = r->arena && r->hit_arena && r->eye ? ERR_OK : ERR_NOMEM;
	if (e == ERR_OK) {
		view_pause(r->view);
		e = witness_new(r->view, "lookup", false, &r->witness, f);
	}
	if (e != ERR_OK) {
		run_free(r);
		return fail(f, e, "cannot look values up");
	}
	struct seal_source src = {produce, run_free, r};
	struct audience aud = r->view->audience;
	*out = sealed_new(&aud, "application/x-ndjson", &src, witness_seal(r->witness), CHUNK_MAX);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}
