/* uuid.h - RFC 4122 UUIDs as 16 bytes. The nil UUID stands for "none". */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

struct uuid {
	uint8_t b[16];
};

#define UUID_TEXT_LEN 36
#define UUID_NIL ((struct uuid){{0}})

static inline bool uuid_eq(struct uuid a, struct uuid b)
{
	return memcmp(a.b, b.b, 16) == 0;
}
bool uuid_is_nil(struct uuid u);
int uuid_cmp(struct uuid a, struct uuid b);
/* Parse the 36-character form, either case. False (and nil) if it is not one. */
bool uuid_parse(struct str s, struct uuid *out);
/* Write the lower-case form and a NUL into `out`. Returns `out`. */
char *uuid_format(struct uuid u, char out[UUID_TEXT_LEN + 1]);
/* A random (version 4) UUID. */
struct uuid uuid_random(void);
/* The name-based (version 5, SHA-1) UUID of `name` in `space`: the same input, the same UUID. */
struct uuid uuid_v5(struct uuid space, struct str name);
