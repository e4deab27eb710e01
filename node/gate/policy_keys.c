/*
 * policy_keys.c - what each key of the policy file means. Tables of keys, one small reader each.
 */
#include <stdio.h>

#include "base/own.h"
#include "gate/policy_read.h"

#define BAD READ_BAD

/* ---- values ------------------------------------------------------------------------------------ */

enum err read_bool(struct loader *l, const void *n, bool *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	*out = str_is(s, "true") || str_is(s, "yes") || str_is(s, "on");
	if (*out || str_is(s, "false") || str_is(s, "no") || str_is(s, "off"))
		return ERR_OK;
	return BAD(l, n, "true or false is wanted here");
}

enum err read_uuid(struct loader *l, const void *n, struct uuid *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	return uuid_parse(s, out) && !uuid_is_nil(*out) ? ERR_OK :
							  BAD(l, n, "this is not a UUID");
}

static enum err read_time(struct loader *l, const void *n, int64_t *out)
{
	struct str s;
	int64_t us;

	TRY(node_scalar(l, n, &s));
	if (!taxo_time(s, &us))
		return BAD(l, n, "a time such as 2026-12-01T08:00:00+08:00 is wanted here");
	*out = us / 1000000 + (us % 1000000 > 0);
	return ERR_OK;
}

/* 90s, 30m, 72h, 7d */
enum err read_duration(struct loader *l, const void *n, int64_t *out)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	struct str s;
	uint64_t v;

	TRY(node_scalar(l, n, &s));
	for (size_t i = 0; s.n && i < ARRAY_LEN(units); i++)
		if (s.p[s.n - 1] == units[i].unit && str_u64(str_sub(s, 0, s.n - 1), &v) &&
		    v <= 100000000) {
			*out = (int64_t)v * units[i].seconds;
			return ERR_OK;
		}
	return BAD(l, n, "a duration such as 72h is wanted here (s, m, h or d)");
}

enum err read_text(struct loader *l, const void *n, struct str *out, size_t max)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	if (s.n > max)
		return BAD(l, n, "longer than %zu bytes", max);
	*out = arena_str(l->p->a, s);
	return out->p ? ERR_OK : BAD(l, n, "the policy is too large");
}

void *read_room(struct loader *l, const void *old, uint32_t had, size_t more, size_t size)
{
	void *p;

	if (had + more > POLICY_MAX_ROWS)
		return NULL;
	p = arena_array(l->p->a, had + more, size);
	if (p && had)
		memcpy(p, old, had * size);
	return p;
}

#define TOO_MANY READ_TOO_MANY

/* A name that must be known when all files are read. */
static enum err wait_for_name(struct loader *l, const void *n, struct str name, bool is_compartment)
{
	struct pending_name *p = ARENA_NEW(l->p->a, struct pending_name);

	if (!p)
		return BAD(l, n, "the policy is too large");
	*p = (struct pending_name){name, is_compartment, node_place(l, n), l->pending->first};
	l->pending->first = p;
	return ERR_OK;
}

/* ---- audiences ---------------------------------------------------------------------------------- */

static enum err a_kind(struct loader *l, const void *n, void *to)
{
	struct policy_row *r = to;
	struct str s;

	TRY(node_scalar(l, n, &s));
	if (!audience_kind_parse(s, &r->a.kind) || r->a.kind == AUD_OPERATOR)
		return BAD(l, n, "kind is one of member, peer, feed, export, stream");
	return ERR_OK;
}

static enum err a_org(struct loader *l, const void *n, void *to)
{
	return read_uuid(l, n, &((struct policy_row *)to)->a.org);
}

static enum err a_user(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct policy_row *)to)->user, 255);
}

static enum err a_url(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct policy_row *)to)->url, 2000);
}

static enum err read_tlp(struct loader *l, const void *n, enum tlp *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	return tlp_parse(s, out) ? ERR_OK :
				   BAD(l, n, "one of clear, green, amber, amber+strict, red");
}

static enum err read_pap(struct loader *l, const void *n, enum pap *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	return pap_parse(s, out) ? ERR_OK : BAD(l, n, "one of clear, green, amber, red");
}

static enum err a_tlp(struct loader *l, const void *n, void *to)
{
	enum tlp t;

	TRY(read_tlp(l, n, &t));
	((struct policy_row *)to)->a.tlp = (uint8_t)tlp_upto(t);
	return ERR_OK;
}

