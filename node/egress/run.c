/*
 * run.c - walks hits and the elements of each event, slice by slice, through gate and exporter
 * into a sealed stream.
 */
#include "egress/run.h"

#include <stdlib.h>

#include "base/log.h"
#include "egress/decay.h"
#include "gate/seal.h"
#include "metrics/metrics.h"
#include "model/pack.h"
#include "search/correlate.h"
#include "search/rows.h"

#define RUN_ARENA (256u << 20)
#define EVENT_ARENA (64u << 20)
#define ELEMENT_ARENA (192u << 20)
#define RELATE_STEP 10000
#define CHUNK_MAX (256u << 20) /* an attachment in base64 must fit */

/* ---- events ---- */

static void event_clear(struct run *r)
{
	run_extensions_free(r);
	r->event_id = 0;
	r->named = r->relate_done = false;
	r->released = NULL;
	r->rel = (struct rel_event){0};
	r->related = (struct u64set){0};
	r->object = (struct misp_object){0};
	arena_reset(r->event_arena);
}

/* Has the audience's organisation seen something in this event? Asked by one policy only (6.7). */
enum err view_own_sighting(struct view *v, struct gate_subject *s)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	uint64_t org = v->audience.org_id;
	struct el_key from = {.body = s->event->body}, key;
	struct misp_sighting x;
	if (v->facts.sightings_policy != 1 || !s->event->sighting_count || !org ||
	    s->event->org_id == org)
		return ERR_OK;
	TRY(store_el_iter_new(v->txn, EL_SIGHTING, from, false, &it));
	while (!s->own_sighting) {
		enum err e = store_el_iter_next(it, NULL, &key, &x);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
		s->own_sighting = x.org_id == org;
	}
	return ERR_OK;
}

/* The caches may renew while this event is under way: own copies of what they lend. */
static enum err subject_keep(struct run *r, struct gate_subject *s)
{
	struct misp_org *orgs = ARENA_ARRAY(r->event_arena, struct misp_org, 2);
	struct misp_sg *sg = ARENA_NEW(r->event_arena, struct misp_sg);
	if (!orgs || !sg)
		return ERR_LIMIT;
	if (s->org) {
		TRY(entity_copy(r->event_arena, &desc_misp_org, s->org, &orgs[0]));
		s->org = &orgs[0];
	}
	if (s->orgc) {
		TRY(entity_copy(r->event_arena, &desc_misp_org, s->orgc, &orgs[1]));
		s->orgc = &orgs[1];
	}
	if (s->sharing_group) {
		TRY(entity_copy(r->event_arena, &desc_misp_sg, s->sharing_group, sg));
		s->sharing_group = sg;
	}
	s->creator_email = arena_str(r->event_arena, s->creator_email);
	struct misp_tagref *t = r->subject.event.tags.v;
	for (uint32_t i = 0; i < r->subject.event.tags.n; i++)
		TRY(entity_copy(r->event_arena, &desc_misp_tagref, &t[i], &t[i]));
	return ERR_OK;
}

/* Load and judge; ERR_WITHHELD when it does not leave (any more). */
enum err run_event_load(struct run *r, uint64_t id)
{
	struct verdict v;
	event_clear(r);
	enum err e = r->light ? view_subject_lent(r->view, id, r->event_arena, &r->subject)
			      : view_subject(r->view, id, r->event_arena, &r->subject);
	if (e == ERR_NOENT)
		return ERR_WITHHELD; /* deleted since the search */
	TRY(e);
	struct gate_subject *s = &r->subject.s;
	r->subject.event.timestamp += r->n_gone != 0; /* or a MISP does not look at it */
	if (!r->light)
		TRY(subject_keep(r, s));
	TRY(view_own_sighting(r->view, s));
	r->released = gate_release(&r->view->gate, s, r->event_arena, &v);
	if (!r->released) {
		if (run_counts(r))
			metric_add(M_GATE_WITHHELD, v.rule, 0, 1);
		return ERR_WITHHELD;
	}
	if (run_counts(r))
		metric_add(M_GATE_RELEASED, r->exporter_number, 0, 1);
	r->rel = *released_event(r->released);
	TRY(run_clusters(r, r->event_arena, &r->rel.e->tags, &r->rel.clusters, &r->rel.n_clusters));
	r->event_id = id;
	r->event_seq = r->seq;
	TRY(run_event_scores(r));
	const struct egress_tap *tap = r->view->env->tap;
	if (tap)
		tap->event(tap->user, &r->subject.event, &r->rel);
	return ERR_OK;
}

