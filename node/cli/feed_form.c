/*
 * feed_form.c - see feed_form.h. Settings and rules are JSON in a text: what is there stays, but for what
 * an option says.
 */
#include "cli/feed_form.h"

#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/rows.h"

#define GIVEN_MAX 64u

static const char *const org_names[] = {"name", "uuid", NULL};

static const struct {
	const char *option, *member;
} texts[] = {{"name", "name"},
	     {"provider", "provider"},
	     {"distribution", "distribution"},
	     {"sharing-group", "sharing_group_id"},
	     {"format", "source_format"}};

static const struct {
	const char *option, *member;
} switches[] = {{"publish", "publish"},
		{"cache", "caching_enabled"},
		{"lookup", "lookup_visible"},
		{"delete-files", "delete_local_file"}};

static const struct {
	const char *option, *part, *member;
} settings[] = {{"columns", "csv", "value"},
		{"delimiter", "csv", "delimiter"},
		{"exclude", "common", "excluderegex"}};

static bool is_one_of(const char *v, const char *const *of)
{
	while (*of && strcmp(v, *of) != 0)
		of++;
	return *of != NULL;
}

static int on_off(struct cli *c, const char *option, json_t *to, const char *member, bool flipped)
{
	static const char *const words[] = {"on", "off", NULL};
	const char *v = cli_opt(c, option);
	if (!v)
		return CLI_OK;
	if (!is_one_of(v, words))
		return cli_usage(c, "--%s is on or off", option);
	json_object_set_new(to, member, json_boolean((strcmp(v, "on") == 0) != flipped));
	return CLI_OK;
}

/* The object in a text of the row; the caller's. */
static json_t *object_of(const json_t *old, const char *member)
{
	const char *text = json_string_value(json_object_get(old, member));
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;
	if (json_is_object(o))
		return o;
	json_decref(o);
	return json_object();
}

/* The object in a member of `o`, made where it is not. */
static json_t *part_of(json_t *o, const char *member)
{
	if (!json_is_object(json_object_get(o, member)))
		json_object_set_new(o, member, json_object());
	return json_object_get(o, member);
}

/* ---- places ---- */

int feed_place(struct cli *c, const char *given, json_t *feed)
{
	char path[4096];
	bool remote = strncmp(given, "http://", 7) == 0 || strncmp(given, "https://", 8) == 0;
	if (!remote && strstr(given, "://"))
		return cli_fail(c, CLI_FINDING, "%s: feeds are fetched by http:// and https:// only", given);
	if (!remote && !realpath(given, path))
		return cli_fail(c, CLI_FINDING,
				"%s: no such file or folder here (a URL begins with http:// or https://)", given);
	json_object_set_new(feed, "url", json_string(remote ? given : path));
	json_object_set_new(feed, "input_source", json_string(remote ? "network" : "local"));
	return CLI_OK;
}

/* ---- how values are read ---- */

static int put_settings(struct cli *c, const json_t *old, json_t *feed)
{
	OWN(json) json_t *o = object_of(old, "settings");
	bool any = false;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const char *v = cli_opt(c, settings[i].option);
		if (!v)
			continue;
		any = true;
		json_object_set_new(part_of(o, settings[i].part), settings[i].member,
				    json_string(strcmp(v, "none") ? v : ""));
	}
	any |= cli_opt(c, "correlation") || cli_opt(c, "unpublish");
	int code = on_off(c, "correlation", o, "disable_correlation", true);
	if (code == CLI_OK)
		code = on_off(c, "unpublish", o, "unpublish_event", false);
	/* MISP keeps these two as 0 and 1 */
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "unpublish_event" : "disable_correlation";
		const json_t *v = json_object_get(o, name);
		if (json_is_boolean(v))
			json_object_set_new(o, name, json_string(json_is_true(v) ? "1" : "0"));
	}
	if (any && code == CLI_OK)
		json_object_set(feed, "settings", o);
	return code;
}

static int put_ids(struct cli *c, json_t *feed)
{
	static const char *const words[] = {"type", "on", "off", NULL};
	const char *v = cli_opt(c, "ids");
	if (!v)
		return CLI_OK;
	if (!is_one_of(v, words))
		return cli_usage(c, "--ids is type, on or off");
	json_object_set_new(feed, "force_to_ids", json_boolean(strcmp(v, "on") == 0));
	json_object_set_new(feed, "override_ids", json_boolean(strcmp(v, "off") == 0));
	return CLI_OK;
}

/* ---- the event ---- */

static int put_event(struct cli *c, json_t *feed)
{
	const char *v = cli_opt(c, "event");
	if (!v)
		return CLI_OK;
	bool each = strcmp(v, "new") == 0, own = strcmp(v, "own") == 0;
	json_object_set_new(feed, "fixed_event", json_boolean(!each));
	if (each || own)
		json_object_set_new(feed, "event_id", json_string("0"));
	else
		json_object_set_new(feed, "target_event", json_string(v));
	return CLI_OK;
}