static enum err a_pap(struct loader *l, const void *n, void *to)
{
	enum pap p;

	TRY(read_pap(l, n, &p));
	((struct policy_row *)to)->a.pap = (uint8_t)pap_upto(p);
	return ERR_OK;
}

static enum err read_class(struct loader *l, const void *n, uint8_t *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	if (class_parse(&l->p->classes, s, out))
		return ERR_OK;
	return policy_bad_class(l, n);
}

static enum err a_class(struct loader *l, const void *n, void *to)
{
	return read_class(l, n, &((struct policy_row *)to)->a.release_class);
}

static enum err a_profile(struct loader *l, const void *n, void *to)
{
	return policy_read_profile_name(l, n, &((struct policy_row *)to)->a.profile);
}

static enum err a_jurisdiction(struct loader *l, const void *n, void *to)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	((struct policy_row *)to)->a.domestic = str_is(s, "domestic");
	return str_is(s, "domestic") || str_is(s, "overseas") ?
		       ERR_OK :
		       BAD(l, n, "jurisdiction is domestic or overseas");
}

static enum err a_internal(struct loader *l, const void *n, void *to)
{
	return read_bool(l, n, &((struct policy_row *)to)->a.internal);
}

static enum err a_suspended(struct loader *l, const void *n, void *to)
{
	return read_time(l, n, &((struct policy_row *)to)->a.suspended_until);
}

static enum err a_vendor(struct loader *l, const void *n, void *to)
{
	struct audience *a = &((struct policy_row *)to)->a;
	size_t used = 0;

	for (size_t i = 0; i < node_count(n); i++) {
		struct str s;

		TRY(node_scalar(l, node_item(l, n, i), &s));
		if (used + s.n + 2 > sizeof(a->vendor_of))
			return BAD(l, n, "vendor_of is longer than %zu bytes", sizeof(a->vendor_of));
		if (used)
			a->vendor_of[used++] = '|';
		memcpy(a->vendor_of + used, s.p, s.n);
		used += s.n;
	}
	a->vendor_of[used] = '\0';
	return ERR_OK;
}

/* ---- compartments ---- */

static enum err read_compartment(struct loader *l, const void *n, uint8_t *out)
{
	struct str s;

	TRY(read_text(l, n, &s, 63));
	*out = s.n ? policy_compartment_number(l->p, s) : 0;
	if (!*out)
		return BAD(l, n, "%s",
			   s.n ? "more than 63 compartments" : "a compartment has a name");
	return wait_for_name(l, n, s, true);
}

static enum err a_compartment(struct loader *l, const void *n, void *to)
{
	return read_compartment(l, n, &((struct policy_row *)to)->a.compartment);
}

static enum err k_compartment(struct loader *l, const void *n, void *to)
{
	return read_compartment(l, n, &((struct policy *)to)->compartment);
}

static enum err read_reach(struct loader *l, struct str name, const void *key, const void *value)
{
	uint8_t from = name.n && name.n < 64 ? policy_compartment_number(l->p, name) : 0;

	if (!from)
		return BAD(l, key, "a compartment has 1 to 63 characters, and there are at most 63");
	/* that it is there says that it exists, even if it reaches none */
	l->pending->reach_named |= UINT64_C(1) << from;
	for (size_t i = 0; i < node_count(value); i++) {
		struct str s;
		uint8_t to;

		TRY(read_text(l, node_item(l, value, i), &s, 63));
		to = s.n ? policy_compartment_number(l->p, s) : 0;
		if (!to)
			return BAD(l, node_item(l, value, i), "more than 63 compartments");
		l->p->reach[from] |= UINT64_C(1) << to;
		l->pending->reach_named |= UINT64_C(1) << to;
	}
	return ERR_OK;
}

static enum err k_can_reach(struct loader *l, const void *n, void *to)
{
	(void)to;
	return node_each_pair(l, n, read_reach);
}

#define WHO_KEYS                                                                                   \
	{"kind", a_kind, true}, {"org", a_org, false},                               \
		{"user", a_user, false}, {"url", a_url, false},
#define HOW_KEYS                                                                                   \
	{"tlp", a_tlp, false}, {"pap", a_pap, false},                                \
		{"class", a_class, false}, {"profile", a_profile, false},            \
		{"jurisdiction", a_jurisdiction, false},                                    \
		{"suspended_until", a_suspended, false},                                    \
		{"vendor_of", a_vendor, false},                                             \
		{"compartment", a_compartment, false},
