/*
 * farm.c - the store full of canaries: organisations, groups, events and what stands in them.
 *
 * Everything is taken in the way that the node takes it in; only proposals, which have no way in
 * yet, are put beside it.
 */
#include "tests/leak/farm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model/pack.h"
#include "model/types.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"
#include "trust/admitted_make.h"

const char *const who_names[WHO_COUNT] = {
	"nobody",       "public feed", "export",       "stream",      "own sensor", "technical peer",
	"partner peer", "full peer",   "other member", "host member", "own member", "operator"};
const char *const policy_names[POLICY_COUNT] = {"default", "misp-compat", "strict"};

#define ALPHA 2u /* owns everything */
#define BETA 3u /* another local organisation */
#define GAMMA 4u /* a peer's */

static const char strict_yaml[] =
	"default_tlp: amber\n"
	"tlp_for_members: strict\n"
	"use: [cn-rmsv]\n"
	"rules:\n"
	"  - {name: no-victims, level: attribute, when: {category: [Targeting data]}, effect: drop,\n"
	"     to: ['*'], except: [own]}\n"
	"  - {name: denied, level: event, when: {tag: ['zq:deny']}, effect: deny, to: ['*'],\n"
	"     except: [own]}\n";

/* ---- documents ---- */

/* A part of a document; what only the owner may see is not in the twin. */
struct part {
	bool own_only;
	const char *json;
};

#define U(n) "\"uuid\":\"5f000000-0000-4000-8000-0000000" #n "\","
#define T "\"timestamp\":\"1600000000\","
#define OWN_ONLY true
#define ALL false

static const struct part attrs[] = {
	{ALL, "{" U(10001) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"zq001zq.example\",\"comment\":\"zq003zq\","
		"\"Opinion\":[{" U(60011) "\"opinion\":\"7\",\"comment\":\"zq106zq\","
		"\"distribution\":\"3\"}],"
		"\"Tag\":[{\"name\":\"zq:zq041zq\"}]}"},
	{ALL, "{" U(10002) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"shared.example\",\"comment\":\"[internal] zq004zq\"}"},
	{ALL, "{" U(10003) T "\"type\":\"hostname\",\"category\":\"Network activity\","
		"\"to_ids\":false,\"value\":\"zq005zq.example\"}"},
	{OWN_ONLY, "{" U(10004) T "\"type\":\"domain\",\"category\":\"Network activity\","
		"\"to_ids\":true,\"value\":\"zq006zq.example\",\"distribution\":\"0\","
		"\"Note\":[{" U(60012) "\"note\":\"zq107zq\",\"distribution\":\"3\"}]}"},
	{ALL, "{" U(10005) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"zq007zq.example\",\"distribution\":\"4\",\"sharing_group_id\":\"1\"}"},
	{OWN_ONLY, "{" U(10006) T "\"type\":\"domain\",\"category\":\"Network activity\","
		"\"to_ids\":true,\"value\":\"zq008zq.example\",\"distribution\":\"4\","
		"\"sharing_group_id\":\"2\"}"},
	{ALL, "{" U(10007) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"zq009zq.example\"}"},
	{ALL, "{" U(10008) T "\"type\":\"target-user\",\"category\":\"Targeting data\","
		"\"to_ids\":true,\"value\":\"zq013zq\"}"},
	{ALL, "{" U(10009) T "\"type\":\"text\",\"category\":\"Internal reference\","
		"\"to_ids\":true,\"value\":\"zq014zq\"}"},
	{ALL, "{" U(10010) T "\"type\":\"threat-actor\",\"category\":\"Attribution\","
		"\"to_ids\":true,\"value\":\"zq015zq\"}"},
	{ALL, "{" U(10011) T "\"type\":\"first-name\",\"category\":\"Person\",\"to_ids\":true,"
		"\"value\":\"zq016zq\"}"},
	{ALL, "{" U(10012) T "\"type\":\"other\",\"category\":\"Financial fraud\",\"to_ids\":true,"
		"\"value\":\"zq017zq\"}"},
	{ALL, "{" U(10013) T "\"type\":\"attachment\",\"category\":\"Payload delivery\","
		"\"to_ids\":false,\"value\":\"zq018zq.txt\","
		"\"data\":\"Y2FuYXJ5X2F0dGFjaF9ieXRlcw==\"}"},
	{ALL, "{" U(10014) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"zq020zq.example\",\"Tag\":[{\"name\":\"tlp:red\"}]}"},
	{ALL, "{" U(10015) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"zq021zq.example\",\"Tag\":[{\"name\":\"tlp:amber\"}]}"},
	{ALL, "{" U(10016) T "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		"\"value\":\"zq042zq.example\",\"distribution\":\"1\"}"},
};

