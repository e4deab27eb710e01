/*
 * cmd_policy_diff.c - what another policy would change.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/call.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/rows.h"

#define FILE_MAX_BYTES (1u << 20)
#define FILES_MAX 64

/* ---- the files ---- */

static json_t *file_text(const char *path)
{
	OWN(buf) struct buf b = BUF(FILE_MAX_BYTES);
	struct stat st;
	FILE *in = fopen(path, "r");
	json_t *text = NULL;
	if (!in)
		return NULL;
	if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
		for (char *p; (p = buf_reserve(&b, 4096));) {
			size_t n = fread(p, 1, 4096, in);
			buf_commit(&b, n);
			if (n == 0) {
				text = json_stringn(b.n ? b.p : "", b.n);
				break;
			}
		}
	fclose(in);
	return text;
}

/* What a policy includes lies beside it: all YAML files of its folder go along. */
static json_t *neighbours(struct cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder = slash ? arena_cstr(c->arena, str_sub(str_c(path), 0, (size_t)(slash - path) + 1))
				   : "./";
	json_t *files = json_object();
	DIR *d = folder ? opendir(folder) : NULL;
	for (struct dirent *e; d && (e = readdir(d)) && json_object_size(files) < FILES_MAX;) {
		struct str name = str_c(e->d_name);
		if (!str_has_suffix(name, STR(".yaml")) && !str_has_suffix(name, STR(".yml")))
			continue;
		json_t *text = file_text(arena_cstr(c->arena, arena_printf(c->arena, "%s%s", folder, e->d_name)));
		if (text)
			json_object_set_new(files, e->d_name, text);
	}
	if (d)
		closedir(d);
	return files;
}

/* ---- what comes ---- */

struct diff {
	struct cli *c;
	json_t *items; /* with --json */
	struct grid *list;
};

static struct str side(struct cli *c, const json_t *s)
{
	struct str verdict = cli_text(c, s, "verdict"), rule = cli_text(c, s, "rule"),
		   profile = cli_text(c, s, "profile"), n = cli_text(c, s, "attributes");
	if (rule.n)
		return arena_printf(c->arena, "%.*s by %.*s", STR_ARG(verdict), STR_ARG(rule));
	if (n.n)
		return arena_printf(c->arena, "%.*s (%.*s, %.*s attributes)", STR_ARG(verdict),
				    STR_ARG(profile), STR_ARG(n));
	return profile.n ? arena_printf(c->arena, "%.*s (%.*s)", STR_ARG(verdict), STR_ARG(profile)) :
			   verdict;
}

static void on_item(void *user, const json_t *item)
{
	struct diff *d = user;
	if (d->items)
		json_array_append(d->items, (json_t *)(uintptr_t)item);
	if (!d->list)
		return;
	grid_add(d->list, cli_text(d->c, item, "audience"));
	grid_add(d->list, cli_text(d->c, item, "event"));
	grid_add(d->list, cli_text(d->c, item, "uuid"));
	grid_add(d->list, side(d->c, json_object_get(item, "was")));
	grid_add(d->list, side(d->c, json_object_get(item, "will")));
}

static struct str counts(struct cli *c, const json_t *a, const char *key)
{
	const json_t *was = json_object_get(json_object_get(a, "was"), key),
		     *will = json_object_get(json_object_get(a, "will"), key);
	struct str from = was ? term_number(c, (uint64_t)json_integer_value(was)) : STR("-"),
		   to = will ? term_number(c, (uint64_t)json_integer_value(will)) : STR("-");
	return str_eq(from, to) ? from :
				  arena_printf(c->arena, "%.*s > %.*s", STR_ARG(from), STR_ARG(to));
}

static uint64_t show(struct cli *c, const json_t *r)
{
	static const struct grid_column cols[] = {
		{"AUDIENCE", 0, TERM_NAME}, {"KIND", 0, TERM_PLAIN},   {"RELEASED", 0, TERM_PLAIN},
		{"HELD", 0, TERM_PLAIN},    {"DENIED", 0, TERM_PLAIN}, {"CHANGED", 0, TERM_PLAIN},
	};
	OWN(grid) struct grid *g = c->json ? NULL : grid_new(c, cols, ARRAY_LEN(cols));
	uint64_t changed = 0;
	json_t *a;
	size_t i;
	json_array_foreach(json_object_get(r, "audiences"), i, a) {
		uint64_t n = rows_count(a, "changed");
		changed += n;
		if (c->json)
			continue;
		grid_add(g, cli_text(c, a, "audience"));
		grid_add(g, cli_text(c, a, "kind"));
		grid_add(g, counts(c, a, "released"));
		grid_add(g, counts(c, a, "held"));
		grid_add(g, counts(c, a, "denied"));
		grid_add_styled(g, term_number(c, n), n ? TERM_WARN : TERM_PLAIN);
	}
	if (g)
		grid_print(g, c);
	return changed;
}

int cmd_policy_diff(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"AUDIENCE", 0, TERM_NAME},
		{"EVENT", 0, TERM_PLAIN},
		{"UUID", 0, TERM_DIM},
		{"NOW", 0, TERM_PLAIN},
		{"NEW", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(json) json_t *r = NULL;
	OWN(json) json_t *items = c->json ? json_array() : NULL;
	const char *limit = cli_opt(c, "limit");
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	json_t *text = file_text(c->argv[0]);
	if (!text)
		return cli_fail(c, CLI_FINDING, "cannot read %s", c->argv[0]);
	OWN(json) json_t *body = json_object();
	json_object_set_new(body, "policy", text);
	json_object_set_new(body, "files", neighbours(c, c->argv[0]));
	json_object_set_new(body, "elements", json_boolean(cli_opt(c, "elements") != NULL));
	json_object_set_new(body, "limit", json_string(limit ? limit : "1000"));
	OWN(chars) char *bytes = json_dumps(body, JSON_COMPACT);
	OWN(grid) struct grid *list =
		c->json || !cli_opt(c, "list") ? NULL : grid_new(c, cols, ARRAY_LEN(cols));
	struct diff d = {.c = c, .items = items, .list = list};
	int code = follow_each_body(c, STR("/tocsin/policyDiff?progress=1"), str_c(bytes), "policy diff",
				    on_item, &d, &r);
	if (!r)
		return code;
	if (list && grid_rows(list)) {
		grid_print(list, c);
		putchar('\n');
	}
	uint64_t changed = show(c, r);
	if (c->json) {
		json_object_set(r, "changes", items);
		cli_print_json(r);
	} else {
		cli_say(c, "%.*s events looked at, %.*s verdicts would change",
			STR_ARG(term_number(c, rows_count(r, "events"))), STR_ARG(term_number(c, changed)));
	}
	return cli_worse(code, changed ? CLI_FINDING : CLI_OK);
}
