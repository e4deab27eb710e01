/*
 * stix2_attr.c - attributes as STIX: an indicator where it is for detection, observed data where not, and MISP's
 * own object type for what STIX cannot say. What maps to what stands in stix2_types.inc.
 */
#include <stdio.h>

#include "feeds/export/stix2_impl.h"
#include "model/types.h"

enum row_version { VER_B, VER_P, VER_N };
enum row_form { FORM_NONE, FORM_STIX, FORM_RULE, FORM_SDO };

struct row {
	uint8_t form, version;
	const char *checks, *pattern; /* FORM_RULE: its language; FORM_SDO: its type */
	const char *type1, *body1, *type2, *body2;
};

static const struct row rows[ATTR_TYPE_LIMIT] = {
#define S(id, checks, ver, pattern, ...)                                                            \
	[ATTR_##id] = {FORM_STIX, VER_##ver, checks, pattern, __VA_ARGS__},
#define R(id, language) [ATTR_##id] = {.form = FORM_RULE, .checks = "", .pattern = language},
#define D(id, type) [ATTR_##id] = {.form = FORM_SDO, .checks = "", .pattern = type},
#include "feeds/export/stix2_types.inc"
};

/* ---- does the value fit? ---- */

static bool is_hex(struct str v, size_t n)
{
	if (v.n != n)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!strchr("0123456789abcdefABCDEF", v.p[i]) || !v.p[i])
			return false;
	return true;
}

/* Digits without sign or leading zero, at most `max`. */
static bool is_whole(struct str v, uint64_t max)
{
	uint64_t n;
	return str_u64(v, &n) && n <= max && (v.n == 1 || v.p[0] != '0');
}

/* STIX wants hives spelt out, and its validator looks for the short names anywhere. */
static bool hive_is_long(struct str v)
{
	static const char *const names[] = {"HKLM", "HKCC", "HKCR", "HKCU", "HKU",
					    "hklm", "hkcc", "hkcr", "hkcu", "hku"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_find(v, str_c(names[i])) >= 0)
			return false;
	return true;
}

static bool is_mail(struct str v)
{
	ptrdiff_t at = str_chr(v, '@');
	if (at <= 0 || (size_t)at + 1 >= v.n)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if ((uint8_t)v.p[i] <= ' ' || (uint8_t)v.p[i] >= 127 || strchr("()<>,;:\\\"[]|", v.p[i]) ||
		    (v.p[i] == '@' && i != (size_t)at))
			return false;
	struct str host = str_sub(v, (size_t)at + 1, v.n);
	return str_chr(host, '.') > 0 && host.p[host.n - 1] != '.' && str_find(v, STR("..")) < 0 &&
	       v.p[0] != '.' && v.p[at - 1] != '.';
}

static bool is_mac(struct str v)
{
	if (v.n != 17)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (i % 3 == 2 ? v.p[i] != ':' : !v.p[i] || !strchr("0123456789abcdef", v.p[i]))
			return false;
	return true;
}