static const struct part objects[] = {
	{ALL, "{" U(20001) T "\"name\":\"file\",\"meta-category\":\"file\",\"template_uuid\":"
		"\"688c46fb-5edb-40a3-8273-1af7923e2215\",\"template_version\":\"24\","
		"\"description\":\"d\",\"distribution\":\"5\",\"comment\":\"zq022zq\","
		"\"Note\":[{" U(60013) "\"note\":\"zq108zq\",\"distribution\":\"3\"}],"
		"\"Attribute\":[{" U(20002) T
		"\"type\":\"text\",\"category\":\"Other\",\"object_relation\":\"state\","
		"\"value\":\"zq023zq\"},{" U(20003) T "\"type\":\"filename\","
		"\"category\":\"Payload delivery\",\"object_relation\":\"filename\","
		"\"value\":\"plain.exe\"}],\"ObjectReference\":[{" U(20004)
		"\"referenced_uuid\":\"5f000000-0000-4000-8000-000000010001\","
		"\"relationship_type\":\"drops\",\"comment\":\"zq026zq\"}]}"},
	{OWN_ONLY, "{" U(20005) T "\"name\":\"zq025zq\",\"meta-category\":\"file\","
		"\"template_uuid\":\"688c46fb-5edb-40a3-8273-1af7923e2216\","
		"\"template_version\":\"1\",\"description\":\"d\",\"distribution\":\"0\","
		"\"Attribute\":[{" U(20006) T "\"type\":\"filename\","
		"\"category\":\"Payload delivery\",\"object_relation\":\"filename\","
		"\"value\":\"zq024zq\",\"distribution\":\"5\"}]}"},
	{ALL, "{" U(20007) T "\"name\":\"file\",\"meta-category\":\"file\",\"template_uuid\":"
		"\"688c46fb-5edb-40a3-8273-1af7923e2215\",\"template_version\":\"24\","
		"\"description\":\"d\",\"distribution\":\"5\",\"Attribute\":[{" U(20008) T "\"type\":\"filename\","
		"\"category\":\"Payload delivery\",\"object_relation\":\"filename\","
		"\"value\":\"zq027zq\"}]}"},
};

static const struct part reports[] = {
	{ALL, "{" U(30001) T "\"name\":\"zq028zq\",\"content\":\"zq029zq\",\"Note\":[{" U(60014)
		"\"note\":\"zq109zq\",\"distribution\":\"3\"}]}"},
	{OWN_ONLY, "{" U(30002) T "\"name\":\"r\",\"content\":\"zq030zq\",\"distribution\":\"0\"}"},
	{ALL, "{" U(30003) T "\"name\":\"zq046zq\",\"content\":\"zq046zq\"}"},
};

static const struct part keys[] = {
	{ALL, "{\"type\":\"pgp\",\"key_data\":\"-----BEGIN PGP PUBLIC KEY BLOCK-----\\n"
		"Comment: zq064zq\\n\\nxjMEawOAbhYJKwYBBAHaRw8BAQdA6uN7/FknDIYXe9pluOrRPNUh88RD"
		"eoACpSeDHdMUDyg=\\n-----END PGP PUBLIC KEY BLOCK-----\"}"},
};

static const struct part notes[] = {
	{ALL, "{" U(60001) "\"note\":\"zq100zq\",\"distribution\":\"3\","
		"\"authors\":\"zq110zq@alpha.example\",\"Note\":[{" U(60002)
		"\"note\":\"zq104zq\",\"distribution\":\"3\"}]}"},
	{OWN_ONLY, "{" U(60003) "\"note\":\"zq101zq\",\"distribution\":\"0\",\"Note\":[{" U(60004)
		"\"note\":\"zq112zq\",\"distribution\":\"3\"}]}"},
	{ALL, "{" U(60005) "\"note\":\"this is TLP: RED zq102zq\",\"distribution\":\"3\"}"},
	{ALL, "{" U(60006) "\"note\":\"[internal] zq103zq\",\"distribution\":\"3\"}"},
	{ALL, "{" U(60007) "\"note\":\"zq105zq\",\"distribution\":\"4\","
		"\"sharing_group_id\":\"1\"}"},
};

