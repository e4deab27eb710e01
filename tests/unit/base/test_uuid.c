/* test_uuid.c - text form, versions 4 and 5. */
#include "base/uuid.h"

#include <stdio.h>

#include "base/own.h"
#include "tests/tap/tap.h"

int main(void)
{
	static const char *const bad[] = {
		"", "5e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e6", "5e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e6f0",
		"5e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e6g", "5e6d9c6e07e6c-4a63-9b0e-1a2b3c4d5e6f",
		"{e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e6}", "5e6d9c6-e7e6c-4a63-9b0e-1a2b3c4d5e6f",
		"5e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e `"};
	/* RFC 4122 appendix C: the name space for host names */
	struct str dns = STR("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	struct uuid u, v;
	char text[UUID_TEXT_LEN + 1];

	ok(uuid_parse(STR("5E6D9c6e-7e6c-4A63-9b0e-1a2b3c4d5e6F"), &u), "either case");
	is_str(uuid_format(u, text), "5e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e6f", "written lower-case");
	is_mem(u.b, "\x5e\x6d\x9c\x6e\x7e\x6c\x4a\x63\x9b\x0e\x1a\x2b\x3c\x4d\x5e\x6f", 16, "bytes");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ok(!uuid_parse(str_c(bad[i]), &v), "refused: %s", bad[i]);
		ok(uuid_is_nil(v), "and nil");
	}
	ok(uuid_parse(dns, &v), "name space");
	is_str(uuid_format(uuid_v5(v, STR("python.org")), text),
	       "886313e1-3b8a-5372-9b90-0c9aee199e5d", "version 5 as Python's documentation has it");
	u = uuid_random();
	v = uuid_random();
	ok(!uuid_eq(u, v) && uuid_cmp(u, v) != 0 && uuid_cmp(u, u) == 0, "random ones differ");
	uuid_format(u, text);
	ok(text[14] == '4' && (u.b[8] & 0xc0) == 0x80, "version 4, variant 1");
	return done_testing();
}
