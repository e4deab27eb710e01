/*
 * resolve.c - a query's names become ids, its texts are folded, its ranges fitted to the columns.
 * What cannot be met (an unknown tag that must be there) makes the plan empty at once.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"

/* ---- ids ------------------------------------------------------------------------------------ */

static int id_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static enum err idset_room(struct plan *p, struct idset *s, size_t n)
{
	s->set = true;
	s->v = ARENA_ARRAY(p->a, uint64_t, n ? n : 1);
	return s->v ? ERR_OK : fail(p->f, ERR_LIMIT, "too many search terms");
}

static void idset_sort(struct idset *s)
{
	qsort(s->v, s->n, sizeof(*s->v), id_cmp);
}

/* Each finds one id; false: there is none. */
typedef bool (*id_fn)(struct plan *p, struct str s, uint64_t *id);

static bool by_uuid(struct plan *p, enum store_index ix, struct str s, uint64_t *id)
{
	struct uuid u;

	return uuid_parse(s, &u) &&
	       store_find(p->t, ix, (struct str){(const char *)u.b, 16}, id) == ERR_OK;
}

static bool event_id_of(struct plan *p, struct str s, uint64_t *id)
{
	struct uuid u;
	uint32_t place;

	if (str_u64(s, id))
		return true;
	if (!uuid_parse(s, &u) || (place = view_event_of_uuid(&p->v, u)) == IX_NONE)
		return false;
	*id = p->v.ev[place].id;
	return true;
}

/* The event index takes names in any case. */
static bool org_any_case(struct plan *p, struct str s, uint64_t *id)
{
	struct misp_org o;

	for (*id = 0; store_next(p->t, T_ORG, id, NULL, &o) == ERR_OK;)
		if (str_eq_nocase(o.name, s))
			return true;
	return false;
}

static bool org_id_of(struct plan *p, struct str s, uint64_t *id)
{
	if (by_uuid(p, IX_ORG_UUID, s, id) || store_find(p->t, IX_ORG_NAME, s, id) == ERR_OK)
		return true;
	if (str_u64(s, id))
		return true;
	return p->q->scope == SCOPE_EVENT_INDEX && org_any_case(p, s, id);
}

static bool sg_id_of(struct plan *p, struct str s, uint64_t *id)
{
	return str_u64(s, id) || by_uuid(p, IX_SG_UUID, s, id);
}

static bool plain_id(struct plan *p, struct str s, uint64_t *id)
{
	(void)p;
	return str_u64(s, id);
}

static enum err ids_of(struct plan *p, const struct query_terms *in, id_fn find,
		       struct idset *out)
{
	uint64_t id;

	if (!in->n)
		return ERR_OK;
	TRY(idset_room(p, out, in->n));
	for (uint32_t i = 0; i < in->n; i++)
		if (find(p, in->v[i], &id))
			out->v[out->n++] = id;
	idset_sort(out);
	return ERR_OK;
}

/* any and all say the same of a single id. */
static enum err id_filter(struct plan *p, const struct query_filter *q, id_fn find,
			  struct idset *any, struct idset *none)
{
	TRY(ids_of(p, q->any.n ? &q->any : &q->all, find, any));
	TRY(ids_of(p, &q->none, find, none));
	p->nothing |= any->set && !any->n;
	return ERR_OK;
}

/* Creator organisations of a nationality, a sector, local ones. */
static enum err org_meta(struct plan *p)
{
	const struct query *q = p->q;
	struct texts nation, sector;
	struct misp_org o;
	uint64_t id = 0, most = 0;

	if (!q->org_nationality.set && !q->org_sector.set && !q->org_local.set)
		return ERR_OK;
	TRY(texts_make(&nation, &q->org_nationality, TEXT_EXACT, p->a));
	TRY(texts_make(&sector, &q->org_sector, TEXT_EXACT, p->a));
	while (store_next(p->t, T_ORG, &id, NULL, NULL) == ERR_OK)
		most++;
	TRY(idset_room(p, &p->orgs_meta, most));
	for (id = 0; store_next(p->t, T_ORG, &id, NULL, &o) == ERR_OK;) {
		bool want = texts_match(&nation, o.nationality, STR_NONE) &&
			    texts_match(&sector, o.sector, STR_NONE);

		if (q->org_local.any.n)
			want &= o.local == !str_is(q->org_local.any.v[0], "0");
		if (want && p->orgs_meta.n < most)
			p->orgs_meta.v[p->orgs_meta.n++] = id;
	}
	p->nothing |= !p->orgs_meta.n;
	return ERR_OK;
}

