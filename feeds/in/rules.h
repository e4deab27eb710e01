/* rules.h - what a feed's row says about its events: which are wanted, what is changed. */
#pragma once

#include <stdbool.h>

#include "feeds/in/manifest.h"

struct feed_rules;
/* Parse the texts `rules` and `settings` of a row (JSON; empty or absent: none). ERR_INVAL. */
MUST_USE enum err feed_rules_new(struct str rules, struct str settings, struct feed_rules **out,
				 struct fail *f);
void feed_rules_free(struct feed_rules *r);
OWN_DEFINE(feed_rules, struct feed_rules *, feed_rules_free(*p))
/* Is this event wanted? Tags and organisations by exact name, organisations also by UUID. */
bool feed_rules_want(const struct feed_rules *r, const struct manifest_entry *e);
/* Settings disable_correlation and unpublish_event. */
bool feed_rules_no_correlation(const struct feed_rules *r);
bool feed_rules_unpublish(const struct feed_rules *r);

/*
 * Settings of a feed of values: `csv` {value, delimiter} and `common` {excluderegex}. Absent where the row
 * does not say. Views that live as long as the rules.
 */
struct feed_value_settings {
	struct str columns, delimiter, exclude;
	bool html; /* our own, common.html: a page of HTML is what the feed is */
};
struct feed_value_settings feed_rules_values(const struct feed_rules *r);