static const struct key row_keys[] = {WHO_KEYS HOW_KEYS{"internal", a_internal, false}};
static const struct key default_keys[] = {HOW_KEYS};

/* Words that rules use for groups of audiences cannot be names. */
static bool is_group_word(const struct policy *p, struct str s)
{
	enum audience_kind k;
	uint8_t c;

	return str_is(s, "*") || audience_kind_parse(s, &k) || class_parse(&p->classes, s, &c);
}

static enum err read_row(struct loader *l, struct str name, const void *key, const void *value)
{
	struct policy *p = l->p;
	struct policy_row *r = &p->rows[p->n_rows];

	*r = (struct policy_row){0};
	if (!name.n || name.n >= sizeof(r->a.name) || memchr(name.p, 0, name.n))
		return BAD(l, key, "a name has 1 to %zu characters", sizeof(r->a.name) - 1);
	if (is_group_word(p, name))
		return BAD(l, key, "\"%.*s\" cannot be the name of an audience", STR_ARG(name));
	for (uint32_t i = 0; i < p->n_rows; i++)
		if (str_eq(str_c(p->rows[i].a.name), name))
			return BAD(l, key, "audience \"%.*s\" is there twice", STR_ARG(name));
	memcpy(r->a.name, name.p, name.n);
	TRY(node_map(l, value, row_keys, ARRAY_LEN(row_keys), r));
	if (r->a.internal && r->a.kind != AUD_PEER)
		return BAD(l, value, "only a peer can be internal");
	p->n_rows++;
	return ERR_OK;
}

static enum err k_audiences(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;
	struct policy_row *rows = read_room(l, p->rows, p->n_rows, node_count(n), sizeof(*rows));

	if (!rows)
		return TOO_MANY(l, n);
	p->rows = rows;
	return node_each_pair(l, n, read_row);
}

static enum err read_default(struct loader *l, const void *n, struct audience *a)
{
	struct policy_row r = {.a = *a};

	TRY(node_map(l, n, default_keys, ARRAY_LEN(default_keys), &r));
	*a = r.a;
	return ERR_OK;
}

static enum err k_default_peer(struct loader *l, const void *n, void *to)
{
	return read_default(l, n, &((struct policy *)to)->default_peer);
}

static enum err k_default_member(struct loader *l, const void *n, void *to)
{
	return read_default(l, n, &((struct policy *)to)->default_member);
}

/* ---- rules --------------------------------------------------------------------------------------- */

static enum err r_name(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct policy_rule *)to)->name, 63);
}

static enum err choice(struct loader *l, const void *n, const char *const *words, unsigned n_words,
		       unsigned *out)
{
	char all[160] = "";
	size_t used = 0;
	struct str s;

	TRY(node_scalar(l, n, &s));
	for (*out = 0; *out < n_words; ++*out)
		if (str_is(s, words[*out]))
			return ERR_OK;
	for (unsigned i = 0; i < n_words && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 words[i]);
	return BAD(l, n, "\"%.*s\" is not one of %s", STR_ARG(str_sub(s, 0, 40)), all);
}

static enum err r_level(struct loader *l, const void *n, void *to)
{
	unsigned v;

	TRY(choice(l, n, policy_level_names, LEVEL_COUNT, &v));
	((struct policy_rule *)to)->level = (enum policy_level)v;
	return ERR_OK;
}

static enum err r_effect(struct loader *l, const void *n, void *to)
{
	unsigned v;

	TRY(choice(l, n, policy_effect_names, EFFECT_COUNT, &v));
	((struct policy_rule *)to)->effect = (enum policy_effect)v;
	return ERR_OK;
}

static enum err r_for(struct loader *l, const void *n, void *to)
{
	return read_duration(l, n, &((struct policy_rule *)to)->hold_s);
}

static enum err r_until(struct loader *l, const void *n, void *to)
{
	return read_time(l, n, &((struct policy_rule *)to)->until);
}

static enum err r_class(struct loader *l, const void *n, void *to)
{
	struct policy_rule *r = to;

	r->has_class = true;
	return read_class(l, n, &r->release_class);
}

