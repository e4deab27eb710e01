/*
 * fieldcheck.c - members of events and attributes other than the value.
 *
 * Texts as recorded from MISP 2.5.1 (attributes and events of the client recordings).
 */
#include "model/fieldcheck.h"

#include "model/ascii.h"
#include "model/datetime.h"
#include "model/desc.h"

const struct str field_text_info_missing = {"valueNotEmpty", 13};
const struct str field_text_uuid_taken = {"The UUID provided is not unique", 31};
const struct str field_text_duplicate = {"A similar attribute already exists for this event.", 50};

struct str field_check_uuid(struct str text, struct uuid *out)
{
	return uuid_parse(text, out) ? STR_NONE : STR("Please provide a valid RFC 4122 UUID");
}

/* A decimal number from `min` to `max`; otherwise `strict` goes out. */
static bool small_number(struct str text, uint64_t min, uint64_t max, uint8_t strict, uint8_t *out)
{
	uint64_t n;

	*out = strict;
	if (!str_u64(text, &n) || n < min || n > max)
		return false;
	*out = (uint8_t)n;
	return true;
}

#define EVENT_LEVELS "Your organisation only, This community only, Connected communities, All communities"

struct str field_check_attr_distribution(struct str text, uint8_t *out)
{
	return small_number(text, 0, 5, 0, out)
		       ? STR_NONE
		       : STR("Options: " EVENT_LEVELS ", Sharing group, Inherit event");
}

struct str field_check_event_distribution(struct str text, uint8_t *out)
{
	return small_number(text, 0, 4, 0, out) ? STR_NONE : STR("Options : " EVENT_LEVELS);
}

struct str field_check_threat_level(struct str text, uint8_t *out)
{
	return small_number(text, 1, 4, 4, out)
		       ? STR_NONE
		       : STR("Options : 1, 2, 3, 4 (for High, Medium, Low, Undefined)");
}

struct str field_check_analysis(struct str text, uint8_t *out)
{
	return small_number(text, 0, 2, 0, out)
		       ? STR_NONE
		       : STR("Options : 0, 1, 2 (for Initial, Ongoing, Completed)");
}

struct str field_check_date(struct str text, uint32_t *out)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	uint64_t year, month, day;

	*out = 0;
	if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-' ||
	    !str_u64(str_sub(text, 0, 4), &year) || !str_u64(str_sub(text, 5, 2), &month) ||
	    !str_u64(str_sub(text, 8, 2), &day) || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1])
		return STR("Expected date format: YYYY-MM-DD");
	*out = (uint32_t)(year * 10000 + month * 100 + day);
	return STR_NONE;
}

struct str field_check_info(struct str text)
{
	return str_trim(text).n ? STR_NONE : STR("Info cannot be empty.");
}

struct str field_check_seen(struct str text, int64_t *us)
{
	int east_minutes;

	*us = MICRO_NONE;
	if (!str_trim(text).n)
		return STR_NONE;
	if (datetime_read(text, us, &east_minutes))
		return STR_NONE;
	*us = MICRO_NONE;
	return STR("Invalid ISO 8601 format");
}

struct str field_check_seen_order(int64_t first_us, int64_t last_us)
{
	if (first_us == MICRO_NONE || last_us == MICRO_NONE || first_us <= last_us)
		return STR_NONE;
	return STR("Last seen value should be greater than first seen value");
}

struct str field_check_colour(struct str text)
{
	if (text.n == 7 && text.p[0] == '#' && ascii_all_hex(str_sub(text, 1, 6)))
		return STR_NONE;
	return STR("Colour has to be in the RGB format (#FFFFFF)");
}

unsigned field_check_type(struct str type, struct str category, enum attr_type *t,
			  enum attr_category *c, struct attr_problem problems[2])
{
	unsigned n = 0;

	*t = type_find(type);
	*c = CAT_NONE;
	if (*t == ATTR_NONE) {
		problems[n++] = (struct attr_problem){
			"type", str_empty(type) ? STR("No type set.") : STR("Invalid type.")};
		return n;
	}
	*c = str_empty(category) ? (enum attr_category)type_get(*t)->category
				 : category_find(category);
	if (*c == CAT_NONE)
		problems[n++] = (struct attr_problem){
			"category", STR("Options : Payload delivery, Antivirus detection, Payload "
					"installation, Files dropped ...")};
	if (!type_fits_category(*t, *c)) {
		problems[n++] = (struct attr_problem){
			"type", STR("Options depend on the selected category.")};
		*c = CAT_NONE;
	}
	return n;
}