enum err run_name_event(struct run *r)
{
	const struct misp_event *e = &r->subject.event;
	if (r->named)
		return ERR_OK;
	r->named = true;
	return witness_name(r->witness, LEDGER_THING_EVENT, e->uuid, e->id, e->timestamp,
			    r->event_seq);
}

/* A new snapshot: is the event that is half sent still the same? */
static enum err event_recheck(struct run *r, struct fail *f)
{
	struct misp_event now;
	if (!r->event_id || r->seq == r->event_seq)
		return ERR_OK;
	struct arena_mark m = arena_mark(r->element_arena);
	enum err e = store_get(r->view->txn, T_EVENT, r->event_id, r->element_arena, &now);
	arena_rewind(r->element_arena, m);
	const struct misp_event *was = &r->subject.event;
	if (e != ERR_OK || now.body != was->body || now.timestamp != r->subject.stored_timestamp ||
	    now.published != was->published || now.attribute_total != was->attribute_total ||
	    now.distribution != was->distribution || now.tags.n != was->tags.n)
		return fail(f, ERR_AGAIN, "event %llu changed while it was sent",
			    (unsigned long long)r->event_id);
	r->event_seq = r->seq;
	return ERR_OK;
}

static enum err analyst_load(struct run *r)
{
	const struct rel_analyst *v = NULL;
	uint32_t n = 0;
	if (!r->analyst || r->opts.scope == EXPORT_ATTRIBUTES || r->opts.scope == EXPORT_OBJECTS)
		return ERR_OK;
	TRY(view_analyst_of(r->view, r->subject.event.uuid, r->element_arena, &v, &n));
	return gate_release_analyst(r->released, v, n, r->element_arena, &r->rel.analyst,
				    &r->rel.n_analyst)
		       ? ERR_OK
		       : ERR_LIMIT;
}

/* ---- elements of the current event ---- */

/* Next row of a kind in this body from r->next on, or ERR_NOENT. */
static enum err next_row(struct run *r, enum element_kind k, bool one_parent, struct el_key *key,
			 void *row)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	arena_reset(r->element_arena);
	TRY(store_el_iter_new(r->view->txn, k, r->next, one_parent, &it));
	return store_el_iter_next(it, r->element_arena, key, row);
}

static enum run_state state_after_attrs(const struct run *r)
{
	if (r->flatten && r->subject.event.object_count)
		return RUN_OBJECTS;
	if (r->subject.event.proposal_count && r->proposals)
		return RUN_PROPOSALS;
	return r->subject.event.object_count ? RUN_OBJECTS : RUN_REPORTS;
}

static void go(struct run *r, enum run_state s)
{
	r->state = s;
	r->next = (struct el_key){.body = r->subject.event.body};
}

/* Attributes are the hot path: one cursor for as many as fit into the slice. */
static enum err attrs_step(struct run *r, size_t want, enum run_state after, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct buf *out = seal_buf(r->out.out);
	bool shown;
	TRY(store_el_iter_new(r->view->txn, EL_ATTR, r->next, true, &it));
	while (out->n < want && !r->out.enough) {
		struct misp_attr attr;
		struct el_key key;
		arena_reset(r->element_arena);
		enum err e = store_el_iter_next(it, r->element_arena, &key, &attr);
		if (e == ERR_NOENT) {
			r->state = after;
			return ERR_OK;
		}
		if (e != ERR_OK)
			return fail(f, e, "reading attributes");
		if (r->state == RUN_ATTRS)
			r->out.place = (struct export_place){PART_ATTRS, key.id};
		TRY(run_attr(r, &attr, &shown, f));
		r->next.id = key.id + 1;
	}
	return ERR_OK;
}

/*
 * Which events are related does not depend on what of this one is asked for: where attributes are
 * left out, or only the head goes out, they are looked through once more.
 */
