/*
 * test_parts.c - proposals of other nodes, what their owner does with them, sightings and reports
 * inside documents: the rules of sync-protocol.md 3.7, 4.6, 4.11, 12.2 and 12.3 on a real store.
 */
#include "model/types.h"
#include "tests/unit/ingest/fixture.h"

#define EVENT "11111111-1111-4111-8111-111111111111"
#define ATTR_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ATTR_B "aaaaaaaa-0000-4000-8000-000000000002"
#define NEW "cccccccc-0000-4000-8000-000000000001"
#define REPORT "dddddddd-0000-4000-8000-000000000001"
#define GROUP "eeeeeeee-0000-4000-8000-000000000001"
#define REEF "7d3f0b10-2a64-4c39-8e55-a1b2c3d40003"

static enum err run_orgs(struct store_wtxn *w, void *arg, struct fail *f)
{
	static const char *const names[] = {"HOME", "PEER"};
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct misp_org o = {.id = store_new_row_id(w, T_ORG),
				     .name = str_c(names[i]),
				     .local = true,
				     .uuid = uuid_random()};
		TRY(store_put(w, T_ORG, o.id, &o, f));
	}
	return ERR_OK;
}

/* Over a link from PEER, or of our own administrator. */
static struct admit_facts facts(bool link)
{
	return (struct admit_facts){.kind = link ? AUD_PEER : AUD_OPERATOR,
				    .org_id = link ? 2 : 1,
				    .user_id = 1,
				    .site_admin = !link,
				    .perm_sync = true,
				    .perm_publish = true,
				    .perm_tagger = true,
				    .perm_tag_editor = true,
				    .pull = link,
				    .existing_local = !link,
				    .default_event_distribution = 1,
				    .default_attr_distribution = 5,
				    .now = 1700000000};
}

static enum err merge(const char *json, bool link, struct ingest_result *res)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, json);
	struct admit_facts fa = facts(link);
	struct origin o = {.kind = link ? ORIGIN_PEER : ORIGIN_LOCAL, .id = 1};
	struct fail f = {0};
	return ingest_event_merge(&env, &raw, &o, &fa, arena, res, &f);
}

static struct uuid uuid_of(const char *s)
{
	struct uuid u;
	if (!uuid_parse(str_c(s), &u))
		bail_out("%s is no UUID", s);
	return u;
}

static struct misp_event event(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_event e;
	struct uuid u = uuid_of(EVENT);
	struct fail f = {0};
	uint64_t id;
	if (store_read(store, &t, &f) != ERR_OK ||
	    store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, &id) != ERR_OK ||
	    store_get(t, T_EVENT, id, arena, &e) != ERR_OK)
		bail_out("no event");
	e.tags.n = 0;
	return e;
}

union row {
	struct misp_proposal proposal;
	struct misp_sighting sighting;
	struct misp_report report;
};

/* The elements of a kind in the event; texts are of no use after. */
static unsigned all(enum element_kind k, union row *v, struct el_key *keys, unsigned max)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct fail f = {0};
	unsigned n = 0;
	if (store_read(store, &t, &f) != ERR_OK ||
	    store_el_iter_new(t, k, (struct el_key){.body = event().body}, false, &it) != ERR_OK)
		bail_out("cannot read");
	while (n < max && store_el_iter_next(it, arena, &keys[n], &v[n]) == ERR_OK)
		n++;
	return n;
}

/* ---- proposals ---- */

struct sent {
	const char *uuid, *event, *value;
	int64_t timestamp;
	bool of_attr, deleted, named;
};

