/*
 * rewrite.c - import rules (MISP's regexp): values that come in are put in other words, or refused.
 *
 * They hold for what is entered here and for feeds. What a peer sends keeps the words of its makers: the
 * same UUID says the same everywhere.
 */
#include <stdlib.h>

#include "ingest/ctx.h"
#include "model/validate.h"

/* The rules as they stand when the document is prepared. */
static enum err rules_find(struct ingest_ctx *c, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_regexp row;
	uint64_t id = 0;
	size_t have = 0;
	c->rewrites_asked = true;
	if (c->facts->kind == AUD_PEER)
		return ERR_OK;
	TRY(store_read(c->env->store, &t, f));
	uint64_t n = MIN(store_count(t, T_REGEXP), (uint64_t)EXPRS_MAX);
	if (!n)
		return ERR_OK;
	OWN(mem) void *room = calloc(n, sizeof(struct expr_row));
	struct expr_row *rows = room;
	if (!rows)
		return fail(f, ERR_NOMEM, "no memory for import rules");
	while (have < n && store_next(t, T_REGEXP, &id, NULL, &row) == ERR_OK)
		rows[have++] = (struct expr_row){row.regexp, row.replacement, row.type};
	return exprs_get(rows, have, &c->rewrites, f);
}

/* The new words are a value like any other. */
static enum err checked(struct ingest_ctx *c, unsigned type, struct str now, struct str *value,
			struct str *value1, struct str *value2, struct fail *f)
{
	struct attr_problem found = {0};
	enum err e = attr_normalise_validate(c->arena, (enum attr_type)type, now, false, value, value1,
					     value2, &found);
	return e == ERR_INVAL ? fail(f, e, "{\"value\":[\"An import rule makes of it what is no value of "
					   "its type.\"]}")
			      : e;
}

enum err ingest_rewrite(struct ingest_ctx *c, struct element *e, struct fail *f)
{
	struct str now, was = e->kind == EL_ATTR       ? e->attr.value
			      : e->kind == EL_PROPOSAL ? e->proposal.value
						       : STR_NONE;
	unsigned type = e->kind == EL_ATTR ? e->attr.type : e->kind == EL_PROPOSAL ? e->proposal.type : 0;
	if (!was.n || !type)
		return ERR_OK;
	if (!c->rewrites_asked)
		TRY(rules_find(c, f));
	if (!c->rewrites)
		return ERR_OK;
	enum err err = exprs_rewrite(c->rewrites, type_name((enum attr_type)type), c->arena, was, &now);
	if (err == ERR_BLOCKED)
		return fail(f, ERR_INVAL, "{\"value\":[\"This value is blocked by a regular expression in the "
					  "import filters.\"]}");
	if (err != ERR_OK || str_eq(was, now))
		return err;
	if (e->kind == EL_ATTR)
		return checked(c, type, now, &e->attr.value, &e->attr.value1, &e->attr.value2, f);
	struct str one, two;
	return checked(c, type, now, &e->proposal.value, &one, &two, f);
}
