/*
 * cut.h - inside the gate: take out of an entity what the profile does not let leave.
 *
 * The tables are profiles.inc laid beside model/fields.inc; a field that is in the one and not in
 * the other does not compile.
 */
#pragma once

#include "base/arena.h"
#include "gate/audience.h"
#include "gate/profiles.inc"
#include "model/misp.h"

/* What a profile does with a field; zero is for a field that nobody named, and drops it. */
enum cut_act { CUT_UNNAMED = 0, CUT_D, CUT_K, CUT_S, CUT_I, CUT_L, CUT_X };

enum cut_entity {
#define Y(ENT, sname) CUT_##ENT,
	CUT_ENTITIES(Y)
#undef Y
	CUT_ENTITY_COUNT
};

#define PROFILE_COUNT 4u

struct cut_table {
	const struct entity_desc *desc;
	const uint8_t (*acts)[PROFILE_COUNT]; /* enum cut_act, by field and enum strip_profile */
	unsigned n;
};
const struct cut_table *cut_table(enum cut_entity e);

/* For one audience: which fields of each entity go. */
struct cut_plan {
	uint64_t drop[CUT_ENTITY_COUNT]; /* bit n: the n-th field */
};
/* From the acts of a profile; are our numbers shown, and what is local? */
void cut_plan_make(const uint8_t (*acts)[64], bool ids, bool local, struct cut_plan *p);

/*
 * `entity` without the fields that go: itself when it has none of them, else a copy in `a`. NULL
 * when the arena is full, which the caller must take as "withhold".
 */
const void *cut_entity(const struct cut_plan *p, enum cut_entity e, const void *entity,
		       struct arena *a);
/* A copy that may be written to; `cut` itself when it is one already (differs from `orig`). */
void *cut_writable(enum cut_entity e, const void *cut, const void *orig, struct arena *a);
