/*
 * misp.c - initial values of entities whose zero is not their default, and the element kinds.
 */
#include "model/misp.h"

void misp_attr_init(struct misp_attr *a)
{
	*a = (struct misp_attr){.first_seen = MICRO_NONE, .last_seen = MICRO_NONE};
}

void misp_object_init(struct misp_object *o)
{
	*o = (struct misp_object){.first_seen = MICRO_NONE, .last_seen = MICRO_NONE};
}

void misp_proposal_init(struct misp_proposal *p)
{
	*p = (struct misp_proposal){.first_seen = MICRO_NONE, .last_seen = MICRO_NONE};
}

const char *const analyst_kind_names[ANALYST_KINDS] = {
	[ANALYST_NOTE] = "Note",
	[ANALYST_OPINION] = "Opinion",
	[ANALYST_RELATIONSHIP] = "Relationship",
};

const struct entity_desc *element_desc(enum element_kind k)
{
	static const struct entity_desc *const descs[EL_COUNT] = {
		[EL_ATTR] = &desc_misp_attr,
		[EL_OBJECT] = &desc_misp_object,
		[EL_REF] = &desc_misp_ref,
		[EL_REPORT] = &desc_misp_report,
		[EL_PROPOSAL] = &desc_misp_proposal,
		[EL_SIGHTING] = &desc_misp_sighting,
		[EL_CLUSTER] = &desc_misp_cluster,
		[EL_ANALYST] = &desc_misp_analyst,
	};
	return descs[k];
}
