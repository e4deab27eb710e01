/*
 * cmd_peer.c - other nodes and MISPs that this one pulls from and pushes to: add, edit, list, show,
 * test, remove.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/peer_form.h"
#include "cli/peer_rows.h"

const struct rows_kind peer_kind = {
	.index = "/servers/index",
	.wrapper = "Server",
	.remove = "/servers/delete",
	.on = "pull",
	.removed = "peer removed; the events that came from it stay",
	.names = peer_names,
};

int cli_peer(struct cli *c, json_t **list, const json_t **peer)
{
	int code = rows_get(c, "/servers/index?tocsin=1", list);
	return code == CLI_OK ? rows_find(c, *list, "Server", peer_names, c->argv[0], peer) : code;
}

/* ---- the test of a connection ---- */

static const char *status_text(json_int_t status)
{
	static const char *const texts[] = {
		[1] = "it works",
		[2] = "it cannot be reached",
		[3] = "what answers is not a MISP",
		[4] = "it does not accept the key",
		[5] = "it wants the password of our user to be changed first",
		[6] = "it wants our user to accept its terms first",
		[7] = "our user there may neither sync nor add sightings (give it the role Sync user)",
		[8] = "our user there may only add sightings (give it the role Sync user)",
	};
	return status > 0 && status < (json_int_t)ARRAY_LEN(texts) ? texts[status] : "it answers oddly";
}

static const char *post_text(json_int_t post)
{
	return post == 1   ? "arrives as it was sent"
	       : post == 9 ? "comes back changed: something on the way mends texts"
	       : post == 10 ? "arrives without its Content-Type or Accept header"
			    : "is not answered as it should be";
}

static struct str words(struct cli *c, const json_t *list)
{
	OWN(buf) struct buf b = BUF(4096);
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
		buf_printf(&b, "%s%s", i ? ", " : "", json_string_value(item));
	return b.n ? arena_str(c->arena, buf_str(&b)) : STR("none");
}

/* Expiry, clock and certificate, as the answers told them by the way. */
static void remarks(struct cli *c, const json_t *j, bool plain)
{
	const json_t *o = json_object_get(j, "tocsin");
	json_int_t skew = json_integer_value(json_object_get(o, "clock_skew"));
	struct str ours = cli_text(c, o, "version");
	if (ours.n)
		term_pair(c, "tocsin", TERM_PLAIN, ours);
	term_pair(c, "key expires", TERM_PLAIN,
		  term_time(c, json_integer_value(json_object_get(o, "key_expires"))));
	if (skew > 2 || skew < -2)
		term_pair(c, "clock", TERM_WARN,
			  arena_printf(c->arena, "%lld s %s ours", (long long)(skew < 0 ? -skew : skew),
				       skew > 0 ? "ahead of" : "behind"));
	term_pair(c, "certificate",
		  json_is_true(json_object_get(o, "verified")) ? TERM_PLAIN : TERM_WARN,
		  plain						 ? STR("none: not encrypted")
		  : json_is_true(json_object_get(o, "verified")) ? STR("checked")
								 : STR("not checked"));
}

static bool is_plain(struct cli *c, const json_t *peer)
{
	return str_has_prefix(cli_text(c, peer, "url"), STR("http://"));
}

static int connect_test(struct cli *c, struct str id, json_t **out)
{
	struct str path =
		arena_printf(c->arena, "/servers/testConnection/%.*s?tocsin=1", STR_ARG(id));
	return call_json(c, "POST", path, NULL, out);
}

