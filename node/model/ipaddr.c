/*
 * ipaddr.c - read and write IP addresses.
 *
 * Leading zeros in a dotted quad are refused: they mean octal to some programs.
 */
#include "model/ipaddr.h"

#include "model/ascii.h"

bool ipv4_parse(struct str s, uint8_t out[4])
{
	unsigned octet = 0, digits = 0, value = 0;

	if (s.n < 7 || s.n > 15)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (!digits || octet == 3)
				return false;
			out[octet++] = (uint8_t)value;
			digits = value = 0;
			continue;
		}
		if (!ascii_digit(s.p[i]) || (digits && !value))
			return false;
		value = value * 10 + (unsigned)(s.p[i] - '0');
		digits++;
		if (value > 255)
			return false;
	}
	out[3] = (uint8_t)value;
	return octet == 3 && digits;
}

static unsigned hex_value(char c)
{
	return ascii_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

bool ipv6_parse(struct str s, uint8_t out[16])
{
	size_t i = 0, n = 0, gap = 17; /* bytes written; where "::" stands */

	if (s.n < 2 || s.n >= IPV6_TEXT_MAX)
		return false;
	if (s.p[0] == ':') {
		if (s.p[1] != ':')
			return false;
		gap = 0;
		i = 2;
	}
	while (i < s.n) {
		unsigned value = 0, digits = 0;
		size_t from = i;

		for (; i < s.n && ascii_hex(s.p[i]) && digits < 5; i++, digits++)
			value = value << 4 | hex_value(s.p[i]);
		if (i < s.n && s.p[i] == '.') {
			if (n > 12 || !ipv4_parse(str_sub(s, from, s.n), out + n))
				return false;
			n += 4;
			break;
		}
		if (!digits || digits > 4 || n > 14)
			return false;
		out[n++] = (uint8_t)(value >> 8);
		out[n++] = (uint8_t)value;
		if (i == s.n)
			break;
		if (s.p[i++] != ':' || i == s.n)
			return false;
		if (s.p[i] == ':') {
			if (gap != 17)
				return false;
			gap = n;
			i++;
		}
	}
	if (gap == 17)
		return n == 16;
	if (n > 14) /* "::" stands for at least one group */
		return false;
	memmove(out + 16 - (n - gap), out + gap, n - gap);
	memset(out + gap, 0, 16 - n);
	return true;
}

static char *put_decimal(char *p, unsigned v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

static char *put_group(char *p, unsigned v)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = v > 0xfff ? 12 : v > 0xff ? 8 : v > 0xf ? 4 : 0; shift >= 0; shift -= 4)
		*p++ = digits[v >> shift & 15];
	return p;
}

unsigned ipv6_format(const uint8_t addr[16], char out[IPV6_TEXT_MAX])
{
	unsigned group[8], from = 8, len = 1;
	bool dotted;
	char *p = out;

	for (unsigned i = 0; i < 8; i++)
		group[i] = (unsigned)addr[2 * i] << 8 | addr[2 * i + 1];
	for (unsigned i = 0; i < 8; i++) { /* the first longest run of zeros, two at least */
		unsigned n = 0;

		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > len) {
			from = i;
			len = n;
		}
		i += n;
	}
	dotted = from == 0 && (len == 6 || (len == 7 && group[7] != 1) ||
			       (len == 5 && group[5] == 0xffff));
	for (unsigned i = 0; i < 8; i++) {
		if (i == from) {
			*p++ = ':';
			i += len - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		if (i == 6 && dotted) {
			for (unsigned k = 12; k < 16; k++) {
				if (k > 12)
					*p++ = '.';
				p = put_decimal(p, addr[k]);
			}
			break;
		}
		p = put_group(p, group[i]);
	}
	*p = '\0';
	return (unsigned)(p - out);
}
