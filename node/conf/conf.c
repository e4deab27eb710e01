/*
 * conf.c - the rows, reading and showing single values, comparing snapshots.
 */
#include "conf/conf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/rows.h"

/* The flags as options.inc writes them. */
enum { R = CONF_RELOAD, S = CONF_SECRET };

const struct conf_row conf_rows[CONF_ROWS_N] = {
#define SECTION(title) {.section = title},
#define OPTION(k, m, name, d, l, h, fl, t)                                                         \
	{.key = name,                                                                              \
	 .def = d,                                                                                 \
	 .text = t,                                                                                \
	 .kind = CONF_KIND_##k,                                                                    \
	 .flags = fl,                                                                              \
	 .lo = l,                                                                                  \
	 .hi = h,                                                                                  \
	 .offset = offsetof(struct conf, m)},
#define CHOICE(m, name, d, c, fl, t)                                                               \
	{.key = name,                                                                              \
	 .def = d,                                                                                 \
	 .text = t,                                                                                \
	 .choices = c,                                                                             \
	 .kind = CONF_KIND_ENUM,                                                                   \
	 .flags = fl,                                                                              \
	 .offset = offsetof(struct conf, m)},
#include "conf/options.inc"
#undef CHOICE
#undef OPTION
#undef SECTION
};

const struct conf_row *conf_row_find(struct str key)
{
	for (size_t i = 0; i < CONF_ROWS_N; i++)
		if (conf_rows[i].key && str_is(key, conf_rows[i].key))
			return &conf_rows[i];
	return NULL;
}

/* Edit distance of two keys (insert, delete, replace), for "did you mean". */
static size_t distance(struct str a, struct str b)
{
	size_t row[64], diagonal, above;

	if (a.n >= ARRAY_LEN(row) || b.n >= ARRAY_LEN(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			above = row[j];
			row[j] = MIN(MIN(row[j - 1], above) + 1,
				     diagonal + (a.p[i - 1] != b.p[j - 1]));
			diagonal = above;
		}
	}
	return row[b.n];
}

