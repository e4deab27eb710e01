/*
 * subscr_form.c - the options of subscription add and edit as members of a row.
 */
#include "cli/subscr.h"

#include <stdlib.h>
#include <string.h>

#define FILTERS 64

/* What stands in a row as it was given. */
static const struct {
	const char *option, *member;
} plain[] = {
	{"name", "name"},	  {"format", "format"},	    {"audience", "audience"},
	{"priority", "priority"}, {"description", "description"},
};

static int put_text(struct cli *c, json_t *row, const char *option, const char *member)
{
	const char *v = cli_opt(c, option);
	if (v && json_object_set_new(row, member, json_string(v)))
		return cli_usage(c, "--%s is not UTF-8", option);
	return CLI_OK;
}

static int put_number(struct cli *c, json_t *row, const char *option, const char *member)
{
	const char *v = cli_opt(c, option);
	uint64_t n;
	if (!v)
		return CLI_OK;
	if (!str_u64(str_c(v), &n) || n > INT64_MAX)
		return cli_usage(c, "--%s wants a number; 0 is all", option);
	json_object_set_new(row, member, json_integer((json_int_t)n));
	return CLI_OK;
}

static int put_flag(struct cli *c, json_t *row, const char *option, const char *member)
{
	const char *v = cli_opt(c, option);
	if (!v)
		return CLI_OK;
	if (strcmp(v, "on") != 0 && strcmp(v, "off") != 0)
		return cli_usage(c, "--%s is on or off", option);
	json_object_set_new(row, member, json_boolean(strcmp(v, "on") == 0));
	return CLI_OK;
}

static int put_age(struct cli *c, json_t *row)
{
	const char *v = cli_opt(c, "max-age");
	json_int_t s = 0;
	if (!v)
		return CLI_OK;
	if (strcmp(v, "0") != 0 && strcmp(v, "none") != 0 && !cli_duration(v, &s))
		return cli_usage(c, "--max-age wants a time such as 30d, or none");
	json_object_set_new(row, "max_age", json_integer(s));
	return CLI_OK;
}

/* "none" is no file. */
static int put_path(struct cli *c, json_t *row)
{
	const char *v = cli_opt(c, "path");
	if (v && strcmp(v, "none") == 0)
		json_object_set_new(row, "path", json_string(""));
	else if (v)
		return put_text(c, row, "path", "path");
	return CLI_OK;
}

/* ---- decay model: by number or name ---- */

static int model_find(struct cli *c, const char *name, json_int_t *id)
{
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *item;
	int code = call_json(c, "GET", STR("/decayingModel/index"), NULL, &list);
	if (code != CLI_OK)
		return code;
	json_array_foreach(list, i, item) {
		struct str text = cli_text_in(c, item, "DecayingModel", "name");
		struct str n = cli_text_in(c, item, "DecayingModel", "id");
		if (str_eq_nocase(text, str_c(name)) || str_is(n, name)) {
			*id = strtoll(n.p, NULL, 10);
			return CLI_OK;
		}
	}
	return cli_fail(c, CLI_FINDING, "there is no decay model \"%s\"", name);
}

static int put_model(struct cli *c, json_t *row)
{
	const char *v = cli_opt(c, "decay-model");
	json_int_t id = 0;
	int code = v && strcmp(v, "none") != 0 && strcmp(v, "0") != 0 ? model_find(c, v, &id) : CLI_OK;
	if (v && code == CLI_OK)
		json_object_set_new(row, "decay_model", json_integer(id));
	return code;
}

/* ---- what is given several times ---- */

/* Values of an option, in order. */
static size_t given(const struct cli *c, const char *name, const char **v)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_opts; i++)
		if (strcmp(c->opts[i].row->name, name) == 0 && n < FILTERS)
			v[n++] = c->opts[i].value;
	return n;
}

/* key=value adds to what is there, a JSON object is taken as it is. */
static int filter_add(struct cli *c, json_t *o, const char *text)
{
	json_error_t why;
	if (text[0] != '{') {
		struct cli one = *c;
		one.argv[0] = text;
		one.argc = 1;
		return cli_filters(&one, 0, o);
	}
	OWN(json) json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (!j)
		return cli_usage(c, "--filter: %s", why.text);
	json_object_update(o, j);
	return CLI_OK;
}

static int put_filter(struct cli *c, json_t *row)
{
	const char *v[FILTERS];
	size_t n = given(c, "filter", v);
	OWN(json) json_t *o = json_object();
	int code = CLI_OK;
	if (!n)
		return CLI_OK;
	for (size_t i = 0; i < n && code == CLI_OK; i++)
		if (strcmp(v[i], "none") != 0)
			code = filter_add(c, o, v[i]);
	if (code == CLI_OK)
		json_object_set(row, "filter", o);
	return code;
}

/* Options that are there stay, but for those named; without a value they go. */
static int put_options(struct cli *c, const json_t *old, json_t *row)
{
	const char *v[FILTERS];
	size_t n = given(c, "option", v);
	const json_t *have = json_object_get(old, "options");
	OWN(json) json_t *o = json_is_object(have) ? json_copy((json_t *)(uintptr_t)have) : json_object();
	if (!n)
		return CLI_OK;
	for (size_t i = 0; i < n; i++) {
		struct str name, value = str_split(str_c(v[i]), '=', &name);
		struct str key = arena_str(c->arena, name);
		if (!value.p || !name.n)
			return cli_usage(c, "--option wants NAME=VALUE; see tocsin export --list FORMAT");
		if (!value.n)
			json_object_del(o, key.p);
		else if (json_object_set_new(o, key.p, json_string(value.p)))
			return cli_usage(c, "--option: \"%s\" is not UTF-8", v[i]);
	}
	json_object_set(row, "options", o);
	return CLI_OK;
}

int subscr_form(struct cli *c, const json_t *old, json_t *row)
{
	int code = CLI_OK;
	for (size_t i = 0; i < ARRAY_LEN(plain) && code == CLI_OK; i++)
		code = put_text(c, row, plain[i].option, plain[i].member);
	if (code == CLI_OK)
		code = put_number(c, row, "max-entries", "max_entries");
	if (code == CLI_OK)
		code = put_flag(c, row, "warninglists", "enforceWarninglist");
	if (code == CLI_OK)
		code = put_flag(c, row, "enabled", "enabled");
	if (code == CLI_OK)
		code = put_age(c, row);
	if (code == CLI_OK)
		code = put_path(c, row);
	if (code == CLI_OK)
		code = put_options(c, old, row);
	if (code == CLI_OK)
		code = put_filter(c, row);
	return code == CLI_OK ? put_model(c, row) : code;
}
