/*
 * cvss.c - see cvss.h. Formulas of the specifications 2.0 (section 3.2), 3.1 (section 7) and 4.0
 * (section 8; scores of macro vectors in cvss4.inc).
 */
#include "model/cvss.h"

#include <string.h>

#include "base/own.h"

/* ---- metrics ------------------------------------------------------------------------------- */

#define VALUES_MAX 6

struct value {
	const char *name;
	double weight;
};
/* Base metrics come first; `must` ones have to be there. */
struct metric {
	const char *name;
	bool must;
	struct value values[VALUES_MAX];
};

enum { V2_AV, V2_AC, V2_AU, V2_C, V2_I, V2_A, V2_E, V2_RL, V2_RC, V2_COUNT };
#define V2_IMPACT {{"N", 0}, {"P", .275}, {"C", .66}}
static const struct metric v2_metrics[] = {
	{"AV", true, {{"L", .395}, {"A", .646}, {"N", 1}}},
	{"AC", true, {{"H", .35}, {"M", .61}, {"L", .71}}},
	{"Au", true, {{"M", .45}, {"S", .56}, {"N", .704}}},
	{"C", true, V2_IMPACT},
	{"I", true, V2_IMPACT},
	{"A", true, V2_IMPACT},
	{"E", false, {{"U", .85}, {"POC", .9}, {"F", .95}, {"H", 1}, {"ND", 1}}},
	{"RL", false, {{"OF", .87}, {"TF", .9}, {"W", .95}, {"U", 1}, {"ND", 1}}},
	{"RC", false, {{"UC", .9}, {"UR", .95}, {"C", 1}, {"ND", 1}}},
	{"CDP", false, {{"N", 0}, {"L", 0}, {"LM", 0}, {"MH", 0}, {"H", 0}, {"ND", 0}}},
	{"TD", false, {{"N", 0}, {"L", 0}, {"M", 0}, {"H", 0}, {"ND", 0}}},
	{"CR", false, {{"L", 0}, {"M", 0}, {"H", 0}, {"ND", 0}}},
	{"IR", false, {{"L", 0}, {"M", 0}, {"H", 0}, {"ND", 0}}},
	{"AR", false, {{"L", 0}, {"M", 0}, {"H", 0}, {"ND", 0}}},
};

enum { V3_AV, V3_AC, V3_PR, V3_UI, V3_S, V3_C, V3_I, V3_A, V3_E, V3_RL, V3_RC, V3_COUNT };
#define V3_IMPACT {{"N", 0}, {"L", .22}, {"H", .56}}
#define V3_ANY(...) {{"X", 0}, __VA_ARGS__}
static const struct metric v3_metrics[] = {
	{"AV", true, {{"N", .85}, {"A", .62}, {"L", .55}, {"P", .2}}},
	{"AC", true, {{"L", .77}, {"H", .44}}},
	{"PR", true, {{"N", .85}, {"L", .62}, {"H", .27}}},
	{"UI", true, {{"N", .85}, {"R", .62}}},
	{"S", true, {{"U", 0}, {"C", 1}}},
	{"C", true, V3_IMPACT},
	{"I", true, V3_IMPACT},
	{"A", true, V3_IMPACT},
	{"E", false, {{"U", .91}, {"P", .94}, {"F", .97}, {"H", 1}, {"X", 1}}},
	{"RL", false, {{"O", .95}, {"T", .96}, {"W", .97}, {"U", 1}, {"X", 1}}},
	{"RC", false, {{"U", .92}, {"R", .96}, {"C", 1}, {"X", 1}}},
	{"CR", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"IR", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"AR", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"MAV", false, V3_ANY({"N", 0}, {"A", 0}, {"L", 0}, {"P", 0})},
	{"MAC", false, V3_ANY({"L", 0}, {"H", 0})},
	{"MPR", false, V3_ANY({"N", 0}, {"L", 0}, {"H", 0})},
	{"MUI", false, V3_ANY({"N", 0}, {"R", 0})},
	{"MS", false, V3_ANY({"U", 0}, {"C", 0})},
	{"MC", false, V3_ANY({"N", 0}, {"L", 0}, {"H", 0})},
	{"MI", false, V3_ANY({"N", 0}, {"L", 0}, {"H", 0})},
	{"MA", false, V3_ANY({"N", 0}, {"L", 0}, {"H", 0})},
};

