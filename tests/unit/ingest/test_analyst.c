/*
 * test_analyst.c - notes, opinions and relationships on their way in: alone and inside of events,
 * merged, lowered, blocked, deleted (sync-protocol.md 3.10, 4.10, 12.3).
 */
#include "tests/unit/ingest/fixture.h"

#define EVENT "11111111-1111-4111-8111-111111111111"
#define ATTR "aaaaaaaa-0000-4000-8000-000000000001"
#define NOTE_A "cccccccc-0000-4000-8000-000000000001"
#define NOTE_B "cccccccc-0000-4000-8000-000000000002"
#define NOTE_C "cccccccc-0000-4000-8000-000000000003"
#define HOME_ORG "0a1a0000-0000-4000-8000-000000000001"
#define REEF_ORG "0a1a0000-0000-4000-8000-000000000002"
#define REEF "\"Orgc\":{\"name\":\"Reef\",\"uuid\":\"" REEF_ORG "\"}"

static enum err run_org(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.id = store_new_row_id(w, T_ORG), .name = STR("HOME"), .local = true};
	(void)arg;
	uuid_parse(STR(HOME_ORG), &o.uuid);
	return store_put(w, T_ORG, o.id, &o, f);
}

/* By a user of the node, pushed by a sync user, pulled over a link. */
enum way { USER, PUSH, PULL, PULL_INTERNAL };

static struct admit_facts facts(enum way w)
{
	struct admit_facts f = {.kind = w == USER ? AUD_MEMBER : AUD_PEER,
				.org_id = 1,
				.user_id = 1,
				.perm_sync = w != USER,
				.perm_publish = true,
				.perm_tagger = true,
				.perm_analyst = true,
				.push = w == PUSH,
				.pull = w == PULL || w == PULL_INTERNAL,
				.internal_link = w == PULL_INTERNAL,
				.default_event_distribution = 1,
				.default_attr_distribution = 5,
				.now = 1700000000};
	return f;
}

static struct ingest_result put(enum way w, enum analyst_mode mode, const char *json)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_ELEMENTS, json);
	struct admit_facts fa = facts(w);
	struct origin o = {.kind = w == USER ? ORIGIN_LOCAL : ORIGIN_PEER, .id = 7};
	struct ingest_result res;
	struct fail f = {0};
	is_ok(ingest_analyst(&env, &raw, mode, &o, &fa, arena, &res, &f), "taken: %s", f.text);
	return res;
}

static enum err stored(const char *uuid, struct misp_analyst *n)
{
	static char text[6][64];
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct uuid u;
	uint64_t id;
	uuid_parse(str_c(uuid), &u);
	TRY(store_read(store, &t, &f));
	TRY(store_find(t, IX_ANALYST_UUID, (struct str){(const char *)u.b, 16}, &id));
	TRY(store_get(t, T_ANALYST, id, NULL, n));
	struct str *s[] = {&n->note,	 &n->authors,  &n->modified,
			   &n->created, &n->comment, &n->object_type};
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		snprintf(text[i], sizeof(text[i]), "%.*s", STR_ARG(*s[i]));
		*s[i] = str_c(text[i]);
	}
	return ERR_OK;
}

static const char *org_text(struct uuid u)
{
	static char text[UUID_TEXT_LEN + 1];
	return uuid_format(u, text);
}

#define NOTE(uuid, modified, text, more)                                                           \
	"{\"Note\":{\"uuid\":\"" uuid "\",\"object_uuid\":\"" EVENT                                \
	"\",\"object_type\":\"Event\",\"modified\":\"" modified "\",\"created\":\"" modified       \
	"\",\"note\":\"" text "\",\"distribution\":\"2\"" more "}}"

/* What MISP's capture does with what is known (4.10). */
static void merging(void)
{
	struct misp_analyst n;
	struct ingest_result res =
		put(PUSH, ANALYST_MERGE,
		    NOTE(NOTE_A, "2025-06-15 00:00:00", "one", ",\"locked\":true," REEF));
	is_uint(res.added, 1, "imported");
	is_ok(stored(NOTE_A, &n), "it is there");
	is_uint(n.distribution, 2, "a push is stored as sent");
	ok(n.locked, "locked");
	is_str(org_text(n.org_uuid), HOME_ORG, "owned by who brought it");
	is_str(org_text(n.orgc_uuid), REEF_ORG, "made by who made it");
	is_view(n.modified, "2025-06-15 00:00:00", "its own time");

	res = put(PUSH, ANALYST_MERGE, NOTE(NOTE_A, "2025-06-15 00:00:00", "two", ",\"locked\":true"));
	is_uint(res.ignored, 1, "as old: ignored");
	res = put(PUSH, ANALYST_MERGE, NOTE(NOTE_A, "2025-06-14 00:00:00", "two", ",\"locked\":true"));
	is_uint(res.ignored, 1, "older: ignored");
	res = put(PUSH, ANALYST_MERGE, NOTE(NOTE_A, "2025-06-16 00:00:00", "two", ",\"locked\":true"));
	is_uint(res.updated, 1, "newer: taken");
	is_ok(stored(NOTE_A, &n), "it is there");
	is_view(n.note, "two", "with the new text");
	is_str(org_text(n.orgc_uuid), REEF_ORG, "and the old creator, though none was named");

	res = put(USER, ANALYST_ADD, NOTE(NOTE_B, "2025-06-16 00:00:00", "mine", ",\"locked\":true," REEF));
	is_uint(res.added, 1, "a user's own");
	is_ok(stored(NOTE_B, &n), "it is there");
	ok(!n.locked, "is not locked");
	is_str(org_text(n.orgc_uuid), HOME_ORG, "and made by his organisation, whatever he says");
	res = put(PUSH, ANALYST_MERGE, NOTE(NOTE_B, "2026-06-16 00:00:00", "theirs", ""));
	is_uint(res.local, 1, "nobody pushes into what was made here");
	res = put(PULL_INTERNAL, ANALYST_MERGE, NOTE(NOTE_B, "2026-06-16 00:00:00", "theirs", ""));
	is_uint(res.updated, 1, "but an internal link may");
	res = put(USER, ANALYST_ADD, NOTE(NOTE_B, "2027-06-16 00:00:00", "again", ""));
	is_uint(res.n_problems, 1, "a known UUID cannot be added");
	res = put(PUSH, ANALYST_MERGE,
		  "{\"Opinion\":{\"uuid\":\"" NOTE_A "\",\"object_uuid\":\"" EVENT
		  "\",\"object_type\":\"Event\",\"modified\":\"2030-01-01 00:00:00\"}}");
	is_uint(res.ignored, 1, "a note does not become an opinion");
}