/* Whole events: the canary, its level and tags. */
static const struct plain {
	bool own_only, unpublished;
	const char *token, *level, *tags;
} plains[] = {
	{ALL, true, "zq050zq", "\"3\"", "{\"name\":\"tlp:clear\"}"},
	{OWN_ONLY, false, "zq051zq", "\"0\"", "{\"name\":\"tlp:clear\"}"},
	{ALL, false, "zq052zq", "\"4\",\"sharing_group_id\":\"1\"", "{\"name\":\"tlp:clear\"}"},
	{OWN_ONLY, false, "zq053zq", "\"4\",\"sharing_group_id\":\"2\"", "{\"name\":\"tlp:clear\"}"},
	{ALL, false, "zq054zq", "\"3\"", "{\"name\":\"tlp:red\"}"},
	{ALL, false, "zq055zq", "\"3\"", "{\"name\":\"tlp:amber+strict\"}"},
	{ALL, false, "zq056zq", "\"3\"", "{\"name\":\"type:OSINT\"}"},
	{ALL, false, "zq057zq", "\"3\"",
	 "{\"name\":\"tlp:clear\"},{\"name\":\"embargo:until=\\\"2041-01-01T00:00:00Z\\\"\"}"},
	{ALL, false, "zq058zq", "\"3\"",
	 "{\"name\":\"tlp:clear\"},{\"name\":\"embargo:public=\\\"2041-01-01T00:00:00Z\\\"\"}"},
	{ALL, false, "zq059zq", "\"1\"", "{\"name\":\"tlp:clear\"}"},
	{ALL, false, "zq060zq", "\"3\"", "{\"name\":\"tlp:clear\"},{\"name\":\"rmsv:record\"}"},
	{ALL, false, "zq061zq", "\"3\"", "{\"name\":\"tlp:clear\"},{\"name\":\"zq:deny\"}"},
	{ALL, false, "zq062zq", "\"3\"", "{\"name\":\"tlp:zzz\"}"},
	{ALL, false, "zq063zq", "\"3\"",
	 "{\"name\":\"tlp:clear\"},{\"name\":\"embargo:until=\\\"whenever\\\"\"}"},
	{ALL, false, "zq065zq", "\"3\",\"protected\":true", "{\"name\":\"tlp:clear\"}"},
};

/* ---- rows ---- */

#define ALPHA_UUID "0a1a0000-0000-4000-8000-00000000000"

static enum err put_org(struct store_wtxn *w, const char *name, const char *about, bool local,
			char digit, struct fail *f)
{
	char uuid[] = ALPHA_UUID "x";
	uuid[sizeof(uuid) - 2] = digit;
	struct misp_org o = {.name = str_c(name), .description = str_c(about), .local = local};
	uuid_parse(str_c(uuid), &o.uuid);
	o.id = store_new_row_id(w, T_ORG);
	return store_put(w, T_ORG, o.id, &o, f);
}

static enum err put_user(struct store_wtxn *w, uint64_t org, const char *email, struct fail *f)
{
	struct misp_user u = {.id = store_new_row_id(w, T_USER), .org_id = org, .role_id = 3};
	u.email = str_c(email);
	return store_put(w, T_USER, u.id, &u, f);
}

static enum err put_group(struct store_wtxn *w, const char *name, const uint64_t *orgs, uint32_t n,
			  char digit, struct fail *f)
{
	char uuid[] = "0b1b0000-0000-4000-8000-00000000000x";
	struct misp_sgorg v[4] = {0};
	struct misp_sg g = {.name = str_c(name), .releasability = str_c(name), .active = true,
			    .org_id = ALPHA, .description = str_c(name)};
	uuid[sizeof(uuid) - 2] = digit;
	uuid_parse(str_c(uuid), &g.uuid);
	for (uint32_t i = 0; i < n; i++)
		v[i].org_id = orgs[i];
	g.orgs = (struct entity_list){v, n};
	g.id = store_new_row_id(w, T_SG);
	return store_put(w, T_SG, g.id, &g, f);
}

