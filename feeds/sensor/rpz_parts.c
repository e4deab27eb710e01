/* rpz_parts.c - what every response policy zone says the same way: owners, actions, names that fit. */
#include "feeds/sensor/rpz_parts.h"

#include <string.h>

#include "model/ascii.h"

static const struct rpz_policy policies[] = {
	{"NXDOMAIN", ".",
	 "return NXDOMAIN (name does not exist) irrespective of actual result received."},
	{"DROP", "rpz-drop.", "timeout."},
	{"NODATA", "*.",
	 "returns NODATA (name exists but no answers returned) irrespective of actual result "
	 "received."},
	{"Local-Data", NULL, "returns the defined alternate location."},
	{"PASSTHRU", "rpz-passthru.",
	 "lets queries through, but allows for logging the hits (useful for testing)."},
	{"TCP-only", "rpz-tcp-only.", "force the client to use TCP."},
};

const struct rpz_policy *rpz_policy_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (str_eq_nocase(name, str_c(policies[i].name)))
			return &policies[i];
	return NULL;
}

bool rpz_is_policy(struct str name)
{
	return rpz_policy_find(name) != NULL;
}

/* ---- addresses ---- */

/* Groups from last to first, the longest run of zeros as "zz". */
static void ip6_put(struct buf *b, const uint8_t *addr)
{
	static const char hex[] = "0123456789abcdef";
	unsigned group[8], best = 0, best_n = 1;
	for (unsigned i = 0; i < 8; i++)
		group[i] = (unsigned)addr[i * 2] << 8 | addr[i * 2 + 1];
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;
		while (i + n < 8 && !group[i + n])
			n++;
		if (n > best_n) {
			best = i;
			best_n = n;
		}
	}
	for (unsigned i = 8; i-- > 0;) {
		if (best_n > 1 && i >= best && i < best + best_n) {
			if (i == best)
				buf_add(b, ".zz", 3);
			continue;
		}
		bool begun = false;
		buf_putc(b, '.');
		for (int shift = 12; shift >= 0; shift -= 4) {
			unsigned digit = group[i] >> shift & 15;
			begun = begun || digit || !shift;
			if (begun)
				buf_putc(b, hex[digit]);
		}
	}
}

void rpz_ip_put(struct buf *b, const uint8_t *addr, unsigned addr_n, unsigned prefix)
{
	buf_u64(b, prefix);
	if (addr_n == 16)
		ip6_put(b, addr);
	for (unsigned i = 4; addr_n == 4 && i-- > 0;) {
		buf_putc(b, '.');
		buf_u64(b, addr[i]);
	}
}

/* ---- names ---- */

bool rpz_is_name(struct str name, size_t zone_n)
{
	size_t label = 0;
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c == '.' ? !label : !ascii_alnum(c) && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && name.n + zone_n + 3 <= 253 &&
	       !str_eq_nocase(str_sub(name, name.n - label, MIN(label, 4u)), STR("rpz-"));
}

bool rpz_is_word(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] <= ' ' || strchr(";()\"\\", v.p[i]))
			return false;
	return v.n && v.n < 256;
}
