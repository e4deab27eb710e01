/*
 * match.c - is a value on a list?
 */
#include <ctype.h>
#include <string.h>

#include "model/ipaddr.h"
#include "warnlist/impl.h"

#define TEXT_MAX 4096u

struct str warn_lower(struct str s, char *room, size_t max)
{
	if (s.n > max)
		return STR_NONE;
	for (size_t i = 0; i < s.n; i++)
		room[i] = (char)tolower((unsigned char)s.p[i]);
	return (struct str){room, s.n};
}

uint64_t warn_hash(struct str lower)
{
	uint64_t h = UINT64_C(1469598103934665603);

	for (size_t i = 0; i < lower.n; i++)
		h = (h ^ (unsigned char)lower.p[i]) * UINT64_C(1099511628211);
	h ^= h >> 29;
	return h ? h : 1;
}

bool warn_address(struct str s, uint8_t out[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	memcpy(out, mapped, sizeof(mapped));
	return ipv4_parse(s, out + 12) || ipv6_parse(s, out);
}

bool warn_network(struct str s, struct warn_range *out)
{
	struct str address, length = str_split(s, '/', &address);
	bool v4 = str_chr(address, ':') < 0;
	uint64_t bits = v4 ? 32 : 128;

	if (!warn_address(str_trim(address), out->low))
		return false;
	if (length.p && (!str_u64(str_trim(length), &bits) || bits > (v4 ? 32 : 128)))
		return false;
	bits += v4 ? 96 : 0;
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = bits >= (i + 1) * 8 ? 8 : bits > i * 8 ? (unsigned)bits - i * 8 : 0;
		uint8_t mask = (uint8_t)(0xff00u >> kept);

		out->low[i] &= mask;
		out->high[i] = out->low[i] | (uint8_t)~mask;
	}
	return true;
}

/* ---- answers ------------------------------------------------------------------------------- */

struct answer {
	const struct warnlists *w;
	uint16_t type;
	struct warnlist_hit *hits;
	size_t n, max;
	struct str part; /* that is looked at */
	bool sure, any_type, own_case;
};

static bool is_about(const struct answer *a, const struct warn_list *l)
{
	return a->any_type ||
	       (a->type < ATTR_TYPE_LIMIT && l->info.types[a->type / 64] >> (a->type % 64) & 1);
}

/* Ascending, each once. */
static void hit(struct answer *a, uint16_t list, struct str entry)
{
	size_t i = a->n;

	if (!is_about(a, &a->w->lists[list]))
		return;
	while (i > 0 && a->hits[i - 1].list > list)
		i--;
	if ((i > 0 && a->hits[i - 1].list == list) || a->n == a->max)
		return;
	memmove(a->hits + i + 1, a->hits + i, (a->n - i) * sizeof(*a->hits));
	a->hits[i] = (struct warnlist_hit){list, entry, a->part};
	a->n++;
}

static void look_up(struct answer *a, struct str lower, enum warnlist_type want)
{
	uint64_t h = warn_hash(lower);

	for (size_t i = h & (a->w->cap - 1); a->w->cap && a->w->table[i].hash;
	     i = (i + 1) & (a->w->cap - 1))
		if (a->w->table[i].hash == h && str_eq(a->w->table[i].text, lower) &&
		    a->w->lists[a->w->table[i].list].info.type == want)
			hit(a, a->w->table[i].list, a->w->table[i].text);
}

/* The host of a URL or address with port, or the value itself. */
static struct str host_of(struct str s)
{
	ptrdiff_t at = str_find(s, STR("://"));
	struct str host;

