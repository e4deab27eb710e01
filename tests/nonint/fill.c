/*
 * fill.c - one of two stores: what the audience sees is the same in both, what it does not is there or not,
 * or says something else.
 *
 * Rows that documents make on the way (tags, organisations) are made first when something visible names
 * them: their order is what anybody sees. Numbers begin anywhere and have gaps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/hash.h"
#include "egress/derived.h"
#include "egress/order.h"
#include "lists/lists.h"
#include "model/pack.h"
#include "model/types.h"
#include "tests/nonint/fill.h"
#include "tests/tap/tap.h"
#include "trust/admitted_make.h"

const char *const user_keys[WHO_USERS] = {
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2",
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA4",
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA5", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA6",
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA7"};
const char *const user_emails[WHO_USERS] = {"user@alpha.test", "user@beta.test",   "admin@beta.test", "user@host.test",
					    "sync@gamma.test", "reader@gamma.test", "sync@alpha.test"};
static const struct {
	enum org org;
	unsigned role; /* MISP's: 2 org admin, 3 user, 5 sync, 6 read only */
} users[WHO_USERS] = {{ALPHA, 3}, {BETA, 3}, {BETA, 2}, {HOST, 3}, {GAMMA, 5}, {GAMMA, 6}, {ALPHA, 5}};

static const char key_secret[] = "an HMAC key of the test";

static uint64_t filling_seed;

void must(enum err e, const struct fail *f, const char *what)
{
	if (e != ERR_OK)
		bail_out("seed %llu: %s: %s %s", (unsigned long long)filling_seed, what, err_name(e), f->text);
}

static bool is_hidden(const struct filling *x, unsigned i)
{
	return model_hidden(x->m, i);
}

/* ---- rows ---- */

static uint64_t org_row(enum org o)
{
	return (uint64_t)o + 1;
}

static enum err put_org(struct store_wtxn *w, enum org o, struct fail *f)
{
	struct misp_org row = {.id = store_new_row_id(w, T_ORG), .name = str_c(org_names[o]),
			       .local = o <= BETA, .uuid = org_uuid(o)};
	return store_put(w, T_ORG, row.id, &row, f);
}

/* Who asked just now: that he did is not written again, which is done beside the answer. */
static enum err put_user(struct store_wtxn *w, unsigned n, int64_t now, struct fail *f)
{
	struct misp_user u = {.org_id = org_row(users[n].org), .role_id = users[n].role,
			      .email = str_c(user_emails[n]), .nids_sid = 4000000, .last_api_access = now};
	struct str key = str_c(user_keys[n]);
	struct sha256 d = hash_hmac(str_c(key_secret), key);
	u.id = store_new_row_id(w, T_USER);
	TRY(store_put(w, T_USER, u.id, &u, f));
	struct misp_authkey k = {.user_id = u.id,
				 .digest = {(char *)d.b, sizeof(d.b)},
				 .key_start = {key.p, 4},
				 .key_end = {key.p + 36, 4},
				 .created = WHEN,
				 .last_used = now,
				 .unique_ips = STR("[\"127.0.0.1\"]"),
				 .plain = true};
	k.uuid = uuid_v5(org_uuid(HOST), key);
	k.id = store_new_row_id(w, T_AUTHKEY);
	return store_put(w, T_AUTHKEY, k.id, &k, f);
}

static enum err put_first_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct filling *x = arg;
	for (unsigned i = 1; i <= 6; i++) {
		struct misp_role r = {.id = store_new_row_id(w, T_ROLE), .name = str_c(stock_role_name(i)),
				      .perms = perms_of_stock_role(i), .default_role = i == 3};
		TRY(store_put(w, T_ROLE, r.id, &r, f));
	}
	/* scores are made of tags and sightings */
	struct misp_decay d = {.id = store_new_row_id(w, T_DECAY),
			       .name = STR("nqmodel"),
			       .formula = STR("polynomial"),
			       .parameters = STR("{\"lifetime\":20000,\"decay_speed\":1.5,\"threshold\":40,"
						 "\"default_base_score\":50,\"base_score_config\":{\"nq\":1}}"),
			       .attribute_types =
				       STR("[\"domain\",\"ip-dst\",\"md5\",\"url\",\"text\","
					   "\"threat-actor\"]"),
			       .enabled = true,
			       .all_orgs = true};
	TRY(store_put(w, T_DECAY, d.id, &d, f));
	for (unsigned o = ALPHA; o < ORG_USERS; o++)
		TRY(put_org(w, (enum org)o, f));
	for (unsigned i = 0; i < WHO_USERS; i++)
		TRY(put_user(w, i, x->m->now, f));
	return ERR_OK;
}

