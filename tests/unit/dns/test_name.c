/* test_name.c - names: what text and wire forms are taken, and that none reads past its message. */
#include "dns/name.h"

#include "base/own.h"
#include "dns/zone.h"
#include "tests/tap/tap.h"

static const struct {
	const char *text, *origin, *wire; /* wire NULL: no name; without the root's zero */
} forms[] = {
	{"a.example.", NULL, "\1a\7example"},
	{"a.example", NULL, "\1a\7example"},
	{"A.eXample", "z.", "\1a\7example\1z"},
	{"A.example.", "z.", "\1a\7example"},
	{"*.x", "z.", "\1*\1x\1z"},
	{".", "z.", ""},
	{"@", "rpz.z.", "\3rpz\1z"},
	{"@", NULL, ""},
	{"a\\.b.c.", NULL, "\3a.b\1c"},
	{"a\\032b.", NULL, "\3a b"},
	{"\\097.", NULL, "\1a"},
	{"_a-1.", NULL, "\4_a-1"},
	{"32.4.3.2.1.rpz-ip", "z.", "\2""32\1""4\1""3\1""2\1""1\6rpz-ip\1z"},
	{"", NULL, NULL},
	{"..", NULL, NULL},
	{"a..b", NULL, NULL},
	{".a", NULL, NULL},
	{"a\\", NULL, NULL},
	{"a\\25", NULL, NULL},
	{"a\\256.", NULL, NULL},
};

static void from_text(void)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct dns_name origin = {0}, n;
		if (forms[i].origin)
			dns_name_from(str_c(forms[i].origin), NULL, &origin);
		bool fine = dns_name_from(str_c(forms[i].text), origin.n ? &origin : NULL, &n);
		if (!forms[i].wire) {
			ok(!fine, "\"%s\" is none", forms[i].text);
			continue;
		}
		size_t len = strlen(forms[i].wire) + 1;
		ok(fine && n.n == len && memcmp(n.b, forms[i].wire, len) == 0, "\"%s\"", forms[i].text);
	}
}

static void limits(void)
{
	char text[400];
	struct dns_name n, origin;
	memset(text, 'a', sizeof(text));
	ok(dns_name_from((struct str){text, 63}, NULL, &n), "63 bytes in a label");
	ok(!dns_name_from((struct str){text, 64}, NULL, &n), "64 are too many");
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	/* 63+1, 63+1, 63+1, 61+1, root: 255 */
	ok(dns_name_from((struct str){text, 253}, NULL, &n) && n.n == 255, "255 bytes in all");
	ok(!dns_name_from((struct str){text, 254}, NULL, &n), "256 are too many");
	dns_name_from(STR("z."), NULL, &origin);
	ok(dns_name_from((struct str){text, 251}, &origin, &n) && n.n == 255, "255 with the zone");
	ok(!dns_name_from((struct str){text, 252}, &origin, &n), "256 with the zone");
}

static void to_text(void)
{
	char out[DNS_NAME_TEXT];
	struct dns_name n, again;
	dns_name_from(STR("a\\.b\\000\\255\\;x.Example"), NULL, &n);
	is_str(dns_name_text(&n, out), "a\\.b\\000\\255\\;x.example.", "escaped");
	ok(dns_name_from(str_c(out), NULL, &again) && dns_name_eq(&n, &again), "and back");
	n = (struct dns_name){.n = 255};
	for (size_t i = 0; i < 252; i += 64)
		n.b[i] = i < 192 ? 63 : 61;
	dns_name_text(&n, out);
	ok(strlen(out) < sizeof(out), "the longest fits");
	dns_name_from(STR("."), NULL, &n);
	is_str(dns_name_text(&n, out), ".", "the root");
}

static void messages(void)
{
	static const char msg[] = "123456789012\1a\1B\0\1c\xc0\x0c\xc0\x15\xc0\x0c\xff\5ab";
	struct str m = {msg, sizeof(msg) - 1};
	struct dns_name n;
	size_t at = 12;
	ok(dns_name_read(m, &at, &n) && at == 17 && n.n == 5 && n.b[3] == 'b', "plain, in lower case");
	ok(dns_name_read(m, &at, &n) && at == 21 && n.n == 7, "with a pointer");
	ok(!dns_name_read(m, &at, &n), "a pointer to itself");
	at = 23;
	ok(dns_name_read(m, &at, &n) && at == 25, "a pointer alone");
	ok(!dns_name_read(m, &at, &n), "a label of 255");
	at = 26;
	ok(!dns_name_read(m, &at, &n), "a label past the end");
	at = 29;
	ok(!dns_name_read(m, &at, &n), "nothing there");
	static const char into_head[] = "\1a\0 56789012\xc0\x00";
	at = 12;
	ok(!dns_name_read((struct str){into_head, 14}, &at, &n), "a pointer into the head");
	ok(dns_name_ok((struct str){"\1a\0", 3}) && !dns_name_ok((struct str){"\1a", 2}) &&
		   !dns_name_ok((struct str){"\1a\0x", 4}) && !dns_name_ok((struct str){"\xc0\x0c", 2}) &&
		   !dns_name_ok(STR("")),
	   "whole names");
}

static void serials(void)
{
	ok(dns_serial_lt(1, 2) && !dns_serial_lt(2, 1) && !dns_serial_lt(2, 2), "plain");
	ok(dns_serial_lt(UINT32_MAX, 0) && dns_serial_lt(0xfffffff0, 5) && !dns_serial_lt(5, 0xfffffff0),
	   "round the end");
	ok(dns_serial_lt(0, 0x7fffffff) && !dns_serial_lt(0, 0x80000000) && !dns_serial_lt(0x80000000, 0),
	   "half the circle away: neither");
}

int main(void)
{
	from_text();
	limits();
	to_text();
	messages();
	serials();
	return done_testing();
}
