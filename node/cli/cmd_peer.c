/*
 * cmd_peer.c - other nodes and MISPs that this one pulls from: add, list, pull, remove.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/rows.h"

static const char *const names[] = {"name", "url", NULL};
static const struct rows_kind kind = {
	.index = "/servers/index",
	.wrapper = "Server",
	.remove = "/servers/delete",
	.on = "pull",
	.removed = "peer removed; the events that came from it stay",
	.names = names,
};
static const char *const org_names[] = {"name", "uuid", NULL};

/* ---- adding ---- */

/* "https://misp.example:8443/x" -> "misp.example" */
static struct str host_of(const char *url)
{
	struct str s = str_c(url);
	ptrdiff_t at = str_find(s, STR("://"));
	size_t n = 0;
	if (at >= 0)
		s = str_sub(s, (size_t)at + 3, s.n);
	while (n < s.n && !strchr("/:?#", s.p[n]))
		n++;
	return str_sub(s, 0, n);
}

/* The organisation that runs the peer; one that is not known is made, named as given. */
static int remote_org(struct cli *c, const char *url, struct str *id)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *made = NULL;
	const char *given = cli_opt(c, "org");
	struct str name = given ? str_c(given) : host_of(url);
	size_t i;
	json_t *item;
	int code = rows_get(c, "/organisations/index/scope:all", &list);
	if (code != CLI_OK)
		return code;
	json_array_foreach(list, i, item) {
		const json_t *o = json_object_get(item, "Organisation");
		*id = cli_text(c, o, "id");
		for (size_t k = 0; org_names[k]; k++)
			if (str_eq_nocase(cli_text(c, o, org_names[k]), name))
				return CLI_OK;
		if (str_eq(*id, name))
			return CLI_OK;
	}
	json_t *org = json_object();
	json_object_set_new(org, "name", json_stringn(name.p, name.n));
	json_object_set_new(org, "local", json_false());
	code = call_json(c, "POST", STR("/admin/organisations/add"), org, &made);
	*id = cli_text_in(c, made, "Organisation", "id");
	return code;
}

/* The key as given, from a file behind @, or from standard input. */
static int read_key(struct cli *c, const char *given, char *key, size_t n)
{
	bool input = strcmp(given, "-") == 0;
	if (!input && given[0] != '@') {
		snprintf(key, n, "%s", given);
		return CLI_OK;
	}
	FILE *f = input ? stdin : fopen(given + 1, "re");
	bool ok = f && fgets(key, (int)n, f);
	if (f && !input)
		fclose(f);
	if (!ok)
		return cli_fail(c, CLI_USAGE, "cannot read the key");
	key[strcspn(key, "\r\n")] = 0;
	return CLI_OK;
}

/* Added is added; whether it answers is told, and in the exit code. */
static int try_it(struct cli *c, struct str id, json_t *peer)
{
	OWN(json) json_t *j = NULL;
	struct str path = arena_printf(c->arena, "/servers/testConnection/%.*s", STR_ARG(id));
	int code = call_json(c, "POST", path, NULL, &j);
	if (code != CLI_OK)
		return code;
	json_int_t status = json_integer_value(json_object_get(j, "status"));
	if (c->json) {
		json_object_set(peer, "connection", j);
		cli_print_json(peer);
	}
	if (status == 1) {
		cli_say(c, "peer %.*s added; version %.*s answers; now: tocsin peer pull %.*s",
			STR_ARG(id), STR_ARG(cli_text(c, j, "version")), STR_ARG(id));
		return CLI_OK;
	}
	fprintf(stderr, "tocsin: peer %.*s added, but %s\n", STR_ARG(id),
		status == 4 ? "it does not accept the key" : "it cannot be reached");
	return CLI_UNREACHED;
}

