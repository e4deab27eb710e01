/*
 * test_derived.c - an audience knows an event by the UUID under which it leaves, and by no other;
 * our own cut copies are known when they come back.
 */
#include "egress/derived.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/own.h"
#include "egress/egress.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

#define EVENTS 600

static struct uuid nth(unsigned n)
{
	struct uuid u = {{0x5f, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0}};

	u.b[14] = (uint8_t)(n >> 8);
	u.b[15] = (uint8_t)n;
	return u;
}

static uint64_t add(struct world *w, unsigned n, const char *tag)
{
	char json[500], uuid[UUID_TEXT_LEN + 1];

	snprintf(json, sizeof(json),
		 "{\"Event\":{\"uuid\":\"%s\",\"info\":\"e\",\"distribution\":\"3\",\"published\":true,"
		 "\"Tag\":[{\"name\":\"%s\"}],\"Attribute\":[{\"type\":\"domain\",\"value\":"
		 "\"a%u.example\"}]}}",
		 uuid_format(nth(n), uuid), tag, n);
	return world_add(w, json);
}

static enum err by_uuid(struct world *w, uint8_t profile, struct uuid u, uint64_t *id)
{
	struct audience aud = {.kind = AUD_PEER, .profile = profile, .tlp = TLP_UPTO_AMBER,
			       .release_class = CLASS_PARTNER, .org_id = 77};
	OWN(arena) struct arena *a = arena_new(1 << 20);
	OWN(view) struct view *v = NULL;
	char text[UUID_TEXT_LEN + 1];
	struct misp_event e;
	struct fail f = {0};
	enum err err;

	if (view_open_as(&w->out, &aud, &v, &f) != ERR_OK)
		bail_out("%s", f.text);
	err = view_event(v, str_c(uuid_format(u, text)), a, &e, &f);
	*id = err == ERR_OK ? e.id : 0;
	return err;
}

static void profiles(struct world *w, const struct gate_facts *facts, const uint64_t *ids)
{
	for (uint8_t p = 0; p <= PROFILE_FULL; p++) {
		uint8_t not_p = p == PROFILE_TECHNICAL ? PROFILE_INDICATORS : PROFILE_TECHNICAL;
		uint64_t id;

		is_ok(by_uuid(w, p, gate_uuid(NULL, facts, p, nth(5)), &id), "profile %u: its UUID", p);
		is_uint(id, ids[5], "finds the event");
		is_err(by_uuid(w, p, gate_uuid(NULL, facts, not_p, nth(5)), &id), ERR_NOENT,
		       "that of another profile does not");
		is_err(by_uuid(w, p, gate_uuid(NULL, facts, p, nth(0)), &id), ERR_NOENT,
		       "nor does that of an event which it may not have");
		if (p == PROFILE_TECHNICAL || p == PROFILE_INDICATORS)
			is_err(by_uuid(w, p, nth(5), &id), ERR_NOENT, "nor the real one");
	}
}

int main(void)
{
	static uint64_t ids[EVENTS];
	struct gate_facts facts;
	unsigned wrong = 0;
	struct world w;
	uint64_t id;

	world_open(&w, "default");
	w.out.derived = derived_new();
	facts = (struct gate_facts){.host_org = w.out.host_org};
	ids[0] = add(&w, 0, "tlp:red");
	for (unsigned i = 1; i < EVENTS / 2; i++)
		ids[i] = add(&w, i, "tlp:green");
	profiles(&w, &facts, ids);
	for (unsigned i = EVENTS / 2; i < EVENTS; i++)
		ids[i] = add(&w, i, "tlp:green");
	for (unsigned i = 1; i < EVENTS; i++)
		wrong += by_uuid(&w, PROFILE_TECHNICAL,
				 gate_uuid(NULL, &facts, PROFILE_TECHNICAL, nth(i)), &id) != ERR_OK ||
			 id != ids[i];
	is_uint(wrong, 0, "all of %d events, those that came later too", EVENTS);

	struct policy *p = policy_shipped("default");
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	if (store_read(w.store, &t, NULL) != ERR_OK)
		bail_out("store");
	is_ok(derived_find(w.out.derived, p, t, facts.host_org, gate_uuid(NULL, &facts, 0, nth(9)), 0,
			   true, &id),
	      "our own copies are known when they come back");
	is_uint(id, ids[9], "as what they were");
	is_err(derived_find(w.out.derived, p, t, facts.host_org, nth(9), 0, true, &id), ERR_NOENT,
	       "originals are no copies");
	store_read_end(MOVE(t));
	policy_unref(p);
	derived_free(w.out.derived);
	world_close(&w);
	return done_testing();
}
