/*
 * json_check.c - three comparisons: tokens with jansson's tree, one piece with many, and the
 * elements of a document with what jansson's tree says they must be.
 */
#include "tests/fuzz/json_check.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/own.h"
#include "model/json_read.h"
#include "model/json_scan.h"
#include "model/pack.h"
#include "model/types.h"

#define DEPTH 2000
#define TEXT_MAX ((size_t)256 << 20)

static bool differs(struct check_why *why, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool differs(struct check_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return false;
}

/* jansson's own verdict; the BOM is the one thing that we take and it does not. */
static json_t *jansson(const char *p, size_t n, json_error_t *e)
{
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		n -= 3;
	}
	return json_loadb(p, n, JSON_DECODE_INT_AS_REAL, e);
}

/* Size of the next piece. */
static size_t piece(size_t left, size_t step, uint64_t *seed)
{
	size_t k = step ? step : 1 + check_random(seed) % (check_random(seed) % 4 ? 16 : 700);
	return MIN(k, left);
}

/* ---- tokens to a tree ---- */

struct builder {
	json_t *stack[DEPTH + 2]; /* borrowed but the first */
	unsigned depth;
	char *key;
	size_t key_n;
	json_t *root;
};

static void attach(struct builder *b, json_t *v)
{
	if (!b->depth)
		b->root = v;
	else if (json_is_array(b->stack[b->depth - 1]))
		json_array_append_new(b->stack[b->depth - 1], v);
	else
		json_object_setn_new_nocheck(b->stack[b->depth - 1], b->key, b->key_n, v);
}

static void build(struct builder *b, const struct json_scan *s, enum json_tok t)
{
	char num[512];
	json_t *v = NULL;

	switch (t) {
	case TOK_OBJ:
	case TOK_ARR:
		v = t == TOK_OBJ ? json_object() : json_array();
		attach(b, v);
		b->stack[b->depth++] = v;
		return;
	case TOK_OBJ_END:
	case TOK_ARR_END:
		b->depth--;
		return;
	case TOK_KEY:
		free(b->key);
		b->key = malloc(s->text.n + 1);
		memcpy(b->key, s->text.p, s->text.n);
		b->key[s->text.n] = '\0';
		b->key_n = s->text.n;
		return;
	case TOK_STR:
		v = json_stringn_nocheck(s->text.p, s->text.n);
		break;
	case TOK_NUM:
		snprintf(num, sizeof(num), "%.*s", STR_ARG(s->text));
		v = json_real(strtod(num, NULL));
		break;
	case TOK_TRUE:
		v = json_true();
		break;
	case TOK_FALSE:
		v = json_false();
		break;
	case TOK_NULL:
		v = json_null();
		break;
	case TOK_MORE:
	case TOK_BAD:
		return;
	}
	attach(b, v);
}

static enum json_tok scan_piece(struct json_scan *s, struct builder *b, bool *long_key)
{
	enum json_tok t;

	while ((t = json_scan_next(s)) != TOK_MORE && t != TOK_BAD) {
		if (t == TOK_KEY && !s->borrowed && s->text.n >= JSON_KEY_MAX)
			*long_key = true; /* cut, on purpose */
		if (t == TOK_NUM && s->text.n > 500)
			*long_key = true; /* too long for build() */
		build(b, s, t);
	}
	return t;
}

