/*
 * test_types.c - the tables of types and categories agree with themselves, and with the recorded
 * describeTypes answer where the shared folder is there.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "model/types.h"
#include "tests/tap/tap.h"

static void rows(void)
{
	unsigned bad = 0, newer = 0;

	is_uint(type_count(), 194, "194 types");
	for (unsigned i = 0; i < type_count(); i++) {
		const struct type_row *r = type_at(i);

		bad += type_find(r->name) != (enum attr_type)r->id;
		bad += type_get((enum attr_type)r->id) != r;
		bad += !type_fits_category((enum attr_type)r->id, (enum attr_category)r->category);
		bad += type_is_pair(r) != (str_chr(r->name, '|') >= 0 || r->id == ATTR_MALWARE_SAMPLE);
		bad += (r->correlates == CORR_BOTH) && !type_is_pair(r);
		newer += (r->flags & TYPE_NEWER) != 0;
	}
	is_uint(bad, 0, "names, numbers and defaults agree");
	is_uint(newer, 3, "three types are younger than 2.5.1");
	ok(type_at(type_count()) == NULL, "past the end there is none");
}

static void stable_numbers(void)
{
	is_int(ATTR_MD5, 1, "md5");
	is_int(ATTR_IP_DST, 10, "ip-dst");
	is_int(ATTR_DOMAIN, 12, "domain");
	is_int(ATTR_URL, 23, "url");
	is_int(ATTR_MALWARE_SAMPLE, 59, "malware-sample");
	is_int(ATTR_ONION_ADDRESS, 194, "the last");
	is_int(CAT_NETWORK, 8, "Network activity");
	is_int(CAT_OTHER, 16, "Other");
}

static void unknown(void)
{
	ok(type_get(ATTR_NONE) == NULL, "no row 0");
	ok(type_get((enum attr_type)9999) == NULL, "no row 9999");
	is_int(type_find(STR("")), ATTR_NONE, "empty name");
	is_int(type_find(STR("MD5")), ATTR_NONE, "names are exact");
	is_int(type_find(STR("md5 ")), ATTR_NONE, "no blanks");
	is_int(category_find(STR("network activity")), CAT_NONE, "categories are exact");
	is_int(category_find(STR("Network activity")), CAT_NETWORK, "a category");
	ok(!type_fits_category(ATTR_MD5, CAT_NETWORK), "md5 is no network activity");
	ok(!type_fits_category((enum attr_type)9999, CAT_OTHER), "unknown type fits nothing");
	ok(!type_fits_category(ATTR_TEXT, CAT_NONE), "nothing fits category 0");
	is_view(type_name(ATTR_NONE), "", "no name");
}

static void splitting(void)
{
	struct str a, b;

	type_split(ATTR_FILENAME_MD5, STR("x|y|z"), &a, &b);
	is_view(a, "x", "first part");
	is_view(b, "y|z", "the rest");
	type_split(ATTR_TEXT, STR("x|y"), &a, &b);
	is_view(a, "x|y", "text is not cut");
	ok(b.p && b.n == 0, "and value2 is empty, not absent");
	type_split(ATTR_FILENAME_MD5, STR("x"), &a, &b);
	ok(b.p && b.n == 0, "a pair without bar");
}

/* The answer as recorded, byte for byte. */
static void described(void)
{
	const char *dir = getenv("TOCSIN_SHARED");
	OWN(buf) struct buf out = BUF(1 << 20);
	struct jsonw w = jsonw_on(&out);
	char path[4096], *line = NULL;
	bool found = false;
	size_t cap = 0;
	FILE *f;

	jsonw_obj(&w);
	jsonw_key(&w, "result");
	types_describe(&w, false);
	jsonw_obj_end(&w);
	is_ok(buf_err(&out), "described");
	snprintf(path, sizeof(path), "%s/wire/client/connect.jsonl", dir ? dir : ".");
	f = fopen(path, "r");
	if (!f) {
		diag("no shared folder: not compared with the recording");
		return;
	}
	while (!found && getline(&line, &cap, f) > 0) {
		json_t *record = json_loads(line, 0, NULL);
		const char *p = json_string_value(json_object_get(record, "path"));

		if (p && strstr(p, "describeTypes")) {
			is_view(buf_str(&out),
				json_string_value(json_object_get(record, "resp_body")),
				"as recorded");
			found = true;
		}
		json_decref(record);
	}
	ok(found, "the recording was there");
	free(line);
	fclose(f);
}

int main(void)
{
	rows();
	stable_numbers();
	unknown();
	splitting();
	described();
	return done_testing();
}
