/*
 * taxo.c - machine tags that the node itself understands.
 *
 * Every reader here returns the strictest answer when in doubt; see taxo.h.
 */
#include "taxonomies/taxo.h"

#include "base/hash.h"
#include "base/own.h"

struct marking {
	struct str name;
	int value;
	const char *colour;
};

/* Colours: FIRST's for TLP 2.0; PAP has none of its own, so the nearest of TLP's. */
static const struct marking tlp_markings[] = {
	{{"red", 3}, TLP_RED, "#FF2B2B"},	   {{"amber+strict", 12}, TLP_AMBER_STRICT, "#FFC000"},
	{{"amber", 5}, TLP_AMBER, "#FFC000"},	   {{"green", 5}, TLP_GREEN, "#33FF00"},
	{{"clear", 5}, TLP_CLEAR, "#ffffff"},	   {{"white", 5}, TLP_CLEAR, "#ffffff"},
	{{"ex:chr", 6}, TLP_RED, "#d208f4"},	   {{"unclear", 7}, TLP_RED, "#7e7eae"},
};
static const struct marking pap_markings[] = {
	{{"red", 3}, PAP_RED, "#FF2B2B"},     {{"amber", 5}, PAP_AMBER, "#FFC000"},
	{{"green", 5}, PAP_GREEN, "#33FF00"}, {{"clear", 5}, PAP_CLEAR, "#ffffff"},
	{{"white", 5}, PAP_CLEAR, "#ffffff"},
};
static const char *const tlp_names[TLP_COUNT] = {"red", "amber+strict", "amber", "green", "clear"};
static const char *const pap_names[PAP_COUNT] = {"red", "amber", "green", "clear"};
const struct release_classes release_classes_shipped = {
	{[CLASS_PUBLIC] = "public", [CLASS_SECTOR] = "sector", [CLASS_PARTNER] = "partner", [CLASS_OWN] = "own"}};

#define ALL_CLASSES ((1u << CLASS_OWN) - 1)

bool taxo_split(struct str tag, struct machine_tag *out)
{
	struct str rest;

	*out = (struct machine_tag){STR_NONE, STR_NONE, STR_NONE};
	rest = str_split(tag, ':', &out->ns);
	out->ns = str_trim(out->ns);
	if (!rest.p)
		return false;
	rest = str_split(rest, '=', &out->predicate);
	out->predicate = str_trim(out->predicate);
	if (!rest.p)
		return true;
	out->value = str_trim(rest);
	if (out->value.n >= 2 && out->value.p[0] == '"' && out->value.p[out->value.n - 1] == '"')
		out->value = str_sub(out->value, 1, out->value.n - 2);
	return true;
}

bool taxo_in(struct str tag, const char *ns)
{
	struct machine_tag m;

	return taxo_split(tag, &m) && str_eq_nocase(m.ns, str_c(ns));
}

static const struct marking *marking_find(const struct marking *list, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(list[i].name, name))
			return &list[i];
	return NULL;
}

/* The marking that a tag of namespace `ns` states; NULL when it is none we know. */
static const struct marking *marking_of_tag(const struct marking *list, size_t n, const char *ns,
					    struct str tag)
{
	struct str head, rest = str_split(tag, ':', &head);

	if (!rest.p || !str_eq_nocase(str_trim(head), str_c(ns)))
		return NULL;
	return marking_find(list, n, str_trim(rest));
}

static const struct marking *tlp_of_tag(struct str tag)
{
	return marking_of_tag(tlp_markings, ARRAY_LEN(tlp_markings), "tlp", tag);
}

static const struct marking *pap_of_tag(struct str tag)
{
	return marking_of_tag(pap_markings, ARRAY_LEN(pap_markings), "pap", tag);
}

enum tlp taxo_tlp(struct str tag)
{
	const struct marking *m = tlp_of_tag(tag);

	return m ? (enum tlp)m->value : TLP_RED;
}

