/*
 * normalise.c - canonical forms of values: case, defanging, addresses, names, numbers.
 *
 * Every function returns its argument, or a view into it, when nothing has to change. Text is
 * copied into the arena only when it must be rewritten. Rules: rest-api.md section 5.2 and the
 * recordings.
 */
#include "model/normalise.h"

#include <idn2.h>

#include "base/own.h"
#include "model/ascii.h"
#include "model/datetime.h"
#include "model/ipaddr.h"
#include "model/validate.h"

typedef struct str (*norm_fn)(struct arena *, struct str);

static struct str joined(const char *p, const char *end)
{
	return (struct str){p, (size_t)(end - p)};
}

/* ---- letters ---- */

static struct str change_case(struct arena *a, struct str s, size_t from, char first)
{
	char *p;

	if (!ascii_has_letter(str_sub(s, from, s.n), first))
		return s;
	p = arena_cstr(a, s);
	if (!p)
		return STR_NONE;
	for (size_t i = from; i < s.n; i++)
		p[i] = first == 'A' ? ascii_to_lower(p[i]) : ascii_to_upper(p[i]);
	return (struct str){p, s.n};
}

static struct str norm_none(struct arena *a, struct str s)
{
	(void)a;
	return s;
}

static struct str norm_lower(struct arena *a, struct str s)
{
	return change_case(a, s, 0, 'A');
}

static struct str norm_upper(struct arena *a, struct str s)
{
	return change_case(a, s, 0, 'a');
}

static struct str norm_lower_2nd(struct arena *a, struct str s)
{
	ptrdiff_t pipe = str_chr(s, '|');

	return pipe < 0 ? s : change_case(a, s, (size_t)pipe, 'A');
}

/* ---- keeping some bytes ---- */

typedef bool (*keep_fn)(char c);

static bool keep_alnum(char c)
{
	return ascii_alnum(c);
}
static bool keep_digit(char c)
{
	return ascii_digit(c);
}
static bool keep_phone(char c)
{
	return ascii_digit(c) || c == '+';
}
static bool keep_no_colon(char c)
{
	return c != ':';
}
static bool keep_mac(char c)
{
	return !strchr(".:- ", c) || c == '\0';
}

static struct str keep_only(struct arena *a, struct str s, keep_fn keep)
{
	size_t i = 0, n;
	char *p;

	while (i < s.n && keep(s.p[i]))
		i++;
	if (i == s.n)
		return s;
	p = arena_cstr(a, s);
	if (!p)
		return STR_NONE;
	for (n = i; i < s.n; i++)
		if (keep(s.p[i]))
			p[n++] = s.p[i];
	return (struct str){p, n};
}

static struct str norm_upper_alnum(struct arena *a, struct str s)
{
	s = keep_only(a, s, keep_alnum);
	return s.p ? norm_upper(a, s) : s;
}

static struct str norm_digits(struct arena *a, struct str s)
{
	return keep_only(a, s, keep_digit);
}

static struct str norm_lower_no_colon(struct arena *a, struct str s)
{
	s = keep_only(a, s, keep_no_colon);
	return s.p ? norm_lower(a, s) : s;
}

/* "0047 (0) 22" is "+4722". The prefix is looked for last, so that the result is stable. */
static struct str norm_phone(struct arena *a, struct str s)
{
	char *p, *end;

	if (str_find(s, STR("(0)")) >= 0) {
		p = end = arena_alloc(a, s.n);
		if (!p)
			return STR_NONE;
		for (size_t i = 0; i < s.n; i++) {
			if (s.n - i >= 3 && memcmp(s.p + i, "(0)", 3) == 0)
				i += 2;
			else
				*end++ = s.p[i];
		}
		s = joined(p, end);
	}
	s = keep_only(a, s, keep_phone);
	return str_has_prefix(s, STR("00")) ? arena_printf(a, "+%.*s", STR_ARG(str_sub(s, 2, s.n)))
					    : s;
}

