/*
 * indicator.c - values in the form in which they are compared, the keys that order them, and the
 * records that sets keep.
 */
#include "feeds/sensor/indicator.h"

#include <string.h>

#include "base/hash.h"
#include "model/ascii.h"
#include "model/ipaddr.h"
#include "model/normalise.h"

enum ind_group { GROUP_IP = 1, GROUP_NAME, GROUP_OWN };

static const struct {
	attr_type_id type;
	uint8_t part, kind;
} sources[] = {
#define F(type, part, kind) {ATTR_##type, part, IND_##kind},
#include "feeds/sensor/from_types.inc"
#undef F
};

uint64_t ind_kinds_of(attr_type_id type)
{
	uint64_t set = 0;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		if (sources[i].type == type)
			set |= UINT64_C(1) << sources[i].kind;
	return set;
}

/* ---- addresses ---- */

void ind_host_bits_clear(uint8_t *addr, unsigned n, unsigned prefix)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned keep = prefix > i * 8 ? MIN(prefix - i * 8, 8u) : 0;
		addr[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static struct str addr_text(struct arena *a, const struct indicator *i)
{
	char six[IPV6_TEXT_MAX];
	if (i->addr_n == 4 && i->prefix == 32)
		return arena_printf(a, "%u.%u.%u.%u", i->addr[0], i->addr[1], i->addr[2],
				    i->addr[3]);
	if (i->addr_n == 4)
		return arena_printf(a, "%u.%u.%u.%u/%u", i->addr[0], i->addr[1], i->addr[2],
				    i->addr[3], i->prefix);
	ipv6_format(i->addr, six);
	return i->prefix == 128 ? arena_printf(a, "%s", six)
				: arena_printf(a, "%s/%u", six, i->prefix);
}

/* Wider networks are no indicators: one of them in a list for blocking would be an outage. */
#define WIDEST_4 8
#define WIDEST_6 16

/* An address or a network; ::ffff:a.b.c.d is the IPv4 address. */
static bool addr_read(struct str v, struct indicator *i)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	ptrdiff_t slash = str_chr(v, '/');
	struct str ip = slash < 0 ? v : str_sub(v, 0, (size_t)slash);
	uint64_t prefix;
	if (ipv4_parse(ip, i->addr))
		i->addr_n = 4;
	else if (ipv6_parse(ip, i->addr))
		i->addr_n = 16;
	else
		return false;
	prefix = i->addr_n * 8u;
	if (slash >= 0 && (!str_u64(str_sub(v, (size_t)slash + 1, v.n), &prefix) ||
			   prefix > i->addr_n * 8u))
		return false;
	if (i->addr_n == 16 && prefix >= 96 && memcmp(i->addr, mapped, 12) == 0) {
		memmove(i->addr, i->addr + 12, 4);
		memset(i->addr + 4, 0, 12);
		i->addr_n = 4;
		prefix -= 96;
	}
	if (prefix < (i->addr_n == 4 ? WIDEST_4 : WIDEST_6))
		return false;
	i->prefix = (uint8_t)prefix;
	ind_host_bits_clear(i->addr, i->addr_n, i->prefix);
	return true;
}

static bool make_ip(struct arena *a, struct str v, struct indicator *out)
{
	if (!addr_read(str_trim(v), out))
		return false;
	out->value = addr_text(a, out);
	return out->value.p;
}

/* "ip|port", as MISP has it; also "ip:port" and "[ip]:port", as it is written here. */
static bool make_ip_port(struct arena *a, struct str v, struct indicator *out)
{
	struct str ip, port;
	uint64_t n;
	v = str_trim(v);
	ptrdiff_t at = str_chr(v, '|');
	if (at < 0)
		for (size_t i = v.n; i-- > 0 && at < 0;)
			at = v.p[i] == ':' ? (ptrdiff_t)i : -1;
	if (at <= 0)
		return false;
	ip = str_sub(v, 0, (size_t)at);
	port = str_sub(v, (size_t)at + 1, v.n);
	if (ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']')
		ip = str_sub(ip, 1, ip.n - 2);
	if (!addr_read(ip, out) || out->prefix != out->addr_n * 8u || !str_u64(port, &n) || !n ||
	    n > 65535)
		return false;
	out->port = (uint16_t)n;
	struct str text = addr_text(a, out);
	if (!text.p)
		return false;
	out->value = arena_printf(a, out->addr_n == 16 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(text),
				  out->port);
	return out->value.p;
}

