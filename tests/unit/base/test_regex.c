/*
 * test_regex.c - expressions match where they should, errors have a place, and a search that would
 * take for ever gives up.
 */
#include "base/regex.h"

#include "tests/tap/tap.h"

static struct regex *re(const char *pattern, bool nocase)
{
	struct regex *r = NULL;
	struct fail f = {0};

	is_ok(regex_new(str_c(pattern), nocase, &r, &f), "%s: %s", pattern, f.text);
	return r;
}

static void finds(void)
{
	OWN(regex) struct regex *a = re("\\.gov\\.example$", false);
	OWN(regex) struct regex *b = re("^cafe", true);
	OWN(regex) struct regex *c = re("^.é$", false);
	OWN(regex) struct regex *d = re("^$", false);

	is_int(regex_find(a, STR("www.gov.example")), REGEX_YES, "at the end");
	is_int(regex_find(a, STR("www.gov.example.org")), REGEX_NO, "not in the middle");
	is_int(regex_find(a, STR("WWW.GOV.EXAMPLE")), REGEX_NO, "case counts");
	is_int(regex_find(b, STR("CaFe")), REGEX_YES, "unless told otherwise");
	is_int(regex_find(c, STR("xé")), REGEX_YES, "characters, not bytes");
	is_int(regex_find(c, STR("x\xff")), REGEX_NO, "what is no text matches nothing");
	is_int(regex_find(d, STR_NONE), REGEX_YES, "an absent text is an empty one");
}

static void errors(void)
{
	static const struct {
		const char *pattern;
		const char *says;
	} bad[] = {{"a(b", "at character 4"}, {"[z-a]", "range out of order"}, {"", "1 to"}, {"a\\C", "\\C"}};
	struct fail f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct regex *r = NULL;

		f = (struct fail){0};
		is_err(regex_new(str_c(bad[i].pattern), false, &r, &f), ERR_INVAL, "%s: %s",
		       bad[i].pattern, f.text);
		ok(!r && strstr(f.text, bad[i].says), "says %s", bad[i].says);
	}
}

static void gives_up(void)
{
	OWN(regex) struct regex *r = re("^(a+)+$", false);
	static char hostile[4001];

	memset(hostile, 'a', sizeof(hostile) - 1);
	hostile[sizeof(hostile) - 1] = 'b';
	is_int(regex_find(r, (struct str){hostile, sizeof(hostile)}), REGEX_GAVE_UP,
	       "a search of 2^4000 steps");
	is_int(regex_find(r, STR("aaaa")), REGEX_YES, "and the next one is answered");
}

static void replaces(void)
{
	static const struct {
		const char *pattern, *with, *subject, *made;
	} rows[] = {
		{"gull", "tern", "a gull and a gull", "a tern and a tern"},
		{"(\\w+)@(\\w+)", "$2 at $1", "deck@ship", "ship at deck"},
		{"(\\w+)@(\\w+)", "\\2/\\1", "deck@ship", "ship/deck"},
		{"x", "", "axbx", "ab"},
		{"none", "y", "as it is", "as it is"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(regex) struct regex *r = re(rows[i].pattern, false);
		OWN(buf) struct buf b = BUF(1000);
		is_err(regex_replace(r, str_c(rows[i].subject), str_c(rows[i].with), &b), ERR_OK,
		       "%s in %s", rows[i].pattern, rows[i].subject);
		ok(str_is(buf_str(&b), rows[i].made), "is %s", rows[i].made);
	}
	OWN(regex) struct regex *r = re("a", false);
	OWN(buf) struct buf b = BUF(1000);
	is_err(regex_replace(r, STR("a"), STR("${"), &b), ERR_INVAL, "no replacement");
	is_int((int)b.n, 0, "nothing is appended");
	OWN(buf) struct buf big = BUF(4000);
	char all[1000], with[1000];
	memset(all, 'a', sizeof(all));
	memset(with, 'b', sizeof(with));
	is_err(regex_replace(r, (struct str){all, sizeof(all)}, (struct str){with, sizeof(with)}, &big),
	       ERR_LIMIT, "a million bytes are too many");
}

int main(void)
{
	replaces();
	finds();
	errors();
	gives_up();
	return done_testing();
}
