/*
 * vocab.c - reading vocabularies: predicates and values become the tags that they stand for.
 */
#include "api/vocab.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/folder.h"
#include "base/log.h"
#include "taxonomies/shipped.h"

#define FILE_MAX (8 << 20) /* bytes of one vocabulary */
#define ALL_MAX (128u << 20)
#define VOCABS_MAX 2000u
#define KV_PREFIX "taxonomy/"

/* ---- one file ---- */

static struct str text(struct vocabs *all, const json_t *o, const char *key)
{
	const json_t *j = json_object_get(o, key);
	char number[40];
	if (json_is_integer(j)) {
		snprintf(number, sizeof(number), "%lld", json_integer_value(j));
		return arena_str(all->arena, str_c(number));
	}
	if (json_is_real(j)) {
		snprintf(number, sizeof(number), "%g", json_real_value(j));
		return arena_str(all->arena, str_c(number));
	}
	const char *s = json_string_value(j);
	return s ? arena_str(all->arena, str_c(s)) : STR_NONE;
}

static void add_entry(struct vocabs *all, struct vocab *v, const json_t *predicate,
		      const json_t *value)
{
	const json_t *last = value ? value : predicate;
	struct str p = text(all, predicate, "value"), x = value ? text(all, value, "value") : STR_NONE;
	struct str of = text(all, predicate, "expanded"), own = text(all, last, "expanded");
	if (!p.n || (value && !x.n))
		return;
	if (!of.n)
		of = p;
	if (!own.n)
		own = value ? x : p;
	struct vocab_entry *e = &v->entries[v->n++];
	*e = (struct vocab_entry){
		.tag = value ? arena_printf(all->arena, "%.*s:%.*s=\"%.*s\"", STR_ARG(v->ns),
					    STR_ARG(p), STR_ARG(x))
			     : arena_printf(all->arena, "%.*s:%.*s", STR_ARG(v->ns), STR_ARG(p)),
		.expanded = value ? arena_printf(all->arena, "%.*s: %.*s", STR_ARG(of), STR_ARG(own))
				  : own,
		.description = text(all, last, "description"),
		.colour = text(all, last, "colour"),
		.numerical_value = text(all, last, "numerical_value"),
		.expanded_zh = text(all, last, "expanded_zh"),
		.free_value = json_object_get(last, "free_value") != NULL,
	};
	if (!e->colour.n)
		e->colour = text(all, predicate, "colour");
}

static const json_t *values_of(const json_t *file, const char *predicate)
{
	const json_t *row;
	size_t i;
	json_array_foreach(json_object_get(file, "values"), i, row) {
		const char *p = json_string_value(json_object_get(row, "predicate"));
		if (p && strcmp(p, predicate) == 0)
			return json_object_get(row, "entry");
	}
	return NULL;
}

static bool entries_fill(struct vocabs *all, struct vocab *v)
{
	const json_t *predicates = json_object_get(v->json, "predicates"), *p, *e, *row;
	size_t i, k, most = json_array_size(predicates);
	json_array_foreach(json_object_get(v->json, "values"), i, row)
		most += json_array_size(json_object_get(row, "entry"));
	v->entries = ARENA_ARRAY(all->arena, struct vocab_entry, most + 1);
	if (!v->entries)
		return false;
	json_array_foreach(predicates, i, p) {
		const char *name = json_string_value(json_object_get(p, "value"));
		const json_t *list = name ? values_of(v->json, name) : NULL;
		if (!json_array_size(list))
			add_entry(all, v, p, NULL);
		json_array_foreach(list, k, e)
			if (v->n < most)
				add_entry(all, v, p, e);
	}
	return !arena_overflowed(all->arena);
}

/* Takes over `json`. */
static bool add(struct vocabs *all, json_t *json, const char *where)
{
	const char *ns = json_string_value(json_object_get(json, "namespace"));
	struct vocab v = {.json = json};
	size_t at = 0;
	if (!ns || !*ns || strlen(ns) > 200 || !json_is_array(json_object_get(json, "predicates")) ||
	    all->n >= VOCABS_MAX) {
		log_warn("taxonomies", "file=%s left out: not a vocabulary in MISP's format",
			 log_val(str_c(where)));
		json_decref(json);
		return true;
	}
	v.ns = arena_str(all->arena, str_c(ns));
	v.description = text(all, json, "description");
	v.version = text(all, json, "version");
	v.exclusive = json_is_true(json_object_get(json, "exclusive"));
	if (!v.ns.n || !entries_fill(all, &v)) {
		json_decref(json);
		return false;
	}
	while (at < all->n && !str_eq_nocase(all->v[at].ns, v.ns))
		at++;
	if (at < all->n)
		json_decref(all->v[at].json); /* a folder's goes over a built-in one */
	else
		all->n++;
	all->v[at] = v;
	return true;
}

/* ---- folders ---- */

static enum err add_file(void *user, const char *path, struct str text, struct fail *f)
{
	json_error_t why;
	json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	if (j)
		return add(user, j, path) ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	log_warn("taxonomies", "file=%s left out: line %d is not JSON", log_val(str_c(path)), why.line);
	return ERR_OK;
}