static enum err relate_step(struct run *r, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	TRY(store_el_iter_new(r->view->txn, EL_ATTR, r->next, false, &it));
	for (unsigned n = 0; n < RELATE_STEP; n++) {
		struct misp_attr attr;
		struct misp_object object;
		struct el_key key;
		arena_reset(r->element_arena);
		enum err e = store_el_iter_next(it, r->element_arena, &key, &attr);
		if (e == ERR_NOENT || run_related_full(r)) {
			r->state = RUN_EVENT_END;
			return ERR_OK;
		}
		if (e != ERR_OK)
			return fail(f, e, "reading attributes");
		if (key.parent)
			TRY(store_el_get(r->view->txn, EL_OBJECT,
					 (struct el_key){key.body, 0, key.parent}, r->element_arena,
					 &object));
		if (run_attr_relates(r, key.parent ? &object : NULL, &attr))
			TRY(run_correlate(r, &attr, NULL, f));
		r->next = key;
		r->next.id++;
	}
	return ERR_OK;
}

static enum err object_step(struct run *r, struct fail *f)
{
	struct el_key key;
	struct misp_object row;
	bool keeps;
	enum err e = next_row(r, EL_OBJECT, true, &key, &row);
	if (e == ERR_NOENT) {
		go(r, r->flatten && r->proposals ? RUN_PROPOSALS : RUN_REPORTS);
		return ERR_OK;
	}
	TRY(e);
	r->next.id = key.id + 1;
	if (!run_deleted_wanted(r, row.deleted) || (r->rules && !link_rules_object(r->rules, &row)))
		return ERR_OK;
	/* it must outlive slices, until its attributes are through */
	TRY(entity_copy(r->event_arena, &desc_misp_object, &row, &r->object));
	r->out.place = (struct export_place){PART_OBJECTS, key.id};
	TRY(run_object_keeps(r, &r->object, &keeps));
	arena_reset(r->element_arena);
	if (r->flatten) {
		if (!keeps)
			return ERR_OK;
	} else if (keeps) {
		TRY(run_object(r, f));
	} else {
		const struct rel_element el = {.kind = EL_OBJECT, .object = &r->object};
		if (!run_tell_withheld(r, &el, RULE_strip))
			return ERR_OK;
	}
	/* a profile may keep attributes and not the object that they stand in */
	r->state = RUN_OBJECT_ATTRS;
	r->next = (struct el_key){r->subject.event.body, r->object.id, 0};
	return ERR_OK;
}

static enum err reports_step(struct run *r, struct fail *f)
{
	struct el_key key;
	struct misp_report rep;
	enum err e = r->subject.event.report_count && r->reports
			     ? next_row(r, EL_REPORT, true, &key, &rep)
			     : ERR_NOENT;
	if (e == ERR_NOENT) {
		r->state = RUN_EVENT_END;
		return ERR_OK;
	}
	TRY(e);
	r->next.id = key.id + 1;
	r->out.place = (struct export_place){PART_REPORTS, key.id};
	return run_report(r, &rep, f);
}

static enum err proposals_step(struct run *r, struct fail *f)
{
	struct el_key key;
	struct misp_proposal p;
	enum err e = next_row(r, EL_PROPOSAL, true, &key, &p);
	if (e == ERR_NOENT) {
		go(r, r->subject.event.object_count && !r->flatten ? RUN_OBJECTS : RUN_REPORTS);
		return ERR_OK;
	}
	TRY(e);
	r->next.id = key.id + 1;
	return run_proposal(r, &p, f);
}

/* ---- hits ---- */

/* One attribute of attribute scope. */
static enum err attr_hit(struct run *r, const struct search_hit *h, struct fail *f)
{
	struct misp_attr attr;
	struct misp_object row;
	bool shown;
	uint64_t body = r->subject.event.body;
	arena_reset(r->element_arena);
	if (h->object_id && (r->object.id != h->object_id || r->object.event_id != h->event_id)) {
		enum err e = store_el_get(r->view->txn, EL_OBJECT,
					  (struct el_key){body, 0, h->object_id}, r->element_arena,
					  &row);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
		TRY(entity_copy(r->event_arena, &desc_misp_object, &row, &r->object));
	}
	struct el_key key = {body, h->object_id, h->attr_id};
	if (!r->hit_iter)
		TRY(store_el_iter_new(r->view->txn, EL_ATTR, key, false, &r->hit_iter));
	enum err e = store_el_iter_get(r->hit_iter, key, r->element_arena, &attr);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	return run_attr(r, &attr, &shown, f);
}

