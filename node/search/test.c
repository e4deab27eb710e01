/*
 * test.c - the conditions of a plan, on columns and on records.
 *
 * Columns answer first because they are cheap; what they let through is read and asked again, so
 * that a result always agrees with the snapshot, and with what the audience may see.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"

/* Answers about events, kept by place. */
enum seen { SEEN_NOT, SEEN_WANTED, SEEN_UNWANTED };

enum err plan_poll(struct plan *p)
{
	const struct search_how *h = p->how;

	if (h->gone && h->gone(h->user))
		return fail(p->f, ERR_CANCELLED, "the search was cancelled");
	if (h->until_ms && clock_boot_ms() > h->until_ms)
		return fail(p->f, ERR_TIMEOUT, "the search took too long");
	return ERR_OK;
}

enum err plan_room(struct plan *p, size_t bytes)
{
	if (p->how->memory && bytes > p->how->memory)
		return fail(p->f, ERR_LIMIT, "the search needs too much memory");
	return ERR_OK;
}

bool flags_wanted(uint8_t flags, unsigned bit, query_flag want)
{
	return !want || (want >> !!(flags & bit) & 1);
}

/* ---- events --------------------------------------------------------------------------------- */

static bool in_mask(uint32_t n, uint32_t any, uint32_t none)
{
	uint32_t bit = n < 32 ? 1u << n : 0;

	return (any == UINT32_MAX || any & bit) && !(none & bit);
}

static bool in_time(const struct query_range *r, int64_t t)
{
	return !r->set || (t >= r->from && t <= r->to);
}

static bool in_time32(const struct query_range *r, uint32_t t)
{
	return !r->set || (t >= ix_time(r->from) && t <= ix_time(r->to));
}

/* An event whose embargo ended is new from then on for those whom it shut out. */
static bool is_new(const struct plan *p, const struct query_range *r, int64_t t, uint64_t event_id)
{
	int64_t opened;

	if (in_time(r, t))
		return true;
	if (t > r->to || !p->vis || !p->vis->opened)
		return false;
	opened = p->vis->opened(p->vis->user, event_id);
	return opened > t && in_time(r, opened);
}

static bool in_set(const struct idset *any, const struct idset *none, uint64_t id)
{
	return (!any->set || idset_has(any, id)) && !(none->set && idset_has(none, id));
}

static bool in_events(const struct tagset *s, uint32_t place)
{
	return !s->set || roaring_bitmap_contains(s->events, place);
}

bool event_maybe(const struct plan *p, uint32_t place)
{
	const struct query *q = p->q;
	const struct ix_event *e = &p->v.ev[place];

	if (!view_event_live(&p->v, place))
		return false;
	if (p->wild && q->scope == SCOPE_EVENTS)
		return true;
	if (!in_set(&p->event_ids, &p->event_ids_none, e->id) ||
	    !in_set(&p->orgs, &p->orgs_none, IX_GET(e->orgc)) ||
	    (p->orgs_meta.set && !idset_has(&p->orgs_meta, IX_GET(e->orgc))))
		return false;
	if (!in_mask(IX_GET(e->threat), p->level_any, p->level_none) ||
	    !in_mask(IX_GET(e->analysis), p->analysis_any, p->analysis_none))
		return false;
	if (q->scope != SCOPE_ATTRIBUTES && q->scope != SCOPE_OBJECTS &&
	    !in_mask(IX_GET(e->distribution), p->dist_any, p->dist_none))
		return false;
	if (IX_GET(e->date) < p->date_from || IX_GET(e->date) > p->date_to ||
	    (!in_time32(&q->event_timestamp, IX_GET(e->timestamp)) &&
	     !is_new(p, &q->event_timestamp, IX_GET(e->timestamp), e->id)) ||
	    (!in_time32(&q->publish_timestamp, IX_GET(e->publish_timestamp)) &&
	     !is_new(p, &q->publish_timestamp, IX_GET(e->publish_timestamp), e->id)) ||
	    !flags_wanted(IX_GET(e->published), IX_PUBLISHED, q->published))
		return false;
	if (bit_get(&p->uuid_none, place) || !in_events(&p->event_any, place))
		return false;
	for (unsigned i = 0; i < p->n_event_all; i++)
		if (!in_events(&p->event_all[i], place))
			return false;
	return true;
}

