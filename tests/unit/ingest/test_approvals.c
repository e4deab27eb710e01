/*
 * test_approvals.c - what loosens an embargo waits for a second person: asked for once, expiring, done in
 * one transaction with the approval; peers and feeds loosen nothing.
 */
#include "base/clock.h"
#include "ingest/approvals.h"
#include "tests/unit/ingest/fixture.h"

#define EVENT "22222222-1111-4111-8111-111111111111"
#define LATE "embargo:until=\\\"2090-01-01T00:00:00Z\\\""
#define T0 INT64_C(1900000000)

static enum err run_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.id = store_new_row_id(w, T_ORG), .name = STR("HOME"), .local = true};
	struct misp_user u = {.org_id = 1, .role_id = 1};
	(void)arg;
	o.uuid = uuid_random();
	TRY(store_put(w, T_ORG, o.id, &o, f));
	for (int i = 0; i < 2; i++) {
		u.id = store_new_row_id(w, T_USER);
		u.email = i ? STR("second@home.example") : STR("first@home.example");
		TRY(store_put(w, T_USER, u.id, &u, f));
	}
	return ERR_OK;
}

/* The event as `from` says it, with these tags. */
static enum err take(enum audience_kind from, int64_t timestamp, const char *tags, struct fail *f)
{
	bool here = from == AUD_MEMBER;
	struct admit_facts fa = {.kind = from,
				 .org_id = 1,
				 .user_id = 1,
				 .perm_sync = !here,
				 .perm_publish = true,
				 .perm_tagger = true,
				 .perm_tag_editor = true,
				 .pull = !here,
				 .default_event_distribution = 1,
				 .default_attr_distribution = 5,
				 .now = timestamp};
	struct origin o = {.kind = here ? ORIGIN_LOCAL : ORIGIN_PEER, .id = 1};
	struct ingest_result res;
	char json[1000];
	snprintf(json, sizeof(json),
		 "{\"Event\":{\"uuid\":\"" EVENT "\",\"info\":\"x\",\"timestamp\":\"%lld\","
		 "\"distribution\":\"3\",\"Tag\":[%s]}}",
		 (long long)timestamp, tags);
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, json); /* kept when refused */
	*f = (struct fail){0};
	return ingest_event_merge(&env, &raw, &o, &fa, arena, &res, f);
}

static bool has(const char *tag)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct misp_event e;
	struct uuid u;
	uint64_t id;
	bool yes = false;
	uuid_parse(STR(EVENT), &u);
	if (store_read(store, &t, &f) != ERR_OK ||
	    store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, &id) != ERR_OK ||
	    store_get(t, T_EVENT, id, arena, &e) != ERR_OK)
		bail_out("no event");
	LIST_EACH(ref, e.tags, struct misp_tagref)
	{
		struct misp_tag row;
		if (store_get(t, T_TAG, ref->tag_id, arena, &row) == ERR_OK)
			yes |= str_is(row.name, tag);
	}
	return yes;
}

static unsigned count(enum approval_state state)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct approval p;
	uint64_t id = 0;
	unsigned n = 0;
	if (store_read(store, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	while (approval_next(t, &id, arena, &p) == ERR_OK)
		n += p.state == state;
	return n;
}

int main(void)
{
	static const char late[] = "embargo:until=\"2090-01-01T00:00:00Z\"";
	struct approver first = {1, UUID_NIL, STR("first@home.example")};
	struct approver second = {2, UUID_NIL, STR("second@home.example")};
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 2};
	struct fail f;

	fix_begin(run_rows);
	clock_freeze(T0 * 1000000, 1000);
	is_err(take(AUD_MEMBER, T0, "{\"name\":\"" LATE "\"}", &f), ERR_OK, "an event under embargo");
	is_err(take(AUD_PEER, T0 + 1, "{\"name\":\"" LATE "\",\"deleted\":true}", &f), ERR_BLOCKED,
	       "a peer changes nothing of what was made here");
	is_err(take(AUD_MEMBER, T0 + 2, "{\"name\":\"" LATE "\",\"deleted\":true}", &f), ERR_PERM,
	       "taking it off is refused");
	ok(strstr(f.text, "approval 1") != NULL, "and asked for: %s", f.text);
	ok(approval_was_asked(&f), "which callers can tell");
	is_err(take(AUD_MEMBER, T0 + 3, "{\"name\":\"" LATE "\",\"deleted\":true}", &f), ERR_PERM,
	       "a second attempt");
	is_uint(count(APPROVAL_PENDING), 1, "asks once");
	f = (struct fail){0};
	is_err(approval_approve(&env, 1, &first, &o, &f), ERR_PERM, "not by the same person");
	is_err(approval_approve(&env, 9, &second, &o, &f), ERR_NOENT, "there is no such");
	clock_freeze((T0 + APPROVAL_DAYS * 86400) * 1000000, 2000);
	is_err(approval_approve(&env, 1, &second, &o, &f), ERR_PERM, "expired after its days");
	ok(strstr(f.text, "expired") && count(APPROVAL_EXPIRED) == 1 && has(late), "and nothing happened");
	is_err(take(AUD_MEMBER, T0 + 4, "{\"name\":\"" LATE "\",\"deleted\":true}", &f), ERR_PERM,
	       "asked for anew");
	is_uint(count(APPROVAL_PENDING), 1, "under another number");
	is_err(approval_approve(&env, 2, &second, &o, &f), ERR_OK, "a second person approves");
	ok(!has(late) && count(APPROVAL_APPROVED) == 1, "and it is done");
	is_err(approval_approve(&env, 2, &second, &o, &f), ERR_PERM, "once");
	is_err(approval_reject(&env, 2, &second, &f), ERR_PERM, "and for good");
	return fix_end();
}