/* ---- tags ----------------------------------------------------------------------------------- */

static bool tag_pattern(struct str s)
{
	return str_chr(s, '%') >= 0 || str_chr(s, '_') >= 0;
}

enum err plan_tag_ids(struct plan *p, struct str name, bool exact, struct bits *ids)
{
	struct misp_tag tag;
	bool found = false;
	uint64_t id;

	if (!exact && tag_pattern(name)) {
		for (id = 0; store_next(p->t, T_TAG, &id, NULL, &tag) == ERR_OK;)
			if (like_match(tag.name, name)) {
				bit_set(ids, id);
				found = true;
			}
	} else if (store_find(p->t, IX_TAG_NAME, name, &id) == ERR_OK &&
		   store_get(p->t, T_TAG, id, NULL, &tag) == ERR_OK && str_eq(tag.name, name)) {
		bit_set(ids, id);
		found = true;
	}
	if (!found && str_u64(name, &id) && store_get(p->t, T_TAG, id, NULL, &tag) == ERR_OK) {
		bit_set(ids, id);
		found = true;
	}
	return found ? ERR_OK : ERR_NOENT;
}

static enum err tagset_begin(struct plan *p, struct tagset *s)
{
	uint64_t last = UINT64_MAX;
	enum err e = store_prev(p->t, T_TAG, &last, NULL, NULL);

	s->set = true;
	s->rows = roaring_bitmap_create();
	s->events = roaring_bitmap_create();
	if (!s->rows || !s->events)
		return fail(p->f, ERR_NOMEM, "no memory for a search");
	return bits_make(&s->ids, e == ERR_OK ? last + 1 : 1);
}

static void tagset_end(struct plan *p, struct tagset *s)
{
	for (uint64_t id = 0; id < s->ids.n; id++)
		if (bit_get(&s->ids, id)) {
			view_tag_rows(&p->v, id, s->rows);
			view_tag_events(&p->v, id, s->events);
		}
}

/* One set for all names of a list; *known tells whether any of them means a tag. */
static enum err tagset_make(struct plan *p, struct tagset *s, const struct str *v, uint32_t n,
			    bool *known)
{
	bool exact = p->q->scope == SCOPE_EVENT_INDEX;

	*known = false;
	TRY(tagset_begin(p, s));
	for (uint32_t i = 0; i < n; i++) {
		enum err e = plan_tag_ids(p, v[i], exact, &s->ids);

		if (e != ERR_OK && e != ERR_NOENT)
			return e;
		*known |= e == ERR_OK;
	}
	tagset_end(p, s);
	return ERR_OK;
}

static enum err tag_filter(struct plan *p, const struct query_filter *q, struct tagset *any,
			   struct tagset *none, struct tagset *all, unsigned *n_all)
{
	bool known;

	if (q->any.n) {
		TRY(tagset_make(p, any, q->any.v, q->any.n, &known));
		p->nothing |= !known;
	}
	if (q->none.n)
		TRY(tagset_make(p, none, q->none.v, q->none.n, &known));
	if (q->all.n > TAGS_ALL_MAX)
		return fail(p->f, ERR_LIMIT, "more than %d tags at once", TAGS_ALL_MAX);
	for (; *n_all < q->all.n; ++*n_all) {
		TRY(tagset_make(p, &all[*n_all], &q->all.v[*n_all], 1, &known));
		p->nothing |= !known;
	}
	return ERR_OK;
}

static enum err tag_filters(struct plan *p)
{
	const struct query *q = p->q;