static struct ingest_taken send(const struct sent *v, size_t n)
{
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, fix_dir);
	struct admit_facts fa = facts(true);
	struct origin o = {.kind = ORIGIN_PEER, .id = 1};
	struct ingest_taken out;
	struct fail f = {0};
	for (size_t i = 0; i < n; i++) {
		struct element el = {.kind = EL_PROPOSAL};
		struct misp_proposal *p = &el.proposal;
		struct misp_org reef = {.uuid = uuid_of(REEF), .name = STR("Remote Reef")};
		misp_proposal_init(p);
		p->uuid = uuid_of(v[i].uuid);
		p->event_uuid = uuid_of(v[i].event);
		if (v[i].of_attr)
			p->old_uuid = p->uuid;
		p->type = ATTR_DOMAIN;
		p->category = CAT_NETWORK;
		p->value = str_c(v[i].value);
		p->comment = STR("");
		p->email = STR("someone@else.example");
		p->timestamp = v[i].timestamp;
		p->deleted = v[i].deleted;
		p->org = (struct entity_list){v[i].named ? &reef : NULL, v[i].named};
		if (raw_add(raw, &el, &f) != ERR_OK)
			bail_out("%s", f.text);
	}
	is_ok(ingest_proposals_take(&env, &raw, &o, &fa, &out, &f), "taken");
	return out;
}

static void add_event(void)
{
	struct ingest_result res;
	is_ok(merge("{\"uuid\":\"" EVENT "\",\"info\":\"i\",\"date\":\"2024-01-01\",\"distribution\":1,"
		    "\"published\":true,\"timestamp\":\"1000\",\"Attribute\":["
		    "{\"uuid\":\"" ATTR_A "\",\"type\":\"domain\",\"category\":\"Network activity\","
		    "\"value\":\"a.example\",\"timestamp\":\"1000\"},"
		    "{\"uuid\":\"" ATTR_B "\",\"type\":\"domain\",\"category\":\"Network activity\","
		    "\"value\":\"b.example\",\"timestamp\":\"1000\"}]}",
		    false, &res),
	      "an event of our own");
}

static void proposals_of_others(void)
{
	struct sent one = {NEW, EVENT, "new.example", 2000, false, false, true};
	union row v[8];
	struct el_key k[8];
	struct ingest_taken t = send(&one, 1);
	is_uint(t.added, 1, "a proposal for a new attribute");
	t = send(&one, 1);
	is_uint(t.known, 1, "the same again is known");
	one.timestamp = 1500;
	one.deleted = true;
	is_uint(send(&one, 1).known, 1, "an older one changes nothing");
	is_uint(all(EL_PROPOSAL, v, k, 8), 1, "there is one");
	ok(!v[0].proposal.deleted && v[0].proposal.timestamp == 2000, "as it was");
	is_uint(v[0].proposal.org_id, 3, "of the organisation that it names");
	is_uint(v[0].proposal.email.n, 0, "without the address of a user who is not here");
	one.timestamp = 2500;
	is_uint(send(&one, 1).added, 1, "a newer equal one");
	is_uint(all(EL_PROPOSAL, v, k, 8), 1, "takes its place");
	ok(v[0].proposal.deleted && v[0].proposal.timestamp == 2500, "closed as it is there");
	one = (struct sent){NEW, EVENT, "other.example", 2000, false, false, false};
	is_uint(send(&one, 1).added, 1, "another value is another proposal");
	is_uint(all(EL_PROPOSAL, v, k, 8), 2, "beside it");
	is_uint(v[1].proposal.org_id, 2, "of the caller when nobody is named");
	is_uint(event().proposal_count, 2, "both are counted");
	ok(event().published && event().timestamp == 1000, "the event is neither newer nor unpublished");
}

static void proposals_about_attributes(void)
{
	struct sent v[] = {{ATTR_A, EVENT, "changed.example", 3000, true, false, true},
			   {ATTR_B, EVENT, "b.example", 3000, false, false, true},
			   {NEW, "22222222-1111-4111-8111-111111111111", "x.example", 1, false, false,
			    true},
			   {NEW, EVENT, "no domain", 1, false, false, true}};
	union row got[8];
	struct el_key k[8];
	struct ingest_taken t = send(v, ARRAY_LEN(v));
	is_uint(t.added, 2, "two are taken");
	is_uint(t.unknown, 1, "one is of an event that is not here");
	is_uint(t.refused, 1, "one has a bad value");
	is_uint(all(EL_PROPOSAL, got, k, 8), 4, "four in all");
	is_uint(k[3].parent, got[3].proposal.old_id, "keyed by the attribute");
	ok(k[3].parent != 0, "that has its UUID here");
	is_uint(k[2].parent, 0, "without a number there it is about none");
	/* twice in one document: the second is no newer */
	struct sent twice[] = {{NEW, EVENT, "twice.example", 1, false, false, true},
			       {NEW, EVENT, "twice.example", 1, false, false, true}};
	t = send(twice, 2);
	is_uint(t.added, 1, "of two equal ones in one answer");
	is_uint(t.known, 1, "the second is known");
}