static struct str norm_mac(struct arena *a, struct str s)
{
	struct str bare = keep_only(a, s, keep_mac);
	char *p, *end;

	if (!bare.n)
		return bare;
	p = end = arena_alloc(a, bare.n + bare.n / 2 + 1);
	if (!p)
		return STR_NONE;
	for (size_t i = 0; i < bare.n; i++) {
		if (i && i % 2 == 0)
			*end++ = ':';
		*end++ = ascii_to_lower(bare.p[i]);
	}
	return str_eq(s, joined(p, end)) ? s : joined(p, end);
}

/* ---- identifiers and numbers ---- */

/* Typographic dashes (U+2010 to U+2014) become hyphens. */
static struct str plain_hyphens(struct arena *a, struct str s)
{
	char *p, *end;

	if (ascii_only(s))
		return s;
	p = end = arena_alloc(a, s.n + 1);
	if (!p)
		return STR_NONE;
	for (size_t i = 0; i < s.n; i++) {
		if (s.n - i >= 3 && memcmp(s.p + i, "\xe2\x80", 2) == 0 &&
		    (unsigned char)(s.p[i + 2] - '\x90') <= 4) {
			*end++ = '-';
			i += 2;
		} else {
			*end++ = s.p[i];
		}
	}
	return joined(p, end);
}

/* Others than CVE, GCVE and CWE have identifiers in which case means something. */
static struct str norm_upper_id(struct arena *a, struct str s)
{
	static const struct str upper[] = {{"cve-", 4}, {"gcve-", 5}, {"cwe-", 4}};

	s = plain_hyphens(a, s);
	for (size_t i = 0; s.p && i < ARRAY_LEN(upper); i++)
		if (str_eq_nocase(str_sub(s, 0, upper[i].n), upper[i]))
			return norm_upper(a, s);
	return s;
}

/* "AS1.10" is 65546. */
static struct str norm_as(struct arena *a, struct str s)
{
	struct str high, low;
	uint64_t h, l;

	if (str_eq_nocase(str_sub(s, 0, 2), STR("AS")))
		s = str_sub(s, 2, s.n);
	low = str_split(s, '.', &high);
	if (low.p && str_u64(high, &h) && str_u64(low, &l) && h <= UINT32_MAX && l <= UINT32_MAX)
		return arena_printf(a, "%llu", (unsigned long long)(h * 65536 + l));
	return s;
}

static struct str norm_boolean(struct arena *a, struct str s)
{
	(void)a;
	if (s.n == 0 || str_is(s, "0") || str_eq_nocase(s, STR("false")))
		return STR("0");
	return str_is(s, "1") ? s : STR("1");
}

/* ---- addresses ---- */

/* An IPv6 address in its shortest form; what is none is returned as it is. */
static struct str compress_ipv6(struct arena *a, struct str s)
{
	uint8_t addr[16];
	char shorter[IPV6_TEXT_MAX];

	if (!ascii_has(s, ':') || !ipv6_parse(s, addr))
		return s;
	ipv6_format(addr, shorter);
	return str_is(s, shorter) ? s : arena_str(a, str_c(shorter));
}

/* A mask that leaves one address is dropped; other masks stay, host bits too. */
static struct str norm_ip(struct arena *a, struct str s)
{
	struct str addr, mask, shorter;

	if (!ascii_has(s, ':')) {
		addr = str_sub(s, 0, s.n - 3);
		return str_has_suffix(s, STR("/32")) && value_is_ipv4(addr) ? addr : s;
	}
	mask = str_split(s, '/', &addr);
	shorter = compress_ipv6(a, addr);
	if (!mask.p || !shorter.p || str_is(mask, "128"))
		return shorter;
	if (shorter.p == addr.p)
		return s;
	return arena_printf(a, "%.*s/%.*s", STR_ARG(shorter), STR_ARG(mask));
}

