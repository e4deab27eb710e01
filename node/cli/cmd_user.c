/*
 * cmd_user.c - users, their keys, and organisations.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/rows.h"

static const char *const user_names[] = {"email", NULL};
static const char *const org_names[] = {"name", "uuid", NULL};
static const char *const role_names[] = {"name", NULL};
static const char *const peer_names[] = {"name", "url", NULL};

/* ---- users ---- */

int cmd_user_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},		{"E-MAIL", GRID_SHRINK, TERM_BOLD},
		{"ORGANISATION", GRID_SHRINK, TERM_NAME}, {"ROLE", 0, TERM_PLAIN},
		{"DISABLED", 0, TERM_PLAIN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *u;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, "/admin/users/index", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, u) {
		grid_add(t, cli_text_in(c, u, "User", "id"));
		grid_add(t, cli_text_in(c, u, "User", "email"));
		grid_add(t, cli_text_in(c, u, "Organisation", "name"));
		grid_add(t, cli_text_in(c, u, "Role", "name"));
		grid_add(t, cli_text_in(c, u, "User", "disabled"));
	}
	return grid_print(t, c);
}

/* The peer that a user stands for; "none" is nobody. */
static int peer_id(struct cli *c, const char *what, struct str *id)
{
	*id = STR("0");
	if (strcmp(what, "none") == 0)
		return CLI_OK;
	return rows_id(c, "/servers/index", "Server", peer_names, what, id);
}

int cmd_user_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	struct str org = STR("1"), role = STR("3"), peer = STR_NONE;
	int code = cli_want_args(c, 1, 1);
	if (code == CLI_OK && cli_opt(c, "org"))
		code = rows_id(c, "/organisations/index/scope:all", "Organisation", org_names,
			       cli_opt(c, "org"), &org);
	if (code == CLI_OK && cli_opt(c, "role"))
		code = rows_id(c, "/roles/index", "Role", role_names, cli_opt(c, "role"), &role);
	if (code == CLI_OK && cli_opt(c, "peer"))
		code = peer_id(c, cli_opt(c, "peer"), &peer);
	if (code != CLI_OK)
		return code;
	json_t *u = json_object();
	if (peer.n)
		json_object_set_new(u, "server_id", json_stringn(peer.p, peer.n));
	json_object_set_new(u, "email", json_string(c->argv[0]));
	json_object_set_new(u, "org_id", json_stringn(org.p, org.n));
	json_object_set_new(u, "role_id", json_stringn(role.p, role.n));
	code = call_json(c, "POST", STR("/admin/users/add"), u, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	term_pair(c, "user", TERM_PLAIN, cli_text_in(c, j, "User", "id"));
	term_pair(c, "API key", TERM_BOLD, cli_text_in(c, j, "User", "authkey"));
	cli_say(c, "Keep the key: it is not shown again.");
	return CLI_OK;
}

/* yes and no; anything else is told. */
static int yes_or_no(struct cli *c, const char *option, json_t *u, const char *member)
{
	const char *v = cli_opt(c, option);
	if (!v)
		return CLI_OK;
	bool yes = strcmp(v, "yes") == 0;
	if (!yes && strcmp(v, "no") != 0)
		return cli_usage(c, "--%s wants yes or no", option);
	json_object_set_new(u, member, json_boolean(yes));
	return CLI_OK;
}

int cmd_user_edit(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	OWN(json) json_t *u = json_object();
	struct str id, role = STR_NONE, peer = STR_NONE;
	int code = cli_want_args(c, 1, 1);
	if (code == CLI_OK)
		code = yes_or_no(c, "disabled", u, "disabled");
	if (code == CLI_OK)
		code = rows_id(c, "/admin/users/index", "User", user_names, c->argv[0], &id);
	if (code == CLI_OK && cli_opt(c, "role"))
		code = rows_id(c, "/roles/index", "Role", role_names, cli_opt(c, "role"), &role);
	if (code == CLI_OK && cli_opt(c, "peer"))
		code = peer_id(c, cli_opt(c, "peer"), &peer);
	if (code != CLI_OK)
		return code;
	if (role.n)
		json_object_set_new(u, "role_id", json_stringn(role.p, role.n));
	if (peer.n)
		json_object_set_new(u, "server_id", json_stringn(peer.p, peer.n));
	if (!json_object_size(u))
		return cli_usage(c, "nothing to change");
	struct str path = arena_printf(c->arena, "/admin/users/edit/%.*s", STR_ARG(id));
	code = call_json(c, "POST", path, json_incref(u), &j);
	if (code == CLI_OK && c->json)
		return cli_print_json(j);
	if (code == CLI_OK)
		cli_say(c, "user %.*s changed", STR_ARG(id));
	return code;
}

