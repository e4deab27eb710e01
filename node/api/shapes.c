/*
 * shapes.c - MISP's JSON forms of administrative rows.
 */
#include "api/shapes.h"

#include "model/perms.h"

void shape_text_or_null(struct jsonw *w, const char *key, struct str s)
{
	jsonw_key(w, key);
	if (s.n)
		jsonw_str(w, s);
	else
		jsonw_null(w);
}

void shape_time_or_null(struct jsonw *w, const char *key, int64_t t)
{
	jsonw_key(w, key);
	if (t)
		jsonw_int_str(w, t);
	else
		jsonw_null(w);
}

static void text(struct jsonw *w, const char *key, struct str s)
{
	JSONW_KV(w, jsonw_str, key, s.p ? s : STR(""));
}

/* Members that an index leaves out. */
static void user_rest(struct jsonw *w, const struct misp_user *u, const char *totp)
{
	shape_text_or_null(w, "sub", u->sub);
	JSONW_KV(w, jsonw_bool, "external_auth_required", false);
	JSONW_KV(w, jsonw_c, "external_auth_key", u->invited_by ? "" : NULL);
	JSONW_KV(w, jsonw_bool, "notification_daily", u->notification_daily);
	JSONW_KV(w, jsonw_bool, "notification_weekly", u->notification_weekly);
	JSONW_KV(w, jsonw_bool, "notification_monthly", u->notification_monthly);
	JSONW_KV(w, jsonw_c, "totp", totp);
	JSONW_KV(w, jsonw_c, "hotp_counter", NULL);
	JSONW_KV(w, jsonw_c, "totp_is_set", u->totp_set ? "1" : "0");
}

void shape_user(struct jsonw *w, const struct misp_user *u, enum user_form form,
		const char *authkey)
{
	bool view = form == USER_VIEW || form == USER_VIEW_ADMIN;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", u->id);
	if (form != USER_INDEX)
		JSONW_KV(w, jsonw_c, "password", view ? "*****" : "******");
	JSONW_KV(w, jsonw_uint_str, "org_id", u->org_id);
	if (!view)
		JSONW_KV(w, jsonw_uint_str, "server_id", u->server_id);
	text(w, "email", u->email);
	JSONW_KV(w, jsonw_bool, "autoalert", u->autoalert);
	if (authkey)
		JSONW_KV(w, jsonw_c, "authkey", authkey);
	JSONW_KV(w, jsonw_uint_str, "invited_by", u->invited_by);
	/* the account of the set-up has nulls where others have empty texts */
	if (u->invited_by)
		text(w, "gpgkey", u->gpgkey);
	else
		shape_text_or_null(w, "gpgkey", u->gpgkey);
	text(w, "certif_public", u->certif_public);
	JSONW_KV(w, jsonw_uint_str, "nids_sid", u->nids_sid);
	JSONW_KV(w, jsonw_bool, "termsaccepted", u->termsaccepted);
	JSONW_KV(w, jsonw_uint_str, "newsread", u->newsread);
	JSONW_KV(w, jsonw_uint_str, "role_id", u->role_id);
	JSONW_KV(w, jsonw_bool, "change_pw", u->change_pw);
	JSONW_KV(w, jsonw_bool, "contactalert", u->contactalert);
	JSONW_KV(w, jsonw_bool, "disabled", u->disabled);
	shape_time_or_null(w, "expiration", u->expiration);
	JSONW_KV(w, jsonw_int_str, "current_login", u->current_login);
	JSONW_KV(w, jsonw_int_str, "last_login", u->last_login);
	if (u->invited_by)
		JSONW_KV(w, jsonw_int_str, "last_api_access", u->last_api_access);
	else
		shape_time_or_null(w, "last_api_access", u->last_api_access);
	JSONW_KV(w, jsonw_bool, "force_logout", u->force_logout);
	shape_time_or_null(w, "date_created", u->date_created);
	shape_time_or_null(w, "date_modified", u->date_modified);
	shape_time_or_null(w, "last_pw_change", u->last_pw_change);
	if (form != USER_INDEX)
		user_rest(w, u, view ? "*****" : NULL);
	if (form != USER_VIEW_ADMIN)
		jsonw_obj_end(w);
}

/* The stock roles have nulls where others have empty texts. */
static struct str limit_text(const struct misp_role *r, struct str s)
{
	if (s.n)
		return s;
	return r->id <= 6 ? STR_NONE : STR("");
}