/* Numbers of this store begin somewhere, and all have four digits. */
static enum err burn(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct filling *x = arg;
	static const enum store_table tables[] = {T_ORG, T_TAG, T_SG, T_CLUSTER, T_GALAXY, T_ANALYST, T_EVENT};
	(void)f;
	for (unsigned t = 0; t < ARRAY_LEN(tables); t++)
		for (unsigned n = 1000 + rng_below(&x->rng, 1000); n > 0; n--)
			(void)store_new_row_id(w, tables[t]);
	for (unsigned k = 0; k < EL_CLUSTER; k++)
		for (unsigned n = 1000 + rng_below(&x->rng, 1000); n > 0; n--)
			(void)store_new_el_id(w, (enum element_kind)k);
	return ERR_OK;
}

static enum err gap(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct filling *x = arg;
	(void)f;
	for (unsigned n = rng_below(&x->rng, 7); n > 0; n--)
		(void)store_new_row_id(w, T_EVENT);
	for (unsigned n = rng_below(&x->rng, 7); n > 0; n--)
		(void)store_new_el_id(w, EL_ATTR);
	return ERR_OK;
}

/* ---- tags ---- */

typedef void (*tag_fn)(void *user, const char *name);

/* Names of the tags that a thing carries in this variant; `seen`: only those that the audience sees. */
static void each_tag(const struct filling *x, unsigned i, bool seen, tag_fn fn, void *user)
{
	const struct model *m = x->m;
	const struct thing *t = &m->thing[i];
	char name[100], u[UUID_TEXT_LEN + 1];
	if (t->tlp) {
		snprintf(name, sizeof(name), "tlp:%s", tlp_names[t->tlp - 1]);
		fn(user, name);
	}
	if (t->pap) {
		snprintf(name, sizeof(name), "PAP:%s", pap_names[t->pap - 1]);
		fn(user, name);
	}
	if (t->tag) {
		snprintf(name, sizeof(name), "nq:tag-%u", t->tag);
		for (unsigned c = 0; c < m->n && t->tag == 6; c++)
			if (m->thing[c].kind == CLUSTER) {
				snprintf(name, sizeof(name), "misp-galaxy:g=\"%s\"",
					 uuid_format(model_uuid(m, c), u));
				break;
			}
		fn(user, name);
	}
	if (t->deny)
		fn(user, "nq:deny");
	if (t->embargo == 2) {
		bool hidden = model_hides(m, i, F_EMBARGO);
		snprintf(name, sizeof(name), "embargo:until=\"200%u-01-01T00:00:00Z\"", hidden ? x->variant : 5);
		if (!hidden || !seen)
			fn(user, name);
	} else if (t->embargo) {
		snprintf(name, sizeof(name), "embargo:%s=\"2041-01-01T00:00:00Z\"",
			 t->embargo == 1 ? "until" : "public");
		fn(user, name);
	}
}

static void capture(void *user, const char *name)
{
	struct store_wtxn *w = ((void **)user)[0];
	struct misp_tagref t = {.name = str_c(name), .exportable = true};
	struct fail f = {0};
	char worth[8];
	uint64_t id;
	unsigned sum = 0;
	for (size_t i = 0; i < t.name.n; i++)
		sum += (unsigned char)t.name.p[i];
	snprintf(worth, sizeof(worth), "%u", sum % 101);
	t.numerical_value = str_c(worth);
	must(ingest_tag_capture(w, &t, &id, &f), &f, "a tag");
}

static void local_tag_name(const struct filling *x, unsigned i, char out[40])
{
	char text[24];
	model_text(x->m, i, x->variant, "local", model_hides(x->m, i, F_LOCAL_TAG), text);
	/* kill-chain: goes with what is technical */
	snprintf(out, 40, "%s:%s", i % 3 ? "kill-chain" : "nq", text);
}

/* Rows that something visible names, in the same order in both stores. */
static enum err put_seen_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct filling *x = arg;
	const struct model *m = x->m;
	void *user[] = {w};
	bool org[ORG_COUNT] = {false};
	for (unsigned i = 0; i < m->n; i++) {
		const struct thing *t = &m->thing[i];
		char name[40];
		if (!model_exists(m, i, x->variant) || is_hidden(x, i))
			continue;
		if (t->kind == EVENT || t->kind == ATTR)
			each_tag(x, i, true, capture, user);
		if (t->local_tag && !model_hides(m, i, F_LOCAL_TAG)) {
			local_tag_name(x, i, name);
			capture(user, name);
		}
		if (t->kind == EVENT && t->creator >= EXT_A && !org[t->creator]) {
			org[t->creator] = true;
			TRY(put_org(w, (enum org)t->creator, f));
		}
	}
	return ERR_OK;
}

