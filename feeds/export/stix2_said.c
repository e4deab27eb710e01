/*
 * stix2_said.c - what is said about attributes, objects and events: clusters, references, sightings, notes and
 * opinions. Where the STIX type of what it is about is not known yet, it waits for the end of the event, as text of
 * bounded size; what does not fit there is left out.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "feeds/export/stix2_impl.h"

#define LATER_MAX ((size_t)64 << 20)

/* ---- one item ---- */

static void opinion_word(struct buf *b, uint64_t n)
{
	static const char *const words[] = {"strongly-disagree", "disagree", "neutral", "agree",
					    "strongly-agree"};
	buf_printf(b, ",\"opinion\":\"%s\"", words[n <= 20 ? 0 : n <= 40 ? 1 : n <= 60 ? 2 : n <= 80 ? 3 : 4]);
}

/* Names of relationships are words of small letters, digits and hyphens. */
static void relation_word(struct buf *b, struct str v)
{
	size_t from = b->n;
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (fits)
			buf_putc(b, c);
		else if (b->n > from && b->p[b->n - 1] != '-')
			buf_putc(b, '-');
	}
	while (b->n > from && b->p[b->n - 1] == '-')
		b->n--;
	if (b->n < from + 3 && buf_err(b) == ERR_OK) {
		b->n = from;
		LIT(b, "related-to");
	}
}

static void about(struct buf *b, const char *key, enum stix2_kind k, struct uuid u, bool list)
{
	jp_key(b, key);
	if (list)
		buf_putc(b, '[');
	stix2_id(b, stix2_kind_names[k], u);
	if (list)
		buf_putc(b, ']');
}

static void authors(struct buf *b, struct str v)
{
	if (!v.n)
		return;
	LIT(b, ",\"authors\":[");
	json_quote(b, v);
	buf_putc(b, ']');
}

void stix2_item_write(struct stix2 *w, struct buf *b, const struct stix2_item *i)
{
	static const enum stix2_kind kinds[] = {
		[SAY_RELATION] = SX_RELATIONSHIP, [SAY_SIGHTING] = SX_SIGHTING,
		[SAY_FALSE] = SX_OPINION, [SAY_OPINION] = SX_OPINION, [SAY_NOTE] = SX_NOTE,
		[SAY_REPORT] = SX_NOTE};
	struct misp_org org = {.uuid = i->org, .name = i->org_name};
	struct uuid who = {{0}}, id = stix2_uuid(w, i->id);
	if (w->version == STIX2_0 && i->what > SAY_SIGHTING)
		return; /* 2.0 knows neither notes nor opinions */
	if (!uuid_is_nil(i->org) && i->org_name.n)
		who = stix2_identity(w, b, &org);
	stix2_list(w, kinds[i->what], id, NULL);
	if (!stix2_open(w, b, kinds[i->what], id, i->created, i->modified,
			i->what == SAY_REPORT))
		return;
	switch (i->what) {
	case SAY_RELATION:
		LIT(b, ",\"relationship_type\":\"");
		relation_word(b, i->type);
		buf_putc(b, '"');
		if (i->text.n)
			jp_str(b, "description", i->text);
		about(b, "source_ref", i->from_kind, i->from, false);
		about(b, "target_ref", i->to_kind, i->to, false);
		break;
	case SAY_SIGHTING:
		if (i->text.n && w->version == STIX2_1)
			jp_str(b, "description", i->text);
		about(b, "sighting_of_ref", i->from_kind, i->from, false);
		if (!uuid_is_nil(who))
			about(b, "where_sighted_refs", SX_IDENTITY, who, true);
		break;
	case SAY_FALSE:
		LIT(b, ",\"explanation\":\"False positive Sighting\"");
		authors(b, i->org_name);
		opinion_word(b, 0);
		about(b, "object_refs", i->from_kind, i->from, true);
		if (!uuid_is_nil(who)) {
			about(b, "x_misp_author_ref", SX_IDENTITY, who, false);
			stix2_toplevel(w, b);
		}
		break;
	case SAY_OPINION:
		if (i->text.n)
			jp_str(b, "explanation", i->text);
		authors(b, i->authors);
		opinion_word(b, i->number);
		about(b, "object_refs", i->from_kind, i->from, true);
		LIT(b, ",\"labels\":[\"misp:context-layer=\\\"Analyst Opinion\\\"\"],\"x_misp_opinion\":");
		buf_u64(b, i->number);
		stix2_toplevel(w, b);
		break;
	case SAY_NOTE:
		jp_str(b, "content", i->text);
		authors(b, i->authors);
		about(b, "object_refs", i->from_kind, i->from, true);
		LIT(b, ",\"labels\":[\"misp:context-layer=\\\"Analyst Note\\\"\"]");
		break;
	case SAY_REPORT:
		if (i->type.n)
			jp_str(b, "abstract", i->type);
		jp_str(b, "content", i->text);
		about(b, "object_refs", i->from_kind, i->from, true);
		LIT(b, ",\"labels\":[\"misp:data-layer=\\\"Event Report\\\"\"]");
		break;
	}
	buf_putc(b, '}');
}

