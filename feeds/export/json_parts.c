/*
 * json_parts.c - MISP's JSON forms of single entities.
 */
#include "feeds/export/json_parts.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "model/types.h"

/* `"key":` and room for `more` bytes behind it; NULL: none. What is written there has to be committed. */
static inline char *key_and(struct buf *b, const char *key, size_t n, size_t more)
{
	char *p = buf_reserve(b, n + 4 + more);
	if (!p)
		return NULL;
	p[0] = ',';
	p[1] = '"';
	memcpy(p + 2, key, n);
	p[n + 2] = '"';
	p[n + 3] = ':';
	buf_commit(b, n + 4);
	return p + n + 4;
}

void jp_key_n(struct buf *b, const char *key, size_t n)
{
	(void)key_and(b, key, n, 0);
}

void jp_str_n(struct buf *b, const char *key, size_t n, struct str v)
{
	(void)key_and(b, key, n, v.n + 2);
	json_quote(b, v.p ? v : STR(""));
}

void jp_str_or_null_n(struct buf *b, const char *key, size_t n, struct str v)
{
	(void)key_and(b, key, n, v.n + 2);
	if (v.n)
		json_quote(b, v);
	else
		LIT(b, "null");
}

void jp_bool_n(struct buf *b, const char *key, size_t n, bool v)
{
	char *p = key_and(b, key, n, 5);
	if (!p)
		return;
	memcpy(p, v ? "true" : "fals", 4);
	p[4] = 'e';
	buf_commit(b, v ? 4 : 5);
}

void jp_num_n(struct buf *b, const char *key, size_t n, uint64_t v)
{
	char d[BUF_U64_MAX], *from = buf_u64_text(d, v), *p = key_and(b, key, n, BUF_U64_MAX + 2);
	size_t len = (size_t)(d + sizeof(d) - from);
	if (!p)
		return;
	p[0] = '"';
	memcpy(p + 1, from, len);
	p[len + 1] = '"';
	buf_commit(b, len + 2);
}

void jp_time_n(struct buf *b, const char *key, size_t n, int64_t v)
{
	if (v >= 0) {
		jp_num_n(b, key, n, (uint64_t)v);
		return;
	}
	jp_key_n(b, key, n);
	buf_putc(b, '"');
	buf_i64(b, v);
	buf_putc(b, '"');
}

