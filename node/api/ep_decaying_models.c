/*
 * ep_decaying_models.c - /decayingModel: how fast indicators lose their worth. Texts as recorded
 * (wire/client, others).
 */
#include "api/collections.h"
#include "api/crud.h"

static bool model_visible(struct http_req *r, const void *row)
{
	const struct misp_decay *d = row;
	return d->all_orgs || d->org_id == me(r)->user.org_id || may(r, perm_site_admin);
}

static void model_fresh(struct http_req *r, void *row)
{
	*(struct misp_decay *)row = (struct misp_decay){.uuid = uuid_random(),
							.org_id = me(r)->user.org_id,
							.attribute_types = STR("[]"),
							.ref = STR("[]"),
							.formula = STR("polynomial"),
							.version = STR("1")};
}

static bool in_range(const json_t *p, const char *key, double low, double high)
{
	const json_t *v = json_object_get(p, key);
	char *end;
	double n = json_number_value(v);
	if (json_is_string(v) && *json_string_value(v))
		n = strtod(json_string_value(v), &end);
	return v && n >= low && n <= high;
}

static struct str model_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_decay *d = row;
	json_t *p = collection_json(d->parameters);
	const char *bad = NULL;
	(void)body;
	if (!json_is_object(p))
		bad = "parameters: an object with lifetime, decay_speed, threshold";
	else if (!in_range(p, "lifetime", 0.0001, 1e7))
		bad = "lifetime: days, more than 0";
	else if (!in_range(p, "decay_speed", 0.0001, 1e6))
		bad = "decay_speed: more than 0";
	else if (!in_range(p, "threshold", 0, 100))
		bad = "threshold: 0 to 100";
	json_decref(p);
	if (bad)
		return rest_field_error(r, "parameters", bad);
	if (!str_is(d->formula, "polynomial"))
		return rest_field_error(r, "formula", "Options: polynomial");
	return STR_NONE;
}

/* Models that came with a folder are changed there. */
static bool model_may_go(struct http_req *r, const void *row)
{
	const struct misp_decay *d = row;
	bool own = d->org_id == me(r)->user.org_id || may(r, perm_site_admin);
	if (d->default_ || !own)
		reply_error(r, 403, "You are not authorised to edit it.");
	return own && !d->default_;
}

static const struct crud_member model_members[] = {
	{"name", CRUD_NEED},	       {"parameters", CRUD_JSON},
	{"attribute_types", CRUD_JSON}, {"ref", CRUD_JSON},
	{NULL, 0},
};

static const struct crud model_kind = {
	.table = T_DECAY,
	.desc = &desc_misp_decay,
	.members = model_members,
	.what = "Decaying Model",
	.absent = "No Decaying Model with the provided ID exists",
	.deleted = "Decaying Model deleted.",
	.needed = "Cannot be empty.",
	.visible = model_visible,
	.fresh = model_fresh,
	.fault = model_fault,
	.may_go = model_may_go,
	.uuid_index = IX_DECAY_UUID,
	.has_uuid = true,
};

static enum err models_edit(struct http_req *r, struct fail *f)
{
	struct misp_decay d;
	json_t *body;
	if (rest_json(r, "DecayingModel", &body, f) != ERR_OK ||
	    !crud_of_path(r, &model_kind, NULL, &d, f) || !model_may_go(r, &d) ||
	    !crud_take(r, &model_kind, CRUD_EDIT, body, &d))
		return ERR_OK;
	return crud_save(r, &model_kind, CRUD_EDIT, &d, f);
}

static enum err set_enabled(struct http_req *r, bool on, struct fail *f)
{
	struct misp_decay d;
	if (!crud_of_path(r, &model_kind, NULL, &d, f))
		return ERR_OK;
	if (d.org_id != me(r)->user.org_id && !may(r, perm_site_admin)) {
		reply_error(r, 403, "You are not authorised to edit it.");
		return ERR_OK;
	}
	d.enabled = on;
	return crud_save(r, &model_kind, CRUD_EDIT, &d, f);
}

static enum err models_enable(struct http_req *r, struct fail *f)
{
	return set_enabled(r, true, f);
}

static enum err models_disable(struct http_req *r, struct fail *f)
{
	return set_enabled(r, false, f);
}

static enum err models_update(struct http_req *r, struct fail *f)
{
	struct lists_update u;
	TRY(collection_update(r, LIST_DECAY, &u, f));
	rest_saved(r, STR_NONE, u.added + u.updated ? "Default decaying models updated." :
						      "All default decaying models are up to date.");
	return ERR_OK;
}

const struct endpoint ep_decay_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/decayingModel/index",
	.run = crud_index,
	.arg = &model_kind,
	.shape = "DecayingModels",
	.doc = "The decaying models",
};
const struct endpoint ep_decay_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/decayingModel/view/:id",
	.run = crud_view,
	.arg = &model_kind,
	.shape = "DecayingModel",
	.doc = "One decaying model",
};
const struct endpoint ep_decay_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/decayingModel/add",
	.auth = perm_decaying,
	.run = crud_add,
	.arg = &model_kind,
	.shape = "DecayingModel",
	.doc = "Add a model: name, parameters, attribute_types, all_orgs",
};
const struct endpoint ep_decay_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/decayingModel/edit/:id",
	.auth = perm_decaying,
	.run = models_edit,
	.shape = "DecayingModel",
	.doc = "Change a model of your own",
};
const struct endpoint ep_decay_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/decayingModel/delete/:id",
	.auth = perm_decaying,
	.run = crud_delete,
	.arg = &model_kind,
	.shape = "Saved",
	.doc = "Remove a model of your own",
};
const struct endpoint ep_decay_enable = {
	.methods = HTTP_POST,
	.path = "/decayingModel/enable/:id",
	.auth = perm_decaying,
	.run = models_enable,
	.shape = "DecayingModel",
	.doc = "Let a model count",
};
const struct endpoint ep_decay_disable = {
	.methods = HTTP_POST,
	.path = "/decayingModel/disable/:id",
	.auth = perm_decaying,
	.run = models_disable,
	.shape = "DecayingModel",
	.doc = "Let it count no more",
};
const struct endpoint ep_decay_update = {
	.methods = HTTP_POST,
	.path = "/decayingModel/update",
	.auth = perm_site_admin,
	.run = models_update,
	.shape = "Saved",
	.doc = "Read the configured folders again",
};
