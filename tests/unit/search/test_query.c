/* test_query.c - forms of search parameters, each compared as a printed query. */
#include "search/query.h"

#include <stdio.h>

#include "base/buf.h"
#include "tests/tap/tap.h"

#define NOW INT64_C(1750000000)

static void terms(struct buf *b, const char *sep, const struct query_terms *t)
{
	if (!t->n)
		return;
	buf_puts(b, sep);
	for (uint32_t i = 0; i < t->n; i++) {
		if (i)
			buf_putc(b, ',');
		buf_str_add(b, t->v[i]);
	}
}

static void filter(struct buf *b, const char *name, const struct query_filter *g)
{
	if (!g->set)
		return;
	buf_printf(b, "%s", name);
	terms(b, "=", &g->any);
	terms(b, "&", &g->all);
	terms(b, "!", &g->none);
	buf_putc(b, ';');
}

static void edge(struct buf *b, int64_t t)
{
	if (t == INT64_MIN || t == INT64_MAX)
		buf_putc(b, '*');
	else
		buf_i64(b, t);
}

static void range(struct buf *b, const char *name, const struct query_range *r)
{
	if (!r->set)
		return;
	buf_printf(b, "%s:", name);
	if (r->never) {
		buf_puts(b, "never;");
		return;
	}
	edge(b, r->from);
	buf_puts(b, "..");
	edge(b, r->to);
	buf_putc(b, ';');
}

static const char *show(struct buf *b, const struct query *q)
{
	buf_clear(b);
#define F(m) filter(b, #m, &q->m)
	F(value); F(value1); F(value2); F(type); F(category); F(object_relation); F(comment);
	F(uuid); F(eventid); F(tags); F(event_tags); F(org); F(org_nationality); F(org_local);
	F(sharinggroup); F(eventinfo); F(object_name); F(object_template_uuid);
	F(threat_level_id); F(distribution); F(analysis); F(id); F(source); F(sighting_type);
	F(attribute_text); F(email);
#define R(m) range(b, #m, &q->m)
	R(attribute_timestamp); R(event_timestamp); R(publish_timestamp); R(date);
	R(first_seen); R(last_seen); R(sighted);
#define B(m) if (q->m) buf_printf(b, #m "~%u;", (unsigned)q->m)
	B(published); B(to_ids); B(to_ids_output); B(deleted); B(has_proposal); B(limit);
	B(page); B(metadata); B(with_attachments); B(include_context); B(minimal);
	B(enforce_warninglist);
#define T(m) if (q->m.n) buf_printf(b, #m "'%.*s';", STR_ARG(q->m))
	T(searchall); T(index_all); T(order);
	terms(b, "attrs=", &q->requested_attributes);
	if (!str_is(q->return_format, "json"))
		buf_printf(b, "format'%.*s';", STR_ARG(q->return_format));
	return buf_cstr(b);
}

