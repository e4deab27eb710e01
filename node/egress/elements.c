/*
 * elements.c - stored elements made ready for the gate: children joined, tags and groups resolved,
 * attachments read; and what the gate lets through handed to the exporter.
 */
#include <ctype.h>

#include "base/hash.h"
#include "egress/decay.h"
#include "egress/run.h"
#include "metrics/metrics.h"
#include "model/pack.h"
#include "model/types.h"
#include "warnlist/warnlist.h"

#define CHILDREN_MAX 10000
#define WARNED_MAX 32 /* lists that one value stands on */
#define ATTACHMENT_MAX (64u << 20)

bool run_deleted_wanted(const struct run *r, bool deleted)
{
	return r->deleted_only ? deleted : !deleted || r->deleted_too;
}

/* Left out by what was asked for, or by the rules of the link. */
static bool left_out(const struct run *r, const struct misp_attr *a)
{
	if (r->rules && !link_rules_attr(r->rules, a))
		return true;
	LIST_EACH(t, a->tags, struct misp_tagref)
		for (uint32_t i = 0; i < r->not_tags.n; i++)
			if (search_tag_meant(r->not_tags.v[i], t->tag_id, t->name) &&
			    view_shows_tag(r->view, &r->subject.event, t))
				return true;
	return false;
}

/* `public`: nothing but what goes to everybody. */
static bool level_wanted(const struct run *r, uint8_t distribution)
{
	return !r->public_only || distribution == DIST_ALL || distribution == DIST_INHERIT;
}

/* What warning lists say of a value: the first few. */
static size_t warned_of(struct run *r, const struct misp_attr *attr, struct warnlist_hit *hits,
			size_t max)
{
	const struct warnlists *w = r->warnings || r->no_warned ? view_warnlists(r->view) : NULL;
	return w ? warnlist_hits(w, attr->type, attr->value, hits, max) : 0;
}

static enum err warnings_of(struct run *r, const struct misp_attr *attr, struct rel_element *el)
{
	const struct warnlists *w = view_warnlists(r->view);
	struct warnlist_hit hits[WARNED_MAX];
	/* MISP warns of what is meant for detection */
	size_t n = r->warnings && attr->to_ids ? warned_of(r, attr, hits, WARNED_MAX) : 0;
	struct rel_warning *v = n ? ARENA_ARRAY(r->element_arena, struct rel_warning, n) : NULL;
	if (n && !v)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		const struct warnlist_info *list = warnlist_at(w, hits[i].list);
		v[i] = (struct rel_warning){list->number, list->name, list->category, hits[i].entry,
					    hits[i].part};
	}
	el->warnings = v;
	el->n_warnings = (uint32_t)n;
	return ERR_OK;
}

/* Does it hold the text that is looked for, in what the audience gets of it? Tags resolved. */
static bool holds_text(const struct run *r, const struct misp_attr *a)
{
	struct str s = r->search_for;
	char id[UUID_TEXT_LEN + 1];
	bool whole = view_may_score(r->view);
	if (!s.n || str_find_nocase(a->value, s) >= 0 ||
	    str_find_nocase(type_name(a->type), s) >= 0 ||
	    str_find_nocase(category_name(a->category), s) >= 0 ||
	    (whole && str_find_nocase(a->comment, s) >= 0))
		return true;
	if (whole && str_find_nocase(str_c(uuid_format(a->uuid, id)), s) >= 0)
		return true;
	snprintf(id, sizeof(id), "%llu", (unsigned long long)a->id);
	if (whole && str_find(str_c(id), s) >= 0)
		return true;
	LIST_EACH(t, a->tags, struct misp_tagref)
		if (str_find_nocase(t->name, s) >= 0 && view_shows_tag(r->view, &r->subject.event, t))
			return true;
	return false;
}

