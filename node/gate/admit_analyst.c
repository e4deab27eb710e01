/*
 * admit_analyst.c - what may come in: notes, opinions and relationships, alone or inside of events.
 *
 * Rules: sync-protocol.md 3.10, 4.10, 12.3 (12, 13). MISP checks nothing of what they say; lengths
 * are bounded here, times brought into the one form that can be compared.
 */
#include "base/clock.h"
#include "gate/admit_impl.h"
#include "model/datetime.h"
#include "model/misp.h"

#define NOTE_MAX (4u << 20)
#define TEXT_MAX 65535u
#define NAME_MAX_BYTES 255u

static const char text_long[] = "The entered string is too long and would get truncated.";

/* May this sender bring in analyst data at all? */
static bool may_analyse(const struct admit_facts *facts)
{
	return from_elsewhere(facts) || facts->perm_sync || facts->site_admin ||
	       facts->perm_analyst;
}

static bool is_time_text(struct str s)
{
	static const char form[] = "dddd-dd-dd dd:dd:dd";

	if (s.n != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (form[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != form[i])
			return false;
	return true;
}

/* "YYYY-MM-DD hh:mm:ss": these are compared as texts, so nothing else is ever stored. */
static enum err time_text(struct arena *a, int64_t now, struct str *s)
{
	struct clock_civil c;
	int64_t us;
	int east;

	if (is_time_text(*s))
		return ERR_OK;
	c = clock_to_civil(s->n && datetime_read(*s, &us, &east) ? us / 1000000 : now);
	*s = arena_printf(a, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour,
			  c.minute, c.second);
	return s->p ? ERR_OK : ERR_LIMIT;
}

static void lengths_check(const struct misp_analyst *n, struct problems *p)
{
	const struct {
		const char *field;
		struct str text;
		size_t max;
	} rows[] = {
		{"note", n->note, NOTE_MAX},
		{"comment", n->comment, TEXT_MAX},
		{"authors", n->authors, TEXT_MAX},
		{"language", n->language, NAME_MAX_BYTES},
		{"object_type", n->object_type, NAME_MAX_BYTES},
		{"relationship_type", n->relationship_type, NAME_MAX_BYTES},
		{"related_object_type", n->related_object_type, NAME_MAX_BYTES},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].text.n > rows[i].max)
			problem_add(p, rows[i].field, str_c(text_long));
}

static enum err level_check(const struct admitted *adm, const struct admit_facts *facts,
			    struct misp_analyst *n, struct fail *f)
{
	bool may_embed = from_elsewhere(facts) || facts->perm_sync || facts->site_admin;

	if (!ENTITY_HAS(n, ANALYST_F_distribution) || n->distribution > DIST_INHERIT)
		n->distribution = facts->default_event_distribution;
	n->distribution = lowered(facts, n->distribution);
	if (facts->is_edit && !ENTITY_HAS(n, ANALYST_F_distribution))
		return ERR_OK; /* it keeps what it has */
	if (n->distribution != DIST_GROUP) {
		n->sharing_group = (struct entity_list){NULL, 0};
		n->sharing_group_id = 0;
		return ERR_OK;
	}
	if (may_embed && n->sharing_group.n) {
		n->sharing_group_id = 0;
		return ERR_OK;
	}
	n->sharing_group = (struct entity_list){NULL, 0};
	if (!from_elsewhere(facts) && admit_group_known(facts, n->sharing_group_id))
		return ERR_OK;
	if (!from_elsewhere(facts) && raw_root(admitted_raw(adm)) == RAW_ELEMENTS)
		return fail(f, ERR_PERM, "Invalid Sharing Group or not authorised.");
	n->sharing_group_id = 0;
	n->distribution = DIST_ORG;
	return ERR_OK;
}

/* Who made it and who owns it: only a link may say that it was somebody else (12.3, 13). */
static void owner(struct misp_analyst *n, const struct admit_facts *facts)
{
	bool may = from_elsewhere(facts) || facts->perm_sync || facts->site_admin;

	if (!may)
		n->orgc = (struct entity_list){NULL, 0};
	n->org = (struct entity_list){NULL, 0};
	n->org_uuid = n->orgc_uuid = UUID_NIL;
	if (!may)
		n->locked = false;
	if (facts->pull || facts->kind == AUD_FEED)
		n->locked = !facts->internal_link;
}

enum err admit_analyst(const struct admitted *adm, const struct admit_facts *facts,
		       struct arena *a, struct misp_analyst *n, struct fail *f)
{
	OWN(problems) struct problems p = PROBLEMS;

	if (!may_analyse(facts))
		return fail(f, ERR_INVAL, "\"No permission to add analyst data.\"");
	if (n->kind >= ANALYST_KINDS)
		return fail(f, ERR_INVAL, "\"Invalid type.\"");
	if (uuid_is_nil(n->uuid) && ENTITY_HAS(n, ANALYST_F_uuid))
		problem_add(&p, "uuid", STR("Please provide a valid RFC 4122 UUID"));
	else if (uuid_is_nil(n->uuid))
		n->uuid = uuid_random();
	/* inside of something it may leave out what it is about: ingest knows */
	if (uuid_is_nil(n->object_uuid) && raw_root(admitted_raw(adm)) == RAW_ELEMENTS)
		problem_add(&p, "object_uuid", STR("Please provide a valid RFC 4122 UUID"));
	if (!n->object_type.n)
		problem_add(&p, "object_type", STR("This field cannot be left blank"));
	if (n->kind == ANALYST_RELATIONSHIP && uuid_eq(n->related_object_uuid, n->object_uuid))
		problem_add(&p, "related_object_uuid",
			    STR("The related object cannot be the object itself"));
	lengths_check(n, &p);
	TRY(problems_end(&p, NULL, f));
	TRY(level_check(adm, facts, n, f));
	owner(n, facts);
	TRY(time_text(a, facts->now, &n->created));
	TRY(time_text(a, facts->now, &n->modified));
	if (n->kind == ANALYST_NOTE && !n->language.n)
		n->language = STR("en");
	n->id = 0;
	return ERR_OK;
}
