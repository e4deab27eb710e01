/*
 * test_analyst_list.c - lists of analyst data as peers send them: in pieces, empty, odd, broken.
 */
#include "sync/analyst_list.h"

#include <string.h>

#include "tests/tap/tap.h"

#define A "cccccccc-0000-4000-8000-000000000001"
#define B "cccccccc-0000-4000-8000-000000000002"

static enum err read_in(const char *json, size_t step, struct analyst_rows *out)
{
	OWN(analyst_reader) struct analyst_reader *r = analyst_reader_new(out);
	struct fail f = {0};
	size_t n = strlen(json);
	if (!r)
		bail_out("no reader");
	for (size_t i = 0; i < n; i += step)
		TRY(analyst_reader_feed(r, json + i, MIN(step, n - i), &f));
	return analyst_reader_end(r, &f);
}

static struct uuid id(const char *text)
{
	struct uuid u;
	if (!uuid_parse(str_c(text), &u))
		bail_out("no UUID");
	return u;
}

static void lists(size_t step)
{
	OWN(analyst_rows) struct analyst_rows r = {0};
	is_ok(read_in("{\"Opinion\":{\"" B "\":\"2025-06-15 00:00:01\"},\"Gull\":{\"" A
		      "\":\"2025-06-15 00:00:00\"},\"Note\":{\"" A
		      "\":\"1970-01-01 00:00:05\",\"no\":\"2025-06-15 00:00:00\",\"" B
		      "\":{\"" A "\":\"2025-06-15 00:00:00\"}},\"Relationship\":[]}",
		      step, &r),
	      "read in pieces of %zu", step);
	analyst_rows_sort(&r);
	is_uint(r.n, 2, "kinds that are none, UUIDs that are none and what is nested are passed over");
	struct analyst_row *row = analyst_rows_find(&r, ANALYST_NOTE, id(A));
	ok(row && row->modified == 5, "a note and its time");
	ok(analyst_rows_find(&r, ANALYST_OPINION, id(B)) != NULL, "an opinion");
	ok(!analyst_rows_find(&r, ANALYST_NOTE, id(B)), "no other");
}

static void odd(void)
{
	static const struct {
		const char *json;
		enum err want;
		size_t n;
	} rows[] = {
		{"[]", ERR_OK, 0},
		{"{}", ERR_OK, 0},
		{"{\"Note\":[],\"Opinion\":[],\"Relationship\":[]}", ERR_OK, 0},
		{"{\"Note\":{\"" A "\":\"whenever\"}}", ERR_OK, 1},
		{"{\"Note\":{\"" A "\":\"2025-06-15 00:00:00\",\"" A
		 "\":\"2025-06-16 00:00:00\"}}", ERR_OK, 1},
		{"{\"Note\":{\"" A "\":5}}", ERR_OK, 0},
		{"{\"Note\":{\"" A "\":\"2025-06-15", ERR_PARSE, 0},
		{"{\"Note\":{\"" A "\" \"2025\"}}", ERR_PARSE, 0},
		{"<html>", ERR_PARSE, 0},
		{"[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]", ERR_LIMIT, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(analyst_rows) struct analyst_rows r = {0};
		is_err(read_in(rows[i].json, 7, &r), rows[i].want, "%.40s", rows[i].json);
		analyst_rows_sort(&r);
		if (rows[i].want == ERR_OK)
			is_uint(r.n, rows[i].n, "so many rows");
	}
}

int main(void)
{
	static const size_t steps[] = {1, 2, 7, 1000};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		lists(steps[i]);
	odd();
	return done_testing();
}