int cmd_peer_test(struct cli *c)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *j = NULL;
	const json_t *p;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = cli_peer(c, &list, &p);
	if (code == CLI_OK)
		code = connect_test(c, cli_text(c, p, "id"), &j);
	if (code != CLI_OK)
		return code;
	json_int_t status = json_integer_value(json_object_get(j, "status"));
	json_int_t post = json_integer_value(json_object_get(j, "post"));
	code = status == 1 ? post == 1 ? CLI_OK : CLI_FINDING : status < 7 ? CLI_UNREACHED : CLI_FINDING;
	if (c->json) {
		cli_print_json(j);
		return code;
	}
	term_pair(c, "connection", status == 1 ? TERM_GOOD : TERM_BAD, str_c(status_text(status)));
	term_pair(c, "problem", TERM_BAD, cli_text_in(c, j, "tocsin", "error"));
	term_pair(c, "version", TERM_PLAIN, cli_text(c, j, "version"));
	if (json_is_string(json_object_get(j, "mismatch")) &&
	    !str_is(cli_text(c, j, "mismatch"), "proposal"))
		term_pair(c, "", TERM_WARN,
			  arena_printf(c->arena, "differs from ours (%.*s) in its %.*s number; this holds "
						 "up nothing",
				       STR_ARG(cli_text(c, j, "local_version")),
				       STR_ARG(cli_text(c, j, "mismatch"))));
	if (post)
		term_pair(c, "a body", post == 1 ? TERM_PLAIN : TERM_BAD, str_c(post_text(post)));
	if (json_object_get(j, "request_encoding"))
		term_pair(c, "compression", TERM_PLAIN,
			  words(c, json_object_get(j, "request_encoding")));
	const json_t *cert = json_object_get(j, "client_certificate");
	struct str until = cli_text(c, cert, "valid_to"), fault = cli_text(c, cert, "error");
	if (until.n)
		term_pair(c, "our cert", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s, until %.*s UTC",
				       STR_ARG(cli_text(c, cert, "subject")), STR_ARG(until)));
	term_pair(c, "our cert", TERM_BAD, fault);
	remarks(c, j, is_plain(c, p));
	return code;
}

/* Added is added; whether it answers is told, and in the exit code. */
static int try_it(struct cli *c, struct str id, json_t *peer, const char *done)
{
	OWN(json) json_t *j = NULL;
	int code = connect_test(c, id, &j);
	if (code != CLI_OK)
		return code;
	json_int_t status = json_integer_value(json_object_get(j, "status"));
	if (c->json) {
		json_object_set(peer, "connection", j);
		cli_print_json(peer);
	}
	if (status == 1) {
		cli_say(c, "peer %.*s %s; version %.*s answers; next: tocsin peer preview %.*s --pull",
			STR_ARG(id), done, STR_ARG(cli_text(c, j, "version")), STR_ARG(id));
		return CLI_OK;
	}
	fprintf(stderr, "tocsin: peer %.*s %s, but %s\n", STR_ARG(id), done, status_text(status));
	struct str why = cli_text_in(c, j, "tocsin", "error");
	if (why.n && status < 4)
		fprintf(stderr, "tocsin: %.*s\n", STR_ARG(why));
	return CLI_UNREACHED;
}

/* ---- adding and changing ---- */

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

static bool wanted(const struct cli *c, const char *option)
{
	const char *v = cli_opt(c, option);
	return v && strcmp(v, "on") == 0;
}

/* An internal link is one between nodes of the same organisation. */
static int org_of(struct cli *c, struct str host, struct str *id)
{
	*id = STR("1");
	if (cli_opt(c, "org"))
		return peer_form_org(c, cli_opt(c, "org"), id);
	return wanted(c, "internal") ? CLI_OK : peer_form_org(c, arena_cstr(c->arena, host), id);
}

/* Asked for, and not granted. */
static void tell_internal(const struct cli *c, const json_t *answer)
{
	const json_t *p = json_object_get(answer, "Server");
	if (wanted(c, "internal") && !json_is_true(json_object_get(p, "internal")))
		fputs("tocsin: not internal: the peer is not run by this node's own organisation "
		      "(--org)\n",
		      stderr);
}