bool run_attr_passes(struct run *r, const struct misp_object *o, const struct misp_attr *attr)
{
	struct misp_attr copy = *attr;
	struct warnlist_hit hit;
	if (!run_deleted_wanted(r, attr->deleted) || !level_wanted(r, attr->distribution) ||
	    (o && !level_wanted(r, o->distribution)))
		return false;
	if (r->to_ids && !(r->to_ids & (1u << attr->to_ids)))
		return false;
	if ((r->no_warned && warned_of(r, attr, &hit, 1)) ||
	    (r->allowed && exprs_match(r->allowed, attr->value)) ||
	    view_decayed(r->view, &r->subject.event, attr))
		return false;
	struct arena_mark m = arena_mark(r->element_arena);
	bool yes = view_resolve_tags(r->view, r->element_arena, &copy.tags) == ERR_OK &&
		   !left_out(r, &copy) && holds_text(r, &copy) &&
		   gate_judge_attr(&r->view->gate, &r->subject.s, o, &copy);
	arena_rewind(r->element_arena, m);
	return yes;
}

bool run_attr_relates(struct run *r, const struct misp_object *o, const struct misp_attr *attr)
{
	struct misp_attr copy = *attr;
	if (attr->deleted || (r->rules && !link_rules_attr(r->rules, attr)))
		return false;
	struct arena_mark m = arena_mark(r->element_arena);
	bool yes = view_resolve_tags(r->view, r->element_arena, &copy.tags) == ERR_OK &&
		   gate_judge_attr(&r->view->gate, &r->subject.s, o, &copy);
	arena_rewind(r->element_arena, m);
	return yes;
}

enum err run_object_keeps(struct run *r, const struct misp_object *o, bool *keeps)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {r->subject.event.body, o->id, 0}, key;
	struct misp_attr attr;
	*keeps = false;
	TRY(store_el_iter_new(r->view->txn, EL_ATTR, from, true, &it));
	while (!*keeps) {
		struct arena_mark m = arena_mark(r->element_arena);
		enum err e = store_el_iter_next(it, r->element_arena, &key, &attr);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		*keeps = run_attr_passes(r, o, &attr);
		arena_rewind(r->element_arena, m);
	}
	return ERR_OK;
}

/* ---- children ---- */

static enum err sightings_of(struct run *r, uint64_t attr_id, struct rel_element *el)
{
	struct arena *a = r->element_arena;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {r->subject.event.body, attr_id, 0}, key;
	if (!r->sightings || !r->subject.event.sighting_count)
		return ERR_OK;
	uint32_t max = (uint32_t)MIN(r->subject.event.sighting_count, CHILDREN_MAX);
	struct misp_sighting *v = ARENA_ARRAY(a, struct misp_sighting, max);
	const struct misp_org **orgs = ARENA_ARRAY(a, const struct misp_org *, max);
	if (!v || !orgs)
		return ERR_LIMIT;
	TRY(store_el_iter_new(r->view->txn, EL_SIGHTING, from, true, &it));
	while (el->n_sightings < max) {
		enum err e = store_el_iter_next(it, a, &key, &v[el->n_sightings]);
		if (e == ERR_NOENT)
			break;
		TRY(e);
		orgs[el->n_sightings] = view_org(r->view, v[el->n_sightings].org_id);
		el->n_sightings++;
	}
	el->sightings = v;
	el->sighting_orgs = orgs;
	return ERR_OK;
}

static enum err analyst_of(struct run *r, struct uuid about, struct rel_element *el)
{
	return r->analyst ? view_analyst_of(r->view, about, r->element_arena, &el->analyst,
					    &el->n_analyst)
			  : ERR_OK;
}

