/*
 * misp_xml.c - MISP XML: lists of events or attributes, one event. The JSON of each part is turned
 * into elements, in the order and with the members that MISP writes (rest-api.md 4.2, recorded).
 */
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/xml_json.h"

#define PART_MAX (256u << 20)
#define HELD_MAX (16u << 20)

struct xml_state {
	struct buf json;
	struct buf held; /* proposals of the event: they stand behind the objects */
	bool attributes, objects; /* has there been one? */
	bool object_open, object_filled;
};

static const char *const head_skip[] = {"user_id", "proposal_email_lock", "locked",
					"attribute_count", NULL};
static const char *const object_skip[] = {"Attribute", NULL};

static struct buf *out(struct export_run *r)
{
	return seal_buf(r->out);
}

static struct buf *scratch(struct export_run *r)
{
	struct xml_state *st = r->state;
	if (!st->json.max)
		buf_init(&st->json, PART_MAX);
	buf_clear(&st->json);
	return &st->json;
}

static enum err put(struct buf *b, const char *name, struct buf *json, const char *const *skip,
		    bool plain_quotes)
{
	struct xml_form form = {.skip = skip, .plain_quotes = plain_quotes};
	TRY(buf_err(json));
	return name ? xml_object(b, name, buf_str(json), &form)
		    : xml_members(b, buf_str(json), &form);
}

static enum err xml_begin(struct export_run *r)
{
	LIT(out(r), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>");
	if (r->opts->scope == EXPORT_ONE_EVENT)
		buf_putc(out(r), '\n');
	return buf_err(out(r));
}

static enum err xml_end(struct export_run *r)
{
	if (r->opts->scope == EXPORT_ONE_EVENT)
		buf_putc(out(r), '\n');
	LIT(out(r), "</response>\n");
	return buf_err(out(r));
}

/* ---- attributes ---- */

static enum err attr_in_list(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	struct buf *json = scratch(r);
	if (el->kind != EL_ATTR)
		return ERR_OK;
	jp_attr_row(json, el->attr, false);
	if (r->opts->include_event_uuid)
		jp_uuid(json, "event_uuid", re->e->uuid);
	jp_attr_data(json, el);
	jp_attr_context(json, re, el);
	buf_putc(json, '}');
	TRY(put(out(r), "Attribute", json, NULL, true));
	buf_putc(out(r), '\n');
	r->n++;
	seal_count(r->out, 0, 1);
	return buf_err(out(r));
}

/* ---- events ---- */

static enum err xml_event(struct export_run *r, const struct rel_event *re)
{
	struct xml_state *st = r->state;
	struct buf *json = scratch(r);
	if (r->opts->scope == EXPORT_ATTRIBUTES)
		return ERR_OK;
	st->attributes = st->objects = st->object_open = false;
	buf_clear(&st->held);
	jp_event_head(json, re, r->opts);
	buf_putc(json, '}');
	LIT(out(r), "<Event>");
	TRY(put(out(r), NULL, json, head_skip, false));
	r->n++;
	seal_count(r->out, 1, 0);
	return buf_err(out(r));
}

static void object_close(struct buf *b, struct xml_state *st)
{
	if (st->object_open && !st->object_filled)
		LIT(b, "<Attribute/>");
	if (st->object_open)
		LIT(b, "</Object>");
	st->object_open = false;
}

static void attributes_done(struct buf *b, struct xml_state *st)
{
	if (!st->attributes)
		LIT(b, "<Attribute/>");
	st->attributes = true;
}

static enum err object_in_event(struct export_run *r, const struct rel_event *re,
				const struct rel_element *el)
{
	struct xml_state *st = r->state;
	struct buf *b = out(r), *json = scratch(r);
	attributes_done(b, st);
	object_close(b, st);
	jp_object_open(json, re, el);
	LIT(json, "]}");
	LIT(b, "<Object>");
	st->objects = st->object_open = true;
	st->object_filled = false;
	return put(b, NULL, json, object_skip, false);
}

static enum err xml_element(struct export_run *r, const struct rel_event *re,
			    const struct rel_element *el)
{
	struct xml_state *st = r->state;
	struct buf *b = out(r), *json = scratch(r);
	if (r->opts->scope == EXPORT_ATTRIBUTES)
		return attr_in_list(r, re, el);
	if (el->kind == EL_OBJECT)
		return object_in_event(r, re, el);
	if (el->kind == EL_ATTR) {
		bool inside = el->in_object && !r->opts->flatten;
		*(inside ? &st->object_filled : &st->attributes) = true;
		jp_attr_in_event(json, re, el, r->opts);
		seal_count(r->out, 0, 1);
		return put(b, "Attribute", json, NULL, false);
	}
	if (el->kind != EL_PROPOSAL)
		return ERR_OK; /* MISP has no reports in its XML */
	attributes_done(b, st);
	if (!st->held.max)
		buf_init(&st->held, PART_MAX);
	jp_proposal(json, el->proposal, el->proposal_orgs ? el->proposal_orgs[0] : NULL, re);
	return put(st->held.n < HELD_MAX ? &st->held : b, "ShadowAttribute", json, NULL, false);
}

static enum err xml_event_end(struct export_run *r, const struct rel_event *re)
{
	struct xml_state *st = r->state;
	struct buf *b = out(r), *json = scratch(r);
	if (r->opts->scope == EXPORT_ATTRIBUTES)
		return ERR_OK;
	if (!r->opts->metadata) {
		attributes_done(b, st);
		object_close(b, st);
		if (!st->objects && !r->opts->flatten)
			LIT(b, "<Object/>");
		if (!r->opts->no_proposals)
			buf_str_add(b, st->held.n ? buf_str(&st->held) : STR("<ShadowAttribute/>"));
	}
	size_t at = jp_open(json);
	if (re->ids && !r->opts->no_related)
		jp_related(json, re, r->opts->related_inbound);
	if (re->e->tags.n) {
		LIT(json, ",\"Tag\":");
		jp_tags(json, re->e->tags.v, re->e->tags.n, re->ids);
	}
	jp_close(json, at);
	TRY(put(b, NULL, json, NULL, false));
	LIT(b, "</Event>");
	return buf_err(b);
}

static void xml_free(void *state)
{
	struct xml_state *st = state;
	buf_free(&st->json);
	buf_free(&st->held);
}

const struct exporter export_misp_xml = {
	.name = "xml",
	.media = "application/xml",
	.type_name = "xml",
	.doc = "MISP XML, events or attributes",
	.drops = "event reports, keys, galaxies of the event and analyst data",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES | EXPORT_ONE_EVENT,
	.related = true,
	.state_size = sizeof(struct xml_state),
	.begin = xml_begin,
	.event = xml_event,
	.element = xml_element,
	.event_end = xml_event_end,
	.end = xml_end,
	.free_state = xml_free,
};