	/* the event index looks at tags of events only */
	if (q->scope == SCOPE_EVENT_INDEX)
		return tag_filter(p, &q->tags, &p->event_any, &p->event_none, p->event_all,
				  &p->n_event_all);
	TRY(tag_filter(p, &q->tags, &p->tags_any, &p->tags_none, p->tags_all, &p->n_all));
	TRY(tag_filter(p, &q->event_tags, &p->event_any, &p->event_none, p->event_all,
		       &p->n_event_all));
	if (p->tags_any.set || (p->tags_none.set && q->scope == SCOPE_ATTRIBUTES))
		p->filters |= COND_BIT(COND_TAGS);
	for (unsigned i = 0; i < p->n_all; i++)
		p->filters |= COND_BIT(COND_TAGS_ALL + i);
	return ERR_OK;
}

/* ---- columns -------------------------------------------------------------------------------- */

/* The names of types and categories against texts: which numbers pass. */
static void types_ok(struct plan *p, const struct texts *x)
{
	char room[256];

	for (unsigned t = 0; t < ATTR_TYPE_LIMIT; t++) {
		struct str name = type_name((enum attr_type)t);

		p->type_ok[t] = name.n && name.n < sizeof(room) / 2 &&
				texts_match(x, index_fold(name, room), STR_NONE);
	}
}

static void categories_ok(struct plan *p, const struct texts *x)
{
	for (unsigned c = 0; c < CAT_LIMIT; c++) {
		struct str name = category_name((enum attr_category)c);

		p->category_ok[c] = name.n && texts_match(x, name, STR_NONE);
	}
}

static uint32_t number_mask(const struct query_terms *t)
{
	uint32_t mask = 0;
	uint64_t n;

	for (uint32_t i = 0; i < t->n; i++)
		if (str_u64(t->v[i], &n) && n < 32)
			mask |= 1u << n;
	return mask;
}

static void level_filter(struct plan *p, const struct query_filter *q, uint32_t *any,
			 uint32_t *none)
{
	const struct query_terms *t = q->any.n ? &q->any : &q->all;

	*any = t->n ? number_mask(t) : UINT32_MAX;
	*none = number_mask(&q->none);
	p->nothing |= !*any;
}

static uint32_t day_of(int64_t t)
{
	struct clock_civil c = clock_to_civil(t);

	return c.year < 0 || c.year > 9999
		       ? 0
		       : (uint32_t)(c.year * 10000 + c.month * 100 + c.day);
}

static void times(struct plan *p)
{
	const struct query *q = p->q;
	const struct query_range *r = &q->attribute_timestamp;

	p->time_to = UINT32_MAX;
	p->nothing |= r->never || q->event_timestamp.never || q->publish_timestamp.never ||
		      q->date.never || q->first_seen.never || q->last_seen.never ||
		      q->sighted.never;
	if (r->set) {
		p->filters |= COND_BIT(COND_TIME);
		p->nothing |= r->to < 0 || r->from > UINT32_MAX || r->from > r->to;
		p->time_from = ix_time(r->from);
		p->time_to = ix_time(r->to);
	}
	p->date_to = UINT32_MAX;
	if (q->date.set) {
		if (q->date.from > INT64_MIN)
			p->date_from = day_of(q->date.from);
		if (q->date.to < INT64_MAX)
			p->date_to = day_of(q->date.to);
	}
	if (q->first_seen.set && q->scope != SCOPE_OBJECTS)
		p->filters |= COND_BIT(COND_FIRST);
	if (q->last_seen.set && q->scope != SCOPE_OBJECTS)
		p->filters |= COND_BIT(COND_LAST);
}

/* ---- UUIDs ---------------------------------------------------------------------------------- */

static enum err uuids(struct plan *p, const struct query_terms *t, struct bits *events,
		      struct rowset *rows, bool *found)
{
	struct uuid u;

	TRY(bits_make(events, p->v.events));
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t place, row;

		if (!uuid_parse(t->v[i], &u))
			continue;
		place = view_event_of_uuid(&p->v, u);
		row = view_row_of_uuid(&p->v, u);
		if (place != IX_NONE) {
			bit_set(events, place);
			*found = true;
		}
		if (row != IX_NONE && row < p->v.rows) {
			TRY(rows_add(rows, row));
			*found = true;
		}
	}
	return ERR_OK;
}

