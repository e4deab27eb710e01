/*
 * wild.c - searches in "everything": wildcard mode of events/restSearch and `all` of the event
 * index, and the index's conditions that only records answer.
 *
 * Wildcard mode takes a LIKE pattern, case-sensitive for info and tags as recorded; `all` takes a
 * part of a text in any case.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

static bool raw_match(const struct plan *p, struct str s)
{
	/* a pattern without % is an equality here too */
	return p->q->scope == SCOPE_EVENT_INDEX ? false : like_match(s, p->wild_raw.s);
}

/* Folded match of a text that is not folded yet. */
static bool folded_match(const struct plan *p, struct str s)
{
	char small[512], *room = s.n * 2 < sizeof(small) ? small : calloc(2, s.n);
	bool yes;

	if (!room)
		return false;
	yes = term_match(&p->wild_folded, index_fold(s, room));
	if (room != small)
		free(room);
	return yes;
}

static bool name_match(const struct plan *p, struct str s)
{
	return p->q->scope == SCOPE_EVENT_INDEX ? folded_match(p, s) : raw_match(p, s);
}

static enum err wild_tags(struct plan *p)
{
	uint64_t last = UINT64_MAX, id = 0;
	struct misp_tag tag;

	if (store_prev(p->t, T_TAG, &last, NULL, NULL) != ERR_OK)
		last = 0;
	TRY(bits_make(&p->wild_tags.ids, last + 1));
	p->wild_tags.rows = roaring_bitmap_create();
	p->wild_tags.events = roaring_bitmap_create();
	if (!p->wild_tags.rows || !p->wild_tags.events)
		return fail(p->f, ERR_NOMEM, "no memory for a search");
	while (store_next(p->t, T_TAG, &id, NULL, &tag) == ERR_OK)
		if (name_match(p, tag.name)) {
			bit_set(&p->wild_tags.ids, id);
			view_tag_rows(&p->v, id, p->wild_tags.rows);
		}
	return ERR_OK;
}

static enum err wild_orgs(struct plan *p)
{
	uint64_t id = 0, n = 0;
	struct misp_org o;

	while (store_next(p->t, T_ORG, &id, NULL, NULL) == ERR_OK)
		n++;
	p->wild_orgs.v = ARENA_ARRAY(p->a, uint64_t, n + 1);
	if (!p->wild_orgs.v)
		return fail(p->f, ERR_LIMIT, "too many organisations");
	for (id = 0; store_next(p->t, T_ORG, &id, NULL, &o) == ERR_OK;)
		if (p->wild_orgs.n < n && folded_match(p, o.name))
			p->wild_orgs.v[p->wild_orgs.n++] = id;
	return ERR_OK;
}

enum err wild_make(struct plan *p)
{
	bool index = p->q->scope == SCOPE_EVENT_INDEX;
	struct str s = index ? p->q->index_all : p->q->searchall;
	char *room;

	if (!s.n)
		return ERR_OK;
	room = arena_alloc(p->a, 2 * s.n + 1);
	if (!room)
		return fail(p->f, ERR_LIMIT, "too long a search term");
	p->wild = true;
	p->wild_raw = (struct term){s, true, false};
	p->wild_folded = (struct term){index_fold(s, room), !index, index};
	TRY(wild_tags(p));
	return index ? wild_orgs(p) : ERR_OK;
}

/* ---- attributes ----------------------------------------------------------------------------- */

static bool row_hit(const struct plan *p, uint32_t row)
{
	struct str one, two;

	view_parts(&p->v, row, &one, &two);
	return term_match(&p->wild_folded, one) || (two.p && term_match(&p->wild_folded, two)) ||
	       (p->q->scope == SCOPE_EVENTS && roaring_bitmap_contains(p->wild_tags.rows, row));
}

/* Rows of the event whose columns hit (first), or whose comment does (second pass). */
static enum err some_attr(struct plan *p, bool comments, bool *yes)
{
	bool empty = term_match(&p->wild_folded, STR(""));

