/*
 * confidence.c - how sure somebody is, by the tags that say so, in percent.
 *
 * Numbers as in the public taxonomies; a word of these taxonomies that is not known counts as 0, of
 * several tags the least counts.
 */
#include "base/own.h"
#include "gate/conds.h"

static const struct {
	const char *ns, *predicate, *value;
	int percent;
} rows[] = {
	{"admiralty-scale", "source-reliability", "a", 100},
	{"admiralty-scale", "source-reliability", "b", 75},
	{"admiralty-scale", "source-reliability", "c", 50},
	{"admiralty-scale", "source-reliability", "d", 25},
	{"admiralty-scale", "source-reliability", "e", 0},
	{"admiralty-scale", "source-reliability", "f", 50},
	{"admiralty-scale", "source-reliability", "g", 0},
	{"admiralty-scale", "information-credibility", "1", 100},
	{"admiralty-scale", "information-credibility", "2", 75},
	{"admiralty-scale", "information-credibility", "3", 50},
	{"admiralty-scale", "information-credibility", "4", 25},
	{"admiralty-scale", "information-credibility", "5", 0},
	{"admiralty-scale", "information-credibility", "6", 50},
	{"misp", "confidence-level", "completely-confident", 100},
	{"misp", "confidence-level", "usually-confident", 75},
	{"misp", "confidence-level", "fairly-confident", 50},
	{"misp", "confidence-level", "rarely-confident", 25},
	{"misp", "confidence-level", "unconfident", 0},
	{"misp", "confidence-level", "confidence-cannot-be-evaluated", 50},
	{"estimative-language", "likelihood-probability", "almost-no-chance", 5},
	{"estimative-language", "likelihood-probability", "very-unlikely", 20},
	{"estimative-language", "likelihood-probability", "unlikely", 45},
	{"estimative-language", "likelihood-probability", "roughly-even-chance", 55},
	{"estimative-language", "likelihood-probability", "likely", 80},
	{"estimative-language", "likelihood-probability", "very-likely", 95},
	{"estimative-language", "likelihood-probability", "almost-certain", 99},
	{"estimative-language", "confidence-in-analytic-judgment", "low", 20},
	{"estimative-language", "confidence-in-analytic-judgment", "moderate", 55},
	{"estimative-language", "confidence-in-analytic-judgment", "high", 95},
};

int confidence_of_tag(struct str name)
{
	struct machine_tag t;
	bool ours = false;

	if (!name.n || !strchr("ameAME", name.p[0]) || !taxo_split(name, &t))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!str_eq_nocase(t.ns, str_c(rows[i].ns)) ||
		    !str_eq_nocase(t.predicate, str_c(rows[i].predicate)))
			continue;
		if (str_eq_nocase(t.value, str_c(rows[i].value)))
			return rows[i].percent;
		ours = true;
	}
	return ours ? 0 : -1;
}

int confidence_of(const struct entity_list *tags)
{
	int least = -1;

	LIST_EACH(t, *tags, struct misp_tagref)
	{
		int p = confidence_of_tag(t->name);

		if (p >= 0 && (least < 0 || p < least))
			least = p;
	}
	return least;
}