bool check_scan(const char *p, size_t n, size_t step, uint64_t seed, struct check_why *why)
{
	struct json_scan *s = malloc(sizeof(*s));
	struct builder *b = calloc(1, sizeof(*b));
	enum json_tok t = TOK_MORE;
	json_error_t e;
	json_t *want = jansson(p, n, &e);
	bool same = true, long_key = false;

	json_scan_init(s, DEPTH, TEXT_MAX);
	for (size_t at = 0; at < n && t == TOK_MORE;) {
		size_t k = piece(n - at, step, &seed);
		char *copy = malloc(k);
		memcpy(copy, p + at, k);
		json_scan_feed(s, copy, k);
		t = scan_piece(s, b, &long_key);
		if (t == TOK_MORE)
			json_scan_leave(s);
		free(copy);
		at += k;
	}
	bool good = t == TOK_MORE && json_scan_complete(s);
	bool too_deep = s->err == ERR_LIMIT ||
			(!want && json_error_code(&e) == json_error_stack_overflow);
	/* jansson overlooks a NUL byte behind a number or a literal */
	bool overlooked = !good && want && memchr(p, '\0', n);
	if (!too_deep && !overlooked && good != !!want)
		same = differs(why, "we %s (%s), jansson %s (%s at %d)", good ? "accept" : "refuse",
			       s->why ? s->why : "end", want ? "accepts" : "refuses",
			       want ? "" : e.text, want ? 0 : e.position);
	else if (good && want && !long_key && !json_equal(b->root, want))
		same = differs(why, "contents differ from jansson's");
	json_scan_free(s);
	json_decref(want);
	json_decref(b->root);
	free(b->key);
	free(b);
	free(s);
	return same;
}

/* ---- whole and in pieces ---- */

void check_dump(struct raw_event *r, struct buf *out)
{
	OWN(arena) struct arena *a = arena_new((size_t)1 << 30);
	OWN(raw_cursor) struct raw_cursor *c = raw_cursor_new(r);
	struct arena_mark m = arena_mark(a);
	struct element el;

	buf_printf(out, "root %d list %d\n", raw_root(r), raw_is_list(r));
	pack_entity(out, &desc_misp_event, raw_head(r), PACK_SPOOL);
	while (raw_next(c, a, &el, NULL) == ERR_OK) {
		buf_printf(out, "\n%d %u %u ", el.kind, el.ordinal, el.parent);
		pack_entity(out, element_desc(el.kind), &el.head, PACK_SPOOL);
		if (el.kind == EL_CLUSTER)
			pack_entity(out, &desc_misp_galaxy, &el.galaxy, PACK_SPOOL);
		arena_rewind(a, m);
	}
	buf_printf(out, "\nend\n");
}

static enum err dump_doc(void *user, struct raw_event *r, struct fail *f)
{
	(void)f;
	check_dump(r, user);
	raw_free(r);
	return ERR_OK;
}

static enum err read_pieces(const char *p, size_t n, enum raw_root root, bool many, size_t step,
			    uint64_t seed, struct buf *out, struct fail *f)
{
	struct raw_limits lim = raw_limits_default;
	lim.depth = 64;
	lim.memory_bytes = (size_t)64 << 20;
	struct json_read_opts o = {.root = root, .limits = &lim, .many = many};
	OWN(json_read) struct json_read *j = json_read_new(&o, dump_doc, out);

	for (size_t at = 0; at < n;) {
		size_t k = piece(n - at, step, &seed);
		char *copy = malloc(k);
		memcpy(copy, p + at, k);
		enum err e = json_read_feed(j, copy, k, f);
		free(copy);
		if (e != ERR_OK)
			return e;
		at += k;
	}
	return json_read_end(j, f);
}

bool check_pieces(const char *p, size_t n, enum raw_root root, bool many, size_t step,
		  uint64_t seed, struct check_why *why)
{
	OWN(buf) struct buf whole = BUF((size_t)1 << 30), parts = BUF((size_t)1 << 30);
	struct fail f1 = {0}, f2 = {0};
	enum err e1 = read_pieces(p, n, root, many, SIZE_MAX, 0, &whole, &f1);
	enum err e2 = read_pieces(p, n, root, many, step, seed, &parts, &f2);

	if (e1 != e2)
		return differs(why, "whole: %s, in pieces: %s (%s / %s)", err_name(e1),
			       err_name(e2), f1.text, f2.text);
	if (e1 != ERR_OK && (f1.offset != f2.offset || f1.line != f2.line || f1.column != f2.column))
		return differs(why, "failure at %llu (%u:%u) or at %llu (%u:%u)",
			       (unsigned long long)f1.offset, f1.line, f1.column,
			       (unsigned long long)f2.offset, f2.line, f2.column);
	if (!str_eq(buf_str(&whole), buf_str(&parts)))
		return differs(why, "contents differ in pieces");
	return true;
}

