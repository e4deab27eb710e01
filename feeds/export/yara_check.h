/*
 * yara_check.h - YARA rules that others wrote, for a file in which no name may stand twice.
 */
#pragma once

#include "feeds/export/parts.h"
#include "feeds/sensor/yara_rules.h"

/*
 * Look at the rules in `text`, of which no name may be in `names`: such ones get another, here and where
 * they are referred to. `out` (cleared first) is then what may go out, and the names are taken.
 */
enum yara_verdict yara_check(struct str text, struct seen *names, struct buf *out);
