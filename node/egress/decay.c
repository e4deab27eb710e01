/*
 * decay.c - scores of decaying models for one audience: from the tags and sightings that it sees, so
 * that neither a score nor what excludeDecayed leaves out tells of others.
 */
#include "egress/decay.h"

#include <stdlib.h>

#include "egress/run.h"

/* Scores may be asked for by those who get whole copies: others do not get all that they are made of. */
bool view_may_score(const struct view *v)
{
	const struct audience *a = &v->audience;
	return a->kind == AUD_OPERATOR || a->kind == AUD_MEMBER ||
	       (a->kind == AUD_PEER && a->misp_rules_only);
}

/* What has decayed may be left out for exports of the profile full, too: they get all that a score is made of,
   but for what the gate holds, and that does not count. Scores are not shown to them. */
bool view_may_drop_decayed(const struct view *v)
{
	const struct audience *a = &v->audience;
	return view_may_score(v) || (a->kind == AUD_EXPORT && a->profile == PROFILE_FULL);
}

enum err view_decay_begin(struct view *v, const struct query *q, struct arena *a, struct fail *f)
{
	bool wanted = q && (q->include_decay_score || q->exclude_decayed || q->include_scores_on_event);
	bool whole = view_may_score(v);
	if (!wanted || !(whole || (q->exclude_decayed && view_may_drop_decayed(v))))
		return ERR_OK;
	struct view_decay *d = ARENA_NEW(a, struct view_decay);
	if (!d)
		return fail(f, ERR_LIMIT, "no memory for decaying models");
	*d = (struct view_decay){.now = v->facts.now,
				 .drops = q->exclude_decayed,
				 .shows = whole && (q->include_decay_score || q->exclude_decayed),
				 .on_events = whole && q->include_scores_on_event};
	TRY(decay_models_read(v->txn, q, v->audience.user_id, v->audience.org_id,
			      v->audience.kind == AUD_OPERATOR || v->audience.site_admin, a,
			      &d->models, f));
	d->event_sums = ARENA_ARRAY(a, struct decay_sums, d->models.n + 1);
	if (!d->event_sums)
		return fail(f, ERR_LIMIT, "no memory for decaying models");
	v->decay = d;
	return ERR_OK;
}

/* ---- what counts ---- */

/* The newest sighting that the audience may see; those that say it was a mistake, or that it is over, are
   none. */
static enum err newest(struct view *v, const struct misp_event *e, const struct gate_subject *s,
		       uint64_t attr_id, int64_t *at)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {e->body, attr_id, 0}, key;
	struct misp_sighting x;
	*at = DECAY_UNSEEN;
	TRY(store_el_iter_new(v->txn, EL_SIGHTING, from, true, &it));
	for (;;) {
		enum err err = store_el_iter_next(it, NULL, &key, &x);
		if (err != ERR_OK)
			return err == ERR_NOENT ? ERR_OK : err;
		if (x.type == 0 && x.date_sighting > *at && gate_judge_sighting(&v->gate, s, &x))
			*at = x.date_sighting;
	}
}

/* Resolved, and of those only what the audience sees; in the view's scratch. */
static enum err seen_tags(struct view *v, const struct misp_event *e, struct entity_list *tags)
{
	struct misp_tagref *t;
	uint32_t n = 0;
	TRY(view_resolve_tags(v, v->scratch, tags));
	t = tags->v;
	for (uint32_t i = 0; i < tags->n; i++)
		if (view_shows_tag(v, e, &t[i]))
			t[n++] = t[i];
	tags->n = n;
	return ERR_OK;
}

/* The tags of the event, summed up for each model. */
static enum err sum_event(struct view *v, const struct misp_event *e)
{
	struct view_decay *d = v->decay;
	struct entity_list tags = e->tags;
	if (d->event_id == e->id)
		return ERR_OK;
	TRY(seen_tags(v, e, &tags));
	for (uint32_t i = 0; i < d->models.n; i++)
		decay_sum(&d->models, &d->models.v[i], tags.v, tags.n, &d->event_sums[i]);
	d->event_id = e->id;
	return ERR_OK;
}

static struct decay_score score_of(struct view_decay *d, uint32_t i, const struct misp_attr *a,
				   int64_t seen)
{
	const struct decay_model *m = &d->models.v[i];
	struct decay_sums sums;
	decay_sum(&d->models, m, a->tags.v, a->tags.n, &sums);
	return decay_after(m, decay_base(m, &d->event_sums[i], &sums),
			   d->now - decay_since(a, seen));
}

