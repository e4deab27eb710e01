/* test_ledger_tree.c - the tree against the RFC's own definitions, written out naively. */
#include "audit/ledger_tree.h"
#include "tests/tap/tap.h"

#define MOST 70u

static struct sha256 leaf[MOST], node_at[MOST][8];

static struct sha256 naive_root(unsigned from, unsigned n)
{
	unsigned k = 1;
	if (!n)
		return hash_sha256(STR(""));
	if (n == 1)
		return leaf[from];
	while (k * 2 < n)
		k *= 2;
	struct sha256 l = naive_root(from, k), r = naive_root(from + k, n - k);
	return tree_node(&l, &r);
}

static void naive_path(unsigned m, unsigned from, unsigned n, struct tree_path *p)
{
	unsigned k = 1;
	if (n == 1)
		return;
	while (k * 2 < n)
		k *= 2;
	if (m < k)
		naive_path(m, from, k, p);
	else
		naive_path(m - k, from + k, n - k, p);
	p->h[p->n++] = m < k ? naive_root(from + k, n - k) : naive_root(from, k);
}

static void naive_growth(unsigned m, unsigned from, unsigned n, bool whole, struct tree_path *p)
{
	unsigned k = 1;
	if (m == n) {
		if (!whole)
			p->h[p->n++] = naive_root(from, n);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	if (m <= k)
		naive_growth(m, from, k, whole, p);
	else
		naive_growth(m - k, from + k, n - k, false, p);
	p->h[p->n++] = m <= k ? naive_root(from + k, n - k) : naive_root(from, k);
}

static enum err keep(void *user, uint64_t last, unsigned level, const struct sha256 *h)
{
	(void)user;
	node_at[last][level] = *h;
	return ERR_OK;
}

static enum err get(void *user, uint64_t last, unsigned level, struct sha256 *out)
{
	(void)user;
	*out = level ? node_at[last][level] : leaf[last];
	return ERR_OK;
}

static bool same(const struct sha256 *a, const struct sha256 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool same_path(const struct tree_path *a, const struct tree_path *b)
{
	return a->n == b->n && memcmp(a->h, b->h, a->n * sizeof(a->h[0])) == 0;
}

/* Every hash of a proof matters, and so do index and size. */
static bool only_this(unsigned i, unsigned n, struct tree_path p, const struct sha256 *root)
{
	bool good = true;
	for (unsigned k = 0; k < p.n; k++) {
		p.h[k].b[k % 32] ^= 1;
		good &= !tree_includes(&leaf[i], i, n, &p, root);
		p.h[k].b[k % 32] ^= 1;
	}
	good &= !tree_includes(&leaf[i], i ^ 1, n, &p, root) || n == 1;
	good &= !tree_includes(&leaf[i], i + n, n, &p, root);
	p.n++;
	good &= !tree_includes(&leaf[i], i, n, &p, root);
	p.n -= 2;
	return good && (p.n > TREE_PATH_MAX || !tree_includes(&leaf[i], i, n, &p, root));
}

static void proofs(unsigned n)
{
	struct sha256 root = naive_root(0, n), made;
	bool paths = true, holds = true, strict = true, grows = true, growth = true;
	for (unsigned i = 0; i < n; i++) {
		struct tree_path p, want = {0};
		naive_path(i, 0, n, &want);
		paths &= tree_include(i, n, get, NULL, &p) == ERR_OK && same_path(&p, &want);
		holds &= tree_includes(&leaf[i], i, n, &p, &root);
		strict &= only_this(i, n, p, &root);
	}
	for (unsigned m = 1; m <= n; m++) {
		struct tree_path p, want = {0};
		struct sha256 old = naive_root(0, m), other = old;
		naive_growth(m, 0, n, true, &want);
		growth &= tree_extend(m, n, get, NULL, &p) == ERR_OK && same_path(&p, &want);
		grows &= tree_extends(m, &old, n, &p, &root);
		other.b[5] ^= 1;
		grows &= !tree_extends(m, &other, n, &p, &root) && !tree_extends(m, &old, n, &p, &other);
		for (unsigned k = 0; k < p.n; k++) {
			p.h[k].b[k] ^= 4;
			grows &= !tree_extends(m, &old, n, &p, &root);
			p.h[k].b[k] ^= 4;
		}
	}
	ok(paths && holds && strict && growth && grows, "proofs in a tree of %u", n);
	ok(tree_root_at(n, get, NULL, &made) == ERR_OK && same(&made, &root), "root of %u", n);
}

/* Roots that all implementations of the RFC agree on. */
static void known(void)
{
	static const char *const in[] = {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
					 "606162636465666768696a6b6c6d6e6f"};
	struct tree t = {0};
	char hex[65];
	struct sha256 root = tree_root(&t);
	is_str(hash_hex(root.b, 32, hex),
	       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty");
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		uint8_t raw[16];
		size_t n = strlen(in[i]) / 2;
		if (n && !hash_unhex(str_c(in[i]), raw, n))
			bail_out("hex");
		struct sha256 h = tree_leaf((struct str){(const char *)raw, n});
		is_ok(tree_grow(&t, &h, NULL, NULL), "grows");
		root = tree_root(&t);
		if (!i)
			is_str(hash_hex(root.b, 32, hex),
			       "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
			       "one");
	}
	is_str(hash_hex(root.b, 32, hex),
	       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328", "eight");
}

int main(void)
{
	struct tree t = {0};
	known();
	for (unsigned i = 0; i < MOST; i++) {
		leaf[i] = tree_leaf((struct str){(const char *)&i, sizeof(i)});
		if (tree_grow(&t, &leaf[i], keep, NULL) != ERR_OK)
			bail_out("does not grow");
		struct sha256 want = naive_root(0, i + 1), got = tree_root(&t);
		ok(same(&got, &want), "root of the growing tree, %u", i + 1);
	}
	for (unsigned n = 1; n <= MOST; n++)
		proofs(n);
	struct tree_path p;
	is_err(tree_include(7, 7, get, NULL, &p), ERR_NOENT, "not in the tree");
	return done_testing();
}
