/*
 * names.c - codings by name, and choosing one for an answer. Knows what was built in.
 */
#include "codec/codec.h"

#include <string.h>

/* Of equal qualities the first is chosen: it costs least for what it saves. */
static const struct {
	enum coding coding;
	const char *name, *alias;
	bool encode;
} codings[] = {
#ifdef HAVE_ZSTD
	{CODING_ZSTD, "zstd", NULL, true},
#endif
#ifdef HAVE_BROTLI
	{CODING_BR, "br", NULL, true},
#endif
	{CODING_GZIP, "gzip", "x-gzip", true},
	{CODING_DEFLATE, "deflate", NULL, false},
};

enum coding coding_parse(struct str name)
{
	if (name.n == 0 || str_eq_nocase(name, STR("identity")))
		return CODING_IDENTITY;
	for (size_t i = 0; i < ARRAY_LEN(codings); i++)
		if (str_eq_nocase(name, str_c(codings[i].name)) ||
		    (codings[i].alias && str_eq_nocase(name, str_c(codings[i].alias))))
			return codings[i].coding;
	return CODING_UNKNOWN;
}

const char *coding_name(enum coding c)
{
	for (size_t i = 0; i < ARRAY_LEN(codings); i++)
		if (codings[i].coding == c)
			return codings[i].name;
	return "identity";
}

const char *coding_accept(void)
{
	return "gzip"
#ifdef HAVE_BROTLI
	       ", br"
#endif
#ifdef HAVE_ZSTD
	       ", zstd"
#endif
	       ", deflate";
}

/* "0.25" in thousandths; what is no quality counts as none at all. */
static int quality(struct str q)
{
	int v, unit = 1000;

	if (!q.n || (q.p[0] != '0' && q.p[0] != '1') || (q.n > 1 && q.p[1] != '.') || q.n > 5)
		return 0;
	v = (q.p[0] - '0') * unit;
	for (size_t i = 2; i < q.n; i++) {
		if (q.p[i] < '0' || q.p[i] > '9')
			return 0;
		unit /= 10;
		v += (q.p[i] - '0') * unit;
	}
	return v > 1000 ? 0 : v;
}

/* Quality of one item "name;q=0.5" in thousandths. */
static int item_quality(struct str params)
{
	while (params.p) {
		struct str one, name, value;
		params = str_split(params, ';', &one);
		value = str_split(one, '=', &name);
		if (str_eq_nocase(str_trim(name), STR("q")))
			return value.p ? quality(str_trim(value)) : 0;
	}
	return 1000;
}

/* What the header gives `coding`: by its name, or else by "*". */
static int quality_of(struct str accept, size_t coding)
{
	int star = 0;

	while (accept.p) {
		struct str item, name, params;
		accept = str_split(accept, ',', &item);
		params = str_split(item, ';', &name);
		name = str_trim(name);
		if (str_is(name, "*"))
			star = item_quality(params);
		else if (name.n && coding_parse(name) == codings[coding].coding)
			return item_quality(params);
	}
	return star;
}

enum coding coding_choose(struct str accept)
{
	enum coding best = CODING_IDENTITY;
	int best_q = 0;

	for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
		int q = codings[i].encode ? quality_of(accept, i) : 0;
		if (q > best_q) {
			best = codings[i].coding;
			best_q = q;
		}
	}
	return best;
}

bool coding_accepts(struct str accept, enum coding c)
{
	for (size_t i = 0; i < ARRAY_LEN(codings); i++)
		if (codings[i].coding == c)
			return quality_of(accept, i) > 0;
	return c == CODING_IDENTITY;
}