static bool has_tag(const struct plan *p, const struct tagset *s)
{
	return tags_show(p, &p->event.tags, &s->ids);
}

static bool event_sg_ok(const struct plan *p, const struct misp_event *e)
{
	/* attributes have sharing groups of their own, see COND_SG */
	return p->q->scope == SCOPE_ATTRIBUTES ||
	       in_set(&p->sgs, &p->sgs_none,
		      e->distribution == DIST_GROUP ? e->sharing_group_id : 0);
}

/* The record's word on everything about an event. */
static bool event_ok(struct plan *p)
{
	const struct query *q = p->q;
	const struct misp_event *e = &p->event;
	char *room;

	if (p->wild && q->scope == SCOPE_EVENTS)
		return true;
	if (!is_new(p, &q->event_timestamp, e->timestamp, e->id) ||
	    !is_new(p, &q->publish_timestamp, e->publish_timestamp, e->id) ||
	    !flags_wanted(e->published, 1, q->published) || e->date < p->date_from ||
	    e->date > p->date_to || !event_sg_ok(p, e))
		return false;
	if (p->event_any.set && !has_tag(p, &p->event_any))
		return false;
	if (p->event_none.set && has_tag(p, &p->event_none))
		return false;
	/* of a NOT among `tags`, an event must not carry it; its attributes are another matter */
	if (p->tags_none.set && has_tag(p, &p->tags_none))
		return false;
	for (unsigned i = 0; i < p->n_event_all; i++)
		if (!has_tag(p, &p->event_all[i]))
			return false;
	if (!p->info.set)
		return true;
	if (q->scope != SCOPE_EVENT_INDEX)
		return texts_match(&p->info, e->info, STR_NONE);
	room = arena_alloc(p->event_arena, 2 * e->info.n + 1);
	return room && texts_match(&p->info, index_fold(e->info, room), STR_NONE);
}

enum err event_load(struct plan *p, uint32_t place)
{
	bool wanted;
	enum err e;

	if (p->seen[place] == SEEN_UNWANTED)
		return ERR_NOENT;
	if (p->place == place)
		return ERR_OK;
	p->place = IX_NONE;
	arena_reset(p->event_arena);
	e = store_get(p->t, T_EVENT, p->v.ev[place].id, p->event_arena, &p->event);
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(p->f, e, "cannot read an event");
	if (e == ERR_OK && p->seen[place] == SEEN_NOT) {
		p->asked = true;
		wanted = event_ok(p) &&
			 (!p->vis || !p->vis->event || p->vis->event(p->vis->user, &p->event));
		p->seen[place] = wanted ? SEEN_WANTED : SEEN_UNWANTED;
	}
	if (e == ERR_NOENT || p->seen[place] == SEEN_UNWANTED)
		return ERR_NOENT;
	p->place = place;
	return ERR_OK;
}

bool event_told(const struct plan *p, uint32_t place)
{
	const struct ix_event *e = &p->v.ev[place];

	return p->columns && IX_GET(e->distribution) < DIST_INHERIT && IX_GET(e->attributes) &&
	       !(IX_GET(e->published) & IX_PROTECTED);
}

enum err event_wanted(struct plan *p, uint32_t place)
{
	if (p->seen[place] == SEEN_WANTED)
		return ERR_OK;
	if (p->seen[place] != SEEN_NOT || !event_told(p, place))
		return event_load(p, place);
	p->asked = true;
	p->seen[place] = event_maybe(p, place) ? SEEN_WANTED : SEEN_UNWANTED;
	return p->seen[place] == SEEN_WANTED ? ERR_OK : ERR_NOENT;
}

/* ---- attributes ----------------------------------------------------------------------------- */

