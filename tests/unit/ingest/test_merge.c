/*
 * test_merge.c - what an edit changes and what it leaves: the merge rules of sync-protocol.md 4.6
 * and its appendix C, on a real store and index.
 */
#include "tests/unit/ingest/fixture.h"

#define EVENT "11111111-1111-4111-8111-111111111111"
#define ATTR_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ATTR_B "aaaaaaaa-0000-4000-8000-000000000002"
#define OBJECT "bbbbbbbb-0000-4000-8000-000000000001"
#define IN_OBJECT "bbbbbbbb-0000-4000-8000-000000000002"

static enum err run_org(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.id = store_new_row_id(w, T_ORG), .name = STR("HOME"), .local = true};
	(void)arg;
	o.uuid = uuid_random();
	return store_put(w, T_ORG, o.id, &o, f);
}

static struct admit_facts facts(void)
{
	return (struct admit_facts){.kind = AUD_OPERATOR,
				    .org_id = 1,
				    .user_id = 1,
				    .site_admin = true,
				    .perm_sync = true,
				    .perm_publish = true,
				    .perm_tagger = true,
				    .perm_tag_editor = true,
				    .existing_local = true,
				    .default_event_distribution = 1,
				    .default_attr_distribution = 5,
				    .now = 1700000000};
}

static enum err merge(const char *json, struct ingest_result *res)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, json);
	struct admit_facts fa = facts();
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 1};
	struct fail f = {0};
	return ingest_event_merge(&env, &raw, &o, &fa, arena, res, &f);
}

/* The attribute with this UUID as stored; ERR_NOENT. */
static enum err stored(const char *uuid, struct misp_attr *a, struct misp_event *e)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct index_uuid at;
	struct uuid u;
	struct fail f = {0};
	uuid_parse(str_c(uuid), &u);
	TRY(index_uuid_find(ix, u, &at));
	TRY(store_read(store, &t, &f));
	TRY(store_get(t, T_EVENT, at.event_id, arena, e));
	struct misp_attr row;
	TRY(store_el_get(t, EL_ATTR, (struct el_key){e->body, at.parent, at.id}, arena, &row));
	*a = row;
	a->value = arena_str(arena, row.value);
	a->comment = arena_str(arena, row.comment);
	e->info = arena_str(arena, e->info);
	return ERR_OK;
}

static void add(void)
{
	struct ingest_result res;
	struct misp_attr a;
	struct misp_event e;
	is_ok(merge("{\"uuid\":\"" EVENT "\",\"info\":\"first\",\"timestamp\":\"1000\",\"Attribute\":["
		    "{\"uuid\":\"" ATTR_A "\",\"type\":\"ip-dst\",\"value\":\"192.0.2.1\","
		    "\"comment\":\"kept\",\"timestamp\":\"1000\",\"Tag\":[{\"name\":\"one\"}]},"
		    "{\"uuid\":\"" ATTR_B "\",\"type\":\"md5\",\"value\":\"not a digest\"},"
		    "{\"type\":\"ip-dst\",\"value\":\"192.0.2.1\"}],"
		    "\"Object\":[{\"uuid\":\"" OBJECT "\",\"name\":\"file\",\"meta-category\":\"file\","
		    "\"template_uuid\":\"688c46fb-5edb-40a3-8273-1af7923e2215\","
		    "\"template_version\":\"24\",\"description\":\"x\",\"timestamp\":\"1000\","
		    "\"Attribute\":[{\"uuid\":\"" IN_OBJECT "\",\"type\":\"filename\","
		    "\"object_relation\":\"filename\",\"value\":\"a.exe\",\"timestamp\":\"1000\"}]}]}",
		    &res),
	      "added");
	is_int(res.outcome, INGEST_ADDED, "outcome");
	is_uint(res.refused, 2, "the invalid and the repeated one are left out");
	is_ok(stored(ATTR_A, &a, &e), "stored");
	is_uint(e.attribute_count, 2, "two live attributes are counted");
	is_uint(a.tags.n, 1, "with its tag");
	is_err(stored(ATTR_B, &a, &e), ERR_NOENT, "the invalid one is not there");
}

static void edit(void)
{
	struct ingest_result res;
	struct misp_attr a;
	struct misp_event e;
	is_ok(merge("{\"uuid\":\"" EVENT "\",\"info\":\"same time\",\"timestamp\":\"1000\"}", &res),
	      "not newer is no error of a merge");
	is_int(res.outcome, INGEST_UNCHANGED, "and changes nothing");
	is_ok(merge("{\"uuid\":\"" EVENT "\",\"timestamp\":\"1100\",\"Attribute\":["
		    "{\"uuid\":\"" ATTR_A "\",\"value\":\"192.0.2.2\",\"type\":\"ip-dst\","
		    "\"timestamp\":\"1000\"}]}",
		    &res),
	      "newer event, attribute of the same time");
	is_ok(stored(ATTR_A, &a, &e), "stored");
	is_view(a.value, "192.0.2.1", "the attribute stays");
	is_view(e.info, "first", "a member that was not sent stays");
	is_int(e.timestamp, 1100, "the event is newer");
	is_ok(merge("{\"uuid\":\"" EVENT "\",\"timestamp\":\"1200\",\"Attribute\":["
		    "{\"uuid\":\"" ATTR_A "\",\"value\":\"192.0.2.2\",\"type\":\"ip-dst\","
		    "\"timestamp\":\"1001\",\"Tag\":[{\"name\":\"two\"}]}]}",
		    &res),
	      "a newer attribute");
	is_ok(stored(ATTR_A, &a, &e), "stored");
	is_view(a.value, "192.0.2.2", "its value is taken");
	is_view(a.comment, "kept", "its comment stays");
	is_uint(a.tags.n, 2, "tags join");
}

static void delete_object(void)
{
	struct ingest_result res;
	struct misp_attr a;
	struct misp_event e;
	is_ok(merge("{\"uuid\":\"" EVENT "\",\"timestamp\":\"1300\",\"Object\":["
		    "{\"uuid\":\"" OBJECT "\",\"deleted\":true,\"timestamp\":\"1001\"}]}",
		    &res),
	      "an object is deleted");
	is_ok(stored(IN_OBJECT, &a, &e), "its attribute is there");
	ok(a.deleted, "and deleted with it");
	is_uint(e.attribute_count, 1, "live attributes are counted again");
	is_uint(e.attribute_total, 2, "all of them too");
}

static void elsewhere(void)
{
	struct ingest_result res;
	struct misp_attr a;
	struct misp_event e;
	is_ok(merge("{\"info\":\"thief\",\"timestamp\":\"1\",\"Attribute\":[{\"uuid\":\"" ATTR_A
		    "\",\"type\":\"ip-dst\",\"value\":\"203.0.113.9\"}]}",
		    &res),
	      "another event names the UUID");
	is_uint(res.refused, 1, "it is left out there");
	is_ok(stored(ATTR_A, &a, &e), "stored");
	is_view(a.value, "192.0.2.2", "and stays as it was here");
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
	fix_begin(run_org);
	add();
	edit();
	delete_object();
	elsewhere();
	is_ok(store_check(store, NULL, tell, &problems, &rep, &f), "the store is sound");
	is_ok(index_check(ix, tell, &problems, &f), "and the index agrees");
	is_uint(problems, 0, "no problems");
	return fix_end();
}
