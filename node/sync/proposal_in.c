/*
 * proposal_in.c - a proposal as another node writes it.
 */
#include "sync/proposal_in.h"

#include <stdlib.h>
#include <string.h>

#include "model/json_read.h"

/* MISP writes numbers as text, pushes some as numbers. */
static bool is_number_but_zero(const json_t *v)
{
	if (json_is_string(v))
		return strcmp(json_string_value(v), "0") != 0 && json_string_value(v)[0];
	return json_is_integer(v) && json_integer_value(v) != 0;
}

enum err proposal_in(const json_t *row, struct arena *a, struct misp_proposal *p, struct fail *f)
{
	const json_t *in = json_object_get(row, "ShadowAttribute");
	if (json_is_object(in))
		row = in;
	if (!json_is_object(row))
		return fail(f, ERR_INVAL, "a proposal is no object");
	char *text = json_dumps(row, JSON_COMPACT);
	if (!text)
		return fail(f, ERR_NOMEM, "no memory");
	misp_proposal_init(p);
	enum err e = json_read_entity(str_c(text), &desc_misp_proposal, a, p, f);
	free(text);
	TRY(e);
	if (uuid_is_nil(p->uuid))
		return fail(f, ERR_INVAL, "a proposal without UUID");
	if (!is_number_but_zero(json_object_get(row, "old_id")) && uuid_is_nil(p->old_uuid))
		return ERR_OK;
	p->old_uuid = p->uuid;
	ENTITY_SET_HAS(p, PROPOSAL_F_old_uuid);
	return ERR_OK;
}