/* ---- what waits ---- */

#define ITEM_TEXTS(X) X(type) X(text) X(authors) X(org_name)

static void keep(struct stix2 *w, const struct stix2_item *i)
{
	size_t n = sizeof(*i);
#define X(t) n += i->t.n;
	ITEM_TEXTS(X)
#undef X
	if (w->later.n + n > LATER_MAX)
		return;
	buf_add(&w->later, i, sizeof(*i));
#define X(t) buf_str_add(&w->later, i->t);
	ITEM_TEXTS(X)
#undef X
}

bool stix2_later_next(struct stix2 *w, struct stix2_item *i)
{
	if (w->at + sizeof(*i) > w->later.n)
		return false;
	memcpy(i, w->later.p + w->at, sizeof(*i));
	w->at += sizeof(*i);
#define X(t)                                                                                        \
	i->t.p = w->later.p + w->at;                                                                \
	w->at += i->t.n;
	ITEM_TEXTS(X)
#undef X
	return true;
}

/* Now, when both ends are known, or when the event ends. */
static void say(struct stix2 *w, struct buf *b, const struct stix2_item *i)
{
	bool known = i->from_kind != SX_COUNT &&
		     (i->what != SAY_RELATION || i->to_kind != SX_COUNT);
	if (known && (w->attr_scope || !w->object.open))
		stix2_item_write(w, b, i);
	else if (!w->attr_scope)
		keep(w, i);
}

/* ---- ids that are written ---- */

static uint32_t slot_at(const struct stix2 *w, struct uuid u)
{
	uint32_t mask = w->n_slots - 1, i = (uint32_t)hash_64(&u, sizeof(u), 0x571c) & mask;
	while (w->slots[i] && !uuid_eq(w->refs[w->slots[i] - 1].uuid, u))
		i = (i + 1) & mask;
	return i;
}

static bool index_make(struct stix2 *w)
{
	uint32_t n = 64;
	if (w->slots)
		return true;
	while (n < w->n_refs * 2)
		n *= 2;
	w->slots = calloc(n, sizeof(*w->slots));
	w->n_slots = w->slots ? n : 0;
	for (uint32_t i = 0; i < w->n_refs && w->slots; i++) {
		uint8_t k = w->refs[i].kind;
		if (k == SX_SCO || k == SX_RELATIONSHIP || k == SX_SIGHTING || k == SX_NOTE || k == SX_OPINION)
			continue;
		uint32_t at = slot_at(w, w->refs[i].uuid);
		if (!w->slots[at])
			w->slots[at] = i + 1;
	}
	return w->slots != NULL;
}

bool stix2_later_resolve(struct stix2 *w, struct stix2_item *i)
{
	if (!index_make(w))
		return false;
	if (i->from_kind == SX_COUNT) {
		uint32_t at = w->slots[slot_at(w, i->from)];
		if (!at)
			return false;
		i->from_kind = w->refs[at - 1].kind;
	}
	if (i->what == SAY_RELATION && i->to_kind == SX_COUNT) {
		uint32_t at = w->slots[slot_at(w, i->to)];
		if (!at)
			return false;
		i->to_kind = w->refs[at - 1].kind;
	}
	return true;
}

/* ---- clusters ---- */

static const struct cluster_row {
	const char *end;
	enum stix2_kind kind;
} galaxy_rows[] = {
#define C(end, kind) {end, SX_##kind},
#include "feeds/export/stix2_clusters.inc"
};

static enum stix2_kind cluster_kind(const struct rel_cluster *c)
{
	for (size_t i = 0; i < ARRAY_LEN(galaxy_rows); i++)
		if (str_has_suffix(c->cluster->type, str_c(galaxy_rows[i].end)))
			return galaxy_rows[i].kind;
	return SX_X_CLUSTER;
}

static bool is_web(struct str v)
{
	if (!str_has_prefix(v, STR("http://")) && !str_has_prefix(v, STR("https://")))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if ((uint8_t)v.p[i] <= ' ' || (uint8_t)v.p[i] >= 127 || strchr("<>\"{}|\\^`", v.p[i]))
			return false;
	return true;
}

/* ,"key":["..",..] of the cluster's elements of that name */
static void elements(struct buf *b, const char *key, const struct misp_cluster *c, const char *name)
{
	bool any = false;
	LIST_EACH(e, c->elements, struct misp_clustermeta) {
		if (!str_is(e->key, name) || !e->value.n)
			continue;
		if (any)
			buf_putc(b, ',');
		else
			buf_printf(b, ",\"%s\":[", key);
		json_quote(b, e->value);
		any = true;
	}
	if (any)
		buf_putc(b, ']');
}

