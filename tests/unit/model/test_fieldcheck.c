/* test_fieldcheck.c - texts of refused members, as recorded from MISP 2.5.1. */
#include "model/desc.h"
#include "model/fieldcheck.h"
#include "tests/tap/tap.h"

static void numbers(void)
{
	uint8_t n = 99;

	ok(!field_check_attr_distribution(STR("5"), &n).p && n == 5, "inherit");
	is_view(field_check_attr_distribution(STR("8"), &n),
		"Options: Your organisation only, This community only, Connected communities, "
		"All communities, Sharing group, Inherit event",
		"distribution 8");
	is_uint(n, 0, "and the strict value goes out");
	ok(!field_check_event_distribution(STR("4"), &n).p && n == 4, "sharing group");
	is_view(field_check_event_distribution(STR("5"), &n),
		"Options : Your organisation only, This community only, Connected communities, "
		"All communities",
		"events do not inherit");
	ok(field_check_event_distribution(STR("-1"), &n).p != NULL, "negative");
	ok(field_check_event_distribution(STR(""), &n).p != NULL, "empty");
	is_view(field_check_threat_level(STR("9"), &n),
		"Options : 1, 2, 3, 4 (for High, Medium, Low, Undefined)", "threat level");
	is_uint(n, 4, "undefined");
	is_view(field_check_analysis(STR("7"), &n),
		"Options : 0, 1, 2 (for Initial, Ongoing, Completed)", "analysis");
}

static void times(void)
{
	int64_t a, b;
	uint32_t date;

	ok(!field_check_date(STR("2025-03-14"), &date).p && date == 20250314, "date");
	is_view(field_check_date(STR("14.03.2025x"), &date), "Expected date format: YYYY-MM-DD",
		"bad date");
	ok(field_check_date(STR("2025-13-01"), &date).p && date == 0, "month 13");
	ok(field_check_date(STR("2025-02-30"), &date).p != NULL, "30 February");
	ok(!field_check_seen(STR("2024-02-05"), &a).p, "a day");
	ok(!field_check_seen(STR("2024-02-04"), &b).p, "the day before");
	is_view(field_check_seen_order(a, b),
		"Last seen value should be greater than first seen value", "wrong order");
	ok(!field_check_seen_order(b, a).p, "right order");
	is_view(field_check_seen(STR("1706918400"), &a), "Invalid ISO 8601 format", "epoch");
	ok(a == MICRO_NONE, "is none");
	ok(!field_check_seen(STR(""), &a).p && a == MICRO_NONE, "empty is none");
	ok(!field_check_seen_order(a, b).p && !field_check_seen_order(b, a).p, "one missing");
}

static void types(void)
{
	struct attr_problem p[2];
	enum attr_category c;
	enum attr_type t;

	is_uint(field_check_type(STR("md5"), STR_NONE, &t, &c, p), 0, "default category");
	ok(t == ATTR_MD5 && c == CAT_DELIVERY, "is Payload delivery");
	is_uint(field_check_type(STR_NONE, STR_NONE, &t, &c, p), 1, "no type");
	is_view(p[0].text, "No type set.", "says so");
	field_check_type(STR("gull"), STR_NONE, &t, &c, p);
	is_view(p[0].text, "Invalid type.", "unknown type");
	is_uint(field_check_type(STR("text"), STR("Gulls"), &t, &c, p), 2, "unknown category");
	is_str(p[0].field, "category", "category first");
	is_view(p[0].text,
		"Options : Payload delivery, Antivirus detection, Payload installation, Files "
		"dropped ...",
		"with MISP's text");
	is_view(p[1].text, "Options depend on the selected category.", "then the type");
	is_uint(field_check_type(STR("md5"), STR("Network activity"), &t, &c, p), 1, "no fit");
	is_str(p[0].field, "type", "the type is blamed");
}

int main(void)
{
	struct uuid u;

	numbers();
	times();
	types();
	ok(!field_check_uuid(STR("5c0a1e01-71aa-4b0d-9e2f-000000000001"), &u).p, "UUID");
	is_view(field_check_uuid(STR("xx"), &u), "Please provide a valid RFC 4122 UUID", "bad UUID");
	is_view(field_check_info(STR(" ")), "Info cannot be empty.", "blank info");
	ok(!field_check_colour(STR("#12aBef")).p, "colour");
	is_view(field_check_colour(STR("red")), "Colour has to be in the RGB format (#FFFFFF)",
		"no colour");
	is_uint(field_text_duplicate.n, strlen(field_text_duplicate.p), "length of a text");
	is_uint(field_text_uuid_taken.n, strlen(field_text_uuid_taken.p), "length of a text");
	is_uint(field_text_info_missing.n, strlen(field_text_info_missing.p), "length of a text");
	return done_testing();
}
