/*
 * pages.c - is data.mdb a well-formed set of trees? LMDB trusts its pages, so a rotten one can end
 * the process that follows it. This walk reads the file by itself, bounds everything, and runs
 * before the check lets LMDB loose. Format: LMDB 0.9, data version 1, little-endian, 64 bit.
 */
#include "store/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/pages.h"

#define HEAD 16u /* page header: number, pad, flags, lower and upper or a count */
#define NODE 8u /* node header: two halves of a size or page, flags, length of the key */
#define TREE 48u /* a tree's record: pad, flags, depth, counts of pages, entries, root */
#define LEVELS 48u
#define NO_ROOT UINT64_MAX
#define TOLD_MAX 100u

enum page_flag { BRANCH = 1, LEAF = 2, OVERFLOW = 4, FIXED = 32, INLINE = 64 };
enum node_flag { BIG = 1, SUBTREE = 2, DUPS = 4 };
enum tree_flag { TREE_REVERSE = 2, TREE_DUPS = 4, TREE_INTKEY = 8 };

struct tree {
	uint16_t flags, depth;
	uint64_t branch, leaf, overflow, entries, root;
};

struct walk {
	int fd;
	size_t psize;
	uint64_t last;
	uint8_t *seen; /* a bit a page */
	uint8_t *level[LEVELS];
	struct tree counted;
	bool free_list;
	unsigned told;
	void (*tell)(void *user, const char *problem);
	void *user;
};

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static void bad(struct walk *w, uint64_t page, const char *what)
{
	char text[160];

	if (w->told++ >= TOLD_MAX)
		return;
	snprintf(text, sizeof(text), "data.mdb: page %llu: %s", (unsigned long long)page, what);
	w->tell(w->user, text);
}

static bool mark(struct walk *w, uint64_t page)
{
	if (page < 2 || page > w->last) {
		bad(w, page, "is outside the file");
		return false;
	}
	if (w->seen[page / 8] & 1u << page % 8) {
		bad(w, page, "is used twice");
		return false;
	}
	w->seen[page / 8] |= (uint8_t)(1u << page % 8);
	return true;
}

static bool load(struct walk *w, uint64_t page, uint8_t *to)
{
	ssize_t got = pread(w->fd, to, w->psize, (off_t)(page * w->psize));

	if (got == (ssize_t)w->psize && u64(to) == page)
		return true;
	bad(w, page, got == (ssize_t)w->psize ? "is not what it should be" : "cannot be read");
	return false;
}

static void tree_get(const uint8_t *p, struct tree *t)
{
	*t = (struct tree){.flags = u16(p + 4), .depth = u16(p + 6), .branch = u64(p + 8),
			   .leaf = u64(p + 16), .overflow = u64(p + 24), .entries = u64(p + 32),
			   .root = u64(p + 40)};
}

static void tree_walk(struct walk *w, const struct tree *t, unsigned level, bool is_dups);