int cmd_peer_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	char key[200];
	struct str org;
	if (cli_want_args(c, 2, 2))
		return CLI_USAGE;
	const char *url = c->argv[0];
	struct str host = host_of(url);
	json_t *p = json_object();
	json_object_set_new(p, "url", json_string(url));
	json_object_set_new(p, "name", json_stringn(host.p, host.n));
	json_object_set_new(p, "pull", json_true());
	int code = peer_form_key(c, c->argv[1], key, sizeof(key));
	if (code == CLI_OK)
		code = peer_form(c, NULL, p);
	if (code == CLI_OK)
		code = org_of(c, host, &org);
	if (code != CLI_OK) {
		json_decref(p);
		return code;
	}
	json_object_set_new(p, "authkey", json_string(key));
	json_object_set_new(p, "remote_org_id", json_stringn(org.p, org.n));
	code = call_json(c, "POST", STR("/servers/add"), p, &j);
	explicit_bzero(key, sizeof(key));
	if (code != CLI_OK)
		return code;
	tell_internal(c, j);
	json_object_del(json_object_get(j, "Server"), "authkey");
	return try_it(c, cli_text_in(c, j, "Server", "id"), j, "added");
}

int cmd_peer_edit(struct cli *c)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *j = NULL;
	OWN(json) json_t *p = json_object();
	const json_t *old;
	char key[200];
	struct str org;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = cli_peer(c, &list, &old);
	if (code == CLI_OK)
		code = peer_form(c, old, p);
	if (code == CLI_OK && cli_opt(c, "org") &&
	    (code = peer_form_org(c, cli_opt(c, "org"), &org)) == CLI_OK)
		json_object_set_new(p, "remote_org_id", json_stringn(org.p, org.n));
	if (code == CLI_OK && cli_opt(c, "new-key") &&
	    (code = peer_form_key(c, cli_opt(c, "new-key"), key, sizeof(key))) == CLI_OK)
		json_object_set_new(p, "authkey", json_string(key));
	if (code != CLI_OK)
		return code;
	if (!json_object_size(p))
		return cli_usage(c, "nothing to change");
	struct str path = arena_printf(c->arena, "/servers/edit/%.*s", STR_ARG(cli_text(c, old, "id")));
	code = call_json(c, "POST", path, json_incref(p), &j);
	explicit_bzero(key, sizeof(key));
	if (code != CLI_OK)
		return code;
	json_object_del(json_object_get(j, "Server"), "authkey");
	return try_it(c, cli_text_in(c, j, "Server", "id"), j, "changed");
}

/* ---- looking ---- */

int cmd_peer_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	 {"NAME", GRID_SHRINK, TERM_BOLD},
		{"URL", GRID_SHRINK, TERM_NAME}, {"ORGANISATION", GRID_SHRINK, TERM_PLAIN},
		{"PULL", 0, TERM_PLAIN},	 {"PUSH", 0, TERM_PLAIN},
		{"LAST PULL", 0, TERM_PLAIN},	 {"LAST PUSH", 0, TERM_PLAIN},
		{"PROBLEM", GRID_SHRINK, TERM_BAD},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *p;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, c->json ? "/servers/index?tocsin=1" : "/tocsin/peers/status", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, p) {
		const json_t *pull = json_object_get(p, "pull"), *push = json_object_get(p, "push");
		struct str fault = cli_text(c, pull, "last_error");
		grid_add(t, cli_text(c, p, "id"));
		grid_add(t, cli_text(c, p, "name"));
		grid_add(t, cli_text(c, p, "url"));
		grid_add(t, cli_text(c, p, "organisation"));
		grid_add(t, cli_text(c, pull, "on"));
		grid_add(t, cli_text(c, push, "on"));
		grid_add(t, term_time(c, json_integer_value(json_object_get(pull, "last_success"))));
		grid_add(t, term_time(c, json_integer_value(json_object_get(push, "last_success"))));
		grid_add(t, fault.n ? fault : cli_text(c, push, "last_error"));
	}
	return grid_print(t, c);
}

