/*
 * policy_canon.c - the canonical form of a policy and its digest, the policy version.
 *
 * Every part is written in a fixed order with its defaults filled in, so two files that mean the
 * same have the same version, and whatever changes a verdict changes the version.
 */
#include "base/hash.h"
#include "base/jsonw.h"
#include "gate/policy_impl.h"
#include "gate/profile.h"

#define CANON_MAX (32u << 20)

const char *const policy_level_names[LEVEL_COUNT] = {
	"event", "attribute", "object", "tag", "report", "sighting", "galaxy",
	"analyst"};
const char *const policy_effect_names[EFFECT_COUNT] = {"deny", "hold", "drop", "deny_event"};

static void put_audience(struct jsonw *w, const struct policy *p, const struct audience *a)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "name", a->name);
	JSONW_KV(w, jsonw_c, "kind", audience_kind_name(a->kind));
	JSONW_KV(w, jsonw_uuid, "org", a->org);
	JSONW_KV(w, jsonw_uint, "tlp", a->tlp);
	JSONW_KV(w, jsonw_uint, "pap", a->pap);
	JSONW_KV(w, jsonw_c, "class", class_name(&p->classes, a->release_class));
	JSONW_KV(w, jsonw_bool, "domestic", a->domestic);
	JSONW_KV(w, jsonw_bool, "internal", a->internal);
	JSONW_KV(w, jsonw_str, "profile", profile_of(p, a->profile)->name);
	JSONW_KV(w, jsonw_int, "suspended_until", a->suspended_until);
	JSONW_KV(w, jsonw_c, "vendor_of", a->vendor_of);
	JSONW_KV(w, jsonw_uint, "compartment", a->compartment);
	jsonw_obj_end(w);
}

static void put_who(struct jsonw *w, const char *key, const struct policy_who *who)
{
	jsonw_key(w, key);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_bool, "given", who->given);
	JSONW_KV(w, jsonw_bool, "all", who->all);
	JSONW_KV(w, jsonw_uint, "kinds", who->kinds);
	JSONW_KV(w, jsonw_uint, "classes", who->classes);
	jsonw_key(w, "names");
	jsonw_arr(w);
	for (uint32_t i = 0; i < who->n_names; i++)
		jsonw_str(w, who->names[i]);
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

static void put_cond(struct jsonw *w, const struct policy_cond *c)
{
	jsonw_arr(w);
	jsonw_c(w, cond_rows[c->kind].name);
	for (size_t i = 0; i < COND_WORDS; i++)
		jsonw_uint(w, c->bits[i]);
	jsonw_int(w, c->number);
	for (uint32_t i = 0; c->texts && i < c->n; i++)
		jsonw_str(w, c->texts[i]);
	for (uint32_t i = 0; c->uuids && i < c->n; i++)
		jsonw_uuid(w, c->uuids[i]);
	jsonw_arr_end(w);
}

static void put_when(struct jsonw *w, const char *key, const struct policy_when *when)
{
	jsonw_key(w, key);
	jsonw_arr(w);
	for (uint32_t i = 0; i < when->n; i++)
		put_cond(w, &when->conds[i]);
	jsonw_arr_end(w);
}

static void put_rule(struct jsonw *w, const struct policy_rule *r)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_str, "name", r->name);
	JSONW_KV(w, jsonw_c, "level", policy_level_names[r->level]);
	JSONW_KV(w, jsonw_c, "effect", policy_effect_names[r->effect]);
	put_when(w, "when", &r->when);
	put_when(w, "unless", &r->unless);
	put_when(w, "require", &r->require);
	put_when(w, "allow", &r->allow);
	put_who(w, "to", &r->to);
	put_who(w, "except", &r->except);
	JSONW_KV(w, jsonw_int, "for", r->hold_s);
	JSONW_KV(w, jsonw_int, "until", r->until);
	JSONW_KV(w, jsonw_int, "class", r->has_class ? r->release_class : -1);
	jsonw_obj_end(w);
}

