/*
 * yara_check.c - names for YARA rules that others wrote (feeds/sensor/yara_rules.h looks at them).
 * Invariant: names that went out are never given again.
 */
#include "feeds/export/yara_check.h"

#include <stdio.h>

/* Names with which ours begin are ours. */
static bool is_ours(struct str name)
{
	return str_has_prefix(name, STR("MISP_ATTRIBUTE_")) || str_has_prefix(name, STR("MISP_EVENT_"));
}

static void choose(void *user, struct str name, char fresh[YARA_FRESH_MAX])
{
	struct seen *taken = user;
	bool clash = is_ours(name) || seen_before(taken, name);
	for (unsigned k = 2; clash && k < 1000000; k++) {
		snprintf(fresh, YARA_FRESH_MAX, "%s%.*s_%u", is_ours(name) ? "as_is_" : "", STR_ARG(name), k);
		clash = seen_before(taken, str_c(fresh));
	}
}

enum yara_verdict yara_check(struct str text, struct seen *names, struct buf *out)
{
	return yara_rewrite(text, choose, names, out);
}
