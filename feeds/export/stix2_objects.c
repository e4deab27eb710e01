/*
 * stix2_objects.c - MISP objects as STIX: an indicator whose pattern says all of it, or MISP's own object type. What
 * an object says is kept until its last attribute, up to a limit; a longer one is written as it comes.
 */
#include <stdio.h>

#include "base/arena.h"
#include "feeds/export/stix2_impl.h"
#include "model/types.h"

#define HELD_MAX (4u << 20)
#define PATTERN_MAX (1u << 20)

static const struct name_row {
	const char *name, *type, *fixed;
} names[] = {
#define O(name, type, fixed) {name, type, fixed},
#define P(name, relation, path)
#include "feeds/export/stix2_objects.inc"
};

static const struct path_row {
	const char *name, *relation, *path;
} paths[] = {
#define O(name, type, fixed)
#define P(name, relation, path) {name, relation, path},
#include "feeds/export/stix2_objects.inc"
};

static const struct name_row *name_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(name, names[i].name))
			return &names[i];
	return NULL;
}

/* ---- attributes inside ---- */

/* As MISP's converter writes them into x_misp_attributes; timestamp and further members are ours. */
static void member(struct buf *b, const struct misp_attr *a, struct str data)
{
	size_t at = jp_open(b);
	jp_str(b, "type", type_name(a->type));
	jp_str(b, "object_relation", a->object_relation);
	jp_str(b, "value", a->value);
	jp_str(b, "category", category_name(a->category));
	jp_bool(b, "to_ids", a->to_ids);
	jp_uuid(b, "uuid", a->uuid);
	jp_time(b, "timestamp", a->timestamp);
	if (a->comment.n)
		jp_str(b, "comment", a->comment);
	if (a->disable_correlation)
		jp_bool(b, "disable_correlation", true);
	if (a->deleted)
		jp_bool(b, "deleted", true);
	if (a->first_seen != MICRO_NONE)
		jp_micro(b, "first_seen", a->first_seen);
	if (a->last_seen != MICRO_NONE)
		jp_micro(b, "last_seen", a->last_seen);
	if (data.p) {
		LIT(b, ",\"data\":\"");
		base64_encode(b, data);
		buf_putc(b, '"');
	}
	if (a->tags.n) {
		bool any = false;
		LIT(b, ",\"Tag\":[");
		LIST_EACH(t, a->tags, struct misp_tagref) {
			buf_puts(b, any ? ",{\"name\":" : "{\"name\":");
			json_quote(b, t->name);
			buf_putc(b, '}');
			any = true;
		}
		buf_putc(b, ']');
	}
	jp_close(b, at);
}

/* Can a relation be part of a path, and be read from it? */
static bool relation_fits(struct str r)
{
	for (size_t i = 0; i < r.n; i++)
		if (!r.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789-", r.p[i]))
			return false;
	return r.n != 0;
}

static void compare(struct buf *b, const char *path, struct str v)
{
	for (const char *p = path; *p; p++) {
		if (*p == '^')
			buf_puts(b, ip_version(v, true) == 6 ? "ipv6-addr" : "ipv4-addr");
		else if (*p == '$')
			stix2_literal(b, v);
		else
			buf_putc(b, *p);
	}
}

/* One more comparison; false: this object is none for a pattern. */
static bool pattern_add(struct stix2_held *o, const struct misp_attr *a)
{
	struct buf *b = &o->pattern;
	const char *path = NULL;
	if (!str_utf8_ok(a->value))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(paths) && !path; i++)
		if (str_is(buf_str(&o->name), paths[i].name) &&
		    str_is(a->object_relation, paths[i].relation))
			path = paths[i].path;
	if (b->n > 1)
		LIT(b, " AND ");
	if (path) {
		if (strchr(path, '^') && !ip_version(a->value, true))
			return false;
		compare(b, path, a->value);
		return true;
	}
	if (!relation_fits(a->object_relation))
		return false;
	buf_puts(b, name_find(buf_str(&o->name))->type);
	LIT(b, ":x_misp_");
	for (size_t i = 0; i < a->object_relation.n; i++)
		buf_putc(b, a->object_relation.p[i] == '-' ? '_' : a->object_relation.p[i]);
	LIT(b, " = ");
	stix2_literal(b, a->value);
	return true;
}

