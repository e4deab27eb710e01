/*
 * test_decay.c - decaying models: which are read, base scores from tags, scores over time. The figures
 * are worked out by hand; tests/search_diff/decay.py compares random ones with an evaluator of its own.
 */
#include "search/decay.h"

#include <math.h>

#include "base/own.h"
#include "tests/tap/tap.h"
#include "tests/unit/index/seed.h"

static const char *const parameters[] = {
	"{\"lifetime\":100,\"decay_speed\":1,\"threshold\":30,\"default_base_score\":80,"
	"\"base_score_config\":{\"estimative-language:likelihood\":0.5,\"retention\":\"0.25\"}}",
	"{\"lifetime\":\"10\",\"decay_speed\":\"2\",\"threshold\":\"30\"}",
	"{\"lifetime\":0,\"decay_speed\":1,\"threshold\":30}",
	"[]",
};

static enum err put_models(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		struct misp_decay d = {.name = STR("m"),
				       .parameters = str_c(parameters[i]),
				       .attribute_types = STR("[\"ip-src\",\"no such type\",7]"),
				       .formula = STR("polynomial"),
				       .org_id = 2,
				       .enabled = i != 1,
				       .all_orgs = i == 0};

		d.id = store_new_row_id(w, T_DECAY);
		TRY(store_put(w, T_DECAY, d.id, &d, f));
	}
	return ERR_OK;
}

static void test_tags(void)
{
	static const struct {
		const char *name, *base;
	} v[] = {
		{"estimative-language:likelihood=\"likely\"", "estimative-language:likelihood"},
		{"retention:expired", "retention"},
		{"plain", "plain"},
		{"a:b=c", "a:b=c"},
		{"a:b=\"c\"d", "a:b=\"c\"d"},
		{"a:b=\"\"", "a:b=\"\""},
		{"a:b=\"c:d\"", "a:b=\"c:d\""},
		{":b", ":b"},
		{"a:", "a:"},
		{"", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		is_view(decay_tag_base(str_c(v[i].name)), v[i].base, "base of %s", v[i].name);
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

#define LIKELY(n) {.name = STR("estimative-language:likelihood=\"x\""), .numerical_value = STR(n)}
#define RETAIN(n) {.name = STR("retention:x"), .numerical_value = STR(n)}

static struct decay_models plain;

static double base_of(const struct decay_model *m, const struct misp_tagref *e, uint32_t n_e,
		      const struct misp_tagref *a, uint32_t n_a)
{
	static struct decay_sums event, attr;

	decay_sum(&plain, m, e, n_e, &event);
	decay_sum(&plain, m, a, n_a, &attr);
	return decay_base(m, &event, &attr);
}

static void test_base(const struct decay_model *m)
{
	const struct misp_tagref event[] = {LIKELY("60"), LIKELY("20"), RETAIN("10")};
	const struct misp_tagref attr[] = {LIKELY("100"), LIKELY("40")};
	const struct misp_tagref blank[] = {LIKELY("")};

	ok(near(base_of(m, NULL, 0, NULL, 0), 80), "no tag: the default");
	ok(near(base_of(m, blank, 1, NULL, 0), 80), "a tag without a number: the default");
	/* weights .5 .5 .25: (.5 * 60 + .5 * 20 + .25 * 10) / 1.25 */
	ok(near(base_of(m, event, 3, NULL, 0), 34), "tags of the event");
	/* the last of the attribute's stands in for both: (.5 * 40 + .25 * 10) / .75 */
	ok(near(base_of(m, event, 3, attr, 2), 30), "tags of the attribute come first");
	ok(near(base_of(m, NULL, 0, attr, 2), 70), "and count each where the event has none");
	ok(near(base_of(m, event, 2, blank, 1), 80), "also when it has no number");
	struct decay_worth mine = {STR("retention:x"), 90};
	plain = (struct decay_models){.worth = &mine, .n_worth = 1};
	ok(near(base_of(m, event, 3, NULL, 0), 50), "what a tag is worth to the user");
	plain = (struct decay_models){0};
}

static void test_time(const struct decay_model *m, const struct decay_model *fast)
{
	struct misp_attr a = {.timestamp = 1000, .last_seen = MICRO_NONE};
	struct decay_score s = decay_after(m, 80, 50 * 86400);

	ok(near(s.score, 40) && near(s.base, 80) && !s.decayed, "half of the lifetime");
	ok(decay_after(m, 80, 63 * 86400).decayed, "below the threshold");
	ok(near(decay_after(m, 80, 300 * 86400).score, 0), "never below 0");
	ok(near(decay_after(m, 80, -60).score, 80), "all of what lies a little ahead");
	ok(near(decay_after(m, 80, -61).score, 0), "nothing of what lies far ahead");
	ok(near(decay_after(fast, 100, 216000).score, 50), "a quarter of the time, by the root");
	is_int(decay_since(&a, DECAY_UNSEEN), 1000, "since the change");
	is_int(decay_since(&a, 2000), 2000, "since a sighting");
	is_int(decay_since(&a, 500), 1000, "changed since");
	a.last_seen = 700 * INT64_C(1000000) + 1;
	is_int(decay_since(&a, 500), 700, "last seen counts then");
	is_int(decay_since(&a, DECAY_UNSEEN), 700, "and when never sighted");
	a.last_seen = -1;
	is_int(decay_since(&a, DECAY_UNSEEN), -1, "before 1970");
}

static void test_models(const struct store_rtxn *t)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct str one[] = {STR("2")}, other[] = {STR("2"), STR("99")};
	struct query q = {0};
	struct decay_models m;
	struct fail f = {0};

	is_ok(decay_models_read(t, &q, 1, 0, true, a, &m, &f), "read");
	is_uint(m.n, 1, "those that are enabled and can be computed");
	ok(decay_concerns(&m, &m.v[0], ATTR_IP_SRC), "of this type");
	ok(!decay_concerns(&m, &m.v[0], ATTR_IP_DST), "and not of that");
	is_uint(m.v[0].n_ratios, 2, "ratios");
	test_base(&m.v[0]);
	struct decay_model slow = m.v[0];
	q.decaying_model = (struct query_terms){one, 1};
	is_err(decay_models_read(t, &q, 1, 3, false, a, &m, &f), ERR_NOENT, "of another organisation");
	is_ok(decay_models_read(t, &q, 1, 2, false, a, &m, &f), "of one's own");
	is_uint(m.n, 1, "by id, enabled or not");
	ok(decay_concerns(&m, &m.v[0], ATTR_IP_DST), "for all types");
	test_time(&slow, &m.v[0]);
	q.overrides = (struct query_overrides){.has_threshold = true, .threshold = 5};
	is_ok(decay_models_read(t, &q, 1, 0, true, a, &m, &f), "with a threshold");
	ok(near(m.v[0].threshold, 5), "of the search");
	q.decaying_model = (struct query_terms){other, 2};
	is_err(decay_models_read(t, &q, 1, 0, true, a, &m, &f), ERR_NOENT, "one that is not there");
}

int main(void)
{
	struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct seed sd;

	test_tags();
	seed_open(&sd, 1);
	is_ok(store_run(sd.s, put_models, NULL, &f), "models");
	is_ok(store_read(sd.s, &t, &f), "read");
	test_models(t);
	store_read_end(t);
	seed_close(&sd);
	return done_testing();
}
