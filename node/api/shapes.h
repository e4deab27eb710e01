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
void shape_user(struct jsonw *w, const struct misp_user *u, const char *authkey);
void shape_role(struct jsonw *w, const struct misp_role *r);
void shape_org(struct jsonw *w, const struct misp_org *o);
/* {"id":..,"name":..,"uuid":..} */
void shape_org_short(struct jsonw *w, const struct misp_org *o);
void shape_tag(struct jsonw *w, const struct misp_tag *t);