static void put_admission(struct jsonw *w, const struct admission_rule *r)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_str, "name", r->name);
	JSONW_KV(w, jsonw_c, "effect", admission_effect_names[r->effect]);
	JSONW_KV(w, jsonw_int, "kinds", r->has_from ? r->kinds : -1);
	jsonw_key(w, "from");
	jsonw_arr(w);
	for (uint32_t i = 0; i < r->n_from; i++)
		jsonw_str(w, r->from[i]);
	jsonw_arr_end(w);
	put_when(w, "when", &r->when);
	put_when(w, "unless", &r->unless);
	put_when(w, "require", &r->require);
	put_when(w, "allow", &r->allow);
	jsonw_key(w, "type");
	jsonw_arr(w);
	for (size_t i = 0; r->has_types && i < COND_WORDS; i++)
		jsonw_uint(w, r->types[i]);
	jsonw_arr_end(w);
	JSONW_KV(w, jsonw_int, "attributes", r->attributes_above);
	JSONW_KV(w, jsonw_int, "bytes", r->bytes_above);
	jsonw_obj_end(w);
}

static void put_uuids(struct jsonw *w, const char *key, const struct uuid *u, uint32_t n)
{
	jsonw_key(w, key);
	jsonw_arr(w);
	for (uint32_t i = 0; i < n; i++)
		jsonw_uuid(w, u[i]);
	jsonw_arr_end(w);
}

static void put_rows(struct jsonw *w, const struct policy *p)
{
	jsonw_key(w, "audiences");
	jsonw_arr(w);
	put_audience(w, p, &p->default_operator);
	put_audience(w, p, &p->default_member);
	put_audience(w, p, &p->default_peer);
	for (uint32_t i = 0; i < p->n_rows; i++) {
		put_audience(w, p, &p->rows[i].a);
		jsonw_str(w, p->rows[i].user);
		jsonw_str(w, p->rows[i].url);
	}
	jsonw_arr_end(w);
}

static void put_names(struct jsonw *w, const struct name_rules *r)
{
	jsonw_bool(w, r->keep);
	for (uint32_t i = 0; i < r->n; i++) {
		jsonw_bool(w, r->v[i].keep);
		jsonw_str(w, r->v[i].pattern);
	}
}

static void put_profile(struct jsonw *w, const struct profile *p)
{
	jsonw_arr(w);
	jsonw_str(w, p->name);
	jsonw_bool(w, p->rewrites);
	jsonw_bool(w, p->to_ids_only);
	jsonw_bool(w, p->hide_internal);
	jsonw_bool(w, p->custom_clusters);
	jsonw_uint(w, p->data);
	jsonw_uint(w, p->creator);
	jsonw_uint(w, p->categories);
	for (size_t i = 0; i < PROFILE_WORDS; i++) {
		jsonw_uint(w, p->types[i]);
		jsonw_uint(w, p->types_in_object[i]);
	}
	put_names(w, &p->objects);
	put_names(w, &p->tags);
	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++)
		for (unsigned i = 0; i < cut_table((enum cut_entity)e)->n; i++)
			jsonw_uint(w, (uint64_t)p->acts[e][i] << 8 | p->how[e][i]);
	for (uint32_t i = 0; i < p->n_values; i++) {
		jsonw_uint(w, (uint64_t)p->values[i].entity << 8 | p->values[i].field);
		jsonw_str(w, p->values[i].text);
		jsonw_uint(w, p->values[i].number);
	}
	jsonw_arr_end(w);
}

/* The key itself is a secret, and the version is told. */
static void put_profiles(struct jsonw *w, const struct policy *p)
{
	struct sha256 d = hash_sha256(p->pseudonym_key);
	char hex[65];

	hash_hex(d.b, sizeof(d.b), hex);
	JSONW_KV(w, jsonw_c, "pseudonym_key", p->pseudonym_key.n ? hex : "");
	jsonw_key(w, "profiles");
	jsonw_arr(w);
	for (uint32_t i = 0; i < p->n_profiles; i++)
		put_profile(w, p->profiles[i]);
	jsonw_arr_end(w);
}

static void put_classes(struct jsonw *w, const struct policy *p)
{
	if (!p->has_classes)
		return;
	jsonw_key(w, "classes");
	jsonw_arr(w);
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		jsonw_c(w, p->classes.name[c] ? p->classes.name[c] : "");
	jsonw_arr_end(w);
}

static void put_lists(struct jsonw *w, const struct policy *p)
{
	jsonw_key(w, "decay");
	jsonw_arr(w);
	jsonw_int(w, p->decay.lifetime_s);
	jsonw_int(w, p->decay.speed_milli);
	jsonw_int(w, p->decay.base_score);
	jsonw_arr_end(w);
	jsonw_key(w, "warninglists");
	jsonw_arr(w);
	for (uint32_t i = 0; i < p->n_list_folders; i++)
		jsonw_str(w, p->list_folders[i]);
	/* their content decides, too */
	jsonw_c(w, p->warnlists ? warnlist_digest(p->warnlists) : "");
	jsonw_arr_end(w);
}

