/*
 * pieces.c - what several formats write or ask: lines, parts of URLs, choices, levels.
 */
#include "feeds/sensor/pieces.h"

#include <string.h>

#include "model/ascii.h"
#include "model/ipaddr.h"

/* ---- lines ---- */

enum err piece_line(struct sensor_run *r, struct str before, struct str v, struct str after)
{
	size_t n = before.n + v.n + after.n + 1;
	char *p = buf_reserve(r->out, n);
	if (!p)
		return buf_err(r->out);
	memcpy(p, before.p, before.n);
	memcpy(p + before.n, v.p, v.n);
	memcpy(p + before.n + v.n, after.p, after.n);
	p[n - 1] = '\n';
	buf_commit(r->out, n);
	r->entries++;
	return ERR_OK;
}

enum err piece_item(struct sensor_run *r, const struct indicator *i)
{
	return piece_line(r, STR(""), i->value, STR(""));
}

enum err piece_left_out(struct sensor_run *r)
{
	r->left_out++;
	return ERR_OK;
}

/* ---- parameters ---- */

static uint64_t kinds_read(struct str v, bool *good)
{
	struct str word;
	uint64_t set = 0;
	*good = true;
	do {
		v = str_split(v, ',', &word);
		bool known = str_is(word, "all");
		if (known)
			set = UINT64_MAX;
		for (unsigned k = 0; k < IND_KINDS && !known; k++) {
			known = str_is(word, ind_kind_name((enum ind_kind)k));
			set |= known ? UINT64_C(1) << k : 0;
		}
		*good = *good && known;
	} while (v.p);
	return set;
}

bool piece_is_kinds(struct str v)
{
	bool good;
	(void)kinds_read(v, &good);
	return good;
}

uint64_t piece_kinds_get(const struct sensor_run *r)
{
	bool good;
	return kinds_read(sensor_param_get(r, "kinds"), &good);
}

bool piece_is_yes_no(struct str v)
{
	return str_is(v, "yes") || str_is(v, "no");
}

bool piece_is_yes(const struct sensor_run *r, const char *name)
{
	return str_is(sensor_param_get(r, name), "yes");
}

bool piece_is_name(struct str v)
{
	if (!v.n || v.n > 60)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_alnum(v.p[i]) && v.p[i] != '-' && v.p[i] != '_')
			return false;
	return v.p[0] != '-';
}

bool piece_is_ip(struct str v)
{
	uint8_t addr[16];
	return ipv4_parse(v, addr) || ipv6_parse(v, addr);
}

bool piece_is_domain(struct str v)
{
	size_t label = 0;
	if (!v.n || v.n > 253)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '.' ? !label : !ascii_alnum(v.p[i]) && v.p[i] != '-' && v.p[i] != '_')
			return false;
		label = v.p[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

uint64_t piece_number(const struct sensor_run *r, const char *name)
{
	uint64_t n = 0;
	return str_u64(sensor_param_get(r, name), &n) ? n : 0;
}

void piece_levels_get(const struct sensor_run *r, struct piece_levels *out)
{
	out->text[1] = sensor_param_get(r, "high");
	out->text[2] = sensor_param_get(r, "medium");
	out->text[3] = sensor_param_get(r, "low");
	out->text[0] = out->text[4] = sensor_param_get(r, "undefined");
}

/* ---- values ---- */

/* "http://" and the like: letters, digits, + - . before "://". */
static struct str scheme_cut(struct str url, struct str *scheme)
{
	size_t n = 0;
	*scheme = STR_NONE;
	while (n < url.n && (ascii_alnum(url.p[n]) || (n && strchr("+-.", url.p[n]))))
		n++;
	if (!n || !str_has_prefix(str_sub(url, n, 3), STR("://")))
		return url;
	*scheme = str_sub(url, 0, n);
	return str_sub(url, n + 3, url.n);
}

bool piece_url_split(struct str url, struct piece_url *out)
{
	size_t end = 0;
	ptrdiff_t at;
	struct str again, v = scheme_cut(url, &out->scheme);
	/* "http://ttp://x": without its scheme it would be read as another URL */
	if (scheme_cut(v, &again).n < v.n)
		return false;
	if ((at = str_chr(v, '#')) >= 0)
		v = str_sub(v, 0, (size_t)at);
	while (end < v.n && v.p[end] != '/' && v.p[end] != '?')
		end++;
	struct str host = str_sub(v, 0, end);
	out->path = str_sub(v, end, v.n);
	if (!out->scheme.p && str_chr(host, '@') >= 0)
		return false; /* "mailto:a@b" */
	while ((at = str_chr(host, '@')) >= 0)
		host = str_sub(host, (size_t)at + 1, host.n);
	out->rest = (struct str){host.p, v.n - (size_t)(host.p - v.p)};
	out->port = STR_NONE;
	if (host.n && host.p[0] == '[') {
		at = str_chr(host, ']');
		if (at < 0)
			return false;
		out->host = str_sub(host, 1, (size_t)at - 1);
		if ((size_t)at + 1 < host.n && host.p[at + 1] == ':')
			out->port = str_sub(host, (size_t)at + 2, host.n);
	} else {
		out->port = str_split(host, ':', &out->host);
	}
	for (size_t i = 0; i < out->port.n; i++)
		if (out->port.p[i] < '0' || out->port.p[i] > '9')
			return false; /* "javascript:alert(1)" */
	return out->host.n > 0;
}

bool piece_url_is_http(const struct piece_url *u)
{
	static const char *const schemes[] = {"http", "https", "hxxp", "hxxps", "ws", "wss"};
	bool is = !u->scheme.p;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		is = is || str_eq_nocase(u->scheme, str_c(schemes[i]));
	return is;
}

static const char hex_digits[] = "0123456789ABCDEF";

void piece_percent(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c > ' ' && c < 0x7f) {
			buf_putc(b, (char)c);
		} else {
			char x[3] = {'%', hex_digits[c >> 4], hex_digits[c & 15]};
			buf_add(b, x, sizeof(x));
		}
	}
}

/* Plain characters from `i` on that may stay: a run of them is copied at once. */
static size_t plain_run(struct str v, size_t i, const uint64_t good[2])
{
	size_t from = i;
	while (i < v.n && (unsigned char)v.p[i] < 128 &&
	       good[(unsigned char)v.p[i] >> 6] >> (v.p[i] & 63) & 1)
		i++;
	return i - from;
}

void piece_text(struct buf *b, struct str v, const char *bad, size_t max)
{
	uint64_t good[2] = {~UINT64_C(0) << ' ', ~(UINT64_C(1) << 63)};
	for (const char *c = bad; *c; c++)
		good[(unsigned char)*c >> 6 & 1] &= ~(UINT64_C(1) << (*c & 63));
	for (size_t i = 0; i < v.n && max;) {
		size_t n = MIN(plain_run(v, i, good), max);
		if (n) {
			buf_add(b, v.p + i, n);
		} else {
			n = (unsigned char)v.p[i] < 128 ? 0 : str_utf8_len(str_sub(v, i, 4));
			if (n > max)
				break;
			if (n)
				buf_add(b, v.p + i, n);
			else
				buf_putc(b, ' ');
			n = MAX(n, 1u);
		}
		i += n;
		max -= n;
	}
}

void piece_colons(struct buf *b, struct str hex)
{
	for (size_t i = 0; i < hex.n; i += 2) {
		if (i)
			buf_putc(b, ':');
		buf_str_add(b, str_sub(hex, i, 2));
	}
}

void piece_uuid(struct buf *b, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	buf_add(b, uuid_format(u, text), UUID_TEXT_LEN);
}