/* ---- groups and clusters ---- */

static uint64_t group_id(const struct side *s, const struct model *m, unsigned i)
{
	return i == NO_THING ? 0 : side_id(s, GROUP, model_uuid(m, i));
}

enum err put_group(struct store_wtxn *w, const struct filling *x, unsigned i, struct fail *f)
{
	const struct thing *t = &x->m->thing[i];
	struct misp_sgorg v[ORG_COUNT];
	char name[24];
	uint32_t n = 0;
	memset(v, 0, sizeof(v));
	model_text(x->m, i, x->variant, "group", is_hidden(x, i), name);
	struct misp_sg g = {.name = str_c(name), .releasability = str_c(name), .description = str_c(name),
			    .active = true, .org_id = org_row((enum org)t->owner), .uuid = model_uuid(x->m, i)};
	for (unsigned o = 0; o < ORG_USERS; o++)
		if (t->members >> o & 1)
			v[n++].org_id = org_row((enum org)o);
	g.orgs = (struct entity_list){v, n};
	g.id = group_id(x->s, x->m, i);
	if (!g.id)
		g.id = store_new_row_id(w, T_SG);
	return store_put(w, T_SG, g.id, &g, f);
}

enum err put_cluster(struct store_wtxn *w, const struct filling *x, unsigned i, uint64_t galaxy,
			    struct fail *f)
{
	const struct thing *t = &x->m->thing[i];
	char text[24], tag[100], u[UUID_TEXT_LEN + 1];
	model_text(x->m, i, x->variant, "cluster", is_hidden(x, i), text);
	struct misp_clustermeta meta = {.key = STR("synonyms"), .value = str_c(text)};
	struct misp_cluster c = {.uuid = model_uuid(x->m, i), .galaxy_id = galaxy, .type = STR("g"),
				 .value = str_c(text), .description = str_c(text), .version = STR("1"),
				 .distribution = t->dist,
				 .sharing_group_id = group_id(x->s, x->m, t->group),
				 .org_id = org_row((enum org)t->owner), .orgc_id = org_row((enum org)t->owner),
				 .published = t->published, .elements = {&meta, 1}};
	snprintf(tag, sizeof(tag), "misp-galaxy:g=\"%s\"", uuid_format(c.uuid, u));
	c.tag_name = str_c(tag);
	c.id = side_id(x->s, CLUSTER, c.uuid);
	if (!c.id)
		c.id = store_new_row_id(w, T_CLUSTER);
	return store_put(w, T_CLUSTER, c.id, &c, f);
}

static enum err put_groups(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct filling *x = arg;
	for (unsigned i = 0; i < x->m->n; i++)
		if (x->m->thing[i].kind == GROUP && model_exists(x->m, i, x->variant))
			TRY(put_group(w, x, i, f));
	return ERR_OK;
}

static enum err put_clusters(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct filling *x = arg;
	struct misp_galaxy g = {.name = STR("nqgalaxy"), .type = STR("g"), .version = STR("1"), .enabled = true};
	uuid_parse(STR("99999999-0000-4000-8000-000000000011"), &g.uuid);
	g.id = store_new_row_id(w, T_GALAXY);
	TRY(store_put(w, T_GALAXY, g.id, &g, f));
	for (unsigned i = 0; i < x->m->n; i++)
		if (x->m->thing[i].kind == CLUSTER && model_exists(x->m, i, x->variant))
			TRY(put_cluster(w, x, i, g.id, f));
	return ERR_OK;
}

/* ---- documents ---- */

static void put_level(const struct filling *x, const struct thing *t, struct buf *b)
{
	buf_printf(b, "\"distribution\":\"%u\"", t->dist);
	if (t->group != NO_THING)
		buf_printf(b, ",\"sharing_group_id\":\"%llu\"",
			   (unsigned long long)group_id(x->s, x->m, t->group));
}

static void put_tag(void *user, const char *name)
{
	struct buf *b = user;
	if (b->p[b->n - 1] != '[')
		buf_putc(b, ',');
	buf_puts(b, "{\"name\":");
	json_quote(b, str_c(name));
	buf_puts(b, "}");
}