static bool row_uuid(const struct plan *p, uint32_t row)
{
	const struct query_filter *q = &p->q->uuid;
	bool hit = bit_get(&p->uuid_any, p->v.event[row]);

	for (size_t i = 0; i < p->uuid_rows.n && !hit; i++)
		hit = p->uuid_rows.v[i] == row;
	if ((q->any.n || q->all.n) && !hit)
		return false;
	for (size_t i = 0; i < p->uuid_rows_none.n; i++)
		if (p->uuid_rows_none.v[i] == row)
			return false;
	return true;
}

/* Is the row tagged, or may its event be? */
static bool row_tagged(const struct plan *p, const struct tagset *s, uint32_t row)
{
	return roaring_bitmap_contains(s->rows, row) ||
	       roaring_bitmap_contains(s->events, p->v.event[row]);
}

/* Whose visibility has to be asked, the columns do not decide. */
static bool tags_hidden(const struct plan *p)
{
	return p->vis && p->vis->tag;
}

bool row_maybe(const struct plan *p, enum filter f, uint32_t row)
{
	const struct ix_view *v = &p->v;
	struct str one, two;

	switch (f) {
	case COND_VALUE:
		view_parts(v, row, &one, &two);
		return texts_match(&p->value, one, two);
	case COND_EXACT:
		view_parts(v, row, &one, &two);
		return texts_match(&p->exact, one, two);
	case COND_NOT_VALUE:
		view_parts(v, row, &one, &two);
		return texts_match(&p->value_none, one, two);
	case COND_VALUE1:
		view_parts(v, row, &one, &two);
		return texts_match(&p->value1, one, STR_NONE);
	case COND_VALUE2:
		view_parts(v, row, &one, &two);
		return texts_match(&p->value2, two.p ? two : STR(""), STR_NONE);
	case COND_TYPE:
		return v->type[row] < ATTR_TYPE_LIMIT && p->type_ok[v->type[row]];
	case COND_CATEGORY:
		return p->category_ok[v->category[row]];
	case COND_TO_IDS:
		return flags_wanted(v->flags[row], IX_TO_IDS, p->q->to_ids);
	case COND_DELETED:
		return flags_wanted(v->flags[row], IX_DELETED,
				    p->q->deleted ? p->q->deleted : 1);
	case COND_TIME:
		return v->time[row] >= p->time_from && v->time[row] <= p->time_to;
	case COND_UUID:
		return row_uuid(p, row);
	case COND_ID:
		return in_set(&p->attr_ids, &p->attr_ids_none, v->row[row].id);
	case COND_TAGS:
		if (p->tags_none.set && !tags_hidden(p) && p->q->scope == SCOPE_ATTRIBUTES &&
		    roaring_bitmap_contains(p->tags_none.rows, row))
			return false;
		return !p->tags_any.set || row_tagged(p, &p->tags_any, row);
	case COND_DIST:
		return in_mask(v->flags[row] >> IX_DIST_SHIFT, p->dist_any, p->dist_none);
	case COND_OBJECT:
		return v->row[row].object != 0;
	case COND_COMMENT:
		return v->flags[row] & IX_COMMENTED || texts_match(&p->comment, STR(""), STR_NONE);
	case COND_RELATION:
	case COND_FIRST:
	case COND_LAST:
	case COND_SG:
		return true;
	case COND_TAGS_ALL:
	default:
		return row_tagged(p, &p->tags_all[f - COND_TAGS_ALL], row);
	}
}

bool row_maybe_all(const struct plan *p, uint64_t filters, uint32_t row)
{
	for (; filters; filters &= filters - 1)
		if (!row_maybe(p, (enum filter)__builtin_ctzll(filters), row))
			return false;
	return true;
}

static bool sg_ok(const struct plan *p, const struct misp_attr *a)
{
	uint64_t mine = a->distribution == DIST_GROUP ? a->sharing_group_id : 0;
	uint64_t event = p->event.distribution == DIST_GROUP ? p->event.sharing_group_id : 0;

	if (p->sgs.set && !(mine && idset_has(&p->sgs, mine)) &&
	    !(event && idset_has(&p->sgs, event)))
		return false;
	return !p->sgs_none.set || !((mine && idset_has(&p->sgs_none, mine)) ||
				     (event && idset_has(&p->sgs_none, event)));
}

