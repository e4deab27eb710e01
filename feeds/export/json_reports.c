/*
 * json_reports.c - event reports on their own: "index" lists them, "view" and "saved" show one.
 * Shapes as recorded (wire/client event-reports). Not a return format.
 */
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"

static bool is_form(struct export_run *r, const char *form)
{
	return r->opts->param && str_is(r->opts->param(r->opts->param_user, "form"), form);
}

static void org_stub(struct buf *b, const char *key, const struct misp_org *o)
{
	LIT(b, ",\"");
	buf_puts(b, key);
	LIT(b, "\":{\"id\":\"");
	buf_u64(b, o ? o->id : 0);
	buf_putc(b, '"');
	jp_str(b, "name", o ? o->name : STR(""));
	buf_putc(b, '}');
}

static void event_stub(struct buf *b, const struct rel_event *re)
{
	const struct misp_event *e = re->e;
	LIT(b, ",\"Event\":{\"id\":\"");
	buf_u64(b, re->ids ? e->id : 0);
	buf_putc(b, '"');
	jp_num(b, "orgc_id", re->ids ? e->orgc_id : 0);
	jp_num(b, "org_id", re->ids ? e->org_id : 0);
	jp_str(b, "info", e->info);
	jp_num(b, "user_id", re->ids ? e->user_id : 0);
	LIT(b, ",\"date\":");
	jp_date(b, e->date);
	org_stub(b, "Org", re->ids ? re->org : NULL);
	org_stub(b, "Orgc", re->ids ? re->orgc : NULL);
	buf_putc(b, '}');
}

static void group_stub(struct buf *b, const struct misp_sg *g)
{
	if (!g) {
		LIT(b, ",\"SharingGroup\":{\"id\":null,\"name\":null,\"uuid\":null}");
		return;
	}
	LIT(b, ",\"SharingGroup\":{\"id\":\"");
	buf_u64(b, g->id);
	buf_putc(b, '"');
	jp_str(b, "name", g->name);
	jp_uuid(b, "uuid", g->uuid);
	buf_putc(b, '}');
}

static bool holds(const struct misp_report *p, struct str text)
{
	char uuid[UUID_TEXT_LEN + 1];
	return !text.n || str_find_nocase(p->name, text) >= 0 ||
	       str_find_nocase(p->content, text) >= 0 ||
	       str_find_nocase(str_c(uuid_format(p->uuid, uuid)), text) >= 0;
}

static bool wanted(const struct export_run *r, const struct misp_report *p)
{
	const struct part_filter *f = r->opts->parts;
	return f ? (p->deleted ? f->deleted : f->live) && holds(p, f->text) : !p->deleted;
}

static enum err begin(struct export_run *r)
{
	if (is_form(r, "index"))
		buf_putc(seal_buf(r->out), '[');
	return buf_err(seal_buf(r->out));
}

static enum err element(struct export_run *r, const struct rel_event *re,
			const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	struct rel_element alone = *el;
	if (el->kind != EL_REPORT || !wanted(r, el->report) || (r->n && !is_form(r, "index")))
		return ERR_OK;
	if (r->n++)
		buf_putc(b, ',');
	LIT(b, "{\"EventReport\":");
	alone.sharing_group = NULL; /* stands beside it here */
	jp_report(b, &alone, re);
	event_stub(b, re);
	group_stub(b, el->sharing_group);
	if (!is_form(r, "saved"))
		LIT(b, ",\"RelationshipInbound\":[]");
	buf_putc(b, '}');
	return buf_err(b);
}

static enum err end(struct export_run *r)
{
	if (is_form(r, "index"))
		buf_putc(seal_buf(r->out), ']');
	return buf_err(seal_buf(r->out));
}

const struct exporter export_reports = {
	.name = ".reports",
	.media = "application/json",
	.type_name = "json",
	.doc = "event reports, as the calls of eventReports answer",
	.scopes = EXPORT_PARTS,
	.part = EL_REPORT,
	.begin = begin,
	.element = element,
	.end = end,
};