static void put_compartments(struct jsonw *w, const struct policy *p)
{
	JSONW_KV(w, jsonw_uint, "compartment", p->compartment);
	jsonw_key(w, "can_reach");
	jsonw_arr(w);
	for (unsigned i = 1; i <= p->n_compartments; i++) {
		jsonw_str(w, p->compartments[i]);
		jsonw_uint(w, p->reach[i]);
	}
	jsonw_arr_end(w);
}

/* The rules of each level, so that what is judged looks at its own only. */
static bool sort_rules(struct policy *p)
{
	for (unsigned level = 0; level < LEVEL_COUNT; level++) {
		const struct policy_rule **v = ARENA_ARRAY(p->a, const struct policy_rule *, p->n_rules + 1);
		uint32_t n = 0;

		if (!v)
			return false;
		for (uint32_t i = 0; i < p->n_rules; i++)
			if (p->rules[i].level == level)
				v[n++] = &p->rules[i];
		p->by_level[level] = v;
		p->n_by_level[level] = n;
	}
	return true;
}

enum err policy_seal(struct policy *p, struct fail *f)
{
	OWN(buf) struct buf b = BUF(CANON_MAX);
	struct jsonw w = jsonw_on(&b);
	struct sha256 digest;

	p->default_operator.compartment = p->compartment; /* an internal link is one with this node */
	if (!sort_rules(p) || arena_overflowed(p->a))
		return fail(f, ERR_LIMIT, "the policy is too large");
	policy_settle_vuln(p);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "form", 2);
	JSONW_KV(&w, jsonw_bool, "misp_compat", p->misp_compat);
	JSONW_KV(&w, jsonw_c, "default_tlp", tlp_name(p->default_tlp));
	JSONW_KV(&w, jsonw_c, "default_pap", pap_name(p->default_pap));
	JSONW_KV(&w, jsonw_bool, "tlp_for_members_strict", p->tlp_members_strict);
	JSONW_KV(&w, jsonw_bool, "pseudonymous_origin", p->pseudonymous_origin);
	JSONW_KV(&w, jsonw_bool, "newer_revives", p->newer_revives);
	JSONW_KV(&w, jsonw_uint, "use", p->use);
	JSONW_KV(&w, jsonw_uint, "vuln", p->vuln);
	JSONW_KV(&w, jsonw_str, "jurisdiction", p->jurisdiction);
	JSONW_KV(&w, jsonw_str, "internal_marker", p->internal_marker);
	if (p->elements_may_relax)
		JSONW_KV(&w, jsonw_bool, "elements_may_relax", true);
	put_classes(&w, p);
	put_compartments(&w, p);
	put_profiles(&w, p);
	put_lists(&w, p);
	put_rows(&w, p);
	jsonw_key(&w, "rules");
	jsonw_arr(&w);
	for (uint32_t i = 0; i < p->n_rules; i++)
		put_rule(&w, &p->rules[i]);
	jsonw_arr_end(&w);
	if (p->n_admission) { /* a policy without has the version that it always had */
		jsonw_key(&w, "admission");
		jsonw_arr(&w);
		for (uint32_t i = 0; i < p->n_admission; i++)
			put_admission(&w, &p->admission[i]);
		jsonw_arr_end(&w);
	}
	jsonw_key(&w, "freeze");
	jsonw_arr(&w);
	for (uint32_t i = 0; i < p->n_freezes; i++) {
		jsonw_str(&w, p->freezes[i].name);
		jsonw_int(&w, p->freezes[i].from);
		jsonw_int(&w, p->freezes[i].until);
	}
	jsonw_arr_end(&w);
	put_uuids(&w, "blocked_events", p->blocked_events, p->n_blocked_events);
	put_uuids(&w, "blocked_orgs", p->blocked_orgs, p->n_blocked_orgs);
	jsonw_obj_end(&w);
	if (buf_err(&b) != ERR_OK)
		return fail(f, buf_err(&b), "the policy is too large");
	digest = hash_sha256(buf_str(&b));
	hash_hex(digest.b, sizeof(digest.b), p->version);
	return ERR_OK;
}
