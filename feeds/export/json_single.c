/*
 * json_single.c - the answers to calls about single attributes and objects: what view, add and edit
 * of MISP give. Not return formats: their names begin with a dot, which no search can ask for.
 */
#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "model/types.h"

static struct buf *out(struct export_run *r)
{
	return seal_buf(r->out);
}

/* The members in the order of an attribute row. */
void jp_attr_row(struct buf *b, const struct misp_attr *a, bool split)
{
	struct str v1, v2;
	LIT(b, "{\"id\":\"");
	buf_u64(b, a->id);
	buf_putc(b, '"');
	jp_num(b, "event_id", a->event_id);
	jp_num(b, "object_id", a->object_id);
	jp_str_or_null(b, "object_relation", a->object_relation);
	jp_str(b, "category", category_name(a->category));
	jp_str(b, "type", type_name(a->type));
	if (split) {
		type_split((enum attr_type)a->type, a->value, &v1, &v2);
		jp_str(b, "value1", v1);
		jp_str(b, "value2", v2);
	}
	jp_bool(b, "to_ids", a->to_ids);
	jp_uuid(b, "uuid", a->uuid);
	jp_time(b, "timestamp", a->timestamp);
	jp_num(b, "distribution", a->distribution);
	jp_num(b, "sharing_group_id", a->sharing_group_id);
	jp_str(b, "comment", a->comment);
	jp_bool(b, "deleted", a->deleted);
	jp_bool(b, "disable_correlation", a->disable_correlation);
	jp_micro(b, "first_seen", a->first_seen);
	jp_micro(b, "last_seen", a->last_seen);
	jp_str(b, "value", a->value);
}

/* ---- one attribute: view and edit ---- */

static enum err view_element(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	struct buf *b = out(r);
	if (el->kind != EL_ATTR)
		return ERR_OK;
	LIT(b, "{\"Attribute\":");
	jp_attr_row(b, el->attr, false);
	if (r->opts->include_event_uuid)
		jp_uuid(b, "event_uuid", re->e->uuid);
	if (el->data.p) {
		LIT(b, ",\"data\":\"");
		base64_encode(b, el->data);
		buf_putc(b, '"');
	}
	if (el->attr->tags.n && r->opts->full_tags) {
		LIT(b, ",\"Tag\":");
		jp_tags(b, el->attr->tags.v, el->attr->tags.n, re->ids);
	}
	jp_scores(b, "decay_score", el->scores, el->n_scores, r->opts->full_models);
	LIT(b, "}}");
	r->n++;
	return buf_err(b);
}

const struct exporter export_attr_view = {
	.name = ".attribute",
	.media = "application/json",
	.type_name = "json",
	.doc = "one attribute, as attributes/view answers",
	.scopes = EXPORT_ATTRIBUTES,
	.element = view_element,
};

/* ---- what attributes/add answers: one, or a list, with the errors of the others; and (parameter
   `form` "imported") what was made of a text, where numbers are numbers ---- */

static struct str param(struct export_run *r, const char *name)
{
	return r->opts->param ? r->opts->param(r->opts->param_user, name) : STR_NONE;
}

static bool imported(struct export_run *r)
{
	return str_is(param(r, "form"), "imported");
}

/* A parameter named by the UUID says what stood in the text. */
static void imported_row(struct export_run *r, const struct misp_attr *a)
{
	struct buf *b = out(r);
	char uuid[UUID_TEXT_LEN + 1];
	struct str v1, v2, distribution = param(r, "distribution");
	type_split((enum attr_type)a->type, a->value, &v1, &v2);
	LIT(b, "{\"Attribute\":{\"object_id\":\"0\",\"to_ids\":");
	buf_putc(b, a->to_ids ? '1' : '0');
	LIT(b, ",\"timestamp\":");
	buf_i64(b, a->timestamp);
	LIT(b, ",\"distribution\":");
	if (distribution.p)
		buf_str_add(b, distribution);
	else
		buf_u64(b, a->distribution);
	LIT(b, ",\"deleted\":\"0\",\"disable_correlation\":\"0\"");
	jp_str(b, "value", a->value);
	jp_str(b, "original_value", param(r, uuid_format(a->uuid, uuid)));
	jp_str(b, "type", type_name(a->type));
	jp_str(b, "category", category_name(a->category));
	jp_num(b, "event_id", a->event_id);
	jp_str(b, "comment", a->comment);
	LIT(b, ",\"sharing_group_id\":");
	buf_u64(b, a->sharing_group_id);
	jp_uuid(b, "uuid", a->uuid);
	jp_str(b, "value1", v1);
	jp_str(b, "value2", v2);
	jp_num(b, "id", a->id);
	LIT(b, "}}");
}

