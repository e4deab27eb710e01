/*
 * test_retract.c - who gets a retraction: those who were given the thing and may no longer have it, and
 * nobody else. On a real store, index, gate and ledger; policy by text.
 */
#include "retract/retract.h"

#include <stdio.h>

#include "base/clock.h"
#include "gate/policy_impl.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

#define EVENT "11111111-1111-4111-8111-111111111111"
#define PLAIN "aaaaaaaa-0000-4000-8000-000000000001"
#define NARROW "aaaaaaaa-0000-4000-8000-000000000002"
#define HIDDEN "aaaaaaaa-0000-4000-8000-000000000003"
#define LATE "aaaaaaaa-0000-4000-8000-000000000004"

static const char policy_text[] =
	"default_tlp: green\n"
	"default_pap: clear\n"
	"audiences:\n"
	"  public-feed: {kind: feed, tlp: clear, pap: red, class: public, profile: full}\n"
	"  sensors: {kind: export, tlp: amber+strict, pap: red, class: own, profile: full}\n"
	"  acme: {kind: peer, url: 'https://acme.example', tlp: green, pap: red,"
	" class: partner, profile: full}\n"
	"  friend: {kind: peer, url: 'https://friend.example', tlp: red, pap: red,"
	" class: own, profile: full}\n";

static struct world w;
static struct ledger *ledger;
static struct fail why;
static uint64_t published_seq;

static uint64_t published(void *user)
{
	(void)user;
	return published_seq;
}

static struct policy *policy_of(const char *text)
{
	struct policy *p = NULL;
	if (policy_parse(str_c(text), "test", &p, &why) != ERR_OK)
		bail_out("%s", why.text);
	return p;
}

static enum err run_peers(struct store_wtxn *x, void *arg, struct fail *f)
{
	static const char *const names[] = {"acme", "friend"};
	struct misp_org o = {.name = STR("Other")};
	(void)arg;
	uuid_parse(STR("0b2c1111-2222-4333-8444-000000000002"), &o.uuid);
	o.id = store_new_row_id(x, T_ORG);
	TRY(store_put(x, T_ORG, o.id, &o, f));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char url[64];
		snprintf(url, sizeof(url), "https://%s.example", names[i]);
		struct misp_peer p = {.name = str_c(names[i]),
				      .url = str_c(url),
				      .push = true,
				      .org_id = 1,
				      .remote_org_id = o.id};
		p.id = store_new_row_id(x, T_PEER);
		TRY(store_put(x, T_PEER, p.id, &p, f));
	}
	return ERR_OK;
}

static struct ledger_audience audience_of(const char *name)
{
	struct ledger_audience a = {.kind = AUD_PEER, .name = str_c(name)};
	if (strcmp(name, "public-feed") == 0)
		a.kind = AUD_FEED;
	else if (strcmp(name, "sensors") == 0)
		a.kind = AUD_EXPORT;
	else
		uuid_parse(STR("0b2c1111-2222-4333-8444-000000000002"), &a.org);
	return a;
}

/* The event is given to the audience, as it is now. */
static void give(const char *name, uint64_t id)
{
	struct ledger_audience a = audience_of(name);
	struct ledger_transfer *t = NULL;
	struct ledger_item item = {.thing = LEDGER_THING_EVENT, .id = id};
	OWN(store_rtxn) struct store_rtxn *r = NULL;
	struct misp_event e;
	is_ok(store_read(w.store, &r, &why), "read");
	is_ok(store_get(r, T_EVENT, id, NULL, &e), "the event");
	item.uuid = e.uuid;
	item.timestamp = e.timestamp;
	item.seq = store_seq(r);
	store_read_end(MOVE(r));
	is_ok(ledger_begin(ledger, &a, STR("push/json"), false, policy_version(w.policy), &t, &why),
	      "begin");
	struct ledger_named named = {t, &item, 1};
	is_ok(ledger_intend(ledger, &named, 1, &why), "%s is given the event", name);
	ledger_end(t, LEDGER_SENT, 100, NULL);
	is_ok(ledger_flush(ledger, &why), "flush");
}

static void run(void)
{
	const struct retract_env env = {.out = &w.out, .published = published};
	struct retract_result res = {.more = true};
	while (res.more)
		if (retract_run(&env, NULL, &res, &why) != ERR_OK)
			bail_out("%s", why.text);
}

