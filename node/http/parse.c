/*
 * parse.c - the strict request head parser.
 *
 * Does no I/O and keeps no state. Invariant: a head that passes has exactly one meaning for any
 * recipient that follows RFC 9112.
 */
#include "http/parse.h"

#include <string.h>

#include "base/own.h"

static const uint8_t token_chars[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
	['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1,
	['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1,
	['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1,
	['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1,
	['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1,
	['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1,
	['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1,
	['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,
	['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{"GET", HTTP_GET},     {"POST", HTTP_POST},       {"HEAD", HTTP_HEAD},   {"PUT", HTTP_PUT},
	{"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}, {"PATCH", HTTP_PATCH},
};

const char *http_method_name(enum http_method m)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].method == m)
			return methods[i].name;
	return "?";
}

bool http_is_token_char(unsigned char c)
{
	return token_chars[c];
}

static struct str trim_ows(struct str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct str){s.p + 1, s.n - 1};
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

bool http_list_has(struct str list, const char *token)
{
	while (list.p) {
		struct str item;
		list = str_split(list, ',', &item);
		if (str_eq_nocase(trim_ows(item), str_c(token)))
			return true;
	}
	return false;
}

/* Is the request line longer than any legal one, complete or not? */
static bool line_too_long(struct str s, size_t start, const struct parse_limits *lim)
{
	size_t max = start + lim->uri_max + 64;

	return s.n > max && !memchr(s.p + start, '\n', max - start);
}

ptrdiff_t http_head_end(struct str s, const struct parse_limits *lim, size_t *scan, int *status)
{
	/* One empty line before the request line is left over from some POST clients. */
	size_t start = s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n' ? 2 : 0;

	if (*scan < start)
		*scan = start;
	for (;;) {
		const char *lf = memchr(s.p + *scan, '\n', s.n - *scan);
		size_t at;
		if (!lf)
			break;
		at = (size_t)(lf - s.p);
		if (at == 0 || s.p[at - 1] != '\r' || at < start + 2) {
			*status = 400;
			return -1;
		}
		*scan = at + 1;
		if (at >= start + 3 && s.p[at - 2] == '\n') {
			if (at + 1 > lim->head_max || line_too_long(s, start, lim))
				break;
			return (ptrdiff_t)(at + 1);
		}
	}
	*scan = s.n;
	if (s.n > lim->head_max) {
		/* No space yet: the target itself is what is too long. */
		*status = memchr(s.p, '\n', lim->head_max) ? 431 : 414;
		return -1;
	}
	if (line_too_long(s, start, lim)) {
		*status = 414;
		return -1;
	}
	return 0;
}

static bool valid_value(struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool valid_host(struct str h)
{
	if (h.n == 0 || h.n > 255)
		return false;
	for (size_t i = 0; i < h.n; i++) {
		unsigned char c = (unsigned char)h.p[i];
		if (c <= 0x20 || c >= 0x7f || strchr(",/@?#\\\"<>{}|^`;=&", c))
			return false;
	}
	return true;
}

/* "GET", "/path?query", minor version out of the request line. */
static int parse_request_line(struct str line, const struct parse_limits *lim,
			      struct http_head *h, const char **why)
{
	struct str method, rest, version;
	ptrdiff_t sp;

	rest = str_split(line, ' ', &method);
	if (!rest.p || method.n == 0) {
		*why = "request line";
		return 400;
	}
	for (size_t i = 0; i < method.n; i++)
		if (!token_chars[(unsigned char)method.p[i]]) {
			*why = "method";
			return 400;
		}
	sp = str_chr(rest, ' ');
	if (sp <= 0) {
		*why = "request line";
		return 400;
	}
	h->target = str_sub(rest, 0, (size_t)sp);
	version = str_sub(rest, (size_t)sp + 1, SIZE_MAX);
	if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[5] < '0' ||
	    version.p[5] > '9' || version.p[6] != '.' || version.p[7] < '0' ||
	    version.p[7] > '9') {
		*why = "version";
		return 400;
	}
	if (version.p[5] != '1' || version.p[7] > '1') {
		*why = "version not supported";
		return 505;
	}
	h->minor = (unsigned)(version.p[7] - '0');
	if (h->target.n > lim->uri_max) {
		*why = "target too long";
		return 414;
	}
	for (size_t i = 0; i < h->target.n; i++) {
		unsigned char c = (unsigned char)h->target.p[i];
		if (c <= 0x20 || c == 0x7f || c == '#') {
			*why = "target";
			return 400;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_is(method, methods[i].name)) {
			h->method = methods[i].method;
			return 0;
		}
	*why = "method unknown";
	return 501;
}

/* Headers that must not come twice, because recipients differ in which one they believe. */
static bool is_single(struct str name)
{
	static const struct str names[] = {
#define NAME(text) {text, sizeof(text) - 1}
		NAME("host"),	      NAME("content-length"), NAME("transfer-encoding"),
		NAME("content-type"), NAME("content-encoding"), NAME("authorization"),
		NAME("x-misp-auth"),  NAME("expect"),	      NAME("if-none-match"),
		NAME("user-agent"),   NAME("range"),
#undef NAME
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(name, names[i]))
			return true;
	return false;
}

static bool seen_before(const struct http_head *h, struct str name)
{
	for (size_t i = 0; i + 1 < h->headers_n; i++)
		if (str_eq_nocase(h->headers[i].name, name))
			return true;
	return false;
}

/* What a header means for the framing of this message. */
static int note_header(struct http_head *h, struct str name, struct str value, const char **why)
{
	if (is_single(name) && seen_before(h, name)) {
		*why = "header given twice";
		return 400;
	}
	if (str_eq_nocase(name, STR("host"))) {
		if (!valid_host(value)) {
			*why = "host";
			return 400;
		}
		h->host = value;
	} else if (str_eq_nocase(name, STR("content-length"))) {
		if (value.n > 18 || !str_u64(value, &h->length)) {
			*why = "content-length";
			return 400;
		}
		h->has_length = true;
	} else if (str_eq_nocase(name, STR("transfer-encoding"))) {
		if (!str_eq_nocase(value, STR("chunked"))) {
			*why = "transfer-encoding";
			return 400;
		}
		h->chunked = true;
	} else if (str_eq_nocase(name, STR("connection"))) {
		if (http_list_has(value, "close"))
			h->keep_alive = false;
		else if (h->minor == 0 && http_list_has(value, "keep-alive"))
			h->keep_alive = true;
	} else if (str_eq_nocase(name, STR("expect"))) {
		if (!str_eq_nocase(value, STR("100-continue"))) {
			*why = "expect";
			return 417;
		}
		h->expect_continue = h->minor > 0;
	}
	return 0;
}

static int parse_header(struct str line, struct http_head *h, const char **why)
{
	ptrdiff_t colon = str_chr(line, ':');
	struct http_pair *p = &h->headers[h->headers_n];

	/* A folded line begins with white space, which no name may contain: refused here too. */
	if (colon <= 0) {
		*why = "header line";
		return 400;
	}
	p->name = str_sub(line, 0, (size_t)colon);
	for (size_t i = 0; i < p->name.n; i++)
		if (!token_chars[(unsigned char)p->name.p[i]]) {
			*why = "header name";
			return 400;
		}
	p->value = str_sub(line, (size_t)colon + 1, SIZE_MAX);
	if (!p->value.p)
		p->value = STR("");
	p->value = trim_ows(p->value);
	if (!valid_value(p->value)) {
		*why = "header value";
		return 400;
	}
	h->headers_n++;
	return note_header(h, p->name, p->value, why);
}

/* Split the target; absolute form only if it names the same host as the Host header. */
static int parse_target(struct http_head *h, const char **why)
{
	struct str t = h->target;
	ptrdiff_t q;

	*why = "target form";
	if (t.p[0] != '/') {
		size_t skip = 0;
		struct str authority, rest;
		ptrdiff_t slash;
		if (str_is(t, "*") && h->method == HTTP_OPTIONS) {
			h->path = t;
			return 0;
		}
		if (t.n > 7 && str_eq_nocase(str_sub(t, 0, 7), STR("http://")))
			skip = 7;
		else if (t.n > 8 && str_eq_nocase(str_sub(t, 0, 8), STR("https://")))
			skip = 8;
		else
			return 400;
		rest = str_sub(t, skip, SIZE_MAX);
		slash = str_chr(rest, '/');
		if (slash <= 0)
			return 400;
		authority = str_sub(rest, 0, (size_t)slash);
		if (!valid_host(authority) || !h->host.p || !str_eq_nocase(authority, h->host))
			return 400;
		t = str_sub(rest, (size_t)slash, SIZE_MAX);
	}
	q = str_chr(t, '?');
	h->path = q < 0 ? t : str_sub(t, 0, (size_t)q);
	h->query = q < 0 ? STR_NONE : (struct str){t.p + q + 1, t.n - (size_t)q - 1};
	return 0;
}

static int check_framing(const struct http_head *h, const char **why)
{
	if (h->minor == 1 && !h->host.p) {
		*why = "host missing";
		return 400;
	}
	if (h->chunked && h->has_length) {
		*why = "both transfer-encoding and content-length";
		return 400;
	}
	if (h->chunked && h->minor == 0) {
		*why = "transfer-encoding in HTTP/1.0";
		return 400;
	}
	return 0;
}

/* Next line without its CRLF; the caller knows that the last one is empty. */
static struct str take_line(struct str *s)
{
	const char *lf = memchr(s->p, '\n', s->n);
	size_t n = lf ? (size_t)(lf - s->p) : s->n;
	struct str line = {s->p, n && lf && s->p[n - 1] == '\r' ? n - 1 : n};

	*s = lf ? (struct str){s->p + n + 1, s->n - n - 1} : (struct str){s->p + s->n, 0};
	return line;
}

int http_head_parse(struct str s, const struct parse_limits *lim, struct arena *a,
		    struct http_head *out, const char **why)
{
	unsigned max = MIN(lim->headers_max, (unsigned)PARSE_HEADERS_MAX);
	struct str line;
	unsigned lines = 0;
	int status;

	*out = (struct http_head){.method = HTTP_GET};
	*why = "";
	if (s.n >= 2 && s.p[0] == '\r' && s.p[1] == '\n')
		s = (struct str){s.p + 2, s.n - 2};
	for (size_t i = 0; i < s.n; i++)
		lines += s.p[i] == '\n';
	if (lines > max + 2) {
		*why = "too many headers";
		return 431;
	}
	out->headers = ARENA_ARRAY(a, struct http_pair, lines + 1);
	if (!out->headers)
		return 503;
	status = parse_request_line(take_line(&s), lim, out, why);
	if (status)
		return status;
	out->keep_alive = out->minor == 1;
	for (line = take_line(&s); line.n; line = take_line(&s)) {
		status = parse_header(line, out, why);
		if (status)
			return status;
	}
	status = check_framing(out, why);
	return status ? status : parse_target(out, why);
}
