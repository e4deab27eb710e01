/*
 * json_proposals.c - proposals on their own: "index" lists them, "view" and "saved" show one, "push"
 * is what a peer is sent, "imported" what was made of a text. Shapes as recorded (wire/client
 * proposals, wire/sync). Not a return format.
 */
#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "model/types.h"

struct state {
	uint64_t matched; /* also those of earlier pages */
};

static bool is_form(struct export_run *r, const char *form)
{
	return r->opts->param && str_is(r->opts->param(r->opts->param_user, "form"), form);
}

/* Does the caller want it, and does it stand on this page? */
static bool wanted(struct export_run *r, const struct misp_proposal *p)
{
	static const struct part_filter all = {.live = true};
	const struct part_filter *f = r->opts->parts ? r->opts->parts : &all;
	struct state *st = r->state;
	if (!(p->deleted ? f->deleted : f->live) || (f->since && p->timestamp < f->since))
		return false;
	uint64_t at = st->matched++;
	return at >= f->skip && (!f->limit || at - f->skip < f->limit);
}

static void head(struct buf *b, const struct misp_proposal *p, bool ids)
{
	LIT(b, "{\"id\":\"");
	buf_u64(b, ids ? p->id : 0);
	buf_putc(b, '"');
	jp_num(b, "old_id", ids ? p->old_id : 0);
	jp_num(b, "event_id", ids ? p->event_id : 0);
	jp_str(b, "type", type_name(p->type));
	jp_str(b, "category", category_name(p->category));
}

static void tail(struct buf *b, const struct misp_proposal *p)
{
	jp_micro(b, "first_seen", p->first_seen);
	jp_micro(b, "last_seen", p->last_seen);
}

static void data_put(struct buf *b, struct str data)
{
	if (!data.p)
		return;
	LIT(b, ",\"data\":\"");
	base64_encode(b, data);
	buf_putc(b, '"');
}

static void org_put(struct buf *b, const struct misp_org *org, bool ids)
{
	if (!org)
		return;
	size_t at = b->n;
	LIT(b, ",\"Org\":{");
	at = b->n;
	jp_str(b, "name", org->name);
	if (!buf_err(b) && b->n > at) { /* the first comma is one too many */
		memmove(b->p + at, b->p + at + 1, b->n - at - 1);
		b->n--;
	}
	jp_uuid(b, "uuid", org->uuid);
	if (ids)
		jp_num(b, "id", org->id);
	buf_putc(b, '}');
}

/* The order of the members is MISP's; an attribute's proposal carries the attribute's UUID too. */
static void index_row(struct buf *b, const struct misp_proposal *p, const struct misp_org *org,
		      const struct rel_event *re, const struct misp_attr *of, struct str data)
{
	head(b, p, re->ids);
	jp_uuid(b, "uuid", p->uuid);
	jp_bool(b, "to_ids", p->to_ids);
	jp_str(b, "comment", p->comment);
	if (re->ids)
		jp_num(b, "org_id", p->org_id);
	jp_time(b, "timestamp", p->timestamp);
	tail(b, p);
	jp_bool(b, "deleted", p->deleted);
	jp_bool(b, "proposal_to_delete", p->proposal_to_delete);
	jp_bool(b, "disable_correlation", p->disable_correlation);
	jp_str(b, "value", p->value);
	if (org)
		jp_uuid(b, "org_uuid", org->uuid);
	if (of)
		jp_uuid(b, "old_uuid", of->uuid);
	jp_uuid(b, "event_uuid", re->e->uuid);
	data_put(b, data);
	org_put(b, org, re->ids);
	buf_putc(b, '}');
}

static void view_row(struct buf *b, const struct misp_proposal *p, bool ids)
{
	head(b, p, ids);
	jp_uuid(b, "uuid", p->uuid);
	jp_bool(b, "to_ids", p->to_ids);
	jp_str(b, "comment", p->comment);
	if (ids)
		jp_num(b, "org_id", p->org_id);
	tail(b, p);
	jp_str(b, "value", p->value);
	buf_putc(b, '}');
}

static void saved_row(struct buf *b, const struct misp_proposal *p, bool ids)
{
	head(b, p, ids);
	jp_str(b, "comment", p->comment);
	jp_bool(b, "to_ids", p->to_ids);
	jp_uuid(b, "uuid", p->uuid);
	jp_num(b, "event_org_id", ids ? p->event_org_id : 0);
	jp_str(b, "email", p->email);
	jp_bool(b, "deleted", p->deleted);
	jp_time(b, "timestamp", p->timestamp);
	tail(b, p);
	jp_str(b, "value", p->value);
	buf_putc(b, '}');
}