/* "scheme://host": what an URL of STIX at least has to be. */
static bool is_url(struct str v)
{
	ptrdiff_t at = str_find(v, STR("://"));
	if (at <= 0 || (size_t)at + 3 >= v.n || strchr("/?#:", v.p[at + 3]))
		return false;
	for (ptrdiff_t i = 0; i < at; i++)
		if (!v.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz", v.p[i] | 32))
			return false;
	for (size_t i = 0; i < v.n; i++)
		if ((uint8_t)v.p[i] <= ' ' || (uint8_t)v.p[i] >= 127 || strchr("<>\"{}|\\^`[]", v.p[i]))
			return false;
	return true;
}

/* Observables of 2.0 are no networks. */
static bool fits(const char *checks, const struct str v[2], bool observable, bool old)
{
	while (*checks) {
		struct str part = v[*checks++ - '1'];
		char kind = *checks++;
		size_t n = 0;
		while (*checks >= '0' && *checks <= '9' && kind == 'h')
			n = n * 10 + (size_t)(*checks++ - '0');
		bool ok = kind == 'i'	? ip_version(part, !observable || !old) != 0
			  : kind == 'I' ? ip_version(part, false) != 0
			  : kind == 'p' ? is_whole(part, 65535)
			  : kind == 'n' ? is_whole(part, INT64_MAX)
			  : kind == 'h' ? is_hex(part, n)
			  : !observable || (kind == 'K'	  ? hive_is_long(part)
					    : kind == 'A' ? is_mail(part)
					    : kind == 'U' ? is_url(part)
							  : is_mac(part));
		if (!ok)
			return false;
	}
	return true;
}

/* ---- templates ---- */

void stix2_literal(struct buf *b, struct str v)
{
	buf_putc(b, '\'');
	for (size_t i = 0, from = 0; i <= v.n; i++) {
		if (i < v.n && v.p[i] != '\'' && v.p[i] != '\\')
			continue;
		buf_add(b, v.p + from, i - from);
		from = i;
		if (i < v.n)
			buf_putc(b, '\\');
	}
	buf_putc(b, '\'');
}

/* "ipv4-addr" in place of ^1; other names as they are. */
static const char *type_of(const char *type, const struct str v[2])
{
	if (!type || type[0] != '^')
		return type;
	return ip_version(v[type[1] - '1'], true) == 6 ? "ipv6-addr" : "ipv4-addr";
}

struct filling {
	const struct str *v;
	bool json;
	struct str other; /* what @ stands for */
};

static void fill(struct buf *b, const char *t, const struct filling *f)
{
	while (*t) {
		size_t n = strcspn(t, "$#^@");
		buf_add(b, t, n);
		t += n;
		if (!*t)
			break;
		if (*t == '@') {
			buf_str_add(b, f->other);
			t++;
			continue;
		}
		struct str v = f->v[t[1] - '1'];
		if (*t == '^')
			buf_puts(b, type_of(t, f->v));
		else if (*t == '#')
			buf_str_add(b, v);
		else if (f->json)
			json_quote(b, v);
		else
			stix2_literal(b, v);
		t += 2;
	}
}

/* ---- what all have ---- */

#define TEXT_MAX (256u << 20)

static void said(struct stix2 *w, struct buf *b, const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	OWN(buf) struct buf first = BUF(1024);
	buf_printf(&first, "\"misp:type=\\\"%.*s\\\"\",\"misp:category=\\\"%.*s\\\"\"",
		   STR_ARG(type_name(a->type)), STR_ARG(category_name(a->category)));
	if (a->to_ids)
		LIT(&first, ",\"misp:to_ids=\\\"True\\\"\"");
	if (a->deleted)
		LIT(b, ",\"revoked\":true");
	stix2_labels(w, b, buf_str(&first), &a->tags, el->clusters, el->n_clusters);
}

static void file_data(struct buf *b, struct str data)
{
	if (!data.p)
		return;
	LIT(b, ",\"x_misp_data\":\"");
	base64_encode(b, data);
	buf_putc(b, '"');
}

/* What STIX has no property for; the comment where the type has no description. */
static void rest(struct stix2 *w, struct buf *b, const struct rel_element *el, bool comment)
{
	const struct misp_attr *a = el->attr;
	bool first = a->first_seen != MICRO_NONE && a->first_seen >= 0,
	     last = a->last_seen != MICRO_NONE && a->last_seen >= 0;
	comment &= a->comment.n != 0;
	if (!a->disable_correlation && !first && !last && !comment && !el->data.p)
		return;
	stix2_property_open(w, b);
	if (comment)
		jp_str(b, "x_misp_comment", a->comment);
	if (a->disable_correlation)
		LIT(b, ",\"x_misp_disable_correlation\":true");
	if (first)
		stix2_time(b, "x_misp_first_seen", a->first_seen, true);
	if (last)
		stix2_time(b, "x_misp_last_seen", a->last_seen, true);
	file_data(b, el->data);
	stix2_property_close(w, b);
}

/* The category as a phase, in the form that STIX asks for. */
static void phase(struct buf *b, const struct misp_attr *a)
{
	struct str name = category_name(a->category);
	LIT(b, ",\"kill_chain_phases\":[{\"kill_chain_name\":\"misp-category\",\"phase_name\":\"");
	for (size_t i = 0; i < name.n; i++)
		buf_putc(b, name.p[i] == ' ' ? '-'
			    : name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32)
								   : name.p[i]);
	LIT(b, "\"}]");
}

