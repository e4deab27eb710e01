/*
 * test_indicator.c - which values are indicators, in which form; the order of keys and what covers
 * what, against a slow definition; records and back; the two first formats.
 */
#include "feeds/sensor/indicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feeds/sensor/sensor.h"
#include "tests/tap/tap.h"

static struct arena *arena;

/* The same numbers in each run. */
static unsigned pick(unsigned n)
{
	static uint64_t x = 7;
	x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(x >> 33) % n;
}

/* ---- values ---- */

static const struct form {
	attr_type_id type;
	const char *value, *want; /* "kind value, kind value"; "": none */
} forms[] = {
	{ATTR_IP_DST, "198.51.100.7", "ip 198.51.100.7"},
	{ATTR_IP_SRC, "198.51.100.7/24", "ip 198.51.100.0/24"},
	{ATTR_IP_SRC, "198.51.100.7/32", "ip 198.51.100.7"},
	{ATTR_IP_SRC, "2001:DB8:0:0::1", "ip 2001:db8::1"},
	{ATTR_IP_SRC, "2001:db8::ffff/33", "ip 2001:db8::/33"},
	{ATTR_IP_SRC, "::ffff:192.0.2.1", "ip 192.0.2.1"},
	{ATTR_IP_SRC, "0.0.0.0/0", ""},
	{ATTR_IP_SRC, "10.0.0.0/8", "ip 10.0.0.0/8"},
	{ATTR_IP_SRC, "128.0.0.0/1", ""},
	{ATTR_IP_SRC, "8000::/1", ""},
	{ATTR_IP_SRC, "198.51.100.7/33", ""},
	{ATTR_IP_SRC, "198.51.100.7\n", "ip 198.51.100.7"},
	{ATTR_IP_DST_PORT, "198.51.100.7|443", "ip-port 198.51.100.7:443"},
	{ATTR_IP_DST_PORT, "2001:db8::2|443", "ip-port [2001:db8::2]:443"},
	{ATTR_IP_DST_PORT, "198.51.100.7|0", ""},
	{ATTR_DOMAIN, "Evil.Example.", "domain evil.example"},
	{ATTR_DOMAIN, "b\xc3\xbc" "cher.example", "domain xn--bcher-kva.example"},
	{ATTR_DOMAIN, "evil", ""},
	{ATTR_DOMAIN, "evil;.example", ""},
	{ATTR_DOMAIN, "ev il.example", ""},
	{ATTR_DOMAIN, "192.0.2.1", ""},
	{ATTR_DOMAIN, "a..example", ""},
	{ATTR_HOSTNAME, "www.evil.example", "hostname www.evil.example"},
	{ATTR_HOSTNAME, "*.evil.example", "domain evil.example"},
	{ATTR_DOMAIN_IP, "evil.example|192.0.2.9", "domain evil.example, ip 192.0.2.9"},
	{ATTR_URL, "http://b\xc3\xbc" "cher.example:81/\xc3\xbc", "url http://xn--bcher-kva.example:81/\xc3\xbc"},
	{ATTR_URL, "u@b\xc3\xbc" "cher.example", "url u@xn--bcher-kva.example"},
	{ATTR_URL, "http://evil.example/a b\"", "url http://evil.example/a%20b%22"},
	{ATTR_MD5, "D41D8CD98F00B204E9800998ECF8427E", "md5 d41d8cd98f00b204e9800998ecf8427e"},
	{ATTR_MD5, "d41d8cd98f00b204e9800998ecf8427", ""},
	{ATTR_FILENAME_MD5, "a|b.exe|d41d8cd98f00b204e9800998ecf8427e", "filename a"},
	{ATTR_FILENAME_MD5, "b.exe|d41d8cd98f00b204e9800998ecf8427e",
	 "filename b.exe, md5 d41d8cd98f00b204e9800998ecf8427e"},
	{ATTR_AS, "AS0064500", "asn 64500"},
	{ATTR_EMAIL_SRC, "A@B.example", "email-src a@b.example"},
	{ATTR_FILENAME, "a\tb", ""},
	{ATTR_COMMENT, "nothing", ""},
};

static void test_forms(void)
{
	struct indicator out[IND_PARTS];
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		char got[400] = "";
		unsigned n = 0, bad = 0;
		arena_reset(arena);
		ok(ind_of_value(arena, forms[i].type, str_c(forms[i].value), out, &n, &bad) == ERR_OK,
		   "read: %s", forms[i].want);
		for (unsigned k = 0; k < n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s %.*s", k ? ", " : "",
				 ind_kind_name(out[k].kind), STR_ARG(out[k].value));
		is_str(got, forms[i].want, "it is: %s", forms[i].want);
	}
}

/* ---- keys ---- */

