/*
 * json_analyst.c - MISP's forms of notes, opinions and relationships (sync-protocol.md 8.16, as
 * recorded), and what the calls of analyst_data answer (parameter `form`: index, minimal, saved,
 * view, view_id, push, push_list).
 */
#include "base/jsonw.h"
#include "feeds/export/json_parts.h"

/* ---- organisations ---- */

static void org_begin(struct buf *b, const char *key, const struct misp_org *o, bool ids)
{
	LIT(b, ",\"");
	buf_puts(b, key);
	LIT(b, "\":{\"id\":\"");
	buf_u64(b, ids ? o->id : 0);
	buf_putc(b, '"');
	jp_str(b, "name", o->name);
}

static void org_full(struct buf *b, const char *key, const struct misp_org *o, bool ids)
{
	org_begin(b, key, o, ids);
	jp_str_or_null(b, "date_created", o->date_created);
	jp_str_or_null(b, "date_modified", o->date_modified);
	jp_str_or_null(b, "description", o->description);
	jp_str(b, "type", o->type);
	jp_str(b, "nationality", o->nationality);
	jp_str(b, "sector", o->sector);
	jp_num(b, "created_by", ids ? o->created_by : 0);
	jp_uuid(b, "uuid", o->uuid);
	jp_str_or_null(b, "contacts", o->contacts);
	jp_bool(b, "local", o->local);
	if (o->restricted_to_domain.n > 2) {
		LIT(b, ",\"restricted_to_domain\":");
		buf_str_add(b, o->restricted_to_domain);
	} else {
		LIT(b, ",\"restricted_to_domain\":null");
	}
	jp_str_or_null(b, "landingpage", o->landingpage);
	buf_putc(b, '}');
}

static void org_short(struct buf *b, const char *key, const struct misp_org *o, bool ids,
		      bool with_description)
{
	org_begin(b, key, o, ids);
	jp_uuid(b, "uuid", o->uuid);
	jp_str(b, "type", o->type);
	if (with_description)
		jp_str(b, "description", o->description);
	jp_str(b, "sector", o->sector);
	jp_str(b, "nationality", o->nationality);
	jp_bool(b, "local", o->local);
	buf_putc(b, '}');
}

/* In places MISP leaves out most of what organisations say of themselves. */
static void orgs(struct buf *b, const struct rel_analyst *n, enum analyst_form form)
{
	bool brief = form == ANALYST_IN_EVENT || form == ANALYST_VIEW_ID;

	if (n->orgc && brief)
		org_short(b, "Orgc", n->orgc, n->ids, false);
	else if (n->orgc)
		org_full(b, "Orgc", n->orgc, n->ids);
	if (n->org && brief)
		org_short(b, "Org", n->org, n->ids, true);
	else if (n->org)
		org_full(b, "Org", n->org, n->ids);
}

/* ---- one ---- */

static void said(struct buf *b, const struct misp_analyst *a)
{
	switch ((enum analyst_kind)a->kind) {
	case ANALYST_NOTE:
		jp_str_or_null(b, "note", a->note);
		jp_str(b, "language", a->language);
		break;
	case ANALYST_OPINION:
		jp_num(b, "opinion", a->opinion);
		jp_str(b, "comment", a->comment);
		break;
	case ANALYST_RELATIONSHIP:
		jp_str(b, "relationship_type", a->relationship_type);
		jp_uuid(b, "related_object_uuid", a->related_object_uuid);
		jp_str(b, "related_object_type", a->related_object_type);
		break;
	case ANALYST_KINDS:
		break;
	}
}

static void scalars(struct buf *b, const struct rel_analyst *n, enum analyst_form form)
{
	const struct misp_analyst *a = n->a;

	if (form != ANALYST_PUSH && n->ids) {
		LIT(b, "\"id\":\"");
		buf_u64(b, a->id);
		LIT(b, "\",\"uuid\":\"");
	} else {
		LIT(b, "\"uuid\":\"");
	}
	char text[UUID_TEXT_LEN + 1];
	buf_puts(b, uuid_format(a->uuid, text));
	buf_putc(b, '"');
	jp_uuid(b, "object_uuid", a->object_uuid);
	jp_str(b, "object_type", a->object_type);
	jp_str(b, "authors", a->authors);
	jp_uuid(b, "org_uuid", a->org_uuid);
	jp_uuid(b, "orgc_uuid", a->orgc_uuid);
	jp_str(b, "created", a->created);
	jp_str(b, "modified", a->modified);
	jp_num(b, "distribution", a->distribution);
	if (a->sharing_group_id && n->ids && form != ANALYST_PUSH)
		jp_num(b, "sharing_group_id", a->sharing_group_id);
	else
		LIT(b, ",\"sharing_group_id\":null");
	jp_bool(b, "locked", form == ANALYST_PUSH || a->locked);
	said(b, a);
	LIT(b, ",\"note_type\":");
	buf_u64(b, a->kind);
	jp_str(b, "note_type_name",
	       a->kind < ANALYST_KINDS ? str_c(analyst_kind_names[a->kind]) : STR(""));
}

