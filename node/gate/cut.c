/*
 * cut.c - the cutting tables, and the generic cut.
 *
 * profiles.inc says what is done with each field, the descriptors of the model where it lies.
 */
#include "gate/cut.h"

#include "base/own.h"

/* clang-format off */
/* Bits of each entity in the order of fields.inc, and the acts laid out by them. */
#define BIT_TAGREF(kind, member, ...) BIT_TAGREF_##member,
#define LBIT_TAGREF(member, ...) BIT_TAGREF_##member,
#define ACTS_TAGREF(m, f, p, t, i) [BIT_TAGREF_##m] = ACTS(f, p, t, i),
#define BIT_ORG(kind, member, ...) BIT_ORG_##member,
#define LBIT_ORG(member, ...) BIT_ORG_##member,
#define ACTS_ORG(m, f, p, t, i) [BIT_ORG_##m] = ACTS(f, p, t, i),
#define BIT_SGORG(kind, member, ...) BIT_SGORG_##member,
#define LBIT_SGORG(member, ...) BIT_SGORG_##member,
#define ACTS_SGORG(m, f, p, t, i) [BIT_SGORG_##m] = ACTS(f, p, t, i),
#define BIT_SGSERVER(kind, member, ...) BIT_SGSERVER_##member,
#define LBIT_SGSERVER(member, ...) BIT_SGSERVER_##member,
#define ACTS_SGSERVER(m, f, p, t, i) [BIT_SGSERVER_##m] = ACTS(f, p, t, i),
#define BIT_SG(kind, member, ...) BIT_SG_##member,
#define LBIT_SG(member, ...) BIT_SG_##member,
#define ACTS_SG(m, f, p, t, i) [BIT_SG_##m] = ACTS(f, p, t, i),
#define BIT_ATTR(kind, member, ...) BIT_ATTR_##member,
#define LBIT_ATTR(member, ...) BIT_ATTR_##member,
#define ACTS_ATTR(m, f, p, t, i) [BIT_ATTR_##m] = ACTS(f, p, t, i),
#define BIT_OBJECT(kind, member, ...) BIT_OBJECT_##member,
#define LBIT_OBJECT(member, ...) BIT_OBJECT_##member,
#define ACTS_OBJECT(m, f, p, t, i) [BIT_OBJECT_##m] = ACTS(f, p, t, i),
#define BIT_REF(kind, member, ...) BIT_REF_##member,
#define LBIT_REF(member, ...) BIT_REF_##member,
#define ACTS_REF(m, f, p, t, i) [BIT_REF_##m] = ACTS(f, p, t, i),
#define BIT_REPORT(kind, member, ...) BIT_REPORT_##member,
#define LBIT_REPORT(member, ...) BIT_REPORT_##member,
#define ACTS_REPORT(m, f, p, t, i) [BIT_REPORT_##m] = ACTS(f, p, t, i),
#define BIT_PROPOSAL(kind, member, ...) BIT_PROPOSAL_##member,
#define LBIT_PROPOSAL(member, ...) BIT_PROPOSAL_##member,
#define ACTS_PROPOSAL(m, f, p, t, i) [BIT_PROPOSAL_##m] = ACTS(f, p, t, i),
#define BIT_SIGHTING(kind, member, ...) BIT_SIGHTING_##member,
#define LBIT_SIGHTING(member, ...) BIT_SIGHTING_##member,
#define ACTS_SIGHTING(m, f, p, t, i) [BIT_SIGHTING_##m] = ACTS(f, p, t, i),
#define BIT_CLUSTERMETA(kind, member, ...) BIT_CLUSTERMETA_##member,
#define LBIT_CLUSTERMETA(member, ...) BIT_CLUSTERMETA_##member,
#define ACTS_CLUSTERMETA(m, f, p, t, i) [BIT_CLUSTERMETA_##m] = ACTS(f, p, t, i),
#define BIT_CLUSTERREL(kind, member, ...) BIT_CLUSTERREL_##member,
#define LBIT_CLUSTERREL(member, ...) BIT_CLUSTERREL_##member,
#define ACTS_CLUSTERREL(m, f, p, t, i) [BIT_CLUSTERREL_##m] = ACTS(f, p, t, i),
#define BIT_GALAXY(kind, member, ...) BIT_GALAXY_##member,
#define LBIT_GALAXY(member, ...) BIT_GALAXY_##member,
#define ACTS_GALAXY(m, f, p, t, i) [BIT_GALAXY_##m] = ACTS(f, p, t, i),
#define BIT_CLUSTER(kind, member, ...) BIT_CLUSTER_##member,
#define LBIT_CLUSTER(member, ...) BIT_CLUSTER_##member,
#define ACTS_CLUSTER(m, f, p, t, i) [BIT_CLUSTER_##m] = ACTS(f, p, t, i),
#define BIT_ANALYST(kind, member, ...) BIT_ANALYST_##member,
#define LBIT_ANALYST(member, ...) BIT_ANALYST_##member,
#define ACTS_ANALYST(m, f, p, t, i) [BIT_ANALYST_##m] = ACTS(f, p, t, i),
#define BIT_EVENT(kind, member, ...) BIT_EVENT_##member,
#define LBIT_EVENT(member, ...) BIT_EVENT_##member,
#define ACTS_EVENT(m, f, p, t, i) [BIT_EVENT_##m] = ACTS(f, p, t, i),
#define BIT_CRYPTOKEY(kind, member, ...) BIT_CRYPTOKEY_##member,
#define LBIT_CRYPTOKEY(member, ...) BIT_CRYPTOKEY_##member,
#define ACTS_CRYPTOKEY(m, f, p, t, i) [BIT_CRYPTOKEY_##m] = ACTS(f, p, t, i),
/* clang-format on */
#define Y(ENT, sname) enum { ENT##_FIELDS(BIT_##ENT, LBIT_##ENT) BIT_##ENT##_COUNT };
CUT_ENTITIES(Y)
#undef Y