static int64_t or_else(int64_t us, int64_t other)
{
	return us == MICRO_NONE || us < 0 ? other : MIN(us, stix2_us(INT64_MAX));
}

/* ---- the four forms ---- */

static void indicator(struct stix2 *w, struct buf *b, const struct rel_element *el,
		      const struct row *row, const struct str v[2])
{
	const struct misp_attr *a = el->attr;
	int64_t at = stix2_us(a->timestamp), from = or_else(a->first_seen, at),
		until = or_else(a->last_seen, 0);
	struct uuid u = stix2_uuid(w, a->uuid);
	w->attr_kind = SX_INDICATOR;
	stix2_list(w, SX_INDICATOR, u, NULL);
	if (!stix2_open(w, b, SX_INDICATOR, u, at, at, true))
		return;
	if (a->comment.n)
		jp_str(b, "description", a->comment);
	OWN(buf) struct buf text = BUF(TEXT_MAX);
	if (row->form == FORM_RULE) {
		jp_str(b, "pattern", a->value);
	} else {
		struct filling f = {.v = v};
		buf_putc(&text, '[');
		fill(&text, row->pattern, &f);
		buf_putc(&text, ']');
		jp_str(b, "pattern", buf_str(&text));
	}
	if (w->version == STIX2_1) {
		jp_str(b, "pattern_type", row->form == FORM_RULE ? str_c(row->pattern) : STR("stix"));
		if (row->form != FORM_RULE)
			LIT(b, ",\"pattern_version\":\"2.1\"");
	}
	stix2_time(b, "valid_from", from, true);
	if (until > from)
		stix2_time(b, "valid_until", until, true);
	phase(b, a);
	said(w, b, el);
	rest(w, b, el, false);
	buf_putc(b, '}');
	if (buf_err(&text) != ERR_OK)
		b->err = buf_err(&text);
}

static void observable(struct stix2 *w, struct buf *b, const char *type, const char *body,
		       const struct str v[2], struct uuid u, struct str other)
{
	struct filling f = {.v = v, .json = true, .other = other};
	if (w->version == STIX2_1) {
		stix2_list(w, SX_SCO, u, type);
		if (!stix2_open_plain(w, b, type, u, 0))
			return;
	} else {
		buf_printf(b, "{\"type\":\"%s\"", type);
	}
	buf_putc(b, ',');
	fill(b, body, &f);
	buf_putc(b, '}');
}

static void observed(struct stix2 *w, struct buf *b, const struct rel_element *el,
		     const struct row *row, const struct str v[2])
{
	const struct misp_attr *a = el->attr;
	int64_t at = stix2_us(a->timestamp), from = or_else(a->first_seen, at),
		until = or_else(a->last_seen, from);
	const char *type[2] = {type_of(row->type1, v), type_of(row->type2, v)};
	struct uuid u = stix2_uuid(w, a->uuid), id[2];
	struct str other[2] = {STR("\"0\""), STR("\"1\"")};
	char text[2][80];
	for (int i = 0; i < 2; i++) {
		char uuid[UUID_TEXT_LEN + 1];
		id[i] = uuid_v5(u, i ? STR("second") : STR("first"));
		if (type[i] && *type[i] == '!') {
			id[i] = stix2_derive(u, i ? "second" : "first");
			type[i]++;
		}
		if (w->version == STIX2_1 && type[i])
			other[i] = (struct str){text[i], (size_t)snprintf(text[i], sizeof(text[i]),
									  "\"%s--%s\"", type[i],
									  uuid_format(id[i], uuid))};
	}
	w->attr_kind = SX_OBSERVED;
	stix2_list(w, SX_OBSERVED, u, NULL);
	if (stix2_open(w, b, SX_OBSERVED, u, at, at, true)) {
		stix2_time(b, "first_observed", from, true);
		stix2_time(b, "last_observed", MAX(until, from), true);
		LIT(b, ",\"number_observed\":1,");
		if (w->version == STIX2_1) {
			LIT(b, "\"object_refs\":[");
			buf_str_add(b, other[0]);
			if (type[1]) {
				buf_putc(b, ',');
				buf_str_add(b, other[1]);
			}
			buf_putc(b, ']');
		} else {
			LIT(b, "\"objects\":{\"0\":");
			observable(w, b, type[0], row->body1, v, id[0], other[1]);
			if (type[1]) {
				LIT(b, ",\"1\":");
				observable(w, b, type[1], row->body2, v, id[1], other[0]);
			}
			buf_putc(b, '}');
		}
		said(w, b, el);
		rest(w, b, el, true);
		buf_putc(b, '}');
	}
	if (w->version != STIX2_1)
		return;
	observable(w, b, type[0], row->body1, v, id[0], other[1]);
	if (type[1])
		observable(w, b, type[1], row->body2, v, id[1], other[0]);
}