/* ---- names ---- */

/*
 * Letters, digits, hyphens and underscores in labels of 1 to 63 bytes, two or more of them; 253 in all
 * (RFC 1035 section 2.3.4). The last one is no number: that would be an address.
 */
static bool is_name(struct str v)
{
	size_t label = 0, labels = 1;
	bool number = true;
	if (!v.n || v.n > 253)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		if (c == '.') {
			if (!label)
				return false;
			label = 0;
			labels++;
			number = true;
			continue;
		}
		if (!ascii_lower(c) && !ascii_digit(c) && c != '-' && c != '_')
			return false;
		number = number && ascii_digit(c);
		if (++label > 63)
			return false;
	}
	return label && labels > 1 && !number;
}

static bool make_name(struct arena *a, struct str v, struct indicator *out)
{
	v = str_trim(v);
	if (v.n > 2 && v.p[0] == '*' && v.p[1] == '.') {
		v = str_sub(v, 2, v.n);
		out->kind = IND_DOMAIN;
	}
	out->value = normalise_value(a, NORM_DOMAIN, v);
	return out->value.p && is_name(out->value);
}

/* ---- texts ---- */

static bool has_control(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f)
			return true;
	return false;
}

static bool make_line(struct arena *a, struct str v, struct indicator *out)
{
	(void)a;
	out->value = str_trim(v);
	return out->value.n && out->value.n <= 8192 && !has_control(out->value) &&
	       str_utf8_ok(out->value);
}

/* The host in its ASCII form, as it is on the wire and in the logs; the rest as it is. */
static struct str ascii_host(struct arena *a, struct str v)
{
	ptrdiff_t at = str_find(v, STR("://"));
	size_t from = at < 0 ? 0 : (size_t)at + 3, end = from;
	while (end < v.n && !strchr("/?#:", v.p[end]))
		from = v.p[end++] == '@' ? end : from;
	struct str host = str_sub(v, from, end - from);
	if (ascii_only(host) || !(host = normalise_value(a, NORM_DOMAIN, host)).n)
		return v;
	return arena_printf(a, "%.*s%.*s%.*s", STR_ARG(str_sub(v, 0, from)), STR_ARG(host),
			    STR_ARG(str_sub(v, end, v.n)));
}

/* White space and control characters cannot stand in a URL: RFC 3986 has them as %XX. */
static bool make_url(struct arena *a, struct str v, struct indicator *out)
{
	OWN(buf) struct buf b = BUF(3 * 8192);
	v = str_trim(v);
	if (!v.n || v.n > 8192 || !str_utf8_ok(v) || !(v = ascii_only(v) ? v : ascii_host(a, v)).p)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>')
			buf_printf(&b, "%%%02X", c);
		else
			buf_putc(&b, (char)c);
	}
	if (buf_err(&b) != ERR_OK)
		return false;
	out->value = b.n == v.n ? v : arena_str(a, buf_str(&b));
	return out->value.p;
}

/* Rules may have lines, but nothing that no file of text can hold. */
static bool make_rule(struct arena *a, struct str v, struct indicator *out)
{
	(void)a;
	out->value = str_trim(v);
	return out->value.n && !ascii_has(out->value, '\0') && str_utf8_ok(out->value);
}

static bool make_asn(struct arena *a, struct str v, struct indicator *out)
{
	uint64_t n;
	v = str_trim(v);
	if (v.n > 2 && (v.p[0] | 0x20) == 'a' && (v.p[1] | 0x20) == 's')
		v = str_sub(v, 2, v.n);
	if (!str_u64(v, &n) || !n || n > UINT32_MAX)
		return false;
	out->value = arena_printf(a, "%llu", (unsigned long long)n);
	return out->value.p;
}

static bool make_email(struct arena *a, struct str v, struct indicator *out)
{
	if (!make_line(a, v, out))
		return false;
	ptrdiff_t at = str_chr(out->value, '@');
	out->value = normalise_value(a, NORM_LOWER, out->value);
	return out->value.p && at > 0 && (size_t)at + 1 < out->value.n &&
	       str_chr(out->value, ' ') < 0;
}

/* ---- kinds ---- */

static bool make_hex(struct arena *a, struct str v, struct indicator *out);

