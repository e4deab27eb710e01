/*
 * exprs.c - see exprs.h.
 */
#include "model/exprs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/regex.h"

#define VALUE_MAX (1u << 20)
#define KEPT 4

struct expr {
	struct regex *regex;
	char *replacement, *type; /* NULL: none, any */
};

struct exprs {
	atomic_uint refs;
	struct sha256 digest;
	size_t n;
	struct expr v[];
};

/* ---- one expression ---- */

/* The pattern between the delimiters with its modifiers in front. */
static enum err pattern_of(struct str text, struct buf *out, struct fail *f)
{
	static const char delimiters[] = "/#~!@%|";
	struct str t = str_trim(text);
	size_t end = t.n;
	if (!t.n)
		return fail(f, ERR_INVAL, "an expression is needed");
	if (!memchr(delimiters, t.p[0], sizeof(delimiters) - 1)) {
		buf_str_add(out, t);
		return buf_err(out);
	}
	while (end > 1 && t.p[end - 1] != t.p[0])
		end--;
	if (end <= 2)
		return fail(f, ERR_INVAL, "the delimiter at its end is missing");
	for (size_t i = end; i < t.n; i++) {
		if (!memchr("imsxuD", t.p[i], 6))
			return fail(f, ERR_INVAL, "modifiers are i, m, s, x and u");
		if (t.p[i] != 'u' && t.p[i] != 'D') /* all here are UTF-8; D is no harm */
			buf_printf(out, "(?%c)", t.p[i]);
	}
	buf_str_add(out, str_sub(t, 1, end - 2));
	return buf_err(out);
}

static enum err compile(struct str text, struct regex **out, struct fail *f)
{
	OWN(buf) struct buf b = BUF(8192);
	enum err e = pattern_of(text, &b, f);
	return e == ERR_OK ? regex_new(buf_str(&b), false, out, f) : e;
}

enum err expr_check(struct str text, struct fail *f)
{
	OWN(regex) struct regex *r = NULL;
	return compile(text, &r, f);
}

/* ---- sets, by their content ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct exprs *kept[KEPT]; /* a reference each */
static unsigned turn;

static struct sha256 digest_of(const struct expr_row *rows, size_t n)
{
	OWN(buf) struct buf b = BUF(64u << 20);
	for (size_t i = 0; i < n; i++) {
		const struct str parts[] = {rows[i].regexp, rows[i].replacement, rows[i].type};
		for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
			buf_printf(&b, "%zu:", parts[k].n);
			buf_str_add(&b, parts[k]);
		}
	}
	return hash_sha256(buf_str(&b));
}

static char *copy(struct str s)
{
	return s.n ? strndup(s.p, s.n) : NULL;
}

static struct exprs *make(const struct expr_row *rows, size_t n)
{
	struct exprs *e = calloc(1, sizeof(*e) + n * sizeof(e->v[0]));
	struct fail why = {0};
	if (!e)
		return NULL;
	atomic_init(&e->refs, 1);
	for (size_t i = 0; i < n; i++) {
		struct expr *x = &e->v[e->n];
		if (compile(rows[i].regexp, &x->regex, &why) != ERR_OK)
			continue;
		x->replacement = copy(rows[i].replacement);
		x->type = str_eq_nocase(rows[i].type, STR("ALL")) ? NULL : copy(rows[i].type);
		e->n++;
	}
	return e;
}

enum err exprs_get(const struct expr_row *rows, size_t n, struct exprs **out, struct fail *f)
{
	n = MIN(n, (size_t)EXPRS_MAX);
	struct sha256 d = digest_of(rows, n);
	struct exprs *old = NULL;
	pthread_mutex_lock(&lock);
	*out = NULL;
	for (size_t i = 0; i < KEPT && !*out; i++)
		if (kept[i] && memcmp(kept[i]->digest.b, d.b, sizeof(d.b)) == 0)
			*out = kept[i];
	if (!*out) {
		*out = make(rows, n);
		if (*out) {
			(*out)->digest = d;
			old = kept[turn % KEPT];
			kept[turn++ % KEPT] = *out;
		}
	}
	if (*out)
		atomic_fetch_add(&(*out)->refs, 1);
	pthread_mutex_unlock(&lock);
	exprs_unref(old);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory for expressions");
}

void exprs_unref(struct exprs *e)
{
	if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	for (size_t i = 0; i < e->n; i++) {
		regex_free(e->v[i].regex);
		free(e->v[i].replacement);
		free(e->v[i].type);
	}
	free(e);
}

/* ---- asking ---- */

bool exprs_match(const struct exprs *e, struct str value)
{
	for (size_t i = 0; i < e->n; i++)
		if (regex_find(e->v[i].regex, value) == REGEX_YES)
			return true;
	return false;
}

enum err exprs_rewrite(const struct exprs *e, struct str type, struct arena *a, struct str value,
		       struct str *out)
{
	OWN(buf) struct buf b = BUF(VALUE_MAX);
	*out = value;
	for (size_t i = 0; i < e->n; i++) {
		const struct expr *x = &e->v[i];
		if ((x->type && !str_is(type, x->type)) || regex_find(x->regex, *out) != REGEX_YES)
			continue;
		if (!x->replacement)
			return ERR_BLOCKED;
		buf_clear(&b);
		if (regex_replace(x->regex, *out, str_c(x->replacement), &b) != ERR_OK)
			continue;
		*out = arena_str(a, buf_str(&b));
		if (!out->p)
			return ERR_LIMIT;
	}
	return ERR_OK;
}
