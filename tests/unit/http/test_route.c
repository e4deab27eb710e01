/* test_route.c - from method and path to a row, in MISP's spellings. */
#include "http/route.h"

#include "tests/tap/tap.h"

static enum err nothing(struct http_req *r, struct fail *f)
{
	(void)r;
	(void)f;
	return ERR_OK;
}

#define ROW(name, m, p, fl)                                                                        \
	static const struct endpoint name = {                                                      \
		.methods = (m), .path = (p), .flags = (fl), .run = nothing}
ROW(ev_index, HTTP_GET | HTTP_POST, "/events/index", 0);
ROW(ev_view, HTTP_ANY, "/events/view/:id", 0);
ROW(ev_add, HTTP_POST, "/events/add", 0);
ROW(ev_edit, HTTP_POST | HTTP_PUT, "/events/edit/:id", 0);
ROW(ev_del, HTTP_POST | HTTP_DELETE, "/events/delete/:id", 0);
ROW(sg_index, HTTP_ANY, "/sharing_groups/index", 0);
ROW(sg_view_get, HTTP_GET, "/sharing_groups/view/:id", 0);
ROW(sg_view_post, HTTP_POST, "/sharing_groups/view/:id/:extra", 0);
ROW(admin_add, HTTP_ANY, "/admin/users/add", 0);
ROW(users_add, HTTP_ANY, "/users/add", 0);
ROW(metrics, HTTP_GET, "/metrics", EP_EXACT);
ROW(feed, HTTP_GET, "/feed/*", EP_EXACT);
ROW(root, HTTP_GET, "/", EP_EXACT);

static const struct endpoint *const rows[] = {
	&ev_index, &ev_view,  &ev_add,	 &ev_edit, &ev_del, &sg_index, &sg_view_get,
	&sg_view_post, &admin_add, &users_add, &metrics, &feed, &root,
};

static struct router *rt;
static struct http_req req;

static const struct endpoint *go(enum http_method m, const char *path)
{
	static struct arena *a;
	enum route_result res;
	unsigned allow;
	enum err e;

	arena_free(a);
	a = arena_new(1 << 20);
	req = (struct http_req){.method = m, .url = str_c(path), .arena = a};
	e = router_match(rt, &req, &res, &allow);
	if (e != ERR_OK || res != ROUTE_FOUND) {
		if (!m) /* the last call: let go of the arena */
			arena_free(a);
		if (!m)
			a = NULL;
		return NULL;
	}
	return req.ep;
}

static enum err result(enum http_method m, const char *path, enum route_result *res,
		       unsigned *allow)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);

	req = (struct http_req){.method = m, .url = str_c(path), .arena = a};
	return router_match(rt, &req, res, allow);
}

static void spellings(void)
{
	ok(go(HTTP_GET, "/sharingGroups/index") == &sg_index, "camelCase");
	ok(go(HTTP_GET, "/sharing_groups/INDEX") == &sg_index, "snake_case, case of the action");
	ok(go(HTTP_GET, "/SharingGroups") == &sg_index, "no action is index");
	ok(go(HTTP_GET, "/sharing_groups/index.json") == &sg_index, ".json");
	ok(go(HTTP_GET, "/sharing_groups.json") == &sg_index, ".json on the controller");
	is_view(req.ext, "json", "extension");
	ok(go(HTTP_GET, "//events//view//7/") == &ev_view && str_is(req_arg(&req, "id"), "7"),
	   "empty segments");
	ok(go(HTTP_POST, "/admin/users/add") == &admin_add, "admin prefix");
	ok(go(HTTP_POST, "/users/add") == &users_add, "without it another row");
	ok(!go(HTTP_POST, "/admin/events/add"), "no such admin row");
	ok(!go(HTTP_GET, "/nothing/index") && !go(HTTP_GET, "/events/foghorn"), "unknown");
}

static void short_forms(void)
{
	const char *uuid = "/events/5c0a1e01-71aa-4b0d-9e2f-000000000001";

	ok(go(HTTP_GET, "/events/5") == &ev_view && str_is(req_arg(&req, "id"), "5"), "GET id");
	ok(go(HTTP_HEAD, uuid) == &ev_view, "HEAD uuid");
	ok(go(HTTP_POST, "/events/5.json") == &ev_edit, "POST id");
	ok(go(HTTP_PUT, "/events/5") == &ev_edit, "PUT id");
	ok(go(HTTP_DELETE, "/events/5") == &ev_del, "DELETE id");
	ok(go(HTTP_POST, "/events") == &ev_add, "POST collection");
	ok(go(HTTP_GET, "/events/limit:2") == &ev_index && str_is(req_named(&req, "limit"), "2"),
	   "named parameter in the action's place");
	ok(!go(HTTP_GET, "/sharing_groups/5"), "only for events and attributes");
}

