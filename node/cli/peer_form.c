/*
 * peer_form.c - options to MISP's members and back: one table for switches, one for rules.
 */
#include "cli/peer_form.h"

#include <stdio.h>
#include <string.h>

#include "cli/rows.h"

const char *const peer_names[] = {"name", "url", NULL};

static const char *const org_names[] = {"name", "uuid", NULL};
static const char *const tag_names[] = {"name", NULL};

/* ---- switches and texts ---- */

static const struct {
	const char *option, *member;
} switches[] = {
	{"pull", "pull"},
	{"push", "push"},
	{"push-sightings", "push_sightings"},
	{"push-clusters", "push_galaxy_clusters"},
	{"pull-clusters", "pull_galaxy_clusters"},
	{"push-analyst-data", "push_analyst_data"},
	{"pull-analyst-data", "pull_analyst_data"},
	{"unpublish", "unpublish_event"},
	{"publish-silently", "publish_without_email"},
	{"internal", "internal"},
	{"remove-missing-tags", "remove_missing_tags"},
	{"caching", "caching_enabled"},
	{"skip-proxy", "skip_proxy"},
};
static const struct {
	const char *option, *member;
} texts[] = {
	{"name", "name"},	     {"new-url", "url"},		    {"ca", "cert_file"},
	{"client-cert", "client_cert_file"}, {"priority", "priority"},	    {"pull-rules", "pull_rules"},
	{"push-rules", "push_rules"},
};

/* on and off; false and told otherwise. */
static bool on_off(struct cli *c, const char *option, const char *v, bool *on)
{
	*on = strcmp(v, "on") == 0;
	if (*on || strcmp(v, "off") == 0)
		return true;
	cli_usage(c, "--%s wants on or off", option);
	return false;
}

/* MISP's form knows no pin and no interval: they stand in an object of our own. */
static int ours(struct cli *c, json_t *p)
{
	const char *pin = cli_opt(c, "pin"), *every = cli_opt(c, "every");
	json_int_t seconds = 0;
	if (every && strcmp(every, "0") != 0 && !cli_duration(every, &seconds))
		return cli_usage(c, "--every wants a time such as 30m, 6h or 1d, or 0");
	if (pin && strcmp(pin, "none") != 0 && strncmp(pin, "sha256//", 8) != 0)
		return cli_usage(c, "--pin wants sha256//..., or none");
	if (!pin && !every)
		return CLI_OK;
	json_t *o = json_object();
	if (pin)
		json_object_set_new(o, "pin", json_string(strcmp(pin, "none") ? pin : ""));
	if (every)
		json_object_set_new(o, "interval_s", json_integer(seconds));
	json_object_set_new(p, "tocsin", o);
	return CLI_OK;
}

/* ---- rules ---- */

static const struct rule {
	const char *option, *member, *rule;
	bool not_only; /* MISP has no OR of it */
	const char *list, *wrapper; /* names become numbers of this list (push rules) */
	const char *const *names;
} rules[] = {
	{"pull-tag", "pull_rules", "tags", false, NULL, NULL, NULL},
	{"pull-org", "pull_rules", "orgs", false, NULL, NULL, NULL},
	{"pull-not-type", "pull_rules", "type_attributes", true, NULL, NULL, NULL},
	{"pull-not-object", "pull_rules", "type_objects", true, NULL, NULL, NULL},
	{"push-tag", "push_rules", "tags", false, "/tags/index", "", tag_names},
	{"push-org", "push_rules", "orgs", false, "/organisations/index/scope:all", "Organisation",
	 org_names},
	{"push-not-type", "push_rules", "type_attributes", true, NULL, NULL, NULL},
	{"push-not-object", "push_rules", "type_objects", true, NULL, NULL, NULL},
};

/* Rows {"id":..,"name":..} of what rules name by number. */
static int named_rows(struct cli *c, const struct rule *r, json_t **rows)
{
	OWN(json) json_t *j = NULL;
	size_t i;
	json_t *item;
	int code = call_json(c, "GET", str_c(r->list), NULL, &j);
	*rows = json_array();
	const json_t *list = r->wrapper[0] ? j : json_object_get(j, "Tag");
	json_array_foreach(list, i, item)
		json_array_append(*rows, r->wrapper[0] ? json_object_get(item, r->wrapper) : item);
	return code;
}

/* A tag that a rule names and that is not there yet is made: the rule has to hold from its first
   use on. */
