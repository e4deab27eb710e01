/*
 * fieldcheck.h - the members of events and attributes other than the value: what MISP takes, and
 * its texts for what it does not.
 *
 * A check returns an absent string when the member is good, else MISP's text; outputs are then
 * their strict values. It takes text, because MISP treats "1" and 1 alike.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"
#include "base/uuid.h"
#include "model/types.h"
#include "model/validate.h"

struct str field_check_uuid(struct str text, struct uuid *out);
/* 0 to 5 for attributes, objects and reports; 0 to 4 for events. */
struct str field_check_attr_distribution(struct str text, uint8_t *out);
struct str field_check_event_distribution(struct str text, uint8_t *out);
struct str field_check_threat_level(struct str text, uint8_t *out);
struct str field_check_analysis(struct str text, uint8_t *out);
/* "2025-03-14" to 20250314. */
struct str field_check_date(struct str text, uint32_t *out);
/* For edits; on add MISP says field_text_info_missing instead. */
struct str field_check_info(struct str text);
extern const struct str field_text_info_missing;
/* first_seen, last_seen: microseconds since 1970. An empty text is "none" (MICRO_NONE). */
struct str field_check_seen(struct str text, int64_t *us);
/* The text for last_seen when both are there and in the wrong order. */
struct str field_check_seen_order(int64_t first_us, int64_t last_us);
/* '#' and six hex digits. */
struct str field_check_colour(struct str text);

/* Texts of refusals that need the store to find out. */
extern const struct str field_text_uuid_taken, field_text_duplicate;

/*
 * Resolve type and category by name. An absent or empty category gives the type's default. Returns
 * the number of problems, in MISP's order, and then *t and *c are 0 where they are wrong.
 */
unsigned field_check_type(struct str type, struct str category, enum attr_type *t,
			  enum attr_category *c, struct attr_problem problems[2]);
