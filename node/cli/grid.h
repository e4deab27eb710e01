/*
 * grid.h - rows and columns: aligned with a heading on a terminal, tab separated lines elsewhere.
 */
#pragma once

#include "cli/term.h"

enum grid_flag {
	GRID_RIGHT = 1, /* numbers */
	GRID_SHRINK = 2, /* is cut first when the terminal is narrow */
};

struct grid_column {
	const char *title;
	unsigned flags;
	enum term_style style;
};

struct grid;
/* `columns` must outlive the table. NULL when out of memory. */
struct grid *grid_new(const struct cli *c, const struct grid_column *columns, size_t n);
void grid_free(struct grid *t);
OWN_DEFINE(grid, struct grid *, grid_free(*p))
/* The next cell, row by row; texts of others are made harmless. Absent is an empty cell. */
void grid_add(struct grid *t, struct str cell);
/* The same in another style than the column's. */
void grid_add_styled(struct grid *t, struct str cell, enum term_style style);
size_t grid_rows(const struct grid *t);
/* Print; CLI_OK, or told and CLI_FINDING when memory did not suffice. */
int grid_print(struct grid *t, struct cli *c);
