/*
 * misp_json.c - MISP JSON: lists of events, one event, lists of attributes. One exporter among
 * others. Shapes as recorded from MISP 2.5.1.
 */
#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "model/types.h"

/* Which array of the event is open; they come in this order. */
enum section { SEC_HEAD, SEC_ATTRS, SEC_PROPOSALS, SEC_OBJECTS, SEC_REPORTS };

struct json_state {
	enum section section;
	bool section_empty;
	bool object_open, object_empty;
	uint64_t live; /* attributes written that are not deleted */
};

static struct buf *out(struct export_run *r)
{
	return seal_buf(r->out);
}

/* ---- heads ---- */

static enum err json_begin(struct export_run *r)
{
	switch (r->opts->scope) {
	case EXPORT_EVENTS:
		LIT(out(r), "{\"response\": [");
		break;
	case EXPORT_ATTRIBUTES:
		LIT(out(r), "{\"response\": {\"Attribute\": [");
		break;
	default:
		break;
	}
	return ERR_OK;
}

static enum err json_end(struct export_run *r)
{
	switch (r->opts->scope) {
	case EXPORT_EVENTS:
		LIT(out(r), "]}\n");
		break;
	case EXPORT_ATTRIBUTES:
		LIT(out(r), "]}}\n");
		break;
	default:
		break;
	}
	return ERR_OK;
}

static void event_scalars(struct buf *b, const struct rel_event *re, const struct export_opts *o)
{
	const struct misp_event *e = re->e;
	if (re->ids) {
		LIT(b, "\"id\":\"");
		buf_u64(b, e->id);
		buf_putc(b, '"');
		jp_num(b, "orgc_id", e->orgc_id);
		jp_num(b, "org_id", e->org_id);
		LIT(b, ",\"date\":");
	} else {
		LIT(b, "\"date\":");
	}
	jp_date(b, e->date);
	jp_num(b, "threat_level_id", e->threat_level_id);
	jp_str(b, "info", e->info);
	jp_bool(b, "published", e->published && !o->push_unpublished);
	jp_uuid(b, "uuid", e->uuid);
	if (!re->count_open)
		jp_num(b, "attribute_count", e->attribute_count);
	jp_num(b, "analysis", e->analysis);
	jp_time(b, "timestamp", e->timestamp);
	jp_num(b, "distribution", e->distribution);
	jp_bool(b, "proposal_email_lock", e->proposal_email_lock);
	jp_bool(b, "locked", e->locked || o->push);
	jp_time(b, "publish_timestamp", e->publish_timestamp);
	jp_num(b, "sharing_group_id", re->ids ? e->sharing_group_id : 0);
	jp_bool(b, "disable_correlation", e->disable_correlation);
	jp_uuid(b, "extends_uuid", e->extends_uuid);
	if (e->is_protected)
		LIT(b, ",\"protected\":true");
	else
		LIT(b, ",\"protected\":null");
	if (re->show_creator_email)
		jp_str(b, "event_creator_email", e->creator_email);
}

static void event_orgs(struct buf *b, const struct rel_event *re, bool push)
{
	if (re->org && !push) {
		LIT(b, ",\"Org\":");
		jp_org(b, re->org, re->ids, true);
	}
	if (re->orgc) {
		LIT(b, ",\"Orgc\":");
		jp_org(b, re->orgc, re->ids, true);
	}
}

/* The answer to a push: the head of one event, without its group. */
static bool one_head(const struct export_opts *o)
{
	return o->metadata && o->scope == EXPORT_ONE_EVENT;
}

void jp_event_head(struct buf *b, const struct rel_event *re, const struct export_opts *o)
{
	buf_putc(b, '{');
	event_scalars(b, re, o);
	event_orgs(b, re, o->push);
	if (re->sharing_group && !o->sg_reference_only && !one_head(o)) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, re->sharing_group, re->ids);
	}
}

static enum err json_event(struct export_run *r, const struct rel_event *re)
{
	struct json_state *st = r->state;
	struct buf *b = out(r);
	*st = (struct json_state){.section_empty = true};
	if (r->n++)
		buf_putc(b, ',');
	LIT(b, "{\"Event\":");
	jp_event_head(b, re, r->opts);
	seal_count(r->out, 1, 0);
	return buf_err(b);
}

/* ---- sections ---- */