/* The event that a relationship leads to. */
static void related(struct buf *b, const struct rel_event *re)
{
	const struct misp_event *e = re->e;

	LIT(b, ",\"related_object\":{\"Event\":{\"id\":\"");
	buf_u64(b, re->ids ? e->id : 0);
	buf_putc(b, '"');
	jp_num(b, "org_id", re->ids ? e->org_id : 0);
	LIT(b, ",\"date\":");
	jp_date(b, e->date);
	jp_str(b, "info", e->info);
	jp_num(b, "user_id", re->ids ? e->user_id : 0);
	jp_uuid(b, "uuid", e->uuid);
	jp_bool(b, "published", e->published);
	jp_num(b, "analysis", e->analysis);
	jp_num(b, "attribute_count", e->attribute_count);
	jp_num(b, "orgc_id", re->ids ? e->orgc_id : 0);
	jp_time(b, "timestamp", e->timestamp);
	jp_num(b, "distribution", e->distribution);
	jp_num(b, "sharing_group_id", re->ids ? e->sharing_group_id : 0);
	jp_bool(b, "proposal_email_lock", e->proposal_email_lock);
	jp_bool(b, "locked", e->locked);
	jp_num(b, "threat_level_id", e->threat_level_id);
	jp_time(b, "publish_timestamp", e->publish_timestamp);
	jp_time(b, "sighting_timestamp", e->sighting_timestamp);
	jp_bool(b, "disable_correlation", e->disable_correlation);
	jp_uuid(b, "extends_uuid", e->extends_uuid);
	if (e->is_protected)
		LIT(b, ",\"protected\":true}}");
	else
		LIT(b, ",\"protected\":null}}");
}

void jp_analyst(struct buf *b, const struct rel_analyst *n, enum analyst_form form)
{
	buf_putc(b, '{');
	scalars(b, n, form);
	orgs(b, n, form);
	if (n->sharing_group) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, n->sharing_group, n->ids && form != ANALYST_PUSH);
	}
	if (form == ANALYST_IN_EVENT || form == ANALYST_BELOW || form == ANALYST_ALONE)
		jp_bool(b, "_canEdit", n->may_edit);
	if (n->related && form != ANALYST_PUSH)
		related(b, n->related);
	jp_analyst_lists(b, n->children, n->n_children, ANALYST_BELOW);
	if (form == ANALYST_IN_EVENT)
		jp_bool(b, "_max_depth_reached", n->n_children > 0);
	buf_putc(b, '}');
}

void jp_analyst_lists(struct buf *b, const struct rel_analyst *v, uint32_t n,
		      enum analyst_form form)
{
	for (unsigned k = 0; n && k < ANALYST_KINDS; k++) {
		bool open = false;
		for (uint32_t i = 0; i < n; i++) {
			if (v[i].a->kind != k)
				continue;
			if (open) {
				buf_putc(b, ',');
			} else {
				LIT(b, ",\"");
				buf_puts(b, analyst_kind_names[k]);
				LIT(b, "\":[");
			}
			open = true;
			jp_analyst(b, &v[i], form);
		}
		if (open)
			buf_putc(b, ']');
	}
}

/* ---- answers ---- */

struct state {
	bool open; /* "minimal": a kind is open, this one */
	unsigned kind;
};

static bool is_form(struct export_run *r, const char *form)
{
	return r->opts->param && str_is(r->opts->param(r->opts->param_user, "form"), form);
}

static enum err begin(struct export_run *r)
{
	if (is_form(r, "index") || is_form(r, "push_list"))
		buf_putc(seal_buf(r->out), '[');
	return ERR_OK;
}

/* {"Note":{"<uuid>":"<modified>",..},..} */
static void minimal(struct export_run *r, const struct misp_analyst *a)
{
	struct state *st = r->state;
	struct buf *b = seal_buf(r->out);
	char text[UUID_TEXT_LEN + 1];

	if (!st->open || st->kind != a->kind) {
		buf_puts(b, st->open ? "},\"" : "{\"");
		buf_puts(b, analyst_kind_names[a->kind]);
		LIT(b, "\":{");
		st->open = true;
		st->kind = a->kind;
	} else {
		buf_putc(b, ',');
	}
	buf_putc(b, '"');
	buf_puts(b, uuid_format(a->uuid, text));
	LIT(b, "\":");
	json_quote(b, a->modified);
}

static void wrapped(struct export_run *r, const struct rel_analyst *n, enum analyst_form form)
{
	struct buf *b = seal_buf(r->out);

	LIT(b, "{\"");
	buf_puts(b, analyst_kind_names[n->a->kind]);
	LIT(b, "\":");
	jp_analyst(b, n, form);
	buf_putc(b, '}');
}

static enum err element(struct export_run *r, const struct rel_event *re,
			const struct rel_element *el)
{
	(void)re;
	if (el->kind != EL_ANALYST || !el->n_analyst || el->analyst->a->kind >= ANALYST_KINDS)
		return ERR_OK;
	if (is_form(r, "minimal"))
		minimal(r, el->analyst->a);
	else if (is_form(r, "view"))
		wrapped(r, el->analyst, ANALYST_VIEW);
	else if (is_form(r, "view_id"))
		wrapped(r, el->analyst, ANALYST_VIEW_ID);
	else if (is_form(r, "push"))
		wrapped(r, el->analyst, ANALYST_PUSH);
	else {
		bool push = is_form(r, "push_list");
		if (r->n && (push || is_form(r, "index")))
			buf_putc(seal_buf(r->out), ',');
		wrapped(r, el->analyst, push ? ANALYST_PUSH : ANALYST_ALONE);
	}
	r->n++;
	return buf_err(seal_buf(r->out));
}

static enum err end(struct export_run *r)
{
	const struct state *st = r->state;
	struct buf *b = seal_buf(r->out);

	if (is_form(r, "index") || is_form(r, "push_list"))
		buf_putc(b, ']');
	else if (is_form(r, "minimal"))
		buf_puts(b, st->open ? "}}" : "[]");
	return buf_err(b);
}

const struct exporter export_analyst = {
	.name = ".analyst",
	.media = "application/json",
	.type_name = "json",
	.doc = "notes, opinions and relationships, as the calls of analyst_data answer",
	.scopes = EXPORT_ANALYST,
	.state_size = sizeof(struct state),
	.begin = begin,
	.element = element,
	.end = end,
};