static int make_tag(struct cli *c, const char *name, struct str *id)
{
	OWN(json) json_t *made = NULL;
	json_t *tag = json_object();
	json_object_set_new(tag, "name", json_string(name));
	json_object_set_new(tag, "colour", json_string("#808080"));
	int code = call_json(c, "POST", STR("/tags/add"), tag, &made);
	*id = cli_text_in(c, made, "Tag", "id");
	return code;
}

static int number_of(struct cli *c, const struct rule *r, const char *name, struct str *id)
{
	OWN(json) json_t *rows = NULL;
	size_t i;
	json_t *o;
	int code = named_rows(c, r, &rows);
	*id = STR_NONE;
	json_array_foreach(rows, i, o)
		for (size_t k = 0; r->names[k] && !id->n; k++)
			if (str_eq_nocase(cli_text(c, o, r->names[k]), str_c(name)))
				*id = cli_text(c, o, "id");
	if (code != CLI_OK || id->n)
		return code;
	if (r->names == tag_names)
		return make_tag(c, name, id);
	return cli_fail(c, CLI_FINDING, "there is no organisation \"%s\"", name);
}

static json_t *member(json_t *o, const char *key, json_t *otherwise)
{
	json_t *v = json_object_get(o, key);
	if (v) {
		json_decref(otherwise);
		return v;
	}
	json_object_set_new(o, key, otherwise);
	return otherwise;
}

/* One value, "!" before it for NOT; "none" empties the rule, as the first one given does. */
static int add_value(struct cli *c, const struct rule *r, json_t *all, const char *value, bool first)
{
	json_t *rule = member(all, r->rule, json_object());
	bool not = r->not_only || value[0] == '!';
	struct str text = str_c(value + (value[0] == '!'));
	int code = CLI_OK;
	if (!json_is_object(rule)) {
		rule = json_object();
		json_object_set_new(all, r->rule, rule);
	}
	if (first) {
		json_object_set_new(rule, "NOT", json_array());
		if (!r->not_only)
			json_object_set_new(rule, "OR", json_array());
	}
	if (strcmp(value, "none") == 0)
		return CLI_OK;
	if (r->list)
		code = number_of(c, r, text.p, &text);
	if (code == CLI_OK)
		json_array_append_new(member(rule, not ? "NOT" : "OR", json_array()),
				      json_stringn(text.p, text.n));
	return code;
}

/* url_params are JSON text inside of the JSON text. */
static int add_param(struct cli *c, json_t *all, const char *value, bool first)
{
	struct str key, rest = str_split(str_c(value), '=', &key);
	const char *old = json_string_value(json_object_get(all, "url_params"));
	json_t *params = first || !old ? NULL : json_loads(old, 0, NULL);
	if (!json_is_object(params)) {
		json_decref(params);
		params = json_object();
	}
	int code = CLI_OK;
	if (rest.p && key.n)
		json_object_set_new(params, arena_cstr(c->arena, key), json_stringn(rest.p, rest.n));
	else if (strcmp(value, "none") != 0)
		code = cli_usage(c, "--pull-param wants NAME=VALUE, or none");
	char *text = json_object_size(params) ? json_dumps(params, JSON_COMPACT) : NULL;
	json_object_set_new(all, "url_params", json_string(text ? text : ""));
	free(text);
	json_decref(params);
	return code;
}

/* The rules as they are or were given whole, else none. */
static json_t *rules_of(const json_t *old, const json_t *p, const char *key)
{
	const char *s = json_string_value(json_object_get(p, key));
	if (!s)
		s = json_string_value(json_object_get(old, key));
	json_t *j = s ? json_loads(s, 0, NULL) : NULL;
	if (json_is_object(j))
		return j;
	json_decref(j);
	bool pull = strcmp(key, "pull_rules") == 0;
	return pull ? json_pack("{s:{s:[],s:[]},s:{s:[],s:[]},s:{s:[]},s:{s:[]},s:s}", "tags", "OR",
				"NOT", "orgs", "OR", "NOT", "type_attributes", "NOT", "type_objects",
				"NOT", "url_params", "")
		    : json_pack("{s:{s:[],s:[]},s:{s:[],s:[]}}", "tags", "OR", "NOT", "orgs", "OR",
				"NOT");
}

