/*
 * sensor_file.c - writes files of feeds/sensor from indicators on a list, so that tests need no daemon.
 *
 *   sensor_file formats                           one JSON object a line for each format
 *   sensor_file list FORMAT LIST                  the indicators that reach a format, "kind hex" a line
 *   sensor_file full FORMAT LIST [NAME=VALUE]...  a whole file
 *   sensor_file change FORMAT OLD NEW [NAME=...]  what changes from one list to the other
 *
 * A list has a line for each: kind, value in hex, and if wanted number, threat level, direction, then
 * in hex comment, info, organisation, tags; tabs between. Counts go to standard error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/sensor/sensor.h"

static struct arena *arena;

static _Noreturn void die(const char *what, const char *which)
{
	fprintf(stderr, "sensor_file: %s: %s\n", what, which);
	exit(2);
}

/* ---- lists ---- */

struct entry {
	struct indicator i;
	struct ind_key key;
};

struct list {
	struct entry *v;
	size_t n, cap, bad, covered;
};

static struct str unhex(struct str hex)
{
	char *p = arena_alloc(arena, hex.n / 2 + 1);
	if (!p || !hash_unhex(hex, p, hex.n / 2))
		die("not hex", "value");
	return (struct str){p, hex.n / 2};
}

static struct str field(struct str *line)
{
	struct str head = STR("");
	if (line->p)
		*line = str_split(*line, '\t', &head);
	return head;
}

static void entry_read(struct list *l, struct str line)
{
	struct entry *e = &l->v[l->n];
	struct str kind = field(&line), value = unhex(field(&line)), number;
	uint64_t n;
	unsigned k = 0;
	while (k < IND_KINDS && !str_is(kind, ind_kind_name((enum ind_kind)k)))
		k++;
	if (k == IND_KINDS)
		die("no such kind", "list");
	if (!ind_make(arena, (enum ind_kind)k, value, &e->i)) {
		l->bad++;
		return;
	}
	number = field(&line);
	e->i.number = str_u64(number, &n) ? (uint32_t)n : (uint32_t)(hash_64(value.p, value.n, k) % IND_NUMBERS);
	e->i.threat_level = str_u64(field(&line), &n) ? (uint8_t)n : 0;
	e->i.direction = str_u64(field(&line), &n) ? (uint8_t)n : 0;
	e->i.comment = unhex(field(&line));
	e->i.info = unhex(field(&line));
	e->i.org = unhex(field(&line));
	e->i.tags = unhex(field(&line));
	e->i.changed = 1700000000;
	memcpy(e->i.attr.b, &e->i.number, sizeof(e->i.number));
	e->i.attr.b[15] = e->i.event.b[15] = 1;
	ind_key(&e->i, &e->key);
	l->n++;
}

static int entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = ind_key_cmp(&x->key, &y->key);
	return c ? c : (x->i.number > y->i.number) - (x->i.number < y->i.number);
}

/* In order, each once; those that are covered are left out where the format asks for it. */
static void list_settle(struct list *l, const struct sensor_format *f)
{
	size_t kept = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), entry_cmp);
	for (size_t i = 0; i < l->n; i++) {
		if (!(f->kinds & UINT64_C(1) << l->v[i].i.kind))
			continue;
		if (kept && ind_key_cmp(&l->v[kept - 1].key, &l->v[i].key) == 0)
			continue;
		if (kept && (f->flags & SENSOR_DISJOINT) && ind_key_covers(&l->v[kept - 1].key, &l->v[i].key)) {
			l->covered++;
			continue;
		}
		if (kept != i)
			l->v[kept] = l->v[i];
		kept++;
	}
	l->n = kept;
}

