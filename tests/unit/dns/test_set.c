/* test_set.c - lines of the configuration: keys, zones, who may have what, the SOA record. */
#include "dns/set.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/tap/tap.h"

static char dir[] = "test_set.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		bail_out("%s", path);
}

static enum err key(struct dns_set *s, const char *name, const char *alg, const char *file)
{
	char line[200];
	struct fail f = {0};
	snprintf(line, sizeof(line), "%s %s  %s/%s", name, alg, dir, file);
	enum err e = dns_set_key(s, str_c(line), &f);
	ok(!strstr(f.text, "MDEyMzQ1"), "the secret is not told");
	return e;
}

static void keys(void)
{
	OWN(dns_set) struct dns_set *s = dns_set_new();
	struct dns_name n;
	put("bare", "MDEyMzQ1Njc4OWFiY2RlZg==\n");
	put("bind", "key \"k\" {\n\talgorithm hmac-sha256;\n\tsecret \"MDEyMzQ1Njc4OWFiY2RlZg==\";\n};\n");
	put("knot", "key:\n  - id: k\n    algorithm: hmac-sha256\n    secret: MDEyMzQ1Njc4OWFiY2RlZg==\n");
	put("short", "MDEyMw==\n");
	put("broken", "MDEyMzQ1Njc4OWFiY2RlZg=!\n");
	is_ok(key(s, "a.", "hmac-sha256", "bare"), "bare");
	is_ok(key(s, "b", "HMAC-SHA512", "bind"), "as tsig-keygen prints it");
	is_ok(key(s, "c", "hmac-sha384", "knot"), "as keymgr prints it");
	for (const char *c = "a\0b\0c\0"; *c; c += 2) {
		dns_name_from(str_c(c), NULL, &n);
		struct dns_key *k = dns_set_find_key(s, &n);
		ok(k && k->secret_n == 16 && memcmp(k->secret, "0123456789abcdef", 16) == 0, "key %s", c);
	}
	is_err(key(s, "A", "hmac-sha256", "bare"), ERR_CONFIG, "twice");
	is_err(key(s, "d", "hmac-md5", "bare"), ERR_CONFIG, "weak");
	is_err(key(s, "e", "hmac-sha256", "short"), ERR_CONFIG, "short");
	is_err(key(s, "f", "hmac-sha256", "broken"), ERR_CONFIG, "no Base64");
	is_err(key(s, "g", "hmac-sha256", "absent"), ERR_CONFIG, "no file");
	is_err(key(s, "g..h", "hmac-sha256", "bare"), ERR_CONFIG, "no name");
	is_err(dns_set_key(s, STR("x hmac-sha256"), NULL), ERR_CONFIG, "no file named");
}

static const struct {
	const char *line;
	bool fine;
} zones[] = {
	{"rpz.one key=a key=b open=192.0.2.0/24 notify=192.0.2.1 from=x", true},
	{"rpz.two notify=192.0.2.1:5353/a notify=[2001:db8::1]:54 notify=2001:db8::2 notify=::1@55", true},
	{"rpz.three refresh=60 retry=10 expire=3600 minimum=5 ttl=7 ns=ns.x. mbox=me.x.", true},
	{"RPZ.one", false},
	{".", false},
	{"", false},
	{"x.y key=nobody", false},
	{"x.z open=192.0.2.0/33", false},
	{"x.a notify=192.0.2.1:0", false},
	{"x.b notify=name.example", false},
	{"x.c notify=192.0.2.1/nobody", false},
	{"x.d refresh=-1", false},
	{"x.e refresh=4294967296", false},
	{"x.f what=ever", false},
	{"x.g key", false},
	{"x.h ns=a..b", false},
};

static void zone_lines(struct dns_set *s)
{
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		struct dns_zone *z;
		is_err(dns_set_zone(s, str_c(zones[i].line), &z, NULL), zones[i].fine ? ERR_OK : ERR_CONFIG,
		       "%s", zones[i].line);
	}
}

static const struct dns_zone *find(struct dns_set *s, const char *name)
{
	struct dns_name n;
	dns_name_from(str_c(name), NULL, &n);
	return dns_set_find(s, &n);
}

static void access_rules(struct dns_set *s)
{
	const struct dns_zone *z = find(s, "rpz.one"), *two = find(s, "rpz.two");
	uint8_t in[16], out[16];
	net_address(STR("192.0.2.77"), in);
	net_address(STR("198.51.100.1"), out);
	if (!z || !two)
		bail_out("no zones");
	ok(dns_zone_allows(z, NULL, in) && !dns_zone_allows(z, NULL, out), "by address");
	ok(dns_zone_allows(z, z->keys[1], out), "by key");
	struct dns_key other = {0};
	ok(!dns_zone_allows(z, &other, out), "another key");
	ok(!dns_zone_allows(two, NULL, in) && !dns_zone_allows(two, z->keys[0], in), "nobody");
	ok(two->n_targets == 4 && two->targets[0].port == 5353 && two->targets[0].key == z->keys[0] &&
		   two->targets[1].port == 54 && two->targets[2].port == 53 && two->targets[3].port == 55,
	   "whom to tell");
	is_str(z->from, "x", "where it comes from");
}

static void soa(struct dns_set *s)
{
	const struct dns_zone *z = find(s, "rpz.three");
	uint8_t data[DNS_SOA_MAX];
	struct dns_record r;
	if (!z)
		bail_out("no zone");
	dns_zone_soa(z, 0x01020304, data, &r);
	is_uint(r.rdata.n, 6 + 6 + 20, "length");
	is_mem(r.rdata.p, "\2ns\1x\0\2me\1x\0\1\2\3\4\0\0\0\x3c\0\0\0\x0a\0\0\x0e\x10\0\0\0\5", 32, "SOA");
	ok(r.ttl == 7 && r.type == DNS_SOA && str_eq(r.owner, dns_name_str(&z->name)), "its owner");
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no folder");
	keys();
	OWN(dns_set) struct dns_set *s = dns_set_new();
	key(s, "a", "hmac-sha256", "bare");
	key(s, "b", "hmac-sha256", "bind");
	zone_lines(s);
	access_rules(s);
	soa(s);
	for (const char *f = "bare\0bind\0knot\0short\0broken\0"; *f; f += strlen(f) + 1) {
		char path[100];
		snprintf(path, sizeof(path), "%s/%s", dir, f);
		unlink(path);
	}
	rmdir(dir);
	return done_testing();
}