/* Whose an id is: CAPEC's and CVE's are known by their form, which STIX asks for. */
static const char *source_of(struct str id)
{
	return str_has_prefix(id, STR("CAPEC-")) ? "capec"
	       : str_has_prefix(id, STR("CVE-")) ? "cve"
						 : "mitre-attack";
}

static void references(struct buf *b, const struct misp_cluster *c)
{
	bool any = false;
	LIST_EACH(e, c->elements, struct misp_clustermeta) {
		bool url = str_is(e->key, "refs"), id = str_is(e->key, "external_id");
		if ((!url || !is_web(e->value)) && (!id || !e->value.n))
			continue;
		buf_puts(b, any ? "," : ",\"external_references\":[");
		buf_printf(b, "{\"source_name\":\"%s\",\"%s\":", url ? "url" : source_of(e->value),
			   url ? "url" : "external_id");
		json_quote(b, e->value);
		buf_putc(b, '}');
		any = true;
	}
	if (any)
		buf_putc(b, ']');
}

static void cluster_labels(struct buf *b, const struct rel_cluster *c)
{
	OWN(buf) struct buf t = BUF(1 << 20);
	LIT(b, ",\"labels\":[");
	buf_printf(&t, "misp:galaxy-name=\"%.*s\"", STR_ARG(c->galaxy ? c->galaxy->name : STR("")));
	json_quote(b, buf_str(&t));
	buf_clear(&t);
	buf_printf(&t, "misp:galaxy-type=\"%.*s\"", STR_ARG(c->cluster->type));
	buf_putc(b, ',');
	json_quote(b, buf_str(&t));
	buf_putc(b, ',');
	json_quote(b, c->cluster->tag_name);
	buf_putc(b, ']');
}

static void cluster_body(struct stix2 *w, struct buf *b, const struct rel_cluster *c,
			 enum stix2_kind k)
{
	const struct misp_cluster *m = c->cluster;
	bool own = k == SX_X_CLUSTER;
	cluster_labels(b, c);
	jp_str(b, own ? "x_misp_value" : "name", m->value);
	if (m->description.n)
		jp_str(b, own ? "x_misp_description" : "description", m->description);
	if (own) {
		jp_str(b, "x_misp_name", c->galaxy ? c->galaxy->name : STR(""));
		jp_str(b, "x_misp_type", m->type);
		stix2_extension(w, b);
		return;
	}
	bool aliases = k == SX_INTRUSION_SET || k == SX_THREAT_ACTOR ||
		       (w->version == STIX2_1 &&
			(k == SX_ATTACK_PATTERN || k == SX_MALWARE || k == SX_TOOL));
	if (aliases)
		elements(b, "aliases", m, "synonyms");
	if (k == SX_MALWARE && w->version == STIX2_1)
		LIT(b, ",\"is_family\":false");
	references(b, m);
}

/* The cluster, once, and in the list of each event that names it. */
static enum stix2_kind cluster_write(struct stix2 *w, struct buf *b, const struct rel_cluster *c,
				     struct uuid *u)
{
	enum stix2_kind k = cluster_kind(c);
	*u = stix2_uuid(w, c->cluster->uuid);
	if (seen_before(&w->named, (struct str){(const char *)u->b, 16}))
		return k;
	stix2_list(w, k, *u, NULL);
	if (stix2_first_time(w, "cluster", *u) &&
	    stix2_open(w, b, k, *u, STIX2_LONG_AGO, STIX2_LONG_AGO, false)) {
		cluster_body(w, b, c, k);
		buf_putc(b, '}');
	}
	return k;
}

void stix2_clusters(struct stix2 *w, struct buf *b, const struct rel_cluster *c, uint32_t n)
{
	struct uuid u;
	for (uint32_t i = 0; i < n; i++)
		(void)cluster_write(w, b, &c[i], &u);
}

/* ---- about an attribute, object or event ---- */

static int64_t time_of(struct str s)
{
	return stix2_us(s.n ? clock_from_iso(s) : 0);
}

/* "2024-01-01 00:00:00" or ISO 8601 */
static int64_t analyst_time(struct str s)
{
	char text[20];
	if (s.n < 19)
		return time_of(s);
	memcpy(text, s.p, 19);
	text[10] = 'T';
	text[19] = '\0';
	return time_of((struct str){text, 19});
}

