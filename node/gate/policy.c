/*
 * policy.c - policy snapshots: the shipped ones, their version, and who gets which audience.
 *
 * A policy never changes after policy_seal(); readers hold a reference. Reading files is
 * policy_load.c. Whatever a caller is not known as, it gets the strictest row that fits.
 */
#include "gate/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"
#include "gate/policy_impl.h"

static const char *const kind_names[] = {
	[AUD_NOBODY] = "nobody", [AUD_OPERATOR] = "operator", [AUD_MEMBER] = "member",
	[AUD_PEER] = "peer",	 [AUD_FEED] = "feed",	      [AUD_EXPORT] = "export",
	[AUD_STREAM] = "stream",
};
const char *audience_kind_name(enum audience_kind k)
{
	return (unsigned)k < ARRAY_LEN(kind_names) ? kind_names[k] : "nobody";
}

bool audience_kind_parse(struct str s, enum audience_kind *out)
{
	for (unsigned k = AUD_OPERATOR; k < ARRAY_LEN(kind_names); k++)
		if (str_is(s, kind_names[k])) {
			*out = (enum audience_kind)k;
			return true;
		}
	*out = AUD_NOBODY;
	return false;
}

struct policy *policy_new(struct str name)
{
	static const struct audience own = {.tlp = TLP_UPTO_RED,
					    .pap = PAP_UPTO_RED,
					    .release_class = CLASS_OWN,
					    .domestic = true,
					    .profile = PROFILE_FULL};
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	atomic_init(&p->refs, 1);
	p->a = arena_new(POLICY_MAX_BYTES);
	if (!p->a) {
		free(p);
		return NULL;
	}
	p->name = arena_str(p->a, name);
	p->classes = release_classes_shipped;
	p->default_tlp = TLP_AMBER;
	p->default_pap = PAP_CLEAR;
	p->jurisdiction = STR("");
	p->internal_marker = STR("[internal]");
	p->decay = (struct policy_decay){INT64_C(120) * 86400, 2300, 80};
	p->default_operator = p->default_member = own;
	/* Other local organisations see what MISP shows them, but are partners for embargoes. */
	p->default_member.release_class = CLASS_PARTNER;
	p->default_peer = (struct audience){.tlp = TLP_UPTO_AMBER,
					    .pap = PAP_UPTO_CLEAR,
					    .release_class = CLASS_PARTNER,
					    .domestic = true,
					    .profile = PROFILE_TECHNICAL};
	return p;
}

struct policy *policy_ref(struct policy *p)
{
	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void policy_unref(struct policy *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (struct policy_regex *r = p->regexes; r; r = r->next)
		regex_free(r->regex);
	warnlist_unref(p->warnlists);
	arena_free(p->a);
	free(p);
}

const char *policy_class_name(const struct policy *p, unsigned c)
{
	return c < CLASS_COUNT ? p->classes.name[c] : NULL;
}

bool policy_asks_origin(const struct policy *p)
{
	return p->n_compartments > 0;
}

const char *policy_version(const struct policy *p)
{
	return p->version;
}

static bool asks_age(const struct policy_when *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->conds[i].kind == COND_KIND_older_than || w->conds[i].kind == COND_KIND_younger_than ||
		    w->conds[i].kind == COND_KIND_score_below)
			return true;
	return false;
}

bool policy_asks_age(const struct policy *p)
{
	for (uint32_t i = 0; !p->misp_compat && i < p->n_rules; i++) {
		const struct policy_rule *r = &p->rules[i];

		if (asks_age(&r->when) || asks_age(&r->unless) || asks_age(&r->require) ||
		    asks_age(&r->allow) || (r->effect == EFFECT_HOLD && r->level != LEVEL_EVENT && r->hold_s >= 0))
			return true;
	}
	return false;
}

void policy_stamp(const struct policy *p, int64_t now, char out[65])
{
	char text[160];
	struct sha256 d;
	unsigned times = 0;
	bool age = policy_asks_age(p);
	int n;

	for (uint32_t i = 0; i < p->n_freezes; i++)
		times += (unsigned)(p->freezes[i].from <= now) + (unsigned)(p->freezes[i].until <= now);
	for (uint32_t i = 0; i < p->n_rules; i++)
		times += p->rules[i].until && p->rules[i].until <= now;
	for (uint32_t i = 0; i < p->n_rows; i++)
		times += p->rows[i].a.suspended_until && p->rows[i].a.suspended_until <= now;
	memcpy(out, p->version, sizeof(p->version));
	if (!age && !times)
		return;
	n = snprintf(text, sizeof(text), "%s %u %lld", p->version, times,
		     age ? (long long)(now / POLICY_LOOK_S) : 0LL);
	d = hash_sha256((struct str){text, (size_t)n});
	hash_hex(d.b, sizeof(d.b), out);
}

bool policy_is_misp_compat(const struct policy *p)
{
	return p->misp_compat;
}

bool policy_newer_revives(const struct policy *p)
{
	return p->newer_revives;
}

struct policy *policy_shipped(const char *name)
{
	static const struct {
		const char *name;
		bool misp_compat;
		unsigned use;
	} shipped[] = {{"default", false, 0}, {"cn-rmsv", false, USE_RMSV}, {"misp-compat", true, 0}};

