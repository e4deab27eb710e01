/*
 * rewrite.c - profiles that rewrite: derived UUIDs and neutral, coarser or other fields.
 *
 * A rewritten copy has its own UUIDs, so that at a third node it and the full event are two. They
 * are name-based: the same element has the same one for ever, and references agree.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "gate/release.h"
#include "model/types.h"

#define DAY_S 86400
#define INFO_MAX 400u

#define SPACE_MAX 128u

/* One name space for each node and profile. */
struct uuid rewrite_space(const struct gate_facts *f, const struct profile *p)
{
	char name[SPACE_MAX];
	int n = snprintf(name, sizeof(name), "tocsin:profile:%.*s", STR_ARG(p->name));

	return uuid_v5(f->host_org, (struct str){name, MIN((size_t)n, sizeof(name) - 1)});
}

static struct uuid derive(struct uuid space, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];

	if (uuid_is_nil(u))
		return u;
	uuid_format(u, text);
	return uuid_v5(space, (struct str){text, UUID_TEXT_LEN});
}

struct uuid gate_uuid(const struct policy *p, const struct gate_facts *f, uint8_t profile,
		      struct uuid u)
{
	const struct profile *pr = profile_of(p, profile);

	return pr->rewrites ? derive(rewrite_space(f, pr), u) : u;
}

bool gate_rewrites(const struct policy *p, const struct audience *a)
{
	bool misp = a->misp_rules_only && (a->kind == AUD_OPERATOR || a->kind == AUD_MEMBER ||
					   a->kind == AUD_PEER);

	return !misp && profile_of(p, a->profile)->rewrites;
}

bool gate_rewriting(const struct policy *p, unsigned n, uint8_t *profile)
{
	unsigned all = PROFILE_COUNT + (p ? p->n_profiles : 0);

	for (unsigned i = 0; i < all; i++)
		if (profile_of(p, (uint8_t)i)->rewrites && n-- == 0) {
			*profile = (uint8_t)i;
			return true;
		}
	return false;
}

struct uuid rewrite_uuid(const struct released *r, struct uuid u)
{
	return derive(r->space, u);
}

/* A line that says what kind of data it is, made from what leaves anyway. */
static struct str neutral_info(struct released *r, struct arena *a)
{
	OWN(buf) struct buf b = BUF(INFO_MAX);
	bool technical = r->profile->leaves[CUT_OBJECT];
	unsigned shown = 0;

	buf_puts(&b, technical ? "Technical features" : "Indicators");
	if (technical)
		LIST_EACH(t, r->head.tags, struct misp_tagref)
		if (shown < 3 && t->name.n < 80 && !taxo_in(t->name, "tlp") &&
		    !taxo_in(t->name, "pap")) {
			buf_puts(&b, shown++ ? ", " : ": ");
			buf_str_add(&b, t->name);
		}
	for (uint32_t i = 0; i < r->subject.n_types && i < 3; i++) {
		buf_puts(&b, i ? ", " : " (");
		buf_str_add(&b, type_name((enum attr_type)r->subject.types[i]));
	}
	if (r->subject.n_types)
		buf_putc(&b, ')');
	return arena_str(a, buf_err(&b) == ERR_OK ? buf_str(&b) : STR("Technical features"));
}

static uint32_t date_of(int64_t t)
{
	struct clock_civil c = clock_to_civil(t);

	return (uint32_t)(c.year * 10000 + c.month * 100 + c.day);
}

static int64_t whole_day(int64_t us)
{
	const int64_t day_us = INT64_C(1000000) * DAY_S;
	int64_t rest;

	if (us == MICRO_NONE)
		return us;
	rest = us % day_us;
	return us - (rest < 0 ? rest + day_us : rest);
}

static const struct profile_value *value_of(const struct profile *p, unsigned e, unsigned field)
{
	for (uint32_t i = 0; i < p->n_values; i++)
		if (p->values[i].entity == e && p->values[i].field == field)
			return &p->values[i];
	return NULL;
}

/* The same for the same text in the same field; without the key nobody finds the text by trying. */
static struct str pseudonym(const struct released *r, const struct field *f, struct str text,
			    struct arena *a)
{
	struct str named;
	struct sha256 d;
	char hex[65];

	if (!text.n)
		return text;
	named = arena_printf(a, "%s:%.*s", f->key, STR_ARG(text));
	if (!named.p)
		return STR_NONE;
	d = hash_hmac(r->st.policy->pseudonym_key, named);
	hash_hex(d.b, sizeof(d.b), hex);
	return arena_printf(a, "anon-%.24s", hex);
}

