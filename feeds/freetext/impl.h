/*
 * impl.h - inside the room: host names and URLs.
 */
#pragma once

#include "feeds/freetext/freetext.h"

/* Labels of letters, digits and hyphens of any script, at least two; the number of them, or 0. */
unsigned host_labels(struct str s);
/* Is the text behind the last dot a top-level domain? */
bool host_has_tld(struct str s);
/* Length of the UTF-8 sequence at the start; 0 where it is none, or a control, format or blank
   character, which divides words. */
size_t host_char(struct str s);

/* The parts of a URL that matter here. */
struct url_parts {
	struct str scheme; /* absent: none was given */
	struct str host;
	bool slash; /* is there one, anywhere? */
};
bool url_split(struct str s, struct url_parts *out);