void stix2_analyst(struct stix2 *w, struct buf *b, const struct rel_analyst *v, uint32_t n,
		   enum stix2_kind k, struct uuid from)
{
	for (uint32_t j = 0; j < n; j++) {
		const struct misp_analyst *a = v[j].a;
		static const uint8_t what[] = {[ANALYST_NOTE] = SAY_NOTE, [ANALYST_OPINION] = SAY_OPINION,
					       [ANALYST_RELATIONSHIP] = SAY_RELATION};
		struct stix2_item i = {.what = what[a->kind],
				       .from_kind = (uint8_t)k,
				       .to_kind = SX_COUNT,
				       .id = a->uuid,
				       .from = from,
				       .created = analyst_time(a->created),
				       .modified = analyst_time(a->modified),
				       .authors = a->authors,
				       .number = a->opinion};
		i.modified = MAX(i.modified, i.created);
		if (a->kind == ANALYST_NOTE) {
			i.text = a->note;
		} else if (a->kind == ANALYST_OPINION) {
			i.text = a->comment;
		} else {
			i.type = a->relationship_type;
			i.to = stix2_uuid(w, a->related_object_uuid);
		}
		say(w, b, &i);
		if (a->kind != ANALYST_RELATIONSHIP)
			stix2_analyst(w, b, v[j].children, v[j].n_children,
				      a->kind == ANALYST_NOTE ? SX_NOTE : SX_OPINION,
				      stix2_uuid(w, a->uuid));
	}
}

void stix2_about(struct stix2 *w, struct buf *b, const struct rel_element *el, enum stix2_kind k,
		 struct uuid from)
{
	const struct misp_attr *a = el->attr;
	int64_t at = stix2_us(a->timestamp);
	for (uint32_t j = 0; j < el->n_clusters; j++) {
		struct stix2_item i = {.what = SAY_RELATION, .from_kind = (uint8_t)k, .from = from,
				       .created = at, .modified = at};
		if (w->object.open && w->object.streaming)
			break; /* the tag stands in the object's member */
		i.to_kind = (uint8_t)cluster_write(w, b, &el->clusters[j], &i.to);
		bool of_indicator = k == SX_INDICATOR &&
				    (i.to_kind == SX_ATTACK_PATTERN || i.to_kind == SX_INTRUSION_SET ||
				     i.to_kind == SX_MALWARE || i.to_kind == SX_THREAT_ACTOR ||
				     i.to_kind == SX_TOOL);
		char text[UUID_TEXT_LEN + 1];
		i.type = of_indicator ? STR("indicates") : STR("related-to");
		i.id = stix2_derive(from, uuid_format(i.to, text));
		say(w, b, &i);
	}
	for (uint32_t j = 0; j < el->n_sightings; j++) {
		const struct misp_sighting *s = &el->sightings[j];
		const struct misp_org *org = el->sighting_orgs ? el->sighting_orgs[j] : NULL;
		struct stix2_item i = {.what = s->type == 1 ? SAY_FALSE : SAY_SIGHTING,
				       .from_kind = (uint8_t)k,
				       .from = from,
				       .id = s->uuid,
				       .created = stix2_us(s->date_sighting),
				       .modified = stix2_us(s->date_sighting),
				       .text = s->source};
		if (s->type > 1)
			continue; /* that it expires is not that it was seen */
		if (org) {
			i.org = org->uuid;
			i.org_name = org->name;
		}
		say(w, b, &i);
	}
	stix2_analyst(w, b, el->analyst, el->n_analyst, k, from);
}

void stix2_object_said(struct stix2 *w, struct buf *b, const struct rel_element *el)
{
	struct uuid from = stix2_uuid(w, el->object->uuid);
	for (uint32_t j = 0; j < el->n_refs; j++) {
		const struct misp_ref *r = &el->refs[j];
		struct stix2_item i = {.what = SAY_RELATION,
				       .from_kind = SX_COUNT,
				       .to_kind = SX_COUNT,
				       .from = from,
				       .to = stix2_uuid(w, r->referenced_uuid),
				       .id = r->uuid,
				       .created = stix2_us(r->timestamp),
				       .modified = stix2_us(r->timestamp),
				       .type = r->relationship_type,
				       .text = r->comment};
		if (!r->deleted && el->ref_targets[j].known)
			keep(w, &i);
	}
	stix2_analyst(w, b, el->analyst, el->n_analyst, SX_COUNT, from);
}

void stix2_report(struct stix2 *w, struct buf *b, const struct rel_element *el, enum stix2_kind k,
		  struct uuid event)
{
	const struct misp_report *r = el->report;
	int64_t at = stix2_us(r->timestamp);
	struct stix2_item i = {.what = SAY_REPORT, .from_kind = (uint8_t)k, .from = event,
			       .id = r->uuid, .created = at, .modified = at,
			       .type = r->name, .text = r->content};
	if (!r->deleted && r->content.n)
		say(w, b, &i);
	stix2_analyst(w, b, el->analyst, el->n_analyst, SX_NOTE, stix2_uuid(w, r->uuid));
}
