/*
 * admit.c - what may come in: the head of a document (gate.md section 8, sync-protocol.md 3.5,
 * 4.5.1, 4.7; texts as recorded).
 *
 * The order is MISP's: block lists before anything is told about the content, then the members.
 */
#include "gate/admit_impl.h"

#include <stdio.h>

#include "base/clock.h"
#include "gate/policy_impl.h"
#include "model/fieldcheck.h"
#include "trust/admitted_make.h"

/* Longest texts that MISP's columns hold. */
#define TEXT_MAX 65535u
/* More tags than this on one thing is no document but an attack. */
#define TAGS_MAX 5000u

/* ---- shared with admit_el.c -------------------------------------------------------------- */

void problem_add(struct problems *p, const char *field, struct str text)
{
	if (!text.p)
		return;
	if (p->n++ == 0) {
		p->w = jsonw_on(&p->b);
		jsonw_obj(&p->w);
	}
	jsonw_key(&p->w, field);
	jsonw_arr(&p->w);
	jsonw_str(&p->w, text);
	jsonw_arr_end(&p->w);
}

enum err problems_end(struct problems *p, const char *under, struct fail *f)
{
	if (p->n == 0)
		return ERR_OK;
	jsonw_obj_end(&p->w);
	if (buf_err(&p->b) != ERR_OK)
		return fail(f, ERR_INVAL, "\"Invalid input.\"");
	if (under)
		return fail(f, ERR_INVAL, "{\"%s\":%.*s}", under, STR_ARG(buf_str(&p->b)));
	return fail(f, ERR_INVAL, "%.*s", STR_ARG(buf_str(&p->b)));
}

struct str number_text(unsigned v, char out[12])
{
	return (struct str){out, (size_t)snprintf(out, 12, "%u", v)};
}

/* Fetched by us over a link between different organisations (3.5). */
bool lowers(const struct admit_facts *facts)
{
	return facts->pull && !facts->internal_link;
}

uint8_t lowered(const struct admit_facts *facts, uint8_t distribution)
{
	if (lowers(facts) && (distribution == DIST_COMMUNITY || distribution == DIST_CONNECTED))
		return (uint8_t)(distribution - 1);
	return distribution;
}

bool admit_group_known(const struct admit_facts *facts, uint64_t id)
{
	for (uint32_t i = 0; id && i < facts->n_groups; i++)
		if (facts->groups[i] == id)
			return true;
	return false;
}

bool from_elsewhere(const struct admit_facts *facts)
{
	return facts->kind == AUD_PEER || facts->kind == AUD_FEED;
}

/* A tag that another node keeps to itself, and tags without a name, do not come in. */
void cut_incoming_tags(const struct admit_facts *facts, struct entity_list *tags)
{
	bool cut_local = from_elsewhere(facts) && !facts->internal_link;
	struct misp_tagref *v = tags->v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < tags->n && n < TAGS_MAX; i++)
		if (v[i].name.n && v[i].name.n <= 255 && !(cut_local && v[i].local))
			v[n++] = v[i];
	tags->n = n;
}

/* ---- heads --------------------------------------------------------------------------------- */

static bool in_uuids(const struct uuid *list, uint32_t n, struct uuid u)
{
	for (uint32_t i = 0; i < n; i++)
		if (uuid_eq(list[i], u))
			return true;
	return false;
}

/* May the peer and this node exchange, over a connection that was opened by who opened this one? */
static bool compartments_meet(const struct policy *p, const struct admit_facts *facts)
{
	struct audience peer;

	if (facts->kind != AUD_PEER || p->n_compartments == 0)
		return true;
	policy_audience(p, &facts->peer, &peer);
	return facts->pull ? policy_may_connect(p, p->compartment, peer.compartment) :
			     policy_may_connect(p, peer.compartment, p->compartment);
}

static enum err admit_suspended(struct admission *x)
{
	struct audience peer;

