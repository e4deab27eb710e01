/*
 * shapes.h - MISP's JSON forms of administrative rows (users, roles, organisations, tags). Not of
 * intelligence: that is printed by exporters only. Null and "" are as recorded.
 */
#pragma once

#include "base/jsonw.h"
#include "model/misp.h"

/* "text", or null when empty. */
void shape_text_or_null(struct jsonw *w, const char *key, struct str s);
/* Seconds in quotes, or null when 0. */
void shape_time_or_null(struct jsonw *w, const char *key, int64_t t);
/* Each writes one object. */
enum user_form {
	USER_VIEW,
	USER_VIEW_ADMIN, /* the same, left open for orgAdmins: the caller ends the object */
	USER_SAVED, /* add and edit */
	USER_INDEX
};
void shape_user(struct jsonw *w, const struct misp_user *u, enum user_form form,
		const char *authkey);
void shape_role(struct jsonw *w, const struct misp_role *r);
/* With `default`, as the index has it. */
void shape_role_default(struct jsonw *w, const struct misp_role *r);
void shape_org(struct jsonw *w, const struct misp_org *o);
/* The members of an organisation that answers share, without braces; who made it only `full`. */
void shape_org_members(struct jsonw *w, const struct misp_org *o, bool full);
/* {"id":..,"name":..,"uuid":..} */
void shape_org_short(struct jsonw *w, const struct misp_org *o);
void shape_tag(struct jsonw *w, const struct misp_tag *t);
/* The same without braces. */
void shape_tag_members(struct jsonw *w, const struct misp_tag *t);
