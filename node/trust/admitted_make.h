/* admitted_make.h - the maker of `admitted`, granted to gate alone (rooms.txt). */
#pragma once

#include "trust/admitted.h"

/* Takes over `*raw` (set to NULL; `raw` may be NULL: no document). `head` is copied, its texts are
   not. NULL when out of memory. */
struct admitted *admitted_make(struct raw_event **raw, const struct misp_event *head,
			       const struct origin *origin);
