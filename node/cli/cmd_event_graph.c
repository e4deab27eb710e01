/*
 * cmd_event_graph.c - the graph of correlations around an event, in the language of Graphviz.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"

#define LABEL_MAX 48 /* letters of a text in a box */

/* A text between quotes: nothing of it is markup. Cut, for boxes are small. */
static void quoted(struct str s)
{
	size_t letters = 0;
	for (size_t i = 0; i < s.n;) {
		size_t n = str_utf8_len(str_sub(s, i, s.n));
		char c = s.p[i];
		if (letters++ == LABEL_MAX) {
			fputs("...", stdout);
			return;
		}
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if ((unsigned char)c < ' ')
			putchar(' ');
		else
			printf("%.*s", (int)(n ? n : 1), s.p + i);
		i += n ? n : 1;
	}
}

static void node(struct cli *c, const json_t *n)
{
	struct str id = cli_text(c, n, "id"), kind = cli_text(c, n, "kind");
	printf("\t%.*s [", STR_ARG(id));
	if (!str_is(kind, "event")) {
		fputs("shape=ellipse, style=filled, fillcolor=\"#eef3fa\", label=\"", stdout);
		quoted(cli_text(c, n, "value"));
	} else {
		printf("shape=box, style=\"rounded,filled\", fillcolor=\"%s\", label=\"",
		       json_integer_value(json_object_get(n, "depth")) ? "#ffffff" : "#ffe3c2");
		quoted(cli_text(c, n, "event_id"));
		fputs(cli_text(c, n, "event_id").n ? " " : "", stdout);
		quoted(cli_text(c, n, "info"));
		fputs("\\n", stdout);
		quoted(cli_text(c, n, "orgc"));
	}
	fputs("\"];\n", stdout);
}

static void edge(struct cli *c, const json_t *e)
{
	struct str way = cli_text(c, e, "way");
	printf("\t%.*s -- %.*s", STR_ARG(cli_text(c, e, "from")), STR_ARG(cli_text(c, e, "to")));
	if (!str_is(way, "value"))
		printf(" [style=dashed, label=\"%.*s\"]", STR_ARG(way));
	fputs(";\n", stdout);
}

int cmd_event_graph(struct cli *c)
{
	static const char *const names[] = {"depth", "events", "values"};
	OWN(json) json_t *j = NULL;
	OWN(buf) struct buf path = BUF(4096);
	uint64_t n;
	size_t i;
	json_t *x;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	buf_printf(&path, "/tocsin/graph/%.*s", STR_ARG(call_segment(c, str_c(c->argv[0]))));
	for (i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = cli_opt(c, names[i]);
		if (v && (!str_u64(str_c(v), &n) || !n))
			return cli_fail(c, CLI_USAGE, "--%s wants a number", names[i]);
		if (v)
			buf_printf(&path, "%s%s=%llu", str_chr(buf_str(&path), '?') < 0 ? "?" : "&",
				   names[i], (unsigned long long)n);
	}
	int code = call_json(c, "GET", buf_str(&path), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	fputs("graph correlations {\n\tgraph [overlap=false, splines=true, fontname=sans];\n"
	      "\tnode [fontname=sans, fontsize=10];\n\tedge [color=\"#888888\", fontsize=9];\n",
	      stdout);
	json_array_foreach(json_object_get(j, "nodes"), i, x)
		node(c, x);
	json_array_foreach(json_object_get(j, "edges"), i, x)
		edge(c, x);
	fputs("}\n", stdout);
	if (json_is_true(json_object_get(j, "truncated")))
		fputs("there is more than this: --events, --values\n", stderr);
	return CLI_OK;
}
