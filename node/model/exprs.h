/*
 * exprs.h - regular expressions that administrators enter as MISP has them ("/gull/i"): values that no
 * search gives out (allowed list), and rewriting of values that come in (import rules).
 *
 * Compiled once and shared: who asks for the same rows again gets what there is.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

/* One row; without `replacement` what matches is refused. `type`: name of the attribute type it is for;
   absent, empty or "ALL": any. */
struct expr_row {
	struct str regexp, replacement, type;
};

#define EXPRS_MAX 1000u

struct exprs;

/* "/x/im" (any of / # ~ ! @ % | as delimiter) as an expression of base/regex.h; a text without
   delimiters stands for itself. ERR_INVAL with what is wrong in f's text. */
MUST_USE enum err expr_check(struct str text, struct fail *f);
/* A reference to the compiled rows; those that do not compile are left out. At most EXPRS_MAX. */
MUST_USE enum err exprs_get(const struct expr_row *rows, size_t n, struct exprs **out, struct fail *f);
void exprs_unref(struct exprs *e);
OWN_DEFINE(exprs, struct exprs *, exprs_unref(*p))

/* Does one of them match? What costs too much does not. */
bool exprs_match(const struct exprs *e, struct str value);
/*
 * Rewrite a value by all of them in turn; *out is `value` where nothing changed, else in `a`.
 * ERR_BLOCKED: one without replacement matches. A result that is too long is left as it was.
 */
MUST_USE enum err exprs_rewrite(const struct exprs *e, struct str type, struct arena *a,
				struct str value, struct str *out);