static const struct kind_row {
	const char *name, *doc;
	uint8_t group, digits;
	bool (*make)(struct arena *a, struct str v, struct indicator *out);
} kinds[IND_KINDS] = {
#define K(ident, name, group, form, digits, doc) [IND_##ident] = {name, doc, GROUP_##group, digits, make_##form},
#include "feeds/sensor/kinds.inc"
#undef K
};
_Static_assert(IND_KINDS <= 64, "sets of kinds are 64 bits");

static bool make_hex(struct arena *a, struct str v, struct indicator *out)
{
	v = str_trim(v);
	if (v.n != kinds[out->kind].digits || !ascii_all_hex(v))
		return false;
	out->value = normalise_value(a, NORM_LOWER, v);
	return out->value.p;
}

const char *ind_kind_name(enum ind_kind k)
{
	return kinds[k].name;
}

const char *ind_kind_doc(enum ind_kind k)
{
	return kinds[k].doc;
}

bool ind_make(struct arena *a, enum ind_kind kind, struct str value, struct indicator *out)
{
	*out = (struct indicator){.kind = kind};
	return kinds[kind].make(a, value, out);
}

enum err ind_of_value(struct arena *a, attr_type_id type, struct str value,
		      struct indicator out[IND_PARTS], unsigned *n, unsigned *bad)
{
	*n = 0;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		if (sources[i].type != type)
			continue;
		struct str first, v = value;
		if (sources[i].part) {
			v = str_split(value, '|', &first);
			v = sources[i].part == 1 ? first : v;
		}
		if (BUG(*n == IND_PARTS))
			return ERR_BUG;
		if (!v.p || !ind_make(a, (enum ind_kind)sources[i].kind, v, &out[*n])) {
			if (arena_overflowed(a))
				return ERR_NOMEM;
			++*bad;
			continue;
		}
		out[*n].type = type;
		if (type == ATTR_IP_SRC || type == ATTR_IP_SRC_PORT)
			out[*n].direction = IND_FROM;
		else if (type == ATTR_IP_DST || type == ATTR_IP_DST_PORT)
			out[*n].direction = IND_TO;
		++*n;
	}
	return ERR_OK;
}

/* ---- keys ---- */

/* Labels from last to first, a byte smaller than any of theirs behind each. */
static void key_name(struct ind_key *k, struct str v)
{
	size_t end = v.n;
	while (end) {
		size_t at = end;
		while (at && v.p[at - 1] != '.')
			at--;
		memcpy(k->b + k->n, v.p + at, end - at);
		k->n = (uint16_t)(k->n + end - at);
		k->b[k->n++] = 1;
		end = at ? at - 1 : 0;
	}
}

/* What is too long to stand there whole ends in a digest of all of it; else in a byte that no text has, so
   that no key begins another. */
static void key_text(struct ind_key *k, struct str v)
{
	size_t room = IND_KEY_MAX - k->n;
	if (v.n < room) {
		memcpy(k->b + k->n, v.p, v.n);
		k->n = (uint16_t)(k->n + v.n);
		k->b[k->n++] = 0;
		return;
	}
	struct sha256 d = hash_sha256(v);
	memcpy(k->b + k->n, v.p, room - 32);
	memcpy(k->b + IND_KEY_MAX - 32, d.b, 32);
	k->n = IND_KEY_MAX;
}

void ind_key(const struct indicator *i, struct ind_key *out)
{
	uint8_t group = kinds[i->kind].group;
	out->n = 0;
	out->b[out->n++] = group == GROUP_OWN ? (uint8_t)(16 + i->kind) : group;
	if (group == GROUP_NAME) {
		key_name(out, i->value);
		out->b[out->n++] = i->kind == IND_DOMAIN ? 2 : 3;
		return;
	}
	if (i->kind != IND_IP && i->kind != IND_IP_PORT) {
		key_text(out, i->value);
		return;
	}
	out->b[out->n++] = i->addr_n;
	memcpy(out->b + out->n, i->addr, i->addr_n);
	out->n = (uint16_t)(out->n + i->addr_n);
	if (i->kind == IND_IP) {
		out->b[out->n++] = i->prefix;
	} else {
		out->b[out->n++] = (uint8_t)(i->port >> 8);
		out->b[out->n++] = (uint8_t)i->port;
	}
}