	if (x->facts->kind != AUD_PEER || !x->facts->peer.kind)
		return ERR_OK;
	policy_audience(x->p, &x->facts->peer, &peer);
	if (x->facts->now < peer.suspended_until)
		return fail(x->f, ERR_BLOCKED, "Blocked by event block rules.");
	return ERR_OK;
}

static enum err admit_compartment(struct admission *x)
{
	return compartments_meet(x->p, x->facts) ?
		       ERR_OK :
		       fail(x->f, ERR_BLOCKED, "Blocked by event block rules.");
}

static enum err admit_event_blocked(struct admission *x)
{
	if (x->facts->event_blocked ||
	    in_uuids(x->p->blocked_events, x->p->n_blocked_events, x->h->uuid))
		return fail(x->f, ERR_BLOCKED, "Event blocked by event blocklist.");
	return ERR_OK;
}

static enum err admit_own_copy(struct admission *x)
{
	return x->facts->own_derived ? fail(x->f, ERR_BLOCKED, "Event blocked by event blocklist.") :
				       ERR_OK;
}

static enum err admit_tag_blocked(struct admission *x)
{
	return x->facts->tag_blocked ? fail(x->f, ERR_BLOCKED, "Blocked by event block rules.") :
				       ERR_OK;
}

static enum err admit_org_blocked(struct admission *x)
{
	const struct misp_org *orgc =
		x->h->orgc.n ? LIST_AT(x->h->orgc, struct misp_org, 0) : NULL;

	if (x->facts->org_blocked ||
	    (orgc && in_uuids(x->p->blocked_orgs, x->p->n_blocked_orgs, orgc->uuid)))
		return fail(x->f, ERR_BLOCKED, "Event blocked by organisation blocklist.");
	return ERR_OK;
}

static enum err admit_remembered(struct admission *x)
{
	return x->facts->remembered && !x->facts->accepted ?
		       fail(x->f, ERR_BLOCKED, ADMIT_TEXT_WAITS) :
		       ERR_OK;
}

enum err gate_admit_protected(const struct admit_facts *facts, const struct entity_list *keys,
			      struct fail *f)
{
	struct sha256 theirs = cryptokeys_digest(keys);

	if (!facts->wants_signature)
		return ERR_OK;
	if (!facts->has_signature)
		return fail(f, ERR_PERM,
			    "Protected event failed signature validation as no key was provided.");
	if (!keys->n || memcmp(facts->signed_by.b, theirs.b, sizeof(theirs.b)) != 0)
		return fail(f, ERR_PERM, "Protected event failed signature validation.");
	return ERR_OK;
}

/* A feed's file has no signature: it may bring a protected event, and never change one. */
static enum err admit_signature(struct admission *x)
{
	if (!x->h->is_protected || x->facts->kind == AUD_FEED)
		return ERR_OK;
	return gate_admit_protected(x->facts, &x->h->crypto_keys, x->f);
}

/* A local copy may be changed over a link, an event made here may not (3.6, 4.5.2). */
static enum err admit_made_here(struct admission *x)
{
	const struct admit_facts *facts = x->facts;
	struct fail *f = x->f;

	if (!facts->existing_local || facts->internal_link || facts->made_here)
		return ERR_OK;
	if ((facts->kind == AUD_PEER && facts->pull) || facts->kind == AUD_FEED)
		return fail(f, ERR_PERM, "Blocked an edit to an event that was created locally.");
	return ERR_OK;
}

static void head_check(const struct misp_event *h, bool add, struct problems *p)
{
	char n[12];
	uint8_t u8;

	if (ENTITY_HAS(h, EVENT_F_uuid) && uuid_is_nil(h->uuid)) {
		struct uuid u;

		problem_add(p, "uuid", field_check_uuid(STR("-"), &u));
	}
	if (add && !str_trim(h->info).n)
		problem_add(p, "info", field_text_info_missing);
	else if (ENTITY_HAS(h, EVENT_F_info))
		problem_add(p, "info", field_check_info(h->info));
	if (h->info.n > TEXT_MAX)
		problem_add(p, "info", STR("The entered string is too long and would get truncated."));
	if (ENTITY_HAS(h, EVENT_F_distribution))
		problem_add(p, "distribution", field_check_event_distribution(
						       number_text(h->distribution, n), &u8));
	if (ENTITY_HAS(h, EVENT_F_threat_level_id))
		problem_add(p, "threat_level_id",
			    field_check_threat_level(number_text(h->threat_level_id, n), &u8));
	if (ENTITY_HAS(h, EVENT_F_analysis))
		problem_add(p, "analysis", field_check_analysis(number_text(h->analysis, n), &u8));
	if (ENTITY_HAS(h, EVENT_F_date) && h->date == 0) {
		uint32_t date;

		problem_add(p, "date", field_check_date(STR("-"), &date));
	}
}