static enum err proposals_of(struct run *r, uint64_t attr_id, struct rel_element *el)
{
	struct arena *a = r->element_arena;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {r->subject.event.body, attr_id, 0}, key;
	if (!r->proposals || !r->subject.event.proposal_count)
		return ERR_OK;
	uint32_t max = (uint32_t)MIN(r->subject.event.proposal_count, CHILDREN_MAX);
	struct misp_proposal *v = ARENA_ARRAY(a, struct misp_proposal, max);
	const struct misp_org **orgs = ARENA_ARRAY(a, const struct misp_org *, max);
	if (!v || !orgs)
		return ERR_LIMIT;
	TRY(store_el_iter_new(r->view->txn, EL_PROPOSAL, from, true, &it));
	while (el->n_proposals < max) {
		enum err e = store_el_iter_next(it, a, &key, &v[el->n_proposals]);
		if (e == ERR_NOENT)
			break;
		TRY(e);
		if (v[el->n_proposals].deleted)
			continue;
		orgs[el->n_proposals] = view_org(r->view, v[el->n_proposals].org_id);
		el->n_proposals++;
	}
	el->proposals = v;
	el->proposal_orgs = orgs;
	return ERR_OK;
}

static enum err attachment(struct run *r, const struct misp_attr *attr, struct rel_element *el)
{
	if (!r->with_attachments)
		return ERR_OK;
	if (type_is_file(type_get(attr->type)))
		el->data = STR(""); /* a file that is not there is an empty one */
	if (attr->blob.n != 32)
		return ERR_OK;
	OWN(buf) struct buf b = BUF(ATTACHMENT_MAX);
	struct fail why = {0};
	enum err e = store_blob_get(r->view->env->store, attr->blob, &b, &why);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	el->data = arena_str(r->element_arena, buf_str(&b));
	return el->data.p || !b.n ? ERR_OK : ERR_LIMIT;
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);
	for (size_t i = 0; p && i < s.n; i++)
		p[i] = (char)tolower((unsigned char)p[i]);
	return p ? (struct str){p, s.n} : STR_NONE;
}

enum err run_clusters(struct run *r, struct arena *a, const struct entity_list *tags,
		      const struct rel_cluster **out, uint32_t *n)
{
	struct rel_cluster *v = NULL;
	*n = 0;
	*out = NULL;
	if (r->no_galaxies)
		return ERR_OK;
	LIST_EACH(t, *tags, struct misp_tagref) {
		uint64_t id;
		if (!t->is_galaxy ||
		    store_find(r->view->txn, IX_CLUSTER_TAG, lower(a, t->name), &id) != ERR_OK)
			continue;
		struct rel_cluster all;
		if (!v)
			v = ARENA_ARRAY(a, struct rel_cluster, tags->n);
		if (!v)
			return ERR_LIMIT;
		enum err e = view_rel_cluster(r->view, id, a, &all);
		if (e == ERR_NOENT || (e == ERR_OK && all.cluster->deleted))
			continue;
		TRY(e);
		all.tag_id = t->tag_id;
		all.local = t->local;
		all.relationship_type = t->relationship_type;
		const struct rel_cluster *cut = gate_release_cluster(&r->view->gate, &all, a);
		if (cut)
			v[(*n)++] = *cut;
	}
	*out = v;
	return ERR_OK;
}

static const struct misp_sg *group_of(struct run *r, uint8_t distribution, uint64_t id)
{
	return distribution == DIST_GROUP ? view_sg(r->view, id) : NULL;
}

/* ---- one element out ---- */

bool run_tell_withheld(struct run *r, const struct rel_element *in, enum gate_rule by)
{
	const struct egress_tap *tap = r->view->env->tap;
	if (tap)
		tap->element(tap->user, in, NULL, by);
	return tap != NULL;
}

