/*
 * term.h - the terminal: colour, width, text made harmless.
 *
 * What comes from others never reaches a terminal with its control characters.
 */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_GOOD, TERM_WARN, TERM_BAD, TERM_NAME };

/* Look at standard output, NO_COLOR, TERM and --color (NULL: auto); false when `when` is no such. */
bool term_setup(struct cli *c, const char *when);
/* Columns of standard output (or of standard error when `err`), 80 when unknown. */
unsigned term_width(bool err);
/* Escape sequence of a style and back to plain; "" without colour. */
const char *term_on(const struct cli *c, enum term_style s);
const char *term_off(const struct cli *c, enum term_style s);
/* Columns that harmless text takes. */
size_t term_columns(struct str s);
/* Append with control characters, bidirectional overrides and broken UTF-8 made visible ("\x1b"). */
void term_clean(struct buf *out, struct str s);
/* "label   value" for sheets like status; nothing when the value is absent. */
void term_pair(const struct cli *c, const char *label, enum term_style s, struct str value);
/* 1234567 -> "1,234,567"; bytes -> "1.2 MB". In c->arena. */
struct str term_number(const struct cli *c, uint64_t n);
struct str term_bytes(const struct cli *c, uint64_t n);
/* "2026-11-22 21:47:33 UTC"; absent for 0. */
struct str term_time(const struct cli *c, int64_t seconds);