int cmd_user_remove(struct cli *c)
{
	struct str id;
	int code = cli_want_args(c, 1, 1);
	if (code == CLI_OK)
		code = rows_id(c, "/admin/users/index", "User", user_names, c->argv[0], &id);
	if (code == CLI_OK)
		code = rows_post(c, "/admin/users/delete", id);
	if (code == CLI_OK)
		cli_say(c, "user %.*s removed", STR_ARG(id));
	return code;
}

/* ---- keys ---- */

int cmd_key_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM}, {"USER", GRID_SHRINK, TERM_BOLD},
		{"KEY", 0, TERM_NAME},	      {"READ ONLY", 0, TERM_PLAIN},
		{"EXPIRES", 0, TERM_PLAIN},   {"COMMENT", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *row;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, "/auth_keys/index", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, row) {
		const json_t *k = json_object_get(row, "AuthKey");
		uint64_t expires = 0;
		(void)str_u64(cli_text(c, k, "expiration"), &expires);
		grid_add(t, cli_text(c, k, "id"));
		grid_add(t, cli_text_in(c, row, "User", "email"));
		grid_add(t, arena_printf(c->arena, "%.*s...%.*s",
					 STR_ARG(cli_text(c, k, "authkey_start")),
					 STR_ARG(cli_text(c, k, "authkey_end"))));
		grid_add(t, cli_text(c, k, "read_only"));
		grid_add(t, str_sub(term_time(c, (int64_t)expires), 0, 10));
		grid_add(t, cli_text(c, k, "comment"));
	}
	return grid_print(t, c);
}

int cmd_key_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	struct str id;
	int code = cli_want_args(c, 1, 1);
	if (code == CLI_OK)
		code = rows_id(c, "/admin/users/index", "User", user_names, c->argv[0], &id);
	if (code != CLI_OK)
		return code;
	json_t *k = json_object();
	json_object_set_new(k, "read_only", json_boolean(cli_opt(c, "read-only")));
	if (cli_opt(c, "expires"))
		json_object_set_new(k, "expiration", json_string(cli_opt(c, "expires")));
	if (cli_opt(c, "comment"))
		json_object_set_new(k, "comment", json_string(cli_opt(c, "comment")));
	if (cli_opt(c, "from"))
		json_object_set_new(k, "allowed_ips", json_string(cli_opt(c, "from")));
	struct str path = arena_printf(c->arena, "/auth_keys/add/%.*s", STR_ARG(id));
	code = call_json(c, "POST", path, k, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	term_pair(c, "key id", TERM_PLAIN, cli_text_in(c, j, "AuthKey", "id"));
	term_pair(c, "API key", TERM_BOLD, cli_text_in(c, j, "AuthKey", "authkey_raw"));
	cli_say(c, "Keep the key: it is not shown again.");
	return CLI_OK;
}

int cmd_key_remove(struct cli *c)
{
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = rows_post(c, "/auth_keys/delete", call_segment(c, str_c(c->argv[0])));
	if (code == CLI_OK)
		cli_say(c, "key %s removed", c->argv[0]);
	return code;
}

/* ---- organisations ---- */

int cmd_org_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	    {"NAME", GRID_SHRINK, TERM_BOLD},
		{"LOCAL", 0, TERM_PLAIN},	    {"USERS", GRID_RIGHT, TERM_PLAIN},
		{"SECTOR", GRID_SHRINK, TERM_PLAIN}, {"UUID", 0, TERM_DIM},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *row;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, "/organisations/index/scope:all", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, row) {
		const json_t *o = json_object_get(row, "Organisation");
		grid_add(t, cli_text(c, o, "id"));
		grid_add(t, cli_text(c, o, "name"));
		grid_add(t, cli_text(c, o, "local"));
		grid_add(t, cli_text(c, o, "user_count"));
		grid_add(t, cli_text(c, o, "sector"));
		grid_add(t, cli_text(c, o, "uuid"));
	}
	return grid_print(t, c);
}

int cmd_org_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	json_t *o = json_object();
	json_object_set_new(o, "name", json_string(c->argv[0]));
	json_object_set_new(o, "local", json_boolean(!cli_opt(c, "remote")));
	if (cli_opt(c, "uuid"))
		json_object_set_new(o, "uuid", json_string(cli_opt(c, "uuid")));
	int code = call_json(c, "POST", STR("/admin/organisations/add"), o, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "organisation %.*s, uuid %.*s", STR_ARG(cli_text_in(c, j, "Organisation", "id")),
		STR_ARG(cli_text_in(c, j, "Organisation", "uuid")));
	return CLI_OK;
}

int cmd_org_remove(struct cli *c)
{
	struct str id;
	int code = cli_want_args(c, 1, 1);
	if (code == CLI_OK)
		code = rows_id(c, "/organisations/index/scope:all", "Organisation", org_names,
			     c->argv[0], &id);
	if (code == CLI_OK)
		code = rows_post(c, "/admin/organisations/delete", id);
	if (code == CLI_OK)
		cli_say(c, "organisation %.*s removed", STR_ARG(id));
	return code;
}
