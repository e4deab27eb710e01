/*
 * plan.h - what the files of search/ share: a query resolved against one store snapshot.
 *
 * Conditions on attributes are numbered filters. Each can be asked of a row (columns: "no" is
 * certain, "yes" may still need the record) and of an attribute's record, which decides.
 */
#pragma once

#include "index/rows.h"
#include "model/types.h"
#include "search/search.h"

/* ---- texts and patterns (like.c) ------------------------------------------------------------ */

struct term {
	struct str s; /* folded when the field is */
	bool like; /* a LIKE pattern: first or last character is % */
	bool part; /* a substring (event index) */
};
struct terms {
	struct term *v;
	uint32_t n;
};
struct texts {
	struct terms any, all, none;
	bool set;
};

/* Does `s` match LIKE `pattern` (% any text, _ one character, \ takes both literally)? */
bool like_match(struct str s, struct str pattern);
/* The longest piece of a pattern without wildcards; may be empty. */
struct str like_literal(struct str pattern);
bool term_match(const struct term *t, struct str s);
/*
 * The generic filter on one or two columns (`two` absent: one): any of `any`, any of the plain and
 * each of the patterns of `all`, none of `none` in any column.
 */
bool texts_match(const struct texts *x, struct str one, struct str two);
enum text_kind { TEXT_FOLDED, TEXT_EXACT, TEXT_PART };
MUST_USE enum err texts_make(struct texts *x, const struct query_filter *q, enum text_kind kind,
			     struct arena *a);

/* ---- sets ----------------------------------------------------------------------------------- */