enum { V4_AV, V4_AC, V4_AT, V4_PR, V4_UI, V4_VC, V4_VI, V4_VA, V4_SC, V4_SI, V4_SA, V4_E, V4_COUNT };
/* Weights are places, the worst 0. */
#define V4_IMPACT {{"H", 0}, {"L", 1}, {"N", 2}}
static const struct metric v4_metrics[] = {
	{"AV", true, {{"N", 0}, {"A", 1}, {"L", 2}, {"P", 3}}},
	{"AC", true, {{"L", 0}, {"H", 1}}},
	{"AT", true, {{"N", 0}, {"P", 1}}},
	{"PR", true, {{"N", 0}, {"L", 1}, {"H", 2}}},
	{"UI", true, {{"N", 0}, {"P", 1}, {"A", 2}}},
	{"VC", true, V4_IMPACT},
	{"VI", true, V4_IMPACT},
	{"VA", true, V4_IMPACT},
	{"SC", true, V4_IMPACT},
	{"SI", true, V4_IMPACT},
	{"SA", true, V4_IMPACT},
	{"E", false, {{"A", 0}, {"P", 1}, {"U", 2}, {"X", 0}}},
	{"CR", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"IR", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"AR", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"MAV", false, V3_ANY({"N", 0}, {"A", 0}, {"L", 0}, {"P", 0})},
	{"MAC", false, V3_ANY({"L", 0}, {"H", 0})},
	{"MAT", false, V3_ANY({"N", 0}, {"P", 0})},
	{"MPR", false, V3_ANY({"N", 0}, {"L", 0}, {"H", 0})},
	{"MUI", false, V3_ANY({"N", 0}, {"P", 0}, {"A", 0})},
	{"MVC", false, V3_ANY({"H", 0}, {"L", 0}, {"N", 0})},
	{"MVI", false, V3_ANY({"H", 0}, {"L", 0}, {"N", 0})},
	{"MVA", false, V3_ANY({"H", 0}, {"L", 0}, {"N", 0})},
	{"MSC", false, V3_ANY({"H", 0}, {"L", 0}, {"N", 0})},
	{"MSI", false, V3_ANY({"S", 0}, {"H", 0}, {"L", 0}, {"N", 0})},
	{"MSA", false, V3_ANY({"S", 0}, {"H", 0}, {"L", 0}, {"N", 0})},
	{"S", false, V3_ANY({"N", 0}, {"P", 0})},
	{"AU", false, V3_ANY({"N", 0}, {"Y", 0})},
	{"R", false, V3_ANY({"A", 0}, {"U", 0}, {"I", 0})},
	{"V", false, V3_ANY({"D", 0}, {"C", 0})},
	{"RE", false, V3_ANY({"L", 0}, {"M", 0}, {"H", 0})},
	{"U", false, V3_ANY({"Clear", 0}, {"Green", 0}, {"Amber", 0}, {"Red", 0})},
};

#define METRICS_MAX 32
struct vector {
	bool set[METRICS_MAX];
	double w[METRICS_MAX];
};

static bool metric_set(const struct metric *list, size_t n, struct str name, struct str value,
		       struct vector *v)
{
	for (size_t i = 0; i < n; i++) {
		if (!str_is(name, list[i].name))
			continue;
		for (unsigned k = 0; k < VALUES_MAX && list[i].values[k].name; k++)
			if (str_is(value, list[i].values[k].name) && !v->set[i]) {
				v->set[i] = true;
				v->w[i] = list[i].values[k].weight;
				return true;
			}
		return false;
	}
	return false;
}