/* ---- the two forms ---- */

static void labels(struct stix2 *w, struct buf *b, const struct stix2_held *o)
{
	static const struct entity_list none;
	OWN(buf) struct buf first = BUF(1 << 20), text = BUF(1 << 20);
	buf_printf(&text, "misp:name=\"%.*s\"", (int)o->name.n, o->name.p ? o->name.p : "");
	json_quote(&first, buf_str(&text));
	buf_clear(&text);
	buf_printf(&text, "misp:meta-category=\"%.*s\"", (int)o->meta.n, o->meta.p ? o->meta.p : "");
	buf_putc(&first, ',');
	json_quote(&first, buf_str(&text));
	if (o->to_ids)
		LIT(&first, ",\"misp:to_ids=\\\"True\\\"\"");
	if (o->deleted)
		LIT(b, ",\"revoked\":true");
	stix2_labels(w, b, buf_str(&first), &none, NULL, 0);
}

/* x_misp_* members but for the attributes: of an object type of MISP's, or of our extension. */
static void rest(struct buf *b, const struct stix2_held *o)
{
	jp_str(b, "x_misp_name", buf_str(&o->name));
	jp_str(b, "x_misp_meta_category", buf_str(&o->meta));
	if (o->comment.n)
		jp_str(b, "x_misp_comment", buf_str(&o->comment));
	if (o->description.n)
		jp_str(b, "x_misp_description", buf_str(&o->description));
	if (o->template_uuid.n)
		jp_str(b, "x_misp_template_uuid", buf_str(&o->template_uuid));
	if (o->template_version.n)
		jp_str(b, "x_misp_template_version", buf_str(&o->template_version));
	if (o->first_seen != MICRO_NONE && o->first_seen >= 0)
		stix2_time(b, "x_misp_first_seen", o->first_seen, true);
	if (o->last_seen != MICRO_NONE && o->last_seen >= 0)
		stix2_time(b, "x_misp_last_seen", o->last_seen, true);
}

/* An x-misp-object up to its attributes, the last member. */
static bool object_begin(struct stix2 *w, struct buf *b, struct stix2_held *o)
{
	int64_t at = stix2_us(o->timestamp);
	stix2_list(w, SX_X_OBJECT, o->uuid, NULL);
	if (!stix2_open(w, b, SX_X_OBJECT, o->uuid, at, at, true))
		return false;
	labels(w, b, o);
	rest(b, o);
	stix2_extension(w, b);
	LIT(b, ",\"x_misp_attributes\":[");
	return true;
}

static void pattern_write(struct stix2 *w, struct buf *b, struct stix2_held *o)
{
	int64_t at = stix2_us(o->timestamp),
		from = o->first_seen == MICRO_NONE || o->first_seen < 0 ? at : o->first_seen;
	stix2_list(w, SX_INDICATOR, o->uuid, NULL);
	if (!stix2_open(w, b, SX_INDICATOR, o->uuid, at, at, true))
		return;
	if (o->comment.n)
		jp_str(b, "description", buf_str(&o->comment));
	buf_putc(&o->pattern, ']');
	jp_str(b, "pattern", buf_str(&o->pattern));
	if (w->version == STIX2_1)
		LIT(b, ",\"pattern_type\":\"stix\",\"pattern_version\":\"2.1\"");
	stix2_time(b, "valid_from", from, true);
	if (o->last_seen != MICRO_NONE && o->last_seen > from)
		stix2_time(b, "valid_until", o->last_seen, true);
	labels(w, b, o);
	stix2_property_open(w, b);
	rest(b, o);
	LIT(b, ",\"x_misp_attributes\":[");
	buf_str_add(b, buf_str(&o->members));
	buf_putc(b, ']');
	stix2_property_close(w, b);
	buf_putc(b, '}');
}

