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

struct version {
	int64_t ts;
	unsigned author; /* host */
	unsigned serial; /* makes the value */
	bool deleted;
};

struct m_el {
	char uuid[37];
	uint8_t level; /* distribution, 5: that of the event */
	bool stays; /* is never deleted */
	struct version v[VERSIONS_MAX];
	unsigned n;
};

struct m_event {
	char uuid[37];
	unsigned owner;
	unsigned author; /* of the last edit */
	uint8_t level;
	int64_t ts; /* of the owner's copy */
	unsigned info; /* serial of the owner's */
	bool published; /* the owner's */
	bool contested; /* copies were edited too */
	struct m_el el[ELS_MAX];
	unsigned n;
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
	int64_t last_ts; /* the newest that was ever given out */
	unsigned last_serial;
};

/* A link: data goes from `to` to `at` when `at` pulls. */
struct m_link {
	unsigned from, to;
	bool push;
};

/* Where an event (el NULL) or an element can be on `host`. */
struct m_reach {
	unsigned paths; /* simple paths over which the event comes */
	unsigned with; /* of these, the element too */
	unsigned levels; /* bits: what is stored at the end of them */
	bool through; /* all paths pass `via` */
};
struct m_reach model_reach(const struct m_event *e, const struct m_el *el, unsigned host,
			   unsigned via, const struct m_link *l, unsigned n_links);

/* May the host show this version of the element, and must it show the element at all? */
bool model_may(const struct m_event *e, const struct m_el *el, const struct version *v,
	       unsigned host, const struct m_link *l, unsigned n_links);
bool model_must(const struct m_event *e, const struct m_el *el, unsigned host,
		const struct m_link *l, unsigned n_links);
/* What a host has after "newest wins" over everything that the owner made. */
const struct version *model_last_of(const struct m_el *el, unsigned author);