/* The state of the audience's row; RETRACT_STATE_COUNT: it has none. */
static enum retract_state state(const char *name, enum retract_what what, const char *uuid)
{
	struct ledger_audience a = audience_of(name);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct retraction r;
	uint32_t number;
	struct uuid u;
	uuid_parse(str_c(uuid), &u);
	if (store_read(w.store, &t, &why) != ERR_OK)
		bail_out("read");
	if (ledger_audience_find(t, &a, &number) != ERR_OK ||
	    retraction_get(t, number, what, u, &r) != ERR_OK)
		return RETRACT_STATE_COUNT;
	return (enum retract_state)r.state;
}

static void has(const char *name, enum retract_what what, const char *uuid, enum retract_state s,
		const char *when)
{
	enum retract_state got = state(name, what, uuid);
	ok(got == s, "%s: %s has %s for %s, want %s", when, name,
	   got == RETRACT_STATE_COUNT ? "none" : retract_state_name(got), uuid,
	   s == RETRACT_STATE_COUNT ? "none" : retract_state_name(s));
}

static uint64_t attr_id(const char *uuid)
{
	struct index_uuid at = {0};
	struct uuid u;
	uuid_parse(str_c(uuid), &u);
	is_ok(index_uuid_find(w.index, u, &at), "%s is here", uuid);
	return at.id;
}

static const struct origin me = {.kind = ORIGIN_LOCAL, .id = 1};

struct tagging {
	const char *name;
	uint64_t id;
};

static enum err run_tag(struct store_wtxn *x, void *arg, struct fail *f)
{
	struct tagging *t = arg;
	struct misp_tagref ref = {.name = str_c(t->name), .exportable = true};
	return ingest_tag_capture(x, &ref, &t->id, f);
}

static void tag(enum element_kind k, uint64_t id, const char *name)
{
	struct tagging t = {name, 0};
	bool already;
	is_ok(store_run(w.store, run_tag, &t, &why), "tag %s", name);
	is_ok(ingest_tag_attach(&w.in, k, id, t.id, false, STR_NONE, &me, &already, &why),
	      "is attached");
}

static void publish(uint64_t id)
{
	is_ok(ingest_publish(&w.in, id, true, &me, &why), "published");
}

static uint64_t add_event(void)
{
	uint64_t id = world_add(
		&w,
		"{\"Event\":{\"uuid\":\"" EVENT "\",\"info\":\"x\",\"distribution\":\"3\","
		"\"published\":true,\"Tag\":[{\"name\":\"tlp:clear\"}],\"Attribute\":["
		"{\"uuid\":\"" PLAIN "\",\"type\":\"ip-dst\",\"category\":\"Network activity\","
		"\"value\":\"192.0.2.1\",\"to_ids\":true},"
		"{\"uuid\":\"" NARROW "\",\"type\":\"ip-dst\",\"category\":\"Network activity\","
		"\"value\":\"192.0.2.2\",\"to_ids\":true},"
		"{\"uuid\":\"" HIDDEN "\",\"type\":\"ip-dst\",\"category\":\"Network activity\","
		"\"value\":\"192.0.2.3\",\"distribution\":\"0\"}]}}");
	ok(id, "an event");
	return id;
}

static void events(void)
{
	uint64_t id = add_event();
	run();
	give("public-feed", id);
	give("sensors", id);
	give("acme", id);
	run();
	has("acme", RETRACT_EVENT, EVENT, RETRACT_STATE_COUNT, "nothing changed");
	tag(EL_COUNT, id, "admiralty-scale:source-reliability=\"a\"");
	run();
	has("acme", RETRACT_EVENT, EVENT, RETRACT_STATE_COUNT, "unpublished by an edit");
	tag(EL_COUNT, id, "tlp:amber"); /* and not published again */
	run();
	has("acme", RETRACT_EVENT, EVENT, RETRACT_PENDING, "raised to amber");
	has("public-feed", RETRACT_EVENT, EVENT, RETRACT_PENDING, "raised to amber");
	has("sensors", RETRACT_EVENT, EVENT, RETRACT_STATE_COUNT, "sensors may have amber");
	has("friend", RETRACT_EVENT, EVENT, RETRACT_STATE_COUNT, "was never given it");
	published_seq = UINT64_MAX;
	run();
	has("public-feed", RETRACT_EVENT, EVENT, RETRACT_DELIVERED, "the folder was written");
	is_ok(ingest_event_delete(&w.in, id, false, &me, &why), "deleted");
	run();
	has("sensors", RETRACT_EVENT, EVENT, RETRACT_DELIVERED, "exports have no memory");
	has("acme", RETRACT_EVENT, EVENT, RETRACT_PENDING, "still to be told");
	has("friend", RETRACT_EVENT, EVENT, RETRACT_STATE_COUNT, "was never given it");
}