/* A value on pages of its own. */
static void overflow(struct walk *w, uint64_t page, uint64_t size, uint8_t *scratch)
{
	uint64_t n = (HEAD - 1 + size) / w->psize + 1;

	if (page + n < page || page + n - 1 > w->last) {
		bad(w, page, "a long value is outside the file");
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		if (!mark(w, page + i))
			return;
	if (!load(w, page, scratch))
		return;
	if (!(u16(scratch + 10) & OVERFLOW) || (u16(scratch + 12) | (uint32_t)u16(scratch + 14)
								      << 16) < n)
		bad(w, page, "is not the start of a long value");
	w->counted.overflow += n;
}

/* Pages that the free list names must not be in use. */
static void free_pages(struct walk *w, uint64_t page, const uint8_t *p, size_t n)
{
	uint64_t count = n >= 8 ? u64(p) : UINT64_MAX;

	if (count > (n - 8) / 8) {
		bad(w, page, "a list of free pages is damaged");
		return;
	}
	for (uint64_t i = 1; i <= count; i++)
		(void)mark(w, u64(p + 8 * i));
}

static void free_pages_long(struct walk *w, uint64_t page, uint64_t size)
{
	uint8_t *p = size <= (uint64_t)1 << 32 ? malloc(size) : NULL;

	if (p && pread(w->fd, p, size, (off_t)(page * w->psize + HEAD)) == (ssize_t)size)
		free_pages(w, page, p, size);
	else
		bad(w, page, "a list of free pages cannot be read");
	free(p);
}

/* Values that share a key, inside the leaf. */
static void inline_page(struct walk *w, uint64_t page, const uint8_t *p, size_t n)
{
	uint16_t lower = n >= HEAD ? u16(p + 12) : 0, upper = n >= HEAD ? u16(p + 14) : 0;
	size_t keys = lower >= HEAD ? (lower - HEAD) / 2u : 0;

	if (!keys || lower > n || upper > n || !(u16(p + 10) & LEAF) ||
	    ((u16(p + 10) & FIXED) && HEAD + keys * u16(p + 8) > n)) {
		bad(w, page, "values of one key are damaged");
		return;
	}
	w->counted.entries += keys;
}

static void leaf_value(struct walk *w, uint64_t page, const uint8_t *node, size_t room,
		       unsigned level)
{
	uint64_t size = u16(node) | (uint64_t)u16(node + 2) << 16;
	uint16_t flags = u16(node + 4), key_n = u16(node + 6);
	const uint8_t *data = node + NODE + key_n;
	size_t held = flags & BIG ? 8 : size;
	struct tree sub;

	if (key_n > KEY_MAX_BYTES || NODE + (size_t)key_n + held > room) {
		bad(w, page, "a record reaches beyond the page");
		return;
	}
	if (flags & SUBTREE) {
		if (size != TREE) {
			bad(w, page, "a tree's record is damaged");
			return;
		}
		tree_get(data, &sub);
		tree_walk(w, &sub, level, flags & DUPS);
	} else if (flags & DUPS) {
		inline_page(w, page, data, size);
	} else {
		w->counted.entries++;
		if (flags & BIG) {
			overflow(w, u64(data), size, w->level[level]);
			if (w->free_list)
				free_pages_long(w, u64(data), size);
		} else if (w->free_list) {
			free_pages(w, page, data, size);
		}
	}
}

/* Keys ascend; the first of a branch stands for everything smaller. */
static void key_order(struct walk *w, uint64_t page, const uint8_t *p, size_t i, uint16_t flags)
{
	const uint8_t *a = p + u16(p + HEAD + 2 * (i - 1)), *b = p + u16(p + HEAD + 2 * i);
	uint16_t an = u16(a + 6), bn = u16(b + 6);
	int c;

	if ((flags & (TREE_REVERSE | TREE_INTKEY)) || ((u16(p + 10) & BRANCH) && i == 1) ||
	    a + NODE + an > p + w->psize || b + NODE + bn > p + w->psize)
		return;
	c = memcmp(a + NODE, b + NODE, MIN(an, bn));
	if (c > 0 || (c == 0 && an >= bn))
		bad(w, page, "keys are out of order");
}

static void page_walk(struct walk *w, uint64_t page, unsigned depth, unsigned level, uint16_t flags)
{
	uint8_t *p = w->level[level];
	uint16_t kind, lower, upper;
	size_t keys;

	if (level + 2 >= LEVELS) {
		bad(w, page, "is too deep");
		return;
	}
	if (!mark(w, page) || !load(w, page, p))
		return;
	kind = u16(p + 10);
	lower = u16(p + 12);
	upper = u16(p + 14);
	if (!(kind & (depth > 1 ? BRANCH : LEAF)) || (kind & OVERFLOW) || lower < HEAD ||
	    (lower > upper && !(kind & FIXED)) || upper > w->psize || lower > w->psize) {
		bad(w, page, "has a damaged header");
		return;
	}
	keys = (lower - HEAD) / 2u;
	if (kind & FIXED) {
		if (HEAD + keys * u16(p + 8) > w->psize)
			bad(w, page, "has more values than fit");
		w->counted.leaf++;
		w->counted.entries += keys;
		return;
	}
	w->counted.branch += depth > 1;
	w->counted.leaf += depth == 1;
	for (size_t i = 0; i < keys; i++) {
		uint16_t at = u16(p + HEAD + 2 * i);

		if (at < upper || at + NODE > w->psize) {
			bad(w, page, "a record lies outside");
			return;
		}
		if (i)
			key_order(w, page, p, i, flags);
		if (depth > 1)
			page_walk(w, u16(p + at) | (uint64_t)u16(p + at + 2) << 16 |
					     (uint64_t)u16(p + at + 4) << 32,
				  depth - 1, level + 1, flags);
		else
			leaf_value(w, page, p + at, w->psize - at, level + 1);
	}
}

/* A tree and its totals. The values of one key count as entries of the tree above them. */
static void tree_walk(struct walk *w, const struct tree *t, unsigned level, bool is_dups)
{
	struct tree above = w->counted;
	unsigned told = w->told;

	w->counted = (struct tree){0};
	if (t->root != NO_ROOT)
		page_walk(w, t->root, t->depth, level, t->flags);
	if (told == w->told && (w->counted.branch != t->branch || w->counted.leaf != t->leaf ||
				w->counted.overflow != t->overflow ||
				w->counted.entries != t->entries))
		bad(w, t->root, "the totals of this tree do not agree");
	/* a named database is one entry of the main tree; pages count where they are */
	above.entries += is_dups ? w->counted.entries : 1;
	w->counted = above;
}

/* The trees as they were in transaction `id`; false when its head has been overwritten. */
static bool head_get(struct walk *w, uint64_t id, struct tree out[2])
{
	uint8_t p[HEAD + 136];

	for (unsigned i = 0; i < 2; i++) {
		if (pread(w->fd, p, sizeof(p), (off_t)(i * w->psize)) != (ssize_t)sizeof(p) ||
		    u64(p + HEAD + 128) != id)
			continue;
		tree_get(p + HEAD + 24, &out[0]);
		tree_get(p + HEAD + 72, &out[1]);
		w->last = u64(p + HEAD + 120);
		return true;
	}
	return false;
}

enum err pages_check(int fd, size_t page_size, uint64_t txn_id,
		     void (*tell)(void *user, const char *problem), void *user)
{
	struct walk w = {.fd = fd, .psize = page_size, .tell = tell, .user = user};
	enum err e = ERR_OK;
	struct tree trees[2];

	if (!head_get(&w, txn_id, trees))
		return ERR_AGAIN;
	if (w.last > ((uint64_t)1 << 48) / page_size)
		return ERR_CORRUPT;
	w.seen = calloc(1, w.last / 8 + 1);
	for (unsigned i = 0; i < LEVELS; i++) {
		w.level[i] = malloc(page_size);
		if (!w.level[i])
			e = ERR_NOMEM;
	}
	if (!w.seen)
		e = ERR_NOMEM;
	if (e == ERR_OK) {
		tree_walk(&w, &trees[1], 0, false);
		w.free_list = true;
		tree_walk(&w, &trees[0], 0, false);
	}
	for (unsigned i = 0; i < LEVELS; i++)
		free(w.level[i]);
	free(w.seen);
	return e != ERR_OK ? e : w.told ? ERR_CORRUPT : ERR_OK;
}