static int one_kind(struct cli *c, const json_t *old, json_t *p, const char *key)
{
	OWN(json) json_t *all = rules_of(old, p, key);
	bool given[ARRAY_LEN(rules) + 1] = {false}, any = false;
	int code = CLI_OK;
	for (size_t i = 0; i < c->n_opts && code == CLI_OK; i++) {
		const char *option = c->opts[i].row->name, *value = c->opts[i].value;
		for (size_t k = 0; k < ARRAY_LEN(rules) && code == CLI_OK; k++) {
			if (strcmp(option, rules[k].option) || strcmp(rules[k].member, key))
				continue;
			code = add_value(c, &rules[k], all, value, !given[k]);
			given[k] = any = true;
		}
		if (strcmp(option, "pull-param") == 0 && strcmp(key, "pull_rules") == 0) {
			code = add_param(c, all, value, !given[ARRAY_LEN(rules)]);
			given[ARRAY_LEN(rules)] = any = true;
		}
	}
	if (code != CLI_OK || !any)
		return code;
	char *text = json_dumps(all, JSON_COMPACT);
	json_object_set_new(p, key, json_string(text));
	free(text);
	return CLI_OK;
}

/* ---- all of it ---- */

int peer_form(struct cli *c, const json_t *old, json_t *p)
{
	const char *v;
	bool on;
	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		if ((v = cli_opt(c, switches[i].option))) {
			if (!on_off(c, switches[i].option, v, &on))
				return CLI_USAGE;
			json_object_set_new(p, switches[i].member, json_boolean(on));
		}
	/* MISP's word for it says the opposite */
	if ((v = cli_opt(c, "verify"))) {
		if (!on_off(c, "verify", v, &on))
			return CLI_USAGE;
		json_object_set_new(p, "self_signed", json_boolean(!on));
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if ((v = cli_opt(c, texts[i].option)))
			json_object_set_new(p, texts[i].member, json_string(strcmp(v, "none") ? v : ""));
	int code = ours(c, p);
	if (code == CLI_OK)
		code = one_kind(c, old, p, "pull_rules");
	return code == CLI_OK ? one_kind(c, old, p, "push_rules") : code;
}

int peer_form_org(struct cli *c, const char *given, struct str *id)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *made = NULL;
	struct str name = str_c(given);
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

int peer_form_key(struct cli *c, const char *given, char *key, size_t n)
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

/* ---- back again ---- */

/* The name of what a push rule names by number. */
static struct str name_of(struct cli *c, const struct rule *r, const json_t *rows, struct str id)
{
	size_t i;
	json_t *o;
	json_array_foreach(rows, i, o)
		if (str_eq(cli_text(c, o, "id"), id))
			return cli_text(c, o, r->names[0]);
	return arena_printf(c->arena, "%.*s (not there)", STR_ARG(id));
}

static void put_side(struct cli *c, const struct rule *r, const json_t *rows, const json_t *list,
		     const char *word, struct buf *out)
{
	size_t i;
	json_t *item;
	if (!json_array_size(list))
		return;
	buf_printf(out, "%s %s", out->n && out->p[out->n - 1] != ':' ? "," : "", word);
	json_array_foreach(list, i, item) {
		json_t *o = json_pack("{s:O}", "v", item);
		struct str s = cli_text(c, o, "v");
		json_decref(o);
		if (r->list)
			s = name_of(c, r, rows, s);
		buf_printf(out, "%s %.*s", i ? "," : "", STR_ARG(s));
	}
}

struct str peer_form_rules(struct cli *c, const json_t *peer, const char *key)
{
	static const char *const words[] = {"tags", "organisations", "attribute types", "objects"};
	const char *s = json_string_value(json_object_get(peer, key));
	OWN(json) json_t *all = s ? json_loads(s, 0, NULL) : NULL;
	OWN(buf) struct buf b = BUF(1 << 16);
	unsigned word = 0;
	for (size_t k = 0; k < ARRAY_LEN(rules); k++) {
		if (strcmp(rules[k].member, key))
			continue;
		const char *what = words[word++];
		const json_t *rule = json_object_get(all, rules[k].rule);
		const json_t *or = json_object_get(rule, "OR"), *not = json_object_get(rule, "NOT");
		OWN(json) json_t *rows = NULL;
		if (!json_array_size(or) && !json_array_size(not))
			continue;
		if (rules[k].list && named_rows(c, &rules[k], &rows) != CLI_OK)
			return STR_NONE;
		buf_printf(&b, "%s%s", b.n ? "; " : "", what);
		buf_putc(&b, ':');
		put_side(c, &rules[k], rows, or, "only", &b);
		put_side(c, &rules[k], rows, not, "not", &b);
	}
	const char *params = json_string_value(json_object_get(all, "url_params"));
	if (params && params[0])
		buf_printf(&b, "%sparameters: %s", b.n ? "; " : "", params);
	return b.n ? arena_str(c->arena, buf_str(&b)) : STR_NONE;
}
