/*
 * decay.c - see decay.h. score = base * (1 - (elapsed / lifetime) ^ (1 / speed)).
 */
#include "search/decay.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "model/pack.h"

#define AHEAD_S 60 /* clocks differ: what lies so little ahead is new */

/* ---- reading a model ------------------------------------------------------------------------ */

/* As PHP tells whether a text is a number. */
static bool number_of(struct str s, double *out)
{
	char text[64], *end;

	while (s.n && isspace((unsigned char)*s.p))
		s = str_sub(s, 1, s.n);
	if (!s.n || s.n >= sizeof(text) || !strchr("+-.0123456789", *s.p))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (strpbrk(text, "xXnNpP"))
		return false;
	*out = strtod(text, &end);
	while (isspace((unsigned char)*end))
		end++;
	return end != text && !*end && isfinite(*out);
}

static double member(const json_t *o, const char *key, double without)
{
	const json_t *v = json_object_get(o, key);
	double n = without;

	if (json_is_number(v))
		return json_number_value(v);
	if (json_is_string(v) &&
	    !number_of((struct str){json_string_value(v), json_string_length(v)}, &n))
		return without;
	return n;
}

static enum err read_ratios(struct decay_model *m, const json_t *config, struct arena *a)
{
	size_t n = json_object_size(config);
	const json_t *v;
	const char *key;

	m->ratios = n ? ARENA_ARRAY(a, struct decay_ratio, MIN(n, (size_t)DECAY_RATIOS)) : NULL;
	if (n && !m->ratios)
		return ERR_LIMIT;
	json_object_foreach((json_t *)config, key, v) {
		struct decay_ratio *r = &m->ratios[m->n_ratios];

		if (m->n_ratios == DECAY_RATIOS)
			break;
		*r = (struct decay_ratio){arena_str(a, str_c(key)), member(config, key, 0)};
		if (!r->base.p)
			return ERR_LIMIT;
		m->n_ratios++;
	}
	return ERR_OK;
}

static void read_types(struct decay_model *m, struct str text)
{
	json_t *list = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *name = json_string_value(item);
		enum attr_type type = name ? type_find(str_c(name)) : ATTR_NONE;

		if (type != ATTR_NONE && (unsigned)type < ATTR_TYPE_LIMIT)
			m->types[type] = true;
	}
	json_decref(list);
}

/* False: it is not one that can be computed. */
static bool read_model(struct decay_model *m, const struct query *q, struct arena *a,
		       enum err *err)
{
	struct str text = m->row->parameters;
	json_t *p = json_loadb(text.p ? text.p : "", text.n, 0, NULL);

	m->lifetime = member(p, "lifetime", 0);
	m->speed = member(p, "decay_speed", 0);
	m->threshold = member(p, "threshold", 0);
	m->base = member(p, "default_base_score", 0);
	*err = read_ratios(m, json_object_get(p, "base_score_config"), a);
	json_decref(p);
	read_types(m, m->row->attribute_types);
	if (q->overrides.has_threshold)
		m->threshold = q->overrides.threshold;
	if (q->overrides.has_lifetime)
		m->lifetime = q->overrides.lifetime;
	if (q->overrides.has_speed)
		m->speed = q->overrides.speed;
	return m->lifetime > 0 && m->speed > 0 && isfinite(m->threshold) && isfinite(m->base) &&
	       (!m->row->formula.n || str_eq_nocase(m->row->formula, STR("polynomial")));
}

static bool is_asked(const struct query_terms *asked, const struct misp_decay *d, bool *found)
{
	char uuid[UUID_TEXT_LEN + 1], id[24];
	bool yes = false;

	uuid_format(d->uuid, uuid);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)d->id);
	for (uint32_t i = 0; i < asked->n; i++)
		if (str_is(asked->v[i], id) || str_eq_nocase(asked->v[i], str_c(uuid)))
			yes = found[i] = true;
	return yes;
}

static enum err add(struct decay_models *out, const struct misp_decay *d, const struct query *q,
		    struct arena *a)
{
	struct decay_model *m = &out->v[out->n];
	struct misp_decay *row = ARENA_NEW(a, struct misp_decay);
	enum err e;

	if (!row)
		return ERR_LIMIT;
	TRY(entity_copy(a, &desc_misp_decay, d, row));
	*m = (struct decay_model){.row = row};
	out->n += read_model(m, q, a, &e);
	return e;
}

/* {"tag":number,..} of the user; what is no number is left out. */
static enum err read_worths(const struct store_rtxn *t, uint64_t user_id, struct arena *a,
			    struct decay_models *out)
{
	char name[64];
	struct misp_setting row;
	uint64_t id;
	const json_t *v;
	const char *key;
	enum err e = ERR_OK;

	snprintf(name, sizeof(name), "user/%llu/tag_numerical_value_override",
		 (unsigned long long)user_id);
	if (!user_id || store_find(t, IX_SETTING_NAME, str_c(name), &id) != ERR_OK ||
	    store_get(t, T_SETTING, id, NULL, &row) != ERR_OK)
		return ERR_OK;
	json_t *all = json_loadb(row.value.p ? row.value.p : "", row.value.n, 0, NULL);
	size_t n = MIN(json_object_size(all), (size_t)DECAY_WORTHS);
	out->worth = n ? ARENA_ARRAY(a, struct decay_worth, n) : NULL;
	json_object_foreach(all, key, v) {
		struct decay_worth *w = &out->worth[out->n_worth];

		if (!out->worth || out->n_worth == n)
			break;
		*w = (struct decay_worth){arena_str(a, str_c(key)), member(all, key, NAN)};
		if (!w->tag.p)
			e = ERR_LIMIT;
		out->n_worth += isfinite(w->value);
	}
	json_decref(all);
	return n && !out->worth ? ERR_LIMIT : e;
}