/* A tag that is not there yet is made. */
static int put_tag(struct cli *c, json_t *feed)
{
	const char *v = cli_opt(c, "tag");
	OWN(json) json_t *j = NULL;
	if (!v)
		return CLI_OK;
	if (strcmp(v, "none") == 0) {
		json_object_set_new(feed, "tag_id", json_string("0"));
		return CLI_OK;
	}
	int code = call_json(c, "POST", STR("/tags/add"), json_pack("{s:s}", "name", v), &j);
	struct str id = cli_text_in(c, j, "Tag", "id");
	if (code == CLI_OK && !id.n)
		return cli_fail(c, CLI_FINDING, "there is no tag \"%s\", and none could be made", v);
	if (code == CLI_OK)
		json_object_set_new(feed, "tag_id", json_stringn(id.p, id.n));
	return code;
}

static int put_creator(struct cli *c, json_t *feed)
{
	const char *v = cli_opt(c, "creator");
	struct str id = STR("0");
	int code = CLI_OK;
	if (!v)
		return CLI_OK;
	if (strcmp(v, "none") != 0)
		code = rows_id(c, "/organisations/index/scope:all", "Organisation", org_names, v, &id);
	if (code == CLI_OK)
		json_object_set_new(feed, "orgc_id", json_stringn(id.p, id.n));
	return code;
}

/* ---- what is given several times ---- */

static size_t given(const struct cli *c, const char *name, const char **v)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_opts; i++)
		if (strcmp(c->opts[i].row->name, name) == 0 && n < GIVEN_MAX)
			v[n++] = c->opts[i].value;
	return n;
}

static int put_headers(struct cli *c, json_t *feed)
{
	const char *v[GIVEN_MAX];
	size_t n = given(c, "header", v);
	OWN(buf) struct buf b = BUF(1u << 16);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i], "none") == 0)
			continue;
		if (!strchr(v[i], ':') || strchr(v[i], '\n'))
			return cli_usage(c, "--header wants \"Name: value\"");
		if (b.n)
			buf_putc(&b, '\n');
		buf_puts(&b, v[i]);
	}
	if (n)
		json_object_set_new(feed, "headers", json_stringn(b.n ? b.p : "", b.n));
	return CLI_OK;
}

/* TAG and !TAG replace the rule of their kind; none takes it away. */
static bool put_rule(struct cli *c, json_t *rules, const char *option, const char *kind)
{
	const char *v[GIVEN_MAX];
	size_t n = given(c, option, v);
	if (!n)
		return false;
	OWN(json) json_t *yes = json_array();
	OWN(json) json_t *no = json_array();
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], "none") != 0)
			json_array_append_new(v[i][0] == '!' ? no : yes, json_string(v[i] + (v[i][0] == '!')));
	json_object_set_new(rules, kind, json_pack("{s:O,s:O}", "OR", yes, "NOT", no));
	return true;
}

static int put_rules(struct cli *c, const json_t *old, json_t *feed)
{
	OWN(json) json_t *rules = object_of(old, "rules");
	const char *since = cli_opt(c, "since");
	json_int_t seconds;
	bool any = put_rule(c, rules, "only-tag", "tags");
	any |= put_rule(c, rules, "only-org", "orgs");
	if (since && strcmp(since, "none") != 0 && !cli_duration(since, &seconds))
		return cli_usage(c, "--since wants a time such as 30d, or none");
	if (since) {
		OWN(json) json_t *params = json_object();
		if (strcmp(since, "none") != 0)
			json_object_set_new(params, "timestamp", json_string(since));
		char *text = json_dumps(params, JSON_COMPACT);
		json_object_set_new(rules, "url_params",
				    json_string(text && json_object_size(params) ? text : ""));
		free(text);
	}
	if (any || since)
		json_object_set(feed, "rules", rules);
	return CLI_OK;
}

/* ---- all of them ---- */

static int put_every(struct cli *c, json_t *feed)
{
	const char *v = cli_opt(c, "every");
	json_int_t seconds = 0;
	if (v && strcmp(v, "0") != 0 && !cli_duration(v, &seconds))
		return cli_usage(c, "--every wants a time such as 30m, 6h or 1d");
	if (v)
		json_object_set_new(feed, "interval_s", json_integer(seconds));
	return CLI_OK;
}

static int put_plain(struct cli *c, json_t *feed)
{
	static const char *const formats[] = {"misp", "csv", "freetext", NULL};
	int code = CLI_OK;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *v = cli_opt(c, texts[i].option);
		if (v && json_object_set_new(feed, texts[i].member, json_string(v)))
			return cli_usage(c, "--%s is not UTF-8", texts[i].option);
	}
	if (cli_opt(c, "format") && !is_one_of(cli_opt(c, "format"), formats))
		return cli_usage(c, "--format is misp, csv or freetext");
	for (size_t i = 0; i < ARRAY_LEN(switches) && code == CLI_OK; i++)
		code = on_off(c, switches[i].option, feed, switches[i].member, false);
	if (cli_opt(c, "delta") || cli_opt(c, "no-delta"))
		json_object_set_new(feed, "delta_merge", json_boolean(cli_opt(c, "delta") != NULL));
	return code;
}

int feed_form(struct cli *c, const json_t *old, json_t *feed)
{
	static int (*const parts[])(struct cli *, json_t *) = {put_plain, put_every,   put_headers, put_ids,
							       put_event, put_creator, put_tag};
	int code = CLI_OK;
	for (size_t i = 0; i < ARRAY_LEN(parts) && code == CLI_OK; i++)
		code = parts[i](c, feed);
	if (code == CLI_OK)
		code = put_settings(c, old, feed);
	return code == CLI_OK ? put_rules(c, old, feed) : code;
}