/* Where the port begins in one of the ways of writing an IPv6 address with a port. */
static bool split_ipv6_port(struct str s, struct str *addr, struct str *port)
{
	static const struct str marks[] = {{"]:", 2}, {"|", 1}, {".", 1},
					   {" port ", 6}, {"p", 1}, {"#", 1}};
	size_t i = s.p[0] == '[' ? 0 : 1, end = i ? ARRAY_LEN(marks) : 1;

	for (; i < end; i++) {
		ptrdiff_t at = str_find(s, marks[i]);

		if (at <= 0)
			continue;
		*addr = str_sub(s, s.p[0] == '[', (size_t)at - (s.p[0] == '['));
		*port = str_sub(s, (size_t)at + marks[i].n, s.n);
		return true;
	}
	if (s.p[0] == '[')
		return false;
	for (i = s.n; i > 0 && s.p[i - 1] != ':'; i--)
		;
	*addr = str_sub(s, 0, i ? i - 1 : 0);
	*port = str_sub(s, i, s.n);
	return i > 0;
}

/* "1.2.3.4:80", "[2001:db8::1]:80" and others become "address|port". */
static struct str norm_ip_port(struct arena *a, struct str s)
{
	ptrdiff_t colon = str_chr(s, ':');
	struct str addr, port, shorter;

	if (colon < 0)
		return s;
	if (str_chr(str_sub(s, (size_t)colon + 1, s.n), ':') >= 0) {
		if (!split_ipv6_port(s, &addr, &port))
			return s;
	} else {
		port = str_split(s, ':', &addr);
	}
	shorter = compress_ipv6(a, addr);
	if (!shorter.p)
		return STR_NONE;
	if (shorter.p == s.p && s.p[addr.n] == '|')
		return s;
	return arena_printf(a, "%.*s|%.*s", STR_ARG(shorter), STR_ARG(port));
}

/* ---- names ---- */

/* ASCII form of an international name; the name itself when it has none. */
static struct str to_ascii(struct arena *a, struct str s)
{
	struct str out = s;
	char *text, *name = NULL;

	if (ascii_only(s) || s.n > 1024 || ascii_has(s, '\0'))
		return s;
	text = arena_cstr(a, s);
	if (!text)
		return STR_NONE;
	if (idn2_to_ascii_8z(text, &name, IDN2_NONTRANSITIONAL) == IDN2_OK)
		out = arena_str(a, str_c(name));
	idn2_free(name);
	return out;
}

static struct str norm_domain(struct arena *a, struct str s)
{
	s = norm_lower(a, s);
	while (s.n && s.p[0] == '.')
		s = str_sub(s, 1, s.n);
	while (s.n && s.p[s.n - 1] == '.')
		s.n--;
	return s.p && !value_is_domain(s) ? to_ascii(a, s) : s;
}

/* A third part is dropped, as MISP does. */
static struct str norm_domain_ip(struct arena *a, struct str s)
{
	struct str name, addr, rest, domain, shorter;

	rest = str_split(s, '|', &name);
	if (!rest.p)
		return norm_lower(a, s);
	(void)str_split(rest, '|', &addr);
	domain = norm_domain(a, name);
	shorter = compress_ipv6(a, addr);
	if (!domain.p || !shorter.p)
		return STR_NONE;
	if (domain.p == s.p && domain.n == name.n && shorter.p == addr.p)
		return str_sub(s, 0, name.n + 1 + addr.n);
	return arena_printf(a, "%.*s|%.*s", STR_ARG(domain), STR_ARG(shorter));
}

static struct str norm_host_port(struct arena *a, struct str s)
{
	char *p;

	s = norm_lower(a, s);
	if (!ascii_has(s, ':'))
		return s;
	p = arena_cstr(a, s);
	for (size_t i = 0; p && i < s.n; i++)
		if (p[i] == ':')
			p[i] = '|';
	return p ? (struct str){p, s.n} : STR_NONE;
}

struct str normalise_datetime(struct arena *a, struct str s)
{
	char text[DATETIME_VALUE_LEN + 1];
	int east_minutes;
	int64_t us;