enum pap taxo_pap(struct str tag)
{
	const struct marking *m = pap_of_tag(tag);

	return m ? (enum pap)m->value : PAP_RED;
}

bool tlp_parse(struct str marking, enum tlp *out)
{
	const struct marking *m = marking_find(tlp_markings, ARRAY_LEN(tlp_markings), marking);

	*out = m ? (enum tlp)m->value : TLP_RED;
	return m != NULL;
}

bool pap_parse(struct str marking, enum pap *out)
{
	const struct marking *m = marking_find(pap_markings, ARRAY_LEN(pap_markings), marking);

	*out = m ? (enum pap)m->value : PAP_RED;
	return m != NULL;
}

const char *tlp_name(enum tlp t)
{
	return (unsigned)t < TLP_COUNT ? tlp_names[t] : "red";
}

const char *pap_name(enum pap p)
{
	return (unsigned)p < PAP_COUNT ? pap_names[p] : "red";
}

enum tlp taxo_tlp_of(const struct str *tags, size_t n, enum tlp unmarked)
{
	enum tlp t = TLP_CLEAR;
	bool marked = false;

	for (size_t i = 0; i < n; i++)
		if (taxo_in(tags[i], "tlp")) {
			t = tlp_min(t, taxo_tlp(tags[i]));
			marked = true;
		}
	return marked ? t : unmarked;
}

enum pap taxo_pap_of(const struct str *tags, size_t n, enum pap unmarked)
{
	enum pap p = PAP_CLEAR;
	bool marked = false;

	for (size_t i = 0; i < n; i++)
		if (taxo_in(tags[i], "pap")) {
			p = pap_min(p, taxo_pap(tags[i]));
			marked = true;
		}
	return marked ? p : unmarked;
}

bool class_parse(const struct release_classes *all, struct str name, uint8_t *out)
{
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		if (all->name[c] && str_eq_nocase(name, str_c(all->name[c]))) {
			*out = (uint8_t)c;
			return true;
		}
	*out = CLASS_PUBLIC;
	return false;
}

const char *class_name(const struct release_classes *all, unsigned c)
{
	return c < CLASS_COUNT && all->name[c] ? all->name[c] : all->name[CLASS_PUBLIC];
}

struct embargo taxo_embargo(const struct release_classes *all, struct str tag)
{
	struct embargo e = {EMBARGO_NONE, 0, 0, STR_NONE};
	struct machine_tag m;
	unsigned classes = 0;
	uint8_t c;

	taxo_split(tag, &m);
	if (!str_eq_nocase(m.ns, STR("embargo"))) /* a bare "embargo" counts, and is unreadable */
		return e;
	e = (struct embargo){EMBARGO_UNREADABLE, ALL_CLASSES, EMBARGO_FOREVER, STR_NONE};
	if (str_eq_nocase(m.predicate, STR("release-on"))) {
		if (m.value.n) {
			e.kind = EMBARGO_CONDITION;
			e.condition = m.value;
		}
		return e;
	}
	if (str_eq_nocase(m.predicate, STR("until")))
		classes = ALL_CLASSES;
	else if (class_parse(all, m.predicate, &c) && c != CLASS_OWN)
		classes = 1u << c;
	if (classes && taxo_time(m.value, &e.until_us)) {
		e.kind = EMBARGO_TIME;
		e.classes = (uint16_t)classes;
	} else {
		e.until_us = EMBARGO_FOREVER;
	}
	return e;
}

void taxo_default_colour(struct str tag, char out[8])
{
	uint8_t md5[16];
	char hex[7];

	hash_md5(tag, md5);
	out[0] = '#';
	memcpy(out + 1, hash_hex(md5, 3, hex), 7);
}

bool taxo_marking_colour(struct str tag, char out[8])
{
	const struct marking *m = tlp_of_tag(tag);

	if (!m)
		m = pap_of_tag(tag);
	if (m)
		memcpy(out, m->colour, 8);
	return m != NULL;
}