static void put_head(const struct filling *x, unsigned i, struct buf *b)
{
	char u[UUID_TEXT_LEN + 1];
	buf_printf(b, "{\"uuid\":\"%s\",\"timestamp\":\"%d\",", uuid_format(model_uuid(x->m, i), u),
		   WHEN + 10 + (x->later && (x->m->thing[i].kind == EVENT || is_hidden(x, i))));
	put_level(x, &x->m->thing[i], b);
}

static void put_tags(const struct filling *x, unsigned i, struct buf *b)
{
	buf_puts(b, ",\"Tag\":[");
	each_tag(x, i, false, put_tag, b);
	buf_putc(b, ']');
}

static void put_attr(const struct filling *x, unsigned i, struct buf *b)
{
	const struct thing *t = &x->m->thing[i];
	char value[80], comment[24];
	model_value(x->m, i, x->variant, value);
	model_text(x->m, i, x->variant, "comment", model_hides(x->m, i, F_COMMENT), comment);
	put_head(x, i, b);
	buf_printf(b, ",\"type\":\"%s\",\"category\":\"%s\",\"to_ids\":%s,\"value\":\"%s\",\"comment\":\"%s\"",
		   model_type(t), model_category(t), t->to_ids ? "true" : "false", value, comment);
	if (x->m->thing[t->parent].kind == OBJECT)
		buf_puts(b, ",\"object_relation\":\"text\"");
	put_tags(x, i, b);
	buf_putc(b, '}');
}

typedef void (*put_fn)(const struct filling *x, unsigned i, struct buf *b);

static void put_list(const struct filling *x, enum kind k, unsigned parent, const char *name, put_fn put,
		     struct buf *b)
{
	bool any = false;
	buf_printf(b, ",\"%s\":[", name);
	for (unsigned i = 0; i < x->m->n; i++) {
		const struct thing *t = &x->m->thing[i];
		if (t->kind != k || t->parent != parent || !model_exists(x->m, i, x->variant))
			continue;
		if (any)
			buf_putc(b, ',');
		any = true;
		put(x, i, b);
	}
	buf_putc(b, ']');
}

static void put_ref(const struct filling *x, unsigned i, struct buf *b)
{
	char u[UUID_TEXT_LEN + 1], to[UUID_TEXT_LEN + 1], text[24];
	model_text(x->m, i, x->variant, "ref", model_hides(x->m, i, F_COMMENT), text);
	buf_printf(b, "{\"uuid\":\"%s\",\"timestamp\":\"%d\",\"referenced_uuid\":\"%s\","
		   "\"relationship_type\":\"drops\",\"comment\":\"%s\"}",
		   uuid_format(model_uuid(x->m, i), u), WHEN + 10,
		   uuid_format(model_uuid(x->m, x->m->thing[i].about), to), text);
}

static void put_object(const struct filling *x, unsigned i, struct buf *b)
{
	char comment[24];
	model_text(x->m, i, x->variant, "comment", model_hides(x->m, i, F_COMMENT), comment);
	put_head(x, i, b);
	buf_printf(b, ",\"name\":\"file\",\"meta-category\":\"file\",\"description\":\"d\",\"template_uuid\":"
		   "\"688c46fb-5edb-40a3-8273-1af7923e2215\",\"template_version\":\"24\",\"comment\":\"%s\"",
		   comment);
	put_list(x, ATTR, i, "Attribute", put_attr, b);
	put_list(x, REFERENCE, i, "ObjectReference", put_ref, b);
	buf_putc(b, '}');
}

static void put_report(const struct filling *x, unsigned i, struct buf *b)
{
	char text[24];
	model_text(x->m, i, x->variant, "report", is_hidden(x, i), text);
	put_head(x, i, b);
	buf_printf(b, ",\"name\":\"%s\",\"content\":\"%s\"}", text, text);
}