static enum err uuid_filter(struct plan *p)
{
	const struct query_filter *q = &p->q->uuid;
	bool found = false, ignored;

	if (!q->set || p->q->scope == SCOPE_SIGHTINGS)
		return ERR_OK;
	/* excluding is a matter of the event there, not of one of its attributes */
	if (p->q->scope == SCOPE_ATTRIBUTES || q->any.n || q->all.n)
		p->filters |= COND_BIT(COND_UUID);
	TRY(uuids(p, q->any.n ? &q->any : &q->all, &p->uuid_any, &p->uuid_rows, &found));
	p->nothing |= (q->any.n || q->all.n) && !found;
	return uuids(p, &q->none, &p->uuid_none, &p->uuid_rows_none, &ignored);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err text_filters(struct plan *p)
{
	const struct query *q = p->q;
	const struct {
		const struct query_filter *from;
		struct texts *to;
		enum text_kind kind;
		enum filter f;
	} rows[] = {
		{q->scope == SCOPE_EVENT_INDEX ? &q->attribute_text : &q->value, &p->value,
		 q->scope == SCOPE_EVENT_INDEX ? TEXT_PART : TEXT_FOLDED, COND_VALUE},
		{&q->value1, &p->value1, TEXT_FOLDED, COND_VALUE1},
		{&q->value2, &p->value2, TEXT_FOLDED, COND_VALUE2},
		{&q->object_relation, &p->relation, TEXT_EXACT, COND_RELATION},
		{&q->comment, &p->comment, TEXT_FOLDED, COND_COMMENT},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		TRY(texts_make(rows[i].to, rows[i].from, rows[i].kind, p->a));
		if (rows[i].to->set)
			p->filters |= COND_BIT(rows[i].f);
	}
	if (q->scope == SCOPE_EVENT_INDEX) {
		/* what an event must not have is a sub-test of its own */
		p->value_none = (struct texts){.any = p->value.none, .set = p->value.none.n};
		p->value.none = (struct terms){0};
		if (!p->value.any.n)
			p->filters &= ~COND_BIT(COND_VALUE);
		TRY(texts_make(&p->email, &q->email, TEXT_PART, p->a));
		TRY(texts_make(&p->exact, &q->value, TEXT_FOLDED, p->a));
		if (p->exact.set)
			p->filters |= COND_BIT(COND_EXACT);
	}
	TRY(texts_make(&p->info, &q->eventinfo,
		       q->scope == SCOPE_EVENT_INDEX ? TEXT_PART : TEXT_EXACT, p->a));
	TRY(texts_make(&p->object_name, &q->object_name, TEXT_EXACT, p->a));
	TRY(texts_make(&p->template_uuid, &q->object_template_uuid, TEXT_EXACT, p->a));
	TRY(texts_make(&p->template_version, &q->object_template_version, TEXT_EXACT, p->a));
	if (q->scope != SCOPE_OBJECTS &&
	    (p->object_name.set || p->template_uuid.set || p->template_version.set))
		p->filters |= COND_BIT(COND_OBJECT);
	return ERR_OK;
}

static enum err column_filters(struct plan *p)
{
	const struct query *q = p->q;
	struct texts x;

	if (q->type.set) {
		TRY(texts_make(&x, &q->type, TEXT_FOLDED, p->a));
		types_ok(p, &x);
		p->filters |= COND_BIT(COND_TYPE);
	}
	if (q->category.set) {
		TRY(texts_make(&x, &q->category, TEXT_EXACT, p->a));
		categories_ok(p, &x);
		p->filters |= COND_BIT(COND_CATEGORY);
	}
	if (q->to_ids)
		p->filters |= COND_BIT(COND_TO_IDS);
	/* sub-tests of events look at deleted attributes too, unless told otherwise */
	if (q->deleted || q->scope == SCOPE_ATTRIBUTES || q->scope == SCOPE_OBJECTS)
		p->filters |= COND_BIT(COND_DELETED);
	if (q->attribute_id.set) {
		p->filters |= COND_BIT(COND_ID);
		TRY(id_filter(p, &q->attribute_id, plain_id, &p->attr_ids, &p->attr_ids_none));
	}
	if (q->sharinggroup.set && q->scope == SCOPE_ATTRIBUTES)
		p->filters |= COND_BIT(COND_SG);
	if (q->distribution.set && q->scope != SCOPE_EVENTS && q->scope != SCOPE_EVENT_INDEX)
		p->filters |= COND_BIT(COND_DIST);
	return ERR_OK;
}

static enum err event_filters(struct plan *p)
{
	const struct query *q = p->q;