static enum err read_who(struct loader *l, const void *n, struct policy_who *w)
{
	size_t count = node_count(n);
	struct str *names = read_room(l, NULL, 0, count, sizeof(*names));

	if (!names)
		return TOO_MANY(l, n);
	w->given = true;
	w->names = names;
	for (size_t i = 0; i < count; i++) {
		const void *item = node_item(l, n, i);
		enum audience_kind k;
		uint8_t c;
		struct str s;

		TRY(read_text(l, item, &s, 63));
		if (str_is(s, "*")) {
			w->all = true;
		} else if (audience_kind_parse(s, &k)) {
			w->kinds |= (uint8_t)(1u << k);
		} else if (class_parse(&l->p->classes, s, &c)) {
			w->classes |= (uint16_t)(1u << c);
		} else {
			names[w->n_names++] = s;
			TRY(wait_for_name(l, item, s, false));
		}
	}
	return ERR_OK;
}

static enum err r_to(struct loader *l, const void *n, void *to)
{
	return read_who(l, n, &((struct policy_rule *)to)->to);
}

static enum err r_except(struct loader *l, const void *n, void *to)
{
	return read_who(l, n, &((struct policy_rule *)to)->except);
}

static enum err uuids(struct loader *l, const void *n, const struct uuid *had, uint32_t n_had,
		      struct uuid **out, uint32_t *n_out)
{
	struct uuid *v = read_room(l, had, n_had, node_count(n), sizeof(*v));

	if (!v)
		return TOO_MANY(l, n);
	*out = v;
	*n_out = n_had;
	for (size_t i = 0; i < node_count(n); i++)
		TRY(read_uuid(l, node_item(l, n, i), &v[(*n_out)++]));
	return ERR_OK;
}

static enum err r_when(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct policy_rule *)to)->when);
}

static enum err r_unless(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct policy_rule *)to)->unless);
}

static enum err r_require(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct policy_rule *)to)->require);
}

static enum err r_allow(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct policy_rule *)to)->allow);
}

static const struct key rule_keys[] = {
	{"name", r_name, true},	     {"level", r_level, false}, {"when", r_when, false},
	{"effect", r_effect, true},  {"to", r_to, false},	{"except", r_except, false},
	{"for", r_for, false},	     {"until", r_until, false}, {"class", r_class, false},
	{"unless", r_unless, false}, {"require", r_require, false}, {"allow", r_allow, false},
};

static const char *rule_mistake(const struct policy_rule *r)
{
	if (r->effect == EFFECT_DROP && r->level == LEVEL_EVENT)
		return "an event is denied or held, not dropped";
	if (r->effect == EFFECT_DENY_EVENT && r->level != LEVEL_ATTRIBUTE &&
	    r->level != LEVEL_OBJECT && r->level != LEVEL_REPORT)
		return "deny_event is for levels attribute, object and report";
	if (r->effect != EFFECT_HOLD && (r->hold_s >= 0 || r->until))
		return "for and until are for effect hold";
	if (!r->name.n)
		return "a rule needs a name";
	return NULL;
}

static enum err read_rule(struct loader *l, const void *n)
{
	struct policy *p = l->p;
	struct policy_rule *r = &p->rules[p->n_rules];
	const char *mistake;

	*r = (struct policy_rule){.hold_s = -1};
	TRY(node_map(l, n, rule_keys, ARRAY_LEN(rule_keys), r));
	mistake = rule_mistake(r);
	if (mistake)
		return BAD(l, n, "%s", mistake);
	TRY(policy_check_when(l, &r->when, r->level));
	TRY(policy_check_when(l, &r->unless, r->level));
	TRY(policy_check_when(l, &r->require, r->level));
	TRY(policy_check_when(l, &r->allow, r->level));
	for (uint32_t i = 0; i < p->n_rules; i++)
		if (str_eq(p->rules[i].name, r->name))
			return BAD(l, n, "rule \"%.*s\" is there twice", STR_ARG(r->name));
	p->n_rules++;
	return ERR_OK;
}

static enum err want_list(struct loader *l, const void *n)
{
	return node_is_list(n) ? ERR_OK : BAD(l, n, "a list is wanted here");
}

