/*
 * ep_expressions.c - /allowedlists and /regexp: expressions of administrators ("/gull/i"). What matches
 * the allowed list is in no search; import rules rewrite or refuse values as they come in.
 */
#include "api/crud.h"
#include "model/exprs.h"

static struct str checked(struct http_req *r, const char *member, struct str *text)
{
	struct fail why = {0};
	*text = str_trim(*text);
	if (expr_check(*text, &why) == ERR_OK)
		return STR_NONE;
	struct str says = arena_printf(r->arena, "Invalid regular expression: %s.", why.text);
	return rest_field_error(r, member, says.p ? says.p : "Invalid regular expression.");
}

static struct str allowed_fault(struct http_req *r, const json_t *body, void *row)
{
	(void)body;
	return checked(r, "name", &((struct misp_allowed *)row)->name);
}

static struct str regexp_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_regexp *x = row;
	if (rest_flag(body, "all", false) || !x->type.n || str_eq_nocase(x->type, STR("ALL")))
		x->type = STR("ALL");
	else if (type_find(x->type) == ATTR_NONE)
		return rest_field_error(r, "type", "Invalid type: an attribute type, or ALL.");
	return checked(r, "regexp", &x->regexp);
}

static const struct crud allowed_kind = {
	.table = T_ALLOWED,
	.desc = &desc_misp_allowed,
	.what = "Allowedlist",
	.absent = "Invalid allowedlist entry.",
	.deleted = "Allowedlist deleted.",
	.unique = "name",
	.taken = "This expression is on the list already.",
	.fault = allowed_fault,
};

static const struct crud regexp_kind = {
	.table = T_REGEXP,
	.desc = &desc_misp_regexp,
	.what = "Regexp",
	.absent = "Invalid regular expression.",
	.deleted = "Regexp deleted.",
	.fault = regexp_fault,
};

const struct endpoint ep_allowed_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/allowedlists/index",
	.run = crud_index,
	.arg = &allowed_kind,
	.shape = "Allowedlists",
	.doc = "Expressions; what matches is in no search",
};
const struct endpoint ep_allowed_admin_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/admin/allowedlists/index",
	.run = crud_index,
	.arg = &allowed_kind,
	.shape = "Allowedlists",
	.doc = "The same",
};
const struct endpoint ep_allowed_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/allowedlists/add",
	.auth = perm_regexp_access,
	.run = crud_add,
	.arg = &allowed_kind,
	.shape = "Allowedlist",
	.doc = "Add one",
};
const struct endpoint ep_allowed_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/allowedlists/edit/:id",
	.auth = perm_regexp_access,
	.run = crud_edit,
	.arg = &allowed_kind,
	.shape = "Allowedlist",
	.doc = "Change one",
};
const struct endpoint ep_allowed_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/admin/allowedlists/delete/:id",
	.auth = perm_regexp_access,
	.run = crud_delete,
	.arg = &allowed_kind,
	.shape = "Saved",
	.doc = "Remove one",
};
const struct endpoint ep_regexp_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/regexp/index",
	.run = crud_index,
	.arg = &regexp_kind,
	.shape = "Regexps",
	.doc = "Rules that rewrite values as they come in; an empty replacement refuses them",
};
const struct endpoint ep_regexp_admin_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/admin/regexp/index",
	.run = crud_index,
	.arg = &regexp_kind,
	.shape = "Regexps",
	.doc = "The same",
};
const struct endpoint ep_regexp_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/regexp/add",
	.auth = perm_regexp_access,
	.run = crud_add,
	.arg = &regexp_kind,
	.shape = "Regexp",
	.doc = "Add one",
};
const struct endpoint ep_regexp_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/regexp/edit/:id",
	.auth = perm_regexp_access,
	.run = crud_edit,
	.arg = &regexp_kind,
	.shape = "Regexp",
	.doc = "Change one",
};
const struct endpoint ep_regexp_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/admin/regexp/delete/:id",
	.auth = perm_regexp_access,
	.run = crud_delete,
	.arg = &regexp_kind,
	.shape = "Saved",
	.doc = "Remove one",
};
