/* test_link_rules.c - the rules of a link only ever take away; what they do not understand lets nothing
   through where something was wanted. */
#include "model/link_rules.h"
#include "tests/tap/tap.h"

static struct arena *a;

static struct link_rules rules(const char *json)
{
	struct link_rules r;
	struct fail f = {0};
	is_err(link_rules_parse(str_c(json), a, &r, &f), ERR_OK, "%s", json);
	return r;
}

static bool passes(const char *json, uint64_t orgc, uint64_t tag)
{
	struct link_rules r = rules(json);
	struct misp_tagref t = {.tag_id = tag};
	struct misp_event e = {.orgc_id = orgc, .tags = {&t, tag ? 1 : 0}};
	const char *why;
	bool yes = link_rules_event(&r, &e, &why);
	ok(yes == (why == NULL), "and it says why");
	return yes;
}

static void events(void)
{
	static const struct {
		const char *json;
		uint64_t orgc, tag;
		bool yes;
	} rows[] = {
		{"", 1, 0, true},
		{"[]", 1, 0, true},
		{"{\"tags\":{\"OR\":[],\"NOT\":[]}}", 1, 0, true},
		{"{\"tags\":{\"OR\":[5,\"6\"]}}", 1, 6, true},
		{"{\"tags\":{\"OR\":[5,\"6\"]}}", 1, 7, false},
		{"{\"tags\":{\"OR\":[5]}}", 1, 0, false},
		{"{\"tags\":{\"OR\":[\"tlp:white\"]}}", 1, 5, false},
		{"{\"tags\":{\"NOT\":[5]}}", 1, 5, false},
		{"{\"tags\":{\"NOT\":[5]}}", 1, 6, true},
		{"{\"orgs\":{\"OR\":[2,3]}}", 3, 0, true},
		{"{\"orgs\":{\"OR\":[2,3]}}", 4, 0, false},
		{"{\"orgs\":{\"NOT\":[\"4\"]}}", 4, 0, false},
		{"{\"orgs\":{\"OR\":[4],\"NOT\":[4]}}", 4, 0, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		is_int(passes(rows[i].json, rows[i].orgc, rows[i].tag), rows[i].yes, "%s org %d tag %d",
		       rows[i].json, (int)rows[i].orgc, (int)rows[i].tag);
}

static void elements(void)
{
	struct link_rules r = rules("{\"tags\":{\"NOT\":[9]},\"type_attributes\":{\"NOT\":[\"comment\","
				    "\"no such type\"]},\"type_objects\":{\"NOT\":[\"AAAA-1\"]}}");
	struct misp_tagref t = {.tag_id = 9};
	struct misp_attr plain = {.type = ATTR_MD5}, comment = {.type = ATTR_COMMENT},
			 tagged = {.type = ATTR_MD5, .tags = {&t, 1}};
	struct misp_object in = {.template_uuid = STR("aaaa-1")}, other = {.template_uuid = STR("b")};
	ok(link_rules_attr(&r, &plain), "an attribute");
	ok(!link_rules_attr(&r, &comment), "not of that type");
	ok(!link_rules_attr(&r, &tagged), "not with that tag");
	ok(!link_rules_object(&r, &in), "not an object of that template");
	ok(link_rules_object(&r, &other), "but another one");
}

int main(void)
{
	struct link_rules r;
	struct fail f = {0};
	a = arena_new(1u << 20);
	events();
	elements();
	is_err(link_rules_parse(STR("{\"tags\":"), a, &r, &f), ERR_INVAL, "not JSON");
	ok(f.text[0], "with a text");
	arena_free(a);
	return done_testing();
}