const struct conf_row *conf_row_near(struct str key)
{
	const struct conf_row *best = NULL;
	size_t least = 4;

	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		size_t d;

		if (!conf_rows[i].key)
			continue;
		d = distance(key, str_c(conf_rows[i].key));
		if (d < least) {
			least = d;
			best = &conf_rows[i];
		}
	}
	return best;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},	       {"B", 1},	       {"K", 1 << 10},
	{"KiB", 1 << 10},      {"M", 1 << 20},	       {"MiB", 1 << 20},
	{"G", 1 << 30},	       {"GiB", 1 << 30},       {"T", UINT64_C(1) << 40},
	{"TiB", UINT64_C(1) << 40}, {NULL, 0},
};
static const struct unit us_units[] = {
	{"", 1},       {"us", 1},	 {"ms", 1000},	     {"s", 1000000},
	{NULL, 0},
};
static const struct unit ms_units[] = {
	{"", 1},       {"ms", 1},	 {"s", 1000},	     {"min", 60000},
	{"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(const struct conf_row *r)
{
	return r->kind == CONF_KIND_SIZE ? size_units
	       : r->kind == CONF_KIND_MS ? ms_units
	       : r->kind == CONF_KIND_US ? us_units
					 : no_units;
}

static enum err bad_value(const struct conf_row *r, const char *want, struct fail *f)
{
	return fail(f, ERR_CONFIG, "%s: %s", r->key, want);
}

static enum err read_number(const struct conf_row *r, struct str text, uint64_t *out,
			    struct fail *f)
{
	size_t digits = 0;
	struct str unit;
	uint64_t v;

	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	unit = str_trim(str_sub(text, digits, text.n));
	if (!str_u64(str_sub(text, 0, digits), &v))
		return bad_value(r, "want a number", f);
	for (const struct unit *u = units_of(r); u->name; u++) {
		if (!str_is(unit, u->name))
			continue;
		if (__builtin_mul_overflow(v, u->factor, &v) || v > (uint64_t)r->hi ||
		    v < (uint64_t)r->lo)
			return fail(f, ERR_CONFIG, "%s: want %lld to %lld%s", r->key,
				    (long long)r->lo, (long long)r->hi,
				    r->kind == CONF_KIND_SIZE ? " bytes"
				    : r->kind == CONF_KIND_MS ? " ms"
				    : r->kind == CONF_KIND_US ? " us"
							      : "");
		*out = v;
		return ERR_OK;
	}
	return fail(f, ERR_CONFIG, "%s: unknown unit \"%.*s\"", r->key, STR_ARG(unit));
}

static enum err read_choice(const struct conf_row *r, struct str text, unsigned *out,
			    struct fail *f)
{
	struct str rest = str_c(r->choices), one;

	for (unsigned i = 0; rest.p; i++) {
		rest = str_split(rest, '|', &one);
		if (str_eq(one, text)) {
			*out = i;
			return ERR_OK;
		}
	}
	return fail(f, ERR_CONFIG, "%s: want one of %s", r->key, r->choices);
}

static enum err read_bool(const struct conf_row *r, struct str text, bool *out, struct fail *f)
{
	if (!str_is(text, "true") && !str_is(text, "false"))
		return bad_value(r, "want true or false", f);
	*out = str_is(text, "true");
	return ERR_OK;
}

static enum err read_string(const struct conf_row *r, struct str text, const char **out,
			    struct arena *a, struct fail *f)
{
	if (memchr(text.p, 0, text.n) || !str_utf8_ok(text))
		return bad_value(r, "want text without NUL in UTF-8", f);
	if (text.n < (uint64_t)r->lo || text.n > (uint64_t)r->hi)
		return fail(f, ERR_CONFIG, "%s: want %lld to %lld bytes", r->key, (long long)r->lo,
			    (long long)r->hi);
	/* An empty text is "not set" where that is possible. */
	*out = text.n ? arena_cstr(a, text) : NULL;
	return text.n && !*out ? fail(f, ERR_LIMIT, "%s: too long", r->key) : ERR_OK;
}

/* A list written as one text: "a, b". */
static enum err set_split(struct conf *c, const struct conf_row *r, struct str text,
			  struct arena *a, struct fail *f)
{
	struct str v[CONF_LIST_MAX], one;
	size_t n = 0;

	while (text.n && n < CONF_LIST_MAX) {
		text = str_split(text, ',', &one);
		v[n++] = str_trim(one);
	}
	return text.n ? bad_value(r, "too many entries", f) : conf_set_list(c, r, v, n, a, f);
}

enum err conf_set(struct conf *c, const struct conf_row *r, struct str text, struct arena *a,
		  struct fail *f)
{
	void *to = (char *)c + r->offset;

	if (!text.p)
		text = STR("");
	switch (r->kind) {
	case CONF_KIND_STR:
	case CONF_KIND_PATH:
		return read_string(r, text, to, a, f);
	case CONF_KIND_UUID:
		return uuid_parse(text, to) ? ERR_OK : bad_value(r, "want a UUID", f);
	case CONF_KIND_BOOL:
		return read_bool(r, text, to, f);
	case CONF_KIND_INT:
	case CONF_KIND_SIZE:
	case CONF_KIND_MS:
	case CONF_KIND_US:
		return read_number(r, text, to, f);
	case CONF_KIND_ENUM:
		return read_choice(r, text, to, f);
	case CONF_KIND_LIST:
		return set_split(c, r, text, a, f);
	}
	return ERR_BUG;
}

enum err conf_set_list(struct conf *c, const struct conf_row *r, const struct str *v, size_t n,
		       struct arena *a, struct fail *f)
{
	struct conf_list *to = (void *)((char *)c + r->offset);
	const char **list;

	if (n < (uint64_t)r->lo || n > (uint64_t)r->hi)
		return fail(f, ERR_CONFIG, "%s: want %lld to %lld entries", r->key,
			    (long long)r->lo, (long long)r->hi);
	list = ARENA_ARRAY(a, const char *, n);
	for (size_t i = 0; list && i < n; i++) {
		if (!v[i].n || memchr(v[i].p, 0, v[i].n) || !str_utf8_ok(v[i]))
			return bad_value(r, "an entry is empty or no text", f);
		list[i] = arena_cstr(a, v[i]);
		if (!list[i])
			list = NULL;
	}
	if (!list)
		return fail(f, ERR_LIMIT, "%s: too long", r->key);
	to->v = list;
	to->n = n;
	return ERR_OK;
}

/* A number with the largest unit that divides it. */
static void show_number(struct buf *out, const struct conf_row *r, uint64_t v)
{
	const struct unit *best = NULL;

	for (const struct unit *u = units_of(r); u->name; u++)
		if (v && *u->name && v % u->factor == 0)
			best = u;
	buf_u64(out, best ? v / best->factor : v);
	if (best && v)
		buf_printf(out, " %s", best->name);
}

void conf_show(struct buf *out, const struct conf *c, const struct conf_row *r)
{
	const void *at = (const char *)c + r->offset;
	char uuid[UUID_TEXT_LEN + 1];
	struct str rest, one = STR_NONE;

	switch (r->kind) {
	case CONF_KIND_STR:
	case CONF_KIND_PATH:
		buf_str_add(out, str_c(*(const char *const *)at));
		return;
	case CONF_KIND_UUID:
		if (!uuid_is_nil(*(const struct uuid *)at))
			buf_puts(out, uuid_format(*(const struct uuid *)at, uuid));
		return;
	case CONF_KIND_BOOL:
		buf_puts(out, *(const bool *)at ? "true" : "false");
		return;
	case CONF_KIND_INT:
	case CONF_KIND_SIZE:
	case CONF_KIND_MS:
	case CONF_KIND_US:
		show_number(out, r, *(const uint64_t *)at);
		return;
	case CONF_KIND_ENUM:
		rest = str_c(r->choices);
		for (unsigned i = 0; i <= *(const unsigned *)at; i++)
			rest = str_split(rest, '|', &one);
		buf_str_add(out, one);
		return;
	case CONF_KIND_LIST:
		for (size_t i = 0; i < ((const struct conf_list *)at)->n; i++) {
			buf_puts(out, i ? ", " : "");
			buf_puts(out, ((const struct conf_list *)at)->v[i]);
		}
		return;
	}
}

bool conf_needs_restart(const struct conf *old, const struct conf *now, struct buf *keys)
{
	OWN(buf) struct buf a = BUF(1 << 20), b = BUF(1 << 20);
	bool any = false;

	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		if (!conf_rows[i].key || conf_rows[i].flags & CONF_RELOAD)
			continue;
		buf_clear(&a);
		buf_clear(&b);
		conf_show(&a, old, &conf_rows[i]);
		conf_show(&b, now, &conf_rows[i]);
		if (str_eq(buf_str(&a), buf_str(&b)))
			continue;
		buf_printf(keys, "%s%s", any ? ", " : "", conf_rows[i].key);
		any = true;
	}
	return any;
}

enum err conf_addr_parse(struct str s, struct conf_addr *out, struct fail *f)
{
	struct in6_addr in6;
	struct in_addr in4;
	struct str host;
	uint64_t port;
	size_t colon = s.n;

	*out = (struct conf_addr){0};
	while (colon && s.p[colon - 1] != ':')
		colon--;
	if (!colon || !str_u64(str_sub(s, colon, s.n), &port) || port > 65535)
		return fail(f, ERR_CONFIG, "listen: want ADDRESS:PORT, not \"%.*s\"", STR_ARG(s));
	host = str_sub(s, 0, colon - 1);
	if (str_is(host, "*"))
		host = STR("::");
	else if (str_is(host, "localhost"))
		host = STR("127.0.0.1");
	else if (str_has_prefix(host, STR("[")) && str_has_suffix(host, STR("]")))
		host = str_sub(host, 1, host.n - 2);
	if (host.n >= sizeof(out->host))
		return fail(f, ERR_CONFIG, "listen: address too long");
	memcpy(out->host, host.p, host.n);
	out->port = (uint16_t)port;
	if (inet_pton(AF_INET, out->host, &in4) == 1)
		out->loopback = ntohl(in4.s_addr) >> 24 == 127;
	else if (inet_pton(AF_INET6, out->host, &in6) == 1)
		out->loopback = IN6_IS_ADDR_LOOPBACK(&in6);
	else
		return fail(f, ERR_CONFIG, "listen: \"%s\" is no numeric address", out->host);
	return ERR_OK;
}