static void role_members(struct jsonw *w, const struct misp_role *r)
{
	static const char *const levels[] = {"read_only", "manage_own", "manage_org", "publish"};
	unsigned level = perms_level((uint32_t)r->perms);
	JSONW_KV(w, jsonw_uint_str, "id", r->id);
	text(w, "name", r->name);
	shape_text_or_null(w, "created", r->created);
	shape_text_or_null(w, "modified", r->modified);
	for (unsigned i = 0; i < PERM_COUNT; i++)
		JSONW_KV(w, jsonw_bool, perm_rows[i].name, r->perms & perm_rows[i].bit);
	JSONW_KV(w, jsonw_bool, "default_role", r->default_role);
	JSONW_KV(w, jsonw_str, "memory_limit", limit_text(r, r->memory_limit));
	JSONW_KV(w, jsonw_str, "max_execution_time", limit_text(r, r->max_execution_time));
	JSONW_KV(w, jsonw_bool, "restricted_to_site_admin", r->restricted_to_site_admin);
	JSONW_KV(w, jsonw_bool, "enforce_rate_limit", r->enforce_rate_limit);
	JSONW_KV(w, jsonw_uint_str, "rate_limit_count", r->rate_limit_count);
	JSONW_KV(w, jsonw_uint_str, "permission", level);
	JSONW_KV(w, jsonw_c, "permission_description", levels[level]);
}

void shape_role(struct jsonw *w, const struct misp_role *r)
{
	jsonw_obj(w);
	role_members(w, r);
	jsonw_obj_end(w);
}

void shape_role_default(struct jsonw *w, const struct misp_role *r)
{
	jsonw_obj(w);
	role_members(w, r);
	JSONW_KV(w, jsonw_bool, "default", r->default_role);
	jsonw_obj_end(w);
}

void shape_org_members(struct jsonw *w, const struct misp_org *o, bool full)
{
	JSONW_KV(w, jsonw_uint_str, "id", o->id);
	text(w, "name", o->name);
	text(w, "date_created", o->date_created);
	text(w, "date_modified", o->date_modified);
	shape_text_or_null(w, "description", o->description);
	text(w, "type", o->type);
	text(w, "nationality", o->nationality);
	text(w, "sector", o->sector);
	if (full)
		JSONW_KV(w, jsonw_uint_str, "created_by", o->created_by);
	JSONW_KV(w, jsonw_uuid, "uuid", o->uuid);
	shape_text_or_null(w, "contacts", o->contacts);
	JSONW_KV(w, jsonw_bool, "local", o->local);
	jsonw_key(w, "restricted_to_domain");
	if (o->restricted_to_domain.n)
		jsonw_raw(w, o->restricted_to_domain);
	else
		jsonw_null(w);
}

void shape_org(struct jsonw *w, const struct misp_org *o)
{
	jsonw_obj(w);
	shape_org_members(w, o, true);
	shape_text_or_null(w, "landingpage", o->landingpage);
	jsonw_obj_end(w);
}

void shape_org_short(struct jsonw *w, const struct misp_org *o)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", o->id);
	text(w, "name", o->name);
	JSONW_KV(w, jsonw_uuid, "uuid", o->uuid);
	jsonw_obj_end(w);
}

void shape_tag_members(struct jsonw *w, const struct misp_tag *t)
{
	JSONW_KV(w, jsonw_uint_str, "id", t->id);
	text(w, "name", t->name);
	text(w, "colour", t->colour);
	JSONW_KV(w, jsonw_bool, "exportable", t->exportable);
	JSONW_KV(w, jsonw_uint_str, "org_id", t->org_id);
	JSONW_KV(w, jsonw_uint_str, "user_id", t->user_id);
	JSONW_KV(w, jsonw_bool, "hide_tag", t->hide_tag);
	shape_text_or_null(w, "numerical_value", t->numerical_value);
	JSONW_KV(w, jsonw_bool, "is_galaxy", t->is_galaxy);
	JSONW_KV(w, jsonw_bool, "is_custom_galaxy", t->is_custom_galaxy);
	JSONW_KV(w, jsonw_bool, "local_only", t->local_only);
}

void shape_tag(struct jsonw *w, const struct misp_tag *t)
{
	jsonw_obj(w);
	shape_tag_members(w, t);
	jsonw_obj_end(w);
}
