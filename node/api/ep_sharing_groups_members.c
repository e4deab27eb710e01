/*
 * ep_sharing_groups_members.c - one organisation or link put into a sharing group or taken out. The
 * texts are the recorded ones (wire/client, sharing-groups).
 */
#include "api/sharing_groups.h"
#include "base/clock.h"
#include "model/pack.h"

/* The four calls: what they are named, and what they say. */
struct member_call {
	const char *url, *done, *not_done;
	const char *fault; /* already there, or not there */
	bool of_org, add;
};

struct member_job {
	struct http_req *r;
	const struct member_call *call;
	uint64_t group, party; /* the other: organisation or link */
	bool flag; /* extend or all_orgs */
	struct origin origin;
};

static enum err find_org(const struct store_rtxn *t, struct str s, uint64_t *id)
{
	struct misp_org row;
	struct uuid u;
	if (!str_u64(s, id)) {
		if (!uuid_parse(s, &u))
			return ERR_NOENT;
		TRY(store_find(t, IX_ORG_UUID, (struct str){(char *)u.b, sizeof(u.b)}, id));
	}
	return store_get(t, T_ORG, *id, NULL, &row);
}

/* ---- in the transaction, on the group as it stands there ---- */

/* A list of rows of `size` bytes, one longer: `row` last. */
static enum err put_in(struct arena *a, struct entity_list *l, const void *row, size_t size, struct fail *f)
{
	char *v = arena_alloc(a, (l->n + 1) * size);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	if (l->n)
		memcpy(v, l->v, l->n * size);
	memcpy(v + l->n * size, row, size);
	*l = (struct entity_list){v, l->n + 1};
	return ERR_OK;
}

static void take_out(struct entity_list *l, const void *row, size_t size)
{
	char *v = l->v, *end = v + l->n * size, *at = v + ((const char *)row - v);
	memmove(at, at + size, (size_t)(end - at) - size);
	l->n--;
}

static const struct misp_sgserver *linked(const struct misp_sg *g, uint64_t id)
{
	LIST_EACH(s, g->servers, struct misp_sgserver)
		if (s->server_id == id)
			return s;
	return NULL;
}

static enum err change(const struct member_job *j, struct misp_sg *g, const void *there, struct fail *f)
{
	const struct misp_sgorg org = {.org_id = j->party, .extend = j->flag};
	const struct misp_sgserver server = {.server_id = j->party, .all_orgs = j->flag};
	struct entity_list *l = j->call->of_org ? &g->orgs : &g->servers;
	size_t size = j->call->of_org ? sizeof(org) : sizeof(server);
	const void *row = j->call->of_org ? (const void *)&org : &server;
	if (j->call->add && l->n >= GROUP_MEMBERS_MAX)
		return fail(f, ERR_LIMIT, "more than %u members", GROUP_MEMBERS_MAX);
	if (j->call->add)
		return put_in(j->r->arena, l, row, size, f);
	take_out(l, there, size);
	return ERR_OK;
}

/* ERR_EXISTS: nothing to be done. */
static enum err run_member(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct member_job *j = arg;
	struct misp_sg row, g;
	TRY(store_get(store_view(w), T_SG, j->group, j->r->arena, &row));
	TRY(entity_copy(j->r->arena, &desc_misp_sg, &row, &g));
	const void *there = j->call->of_org ? (const void *)group_org(&g, j->party) : linked(&g, j->party);
	if (j->call->add == (there != NULL))
		return ERR_EXISTS;
	TRY(change(j, &g, there, f));
	g.modified = rest_now_text(j->r);
	TRY(store_put(w, T_SG, g.id, &g, f));
	struct change ch = {.op = CHANGE_EDIT,
			    .kind = CHANGE_TABLE(T_SG),
			    .id = g.id,
			    .uuid = g.uuid,
			    .time = clock_now(),
			    .origin = j->origin};
	return store_change(w, &ch, f);
}

/* ---- the calls ---- */

static struct str by_path_or_body(struct http_req *r, const json_t *body, const char *arg,
				  const char *key)
{
	struct str s = req_arg(r, arg);
	return s.p ? s : rest_text(r, body, key);
}