static enum err k_rules(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;
	struct policy_rule *rules;

	TRY(want_list(l, n));
	rules = read_room(l, p->rules, p->n_rules, node_count(n), sizeof(*rules));
	if (!rules)
		return TOO_MANY(l, n);
	p->rules = rules;
	for (size_t i = 0; i < node_count(n); i++)
		TRY(read_rule(l, node_item(l, n, i)));
	return ERR_OK;
}

/* ---- freeze windows ------------------------------------------------------------------------------ */

static enum err f_name(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct policy_freeze *)to)->name, 255);
}

static enum err f_from(struct loader *l, const void *n, void *to)
{
	return read_time(l, n, &((struct policy_freeze *)to)->from);
}

static enum err f_until(struct loader *l, const void *n, void *to)
{
	return read_time(l, n, &((struct policy_freeze *)to)->until);
}

static const struct key freeze_keys[] = {
	{"from", f_from, true},
	{"until", f_until, true},
	{"name", f_name, false},
};

static enum err k_freeze(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;
	struct policy_freeze *v;

	TRY(want_list(l, n));
	v = read_room(l, p->freezes, p->n_freezes, node_count(n), sizeof(*v));
	if (!v)
		return TOO_MANY(l, n);
	p->freezes = v;
	for (size_t i = 0; i < node_count(n); i++) {
		const void *item = node_item(l, n, i);

		v[p->n_freezes] = (struct policy_freeze){0};
		TRY(node_map(l, item, freeze_keys, ARRAY_LEN(freeze_keys), &v[p->n_freezes]));
		if (v[p->n_freezes].until <= v[p->n_freezes].from)
			return BAD(l, item, "the window ends before it begins");
		p->n_freezes++;
	}
	return ERR_OK;
}

/* ---- the rest ------------------------------------------------------------------------------------ */

static enum err k_default_tlp(struct loader *l, const void *n, void *to)
{
	return read_tlp(l, n, &((struct policy *)to)->default_tlp);
}

static enum err k_default_pap(struct loader *l, const void *n, void *to)
{
	return read_pap(l, n, &((struct policy *)to)->default_pap);
}

static enum err k_tlp_for_members(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"misp", "strict"};
	unsigned v;

	TRY(choice(l, n, words, ARRAY_LEN(words), &v));
	((struct policy *)to)->tlp_members_strict = v == 1;
	return ERR_OK;
}

static enum err k_elements_may_relax(struct loader *l, const void *n, void *to)
{
	return read_bool(l, n, &((struct policy *)to)->elements_may_relax);
}

static enum err k_pseudonymous(struct loader *l, const void *n, void *to)
{
	return read_bool(l, n, &((struct policy *)to)->pseudonymous_origin);
}

static enum err k_revive_deleted(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"never", "newer"};
	unsigned v;

	TRY(choice(l, n, words, ARRAY_LEN(words), &v));
	((struct policy *)to)->newer_revives = v == 1;
	return ERR_OK;
}

static enum err k_jurisdiction(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct policy *)to)->jurisdiction, 16);
}

static enum err k_internal_marker(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct policy *)to)->internal_marker, 64);
}

static enum err k_pseudonym_key(struct loader *l, const void *n, void *to)
{
	TRY(read_text(l, n, &((struct policy *)to)->pseudonym_key, 255));
	return ((struct policy *)to)->pseudonym_key.n >= 16 ?
		       ERR_OK :
		       BAD(l, n, "the key of pseudonyms has 16 characters or more");
}

static enum err k_use(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"default", "cn-rmsv", "misp-compat"};
	struct policy *p = to;

	for (size_t i = 0; i < node_count(n); i++) {
		unsigned v;

		TRY(choice(l, node_item(l, n, i), words, ARRAY_LEN(words), &v));
		if (v == 1)
			p->use |= USE_RMSV;
		if (v == 2)
			p->misp_compat = true;
	}
	return ERR_OK;
}

static enum err k_blocked_events(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;

	return uuids(l, n, p->blocked_events, p->n_blocked_events, &p->blocked_events,
		     &p->n_blocked_events);
}

static enum err k_blocked_orgs(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;

	return uuids(l, n, p->blocked_orgs, p->n_blocked_orgs, &p->blocked_orgs,
		     &p->n_blocked_orgs);
}

/* ---- decay and warning lists ---- */

static enum err d_lifetime(struct loader *l, const void *n, void *to)
{
	struct policy_decay *d = to;

