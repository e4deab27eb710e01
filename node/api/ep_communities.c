/*
 * ep_communities.c - /communities: MISP ships a list of communities that one may ask to be let into, by
 * e-mail. This node brings no such list and sends no e-mail: the list is empty, and says so.
 */
#include "api/rest.h"

static enum err communities_index(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(64);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_arr(&w);
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err no_community(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_error(r, 404, "Community not found.");
	return ERR_OK;
}

const struct endpoint ep_communities_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/communities/index",
	.auth = perm_site_admin,
	.run = communities_index,
	.shape = "Communities",
	.doc = "Communities to join: this node brings no list of them",
	.missing = "brings no list of communities",
};
const struct endpoint ep_communities_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/communities/view/:id",
	.auth = perm_site_admin,
	.run = no_community,
	.shape = "Refusal",
	.doc = "One of them: 404",
	.missing = "brings no list of communities",
};
const struct endpoint ep_communities_request = {
	.methods = HTTP_POST,
	.path = "/communities/requestAccess/:id",
	.auth = perm_site_admin,
	.run = no_community,
	.shape = "Refusal",
	.doc = "Asking to be let in: 404",
	.missing = "brings no list of communities",
};