static const struct form {
	enum search_scope scope;
	const char *json, *want;
} forms[] = {
#define E SCOPE_EVENTS
#define A SCOPE_ATTRIBUTES
#define I SCOPE_EVENT_INDEX
	{E, "{}", ""},
	{E, "[]", ""},
	{E, "{\"foghorn\":\"loud\"}", ""},
	{E, "{\"request\":{\"eventid\":\"1\",\"metadata\":1}}", "eventid=1;metadata~1;"},
	/* values */
	{E, "{\"value\":\" google.com \"}", "value=google.com;"},
	{E, "{\"value\":[\"a\",\"b\"]}", "value=a,b;"},
	{E, "{\"value\":\"a||b\"}", "value=a,b;"},
	{E, "{\"value\":\"||b\"}", "value=||b;"},
	{E, "{\"value\":4096}", "value=4096;"},
	{E, "{\"value\":\"\"}", ""},
	{E, "{\"value\":null}", ""},
	{E, "{\"value\":[]}", ""},
	{E, "{\"value\":\"!x\"}", ""},
	{E, "{\"value\":{\"NOT\":[\"x\"]}}", ""},
	{E, "{\"value\":\"a&&!b\"}", "value=a;"},
	{E, "{\"value\":\"a&&b\"}", "value=a,b;"},
	{E, "{\"value\":{\"AND\":[\"a\",\"b\"],\"OR\":\"c\"}}", "value=c&a,b;"},
	{E, "{\"value\":\"2001:0db8:0:0:0:0:0:1\"}", "value=2001:db8::1;"},
	{E, "{\"value\":\"00:11:22:33:44:55\"}", "value=00:11:22:33:44:55;"},
	{A, "{\"value1\":\"boat.exe\",\"value2\":\"x\"}", "value1=boat.exe;value2=x;"},
	{E, "{\"value1\":\"boat.exe\"}", ""},
	/* types and other generic filters */
	{E, "{\"type\":\"!md5\"}", "type!md5;"},
	{E, "{\"type\":[\"yara\",\"!md5\"]}", "type=yara!md5;"},
	{E, "{\"type\":\"email-src\"}", "type=email-src,email;"},
	{A, "{\"type\":{\"OR\":[\"ip-dst\",\"ip-src\"],\"NOT\":[\"ip-src\"]}}",
	 "type=ip-dst,ip-src!ip-src;"},
	{E, "{\"category\":\"Financial fraud\"}", "category=Financial fraud;"},
	{E, "{\"eventid\":\"all\"}", ""},
	{E, "{\"eventid\":[\"!1\",\"!2\"]}", "eventid!1,2;"},
	{E, "{\"eventid\":{\"OR\":[\"1\",\"2\"],\"NOT\":[\"2\"]}}", "eventid=1,2!2;"},
	{E, "{\"tag\":\"tlp:red\"}", "tags=tlp:red;"},
	{E, "{\"tags\":\"tlp:green&&!skerry:net\"}", "tags=tlp:green!skerry:net;"},
	{E, "{\"tags\":{\"AND\":[\"a\",\"b\"],\"NOT\":\"c\"}}", "tags&a,b!c;"},
	{E, "{\"tags\":[\"tlp:red\",\"!tlp:white\",null,\"\"]}", "tags=tlp:red!tlp:white;"},
	{E, "{\"tags\":{\"0\":\"a\",\"1\":\"!b\"}}", "tags=a!b;"},
	{E, "{\"org\":\"!Remote Reef\"}", "org!Remote Reef;"},
	{E, "{\"org.nationality\":\"Iceland\",\"org.local\":1}",
	 "org_nationality=Iceland;org_local=1;"},
	{E, "{\"eventinfo\":\"!%invented%\"}", "eventinfo!%invented%;"},
	{E, "{\"threat_level_id\":[\"1\",3]}", "threat_level_id=1,3;"},
	{E, "{\"threat_level_id\":\"!1\"}", "threat_level_id=0;"},
	{E, "{\"distribution\":1}", "distribution=1;"},
	/* dropped by MISP in this scope */
	{E, "{\"analysis\":\"2\",\"comment\":\"x\",\"object_name\":\"ddos\",\"quickFilter\":\"x\","
	    "\"first_seen\":\"2025-01-01\",\"attribute_timestamp\":\"5h\"}", ""},
	{E, "{\"event_tags\":\"tlp:red\"}", "event_tags=tlp:red;"},
	{A, "{\"event_tags\":\"tlp:red\"}", ""},
	{A, "{\"date\":\"2026-01-01\",\"distribution\":\"0\",\"searchall\":\"%x%\"}", ""},
	{SCOPE_OBJECTS, "{\"object_name\":\"!file\",\"object_template_version\":24}",
	 "object_name!file;"},
	/* flags */
	{E, "{\"published\":1}", "published~2;"},
	{E, "{\"published\":true}", "published~2;"},
	{E, "{\"published\":0}", "published~1;"},
	{E, "{\"published\":\"0\"}", "published~1;"},
	{E, "{\"published\":false}", "published~1;"},
	{E, "{\"published\":[true,false]}", "published~3;"},
	{E, "{\"published\":\"\"}", ""},
	{E, "{\"to_ids\":0}", "to_ids~1;to_ids_output~1;"},
	{E, "{\"to_ids\":\"0\"}", "to_ids~1;"},
	{E, "{\"to_ids\":\"1\"}", "to_ids~2;to_ids_output~2;"},
	{E, "{\"to_ids\":\"exclude\"}", "to_ids~1;to_ids_output~1;"},
	{E, "{\"to_ids\":[0,1]}", "to_ids~3;to_ids_output~3;"},
	{A, "{\"deleted\":\"only\"}", "deleted~2;"},
	{A, "{\"deleted\":[0,1]}", "deleted~3;"},
	{A, "{\"deleted\":0}", "deleted~1;"},
	/* times */
	{E, "{\"timestamp\":1740250000}", "event_timestamp:1740250000..*;"},
	{A, "{\"timestamp\":\"1740250000\"}", "attribute_timestamp:1740250000..*;"},
	{A, "{\"timestamp\":\"5h\",\"event_timestamp\":\"1d\"}",
	 "attribute_timestamp:1749982000..*;event_timestamp:1749913600..*;"},
	{E, "{\"timestamp\":[\"1740250000\",\"1740050000\"]}",
	 "event_timestamp:1740050000..1740250000;"},
	{E, "{\"timestamp\":[0,\"1740050000\"]}", "event_timestamp:*..1740050000;"},
	{E, "{\"timestamp\":0}", ""},
	{E, "{\"timestamp\":\"\"}", ""},
	{E, "{\"timestamp\":[\"5\"]}", "event_timestamp:5..*;"},
	{E, "{\"timestamp\":\"high tide\"}", "event_timestamp:never;"},
	{E, "{\"last\":\"1d\"}", "publish_timestamp:1749913600..*;"},
	{E, "{\"publish_timestamp\":[\"1d\",\"0h\"]}",
	 "publish_timestamp:1749913600..1750000000;"},
	{E, "{\"from\":\"2025-02-01\",\"to\":\"2025-03-31\"}", "date:1738368000..1743379200;"},
	{E, "{\"from\":\"400d\"}", ""},
	{E, "{\"date\":\"400d\"}", "date:1715440000..*;"},
	{A, "{\"first_seen\":\"2025-01-04\",\"last_seen\":\"2025-02-04\"}",
	 "first_seen:1735948800000000..*;last_seen:*..1738627200000000;"},
	/* wildcard mode */
	{E, "{\"searchall\":\"%isle%\"}", "searchall'%isle%';"},
	{E, "{\"searchall\":1,\"value\":\"%isle%\"}", "value=%isle%;searchall'%isle%';"},
	{E, "{\"searchall\":0}", ""},
	{E, "{\"searchall\":false}", ""},
	/* paging, order, options */
	{E, "{\"limit\":\"2\"}", "limit~2;page~1;"},
	{E, "{\"limit\":3,\"page\":0}", "limit~3;page~1;"},
	{E, "{\"limit\":3,\"page\":\"2\"}", "limit~3;page~2;"},
	{E, "{\"limit\":-1,\"page\":2}", ""},
	{E, "{\"page\":2}", ""},
	{E, "{\"order\":[\"threat_level_id asc\",\"id desc\"]}",
	 "order'threat_level_id asc,id desc';"},
	{E, "{\"metadata\":\"0\",\"withAttachments\":true,\"includeContext\":\"1\","
	    "\"enforceWarninglist\":false}", "with_attachments~1;include_context~1;"},
	{A, "{\"requested_attributes\":[\"uuid\",\"value\"],\"returnFormat\":\"csv\"}",
	 "attrs=uuid,valueformat'csv';"},
	/* sightings */
	{SCOPE_SIGHTINGS, "{}", "sighted:1747408000..*;"},
	{SCOPE_SIGHTINGS, "{\"last\":0}", ""},
	{SCOPE_SIGHTINGS, "{\"last\":\"100d\",\"id\":1,\"type\":[0,2],\"org_id\":\"!1\"}",
	 "org!1;id=1;sighting_type=0,2;sighted:1741360000..*;"},
	{SCOPE_SIGHTINGS, "{\"from\":\"2020-01-01\"}", "sighted:1747408000..*;"},
	{SCOPE_SIGHTINGS, "{\"from\":\"2020-01-01\",\"to\":\"2030-01-01\"}",
	 "sighted:1577836800..1893456000;"},
	/* the event index */
	{I, "{\"eventinfo\":\"network|files\"}", "eventinfo=network,files;"},
	{I, "{\"eventinfo\":\"!invented\"}", "eventinfo!invented;"},
	{I, "{\"searcheventinfo\":\"files\",\"searchpublished\":1}",
	 "eventinfo=files;published~2;"},
	{I, "{\"attribute\":\"isle|!google\"}", "attribute_text=isle!google;"},
	{I, "{\"value\":\"a|b\"}", "value=a|b;"},
	{I, "{\"published\":2}", "published~3;"},
	{I, "{\"hasproposal\":0}", "has_proposal~1;"},
	{I, "{\"tags\":\"tlp:green&skerry:net\"}", "tags&tlp:green,skerry:net;"},
	{I, "{\"tags\":\"tlp:red|tlp:white\"}", "tags=tlp:red,tlp:white;"},
	{I, "{\"tags\":[\"tlp:red\",\"!x\"]}", "tags=tlp:red!x;"},
	{I, "{\"datefrom\":\"2025-02-01\",\"dateuntil\":\"2025-03-31\"}",
	 "date:1738368000..1743379200;"},
	{I, "{\"threatlevel\":\"1|2\",\"analysis\":\"!4\"}", "threat_level_id=1,2;analysis!4;"},
	{I, "{\"timestamp\":[\"1740050000\",\"1740250000\"]}",
	 "event_timestamp:1740050000..1740250000;"},
	{I, "{\"sort\":\"info\",\"direction\":\"asc\",\"limit\":3}",
	 "limit~3;page~1;order'info asc';"},
	{I, "{\"minimal\":1,\"all\":\"skerry\"}", "minimal~1;index_all'skerry';"},
	{I, "{\"eventid\":\"!1\",\"org\":\"remote reef\",\"email\":\"admin\"}",
	 "eventid!1;org=remote reef;email=admin;"},
};

