/*
 * sightings_search.c - what sightings/restSearch answers, as JSON, CSV and XML, sighting by sighting
 * as they come: an answer of any size passes. Shapes as recorded (wire/client, restsearch-sightings).
 */
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"
#include "model/types.h"

/* One sighting with what may be told beside it. */
struct sight {
	const struct misp_sighting *s;
	const struct misp_org *org; /* NULL: anonymous */
	const struct misp_attr *a;
	const struct rel_event *re;
	const struct part_filter *f;
};
typedef void (*sight_fn)(struct buf *b, const struct sight *x);

static const struct part_filter plain = {0};

static const struct part_filter *filter_of(const struct export_run *r)
{
	return r->opts->parts ? r->opts->parts : &plain;
}

static bool is_one_of(const struct part_org *v, uint32_t n, const struct misp_org *o)
{
	for (uint32_t i = 0; o && i < n; i++)
		if (uuid_is_nil(v[i].uuid) ? (v[i].id ? v[i].id == o->id : str_eq(v[i].name, o->name))
					   : uuid_eq(v[i].uuid, o->uuid))
			return true;
	return false;
}

static bool wanted(const struct sight *x)
{
	const struct part_filter *f = x->f;
	const struct misp_sighting *s = x->s;
	return !(f->since && s->date_sighting < f->since) &&
	       !(f->until && s->date_sighting > f->until) &&
	       !(f->types && !(f->types & 1u << MIN(s->type, 7))) &&
	       !(f->source.p && !str_eq(f->source, s->source)) &&
	       !(f->orgs_set && f->n_orgs && !is_one_of(f->orgs, f->n_orgs, x->org)) &&
	       !(f->n_not_orgs && is_one_of(f->not_orgs, f->n_not_orgs, x->org));
}

static enum err each(struct export_run *r, const struct rel_event *re, const struct rel_element *el,
		     sight_fn print, const char *between)
{
	struct buf *b = seal_buf(r->out);
	struct sight x = {.a = el->attr, .re = re, .f = filter_of(r)};
	for (uint32_t i = 0; el->kind == EL_ATTR && i < el->n_sightings; i++) {
		x.s = &el->sightings[i];
		x.org = el->sighting_orgs[i];
		if (!wanted(&x))
			continue;
		if (r->n++)
			buf_puts(b, between);
		print(b, &x);
	}
	return buf_err(b);
}

/* ---- JSON ---- */

static void id_put(struct buf *b, const struct sight *x)
{
	LIT(b, "{\"id\":\"");
	buf_u64(b, x->re->ids ? x->s->id : 0);
	buf_putc(b, '"');
}

static void json_attribute(struct buf *b, const struct sight *x)
{
	LIT(b, ",\"Attribute\":{\"id\":\"");
	buf_u64(b, x->re->ids ? x->a->id : 0);
	buf_putc(b, '"');
	jp_uuid(b, "uuid", x->a->uuid);
	jp_str(b, "type", type_name(x->a->type));
	jp_str(b, "category", category_name(x->a->category));
	jp_bool(b, "to_ids", x->a->to_ids);
	jp_str(b, "value", x->a->value);
	buf_putc(b, '}');
}

static void json_event(struct buf *b, const struct sight *x)
{
	const struct misp_event *e = x->re->e;
	LIT(b, ",\"Event\":{\"id\":\"");
	buf_u64(b, x->re->ids ? e->id : 0);
	buf_putc(b, '"');
	jp_uuid(b, "uuid", e->uuid);
	jp_num(b, "orgc_id", x->re->ids ? e->orgc_id : 0);
	jp_num(b, "org_id", x->re->ids ? e->org_id : 0);
	jp_str(b, "info", e->info);
	LIT(b, ",\"Orgc\":{\"name\":");
	json_quote(b, x->re->orgc ? x->re->orgc->name : STR(""));
	LIT(b, "}}");
}

