/*
 * model.c - paths and levels, by trying all of them.
 */
#include "tests/sim/model.h"

#include <stddef.h>

#define NOT 9 /* does not travel */

/* What becomes of a level over one hop (Appendix B of the protocol). */
static const uint8_t pulled[6] = {NOT, 0, 1, 3, NOT, 5};
static const uint8_t pushed[6] = {NOT, NOT, 1, 3, NOT, 5};

struct walk {
	const struct m_link *link;
	unsigned n_links, host, via;
	struct m_reach *out;
};

static void walk(struct walk *w, unsigned at, uint8_t level, uint8_t el_level, unsigned been)
{
	been |= 1u << at;
	if (at == w->host) {
		w->out->paths++;
		w->out->with += el_level != NOT;
		w->out->through &= (been >> w->via & 1) != 0;
		w->out->levels |= 1u << (el_level == NOT ? level : el_level);
		return;
	}
	for (unsigned i = 0; i < w->n_links; i++) {
		const struct m_link *l = &w->link[i];
		const uint8_t *hop = l->push ? pushed : pulled;
		if (l->from != at || been >> l->to & 1 || hop[level] == NOT)
			continue;
		walk(w, l->to, hop[level], el_level == NOT ? NOT : hop[el_level], been);
	}
}

struct m_reach model_reach(const struct m_event *e, const struct m_el *el, unsigned host,
			   unsigned via, const struct m_link *l, unsigned n_links)
{
	struct m_reach r = {.through = true};
	struct walk w = {l, n_links, host, via, &r};
	walk(&w, e->owner, e->level, el ? el->level : NOT, 0);
	return r;
}

const struct version *model_last_of(const struct m_el *el, unsigned author)
{
	const struct version *last = NULL;
	for (unsigned i = 0; i < el->n; i++)
		if (el->v[i].author == author && (!last || el->v[i].ts > last->ts))
			last = &el->v[i];
	return last;
}

bool model_must(const struct m_event *e, const struct m_el *el, unsigned host,
		const struct m_link *l, unsigned n_links)
{
	struct m_reach r = model_reach(e, el, host, e->owner, l, n_links);
	return host == e->owner || (r.paths && r.with == r.paths);
}

/* Is it certain that this version has come to the host? */
static bool is_certain(const struct m_event *e, const struct m_el *el, const struct version *v,
		       unsigned host, const struct m_link *l, unsigned n_links)
{
	if (v->author == host)
		return true;
	if (!model_must(e, el, host, l, n_links))
		return false;
	/* every way that the event takes goes through its author */
	return v->author == e->owner ||
	       model_reach(e, el, host, v->author, l, n_links).through;
}

bool model_may(const struct m_event *e, const struct m_el *el, const struct version *v,
	       unsigned host, const struct m_link *l, unsigned n_links)
{
	/* the owner's copy is nobody else's to change */
	if (host == e->owner)
		return v == model_last_of(el, e->owner);
	if (!model_reach(e, el, host, e->owner, l, n_links).with)
		return false;
	for (unsigned i = 0; i < el->n; i++)
		if (el->v[i].ts > v->ts && is_certain(e, el, &el->v[i], host, l, n_links))
			return false;
	return true;
}
