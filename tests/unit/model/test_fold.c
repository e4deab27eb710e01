/*
 * test_fold.c - what counts as the same value, and that folding, comparing and hashing agree.
 */
#include "base/hash.h"
#include "base/own.h"
#include "model/fold.h"
#include "tests/tap/tap.h"

static const struct {
	const char *a, *b;
	bool same;
} table[] = {
	{"EVIL.Example", "evil.example", true},
	{"evil.example ", "evil.example", true},
	{" evil.example", "evil.example", false},
	{"evil.example\t", "evil.example", false},
	{"", "   ", true},
	{"CAFÉ", "cafe", true},
	{"cafe\xcc\x81", "CAFÉ", true},
	{"Ü", "u", true},
	{"ЛАДОГА", "ладога", true},
	{"й", "и", false},
	{"ÆRØ", "ærø", true},
	{"ÆRØ", "aero", false},
	{"o", "Ø", false},
	{"ǽ", "Æ", true},
	{"straße", "STRASSE", false},
	{"STRAẞE", "straße", true},
	{"ΣΊΣΥΦΟΣ", "σισυφος", true},
	{"\xce\x9f\xce\x94\xce\x9f\xcf\x82", "\xce\xbf\xce\xb4\xce\xbf\xcf\x83", true},
	{"İ", "i", true},
	{"漢字", "漢字", true},
	{"漢字", "漢", false},
	{"が", "か", false},
	{"𐐀", "𐐨", true},
	{"Ա", "ա", true},
	{"@[`{", "@[`{", true},
	{"@", "`", false},
	{"[", "{", false},
	{"Ⱥ", "ⱥ", true},
	{"\xff\xfe", "\xff\xfe", true},
	{"\xff", "\xfe", false},
	{"\xe0\x80\x80", "", false},
};

static void pairs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str a = str_c(table[i].a), b = str_c(table[i].b);
		char ra[64], rb[64];
		struct str fa = value_fold_into(a, ra), fb = value_fold_into(b, rb);

		ok(value_same(a, b) == table[i].same, "'%s' and '%s' are %s", table[i].a, table[i].b,
		   table[i].same ? "the same" : "two");
		ok(value_same(b, a) == table[i].same, "the other way round");
		ok(str_eq(fa, fb) == table[i].same, "folding agrees");
		ok((value_hash_key(a, 7) == value_hash_key(b, 7)) == table[i].same, "hash agrees");
		ok(fa.n <= 2 * a.n && fb.n <= 2 * b.n, "at most twice as long");
	}
}

/* Values around the sizes at which the code changes its way. */
static void long_values(void)
{
	static char lower[3000], upper[3000];

	for (size_t i = 0; i < sizeof(lower); i++) {
		lower[i] = (char)('a' + i % 26);
		upper[i] = (char)('A' + i % 26);
	}
	for (size_t n = 0; n < sizeof(lower); n += n < 70 ? 1 : 119) {
		struct str a = {lower, n}, b = {upper, n};
		OWN(buf) struct buf folded = BUF(1 << 16);

		value_fold(&folded, b);
		ok(value_same(a, b) && str_eq(buf_str(&folded), a) &&
			   value_hash_key(a, 1) == value_hash_key(b, 1),
		   "%zu letters", n);
	}
	ok(value_hash_key((struct str){lower, 1024}, 1) ==
		   value_hash_key((struct str){upper, 1024}, 1),
	   "one whole piece");
	ok(value_hash_key(STR("x"), 1) != value_hash_key(STR("x"), 2), "the seed matters");
}

/* Folding twice changes nothing; random bytes never trip it. */
static void random_values(void)
{
	unsigned bad = 0;

	for (unsigned round = 0; round < 20000; round++) {
		char in[40], once[80], twice[160];
		struct str s = {in, round % sizeof(in)}, f, g;

		random_bytes(in, sizeof(in));
		for (size_t i = 0; round % 2 && i < s.n; i++)
			if (in[i] & 0x40)
				in[i] = "\xc3\xa9 Aa\xcc\x81\xe1\xba"[in[i] & 7];
		f = value_fold_into(s, once);
		g = value_fold_into(f, twice);
		bad += !str_eq(f, g) || !value_same(s, f) ||
		       value_hash_key(s, 3) != value_hash_key(f, 3);
	}
	is_uint(bad, 0, "folding is idempotent on random bytes");
}

static void holding(void)
{
	ok(value_holds(STR("http://EVIL.example/x"), STR("evil.ex")), "part");
	ok(!value_holds(STR("http://EVIL.example/x"), STR("good")), "no part");
	ok(value_holds(STR("x"), STR("")), "everything holds nothing");
	ok(value_holds(STR("Crème brûlée"), STR("brule")), "without accents");
}

int main(void)
{
	pairs();
	long_values();
	random_values();
	holding();
	return done_testing();
}