static const struct {
	enum search_scope scope;
	const char *part[4];
	const char *want;
} paths[] = {
	{E, {"eventid:1", "metadata:1"}, "eventid=1;metadata~1;"},
	{E, {"json", "203.0.113.200"}, "value=203.0.113.200;"},
	{E, {"csv", "null", "md5"}, "type=md5;format'csv';"},
	{E, {"null", "http;//x.example"}, "value=http://x.example;"},
	{A, {"type:yara"}, "type=yara;"},
	{A, {"json", "2001:db8::1"}, "value=2001:db8::1;"},
	{I, {"searcheventinfo:files", "searchpublished:1"}, "eventinfo=files;published~2;"},
};

int main(void)
{
	struct arena *a = arena_new(1 << 20);
	struct buf b = BUF(1 << 16);
	struct fail f = {0};
	struct query q;
	json_t *j;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		j = json_loads(forms[i].json, 0, NULL);
		if (!j)
			bail_out("form %zu is not JSON", i);
		is_ok(query_parse(&q, forms[i].scope, j, a, NOW, &f), "%s", forms[i].json);
		is_str(show(&b, &q), forms[i].want, "scope %d %s", forms[i].scope, forms[i].json);
		json_decref(j);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct str part[4];
		size_t n = 0;

		for (; n < 4 && paths[i].part[n]; n++)
			part[n] = str_c(paths[i].part[n]);
		is_ok(query_from_path(paths[i].scope, part, n, &j, &f), "path %zu", i);
		is_ok(query_parse(&q, paths[i].scope, j, a, NOW, &f), "path %zu is read", i);
		is_str(show(&b, &q), paths[i].want, "path %s ...", paths[i].part[0]);
		json_decref(j);
	}
	is_ok(query_parse(&q, E, NULL, a, NOW, &f), "no parameters");
	j = json_loads("{\"timestamp\":[1,2,3]}", 0, NULL);
	is_err(query_parse(&q, E, j, a, NOW, &f), ERR_INVAL, "three times are no range");
	json_decref(j);
	j = json_loads("[1]", 0, NULL);
	is_err(query_parse(&q, E, j, a, NOW, &f), ERR_INVAL, "a list is no set of parameters");
	json_decref(j);
	j = json_loads("{\"comment\":\"landing\",\"value\":\"!x\",\"quickFilter\":\"%y%\"}", 0, NULL);
	is_ok(query_parse_extra(&q, E, j, a, NOW, &f), "more than MISP");
	is_str(show(&b, &q), "value!x;comment=landing;searchall'%y%';", "all of it is there");
	json_decref(j);
	ok(query_knows(E, STR("value")) && !query_knows(E, STR("foghorn")), "names");

	/* a long list does not run over a small arena unnoticed */
	arena_free(a);
	a = arena_new(4096);
	j = json_object();
	json_object_set_new(j, "value", json_array());
	for (int i = 0; i < 2000; i++)
		json_array_append_new(json_object_get(j, "value"), json_string("v"));
	is_err(query_parse(&q, E, j, a, NOW, &f), ERR_LIMIT, "too many terms");
	json_decref(j);
	arena_free(a);
	buf_free(&b);
	return done_testing();
}