void fill_event(const struct filling *x, unsigned i, struct buf *b)
{
	const struct thing *t = &x->m->thing[i];
	char info[24], u[UUID_TEXT_LEN + 1];
	model_text(x->m, i, x->variant, "info", model_hides(x->m, i, F_INFO), info);
	buf_puts(b, "{\"Event\":");
	put_head(x, i, b);
	buf_printf(b,
		   ",\"date\":\"2020-09-13\",\"info\":\"%s\",\"published\":false,\"threat_level_id\":\"1\","
		   "\"publish_timestamp\":\"%d\",\"analysis\":\"2\",\"Orgc\":{\"name\":\"%s\",\"uuid\":\"%s\"}",
		   info, WHEN + 20, org_names[t->creator],
		   uuid_format(org_uuid((enum org)t->creator), u));
	for (unsigned k = 0; k < i; k++)
		if (x->m->thing[k].kind == EVENT && (k + i) % 2) {
			buf_printf(b, ",\"extends_uuid\":\"%s\"", uuid_format(model_uuid(x->m, k), u));
			break;
		}
	put_tags(x, i, b);
	put_list(x, ATTR, i, "Attribute", put_attr, b);
	put_list(x, OBJECT, i, "Object", put_object, b);
	put_list(x, REPORT, i, "EventReport", put_report, b);
	buf_puts(b, "}}");
}

/* Who adds or edits an event: a user of the organisation that owns it. */
struct admit_facts facts_of(const struct filling *x, const struct thing *t, uint64_t groups[THINGS_MAX])
{
	struct admit_facts facts = world_operator();
	facts.org_id = org_row((enum org)t->owner);
	facts.user_id = side_id(x->s, KIND_COUNT, org_uuid((enum org)t->owner));
	facts.groups = groups;
	for (unsigned g = 0; g < x->m->n; g++)
		if (x->m->thing[g].kind == GROUP && model_exists(x->m, g, x->variant))
			groups[facts.n_groups++] = group_id(x->s, x->m, g);
	return facts;
}

void add_event(struct filling *x, unsigned i)
{
	struct fail why = {0};
	OWN(buf) struct buf b = BUF(1 << 20);
	uint64_t groups[THINGS_MAX];
	must(store_run(x->s->w.store, gap, x, &why), &why, "a gap");
	struct admit_facts facts = facts_of(x, &x->m->thing[i], groups);
	fill_event(x, i, &b);
	if (!world_add_with(&x->s->w, buf_cstr(&b), &facts))
		bail_out("an event is not taken in: %s", buf_cstr(&b));
}

/* ---- what does not come in documents ---- */

const struct origin from_here = {.kind = ORIGIN_LOCAL, .id = 1, .time = WHEN};

void delete_one(struct filling *x, unsigned i)
{
	static const enum element_kind kinds[KIND_COUNT] = {
		[ATTR] = EL_ATTR, [OBJECT] = EL_OBJECT, [REPORT] = EL_REPORT};
	struct fail why = {0};
	must(ingest_el_delete(&x->s->w.in, kinds[x->m->thing[i].kind],
			      side_id(x->s, (enum kind)x->m->thing[i].kind, model_uuid(x->m, i)), false, &from_here,
			      &why),
	     &why, "deleting");
}

void tag_locally(struct filling *x, unsigned i)
{
	const struct thing *t = &x->m->thing[i];
	char name[40];
	struct fail why = {0};
	bool already;
	uint64_t tag;
	OWN(store_rtxn) struct store_rtxn *txn = NULL;
	local_tag_name(x, i, name);
	must(store_read(x->s->w.store, &txn, &why), &why, "reading");
	if (store_find(txn, IX_TAG_NAME, str_c(name), &tag) != ERR_OK)
		bail_out("no tag %s", name);
	must(ingest_tag_attach(&x->s->w.in, t->kind == EVENT ? EL_COUNT : EL_ATTR,
			       side_id(x->s, (enum kind)t->kind, model_uuid(x->m, i)), tag, true, STR(""), &from_here,
			       &already, &why),
	     &why, "a local tag");
}

enum err local_tags(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct filling *x = arg;
	(void)f;
	for (unsigned i = 0; i < x->m->n; i++) {
		char name[40];
		if (!x->m->thing[i].local_tag || !model_exists(x->m, i, x->variant))
			continue;
		local_tag_name(x, i, name);
		capture((void *[]){w}, name);
	}
	return ERR_OK;
}

static void see(struct filling *x, unsigned i)
{
	const struct thing *t = &x->m->thing[i];
	struct fail why = {0};
	uint64_t id;
	char source[24];
	model_text(x->m, i, x->variant, "source", is_hidden(x, i), source);
	struct misp_sighting s = {.org_id = org_row((enum org)t->owner), .date_sighting = WHEN + 86400,
				  .source = str_c(source), .uuid = model_uuid(x->m, i)};
	must(ingest_sighting_add(&x->s->w.in, side_id(x->s, ATTR, model_uuid(x->m, t->parent)), &s, &from_here,
				 &id, &why),
	     &why, "a sighting");
}

