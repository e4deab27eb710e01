/*
 * like.c - LIKE patterns and the generic filter on texts.
 *
 * Folding is done before: here bytes are compared, and `_` stands for one UTF-8 character.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

static size_t char_len(struct str s, size_t i)
{
	size_t n = str_utf8_len(str_sub(s, i, s.n));

	return n ? n : 1;
}

static bool is_escape(struct str p, size_t j)
{
	return p.p[j] == '\\' && j + 1 < p.n &&
	       (p.p[j + 1] == '%' || p.p[j + 1] == '_' || p.p[j + 1] == '\\');
}

bool like_match(struct str s, struct str p)
{
	size_t i = 0, j = 0, star = SIZE_MAX, back = 0;

	/* only the last % can need another try, so this is at worst n times m */
	while (i < s.n) {
		if (j < p.n && p.p[j] == '%') {
			star = ++j;
			back = i;
			continue;
		}
		if (j < p.n && p.p[j] == '_') {
			j++;
			i += char_len(s, i);
			continue;
		}
		if (j < p.n) {
			size_t lit = j + is_escape(p, j);

			if (p.p[lit] == s.p[i]) {
				j = lit + 1;
				i++;
				continue;
			}
		}
		if (star == SIZE_MAX)
			return false;
		j = star;
		back += char_len(s, back);
		i = back;
	}
	while (j < p.n && p.p[j] == '%')
		j++;
	return j == p.n && i == s.n;
}

struct str like_literal(struct str p)
{
	struct str best = STR("");
	size_t from = 0;

	for (size_t j = 0; j <= p.n; j++) {
		if (j < p.n && p.p[j] != '%' && p.p[j] != '_' && p.p[j] != '\\')
			continue;
		if (j - from > best.n)
			best = str_sub(p, from, j - from);
		from = j + 1;
		/* what is escaped is a literal, but not worth the trouble */
		if (j < p.n && is_escape(p, j)) {
			j++;
			from = j + 1;
		}
	}
	return best;
}

bool term_match(const struct term *t, struct str s)
{
	if (t->like)
		return like_match(s, t->s);
	return t->part ? str_find(s, t->s) >= 0 : str_eq(t->s, s);
}

static bool in_either(const struct term *t, struct str one, struct str two)
{
	return term_match(t, one) || (two.p && term_match(t, two));
}

static bool any_of(const struct terms *x, struct str one, struct str two)
{
	for (uint32_t i = 0; i < x->n; i++)
		if (in_either(&x->v[i], one, two))
			return true;
	return false;
}

static bool all_of(const struct terms *x, struct str one, struct str two)
{
	bool plain = false, plain_hit = false;

	for (uint32_t i = 0; i < x->n; i++) {
		bool hit = in_either(&x->v[i], one, two);

		if (x->v[i].like && !hit)
			return false;
		plain |= !x->v[i].like;
		plain_hit |= !x->v[i].like && hit;
	}
	return !plain || plain_hit;
}

bool texts_match(const struct texts *x, struct str one, struct str two)
{
	return (!x->any.n || any_of(&x->any, one, two)) && all_of(&x->all, one, two) &&
	       !any_of(&x->none, one, two);
}

static enum err terms_make(struct terms *out, const struct query_terms *in, enum text_kind kind,
			   struct arena *a)
{
	out->n = in->n;
	out->v = ARENA_ARRAY(a, struct term, in->n ? in->n : 1);
	if (!out->v)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < in->n; i++) {
		struct term *t = &out->v[i];
		struct str s = in->v[i];

		if (kind != TEXT_EXACT) {
			char *room = arena_alloc(a, 2 * s.n + 1);

			if (!room)
				return ERR_LIMIT;
			s = index_fold(s, room);
		}
		t->s = s;
		t->part = kind == TEXT_PART;
		t->like = !t->part && s.n && (s.p[0] == '%' || s.p[s.n - 1] == '%');
	}
	return ERR_OK;
}

enum err texts_make(struct texts *x, const struct query_filter *q, enum text_kind kind,
		    struct arena *a)
{
	x->set = q->set;
	TRY(terms_make(&x->any, &q->any, kind, a));
	TRY(terms_make(&x->all, &q->all, kind, a));
	return terms_make(&x->none, &q->none, kind, a);
}

/* ---- sets ----------------------------------------------------------------------------------- */

enum err bits_make(struct bits *b, uint64_t n)
{
	b->n = n;
	b->w = calloc(n / 64 + 1, sizeof(*b->w));
	return b->w ? ERR_OK : ERR_NOMEM;
}

void bits_free(struct bits *b)
{
	free(b->w);
	*b = (struct bits){0};
}

enum err rows_add(struct rowset *r, uint32_t row)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 32;
		uint32_t *v = realloc(r->v, cap * sizeof(*v));

		if (!v)
			return ERR_NOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = row;
	return ERR_OK;
}

void rows_free(struct rowset *r)
{
	free(r->v);
	*r = (struct rowset){0};
}

bool idset_has(const struct idset *s, uint64_t id)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->v[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->v[lo] == id;
}

bool search_tag_meant(struct str term, uint64_t tag_id, struct str name)
{
	uint64_t id;

	return like_match(name, term) || (str_u64(term, &id) && id == tag_id);
}
