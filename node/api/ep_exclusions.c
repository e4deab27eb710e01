/*
 * ep_exclusions.c - /correlation_exclusions: values that never correlate. They count when
 * correlations are looked up, so nothing has to be cleaned after a change.
 */
#include "api/crud.h"

static struct str exclusion_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_exclusion *x = row;
	(void)body;
	x->value = str_trim(x->value);
	return x->value.n ? STR_NONE
			  : rest_field_error(r, "value", "Value cannot be empty.");
}

static const struct crud exclusion_kind = {
	.table = T_EXCLUSION,
	.desc = &desc_misp_exclusion,
	.what = "correlation_exclusion",
	.absent = "Invalid correlation_exclusion.",
	.deleted = "CorrelationExclusion deleted.",
	.unique = "value",
	.taken = "Value is already in the exclusion list.",
	.fault = exclusion_fault,
};

static enum err exclusions_clean(struct http_req *r, struct fail *f)
{
	(void)f;
	rest_saved(r, STR_NONE, "Nothing to clean: exclusions count from when they are saved.");
	return ERR_OK;
}

const struct endpoint ep_exclusions_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/correlationExclusions/index",
	.auth = perm_site_admin,
	.run = crud_index,
	.arg = &exclusion_kind,
	.shape = "CorrelationExclusions",
	.doc = "Values that never correlate; % at either end stands for anything",
};
const struct endpoint ep_exclusions_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/correlationExclusions/view/:id",
	.auth = perm_site_admin,
	.run = crud_view,
	.arg = &exclusion_kind,
	.shape = "CorrelationExclusion",
	.doc = "One exclusion",
};
const struct endpoint ep_exclusions_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/correlationExclusions/add",
	.auth = perm_site_admin,
	.run = crud_add,
	.arg = &exclusion_kind,
	.shape = "CorrelationExclusion",
	.takes = "ExclusionIn",
	.doc = "Add an exclusion: value, comment",
};
const struct endpoint ep_exclusions_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/correlationExclusions/edit/:id",
	.auth = perm_site_admin,
	.run = crud_edit,
	.arg = &exclusion_kind,
	.shape = "CorrelationExclusion",
	.takes = "ExclusionIn",
	.doc = "Change an exclusion",
};
const struct endpoint ep_exclusions_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/correlationExclusions/delete/:id",
	.auth = perm_site_admin,
	.run = crud_delete,
	.arg = &exclusion_kind,
	.shape = "Saved",
	.doc = "Remove an exclusion",
};
const struct endpoint ep_exclusions_clean = {
	.methods = HTTP_POST,
	.path = "/correlationExclusions/clean",
	.auth = perm_site_admin,
	.run = exclusions_clean,
	.shape = "Saved",
	.doc = "For clients that ask for it: there is nothing to clean",
};
