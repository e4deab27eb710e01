/*
 * test_validate.c - values that must be taken, changed or refused, without the recordings.
 *
 * Covers what the recorded table does not: sanitised edges, allocation, limits.
 */
#include "base/arena.h"
#include "model/validate.h"
#include "tests/tap/tap.h"

static struct arena *arena;

struct row {
	enum attr_type type;
	const char *in, *out; /* out NULL: refused */
};

static const struct row table[] = {
	{ATTR_IP_DST, "10.0.0.1/32", "10.0.0.1"},
	{ATTR_IP_DST, "10.0.0.1/32/32", NULL},
	{ATTR_IP_DST, "2001:DB8::/32", "2001:db8::/32"},
	{ATTR_IP_DST, "1.2.3.4.5", NULL},
	{ATTR_IP_DST, "1..3.4", NULL},
	{ATTR_IP_DST, "1.2.3.4\x01", NULL},
	{ATTR_IP_SRC, "1[dot]2[DOT]3(dot)4", "1.2.3.4"},
	{ATTR_IP_SRC, ":::", NULL},
	{ATTR_DOMAIN, "..Evil.EXAMPLE..", "evil.example"},
	{ATTR_DOMAIN, "...", NULL},
	{ATTR_DOMAIN, ".com", NULL},
	{ATTR_DOMAIN, "a.b_c", NULL},
	{ATTR_DOMAIN, "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
	{ATTR_DOMAIN, "\xe4\xbe\x8b\xe5\xad\x90.\xe6\xb5\x8b\xe8\xaf\x95", "xn--fsqu00a.xn--0zwm56d"},
	{ATTR_DOMAIN, "stra\xc3\x9f" "e.example", "xn--strae-oqa.example"},
	{ATTR_DOMAIN_IP, "a.example.|10.0.0.1|more", "a.example|10.0.0.1"},
	{ATTR_URL, "hxxps://x[.]example[:]80/(dot)", "https://x.example:80/."},
	{ATTR_URL, "http://[2001:db8::1]/a(b)[c]", "http://[2001:db8::1]/a(b)[c]"},
	{ATTR_URL, "htp://x", "http://x"},
	{ATTR_LINK, "http://under_score.example/", NULL},
	{ATTR_LINK, "https://user:pw@host.example:8080/p?q#f", "https://user:pw@host.example:8080/p?q#f"},
	{ATTR_LINK, "http://-x.example/", NULL},
	{ATTR_LINK, "http://x-.example/", NULL},
	{ATTR_LINK, "http:///path", NULL},
	{ATTR_LINK, "https://x.example./", "https://x.example./"},
	{ATTR_LINK, "mailto:x@example.org", "mailto:x@example.org"},
	{ATTR_LINK, "://x", NULL},
	{ATTR_EMAIL, "@@x.y", "@@x.y"},
	{ATTR_EMAIL, "a@b", NULL},
	{ATTR_MD5, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"},
	{ATTR_FILENAME_MD5, "A|D41D8CD98F00B204E9800998ECF8427E", "A|d41d8cd98f00b204e9800998ecf8427e"},
	{ATTR_FILENAME_MD5, "a\nb|d41d8cd98f00b204e9800998ecf8427e", NULL},
	{ATTR_IP_DST_PORT, "[2001:DB8::1]:80", "2001:db8::1|80"},
	{ATTR_IP_DST_PORT, "2001:db8::1:80", "2001:db8::1|80"},
	{ATTR_IP_DST_PORT, "1.2.3.4|80|81", NULL},
	{ATTR_IP_DST_PORT, "1.2.3.4:80:81", NULL},
	{ATTR_IP_DST_PORT, "[2001:db8::1", NULL},
	{ATTR_IP_DST_PORT, "::", NULL},
	{ATTR_HOSTNAME_PORT, "Evil.Example:443", "evil.example|443"},
	{ATTR_HOSTNAME_PORT, "a.example|+1", NULL},
	{ATTR_AS, "AS1.65536", "131072"},
	{ATTR_AS, "AS", NULL},
	{ATTR_AS, "AS65536.99999", NULL},
	{ATTR_INTEGER, "-0012", "-0012"},
	{ATTR_INTEGER, "-", NULL},
	{ATTR_FLOAT, "1e", NULL},
	{ATTR_FLOAT, ".", NULL},
	{ATTR_FLOAT, "5.", "5."},
	{ATTR_FLOAT, "-1.5E+3", "-1.5E+3"},
	{ATTR_PORT, "99999999999999999999", NULL},
	{ATTR_VULNERABILITY, "gcve-0-2024-12345", "GCVE-0-2024-12345"},
	{ATTR_VULNERABILITY, "CNVD-2024-12345", "CNVD-2024-12345"},
	{ATTR_VULNERABILITY, "CVE\xe2\x80\x94" "2024-1234", "CVE-2024-1234"},
	{ATTR_VULNERABILITY, "GHSA-", NULL},
	{ATTR_VULNERABILITY, "CVE-2024-12a4", NULL},
	{ATTR_UUID, "5c0a1ef4-71aa-4b0d-9e2f-000000000500", "5c0a1ef4-71aa-4b0d-9e2f-000000000500"},
	{ATTR_UUID, "5c0a1ef4", NULL},
	{ATTR_CORTEX, "{\"a\":[1,-0.5e3,null,\"\\u00e4\"]}", "{\"a\":[1,-0.5e3,null,\"\\u00e4\"]}"},
	{ATTR_CORTEX, "{\"a\":1,}", NULL},
	{ATTR_CORTEX, "01", NULL},
	{ATTR_CORTEX, "[1] x", NULL},
	{ATTR_CORTEX, "\"\\x\"", NULL},
	{ATTR_BOOLEAN, "", "0"},
	{ATTR_BOOLEAN, "False", "0"},
	{ATTR_TEXT, "", NULL},
	{ATTR_TEXT, "\x01\x02\x7f", NULL},
	{ATTR_TEXT, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	{ATTR_MAC_ADDRESS, "AABB.CC00.1122", "aa:bb:cc:00:11:22"},
	{ATTR_MAC_ADDRESS, "....", NULL},
	{ATTR_PHONE_NUMBER, "0044 (0)20 123", "+4420123"},
	{ATTR_PHONE_NUMBER, "4+7", NULL},
	{ATTR_SSDEEP, "3:abc:def", "3:abc:def"},
	{ATTR_SSDEEP, "3:a b:def", NULL},
	{ATTR_FILENAME_IMPFUZZY, "a|3:x:y", "a|3:x:y"},
	{ATTR_SSH_FINGERPRINT, "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	 "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
	{ATTR_ONION_ADDRESS, "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion",
	 "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion"},
};

static void values(void)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct row *r = &table[i];
		struct str out, v1, v2;
		struct attr_problem p;
		enum err e = attr_normalise_validate(arena, r->type, str_c(r->in), false, &out, &v1,
						     &v2, &p);

		if (r->out) {
			is_ok(e, "%s is taken", r->in);
			is_view(out, r->out, "%s becomes %s", r->in, r->out);
			ok(p.field == NULL, "no problem");
		} else {
			is_err(e, ERR_INVAL, "%s is refused", r->in);
			ok(p.field && p.text.n, "with a text");
		}
		arena_reset(arena);
	}
}

/* What is canonical already is not copied. */
static void no_allocation(void)
{
	static const struct row good[] = {
		{ATTR_IP_DST, "198.51.100.3", NULL},
		{ATTR_IP_DST, "2001:db8::1", NULL},
		{ATTR_IP_DST, "2001:db8::/32", NULL},
		{ATTR_DOMAIN, "www.evil.example", NULL},
		{ATTR_DOMAIN, ".evil.example.", NULL},
		{ATTR_HOSTNAME, " www.evil.example ", NULL},
		{ATTR_DOMAIN_IP, "evil.example|192.0.2.1", NULL},
		{ATTR_URL, "https://evil.example/a?b", NULL},
		{ATTR_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NULL},
		{ATTR_FILENAME_MD5, "A B.exe|d41d8cd98f00b204e9800998ecf8427e", NULL},
		{ATTR_IP_DST_PORT, "192.0.2.1|80", NULL},
		{ATTR_IP_DST_PORT, "2001:db8::1|80", NULL},
		{ATTR_VULNERABILITY, "CVE-2024-12345", NULL},
		{ATTR_DATETIME, "2024-05-06T07:08:09.000000+0000", NULL},
		{ATTR_MALWARE_SAMPLE, "x|d41d8cd98f00b204e9800998ecf8427e", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		size_t before = arena_used(arena);
		struct str out, v1, v2;
		struct attr_problem p;

		is_ok(attr_normalise_validate(arena, good[i].type, str_c(good[i].in), false, &out,
					      &v1, &v2, &p),
		      "%s", good[i].in);
		is_uint(arena_used(arena), before, "%s is not copied", good[i].in);
	}
}

static void limits(void)
{
	static char big[ATTR_VALUE_MAX + 2];
	OWN(arena) struct arena *tiny = arena_new(64);
	struct str out, v1, v2;
	struct attr_problem p;

	memset(big, 'A', sizeof(big));
	is_ok(attr_normalise_validate(arena, ATTR_TEXT, (struct str){big, ATTR_VALUE_MAX}, false,
				      &out, &v1, &v2, &p),
	      "65535 bytes");
	is_err(attr_normalise_validate(arena, ATTR_TEXT, (struct str){big, sizeof(big)}, false,
				       &out, &v1, &v2, &p),
	       ERR_INVAL, "65537 bytes");
	is_err(attr_normalise_validate(tiny, ATTR_ANONYMISED, (struct str){big, 1000}, false, &out,
				       &v1, &v2, &p),
	       ERR_LIMIT, "a full arena is a limit, not a refusal");
	is_err(attr_normalise_validate(arena, ATTR_NONE, STR("x"), false, &out, &v1, &v2, &p),
	       ERR_INVAL, "no type");
	is_str(p.field, "type", "and says so");
	memset(big, '[', sizeof(big));
	is_err(attr_normalise_validate(arena, ATTR_CORTEX, (struct str){big, 60000}, false, &out,
				       &v1, &v2, &p),
	       ERR_INVAL, "deep nesting is refused");
}

int main(void)
{
	arena = arena_new(4 << 20);
	values();
	no_allocation();
	limits();
	arena_free(arena);
	return done_testing();
}
