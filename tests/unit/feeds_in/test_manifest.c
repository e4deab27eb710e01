/* test_manifest.c - manifests in any pieces, old spellings, nonsense; rules of a feed's row. */
#include "feeds/in/manifest.h"

#include <stdio.h>

#include "feeds/in/rules.h"
#include "tests/tap/tap.h"

#define U1 "5c0a1ec7-71aa-4b0d-9e2f-000000000711"
#define U2 "5c0a1ec8-71aa-4b0d-9e2f-000000000712"

static struct {
	unsigned n;
	struct uuid uuid[4], orgc[4];
	int64_t timestamp[4];
	uint32_t tags[4];
	char org[4][64], tag[4][64];
} got;

static enum err keep(void *user, const struct manifest_entry *e, struct fail *f)
{
	unsigned i = got.n++;
	(void)user;
	if (i >= 4)
		return fail(f, ERR_LIMIT, "too many");
	got.uuid[i] = e->uuid;
	got.orgc[i] = e->orgc_uuid;
	got.timestamp[i] = e->timestamp;
	got.tags[i] = e->n_tags;
	snprintf(got.org[i], 64, "%.*s", STR_ARG(e->orgc_name));
	snprintf(got.tag[i], 64, "%.*s", STR_ARG(e->n_tags ? e->tags[e->n_tags - 1] : STR("")));
	return ERR_OK;
}

static enum err read_in(const char *text, size_t step, struct fail *f)
{
	OWN(manifest_read) struct manifest_read *m = manifest_read_new(keep, NULL);
	size_t n = strlen(text);
	memset(&got, 0, sizeof(got));
	for (size_t i = 0; i < n; i += step)
		TRY(manifest_read_feed(m, text + i, MIN(step, n - i), f));
	return manifest_read_end(m, f);
}

static const char good[] =
	"{\"" U1 "\": {\"Orgc\": {\"name\": \"Remote \\u0041\", \"uuid\": "
	"\"7d3f0b10-2a64-4c39-8e55-a1b2c3d40003\"}, \"Tag\": [{\"name\": \"tlp:white\", \"colour\": "
	"\"#fff\"}, {\"colour\": \"#000\", \"name\": \"x\"}], \"info\": \"timestamp\", "
	"\"timestamp\": \"1746000711\"},\n"
	"\"" U2 "\": {\"timestamp\": 1746000712, \"orgc\": {\"name\": \"old\"}, "
	"\"nested\": {\"timestamp\": \"9\", \"Tag\": [{\"name\": \"no\"}]}},\n"
	"\"about\": {\"timestamp\": \"5\"}, \"n\": 3}";

static void test_good(void)
{
	struct fail f = {0};
	for (size_t step = 1; step < 400; step = step * 2 + 1) {
		is_err(read_in(good, step, &f), ERR_OK, "pieces of %zu", step);
		is_uint(got.n, 2, "two events");
		is_int(got.timestamp[0], 1746000711, "timestamp as text");
		is_int(got.timestamp[1], 1746000712, "timestamp as number");
		is_str(got.org[0], "Remote A", "creator");
		ok(!uuid_is_nil(got.orgc[0]) && uuid_is_nil(got.orgc[1]), "its UUID");
		is_str(got.org[1], "old", "old spelling");
		is_uint(got.tags[0], 2, "tags");
		is_str(got.tag[0], "x", "in order");
		is_uint(got.tags[1], 0, "none from deeper down");
	}
}

static void test_bad(void)
{
	static const char *const bad[] = {"", "{", "[]", "[{}]", "{\"" U1 "\": {\"timestamp\": }}",
					  "{\"" U1 "\": {}", "{} {}", "\"x\""};
	struct fail f = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		is_err(read_in(bad[i], 3, &f), ERR_PARSE, "%s", bad[i]);
	ok(f.line > 0, "with its place");
	is_err(read_in("{\"" U1 "\": 5, \"" U2 "\": [\"timestamp\"]}", 5, &f), ERR_OK,
	       "entries that are none");
	is_uint(got.n, 0, "are passed over");
	is_err(read_in("{}", 1, &f), ERR_OK, "an empty manifest");
}

static bool wants(const char *rules, const char *tag, const char *org, const char *org_uuid)
{
	OWN(feed_rules) struct feed_rules *r = NULL;
	struct fail f = {0};
	struct str t = str_c(tag);
	struct manifest_entry e = {.orgc_name = str_c(org), .tags = &t, .n_tags = tag ? 1 : 0};
	uuid_parse(str_c(org_uuid), &e.orgc_uuid);
	if (feed_rules_new(str_c(rules), STR_NONE, &r, &f) != ERR_OK) {
		diag("%s", f.text);
		return false;
	}
	return feed_rules_want(r, &e);
}

static void test_rules(void)
{
	OWN(feed_rules) struct feed_rules *r = NULL;
	struct fail f = {0};
	ok(wants("", "a", "o", U1) && wants("{}", NULL, NULL, U1) && wants("null", "a", "o", U1),
	   "no rules want everything");
	const char *tags = "{\"tags\":{\"OR\":[\"a\",\"b\"],\"NOT\":[\"c\"]}}";
	ok(wants(tags, "b", "o", U1), "one of the tags");
	ok(!wants(tags, "d", "o", U1) && !wants(tags, NULL, "o", U1), "none of them");
	ok(!wants("{\"tags\":{\"NOT\":[\"c\"]}}", "c", "o", U1), "a tag that is not wanted");
	const char *orgs = "{\"orgs\":{\"OR\":[\"o\",\"" U2 "\"],\"NOT\":[]}}";
	ok(wants(orgs, "a", "o", U1) && wants(orgs, "a", "x", U2) && !wants(orgs, "a", "x", U1),
	   "organisations by name or UUID");
	is_err(feed_rules_new(STR("{\"tags\":"), STR(""), &r, &f), ERR_INVAL, "bad rules");
	is_ok(feed_rules_new(STR(""), STR("{\"disable_correlation\":\"1\",\"unpublish_event\":0}"),
			     &r, &f),
	      "settings");
	ok(feed_rules_no_correlation(r) && !feed_rules_unpublish(r), "are read");
}

int main(void)
{
	test_good();
	test_bad();
	test_rules();
	return done_testing();
}
