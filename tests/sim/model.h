/*
 * model.h - what must come of a scenario, told by a deliberately naive model: every version of every
 * element that was ever acknowledged, who made it, and over which paths it may have come where.
 *
 * It knows nothing of how the node works: levels across hops are a table (MISP's lowering), and
 * "newest timestamp wins" is a loop over all versions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define EVENTS_MAX 6
#define ELS_MAX 6
#define VERSIONS_MAX 40
#define THINGS_MAX 10
#define OBJECTS_MAX 2
#define LEVEL_GROUP 4
#define LEVEL_INHERIT 5

struct version {
	int64_t ts;
	unsigned author; /* host */
	unsigned serial; /* makes the value */
	bool deleted;
};

/* Attributes, also inside of objects, and event reports: all have versions, and the newest wins. */
/* M_BESIDE: what is about an event, which travels by itself, at the levels of events. */
enum m_el_kind { M_ATTR, M_IN_OBJECT, M_REPORT, M_BESIDE };
struct m_el {
	enum m_el_kind kind;
	unsigned object; /* of the event, of M_IN_OBJECT */
	char uuid[37];
	uint8_t level; /* distribution, 5: that of the event */
	bool stays; /* is never deleted */
	struct version v[VERSIONS_MAX];
	unsigned n;
};

/* Goes where its level lets it, and takes its attributes along. Only the owner changes what is inside:
   MISP looks at it only when the object is newer. */
struct m_object {
	char uuid[37];
	uint8_t level;
};

/* The sharing group of a host, for level 4 in its events. Roaming; it only ever grows. */
struct m_group {
	char id[24]; /* on its host */
	unsigned orgs; /* bits */
	/* Those of the beginning: elsewhere a group is learnt with an element that is new or changed, so
	   that who came later is known to the host itself, and perhaps to others. */
	unsigned first;
};

struct m_event {
	char uuid[37];
	unsigned owner;
	unsigned gone; /* bits: hosts that have deleted it, and do not want it back */
	unsigned author; /* of the last edit */
	uint8_t level;
	int64_t ts; /* of the owner's copy */
	unsigned info; /* serial of the owner's */
	bool published; /* the owner's */
	bool contested; /* copies were edited too */
	struct m_el el[ELS_MAX];
	unsigned n;
	struct m_object object[OBJECTS_MAX];
	unsigned n_objects;
};

/* What travels beside events; made once, never changed. */
enum m_thing_kind { THING_SIGHTING, THING_PROPOSAL, THING_CLUSTER, THING_NOTE, THING_KINDS };
struct m_thing {
	enum m_thing_kind kind;
	char uuid[40];
	unsigned author; /* host */
	unsigned event; /* that it belongs to; not of clusters */
	uint8_t level; /* of clusters and notes */
};

struct model {
	struct m_event ev[EVENTS_MAX + 3]; /* and those of crashed hosts */
	unsigned n;
	struct m_thing things[THINGS_MAX];
	unsigned n_things;
	struct m_group group[3]; /* one of each host, once it has needed one */
	const unsigned *org; /* of each host */
	int64_t last_ts; /* the newest that was ever given out */
	unsigned last_serial;
};

/* A link: data goes from `to` to `at` when `at` pulls. */
struct m_link {
	unsigned from, to;
	bool push;
	bool internal; /* both ends belong to one organisation */
};

/* Where an event (el NULL) or an element can be on `host`. */
struct m_reach {
	unsigned may; /* simple paths over which the event may have come */
	unsigned may_with; /* of these, the element too */
	unsigned levels; /* bits: what is stored at the end of them */
	bool through; /* all of them pass `via` */
	unsigned paths, with; /* of these, the ones that it certainly can take */
	unsigned clean; /* of those, where nobody has deleted it: over these it has come */
};
struct m_reach model_reach(const struct model *m, const struct m_event *e, const struct m_el *el,
			   unsigned host, unsigned via, const struct m_link *l, unsigned n_links);
/* Does the host have to have the event? */
bool model_has(const struct model *m, const struct m_event *e, unsigned host,
	       const struct m_link *l, unsigned n_links);
/* Must a user of that reader's organisation be shown what the host stores at this level, or may it? */
bool model_reads(const struct model *m, const struct m_event *e, unsigned level, unsigned reader,
		 unsigned host, bool may);

/* May the host show this version of the element, and must it show the element at all? */
bool model_may(const struct model *m, const struct m_event *e, const struct m_el *el,
	       const struct version *v, unsigned host, const struct m_link *l, unsigned n_links);
bool model_must(const struct model *m, const struct m_event *e, const struct m_el *el,
		unsigned host, const struct m_link *l, unsigned n_links);
/* What a host has after "newest wins" over everything that the owner made. */
const struct version *model_last_of(const struct m_el *el, unsigned author);