static void object_close(struct buf *b, struct json_state *st)
{
	if (st->object_open)
		LIT(b, "]}");
	st->object_open = false;
}

/* Is this array left out altogether? */
static bool section_absent(const struct export_opts *o, enum section s)
{
	return (s == SEC_PROPOSALS && o->no_proposals && !o->push) || (s == SEC_OBJECTS && o->flatten);
}

/* Open the arrays up to `to`, the ones skipped stay empty. */
static void section_go(struct buf *b, struct json_state *st, enum section to,
		       const struct export_opts *o)
{
	static const char *const names[] = {NULL, ",\"Attribute\":[", ",\"ShadowAttribute\":[",
					    ",\"Object\":[", ",\"EventReport\":["};
	while (st->section < to) {
		object_close(b, st);
		if (st->section != SEC_HEAD && !section_absent(o, st->section))
			buf_putc(b, ']');
		st->section++;
		st->section_empty = true;
		if (!section_absent(o, st->section))
			buf_puts(b, names[st->section]);
	}
}

static void comma(struct buf *b, bool *empty)
{
	if (!*empty)
		buf_putc(b, ',');
	*empty = false;
}

/* ---- correlations of an attribute ---- */

static void related_event(struct buf *b, const struct misp_event *e)
{
	LIT(b, ",\"Event\":{\"id\":\"");
	buf_u64(b, e->id);
	buf_putc(b, '"');
	jp_uuid(b, "uuid", e->uuid);
	jp_num(b, "threat_level_id", e->threat_level_id);
	jp_num(b, "analysis", e->analysis);
	jp_str(b, "info", e->info);
	jp_uuid(b, "extends_uuid", e->extends_uuid);
	jp_num(b, "distribution", e->distribution);
	jp_num(b, "sharing_group_id", e->sharing_group_id);
	jp_bool(b, "published", e->published);
	LIT(b, ",\"date\":");
	jp_date(b, e->date);
	jp_num(b, "orgc_id", e->orgc_id);
	jp_num(b, "org_id", e->org_id);
	buf_putc(b, '}');
}