static void parameters(void)
{
	struct str v;
	size_t it = 0;

	ok(go(HTTP_GET, "/events/view/a%2Fb/x:1/deleted[]:0/deleted%5B%5D:1/y%3A2") == &ev_view,
	   "matches");
	is_view(req_arg(&req, "id"), "a/b", "an encoded slash stays in its segment");
	is_view(req_named(&req, "x"), "1", "named");
	is_view(req_named(&req, "y"), "2", "encoded colon");
	ok(req_named_next(&req, "deleted", &it, &v) && str_is(v, "0"), "list, first");
	ok(req_named_next(&req, "deleted", &it, &v) && str_is(v, "1"), "list, second");
	ok(!req_named_next(&req, "deleted", &it, &v), "list, end");
	ok(go(HTTP_GET, "/events/view") == &ev_view && !req_arg(&req, "id").p, "argument absent");
	ok(go(HTTP_POST, "/sharing_groups/view/1/2") == &sg_view_post &&
		   str_is(req_arg(&req, "extra"), "2"),
	   "second argument, row by method");
	ok(go(HTTP_GET, "/sharing_groups/view/1") == &sg_view_get, "the other method's row");
	ok(!go(HTTP_GET, "/events/view/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), "too many");
}

static void exact(void)
{
	enum route_result res;
	unsigned allow;

	ok(go(HTTP_GET, "/metrics") == &metrics && go(HTTP_GET, "/") == &root, "literal");
	ok(!go(HTTP_GET, "/metrics/x") && !go(HTTP_GET, "/Metrics"), "nothing else");
	ok(go(HTTP_GET, "/feed/a/manifest.json") == &feed, "tail");
	is_view(req.tail, "a/manifest.json", "keeps its extension");
	is_err(result(HTTP_GET, "/feed/../x", &res, &allow), ERR_INVAL, "dot segments");
	is_err(result(HTTP_GET, "/feed/%2e%2e/x", &res, &allow), ERR_INVAL, "encoded");
	is_err(result(HTTP_GET, "/feed/a%2f..%2fx", &res, &allow), ERR_INVAL, "encoded slashes");
	is_err(result(HTTP_GET, "/feed//etc", &res, &allow), ERR_INVAL, "empty segment");
	is_err(result(HTTP_GET, "/feed/%00", &res, &allow), ERR_INVAL, "NUL");
	is_ok(result(HTTP_PUT, "/metrics", &res, &allow), "wrong method");
	ok(res == ROUTE_METHOD && allow == HTTP_GET, "says what is allowed");
	is_ok(result(HTTP_DELETE, "/sharing_groups/view/1", &res, &allow), "wrong for both rows");
	ok(res == ROUTE_METHOD && allow == (HTTP_GET | HTTP_POST), "collects the methods");
	is_err(result(HTTP_GET, "/events/view/%", &res, &allow), ERR_INVAL, "broken escape");
}

static void tables(void)
{
	static const struct endpoint twice = {.methods = HTTP_POST, .path = "/Events/ADD",
					      .run = nothing};
	static const struct endpoint no_action = {.methods = HTTP_GET, .path = "/events",
						  .run = nothing};
	static const struct endpoint no_run = {.methods = HTTP_GET, .path = "/a/b"};
	const struct endpoint *const doubled[] = {&ev_add, &twice};
	const struct endpoint *const half[] = {&no_action};
	const struct endpoint *const empty[] = {&no_run};
	struct router *other;
	struct fail f = {0};

	is_err(router_new(doubled, 2, &other, &f), ERR_CONFIG, "doubled row: %s", f.text);
	is_err(router_new(half, 1, &other, &f), ERR_CONFIG, "no action: %s", f.text);
	is_err(router_new(empty, 1, &other, &f), ERR_CONFIG, "no handler: %s", f.text);
	is_int(router_index(rt, &ev_add), 2, "row number");
	is_int(router_index(rt, &twice), -1, "not in the table");
}

int main(void)
{
	struct fail f = {0};

	is_ok(router_new(rows, sizeof(rows) / sizeof(rows[0]), &rt, &f), "router %s", f.text);
	spellings();
	short_forms();
	parameters();
	exact();
	tables();
	(void)go((enum http_method)0, "/");
	router_free(rt);
	return done_testing();
}
