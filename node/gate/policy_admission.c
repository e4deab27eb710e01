/*
 * policy_admission.c - the key admission of the policy file: rules about what comes in.
 */
#include "gate/policy_read.h"

const char *const admission_effect_names[ADMISSION_COUNT] = {"refuse", "quarantine", "accept"};

static enum err a_name(struct loader *l, const void *n, void *to)
{
	return read_text(l, n, &((struct admission_rule *)to)->name, 63);
}

static enum err a_effect(struct loader *l, const void *n, void *to)
{
	struct admission_rule *r = to;
	struct str s;

	TRY(node_scalar(l, n, &s));
	for (unsigned i = 0; i < ADMISSION_COUNT; i++)
		if (str_is(s, admission_effect_names[i])) {
			r->effect = (enum admission_effect)i;
			return ERR_OK;
		}
	return READ_BAD(l, n, "effect is one of refuse, quarantine, accept");
}

static enum err a_from(struct loader *l, const void *n, void *to)
{
	struct admission_rule *r = to;
	struct str *names = read_room(l, NULL, 0, node_count(n), sizeof(*names));

	if (!names)
		return READ_TOO_MANY(l, n);
	r->from = names;
	r->has_from = true;
	for (size_t i = 0; i < node_count(n); i++) {
		const void *item = node_item(l, n, i);
		enum audience_kind k;
		struct str s;

		TRY(read_text(l, item, &s, 255));
		if (str_is(s, "*"))
			r->kinds = UINT8_MAX;
		else if (!audience_kind_parse(s, &k))
			names[r->n_from++] = s;
		else if (k == AUD_EXPORT || k == AUD_STREAM)
			return READ_BAD(l, item, "nothing comes in from there: operator, member, peer, "
						 "feed, a name, or \"*\"");
		else
			r->kinds |= (uint8_t)(1u << k);
	}
	return ERR_OK;
}

static enum err a_when(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct admission_rule *)to)->when);
}

static enum err a_unless(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct admission_rule *)to)->unless);
}

static enum err a_require(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct admission_rule *)to)->require);
}

static enum err a_allow(struct loader *l, const void *n, void *to)
{
	return policy_read_when(l, n, &((struct admission_rule *)to)->allow);
}

static enum err a_type(struct loader *l, const void *n, void *to)
{
	struct admission_rule *r = to;

	r->has_types = true;
	return policy_read_types(l, n, r->types);
}

/* 5000, 20k, 10M: thousands and millions */
static enum err read_amount(struct loader *l, const void *n, int64_t *out)
{
	struct str s;
	uint64_t v, times = 1;

	TRY(node_scalar(l, n, &s));
	if (s.n && (s.p[s.n - 1] == 'k' || s.p[s.n - 1] == 'M'))
		times = s.p[s.n - 1] == 'k' ? 1000 : 1000000;
	if (!str_u64(times > 1 ? str_sub(s, 0, s.n - 1) : s, &v) || v > UINT64_C(1000000000000))
		return READ_BAD(l, n, "a number is wanted here, such as 5000, 20k or 10M");
	*out = (int64_t)(v * times);
	return ERR_OK;
}

static enum err a_attributes(struct loader *l, const void *n, void *to)
{
	return read_amount(l, n, &((struct admission_rule *)to)->attributes_above);
}

static enum err a_bytes(struct loader *l, const void *n, void *to)
{
	return read_amount(l, n, &((struct admission_rule *)to)->bytes_above);
}

static const struct key keys[] = {
	{"name", a_name, true},	      {"effect", a_effect, true}, {"from", a_from, false},
	{"when", a_when, false},      {"unless", a_unless, false}, {"require", a_require, false},
	{"allow", a_allow, false},    {"type", a_type, false},
	{"attributes_above", a_attributes, false}, {"bytes_above", a_bytes, false},
};

static enum err read_rule(struct loader *l, const void *n)
{
	struct policy *p = l->p;
	struct admission_rule *r = &p->admission[p->n_admission];

	*r = (struct admission_rule){.attributes_above = -1, .bytes_above = -1};
	TRY(node_map(l, n, keys, ARRAY_LEN(keys), r));
	if (!r->name.n)
		return READ_BAD(l, n, "a rule needs a name");
	const struct policy_when *const parts[] = {&r->when, &r->unless, &r->require, &r->allow};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(policy_check_when(l, parts[i], LEVEL_EVENT));
	for (uint32_t i = 0; i < p->n_admission; i++)
		if (str_eq(p->admission[i].name, r->name))
			return READ_BAD(l, n, "rule \"%.*s\" is there twice", STR_ARG(r->name));
	p->n_admission++;
	return ERR_OK;
}

enum err policy_read_admission(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;
	struct admission_rule *v;

	if (!node_is_list(n))
		return READ_BAD(l, n, "a list is wanted here");
	v = read_room(l, p->admission, p->n_admission, node_count(n), sizeof(*v));
	if (!v)
		return READ_TOO_MANY(l, n);
	p->admission = v;
	for (size_t i = 0; i < node_count(n); i++)
		TRY(read_rule(l, node_item(l, n, i)));
	return ERR_OK;
}
