/*
 * ledger_bundle.c - texts of ledger_bundle.h, made and checked line by line in bounded memory.
 */
#include "audit/ledger_bundle.h"

#include <inttypes.h>
#include <stdlib.h>

#define MAGIC "tocsin-ledger/1 "
#define LINE_BYTES_MAX (64u << 10)
#define PROOF_LEAVES_MAX 10000 /* of one proof: some megabytes */

static const char *const kinds[] = {"bundle", "proof", "growth"};

/* ---- making ---- */

void bundle_head(struct buf *out, enum ledger_text what, const struct note_key *k)
{
	buf_printf(out, MAGIC "%s\nkey ", kinds[what]);
	note_key_print(k, out);
	buf_putc(out, '\n');
}

void bundle_line(struct buf *out, const char *word, struct str bytes)
{
	buf_printf(out, "%s ", word);
	base64_encode(out, bytes);
	buf_putc(out, '\n');
}

static void leaf_line(struct buf *out, uint64_t seq, struct str bytes)
{
	buf_printf(out, "leaf %" PRIu64 " ", seq);
	base64_encode(out, bytes);
	buf_putc(out, '\n');
}

enum err bundle_leaves(const struct store_rtxn *t, uint64_t *seq, size_t want, struct buf *out,
		       struct fail *f)
{
	uint64_t size, next = *seq + 1;
	struct str bytes, text;
	enum err e = ledger_size(t, &size);
	if (e == ERR_OK)
		e = ledger_checkpoint_at(t, &next, &text);
	while (e == ERR_OK || e == ERR_NOENT) {
		bool more = e == ERR_OK;
		if (*seq == size)
			return ERR_NOENT;
		if (out->n >= want)
			return ERR_OK;
		TRY(ledger_leaf_get(t, *seq, &bytes));
		leaf_line(out, (*seq)++, bytes);
		if (more && *seq == next) {
			bundle_line(out, "checkpoint", text);
			next++;
			e = ledger_checkpoint_at(t, &next, &text);
		}
		if (buf_err(out) != ERR_OK)
			return fail(f, buf_err(out), "a piece of the ledger is too long");
	}
	return fail(f, e, "reading the ledger");
}

enum err bundle_proof(const struct store_rtxn *t, uint64_t seq, uint64_t size, struct buf *out,
		      struct fail *f)
{
	struct tree_path p;
	struct str bytes;
	enum err e = ledger_leaf_get(t, seq, &bytes);
	if (e == ERR_OK)
		e = ledger_prove(t, seq, size, &p);
	if (e != ERR_OK)
		return fail(f, e, "leaf %" PRIu64 " is not in the ledger", seq);
	leaf_line(out, seq, bytes);
	bundle_line(out, "path", (struct str){(const char *)p.h, p.n * sizeof(p.h[0])});
	return buf_err(out);
}

/* ---- checking ---- */

struct shown {
	uint64_t seq;
	struct sha256 hash;
	struct tree_path *path; /* NULL: not come yet */
	struct str bytes;
};

struct reading {
	const struct note_key *trusted;
	struct note_key key; /* by which checkpoints are checked */
	bool has_key;
	struct bundle_result *r;
	struct tree tree; /* of a bundle */
	struct checkpoint last, old;
	bool has_last, has_old;
	struct tree_path growth;
	bool has_growth;
	struct shown *v; /* of a proof */
	size_t n;
	struct arena *a;
	struct buf bytes;
	uint32_t line;
	struct fail *f;
};

static enum err PRINTF_LIKE(3, 4) wrong(struct reading *x, enum err e, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(x->f, e, x->line, 1, 0, "%s", text);
}

static enum err bytes_of(struct reading *x, struct str b64)
{
	OWN(buf) struct buf again = BUF(LINE_BYTES_MAX * 2);
	buf_clear(&x->bytes);
	if (!base64_decode(&x->bytes, b64))
		return wrong(x, ERR_PARSE, "this is no base64");
	base64_encode(&again, buf_str(&x->bytes));
	return str_eq(buf_str(&again), b64) ? ERR_OK : wrong(x, ERR_PARSE, "this is no base64");
}