enum err decay_models_read(const struct store_rtxn *t, const struct query *q, uint64_t user_id,
			   uint64_t org_id, bool all, struct arena *a, struct decay_models *out,
			   struct fail *f)
{
	const struct query_terms *asked = &q->decaying_model;
	bool *found = ARENA_ARRAY(a, bool, asked->n + 1);
	struct misp_decay d;
	uint64_t id = 0;
	enum err e = ERR_OK;

	*out = (struct decay_models){.named = asked->n > 0};
	out->v = ARENA_ARRAY(a, struct decay_model, DECAY_MODELS);
	if (!out->v || !found)
		return fail(f, ERR_LIMIT, "no memory for decaying models");
	memset(found, 0, asked->n + 1);
	TRY(read_worths(t, user_id, a, out));
	while (e == ERR_OK && out->n < DECAY_MODELS &&
	       (e = store_next(t, T_DECAY, &id, NULL, &d)) == ERR_OK) {
		if (!all && !d.all_orgs && (!org_id || d.org_id != org_id))
			continue;
		if (asked->n ? is_asked(asked, &d, found) : d.enabled)
			e = add(out, &d, q, a);
	}
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "reading decaying models");
	for (uint32_t i = 0; i < asked->n; i++)
		if (!found[i])
			return fail(f, ERR_NOENT,
				    "No Decaying Model with the provided ID exists");
	return ERR_OK;
}

bool decay_concerns(const struct decay_models *all, const struct decay_model *m, uint16_t type)
{
	return all->named || (type < ATTR_TYPE_LIMIT && m->types[type]);
}

/* ---- base score ----------------------------------------------------------------------------- */

/* Up to the next of : = " ; the rest behind it. */
static size_t word(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != ':' && s.p[n] != '=' && s.p[n] != '"')
		n++;
	return n;
}

struct str decay_tag_base(struct str name)
{
	size_t ns = word(name), predicate, value;
	struct str rest;

	if (!ns || ns == name.n || name.p[ns] != ':')
		return name;
	rest = str_sub(name, ns + 1, name.n);
	predicate = word(rest);
	if (!predicate)
		return name;
	if (predicate == rest.n)
		return str_sub(name, 0, ns);
	if (!str_has_prefix(str_sub(rest, predicate, rest.n), STR("=\"")))
		return name;
	rest = str_sub(rest, predicate + 2, rest.n);
	value = word(rest);
	return value && value + 1 == rest.n && rest.p[value] == '"' ?
		       str_sub(name, 0, ns + 1 + predicate) :
		       name;
}

/* What a tag is worth to the user; false: nothing that counts. */
static bool worth_of(const struct decay_models *all, const struct misp_tagref *t, double *value)
{
	for (uint32_t i = 0; i < all->n_worth; i++)
		if (str_eq(all->worth[i].tag, t->name)) {
			*value = all->worth[i].value;
			return true;
		}
	return number_of(t->numerical_value, value);
}

void decay_sum(const struct decay_models *all, const struct decay_model *m,
	       const struct misp_tagref *tags, uint32_t n, struct decay_sums *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < n && m->n_ratios; i++) {
		struct str base = decay_tag_base(tags[i].name);
		double value = 0;

		for (uint32_t k = 0; k < m->n_ratios; k++) {
			if (!str_eq(base, m->ratios[k].base))
				continue;
			out->ratio[k].last_numeric = worth_of(all, &tags[i], &value);
			out->ratio[k].last = out->ratio[k].last_numeric ? value : 0;
			out->ratio[k].sum += out->ratio[k].last;
			out->ratio[k].numeric += out->ratio[k].last_numeric;
			out->ratio[k].tags++;
		}
	}
}

double decay_base(const struct decay_model *m, const struct decay_sums *event,
		  const struct decay_sums *attr)
{
	double weights = 0, base = 0;
	bool any = false;

	for (uint32_t k = 0; k < m->n_ratios; k++) {
		uint32_t numeric = event->ratio[k].numeric + attr->ratio[k].numeric;
		double sum = event->ratio[k].sum + attr->ratio[k].sum;

		/* the last of the attribute's stands for all of the event's */
		if (event->ratio[k].tags && attr->ratio[k].tags) {
			numeric = attr->ratio[k].last_numeric;
			sum = attr->ratio[k].last;
		}
		weights += m->ratios[k].weight * numeric;
		base += m->ratios[k].weight * sum;
		any |= numeric > 0;
	}
	return any && weights != 0 && isfinite(base / weights) ? base / weights : m->base;
}

/* ---- time ----------------------------------------------------------------------------------- */

static int64_t seconds(int64_t us)
{
	return us / 1000000 - (us % 1000000 < 0);
}

int64_t decay_since(const struct misp_attr *a, int64_t seen)
{
	int64_t last = a->last_seen == MICRO_NONE ? a->timestamp : seconds(a->last_seen);

	/* what was changed after it was sighted has been looked at since */
	return seen == DECAY_UNSEEN || a->timestamp > seen ? last : seen;
}

struct decay_score decay_after(const struct decay_model *m, double base, int64_t elapsed_s)
{
	struct decay_score s = {.model = m, .base = base};

	if (elapsed_s < 0 && elapsed_s >= -AHEAD_S)
		elapsed_s = 0;
	if (elapsed_s >= 0)
		s.score = base *
			  (1 - pow((double)elapsed_s / (m->lifetime * 86400), 1 / m->speed));
	if (!(s.score > 0))
		s.score = 0;
	s.decayed = m->threshold > s.score;
	return s;
}