/* ---- elements against the tree ---- */

struct compare {
	struct raw_event **docs;
	size_t n_docs;
	struct raw_cursor *c;
	struct arena *a;
	uint64_t elements;
	struct check_why *why;
};

static bool same_text(const json_t *v, struct str s)
{
	if (json_is_string(v))
		return json_string_length(v) == s.n &&
		       memcmp(json_string_value(v), s.p ? s.p : "", s.n) == 0;
	return true; /* odd types are for the unit test */
}

static bool same_number(const json_t *v, uint64_t got)
{
	if (json_is_string(v))
		return !*json_string_value(v) || strtoull(json_string_value(v), NULL, 10) == got;
	if (json_is_number(v))
		return (uint64_t)json_number_value(v) == got;
	if (json_is_boolean(v))
		return got == (uint64_t)json_is_true(v);
	return true;
}

static bool same_truth(const json_t *v, bool got)
{
	const char *s = json_string_value(v);

	if (json_is_boolean(v))
		return got == json_is_true(v);
	if (json_is_number(v))
		return got == (json_number_value(v) != 0);
	return !s || got == (*s && strcmp(s, "0") != 0 && strcasecmp(s, "false") != 0);
}

static bool same_uuid(const json_t *v, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	const char *s = json_string_value(v);

	uuid_format(u, text);
	return !s || strlen(s) != UUID_TEXT_LEN || strcasecmp(s, text) == 0;
}

/* "YYYY-MM-DDTHH:MM:SS.ffffff+00:00", the form that MISP writes. */
static bool same_micro(const json_t *v, int64_t us)
{
	const char *s = json_string_value(v);
	struct tm tm = {0};
	unsigned micro;

	if (!s || sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d.%6u+00:00", &tm.tm_year, &tm.tm_mon,
			 &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micro) != 7)
		return true;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return us == (int64_t)timegm(&tm) * 1000000 + micro;
}

static bool same_entity(struct compare *x, json_t *o, const struct entity_desc *d, const void *e);

static bool same_list(struct compare *x, json_t *o, const json_t *v, const struct field *f,
		      const struct entity_list *l)
{
	size_t n = json_is_array(v) ? json_array_size(v) : json_is_object(v) && json_object_size(v);

	if (l->n < n || (l->n > n && !json_object_get(o, "Galaxy")))
		return differs(x->why, "%s has %u items, not %zu", f->key, l->n, n);
	for (size_t i = 0; i < n; i++) {
		json_t *item = json_is_array(v) ? json_array_get(v, i) : json_object_get(o, f->key);
		if (!same_entity(x, item, f->sub, (char *)l->v + i * f->sub->size))
			return false;
	}
	return true;
}

