/*
 * grammar_time.c - 0/1 conditions and times: epochs, distances, dates, ranges.
 */
#include "search/grammar.h"

#include "base/own.h"

/* ---- flags --------------------------------------------------------------------------------- */

/* Bit 1 for 1, bit 0 for 0; words by the caller's table. */
static query_flag flag_of(struct parse *p, const json_t *v, const char *word, query_flag word_is)
{
	struct str s = grammar_as_text(p, v);

	if (word && str_eq_nocase(s, str_c(word)))
		return word_is;
	if (str_is(s, "1") || str_eq_nocase(s, STR("true")))
		return 2;
	if (str_is(s, "0") || str_eq_nocase(s, STR("false")))
		return 1;
	return str_is(s, "2") ? 3 : 0;
}

static query_flag flags_of(struct parse *p, const json_t *v, const char *word, query_flag word_is)
{
	query_flag r = 0;
	const json_t *item;
	size_t i;

	if (json_is_object(v) && (item = json_object_get(v, "OR")))
		v = item;
	if (!json_is_array(v))
		return flag_of(p, v, word, word_is);
	json_array_foreach(v, i, item)
		r |= flag_of(p, item, word, word_is);
	return r;
}

enum err grammar_published(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	query_flag r = flags_of(p, v, NULL, 0);

	(void)f;
	*(query_flag *)member = r;
	if (member == &p->q->published)
		p->q->published_given = r != 0;
	return ERR_OK;
}

enum err grammar_to_ids(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	query_flag r = flags_of(p, v, "exclude", 1);

	(void)f;
	*(query_flag *)member = r;
	p->q->to_ids_given = r != 0;
	/* the attributes shown follow unless the value is "empty" to PHP; 0 as a number is not */
	if (!json_is_false(v) && !(json_is_string(v) && str_is(grammar_as_text(p, v), "0")))
		p->q->to_ids_output = r;
	return ERR_OK;
}

enum err grammar_deleted(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	query_flag r = flags_of(p, v, "only", 2);

	(void)f;
	*(query_flag *)member = r;
	p->q->deleted_given = r != 0;
	return ERR_OK;
}

/* ---- times --------------------------------------------------------------------------------- */

void grammar_cut(struct query_range *r, int64_t from, int64_t to)
{
	if (!r->set) {
		r->set = true;
		r->from = INT64_MIN;
		r->to = INT64_MAX;
	}
	r->from = MAX(r->from, from);
	r->to = MIN(r->to, to);
}

static void range_never(struct query_range *r)
{
	grammar_cut(r, INT64_MIN, INT64_MAX);
	r->never = true;
}

static bool time_of(struct parse *p, const json_t *v, int64_t *out)
{
	if (json_is_integer(v)) {
		*out = (int64_t)json_integer_value(v);
		return true;
	}
	return query_time(grammar_as_text(p, v), p->now, out);
}

/* A list of two is a range in either order; a lower bound of 0 is open. */
static enum err time_list(struct parse *p, const json_t *v, struct query_range *r, int64_t unit,
			  struct fail *f)
{
	int64_t a, b;

	if (json_array_size(v) != 2)
		return fail(f, ERR_INVAL, "a time range has two ends, not %zu",
			    json_array_size(v));
	if (!time_of(p, json_array_get(v, 0), &a) || !time_of(p, json_array_get(v, 1), &b)) {
		range_never(r);
		return ERR_OK;
	}
	if (a > b) {
		int64_t t = a;

		a = b;
		b = t;
	}
	grammar_cut(r, a == 0 ? INT64_MIN : a * unit, b * unit);
	return ERR_OK;
}

static enum err time_param(struct parse *p, const json_t *v, struct query_range *r, int64_t unit,
			   bool upper, struct fail *f)
{
	int64_t t;

	/* [x] is a fault 500 in MISP; we read it as x */
	if (json_is_array(v) && json_array_size(v) == 1)
		v = json_array_get(v, 0);
	if (json_is_array(v) && json_array_size(v))
		return time_list(p, v, r, unit, f);
	if (json_is_array(v) || json_is_object(v) || json_is_boolean(v) ||
	    (json_is_string(v) && !grammar_as_text(p, v).n))
		return ERR_OK;
	if (!time_of(p, v, &t))
		range_never(r);
	else if (t != 0 && upper)
		grammar_cut(r, INT64_MIN, t * unit);
	else if (t != 0)
		grammar_cut(r, t * unit, INT64_MAX);
	return ERR_OK;
}

enum err grammar_time(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return time_param(p, v, member, 1, false, f);
}

enum err grammar_first_seen(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return time_param(p, v, member, 1000000, false, f);
}

enum err grammar_last_seen(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	return time_param(p, v, member, 1000000, true, f);
}

/* from and to take epochs and dates; "400d" and other words are ignored (correction 51). */
static bool plain_date(struct parse *p, const json_t *v, int64_t *out)
{
	struct str s = grammar_as_text(p, v);

	if (!s.n || json_is_boolean(v))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || strchr("-:/T +.Z", s.p[i])))
			return false;
	return query_time(s, p->now, out) && *out != 0;
}

enum err grammar_date_from(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	int64_t t;

	(void)f;
	if (plain_date(p, v, &t))
		grammar_cut(member, t, INT64_MAX);
	return ERR_OK;
}

enum err grammar_date_to(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	int64_t t;

	(void)f;
	if (plain_date(p, v, &t))
		grammar_cut(member, INT64_MIN, t);
	return ERR_OK;
}

enum err grammar_sight_last(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	p->sight_last = true;
	return time_param(p, v, member, 1, false, f);
}

enum err grammar_sight_from(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)member;
	(void)f;
	p->sight_from = time_of(p, v, &p->from);
	return ERR_OK;
}

enum err grammar_sight_to(struct parse *p, const json_t *v, void *member, struct fail *f)
{
	(void)member;
	(void)f;
	p->sight_to = time_of(p, v, &p->to);
	return ERR_OK;
}