static enum err put_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	const bool *twin = arg;
	struct misp_tag t = {.name = STR("zq:zq011zq"), .colour = STR("#000000")};
	TRY(put_org(w, "zq037zq", "zq038zq", true, '2', f));
	TRY(put_org(w, "Beta", "b", true, '3', f));
	TRY(put_org(w, "Gamma", "g", false, '4', f));
	TRY(put_user(w, 1, "admin@host.example", f));
	TRY(put_user(w, ALPHA, "zq036zq@alpha.example", f));
	TRY(put_user(w, BETA, "user@beta.example", f));
	TRY(put_group(w, "zq039zq", (const uint64_t[]){ALPHA, BETA}, 2, '1', f));
	t.id = store_new_row_id(w, T_TAG);
	TRY(store_put(w, T_TAG, t.id, &t, f));
	if (!*twin)
		TRY(put_group(w, "zq040zq", (const uint64_t[]){ALPHA}, 1, '2', f));
	TRY(farm_put_clusters(w, *twin, f));
	if (*twin)
		return ERR_OK;
	return put_org(w, "zq032zq", "d", false, '5', f);
}

/* ---- events ---- */

static void must(enum err e, const struct fail *f, const char *what)
{
	if (e != ERR_OK)
		bail_out("%s: %s %s", what, err_name(e), f->text);
}

static void add_parts(struct buf *b, const char *name, const struct part *p, size_t n, bool twin)
{
	bool any = false;
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (twin && p[i].own_only)
			continue;
		if (any)
			buf_putc(b, ',');
		buf_puts(b, p[i].json);
		any = true;
	}
	buf_putc(b, ']');
}

static uint64_t add(struct farm *f, struct buf *b)
{
	buf_putc(b, 0);
	uint64_t id = world_add_as(&f->w, b->p, ALPHA, 2);
	if (!id)
		bail_out("an event of the farm is not taken in");
	buf_free(b);
	return id;
}

static uint64_t add_first(struct farm *f, bool twin)
{
	struct buf b = BUF(1u << 20);
	buf_puts(&b, "{\"Event\":{" U(00001) T
		     "\"date\":\"2020-09-13\",\"info\":\"zq002zq\",\"published\":true,"
		     "\"distribution\":\"3\",\"threat_level_id\":\"1\",\"analysis\":\"2\","
		     "\"Tag\":[{\"name\":\"tlp:clear\"},{\"name\":\"zq:zq011zq\"},"
		     "{\"name\":\"zq:zq012zq\"},"
		     "{\"name\":\"misp-galaxy:g=\\\"library\\\"\"},"
		     "{\"name\":\"misp-galaxy:g=\\\"5f000000-0000-4000-8000-000000050001\\\"\"},"
		     "{\"name\":\"misp-galaxy:g=\\\"5f000000-0000-4000-8000-000000050003\\\"\"}]");
	add_parts(&b, "Attribute", attrs, ARRAY_LEN(attrs), twin);
	add_parts(&b, "Object", objects, ARRAY_LEN(objects), twin);
	add_parts(&b, "EventReport", reports, ARRAY_LEN(reports), twin);
	add_parts(&b, "Note", notes, ARRAY_LEN(notes), twin);
	add_parts(&b, "CryptographicKey", keys, ARRAY_LEN(keys), twin);
	buf_puts(&b, "}}");
	return add(f, &b);
}

static void add_plain(struct farm *f, const struct plain *p, unsigned i)
{
	struct buf b = BUF(1u << 20);
	buf_printf(&b,
		   "{\"Event\":{\"uuid\":\"5f000000-0000-4000-8000-0000000001%02u\"," T
		   "\"date\":\"2020-09-13\",\"info\":\"%s\",\"published\":%s,"
		   "\"distribution\":%s,\"threat_level_id\":\"1\",\"analysis\":\"2\","
		   "\"Tag\":[%s,{\"name\":\"zq:%s\"}],\"Attribute\":["
		   "{\"uuid\":\"5f000000-0000-4000-8000-0000000002%02u\"," T
		   "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		   "\"value\":\"%s.example\",\"comment\":\"%s\"},"
		   "{\"uuid\":\"5f000000-0000-4000-8000-0000000003%02u\"," T
		   "\"type\":\"domain\",\"category\":\"Network activity\",\"to_ids\":true,"
		   "\"value\":\"shared.example\"}],\"EventReport\":["
		   "{\"uuid\":\"5f000000-0000-4000-8000-0000000004%02u\"," T
		   "\"name\":\"%s\",\"content\":\"%s\"}],\"Note\":["
		   "{\"uuid\":\"5f000000-0000-4000-8000-0000000006%02u\","
		   "\"note\":\"%s\",\"distribution\":\"3\"}]}}",
		   i, p->token, p->unpublished ? "false" : "true", p->level, p->tags, p->token, i,
		   p->token, p->token, i, i, p->token, p->token, i, p->token);
	add(f, &b);
}