static struct list list_read(const char *file, const struct sensor_format *f)
{
	struct list l = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
	if (!in)
		die("cannot open", file);
	while ((n = getline(&line, &cap, in)) > 0) {
		if (l.n == l.cap) {
			l.cap = l.cap ? l.cap * 2 : 1024;
			l.v = realloc(l.v, l.cap * sizeof(*l.v));
			if (!l.v)
				die("out of memory", file);
		}
		entry_read(&l, (struct str){line, (size_t)n - (line[n - 1] == '\n')});
	}
	free(line);
	if (in != stdin)
		fclose(in);
	list_settle(&l, f);
	return l;
}

/* ---- parameters ---- */

static struct str param(void *user, const char *name)
{
	size_t n = strlen(name);
	for (char **v = user; *v; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return str_c(*v + n + 1);
	return STR_NONE;
}

static void params_check(const struct sensor_format *f, char **v)
{
	for (; *v; v++) {
		struct str name, value = str_split(str_c(*v), '=', &name);
		if (str_is(name, "serial") || str_is(name, "source") || str_is(name, "base_url") ||
		    str_is(name, "now") || str_is(name, "count"))
			continue;
		const char *fault = sensor_param_fault(f, name, value);
		if (fault)
			die(*v, fault);
	}
}

static uint64_t number_of(char **v, const char *name, uint64_t fallback)
{
	uint64_t n;
	return str_u64(param(v, name), &n) ? n : fallback;
}

static struct sensor_opts opts_of(char **given)
{
	struct str source = param(given, "source"), url = param(given, "base_url");
	return (struct sensor_opts){
		.param = param,
		.user = given,
		.now = (int64_t)number_of(given, "now", 1767225600),
		.serial = number_of(given, "serial", 7),
		.count = number_of(given, "count", 0),
		.name = STR("test"),
		.source = source.p ? source : STR("ORG \"A\"; \\ | # \xc3\xa9"),
		.base_url = url.p ? url : STR("https://node.example"),
	};
}

/* ---- files ---- */

static void ok_or_die(enum err e, const char *where)
{
	if (e != ERR_OK)
		die(where, err_text(e));
}

static void flush(struct buf *b, bool last)
{
	if (!last && b->n < (1u << 20))
		return;
	fwrite(b->p ? b->p : "", 1, b->n, stdout);
	b->n = 0;
}

static void full(const struct sensor_format *f, struct list l, char **given)
{
	OWN(buf) struct buf b = BUF((size_t)1 << 32);
	struct sensor_opts opts = opts_of(given);
	struct sensor_run r = {.format = f, .opts = &opts, .out = &b};
	ok_or_die(sensor_begin(&r), "begin");
	for (size_t i = 0; i < l.n; i++) {
		ok_or_die(sensor_item(&r, &l.v[i].i), "item");
		flush(&b, false);
	}
	ok_or_die(sensor_end(&r), "end");
	flush(&b, true);
	fprintf(stderr, "{\"entries\":%llu,\"left_out\":%llu,\"covered\":%zu,\"bad\":%zu}\n",
		(unsigned long long)r.entries, (unsigned long long)r.left_out, l.covered, l.bad);
	sensor_free(&r);
}

static bool is_same(const struct indicator *a, const struct indicator *b)
{
	OWN(buf) struct buf x = BUF(1u << 20), y = BUF(1u << 20);
	ind_pack(&x, a, true);
	ind_pack(&y, b, true);
	return str_eq(buf_str(&x), buf_str(&y));
}

/* As node/subs does it: all that went, then all that came; what became another one does both. */
static void change(const struct sensor_format *f, struct list old, struct list new, char **given)
{
	OWN(buf) struct buf b = BUF((size_t)1 << 32);
	struct sensor_opts opts = opts_of(given);
	struct sensor_run r = {.format = f, .opts = &opts, .out = &b};
	ok_or_die(sensor_change_begin(&r), "change_begin");
	for (int pass = 0; pass < 2; pass++) {
		const struct list *of = pass ? &new : &old, *not = pass ? &old : &new;
		size_t j = 0;
		for (size_t i = 0; i < of->n; i++) {
			int c = -1;
			while (j < not->n && (c = ind_key_cmp(&not->v[j].key, &of->v[i].key)) < 0)
				j++;
			if (j < not->n && c == 0 && is_same(&not->v[j].i, &of->v[i].i))
				continue;
			ok_or_die(sensor_change(&r, pass ? SENSOR_COME : SENSOR_GONE, &of->v[i].i), "change");
			flush(&b, false);
		}
	}
	ok_or_die(sensor_change_end(&r), "change_end");
	flush(&b, true);
	sensor_free(&r);
}

/* ---- what there is ---- */

static void formats(void)
{
	static const struct {
		const char *name;
		unsigned flag;
	} flags[] = {{"context", SENSOR_CONTEXT}, {"numbered", SENSOR_NUMBERED}, {"disjoint", SENSOR_DISJOINT},
		     {"whole", SENSOR_WHOLE},	  {"binary", SENSOR_BINARY}};
	for (const struct sensor_row *row = sensor_rows; row->name; row++) {
		OWN(buf) struct buf b = BUF(1u << 20);
		struct jsonw w = jsonw_on(&b);
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "name", row->name);
		JSONW_KV(&w, jsonw_c, "ext", row->ext);
		JSONW_KV(&w, jsonw_c, "doc", row->doc);
		JSONW_KV(&w, jsonw_bool, "own_change", row->format->change != NULL);
		jsonw_key(&w, "flags");
		jsonw_arr(&w);
		for (size_t i = 0; i < ARRAY_LEN(flags); i++)
			if (row->format->flags & flags[i].flag)
				jsonw_c(&w, flags[i].name);
		jsonw_arr_end(&w);
		jsonw_key(&w, "kinds");
		jsonw_arr(&w);
		for (unsigned k = 0; k < IND_KINDS; k++)
			if (row->format->kinds & UINT64_C(1) << k)
				jsonw_c(&w, ind_kind_name((enum ind_kind)k));
		jsonw_arr_end(&w);
		jsonw_key(&w, "params");
		jsonw_obj(&w);
		for (const struct sensor_param *p = row->format->params; p && p->name; p++) {
			jsonw_key(&w, p->name);
			jsonw_arr(&w);
			jsonw_c(&w, p->fallback);
			jsonw_c(&w, p->doc);
			jsonw_bool(&w, p->check ? p->check(str_c(p->fallback)) : sensor_word(str_c(p->fallback)));
			jsonw_arr_end(&w);
		}
		jsonw_obj_end(&w);
		jsonw_obj_end(&w);
		puts(buf_cstr(&b));
	}
}