int ind_key_cmp(const struct ind_key *a, const struct ind_key *b)
{
	int c = memcmp(a->b, b->b, MIN(a->n, b->n));
	return c ? c : (int)a->n - (int)b->n;
}

static bool net_covers(const struct ind_key *a, const struct ind_key *b)
{
	unsigned prefix = a->b[a->n - 1];
	uint8_t addr[16];
	if (a->n != b->n || a->b[1] != b->b[1] || b->b[b->n - 1] <= prefix)
		return false;
	memcpy(addr, b->b + 2, b->b[1]);
	ind_host_bits_clear(addr, b->b[1], prefix);
	return memcmp(addr, a->b + 2, a->b[1]) == 0;
}

bool ind_key_covers(const struct ind_key *a, const struct ind_key *b)
{
	if (a->b[0] != b->b[0])
		return false;
	if (a->b[0] == GROUP_IP)
		return net_covers(a, b);
	/* a domain's key without its last byte stands before each name within it, itself too */
	return a->b[0] == GROUP_NAME && a->b[a->n - 1] == 2 && b->n >= a->n &&
	       memcmp(a->b, b->b, a->n - 1u) == 0 && ind_key_cmp(a, b) != 0;
}

bool ind_key_is_net(const struct ind_key *k)
{
	return k->n && k->b[0] == GROUP_IP;
}

bool ind_key_is_name(const struct ind_key *k)
{
	return k->n && k->b[0] == GROUP_NAME;
}

/* ---- TLP ---- */

static const char *const tlp_names[] = {"", "clear", "green", "amber", "amber+strict", "red"};

uint8_t ind_tlp_of(struct str tag)
{
	if (tag.n < 4 || !str_eq_nocase(str_sub(tag, 0, 4), STR("tlp:")))
		return 0;
	tag = str_sub(tag, 4, tag.n);
	if (str_eq_nocase(tag, STR("white")))
		return 1;
	for (uint8_t i = 1; i < ARRAY_LEN(tlp_names); i++)
		if (str_eq_nocase(tag, str_c(tlp_names[i])))
			return i;
	return 0;
}

const char *ind_tlp_name(uint8_t tlp)
{
	return tlp_names[tlp < ARRAY_LEN(tlp_names) ? tlp : 0];
}

/* ---- records ---- */


/*
 * kind (1), what there is (2), tlp and threat (1), type (2), category (1), then as far as there is: times, the
 * attribute's and the event's UUID, number, value, texts. Lengths and times are variable: seven bits a byte.
 */
enum rec_bit {
	REC_DIRECTION = 3, /* two bits */
	REC_FIRST = 4,
	REC_LAST = 8,
	REC_CHANGED = 16,
	REC_ATTR = 32,
	REC_EVENT = 64,
	REC_NUMBER = 128,
	REC_TEXTS = 256,
};
#define REC_HEAD 7u
#define VAR_MAX 10

static void put_var(struct buf *b, uint64_t v)
{
	char p[VAR_MAX];
	size_t n = 0;
	for (; v >= 128; v >>= 7)
		p[n++] = (char)(uint8_t)(v | 128);
	p[n++] = (char)(uint8_t)v;
	buf_add(b, p, n);
}

static bool get_var(struct str *rec, uint64_t *out)
{
	uint64_t v = 0;
	for (size_t n = 0; n < rec->n && n < VAR_MAX; n++) {
		uint8_t c = (uint8_t)rec->p[n];
		v |= (uint64_t)(c & 127) << 7 * n;
		if (c < 128) {
			*out = v;
			*rec = (struct str){rec->p + n + 1, rec->n - n - 1};
			return true;
		}
	}
	return false;
}

static void put_text(struct buf *b, struct str v)
{
	put_var(b, v.p ? v.n : 0);
	buf_str_add(b, v.p ? v : STR(""));
}

