/*
 * test_sighting_stream.c - sightings of a peer's answer, whole and byte by byte, good, odd and bad.
 */
#include "sync/sighting_stream.h"

#include <stdio.h>
#include <string.h>

#include "tests/tap/tap.h"

struct got {
	struct sighting_row rows[8];
	char source[8][300], name[8][300];
	unsigned n;
	bool stop;
};

static enum err on_row(void *user, const struct sighting_row *row, struct fail *f)
{
	struct got *g = user;
	if (g->stop)
		return fail(f, ERR_CANCELLED, "enough");
	if (g->n < ARRAY_LEN(g->rows)) {
		g->rows[g->n] = *row;
		snprintf(g->source[g->n], 300, "%.*s", STR_ARG(row->source));
		snprintf(g->name[g->n], 300, "%.*s", STR_ARG(row->org_name));
	}
	g->n++;
	return ERR_OK;
}

static enum err read_all(const char *text, size_t step, struct got *g)
{
	OWN(sighting_stream) struct sighting_stream *x = sighting_stream_new(on_row, g);
	struct fail f = {0};
	size_t n = strlen(text);
	enum err e = ERR_OK;
	for (size_t i = 0; i < n && e == ERR_OK; i += step)
		e = sighting_stream_feed(x, text + i, i + step > n ? n - i : step, &f);
	return e == ERR_OK ? sighting_stream_end(x, &f) : e;
}

#define U1 "71ac0421-5bd2-4c6e-9f10-000000001057"
#define U2 "71ac041c-5bd2-4c6e-9f10-000000001052"
#define U3 "71ac0069-5bd2-4c6e-9f10-000000000105"
#define ORG "7d3f0b10-2a64-4c39-8e55-a1b2c3d40003"

/* As a MISP answers, then with other things around, without an organisation, with raw numbers. */
static const char answer[] =
	"{\"response\": [{\"Sighting\":{\"id\":\"1\",\"attribute_id\":\"2\",\"org_id\":\"4\","
	"\"date_sighting\":\"1750000400\",\"uuid\":\"" U1 "\",\"source\":\"a\\u0041\",\"type\":\"1\","
	"\"value\":\"x\",\"attribute_uuid\":\"" U2 "\",\"event_uuid\":\"" U3 "\","
	"\"Organisation\":{\"id\":\"4\",\"uuid\":\"" ORG "\",\"name\":\"Remote Reef\"}}},"
	"{\"Sighting\":{\"uuid\":\"" U2 "\",\"Attribute\":{\"uuid\":\"" U3 "\",\"type\":\"2\"},"
	"\"attribute_uuid\":\"" U2 "\",\"date_sighting\":1750000401,\"type\":0,\"source\":null}},"
	"{\"Sighting\":{\"uuid\":\"" U3 "\",\"org_id\":\"0\",\"Organisation\":{\"name\":\"N\"},"
	"\"attribute_uuid\":\"" U2 "\",\"type\":\"0\"}},{\"Sighting\":{\"type\":\"0\"}}]}\n";

static void rows(size_t step)
{
	struct got g = {.n = 0};
	struct uuid u1, u2, u3, org;
	ok(uuid_parse(STR(U1), &u1) && uuid_parse(STR(U2), &u2) && uuid_parse(STR(U3), &u3) &&
		   uuid_parse(STR(ORG), &org),
	   "UUIDs");
	is_ok(read_all(answer, step, &g), "pieces of %zu bytes", step);
	is_uint(g.n, 3, "three have a UUID");
	ok(uuid_eq(g.rows[0].uuid, u1) && uuid_eq(g.rows[0].attribute_uuid, u2) &&
		   uuid_eq(g.rows[0].event_uuid, u3),
	   "whose it is");
	is_int(g.rows[0].date, 1750000400, "when");
	is_uint(g.rows[0].type, 1, "of which kind");
	is_str(g.source[0], "aA", "by what");
	is_str(g.name[0], "Remote Reef", "by whom");
	ok(uuid_eq(g.rows[0].org_uuid, org) && !g.rows[0].no_org, "whose UUID is the organisation's");
	ok(uuid_eq(g.rows[1].uuid, u2) && g.rows[1].type == 0 && g.rows[1].date == 1750000401,
	   "what stands inside changes nothing; raw numbers are read");
	ok(!g.rows[1].org_name.p && uuid_is_nil(g.rows[1].org_uuid) && !g.source[1][0],
	   "nothing is left over from the one before");
	ok(g.rows[2].no_org, "org_id 0 is seen, whoever is named");
}

static void odd(void)
{
	struct got g = {.n = 0};
	is_ok(read_all("[]", 1, &g), "an empty list");
	is_ok(read_all("{\"response\":[]}", 1, &g), "an empty answer");
	is_uint(g.n, 0, "hold none");
	is_ok(read_all("{\"Sighting\":[{\"uuid\":\"" U1 "\"},{\"uuid\":\"" U2 "\"}]}", 3, &g),
	      "a list under the name");
	is_uint(g.n, 2, "holds two");
	g.n = 0;
	is_ok(read_all("[{\"uuid\":\"" U1 "\",\"org_id\":\"4\",\"x\":[{\"uuid\":\"" U3 "\"}]},"
		       "{\"uuid\":\"" U2 "\"},{\"Sighting\":{\"uuid\":\"" U3 "\"}}]",
		       2, &g),
	      "a bare list, as peers push it");
	is_uint(g.n, 3, "holds three, wrapped or not, and none of what stands inside");
	ok(g.rows[0].has_org_id && !g.rows[0].no_org && !g.rows[1].has_org_id,
	   "whether an organisation was given is seen");
	struct uuid u3;
	ok(uuid_parse(STR(U3), &u3) && uuid_eq(g.rows[2].uuid, u3), "the last is the wrapped one");
	g.n = 0;
	is_err(read_all("{\"response\":[{\"Sighting\":{\"uuid\":\"" U1 "\"", 5, &g), ERR_PARSE,
	       "one that ends in the middle");
	is_uint(g.n, 0, "is not told");
	is_err(read_all("{\"response\":[nonsense]}", 4, &g), ERR_PARSE, "no JSON");
	g = (struct got){.stop = true};
	is_err(read_all(answer, 7, &g), ERR_CANCELLED, "the callback ends it");
	char deep[200];
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	is_err(read_all(deep, 50, &g), ERR_LIMIT, "too deep");
}

int main(void)
{
	rows(1);
	rows(13);
	rows(sizeof(answer));
	odd();
	return done_testing();
}
