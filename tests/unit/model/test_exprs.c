/*
 * test_exprs.c - expressions of administrators: delimiters and modifiers, rewriting, refusing.
 */
#include "model/exprs.h"
#include "tests/tap/tap.h"

static void forms(void)
{
	static const struct {
		const char *text, *hit, *miss;
	} good[] = {
		{"/^gull$/i", "GULL", "gulls"}, {"#^a/b#", "a/b/c", "b/a/b"}, {"plain", "a plain one", "PLAIN"},
		{"/a.b/s", "a\nb", "ab"},	{"/x/imsxuD", "X", "y"},
	};
	static const char *const bad[] = {"", "/bad(/", "/open", "//", "/x/e", "/x/ i"};
	struct fail f;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		OWN(exprs) struct exprs *e = NULL;
		struct expr_row row = {.regexp = str_c(good[i].text)};
		is_err(exprs_get(&row, 1, &e, &f), ERR_OK, "%s", good[i].text);
		ok(e && exprs_match(e, str_c(good[i].hit)), "finds %s", good[i].hit);
		ok(e && !exprs_match(e, str_c(good[i].miss)), "and not %s", good[i].miss);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f = (struct fail){0};
		is_err(expr_check(str_c(bad[i]), &f), ERR_INVAL, "'%s': %s", bad[i], f.text);
	}
}

static void rewrites(void)
{
	const struct expr_row rows[] = {
		{STR("/gull/i"), STR("tern"), STR("ALL")},
		{STR("/^(.*)@ship$/"), STR("$1@harbour"), STR("email-src")},
		{STR("/bad(/"), STR("x"), STR("")},
		{STR("/secret/"), STR(""), STR("text")},
	};
	struct arena *a = arena_new(1u << 20);
	struct exprs *e = NULL, *again = NULL;
	struct fail f = {0};
	struct str out;

	is_err(exprs_get(rows, ARRAY_LEN(rows), &e, &f), ERR_OK, "compiled; a broken one is left out");
	is_err(exprs_rewrite(e, STR("text"), a, STR("a Gull, a gull"), &out), ERR_OK, "rewritten");
	ok(str_is(out, "a tern, a tern"), "is %.*s", STR_ARG(out));
	is_err(exprs_rewrite(e, STR("email-src"), a, STR("gull@ship"), &out), ERR_OK, "by two rules");
	ok(str_is(out, "tern@harbour"), "is %.*s", STR_ARG(out));
	is_err(exprs_rewrite(e, STR("email-dst"), a, STR("deck@ship"), &out), ERR_OK, "of another type");
	ok(str_is(out, "deck@ship"), "stays");
	is_err(exprs_rewrite(e, STR("text"), a, STR("a secret"), &out), ERR_BLOCKED, "refused");
	is_err(exprs_rewrite(e, STR("url"), a, STR("a secret"), &out), ERR_OK, "but not of another type");
	is_err(exprs_get(rows, ARRAY_LEN(rows), &again, &f), ERR_OK, "again");
	ok(again == e, "the same rows are compiled once");
	exprs_unref(again);
	exprs_unref(e);
	arena_free(a);
}

int main(void)
{
	forms();
	rewrites();
	return done_testing();
}