static bool same_member(struct compare *x, json_t *o, const json_t *v, const struct field *f,
			const void *at, const void *entity)
{
	switch ((enum field_kind)f->kind) {
	case F_STR:
		return same_text(v, *(const struct str *)at);
	case F_BOOL:
		return same_truth(v, *(const bool *)at);
	case F_U8:
		return same_number(v, *(const uint8_t *)at);
	case F_U64:
		return same_number(v, *(const uint64_t *)at);
	case F_I64:
	case F_TIME:
		return same_number(v, (uint64_t)*(const int64_t *)at);
	case F_MICRO:
		return json_is_null(v) ? *(const int64_t *)at == MICRO_NONE
				       : same_micro(v, *(const int64_t *)at);
	case F_DATE: {
		char text[16];
		uint32_t date = *(const uint32_t *)at;
		snprintf(text, sizeof(text), "%04u-%02u-%02u", date / 10000, date / 100 % 100,
			 date % 100);
		return same_text(v, str_c(text));
	}
	case F_UUID:
		return same_uuid(v, *(const struct uuid *)at);
	case F_TYPE: {
		const struct misp_attr *a = entity;
		enum attr_type t = (enum attr_type) * (const uint16_t *)at;
		return t ? same_text(v, type_name(t)) : f->offset == offsetof(struct misp_attr, type)
				 ? same_text(v, a->type_text) : true;
	}
	case F_CATEGORY: {
		const struct misp_attr *a = entity;
		enum attr_category c = (enum attr_category) * (const uint8_t *)at;
		return c ? same_text(v, category_name(c))
			 : f->offset == offsetof(struct misp_attr, category)
				   ? same_text(v, a->category_text) : true;
	}
	case F_LIST:
		return same_list(x, o, v, f, at);
	}
	return false;
}

static bool same_entity(struct compare *x, json_t *o, const struct entity_desc *d, const void *e)
{
	for (unsigned i = 0; i < d->n; i++) {
		const struct field *f = &d->fields[i];
		const json_t *v = f->key ? json_object_get(o, f->key) : NULL;
		const void *at = (const char *)e + f->offset;
		if (!v || f->form == FORM_STORE)
			continue;
		if (!same_member(x, o, v, f, at, e))
			return x->why->text[0] ? false
					       : differs(x->why, "%s.%s differs", d->name, f->key);
		bool has = ((const struct entity_head *)e)->has >> i & 1;
		if (has && json_is_null(v) && f->kind != F_MICRO && f->kind != F_UUID)
			return differs(x->why, "%s.%s is null, but there", d->name, f->key);
		if (!has && json_is_string(v) && json_string_length(v) && f->kind == F_STR)
			return differs(x->why, "%s.%s is missing", d->name, f->key);
	}
	return true;
}

static bool same_elements(struct compare *x, json_t *o, const char *key, enum element_kind k);

static bool is_analyst(const char *name)
{
	for (unsigned i = 0; i < ANALYST_KINDS; i++)
		if (strcmp(name, analyst_kind_names[i]) == 0)
			return true;
	return false;
}

/* The next element of the spool is `o`, behind its children. */
static bool same_element(struct compare *x, json_t *o, enum element_kind k)
{
	struct element el;

	if (k == EL_OBJECT) {
		const char *name;
		json_t *v;
		json_object_foreach(o, name, v) {
			if (strcmp(name, "Attribute") == 0 && !same_elements(x, o, name, EL_ATTR))
				return false;
			if (strcmp(name, "ObjectReference") == 0 &&
			    !same_elements(x, o, name, EL_REF))
				return false;
			if (is_analyst(name) && !same_elements(x, o, name, EL_ANALYST))
				return false;
		}
	} else if (k == EL_REPORT || k == EL_ANALYST) {
		const char *name;
		json_t *v;
		json_object_foreach(o, name, v)
			if (is_analyst(name) && !same_elements(x, o, name, EL_ANALYST))
				return false;
	} else if (k == EL_ATTR) {
		const char *name;
		json_t *v;
		json_object_foreach(o, name, v) {
			if (strcmp(name, "ShadowAttribute") == 0 &&
			    !same_elements(x, o, name, EL_PROPOSAL))
				return false;
			if (strcmp(name, "Sighting") == 0 && !same_elements(x, o, name, EL_SIGHTING))
				return false;
			if (strcmp(name, "Galaxy") == 0 && !same_elements(x, o, name, EL_CLUSTER))
				return false;
			if (is_analyst(name) && !same_elements(x, o, name, EL_ANALYST))
				return false;
		}
	}
	if (raw_next(x->c, x->a, &el, NULL) != ERR_OK || el.kind != k)
		return differs(x->why, "element of kind %d expected", k);
	x->elements++;
	return same_entity(x, o, element_desc(k), &el.head);
}

