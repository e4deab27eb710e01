/*
 * json_sightings.c - what the calls of sightings answer: one (parameter `id`, forms "add" and
 * "view"), or all of the attributes asked for, collected and sorted ("list", "index").
 */
#include <stdlib.h>

#include "base/jsonw.h"
#include "base/own.h"
#include "feeds/export/json_parts.h"

#define ROWS_MAX 1000000u
#define TEXT_MAX (64u << 20)

struct row {
	struct misp_sighting s; /* texts are offsets, see source_at */
	struct uuid attr_uuid, org_uuid;
	uint64_t org_id;
	size_t source_at, org_at, org_n;
	bool ids, has_org;
};

struct state {
	struct row *v;
	uint32_t n, cap;
	struct buf text;
	bool started;
};

static struct str param(struct export_run *r, const char *name)
{
	return r->opts->param ? r->opts->param(r->opts->param_user, name) : STR_NONE;
}

static bool is_form(struct export_run *r, const char *form)
{
	return str_is(param(r, "form"), form);
}

/* The members of a sighting without braces, a comma between. */
static void members(struct buf *b, const struct misp_sighting *s, struct str source, bool ids)
{
	LIT(b, "\"id\":\"");
	buf_u64(b, ids ? s->id : 0);
	buf_putc(b, '"');
	jp_num(b, "attribute_id", ids ? s->attribute_id : 0);
	jp_num(b, "event_id", ids ? s->event_id : 0);
	jp_num(b, "org_id", ids ? s->org_id : 0);
	jp_time(b, "date_sighting", s->date_sighting);
	jp_uuid(b, "uuid", s->uuid);
	jp_str(b, "source", source);
	jp_num(b, "type", s->type);
}

static void org_name(struct buf *b, struct str name)
{
	LIT(b, ",\"Organisation\":{\"name\":");
	if (name.p)
		json_quote(b, name);
	else
		LIT(b, "null");
	buf_putc(b, '}');
}

/* ---- one ---- */

static void one(struct export_run *r, const struct misp_sighting *s, const struct misp_org *org,
		bool ids)
{
	struct buf *b = seal_buf(r->out);
	LIT(b, "{\"Sighting\":{");
	members(b, s, s->source, ids);
	buf_putc(b, '}');
	if (is_form(r, "view"))
		org_name(b, org ? org->name : STR_NONE);
	buf_putc(b, '}');
	r->n++;
}

/* ---- many ---- */

static enum err keep(struct export_run *r, const struct misp_sighting *s, const struct misp_org *org,
		     struct uuid attr_uuid, bool ids)
{
	struct state *st = r->state;
	if (!st->started) {
		buf_init(&st->text, TEXT_MAX);
		st->started = true;
	}
	if (st->n == st->cap) {
		uint32_t cap = st->cap ? st->cap * 2 : 64;
		struct row *v = cap <= ROWS_MAX ? realloc(st->v, cap * sizeof(*v)) : NULL;
		if (!v)
			return cap > ROWS_MAX ? ERR_LIMIT : ERR_NOMEM;
		st->v = v;
		st->cap = cap;
	}
	struct row *row = &st->v[st->n++];
	*row = (struct row){.s = *s, .attr_uuid = attr_uuid, .ids = ids, .has_org = org != NULL};
	row->source_at = st->text.n;
	buf_str_add(&st->text, s->source);
	row->org_at = st->text.n;
	if (org) {
		row->org_id = org->id;
		row->org_uuid = org->uuid;
		row->org_n = org->name.n;
		buf_str_add(&st->text, org->name);
	}
	return buf_err(&st->text);
}

static int by_id(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return (x->s.id > y->s.id) - (x->s.id < y->s.id);
}

static int by_date(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->s.date_sighting != y->s.date_sighting)
		return x->s.date_sighting > y->s.date_sighting ? -1 : 1;
	return by_id(a, b);
}

static void print_row(struct buf *b, const struct state *st, const struct row *row, bool index)
{
	struct str source = str_sub(buf_str(&st->text), row->source_at, row->s.source.n);
	struct str name = str_sub(buf_str(&st->text), row->org_at, row->org_n);
	if (!index) {
		LIT(b, "{\"Sighting\":{");
		members(b, &row->s, source, row->ids);
		buf_putc(b, '}');
		org_name(b, row->has_org ? name : STR_NONE);
		buf_putc(b, '}');
		return;
	}
	buf_putc(b, '{');
	members(b, &row->s, source, row->ids);
	jp_uuid(b, "attribute_uuid", row->attr_uuid);
	if (row->has_org) {
		LIT(b, ",\"Organisation\":{\"id\":\"");
		buf_u64(b, row->ids ? row->org_id : 0);
		buf_putc(b, '"');
		jp_uuid(b, "uuid", row->org_uuid);
		jp_str(b, "name", name);
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

/* ---- the row ---- */

static enum err element(struct export_run *r, const struct rel_event *re,
			const struct rel_element *el)
{
	uint64_t id = 0, org_id = 0;
	bool single = is_form(r, "add") || is_form(r, "view");
	(void)!str_u64(param(r, "id"), &id);
	(void)!str_u64(param(r, "org_id"), &org_id);
	if (el->kind != EL_ATTR)
		return ERR_OK;
	for (uint32_t i = 0; i < el->n_sightings; i++) {
		const struct misp_sighting *s = &el->sightings[i];
		const struct misp_org *org = el->sighting_orgs[i];
		if (single && s->id == id && !r->n)
			one(r, s, org, re->ids);
		else if (!single && (!org_id || s->org_id == org_id))
			TRY(keep(r, s, org, el->attr->uuid, re->ids));
	}
	return buf_err(seal_buf(r->out));
}

static enum err end(struct export_run *r)
{
	struct state *st = r->state;
	struct buf *b = seal_buf(r->out);
	bool index = is_form(r, "index");
	if (is_form(r, "add") || is_form(r, "view"))
		return ERR_OK;
	if (st->n)
		qsort(st->v, st->n, sizeof(*st->v), index ? by_id : by_date);
	buf_putc(b, '[');
	for (uint32_t i = 0; i < st->n; i++) {
		if (i)
			buf_putc(b, ',');
		print_row(b, st, &st->v[i], index);
	}
	buf_putc(b, ']');
	return buf_err(b);
}

static void free_rows(void *state)
{
	struct state *st = state;
	free(st->v);
	if (st->started)
		buf_free(&st->text);
}

const struct exporter export_sightings = {
	.name = ".sightings",
	.media = "application/json",
	.type_name = "json",
	.doc = "sightings, as the calls of sightings answer",
	.scopes = EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct state),
	.element = element,
	.end = end,
	.free_state = free_rows,
};
