/*
 * test_exclude.c - values that never correlate: whole, and with `%` at either end.
 */
#include "search/exclude.h"

#include "base/own.h"
#include "tests/tap/tap.h"
#include "tests/unit/index/seed.h"

static enum err put_all(struct store_wtxn *w, void *arg, struct fail *f)
{
	const char *const *v = arg;

	for (; *v; v++) {
		struct misp_exclusion x = {.value = str_c(*v)};

		x.id = store_new_row_id(w, T_EXCLUSION);
		TRY(store_put(w, T_EXCLUSION, x.id, &x, f));
	}
	return ERR_OK;
}

int main(void)
{
	static const char *rows[] = {"10.0.0.1", "Harbour%", "%.Example.NET", "%reef%", "50%off",
				     "caf\xc3\xa9", "0.0.0.0", NULL};
	static const struct {
		const char *value;
		bool excluded;
	} asked[] = {
		{"10.0.0.1", true},	    {"10.0.0.11", false},     {"harbour", true},
		{"harbour lantern", true},  {"the harbour", false},   {"isle.example.net", true},
		{".example.net", true},	    {"example.net", false},   {"isle.example.net.", false},
		{"remote reef 3", true},    {"reef", true},	      {"50%off", true},
		{"50 and off", false},	    {"cafe", true},	      {"", false},
		{"0.0.0.0", true},	    {"0.0.0", false},
	};
	OWN(exclude) struct exclude *x = NULL;
	struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct seed sd;

	seed_open(&sd, 1);
	is_ok(store_read(sd.s, &t, &f), "read");
	is_ok(exclude_load(t, &x), "an empty table");
	ok(!x && !exclude_match(x, STR("reef")), "excludes nothing");
	store_read_end(t);
	is_ok(store_run(sd.s, put_all, rows, &f), "exclusions");
	is_ok(store_read(sd.s, &t, &f), "read");
	is_ok(exclude_load(t, &x), "loaded");
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		ok(exclude_match(x, str_c(asked[i].value)) == asked[i].excluded, "\"%s\"",
		   asked[i].value);
	store_read_end(t);
	seed_close(&sd);
	return done_testing();
}