static void related_attrs(struct buf *b, const struct rel_element *el)
{
	LIT(b, ",\"RelatedAttribute\":[");
	for (uint32_t i = 0; i < el->n_related; i++) {
		const struct misp_attr *a = el->related[i].attr;
		buf_puts(b, i ? ",{\"id\":\"" : "{\"id\":\"");
		buf_u64(b, a->id);
		buf_putc(b, '"');
		jp_num(b, "event_id", a->event_id);
		jp_num(b, "object_id", a->object_id);
		jp_str_or_null(b, "object_relation", a->object_relation);
		jp_str(b, "category", category_name(a->category));
		jp_str(b, "type", type_name(a->type));
		jp_uuid(b, "uuid", a->uuid);
		jp_time(b, "timestamp", a->timestamp);
		jp_num(b, "distribution", a->distribution);
		jp_num(b, "sharing_group_id", a->sharing_group_id);
		jp_bool(b, "to_ids", a->to_ids);
		jp_str(b, "comment", a->comment);
		jp_str(b, "value", a->value);
		related_event(b, el->related[i].event->e);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* Was the tag seen among those of the first `n` related, or before `own` of the next one's? */
static bool tag_seen(const struct rel_element *el, uint32_t n, const struct misp_tagref *t)
{
	for (uint32_t i = 0; i <= n; i++) {
		const struct entity_list *lists[] = {&el->related[i].event->e->tags,
						     &el->related[i].attr->tags};
		for (size_t k = 0; k < ARRAY_LEN(lists); k++)
			LIST_EACH(x, *lists[k], struct misp_tagref) {
				if (x == t)
					return false;
				if (str_eq(x->name, t->name))
					return true;
			}
	}
	return false;
}

/* Tags of the attributes that correlate and of their events, each once; nothing when there are none. */
static void related_tags(struct buf *b, const struct rel_element *el)
{
	bool any = false;
	for (uint32_t i = 0; i < el->n_related; i++) {
		const struct entity_list *lists[] = {&el->related[i].event->e->tags,
						     &el->related[i].attr->tags};
		for (size_t k = 0; k < ARRAY_LEN(lists); k++)
			LIST_EACH(t, *lists[k], struct misp_tagref) {
				if (tag_seen(el, i, t))
					continue;
				buf_puts(b, any ? "," : ",\"RelatedTags\":[");
				any = true;
				size_t at = jp_open(b);
				jp_num(b, "id", t->tag_id);
				jp_str(b, "name", t->name);
				jp_str(b, "colour", t->colour);
				jp_str_or_null(b, "numerical_value", t->numerical_value);
				jp_close(b, at);
			}
	}
	if (any)
		buf_putc(b, ']');
}

/* ---- attributes in events ---- */

static void attr_fixed(struct buf *b, const struct misp_attr *a, bool ids)
{
	if (ids) {
		LIT(b, "{\"id\":\"");
		buf_u64(b, a->id);
		LIT(b, "\",\"type\":");
	} else {
		LIT(b, "{\"type\":");
	}
	json_quote(b, type_name(a->type));
	jp_str(b, "category", category_name(a->category));
	jp_bool(b, "to_ids", a->to_ids);
	jp_uuid(b, "uuid", a->uuid);
	if (ids)
		jp_num(b, "event_id", a->event_id);
	jp_num(b, "distribution", a->distribution);
	jp_time(b, "timestamp", a->timestamp);
	jp_str(b, "comment", a->comment);
	jp_num(b, "sharing_group_id", ids ? a->sharing_group_id : 0);
	jp_bool(b, "deleted", a->deleted);
	jp_bool(b, "disable_correlation", a->disable_correlation);
	if (ids)
		jp_num(b, "object_id", a->object_id);
	jp_str_or_null(b, "object_relation", a->object_relation);
	jp_micro(b, "first_seen", a->first_seen);
	jp_micro(b, "last_seen", a->last_seen);
	jp_str(b, "value", a->value);
}

/* In events lists and entries are numbered, in lists of attributes the numbers are texts. */
static void warnings(struct buf *b, const struct rel_element *el, bool in_event)
{
	if (!el->n_warnings)
		return;
	LIT(b, ",\"warnings\":[");
	for (uint32_t i = 0; i < el->n_warnings; i++) {
		const struct rel_warning *w = &el->warnings[i];
		if (i)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		jp_str(b, "value", w->part);
		jp_str(b, "match", w->entry);
		if (in_event) {
			jp_key(b, "warninglist_id");
			buf_u64(b, w->list);
		} else {
			jp_num(b, "warninglist_id", w->list);
		}
		jp_str(b, "warninglist_name", w->name);
		jp_str(b, "warninglist_category", w->category);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

static void proposals(struct buf *b, const struct rel_event *re, const struct rel_element *el)
{
	LIT(b, ",\"ShadowAttribute\":[");
	for (uint32_t i = 0; i < el->n_proposals; i++) {
		if (i)
			buf_putc(b, ',');
		jp_proposal(b, &el->proposals[i],
			    el->proposal_orgs ? el->proposal_orgs[i] : NULL, re);
	}
	buf_putc(b, ']');
}

static void sightings(struct buf *b, const struct rel_element *el, bool ids, bool always)
{
	if (!el->n_sightings && !always)
		return;
	LIT(b, ",\"Sighting\":[");
	for (uint32_t i = 0; i < el->n_sightings; i++) {
		if (i)
			buf_putc(b, ',');
		jp_sighting(b, &el->sightings[i], el->sighting_orgs ? el->sighting_orgs[i] : NULL,
			    el->attr->uuid, ids);
	}
	buf_putc(b, ']');
}

void jp_attr_data(struct buf *b, const struct rel_element *el)
{
	if (!el->data.p)
		return;
	LIT(b, ",\"data\":\"");
	base64_encode(b, el->data);
	buf_putc(b, '"');
}

void jp_attr_in_event(struct buf *b, const struct rel_event *re, const struct rel_element *el,
		      const struct export_opts *o)
{
	const struct misp_attr *a = el->attr;
	attr_fixed(b, a, re->ids);
	warnings(b, el, true);
	if (o->include_related_tags && re->ids)
		related_tags(b, el);
	LIT(b, ",\"Galaxy\":");
	jp_galaxies(b, el->clusters, o->push ? 0 : el->n_clusters, false, re->ids);
	jp_analyst_lists(b, el->analyst, el->n_analyst, ANALYST_BELOW);
	jp_attr_data(b, el);
	proposals(b, re, el);
	if (a->tags.n) {
		LIT(b, ",\"Tag\":");
		jp_tags(b, a->tags.v, a->tags.n, re->ids);
	}
	sightings(b, el, re->ids, false);
	jp_scores(b, "decay_score", el->scores, el->n_scores, o->full_models);
	jp_sources(b, el->sources, el->n_sources);
	if (el->n_related && re->ids && o->include_granular)
		related_attrs(b, el);
	if (el->sharing_group) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, el->sharing_group, re->ids);
	}
	buf_putc(b, '}');
}

void jp_object_open(struct buf *b, const struct rel_event *re, const struct rel_element *el)
{
	const struct misp_object *o = el->object;
	if (re->ids) {
		LIT(b, "{\"id\":\"");
		buf_u64(b, o->id);
		LIT(b, "\",\"name\":");
	} else {
		LIT(b, "{\"name\":");
	}
	json_quote(b, o->name);
	jp_str(b, "meta-category", o->meta_category);
	jp_str(b, "description", o->description);
	jp_str(b, "template_uuid", o->template_uuid);
	jp_str(b, "template_version", o->template_version);
	if (re->ids)
		jp_num(b, "event_id", o->event_id);
	jp_uuid(b, "uuid", o->uuid);
	jp_time(b, "timestamp", o->timestamp);
	jp_num(b, "distribution", o->distribution);
	jp_num(b, "sharing_group_id", re->ids ? o->sharing_group_id : 0);
	jp_str(b, "comment", o->comment);
	jp_bool(b, "deleted", o->deleted);
	jp_micro(b, "first_seen", o->first_seen);
	jp_micro(b, "last_seen", o->last_seen);
	if (el->sharing_group) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, el->sharing_group, re->ids);
	}
	jp_analyst_lists(b, el->analyst, el->n_analyst, ANALYST_BELOW);
	LIT(b, ",\"ObjectReference\":[");
	for (uint32_t i = 0; i < el->n_refs; i++) {
		if (i)
			buf_putc(b, ',');
		jp_ref(b, &el->refs[i], &el->ref_targets[i], o, re);
	}
	LIT(b, "],\"Attribute\":[");
}

