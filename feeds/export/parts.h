/*
 * parts.h - what several exporters need: a bounded set of values seen, the two halves of a
 * composite value, tag lists, PHP's idea of a number.
 */
#pragma once

#include "base/buf.h"
#include "feeds/export/export.h"
#include "gate/released.h"

/* A literal piece. */
#define LIT(b, text) buf_add((b), (text), sizeof(text) - 1)

/*
 * Values written so far, as 128-bit digests. Holds at most SEEN_MAX (32 MiB of table); past that
 * seen_before() says false, so a value may then come out more than once. Lists for blocking do not
 * mind that, while an export that ends early would be worse.
 */
#define SEEN_MAX 1500000u
struct seen {
	struct seen_slot *slots;
	uint32_t n, cap;
};
/* Was `v` there already? If not, it is now. */
bool seen_before(struct seen *s, struct str v);
void seen_free(struct seen *s);

/* The part of `v` before and behind the first '|' (absent when there is none). */
struct str value_first(struct str v);
struct str value_second(struct str v);

/* Names of the tags, comma between. *first is cleared by the first one written. */
void tags_join(struct buf *b, const struct misp_tagref *t, uint32_t n, bool *first);

/* A decimal number with optional sign, fraction and exponent: what PHP's is_numeric() accepts, but
   for white space around it, which could hold a new line. */
bool is_numeric(struct str s);

/* Is it an IP address (with `net`: or one with a prefix length), and nothing else? 4, 6 or 0. */
int ip_version(struct str v, bool net);

/* "2026-11-22" of a time in seconds; "2026-11-22 10:11:12" with another separator and time. */
void date_put(struct buf *b, int64_t t);
void time_put(struct buf *b, int64_t t, char sep);

/* Text of an element: the five entities; what XML 1.0 cannot hold becomes a space. */
void xml_text(struct buf *b, struct str v);
/* Text of an HTML element or attribute, as PHP's htmlspecialchars(); control characters: spaces. */
void html_text(struct buf *b, struct str v);
/* The beginning of a text, whole characters, at most `max` bytes. */
struct str text_beginning(struct str v, size_t max);
/* Inside quotes, as PHP's json_encode() does it by default: ASCII only, slashes escaped. */
void php_json_text(struct buf *b, struct str v);

/* A further parameter of the request; absent when not given. */
struct str param_get(const struct export_run *r, const char *name);