static bool vector_read(struct str s, const struct metric *list, size_t n, struct vector *v)
{
	struct str one, name;

	*v = (struct vector){0};
	while (s.p) {
		struct str value;

		s = str_split(s, '/', &one);
		value = str_split(one, ':', &name);
		if (!value.p || !metric_set(list, n, name, value, v))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (list[i].must && !v->set[i])
			return false;
	return true;
}

/* What a metric gives, or the least it may give where nothing is said. */
static double least(const struct vector *v, const struct metric *list, unsigned i)
{
	return v->set[i] ? v->w[i] : list[i].values[0].weight;
}

static uint8_t tenths(double score)
{
	return (uint8_t)(score <= 0 ? 0 : score >= 10 ? 100 : (int)(score * 10 + .5));
}

/* ---- 2.0 ------------------------------------------------------------------------------------- */

static struct cvss_range range_v2(const struct vector *v)
{
	double impact = 10.41 * (1 - (1 - v->w[V2_C]) * (1 - v->w[V2_I]) * (1 - v->w[V2_A]));
	double exploit = 20 * v->w[V2_AV] * v->w[V2_AC] * v->w[V2_AU];
	double f = impact > 0 ? 1.176 : 0;
	uint8_t base = tenths((.6 * impact + .4 * exploit - 1.5) * f);
	double temporal = base / 10. * least(v, v2_metrics, V2_E) * least(v, v2_metrics, V2_RL) *
			  least(v, v2_metrics, V2_RC);

	return (struct cvss_range){tenths(temporal), base};
}

/* ---- 3.0, 3.1 ---------------------------------------------------------------------------------- */

/* The specification's Roundup, in tenths. */
static uint8_t roundup(double x)
{
	int64_t i = (int64_t)(x * 100000 + .5);

	i = i % 10000 ? i / 10000 + 1 : i / 10000;
	return (uint8_t)(i < 0 ? 0 : i > 100 ? 100 : i);
}

static double power(double x, unsigned n)
{
	double p = 1;

	while (n--)
		p *= x;
	return p;
}

static struct cvss_range range_v3(const struct vector *v)
{
	bool changed = v->w[V3_S] > 0;
	double iss = 1 - (1 - v->w[V3_C]) * (1 - v->w[V3_I]) * (1 - v->w[V3_A]);
	double impact = changed ? 7.52 * (iss - .029) - 3.25 * power(iss - .02, 15) : 6.42 * iss;
	double pr = v->w[V3_PR];
	double exploit, score, temporal;
	uint8_t base;

	if (changed && pr < .85) /* low .68, high .5 */
		pr = pr > .5 ? .68 : .5;
	exploit = 8.22 * v->w[V3_AV] * v->w[V3_AC] * pr * v->w[V3_UI];
	score = (impact + exploit) * (changed ? 1.08 : 1);
	base = impact <= 0 ? 0 : roundup(score < 10 ? score : 10);
	temporal = base / 10. * least(v, v3_metrics, V3_E) * least(v, v3_metrics, V3_RL) *
		   least(v, v3_metrics, V3_RC);
	return (struct cvss_range){roundup(temporal), base};
}

/* ---- 4.0 -------------------------------------------------------------------------------------- */

/* [EQ1][EQ2][EQ3][EQ4][EQ5][EQ6]; 0: there is no such macro vector */
static const uint8_t macro[3][2][3][3][3][2] = {
#include "model/cvss4.inc"
};

struct eq {
	unsigned e[6];
};

static unsigned macro_score(struct eq q)
{
	static const unsigned sizes[6] = {3, 2, 3, 3, 3, 2};

	for (unsigned i = 0; i < 6; i++)
		if (q.e[i] >= sizes[i])
			return 0;
	return macro[q.e[0]][q.e[1]][q.e[2]][q.e[3]][q.e[4]][q.e[5]];
}

static struct eq eq_of(const struct vector *v, unsigned e)
{
#define IS(m, place) (v->w[V4_##m] == (place))
	bool n_all = IS(AV, 0) && IS(PR, 0) && IS(UI, 0), n_any = IS(AV, 0) || IS(PR, 0) || IS(UI, 0);
	bool high = IS(VC, 0) || IS(VI, 0) || IS(VA, 0);
	struct eq q = {{0}};

	q.e[0] = n_all ? 0 : n_any && !IS(AV, 3) ? 1 : 2;
	q.e[1] = IS(AC, 0) && IS(AT, 0) ? 0 : 1;
	q.e[2] = IS(VC, 0) && IS(VI, 0) ? 0 : high ? 1 : 2;
	q.e[3] = IS(SC, 0) || IS(SI, 0) || IS(SA, 0) ? 1 : 2;
	q.e[4] = e;
	q.e[5] = high ? 0 : 1; /* requirements that are not said are high */
	return q;
#undef IS
}

static struct eq lower(struct eq q, unsigned i)
{
	q.e[i]++;
	return q;
}

/* Interpolation takes the mean of what each equivalence class may take away. */
static uint8_t macro_low(struct eq q)
{
	unsigned value = macro_score(q), taken = 0, n = 0;

	for (unsigned i = 0; i < 5; i++) {
		unsigned below = i == 2 ? 0 : macro_score(lower(q, i));

		if (i == 2) { /* EQ3 and EQ6 go together */
			unsigned a = macro_score(lower(q, 2)), b = macro_score(lower(q, 5));

			below = q.e[5] ? a : MAX(a, b);
		}
		if (below && below <= value) {
			taken += value - below;
			n++;
		}
	}
	return (uint8_t)(value - (n ? (taken + n - 1) / n : 0));
}

static struct cvss_range range_v4(const struct vector *v)
{
	bool harmless = true;
	struct eq worst = eq_of(v, 0);
	struct eq said = eq_of(v, v->set[V4_E] ? (unsigned)v->w[V4_E] : 0);

	for (unsigned i = V4_VC; i <= V4_SA; i++)
		harmless &= v->w[i] == 2;
	if (harmless)
		return (struct cvss_range){0, 0};
	return (struct cvss_range){macro_low(said), (uint8_t)macro_score(worst)};
}

/* ---- all -------------------------------------------------------------------------------------- */

static const struct {
	const char *prefix;
	const struct metric *metrics;
	size_t n;
	struct cvss_range (*range)(const struct vector *v);
} versions[] = {
	{"CVSS:4.0/", v4_metrics, ARRAY_LEN(v4_metrics), range_v4},
	{"CVSS:3.1/", v3_metrics, ARRAY_LEN(v3_metrics), range_v3},
	{"CVSS:3.0/", v3_metrics, ARRAY_LEN(v3_metrics), range_v3},
	{"CVSS:2.0/", v2_metrics, ARRAY_LEN(v2_metrics), range_v2},
	{"", v2_metrics, ARRAY_LEN(v2_metrics), range_v2}, /* 2.0 knows no prefix */
};

bool cvss_is_vector(struct str s)
{
	s = str_trim(s);
	if (s.n && s.p[0] == '(')
		s = str_sub(s, 1, s.n - 1);
	return str_has_prefix(s, STR("CVSS:")) || str_has_prefix(s, STR("AV:"));
}

bool cvss_range(struct str s, struct cvss_range *out)
{
	struct vector v;

	s = str_trim(s);
	if (s.n > 2 && s.p[0] == '(' && s.p[s.n - 1] == ')')
		s = str_sub(s, 1, s.n - 2);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct str prefix = str_c(versions[i].prefix);

		if (!str_has_prefix(s, prefix))
			continue;
		s = str_sub(s, prefix.n, s.n - prefix.n);
		if (!vector_read(s, versions[i].metrics, versions[i].n, &v))
			return false;
		*out = versions[i].range(&v);
		return true;
	}
	return false;
}

bool cvss_score(struct str s, uint8_t *out)
{
	struct str whole, part;
	uint64_t w, t = 0;

	s = str_trim(s);
	part = str_split(s, '.', &whole);
	if (!str_u64(whole, &w) || whole.n > 2)
		return false;
	if (part.p) {
		while (part.n > 1 && part.p[part.n - 1] == '0')
			part.n--;
		if (part.n != 1 || !str_u64(part, &t))
			return false;
	}
	if (w * 10 + t > 100)
		return false;
	*out = (uint8_t)(w * 10 + t);
	return true;
}
