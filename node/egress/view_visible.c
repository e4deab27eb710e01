/*
 * view_visible.c - what search asks of a look at the store: may this event, element, tag be shown?
 */
#include "egress/view.h"

#include "egress/decay.h"
#include "egress/openings.h"
#include "lists/lists.h"
#include "warnlist/warnlist.h"

static struct judged_slot *judged_slot(struct view *v, uint64_t id)
{
	return &v->judged[view_slot(id) % JUDGED_SLOTS];
}

static int event_known(void *user, uint64_t id)
{
	const struct judged_slot *j = judged_slot(user, id);
	return id && j->id == id ? j->yes : -1;
}

static bool event_visible(void *user, const struct misp_event *e)
{
	struct view *v = user;
	struct judged_slot *j = judged_slot(v, e->id);
	struct subject s;
	if (v->shows_protected && e->is_protected &&
	    !v->shows_protected(v->shows_user, &e->crypto_keys))
		return false;
	if (j->id == e->id && e->id)
		return j->yes;
	struct arena_mark m = arena_mark(v->scratch);
	s.event = *e; /* lent for the question */
	bool yes = (v->passes_events && e->distribution < DIST_INHERIT) ||
		   (view_subject_fill(v, v->scratch, &s) == ERR_OK &&
		    gate_judge(&v->gate, &s.s).outcome == GATE_RELEASE &&
		    !(v->asks_more && s.s.relaxed));
	arena_rewind(v->scratch, m);
	*j = (struct judged_slot){e->id, yes && (!v->filled_only || view_is_filled(v, e))};
	return j->yes;
}

bool view_would_show_attr(struct view *v, const struct misp_event *e, const struct misp_object *o,
			  const struct misp_attr *attr)
{
	struct subject s;
	struct misp_attr copy = *attr;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   view_resolve_tags(v, v->scratch, &copy.tags) == ERR_OK &&
		   gate_judge_attr(&v->gate, &s.s, o, &copy);
	arena_rewind(v->scratch, m);
	return yes;
}

bool view_would_show_object(struct view *v, const struct misp_event *e, const struct misp_object *o)
{
	struct subject s;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   gate_judge_object(&v->gate, &s.s, o);
	arena_rewind(v->scratch, m);
	return yes;
}

bool view_would_show_report(struct view *v, const struct misp_event *e,
			    const struct misp_report *rep)
{
	struct subject s;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   gate_judge_report(&v->gate, &s.s, rep);
	arena_rewind(v->scratch, m);
	return yes;
}

static bool attr_visible(void *user, const struct misp_event *e, const struct misp_object *o,
			 const struct misp_attr *attr)
{
	return view_would_show_attr(user, e, o, attr);
}

static bool object_visible(void *user, const struct misp_event *e, const struct misp_object *o)
{
	return view_would_show_object(user, e, o);
}

static bool proposal_visible(void *user, const struct misp_event *e, const struct misp_proposal *pr)
{
	struct view *v = user;
	struct subject s;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = view_subject_of(v, e, v->scratch, &s) == ERR_OK &&
		   gate_judge_proposal(&v->gate, &s.s, pr);
	arena_rewind(v->scratch, m);
	return yes;
}

/* Resolved from the tag table; that the event itself leaves is asked apart. */
bool view_shows_tag(struct view *v, const struct misp_event *e, const struct misp_tagref *t)
{
	const struct misp_tag *row = view_tag(v, t->tag_id);
	struct misp_tagref r = *t;
	struct gate_subject s = {.event = e, .org = view_org(v, e->org_id)};
	struct misp_event resolved;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes;
	if (!row)
		return false;
	if (gate_may_relax(&v->gate, &s)) { /* what the event is marked with says whether it is a shell */
		resolved = *e;
		if (view_resolve_tags(v, v->scratch, &resolved.tags) != ERR_OK)
			return false;
		s.event = &resolved;
		bool own = false;
		LIST_EACH(x, resolved.tags, struct misp_tagref)
			own |= x->tag_id == t->tag_id;
		if (own && gate_may_relax(&v->gate, &s)) {
			arena_rewind(v->scratch, m);
			return false;
		}
	}
	r.name = row->name;
	r.exportable = row->exportable;
	r.is_galaxy = row->is_galaxy;
	r.is_custom_galaxy = row->is_custom_galaxy;
	yes = gate_shows_tag(&v->gate, &s, &r);
	arena_rewind(v->scratch, m);
	return yes;
}