/* It may have it again before it was told: then there is nothing to tell. */
static void change_of_mind(void)
{
	uint64_t id = add_event();
	give("acme", id);
	struct policy *was = w.policy;
	char text[2000];
	snprintf(text, sizeof(text), "%sblocked_events: [%s]\n", policy_text, EVENT);
	w.policy = policy_of(text);
	run();
	has("acme", RETRACT_EVENT, EVENT, RETRACT_PENDING, "a policy that blocks it");
	policy_unref(w.policy);
	w.policy = was;
	run();
	has("acme", RETRACT_EVENT, EVENT, RETRACT_STATE_COUNT, "and one that does not");
	is_ok(ingest_event_delete(&w.in, id, false, &me, &why), "deleted");
	run();
}

static void elements(void)
{
	uint64_t id = add_event(), narrow = attr_id(NARROW), plain = attr_id(PLAIN),
		 hidden = attr_id(HIDDEN);
	run();
	give("friend", id);
	tag(EL_ATTR, hidden, "tlp:red");
	is_ok(ingest_el_delete(&w.in, EL_ATTR, hidden, true, &me, &why), "the hidden one goes");
	publish(id);
	run();
	has("friend", RETRACT_ATTRIBUTE, HIDDEN, RETRACT_STATE_COUNT, "it was never given");
	is_ok(ingest_el_delete(&w.in, EL_ATTR, narrow, true, &me, &why), "one that was given goes");
	publish(id);
	run();
	has("friend", RETRACT_ATTRIBUTE, NARROW, RETRACT_PENDING, "deleted for good");
	has("acme", RETRACT_ATTRIBUTE, NARROW, RETRACT_STATE_COUNT, "was not given this one");
	ok(world_edit(&w, id,
		      "{\"Event\":{\"uuid\":\"" EVENT "\",\"timestamp\":\"4000000000\","
		      "\"Attribute\":[{\"uuid\":\"" LATE "\",\"type\":\"ip-dst\","
		      "\"category\":\"Network activity\",\"value\":\"192.0.2.9\"}]}}"),
	   "one is added after the event was given");
	is_ok(ingest_el_delete(&w.in, EL_ATTR, attr_id(LATE), true, &me, &why), "and deleted");
	is_ok(ingest_el_delete(&w.in, EL_ATTR, plain, false, &me, &why), "one is marked as deleted");
	publish(id);
	run();
	has("friend", RETRACT_ATTRIBUTE, LATE, RETRACT_STATE_COUNT, "nobody was given that");
	has("friend", RETRACT_ATTRIBUTE, PLAIN, RETRACT_PENDING, "goes with the event");
	give("friend", id);
	run();
	has("friend", RETRACT_ATTRIBUTE, PLAIN, RETRACT_DELIVERED, "and went");
	has("friend", RETRACT_ATTRIBUTE, NARROW, RETRACT_PENDING, "which the other does not");
}

int main(void)
{
	char key[128];
	world_open(&w, "default");
	policy_unref(w.policy);
	w.policy = policy_of(policy_text);
	store_keep_before(w.store);
	snprintf(key, sizeof(key), "%s/ledger.key", w.dir);
	struct ledger_opts o = {.store = w.store, .key_file = key};
	if (ledger_open(&o, &ledger, &why) != ERR_OK ||
	    store_run(w.store, run_peers, NULL, &why) != ERR_OK)
		bail_out("%s", why.text);
	events();
	change_of_mind();
	elements();
	ledger_close(ledger);
	world_close(&w);
	return done_testing();
}