int cmd_peer_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	char key[200];
	struct str org;
	if (cli_want_args(c, 2, 2))
		return CLI_USAGE;
	const char *url = c->argv[0], *name = cli_opt(c, "name");
	int code = read_key(c, c->argv[1], key, sizeof(key));
	if (code == CLI_OK)
		code = remote_org(c, url, &org);
	if (code != CLI_OK)
		return code;
	struct str host = host_of(url);
	json_t *p = json_object();
	json_object_set_new(p, "url", json_string(url));
	json_object_set_new(p, "authkey", json_string(key));
	json_object_set_new(p, "name", name ? json_string(name) : json_stringn(host.p, host.n));
	json_object_set_new(p, "remote_org_id", json_stringn(org.p, org.n));
	json_object_set_new(p, "pull", json_true());
	json_object_set_new(p, "internal", json_boolean(cli_opt(c, "internal")));
	json_object_set_new(p, "self_signed", json_boolean(cli_opt(c, "self-signed")));
	json_object_set_new(p, "skip_proxy", json_boolean(cli_opt(c, "no-proxy")));
	if (cli_opt(c, "ca"))
		json_object_set_new(p, "cert_file", json_string(cli_opt(c, "ca")));
	if (cli_opt(c, "client-cert"))
		json_object_set_new(p, "client_cert_file", json_string(cli_opt(c, "client-cert")));
	if (cli_opt(c, "pin"))
		json_object_set_new(p, "tocsin", json_pack("{s:s}", "pin", cli_opt(c, "pin")));
	if (cli_opt(c, "rules"))
		json_object_set_new(p, "pull_rules", json_string(cli_opt(c, "rules")));
	code = call_json(c, "POST", STR("/servers/add"), p, &j);
	explicit_bzero(key, sizeof(key));
	if (code != CLI_OK)
		return code;
	json_object_del(json_object_get(j, "Server"), "authkey");
	return try_it(c, cli_text_in(c, j, "Server", "id"), j);
}

/* ---- the others ---- */

int cmd_peer_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	     {"NAME", GRID_SHRINK, TERM_BOLD},
		{"URL", GRID_SHRINK, TERM_NAME},     {"ORGANISATION", GRID_SHRINK, TERM_PLAIN},
		{"PULL", 0, TERM_PLAIN},	     {"INTERNAL", 0, TERM_PLAIN},
		{"LAST SUCCESS", 0, TERM_PLAIN},     {"PROBLEM", GRID_SHRINK, TERM_BAD},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *item;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, "/servers/index?tocsin=1", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, item) {
		const json_t *p = json_object_get(item, "Server");
		const json_t *state = json_object_get(p, "tocsin");
		grid_add(t, cli_text(c, p, "id"));
		grid_add(t, cli_text(c, p, "name"));
		grid_add(t, cli_text(c, p, "url"));
		grid_add(t, cli_text_in(c, item, "RemoteOrg", "name"));
		grid_add(t, cli_text(c, p, "pull"));
		grid_add(t, cli_text(c, p, "internal"));
		grid_add(t, term_time(c, json_integer_value(json_object_get(state, "last_success"))));
		grid_add(t, cli_text(c, state, "last_error"));
	}
	return grid_print(t, c);
}

static int pull_one(struct cli *c, const json_t *peer, json_t *results)
{
	OWN(json) json_t *r = NULL;
	struct str id = cli_text(c, peer, "id"), name = cli_text(c, peer, "name");
	const char *event = cli_opt(c, "event");
	struct str path = arena_printf(c->arena, "/servers/pull/%.*s/%.*s?progress=1%s", STR_ARG(id),
				       STR_ARG(call_segment(c, str_c(event ? event : "full"))),
				       cli_opt(c, "all") ? "&all=1" : "");
	char what[80];
	snprintf(what, sizeof(what), "peer %.*s", STR_ARG(id));
	int code = follow(c, path, what, &r);
	if (!r)
		return code;
	const json_t *n = json_object_get(r, "events");
	cli_say(c,
		"%.*s: %.*s events listed, %.*s new, %.*s updated, %.*s here already, %.*s made here, "
		"%.*s blocked, %.*s refused, %.*s failed",
		STR_ARG(name), STR_ARG(term_number(c, rows_count(n, "listed"))),
		STR_ARG(term_number(c, rows_count(n, "added"))),
		STR_ARG(term_number(c, rows_count(n, "updated"))),
		STR_ARG(term_number(c, rows_count(n, "current"))),
		STR_ARG(term_number(c, rows_count(n, "local"))),
		STR_ARG(term_number(c, rows_count(n, "blocked"))),
		STR_ARG(term_number(c, rows_count(n, "refused"))),
		STR_ARG(term_number(c, rows_count(n, "failed"))));
	json_object_set(r, "peer", json_object_get(peer, "id"));
	json_array_append(results, r);
	return code;
}

int cmd_peer_pull(struct cli *c)
{
	return rows_each(c, &kind, pull_one);
}

int cmd_peer_remove(struct cli *c)
{
	return rows_remove(c, &kind);
}
