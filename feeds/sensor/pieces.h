/*
 * pieces.h - what several formats write or ask: lines, parts of URLs, choices, numbers of levels
 * (inside feeds/sensor, and for formats of feeds/export that say the same things).
 */
#pragma once

#include "feeds/sensor/sensor.h"

#define KINDS_HASHES                                                                               \
	(IND_BIT(MD5) | IND_BIT(SHA1) | IND_BIT(SHA224) | IND_BIT(SHA256) | IND_BIT(SHA384) |      \
	 IND_BIT(SHA512))
#define KINDS_EMAILS (IND_BIT(EMAIL) | IND_BIT(EMAIL_SRC) | IND_BIT(EMAIL_DST))
#define KINDS_RULES                                                                                \
	(IND_BIT(YARA) | IND_BIT(SIGMA) | IND_BIT(SNORT) | IND_BIT(SURICATA) | IND_BIT(ZEEK))
/* Each kind that is a line of text. */
#define KINDS_VALUES (~KINDS_RULES & ((UINT64_C(1) << IND_KINDS) - 1))

/* An item that is the value alone on a line. */
MUST_USE enum err piece_item(struct sensor_run *r, const struct indicator *i);
/* A line of three pieces; counts an entry. */
MUST_USE enum err piece_line(struct sensor_run *r, struct str before, struct str v,
			     struct str after);
/* The format cannot hold this one: counts it. */
MUST_USE enum err piece_left_out(struct sensor_run *r);

/* ---- parameters ---- */

/* Kinds by name with commas between, or "all": PARAM_KINDS is the row, the reader gives bits. */
bool piece_is_kinds(struct str v);
uint64_t piece_kinds_get(const struct sensor_run *r);
#define PARAM_KINDS                                                                                \
	{"kinds", "all", "kinds of indicators with commas between, or all", piece_is_kinds}
bool piece_is_yes_no(struct str v);
bool piece_is_yes(const struct sensor_run *r, const char *name);
/* Letters, digits, '-' and '_', up to 60: names of sets and lists. */
bool piece_is_name(struct str v);
bool piece_is_ip(struct str v);
/* A name of two labels or more, or of one; letters, digits, hyphens and underscores; no dot last. */
bool piece_is_domain(struct str v);
uint64_t piece_number(const struct sensor_run *r, const char *name);

/* ---- levels ---- */

/* A number for each threat level; `params` has rows high, medium, low and undefined. */
#define PARAM_LEVELS(check, high, medium, low, undefined, unit)                                    \
	{"high", high, unit " of indicators of threat level high", check},                         \
	{"medium", medium, unit " of indicators of threat level medium", check},                   \
	{"low", low, unit " of indicators of threat level low", check},                            \
	{"undefined", undefined, unit " of indicators without threat level", check}
struct piece_levels {
	struct str text[5]; /* by threat_level */
};
void piece_levels_get(const struct sensor_run *r, struct piece_levels *out);
static inline struct str piece_level(const struct piece_levels *l, const struct indicator *i)
{
	return l->text[i->threat_level < 5 ? i->threat_level : 0];
}

/* ---- values ---- */

/* Parts of a URL: views into it. `host` without port and brackets, `path` with the query, no fragment. */
struct piece_url {
	struct str scheme, host, port, path, rest; /* rest: from the host on, without the fragment */
};
/* False: no host, one that looks like a scheme, no number behind its colon. A URL without scheme begins with
   its host. User information is passed over: programs do not send it. */
bool piece_url_split(struct str url, struct piece_url *out);
/* Could it be seen in HTTP? */
bool piece_url_is_http(const struct piece_url *u);
/* Is it one address, not a network? */
static inline bool piece_one_address(const struct indicator *i)
{
	return i->prefix == i->addr_n * 8u;
}
/* The same string as it stands, but what is not plain ASCII as %XX. */
void piece_percent(struct buf *b, struct str v);
/* Text for people in one line of a rule or list: `bad` and control characters become spaces; at most
   `max` bytes, never half a character. */
void piece_text(struct buf *b, struct str v, const char *bad, size_t max);
/* Pairs of hexadecimal digits with colons between. */
void piece_colons(struct buf *b, struct str hex);
void piece_uuid(struct buf *b, struct uuid u);