/* ---- as they come ---- */

static void text_keep(struct buf *b, struct str v)
{
	buf_clear(b);
	buf_str_add(b, v);
}

void stix2_object_open(struct stix2 *w, const struct misp_object *m)
{
	struct stix2_held *o = &w->object;
	o->open = true;
	o->streaming = o->wanted = o->to_ids = false;
	o->uuid = stix2_uuid(w, m->uuid);
	o->timestamp = m->timestamp;
	o->first_seen = m->first_seen;
	o->last_seen = m->last_seen;
	o->deleted = m->deleted;
	text_keep(&o->name, m->name);
	text_keep(&o->meta, m->meta_category);
	text_keep(&o->comment, m->comment);
	text_keep(&o->description, m->description);
	text_keep(&o->template_uuid, m->template_uuid);
	text_keep(&o->template_version, m->template_version);
	buf_clear(&o->members);
	buf_clear(&o->pattern);
	buf_putc(&o->pattern, '[');
	const struct name_row *n = name_find(m->name);
	o->has_pattern = n != NULL;
	if (n)
		buf_puts(&o->pattern, n->fixed);
}

/* Too long to be kept: from here on it goes out as it comes. */
static void stream(struct stix2 *w, struct buf *b, struct stix2_held *o)
{
	o->streaming = true;
	o->wanted = object_begin(w, b, o);
	if (o->wanted)
		buf_str_add(b, buf_str(&o->members));
	o->any = o->members.n != 0;
	buf_clear(&o->members);
}

void stix2_object_attr(struct stix2 *w, struct buf *b, const struct rel_element *el)
{
	struct stix2_held *o = &w->object;
	const struct misp_attr *a = el->attr;
	o->to_ids |= a->to_ids;
	if (!o->streaming && (o->members.n + a->value.n * 2 + el->data.n * 2 > HELD_MAX))
		stream(w, b, o);
	if (o->streaming) {
		if (!o->wanted)
			return;
		if (o->any)
			buf_putc(b, ',');
		o->any = true;
		member(b, a, el->data);
		return;
	}
	if (o->members.n)
		buf_putc(&o->members, ',');
	member(&o->members, a, el->data);
	if (o->has_pattern && !a->deleted &&
	    (!pattern_add(o, a) || buf_err(&o->pattern) != ERR_OK || o->pattern.n > PATTERN_MAX))
		o->has_pattern = false;
}

void stix2_object_close(struct stix2 *w, struct buf *b)
{
	struct stix2_held *o = &w->object;
	if (!o->open)
		return;
	o->open = false;
	if (o->streaming) {
		if (o->wanted)
			LIT(b, "]}");
	} else if (o->has_pattern && o->to_ids && o->pattern.n > 1) {
		pattern_write(w, b, o);
	} else if (object_begin(w, b, o)) {
		buf_str_add(b, buf_str(&o->members));
		LIT(b, "]}");
	}
	if (buf_err(&o->members) != ERR_OK && buf_err(b) == ERR_OK)
		b->err = buf_err(&o->members);
}

void stix2_object_init(struct stix2_held *o)
{
	struct buf *const all[] = {&o->name, &o->meta, &o->comment, &o->description, &o->template_uuid,
				   &o->template_version};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_init(all[i], 64u << 20);
	buf_init(&o->members, 2 * (size_t)HELD_MAX + (256u << 20));
	buf_init(&o->pattern, 2 * (size_t)PATTERN_MAX);
}

void stix2_object_free(struct stix2_held *o)
{
	struct buf *const all[] = {&o->name, &o->meta, &o->comment, &o->description, &o->template_uuid,
				   &o->template_version, &o->members, &o->pattern};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_free(all[i]);
}