/* What joins a tag to its attribute has no number of its own here: it is named by the tag. */
void jp_attribute_tags(struct buf *b, const struct misp_attr *a)
{
	LIT(b, ",\"AttributeTag\":[");
	LIST_EACH(t, a->tags, struct misp_tagref) {
		if (t != a->tags.v)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		jp_num(b, "id", t->tag_id);
		jp_num(b, "attribute_id", a->id);
		jp_num(b, "event_id", a->event_id);
		jp_num(b, "tag_id", t->tag_id);
		jp_bool(b, "local", t->local);
		jp_str_or_null(b, "relationship_type", t->relationship_type);
		LIT(b, ",\"Tag\":");
		size_t inner = jp_open(b);
		jp_num(b, "id", t->tag_id);
		jp_str(b, "name", t->name);
		jp_str(b, "colour", t->colour);
		jp_str_or_null(b, "numerical_value", t->numerical_value);
		jp_close(b, inner);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

static enum err saved_begin(struct export_run *r)
{
	if (imported(r))
		buf_putc(out(r), '[');
	else if (param(r, "list").n)
		LIT(out(r), "{\"Attribute\":[");
	else
		LIT(out(r), "{\"Attribute\":");
	return buf_err(out(r));
}

static enum err saved_element(struct export_run *r, const struct rel_event *re,
			      const struct rel_element *el)
{
	struct buf *b = out(r);
	(void)re;
	if (el->kind != EL_ATTR || (r->n && !param(r, "list").n && !imported(r)))
		return ERR_OK;
	if (r->n++)
		buf_putc(b, ',');
	if (imported(r)) {
		imported_row(r, el->attr);
		return buf_err(b);
	}
	jp_attr_row(b, el->attr, true);
	buf_putc(b, '}');
	if (!param(r, "list").n)
		jp_attribute_tags(b, el->attr);
	return buf_err(b);
}

static enum err saved_end(struct export_run *r)
{
	struct buf *b = out(r);
	struct str errors = param(r, "errors");
	if (imported(r)) {
		buf_putc(b, ']');
		return buf_err(b);
	}
	if (param(r, "list").n)
		buf_putc(b, ']');
	else if (!r->n) /* who added it may not have it */
		LIT(b, "[],\"AttributeTag\":[]");
	if (errors.n) {
		LIT(b, ",\"errors\":");
		buf_str_add(b, errors);
	}
	buf_putc(b, '}');
	return buf_err(b);
}

const struct exporter export_attr_saved = {
	.name = ".attributes-saved",
	.media = "application/json",
	.type_name = "json",
	.doc = "attributes, as attributes/add answers",
	.scopes = EXPORT_ATTRIBUTES,
	.begin = saved_begin,
	.element = saved_element,
	.end = saved_end,
};

/* ---- the file of one attribute: length of its value, new line, value, bytes ---- */

static enum err attachment_element(struct export_run *r, const struct rel_event *re,
				   const struct rel_element *el)
{
	struct buf *b = out(r);
	(void)re;
	if (el->kind != EL_ATTR || !el->data.p || r->n)
		return ERR_OK;
	buf_u64(b, el->attr->value.n);
	buf_putc(b, '\n');
	buf_str_add(b, el->attr->value);
	buf_str_add(b, el->data);
	r->n++;
	seal_count(r->out, 0, 1);
	return buf_err(b);
}

const struct exporter export_attachment = {
	.name = ".attachment",
	.media = "application/octet-stream",
	.type_name = "bin",
	.doc = "the file of one attribute, as attributes/download takes it apart",
	.scopes = EXPORT_ATTRIBUTES,
	.element = attachment_element,
};

/* ---- a bare list of attributes: attributes/index ---- */

static enum err list_begin(struct export_run *r)
{
	buf_putc(out(r), '[');
	return buf_err(out(r));
}

static enum err list_element(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	struct buf *b = out(r);
	(void)re;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	if (r->n++)
		buf_putc(b, ',');
	jp_attr_row(b, el->attr, true);
	buf_putc(b, '}');
	return buf_err(b);
}

static enum err list_end(struct export_run *r)
{
	buf_putc(out(r), ']');
	return buf_err(out(r));
}

const struct exporter export_attr_list = {
	.name = ".attributes",
	.media = "application/json",
	.type_name = "json",
	.doc = "a list of attributes, as attributes/index answers",
	.scopes = EXPORT_ATTRIBUTES,
	.begin = list_begin,
	.element = list_element,
	.end = list_end,
};

/* ---- one object ---- */

static void object_row(struct buf *b, const struct misp_object *o)
{
	LIT(b, "{\"id\":\"");
	buf_u64(b, o->id);
	buf_putc(b, '"');
	jp_str(b, "name", o->name);
	jp_str(b, "meta-category", o->meta_category);
	jp_str(b, "description", o->description);
	jp_str(b, "template_uuid", o->template_uuid);
	jp_str(b, "template_version", o->template_version);
	jp_num(b, "event_id", o->event_id);
	jp_uuid(b, "uuid", o->uuid);
	jp_time(b, "timestamp", o->timestamp);
	jp_num(b, "distribution", o->distribution);
	jp_num(b, "sharing_group_id", o->sharing_group_id);
	jp_str(b, "comment", o->comment);
	jp_bool(b, "deleted", o->deleted);
	jp_micro(b, "first_seen", o->first_seen);
	jp_micro(b, "last_seen", o->last_seen);
}

/* Three forms (parameter `form`): "add" has the object alone; "view" has the event's stub in it, and
   AttributeTag in each attribute; "edit" likewise, with the stub beside the object. */
struct object_state {
	bool any, tags;
	bool open; /* lists: an object was begun */
};

static void event_stub(struct buf *b, const struct misp_event *e)
{
	LIT(b, ",\"Event\":{\"id\":\"");
	buf_u64(b, e->id);
	buf_putc(b, '"');
	jp_str(b, "info", e->info);
	jp_num(b, "org_id", e->org_id);
	jp_num(b, "orgc_id", e->orgc_id);
	buf_putc(b, '}');
}

static enum err object_element(struct export_run *r, const struct rel_event *re,
			       const struct rel_element *el)
{
	struct object_state *st = r->state;
	struct buf *b = out(r);
	if (el->kind == EL_OBJECT && !r->n) {
		LIT(b, "{\"Object\":");
		object_row(b, el->object);
		st->tags = !str_is(param(r, "form"), "add");
		if (str_is(param(r, "form"), "view"))
			event_stub(b, re->e);
		r->n++;
	} else if (el->kind == EL_ATTR && r->n) {
		if (st->any)
			buf_putc(b, ',');
		else
			LIT(b, ",\"Attribute\":[");
		st->any = true;
		jp_attr_row(b, el->attr, true);
		if (st->tags)
			LIT(b, ",\"AttributeTag\":[]");
		buf_putc(b, '}');
	}
	return buf_err(b);
}

static enum err object_event_end(struct export_run *r, const struct rel_event *re)
{
	struct object_state *st = r->state;
	struct buf *b = out(r);
	if (!r->n)
		return ERR_OK;
	if (st->any)
		buf_putc(b, ']');
	buf_putc(b, '}');
	if (str_is(param(r, "form"), "edit"))
		event_stub(b, re->e);
	buf_putc(b, '}');
	return buf_err(b);
}

const struct exporter export_object_view = {
	.name = ".object",
	.media = "application/json",
	.type_name = "json",
	.doc = "one object with its attributes, as the calls of objects answer",
	.scopes = EXPORT_OBJECTS,
	.state_size = sizeof(struct object_state),
	.element = object_element,
	.event_end = object_event_end,
};

/* ---- objects/restSearch: a list of objects, each with its attributes and its event ---- */

static enum err objects_begin(struct export_run *r)
{
	LIT(out(r), "{\"response\": [");
	return buf_err(out(r));
}

static enum err objects_element(struct export_run *r, const struct rel_event *re,
				const struct rel_element *el)
{
	struct object_state *st = r->state;
	struct buf *b = out(r);
	(void)re;
	if (el->kind == EL_OBJECT && !st->open) {
		buf_puts(b, r->n++ ? ",{\"Object\":" : "{\"Object\":");
		object_row(b, el->object);
		if (!r->opts->metadata)
			LIT(b, ",\"Attribute\":[");
		st->open = true;
		st->any = false;
	} else if (el->kind == EL_ATTR && st->open && !r->opts->metadata) {
		if (st->any)
			buf_putc(b, ',');
		st->any = true;
		jp_attr_row(b, el->attr, true);
		jp_attribute_tags(b, el->attr);
		buf_putc(b, '}');
		seal_count(r->out, 0, 1);
	}
	return buf_err(b);
}

static enum err objects_event_end(struct export_run *r, const struct rel_event *re)
{
	struct object_state *st = r->state;
	struct buf *b = out(r);
	if (!st->open)
		return ERR_OK;
	st->open = false;
	if (!r->opts->metadata)
		buf_putc(b, ']');
	event_stub(b, re->e);
	LIT(b, "}}");
	return buf_err(b);
}

static enum err objects_end(struct export_run *r)
{
	LIT(out(r), "]}\n");
	return buf_err(out(r));
}

const struct exporter export_objects = {
	.name = ".objects",
	.media = "application/json",
	.type_name = "json",
	.doc = "a list of objects, as objects/restSearch answers",
	.scopes = EXPORT_OBJECTS,
	.state_size = sizeof(struct object_state),
	.begin = objects_begin,
	.element = objects_element,
	.event_end = objects_event_end,
	.end = objects_end,
};

/* ---- one reference of an object: parameter `id`, and `form` "add" ---- */

static enum err ref_element(struct export_run *r, const struct rel_event *re,
			    const struct rel_element *el)
{
	struct buf *b = out(r);
	uint64_t id = 0;
	(void)re;
	if (el->kind != EL_OBJECT || r->n || !str_u64(param(r, "id"), &id))
		return ERR_OK;
	for (uint32_t i = 0; i < el->n_refs; i++) {
		const struct misp_ref *ref = &el->refs[i];
		if (ref->id != id)
			continue;
		LIT(b, "{\"ObjectReference\":{\"id\":\"");
		buf_u64(b, ref->id);
		buf_putc(b, '"');
		jp_uuid(b, "uuid", ref->uuid);
		jp_time(b, "timestamp", ref->timestamp);
		jp_num(b, "object_id", ref->object_id);
		jp_num(b, "event_id", ref->event_id);
		jp_uuid(b, "source_uuid", el->object->uuid);
		jp_uuid(b, "referenced_uuid", ref->referenced_uuid);
		jp_num(b, "referenced_id", ref->referenced_id);
		jp_num(b, "referenced_type", ref->referenced_type);
		jp_str(b, "relationship_type", ref->relationship_type);
		jp_str(b, "comment", ref->comment);
		jp_bool(b, "deleted", ref->deleted);
		if (str_is(param(r, "form"), "add"))
			jp_uuid(b, "object_uuid", el->object->uuid);
		LIT(b, "}}");
		r->n++;
		break;
	}
	return buf_err(b);
}

const struct exporter export_reference_view = {
	.name = ".reference",
	.media = "application/json",
	.type_name = "json",
	.doc = "one reference, as the calls of objectReferences answer",
	.scopes = EXPORT_OBJECTS,
	.element = ref_element,
};
