/*
 * view_rows.c - administrative rows that a look at the store asks for again and again, cached.
 */
#include "egress/view.h"

#include "model/pack.h"

static const void *cached(struct view *v, struct row_cache *c, enum store_table tab,
			  const struct entity_desc *d, uint64_t id)
{
	struct row_slot *s = &c->slots[view_slot(id)];
	if (id == 0 || !v->txn)
		return NULL;
	if (s->id == id)
		return s->row;
	char row[1024];
	if (BUG(d->size > sizeof(row)))
		return NULL;
	struct arena_mark m = arena_mark(v->scratch);
	enum err e = store_get(v->txn, tab, id, v->scratch, row);
	void *copy = e == ERR_OK ? arena_alloc(v->arena, d->size) : NULL;
	if (copy && entity_copy(v->arena, d, row, copy) != ERR_OK)
		copy = NULL;
	arena_rewind(v->scratch, m);
	/* a failure other than "no such row" is not remembered, and withholds */
	if (copy || e == ERR_NOENT)
		*s = (struct row_slot){id, copy};
	return copy;
}

bool view_tag_gone(const struct view *v, uint64_t id)
{
	const struct row_slot *s = &v->tags.slots[view_slot(id)];
	return id == 0 || (s->id == id && !s->row);
}

const struct misp_org *view_org(struct view *v, uint64_t id)
{
	return cached(v, &v->orgs, T_ORG, &desc_misp_org, id);
}

const struct misp_tag *view_tag(struct view *v, uint64_t id)
{
	return cached(v, &v->tags, T_TAG, &desc_misp_tag, id);
}

/* What a group's numbers stand for, for those who read it elsewhere. */
static void sg_names(struct view *v, struct misp_sg *g)
{
	const struct misp_org *owner = view_org(v, g->org_id);
	struct misp_org *copy = owner ? ARENA_NEW(v->arena, struct misp_org) : NULL;
	if (copy) {
		*copy = *owner;
		g->organisation = (struct entity_list){copy, 1};
	}
	LIST_EACH(o, g->orgs, struct misp_sgorg) {
		const struct misp_org *org = view_org(v, o->org_id);
		if (!org)
			continue;
		o->uuid = org->uuid;
		o->name = org->name;
	}
	LIST_EACH(s, g->servers, struct misp_sgserver) {
		struct misp_peer p;
		s->url = s->name = s->server_id ? STR("") : v->env->base_url;
		if (s->server_id && store_get(v->txn, T_PEER, s->server_id, NULL, &p) == ERR_OK) {
			s->url = arena_str(v->arena, p.url);
			s->name = arena_str(v->arena, p.name);
		}
	}
}

const struct misp_sg *view_sg(struct view *v, uint64_t id)
{
	const struct misp_sg *g = cached(v, &v->groups, T_SG, &desc_misp_sg, id);
	/* fresh from the store: only then is the owner's row not there */
	if (g && !g->organisation.n)
		sg_names(v, (struct misp_sg *)(uintptr_t)g);
	return g;
}

const struct misp_user *view_user(struct view *v, uint64_t id)
{
	return cached(v, &v->users, T_USER, &desc_misp_user, id);
}

const struct misp_peer *view_peer(struct view *v, uint64_t id)
{
	return cached(v, &v->peers, T_PEER, &desc_misp_peer, id);
}
