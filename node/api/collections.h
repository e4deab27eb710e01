/*
 * collections.h - what the endpoints of warning lists, notice lists, object templates and decaying
 * models share.
 */
#pragma once

#include "api/rest.h"
#include "lists/lists.h"

/* Read the configured folders of a kind again; what was left out is logged. */
MUST_USE enum err collection_update(struct http_req *r, enum list_kind k, struct lists_update *out,
				    struct fail *f);
/* The same, answered as MISP answers it for warning and notice lists ("warninglists"). */
MUST_USE enum err collection_updated(struct http_req *r, enum list_kind k, const char *what,
				     struct fail *f);
/* JSON text of a row, parsed; a new empty list when it is none. */
json_t *collection_json(struct str text);
