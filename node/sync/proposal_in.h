/*
 * proposal_in.h - a proposal as another node writes it.
 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "model/misp.h"

/*
 * One row of shadow_attributes/index or pushProposals, wrapper or not. `old_uuid` is set when it is
 * about an attribute: numbers of another node mean nothing here. ERR_INVAL when it is none.
 */
MUST_USE enum err proposal_in(const json_t *row, struct arena *a, struct misp_proposal *p,
			      struct fail *f);
