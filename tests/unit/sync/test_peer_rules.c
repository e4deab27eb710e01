/*
 * test_peer_rules.c - pull rules as the body of POST /events/index, as MISP's own client sends it.
 */
#include "sync/peer_rules.h"

#include <jansson.h>

#include "base/own.h"
#include "tests/tap/tap.h"

/* Compared as JSON: the order of members does not count. */
static void body_is(const char *rules, int64_t since, const char *want, const char *what)
{
	OWN(buf) struct buf b = BUF(4096);
	is_ok(peer_rules_body(str_c(rules), since, &b, NULL), "%s", what);
	json_t *g = json_loads(buf_cstr(&b), 0, NULL), *w = json_loads(want, 0, NULL);
	ok(g && w && json_equal(g, w), "%s: %s", what, buf_cstr(&b));
	json_decref(g);
	json_decref(w);
}

int main(void)
{
	OWN(buf) struct buf b = BUF(4096);
	body_is(NULL, 0, "{\"minimal\":1,\"published\":1}", "no rules");
	body_is("[]", 0, "{\"minimal\":1,\"published\":1}", "an empty list");
	body_is("{\"tags\":{\"OR\":[],\"NOT\":[]},\"orgs\":{\"OR\":[],\"NOT\":[]},\"url_params\":\"\"}", 0,
		"{\"minimal\":1,\"published\":1}", "empty rules");
	body_is("{\"tags\":{\"OR\":[\"tlp:white\"],\"NOT\":[\"tlp:red\",7]},"
		"\"type_attributes\":{\"NOT\":[\"comment\"]},\"orgs\":{\"OR\":[\"CIRCL\"]}}",
		0,
		"{\"minimal\":1,\"published\":1,\"tag\":[\"tlp:white\",\"!tlp:red\",\"!7\"],"
		"\"type_attribute\":[\"!comment\"],\"org\":[\"CIRCL\"]}",
		"names lose their last letter, NOT gets an exclamation mark");
	body_is("{\"tags\":{\"OR\":[\"a\"]},\"url_params\":\"{\\\"timestamp\\\":\\\"30d\\\","
		"\\\"tag\\\":[\\\"b\\\"]}\"}",
		0, "{\"minimal\":1,\"published\":1,\"timestamp\":\"30d\",\"tag\":[\"a\",\"b\"]}",
		"further parameters are merged in");
	body_is("", 1750000000, "{\"minimal\":1,\"published\":1,\"publish_timestamp\":1750000000}",
		"only what was published since");
	body_is("{\"url_params\":\"{\\\"publish_timestamp\\\":\\\"7d\\\"}\"}", 1750000000,
		"{\"minimal\":1,\"published\":1,\"publish_timestamp\":\"7d\"}",
		"the operator's own limit stays");
	is_err(peer_rules_body(STR("{tags}"), 0, &b, NULL), ERR_INVAL, "no JSON");
	return done_testing();
}