	TRY(id_filter(p, &q->eventid, event_id_of, &p->event_ids, &p->event_ids_none));
	if (q->scope != SCOPE_SIGHTINGS)
		TRY(id_filter(p, &q->org, org_id_of, &p->orgs, &p->orgs_none));
	TRY(id_filter(p, &q->sharinggroup, sg_id_of, &p->sgs, &p->sgs_none));
	TRY(org_meta(p));
	level_filter(p, &q->threat_level_id, &p->level_any, &p->level_none);
	level_filter(p, &q->analysis, &p->analysis_any, &p->analysis_none);
	level_filter(p, &q->distribution, &p->dist_any, &p->dist_none);
	p->event_set = p->event_ids.set || p->event_ids_none.set || p->orgs.set ||
		       p->orgs_none.set || p->orgs_meta.set || p->sgs.set || p->sgs_none.set ||
		       q->threat_level_id.set || q->analysis.set || q->distribution.set ||
		       q->date.set || q->event_timestamp.set || q->publish_timestamp.set ||
		       q->published || p->info.set || p->event_any.set || p->event_none.set ||
		       p->n_event_all || p->tags_none.set || q->uuid.set;
	return ERR_OK;
}

enum err plan_make(struct plan *p)
{
	const struct query_filter *texts[] = {&p->q->value, &p->q->value1, &p->q->value2,
					      &p->q->type, &p->q->category, &p->q->uuid,
					      &p->q->comment, &p->q->attribute_text};
	uint32_t terms = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		terms += texts[i]->any.n + texts[i]->all.n + texts[i]->none.n;
	p->every = MAX(512 / (1 + terms / 16), 1);
	p->place = IX_NONE;
	p->event_arena = arena_new((size_t)4 << 20);
	p->attr_arena = arena_new((size_t)64 << 20);
	p->seen = calloc(p->v.events + 1, 1);
	if (!p->event_arena || !p->attr_arena || !p->seen)
		return fail(p->f, ERR_NOMEM, "no memory for a search");
	p->level_any = p->analysis_any = p->dist_any = p->date_to = UINT32_MAX;
	/* wildcard mode knows no other filter */
	if (p->q->scope == SCOPE_EVENTS && p->q->searchall.n)
		return wild_make(p);
	TRY(text_filters(p));
	TRY(column_filters(p));
	TRY(tag_filters(p));
	TRY(uuid_filter(p));
	TRY(event_filters(p));
	times(p);
	p->by_record = p->filters & (COND_BIT(COND_RELATION) | COND_BIT(COND_COMMENT) | COND_BIT(COND_FIRST) |
				     COND_BIT(COND_LAST) | COND_BIT(COND_SG) | COND_BIT(COND_OBJECT));
	return p->q->scope == SCOPE_EVENT_INDEX ? wild_make(p) : ERR_OK;
}

static void tagset_free(struct tagset *s)
{
	bits_free(&s->ids);
	if (s->rows)
		roaring_bitmap_free(s->rows);
	if (s->events)
		roaring_bitmap_free(s->events);
}

void plan_free(struct plan *p)
{
	tagset_free(&p->tags_any);
	tagset_free(&p->tags_none);
	tagset_free(&p->event_any);
	tagset_free(&p->event_none);
	tagset_free(&p->wild_tags);
	for (unsigned i = 0; i < TAGS_ALL_MAX; i++) {
		tagset_free(&p->tags_all[i]);
		tagset_free(&p->event_all[i]);
	}
	bits_free(&p->uuid_any);
	bits_free(&p->uuid_none);
	rows_free(&p->uuid_rows);
	rows_free(&p->uuid_rows_none);
	arena_free(p->event_arena);
	arena_free(p->attr_arena);
	free(p->seen);
}
