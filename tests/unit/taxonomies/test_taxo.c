/*
 * test_taxo.c - machine tags: nothing that cannot be understood may count as permissive.
 */
#include "base/clock.h"
#include "base/own.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"

static void splitting(void)
{
	struct machine_tag m;

	ok(taxo_split(STR("a:b=\"c:d=e\""), &m), "three parts");
	is_view(m.ns, "a", "namespace");
	is_view(m.predicate, "b", "predicate");
	is_view(m.value, "c:d=e", "value without quotes");
	ok(taxo_split(STR("tlp:red"), &m), "two parts");
	ok(m.value.p == NULL, "no value");
	ok(!taxo_split(STR("plain"), &m), "no namespace");
	ok(taxo_in(STR("TLP: red"), "tlp"), "in the namespace");
	ok(!taxo_in(STR("tlpx:red"), "tlp"), "not in the namespace");
}

static void markings(void)
{
	static const struct {
		const char *tag;
		enum tlp t;
	} table[] = {
		{"tlp:red", TLP_RED},	    {"tlp:amber+strict", TLP_AMBER_STRICT},
		{"tlp:amber", TLP_AMBER},   {"TLP:Green", TLP_GREEN},
		{"tlp:clear", TLP_CLEAR},   {"tlp:white", TLP_CLEAR},
		{"tlp:ex:chr", TLP_RED},    {"tlp:unclear", TLP_RED},
		{"tlp:", TLP_RED},	    {"tlp:greenish", TLP_RED},
		{"tlp:green=\"x\"", TLP_RED}, {"green", TLP_RED},
		{"pap:clear", TLP_RED},	    {"", TLP_RED},
		{" tlp : clear ", TLP_CLEAR},
	};
	const struct str tags[] = {STR("x"), STR("tlp:clear"), STR("TLP:AMBER"), STR("pap:clear")};
	enum tlp t;
	enum pap p;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		is_int(taxo_tlp(str_c(table[i].tag)), table[i].t, "'%s'", table[i].tag);
	is_int(taxo_tlp_of(tags, 4, TLP_GREEN), TLP_AMBER, "the strictest counts");
	is_int(taxo_tlp_of(tags, 1, TLP_GREEN), TLP_GREEN, "no marking, the default");
	is_int(taxo_pap_of(tags, 4, PAP_AMBER), PAP_CLEAR, "PAP");
	is_int(taxo_pap_of(tags, 3, PAP_AMBER), PAP_AMBER, "no PAP");
	is_int(taxo_pap(STR("PAP:AMBER")), PAP_AMBER, "PAP in capitals");
	is_int(taxo_pap(STR("pap:purple")), PAP_RED, "unknown PAP");
	ok(tlp_parse(STR("amber+strict"), &t) && t == TLP_AMBER_STRICT, "marking alone");
	ok(!tlp_parse(STR("blue"), &t) && t == TLP_RED, "no marking");
	ok(!pap_parse(STR("amber+strict"), &p) && p == PAP_RED, "PAP has no amber+strict");
	is_str(tlp_name(TLP_AMBER_STRICT), "amber+strict", "name");
	is_str(tlp_name((enum tlp)77), "red", "name of nonsense");
}

static void ceilings(void)
{
	enum tlp_ceiling nobody = 0;

	ok(tlp_allows(nobody, TLP_CLEAR) && !tlp_allows(nobody, TLP_GREEN), "zero: only clear");
	for (int t = TLP_RED; t <= TLP_CLEAR; t++) {
		ok(tlp_allows(tlp_upto((enum tlp)t), (enum tlp)t), "up to itself");
		if (t > TLP_RED)
			ok(!tlp_allows(tlp_upto((enum tlp)t), (enum tlp)(t - 1)), "not beyond");
	}
	ok(tlp_allows(TLP_UPTO_RED, TLP_RED), "red to those who may");
	ok(!tlp_allows(TLP_UPTO_AMBER, TLP_AMBER_STRICT), "amber is below amber+strict");
	ok(pap_allows(PAP_UPTO_AMBER, PAP_GREEN) && !pap_allows(PAP_UPTO_AMBER, PAP_RED), "PAP");
}