static enum err line_key(struct reading *x, struct str s)
{
	struct note_key k;
	struct fail why = {0};
	if (x->has_key)
		return wrong(x, ERR_PARSE, "a second key");
	if (note_key_parse(s, &k, &why) != ERR_OK)
		return wrong(x, ERR_PARSE, "%s", why.text);
	if (x->trusted && (memcmp(k.pub, x->trusted->pub, 32) != 0 ||
			   strcmp(k.origin, x->trusted->origin) != 0))
		return wrong(x, ERR_CORRUPT, "the text is of another key than the one that is trusted");
	x->key = x->trusted ? *x->trusted : k;
	x->has_key = true;
	x->r->own_key = !x->trusted;
	snprintf(x->r->key, sizeof(x->r->key), "%.*s", STR_ARG(s));
	return ERR_OK;
}

static enum err line_leaf(struct reading *x, struct str s)
{
	struct str number;
	uint64_t seq;
	s = str_split(s, ' ', &number);
	if (!str_u64(number, &seq))
		return wrong(x, ERR_PARSE, "a leaf without a number");
	TRY(bytes_of(x, s));
	struct sha256 h = tree_leaf(buf_str(&x->bytes));
	x->r->leaves++;
	if (x->r->what == LEDGER_TEXT_BUNDLE) {
		if (seq != x->tree.size)
			return wrong(x, ERR_CORRUPT, "leaf %" PRIu64 " is missing", x->tree.size);
		return tree_grow(&x->tree, &h, NULL, NULL);
	}
	if (x->r->what != LEDGER_TEXT_PROOF)
		return wrong(x, ERR_PARSE, "no leaf is wanted here");
	if (x->n && !x->v[x->n - 1].path)
		return wrong(x, ERR_PARSE, "the leaf before has no path");
	if (x->n == PROOF_LEAVES_MAX)
		return wrong(x, ERR_LIMIT, "more than %d leaves in a proof", PROOF_LEAVES_MAX);
	if (!x->v)
		x->v = calloc(PROOF_LEAVES_MAX, sizeof(*x->v));
	if (!x->v)
		return ERR_NOMEM;
	x->v[x->n++] = (struct shown){.seq = seq, .hash = h,
				      .bytes = arena_str(x->a, buf_str(&x->bytes))};
	return ERR_OK;
}

static enum err line_path(struct reading *x, struct str s)
{
	struct tree_path *p = NULL;
	TRY(bytes_of(x, s));
	if (x->bytes.n % 32 || x->bytes.n / 32 > TREE_PATH_MAX)
		return wrong(x, ERR_PARSE, "a path of %zu bytes", x->bytes.n);
	if (x->r->what == LEDGER_TEXT_GROWTH && x->has_old && !x->has_growth) {
		p = &x->growth;
		x->has_growth = true;
	} else if (x->n && !x->v[x->n - 1].path) {
		p = x->v[x->n - 1].path = ARENA_NEW(x->a, struct tree_path);
	}
	if (!p)
		return wrong(x, ERR_PARSE, "no path is wanted here");
	p->n = (unsigned)(x->bytes.n / 32);
	if (p->n)
		memcpy(p->h, x->bytes.p, x->bytes.n);
	return ERR_OK;
}

static enum err checkpoint_read(struct reading *x, struct str s, struct checkpoint *out)
{
	struct fail why = {0};
	if (!x->has_key)
		return wrong(x, ERR_PARSE, "a checkpoint before the key");
	TRY(bytes_of(x, s));
	if (note_check(&x->key, buf_str(&x->bytes), out, &why) != ERR_OK)
		return wrong(x, ERR_CORRUPT, "%s", why.text);
	x->r->checkpoints++;
	return ERR_OK;
}

static enum err line_old(struct reading *x, struct str s)
{
	if (x->r->what != LEDGER_TEXT_GROWTH || x->has_old)
		return wrong(x, ERR_PARSE, "no earlier checkpoint is wanted here");
	x->has_old = true;
	return checkpoint_read(x, s, &x->old);
}