enum err run_release(struct run *r, const struct rel_element *in, bool *shown)
{
	const struct rel_element *cut = gate_release_element(r->released, in, r->element_arena);
	const struct egress_tap *tap = r->view->env->tap;
	*shown = cut != NULL;
	if (tap)
		tap->element(tap->user, in, cut, gate_withheld_by(r->released));
	if (!cut) {
		if (run_counts(r))
			metric_add(M_GATE_WITHHELD, gate_withheld_by(r->released), 0, 1);
		return ERR_OK;
	}
	struct rel_element el = *cut;
	if (el.attr)
		TRY(warnings_of(r, el.attr, &el));
	TRY(run_scores(r, in->attr, &el));
	TRY(run_sources_of(r, &el));
	if (el.attr)
		TRY(run_clusters(r, r->element_arena, &el.attr->tags, &el.clusters, &el.n_clusters));
	if (r->exporter->element) {
		TRY(run_name_event(r));
		TRY(r->exporter->element(&r->out, &r->rel, &el));
	}
	return buf_err(seal_buf(r->out.out));
}

enum err run_attr(struct run *r, struct misp_attr *attr, bool *shown, struct fail *f)
{
	struct rel_element el = {.kind = EL_ATTR, .attr = attr};
	struct warnlist_hit hit;
	*shown = false;
	if (!run_deleted_wanted(r, attr->deleted) || !level_wanted(r, attr->distribution) ||
	    (attr->object_id && !level_wanted(r, r->object.distribution)) ||
	    (r->to_ids && !(r->to_ids & (1u << attr->to_ids))) ||
	    (r->no_warned && warned_of(r, attr, &hit, 1)) ||
	    (r->allowed && exprs_match(r->allowed, attr->value)) ||
	    view_decayed(r->view, &r->subject.event, attr))
		return ERR_OK;
	enum err e = view_resolve_tags(r->view, r->element_arena, &attr->tags);
	if (e == ERR_OK && left_out(r, attr)) {
		(void)run_tell_withheld(r, &el, RULE_element_link);
		return ERR_OK;
	}
	if (e == ERR_OK && !holds_text(r, attr))
		return ERR_OK;
	el.in_object = attr->object_id ? &r->object : NULL;
	el.sharing_group = group_of(r, attr->distribution, attr->sharing_group_id);
	if (e == ERR_OK)
		e = sightings_of(r, attr->id, &el);
	if (e == ERR_OK)
		e = proposals_of(r, attr->id, &el);
	if (e == ERR_OK)
		e = analyst_of(r, attr->uuid, &el);
	if (e == ERR_OK)
		e = attachment(r, attr, &el);
	if (e == ERR_OK && r->opts.scope == EXPORT_ATTRIBUTES && r->rel.e) {
		el.event_tags = r->rel.e->tags.v;
		el.n_event_tags = r->opts.include_event_tags ? r->rel.e->tags.n : 0;
	}
	if (e == ERR_OK && ((r->related_events && !r->related_apart) || r->related_attrs) &&
	    run_attr_passes(r, el.in_object, attr))
		e = run_correlate(r, attr, &el, f);
	if (e == ERR_OK)
		e = run_release(r, &el, shown);
	return e == ERR_OK ? e : fail(f, e, "attribute %llu", (unsigned long long)attr->id);
}

/* The stub of a reference's target, if that may leave too. */
static enum err ref_target(struct run *r, const struct misp_ref *ref, struct rel_ref *out)
{
	struct index_uuid at;
	struct misp_attr attr;
	struct misp_object object;
	uint64_t body = r->subject.event.body;
	*out = (struct rel_ref){.uuid = ref->referenced_uuid, .is_object = ref->referenced_type};
	enum err e = index_uuid_find(r->view->env->index, ref->referenced_uuid, &at);
	if (e != ERR_OK || at.event_id != r->event_id)
		return e == ERR_NOENT ? ERR_OK : e;
	out->is_object = at.kind == CHANGE_EL(EL_OBJECT);
	uint64_t object_id = out->is_object ? at.id : at.parent;
	if (object_id) {
		e = store_el_get(r->view->txn, EL_OBJECT, (struct el_key){body, 0, object_id},
				 r->element_arena, &object);
		if (e != ERR_OK || !gate_judge_object(&r->view->gate, &r->subject.s, &object))
			return e == ERR_NOENT ? ERR_OK : e;
	}
	if (out->is_object) {
		if (run_deleted_wanted(r, object.deleted))
			TRY(run_object_keeps(r, &object, &out->known));
		out->distribution = object.distribution;
		out->sharing_group_id = object.sharing_group_id;
		out->name = object.name;
		out->meta_category = object.meta_category;
		return ERR_OK;
	}
	e = store_el_get(r->view->txn, EL_ATTR, (struct el_key){body, at.parent, at.id},
			 r->element_arena, &attr);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	out->known = run_attr_passes(r, object_id ? &object : NULL, &attr);
	out->distribution = attr.distribution;
	out->sharing_group_id = attr.sharing_group_id;
	out->value = attr.value;
	out->type = attr.type;
	out->category = attr.category;
	out->to_ids = attr.to_ids;
	return ERR_OK;
}