static void json_one(struct buf *b, const struct sight *x)
{
	bool ids = x->re->ids;
	LIT(b, "{\"Sighting\":");
	id_put(b, x);
	if (ids) {
		jp_num(b, "attribute_id", x->s->attribute_id);
		jp_num(b, "event_id", x->s->event_id);
	}
	if (ids && x->org)
		jp_num(b, "org_id", x->s->org_id);
	jp_time(b, "date_sighting", x->s->date_sighting);
	jp_uuid(b, "uuid", x->s->uuid);
	jp_str(b, "source", x->s->source);
	jp_num(b, "type", x->s->type);
	jp_str(b, "value", x->a->value);
	if (x->f->uuid) {
		jp_uuid(b, "attribute_uuid", x->a->uuid);
		jp_uuid(b, "event_uuid", x->re->e->uuid);
	}
	if (x->f->attribute)
		json_attribute(b, x);
	if (x->f->event)
		json_event(b, x);
	if (x->org) {
		LIT(b, ",\"Organisation\":{\"id\":\"");
		buf_u64(b, ids ? x->org->id : 0);
		buf_putc(b, '"');
		jp_uuid(b, "uuid", x->org->uuid);
		jp_str(b, "name", x->org->name);
		buf_putc(b, '}');
	}
	LIT(b, "}}");
}

static enum err json_begin(struct export_run *r)
{
	LIT(seal_buf(r->out), "{\"response\": [");
	return buf_err(seal_buf(r->out));
}

static enum err json_element(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	return each(r, re, el, json_one, ",");
}

static enum err json_end(struct export_run *r)
{
	LIT(seal_buf(r->out), "]}\n");
	return buf_err(seal_buf(r->out));
}

const struct exporter export_sightings_json = {
	.name = ".sightings-json",
	.media = "application/json",
	.type_name = "json",
	.doc = "sightings/restSearch as JSON",
	.scopes = EXPORT_PARTS,
	.part = EL_SIGHTING,
	.begin = json_begin,
	.element = json_element,
	.end = json_end,
};

/* ---- CSV ---- */

static void csv_text(struct buf *b, struct str v)
{
	LIT(b, ",\"");
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_putc(b, '"');
		buf_putc(b, v.p[i]);
	}
	buf_putc(b, '"');
}

static void csv_uuid(struct buf *b, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	csv_text(b, (struct str){uuid_format(u, text), uuid_is_nil(u) ? 0 : UUID_TEXT_LEN});
}

static void csv_num(struct buf *b, uint64_t v)
{
	buf_putc(b, ',');
	buf_u64(b, v);
}

static void csv_one(struct buf *b, const struct sight *x)
{
	const struct misp_event *e = x->re->e;
	bool ids = x->re->ids;
	buf_u64(b, ids ? x->s->id : 0);
	csv_num(b, ids ? x->s->attribute_id : 0);
	csv_num(b, ids ? x->s->event_id : 0);
	csv_num(b, ids && x->org ? x->s->org_id : 0);
	buf_putc(b, ',');
	buf_i64(b, x->s->date_sighting);
	csv_uuid(b, x->s->uuid);
	csv_text(b, x->s->source);
	csv_num(b, x->s->type);
	if (x->f->attribute) {
		csv_uuid(b, x->a->uuid);
		csv_text(b, type_name(x->a->type));
		csv_text(b, category_name(x->a->category));
		csv_num(b, x->a->to_ids);
		csv_text(b, x->a->value);
	}
	if (x->f->event) {
		csv_uuid(b, e->uuid);
		csv_num(b, ids ? e->orgc_id : 0);
		csv_num(b, ids ? e->org_id : 0);
		csv_text(b, e->info);
		csv_text(b, x->re->orgc ? x->re->orgc->name : STR(""));
	}
	buf_putc(b, '\n');
}