void ind_pack(struct buf *out, const struct indicator *i, bool context)
{
	bool texts = context && (i->comment.n || i->info.n || i->org.n || i->tags.n);
	unsigned has = (i->direction & REC_DIRECTION) | (i->first_seen ? REC_FIRST : 0) |
		       (i->last_seen ? REC_LAST : 0) | (i->changed ? REC_CHANGED : 0) |
		       (uuid_is_nil(i->attr) ? 0 : REC_ATTR) | (uuid_is_nil(i->event) ? 0 : REC_EVENT) |
		       (i->number ? REC_NUMBER : 0) | (texts ? REC_TEXTS : 0);
	char head[REC_HEAD] = {(char)i->kind,
			       (char)(uint8_t)has,
			       (char)(has >> 8),
			       (char)(i->tlp << 4 | (i->threat_level & 15)),
			       (char)(uint8_t)i->type,
			       (char)(i->type >> 8),
			       (char)i->category};
	buf_add(out, head, sizeof(head));
	if (i->first_seen)
		put_var(out, (uint64_t)i->first_seen);
	if (i->last_seen)
		put_var(out, (uint64_t)i->last_seen);
	if (i->changed)
		put_var(out, (uint64_t)i->changed);
	if (has & REC_ATTR)
		buf_add(out, i->attr.b, 16);
	if (has & REC_EVENT)
		buf_add(out, i->event.b, 16);
	if (i->number)
		put_var(out, i->number);
	put_text(out, i->value);
	if (!texts)
		return;
	put_text(out, i->comment);
	put_text(out, i->info);
	put_text(out, i->org);
	put_text(out, i->tags);
}

static bool get_text(struct str *rec, struct str *out)
{
	uint64_t n;
	if (!get_var(rec, &n) || n > rec->n)
		return false;
	*out = (struct str){rec->p, (size_t)n};
	*rec = (struct str){rec->p + n, rec->n - (size_t)n};
	return true;
}

static bool get_time(struct str *rec, unsigned has, int64_t *out)
{
	uint64_t v = 0;
	if (has && !get_var(rec, &v))
		return false;
	*out = (int64_t)v;
	return true;
}

static bool get_uuid(struct str *rec, unsigned has, struct uuid *out)
{
	if (!has)
		return true;
	if (rec->n < 16)
		return false;
	memcpy(out->b, rec->p, 16);
	*rec = (struct str){rec->p + 16, rec->n - 16};
	return true;
}

/* What follows from the value is not kept in the record. */
static bool derive(struct indicator *i)
{
	struct str v = i->value;
	if (i->kind == IND_IP)
		return addr_read(v, i);
	if (i->kind != IND_IP_PORT)
		return true;
	ptrdiff_t at = -1;
	uint64_t port;
	for (size_t k = v.n; k-- > 0 && at < 0;)
		at = v.p[k] == ':' ? (ptrdiff_t)k : -1;
	if (at < 3 || !str_u64(str_sub(v, (size_t)at + 1, v.n), &port) || port > 65535)
		return false;
	i->port = (uint16_t)port;
	return addr_read(v.p[0] == '[' ? str_sub(v, 1, (size_t)at - 2) : str_sub(v, 0, (size_t)at),
			 i);
}

bool ind_unpack(struct str rec, struct indicator *out)
{
	const uint8_t *p = (const uint8_t *)rec.p;
	uint64_t number = 0;
	*out = (struct indicator){0};
	if (rec.n < REC_HEAD || p[0] >= IND_KINDS)
		return false;
	unsigned has = p[1] | (unsigned)p[2] << 8;
	out->kind = (enum ind_kind)p[0];
	out->direction = has & REC_DIRECTION;
	out->tlp = p[3] >> 4;
	out->threat_level = p[3] & 15;
	out->type = (attr_type_id)(p[4] | p[5] << 8);
	out->category = (attr_category_id)p[6];
	struct str rest = str_sub(rec, REC_HEAD, rec.n);
	if (!get_time(&rest, has & REC_FIRST, &out->first_seen) ||
	    !get_time(&rest, has & REC_LAST, &out->last_seen) ||
	    !get_time(&rest, has & REC_CHANGED, &out->changed) ||
	    !get_uuid(&rest, has & REC_ATTR, &out->attr) ||
	    !get_uuid(&rest, has & REC_EVENT, &out->event) ||
	    (has & REC_NUMBER && !get_var(&rest, &number)) || number >= IND_NUMBERS ||
	    !get_text(&rest, &out->value))
		return false;
	out->number = (uint32_t)number;
	out->comment = out->info = out->org = out->tags = STR("");
	if (has & REC_TEXTS && (!get_text(&rest, &out->comment) || !get_text(&rest, &out->info) ||
				!get_text(&rest, &out->org) || !get_text(&rest, &out->tags)))
		return false;
	return !rest.n && derive(out);
}
