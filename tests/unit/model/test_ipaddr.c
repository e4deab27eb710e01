/* test_ipaddr.c - our reader and writer of addresses against those of the C library. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/own.h"
#include "model/ipaddr.h"
#include "tests/tap/tap.h"

static bool agree_text(const char *text)
{
	uint8_t a4[4], b4[4], a6[16], b6[16];
	bool v4 = inet_pton(AF_INET, text, b4) == 1, v6 = inet_pton(AF_INET6, text, b6) == 1;

	return ipv4_parse(str_c(text), a4) == v4 && (!v4 || memcmp(a4, b4, 4) == 0) &&
	       ipv6_parse(str_c(text), a6) == v6 && (!v6 || memcmp(a6, b6, 16) == 0);
}

static void known(void)
{
	static const char *const texts[] = {
		"::",		   "::1",	      "1::",	       "1::2",
		":::",		   ":1::",	      "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
		"::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2::3",
		"::ffff:1.2.3.4",  "::1.2.3.4",	      "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3",	   "::1.2.3.04",      "::g",	       "12345::",
		"::12345",	   "1:",	      ":1",	       "1:2:3:4:5:6:7:",
		"FFFF::abcd",	   "fe80::1%eth0",    "[::1]",	       "",
		"1.2.3.4",	   "01.2.3.4",	      "1.2.3",	       "1.2.3.4.",
		"256.1.1.1",	   "1.2.3.4 ",	      "0.0.0.0",       "255.255.255.255",
		"1..2.3",	   "00.0.0.0",	      "::0000:0",      "::00000",
		"1:2:3:4:5:6:7:8.",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ok(agree_text(texts[i]), "'%s'", texts[i]);
}

static void random_addresses(void)
{
	static const char alphabet[] = "0123456789abcdefF:::::....";
	unsigned bad_write = 0, bad_read = 0;

	for (unsigned round = 0; round < 200000; round++) {
		char ours[IPV6_TEXT_MAX], theirs[IPV6_TEXT_MAX];
		uint8_t addr[16], noise[24];
		char text[24];

		random_bytes(addr, sizeof(addr));
		random_bytes(noise, sizeof(noise));
		for (unsigned i = 0; i < 8; i++) /* many zero groups, some short ones */
			if (noise[i] & 3) {
				addr[2 * i] = 0;
				addr[2 * i + 1] = noise[i] & 4 ? noise[i] >> 4 : 0;
			}
		if (noise[8] < 20)
			memcpy(addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		inet_ntop(AF_INET6, addr, theirs, sizeof(theirs));
		bad_write += ipv6_format(addr, ours) != strlen(theirs) || strcmp(ours, theirs) != 0;
		bad_read += !agree_text(theirs);
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = alphabet[noise[i] % (sizeof(alphabet) - 1)];
		text[noise[9] % sizeof(text)] = '\0';
		text[sizeof(text) - 1] = '\0';
		bad_read += !agree_text(text);
	}
	is_uint(bad_write, 0, "written alike");
	is_uint(bad_read, 0, "read alike");
}

int main(void)
{
	known();
	random_addresses();
	return done_testing();
}