/* A bit a place (event) or tag id. */
struct bits {
	uint64_t *w;
	uint64_t n;
};
static inline bool bit_get(const struct bits *b, uint64_t i)
{
	return i < b->n && (b->w[i >> 6] >> (i & 63) & 1);
}
static inline void bit_set(struct bits *b, uint64_t i)
{
	if (i < b->n)
		b->w[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void bit_clear(struct bits *b, uint64_t i)
{
	if (i < b->n)
		b->w[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
/* All zero; freed with bits_free(). */
MUST_USE enum err bits_make(struct bits *b, uint64_t n);
void bits_free(struct bits *b);

/* Rows, growing. */
struct rowset {
	uint32_t *v;
	size_t n, cap;
};
MUST_USE enum err rows_add(struct rowset *r, uint32_t row);
void rows_free(struct rowset *r);

/* Tags that one condition means: their ids, the rows and (more than) the events that carry one. */
struct tagset {
	struct bits ids;
	roaring_bitmap_t *rows, *events;
	bool set;
};

/* Ids given as numbers or UUIDs or names. */
struct idset {
	uint64_t *v;
	uint32_t n;
	bool set;
};
bool idset_has(const struct idset *s, uint64_t id);

/* ---- the plan ------------------------------------------------------------------------------- */

enum filter {
	COND_VALUE,
	COND_VALUE1,
	COND_VALUE2,
	COND_TYPE,
	COND_CATEGORY,
	COND_RELATION,
	COND_COMMENT,
	COND_TO_IDS,
	COND_DELETED,
	COND_TIME,
	COND_FIRST,
	COND_LAST,
	COND_UUID,
	COND_ID,
	COND_TAGS,
	COND_SG, /* attribute scope: the event's or the attribute's */
	COND_DIST,
	COND_NOT_VALUE, /* event index: `attribute` that must not be there */
	COND_EXACT, /* event index `value` */
	COND_OBJECT, /* name, template of the object it stands in */
	COND_TAGS_ALL, /* one for each tag of an AND group, COND_TAGS_ALL + i */
};
#define TAGS_ALL_MAX 32
#define COND_BIT(f) (UINT64_C(1) << (f))

struct plan {
	const struct query *q;
	struct index *ix;
	const struct store_rtxn *t;
	const struct search_visible *vis;
	const struct search_how *how; /* never NULL */
	struct arena *a;
	struct fail *f;
	struct ix_view v;

	uint64_t filters; /* COND_BIT of those that are set */
	uint64_t by_record; /* of those that need the record */
	bool nothing; /* some condition cannot be met */
	/* Columns say all that is asked of events, and they are as the snapshot has them. */
	bool columns;
	bool asked; /* for the visibility of some event */

	struct texts value, value1, value2, exact, relation, comment, info, object_name, template_uuid,
		template_version;
	bool type_ok[ATTR_TYPE_LIMIT], category_ok[256];
	uint32_t time_from, time_to;
	struct bits uuid_any, uuid_none; /* places of events named by UUID */
	struct rowset uuid_rows, uuid_rows_none; /* attributes named by UUID */
	struct idset attr_ids, attr_ids_none;
	struct tagset tags_any, tags_none, event_any, event_none;
	struct tagset tags_all[TAGS_ALL_MAX], event_all[TAGS_ALL_MAX];
	unsigned n_all, n_event_all;

	/* events */
	bool event_set; /* is there any condition on events? */
	struct idset event_ids, event_ids_none, orgs, orgs_none, orgs_meta, sgs, sgs_none;
	uint32_t level_any, level_none, analysis_any, analysis_none, dist_any, dist_none;
	uint32_t date_from, date_to;

	/* texts of "everything": a pattern or a part, folded and as given */
	struct term wild_folded, wild_raw;
	bool wild;
	struct tagset wild_tags;
	struct idset wild_orgs;
	struct texts value_none, email;

	/* answers so far, by place */
	uint8_t *seen; /* enum seen */
	/* the event that was read last */
	uint32_t place;
	struct misp_event event;
	struct arena *event_arena, *attr_arena;
	uint64_t polled;
	unsigned every; /* rows looked at between two polls */

	/* Candidates go here instead of a list: a bit for each row. NULL: into the list. */
	struct bits *set;
	/* Attributes up to this id are known to stand on earlier pages. */
	uint64_t id_after;
	/* A page by ascending id needs the rows with the lowest ids only: about so many. 0: all. */
	uint64_t few;
	uint64_t id_max; /* rows above it were left out */
	bool left_out;
};

/* resolve.c */
MUST_USE enum err plan_make(struct plan *p);
void plan_free(struct plan *p);
/* Ids of the tags that a name (or pattern, or number) means. */
MUST_USE enum err plan_tag_ids(struct plan *p, struct str name, bool exact, struct bits *ids);

/* test.c: conditions */
/* Now and then; ERR_CANCELLED, ERR_TIMEOUT. */
MUST_USE enum err plan_poll(struct plan *p);
/* May so much memory be used? ERR_LIMIT. */
MUST_USE enum err plan_room(struct plan *p, size_t bytes);
/* Columns of an event: false is certain. */
bool event_maybe(const struct plan *p, uint32_t place);
/*
 * Read the event at `place` if it is not at hand, ask its conditions and its visibility.
 * ERR_NOENT when it is not wanted. p->event holds it afterwards.
 */
MUST_USE enum err event_load(struct plan *p, uint32_t place);
/* Do columns say all that is asked of this event? Not where it is protected or holds no attribute. */
bool event_told(const struct plan *p, uint32_t place);
/* Is the event wanted (ERR_OK, ERR_NOENT)? p->event may be another one afterwards. */
MUST_USE enum err event_wanted(struct plan *p, uint32_t place);
/* Columns of a row against one filter: false is certain. */
bool row_maybe(const struct plan *p, enum filter f, uint32_t row);
/* The same for all filters of a set. */
bool row_maybe_all(const struct plan *p, uint64_t filters, uint32_t row);
/* The record decides. The event is p->event; `o` may be NULL when it is not needed. */
bool attr_ok(const struct plan *p, enum filter f, uint32_t row, const struct misp_attr *a,
	     const struct misp_object *o);
bool object_ok(const struct plan *p, const struct misp_object *o);
/*
 * Read the attribute of a row of p->event, and its object if it stands in one and somebody asks.
 * *o is NULL when there is none. ERR_NOENT when the snapshot has none.
 */
MUST_USE enum err attr_load(struct plan *p, uint32_t row, struct misp_attr *a,
			    struct misp_object *room, const struct misp_object **o);
/* May the audience see it? */
bool attr_visible(const struct plan *p, const struct misp_attr *a, const struct misp_object *o);
/* May the attribute of p->event that a sighting or proposal is about be seen? */
MUST_USE enum err attr_seen(struct plan *p, uint64_t attr_id, bool *yes);
/* Does anybody look at records of attributes? */
bool needs_attr(const struct plan *p, uint64_t filters);
/* Is one of `ids` among the tags of p->event, or of an attribute in it, that may be seen? */
static inline bool tags_show(const struct plan *p, const struct entity_list *tags,
			     const struct bits *ids)
{
	const struct search_visible *vis = p->vis;

	LIST_EACH(t, *tags, struct misp_tagref)
		if (bit_get(ids, t->tag_id) &&
		    (!vis || !vis->tag || vis->tag(vis->user, &p->event, t)))
			return true;
	return false;
}
/* deleted: without it only live attributes, except for the sub-tests of events. */
bool flags_wanted(uint8_t flags, unsigned bit, query_flag want);

/*
 * candidates.c: rows that may satisfy all of `filters` (the same row), by the cheapest way. Either
 * the rows go to `out`, or (`mark`) a bit is set for each event that has one.
 */
MUST_USE enum err candidates(struct plan *p, uint64_t filters, const struct bits *events,
			     uint64_t event_rows, struct rowset *out, struct bits *mark);
/* The texts of a filter (COND_VALUE, COND_VALUE1, COND_VALUE2, COND_EXACT), else NULL. */
const struct texts *filter_texts(const struct plan *p, enum filter f);
/* How many rows candidates() would look at, at most; all of the index where it would scan. */
uint64_t candidates_most(struct plan *p, uint64_t filters, const struct bits *events, uint64_t event_rows);
/* Places of live events that may match; *rows gets how many live rows they have. */
MUST_USE enum err candidate_events(struct plan *p, struct bits *out, uint64_t *rows);

/* scan.c: SIMD-friendly loops */
/* Offset of the next occurrence of `needle` in [from, end), or end. */
uint64_t text_find(const char *text, uint64_t from, uint64_t end, struct str needle);

/* order.c */
enum { ORDER_RULES = 4 };
struct order_key {
	int64_t n[ORDER_RULES];
	struct str s[ORDER_RULES];
};
struct order {
	struct {
		uint8_t field;
		bool desc;
	} rule[ORDER_RULES];
	unsigned n;
};
/* False, and no rules, when a rule is not understood. */
bool order_parse(struct order *o, struct str text, enum search_scope scope);
void order_event_key(const struct order *o, const struct misp_event *e, struct order_key *k);
/* From columns; object_relation from the record. */
MUST_USE enum err order_row_key(struct plan *p, const struct order *o, uint32_t row,
				struct order_key *k);
int order_cmp(const struct order *o, const struct order_key *a, const struct order_key *b);
/* What is equal is ordered by id, in the direction of the first rule, as recorded. */
static inline int order_tie(const struct order *o, uint64_t x, uint64_t y)
{
	int c = (x > y) - (x < y);

	return o->n && o->rule[0].desc ? -c : c;
}
/* Sort rows by attribute id. */
MUST_USE enum err order_rows(const struct ix_view *v, uint32_t *rows, size_t n);

/* the scopes */
MUST_USE enum err search_attrs(struct plan *p, struct search_result *out);
MUST_USE enum err search_events(struct plan *p, struct search_result *out);
MUST_USE enum err search_objects(struct plan *p, struct search_result *out);
MUST_USE enum err search_sightings(struct plan *p, struct search_result *out);

/* events.c */
/*
 * Narrow `events` to those with candidates for each filter on its own (sub-tests). *rows is kept
 * up to date.
 */
MUST_USE enum err narrow_events(struct plan *p, struct bits *events, uint64_t *rows);
/* Has p->event a row that satisfies one filter and may be seen? */
MUST_USE enum err some_row(struct plan *p, enum filter f, bool *yes);

/* wild.c: wildcard mode and the event index's own conditions */
MUST_USE enum err wild_make(struct plan *p);
/* Does p->event match? */
MUST_USE enum err wild_ok(struct plan *p, bool *yes);
/* Hits gathered outside of the arena, then moved into it. */
struct hits {
	struct search_hit *v;
	uint64_t n, cap;
};
MUST_USE enum err hits_add(struct plan *p, struct hits *h, struct search_hit hit);
MUST_USE enum err hits_move(struct plan *p, struct hits *h, struct search_result *out);
