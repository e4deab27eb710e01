/*
 * ledger_tree.c - see ledger_tree.h. Ranges of leaves are cut at the largest power of two below their
 * length, as the RFC says; no recursion goes deeper than the levels of the tree.
 */
#include "audit/ledger_tree.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- hashing ---- */

/* Making a context costs as much as hashing a leaf does: each thread keeps one. */
static pthread_key_t ctx_key;
static pthread_once_t ctx_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

static void ctx_free(void *p)
{
	EVP_MD_CTX_free(p);
}

static void ctx_setup(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	if (!sha256 || pthread_key_create(&ctx_key, ctx_free) != 0)
		abort();
}

static EVP_MD_CTX *ctx(void)
{
	if (pthread_once(&ctx_once, ctx_setup) != 0)
		abort();
	EVP_MD_CTX *c = pthread_getspecific(ctx_key);
	if (!c) {
		c = EVP_MD_CTX_new();
		if (!c || pthread_setspecific(ctx_key, c) != 0)
			abort();
	}
	return c;
}

static struct sha256 hash3(uint8_t tag, struct str a, struct str b)
{
	EVP_MD_CTX *c = ctx();
	struct sha256 d;
	if (!EVP_DigestInit_ex(c, sha256, NULL) || !EVP_DigestUpdate(c, &tag, 1) ||
	    !EVP_DigestUpdate(c, a.p, a.n) || !EVP_DigestUpdate(c, b.p, b.n) ||
	    !EVP_DigestFinal_ex(c, d.b, NULL))
		abort();
	return d;
}

struct sha256 tree_leaf(struct str leaf)
{
	return hash3(0, leaf, STR(""));
}

struct sha256 tree_node(const struct sha256 *left, const struct sha256 *right)
{
	return hash3(1, (struct str){(const char *)left->b, 32},
		     (struct str){(const char *)right->b, 32});
}

/* ---- growing ---- */

enum err tree_grow(struct tree *t, const struct sha256 *leaf, tree_node_fn node, void *user)
{
	struct sha256 h = *leaf;
	for (unsigned level = 0; t->size >> level & 1; level++) {
		if (BUG(!t->n))
			return ERR_CORRUPT;
		h = tree_node(&t->peak[--t->n], &h);
		if (node)
			TRY(node(user, t->size, level + 1, &h));
	}
	t->peak[t->n++] = h;
	t->size++;
	return ERR_OK;
}

struct sha256 tree_root(const struct tree *t)
{
	if (!t->n)
		return hash_sha256(STR(""));
	struct sha256 h = t->peak[t->n - 1];
	for (unsigned i = t->n - 1; i; i--)
		h = tree_node(&t->peak[i - 1], &h);
	return h;
}

/* ---- making proofs ---- */

static unsigned log2_of(uint64_t n)
{
	return 63u - (unsigned)__builtin_clzll(n);
}

/* The largest power of two below n (n > 1). */
static uint64_t half_of(uint64_t n)
{
	return UINT64_C(1) << log2_of(n - 1);
}

struct source {
	tree_get_fn get;
	void *user;
};

/* Hash of leaves [from, from + n), n > 0; from is a multiple of a power of two that is >= n. */
static enum err range(const struct source *s, uint64_t from, uint64_t n, struct sha256 *out)
{
	struct sha256 piece[TREE_LEVELS];
	unsigned k = 0;
	while (n) {
		unsigned level = log2_of(n);
		TRY(s->get(s->user, from + (UINT64_C(1) << level) - 1, level, &piece[k++]));
		from += UINT64_C(1) << level;
		n -= UINT64_C(1) << level;
	}
	*out = piece[--k];
	while (k)
		*out = tree_node(&piece[--k], out);
	return ERR_OK;
}

enum err tree_root_at(uint64_t size, tree_get_fn get, void *user, struct sha256 *out)
{
	struct source s = {get, user};
	if (!size) {
		*out = hash_sha256(STR(""));
		return ERR_OK;
	}
	return range(&s, 0, size, out);
}

static void turn_round(struct tree_path *p)
{
	for (unsigned i = 0; i < p->n / 2; i++) {
		struct sha256 h = p->h[i];
		p->h[i] = p->h[p->n - 1 - i];
		p->h[p->n - 1 - i] = h;
	}
}

enum err tree_include(uint64_t index, uint64_t size, tree_get_fn get, void *user,
		      struct tree_path *out)
{
	struct source s = {get, user};
	uint64_t from = 0;
	out->n = 0;
	if (index >= size)
		return ERR_NOENT;
	while (size > 1) { /* from the root down; the RFC lists it from the leaf up */
		uint64_t k = half_of(size);
		bool left = index < k;
		TRY(left ? range(&s, from + k, size - k, &out->h[out->n])
			 : range(&s, from, k, &out->h[out->n]));
		out->n++;
		if (!left) {
			from += k;
			index -= k;
		}
		size = left ? k : size - k;
	}
	turn_round(out);
	return ERR_OK;
}

enum err tree_extend(uint64_t m, uint64_t size, tree_get_fn get, void *user, struct tree_path *out)
{
	struct source s = {get, user};
	uint64_t from = 0;
	bool whole = true; /* is the old tree, as far as we look, a subtree that the verifier has? */
	out->n = 0;
	if (m > size)
		return ERR_NOENT;
	if (!m || m == size)
		return ERR_OK;
	while (m != size) {
		uint64_t k = half_of(size);
		if (m <= k) {
			TRY(range(&s, from + k, size - k, &out->h[out->n++]));
			size = k;
		} else {
			TRY(range(&s, from, k, &out->h[out->n++]));
			from += k;
			m -= k;
			size -= k;
			whole = false;
		}
	}
	if (!whole)
		TRY(range(&s, from, m, &out->h[out->n++]));
	turn_round(out);
	return ERR_OK;
}

/* ---- checking proofs (RFC 9162, 2.1.3.2 and 2.1.4.2) ---- */

static bool same(const struct sha256 *a, const struct sha256 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool tree_includes(const struct sha256 *leaf, uint64_t index, uint64_t size,
		   const struct tree_path *p, const struct sha256 *root)
{
	struct sha256 r = *leaf;
	if (index >= size)
		return false;
	uint64_t fn = index, sn = size - 1;
	for (unsigned i = 0; i < p->n; i++) {
		if (!sn)
			return false;
		if (fn & 1 || fn == sn) {
			r = tree_node(&p->h[i], &r);
			for (; !(fn & 1) && fn; fn >>= 1)
				sn >>= 1;
		} else {
			r = tree_node(&r, &p->h[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return !sn && same(&r, root);
}

bool tree_extends(uint64_t from, const struct sha256 *from_root, uint64_t size,
		  const struct tree_path *p, const struct sha256 *root)
{
	if (from > size)
		return false;
	if (from == size)
		return !p->n && same(from_root, root);
	if (!from)
		return !p->n;
	uint64_t fn = from - 1, sn = size - 1;
	unsigned i = 0;
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	/* an old tree of a power of two is itself the first hash */
	if (fn && !p->n)
		return false;
	struct sha256 fr = fn ? p->h[i++] : *from_root, sr = fr;
	for (; i < p->n; i++) {
		if (!sn)
			return false;
		if (fn & 1 || fn == sn) {
			fr = tree_node(&p->h[i], &fr);
			sr = tree_node(&p->h[i], &sr);
			for (; !(fn & 1) && fn; fn >>= 1)
				sn >>= 1;
		} else {
			sr = tree_node(&sr, &p->h[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return !sn && same(&fr, from_root) && same(&sr, root);
}