static const char *object_type(enum kind k)
{
	return k == EVENT ? "Event" : k == ATTR ? "Attribute" : k == OBJECT ? "Object" : "EventReport";
}

static void note(struct filling *x, unsigned i)
{
	const struct thing *t = &x->m->thing[i];
	struct fail why = {0};
	struct ingest_result res = {0};
	struct element el = {.kind = EL_ANALYST};
	uint64_t group = group_id(x->s, x->m, t->group);
	char text[24];
	struct admit_facts facts = {.kind = AUD_MEMBER, .org_id = org_row((enum org)t->owner),
				    .org = org_uuid((enum org)t->owner), .user_id = 1, .perm_analyst = true,
				    .groups = &group, .n_groups = group != 0, .now = WHEN};
	OWN(arena) struct arena *a = arena_new(1u << 20);
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, NULL);
	struct misp_analyst *n = &el.analyst;
	model_text(x->m, i, x->variant, "note", is_hidden(x, i), text);
	n->uuid = model_uuid(x->m, i);
	n->object_uuid = model_uuid(x->m, t->parent);
	n->object_type = str_c(object_type((enum kind)x->m->thing[t->parent].kind));
	n->note = str_c(text);
	n->authors = STR("someone");
	n->distribution = t->dist;
	n->sharing_group_id = group;
	n->head.has = ~UINT64_C(0);
	must(raw_add(raw, &el, &why), &why, "a note");
	enum err e = ingest_analyst(&x->s->w.in, &raw, ANALYST_ADD, &from_here, &facts, a, &res, &why);
	if (e != ERR_OK || res.added != 1)
		bail_out("a note is not taken in: %s %.*s", why.text,
			 STR_ARG(res.n_problems ? res.problems[0].errors : STR("")));
}

struct proposing {
	struct filling *x;
	unsigned i;
};

static enum err propose(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct proposing *to = arg;
	const struct filling *x = to->x;
	const struct thing *t = &x->m->thing[to->i], *about = &x->m->thing[t->parent];
	unsigned event = t->parent;
	uint64_t attr = about->kind == ATTR ? side_id(x->s, ATTR, model_uuid(x->m, t->parent)) : 0;
	struct misp_event e, copy;
	char text[24];
	OWN(arena) struct arena *a = arena_new(16u << 20);
	while (x->m->thing[event].kind != EVENT)
		event = x->m->thing[event].parent;
	TRY(store_get(store_view(w), T_EVENT, side_id(x->s, EVENT, model_uuid(x->m, event)), a, &e));
	TRY(entity_copy(a, &desc_misp_event, &e, &copy));
	OWN(admitted) struct admitted *adm = admitted_make(NULL, &copy, &from_here);
	model_text(x->m, to->i, x->variant, "proposal", is_hidden(x, to->i), text);
	struct misp_proposal p = {.event_id = e.id, .old_id = attr, .deleted = t->deleted, .type = ATTR_TEXT,
				  .category = CAT_OTHER, .value = str_c(text), .comment = str_c(text),
				  .email = STR("proposer@beta.test"), .org_id = org_row((enum org)t->owner),
				  .event_org_id = copy.org_id, .first_seen = MICRO_NONE,
				  .last_seen = MICRO_NONE, .event_uuid = copy.uuid, .timestamp = WHEN,
				  .uuid = model_uuid(x->m, to->i)};
	p.id = store_new_el_id(w, EL_PROPOSAL);
	TRY(store_el_put(w, adm, EL_PROPOSAL, (struct el_key){copy.body, p.old_id, p.id}, &p, f));
	copy.proposal_count++;
	return store_event_put(w, adm, &copy, f);
}

/* Deletions and tags change the time of an event, which everybody sees: it is what the documents said. */
enum err put_times(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e, copy;
	uint64_t id = 0;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	(void)arg;
	while (store_next(store_view(w), T_EVENT, &id, a, &e) == ERR_OK) {
		TRY(entity_copy(a, &desc_misp_event, &e, &copy));
		OWN(admitted) struct admitted *adm = admitted_make(NULL, &copy, &from_here);
		copy.timestamp = WHEN + 10;
		TRY(store_event_put(w, adm, &copy, f));
		struct change c = {.op = CHANGE_EDIT, .kind = CHANGE_TABLE(T_EVENT), .id = id, .event_id = id,
				   .time = WHEN, .origin = from_here, .uuid = copy.uuid, .whole = true};
		TRY(store_change(w, &c, f));
	}
	return ERR_OK;
}