/* ---- what does not come in documents ---- */

static struct index_uuid element(struct farm *f, const char *uuid)
{
	struct uuid u;
	struct index_uuid at = {0};
	if (!uuid_parse(str_c(uuid), &u) || index_uuid_find(f->w.index, u, &at) != ERR_OK)
		bail_out("no element %s", uuid);
	return at;
}

static const struct origin by_alpha = {.kind = ORIGIN_LOCAL, .id = 2, .time = 1600000000};

static void delete(struct farm *f, enum element_kind k, const char *uuid)
{
	struct fail why = {0};
	must(ingest_el_delete(&f->w.in, k, element(f, uuid).id, false, &by_alpha, &why), &why,
	     "deleting");
}

static enum err local_tag(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_tagref t = {.name = STR("zq:zq010zq"), .exportable = true};
	return ingest_tag_capture(w, &t, arg, f);
}

struct proposing {
	uint64_t event, attr, hidden; /* hidden: an attribute that only the owner sees; 0 in the twin */
};

static const struct {
	enum { ABOUT_NOTHING, ABOUT_FIRST, ABOUT_HIDDEN } about;
	bool deleted;
	const char *value, *comment;
} proposals[] = {
	{ABOUT_NOTHING, false, "zq033zq.example", "zq034zq"},
	{ABOUT_FIRST, false, "zq033zq.example", "zq034zq"},
	{ABOUT_NOTHING, true, "zq043zq.example", "zq043zq"},
	{ABOUT_HIDDEN, false, "zq044zq.example", "zq044zq"},
};

static enum err put_proposals(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct proposing *to = arg;
	struct misp_event e;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	TRY(store_get(store_view(w), T_EVENT, to->event, a, &e));
	struct misp_event copy;
	TRY(entity_copy(a, &desc_misp_event, &e, &copy));
	OWN(admitted) struct admitted *adm = admitted_make(NULL, &copy, &by_alpha);
	copy.proposal_count = 0;
	for (unsigned i = 0; i < ARRAY_LEN(proposals); i++) {
		const uint64_t about[] = {0, to->attr, to->hidden};
		if (proposals[i].about == ABOUT_HIDDEN && !to->hidden)
			continue;
		struct misp_proposal p = {.event_id = to->event,
					  .old_id = about[proposals[i].about],
					  .deleted = proposals[i].deleted,
					  .type = ATTR_DOMAIN,
					  .category = CAT_NETWORK,
					  .value = str_c(proposals[i].value),
					  .comment = str_c(proposals[i].comment),
					  .email = STR("zq035zq@beta.example"),
					  .to_ids = true,
					  .org_id = BETA,
					  .event_org_id = ALPHA,
					  .first_seen = MICRO_NONE,
					  .last_seen = MICRO_NONE,
					  .event_uuid = copy.uuid,
					  .timestamp = 1600000000};
		char uuid[] = "5f000000-0000-4000-8000-00000004000x";
		uuid[sizeof(uuid) - 2] = (char)('0' + i);
		uuid_parse(str_c(uuid), &p.uuid);
		p.id = store_new_el_id(w, EL_PROPOSAL);
		TRY(store_el_put(w, adm, EL_PROPOSAL,
				 (struct el_key){copy.body, p.old_id, p.id}, &p, f));
		copy.proposal_count++;
	}
	return store_event_put(w, adm, &copy, f);
}

