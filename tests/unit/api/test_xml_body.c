/*
 * test_xml_body.c - XML bodies as JSON: texts, lists, wrappers.
 */
#include "api/xml_body.h"

#include "tests/tap/tap.h"

static void gives(const char *xml, const char *json)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	OWN(buf) struct buf b = BUF(1 << 20);
	struct xml_node *root = NULL;
	struct fail f = {0};
	if (is_ok(xml_parse(a, str_c(xml), NULL, &root, &f), "%s", xml)) {
		is_ok(xml_body_json(root, &b), "as JSON");
		is_view(buf_str(&b), json, "which is");
	}
}

int main(void)
{
	gives("<Event><info>a \"b\"</info><date/></Event>", "{\"Event\":{\"date\":\"\",\"info\":\"a \\\"b\\\"\"}}");
	gives("<Event><Attribute><value>1</value></Attribute></Event>",
	      "{\"Event\":{\"Attribute\":[{\"value\":\"1\"}]}}");
	gives("<Event><Attribute/><Object/><x/></Event>",
	      "{\"Event\":{\"Attribute\":[],\"Object\":[],\"x\":\"\"}}");
	gives("<r><Attribute>1</Attribute><b>2</b><Attribute>3</Attribute></r>",
	      "{\"r\":{\"Attribute\":[\"1\",\"3\"],\"b\":\"2\"}}");
	gives("<Attribute><value>1</value><value>2</value><Tag><name>t</name></Tag></Attribute>",
	      "{\"Attribute\":{\"Tag\":[{\"name\":\"t\"}],\"value\":[\"1\",\"2\"]}}");
	gives("<request><value>a</value><tags><OR>b</OR><OR>c</OR></tags></request>",
	      "{\"tags\":{\"OR\":[\"b\",\"c\"]},\"value\":\"a\"}");
	gives("<request><Attribute><value>1</value></Attribute></request>",
	      "{\"Attribute\":{\"value\":\"1\"}}");
	gives("<response><Event><info>x</info></Event></response>", "{\"Event\":{\"info\":\"x\"}}");
	gives("<request/>", "{}");
	gives("<m:request xmlns:m='u'><m:id q='1'>7</m:id></m:request>", "{\"id\":\"7\"}");
	OWN(arena) struct arena *a = arena_new(1 << 20);
	OWN(buf) struct buf small = BUF(8);
	struct xml_node *root = NULL;
	struct fail f = {0};
	is_ok(xml_parse(a, STR("<request><a>bbbbbbbb</a></request>"), NULL, &root, &f), "parsed");
	is_err(xml_body_json(root, &small), ERR_LIMIT, "more than the buffer takes");
	return done_testing();
}
