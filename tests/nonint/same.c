/*
 * same.c - are two answers the same, but for numbers that stand for the same thing?
 *
 * Both are read side by side. Where digits differ, the whole numbers must be ids, in one table, of rows with
 * the same UUID. Nothing else is forgiven, but for formats that draw UUIDs by chance.
 */
#include <ctype.h>
#include <string.h>

#include "tests/nonint/nonint.h"

static bool stand_for_the_same(const struct numbers *na, const struct numbers *nb, uint64_t a, uint64_t b)
{
	for (unsigned i = 0; i < na->n; i++) {
		if (na->v[i].id != a)
			continue;
		for (unsigned k = 0; k < nb->n; k++)
			if (nb->v[k].id == b && nb->v[k].table == na->v[i].table &&
			    uuid_eq(nb->v[k].uuid, na->v[i].uuid))
				return true;
	}
	return false;
}

/* The number around s[*i]; *i is set behind it. */
static bool number_at(struct str s, size_t *i, uint64_t *out)
{
	size_t from = *i, to = *i;
	while (from > 0 && isdigit((unsigned char)s.p[from - 1]))
		from--;
	while (to < s.n && isdigit((unsigned char)s.p[to]))
		to++;
	*i = to;
	return str_u64(str_sub(s, from, to - from), out);
}

/* Rules of sensors are numbered by what their attribute is. */
static bool is_rule_number(struct str s, size_t end)
{
	size_t from = end;
	while (from > 0 && isdigit((unsigned char)s.p[from - 1]))
		from--;
	return from >= 4 && !memcmp(s.p + from - 4, "sid:", 4);
}

static bool differ_by_id(const struct numbers *na, const struct numbers *nb, struct str a, struct str b, size_t *i,
			 size_t *k)
{
	uint64_t x, y;
	if (!number_at(a, i, &x) || !number_at(b, k, &y))
		return false;
	if (stand_for_the_same(na, nb, x, y))
		return true;
	/* parts of a cluster are numbered by it */
	if (x % 100000 == y % 100000 && stand_for_the_same(na, nb, x / 100000, y / 100000))
		return true;
	if (!is_rule_number(a, *i) || !is_rule_number(b, *k) || x < 4000000 || y < 4000000)
		return false;
	x -= 4000000;
	y -= 4000000;
	return x % 10 == y % 10 && stand_for_the_same(na, nb, x / 10, y / 10);
}

static bool uuid_here(struct str s, size_t i)
{
	struct uuid u;
	return s.n - i >= UUID_TEXT_LEN && uuid_parse(str_sub(s, i, UUID_TEXT_LEN), &u);
}

/* A tag is the digest of a body that holds ids. */
static size_t skip_etag(struct str s, size_t i)
{
	static const char name[] = "ETag: \"";
	size_t n = sizeof(name) - 1;
	if (s.n - i < n || memcmp(s.p + i, name, n) != 0)
		return i;
	while (i < s.n && s.p[i] != '\r')
		i++;
	return i;
}

bool same_bytes(const struct numbers *na, const struct numbers *nb, struct str a, struct str b, bool random_uuids,
		size_t *at)
{
	size_t i = 0, k = 0;
	while (i < a.n || k < b.n) {
		*at = i;
		if (i < a.n && k < b.n && a.p[i] == b.p[k]) {
			size_t over = a.p[i] == 'E' ? skip_etag(a, i) : i;
			if (over > i) {
				i = over;
				k = skip_etag(b, k);
			} else {
				i++, k++;
			}
			continue;
		}
		if (i >= a.n || k >= b.n)
			return false;
		if (random_uuids) {
			size_t back = 0;
			while (back < UUID_TEXT_LEN && back < i && back < k && !uuid_here(a, i - back))
				back++;
			if (uuid_here(a, i - back) && uuid_here(b, k - back)) {
				i += UUID_TEXT_LEN - back;
				k += UUID_TEXT_LEN - back;
				continue;
			}
		}
		/* one number may be the other with more digits behind: look at the digits before as well */
		if (i > 0 && k > 0 && !isdigit((unsigned char)a.p[i]))
			i--, k--;
		else if (i > 0 && k > 0 && !isdigit((unsigned char)b.p[k]))
			i--, k--;
		if (!isdigit((unsigned char)a.p[i]) || !isdigit((unsigned char)b.p[k]))
			return false;
		if (!differ_by_id(na, nb, a, b, &i, &k))
			return false;
	}
	return true;
}