/* One object of object scope: the object, then its attributes. Deleted ones can be viewed. */
static enum err object_hit(struct run *r, const struct search_hit *h, struct fail *f)
{
	struct misp_object row;
	arena_reset(r->element_arena);
	r->state = RUN_EVENT_END;
	enum err e = store_el_get(r->view->txn, EL_OBJECT,
				  (struct el_key){r->subject.event.body, 0, h->object_id},
				  r->element_arena, &row);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	TRY(entity_copy(r->event_arena, &desc_misp_object, &row, &r->object));
	TRY(run_object(r, f));
	if (r->object_shown && !r->opts.metadata) {
		r->state = RUN_OBJECT_ATTRS;
		r->next = (struct el_key){r->subject.event.body, r->object.id, 0};
	}
	return ERR_OK;
}

/* The next one into r->hit, from the list or from rows; false at the end. */
static bool next_hit(struct run *r)
{
	if (r->next_hit) {
		r->from = (struct export_place){0};
		return r->has_hit = r->next_hit(r->next_user, r->view, &r->hit, &r->from);
	}
	r->has_hit = r->rows ? search_rows_next(r->rows, &r->hit) : r->at < r->n_hits;
	if (r->has_hit && !r->rows)
		r->hit = r->hits[r->at++];
	return r->has_hit;
}

/* Where an event begins: at its attributes, but for the first one of a page that goes on, which is begun
   again for its end. */
static void go_into(struct run *r)
{
	static const enum run_state states[] = {[PART_ATTRS] = RUN_ATTRS,
						[PART_OBJECTS] = RUN_OBJECTS,
						[PART_REPORTS] = RUN_REPORTS};
	enum export_part p = r->from.part;
	bool inside = p > PART_HEAD && p < PART_END;
	go(r, r->n_gone ? RUN_GONE : r->opts.metadata ? RUN_EVENT_END : inside ? states[p] : RUN_ATTRS);
	r->inside = inside;
	if (inside)
		r->next.id = r->from.id;
	r->from = (struct export_place){0};
}

static enum err begin_event(struct run *r)
{
	r->out.place = (struct export_place){0};
	if (r->exporter->event) {
		TRY(run_name_event(r));
		TRY(r->exporter->event(&r->out, &r->rel));
	}
	go_into(r);
	return ERR_OK;
}

static enum err hit_step(struct run *r, struct fail *f)
{
	if (!r->has_hit && !next_hit(r)) {
		r->state = RUN_END;
		return ERR_OK;
	}
	const struct search_hit *h = &r->hit;
	if (r->opts.scope == EXPORT_ATTRIBUTES && h->event_id == r->event_id) {
		r->has_hit = false;
		return attr_hit(r, h, f);
	}
	if (r->opts.scope == EXPORT_ATTRIBUTES)
		r->object = (struct misp_object){0};
	enum err e = run_event_load(r, h->event_id);
	if (e == ERR_WITHHELD) {
		r->has_hit = false;
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "event %llu", (unsigned long long)h->event_id);
	if (r->opts.scope == EXPORT_ATTRIBUTES)
		return ERR_OK; /* the hit itself comes next */
	if (r->n_extenders)
		TRY(run_extensions_load(r));
	run_sources_begin(r);
	r->has_hit = false;
	if (r->opts.scope == EXPORT_OBJECTS)
		return object_hit(r, h, f);
	if (r->opts.scope == EXPORT_PARTS && h->id) {
		r->state = RUN_EVENT_END;
		return run_part(r, h, f);
	}
	if (r->opts.scope == EXPORT_PARTS) {
		go(r, RUN_PARTS);
		r->next.parent = h->attr_id;
		r->one_attr = h->attr_id != 0;
		return ERR_OK;
	}
	return begin_event(r);
}

