/*
 * json_graph.c - one event as a graph: attributes and objects are items, what objects refer to are relations.
 * What MISP's graph editor asks for. Not a return format. Relations wait for the end, at most RELATIONS_MAX.
 */
#include <stdlib.h>

#include "base/own.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"
#include "model/types.h"

#define RELATIONS_MAX (64u << 20)
#define NAMES_MAX (1u << 20)
/* As much of the relations is written in one piece. */
#define PIECE (256u << 10)

struct graph_state {
	struct buf relations; /* their JSON, comma between */
	struct buf names;     /* members of existing_object_relation */
	struct buf tags;      /* members of existing_tags: of the event and its attributes */
	struct seen known, known_tags; /* what stands in them */
	size_t written;	      /* of the relations */
	bool begun, any, object_open, object_any;
};

static struct buf *out(struct export_run *r)
{
	return seal_buf(r->out);
}

static void object_close(struct buf *b, struct graph_state *st)
{
	if (st->object_open)
		LIT(b, "]}");
	st->object_open = false;
}

static void tags_seen(struct graph_state *st, const struct misp_tagref *t, uint32_t n)
{
	struct buf *b = &st->tags;
	for (uint32_t i = 0; i < n; i++) {
		if (!t[i].tag_id || b->n + 6 * t[i].name.n + 32 > NAMES_MAX || seen_before(&st->known_tags, t[i].name))
			continue;
		if (b->n)
			buf_putc(b, ',');
		buf_putc(b, '"');
		buf_u64(b, t[i].tag_id);
		LIT(b, "\":");
		json_quote(b, t[i].name);
	}
}

static enum err graph_event(struct export_run *r, const struct rel_event *re)
{
	struct graph_state *st = r->state;
	struct buf *b = out(r);
	st->relations.max = RELATIONS_MAX;
	st->names.max = st->tags.max = NAMES_MAX;
	tags_seen(st, re->e->tags.v, re->e->tags.n);
	LIT(b, "{\"available_pivot_key\":[\"event_id\",\"distribution\",\"category\",\"type\",\"value\",\"comment\","
	       "\"uuid\",\"to_ids\",\"timestamp\",\"id\"],\"items\":[");
	r->n++;
	seal_count(r->out, 1, 0);
	return buf_err(b);
}

/* ---- items ---- */

static void comma(struct buf *b, bool *any)
{
	if (*any)
		buf_putc(b, ',');
	*any = true;
}

static void attr_item(struct buf *b, const struct misp_attr *a)
{
	size_t at = jp_open(b);
	jp_num(b, "id", a->id);
	jp_uuid(b, "uuid", a->uuid);
	jp_str(b, "type", type_name(a->type));
	jp_str(b, "label", a->value);
	jp_num(b, "event_id", a->event_id);
	LIT(b, ",\"node_type\":\"attribute\"");
	jp_str(b, "comment", a->comment);
	jp_close(b, at);
}

static void object_item(struct buf *b, const struct misp_object *o)
{
	LIT(b, "{\"id\":\"o-");
	buf_u64(b, o->id);
	buf_putc(b, '"');
	jp_uuid(b, "uuid", o->uuid);
	jp_str(b, "type", o->name);
	LIT(b, ",\"label\":\"\",\"node_type\":\"object\"");
	jp_str(b, "meta-category", o->meta_category);
	jp_str(b, "template_uuid", o->template_uuid);
	jp_num(b, "event_id", o->event_id);
	jp_str(b, "comment", o->comment);
	LIT(b, ",\"color\":\"#ffa800\",\"Attribute\":[");
}

static void object_attr(struct buf *b, const struct rel_event *re, const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	size_t at = jp_open(b);
	jp_num(b, "id", a->id);
	jp_str(b, "type", type_name(a->type));
	jp_str(b, "category", category_name(a->category));
	jp_bool(b, "to_ids", a->to_ids);
	jp_uuid(b, "uuid", a->uuid);
	jp_num(b, "event_id", a->event_id);
	jp_num(b, "distribution", a->distribution);
	jp_time(b, "timestamp", a->timestamp);
	jp_str(b, "comment", a->comment);
	jp_num(b, "sharing_group_id", a->sharing_group_id);
	jp_bool(b, "deleted", a->deleted);
	jp_bool(b, "disable_correlation", a->disable_correlation);
	jp_num(b, "object_id", a->object_id);
	jp_str_or_null(b, "object_relation", a->object_relation);
	jp_micro(b, "first_seen", a->first_seen);
	jp_micro(b, "last_seen", a->last_seen);
	jp_str(b, "value", a->value);
	jp_attribute_tags(b, a);
	LIT(b, ",\"Galaxy\":");
	jp_galaxies(b, el->clusters, el->n_clusters, false, re->ids);
	LIT(b, ",\"ShadowAttribute\":[");
	for (uint32_t i = 0; i < el->n_proposals; i++) {
		if (i)
			buf_putc(b, ',');
		jp_proposal(b, &el->proposals[i], el->proposal_orgs ? el->proposal_orgs[i] : NULL, re);
	}
	buf_putc(b, ']');
	jp_close(b, at);
}