static void lowering(void)
{
	struct misp_analyst n;
	put(PULL, ANALYST_MERGE, NOTE(NOTE_C, "2025-06-15T01:00:00+01:00", "p", "," REEF));
	is_ok(stored(NOTE_C, &n), "pulled");
	is_uint(n.distribution, 1, "2 becomes 1");
	ok(n.locked, "and it is locked");
	is_view(n.modified, "2025-06-15 00:00:00", "an ISO time is brought into MISP's form");
}

static void refused(void)
{
	struct ingest_result res = put(PUSH, ANALYST_MERGE,
				       "[{\"Note\":{\"note\":\"about nothing\"}},"
				       "{\"Relationship\":{\"object_uuid\":\"" EVENT
				       "\",\"object_type\":\"Event\",\"related_object_uuid\":\"" EVENT
				       "\",\"related_object_type\":\"Event\"}},"
				       "{\"Note\":{\"object_uuid\":\"" EVENT
				       "\",\"object_type\":\"Event\",\"note\":\"fine\"}}]");
	is_uint(res.refused, 2, "about nothing, and about itself");
	is_uint(res.added, 1, "the rest is taken");
}

/* Inside of an event, also below attributes and notes; sync-protocol.md 12.3, 12. */
static void embedded(void)
{
	struct misp_analyst n;
	OWN(raw) struct raw_event *raw = fix_parse(
		RAW_EVENT,
		"{\"Event\":{\"uuid\":\"" EVENT "\",\"info\":\"i\",\"distribution\":\"3\",\"Note\":[{"
		"\"uuid\":\"cccccccc-0000-4000-8000-000000000011\",\"note\":\"e\","
		"\"distribution\":\"2\"," REEF ",\"Opinion\":[{"
		"\"uuid\":\"cccccccc-0000-4000-8000-000000000012\",\"opinion\":\"100\","
		"\"comment\":\"c\",\"distribution\":\"3\"}]}],\"Attribute\":[{\"uuid\":\"" ATTR
		"\",\"type\":\"domain\",\"category\":\"Network activity\",\"value\":\"a.example\","
		"\"Note\":[{\"uuid\":\"cccccccc-0000-4000-8000-000000000013\",\"note\":\"a\","
		"\"distribution\":\"1\"}]}]}}");
	struct admit_facts fa = facts(PULL);
	struct origin o = {.kind = ORIGIN_PEER, .id = 7};
	struct ingest_result res;
	struct fail f = {0};
	is_ok(ingest_event_merge(&env, &raw, &o, &fa, arena, &res, &f), "the event: %s", f.text);
	is_ok(stored("cccccccc-0000-4000-8000-000000000011", &n), "its note");
	is_uint(n.distribution, 1, "lowered like the event");
	ok(n.locked, "locked");
	is_str(org_text(n.orgc_uuid), REEF_ORG, "its creator");
	is_view(n.object_type, "Event", "about the event");
	is_ok(stored("cccccccc-0000-4000-8000-000000000012", &n), "the opinion on it");
	is_view(n.object_type, "Note", "about the note");
	is_uint(n.opinion, 100, "its value");
	is_ok(stored("cccccccc-0000-4000-8000-000000000013", &n), "and the attribute's");
	is_uint(n.distribution, 0, "1 becomes 0");
}

static uint64_t changes_of(enum change_op op)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct change ch;
	uint64_t seq = 0, n = 0;
	if (store_read(store, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	while (store_change_next(t, &seq, &ch) == ERR_OK)
		n += ch.kind == CHANGE_TABLE(T_ANALYST) && ch.op == op;
	return n;
}

static void deleting(void)
{
	struct misp_analyst n;
	struct origin o = {.kind = ORIGIN_LOCAL, .id = 1};
	struct fail f = {0};
	is_ok(stored(NOTE_A, &n), "a note");
	is_ok(ingest_analyst_delete(&env, n.id, true, &o, &f), "deleted");
	is_err(stored(NOTE_A, &n), ERR_NOENT, "it is gone");
	struct ingest_result res =
		put(PUSH, ANALYST_MERGE, NOTE(NOTE_A, "2031-01-01 00:00:00", "back", ",\"locked\":true"));
	is_uint(res.ignored, 1, "and does not come back");
	is_uint(changes_of(CHANGE_DELETE), 1, "the deletion is in the change log");
	is_uint(changes_of(CHANGE_EDIT), 2, "so are the edits");
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
	merging();
	lowering();
	refused();
	embedded();
	deleting();
	is_ok(store_check(store, NULL, tell, &problems, &rep, &f), "the store is sound");
	is_ok(index_check(ix, tell, &problems, &f), "the index agrees");
	is_uint(problems, 0, "no problems");
	return fix_end();
}