void add_parts(struct filling *x, unsigned i)
{
	const struct thing *t = &x->m->thing[i];
	struct fail why = {0};
	if (t->kind == SIGHTING)
		see(x, i);
	if (t->kind == NOTE)
		note(x, i);
	if (t->kind == PROPOSAL)
		must(store_run(x->s->w.store, propose, &(struct proposing){x, i}, &why), &why, "a proposal");
}

struct uuid collection_uuid(void)
{
	return uuid_v5(org_uuid(HOST), STR("collection"));
}

/* Of tags that are seen and of those that are not. */
static enum err put_collection(struct store_wtxn *w, void *arg, struct fail *f)
{
	static const char *const names[] = {"nq:tag-1", "nq:tag-2", "nq:tag-3", "nq:deny", "tlp:red", "tlp:green"};
	const struct filling *x = arg;
	char text[120] = "[0";
	uint64_t id;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(text);
		if ((x->m->seed + i) % 3 && store_find(store_view(w), IX_TAG_NAME, str_c(names[i]), &id) == ERR_OK)
			snprintf(text + n, sizeof(text) - n, ",%llu", (unsigned long long)id);
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "]");
	struct misp_tagcoll c = {.id = store_new_row_id(w, T_TAGCOLL),
				 .uuid = collection_uuid(),
				 .user_id = 1,
				 .org_id = 1,
				 .name = STR("nqtags"),
				 .description = STR("d"),
				 .all_orgs = true,
				 .tags = str_c(text)};
	return store_put(w, T_TAGCOLL, c.id, &c, f);
}

/* ---- the side ---- */

static void set_policy(struct side *s, const struct model *m)
{
	char path[128];
	struct fail why = {0};
	OWN(buf) struct buf b = BUF(1 << 16);
	if (!model_policy(m, &b))
		return;
	snprintf(path, sizeof(path), "%s/policy.yaml", s->w.dir);
	FILE *f = fopen(path, "we");
	if (!f || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
		bail_out("cannot write %s", path);
	policy_unref(MOVE(s->w.policy));
	must(policy_load(path, &s->w.policy, &why), &why, "the policy");
}

static bool is_ready(void *user, struct buf *why)
{
	(void)user, (void)why;
	return true;
}

static void no_metrics(void *user, struct buf *out)
{
	(void)user, (void)out;
}

static void set_api(struct side *s, const struct model *m)
{
	struct api *a = s->api;
	s->w.out.sightings_policy = m->sightings_policy;
	s->w.out.derived = s->derived;
	s->w.out.lists = s->lists;
	a->store = s->w.store;
	a->index = s->w.index;
	a->ingest = s->w.in;
	a->egress = s->w.out;
	a->base_url = s->w.out.base_url;
	a->misp_version = STR("2.5.1");
	a->key_secret = str_c(key_secret);
	a->ready = is_ready;
	a->metrics = no_metrics;
	a->order = s->order;
	a->max_event_bytes = 1 << 20;
	a->feeds_dir = s->feeds;
	a->subs = NULL;
}

void side_open(struct side *s, const struct model *m, unsigned variant)
{
	static const char *const shipped[] = {"default", "misp-compat", "cn-rmsv", "default"};
	struct fail why = {0};
	struct api *api = s->api;
	filling_seed = m->seed;
	struct filling x = {s, m, variant, {m->seed * 4 + variant + 1}};
	*s = (struct side){.api = api};
	world_open(&s->w, shipped[m->policy]);
	struct store *store = s->w.store;
	snprintf(s->feeds, sizeof(s->feeds), "%s/feeds", s->w.dir);
	if (mkdir(s->feeds, 0700) != 0)
		bail_out("cannot make %s", s->feeds);
	s->derived = derived_new();
	s->order = order_new();
	s->lists = lists_new(&(struct lists_conf){.store = store});
	set_policy(s, m);
	set_api(s, m);
	must(store_run(store, put_first_rows, &x, &why), &why, "rows");
	must(store_run(store, burn, &x, &why), &why, "numbers");
	must(store_run(store, put_seen_rows, &x, &why), &why, "rows");
	must(store_run(store, put_groups, &x, &why), &why, "groups");
	side_numbers(s);
	must(store_run(store, put_clusters, &x, &why), &why, "clusters");
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].kind == EVENT && model_exists(m, i, variant))
			add_event(&x, i);
	must(store_run(store, local_tags, &x, &why), &why, "local tags");
	side_numbers(s);
	for (unsigned i = 0; i < m->n; i++)
		if (model_exists(m, i, variant))
			add_parts(&x, i);
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].local_tag && model_exists(m, i, variant))
			tag_locally(&x, i);
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].deleted && m->thing[i].kind <= REPORT && model_exists(m, i, variant))
			delete_one(&x, i);
	for (unsigned i = 0; i < m->n; i++) /* at last: edits take the mark away */
		if (m->thing[i].kind == EVENT && m->thing[i].published && model_exists(m, i, variant))
			must(ingest_publish(&s->w.in, side_id(s, EVENT, model_uuid(m, i)), true, &from_here, &why),
			     &why, "publishing");
	must(store_run(store, put_times, &x, &why), &why, "times");
	must(store_run(store, put_collection, &x, &why), &why, "a collection of tags");
	side_numbers(s);
}

