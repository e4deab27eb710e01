/*
 * parts.c - proposals, sightings and reports on their own, in the order of their keys: what hangs
 * below an attribute goes through the gate together with it, so that nothing shows where the event
 * or the attribute would not.
 */
#include "egress/run.h"
#include "index/index.h"
#include "model/pack.h"

#define BATCH 256u
#define FILE_MAX (64u << 20)

static enum err file_of(struct run *r, const struct misp_proposal *p, struct rel_element *el)
{
	OWN(buf) struct buf b = BUF(FILE_MAX);
	struct fail why = {0};
	if (!r->with_attachments || p->blob.n != 32)
		return ERR_OK;
	enum err e = store_blob_get(r->view->env->store, p->blob, &b, &why);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	el->data = arena_str(r->element_arena, buf_str(&b));
	return el->data.p || !b.n ? ERR_OK : ERR_LIMIT;
}

/* The attribute that parts are about, and the object that it stands in. ERR_NOENT: gone. */
static enum err target(struct run *r, uint64_t attr_id, struct misp_attr *attr,
		       struct misp_object *object)
{
	uint64_t event_id, object_id, body = r->subject.event.body;
	TRY(index_attr_find(r->view->env->index, attr_id, &event_id, &object_id));
	if (event_id != r->event_id)
		return ERR_NOENT;
	TRY(store_el_get(r->view->txn, EL_ATTR, (struct el_key){body, object_id, attr_id},
			 r->element_arena, attr));
	TRY(view_resolve_tags(r->view, r->element_arena, &attr->tags));
	if (!object_id)
		return ERR_OK;
	return store_el_get(r->view->txn, EL_OBJECT, (struct el_key){body, 0, object_id},
			    r->element_arena, object);
}

/* What is at hand of one attribute: `el` has its sightings or its proposal. */
static enum err release_below(struct run *r, uint64_t attr_id, struct rel_element *el)
{
	struct misp_attr attr;
	struct misp_object object;
	bool shown;
	enum err e = target(r, attr_id, &attr, &object);
	if (e != ERR_OK || (attr.deleted && el->n_sightings))
		return e == ERR_NOENT ? ERR_OK : e;
	el->kind = EL_ATTR;
	el->attr = &attr;
	el->in_object = attr.object_id ? &object : NULL;
	if (attr.distribution == DIST_GROUP)
		el->sharing_group = view_sg(r->view, attr.sharing_group_id);
	return run_release(r, el, &shown);
}

static enum err proposal(struct run *r, struct misp_proposal *p, uint64_t attr_id)
{
	const struct misp_org *org = view_org(r->view, p->org_id);
	struct rel_element el = {.kind = EL_PROPOSAL, .proposal_orgs = &org};
	bool shown;
	TRY(file_of(r, p, &el));
	if (!attr_id) {
		el.proposal = p;
		return run_release(r, &el, &shown);
	}
	el.proposals = p;
	el.n_proposals = 1;
	return release_below(r, attr_id, &el);
}

/* Sightings of one attribute, from the one at hand on, as many as fit into a batch. */
static enum err sightings(struct run *r, struct store_el_iter *it, struct el_key key,
			  const struct misp_sighting *first)
{
	struct arena *a = r->element_arena;
	struct misp_sighting *v = ARENA_ARRAY(a, struct misp_sighting, BATCH);
	const struct misp_org **orgs = ARENA_ARRAY(a, const struct misp_org *, BATCH);
	struct rel_element el = {.sightings = v, .sighting_orgs = orgs};
	uint64_t attr_id = key.parent;
	if (!v || !orgs)
		return ERR_LIMIT;
	v[0] = *first;
	for (;;) {
		orgs[el.n_sightings] = view_org(r->view, v[el.n_sightings].org_id);
		el.n_sightings++;
		r->next = (struct el_key){key.body, key.parent, key.id + 1};
		if (!it || el.n_sightings == BATCH)
			break;
		enum err e = store_el_iter_next(it, a, &key, &v[el.n_sightings]);
		if (e == ERR_NOENT || (e == ERR_OK && key.parent != attr_id))
			break;
		TRY(e);
	}
	return release_below(r, attr_id, &el);
}

union part {
	struct misp_proposal proposal;
	struct misp_sighting sighting;
	struct misp_report report;
};

static enum err report(struct run *r, struct misp_report *p)
{
	struct rel_element el = {.kind = EL_REPORT, .report = p};
	bool shown;
	if (p->distribution == DIST_GROUP)
		el.sharing_group = view_sg(r->view, p->sharing_group_id);
	return run_release(r, &el, &shown);
}

/* One that was read. `it` goes on behind it, or is NULL. */
static enum err one(struct run *r, struct store_el_iter *it, struct el_key key, union part *p)
{
	switch (r->exporter->part) {
	case EL_PROPOSAL:
		return proposal(r, &p->proposal, key.parent);
	case EL_SIGHTING:
		return sightings(r, it, key, &p->sighting);
	case EL_REPORT:
		return report(r, &p->report);
	case EL_ATTR:
	case EL_OBJECT:
	case EL_REF:
	case EL_CLUSTER:
	case EL_ANALYST:
	case EL_COUNT:
		break;
	}
	return ERR_OK;
}

enum err run_part(struct run *r, const struct search_hit *h, struct fail *f)
{
	struct el_key key = {r->subject.event.body, h->attr_id, h->id};
	union part p;
	arena_reset(r->element_arena);
	enum err e = store_el_get(r->view->txn, r->exporter->part, key, r->element_arena, &p);
	if (e == ERR_OK)
		e = one(r, NULL, key, &p);
	return e == ERR_OK || e == ERR_NOENT
		       ? ERR_OK
		       : fail(f, e, "element %llu", (unsigned long long)h->id);
}

enum err run_parts(struct run *r, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key;
	union part p;
	arena_reset(r->element_arena);
	enum err e = store_el_iter_new(r->view->txn, r->exporter->part, r->next, r->one_attr,
					&it);
	if (e == ERR_OK)
		e = store_el_iter_next(it, r->element_arena, &key, &p);
	if (e == ERR_OK) {
		r->next = (struct el_key){key.body, key.parent, key.id + 1};
		e = one(r, it, key, &p);
	}
	return e == ERR_OK || e == ERR_NOENT
		       ? e
		       : fail(f, e, "parts of event %llu", (unsigned long long)r->event_id);
}

/* ---- for links ---- */

static struct str param(void *user, const char *name)
{
	return strcmp(name, "form") == 0 ? str_c(user) : STR_NONE;
}

enum err egress_push_parts(const struct egress_env *env, const struct caller *c,
			   const struct search_hit *hits, size_t n, const char *exporter,
			   const char *form, const struct part_filter *filter, struct sealed **out,
			   struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const struct query q = {.scope = SCOPE_EVENTS, .with_attachments = true};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(str_c(exporter)),
				  .opts = {.scope = EXPORT_PARTS,
					   .parts = filter,
					   .param = param,
					   .param_user = (void *)(uintptr_t)form},
				  .hits = hits,
				  .n_hits = n};
	*out = NULL;
	if (BUG(!eq.exporter))
		return fail(f, ERR_NOENT, "no exporter %s", exporter);
	TRY(view_open(env, c, &v, f));
	return egress_search(&v, &eq, NULL, NULL, out, f);
}
