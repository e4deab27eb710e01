/*
 * elements.c - attributes, objects and reports that a recipient of their event had and may no longer
 * have: deleted, narrowed, or marked higher.
 */
#include <stdlib.h>

#include "retract/judge.h"

#define BEFORE_MAX 20000 /* of one slice */
#define SCAN_MAX 200000 /* changes that are read to see since when an element is there */

union el_row {
	struct misp_attr attr;
	struct misp_object object;
	struct misp_report report;
};

static const enum retract_what what_of[EL_COUNT] = {[EL_ATTR] = RETRACT_ATTRIBUTE,
						    [EL_OBJECT] = RETRACT_OBJECT,
						    [EL_REPORT] = RETRACT_REPORT};

static uint64_t be64(const char *p)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

/* ---- reading ---- */

static enum err entry(struct slice *s, struct str key, struct str was, struct fail *f)
{
	struct before b = {.was = arena_str(s->keep, was)};
	union el_row row;
	struct str now;
	if (key.n != STORE_BEFORE_KEY)
		return fail(f, ERR_CORRUPT, "what an element was before has a bad key");
	b.kind = (enum element_kind)key.p[8];
	b.key = (struct el_key){be64(key.p), be64(key.p + 9), be64(key.p + 17)};
	arena_reset(s->a);
	enum err e = store_before_unpack(b.kind, was, s->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "what an element was before does not unpack");
	if (b.kind == EL_ATTR) {
		b.event_id = row.attr.event_id;
		b.uuid = row.attr.uuid;
	} else if (b.kind == EL_OBJECT) {
		b.event_id = row.object.event_id;
		b.uuid = row.object.uuid;
	} else {
		b.event_id = row.report.event_id;
		b.uuid = row.report.uuid;
	}
	e = store_el_raw(s->t, b.kind, b.key, &now);
	if (e == ERR_OK)
		b.now = arena_str(s->keep, now);
	else if (e != ERR_NOENT)
		return fail(f, e, "reading an element");
	if (arena_overflowed(s->keep))
		return fail(f, ERR_LIMIT, "too much changed at once");
	if (s->n_before == s->cap_before) {
		size_t cap = s->cap_before ? s->cap_before * 2 : 64;
		struct before *v = reallocarray(s->before, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu elements", cap);
		s->before = v;
		s->cap_before = cap;
	}
	s->before[s->n_before++] = b;
	return ERR_OK;
}

static int by_event(const void *a, const void *b)
{
	const struct before *x = a, *y = b;
	if (x->event_id != y->event_id)
		return x->event_id < y->event_id ? -1 : 1;
	/* objects first: their attributes look for them */
	return (y->kind == EL_OBJECT) - (x->kind == EL_OBJECT);
}

enum err before_read(struct slice *s, bool *more, struct fail *f)
{
	OWN(buf) struct buf key = BUF(64);
	struct misp_event e;
	struct str was;
	enum err err = ERR_OK;
	while (s->n_before < BEFORE_MAX && arena_used(s->keep) < (32u << 20) &&
	       (err = store_book_next(s->t, BOOK_BEFORE, STR(""), &key, &was)) == ERR_OK)
		TRY(entry(s, buf_str(&key), was, f));
	if (err != ERR_OK && err != ERR_NOENT)
		return fail(f, err, "reading what elements were before");
	*more |= err == ERR_OK;
	if (s->n_before)
		qsort(s->before, s->n_before, sizeof(*s->before), by_event);
	for (size_t i = 0; i < s->n_before; i++) {
		uint64_t id = s->before[i].event_id;
		if ((i && id == s->before[i - 1].event_id) ||
		    store_get(s->t, T_EVENT, id, NULL, &e) != ERR_OK)
			continue;
		TRY(slice_thing(s, RETRACT_EVENT, e.uuid, id, store_seq(s->t), false, f));
	}
	return ERR_OK;
}

enum err before_forget(const struct slice *s, struct store_wtxn *w, struct fail *f)
{
	for (size_t i = 0; i < s->n_before; i++)
		TRY(store_before_done(w, s->before[i].kind, s->before[i].key, s->before[i].now, f));
	return ERR_OK;
}

/* ---- judging ---- */

enum answer { NO, YES, UNSURE };

/*
 * Was the element there when the event was last given? It came later, if the log since then says that it
 * was added; a change that does not name its elements leaves it open.
 */
static enum answer was_given(const struct slice *s, const struct before *b, const struct pair *p)
{
	uint64_t seq = p->sent_seq;
	struct change c;
	if (store_seq(s->t) - seq > SCAN_MAX)
		return UNSURE;
	while (store_change_next(s->t, &seq, &c) == ERR_OK) {
		if (c.event_id != b->event_id)
			continue;
		if (c.kind == CHANGE_EL(b->kind) && c.id == b->key.id && c.op == CHANGE_ADD)
			return NO;
		if (c.whole)
			return UNSURE;
	}
	return YES;
}

static size_t first_of(const struct slice *s, uint64_t event_id)
{
	size_t lo = 0, hi = s->n_before;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->before[mid].event_id < event_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The object of an attribute, when it changed as well. */
static const struct before *object_of(const struct slice *s, const struct before *b)
{
	if (b->kind != EL_ATTR || !b->key.parent)
		return NULL;
	for (size_t i = first_of(s, b->event_id);
	     i < s->n_before && s->before[i].event_id == b->event_id; i++)
		if (s->before[i].kind == EL_OBJECT && s->before[i].key.id == b->key.parent)
			return &s->before[i];
	return NULL;
}

struct judging {
	struct slice *s;
	struct view *v;
	const struct misp_event *e;
};

static bool shows_object(const struct judging *j, struct str packed)
{
	struct misp_object o;
	return packed.p && store_before_unpack(EL_OBJECT, packed, j->s->a, &o) == ERR_OK &&
	       !o.deleted && view_would_show_object(j->v, j->e, &o);
}

static bool shows_report(const struct judging *j, struct str packed)
{
	struct misp_report r;
	return packed.p && store_before_unpack(EL_REPORT, packed, j->s->a, &r) == ERR_OK &&
	       !r.deleted && view_would_show_report(j->v, j->e, &r);
}

static bool shows_attr(const struct judging *j, const struct before *b, bool now)
{
	const struct before *ob = object_of(j->s, b);
	struct str packed = now ? b->now : b->was;
	struct misp_object o;
	struct misp_attr a;
	if (!packed.p || store_before_unpack(EL_ATTR, packed, j->s->a, &a) != ERR_OK || a.deleted)
		return false;
	if (!b->key.parent)
		return view_would_show_attr(j->v, j->e, NULL, &a);
	struct str op = ob ? (now ? ob->now : ob->was) : STR_NONE;
	enum err e = op.p ? store_before_unpack(EL_OBJECT, op, j->s->a, &o) :
			    store_el_get(j->s->t, EL_OBJECT,
					 (struct el_key){b->key.body, 0, b->key.parent}, j->s->a,
					 &o);
	return e == ERR_OK && view_would_show_attr(j->v, j->e, &o, &a);
}

static bool shows(const struct judging *j, const struct before *b, bool now)
{
	if (b->kind == EL_ATTR)
		return shows_attr(j, b, now);
	if (b->kind == EL_OBJECT)
		return shows_object(j, now ? b->now : b->was);
	return shows_report(j, now ? b->now : b->was);
}

static bool lost(const struct judging *j, const struct before *b)
{
	return shows(j, b, false) && !shows(j, b, true);
}

/* Marked as deleted it goes to sync links by itself, with the event. */
static bool is_soft_deleted(const struct judging *j, const struct before *b)
{
	union el_row row;
	if (!b->now.p || store_before_unpack(b->kind, b->now, j->s->a, &row) != ERR_OK)
		return false;
	return b->kind == EL_ATTR   ? row.attr.deleted :
	       b->kind == EL_OBJECT ? row.object.deleted :
				      row.report.deleted;
}

static enum err element_row(struct slice *s, const struct judging *j, const struct recipient *to,
			    const struct before *b, const struct pair *p, struct fail *f)
{
	bool soft = is_soft_deleted(j, b);
	enum answer given = was_given(s, b, p);
	struct retraction had, r = {.audience = p->audience,
				    .what = (uint8_t)what_of[b->kind],
				    .uuid = b->uuid,
				    .id = b->key.id,
				    .event_uuid = j->e->uuid,
				    .event_id = b->event_id,
				    .parent = b->key.parent,
				    .seq = store_seq(s->t),
				    .why = !b->now.p ? STR("it was deleted here") :
					   soft	     ? STR("it was marked as deleted here") :
						       STR("it may no longer go there"),
				    .before = soft ? STR_NONE : b->was};
	if (given == NO || (retraction_get(s->t, p->audience, r.what, r.uuid, &had) == ERR_OK &&
			    had.seq >= p->sent_seq))
		return ERR_OK;
	row_begin(s, to, &r);
	if (soft && to->route == RETRACT_BY_PULL && !to->native) {
		r.state = RETRACT_PENDING; /* with the event, marked as deleted */
		r.note = STR_NONE;
	}
	if (given == UNSURE && !soft && to->route != RETRACT_BY_FOLDER && to->route != RETRACT_BY_QUERY) {
		r.state = RETRACT_IMPOSSIBLE;
		r.note = STR("it is not certain that it was given: naming it would tell of it");
	}
	return slice_row(s, &r, f);
}

enum err judge_elements(struct slice *s, const struct recipient *to, struct view *v,
			const struct misp_event *e, const struct pair *p, struct fail *f)
{
	struct judging j = {s, v, e};
	size_t i = first_of(s, e->id);
	for (; i < s->n_before && s->before[i].event_id == e->id; i++) {
		const struct before *b = &s->before[i];
		struct arena_mark m = arena_mark(s->a);
		const struct before *object = object_of(s, b);
		/* an object takes its attributes with it */
		if (lost(&j, b) && !(object && lost(&j, object)))
			TRY(element_row(s, &j, to, b, p, f));
		arena_rewind(s->a, m);
	}
	return ERR_OK;
}