	if (datetime_is_value(s) || !datetime_read(s, &us, &east_minutes))
		return s;
	return arena_str(a, str_c(datetime_value(us, east_minutes, text)));
}

/* ---- defanging ---- */

static const struct mark {
	struct str mark, plain;
	unsigned sets;
} marks[] = {
	{{"[.]", 3}, {".", 1}, 1u << REFANG_DOTS | 1u << REFANG_URL | 1u << REFANG_EMAIL},
	{{"[dot]", 5}, {".", 1}, 1u << REFANG_DOTS | 1u << REFANG_URL | 1u << REFANG_EMAIL},
	{{"(dot)", 5}, {".", 1}, 1u << REFANG_DOTS | 1u << REFANG_URL | 1u << REFANG_EMAIL},
	{{"[hxxp://]", 9}, {"http://", 7}, 1u << REFANG_URL},
	{{"[:]", 3}, {":", 1}, 1u << REFANG_URL},
	{{"[@]", 3}, {"@", 1}, 1u << REFANG_EMAIL},
	{{"[at]", 4}, {"@", 1}, 1u << REFANG_EMAIL},
};

static const struct mark *mark_at(struct str s, size_t at, enum type_refang set)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (marks[i].sets >> set & 1 &&
		    str_eq_nocase(str_sub(s, at, marks[i].mark.n), marks[i].mark))
			return &marks[i];
	return NULL;
}

/* Length of a disguised "http" at the start. */
static size_t disguised_scheme(struct str s)
{
	static const struct str forms[] = {
		{"hxxp", 4}, {"hxtp", 4}, {"htxp", 4}, {"meow", 4}, {"htp", 3}};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_eq_nocase(str_sub(s, 0, forms[i].n), forms[i]))
			return forms[i].n;
	return 0;
}

struct str normalise_refang(struct arena *a, enum type_refang set, struct str s)
{
	size_t scheme = set == REFANG_URL ? disguised_scheme(s) : 0;
	char *p, *end;

	if (set == REFANG_NONE || (!scheme && !ascii_has(s, '[') && !ascii_has(s, '(')))
		return s;
	p = end = arena_alloc(a, s.n + 2);
	if (!p)
		return STR_NONE;
	if (scheme)
		end = mempcpy(p, "http", 4);
	for (size_t i = scheme; i < s.n; i++) {
		const struct mark *m =
			s.p[i] == '[' || s.p[i] == '(' ? mark_at(s, i, set) : NULL;

		if (m) {
			end = mempcpy(end, m->plain.p, m->plain.n);
			i += m->mark.n - 1;
		} else if (scheme && i == scheme && s.p[i] == 'S') {
			*end++ = 's'; /* MISP leaves "httpS" for "HXXPS" */
		} else {
			*end++ = s.p[i];
		}
	}
	return joined(p, end);
}

static const norm_fn normalisers[NORM_COUNT] = {
	[NORM_NONE] = norm_none,
	[NORM_LOWER] = norm_lower,
	[NORM_LOWER_2ND] = norm_lower_2nd,
	[NORM_LOWER_NO_COLON] = norm_lower_no_colon,
	[NORM_UPPER] = norm_upper,
	[NORM_UPPER_ID] = norm_upper_id,
	[NORM_UPPER_ALNUM] = norm_upper_alnum,
	[NORM_DIGITS] = norm_digits,
	[NORM_PHONE] = norm_phone,
	[NORM_AS] = norm_as,
	[NORM_IP] = norm_ip,
	[NORM_IP_PORT] = norm_ip_port,
	[NORM_DOMAIN] = norm_domain,
	[NORM_DOMAIN_IP] = norm_domain_ip,
	[NORM_HOST_PORT] = norm_host_port,
	[NORM_MAC] = norm_mac,
	[NORM_BOOLEAN] = norm_boolean,
	[NORM_DATETIME] = normalise_datetime,
};

struct str normalise_value(struct arena *a, enum type_norm norm, struct str s)
{
	return normalisers[norm](a, s);
}
