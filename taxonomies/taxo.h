/*
 * taxo.h - machine tags that the node itself understands: TLP, PAP, embargo, colours.
 *
 * Reading a tag never fails open: whatever is in a known namespace and cannot be understood counts
 * as the strictest value of that namespace. Names compare without regard to ASCII case.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A tag cut into `namespace:predicate="value"`; parts that are not there are absent. */
struct machine_tag {
	struct str ns, predicate, value;
};

/*
 * Cut a tag name; quotes and blanks around the parts are dropped. False when there is no ':',
 * and `ns` is then the whole tag. Views into `tag`.
 */
bool taxo_split(struct str tag, struct machine_tag *out);
/* Is the tag in this namespace (given in lower case, without colon)? */
bool taxo_in(struct str tag, const char *ns);

/* ---- traffic light protocol (what a document is marked with) ---- */

enum tlp { TLP_RED = 0, TLP_AMBER_STRICT, TLP_AMBER, TLP_GREEN, TLP_CLEAR, TLP_COUNT };
enum pap { PAP_RED = 0, PAP_AMBER, PAP_GREEN, PAP_CLEAR, PAP_COUNT };

/* `white` is clear; unknown markings, and tags of another namespace, are red. */
enum tlp taxo_tlp(struct str tag);
enum pap taxo_pap(struct str tag);
/* A marking alone, as in the policy file ("amber+strict"). False when it is not one. */
bool tlp_parse(struct str marking, enum tlp *out);
bool pap_parse(struct str marking, enum pap *out);
/* "red", "amber+strict", ...; "red" for numbers out of range. */
const char *tlp_name(enum tlp t);
const char *pap_name(enum pap p);
/* The stricter of two markings. */
static inline enum tlp tlp_min(enum tlp a, enum tlp b)
{
	return a < b ? a : b;
}
static inline enum pap pap_min(enum pap a, enum pap b)
{
	return a < b ? a : b;
}
/*
 * The strictest marking among `n` tags; `unmarked` when none is in the namespace
 * (spec/gate.md, section 4).
 */
enum tlp taxo_tlp_of(const struct str *tags, size_t n, enum tlp unmarked);
enum pap taxo_pap_of(const struct str *tags, size_t n, enum pap unmarked);

/*
 * What an audience may hold at most. Counted the other way round, so that zero is the strictest
 * here too: nobody may hold more than clear unless somebody said so.
 */
enum tlp_ceiling {
	TLP_UPTO_CLEAR = 0,
	TLP_UPTO_GREEN,
	TLP_UPTO_AMBER,
	TLP_UPTO_AMBER_STRICT,
	TLP_UPTO_RED
};
enum pap_ceiling { PAP_UPTO_CLEAR = 0, PAP_UPTO_GREEN, PAP_UPTO_AMBER, PAP_UPTO_RED };

static inline bool tlp_allows(enum tlp_ceiling upto, enum tlp t)
{
	return (int)t >= TLP_CLEAR - (int)upto;
}
static inline bool pap_allows(enum pap_ceiling upto, enum pap p)
{
	return (int)p >= PAP_CLEAR - (int)upto;
}
/* The ceiling at which a marking is just allowed. */
static inline enum tlp_ceiling tlp_upto(enum tlp t)
{
	return (enum tlp_ceiling)(TLP_CLEAR - (int)t);
}
static inline enum pap_ceiling pap_upto(enum pap p)
{
	return (enum pap_ceiling)(PAP_CLEAR - (int)p);
}

/* ---- embargo (spec/gate.md, section 5) ---- */

/* Who a release is for, the widest first. */
enum release_class {
	CLASS_PUBLIC = 0,
	CLASS_SECTOR = 5,
	CLASS_PARTNER = 10,
	CLASS_OWN = 15,
	CLASS_COUNT = 16
};
/* Classes by their numbers, widest first; NULL: there is none. Between two of the shipped ones is room
   for those of a site. */
struct release_classes {
	const char *name[CLASS_COUNT];
};
extern const struct release_classes release_classes_shipped;

bool class_parse(const struct release_classes *all, struct str name, uint8_t *out);
/* "public" for what is none. */
const char *class_name(const struct release_classes *all, unsigned c);

/* The time of an embargo that nothing but a changed tag ends. */
#define EMBARGO_FOREVER INT64_MAX

enum embargo_kind {
	EMBARGO_NONE,	   /* not an embargo tag */
	EMBARGO_TIME,	   /* shut for `classes` before until_us */
	EMBARGO_CONDITION, /* shut for `classes` until `condition` is met */
	EMBARGO_UNREADABLE /* shut for `classes` for ever, and to be reported */
};

struct embargo {
	enum embargo_kind kind;
	uint16_t classes;     /* bit mask of 1 << enum release_class; never CLASS_OWN */
	int64_t until_us;     /* microseconds since 1970 UTC, or EMBARGO_FOREVER */
	struct str condition; /* "remedy-available"; a view into the tag */
};

/* Read one tag. Whatever is in the namespace and not understood is shut for ever to all classes. */
struct embargo taxo_embargo(const struct release_classes *all, struct str tag);

/* ---- times ---- */

/*
 * RFC 3339 date and time with offset, to microseconds since 1970 UTC. Finer fractions round up,
 * second 60 is the first second of the next minute: never early. False on anything else.
 */
bool taxo_time(struct str s, int64_t *us);

/* ---- colours ---- */

/* The colour MISP gives a tag that comes without one: '#' and six hex digits of the name's MD5. */
void taxo_default_colour(struct str tag, char out[8]);
/* The published colour of a TLP or PAP tag; false (and out untouched) for all others. */
bool taxo_marking_colour(struct str tag, char out[8]);
