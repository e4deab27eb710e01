/*
 * yara_rules.h - YARA rules that others wrote: read as YARA's lexer reads them, given names of their own,
 * and compiled by libyara. One that does not compile would make the consumer refuse the whole file.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* Longer ones are not looked at. */
#define YARA_RULE_MAX (256u << 10)
#define YARA_NAME_MAX 100 /* YARA takes 128; a fresh one adds a number */
#define YARA_FRESH_MAX (YARA_NAME_MAX + 24)

enum yara_verdict {
	YARA_GOOD,
	YARA_BROKEN,
	YARA_GLOBAL, /* a global rule, which would decide over the rules of all others */
	YARA_UNCHECKED, /* this build has no libyara */
};

/* The name that a rule shall have: `fresh` is empty before, and stays so when the name stays. */
typedef void (*yara_choose_fn)(void *user, struct str name, char fresh[YARA_FRESH_MAX]);

/*
 * Look at the rules in `text`; those that compile get the names that are chosen, here and where they are
 * referred to. `out` (cleared first) is then what may go out. Names are not asked for what is broken.
 */
enum yara_verdict yara_rewrite(struct str text, yara_choose_fn choose, void *user, struct buf *out);
/* Is this build able to? */
bool yara_can_check(void);
