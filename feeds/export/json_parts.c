/*
 * json_parts.c - MISP's JSON forms of single entities.
 */
#include "feeds/export/json_parts.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "model/types.h"

static void key_put(struct buf *b, const char *key)
{
	size_t n = strlen(key);
	char *p = buf_reserve(b, n + 4);
	if (!p)
		return;
	p[0] = ',';
	p[1] = '"';
	memcpy(p + 2, key, n);
	p[n + 2] = '"';
	p[n + 3] = ':';
	buf_commit(b, n + 4);
}

void jp_str(struct buf *b, const char *key, struct str v)
{
	key_put(b, key);
	json_quote(b, v.p ? v : STR(""));
}

void jp_str_or_null(struct buf *b, const char *key, struct str v)
{
	key_put(b, key);
	if (v.n)
		json_quote(b, v);
	else
		LIT(b, "null");
}

void jp_bool(struct buf *b, const char *key, bool v)
{
	key_put(b, key);
	buf_puts(b, v ? "true" : "false");
}

void jp_num(struct buf *b, const char *key, uint64_t v)
{
	key_put(b, key);
	buf_putc(b, '"');
	buf_u64(b, v);
	buf_putc(b, '"');
}

void jp_time(struct buf *b, const char *key, int64_t v)
{
	key_put(b, key);
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

void jp_micro(struct buf *b, const char *key, int64_t us)
{
	key_put(b, key);
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

void jp_uuid(struct buf *b, const char *key, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	key_put(b, key);
	buf_putc(b, '"');
	if (!uuid_is_nil(u))
		buf_add(b, uuid_format(u, text), UUID_TEXT_LEN);
	buf_putc(b, '"');
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

/* Open an object whose members all begin with a comma: the first comma is taken back. */
static size_t open_obj(struct buf *b)
{
	buf_putc(b, '{');
	return b->n;
}

static void close_obj(struct buf *b, size_t at)
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
	size_t at = open_obj(b);
	if (ids)
		jp_num(b, "id", o->id);
	jp_str(b, "name", o->name);
	jp_uuid(b, "uuid", o->uuid);
	if (with_local && ids)
		jp_bool(b, "local", o->local);
	close_obj(b, at);
}

void jp_tags(struct buf *b, const struct misp_tagref *t, uint32_t n, bool ids)
{
	buf_putc(b, '[');
	for (uint32_t i = 0; i < n; i++, t++) {
		if (i)
			buf_putc(b, ',');
		size_t at = open_obj(b);
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
		close_obj(b, at);
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
		size_t at = open_obj(b);
		if (ids) {
			jp_num(b, "id", o->org_id);
			jp_num(b, "sharing_group_id", g->id);
			jp_num(b, "org_id", o->org_id);
		}
		jp_bool(b, "extend", o->extend);
		LIT(b, ",\"Organisation\":");
		struct misp_org org = {.id = o->org_id, .uuid = o->uuid, .name = o->name};
		jp_org(b, &org, ids, false);
		close_obj(b, at);
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
		size_t at = open_obj(b);
		if (ids) {
			jp_num(b, "id", n);
			jp_num(b, "sharing_group_id", g->id);
			jp_num(b, "server_id", s->server_id);
		}
		jp_bool(b, "all_orgs", s->all_orgs);
		LIT(b, ",\"Server\":");
		size_t inner = open_obj(b);
		if (ids)
			jp_num(b, "id", s->server_id);
		jp_str(b, "url", s->url);
		jp_str(b, "name", s->name);
		close_obj(b, inner);
		close_obj(b, at);
	}
	buf_putc(b, ']');
}

void jp_sharing_group(struct buf *b, const struct misp_sg *g, bool ids)
{
	size_t at = open_obj(b);
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
	close_obj(b, at);
}

/* ---- galaxies ---- */

static void org_full(struct buf *b, const char *key, const struct misp_org *o)
{
	static const struct misp_org nobody = {0};
	key_put(b, key);
	if (!o)
		o = &nobody;
	size_t at = open_obj(b);
	jp_num(b, "id", o->id);
	jp_str(b, "name", o->id ? o->name : STR("MISP"));
	jp_str(b, "date_created", o->date_created);
	jp_str(b, "date_modified", o->date_modified);
	jp_str(b, "description", o->id ? o->description : STR("Automatically generated MISP organisation"));
	jp_str(b, "type", o->type);
	jp_str(b, "nationality", o->id ? o->nationality : STR("Not specified"));
	jp_str(b, "sector", o->sector);
	jp_num(b, "created_by", o->created_by);
	jp_uuid(b, "uuid", o->uuid);
	jp_str(b, "contacts", o->contacts);
	jp_bool(b, "local", o->id ? o->local : true);
	jp_str(b, "restricted_to_domain", o->restricted_to_domain);
	jp_str_or_null(b, "landingpage", o->landingpage);
	close_obj(b, at);
}

/* Elements of a cluster, equal keys joined: {"key":["a","b"]}; [] when there are none. */
static void cluster_meta(struct buf *b, const struct misp_cluster *c)
{
	const struct misp_clustermeta *m = c->elements.v;
	LIT(b, ",\"meta\":");
	if (!c->elements.n) {
		LIT(b, "[]");
		return;
	}
	buf_putc(b, '{');
	for (uint32_t i = 0, shown = 0; i < c->elements.n; i++) {
		uint32_t k = 0;
		while (k < i && !str_eq(m[k].key, m[i].key))
			k++;
		if (k < i)
			continue;
		if (shown++)
			buf_putc(b, ',');
		json_quote(b, m[i].key);
		LIT(b, ":[");
		for (uint32_t j = i, n = 0; j < c->elements.n; j++) {
			if (!str_eq(m[j].key, m[i].key))
				continue;
			if (n++)
				buf_putc(b, ',');
			json_quote(b, m[j].value);
		}
		buf_putc(b, ']');
	}
	buf_putc(b, '}');
}

static void cluster(struct buf *b, const struct rel_cluster *r, bool of_event, bool ids)
{
	const struct misp_cluster *c = r->cluster;
	size_t at = open_obj(b);
	if (ids)
		jp_num(b, "id", c->id);
	jp_uuid(b, "uuid", c->uuid);
	jp_uuid(b, "collection_uuid", c->collection_uuid);
	jp_str(b, "type", c->type);
	jp_str(b, "value", c->value);
	jp_str(b, "tag_name", c->tag_name);
	jp_str(b, "description", c->description);
	if (ids)
		jp_num(b, "galaxy_id", c->galaxy_id);
	jp_str(b, "source", c->source);
	key_put(b, "authors");
	buf_str_add(b, c->authors.n ? c->authors : STR("[]"));
	jp_str(b, "version", c->version);
	jp_num(b, "distribution", c->distribution);
	if (!c->sharing_group_id)
		LIT(b, ",\"sharing_group_id\":null");
	else if (ids)
		jp_num(b, "sharing_group_id", c->sharing_group_id);
	if (ids) {
		jp_num(b, "org_id", c->org_id);
		jp_num(b, "orgc_id", c->orgc_id);
	}
	jp_bool(b, "default", c->default_);
	jp_bool(b, "locked", c->locked);
	jp_str(b, "extends_uuid", c->extends_uuid);
	jp_str(b, "extends_version", c->extends_version.n ? c->extends_version : STR("0"));
	jp_bool(b, "published", c->published);
	jp_bool(b, "deleted", c->deleted);
	LIT(b, ",\"GalaxyClusterRelation\":[]");
	if (ids) {
		org_full(b, "Org", r->org);
		org_full(b, "Orgc", r->orgc);
	}
	cluster_meta(b, c);
	if (ids) {
		jp_num(b, "tag_id", r->tag_id);
		jp_num(b, of_event ? "event_tag_id" : "attribute_tag_id", r->tag_id);
	}
	jp_bool(b, "local", r->local);
	key_put(b, "relationship_type");
	if (r->relationship_type.n)
		json_quote(b, r->relationship_type);
	else
		LIT(b, "false");
	close_obj(b, at);
}

static void galaxy_head(struct buf *b, const struct misp_galaxy *g, bool ids)
{
	if (ids)
		jp_num(b, "id", g->id);
	jp_uuid(b, "uuid", g->uuid);
	jp_str(b, "name", g->name);
	jp_str(b, "type", g->type);
	jp_str(b, "description", g->description);
	jp_str(b, "version", g->version);
	jp_str(b, "icon", g->icon);
	jp_str(b, "namespace", g->namespace_);
	jp_bool(b, "enabled", g->enabled);
	jp_bool(b, "local_only", g->local_only);
	if (g->kill_chain_order.n) {
		key_put(b, "kill_chain_order");
		buf_str_add(b, g->kill_chain_order);
	}
}

void jp_galaxies(struct buf *b, const struct rel_cluster *c, uint32_t n, bool of_event, bool ids)
{
	buf_putc(b, '[');
	for (uint32_t i = 0, shown = 0; i < n; i++) {
		uint32_t k = 0;
		while (k < i && c[k].galaxy->id != c[i].galaxy->id)
			k++;
		if (k < i)
			continue;
		if (shown++)
			buf_putc(b, ',');
		size_t at = open_obj(b);
		galaxy_head(b, c[i].galaxy, ids);
		LIT(b, ",\"GalaxyCluster\":[");
		for (uint32_t j = i, m = 0; j < n; j++) {
			if (c[j].galaxy->id != c[i].galaxy->id)
				continue;
			if (m++)
				buf_putc(b, ',');
			cluster(b, &c[j], of_event, ids);
		}
		buf_putc(b, ']');
		close_obj(b, at);
	}
	buf_putc(b, ']');
}

/* ---- the small ones ---- */

void jp_sighting(struct buf *b, const struct misp_sighting *s, const struct misp_org *org,
		 struct uuid attr_uuid, bool ids)
{
	size_t at = open_obj(b);
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
	close_obj(b, at);
}

static void typed(struct buf *b, uint16_t type, uint8_t category)
{
	jp_str(b, "type", type_name(type));
	jp_str(b, "category", category_name(category));
}

void jp_proposal(struct buf *b, const struct misp_proposal *p, const struct misp_org *org,
		 const struct rel_event *e)
{
	size_t at = open_obj(b);
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
	close_obj(b, at);
}

void jp_report(struct buf *b, const struct misp_report *r, const struct rel_event *e,
	       const struct misp_sg *g)
{
	size_t at = open_obj(b);
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
	if (g) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, g, e->ids);
	}
	close_obj(b, at);
}

void jp_cryptokeys(struct buf *b, const struct entity_list *keys, const struct rel_event *e)
{
	buf_putc(b, '[');
	LIST_EACH(k, *keys, struct misp_cryptokey) {
		if (k != keys->v)
			buf_putc(b, ',');
		size_t at = open_obj(b);
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
		close_obj(b, at);
	}
	buf_putc(b, ']');
}

void jp_ref(struct buf *b, const struct misp_ref *r, const struct rel_ref *t,
	    const struct misp_object *of, const struct rel_event *e)
{
	size_t at = open_obj(b);
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
		size_t inner = open_obj(b);
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
		close_obj(b, inner);
	}
	close_obj(b, at);
}