/* A peer's `old_id` is only a flag: the receiver finds the attribute by the UUID. No e-mail leaves. */
static void push_row(struct buf *b, const struct misp_proposal *p, const struct misp_org *org,
		     const struct rel_event *re, bool of_attr, struct str data)
{
	LIT(b, "{\"old_id\":\"");
	buf_u64(b, of_attr ? MAX(p->old_id, (uint64_t)1) : 0);
	buf_putc(b, '"');
	jp_num(b, "event_id", re->ids ? p->event_id : 0);
	jp_str(b, "type", type_name(p->type));
	jp_str(b, "category", category_name(p->category));
	jp_bool(b, "to_ids", p->to_ids);
	jp_uuid(b, "uuid", p->uuid);
	jp_num(b, "org_id", re->ids ? p->org_id : 0);
	jp_str(b, "comment", p->comment);
	jp_uuid(b, "event_uuid", re->e->uuid);
	jp_bool(b, "deleted", p->deleted);
	jp_time(b, "timestamp", p->timestamp);
	jp_bool(b, "proposal_to_delete", p->proposal_to_delete);
	jp_bool(b, "disable_correlation", p->disable_correlation);
	tail(b, p);
	jp_str(b, "value", p->value);
	if (data.p)
		data_put(b, data);
	else
		LIT(b, ",\"data\":\"\"");
	org_put(b, org, re->ids);
	buf_putc(b, '}');
}

/* Numbers are numbers here; a parameter named by the UUID says what stood in the text. */
static void imported_row(struct export_run *r, const struct misp_proposal *p,
			 const struct rel_event *re)
{
	struct buf *b = seal_buf(r->out);
	char uuid[UUID_TEXT_LEN + 1];
	struct str v1, v2;
	type_split((enum attr_type)p->type, p->value, &v1, &v2);
	LIT(b, "{\"old_id\":\"0\",\"to_ids\":");
	buf_putc(b, p->to_ids ? '1' : '0');
	LIT(b, ",\"deleted\":\"0\",\"timestamp\":");
	buf_i64(b, p->timestamp);
	LIT(b, ",\"proposal_to_delete\":\"0\",\"disable_correlation\":\"0\"");
	jp_str(b, "value", p->value);
	jp_str(b, "original_value",
	       r->opts->param(r->opts->param_user, uuid_format(p->uuid, uuid)));
	jp_str(b, "type", type_name(p->type));
	jp_str(b, "category", category_name(p->category));
	LIT(b, ",\"distribution\":5");
	jp_num(b, "event_id", p->event_id);
	jp_str(b, "comment", p->comment);
	jp_num(b, "org_id", p->org_id);
	jp_num(b, "event_org_id", p->event_org_id);
	jp_str(b, "email", p->email);
	jp_uuid(b, "event_uuid", re->e->uuid);
	LIT(b, ",\"org\":\"\"");
	jp_uuid(b, "uuid", p->uuid);
	jp_str(b, "value1", v1);
	jp_str(b, "value2", v2);
	jp_num(b, "id", p->id);
	buf_putc(b, '}');
}

static void row(struct export_run *r, const struct rel_event *re, const struct misp_proposal *p,
		const struct misp_org *org, const struct misp_attr *of, struct str data)
{
	struct buf *b = seal_buf(r->out);
	bool push = is_form(r, "push"), imported = is_form(r, "imported");
	bool list = push || imported || is_form(r, "index");
	if (!wanted(r, p) || (r->n && !list))
		return;
	if (r->n++)
		buf_putc(b, ',');
	if (push) {
		push_row(b, p, org, re, of != NULL, data);
		return;
	}
	LIT(b, "{\"ShadowAttribute\":");
	if (imported)
		imported_row(r, p, re);
	else if (list)
		index_row(b, p, org, re, of, data);
	else if (is_form(r, "saved"))
		saved_row(b, p, re->ids);
	else
		view_row(b, p, re->ids);
	buf_putc(b, '}');
}

static enum err begin(struct export_run *r)
{
	if (is_form(r, "index") || is_form(r, "push") || is_form(r, "imported"))
		buf_putc(seal_buf(r->out), '[');
	return buf_err(seal_buf(r->out));
}

static enum err element(struct export_run *r, const struct rel_event *re,
			const struct rel_element *el)
{
	if (el->kind == EL_PROPOSAL)
		row(r, re, el->proposal, el->proposal_orgs[0], NULL, el->data);
	for (uint32_t i = 0; el->kind == EL_ATTR && i < el->n_proposals; i++)
		row(r, re, &el->proposals[i], el->proposal_orgs[i], el->attr, el->data);
	return buf_err(seal_buf(r->out));
}

static enum err end(struct export_run *r)
{
	if (is_form(r, "index") || is_form(r, "push") || is_form(r, "imported"))
		buf_putc(seal_buf(r->out), ']');
	return buf_err(seal_buf(r->out));
}

const struct exporter export_proposals = {
	.name = ".proposals",
	.media = "application/json",
	.type_name = "json",
	.doc = "proposals, as the calls of shadow_attributes answer",
	.scopes = EXPORT_PARTS,
	.part = EL_PROPOSAL,
	.state_size = sizeof(struct state),
	.begin = begin,
	.element = element,
	.end = end,
};