	for (uint32_t r = IX_GET(p->v.ev[p->place].last_row); r && !*yes;
	     r = p->v.row[r - 1].ev_prev) {
		uint32_t row = r - 1;
		struct misp_object room;
		const struct misp_object *o;
		struct misp_attr a;
		enum err e;

		if (++p->polled % p->every == 0)
			TRY(plan_poll(p));
		if (row >= p->v.rows || !view_live(&p->v, row))
			continue;
		if (p->q->scope == SCOPE_EVENT_INDEX && p->v.flags[row] & IX_DELETED)
			continue;
		/* most attributes have no comment, and their records need not be read */
		if (comments ? !empty && !(p->v.flags[row] & IX_COMMENTED) : !row_hit(p, row))
			continue;
		e = attr_load(p, row, &a, &room, &o);
		if (e == ERR_NOENT)
			continue;
		if (e != ERR_OK)
			return e;
		*yes = (!comments || folded_match(p, a.comment)) && attr_visible(p, &a, o);
	}
	return ERR_OK;
}

static enum err anywhere(struct plan *p, bool *yes)
{
	const struct misp_event *e = &p->event;
	bool index = p->q->scope == SCOPE_EVENT_INDEX;
	char uuid[UUID_TEXT_LEN + 1];

	*yes = name_match(p, e->info) || tags_show(p, &e->tags, &p->wild_tags.ids);
	if (index && !*yes)
		*yes = idset_has(&p->wild_orgs, e->org_id) ||
		       idset_has(&p->wild_orgs, e->orgc_id) ||
		       folded_match(p, str_c(uuid_format(e->uuid, uuid)));
	if (!*yes)
		TRY(some_attr(p, false, yes));
	return *yes ? ERR_OK : some_attr(p, true, yes);
}

/* ---- the event index ------------------------------------------------------------------------ */

static enum err has_proposal(struct plan *p, bool *yes)
{
	*yes = false;
	for (uint32_t s = IX_GET(p->v.ev[p->place].last_el); s && !*yes;
	     s = p->v.el[s - 1].ev_prev) {
		const struct ix_el *el = &p->v.el[s - 1];
		struct el_key key = {p->event.body, el->parent, el->id};
		struct misp_proposal pr;
		enum err e;

		if (s > p->v.els || el->kind != EL_PROPOSAL ||
		    view_dead(IX_GET(el->died), p->v.gen))
			continue;
		e = store_el_get(p->t, EL_PROPOSAL, key, NULL, &pr);
		if (e != ERR_OK && e != ERR_NOENT)
			return fail(p->f, e, "cannot read a proposal");
		*yes = e == ERR_OK && !pr.deleted &&
		       (!p->vis || !p->vis->proposal ||
			p->vis->proposal(p->vis->user, &p->event, &pr));
		if (*yes && el->parent)
			TRY(attr_seen(p, el->parent, yes));
	}
	return ERR_OK;
}

static bool email_ok(struct plan *p)
{
	struct misp_user u;
	char room[1024];

	if (!p->email.set)
		return true;
	if (store_get(p->t, T_USER, p->event.user_id, NULL, &u) != ERR_OK ||
	    u.email.n * 2 > sizeof(room))
		return !p->email.any.n;
	return texts_match(&p->email, index_fold(u.email, room), STR_NONE);
}

static enum err index_ok(struct plan *p, bool *yes)
{
	const struct query *q = p->q;

	*yes = email_ok(p) &&
	       (!q->minimal || p->event.attribute_count || p->event.report_count);
	if (*yes && q->has_proposal && q->has_proposal != 3) {
		TRY(has_proposal(p, yes));
		*yes = *yes == (q->has_proposal == 2);
	}
	if (*yes && p->value_none.set) {
		TRY(some_row(p, COND_NOT_VALUE, yes));
		*yes = !*yes;
	}
	return ERR_OK;
}

enum err wild_ok(struct plan *p, bool *yes)
{
	*yes = true;
	if (p->q->scope == SCOPE_EVENT_INDEX)
		TRY(index_ok(p, yes));
	return *yes && p->wild ? anywhere(p, yes) : ERR_OK;
}
