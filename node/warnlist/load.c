/*
 * load.c - reading lists: MISP's list.json, folder by folder, in the order of their names.
 */
#include <jansson.h>
#include <string.h>

#include "base/folder.h"
#include "warnlist/impl.h"

#define SET_ARENA (1u << 30)
#define TEXT_MAX 4096u

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

static bool add_network(struct warnlists *w, struct warn_list *l, struct str s)
{
	struct warn_range *r = &l->ranges[l->n_ranges++];

	if (!warn_network(s, r))
		return false;
	r->entry = str_chr(s, '/') >= 0 ?
			   arena_str(w->a, s) :
			   arena_printf(w->a, "%.*s/%s", STR_ARG(s),
					str_chr(s, ':') < 0 ? "32" : "128");
	return r->entry.p;
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
		return add_network(w, l, lower) ? ERR_OK :
						  fail(f, ERR_CONFIG, "entry %u is no network", i + 1);
	case WARNLIST_REGEX:
		l->parts[i] = arena_str(w->a, s);
		return add_regex(l, i, s, f);
	case WARNLIST_TYPES:
		break;
	}
	return fail(f, ERR_CONFIG, "a list of no type");
}

/* By where they begin, the larger of two first. */
static int by_low(const void *a, const void *b)
{
	const struct warn_range *x = a, *y = b;
	int c = memcmp(x->low, y->low, 16);

	return c ? c : memcmp(y->high, x->high, 16);
}

/* Networks are nested or apart: what is around one stands before it, on a stack of open ones. */
static void nest_ranges(struct warn_list *l)
{
	uint32_t open = 0; /* number of the innermost open one, + 1 */

	qsort(l->ranges, l->n_ranges, sizeof(*l->ranges), by_low);
	for (uint32_t i = 0; i < l->n_ranges; i++) {
		while (open && memcmp(l->ranges[open - 1].high, l->ranges[i].low, 16) < 0)
			open = l->ranges[open - 1].above;
		l->ranges[i].above = open;
		open = i + 1;
	}
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

		if (json_is_string(v) && strcmp(json_string_value(v), "ALL") == 0)
			memset(info->types, 0xff, sizeof(info->types));
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
	if (l->info.type == WARNLIST_SUBSTRING || l->info.type == WARNLIST_REGEX)
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
	if (l->n_ranges)
		nest_ranges(l);
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

#define FILE_MAX_BYTES (256u << 20)

static enum err read_document(void *user, const char *path, struct str text, struct fail *f)
{
	struct fail why = {0};
	enum err e = read_text(user, text, &why);

	return e == ERR_OK ? e : fail(f, e, "%s: %s", path, why.text);
}

static enum err read_folder(struct warnlists *w, struct str folder, struct fail *f)
{
	const char *path = arena_cstr(w->a, folder);

	if (!path)
		return fail(f, ERR_NOMEM, "no memory");
	return folder_each(path, "list.json", true, FILE_MAX_BYTES, read_document, w, f) == ERR_OK ?
		       ERR_OK :
		       ERR_CONFIG;
}

/* ---- sets ---------------------------------------------------------------------------------- */

struct warnlists *warnlist_begin(void)
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

enum err warnlist_add(struct warnlists *w, struct str json, uint64_t number, struct fail *f)
{
	size_t n = w->n;

	TRY(read_text(w, json, f));
	w->lists[n].info.number = number;
	return ERR_OK;
}

void warnlist_end(struct warnlists *w)
{
	struct sha256 d = hash_end(MOVE(w->hash));

	hash_hex(d.b, sizeof(d.b), w->digest);
}

static enum err set_done(struct warnlists **w, enum err e, struct warnlists **out)
{
	warnlist_end(*w);
	if (e == ERR_OK)
		*out = MOVE(*w);
	return e;
}

enum err warnlist_load(const struct str *folders, size_t n, struct warnlists **out, struct fail *f)
{
	OWN(warnlists) struct warnlists *w = warnlist_begin();
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
	OWN(warnlists) struct warnlists *w = warnlist_begin();

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