	if (at >= 0)
		s = str_sub(s, (size_t)at + 3, s.n);
	str_split(s, '/', &s);
	str_split(s, '?', &s);
	str_split(s, '#', &s);
	at = str_chr(s, '@');
	if (at >= 0)
		s = str_sub(s, (size_t)at + 1, s.n);
	if (s.n && s.p[0] == '[') {
		str_split(str_sub(s, 1, s.n), ']', &host);
		return host;
	}
	at = str_chr(s, ':');
	if (at >= 0 && str_chr(str_sub(s, (size_t)at + 1, s.n), ':') < 0)
		s = str_sub(s, 0, (size_t)at);
	while (s.n && s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

/* The name, and each domain above it. */
static void match_hosts(struct answer *a, struct str host)
{
	while (host.n) {
		ptrdiff_t dot = str_chr(host, '.');

		look_up(a, host, WARNLIST_HOSTNAME);
		if (dot < 0)
			return;
		host = str_sub(host, (size_t)dot + 1, host.n);
	}
}

/* The smallest network around the address or network, or NULL: O(log n + how deep they nest). */
static const struct warn_range *range_around(const struct warn_list *l, const struct warn_range *r)
{
	uint32_t low = 0, high = l->n_ranges;

	while (low < high) { /* the first that begins behind it, or is smaller and begins there */
		uint32_t mid = low + (high - low) / 2;
		int c = memcmp(l->ranges[mid].low, r->low, 16);

		if (c < 0 || (c == 0 && memcmp(l->ranges[mid].high, r->high, 16) >= 0))
			low = mid + 1;
		else
			high = mid;
	}
	for (uint32_t i = low; i; i = l->ranges[i - 1].above)
		if (memcmp(l->ranges[i - 1].high, r->high, 16) >= 0)
			return &l->ranges[i - 1];
	return NULL;
}

static void match_list(struct answer *a, uint16_t i, struct str lower, struct str value,
		       const struct warn_range *address)
{
	const struct warn_list *l = &a->w->lists[i];
	const struct warn_range *around;

	if (!is_about(a, l))
		return;
	around = l->info.type == WARNLIST_CIDR && address ? range_around(l, address) : NULL;
	if (around)
		hit(a, i, around->entry);
	for (uint32_t k = 0; l->info.type == WARNLIST_SUBSTRING && k < l->info.n_entries; k++)
		if (str_find(lower, l->parts[k]) >= 0) {
			hit(a, i, l->parts[k]);
			break;
		}
	for (uint32_t k = 0; l->info.type == WARNLIST_REGEX && k < l->info.n_entries; k++) {
		enum regex_answer r = regex_find(l->regexes[k], value);

		if (r == REGEX_NO)
			continue;
		a->sure &= r == REGEX_YES;
		hit(a, i, l->parts[k]);
		break;
	}
}

static void match_part(struct answer *a, struct str value)
{
	char room[TEXT_MAX];
	struct str lower = warn_lower(str_trim(value), room, sizeof(room)), host;
	struct warn_range r;
	bool address;

	if (!lower.n) {
		a->sure &= value.n <= sizeof(room); /* nobody looks through what is that long */
		return;
	}
	a->part = value;
	host = host_of(lower);
	address = warn_network(lower, &r) || warn_network(host, &r);
	look_up(a, lower, WARNLIST_STRING);
	match_hosts(a, a->own_case ? host_of(str_trim(value)) : host);
	for (size_t i = 0; i < a->w->n; i++)
		if (a->w->lists[i].info.type != WARNLIST_STRING &&
		    a->w->lists[i].info.type != WARNLIST_HOSTNAME)
			match_list(a, (uint16_t)i, lower, value, address ? &r : NULL);
}

static size_t answer(struct answer *a, struct str value)
{
	const struct type_row *row = type_get((enum attr_type)a->type);
	struct str rest = value, part;

	match_part(a, value);
	while (row && row->flags & TYPE_PAIR && rest.p) {
		rest = str_split(rest, '|', &part);
		match_part(a, part);
	}
	return a->n;
}

size_t warnlist_match(const struct warnlists *w, uint16_t type, struct str value, uint16_t *hits,
		      size_t max, bool *sure)
{
	struct warnlist_hit found[WARNLIST_MAX];
	struct answer a = {
		.w = w, .type = type, .hits = found, .max = MIN(max, w->n), .sure = true};
	size_t n = answer(&a, value);

	for (size_t i = 0; i < n; i++)
		hits[i] = found[i].list;
	*sure = a.sure;
	return n;
}

size_t warnlist_hits(const struct warnlists *w, uint16_t type, struct str value,
		     struct warnlist_hit *hits, size_t max)
{
	struct answer a = {.w = w,
			   .type = type,
			   .hits = hits,
			   .max = max,
			   .any_type = type == ATTR_NONE,
			   .own_case = true};

	return answer(&a, value);
}