static struct str on_list(struct cli *c, const json_t *p, const char *const (*names)[2], size_t n)
{
	OWN(buf) struct buf b = BUF(4096);
	for (size_t i = 0; i < n; i++)
		if (json_is_true(json_object_get(p, names[i][0])))
			buf_printf(&b, "%s%s", b.n ? ", " : "", names[i][1]);
	return b.n ? arena_str(c->arena, buf_str(&b)) : STR("off");
}

static struct str every(struct cli *c, const json_t *p)
{
	json_int_t s = json_integer_value(json_object_get(json_object_get(p, "tocsin"), "interval_s"));
	if (!s)
		return STR("as all (peer_interval)");
	return s % 86400 == 0  ? arena_printf(c->arena, "%lld d", (long long)(s / 86400))
	       : s % 3600 == 0 ? arena_printf(c->arena, "%lld h", (long long)(s / 3600))
	       : s % 60 == 0   ? arena_printf(c->arena, "%lld min", (long long)(s / 60))
			       : arena_printf(c->arena, "%lld s", (long long)s);
}

int cmd_peer_show(struct cli *c)
{
	static const char *const pulls[][2] = {{"pull", "events"},
					       {"pull_galaxy_clusters", "clusters"},
					       {"pull_analyst_data", "analyst data"}};
	static const char *const pushes[][2] = {{"push", "events"},
						{"push_sightings", "sightings"},
						{"push_galaxy_clusters", "clusters"},
						{"push_analyst_data", "analyst data"}};
	static const char *const flags[][2] = {{"internal", "internal"},
					       {"unpublish_event", "events arrive unpublished"},
					       {"publish_without_email", "published without e-mail"},
					       {"remove_missing_tags", "missing tags are removed"},
					       {"caching_enabled", "caching"},
					       {"skip_proxy", "without proxy"}};
	OWN(json) json_t *list = NULL;
	const json_t *p;
	size_t i;
	json_t *item;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = cli_peer(c, &list, &p);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(p);
	bool off = json_is_true(json_object_get(p, "self_signed")) && !cli_text(c, p, "cert_file").n;
	term_pair(c, "peer", TERM_BOLD, cli_text(c, p, "name"));
	term_pair(c, "id", TERM_PLAIN, cli_text(c, p, "id"));
	term_pair(c, "url", TERM_NAME, cli_text(c, p, "url"));
	json_array_foreach(list, i, item)
		if (json_object_get(item, "Server") == p)
			term_pair(c, "organisation", TERM_PLAIN, cli_text_in(c, item, "RemoteOrg", "name"));
	term_pair(c, "pull", TERM_PLAIN, on_list(c, p, pulls, ARRAY_LEN(pulls)));
	term_pair(c, "pull rules", TERM_PLAIN, peer_form_rules(c, p, "pull_rules"));
	term_pair(c, "push", TERM_PLAIN, on_list(c, p, pushes, ARRAY_LEN(pushes)));
	term_pair(c, "push rules", TERM_PLAIN, peer_form_rules(c, p, "push_rules"));
	term_pair(c, "every", TERM_PLAIN, every(c, p));
	struct str set = on_list(c, p, flags, ARRAY_LEN(flags));
	term_pair(c, "options", TERM_PLAIN, str_is(set, "off") ? STR("none") : set);
	term_pair(c, "certificate", off || is_plain(c, p) ? TERM_WARN : TERM_PLAIN,
		  is_plain(c, p) ? STR("none: not encrypted")
		  : off		 ? STR("not checked (verify off)")
				 : STR("checked"));
	term_pair(c, "ca", TERM_PLAIN, cli_text(c, p, "cert_file"));
	term_pair(c, "pin", TERM_PLAIN, cli_text_in(c, p, "tocsin", "pin"));
	term_pair(c, "client cert", TERM_PLAIN, cli_text(c, p, "client_cert_file"));
	return CLI_OK;
}

int cmd_peer_remove(struct cli *c)
{
	return rows_remove(c, &peer_kind);
}
