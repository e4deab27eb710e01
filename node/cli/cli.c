/*
 * cli.c - what commands share: configuration, messages, members of JSON answers, filters.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/term.h"

/* ---- configuration ---- */

static const char *conf_file(const struct cli *c)
{
	static const char *const usual[] = {SYSCONFDIR "/tocsin/tocsin.yaml", "tocsin.yaml"};
	const char *given = cli_opt(c, "config");
	if (!given)
		given = getenv("TOCSIN_CONFIG");
	if (given && given[0])
		return given;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (access(usual[i], F_OK) == 0)
			return usual[i];
	return NULL;
}

const struct conf *cli_conf(struct cli *c)
{
	struct fail f = {0};
	if (c->conf)
		return c->conf;
	c->conf_path = conf_file(c);
	if (conf_load(c->conf_path, NULL, 0, &c->conf, &f) == ERR_OK)
		return c->conf;
	c->conf = NULL;
	if (f.line)
		cli_fail(c, CLI_USAGE, "%s (line %u, column %u)", f.text, f.line, f.column);
	else
		cli_fail(c, CLI_USAGE, "%s", f.text);
	return NULL;
}

/* ---- messages ---- */

int cli_usage(struct cli *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("tocsin: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nUsage: tocsin %s %s\nMore:  tocsin help %s\n", c->cmd->name, c->cmd->args,
		c->cmd->name);
	c->failed = true;
	return CLI_USAGE;
}

int cli_fail(struct cli *c, int code, const char *fmt, ...)
{
	OWN(buf) struct buf clean = BUF(1 << 16);
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	term_clean(&clean, str_c(text));
	fprintf(stderr, "tocsin: %s\n", buf_cstr(&clean));
	if (c->json && !c->failed) {
		json_t *j = json_pack("{s:s+, s:i}", "error", buf_cstr(&clean), "", "exit", code);
		cli_print_json(j);
		json_decref(j);
	}
	c->failed = true;
	return code;
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
	va_list ap;
	if (c->quiet || c->json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

int cli_print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	return CLI_OK;
}

int cli_want_args(struct cli *c, size_t least, size_t most)
{
	if (c->argc < least)
		return cli_usage(c, "%s", "something is missing");
	if (c->argc > most)
		return cli_usage(c, "too much: %s", c->argv[most]);
	return CLI_OK;
}

/* ---- JSON ---- */

struct str cli_text(struct cli *c, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	if (json_is_string(v))
		return arena_str(c->arena, (struct str){json_string_value(v), json_string_length(v)});
	if (json_is_integer(v))
		return arena_printf(c->arena, "%lld", (long long)json_integer_value(v));
	if (json_is_boolean(v))
		return json_is_true(v) ? STR("yes") : STR("no");
	return STR_NONE;
}

struct str cli_text_in(struct cli *c, const json_t *o, const char *wrapper, const char *key)
{
	return cli_text(c, json_object_get(o, wrapper), key);
}

static int add_filter(json_t *o, struct str name, const char *value)
{
	char key[64];
	json_t *old, *v = json_string(value);
	snprintf(key, sizeof(key), "%.*s", STR_ARG(name));
	old = json_object_get(o, key);
	if (!old)
		return json_object_set_new(o, key, v);
	if (json_is_array(old))
		return json_array_append_new(old, v);
	json_t *list = json_pack("[O]", old);
	json_array_append_new(list, v);
	return json_object_set_new(o, key, list);
}

int cli_filters(struct cli *c, size_t from, json_t *o)
{
	for (size_t i = from; i < c->argc; i++) {
		struct str name, rest = str_split(str_c(c->argv[i]), '=', &name);
		if (!rest.p || !name.n || name.n > 60)
			return cli_usage(c, "\"%s\" is no FILTER=VALUE", c->argv[i]);
		if (add_filter(o, name, rest.p))
			return cli_usage(c, "\"%s\" is not UTF-8", c->argv[i]);
	}
	return CLI_OK;
}