static enum err admit_fields(struct admission *x)
{
	OWN(problems) struct problems problems = PROBLEMS;
	bool is_new = !x->facts->is_edit;

	head_check(x->h, is_new, &problems);
	return problems_end(&problems, is_new ? "Event" : NULL, x->f);
}

static enum err admit_local_tags(struct admission *x)
{
	cut_incoming_tags(x->facts, &x->h->tags);
	return ERR_OK;
}

static uint32_t today(int64_t now)
{
	struct clock_civil c = clock_to_civil(now);

	return (uint32_t)(c.year * 10000 + c.month * 100 + c.day);
}

/* What a new event has when its document does not say. */
static enum err admit_defaults(struct admission *x)
{
	struct misp_event *h = x->h;
	const struct admit_facts *facts = x->facts;

	if (!ENTITY_HAS(h, EVENT_F_distribution))
		h->distribution = facts->pull ? (uint8_t)DIST_COMMUNITY :
						facts->default_event_distribution;
	if (!ENTITY_HAS(h, EVENT_F_threat_level_id))
		h->threat_level_id = 4;
	if (!ENTITY_HAS(h, EVENT_F_analysis))
		h->analysis = 0;
	if (!h->date)
		h->date = today(facts->now);
	if (uuid_is_nil(h->uuid))
		h->uuid = uuid_random();
	if (h->timestamp <= 0)
		h->timestamp = facts->now;
	return ERR_OK;
}

static enum err admit_distribution(struct admission *x)
{
	if (!x->facts->is_edit || ENTITY_HAS(x->h, EVENT_F_distribution))
		x->h->distribution = lowered(x->facts, x->h->distribution);
	return ERR_OK;
}

/* Who made it and who owns it: a document says so only when it comes from who may (4.5.1). */
static enum err admit_creator(struct admission *x)
{
	struct misp_event *h = x->h;
	const struct admit_facts *facts = x->facts;
	bool may = facts->perm_sync || facts->site_admin || facts->pull || facts->kind == AUD_FEED;

	if (!may)
		h->orgc = (struct entity_list){NULL, 0};
	h->org = (struct entity_list){NULL, 0};
	h->orgc_uuid = UUID_NIL;
	h->org_id = facts->org_id;
	h->orgc_id = facts->org_id; /* until the named organisation is captured */
	h->user_id = facts->user_id;
	h->creator_email = STR_NONE;
	return ERR_OK;
}

static enum err admit_group(struct admission *x)
{
	struct misp_event *h = x->h;
	const struct admit_facts *facts = x->facts;
	bool may_embed = from_elsewhere(facts) || facts->perm_sync || facts->site_admin;

	if (facts->is_edit && !ENTITY_HAS(h, EVENT_F_distribution))
		return ERR_OK;
	if (h->distribution != DIST_GROUP) {
		h->sharing_group = (struct entity_list){NULL, 0};
		h->sharing_group_id = 0;
		return ERR_OK;
	}
	if (may_embed && h->sharing_group.n) {
		h->sharing_group_id = 0;
		return ERR_OK;
	}
	h->sharing_group = (struct entity_list){NULL, 0};
	/* a number of another node means nothing here */
	if (from_elsewhere(facts) && !facts->elements_inherit) {
		h->sharing_group_id = 0;
		h->distribution = DIST_ORG;
		return ERR_OK;
	}
	if (!admit_group_known(facts, h->sharing_group_id))
		return fail(x->f, ERR_PERM, "Invalid Sharing Group or not authorised.");
	return ERR_OK;
}