static char *digits(char *p, unsigned v, unsigned n)
{
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

void jp_micro_n(struct buf *b, const char *key, size_t n, int64_t us)
{
	jp_key_n(b, key, n);
	if (us == MICRO_NONE)
		LIT(b, "null");
	else
		jp_micro_text(b, us);
}

void jp_micro_text(struct buf *b, int64_t us)
{
	int64_t s = us / 1000000, frac = us % 1000000;
	if (frac < 0) {
		frac += 1000000;
		s--;
	}
	struct clock_civil c = clock_to_civil(s);
	char text[40], *p = text;
	*p++ = '"';
	p = digits(p, (unsigned)c.year, 4);
	*p++ = '-';
	p = digits(p, (unsigned)c.month, 2);
	*p++ = '-';
	p = digits(p, (unsigned)c.day, 2);
	*p++ = 'T';
	p = digits(p, (unsigned)c.hour, 2);
	*p++ = ':';
	p = digits(p, (unsigned)c.minute, 2);
	*p++ = ':';
	p = digits(p, (unsigned)c.second, 2);
	*p++ = '.';
	p = digits(p, (unsigned)frac, 6);
	buf_add(b, text, (size_t)(p - text));
	LIT(b, "+00:00\"");
}

void jp_uuid_n(struct buf *b, const char *key, size_t n, struct uuid u)
{
	char *p = key_and(b, key, n, UUID_TEXT_LEN + 3);
	size_t len = uuid_is_nil(u) ? 0 : UUID_TEXT_LEN;
	if (!p)
		return;
	*p = '"';
	if (len)
		uuid_format(u, p + 1);
	p[len + 1] = '"';
	buf_commit(b, len + 2);
}

void jp_date(struct buf *b, uint32_t d)
{
	char text[12] = "\"";
	char *p = digits(text + 1, d / 10000, 4);
	*p++ = '-';
	p = digits(p, d / 100 % 100, 2);
	*p++ = '-';
	p = digits(p, d % 100, 2);
	*p = '"';
	buf_add(b, text, sizeof(text));
}

size_t jp_open(struct buf *b)
{
	buf_putc(b, '{');
	return b->n;
}

void jp_close(struct buf *b, size_t at)
{
	if (!buf_err(b) && b->n > at && b->p[at] == ',') {
		memmove(b->p + at, b->p + at + 1, b->n - at - 1);
		b->n--;
	}
	buf_putc(b, '}');
}

void jp_org(struct buf *b, const struct misp_org *o, bool ids, bool with_local)
{
	if (!o) {
		LIT(b, "null");
		return;
	}
	size_t at = jp_open(b);
	if (ids)
		jp_num(b, "id", o->id);
	jp_str(b, "name", o->name);
	jp_uuid(b, "uuid", o->uuid);
	if (with_local && ids)
		jp_bool(b, "local", o->local);
	jp_close(b, at);
}

void jp_tags(struct buf *b, const struct misp_tagref *t, uint32_t n, bool ids)
{
	buf_putc(b, '[');
	for (uint32_t i = 0; i < n; i++, t++) {
		if (i)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		if (ids)
			jp_num(b, "id", t->tag_id);
		jp_str(b, "name", t->name);
		jp_str(b, "colour", t->colour);
		jp_bool(b, "exportable", t->exportable);
		if (ids)
			jp_num(b, "user_id", t->user_id);
		jp_bool(b, "hide_tag", t->hide_tag);
		jp_str_or_null(b, "numerical_value", t->numerical_value);
		jp_bool(b, "is_galaxy", t->is_galaxy);
		jp_bool(b, "is_custom_galaxy", t->is_custom_galaxy);
		jp_bool(b, "local_only", t->local_only);
		jp_bool(b, "local", t->local);
		jp_str_or_null(b, "relationship_type", t->relationship_type);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

static void sg_orgs(struct buf *b, const struct misp_sg *g, bool ids)
{
	bool first = true;
	LIT(b, ",\"SharingGroupOrg\":[");
	LIST_EACH(o, g->orgs, struct misp_sgorg) {
		if (!first)
			buf_putc(b, ',');
		first = false;
		size_t at = jp_open(b);
		if (ids) {
			jp_num(b, "id", o->org_id);
			jp_num(b, "sharing_group_id", g->id);
			jp_num(b, "org_id", o->org_id);
		}
		jp_bool(b, "extend", o->extend);
		LIT(b, ",\"Organisation\":");
		struct misp_org org = {.id = o->org_id, .uuid = o->uuid, .name = o->name};
		jp_org(b, &org, ids, false);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

static void sg_servers(struct buf *b, const struct misp_sg *g, bool ids)
{
	uint64_t n = 0;
	LIT(b, ",\"SharingGroupServer\":[");
	LIST_EACH(s, g->servers, struct misp_sgserver) {
		if (n++)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		if (ids) {
			jp_num(b, "id", n);
			jp_num(b, "sharing_group_id", g->id);
			jp_num(b, "server_id", s->server_id);
		}
		jp_bool(b, "all_orgs", s->all_orgs);
		LIT(b, ",\"Server\":");
		size_t inner = jp_open(b);
		if (ids)
			jp_num(b, "id", s->server_id);
		jp_str(b, "url", s->url);
		jp_str(b, "name", s->name);
		jp_close(b, inner);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

void jp_sharing_group(struct buf *b, const struct misp_sg *g, bool ids)
{
	size_t at = jp_open(b);
	if (ids)
		jp_num(b, "id", g->id);
	jp_str(b, "name", g->name);
	jp_str(b, "releasability", g->releasability);
	jp_str(b, "description", g->description);
	jp_uuid(b, "uuid", g->uuid);
	jp_uuid(b, "organisation_uuid", g->organisation_uuid);
	if (ids) {
		jp_num(b, "org_id", g->org_id);
		jp_num(b, "sync_user_id", g->sync_user_id);
	}
	jp_bool(b, "active", g->active);
	jp_str(b, "created", g->created);
	jp_str(b, "modified", g->modified);
	jp_bool(b, "local", g->local);
	jp_bool(b, "roaming", g->roaming);
	if (g->organisation.n) {
		LIT(b, ",\"Organisation\":");
		jp_org(b, LIST_AT(g->organisation, struct misp_org, 0), ids, false);
	}
	sg_orgs(b, g, ids);
	sg_servers(b, g, ids);
	jp_close(b, at);
}

/* ---- the small ones ---- */

void jp_sighting(struct buf *b, const struct misp_sighting *s, const struct misp_org *org,
		 struct uuid attr_uuid, bool ids)
{
	size_t at = jp_open(b);
	if (ids) {
		jp_num(b, "id", s->id);
		jp_num(b, "attribute_id", s->attribute_id);
		jp_num(b, "event_id", s->event_id);
		jp_num(b, "org_id", s->org_id);
	}
	jp_time(b, "date_sighting", s->date_sighting);
	jp_uuid(b, "uuid", s->uuid);
	jp_str(b, "source", s->source);
	jp_num(b, "type", s->type);
	jp_uuid(b, "attribute_uuid", attr_uuid);
	if (org) {
		LIT(b, ",\"Organisation\":");
		jp_org(b, org, ids, false);
	}
	jp_close(b, at);
}

static void typed(struct buf *b, uint16_t type, uint8_t category)
{
	jp_str(b, "type", type_name(type));
	jp_str(b, "category", category_name(category));
}

void jp_proposal(struct buf *b, const struct misp_proposal *p, const struct misp_org *org,
		 const struct rel_event *e)
{
	size_t at = jp_open(b);
	if (e->ids)
		jp_num(b, "id", p->id);
	typed(b, p->type, p->category);
	jp_bool(b, "to_ids", p->to_ids);
	jp_uuid(b, "uuid", p->uuid);
	jp_uuid(b, "event_uuid", e->e->uuid);
	if (e->ids) {
		jp_num(b, "event_id", p->event_id);
		jp_num(b, "old_id", p->old_id);
	}
	jp_str(b, "comment", p->comment);
	if (e->ids)
		jp_num(b, "org_id", p->org_id);
	jp_bool(b, "proposal_to_delete", p->proposal_to_delete);
	jp_time(b, "timestamp", p->timestamp);
	jp_micro(b, "first_seen", p->first_seen);
	jp_micro(b, "last_seen", p->last_seen);
	jp_str(b, "value", p->value);
	if (org) {
		LIT(b, ",\"Org\":");
		jp_org(b, org, e->ids, true);
	}
	jp_close(b, at);
}

void jp_report(struct buf *b, const struct rel_element *el, const struct rel_event *e)
{
	const struct misp_report *r = el->report;
	size_t at = jp_open(b);
	if (e->ids)
		jp_num(b, "id", r->id);
	jp_uuid(b, "uuid", r->uuid);
	if (e->ids)
		jp_num(b, "event_id", r->event_id);
	jp_str(b, "name", r->name);
	jp_str(b, "content", r->content);
	jp_num(b, "distribution", r->distribution);
	jp_num(b, "sharing_group_id", e->ids ? r->sharing_group_id : 0);
	jp_time(b, "timestamp", r->timestamp);
	jp_bool(b, "deleted", r->deleted);
	if (el->sharing_group) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, el->sharing_group, e->ids);
	}
	jp_analyst_lists(b, el->analyst, el->n_analyst, ANALYST_BELOW);
	jp_close(b, at);
}

void jp_cryptokey(struct buf *b, const struct misp_cryptokey *k, const struct rel_event *e)
{
	size_t at = jp_open(b);
	if (e->ids)
		jp_num(b, "id", k->id);
	jp_uuid(b, "uuid", k->uuid);
	jp_str(b, "type", k->type);
	jp_time(b, "timestamp", k->timestamp);
	if (e->ids)
		jp_num(b, "parent_id", e->e->id);
	jp_str(b, "parent_type", STR("Event"));
	jp_str(b, "key_data", k->key_data);
	jp_bool(b, "revoked", k->revoked);
	jp_str(b, "fingerprint", k->fingerprint);
	jp_close(b, at);
}

void jp_cryptokeys(struct buf *b, const struct entity_list *keys, const struct rel_event *e)
{
	buf_putc(b, '[');
	LIST_EACH(k, *keys, struct misp_cryptokey) {
		if (k != keys->v)
			buf_putc(b, ',');
		jp_cryptokey(b, k, e);
	}
	buf_putc(b, ']');
}

void jp_ref(struct buf *b, const struct misp_ref *r, const struct rel_ref *t,
	    const struct misp_object *of, const struct rel_event *e)
{
	size_t at = jp_open(b);
	if (e->ids)
		jp_num(b, "id", r->id);
	jp_uuid(b, "uuid", r->uuid);
	jp_time(b, "timestamp", r->timestamp);
	if (e->ids)
		jp_num(b, "object_id", r->object_id);
	jp_uuid(b, "referenced_uuid", r->referenced_uuid);
	if (e->ids)
		jp_num(b, "referenced_id", r->referenced_id);
	jp_num(b, "referenced_type", r->referenced_type);
	jp_str(b, "relationship_type", r->relationship_type);
	jp_str(b, "comment", r->comment);
	jp_bool(b, "deleted", r->deleted);
	if (e->ids)
		jp_num(b, "event_id", r->event_id);
	jp_uuid(b, "source_uuid", of->uuid);
	if (t && t->known) {
		buf_puts(b, t->is_object ? ",\"Object\":" : ",\"Attribute\":");
		size_t inner = jp_open(b);
		jp_num(b, "distribution", t->distribution);
		if (e->ids)
			jp_num(b, "sharing_group_id", t->sharing_group_id);
		jp_uuid(b, "uuid", t->uuid);
		if (t->is_object) {
			jp_str(b, "name", t->name);
			jp_str(b, "meta-category", t->meta_category);
		} else {
			jp_str(b, "value", t->value);
			typed(b, t->type, t->category);
			jp_bool(b, "to_ids", t->to_ids);
		}
		jp_close(b, inner);
	}
	jp_close(b, at);
}
