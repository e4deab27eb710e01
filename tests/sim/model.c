/*
 * model.c - paths and levels, by trying all of them.
 */
#include "tests/sim/model.h"

#include <stddef.h>

#define NOT 9 /* does not travel */

/* What becomes of a level over one hop (Appendix B of the protocol). Who is not in the group does not
   get what is for the group. */
struct hop {
	uint8_t event[6], element[6];
};
static const struct hop hops[2][2] = {
	/* pulled; pushed */
	{{{NOT, 0, 1, 3, 4, 5}, {NOT, 0, 1, 3, 4, 5}},
	 {{NOT, NOT, 1, 3, 4, 5}, {NOT, NOT, 1, 3, 4, 5}}},
	/* over an internal link; a push leaves out events of these levels, not elements */
	{{{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}},
	 {{NOT, NOT, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}}},
};

struct levels {
	uint8_t event, element, object;
};

struct walk {
	const struct model *m;
	const struct m_event *e;
	const struct m_link *link;
	unsigned n_links, host, via;
	bool lenient, of_element, beside;
	struct m_reach *out;
};

/* In MISP whoever pushed an event owns the copy, and reads what the receiver got elsewhere for itself
   alone: so it may come along when that one pulls. */
static bool owner_reads(const struct walk *w, const struct m_link *l)
{
	for (unsigned i = 0; i < w->n_links; i++)
		if (w->link[i].push && w->link[i].from == l->to && w->link[i].to == l->from)
			return w->lenient && !l->push;
	return false;
}

static bool in_group(const struct model *m, const struct m_event *e, unsigned org, unsigned host,
		     bool may)
{
	const struct m_group *g = &m->group[e->owner];
	return (may || host == e->owner ? g->orgs : g->first) >> org & 1;
}

static uint8_t after(const struct walk *w, const uint8_t *table, uint8_t level,
		     const struct m_link *l)
{
	if (level == NOT)
		return NOT;
	if (level == LEVEL_GROUP && !in_group(w->m, w->e, w->m->org[l->to], l->from, w->lenient))
		return NOT;
	return level == 0 && owner_reads(w, l) ? 0 : table[level];
}

static void walk(struct walk *w, unsigned at, struct levels now, unsigned been)
{
	bool with = now.element != NOT && now.object != NOT;
	been |= 1u << at;
	if (at == w->host && w->lenient) {
		w->out->may++;
		w->out->may_with += with;
		if (with || !w->of_element)
			w->out->levels |= 1u << (with ? now.element : now.event);
		w->out->through &= (been >> w->via & 1) != 0;
		return;
	}
	if (at == w->host) {
		w->out->paths++;
		w->out->with += with;
		w->out->clean += !(been & w->e->gone);
		return;
	}
	for (unsigned i = 0; i < w->n_links; i++) {
		const struct m_link *l = &w->link[i];
		const struct hop *h = &hops[l->internal][l->push];
		struct levels then = {after(w, h->event, now.event, l),
				      after(w, w->beside ? h->event : h->element, now.element, l),
				      after(w, h->element, now.object, l)};
		if (l->from == at && !(been >> l->to & 1) && then.event != NOT)
			walk(w, l->to, then, been);
	}
}

struct m_reach model_reach(const struct model *m, const struct m_event *e, const struct m_el *el,
			   unsigned host, unsigned via, const struct m_link *l, unsigned n_links)
{
	struct m_reach r = {.through = true};
	struct walk w = {m, e, l, n_links, host, via, false, el != NULL,
			 el && el->kind == M_BESIDE, &r};
	bool inside = el && el->kind == M_IN_OBJECT;
	struct levels at = {e->level, el ? el->level : NOT,
			    inside ? e->object[el->object].level : LEVEL_INHERIT};
	walk(&w, e->owner, at, 0);
	w.lenient = true;
	walk(&w, e->owner, at, 0);
	return r;
}

bool model_has(const struct model *m, const struct m_event *e, unsigned host,
	       const struct m_link *l, unsigned n_links)
{
	return model_reach(m, e, NULL, host, e->owner, l, n_links).clean != 0;
}

bool model_reads(const struct model *m, const struct m_event *e, unsigned level, unsigned reader,
		 unsigned host, bool may)
{
	return level == LEVEL_GROUP ? in_group(m, e, m->org[reader], host, may) : level >= 1;
}

const struct version *model_last_of(const struct m_el *el, unsigned author)
{
	const struct version *last = NULL;
	for (unsigned i = 0; i < el->n; i++)
		if (el->v[i].author == author && (!last || el->v[i].ts > last->ts))
			last = &el->v[i];
	return last;
}

bool model_must(const struct model *m, const struct m_event *e, const struct m_el *el,
		unsigned host, const struct m_link *l, unsigned n_links)
{
	struct m_reach r = model_reach(m, e, el, host, e->owner, l, n_links);
	return r.clean && (host == e->owner || r.with == r.may);
}

/* Is it certain that this version has come to the host? */
static bool is_certain(const struct model *m, const struct m_event *e, const struct m_el *el,
		       const struct version *v, unsigned host, const struct m_link *l,
		       unsigned n_links)
{
	if (v->author == host)
		return true;
	/* who deleted it may have done so before anybody had its edit */
	if (e->gone >> v->author & 1 || !model_must(m, e, el, host, l, n_links))
		return false;
	/* every way that the event takes goes through its author */
	return v->author == e->owner ||
	       model_reach(m, e, el, host, v->author, l, n_links).through;
}

static bool any_internal(const struct m_link *l, unsigned n_links)
{
	bool any = false;
	for (unsigned i = 0; i < n_links; i++)
		any |= l[i].internal;
	return any;
}

bool model_may(const struct model *m, const struct m_event *e, const struct m_el *el,
	       const struct version *v, unsigned host, const struct m_link *l, unsigned n_links)
{
	/* the owner's copy is nobody else's to change, but for nodes of the same organisation */
	if (host == e->owner && !any_internal(l, n_links))
		return v == model_last_of(el, e->owner);
	if (!model_reach(m, e, el, host, e->owner, l, n_links).may_with)
		return false;
	for (unsigned i = 0; i < el->n; i++)
		if (el->v[i].ts > v->ts &&
		    is_certain(m, e, el, &el->v[i], host, l, n_links))
			return false;
	return true;
}
