/*
 * load.c - reading lists: MISP's list.json, folder by folder, in the order of their names.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "warnlist/impl.h"

#define SET_ARENA (1u << 30)
#define TEXT_MAX 4096u
#define LISTS_LISTED 4096u

static const char *const type_names[WARNLIST_TYPES] = {"string", "substring", "hostname", "cidr",
						       "regex"};

OWN_DEFINE(json, json_t *, json_decref(*p))

/* ---- the table of texts -------------------------------------------------------------------- */

static void put(struct warn_text *table, size_t cap, const struct warn_text *t)
{
	size_t i = t->hash & (cap - 1);

	while (table[i].hash)
		i = (i + 1) & (cap - 1);
	table[i] = *t;
}

static bool grow(struct warnlists *w)
{
	size_t cap = w->cap ? w->cap * 2 : 4096;
	struct warn_text *bigger;

	if (w->n_texts + 1 < w->cap / 2)
		return true;
	bigger = calloc(cap, sizeof(*bigger));
	if (!bigger)
		return false;
	for (size_t i = 0; i < w->cap; i++)
		if (w->table[i].hash)
			put(bigger, cap, &w->table[i]);
	free(w->table);
	w->table = bigger;
	w->cap = cap;
	return true;
}

static bool add_text(struct warnlists *w, uint16_t list, struct str lower)
{
	struct warn_text t = {warn_hash(lower), arena_str(w->a, lower), list};

	if (!t.text.p || !grow(w))
		return false;
	put(w->table, w->cap, &t);
	w->n_texts++;
	return true;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* As MISP writes expressions: /pattern/flags. */
static enum err add_regex(struct warn_list *l, uint32_t i, struct str s, struct fail *f)
{
	bool nocase = false;

	if (s.n > 1 && s.p[0] == '/') {
		size_t end = s.n;

		while (end > 1 && s.p[end - 1] != '/')
			nocase |= s.p[--end] == 'i';
		if (end > 1)
			s = str_sub(s, 1, end - 2);
	}
	return regex_new(s, nocase, &l->regexes[i], f) == ERR_OK ? ERR_OK : ERR_CONFIG;
}

static enum err add_entry(struct warnlists *w, uint16_t list, uint32_t i, struct str s,
			  struct fail *f)
{
	struct warn_list *l = &w->lists[list];
	char room[TEXT_MAX];
	struct str lower = warn_lower(str_trim(s), room, sizeof(room));

	if (!lower.n)
		return fail(f, ERR_CONFIG, "entry %u is empty or too long", i + 1);
	switch (l->info.type) {
	case WARNLIST_HOSTNAME:
		if (lower.p[0] == '.')
			lower = str_sub(lower, 1, lower.n);
		return add_text(w, list, lower) ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	case WARNLIST_STRING:
		return add_text(w, list, lower) ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	case WARNLIST_SUBSTRING:
		l->parts[i] = arena_str(w->a, lower);
		return l->parts[i].p ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	case WARNLIST_CIDR:
		return warn_network(lower, &l->ranges[l->n_ranges++]) ?
			       ERR_OK :
			       fail(f, ERR_CONFIG, "entry %u is no network", i + 1);
	case WARNLIST_REGEX:
		return add_regex(l, i, s, f);
	case WARNLIST_TYPES:
		break;
	}
	return fail(f, ERR_CONFIG, "a list of no type");
}

static int by_low(const void *a, const void *b)
{
	return memcmp(((const struct warn_range *)a)->low, ((const struct warn_range *)b)->low, 16);
}

/* Sorted and apart, so that one binary search answers. */
static void join_ranges(struct warn_list *l)
{
	uint32_t n = 0;

	if (l->n_ranges == 0)
		return;
	qsort(l->ranges, l->n_ranges, sizeof(*l->ranges), by_low);
	for (uint32_t i = 1; i < l->n_ranges; i++) {
		if (memcmp(l->ranges[i].low, l->ranges[n].high, 16) > 0)
			l->ranges[++n] = l->ranges[i];
		else if (memcmp(l->ranges[i].high, l->ranges[n].high, 16) > 0)
			memcpy(l->ranges[n].high, l->ranges[i].high, 16);
	}
	l->n_ranges = n + 1;
}

/* ---- lists --------------------------------------------------------------------------------- */

static struct str text_of(struct warnlists *w, const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_is_string(v) ? arena_str(w->a, str_c(json_string_value(v))) : STR("");
}

static void read_types(struct warnlist_info *info, const json_t *list)
{
	size_t i;
	json_t *v;

	if (json_array_size(list) == 0)
		memset(info->types, 0xff, sizeof(info->types));
	json_array_foreach((json_t *)(uintptr_t)list, i, v) {
		enum attr_type t = type_find(str_c(json_string_value(v)));

		if (t != ATTR_NONE) /* types that are not known here have no attributes */
			info->types[t / 64] |= UINT64_C(1) << (t % 64);
	}
}

static enum err read_head(struct warnlists *w, const json_t *j, struct warn_list *l, struct fail *f)
{
	struct str type = text_of(w, j, "type");
	const json_t *version = json_object_get(j, "version");
	unsigned t = 0;

	l->info.name = text_of(w, j, "name");
	l->info.description = text_of(w, j, "description");
	l->info.category = text_of(w, j, "category");
	l->info.version = json_is_integer(version) ?
				  (uint64_t)json_integer_value(version) :
				  0;
	if (json_is_string(version) && !str_u64(str_c(json_string_value(version)), &l->info.version))
		l->info.version = 0;
	while (t < WARNLIST_TYPES && !str_is(type, type_names[t]))
		t++;
	if (t == WARNLIST_TYPES || !l->info.name.n || !json_is_array(json_object_get(j, "list")))
		return fail(f, ERR_CONFIG, "not a warning list: name, type or list is missing");
	l->info.type = (enum warnlist_type)t;
	read_types(&l->info, json_object_get(j, "matching_attributes"));
	return ERR_OK;
}

static enum err read_list(struct warnlists *w, const json_t *j, struct fail *f)
{
	const json_t *list = json_object_get(j, "list");
	struct warn_list *l = &w->lists[w->n];
	size_t n = json_array_size(list), i;
	json_t *v;

	if (w->n == WARNLIST_MAX)
		return fail(f, ERR_CONFIG, "more than %u warning lists", WARNLIST_MAX);
	TRY(read_head(w, j, l, f));
	if (n > UINT32_MAX / 2)
		return fail(f, ERR_CONFIG, "it is too long");
	if (l->info.type == WARNLIST_CIDR)
		l->ranges = ARENA_ARRAY(w->a, struct warn_range, n + 1);
	if (l->info.type == WARNLIST_SUBSTRING)
		l->parts = ARENA_ARRAY(w->a, struct str, n + 1);
	if (l->info.type == WARNLIST_REGEX)
		l->regexes = ARENA_ARRAY(w->a, struct regex *, n + 1);
	l->info.n_entries = (uint32_t)n;
	w->n++;
	json_array_foreach((json_t *)(uintptr_t)list, i, v) {
		if (arena_overflowed(w->a))
			return fail(f, ERR_CONFIG, "the lists are too large");
		if (!json_is_string(v))
			return fail(f, ERR_CONFIG, "entry %zu is not a text", i + 1);
		TRY(add_entry(w, (uint16_t)(w->n - 1), (uint32_t)i,
			      (struct str){json_string_value(v), json_string_length(v)}, f));
	}
	join_ranges(l);
	return ERR_OK;
}

static enum err read_text(struct warnlists *w, struct str text, struct fail *f)
{
	json_error_t why;
	OWN(json) json_t *j = json_loadb(text.p, text.n, 0, &why);

	if (!j)
		return fail(f, ERR_CONFIG, "line %d: this is not JSON", why.line);
	hash_add(w->hash, text.p, text.n);
	return read_list(w, j, f);
}

/* ---- files --------------------------------------------------------------------------------- */

#define FILE_MAX_BYTES (256u << 20)

static enum err read_file(struct warnlists *w, const char *path, struct fail *f)
{
	OWN(buf) struct buf b = BUF(FILE_MAX_BYTES);
	struct fail why = {0};
	FILE *in = fopen(path, "re");
	enum err e;

	if (!in)
		return fail_errno(f, ERR_CONFIG, errno, "cannot read %s", path);
	for (;;) {
		char *p = buf_reserve(&b, 65536);
		size_t n = p ? fread(p, 1, 65536, in) : 0;

		if (!n)
			break;
		buf_commit(&b, n);
	}
	e = buf_err(&b) == ERR_OK && !ferror(in) ? read_text(w, buf_str(&b), &why) :
						   fail(&why, ERR_CONFIG, "cannot be read");
	fclose(in);
	return e == ERR_OK ? e : fail(f, e, "%s: %s", path, why.text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder, sorted, so that lists have the same numbers everywhere. */
static enum err names_in(struct warnlists *w, const char *folder, char ***out, size_t *n,
			 struct fail *f)
{
	char **v = ARENA_ARRAY(w->a, char *, LISTS_LISTED);
	DIR *d = opendir(folder);

	*n = 0;
	*out = v;
	if (!d)
		return fail_errno(f, ERR_CONFIG, errno, "cannot read the folder %s", folder);
	for (struct dirent *e; v && *n < LISTS_LISTED && (e = readdir(d));)
		if (e->d_name[0] != '.')
			v[(*n)++] = arena_cstr(w->a, str_c(e->d_name));
	closedir(d);
	if (!v || arena_overflowed(w->a))
		return fail(f, ERR_NOMEM, "no memory");
	qsort(v, *n, sizeof(*v), by_name);
	return ERR_OK;
}

static enum err read_folder(struct warnlists *w, struct str folder, struct fail *f)
{
	char path[PATH_MAX];
	char **names;
	size_t n;

	TRY(names_in(w, arena_cstr(w->a, folder), &names, &n, f));
	for (size_t i = 0; i < n; i++) {
		struct stat st;

		snprintf(path, sizeof(path), "%.*s/%s/list.json", STR_ARG(folder), names[i]);
		if (stat(path, &st) != 0) {
			if (!str_has_suffix(str_c(names[i]), STR(".json")))
				continue;
			snprintf(path, sizeof(path), "%.*s/%s", STR_ARG(folder), names[i]);
		}
		TRY(read_file(w, path, f));
	}
	return ERR_OK;
}

/* ---- sets ---------------------------------------------------------------------------------- */

static struct warnlists *set_new(void)
{
	struct warnlists *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	atomic_init(&w->refs, 1);
	w->a = arena_new(SET_ARENA);
	w->hash = hash_begin();
	if (w->a && w->hash)
		return w;
	warnlist_unref(w);
	return NULL;
}

static enum err set_done(struct warnlists **w, enum err e, struct warnlists **out)
{
	struct sha256 d = hash_end(MOVE((*w)->hash));

	hash_hex(d.b, sizeof(d.b), (*w)->digest);
	if (e == ERR_OK)
		*out = MOVE(*w);
	return e;
}

enum err warnlist_load(const struct str *folders, size_t n, struct warnlists **out, struct fail *f)
{
	OWN(warnlists) struct warnlists *w = set_new();
	enum err e = ERR_OK;

	*out = NULL;
	if (!w)
		return fail(f, ERR_NOMEM, "no memory for warning lists");
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = read_folder(w, folders[i], f);
	return set_done(&w, e, out);
}

enum err warnlist_from_text(struct str json, struct warnlists **out, struct fail *f)
{
	OWN(warnlists) struct warnlists *w = set_new();

	*out = NULL;
	if (!w)
		return fail(f, ERR_NOMEM, "no memory for warning lists");
	return set_done(&w, read_text(w, json, f), out);
}

struct warnlists *warnlist_ref(struct warnlists *w)
{
	if (w)
		atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	return w;
}

void warnlist_unref(struct warnlists *w)
{
	if (!w || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < w->n; i++)
		for (uint32_t k = 0; w->lists[i].regexes && k < w->lists[i].info.n_entries; k++)
			regex_free(w->lists[i].regexes[k]);
	if (w->hash)
		hash_abort(w->hash);
	free(w->table);
	arena_free(w->a);
	free(w);
}

size_t warnlist_count(const struct warnlists *w)
{
	return w->n;
}

const struct warnlist_info *warnlist_at(const struct warnlists *w, size_t i)
{
	return &w->lists[i].info;
}

const char *warnlist_digest(const struct warnlists *w)
{
	return w->digest;
}