static void embargoes(void)
{
	int64_t t = clock_from_civil(2026, 12, 1, 8, 0, 0) * 1000000;
	const unsigned all = (1u << CLASS_OWN) - 1;
	static const char *const unreadable[] = {
		"embargo:until=\"2026-12-01\"",		  "embargo:until=\"2026-12-01T08:00:00\"",
		"embargo:until=\"tomorrow\"",		  "embargo:until",
		"embargo:",				  "embargo",
		"embargo:own=\"2026-12-01T08:00:00Z\"",	  "embargo:nobody=\"2026-12-01T08:00:00Z\"",
		"EMBARGO:until=\"2026-02-30T08:00:00Z\"", "embargo:release-on",
		"embargo:release-on=\"\"",		  "embargo:until=\"2026-12-01T08:00:00Z \\\"",
		"embargo:until=\"2026-12-01T24:00:00Z\"", "embargo:until=\"99999-12-01T08:00:00Z\"",
	};
	struct embargo e;

	e = taxo_embargo(&release_classes_shipped, STR("embargo:until=\"2026-12-01T08:00:00Z\""));
	is_int(e.kind, EMBARGO_TIME, "until");
	is_uint(e.classes, all, "for all classes");
	is_int(e.until_us, t, "at that time");
	e = taxo_embargo(&release_classes_shipped, STR("Embargo:Partner=\"2026-12-01T16:00:00.0000001+08:00\""));
	is_uint(e.classes, 1u << CLASS_PARTNER, "for partners");
	is_int(e.until_us, t + 1, "rounded up");
	e = taxo_embargo(&release_classes_shipped, STR("embargo:public=\"2026-12-01T07:59:60Z\""));
	is_int(e.until_us, t, "leap second");
	e = taxo_embargo(&release_classes_shipped, STR("embargo:sector=2026-12-01T08:00:00-00:00"));
	is_int(e.kind, EMBARGO_TIME, "without quotes");
	e = taxo_embargo(&release_classes_shipped, STR("embargo:release-on=\"remedy-available\""));
	is_int(e.kind, EMBARGO_CONDITION, "condition");
	is_view(e.condition, "remedy-available", "its name");
	is_uint(e.classes, all, "for all");
	for (size_t i = 0; i < ARRAY_LEN(unreadable); i++) {
		e = taxo_embargo(&release_classes_shipped, str_c(unreadable[i]));
		ok(e.kind == EMBARGO_UNREADABLE && e.classes == all &&
			   e.until_us == EMBARGO_FOREVER,
		   "%s is shut for ever", unreadable[i]);
	}
	is_int(taxo_embargo(&release_classes_shipped, STR("tlp:red")).kind, EMBARGO_NONE, "another namespace");
	is_int(taxo_embargo(&release_classes_shipped, STR("embargoed:until=\"x\"")).kind, EMBARGO_NONE,
	       "a longer word");
	is_int(taxo_embargo(&release_classes_shipped, STR("")).kind, EMBARGO_NONE, "nothing");
}

static void colours(void)
{
	char c[8] = "";

	taxo_default_colour(STR("quay:plain"), c);
	is_str(c, "#2dcaec", "as MISP made it");
	taxo_default_colour(STR("tlp:amber"), c);
	is_str(c, "#b1eacd", "as MISP made it");
	ok(taxo_marking_colour(STR("tlp:amber"), c), "a marking");
	is_str(c, "#FFC000", "has a colour of its own");
	ok(!taxo_marking_colour(STR("quay:amber"), c), "others have none");
}

int main(void)
{
	splitting();
	markings();
	ceilings();
	embargoes();
	colours();
	return done_testing();
}