	TRY(read_duration(l, n, &d->lifetime_s));
	return d->lifetime_s > 0 ? ERR_OK : BAD(l, n, "a lifetime is more than nothing");
}

/* "2.3": thousandths. */
static enum err d_speed(struct loader *l, const void *n, void *to)
{
	struct str s, whole, part;
	uint64_t units, thousandths = 0;

	TRY(node_scalar(l, n, &s));
	part = str_split(s, '.', &whole);
	if (!str_u64(whole, &units) || units > 1000 || part.n > 3 ||
	    (part.p && !str_u64(part, &thousandths)))
		return BAD(l, n, "a number such as 2.3 is wanted here");
	for (size_t i = part.n; part.n && i < 3; i++)
		thousandths *= 10;
	((struct policy_decay *)to)->speed_milli = (int64_t)(units * 1000 + thousandths);
	return units || thousandths ? ERR_OK : BAD(l, n, "a speed is more than nothing");
}

static enum err d_base(struct loader *l, const void *n, void *to)
{
	struct str s;
	uint64_t v;

	TRY(node_scalar(l, n, &s));
	if (!str_u64(s, &v) || v > 100)
		return BAD(l, n, "a number from 0 to 100 is wanted here");
	((struct policy_decay *)to)->base_score = (int64_t)v;
	return ERR_OK;
}

static enum err k_decay(struct loader *l, const void *n, void *to)
{
	static const struct key keys[] = {{"lifetime", d_lifetime, false},
					  {"decay_speed", d_speed, false},
					  {"base_score", d_base, false}};

	return node_map(l, n, keys, ARRAY_LEN(keys), &((struct policy *)to)->decay);
}

static enum err k_warninglists(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;
	struct str *v = read_room(l, p->list_folders, p->n_list_folders, node_count(n), sizeof(*v));

	if (!v)
		return TOO_MANY(l, n);
	p->list_folders = v;
	l->pending->lists = node_place(l, n);
	for (size_t i = 0; i < node_count(n); i++) {
		TRY(read_text(l, node_item(l, n, i), &v[p->n_list_folders], 4000));
		if (!v[p->n_list_folders].n || v[p->n_list_folders].p[0] != '/')
			return BAD(l, node_item(l, n, i), "a folder by its whole path is wanted here");
		p->n_list_folders++;
	}
	return ERR_OK;
}

const struct key policy_keys[] = {
	{"classes", policy_read_classes, false},
	{"decay", k_decay, false},
	{"warninglists", k_warninglists, false},
	{"default_tlp", k_default_tlp, false},
	{"default_pap", k_default_pap, false},
	{"tlp_for_members", k_tlp_for_members, false},
	{"elements_may_relax", k_elements_may_relax, false},
	{"jurisdiction", k_jurisdiction, false},
	{"pseudonymous_origin", k_pseudonymous, false},
	{"internal_marker", k_internal_marker, false},
	{"revive_deleted", k_revive_deleted, false},
	{"use", k_use, false},
	{"vuln_rules", policy_read_vuln, false},
	{"profiles", policy_read_profiles, false},
	{"pseudonym_key", k_pseudonym_key, false},
	{"default_peer", k_default_peer, false},
	{"default_member", k_default_member, false},
	{"compartment", k_compartment, false},
	{"can_reach", k_can_reach, false},
	{"audiences", k_audiences, false},
	{"rules", k_rules, false},
	{"admission", policy_read_admission, false},
	{"freeze", k_freeze, false},
	{"blocked_events", k_blocked_events, false},
	{"blocked_orgs", k_blocked_orgs, false},
};
const size_t policy_n_keys = ARRAY_LEN(policy_keys);

enum err policy_check_names(struct loader *l)
{
	for (const struct pending_name *p = l->pending->first; p; p = p->next) {
		bool known = false;

		if (p->is_compartment) {
			uint8_t c = policy_compartment_number(l->p, p->name);

			if (!(l->pending->reach_named >> c & 1))
				return at_place(l, &p->place,
						"compartment \"%.*s\" is not in can_reach",
						STR_ARG(p->name));
			continue;
		}
		for (uint32_t i = 0; i < l->p->n_rows && !known; i++)
			known = str_eq(str_c(l->p->rows[i].a.name), p->name);
		if (!known)
			return at_place(l, &p->place, "there is no audience \"%.*s\"",
					STR_ARG(p->name));
	}
	return ERR_OK;
}