static void put_day(const struct field *f, char *at)
{
	int64_t *t = (int64_t *)(void *)at;

	if (f->kind == F_MICRO)
		*t = whole_day(*t);
	else
		*t -= ((*t % DAY_S) + DAY_S) % DAY_S;
}

static void put_number(const struct field *f, char *at, uint64_t v)
{
	switch ((enum field_kind)f->kind) {
	case F_U8:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case F_BOOL:
		*(bool *)at = v != 0;
		break;
	case F_DATE:
		*(uint32_t *)(void *)at = (uint32_t)v;
		break;
	case F_U64:
		*(uint64_t *)(void *)at = v;
		break;
	case F_I64:
	case F_TIME:
		*(int64_t *)(void *)at = (int64_t)v;
		break;
	case F_STR:
	case F_MICRO:
	case F_UUID:
	case F_TYPE:
	case F_CATEGORY:
	case F_LIST:
	default:
		break;
	}
}

/* The usual category of the type that the attribute has. */
static uint8_t usual_category(const struct misp_attr *attr)
{
	const struct type_row *row = type_get((enum attr_type)attr->type);

	return row ? row->category : (uint8_t)CAT_OTHER;
}

static bool rewrite_field(const struct released *r, enum cut_entity e, unsigned i, char *entity,
			  struct arena *a)
{
	const struct field *f = &cut_table(e)->desc->fields[i];
	const struct profile_value *v;
	char *at = entity + f->offset;
	struct str *text = (struct str *)(void *)at;

	switch ((enum rewrite_how)r->profile->how[e][i]) {
	case HOW_DERIVE:
		*(struct uuid *)(void *)at = rewrite_uuid(r, *(struct uuid *)(void *)at);
		return true;
	case HOW_DAY:
		put_day(f, at);
		return true;
	case HOW_THREAT:
		*(uint8_t *)at = 4;
		return true;
	case HOW_ANALYSIS:
		*(uint8_t *)at = 0;
		return true;
	case HOW_DATE:
		*(uint32_t *)(void *)at = date_of(r->head.timestamp);
		return true;
	case HOW_CATEGORY:
		*(uint8_t *)at = usual_category((const struct misp_attr *)(const void *)entity);
		return true;
	case HOW_TIMESTAMP:
		*(int64_t *)(void *)at = r->head.timestamp;
		return true;
	case HOW_DESCRIPTION:
		*text = ((const struct misp_object *)(const void *)entity)->name;
		return true;
	case HOW_TEXT:
	case HOW_NUMBER:
		v = value_of(r->profile, e, i);
		if (v && f->kind == F_STR)
			*text = v->text;
		else if (v)
			put_number(f, at, v->number);
		return v != NULL;
	case HOW_PSEUDONYM:
		*text = pseudonym(r, f, *text, a);
		return text->p || !text->n;
	case HOW_INFO: /* rewrite_head() */
	case HOW_REACH: /* release.c */
	case HOW_NOT:
		return true;
	}
	return false;
}

bool rewrite_entity(const struct released *r, enum cut_entity e, void *entity, struct arena *a)
{
	uint64_t left = r->profile->rewritten[e];

	for (; left; left &= left - 1)
		if (!rewrite_field(r, e, (unsigned)__builtin_ctzll(left), entity, a))
			return false;
	return true;
}

bool rewrite_head(struct released *r, struct arena *a)
{
	const struct profile *p = r->profile;
	struct misp_event *e = &r->head;
	bool hide = p->creator == CREATOR_NODE ||
		    (p->creator == CREATOR_BY_POLICY && r->st.policy->pseudonymous_origin);

	if (!rewrite_entity(r, CUT_EVENT, e, a))
		return false;
	if (p->how[CUT_EVENT][EVENT_F_info] == HOW_INFO)
		e->info = neutral_info(r, a);
	if (hide) {
		e->orgc_id = r->out.ids && e->orgc_id ? r->st.facts->host_org_id : 0;
		r->out.org = r->out.orgc = r->st.facts->host;
	}
	return e->info.p != NULL;
}

/* Many attributes stand in one object: its UUID is derived once. */
bool rewrite_object(struct released *r, struct misp_object *o, struct arena *a)
{
	bool known = !uuid_is_nil(o->uuid) && uuid_eq(r->object_from, o->uuid);
	struct uuid from = o->uuid;

	if (known)
		o->uuid = UUID_NIL;
	if (!rewrite_entity(r, CUT_OBJECT, o, a))
		return false;
	if (known) {
		o->uuid = r->object_to;
	} else {
		r->object_from = from;
		r->object_to = o->uuid;
	}
	return true;
}