static enum err line_checkpoint(struct reading *x, struct str s)
{
	if (x->has_last && x->r->what != LEDGER_TEXT_BUNDLE)
		return wrong(x, ERR_PARSE, "a second checkpoint");
	TRY(checkpoint_read(x, s, &x->last));
	x->has_last = true;
	if (x->r->what != LEDGER_TEXT_BUNDLE)
		return ERR_OK;
	struct sha256 root = tree_root(&x->tree);
	if (x->last.size != x->tree.size || memcmp(x->last.root.b, root.b, 32) != 0)
		return wrong(x, ERR_CORRUPT,
			     "the checkpoint of %" PRIu64 " leaves is not of these leaves",
			     x->last.size);
	return ERR_OK;
}

static enum err one_line(struct reading *x, struct str s)
{
	static const struct {
		const char *word;
		enum err (*read)(struct reading *x, struct str s);
	} words[] = {{"key", line_key},	  {"leaf", line_leaf},
		     {"path", line_path}, {"old", line_old},
		     {"checkpoint", line_checkpoint}};
	struct str word, rest;
	if (x->line == 1) {
		for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_has_prefix(s, STR(MAGIC)) &&
			    str_is(str_sub(s, sizeof(MAGIC) - 1, s.n), kinds[i])) {
				x->r->what = (enum ledger_text)i;
				return ERR_OK;
			}
		return wrong(x, ERR_PARSE, "this is no text of a ledger");
	}
	rest = str_split(s, ' ', &word);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(word, words[i].word) && rest.p)
			return words[i].read(x, rest);
	return wrong(x, ERR_PARSE, "a line that says nothing known");
}

static enum err the_end(struct reading *x)
{
	struct bundle_result *r = x->r;
	if (!x->has_last)
		return wrong(x, ERR_PARSE, "there is no checkpoint");
	r->size = x->last.size;
	r->root = x->last.root;
	if (r->what == LEDGER_TEXT_BUNDLE)
		r->unsigned_leaves = x->tree.size - x->last.size;
	if (r->what == LEDGER_TEXT_GROWTH &&
	    (!x->has_growth ||
	     !tree_extends(x->old.size, &x->old.root, x->last.size, &x->growth, &x->last.root)))
		return wrong(x, ERR_CORRUPT, "the later log does not begin with the earlier one");
	for (size_t i = 0; i < x->n; i++)
		if (!x->v[i].path || !tree_includes(&x->v[i].hash, x->v[i].seq, x->last.size,
						    x->v[i].path, &x->last.root))
			return wrong(x, ERR_CORRUPT, "leaf %" PRIu64 " is not in the log",
				     x->v[i].seq);
	if (r->what == LEDGER_TEXT_PROOF && !x->n)
		return wrong(x, ERR_PARSE, "nothing is proven");
	return ERR_OK;
}

static void show(const struct reading *x, bundle_leaf_fn leaf, void *user)
{
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	for (size_t i = 0; leaf && i < x->n; i++)
		if (leaf_read(x->v[i].bytes, &l, items) == ERR_OK)
			leaf(user, x->v[i].seq, &l);
}

static enum err lines(struct reading *x, FILE *in)
{
	OWN(chars) char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	while ((n = getline(&line, &cap, in)) > 0) {
		x->line++;
		if (n > (ssize_t)LINE_BYTES_MAX || line[n - 1] != '\n')
			return wrong(x, ERR_PARSE, "the line is too long, or cut off");
		TRY(one_line(x, (struct str){line, (size_t)n - 1}));
	}
	return ferror(in) ? fail(x->f, ERR_IO, "the file cannot be read") : the_end(x);
}

enum err bundle_check(FILE *in, const struct note_key *trusted, bundle_leaf_fn leaf, void *user,
		      struct bundle_result *out, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(128u << 20);
	struct reading *x = calloc(1, sizeof(*x));
	enum err e = a && x ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	*out = (struct bundle_result){0};
	if (e == ERR_OK) {
		*x = (struct reading){.trusted = trusted, .r = out, .a = a, .f = f,
				      .bytes = BUF(LINE_BYTES_MAX)};
		e = lines(x, in);
	}
	if (e == ERR_OK)
		show(x, leaf, user);
	if (x) {
		buf_free(&x->bytes);
		free(x->v);
	}
	free(x);
	return e;
}