static bool same_elements(struct compare *x, json_t *o, const char *key, enum element_kind k)
{
	json_t *list = json_object_get(o, key), *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (k == EL_CLUSTER) {
			json_t *c;
			size_t m;
			json_array_foreach(json_object_get(item, "GalaxyCluster"), m, c)
				if (!same_element(x, c, k))
					return false;
		} else if (!same_element(x, item, k)) {
			return false;
		}
	}
	return true;
}

static bool same_event(struct compare *x, json_t *ev, struct raw_event *r)
{
	static const struct {
		const char *key;
		enum element_kind kind;
	} lists[] = {
		{"Attribute", EL_ATTR}, {"Object", EL_OBJECT}, {"EventReport", EL_REPORT},
		{"ShadowAttribute", EL_PROPOSAL}, {"Sighting", EL_SIGHTING}, {"Galaxy", EL_CLUSTER},
		{"Note", EL_ANALYST}, {"Opinion", EL_ANALYST}, {"Relationship", EL_ANALYST},
	};
	const char *name;
	json_t *v;
	struct element el;
	bool same = same_entity(x, ev, &desc_misp_event, raw_head(r));

	x->c = raw_cursor_new(r);
	json_object_foreach(ev, name, v)
		for (size_t i = 0; i < ARRAY_LEN(lists) && same; i++)
			if (strcmp(name, lists[i].key) == 0)
				same = same_elements(x, ev, name, lists[i].kind);
	if (same && raw_next(x->c, x->a, &el, NULL) != ERR_NOENT)
		same = differs(x->why, "more elements than in the document");
	raw_cursor_free(x->c);
	arena_reset(x->a);
	return same;
}

struct kept {
	struct raw_event *r[64];
	size_t n;
};

static enum err keep_doc(void *user, struct raw_event *r, struct fail *f)
{
	struct kept *k = user;

	if (k->n == ARRAY_LEN(k->r)) {
		raw_free(r);
		return fail(f, ERR_LIMIT, "too many documents for this check");
	}
	k->r[k->n++] = r;
	return ERR_OK;
}

static bool compare_docs(json_t *tree, struct kept *k, struct compare *x)
{
	json_t *list = json_object_get(tree, "response");
	size_t n = list ? json_array_size(list) : 1;

	if (n != k->n)
		return differs(x->why, "%zu events, not %zu", k->n, n);
	for (size_t i = 0; i < n; i++) {
		json_t *item = list ? json_array_get(list, i) : tree;
		json_t *ev = json_object_get(item, "Event");
		if (!same_event(x, ev ? ev : item, k->r[i]))
			return false;
	}
	return true;
}

bool check_members(const char *p, size_t n, uint64_t *elements, struct check_why *why)
{
	struct raw_limits lim = raw_limits_default;
	struct kept k = {.n = 0};
	struct fail f = {0};
	json_error_t e;
	json_t *tree = jansson(p, n, &e);
	struct compare x = {.a = arena_new((size_t)1 << 28), .why = why};
	bool same;

	why->text[0] = '\0';
	lim.memory_bytes = (size_t)64 << 20;
	struct json_read_opts o = {.root = RAW_EVENT, .limits = &lim, .many = true};
	struct json_read *j = json_read_new(&o, keep_doc, &k);
	if (!tree)
		same = differs(why, "jansson: %s", e.text);
	else if (json_read_feed(j, p, n, &f) != ERR_OK || json_read_end(j, &f) != ERR_OK)
		same = differs(why, "reader: %s", f.text);
	else
		same = compare_docs(tree, &k, &x);
	*elements += x.elements;
	json_read_free(j);
	for (size_t i = 0; i < k.n; i++)
		raw_free(k.r[i]);
	arena_free(x.a);
	json_decref(tree);
	return same;
}