/* Group and other party of a call; false and answered when one is not there. */
static bool take_call(struct http_req *r, struct member_job *j, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer peer;
	struct misp_sg g;
	json_t *body;
	bool of_org = j->call->of_org;
	if (rest_json(r, "SharingGroup", &body, f) != ERR_OK)
		return false;
	if (!group_of_path(r, by_path_or_body(r, body, "group", "sg_id"), &g, f))
		return false;
	if (!group_editable(r, &g)) {
		reply_error(r, 405, "Invalid sharing group or no editing rights.");
		return false;
	}
	struct str party = by_path_or_body(r, body, "party", of_org ? "org_id" : "server_id");
	struct str flag = by_path_or_body(r, body, "flag", of_org ? "extend" : "all_orgs");
	bool ok = store_read(api_of(r)->store, &t, f) == ERR_OK;
	if (of_org)
		ok = ok && find_org(t, party, &j->party) == ERR_OK;
	else
		ok = ok && str_u64(party, &j->party) && j->party &&
		     store_get(t, T_PEER, j->party, NULL, &peer) == ERR_OK;
	if (!ok)
		reply_error(r, 405, "%s", of_org ? "Invalid organisation." : "Invalid Server.");
	j->group = g.id;
	j->flag = flag.n && !str_is(flag, "0") && !str_is(flag, "false");
	return ok;
}

static void answer_fault(struct http_req *r, const struct member_call *c)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", false);
	JSONW_KV(&w, jsonw_c, "name", c->not_done);
	JSONW_KV(&w, jsonw_c, "message", c->not_done);
	JSONW_KV(&w, jsonw_c, "url", c->url);
	JSONW_KV(&w, jsonw_c, "errors", c->fault);
	jsonw_obj_end(&w);
	rest_answer(r, 403, &b);
}

static enum err call(struct http_req *r, const struct member_call *c, struct fail *f)
{
	struct member_job j = {.r = r, .call = c, .origin = rest_origin(r)};
	struct fail why = {0};
	if (!take_call(r, &j, f))
		return ERR_OK;
	me(r)->url = str_c(c->url);
	enum err e = rest_write(r, run_member, &j, &why);
	if (e == ERR_EXISTS) {
		answer_fault(r, c);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	rest_saved(r, STR_NONE, "%s", c->done);
	return ERR_OK;
}

static enum err add_org(struct http_req *r, struct fail *f)
{
	static const struct member_call c = {
		.url = "/sharing_groups/addOrg",
		.done = "Organisation added to the sharing group.",
		.not_done = "Could not add Organisation to SharingGroup",
		.fault = "Organisation is already in the sharing group.",
		.of_org = true,
		.add = true,
	};
	return call(r, &c, f);
}

static enum err remove_org(struct http_req *r, struct fail *f)
{
	static const struct member_call c = {
		.url = "/sharing_groups/removeOrg",
		.done = "Organisation removed from the sharing group.",
		.not_done = "Could not remove Organisation from SharingGroup",
		.fault = "Organisation is not in the sharing group.",
		.of_org = true,
	};
	return call(r, &c, f);
}

static enum err add_server(struct http_req *r, struct fail *f)
{
	static const struct member_call c = {
		.url = "/sharing_groups/addServer",
		.done = "Server added to the sharing group.",
		.not_done = "Could not add Server to SharingGroup",
		.fault = "Server is already in the sharing group.",
		.add = true,
	};
	return call(r, &c, f);
}

static enum err remove_server(struct http_req *r, struct fail *f)
{
	static const struct member_call c = {
		.url = "/sharing_groups/removeServer",
		.done = "Server removed from the sharing group.",
		.not_done = "Could not remove Server from SharingGroup",
		.fault = "Server is not in the sharing group.",
	};
	return call(r, &c, f);
}

/* ---- rows ---- */

const struct endpoint ep_groups_add_org = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/addOrg/:group/:party/:flag",
	.auth = perm_sharing_group,
	.run = add_org,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Add an organisation to a sharing group",
};
const struct endpoint ep_groups_remove_org = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/removeOrg/:group/:party",
	.auth = perm_sharing_group,
	.run = remove_org,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Take an organisation out of a sharing group",
};
const struct endpoint ep_groups_add_server = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/addServer/:group/:party/:flag",
	.auth = perm_sharing_group,
	.run = add_server,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Add a link to a sharing group",
};
const struct endpoint ep_groups_remove_server = {
	.methods = HTTP_POST,
	.path = "/sharing_groups/removeServer/:group/:party",
	.auth = perm_sharing_group,
	.run = remove_server,
	.shape = "Saved",
	.takes = "GroupParty",
	.doc = "Take a link out of a sharing group",
};