/* What covers what, said slowly. */
static bool covers_slowly(const struct indicator *a, const struct indicator *b)
{
	if (a->kind == IND_IP && b->kind == IND_IP) {
		if (a->addr_n != b->addr_n || b->prefix <= a->prefix)
			return false;
		for (unsigned i = 0; i < a->prefix; i++)
			if ((a->addr[i / 8] ^ b->addr[i / 8]) & (0x80 >> i % 8))
				return false;
		return true;
	}
	if (a->kind != IND_DOMAIN || (b->kind != IND_DOMAIN && b->kind != IND_HOST))
		return false;
	if (str_eq(a->value, b->value))
		return b->kind == IND_HOST;
	return b->value.n > a->value.n && str_has_suffix(b->value, a->value) &&
	       b->value.p[b->value.n - a->value.n - 1] == '.';
}

static struct str random_value(enum ind_kind kind)
{
	static const char *const labels[] = {"a", "b", "ab", "a-b", "xn--p1ai", "com", "x1", "_t"};
	if (kind == IND_IP && pick(2))
		return arena_printf(arena, "10.%u.%u.%u/%u", pick(2), pick(3), pick(4),
				    8 + pick(25));
	if (kind == IND_IP)
		return arena_printf(arena, "2001:db8:%x::%x/%u", pick(2), pick(4),
				    20 + pick(109));
	struct str v = str_c(labels[pick(8)]);
	for (unsigned n = 1 + pick(3); n; n--)
		v = arena_printf(arena, "%s.%.*s", labels[pick(8)], STR_ARG(v));
	return v;
}

static void test_keys(void)
{
	enum { N = 400 };
	static struct indicator v[N];
	static struct ind_key k[N];
	static const enum ind_kind some[] = {IND_IP, IND_DOMAIN, IND_HOST};
	unsigned wrong = 0, order = 0, covered = 0;
	for (int i = 0; i < N; i++) {
		if (!ind_make(arena, some[pick(3)], random_value(some[i % 3]), &v[i]) &&
		    i-- > -1)
			continue;
		ind_key(&v[i], &k[i]);
	}
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			bool want = covers_slowly(&v[i], &v[j]), got = ind_key_covers(&k[i], &k[j]);
			bool same = v[i].kind == v[j].kind && str_eq(v[i].value, v[j].value);
			wrong += want != got || same != (ind_key_cmp(&k[i], &k[j]) == 0);
			covered += want;
			order += want && ind_key_cmp(&k[i], &k[j]) >= 0;
		}
	}
	ok(covered > 1000, "enough covers: %u", covered);
	is_int(wrong, 0, "covers and equality as slowly said");
	is_int(order, 0, "what covers stands before");

	char longer[3000];
	struct indicator a, b;
	struct ind_key x, y;
	memset(longer, 'x', sizeof(longer));
	ok(ind_make(arena, IND_URL, (struct str){longer, 2999}, &a) &&
		   ind_make(arena, IND_URL, (struct str){longer, 3000}, &b),
	   "long ones");
	ind_key(&a, &x);
	ind_key(&b, &y);
	ok(x.n == IND_KEY_MAX && ind_key_cmp(&x, &y) != 0, "a digest tells them apart");
}

/* ---- records ---- */

static void test_records(void)
{
	struct indicator i, o;
	OWN(buf) struct buf b = BUF(4096);
	ok(ind_make(arena, IND_IP_PORT, STR("2001:db8::2|443"), &i), "made");
	i.threat_level = 2;
	i.tlp = 3;
	i.type = ATTR_IP_DST_PORT;
	i.last_seen = -5;
	i.number = 77;
	i.attr = uuid_random();
	i.comment = STR("c");
	i.tags = STR("tlp:green\nx");
	ind_pack(&b, &i, true);
	ok(ind_unpack(buf_str(&b), &o), "read back");
	ok(o.kind == i.kind && o.threat_level == 2 && o.tlp == 3 && o.type == i.type &&
		   o.last_seen == -5 && o.number == 77 && uuid_eq(o.attr, i.attr) &&
		   str_eq(o.value, i.value) && str_is(o.comment, "c") && str_eq(o.tags, i.tags) &&
		   o.port == 443 && o.addr_n == 16 && memcmp(o.addr, i.addr, 16) == 0,
	   "all is there");
	unsigned taken = 0;
	for (size_t n = 0; n < b.n; n++)
		taken += ind_unpack((struct str){b.p, n}, &o);
	is_int(taken, 0, "no part of it is a record");
	buf_clear(&b);
	ind_pack(&b, &i, false);
	ok(ind_unpack(buf_str(&b), &o) && !o.comment.n && !o.tags.n, "without context");
}

/* ---- formats ---- */

static struct str param(void *user, const char *name)
{
	const char *const *v = user;
	for (; *v; v += 2)
		if (strcmp(*v, name) == 0)
			return str_c(v[1]);
	return STR_NONE;
}