static void thing(struct stix2 *w, struct buf *b, const struct rel_element *el,
		  const struct row *row)
{
	const struct misp_attr *a = el->attr;
	enum stix2_kind k = a->type == ATTR_VULNERABILITY ? SX_VULNERABILITY : SX_CAMPAIGN;
	int64_t at = stix2_us(a->timestamp);
	struct uuid u = stix2_uuid(w, a->uuid);
	(void)row;
	w->attr_kind = k;
	stix2_list(w, k, u, NULL);
	if (!stix2_open(w, b, k, u, at, at, true))
		return;
	jp_str(b, "name", a->value);
	if (a->comment.n)
		jp_str(b, "description", a->comment);
	if (k == SX_VULNERABILITY && str_has_prefix(a->value, STR("CVE-"))) {
		LIT(b, ",\"external_references\":[{\"source_name\":\"cve\",\"external_id\":");
		json_quote(b, a->value);
		LIT(b, "}]");
	}
	said(w, b, el);
	rest(w, b, el, false);
	buf_putc(b, '}');
}

static void plain(struct stix2 *w, struct buf *b, const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	int64_t at = stix2_us(a->timestamp);
	struct uuid u = stix2_uuid(w, a->uuid);
	w->attr_kind = SX_X_ATTRIBUTE;
	stix2_list(w, SX_X_ATTRIBUTE, u, NULL);
	if (!stix2_open(w, b, SX_X_ATTRIBUTE, u, at, at, true))
		return;
	said(w, b, el);
	jp_str(b, "x_misp_category", category_name(a->category));
	if (a->comment.n)
		jp_str(b, "x_misp_comment", a->comment);
	jp_str(b, "x_misp_type", type_name(a->type));
	jp_str(b, "x_misp_value", a->value);
	/* said in any case: readers else take the type's default */
	buf_puts(b, a->to_ids ? ",\"x_misp_to_ids\":true" : ",\"x_misp_to_ids\":false");
	if (a->first_seen != MICRO_NONE)
		stix2_time(b, "x_misp_first_seen", or_else(a->first_seen, 0), true);
	if (a->last_seen != MICRO_NONE)
		stix2_time(b, "x_misp_last_seen", or_else(a->last_seen, 0), true);
	if (a->disable_correlation)
		LIT(b, ",\"x_misp_disable_correlation\":true");
	file_data(b, el->data);
	stix2_extension(w, b);
	buf_putc(b, '}');
}

enum err stix2_attr(struct stix2 *w, struct buf *b, const struct rel_event *e,
		    const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	const struct row *row = a->type < ATTR_TYPE_LIMIT ? &rows[a->type] : &rows[0];
	const struct type_row *type = type_get(a->type);
	bool pair = type && type_is_pair(type);
	struct str v[2] = {pair ? value_first(a->value) : a->value,
			   pair ? value_second(a->value) : STR_NONE};
	bool old = w->version == STIX2_0, stays = str_utf8_ok(a->value);
	(void)e;
	if (!stays || row->form == FORM_NONE || (old && (row->version == VER_N || row->form == FORM_RULE)))
		plain(w, b, el);
	else if (row->form == FORM_SDO)
		thing(w, b, el, row);
	else if (a->to_ids && (row->form == FORM_RULE || fits(row->checks, v, false, old)))
		indicator(w, b, el, row, v);
	else if (!a->to_ids && row->type1 && !(old && row->version == VER_P) &&
		 fits(row->checks, v, true, old))
		observed(w, b, el, row, v);
	else
		plain(w, b, el);
	return buf_err(b);
}