#define ONE(...) +1
#define Y(ENT, sname)                                                                              \
	_Static_assert(0 ENT##_CUTS(ONE) == BIT_##ENT##_COUNT, #ENT ": profiles.inc and fields.inc");  \
	_Static_assert((int)BIT_##ENT##_COUNT <= 64, "more fields than bits");
CUT_ENTITIES(Y)
#undef Y

#define ACTS(f, p, t, i)                                                                           \
	{                                                                                          \
		[PROFILE_FULL] = CUT_##f, [PROFILE_PARTNER] = CUT_##p,                             \
		[PROFILE_TECHNICAL] = CUT_##t, [PROFILE_INDICATORS] = CUT_##i                      \
	}
#define Y(ENT, sname)                                                                              \
	static const uint8_t acts_##sname[BIT_##ENT##_COUNT][PROFILE_COUNT] = {                    \
		ENT##_CUTS(ACTS_##ENT)};
CUT_ENTITIES(Y)
#undef Y

static const struct cut_table tables[CUT_ENTITY_COUNT] = {
#define Y(ENT, sname) [CUT_##ENT] = {&desc_##sname, acts_##sname, BIT_##ENT##_COUNT},
	CUT_ENTITIES(Y)
#undef Y
};

const struct cut_table *cut_table(enum cut_entity e)
{
	return &tables[e];
}

static bool act_drops(enum cut_act act, bool ids, bool local)
{
	switch (act) {
	case CUT_K:
	case CUT_S:
	case CUT_X:
		return false;
	case CUT_I:
		return !ids;
	case CUT_L:
		return !local;
	case CUT_UNNAMED:
	case CUT_D:
	default:
		return true;
	}
}

void cut_plan_make(const uint8_t (*acts)[64], bool ids, bool local, struct cut_plan *p)
{
	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++) {
		p->drop[e] = 0;
		for (unsigned i = 0; i < tables[e].n; i++)
			if (act_drops(acts[e][i], ids, local))
				p->drop[e] |= UINT64_C(1) << i;
	}
}

/* Size of each field kind, and whether its empty value is all zero bytes. */
static const uint8_t kind_size[] = {
#define X(name, ctype) [F_##name] = sizeof(ctype),
	FIELD_KINDS(X)
#undef X
};

static bool is_empty(const struct field *f, const char *at)
{
	static const char zeros[sizeof(struct str)];

	if (f->kind == F_MICRO)
		return *(const int64_t *)(const void *)at == MICRO_NONE;
	return memcmp(at, zeros, kind_size[f->kind]) == 0;
}

static void make_empty(const struct field *f, char *at)
{
	if (f->kind == F_MICRO)
		*(int64_t *)(void *)at = MICRO_NONE;
	else
		memset(at, 0, kind_size[f->kind]);
}

static int entity_of(const struct entity_desc *d)
{
	for (int e = 0; e < CUT_ENTITY_COUNT; e++)
		if (tables[e].desc == d)
			return e;
	return -1;
}

/* Cut the entities of a list; tags have their own way (release.c). False: memory. */
static bool cut_list(const struct cut_plan *p, const struct field *f, struct entity_list *l,
		     struct arena *a)
{
	int e = entity_of(f->sub);
	char *copy;

	if (e < 0) { /* an entity that no profile names */
		*l = (struct entity_list){NULL, 0};
		return true;
	}
	copy = arena_array(a, l->n, f->sub->size);
	if (!copy)
		return false;
	for (uint32_t i = 0; i < l->n; i++) {
		const void *cut =
			cut_entity(p, (enum cut_entity)e, (char *)l->v + (size_t)i * f->sub->size, a);

		if (!cut)
			return false;
		memcpy(copy + (size_t)i * f->sub->size, cut, f->sub->size);
	}
	l->v = copy;
	return true;
}

void *cut_writable(enum cut_entity e, const void *cut, const void *orig, struct arena *a)
{
	void *copy;

	if (!cut || cut != orig)
		return (void *)(uintptr_t)cut;
	copy = arena_alloc(a, tables[e].desc->size);
	return copy ? memcpy(copy, orig, tables[e].desc->size) : NULL;
}

const void *cut_entity(const struct cut_plan *p, enum cut_entity e, const void *entity,
		       struct arena *a)
{
	const struct entity_desc *d = tables[e].desc;
	const void *out = entity;
	uint64_t left = p->drop[e];

	while (left) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct field *f = &d->fields[i];

		left &= left - 1;
		if (is_empty(f, (const char *)entity + f->offset))
			continue;
		out = cut_writable(e, out, entity, a);
		if (!out)
			return NULL;
		make_empty(f, (char *)(uintptr_t)out + f->offset);
		((struct entity_head *)(uintptr_t)out)->has &= ~(UINT64_C(1) << i);
	}
	for (unsigned i = 0; e == CUT_SG || e == CUT_SGORG || e == CUT_SGSERVER ? i < d->n : false;
	     i++) {
		const struct field *f = &d->fields[i];
		const struct entity_list *l = (const void *)((const char *)out + f->offset);

		if (f->kind != F_LIST || l->n == 0 || p->drop[e] >> i & 1)
			continue;
		out = cut_writable(e, out, entity, a);
		if (!out || !cut_list(p, f, (void *)((char *)(uintptr_t)out + f->offset), a))
			return NULL;
	}
	return out;
}