/* ---- relations ---- */

/* To an object by its number with "o-" before it, to an attribute by its number. */
static void relation(struct graph_state *st, const struct misp_object *o, const struct misp_ref *x)
{
	struct buf *b = &st->relations;
	if (b->n)
		buf_putc(b, ',');
	size_t at = jp_open(b);
	jp_num(b, "id", x->id);
	jp_uuid(b, "uuid", x->uuid);
	jp_str(b, "type", x->relationship_type);
	jp_str(b, "comment", x->comment);
	jp_num(b, "event_id", o->event_id);
	LIT(b, ",\"from\":\"o-");
	buf_u64(b, o->id);
	buf_puts(b, x->referenced_type == 1 ? "\",\"to\":\"o-" : "\",\"to\":\"");
	buf_u64(b, x->referenced_id);
	buf_putc(b, '"');
	jp_close(b, at);
}

static void name_seen(struct graph_state *st, struct str name)
{
	struct buf *b = &st->names;
	if (!name.n || b->n + 6 * name.n + 8 > NAMES_MAX || seen_before(&st->known, name))
		return;
	if (b->n)
		buf_putc(b, ',');
	json_quote(b, name);
	LIT(b, ":0");
}

static enum err graph_element(struct export_run *r, const struct rel_event *re,
			      const struct rel_element *el)
{
	struct graph_state *st = r->state;
	struct buf *b = out(r);
	if (el->kind == EL_OBJECT) {
		object_close(b, st);
		comma(b, &st->any);
		object_item(b, el->object);
		st->object_open = true;
		st->object_any = false;
		for (uint32_t i = 0; i < el->n_refs; i++)
			if (!el->refs[i].deleted && el->ref_targets[i].known)
				relation(st, el->object, &el->refs[i]);
	} else if (el->kind == EL_ATTR && el->in_object) {
		comma(b, &st->object_any);
		object_attr(b, re, el);
		name_seen(st, el->attr->object_relation);
		seal_count(r->out, 0, 1);
	} else if (el->kind == EL_ATTR) {
		comma(b, &st->any);
		attr_item(b, el->attr);
		seal_count(r->out, 0, 1);
	}
	if (el->kind == EL_ATTR)
		tags_seen(st, el->attr->tags.v, el->attr->tags.n);
	TRY(buf_err(&st->relations));
	return buf_err(b);
}

static enum err graph_event_end(struct export_run *r, const struct rel_event *re)
{
	struct buf *b = out(r);
	(void)re;
	object_close(b, r->state);
	LIT(b, "],\"relations\":[");
	return buf_err(b);
}

static enum err graph_more(struct export_run *r, bool *more)
{
	struct graph_state *st = r->state;
	struct buf *b = out(r);
	struct str rest = str_sub(buf_str(&st->relations), st->written, SIZE_MAX);
	struct str piece = str_sub(rest, 0, PIECE);
	buf_str_add(b, piece);
	st->written += piece.n;
	*more = piece.n < rest.n;
	if (!*more) {
		LIT(b, "],\"existing_object_relation\":{");
		buf_str_add(b, buf_str(&st->names));
		LIT(b, "},\"existing_tags\":{");
		buf_str_add(b, buf_str(&st->tags));
		LIT(b, "}}");
	}
	return buf_err(b);
}

static void graph_free(void *state)
{
	struct graph_state *st = state;
	buf_free(&st->relations);
	buf_free(&st->names);
	buf_free(&st->tags);
	seen_free(&st->known);
	seen_free(&st->known_tags);
}

const struct exporter export_graph = {
	.name = ".graph",
	.media = "application/json",
	.type_name = "json",
	.doc = "one event as items and relations, as events/getEventGraphReferences answers",
	.scopes = EXPORT_ONE_EVENT,
	.state_size = sizeof(struct graph_state),
	.event = graph_event,
	.element = graph_element,
	.event_end = graph_event_end,
	.event_more = graph_more,
	.free_state = graph_free,
};