/* What a document cannot set, whatever it says. */
static enum err admit_own_members(struct admission *x)
{
	struct misp_event *h = x->h;
	const struct admit_facts *facts = x->facts;

	if (facts->is_edit) {
		if (!facts->perm_publish && !facts->pull)
			h->published = false;
		h->creator_email = STR_NONE;
		return ERR_OK;
	}
	if (facts->pull || (facts->kind == AUD_FEED && !facts->made_here))
		h->locked = true;
	if (!facts->perm_publish && !facts->pull)
		h->published = false;
	h->publish_timestamp = h->published ? facts->now : 0;
	h->sighting_timestamp = 0;
	h->proposal_email_lock = false;
	h->id = h->body = 0;
	h->attribute_count = h->attribute_total = h->object_count = h->ref_count = 0;
	h->report_count = h->proposal_count = h->sighting_count = 0;
	h->received = facts->now;
	return ERR_OK;
}

static bool is_empty(struct raw_event *r)
{
	return raw_count(r, EL_ATTR) == 0 && raw_count(r, EL_OBJECT) == 0 &&
	       raw_count(r, EL_REPORT) == 0;
}

static enum err admit_empty(struct admission *x)
{
	if (x->h->published && is_empty(x->raw))
		return fail(x->f, ERR_INVAL,
			    "{\"Event\":\"Received a published event that was empty. Event add "
			    "process blocked.\"}");
	if (lowers(x->facts) && is_empty(x->raw))
		return fail(x->f, ERR_INVAL, "\"The event is empty.\"");
	return ERR_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

enum level { level_document, level_new, level_edit, level_element };
enum effect { effect_refuse, effect_wait, effect_change };

#define admit_el_link NULL /* admit_el.c asks these */
#define admit_el_form NULL
static const struct {
	const char *name, *text;
	enum level level;
	enum effect effect;
	enum err (*ask)(struct admission *x);
} rules[] = {
#define ADMIT(name, level, effect, text) {#name, text, level_##level, effect_##effect, admit_##name},
#include "gate/admit_rules.inc"
#undef ADMIT
};

const char *admit_rule_name(enum admit_rule r)
{
	return r < ADMIT_RULES ? rules[r].name : "none";
}

const char *admit_rule_text(enum admit_rule r)
{
	return r < ADMIT_RULES ? rules[r].text : "";
}

static enum err judge_head(struct admission *x)
{
	enum level now = x->facts->is_edit ? level_edit : level_new;

	if (!cryptokeys_regular(&x->h->crypto_keys, raw_arena(x->raw)))
		return fail(x->f, ERR_LIMIT, "too many keys");
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (!rules[i].ask || (rules[i].level != level_document && rules[i].level != now))
			continue;
		enum err e = rules[i].ask(x);

		if (e == ERR_OK)
			continue;
		if (x->facts->decision)
			x->facts->decision->rule = (enum admit_rule)i;
		/* only what a rule may let wait does */
		x->waits = x->waits && rules[i].effect == effect_wait;
		return e;
	}
	return ERR_OK;
}

enum err gate_admit(const struct policy *p, struct raw_event **raw, const struct origin *o,
		    const struct admit_facts *facts, struct admitted **out, struct fail *f)
{
	OWN(raw) struct raw_event *r = MOVE(*raw);
	struct misp_event head = {0};

	*out = NULL;
	if (!p || facts->kind == AUD_NOBODY)
		return fail(f, ERR_PERM, "nobody may bring in anything");
	if (r && raw_root(r) == RAW_EVENT) {
		head = *raw_head(r);
		struct admission x = {.p = p, .facts = facts, .raw = r, .h = &head, .f = f};
		enum err e = judge_head(&x);

		if (e != ERR_OK && x.waits)
			*raw = MOVE(r); /* it is kept */
		TRY(e);
	}
	*out = admitted_make(&r, &head, o);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory for a document");
}