static bool concerned(const struct view_decay *d, uint16_t type)
{
	for (uint32_t i = 0; i < d->models.n; i++)
		if (decay_concerns(&d->models, &d->models.v[i], type))
			return true;
	return false;
}

/* ---- what a search leaves out ---- */

static enum err all_decayed(struct view *v, const struct misp_event *e, const struct misp_attr *attr,
			    bool *yes)
{
	struct view_decay *d = v->decay;
	struct misp_attr a = *attr;
	int64_t seen = DECAY_UNSEEN;
	*yes = false;
	TRY(sum_event(v, e));
	if (e->sighting_count) {
		struct subject s;
		TRY(view_subject_of(v, e, v->scratch, &s));
		TRY(view_own_sighting(v, &s.s));
		TRY(newest(v, e, &s.s, a.id, &seen));
	}
	TRY(seen_tags(v, e, &a.tags));
	for (uint32_t i = 0; i < d->models.n; i++) {
		if (!decay_concerns(&d->models, &d->models.v[i], a.type))
			continue;
		*yes = score_of(d, i, &a, seen).decayed;
		if (!*yes)
			break;
	}
	return ERR_OK;
}

bool view_decayed(void *user, const struct misp_event *e, const struct misp_attr *attr)
{
	struct view *v = user;
	bool yes = false;
	if (!v->decay || !v->decay->drops || !concerned(v->decay, attr->type))
		return false;
	struct arena_mark m = arena_mark(v->scratch);
	if (all_decayed(v, e, attr, &yes) != ERR_OK)
		yes = false;
	arena_rewind(v->scratch, m);
	return yes;
}

/* ---- what an answer shows ---- */

static enum err scores(struct run *r, const struct misp_attr *whole, const struct misp_attr *cut,
		       struct rel_element *el)
{
	struct view_decay *d = r->view->decay;
	const struct misp_event *e = &r->subject.event;
	struct misp_attr a = *cut; /* its times are what leaves */
	struct rel_score *v = ARENA_ARRAY(r->element_arena, struct rel_score, d->models.n);
	int64_t seen = DECAY_UNSEEN;
	if (!v)
		return ERR_LIMIT;
	a.tags = whole->tags;
	TRY(sum_event(r->view, e));
	TRY(seen_tags(r->view, e, &a.tags));
	if (e->sighting_count)
		TRY(newest(r->view, e, &r->subject.s, whole->id, &seen));
	for (uint32_t i = 0; i < d->models.n; i++) {
		if (!decay_concerns(&d->models, &d->models.v[i], a.type))
			continue;
		struct decay_score s = score_of(d, i, &a, seen);
		v[el->n_scores++] = (struct rel_score){s.score, s.base, s.decayed, s.model->row};
	}
	el->scores = v;
	return ERR_OK;
}

enum err run_scores(struct run *r, const struct misp_attr *whole, struct rel_element *el)
{
	const struct view_decay *d = r->view->decay;
	if (!d || !d->shows || !whole || !el->attr || !concerned(d, el->attr->type))
		return ERR_OK;
	struct arena_mark m = arena_mark(r->view->scratch);
	enum err e = scores(r, whole, el->attr, el);
	arena_rewind(r->view->scratch, m);
	return e;
}

enum err run_event_scores(struct run *r)
{
	static const struct decay_sums nothing;
	struct view_decay *d = r->view->decay;
	if (d)
		d->event_id = 0; /* its tags may be others in this snapshot */
	if (!d || !d->on_events || !d->models.n)
		return ERR_OK;
	struct rel_score *v = ARENA_ARRAY(r->event_arena, struct rel_score, d->models.n);
	if (!v)
		return ERR_LIMIT;
	struct arena_mark m = arena_mark(r->view->scratch);
	enum err e = sum_event(r->view, &r->subject.event);
	arena_rewind(r->view->scratch, m);
	TRY(e);
	for (uint32_t i = 0; i < d->models.n; i++) {
		const struct decay_model *model = &d->models.v[i];
		struct decay_score s = decay_after(
			model, decay_base(model, &d->event_sums[i], &nothing),
			d->now - r->rel.e->publish_timestamp);
		v[r->rel.n_scores++] =
			(struct rel_score){s.score, s.base, s.decayed, model->row};
	}
	r->rel.scores = v;
	return ERR_OK;
}