static uint64_t find(const char *value, struct el_key *key)
{
	union row v[16];
	struct el_key k[16];
	unsigned n = all(EL_PROPOSAL, v, k, 16);
	for (unsigned i = 0; i < n; i++)
		if (str_is(v[i].proposal.value, value)) {
			*key = k[i];
			return k[i].id;
		}
	bail_out("no proposal %s", value);
	return 0;
}

static void owner_answers(void)
{
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 1};
	struct admit_facts fa = facts(false);
	struct fail f = {0};
	struct el_key k;
	bool of_attr;
	uint64_t before = event().attribute_count;
	is_ok(ingest_proposal_discard(&env, find("twice.example", &k), &o, &f), "discarded");
	ok(event().published && event().timestamp == 1000, "which leaves the event alone");
	is_err(ingest_proposal_discard(&env, find("twice.example", &k), &o, &f), ERR_NOENT,
	       "a second time there is none that is open");
	is_ok(ingest_proposal_accept(&env, find("other.example", &k), &o, &fa, &of_attr, &f),
	      "accepted");
	ok(!of_attr, "it was for a new attribute");
	is_uint(event().attribute_count, before + 1, "which is there");
	ok(!event().published && event().timestamp > 1000, "the event is newer and unpublished");
	struct index_uuid at;
	is_ok(index_uuid_find(ix, uuid_of(NEW), &at), "under the proposal's UUID");
	ok(at.kind == CHANGE_EL(EL_ATTR), "as an attribute");
	is_ok(ingest_proposal_accept(&env, find("changed.example", &k), &o, &fa, &of_attr, &f),
	      "a change accepted");
	ok(of_attr, "it was about an attribute");
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_attr a;
	is_ok(index_uuid_find(ix, uuid_of(ATTR_A), &at), "that is where it was");
	is_ok(store_read(store, &t, &f), "read");
	is_ok(store_el_get(t, EL_ATTR, (struct el_key){event().body, at.parent, at.id}, arena, &a),
	      "stored");
	is_view(a.value, "changed.example", "and has the proposed value");
	/* its UUID is an attribute's by now */
	is_err(ingest_proposal_accept(&env, find("new.example", &k), &o, &fa, &of_attr, &f), ERR_NOENT,
	       "one that was closed elsewhere cannot be accepted");
}

/* ---- sightings and reports in documents ---- */

static void embedded(void)
{
	struct ingest_result res;
	union row v[8];
	struct el_key k[8];
	is_ok(merge("{\"uuid\":\"33333333-1111-4111-8111-111111111111\",\"info\":\"i\","
		    "\"date\":\"2024-01-01\",\"distribution\":3,\"timestamp\":\"1000\",\"Attribute\":["
		    "{\"uuid\":\"aaaaaaaa-0000-4000-8000-000000000009\",\"type\":\"domain\","
		    "\"category\":\"Network activity\",\"value\":\"s.example\",\"Sighting\":["
		    "{\"uuid\":\"55555555-0000-4000-8000-000000000001\",\"type\":\"0\","
		    "\"date_sighting\":\"900\",\"source\":\"\"},"
		    "{\"uuid\":\"55555555-0000-4000-8000-000000000002\",\"type\":\"0\","
		    "\"date_sighting\":\"900\",\"source\":\"\",\"org_id\":\"77\",\"Organisation\":"
		    "{\"id\":\"77\",\"name\":\"Remote Reef\",\"uuid\":\"" REEF "\"}}]}]}",
		    true, &res),
	      "an event with sightings over a link");
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_event e;
	struct fail f = {0};
	is_ok(store_read(store, &t, &f), "read");
	is_ok(store_get(t, T_EVENT, res.event_id, arena, &e), "stored");
	is_ok(store_el_iter_new(t, EL_SIGHTING, (struct el_key){.body = e.body}, false, &it), "walk");
	is_ok(store_el_iter_next(it, arena, &k[0], &v[0]), "first");
	is_ok(store_el_iter_next(it, arena, &k[1], &v[1]), "second");
	is_uint(v[0].sighting.org_id, 0, "who names nobody stays nobody (12.3, 22)");
	is_uint(v[1].sighting.org_id, 3, "who is named is named");
}