static void see(struct farm *f, uint64_t attr, uint64_t org, const char *source)
{
	struct fail why = {0};
	uint64_t id;
	struct misp_sighting s = {.org_id = org,
				  .date_sighting = 1600000000,
				  .source = str_c(source)};
	char uuid[] = "5f000000-0000-4000-8000-00000005000x";
	uuid[sizeof(uuid) - 2] = (char)('0' + org);
	uuid_parse(str_c(uuid), &s.uuid);
	must(ingest_sighting_add(&f->w.in, attr, &s, &by_alpha, &id, &why), &why, "sighting");
}

/* A note about something that is not here. */
static void about_nothing(struct farm *f)
{
	struct fail why = {0};
	struct ingest_result res;
	struct element el = {.kind = EL_ANALYST};
	struct admit_facts facts = {.kind = AUD_MEMBER,
				    .org_id = ALPHA,
				    .user_id = 2,
				    .perm_analyst = true,
				    .now = 1600000000};
	OWN(arena) struct arena *a = arena_new(1u << 20);
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, NULL);
	struct misp_analyst *n = &el.analyst;
	uuid_parse(STR("5f000000-0000-4000-8000-000000060020"), &n->uuid);
	uuid_parse(STR("5f000000-0000-4000-8000-000000060021"), &n->object_uuid);
	n->object_type = STR("Event");
	n->note = STR("zq111zq");
	n->distribution = DIST_ALL;
	n->head.has = ~UINT64_C(0);
	must(raw_add(raw, &el, &why), &why, "a note");
	must(ingest_analyst(&f->w.in, &raw, ANALYST_ADD, &by_alpha, &facts, a, &res, &why), &why,
	     "a note about nothing");
	if (res.added != 1)
		bail_out("the note about nothing is not taken in");
}

static void add_others(struct farm *f, uint64_t event, bool twin)
{
	struct fail why = {0};
	struct store *s = f->w.store;
	bool already;
	uint64_t tag = 0, id;
	struct index_uuid first = element(f, "5f000000-0000-4000-8000-000000010001");
	delete(f, EL_ATTR, "5f000000-0000-4000-8000-000000010007");
	delete(f, EL_OBJECT, "5f000000-0000-4000-8000-000000020007");
	delete(f, EL_REPORT, "5f000000-0000-4000-8000-000000030003");
	must(store_run(s, local_tag, &tag, &why), &why, "local tag");
	must(ingest_tag_attach(&f->w.in, EL_COUNT, event, tag, true, STR(""), &by_alpha, &already,
			       &why),
	     &why, "attaching it");
	if (!twin) {
		struct misp_sighting sight = {.org_id = 5, .date_sighting = 1600000000,
					      .source = STR("zq031zq"),
					      .uuid = uuid_random()};
		must(ingest_sighting_add(&f->w.in, first.id, &sight, &by_alpha, &id, &why), &why,
		     "sighting");
	}
	about_nothing(f);
	struct proposing to = {event, first.id, 0};
	if (!twin) {
		to.hidden = element(f, "5f000000-0000-4000-8000-000000010004").id;
		see(f, to.hidden, 5, "zq045zq");
	}
	see(f, first.id, BETA, "zq047zq");
	see(f, first.id, 1, "zq048zq");
	must(store_run(s, put_proposals, &to, &why), &why, "proposals");
	must(ingest_publish(&f->w.in, event, true, &by_alpha, &why), &why, "publishing");
}

/* ---- everything that is there ---- */

static void note_elements(struct farm *f, const struct store_rtxn *t, const struct misp_event *e,
			  enum element_kind k)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	union {
		struct misp_attr attr;
		struct misp_object object;
		struct misp_proposal proposal;
		struct misp_sighting sighting;
		struct misp_report report;
	} row;
	if (store_el_iter_new(t, k, (struct el_key){.body = e->body}, false, &it) != ERR_OK)
		bail_out("no iterator");
	while (store_el_iter_next(it, a, &key, &row) == ERR_OK) {
		if (k == EL_OBJECT && f->n_objects < ARRAY_LEN(f->objects))
			f->objects[f->n_objects++] =
				(struct search_hit){e->id, key.id, 0, key.id};
		if (k != EL_OBJECT && k != EL_ATTR && f->n_parts < ARRAY_LEN(f->parts))
			f->parts[f->n_parts++] = (struct search_hit){e->id, 0, key.parent, key.id};
		if (k == EL_ATTR && f->n_attrs < ARRAY_LEN(f->attrs))
			f->attrs[f->n_attrs++] = (struct search_hit){e->id, key.parent, key.id, 0};
	}
}

