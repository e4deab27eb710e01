/*
 * rows.c - finding one of MISP's rows by what a person calls it.
 */
#include "cli/rows.h"

#include <string.h>

#include "base/clock.h"
#include "cli/call.h"

int rows_get(struct cli *c, const char *path, json_t **list)
{
	int code = call_json(c, "GET", str_c(path), NULL, list);
	if (code == CLI_OK && !json_is_array(*list)) {
		json_decref(*list);
		*list = NULL;
		return cli_fail(c, CLI_FINDING, "%s: the node answered no list", path);
	}
	return code;
}

int rows_find(struct cli *c, const json_t *list, const char *wrapper, const char *const *names,
	      const char *what, const json_t **row)
{
	size_t i, found = 0;
	json_t *item;
	*row = NULL;
	json_array_foreach(list, i, item) {
		const json_t *o = json_object_get(item, wrapper);
		if (str_is(cli_text(c, o, "id"), what)) {
			*row = o;
			return CLI_OK;
		}
		for (size_t k = 0; names[k]; k++)
			if (str_eq_nocase(cli_text(c, o, names[k]), str_c(what))) {
				*row = o;
				found++;
				break;
			}
	}
	if (found == 1)
		return CLI_OK;
	return cli_fail(c, CLI_FINDING, found ? "several are called \"%s\": give the id"
					      : "there is no \"%s\"", what);
}

int rows_id(struct cli *c, const char *path, const char *wrapper, const char *const *names,
	    const char *what, struct str *id)
{
	OWN(json) json_t *list = NULL;
	const json_t *row;
	*id = STR_NONE;
	int code = rows_get(c, path, &list);
	if (code == CLI_OK)
		code = rows_find(c, list, wrapper, names, what, &row);
	if (code == CLI_OK)
		*id = cli_text(c, row, "id");
	return code;
}

int rows_post(struct cli *c, const char *path, struct str id)
{
	return call_plain(c, "POST", arena_printf(c->arena, "%s/%.*s", path, STR_ARG(id)),
			  json_object());
}

int rows_each(struct cli *c, const struct rows_kind *k,
	      int (*one)(struct cli *c, const json_t *row, json_t *results))
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *results = json_array();
	const json_t *row;
	size_t i;
	json_t *item;
	int code = rows_get(c, k->index, &list), worst = CLI_OK;
	for (i = 0; i < c->argc && code == CLI_OK; i++)
		if ((code = rows_find(c, list, k->wrapper, k->names, c->argv[i], &row)) == CLI_OK)
			worst = cli_worse(worst, one(c, row, results));
	if (!c->argc)
		json_array_foreach(list, i, item) {
			row = json_object_get(item, k->wrapper);
			if (json_is_true(json_object_get(row, k->on)))
				worst = cli_worse(worst, one(c, row, results));
		}
	if (c->json && !c->failed)
		cli_print_json(results);
	return cli_worse(code, worst);
}

int rows_remove(struct cli *c, const struct rows_kind *k)
{
	OWN(json) json_t *list = NULL;
	const json_t *row;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = rows_get(c, k->index, &list);
	if (code == CLI_OK)
		code = rows_find(c, list, k->wrapper, k->names, c->argv[0], &row);
	if (code == CLI_OK)
		code = rows_post(c, k->remove, cli_text(c, row, "id"));
	if (code == CLI_OK)
		cli_say(c, "%s", k->removed);
	return code;
}

struct str rows_age(struct cli *c, int64_t seconds)
{
	int64_t ago = MAX(clock_now() - seconds, 0);
	if (!seconds)
		return STR_NONE;
	return ago < 120	? arena_printf(c->arena, "%llds", (long long)ago)
	       : ago < 7200	? arena_printf(c->arena, "%lldm", (long long)ago / 60)
	       : ago < 172800 ? arena_printf(c->arena, "%lldh", (long long)ago / 3600)
				: arena_printf(c->arena, "%lldd", (long long)ago / 86400);
}

uint64_t rows_count(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}
