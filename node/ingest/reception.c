/*
 * reception.c - that a report of a vulnerability was received, for the audit log (regulations.md A: such
 * records are kept at least 6 months). What counts as one: gate.md section 6.
 */
#include <stdio.h>

#include "audit/log.h"
#include "ingest/ctx.h"
#include "taxonomies/taxo.h"

void ingest_note_vuln(struct ingest_ctx *c, const struct element *e)
{
	if (e->kind == EL_ATTR && e->attr.type == ATTR_VULNERABILITY && !e->attr.deleted)
		c->has_vuln = true;
	if (e->kind == EL_OBJECT && str_eq_nocase(e->object.name, STR("vulnerability")))
		c->has_vuln = true;
}

/* A record of a vulnerability that is not disclosed yet? */
static bool is_report(const struct ingest_ctx *c, const struct store_rtxn *t)
{
	bool is = c->has_vuln, disclosed = false;
	LIST_EACH(ref, c->event.tags, struct misp_tagref) {
		struct misp_tag row = {.name = ref->name};
		struct machine_tag m;
		if (!row.name.n && store_get(t, T_TAG, ref->tag_id, NULL, &row) != ERR_OK)
			continue;
		if (!taxo_split(row.name, &m) || !str_eq_nocase(m.ns, STR("rmsv")))
			continue;
		is |= str_eq_nocase(m.predicate, STR("record"));
		disclosed |= str_eq_nocase(m.predicate, STR("disclosure")) &&
			     str_eq_nocase(m.value, STR("disclosed"));
	}
	return is && !disclosed;
}

/* Who sent it, with the name that he has here. */
static struct audit_who sender(const struct ingest_ctx *c, const struct store_rtxn *t)
{
	struct audit_who w = {.kind = AUDIT_BY_SYSTEM};
	const struct origin *o = c->origin;
	struct misp_user user;
	struct misp_peer peer;
	struct misp_feed feed;
	if (o && o->kind == ORIGIN_FEED) {
		w.kind = AUDIT_BY_FEED;
		w.id = o->id;
		if (store_get(t, T_FEED, o->id, NULL, &feed) == ERR_OK)
			w.name = feed.name;
	} else if (o && o->kind == ORIGIN_PEER && o->id) {
		w.kind = AUDIT_BY_PEER;
		w.id = o->id;
		if (store_get(t, T_PEER, o->id, NULL, &peer) == ERR_OK)
			w.name = peer.name;
	} else if (c->facts && c->facts->user_id) {
		w.kind = AUDIT_BY_USER;
		w.id = c->facts->user_id;
		w.org = c->facts->org;
		if (store_get(t, T_USER, w.id, NULL, &user) == ERR_OK)
			w.name = user.email;
	}
	return w;
}

enum err ingest_put_reception(struct ingest_ctx *c, struct store_wtxn *w, bool is_new, struct fail *f)
{
	char name[AUDIT_NAME_MAX], text[120], hex[65];
	const struct store_rtxn *t = store_view(w);
	if (!is_report(c, t))
		return ERR_OK;
	struct audit_entry e = {.action = AUDIT_reception,
				.who = sender(c, t),
				.kind = "event",
				.id = c->event.id,
				.object = c->event.uuid};
	/* lent until the next write */
	e.who.name.n = MIN(e.who.name.n, sizeof(name));
	if (e.who.name.n)
		memcpy(name, e.who.name.p, e.who.name.n);
	e.who.name.p = name;
	static const uint8_t none[32];
	bool digest = c->origin && memcmp(c->origin->digest, none, sizeof(none)) != 0;
	int n = snprintf(text, sizeof(text), "%s%s%s", is_new ? "received" : "changed",
			 digest ? " sha256:" : "", digest ? hash_hex(c->origin->digest, 32, hex) : "");
	e.text = (struct str){text, (size_t)n};
	return audit_add(w, &e, f);
}