static void note_all(struct farm *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail why = {0};
	struct misp_event e;
	uint64_t id = 0;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	must(store_read(f->w.store, &t, &why), &why, "reading");
	while (store_next(t, T_CLUSTER, &id, NULL, NULL) == ERR_OK)
		f->clusters[f->n_clusters++] = id;
	id = 0;
	while (store_next(t, T_GALAXY, &id, NULL, NULL) == ERR_OK)
		f->galaxies[f->n_galaxies++] = id;
	id = 0;
	while (store_next(t, T_EVENT, &id, a, &e) == ERR_OK) {
		f->events[f->n_events++] = (struct search_hit){.event_id = id};
		note_elements(f, t, &e, EL_ATTR);
		note_elements(f, t, &e, EL_OBJECT);
		note_elements(f, t, &e, EL_PROPOSAL);
		note_elements(f, t, &e, EL_SIGHTING);
		note_elements(f, t, &e, EL_REPORT);
	}
}

void farm_open(struct farm *f, bool twin)
{
	struct fail why = {0};
	*f = (struct farm){0};
	world_open(&f->w, "default");
	must(store_run(f->w.store, put_rows, &twin, &why), &why, "rows");
	uint64_t event = add_first(f, twin);
	add_others(f, event, twin);
	for (unsigned i = 0; i < ARRAY_LEN(plains); i++)
		if (!twin || !plains[i].own_only)
			add_plain(f, &plains[i], i + 10);
	note_all(f);
}

void farm_close(struct farm *f)
{
	world_close(&f->w);
}

/* ---- who looks ---- */

void farm_policy(struct farm *f, enum farm_policy p)
{
	char path[128];
	struct fail why = {0};
	policy_unref(MOVE(f->w.policy));
	if (p != POLICY_STRICT) {
		f->w.policy = policy_shipped(policy_names[p]);
		return;
	}
	snprintf(path, sizeof(path), "%s/policy.yaml", f->w.dir);
	FILE *file = fopen(path, "we");
	if (!file || fputs(strict_yaml, file) < 0 || fclose(file) != 0)
		bail_out("cannot write %s", path);
	must(policy_load(path, &f->w.policy, &why), &why, "policy");
}

struct audience farm_audience(const struct farm *f, enum who w)
{
	static const struct {
		enum audience_kind kind;
		uint64_t org, user;
	} rows[WHO_COUNT] = {
		[FEED] = {AUD_FEED, 0, 0},	       [EXPORT] = {AUD_EXPORT, 0, 0},
		[STREAM] = {AUD_STREAM, 0, 0},	       [SENSOR] = {AUD_EXPORT, 0, 0},
		[PEER_TECHNICAL] = {AUD_PEER, GAMMA, 9}, [PEER_PARTNER] = {AUD_PEER, GAMMA, 9},
		[PEER_FULL] = {AUD_PEER, GAMMA, 9},    [OTHER] = {AUD_MEMBER, BETA, 3},
		[HOST] = {AUD_MEMBER, 1, 4},	       [OWN] = {AUD_MEMBER, ALPHA, 5},
		[OPERATOR] = {AUD_OPERATOR, 1, 1},
	};
	struct audience a = {.kind = rows[w].kind};
	if (rows[w].org) {
		struct caller c = {.kind = rows[w].kind,
				   .user_id = rows[w].user,
				   .org_id = rows[w].org,
				   .site_admin = w == OPERATOR,
				   .perm_audit = true,
				   .perm_sync = rows[w].kind == AUD_PEER};
		char uuid[] = ALPHA_UUID "x";
		uuid[sizeof(uuid) - 2] = (char)('0' + rows[w].org);
		uuid_parse(str_c(uuid), &c.org);
		policy_audience(f->w.policy, &c, &a);
	}
	if (w == SENSOR) {
		a.tlp = TLP_UPTO_AMBER_STRICT;
		a.pap = PAP_UPTO_RED;
		a.release_class = CLASS_OWN;
		a.domestic = true;
		a.profile = PROFILE_FULL;
	}
	if (w == PEER_PARTNER && !a.misp_rules_only)
		a.profile = PROFILE_PARTNER;
	if (w == PEER_FULL)
		a.profile = PROFILE_FULL;
	return a;
}
