/*
 * test_proposal_in.c - proposals as MISP lists them, pushes them, and as nobody should send them.
 */
#include "sync/proposal_in.h"

#include "tests/tap/tap.h"

#define U1 "71ac0420-5bd2-4c6e-9f10-000000001056"
#define U2 "71ac0067-5bd2-4c6e-9f10-000000000103"
#define ORG "7d3f0b10-2a64-4c39-8e55-a1b2c3d40003"

static enum err read_one(const char *text, struct arena *a, struct misp_proposal *p)
{
	struct fail f = {0};
	json_error_t why;
	json_t *j = json_loads(text, JSON_DECODE_ANY, &why);
	if (!j)
		bail_out("test data: %s", why.text);
	enum err e = proposal_in(j, a, p, &f);
	json_decref(j);
	return e;
}

static void listed(struct arena *a)
{
	struct misp_proposal p;
	is_ok(read_one("{\"ShadowAttribute\":{\"uuid\":\"" U1 "\",\"type\":\"ip-src\","
		       "\"category\":\"Network activity\",\"value\":\"203.0.113.155\",\"to_ids\":true,"
		       "\"comment\":\"\",\"timestamp\":\"1750000000\",\"old_id\":\"0\","
		       "\"old_uuid\":null,\"event_uuid\":\"" U2 "\",\"deleted\":true,"
		       "\"proposal_to_delete\":false,\"Org\":{\"name\":\"Remote Reef\",\"uuid\":\"" ORG
		       "\"}}}",
		       a, &p),
	      "a row of the index");
	ok(p.deleted && p.to_ids && p.timestamp == 1750000000, "members");
	ok(uuid_is_nil(p.old_uuid), "it is about no attribute");
	is_uint(p.org.n, 1, "who proposed");
	is_str(LIST_AT(p.org, struct misp_org, 0)->name.p, "Remote Reef", "by name");
}

static void pushed(struct arena *a)
{
	struct misp_proposal p;
	is_ok(read_one("{\"old_id\":\"319\",\"event_id\":\"5\",\"type\":\"ip-dst\",\"uuid\":\"" U1
		       "\",\"category\":\"Network activity\",\"value\":\"192.0.2.99\",\"org_id\":\"1\","
		       "\"email\":\"a@b.test\",\"timestamp\":\"1795319756\",\"data\":\"\"}",
		       a, &p),
	      "one that is pushed");
	ok(uuid_eq(p.old_uuid, p.uuid), "a number says that it is about the attribute of its UUID");
	is_uint(p.org.n, 0, "nobody is named");
	is_uint(p.org_id, 0, "a number of another node is nobody's");
	is_ok(read_one("{\"uuid\":\"" U1 "\",\"old_id\":7,\"value\":\"x\"}", a, &p), "a raw number");
	ok(!uuid_is_nil(p.old_uuid), "counts as well");
	is_ok(read_one("{\"uuid\":\"" U1 "\",\"old_uuid\":\"" U2 "\",\"value\":\"x\"}", a, &p),
	      "only old_uuid");
	ok(uuid_eq(p.old_uuid, p.uuid), "counts, as the attribute of its own UUID");
}

static void bad(struct arena *a)
{
	struct misp_proposal p;
	is_err(read_one("[]", a, &p), ERR_INVAL, "a list");
	is_err(read_one("\"x\"", a, &p), ERR_INVAL, "a text");
	is_err(read_one("{\"value\":\"x\"}", a, &p), ERR_INVAL, "without UUID");
	is_err(read_one("{\"uuid\":\"x\"}", a, &p), ERR_INVAL, "with one that is none");
}

int main(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	listed(a);
	pushed(a);
	bad(a);
	return done_testing();
}
