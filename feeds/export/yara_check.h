/*
 * yara_check.h - YARA rules that others wrote: read as YARA's lexer reads them, given names of their own,
 * and compiled by libyara. One that does not compile would make the consumer refuse the whole file.
 */
#pragma once

#include "base/buf.h"
#include "feeds/export/parts.h"

/* Longer ones are not looked at. */
#define YARA_RULE_MAX (256u << 10)

enum yara_verdict {
	YARA_GOOD,
	YARA_BROKEN,
	YARA_GLOBAL, /* a global rule, which would decide over the rules of all others */
	YARA_UNCHECKED, /* this build has no libyara */
};

/*
 * Look at the rules in `text`, of which no name may be in `names`: such ones get another, here and where
 * they are referred to. `out` (cleared first) is then what may go out, and the names are taken.
 */
enum yara_verdict yara_check(struct str text, struct seen *names, struct buf *out);
/* Is this build able to? */
bool yara_can_check(void);
