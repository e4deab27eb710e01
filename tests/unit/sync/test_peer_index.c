/*
 * test_peer_index.c - rows of a peer's index, whole and in pieces, short and full, good and bad.
 */
#include "sync/peer_index.h"

#include <stdio.h>
#include <string.h>

#include "tests/tap/tap.h"

struct got {
	struct peer_index_row rows[10];
	unsigned n;
	bool stop;
};

static enum err on_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct got *g = user;
	if (g->stop)
		return fail(f, ERR_CANCELLED, "enough");
	if (g->n < 10)
		g->rows[g->n] = *row;
	g->n++;
	return ERR_OK;
}

/* Feed in pieces of `step` bytes. */
static enum err read_all(const char *text, size_t step, struct got *g)
{
	OWN(peer_index) struct peer_index *x = peer_index_new(on_row, g);
	struct fail f = {0};
	size_t n = strlen(text);
	enum err e = ERR_OK;
	for (size_t i = 0; i < n && e == ERR_OK; i += step)
		e = peer_index_feed(x, text + i, i + step > n ? n - i : step, &f);
	return e == ERR_OK ? peer_index_end(x, &f) : e;
}

#define U1 "71ac0064-5bd2-4c6e-9f10-000000000100"
#define U2 "7d3f0b10-2a64-4c39-8e55-a1b2c3d40003"

static const char minimal[] =
	"[{\"id\":\"1\",\"timestamp\":\"1750000000\",\"sighting_timestamp\":\"0\",\"published\":true,"
	"\"uuid\":\"" U1 "\",\"orgc_uuid\":\"" U2 "\"},"
	"{\"id\":2,\"timestamp\":1750000001,\"published\":\"0\",\"uuid\":\"" U2 "\"},"
	"{\"id\":3,\"published\":1,\"uuid\":\"none\"}]";

static void short_rows(size_t step)
{
	struct got g = {.n = 0};
	struct uuid u1, u2;
	ok(uuid_parse(STR(U1), &u1) && uuid_parse(STR(U2), &u2), "UUIDs");
	is_ok(read_all(minimal, step, &g), "pieces of %zu bytes", step);
	is_uint(g.n, 2, "two rows have a UUID");
	ok(uuid_eq(g.rows[0].uuid, u1) && uuid_eq(g.rows[0].orgc_uuid, u2), "event and creator");
	is_int(g.rows[0].timestamp, 1750000000, "time in quotes");
	ok(g.rows[0].published && !g.rows[1].published, "published as truth and as text");
	is_int(g.rows[1].timestamp, 1750000001, "time as a number");
	ok(uuid_is_nil(g.rows[1].orgc_uuid), "nothing left over from the row before");
}

static void other_forms(void)
{
	struct got g = {.n = 0};
	struct uuid u2;
	ok(uuid_parse(STR(U2), &u2), "UUID");
	is_ok(read_all("[{\"Orgc\":{\"name\":\"x\",\"uuid\":\"" U2 "\"},\"EventTag\":[{\"Tag\":{\"uuid\":\""
		       U2 "\",\"published\":false}}],\"uuid\":\"" U1 "\",\"published\":\"1\"}]",
		       7, &g),
	      "a full row");
	ok(g.n == 1 && uuid_eq(g.rows[0].orgc_uuid, u2) && g.rows[0].published, "its creator");
	g.n = 0;
	is_ok(read_all("{\"id\":\"1\",\"uuid\":\"" U1 "\",\"published\":true}", 3, &g),
	      "an old server's single row");
	is_uint(g.n, 1, "is one row");
	g.n = 0;
	is_ok(read_all("[]", 1, &g), "nothing");
	is_uint(g.n, 0, "is no row");
}

static void bad_ones(void)
{
	struct got g = {.n = 0};
	is_err(read_all("[{\"uuid\":\"" U1 "\"", 5, &g), ERR_PARSE, "cut");
	is_err(read_all("<html>", 5, &g), ERR_PARSE, "not JSON");
	is_err(read_all("", 5, &g), ERR_PARSE, "empty");
	g.stop = true;
	is_err(read_all(minimal, 1000, &g), ERR_CANCELLED, "what the callback says");
}

int main(void)
{
	short_rows(1);
	short_rows(10);
	short_rows(100000);
	other_forms();
	bad_ones();
	return done_testing();
}