bool view_is_whole(const struct view *v)
{
	return v->audience.kind == AUD_OPERATOR || v->audience.misp_rules_only;
}

bool view_lists_tag(struct view *v, const struct misp_tag *tag, bool *used_only)
{
	struct misp_event nothing = {0};
	struct misp_tagref t = {.name = tag->name,
				.tag_id = tag->id,
				.exportable = tag->exportable,
				.is_galaxy = tag->is_galaxy,
				.is_custom_galaxy = tag->is_custom_galaxy};
	struct gate_subject s = {.event = &nothing};
	/* what documents brought along is known by what carries it */
	*used_only = !view_is_whole(v) && !(tag->by_hand && v->audience.kind == AUD_MEMBER);
	return view_is_whole(v) || gate_shows_tag(&v->gate, &s, &t);
}

bool view_attr_tagged(struct view *v, const struct misp_event *e, uint64_t object_id,
		      uint64_t attr_id, uint64_t tag_id, struct arena *a)
{
	struct misp_attr attr;
	struct misp_object object;
	bool carries = false;
	if (store_el_get(v->txn, EL_ATTR, (struct el_key){e->body, object_id, attr_id}, a, &attr) !=
	    ERR_OK)
		return false;
	if (object_id && store_el_get(v->txn, EL_OBJECT, (struct el_key){e->body, 0, object_id}, a,
				      &object) != ERR_OK)
		return false;
	LIST_EACH(t, attr.tags, struct misp_tagref)
		carries |= t->tag_id == tag_id && view_shows_tag(v, e, t);
	return carries && attr_visible(v, e, object_id ? &object : NULL, &attr);
}

static bool tag_visible(void *user, const struct misp_event *e, const struct misp_tagref *t)
{
	return view_shows_tag(user, e, t);
}

const struct warnlists *view_warnlists(struct view *v)
{
	if (!v->warnlists_asked && v->env->lists)
		v->warnlists = lists_warnings(v->env->lists);
	v->warnlists_asked = true;
	return v->warnlists;
}

static bool value_listed(void *user, uint16_t type, struct str value)
{
	const struct warnlists *w = view_warnlists(user);
	struct warnlist_hit hit;
	return w && warnlist_hits(w, type, value, &hit, 1) > 0;
}

static int64_t event_opened(void *user, uint64_t event_id)
{
	struct view *v = user;
	/* who gets MISP's own rules, or everything, waits for nothing */
	if (view_is_whole(v) || v->audience.release_class >= GATE_CLASSES)
		return 0;
	int64_t at = openings_of(v->env->openings, event_id, v->audience.release_class);
	int64_t within = openings_within(v->env->openings, event_id, v->audience.release_class);
	if (within > at) { /* only what is seen in it counts */
		struct arena_mark m = arena_mark(v->scratch);
		struct subject s;
		if (view_subject(v, event_id, v->scratch, &s) == ERR_OK &&
		    s.event.timestamp > s.stored_timestamp)
			at = MAX(at, s.event.timestamp);
		arena_rewind(v->scratch, m);
	}
	return at;
}

struct search_visible view_visible(struct view *v)
{
	v->passes_events = gate_passes_events(&v->gate) && !v->asks_more;
	return (struct search_visible){.user = v,
				       .event = event_visible,
				       .all_events = v->passes_events,
				       .attr = gate_passes_attrs(&v->gate) ? NULL : attr_visible,
				       .object = gate_passes_attrs(&v->gate) ? NULL : object_visible,
				       .proposal = proposal_visible,
				       .tag = tag_visible,
				       .listed = value_listed,
				       .decayed = v->decay ? view_decayed : NULL,
				       .opened = v->env->openings ? event_opened : NULL,
				       .known = v->shows_protected ? NULL : event_known,
				       .instead = v->audience.kind == AUD_OPERATOR ? NULL : view_instead};
}