static bool row_has(const struct plan *p, const struct tagset *s, uint32_t row,
		    const struct misp_attr *a)
{
	return roaring_bitmap_contains(s->rows, row) &&
	       (!tags_hidden(p) || !a || tags_show(p, &a->tags, &s->ids));
}

static bool tagged(const struct plan *p, const struct tagset *s, uint32_t row,
		   const struct misp_attr *a)
{
	return row_has(p, s, row, a) || has_tag(p, s);
}

static bool comment_ok(const struct plan *p, struct str comment)
{
	char small[512], *room = comment.n * 2 < sizeof(small) ? small : calloc(2, comment.n);
	bool yes;

	if (!room)
		return false;
	yes = texts_match(&p->comment, index_fold(comment, room), STR_NONE);
	if (room != small)
		free(room);
	return yes;
}

bool attr_ok(const struct plan *p, enum filter f, uint32_t row, const struct misp_attr *a,
	     const struct misp_object *o)
{
	const struct query *q = p->q;

	switch (f) {
	case COND_RELATION:
		return texts_match(&p->relation, a->object_relation, STR_NONE);
	case COND_COMMENT:
		return comment_ok(p, a->comment);
	case COND_FIRST:
		return a->first_seen != MICRO_NONE && in_time(&q->first_seen, a->first_seen);
	case COND_LAST:
		return a->last_seen != MICRO_NONE && in_time(&q->last_seen, a->last_seen);
	case COND_SG:
		return sg_ok(p, a);
	case COND_OBJECT:
		return o && object_ok(p, o);
	case COND_TAGS:
		if (p->tags_none.set && q->scope == SCOPE_ATTRIBUTES &&
		    row_has(p, &p->tags_none, row, a))
			return false;
		return !p->tags_any.set || tagged(p, &p->tags_any, row, a);
	/* the columns were right already: a row is what its record was */
	case COND_VALUE:
	case COND_EXACT:
	case COND_NOT_VALUE:
	case COND_VALUE1:
	case COND_VALUE2:
	case COND_TYPE:
	case COND_CATEGORY:
	case COND_TO_IDS:
	case COND_DELETED:
	case COND_TIME:
	case COND_UUID:
	case COND_ID:
	case COND_DIST:
		return true;
	case COND_TAGS_ALL:
	default:
		return tagged(p, &p->tags_all[f - COND_TAGS_ALL], row, a);
	}
}

bool object_ok(const struct plan *p, const struct misp_object *o)
{
	return texts_match(&p->object_name, o->name, STR_NONE) &&
	       texts_match(&p->template_uuid, o->template_uuid, STR_NONE) &&
	       texts_match(&p->template_version, o->template_version, STR_NONE);
}

bool needs_attr(const struct plan *p, uint64_t filters)
{
	return (p->vis && p->vis->attr) || filters & p->by_record;
}

enum err attr_load(struct plan *p, uint32_t row, struct misp_attr *a, struct misp_object *room,
		   const struct misp_object **o)
{
	struct el_key key = {p->event.body, p->v.row[row].object, p->v.row[row].id};
	enum err e;

	*o = NULL;
	arena_reset(p->attr_arena);
	e = store_el_get(p->t, EL_ATTR, key, p->attr_arena, a);
	if (e == ERR_OK && key.parent &&
	    ((p->vis && p->vis->attr) || p->filters & COND_BIT(COND_OBJECT))) {
		struct el_key okey = {p->event.body, 0, key.parent};

		e = store_el_get(p->t, EL_OBJECT, okey, p->attr_arena, room);
		if (e == ERR_OK)
			*o = room;
		else if (e == ERR_NOENT)
			e = ERR_OK;
	}
	return e == ERR_OK || e == ERR_NOENT ? e : fail(p->f, e, "cannot read an attribute");
}

bool attr_visible(const struct plan *p, const struct misp_attr *a, const struct misp_object *o)
{
	return !p->vis || !p->vis->attr || p->vis->attr(p->vis->user, &p->event, o, a);
}