/* ---- main ---- */

int main(int argc, char **argv)
{
	const struct sensor_row *row = argc > 2 ? sensor_find(str_c(argv[2])) : NULL;
	if (argc == 2 && strcmp(argv[1], "formats") == 0) {
		formats();
		return 0;
	}
	if (argc < 4 || !row)
		die("usage", "formats | list|full FORMAT LIST | change FORMAT OLD NEW");
	arena = arena_new((size_t)1 << 33);
	struct list l = list_read(argv[3], row->format), l2 = {0};
	if (strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < l.n; i++) {
			fputs(ind_kind_name(l.v[i].i.kind), stdout);
			putchar('\t');
			for (size_t k = 0; k < l.v[i].i.value.n; k++)
				printf("%02x", (unsigned char)l.v[i].i.value.p[k]);
			putchar('\n');
		}
	} else if (strcmp(argv[1], "full") == 0) {
		params_check(row->format, argv + 4);
		full(row->format, l, argv + 4);
	} else if (strcmp(argv[1], "change") == 0 && argc > 4) {
		params_check(row->format, argv + 5);
		l2 = list_read(argv[4], row->format);
		change(row->format, l, l2, argv + 5);
	} else {
		die("usage", argv[1]);
	}
	free(l.v);
	free(l2.v);
	arena_free(arena);
	return fflush(stdout) != 0;
}