/* What cannot be read is told and left out: a vocabulary more or less keeps nobody from working. */
static bool add_folder(struct vocabs *all, const char *folder)
{
	struct fail unread = {0};
	enum err e = folder_each(folder, "machinetag.json", false, FILE_MAX, add_file, all, &unread);
	if (e != ERR_OK && e != ERR_NOMEM)
		log_warn("taxonomies", "folder=%s %s", log_val(str_c(folder)), unread.text);
	return e != ERR_NOMEM;
}

static bool add_shipped(struct vocabs *all)
{
	size_t n;
	const struct shipped_vocabulary *rows = taxo_shipped(&n);
	bool good = true;
	for (size_t i = 0; i < n && good; i++) {
		json_t *j = json_loads(rows[i].json, 0, NULL);
		good = j && add(all, j, rows[i].name);
	}
	return good;
}

/* ---- numbers and flags ---- */

struct kept {
	uint64_t id;
	struct vocab_flags flags;
};

static struct str kv_name(const struct vocab *v, char room[256])
{
	int n = snprintf(room, 256, KV_PREFIX "%.*s", STR_ARG(v->ns));
	return (struct str){room, (size_t)n};
}

static bool kept_get(const struct store_rtxn *t, const struct vocab *v, struct kept *out)
{
	char room[256];
	struct str s;
	*out = (struct kept){0};
	if (store_kv_get(t, kv_name(v, room), &s) != ERR_OK || s.n != sizeof(*out))
		return false;
	memcpy(out, s.p, sizeof(*out));
	return true;
}

static enum err kept_put(struct store_wtxn *w, const struct vocab *v, uint64_t id,
			 const struct vocab_flags *flags, struct fail *f)
{
	struct kept k;
	char room[256];
	memset(&k, 0, sizeof(k));
	k.id = id;
	k.flags = *flags;
	return store_kv_put(w, kv_name(v, room), (struct str){(const char *)&k, sizeof(k)}, f);
}

struct vocab_flags vocab_flags(const struct store_rtxn *t, const struct vocab *v)
{
	struct kept k;
	(void)kept_get(t, v, &k);
	return k.flags;
}

enum err vocab_flags_put(struct store_wtxn *w, const struct vocab *v,
			 const struct vocab_flags *flags, struct fail *f)
{
	return kept_put(w, v, v->id, flags, f);
}

static enum err run_number(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct store_rtxn *t = store_view(w);
	struct vocabs *all = arg;
	OWN(buf) struct buf key = BUF(512);
	struct str v;
	uint64_t last = 0;
	enum err e;
	while ((e = store_kv_next(t, STR(KV_PREFIX), &key, &v)) == ERR_OK)
		if (v.n == sizeof(struct kept)) {
			struct kept k;
			memcpy(&k, v.p, sizeof(k));
			last = MAX(last, k.id);
		}
	if (e != ERR_NOENT)
		return fail(f, e, "numbers of vocabularies");
	for (size_t i = 0; i < all->n; i++) {
		struct kept k;
		if (kept_get(t, &all->v[i], &k)) {
			all->v[i].id = k.id;
			continue;
		}
		all->v[i].id = ++last;
		TRY(kept_put(w, &all->v[i], last, &k.flags, f));
	}
	return ERR_OK;
}

/* ---- all ---- */

static int by_name(const void *a, const void *b)
{
	const struct vocab *x = a, *y = b;
	return str_cmp(x->ns, y->ns);
}

enum err vocabs_load(struct store *s, const char *const *folders, size_t n_folders,
		     struct vocabs **out, struct fail *f)
{
	OWN(vocabs) struct vocabs *all = calloc(1, sizeof(*all));
	*out = NULL;
	if (!all)
		return fail(f, ERR_NOMEM, "no memory");
	atomic_init(&all->refs, 1);
	all->arena = arena_new(ALL_MAX);
	all->v = calloc(VOCABS_MAX, sizeof(*all->v));
	bool good = all->arena && all->v && add_shipped(all);
	for (size_t i = 0; i < n_folders && good; i++)
		good = add_folder(all, folders[i]);
	if (!good)
		return fail(f, ERR_NOMEM, "no memory for vocabularies");
	qsort(all->v, all->n, sizeof(*all->v), by_name);
	TRY(store_run(s, run_number, all, f));
	log_info("taxonomies", "loaded=%zu", all->n);
	*out = MOVE(all);
	return ERR_OK;
}

struct vocabs *vocabs_ref(struct vocabs *v)
{
	if (v)
		atomic_fetch_add(&v->refs, 1);
	return v;
}

void vocabs_unref(struct vocabs *v)
{
	if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	for (size_t i = 0; v->v && i < v->n; i++)
		json_decref(v->v[i].json);
	free(v->v);
	arena_free(v->arena);
	free(v);
}

const struct vocab *vocabs_find(const struct vocabs *v, struct str s)
{
	uint64_t id = 0;
	bool number = str_u64(s, &id);
	for (size_t i = 0; i < v->n; i++)
		if (number ? v->v[i].id == id : str_eq_nocase(v->v[i].ns, s))
			return &v->v[i];
	return NULL;
}
