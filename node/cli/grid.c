/*
 * grid.c - collects cells, then prints them; the widest column gives way on a narrow terminal.
 */
#include "cli/grid.h"

#include <stdlib.h>
#include <string.h>

#define GRID_MAX (256u << 20)
#define COLUMNS_MAX 16
#define SHRUNK_LEAST 8

struct cell {
	struct str text;
	uint32_t columns;
	enum term_style style;
};

struct grid {
	const struct cli *cli;
	const struct grid_column *col;
	size_t n_col, n, cap;
	struct cell *cell;
	struct arena *arena;
	bool failed;
};

struct grid *grid_new(const struct cli *c, const struct grid_column *columns, size_t n)
{
	struct grid *t = calloc(1, sizeof(*t));
	if (!t || n > COLUMNS_MAX) {
		free(t);
		return NULL;
	}
	t->cli = c;
	t->col = columns;
	t->n_col = n;
	t->arena = arena_new(GRID_MAX);
	return t;
}

void grid_free(struct grid *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t->cell);
	free(t);
}

void grid_add_styled(struct grid *t, struct str cell, enum term_style style)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	if (!t || t->failed || !t->arena)
		return;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 256;
		struct cell *more = reallocarray(t->cell, cap, sizeof(*more));
		if (!more) {
			t->failed = true;
			return;
		}
		t->cell = more;
		t->cap = cap;
	}
	term_clean(&b, cell);
	struct str text = arena_str(t->arena, buf_str(&b));
	t->failed |= buf_err(&b) != ERR_OK || !text.p;
	t->cell[t->n++] = (struct cell){text, (uint32_t)term_columns(text), style};
}

void grid_add(struct grid *t, struct str cell)
{
	if (t)
		grid_add_styled(t, cell, t->col[t->n % t->n_col].style);
}

size_t grid_rows(const struct grid *t)
{
	return t ? t->n / t->n_col : 0;
}

/* Widths that fit the terminal: the widest column that may shrink gives one by one. One with
   nothing in it is left out (0). */
static void widths(const struct grid *t, size_t *w)
{
	size_t total = 0, room = term_width(false);
	for (size_t k = 0; k < t->n_col; k++)
		w[k] = strlen(t->col[k].title);
	bool used[COLUMNS_MAX] = {true};
	for (size_t i = 0; i < t->n; i++) {
		used[i % t->n_col] |= t->cell[i].columns > 0;
		w[i % t->n_col] = MAX(w[i % t->n_col], (size_t)t->cell[i].columns);
	}
	for (size_t k = 0; k < t->n_col; k++) {
		w[k] = used[k] ? w[k] : 0;
		total += w[k] ? w[k] + (k ? 2 : 0) : 0;
	}
	while (total > room) {
		size_t widest = t->n_col;
		for (size_t k = 0; k < t->n_col; k++)
			if ((t->col[k].flags & GRID_SHRINK) && w[k] > SHRUNK_LEAST &&
			    (widest == t->n_col || w[k] > w[widest]))
				widest = k;
		if (widest == t->n_col)
			return;
		w[widest]--;
		total--;
	}
}

/* The longest beginning of `s` that takes at most `cols` columns. */
static struct str cut(struct str s, size_t cols)
{
	size_t used = 0;
	while (used < s.n) {
		size_t n = MAX(str_utf8_len(str_sub(s, used, s.n)), (size_t)1);
		if (term_columns(str_sub(s, 0, used + n)) > cols)
			break;
		used += n;
	}
	return str_sub(s, 0, used);
}

static void print_cell(const struct grid *t, size_t k, struct str text, size_t columns,
		       enum term_style style, size_t width)
{
	const struct cli *c = t->cli;
	bool last = k + 1 == t->n_col, more = columns > width;
	if (!width) {
		if (last)
			putchar('\n');
		return;
	}
	if (more) {
		text = cut(text, width - 1);
		columns = term_columns(text) + 1;
	}
	int pad = columns < width ? (int)(width - columns) : 0;
	if (k)
		fputs("  ", stdout);
	if (t->col[k].flags & GRID_RIGHT)
		printf("%*s", pad, "");
	if (text.n)
		printf("%s%.*s%s%s", term_on(c, style), STR_ARG(text), more ? "…" : "",
		       term_off(c, style));
	if (!(t->col[k].flags & GRID_RIGHT) && !last)
		printf("%*s", pad, "");
	if (last)
		putchar('\n');
}

static void print_plain(const struct grid *t)
{
	for (size_t i = 0; i < t->n; i++)
		printf("%.*s%c", STR_ARG(t->cell[i].text), (i + 1) % t->n_col ? '\t' : '\n');
}

int grid_print(struct grid *t, struct cli *c)
{
	size_t w[COLUMNS_MAX];
	if (!t || t->failed)
		return cli_fail(c, CLI_FINDING, "too much to show: narrow the search or use --json");
	if (!t->cli->terminal) {
		print_plain(t);
		return CLI_OK;
	}
	widths(t, w);
	for (size_t k = 0; t->n && k < t->n_col; k++)
		print_cell(t, k, str_c(t->col[k].title), strlen(t->col[k].title), TERM_BOLD, w[k]);
	for (size_t i = 0; i < t->n; i++)
		print_cell(t, i % t->n_col, t->cell[i].text, t->cell[i].columns, t->cell[i].style,
			   w[i % t->n_col]);
	return CLI_OK;
}