#define REPORT_DOC(time, name, more)                                                               \
	"{\"uuid\":\"33333333-1111-4111-8111-111111111111\",\"info\":\"i\",\"timestamp\":\"" time      \
	"\",\"date\":\"2024-01-01\",\"distribution\":3,\"EventReport\":[{\"uuid\":\"" REPORT           \
	"\",\"name\":\"" name "\",\"content\":\"c\",\"timestamp\":\"" time "\"," more "}]}"

static struct misp_report report(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct index_uuid at;
	struct misp_event e;
	struct misp_report r;
	struct fail f = {0};
	if (index_uuid_find(ix, uuid_of(REPORT), &at) != ERR_OK ||
	    store_read(store, &t, &f) != ERR_OK ||
	    store_get(t, T_EVENT, at.event_id, arena, &e) != ERR_OK ||
	    store_el_get(t, EL_REPORT, (struct el_key){e.body, 0, at.id}, arena, &r) != ERR_OK)
		bail_out("no report");
	r.name = arena_str(arena, r.name);
	return r;
}

static void reports(void)
{
	struct ingest_result res;
	is_ok(merge(REPORT_DOC("2000", "one", "\"distribution\":\"5\""), true, &res), "a report");
	is_ok(merge(REPORT_DOC("3000", "two",
			       "\"distribution\":\"4\",\"sharing_group_id\":\"1\""),
		    true, &res),
	      "its update names a group by the sender's number alone");
	is_view(report().name, "two", "the text is taken");
	ok(report().distribution == DIST_ORG && report().sharing_group_id == 0,
	   "the number is not: it stays with the own organisation (12.3, 21)");
	is_ok(merge(REPORT_DOC("4000", "three",
			       "\"distribution\":\"4\",\"sharing_group_id\":\"99\",\"SharingGroup\":"
			       "{\"id\":\"99\",\"uuid\":\"" GROUP "\",\"name\":\"g\",\"releasability\":"
			       "\"r\",\"roaming\":true,\"active\":true,\"SharingGroupOrg\":[{\"extend\":"
			       "true,\"Organisation\":{\"name\":\"PEER\",\"uuid\":\"" REEF "\"}}]}"),
		    true, &res),
	      "then with the group itself");
	is_view(report().name, "three", "the text is taken");
	ok(report().sharing_group_id != 99, "and never the number");
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 1};
	struct fail f = {0};
	int64_t then = report().timestamp;
	struct index_uuid at;
	is_ok(index_uuid_find(ix, uuid_of(REPORT), &at), "found");
	is_ok(ingest_el_delete(&env, EL_REPORT, at.id, false, &o, &f), "deleted");
	ok(report().deleted && report().timestamp > then, "which is newer, so that it travels");
	then = report().timestamp;
	is_ok(ingest_report_restore(&env, at.id, &o, &f), "restored in the same second");
	ok(!report().deleted && report().timestamp > then, "is newer still");
}

static void tell(void *user, const char *problem)
{
	++*(unsigned *)user;
	diag("%s", problem);
}

int main(void)
{
	struct fail f = {0};
	struct store_report rep;
	unsigned problems = 0;
	fix_begin(run_orgs);
	add_event();
	proposals_of_others();
	proposals_about_attributes();
	owner_answers();
	embedded();
	reports();
	is_ok(store_check(store, NULL, tell, &problems, &rep, &f), "the store is sound");
	is_ok(index_check(ix, tell, &problems, &f), "and the index agrees");
	is_uint(problems, 0, "no problems");
	return fix_end();
}