static enum err refs_of(struct run *r, struct rel_element *el)
{
	struct arena *a = r->element_arena;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {r->subject.event.body, r->object.id, 0}, key;
	if (!r->subject.event.ref_count)
		return ERR_OK;
	uint32_t max = (uint32_t)MIN(r->subject.event.ref_count, CHILDREN_MAX);
	struct misp_ref *v = ARENA_ARRAY(a, struct misp_ref, max);
	struct rel_ref *targets = ARENA_ARRAY(a, struct rel_ref, max);
	if (!v || !targets)
		return ERR_LIMIT;
	TRY(store_el_iter_new(r->view->txn, EL_REF, from, true, &it));
	while (el->n_refs < max) {
		enum err e = store_el_iter_next(it, a, &key, &v[el->n_refs]);
		if (e == ERR_NOENT)
			break;
		TRY(e);
		if (!run_deleted_wanted(r, v[el->n_refs].deleted))
			continue;
		TRY(ref_target(r, &v[el->n_refs], &targets[el->n_refs]));
		el->n_refs++;
	}
	el->refs = v;
	el->ref_targets = targets;
	return ERR_OK;
}

enum err run_object(struct run *r, struct fail *f)
{
	struct rel_element el = {.kind = EL_OBJECT, .object = &r->object};
	el.sharing_group = group_of(r, r->object.distribution, r->object.sharing_group_id);
	enum err e = refs_of(r, &el);
	if (e == ERR_OK)
		e = analyst_of(r, r->object.uuid, &el);
	if (e == ERR_OK)
		e = run_release(r, &el, &r->object_shown);
	return e == ERR_OK ? e : fail(f, e, "object %llu", (unsigned long long)r->object.id);
}

enum err run_report(struct run *r, struct misp_report *rep, struct fail *f)
{
	struct rel_element el = {.kind = EL_REPORT, .report = rep};
	bool shown;
	/* `deleted:2` asks for deleted attributes; live reports stay (recorded) */
	if ((rep->deleted && !r->deleted_too && !r->deleted_only) ||
	    !level_wanted(r, rep->distribution))
		return ERR_OK;
	el.sharing_group = group_of(r, rep->distribution, rep->sharing_group_id);
	enum err e = analyst_of(r, rep->uuid, &el);
	if (e == ERR_OK)
		e = run_release(r, &el, &shown);
	return e == ERR_OK ? e : fail(f, e, "report %llu", (unsigned long long)rep->id);
}

enum err run_proposal(struct run *r, struct misp_proposal *p, struct fail *f)
{
	const struct misp_org *org = view_org(r->view, p->org_id);
	struct rel_element el = {.kind = EL_PROPOSAL, .proposal = p, .proposal_orgs = &org};
	bool shown;
	if (p->deleted)
		return ERR_OK;
	enum err e = run_release(r, &el, &shown);
	return e == ERR_OK ? e : fail(f, e, "proposal %llu", (unsigned long long)p->id);
}