static enum err element_in_event(struct export_run *r, const struct rel_event *re,
				 const struct rel_element *el)
{
	struct json_state *st = r->state;
	struct buf *b = out(r);
	switch (el->kind) {
	case EL_ATTR:
		if (el->in_object && !r->opts->flatten) {
			comma(b, &st->object_empty);
		} else {
			section_go(b, st, SEC_ATTRS, r->opts);
			comma(b, &st->section_empty);
		}
		jp_attr_in_event(b, re, el, r->opts);
		st->live += !el->attr->deleted;
		seal_count(r->out, 0, 1);
		break;
	case EL_PROPOSAL:
		section_go(b, st, SEC_PROPOSALS, r->opts);
		comma(b, &st->section_empty);
		jp_proposal(b, el->proposal, el->proposal_orgs ? el->proposal_orgs[0] : NULL, re);
		break;
	case EL_OBJECT:
		section_go(b, st, SEC_OBJECTS, r->opts);
		object_close(b, st);
		comma(b, &st->section_empty);
		jp_object_open(b, re, el);
		st->object_open = st->object_empty = true;
		break;
	case EL_REPORT:
		section_go(b, st, SEC_REPORTS, r->opts);
		comma(b, &st->section_empty);
		jp_report(b, el, re);
		break;
	case EL_REF:
	case EL_SIGHTING:
	case EL_CLUSTER:
	case EL_ANALYST:
	case EL_COUNT:
		break;
	}
	return buf_err(b);
}

void jp_related(struct buf *b, const struct rel_event *re, bool inbound)
{
	LIT(b, ",\"RelatedEvent\":[");
	for (uint32_t i = 0; i < re->n_related; i++) {
		const struct rel_event *o = re->related[i];
		buf_puts(b, i ? ",{" : "{");
		if (inbound)
			LIT(b, "\"RelationshipInbound\":[],");
		LIT(b, "\"Event\":{\"id\":\"");
		buf_u64(b, o->e->id);
		LIT(b, "\",\"date\":");
		jp_date(b, o->e->date);
		jp_num(b, "threat_level_id", o->e->threat_level_id);
		jp_str(b, "info", o->e->info);
		jp_bool(b, "published", o->e->published);
		jp_uuid(b, "uuid", o->e->uuid);
		jp_num(b, "analysis", o->e->analysis);
		jp_time(b, "timestamp", o->e->timestamp);
		jp_num(b, "distribution", o->e->distribution);
		jp_num(b, "org_id", o->e->org_id);
		jp_num(b, "orgc_id", o->e->orgc_id);
		LIT(b, ",\"Org\":");
		jp_org(b, o->org, true, false);
		LIT(b, ",\"Orgc\":");
		jp_org(b, o->orgc, true, false);
		LIT(b, "}}");
	}
	buf_putc(b, ']');
}

