/*
 * test_tombstones.c - what was deleted here for good does not come back with an old copy from elsewhere;
 * with a newer one if the policy says so, and always when somebody here makes it again.
 */
#include "gate/policy_impl.h"
#include "tests/unit/ingest/fixture.h"

#define EVENT "11111111-1111-4111-8111-111111111111"
#define ATTR_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ATTR_B "aaaaaaaa-0000-4000-8000-000000000002"
#define OBJECT "bbbbbbbb-0000-4000-8000-000000000001"
#define IN_OBJECT "bbbbbbbb-0000-4000-8000-000000000002"
#define LATER 4000000000 /* after any deletion of this test */

static const char *text = "";

static struct policy *policy(void *user)
{
	struct policy *p = NULL;
	struct fail f = {0};
	(void)user;
	if (policy_parse(str_c(text), "test", &p, &f) != ERR_OK)
		bail_out("%s", f.text);
	return p;
}

static enum err run_org(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.id = store_new_row_id(w, T_ORG), .name = STR("HOME"), .local = true};
	(void)arg;
	o.uuid = uuid_random();
	return store_put(w, T_ORG, o.id, &o, f);
}

/* The event with two attributes and an object, all as new as `timestamp`. */
static enum err take(enum audience_kind from, int64_t timestamp, struct ingest_result *res)
{
	struct admit_facts fa = {.kind = from,
				 .org_id = 1,
				 .user_id = 1,
				 .perm_sync = true,
				 .perm_publish = true,
				 .pull = from == AUD_PEER,
				 .default_event_distribution = 1,
				 .default_attr_distribution = 5,
				 .now = 1700000000};
	struct origin o = {.kind = from == AUD_PEER ? ORIGIN_PEER : ORIGIN_LOCAL, .id = 1};
	struct fail f = {0};
	char json[2000];
	int n = snprintf(
		json, sizeof(json),
		"{\"Event\":{\"uuid\":\"" EVENT "\",\"info\":\"x\",\"timestamp\":\"%lld\","
		"\"distribution\":\"3\",\"Attribute\":["
		"{\"uuid\":\"" ATTR_A "\",\"type\":\"ip-dst\",\"category\":\"Network activity\","
		"\"value\":\"192.0.2.1\",\"timestamp\":\"%lld\"},"
		"{\"uuid\":\"" ATTR_B "\",\"type\":\"ip-dst\",\"category\":\"Network activity\","
		"\"value\":\"192.0.2.2\",\"timestamp\":\"%lld\"}],\"Object\":["
		"{\"uuid\":\"" OBJECT "\",\"name\":\"file\",\"meta-category\":\"file\","
		"\"description\":\"d\",\"template_version\":\"1\",\"template_uuid\":"
		"\"688c46fb-5edb-40a3-8273-1af7923e2215\",\"timestamp\":\"%lld\",\"Attribute\":["
		"{\"uuid\":\"" IN_OBJECT "\",\"type\":\"filename\",\"object_relation\":\"filename\","
		"\"category\":\"Payload delivery\",\"value\":\"a.exe\",\"timestamp\":\"%lld\"}]}]}}",
		(long long)timestamp, (long long)timestamp, (long long)timestamp,
		(long long)timestamp, (long long)timestamp);
	if (n < 0 || (size_t)n >= sizeof(json))
		bail_out("too long");
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, json);
	return ingest_event_merge(&env, &raw, &o, &fa, arena, res, &f);
}

static bool is_here(const char *uuid)
{
	struct index_uuid at;
	struct uuid u;
	uuid_parse(str_c(uuid), &u);
	return index_uuid_find(ix, u, &at) == ERR_OK;
}

static void bury(enum element_kind k, const char *uuid)
{
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 1};
	struct index_uuid at = {0};
	struct fail f = {0};
	struct uuid u;
	uuid_parse(str_c(uuid), &u);
	is_ok(index_uuid_find(ix, u, &at), "%s is here", uuid);
	is_ok(ingest_el_delete(&env, k, at.id, true, &o, &f), "and deleted for good");
}

static void elements(void)
{
	struct ingest_result res;
	is_ok(take(AUD_PEER, 1000, &res), "an event comes");
	bury(EL_ATTR, ATTR_A);
	bury(EL_OBJECT, OBJECT);
	ok(!is_here(ATTR_A) && !is_here(OBJECT) && !is_here(IN_OBJECT), "they are gone");
	is_ok(take(AUD_PEER, LATER, &res), "the peer has edited its event");
	ok(!is_here(ATTR_A), "an attribute stays deleted, however new the copy");
	ok(!is_here(OBJECT), "so does an object");
	ok(!is_here(IN_OBJECT), "and what was in it");
	ok(is_here(ATTR_B), "the rest of the event is here");
	text = "revive_deleted: newer\n";
	is_ok(take(AUD_PEER, LATER + 1, &res), "edited again");
	ok(is_here(ATTR_A) && is_here(OBJECT) && is_here(IN_OBJECT),
	   "newer copies come back where the policy says so");
	bury(EL_ATTR, ATTR_A);
	text = "use: [misp-compat]\n";
	is_ok(take(AUD_PEER, LATER + 2, &res), "edited again");
	ok(is_here(ATTR_A), "under MISP's rules all come back");
	text = "";
}

static void events(void)
{
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 1};
	struct ingest_result res;
	struct index_uuid at;
	struct uuid u;
	struct fail f = {0};
	uuid_parse(STR(EVENT), &u);
	is_ok(take(AUD_PEER, LATER + 3, &res), "the event is here");
	is_ok(ingest_event_delete(&env, res.event_id, false, &o, &f), "and is deleted, not blocked");
	is_err(take(AUD_PEER, LATER + 4, &res), ERR_BLOCKED, "it does not come back");
	text = "revive_deleted: newer\n";
	is_err(take(AUD_PEER, 1000, &res), ERR_BLOCKED, "nor does an old copy where newer ones do");
	text = "";
	is_ok(take(AUD_MEMBER, 1000, &res), "somebody here makes it again");
	ok(is_here(ATTR_A) || index_uuid_find(ix, u, &at) == ERR_OK, "and it is there");
	is_ok(ingest_event_delete(&env, res.event_id, false, &o, &f), "deleted again");
	is_err(take(AUD_PEER, 1000, &res), ERR_BLOCKED, "and the old copy stays out again");
}

int main(void)
{
	fix_begin(run_org);
	env.policy = policy;
	elements();
	events();
	return fix_end();
}