	for (size_t i = 0; i < ARRAY_LEN(shipped); i++) {
		struct policy *p;

		if (!name || strcmp(name, shipped[i].name) != 0)
			continue;
		p = policy_new(str_c(name));
		if (!p)
			return NULL;
		p->misp_compat = shipped[i].misp_compat;
		p->use = shipped[i].use;
		p->rows = ARENA_NEW(p->a, struct policy_row);
		if (p->rows) {
			p->n_rows = 1;
			p->rows[0].a.kind = AUD_FEED;
			snprintf(p->rows[0].a.name, sizeof(p->rows[0].a.name), "public-feed");
		}
		if (!p->rows || policy_seal(p, NULL) != ERR_OK) {
			policy_unref(p);
			return NULL;
		}
		return p;
	}
	return NULL;
}

/* ---- audiences --------------------------------------------------------------------------- */

static bool by_user(const struct policy_row *r, const struct caller *c)
{
	return r->user.n && c->name.n && str_eq_nocase(r->user, c->name);
}

static bool by_url(const struct policy_row *r, const struct caller *c)
{
	return r->url.n && str_eq(r->url, c->url);
}

static bool by_name(const struct policy_row *r, const struct caller *c)
{
	return c->name.n && str_eq(str_c(r->a.name), c->name);
}

static bool by_org(const struct policy_row *r, const struct caller *c)
{
	return !uuid_is_nil(r->a.org) && uuid_eq(r->a.org, c->org);
}

/* The row of a caller: what names it most closely goes first. */
static const struct policy_row *row_of(const struct policy *p, const struct caller *c)
{
	static bool (*const ways[])(const struct policy_row *,
				    const struct caller *) = {by_user, by_url, by_name, by_org};
	/* published things are found by their name alone */
	size_t first = c->kind == AUD_MEMBER || c->kind == AUD_PEER ? 0 : 2;
	size_t end = c->kind == AUD_MEMBER || c->kind == AUD_PEER ? ARRAY_LEN(ways) : 3;

	for (size_t w = first; w < end; w++)
		for (uint32_t i = 0; i < p->n_rows; i++)
			if (p->rows[i].a.kind == c->kind && ways[w](&p->rows[i], c))
				return &p->rows[i];
	return NULL;
}

/* misp-compat: users and sync links get MISP's own rules and nothing else. */
static void be_misp(struct audience *a)
{
	a->misp_rules_only = true;
	a->profile = PROFILE_FULL;
	a->tlp = TLP_UPTO_RED;
	a->pap = PAP_UPTO_RED;
	a->release_class = CLASS_OWN;
	a->domestic = true;
}

static void default_audience(const struct policy *p, const struct caller *c, struct audience *out)
{
	*out = (struct audience){0};
	if (c->kind == AUD_OPERATOR)
		*out = p->default_operator;
	else if (c->kind == AUD_MEMBER)
		*out = p->default_member;
	else if (c->kind == AUD_PEER)
		*out = p->default_peer;
	if (c->kind == AUD_PEER && c->internal) {
		*out = p->default_operator;
		out->internal = true;
	}
}

void policy_audience(const struct policy *p, const struct caller *c, struct audience *out)
{
	const struct policy_row *row = c->kind == AUD_OPERATOR ? NULL : row_of(p, c);
	bool published = c->kind != AUD_OPERATOR && c->kind != AUD_MEMBER && c->kind != AUD_PEER;

	if (row)
		*out = row->a;
	else
		default_audience(p, c, out);
	if (!row && published && c->name.n)
		snprintf(out->name, sizeof(out->name), "%.*s", STR_ARG(c->name));
	else if (!row)
		snprintf(out->name, sizeof(out->name), "%s:%llu", c->peer_id ? "peer" : "user",
			 (unsigned long long)(c->peer_id ? c->peer_id : c->user_id));
	out->kind = c->kind;
	out->user_id = c->user_id;
	if (published)
		return;
	out->org = c->org;
	out->org_id = c->org_id;
	out->site_admin = c->site_admin;
	out->perm_sync = c->perm_sync;
	out->perm_audit = c->perm_audit;
	out->internal |= c->internal;
	out->push = c->push;
	if (p->misp_compat)
		be_misp(out);
}

enum err policy_audience_named(const struct policy *p, struct str name, struct audience *out)
{
	*out = (struct audience){0};
	for (uint32_t i = 0; i < p->n_rows; i++)
		if (str_eq(str_c(p->rows[i].a.name), name)) {
			*out = p->rows[i].a;
			if (p->misp_compat && (out->kind == AUD_MEMBER || out->kind == AUD_PEER))
				be_misp(out);
			return ERR_OK;
		}
	return ERR_NOENT;
}

enum err policy_caller_nth(const struct policy *p, unsigned n, struct caller *out, struct str *name)
{
	const struct policy_row *r = n < p->n_rows ? &p->rows[n] : NULL;

	*out = (struct caller){0};
	if (!r)
		return ERR_NOENT;
	*name = str_c(r->a.name);
	*out = (struct caller){.kind = r->a.kind,
			       .org = r->a.org,
			       .name = r->user.n ? r->user : *name,
			       .url = r->url,
			       .internal = r->a.internal,
			       .perm_sync = r->a.kind == AUD_PEER};
	return ERR_OK;
}

enum err policy_audience_nth(const struct policy *p, enum audience_kind k, unsigned n,
			     struct audience *out)
{
	*out = (struct audience){0};
	for (uint32_t i = 0; i < p->n_rows; i++)
		if (p->rows[i].a.kind == k && n-- == 0)
			return policy_audience_named(p, str_c(p->rows[i].a.name), out);
	return ERR_NOENT;
}

bool policy_who_has(const struct policy_who *w, const struct audience *a, uint8_t release_class)
{
	if (w->all || w->kinds >> a->kind & 1 || w->classes >> release_class & 1)
		return true;
	for (uint32_t i = 0; i < w->n_names; i++)
		if (str_eq(w->names[i], str_c(a->name)))
			return true;
	return false;
}