static enum err event_end(struct run *r)
{
	if (r->related_apart && !r->relate_done) {
		r->relate_done = true;
		go(r, RUN_RELATE);
		return ERR_OK;
	}
	if (r->inside) {
		r->out.again = true;
		enum err e = begin_event(r);
		r->out.again = false;
		return e;
	}
	arena_reset(r->element_arena);
	TRY(run_related_load(r));
	TRY(run_sources_event(r));
	TRY(analyst_load(r));
	r->state = RUN_HIT;
	r->out.place = (struct export_place){.part = PART_END};
	if (r->exporter->event_end) {
		size_t before = seal_buf(r->out.out)->n;
		TRY(r->exporter->event_end(&r->out, &r->rel));
		if (seal_buf(r->out.out)->n != before)
			TRY(run_name_event(r));
	}
	if (r->exporter->event_more) {
		r->state = RUN_EVENT_MORE;
		return ERR_OK;
	}
	event_clear(r);
	return ERR_OK;
}

static enum err event_more(struct run *r)
{
	bool more = false;
	TRY(run_name_event(r));
	TRY(r->exporter->event_more(&r->out, &more));
	if (more)
		return ERR_OK;
	r->state = RUN_HIT;
	event_clear(r);
	return ERR_OK;
}

enum err run_step(struct run *r, size_t want, struct fail *f)
{
	switch (r->state) {
	case RUN_BEGIN:
		r->state = RUN_HIT;
		return r->exporter->begin ? r->exporter->begin(&r->out) : ERR_OK;
	case RUN_HIT:
		return hit_step(r, f);
	case RUN_ATTRS: {
		enum err e = attrs_step(r, want, state_after_attrs(r), f);
		if (r->state != RUN_ATTRS)
			go(r, r->state);
		return e;
	}
	case RUN_PROPOSALS:
		return proposals_step(r, f);
	case RUN_OBJECTS:
		return object_step(r, f);
	case RUN_OBJECT_ATTRS: {
		uint64_t id = r->object.id;
		bool only = r->opts.scope == EXPORT_OBJECTS;
		enum err e = attrs_step(r, want, only ? RUN_EVENT_END : RUN_OBJECTS, f);
		if (r->state == RUN_OBJECTS)
			r->next = (struct el_key){r->subject.event.body, 0, id + 1};
		return e;
	}
	case RUN_REPORTS:
		return reports_step(r, f);
	case RUN_PARTS: {
		enum err e = run_parts(r, f);
		if (e == ERR_NOENT)
			r->state = RUN_EVENT_END;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	case RUN_GONE: {
		enum err e = run_gone(r, f);
		if (e == ERR_NOENT)
			r->state = RUN_EVENT_END;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	case RUN_GONE_ATTRS: {
		enum err e = run_gone_attr(r, f);
		if (e == ERR_NOENT)
			r->state = RUN_GONE;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	case RUN_RELATE:
		return relate_step(r, f);
	case RUN_EVENT_END:
		return event_end(r);
	case RUN_EVENT_MORE:
		return event_more(r);
	case RUN_END:
		r->state = r->exporter->end_more ? RUN_END_MORE : RUN_DONE;
		return r->exporter->end ? r->exporter->end(&r->out) : ERR_OK;
	case RUN_END_MORE: {
		bool more = false;
		TRY(r->exporter->end_more(&r->out, &more));
		if (!more)
			r->state = RUN_DONE;
		return ERR_OK;
	}
	case RUN_DONE:
		break;
	}
	return ERR_OK;
}

/* A step of the event, or of those that extend it. */
static enum err step(struct run *r, size_t want, struct fail *f)
{
	enum run_state before = r->state;
	if (r->ext_from != SECTION_NONE)
		return run_extensions_step(r, want, f);
	TRY(run_step(r, want, f));
	run_extensions_turn(r, before);
	if (r->out.enough && r->state < RUN_END)
		r->state = RUN_END;
	return ERR_OK;
}

/* A new snapshot. */
static enum err recheck(struct run *r, struct fail *f)
{
	r->seq = store_seq(r->view->txn);
	TRY(event_recheck(r, f));
	for (uint32_t i = 0; i < r->n_ext; i++) {
		r->ext[i]->seq = r->seq;
		TRY(event_recheck(r->ext[i], f));
	}
	return ERR_OK;
}

static enum err produce(void *user, struct seal_writer *w, size_t want, bool *end, struct fail *f)
{
	struct run *r = user;
	struct buf *out = seal_buf(w);
	size_t before = out->n;
	r->out.out = w;
	enum err e = view_reopen(r->view, f);
	if (e == ERR_OK)
		e = recheck(r, f);
	while (e == ERR_OK && (out->n < want || (r->light && r->event_id)) && r->state != RUN_DONE) {
		e = step(r, want, f);
		if (e == ERR_OK)
			e = buf_err(out);
	}
	*end = r->state == RUN_DONE;
	store_el_iter_free(MOVE(r->hit_iter));
	view_pause(r->view);
	if (e == ERR_OK && run_counts(r))
		metric_add(M_GATE_BYTES, r->exporter_number, 0, (int64_t)(out->n - before));
	return e;
}

static void run_free(void *user)
{
	struct run *r = user;
	if (!r)
		return;
	if (r->exporter && r->exporter->free_state && r->out.state)
		r->exporter->free_state(r->out.state);
	free(r->out.state);
	run_extensions_free(r);
	run_sources_close(r);
	correlate_free(r->correlate);
	exprs_unref(r->allowed);
	search_rows_free(r->rows);
	view_close(r->view);
	arena_free(r->arena);
	arena_free(r->event_arena);
	arena_free(r->element_arena);
	free(r);
}

/* ---- starting ---- */

/* Who gets derived UUIDs would get others' own ones. */
static void relations_wanted(struct run *r, const struct export_opts *o)
{
	bool can = r->exporter->related && !gate_rewrites(r->view->policy, &r->view->audience);
	r->related_events = can && o->include_correlations && !o->no_related &&
			    (o->scope == EXPORT_EVENTS || o->scope == EXPORT_ONE_EVENT);
	r->related_apart = r->related_events &&
			   (o->metadata || r->to_ids || r->deleted_only || r->public_only ||
			    r->not_tags.n || r->no_warned || r->allowed || r->n_gone);
	r->related_attrs = can && (o->scope == EXPORT_ATTRIBUTES ? o->include_correlations
								 : o->include_granular ||
									   o->include_related_tags);
}

/* The allowed list is for what people and programs here search; links carry all. */
static enum err allowed_find(struct run *r, struct fail *f)
{
	struct view *v = r->view;
	uint64_t n = MIN(store_count(v->txn, T_ALLOWED), (uint64_t)EXPRS_MAX), id = 0;
	struct misp_allowed row;
	size_t have = 0;
	if (!n || v->audience.kind == AUD_PEER)
		return ERR_OK;
	struct expr_row *rows = ARENA_ARRAY(r->arena, struct expr_row, n);
	if (!rows)
		return fail(f, ERR_NOMEM, "no memory for the allowed list");
	while (have < n && store_next(v->txn, T_ALLOWED, &id, NULL, &row) == ERR_OK)
		rows[have++] = (struct expr_row){.regexp = row.name};
	TRY(exprs_get(rows, have, &r->allowed, f));
	return ERR_OK;
}

static struct run *run_new(struct view **v, const struct egress_query *q)
{
	struct run *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->arena = arena_new(RUN_ARENA);
	r->event_arena = arena_new(EVENT_ARENA);
	r->element_arena = arena_new(ELEMENT_ARENA);
	r->exporter = q->exporter;
	while (export_rows[r->exporter_number] &&
	       export_rows[r->exporter_number] != q->exporter)
		r->exporter_number++;
	r->out.state = calloc(1, q->exporter->state_size + 1);
	if (!r->arena || !r->event_arena || !r->element_arena || !r->out.state) {
		run_free(r);
		return NULL;
	}
	r->view = MOVE(*v);
	r->opts = q->opts;
	r->out.opts = &r->opts;
	r->deleted_too = q->deleted_too;
	r->deleted_only = q->deleted_only;
	r->public_only = q->public_only;
	r->view->filled_only = q->filled_only;
	r->rules = q->rules;
	r->gone = q->gone;
	r->n_gone = q->n_gone;
	r->view->shows_protected = q->shows_protected;
	r->view->shows_user = q->shows_user;
	r->reports = !q->opts.no_reports;
	r->proposals = !q->opts.no_proposals;
	r->sightings = q->opts.include_sightings;
	r->analyst = q->opts.include_analyst && !gate_rewrites(r->view->policy, &r->view->audience);
	if (q->query) {
		r->with_attachments = q->query->with_attachments;
		r->no_galaxies = q->query->exclude_galaxy;
		r->no_warned = q->query->enforce_warninglist;
		r->warnings = q->query->include_warninglist_hits;
		r->flatten = q->opts.flatten && q->query->scope == SCOPE_EVENTS;
		if (q->query->scope == SCOPE_ATTRIBUTES)
			r->proposals = q->opts.include_proposals;
		if (q->query->scope == SCOPE_EVENTS) {
			r->extended = q->query->extended && !r->flatten &&
				      (r->opts.scope == EXPORT_EVENTS || r->opts.scope == EXPORT_ONE_EVENT);
			r->to_ids = q->query->to_ids_output;
			r->not_tags = q->query->tags.none;
		}
		r->view->gate.all_tags = q->query->include_all_tags;
		r->view->gate.no_local_tags = q->query->exclude_local_tags;
	}
	relations_wanted(r, &q->opts);
	r->search_for = q->search_for;
	r->light = r->opts.scope == EXPORT_EVENTS && r->opts.metadata && !r->related_events &&
		   !r->extended;
	return r;
}

static enum err find_hits(struct run *r, const struct egress_query *q,
			  const struct search_how *how, struct search_result *found,
			  struct fail *f)
{
	struct search_result res = {0};
	if (q->next_hit) {
		r->next_hit = q->next_hit;
		r->next_user = q->next_user;
	} else if (q->hits) {
		res.hits = ARENA_ARRAY(r->arena, struct search_hit, q->n_hits);
		res.n = res.total = q->n_hits;
		if (q->n_hits && !res.hits)
			return fail(f, ERR_LIMIT, "too many hits");
		if (q->n_hits)
			memcpy(res.hits, q->hits, q->n_hits * sizeof(*res.hits));
	} else {
		struct search_visible vis = view_visible(r->view);
		struct query query = *q->query;
		if (view_may_ask(r->view, &query, r->arena))
			TRY(search_run(r->view->env->index, r->view->txn, &query, &vis, how,
				       r->arena, &res, f));
	}
	r->hits = res.hits;
	r->n_hits = res.rows ? 0 : res.n;
	r->rows = res.rows;
	if (found) {
		*found = res;
		found->rows = NULL; /* the run's own */
	}
	return ERR_OK;
}

enum err egress_search(struct view **v, const struct egress_query *q,
		       const struct search_how *how, struct search_result *found,
		       struct sealed **out, struct fail *f)
{
	*out = NULL;
	struct run *r = run_new(v, q);
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = q->allowed_list ? allowed_find(r, f) : ERR_OK;
	if (e == ERR_OK)
		e = view_decay_begin(r->view, q->query, r->arena, f);
	if (e == ERR_OK)
		e = run_extenders_find(r);
	if (e == ERR_OK && q->query)
		e = run_sources_open(r, q->caches_dir, q->query->include_feed_correlations,
				     q->query->include_server_correlations);
	if (e == ERR_OK)
		e = find_hits(r, q, how, found, f);
	if (e != ERR_OK) {
		run_free(r);
		return e;
	}
	view_pause(r->view);
	e = witness_new(r->view, q->exporter->name, q->opts.metadata, &r->witness, f);
	if (e != ERR_OK) {
		run_free(r);
		return e;
	}
	struct seal_source src = {produce, run_free, r};
	struct audience aud = r->view->audience;
	if (!run_counts(r))
		aud = (struct audience){.kind = AUD_OPERATOR, .name = "preview"};
	*out = sealed_new(&aud, q->exporter->media, &src, witness_seal(r->witness), CHUNK_MAX);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}
