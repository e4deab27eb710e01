/*
 * sharing_groups.h - what the files about /sharing_groups share.
 */
#pragma once

#include "api/rest.h"

#define GROUP_MEMBERS_MAX 10000u

/* The organisation's row among the members; NULL: it is none, or no organisation is meant. */
const struct misp_sgorg *group_org(const struct misp_sg *g, uint64_t org_id);
/* May the caller do everything with it: the owner's group managers and site admins? */
bool group_owned(struct http_req *r, const struct misp_sg *g);
/* May he change who is in: owners, and group managers of members that extend? */
bool group_editable(struct http_req *r, const struct misp_sg *g);

/* The group of a number or UUID, copied to the request's arena; ERR_NOENT: there is none. */
MUST_USE enum err group_load(struct http_req *r, const struct store_rtxn *t, struct str s,
			     struct misp_sg *g);
/* The same if the caller may see it; false: not, and answered. */
bool group_of_path(struct http_req *r, struct str id, struct misp_sg *g, struct fail *f);

/* What is answered to who added or changed a group. */
MUST_USE enum err group_answer_saved(struct http_req *r, const struct misp_sg *g, struct fail *f);