static void run(const char *format, const char **given, const char *want, const char *changes)
{
	struct indicator i;
	OWN(buf) struct buf b = BUF(4096);
	struct sensor_opts opts = {.param = param, .user = given, .serial = 3, .name = STR("t")};
	struct sensor_run r = {.format = sensor_find(str_c(format))->format, .opts = &opts, .out = &b};
	ok(sensor_begin(&r) == ERR_OK && ind_make(arena, IND_IP, STR("192.0.2.1"), &i) &&
		   sensor_item(&r, &i) == ERR_OK && sensor_end(&r) == ERR_OK,
	   "%s is written", format);
	sensor_free(&r);
	is_str(buf_cstr(&b), want, "%s as it should be", format);
	buf_clear(&b);
	r.state = calloc(1, MAX(r.format->state_size, 1u));
	if (r.format->change_begin)
		ok(r.format->change_begin(&r) == ERR_OK, "changes begin");
	else if (r.format->begin)
		ok(r.format->begin(&r) == ERR_OK, "begin");
	buf_clear(&b);
	ok(sensor_change(&r, SENSOR_GONE, &i) == ERR_OK && sensor_change(&r, SENSOR_COME, &i) == ERR_OK,
	   "changes");
	is_str(buf_cstr(&b), changes, "%s: changes", format);
	sensor_free(&r);
}

static void test_formats(void)
{
	const char *none[] = {NULL}, *timed[] = {"timeout", "60", "set", "x; flush", NULL};
	run("values", none, "192.0.2.1\n", "-192.0.2.1\n+192.0.2.1\n");
	run("nftables", timed,
	    "# t, serial 3\nadd table inet tocsin\n"
	    "add set inet tocsin blocked4 { type ipv4_addr; flags interval,timeout; }\n"
	    "flush set inet tocsin blocked4\n"
	    "add set inet tocsin blocked6 { type ipv6_addr; flags interval,timeout; }\n"
	    "flush set inet tocsin blocked6\n"
	    "add element inet tocsin blocked4 {\n192.0.2.1 timeout 60s\n}\n",
	    "add element inet tocsin blocked4 { 192.0.2.1 timeout 60s }\n"
	    "delete element inet tocsin blocked4 { 192.0.2.1 }\n"
	    "add element inet tocsin blocked4 { 192.0.2.1 timeout 60s }\n");
	ok(!sensor_find(STR("nothing")), "no such format");
	ok(sensor_param_fault(&sensor_nftables, STR("set"), STR("x; flush")) != NULL, "a bad option is told");
	ok(sensor_param_fault(&sensor_nftables, STR("sets"), STR("x")) != NULL, "an unknown one, too");
	ok(sensor_param_fault(&sensor_nftables, STR("set"), STR("x")) == NULL, "a good one is fine");
}

/* Formats that do not say that they write UUIDs, or context, do not. */
static void flags_are_true(void)
{
	static const char *const values[] = {"evil.example", "198.51.100.7", "http://evil.example/a",
					     "d41d8cd98f00b204e9800998ecf8427e", "a@evil.example", "AS64500",
					     "da39a3ee5e6b4b0d3255bfef95601890afd80709"};
	for (const struct sensor_row *row = sensor_rows; row->name; row++) {
		struct sensor_opts opts = {.name = STR("t"), .base_url = STR("http://x")};
		unsigned tried = 0, lies = 0;
		for (unsigned k = 0; k < IND_KINDS; k++)
			for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
				OWN(buf) struct buf a = BUF(1 << 20), b = BUF(1 << 20), head = BUF(1 << 20);
				struct indicator i, bare;
				struct sensor_run r = {.format = row->format, .opts = &opts, .out = &head};
				if (!(row->format->kinds & UINT64_C(1) << k) ||
				    !ind_make(arena, (enum ind_kind)k, str_c(values[v]), &i))
					continue;
				bare = i;
				memset(i.attr.b, 7, 16);
				memset(i.event.b, 8, 16);
				i.comment = i.info = i.org = i.tags = STR("words");
				if (sensor_begin(&r) != ERR_OK)
					continue;
				r.out = &a;
				if (row->format->item(&r, &i) != ERR_OK)
					lies++;
				r.out = &b;
				if (row->format->item(&r, &bare) != ERR_OK)
					lies++;
				tried++;
				lies += !(row->format->flags & (SENSOR_SOURCE | SENSOR_CONTEXT)) &&
					!str_eq(buf_str(&a), buf_str(&b));
				sensor_free(&r);
			}
		ok(!lies, "%s writes what its flags say (%u tried)", row->name, tried);
	}
}

int main(void)
{
	arena = arena_new(16u << 20);
	test_forms();
	test_keys();
	test_records();
	test_formats();
	flags_are_true();
	arena_free(arena);
	return done_testing();
}
