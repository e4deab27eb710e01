/*
 * bench_validate.c - nanoseconds to normalise, validate and fold one value of the common types.
 *
 * Build without sanitizers (CFLAGS=-O2). Not part of the checks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/arena.h"
#include "base/own.h"
#include "model/fold.h"
#include "model/validate.h"

#define ROUNDS 2000000u

static const struct {
	enum attr_type type;
	const char *value;
} cases[] = {
	{ATTR_IP_DST, "198.51.100.37"},
	{ATTR_IP_DST, "2001:db8:85a3::8a2e:370:7334"},
	{ATTR_IP_DST_PORT, "198.51.100.37|8443"},
	{ATTR_DOMAIN, "login.secure-mail.example.org"},
	{ATTR_DOMAIN, "Login.Secure-Mail.example.ORG"},
	{ATTR_HOSTNAME, "mx1.login.secure-mail.example.org"},
	{ATTR_DOMAIN_IP, "login.secure-mail.example.org|198.51.100.37"},
	{ATTR_URL, "http://login.secure-mail.example.org/a/b/c.php?id=12345&x=y"},
	{ATTR_URL, "hxxp://login[.]secure-mail[.]example[.]org/a/b/c.php?id=12345"},
	{ATTR_MD5, "d41d8cd98f00b204e9800998ecf8427e"},
	{ATTR_SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	{ATTR_SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{ATTR_SHA256, "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"},
	{ATTR_FILENAME_SHA256,
	 "invoice_2024.pdf.exe|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{ATTR_FILENAME, "C:\\Users\\Public\\invoice_2024.pdf.exe"},
	{ATTR_EMAIL_SRC, "billing@secure-mail.example.org"},
	{ATTR_TEXT, "a short remark about what was seen"},
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	uint64_t sum = 0;

	printf("%9s %9s  %s\n", "validate", "hash key", "value");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str v = str_c(cases[i].value), out, v1, v2;
		struct arena_mark mark = arena_mark(a);
		struct attr_problem problem;
		double from = now_ns(), between;

		for (unsigned k = 0; k < ROUNDS; k++) {
			sum += attr_normalise_validate(a, cases[i].type, v, false, &out, &v1, &v2,
						       &problem) == ERR_OK;
			arena_rewind(a, mark);
		}
		between = now_ns();
		for (unsigned k = 0; k < ROUNDS; k++)
			sum += value_hash_key(v, k);
		printf("%6.1f ns %6.1f ns  %s\n", (between - from) / ROUNDS,
		       (now_ns() - between) / ROUNDS, cases[i].value);
	}
	printf("(%" PRIu64 ")\n", sum);
	return 0;
}