static enum err csv_begin(struct export_run *r)
{
	struct buf *b = seal_buf(r->out);
	const struct part_filter *f = filter_of(r);
	LIT(b, "id,attribute_id,event_id,org_id,date_sighting,uuid,source,type");
	if (f->attribute)
		LIT(b, ",attribute_uuid,attribute_type,attribute_category,attribute_to_ids,"
		       "attribute_value");
	if (f->event)
		LIT(b, ",event_uuid,event_orgc_id,event_org_id,event_info,event_Orgc_name");
	buf_putc(b, '\n');
	return buf_err(b);
}

static enum err csv_element(struct export_run *r, const struct rel_event *re,
			    const struct rel_element *el)
{
	return each(r, re, el, csv_one, "");
}

static enum err csv_end(struct export_run *r)
{
	buf_putc(seal_buf(r->out), '\n');
	return buf_err(seal_buf(r->out));
}

const struct exporter export_sightings_csv = {
	.name = ".sightings-csv",
	.media = "text/csv",
	.type_name = "csv",
	.doc = "sightings/restSearch as CSV",
	.scopes = EXPORT_PARTS,
	.part = EL_SIGHTING,
	.begin = csv_begin,
	.element = csv_element,
	.end = csv_end,
};

/* ---- XML ---- */

static void xml_member(struct buf *b, const char *tag, struct str v)
{
	buf_printf(b, v.n ? "<%s>" : "<%s/>", tag);
	if (!v.n)
		return;
	xml_text(b, v);
	buf_printf(b, "</%s>", tag);
}

static void xml_num(struct buf *b, const char *tag, uint64_t v)
{
	buf_printf(b, "<%s>%llu</%s>", tag, (unsigned long long)v, tag);
}

static void xml_uuid(struct buf *b, const char *tag, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	xml_member(b, tag, (struct str){uuid_format(u, text), uuid_is_nil(u) ? 0 : UUID_TEXT_LEN});
}

static void xml_one(struct buf *b, const struct sight *x)
{
	bool ids = x->re->ids;
	LIT(b, "<Sighting>");
	xml_num(b, "id", ids ? x->s->id : 0);
	xml_num(b, "attribute_id", ids ? x->s->attribute_id : 0);
	xml_num(b, "event_id", ids ? x->s->event_id : 0);
	if (ids && x->org)
		xml_num(b, "org_id", x->s->org_id);
	buf_printf(b, "<date_sighting>%lld</date_sighting>", (long long)x->s->date_sighting);
	xml_uuid(b, "uuid", x->s->uuid);
	xml_member(b, "source", x->s->source);
	xml_num(b, "type", x->s->type);
	xml_member(b, "value", x->a->value);
	if (x->f->uuid) {
		xml_uuid(b, "attribute_uuid", x->a->uuid);
		xml_uuid(b, "event_uuid", x->re->e->uuid);
	}
	if (x->org) {
		LIT(b, "<Organisation>");
		xml_num(b, "id", ids ? x->org->id : 0);
		xml_uuid(b, "uuid", x->org->uuid);
		xml_member(b, "name", x->org->name);
		LIT(b, "</Organisation>");
	}
	LIT(b, "</Sighting>\n");
}

static enum err xml_begin(struct export_run *r)
{
	LIT(seal_buf(r->out), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>");
	return buf_err(seal_buf(r->out));
}

static enum err xml_element(struct export_run *r, const struct rel_event *re,
			    const struct rel_element *el)
{
	return each(r, re, el, xml_one, "");
}

static enum err xml_end(struct export_run *r)
{
	LIT(seal_buf(r->out), "</response>\n");
	return buf_err(seal_buf(r->out));
}

const struct exporter export_sightings_xml = {
	.name = ".sightings-xml",
	.media = "application/xml",
	.type_name = "xml",
	.doc = "sightings/restSearch as XML",
	.scopes = EXPORT_PARTS,
	.part = EL_SIGHTING,
	.begin = xml_begin,
	.element = xml_element,
	.end = xml_end,
};
