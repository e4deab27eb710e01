/*
 * test_records.c - what the gate is told of an event as a vulnerability record: read from its elements,
 * remembered, and followed as they change.
 */
#include "egress/records.h"

#include <stdio.h>

#include "base/own.h"
#include "egress/view.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

#define V31 "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"
#define HEAD                                                                                       \
	"{\"Event\":{\"uuid\":\"5f000000-0000-4000-8000-000000000001\",\"info\":\"e\","            \
	"\"distribution\":\"3\",\"published\":true,\"timestamp\":\"%u\","

static struct vuln_facts facts_of(struct world *w, uint64_t id, struct arena *a)
{
	struct audience aud = {.kind = AUD_PEER, .tlp = TLP_UPTO_AMBER};
	OWN(view) struct view *v = NULL;
	struct subject s;
	struct fail f = {0};

	if (view_open_as(&w->out, &aud, &v, &f) != ERR_OK || view_subject(v, id, a, &s) != ERR_OK)
		bail_out("%s", f.text);
	return *s.s.vuln;
}

/* The event with these members, as of `t`. */
static struct vuln_facts with(struct world *w, uint64_t *id, unsigned t, const char *members,
			      struct arena *a)
{
	char json[4000];
	int n = snprintf(json, sizeof(json), HEAD, t);

	snprintf(json + n, sizeof(json) - (size_t)n, "%s}}", members);
	if (!*id)
		*id = world_add(w, json);
	else
		ok(world_edit(w, *id, json), "edited");
	return facts_of(w, *id, a);
}

static void follows(struct world *w, bool remembers)
{
	struct arena *a = arena_new(1 << 20);
	struct vuln_facts v;
	uint64_t id = 0;

	w->out.records = remembers ? records_new() : NULL;
	v = with(w, &id, 1000, "\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.example\"}]", a);
	ok(!v.has_object && !v.attr_silent && !v.attr_shut && !v.has_cvss, "holds none");
	v = facts_of(w, id, a);
	ok(!v.has_object && !v.attr_silent, "and still");
	v = with(w, &id, 1001,
		 "\"Attribute\":[{\"type\":\"vulnerability\",\"value\":\"CVE-2021-44228\",\"uuid\":"
		 "\"5f000000-0000-4000-8000-000000000002\",\"timestamp\":\"1001\"}]",
		 a);
	ok(v.attr_silent && !v.attr_shut && !v.has_object, "a vulnerability");
	v = facts_of(w, id, a);
	ok(v.attr_silent, "also when asked again");
	v = with(w, &id, 1002,
		 "\"Object\":[{\"name\":\"vulnerability\",\"meta-category\":\"vulnerability\","
		 "\"template_version\":\"8\",\"template_uuid\":"
			 "\"81650945-f186-437b-8945-9f31715d32da\",\"uuid\":"
		 "\"5f000000-0000-4000-8000-000000000003\",\"timestamp\":\"1002\",\"Attribute\":["
		 "{\"object_relation\":\"id\",\"type\":\"vulnerability\",\"value\":\"CVE-2021-44228\"},"
		 "{\"object_relation\":\"cvss-score\",\"type\":\"float\",\"value\":\"10.0\"},"
		 "{\"object_relation\":\"cvss-string\",\"type\":\"text\",\"value\":\"" V31 "\"},"
		 "{\"object_relation\":\"vulnerable-configuration\",\"type\":\"cpe\",\"value\":"
		 "\"cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*\"}]}]",
		 a);
	ok(v.has_object && v.has_cvss && !v.cvss_outside && !v.cvss_unreadable, "an object");
	is_uint(v.cvss_max, 100, "its score");
	is_view(v.names, "|apache|log4j|", "vendor and product of its CPE");
	is_uint(v.n_remedies, 0, "no remedy yet");
	v = with(w, &id, 1003,
		 "\"Attribute\":[{\"type\":\"link\",\"category\":\"External analysis\",\"value\":"
		 "\"https://a.example/fix\",\"Tag\":[{\"name\":\"rmsv:remedy=\\\"patch\\\"\"}],"
		 "\"uuid\":\"5f000000-0000-4000-8000-000000000004\",\"timestamp\":\"1003\"}]",
		 a);
	is_uint(v.n_remedies, 1, "a remedy");
	is_view(v.remedies[0].attr->value, "https://a.example/fix", "which it is");
	ok(v.has_object && v.attr_silent, "beside what was there");
	v = with(w, &id, 1004,
		 "\"Attribute\":[{\"type\":\"link\",\"category\":\"External analysis\",\"value\":"
		 "\"https://a.example/fix\",\"deleted\":true,"
		 "\"uuid\":\"5f000000-0000-4000-8000-000000000004\",\"timestamp\":\"1004\"}]",
		 a);
	is_uint(v.n_remedies, 0, "and it is deleted again");
	records_free(w->out.records);
	w->out.records = NULL;
	arena_free(a);
}

static void scores(struct world *w)
{
	static const struct {
		const char *attrs;
		bool outside, unreadable;
	} rows[] = {
		{"{\"object_relation\":\"cvss-score\",\"type\":\"float\",\"value\":\"9.8\"},"
		 "{\"object_relation\":\"cvss-string\",\"type\":\"text\",\"value\":\"" V31 "\"}",
		 false, false},
		{"{\"object_relation\":\"cvss-score\",\"type\":\"float\",\"value\":\"3\"},"
		 "{\"object_relation\":\"cvss-string\",\"type\":\"text\",\"value\":\"" V31 "\"}",
		 true, false},
		{"{\"object_relation\":\"cvss-string\",\"type\":\"text\",\"value\":\"CVSS:3.1/AV:Z\"}",
		 false, true},
		{"{\"object_relation\":\"summary\",\"type\":\"text\",\"value\":\"CVSS is fun\"}", false,
		 false},
	};
	struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct vuln_facts v;
		char json[2000];

		snprintf(json, sizeof(json),
			 "{\"Event\":{\"uuid\":\"5f000000-0000-4000-8000-0000000000a%zu\",\"info\":"
			 "\"e\",\"distribution\":\"3\",\"Object\":[{\"name\":\"vulnerability\","
			 "\"meta-category\":\"vulnerability\",\"template_version\":\"8\",\"template_uuid\":"
			 "\"81650945-f186-437b-8945-9f31715d32da\",\"Attribute\":[%s]}]}}",
			 i, rows[i].attrs);
		v = facts_of(w, world_add(w, json), a);
		ok(v.cvss_outside == rows[i].outside && v.cvss_unreadable == rows[i].unreadable,
		   "scores, row %zu", i);
	}
	arena_free(a);
}

int main(void)
{
	struct world w;

	for (int remembers = 0; remembers < 2; remembers++) {
		world_open(&w, "default");
		follows(&w, remembers);
		world_close(&w);
	}
	world_open(&w, "default");
	scores(&w);
	world_close(&w);
	return done_testing();
}
