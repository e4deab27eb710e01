/*
 * taxii_revoke.c - see taxii_revoke.h. What a type requires stands in a table; values are placeholders.
 */
#include "sync/taxii_revoke.h"

#include "base/clock.h"
#include "base/jsonw.h"

/* What it needs besides what all objects have. */
enum needs {
	NEEDS_NAME = 1,
	NEEDS_REFS = 2, /* object_refs */
	NEEDS_PATTERN = 4,
	NEEDS_OBSERVED = 8,
	NEEDS_ENDS = 16,
	NEEDS_SIGHTED = 32,
	NEEDS_CONTENT = 64,
	NEEDS_OPINION = 128,
	NEEDS_PUBLISHED = 256,
	NEEDS_CONTEXT = 512,
};

static const struct {
	const char *type;
	unsigned needs;
} kinds[] = {
	{"report", NEEDS_NAME | NEEDS_REFS | NEEDS_PUBLISHED},
	{"grouping", NEEDS_REFS | NEEDS_CONTEXT},
	{"indicator", NEEDS_PATTERN},
	{"observed-data", NEEDS_OBSERVED},
	{"relationship", NEEDS_ENDS},
	{"sighting", NEEDS_SIGHTED},
	{"note", NEEDS_CONTENT | NEEDS_REFS},
	{"opinion", NEEDS_OPINION | NEEDS_REFS},
	{"x-misp-attribute", 0},
	{"x-misp-object", 0},
};

static int kind_of(struct str type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(type, kinds[i].type))
			return (int)i;
	return -1;
}

bool taxii_id_next(struct str *lines, struct taxii_id *out)
{
	struct str line, us;
	uint64_t n;
	if (!lines->p || !lines->n)
		return false;
	*lines = str_split(*lines, '\n', &line);
	us = str_split(line, ' ', &out->id);
	ptrdiff_t at = str_find(out->id, STR("--"));
	if (at <= 0 || !str_u64(us, &n))
		return false;
	out->type = str_sub(out->id, 0, (size_t)at);
	out->modified_us = (int64_t)n;
	return true;
}

bool taxii_id_revocable(const struct taxii_id *id)
{
	return kind_of(id->type) >= 0;
}

static void when_put(struct jsonw *w, const char *key, int64_t us)
{
	OWN(buf) struct buf t = BUF(64);
	struct clock_civil c = clock_to_civil(us / 1000000);
	buf_printf(&t, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"", c.year, c.month, c.day, c.hour, c.minute,
		   c.second, (int)(us % 1000000));
	JSONW_KV(w, jsonw_raw, key, buf_str(&t));
}

static void refs(struct jsonw *w, struct str about)
{
	jsonw_key(w, "object_refs");
	jsonw_arr(w);
	jsonw_str(w, about);
	jsonw_arr_end(w);
}

static void rest(struct jsonw *w, unsigned needs, const struct taxii_id *id, struct str about)
{
	if (needs & NEEDS_NAME)
		JSONW_KV(w, jsonw_c, "name", "(revoked)");
	if (needs & NEEDS_REFS)
		refs(w, about);
	if (needs & NEEDS_PUBLISHED)
		when_put(w, "published", id->modified_us);
	if (needs & NEEDS_CONTEXT)
		JSONW_KV(w, jsonw_c, "context", "unspecified");
	if (needs & NEEDS_PATTERN) {
		JSONW_KV(w, jsonw_c, "pattern", "[domain-name:value = 'revoked.invalid']");
		JSONW_KV(w, jsonw_c, "pattern_type", "stix");
		when_put(w, "valid_from", id->modified_us);
	}
	if (needs & NEEDS_OBSERVED) {
		when_put(w, "first_observed", id->modified_us);
		when_put(w, "last_observed", id->modified_us);
		JSONW_KV(w, jsonw_int, "number_observed", 1);
		refs(w, STR("domain-name--a3a1b3f4-6b45-5a8c-9c0a-3a3f9f2f0f51"));
	}
	if (needs & NEEDS_ENDS) {
		JSONW_KV(w, jsonw_c, "relationship_type", "related-to");
		JSONW_KV(w, jsonw_str, "source_ref", about);
		JSONW_KV(w, jsonw_str, "target_ref", about);
	}
	if (needs & NEEDS_SIGHTED)
		JSONW_KV(w, jsonw_str, "sighting_of_ref", about);
	if (needs & NEEDS_CONTENT)
		JSONW_KV(w, jsonw_c, "content", "(revoked)");
	if (needs & NEEDS_OPINION)
		JSONW_KV(w, jsonw_c, "opinion", "neutral");
}

void taxii_revoked_put(struct buf *b, const struct taxii_id *id, struct str about, int64_t now_us,
		       bool first)
{
	struct jsonw w = jsonw_on(b);
	int kind = kind_of(id->type);
	if (kind < 0)
		return;
	if (!first)
		buf_puts(b, ",\n");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "type", id->type);
	JSONW_KV(&w, jsonw_c, "spec_version", "2.1");
	JSONW_KV(&w, jsonw_str, "id", id->id);
	when_put(&w, "created", id->modified_us);
	when_put(&w, "modified", MAX(now_us, id->modified_us + 1000));
	jsonw_key(&w, "revoked");
	jsonw_bool(&w, true);
	rest(&w, kinds[kind].needs, id, about);
	jsonw_obj_end(&w);
}