void side_close(struct side *s)
{
	lists_free(s->lists);
	world_close(&s->w);
	derived_free(s->derived);
	order_free(s->order);
}

/* ---- numbers ---- */

enum { N_USER = KIND_COUNT, N_ORG, N_TAG, N_GALAXY };

static void number(struct numbers *n, unsigned table, uint64_t id, struct uuid u)
{
	if (n->n == ARRAY_LEN(n->v))
		bail_out("too many numbers");
	n->v[n->n++] = (struct numbered){(uint8_t)table, id, u};
}

static void number_elements(struct numbers *n, const struct store_rtxn *t, uint64_t body, enum element_kind k,
			    enum kind as, struct arena *a)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key;
	struct element el;
	size_t at = offsetof(struct element, head);
	if (store_el_iter_new(t, k, (struct el_key){.body = body}, false, &it) != ERR_OK)
		bail_out("no iterator");
	while (store_el_iter_next(it, a, &key, (char *)&el + at) == ERR_OK) {
		struct uuid u = k == EL_ATTR	 ? el.attr.uuid :
				k == EL_OBJECT	 ? el.object.uuid :
				k == EL_REF	 ? el.ref.uuid :
				k == EL_REPORT	 ? el.report.uuid :
				k == EL_PROPOSAL ? el.proposal.uuid :
						   el.sighting.uuid;
		number(n, as, key.id, u);
	}
}

void side_numbers(struct side *s)
{
	static const struct {
		enum element_kind k;
		enum kind as;
	} els[] = {{EL_ATTR, ATTR}, {EL_OBJECT, OBJECT}, {EL_REF, REFERENCE}, {EL_REPORT, REPORT},
		   {EL_PROPOSAL, PROPOSAL}, {EL_SIGHTING, SIGHTING}};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(64u << 20);
	struct fail why = {0};
	struct numbers *n = &s->numbers;
	uint64_t id = 0;
	n->n = 0;
	must(store_read(s->w.store, &t, &why), &why, "reading");
	struct misp_event e;
	while (store_next(t, T_EVENT, &id, a, &e) == ERR_OK) {
		number(n, EVENT, id, e.uuid);
		for (unsigned k = 0; k < ARRAY_LEN(els); k++)
			number_elements(n, t, e.body, els[k].k, els[k].as, a);
	}
#define EACH(table, type, as, key)                                                                                     \
	do {                                                                                                           \
		struct type row;                                                                                       \
		id = 0;                                                                                                \
		while (store_next(t, table, &id, a, &row) == ERR_OK)                                                   \
			number(n, as, id, key);                                                                        \
	} while (0)
	EACH(T_SG, misp_sg, GROUP, row.uuid);
	EACH(T_CLUSTER, misp_cluster, CLUSTER, row.uuid);
	EACH(T_ANALYST, misp_analyst, NOTE, row.uuid);
	EACH(T_GALAXY, misp_galaxy, N_GALAXY, row.uuid);
	EACH(T_ORG, misp_org, N_ORG, row.uuid);
	EACH(T_TAG, misp_tag, N_TAG, uuid_v5(org_uuid(HOST), row.name));
	EACH(T_USER, misp_user, N_USER, org_uuid((enum org)(row.org_id - 1)));
#undef EACH
}

uint64_t side_id(const struct side *s, enum kind k, struct uuid u)
{
	for (unsigned i = 0; i < s->numbers.n; i++)
		if (s->numbers.v[i].table == k && uuid_eq(s->numbers.v[i].uuid, u))
			return s->numbers.v[i].id;
	return 0;
}
