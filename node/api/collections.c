/*
 * collections.c - updating what comes in folders.
 */
#include "api/collections.h"

#include "base/log.h"

enum err collection_update(struct http_req *r, enum list_kind k, struct lists_update *out,
			   struct fail *f)
{
	TRY(lists_update(api_of(r)->egress.lists, k, out, f));
	if (out->left_out)
		log_warn("lists", "left_out=%zu first: %s", out->left_out, out->why.text);
	return ERR_OK;
}

enum err collection_updated(struct http_req *r, enum list_kind k, const char *what, struct fail *f)
{
	struct lists_update u;
	TRY(collection_update(r, k, &u, f));
	if (u.added + u.updated)
		rest_saved(r, STR_NONE, "Successfully updated %zu %s.", u.added + u.updated, what);
	else
		rest_saved(r, STR_NONE, "All %s are up to date already.", what);
	return ERR_OK;
}

json_t *collection_json(struct str text)
{
	json_t *j = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
	return j ? j : json_array();
}