/* By their numbers. */
static void extensions(struct buf *b, const struct rel_event *re)
{
	if (!re->n_extensions)
		return;
	LIT(b, ",\"extensionEvents\":{");
	for (uint32_t i = 0; i < re->n_extensions; i++) {
		const struct rel_event *x = re->extensions[i];
		buf_puts(b, i ? ",\"" : "\"");
		buf_u64(b, x->e->id);
		LIT(b, "\":{\"id\":\"");
		buf_u64(b, x->e->id);
		buf_putc(b, '"');
		jp_str(b, "info", x->e->info);
		jp_num(b, "orgc_id", x->e->orgc_id);
		jp_num(b, "user_id", x->e->user_id);
		LIT(b, ",\"Orgc\":");
		jp_org(b, x->orgc, true, false);
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

static enum err json_event_end(struct export_run *r, const struct rel_event *re)
{
	struct json_state *st = r->state;
	struct buf *b = out(r);
	if (!r->opts->metadata) {
		section_go(b, st, r->opts->no_reports ? SEC_OBJECTS : SEC_REPORTS, r->opts);
		object_close(b, st);
		if (!section_absent(r->opts, st->section))
			buf_putc(b, ']');
	}
	if (re->count_open)
		jp_num(b, "attribute_count", st->live);
	if (re->ids && !r->opts->no_related)
		jp_related(b, re, r->opts->related_inbound);
	extensions(b, re);
	LIT(b, ",\"Galaxy\":");
	jp_galaxies(b, re->clusters, r->opts->push ? 0 : re->n_clusters, true, re->ids);
	LIT(b, ",\"CryptographicKey\":");
	jp_cryptokeys(b, &re->e->crypto_keys, re);
	jp_sources(b, re->sources, re->n_sources);
	jp_scores(b, "event_scores", re->scores, re->n_scores, r->opts->full_models);
	jp_analyst_lists(b, re->analyst, re->n_analyst, ANALYST_IN_EVENT);
	if (re->e->tags.n) {
		LIT(b, ",\"Tag\":");
		jp_tags(b, re->e->tags.v, re->e->tags.n, re->ids);
	}
	LIT(b, "}}");
	return buf_err(b);
}

/* ---- attribute scope ---- */

static void tag_short(struct buf *b, const struct misp_tagref *t, bool ids, bool inherited,
		      bool first)
{
	buf_puts(b, first ? "{" : ",{");
	if (ids) {
		LIT(b, "\"id\":\"");
		buf_u64(b, t->tag_id);
		LIT(b, "\",\"name\":");
	} else {
		LIT(b, "\"name\":");
	}
	json_quote(b, t->name);
	jp_str(b, "colour", t->colour);
	jp_str_or_null(b, "numerical_value", t->numerical_value);
	if (inherited) {
		LIT(b, ",\"inherited\":1}");
		return;
	}
	jp_bool(b, "is_galaxy", t->is_galaxy);
	jp_bool(b, "local", t->local);
	buf_putc(b, '}');
}

static void event_stub(struct buf *b, const struct rel_event *re)
{
	const struct misp_event *e = re->e;
	LIT(b, ",\"Event\":{");
	if (re->ids) {
		LIT(b, "\"org_id\":\"");
		buf_u64(b, e->org_id);
		LIT(b, "\",\"distribution\":\"");
	} else {
		LIT(b, "\"distribution\":\"");
	}
	buf_u64(b, e->distribution);
	buf_putc(b, '"');
	jp_time(b, "publish_timestamp", e->publish_timestamp);
	if (re->ids)
		jp_num(b, "id", e->id);
	jp_str(b, "info", e->info);
	if (re->ids)
		jp_num(b, "orgc_id", e->orgc_id);
	jp_uuid(b, "uuid", e->uuid);
	buf_putc(b, '}');
}

static void event_context(struct buf *b, const struct rel_event *re)
{
	const struct misp_event *e = re->e;
	LIT(b, ",\"Event\":{\"date\":");
	jp_date(b, e->date);
	if (re->ids) {
		jp_num(b, "id", e->id);
		jp_num(b, "orgc_id", e->orgc_id);
		jp_num(b, "org_id", e->org_id);
		jp_num(b, "sharing_group_id", e->sharing_group_id);
	}
	jp_num(b, "threat_level_id", e->threat_level_id);
	jp_str(b, "info", e->info);
	jp_bool(b, "published", e->published);
	jp_uuid(b, "uuid", e->uuid);
	jp_num(b, "analysis", e->analysis);
	jp_time(b, "timestamp", e->timestamp);
	jp_num(b, "distribution", e->distribution);
	jp_time(b, "publish_timestamp", e->publish_timestamp);
	jp_uuid(b, "extends_uuid", e->extends_uuid);
	if (e->tags.n) {
		LIT(b, ",\"Tag\":[");
		const struct misp_tagref *t = e->tags.v;
		for (uint32_t i = 0; i < e->tags.n; i++, t++) {
			buf_puts(b, i ? ",{\"local\":" : "{\"local\":");
			buf_puts(b, t->local ? "true" : "false");
			if (re->ids)
				jp_num(b, "id", t->tag_id);
			jp_str(b, "name", t->name);
			jp_str(b, "colour", t->colour);
			jp_str_or_null(b, "numerical_value", t->numerical_value);
			buf_putc(b, '}');
		}
		buf_putc(b, ']');
	}
	if (re->orgc) {
		LIT(b, ",\"Orgc\":");
		jp_org(b, re->orgc, re->ids, true);
	}
	buf_putc(b, '}');
}

void jp_attr_context(struct buf *b, const struct rel_event *re, const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	if (el->in_object && re->ids) {
		LIT(b, ",\"Object\":{\"id\":\"");
		buf_u64(b, el->in_object->id);
		buf_putc(b, '"');
		jp_num(b, "distribution", el->in_object->distribution);
		jp_num(b, "sharing_group_id", el->in_object->sharing_group_id);
		buf_putc(b, '}');
	}
	if (a->tags.n || el->n_event_tags) {
		const struct misp_tagref *t = a->tags.v;
		LIT(b, ",\"Tag\":[");
		for (uint32_t i = 0; i < a->tags.n; i++)
			tag_short(b, &t[i], re->ids, false, i == 0);
		for (uint32_t i = 0; i < el->n_event_tags; i++)
			tag_short(b, &el->event_tags[i], re->ids, true, i == 0 && !a->tags.n);
		buf_putc(b, ']');
	}
}

static enum err attr_in_list(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	struct buf *b = out(r);
	const struct misp_attr *a = el->attr;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	if (r->n++)
		buf_putc(b, ',');
	attr_fixed(b, a, re->ids);
	if (r->opts->include_event_uuid)
		jp_uuid(b, "event_uuid", re->e->uuid);
	jp_attr_data(b, el);
	if (r->opts->include_correlations && re->ids)
		related_attrs(b, el);
	if (r->opts->include_context)
		event_context(b, re);
	else
		event_stub(b, re);
	jp_attr_context(b, re, el);
	sightings(b, el, re->ids, r->opts->include_sightings);
	if (r->opts->include_proposals)
		proposals(b, re, el);
	warnings(b, el, false);
	jp_scores(b, "decay_score", el->scores, el->n_scores, r->opts->full_models);
	jp_sources(b, el->sources, el->n_sources);
	jp_analyst_lists(b, el->analyst, el->n_analyst, ANALYST_BELOW);
	buf_putc(b, '}');
	seal_count(r->out, 0, 1);
	return buf_err(b);
}

static enum err json_element(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	return r->opts->scope == EXPORT_ATTRIBUTES ? attr_in_list(r, re, el)
						   : element_in_event(r, re, el);
}

const struct exporter export_misp_json = {
	.name = "json",
	.media = "application/json",
	.type_name = "json",
	.doc = "MISP JSON, events or attributes",
	.drops = "nothing",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES | EXPORT_ONE_EVENT,
	.related = true,
	.state_size = sizeof(struct json_state),
	.begin = json_begin,
	.event = json_event,
	.element = json_element,
	.event_end = json_event_end,
	.end = json_end,
};
