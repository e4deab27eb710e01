/*
 * test_clustermeta.c - the elements of a cluster from {"key":[..]}.
 */
#include "model/clustermeta.h"

#include "base/buf.h"
#include "tests/tap/tap.h"

static struct arena *a;

static void is_list(const char *json, const char *want, const char *what)
{
	struct entity_list l;
	OWN(buf) struct buf b = BUF(4096);
	ok(clustermeta_parse(str_c(json), 5, a, &l), "%s: read", what);
	LIST_EACH(m, l, struct misp_clustermeta)
		buf_printf(&b, "%.*s=%.*s;", STR_ARG(m->key), STR_ARG(m->value));
	is_view(buf_str(&b), want, "%s", what);
}

int main(void)
{
	struct entity_list l;
	a = arena_new(1 << 20);
	is_list("{\"synonyms\":[\"White Bird\",\"Eel\"],\"country\":\"IS\"}",
		"synonyms=White Bird;synonyms=Eel;country=IS;", "lists and single values");
	is_list("{\"date\":2016,\"x\":{\"y\":[1]},\"z\":null,\"w\":[[\"v\"],true,\"w\"]}",
		"date=2016;w=w;", "what is no text or number is left out");
	is_list("{\"a\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"],\"b\":\"7\"}", "a=1;a=2;a=3;a=4;a=5;",
		"no more than wanted");
	is_list("{}", "", "none");
	is_list("[]", "", "none, as PHP has it");
	is_list("{\"\":\"x\",\"k\":\"\"}", "k=;", "no empty keys");
	ok(!clustermeta_parse(STR("{\"a\":"), 5, a, &l) && !l.n, "what is not JSON");
	arena_free(a);
	a = arena_new(64);
	ok(!clustermeta_parse(STR("{\"k\":[\"0123456789012345678901234567890123456789\",\"b\"]}"), 5, a,
			      &l) && !l.n,
	   "no room");
	arena_free(a);
	return done_testing();
}
