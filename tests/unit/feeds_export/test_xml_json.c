/*
 * test_xml_json.c - JSON as MISP's XML: empty values, lists, escapes, names that no XML takes, stubs of
 * references, members left out, and JSON that is broken.
 */
#include "feeds/export/xml_json.h"

#include "tests/tap/tap.h"

static void gives(const char *json, const char *want)
{
	static const struct xml_form plain = {NULL, false};
	OWN(buf) struct buf b = BUF(1 << 16);
	is_ok(xml_members(&b, str_c(json), &plain), "%.60s", json);
	is_str(buf_cstr(&b), want, "%.60s", json);
}

static void refuses(const char *json)
{
	static const struct xml_form plain = {NULL, false};
	OWN(buf) struct buf b = BUF(1 << 16);
	is_err(xml_members(&b, str_c(json), &plain), ERR_BUG, "%.60s", json);
}

int main(void)
{
	static const char *const skip[] = {"b", NULL};
	struct xml_form form = {.skip = skip, .plain_quotes = true};
	OWN(buf) struct buf b = BUF(1 << 16), small = BUF(8);

	gives("{}", "");
	gives("{\"a\":\"\",\"b\":null,\"c\":[],\"d\":{},\"e\":false,\"f\":true,\"g\":\"0\",\"h\":-1.5}",
	      "<a/><b/><c/><d/><e>0</e><f>1</f><g>0</g><h>-1.5</h>");
	gives("{\"a\":[{\"x\":\"1\"},{\"x\":\"2\"}],\"b\":[\"p\",\"\",\"q\"]}",
	      "<a><x>1</x></a><a><x>2</x></a><b>p</b><b/><b>q</b>");
	gives("{\"v\":\"a&b<c>\\\"d'\\u0007\\n\\ud83d\\udea4\\uffff\\ud800\\/\"}",
	      "<v>a&amp;b&lt;c&gt;&quot;d&apos; \n\xf0\x9f\x9a\xa4  /</v>");
	gives("{\"0\":\"x\",\"a b\":\"y\",\"-\":\"z\",\"\":\"e\",\"><q/\":\"w\",\"\xc3\xa9\":\"u\"}",
	      "<_0>x</_0><a_b>y</a_b><_->z</_-><_>e</_><__q_>w</__q_><__>u</__>");
	gives("{\"ObjectReference\":[{\"id\":\"1\",\"Object\":{\"uuid\":\"u\",\"name\":\"n\"}}],"
	      "\"Object\":{\"id\":\"2\"}}",
	      "<ObjectReference><id>1</id><Object></Object><Object></Object></ObjectReference>"
	      "<Object><id>2</id></Object>");
	is_ok(xml_object(&b, "E", STR("{\"a\":{\"b\":\"in\"},\"b\":{\"x\":[1,2]},\"c\":\"'\\\"<\"}"), &form),
	      "skipping");
	is_str(buf_cstr(&b), "<E><a><b>in</b></a><c>'\"&lt;</c></E>",
	       "only the outermost members are left out, quotes stand for themselves");
	refuses("");
	refuses("{\"a\":");
	refuses("{\"a\":\"x");
	refuses("{\"a\":\"\\x\"}");
	refuses("{\"a\":\"\\u12\"}");
	refuses("{\"a\" \"b\"}");
	refuses("{\"a\":1}x");
	refuses("[1]");
	is_err(xml_members(&small, STR("{\"long\":\"value that is too long\"}"), &form), ERR_LIMIT,
	       "a full buffer");
	OWN(buf) struct buf deep = BUF(1 << 16), none = BUF(1 << 16);
	buf_puts(&deep, "{\"a\":");
	for (int i = 0; i < 100; i++)
		buf_putc(&deep, '[');
	for (int i = 0; i < 100; i++)
		buf_putc(&deep, ']');
	buf_putc(&deep, '}');
	is_err(xml_members(&none, buf_str(&deep), &form), ERR_BUG, "depth is bounded");
	return done_testing();
}
