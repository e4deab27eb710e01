/*
 * cmd_import.c - events from files, folders and standard input into the node. The files are read
 * here and streamed, so the confined daemon needs no right to them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/import_as.h"
#include "cli/progress.h"
#include "cli/term.h"

#define FILES_MAX 1000000

struct totals {
	uint64_t added, updated, unchanged, failed, elements, files, bad_files;
};

struct import {
	struct cli *c;
	struct totals sum;
	struct progress progress;
	uint64_t done, all; /* bytes of all files */
	json_t *problems;
	const char *name; /* at work */
	/* how the store grows meanwhile, asked over a second connection about every second */
	struct cli *eye;
	int64_t asked_ms;
	uint64_t before, now; /* events in the store */
};

/* ---- what there is to do ---- */

struct files {
	const char **v;
	size_t n, cap;
	uint64_t bytes;
};

static int add_file(struct cli *c, struct files *fs, const char *name, uint64_t bytes)
{
	if (fs->n == fs->cap) {
		size_t cap = fs->cap ? fs->cap * 2 : 64;
		const char **more = cap > FILES_MAX ? NULL : reallocarray(fs->v, cap, sizeof(*more));
		if (!more)
			return cli_fail(c, CLI_FINDING, "too many files");
		fs->v = more;
		fs->cap = cap;
	}
	fs->v[fs->n++] = name;
	fs->bytes += bytes;
	return CLI_OK;
}

/* Events of a feed folder are named by their UUID; the lists beside them are not events. */
static int is_event_file(const struct dirent *e)
{
	struct str s = str_c(e->d_name);
	return (s.n == 41 && str_has_suffix(s, STR(".json"))) ||
	       (s.n == 44 && str_has_suffix(s, STR(".json.gz")));
}

static int add_folder(struct cli *c, struct files *fs, const char *dir)
{
	struct dirent **list;
	struct stat st;
	int code = CLI_OK, n = scandir(dir, &list, is_event_file, alphasort);
	if (n < 0)
		return cli_fail(c, CLI_FINDING, "cannot read the folder %s", dir);
	for (int i = 0; i < n; i++) {
		struct str path = arena_printf(c->arena, "%s/%s", dir, list[i]->d_name);
		if (code == CLI_OK && path.p && stat(path.p, &st) == 0)
			code = add_file(c, fs, path.p, (uint64_t)st.st_size);
		free(list[i]);
	}
	free(list);
	if (code == CLI_OK && n == 0)
		code = cli_fail(c, CLI_FINDING, "no events in the folder %s", dir);
	return code;
}

static int collect(struct cli *c, struct files *fs)
{
	struct stat st;
	for (size_t i = 0; i < c->argc; i++) {
		const char *name = c->argv[i];
		int code;
		if (strcmp(name, "-") == 0)
			code = add_file(c, fs, name, 0);
		else if (stat(name, &st) < 0)
			code = cli_fail(c, CLI_FINDING, "cannot read %s", name);
		else if (S_ISDIR(st.st_mode))
			code = add_folder(c, fs, name);
		else
			code = add_file(c, fs, name, (uint64_t)st.st_size);
		if (code != CLI_OK)
			return code;
	}
	return CLI_OK;
}

/* ---- one file ---- */

static uint64_t count(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}

/* Events in the store; 0 when it does not tell (another's node, say). */
static uint64_t stored_events(struct import *im)
{
	struct arena_mark m = arena_mark(im->eye->arena);
	struct call k = {.path = STR("/tocsin/status")};
	uint64_t n = 0;
	if (call_quietly(im->eye, &k)) {
		OWN(json) json_t *j = json_loadb(buf_str(&k.answer).p, k.answer.n, JSON_ALLOW_NUL, NULL);
		n = count(json_object_get(j, "store"), "events");
	}
	buf_free(&k.answer);
	arena_rewind(im->eye->arena, m);
	return n;
}

static void tick(void *user, uint64_t up, uint64_t down)
{
	struct import *im = user;
	char tail[200];
	int64_t now = clock_boot_ms();
	(void)down;
	if (!progress_due(&im->progress))
		return;
	if (im->eye && now - im->asked_ms > 1000) {
		im->now = stored_events(im);
		im->asked_ms = now;
	}
	snprintf(tail, sizeof(tail), "%llu new events",
		 (unsigned long long)MAX(im->sum.added, im->now > im->before ? im->now - im->before
									      : 0));
	progress_show(&im->progress, im->done + up, im->all, "", tail);
}

/* What went wrong with a file, or with an event of it. */
static void problem(struct import *im, const json_t *j, const char *key)
{
	struct str text = cli_text(im->c, j, key);
	char place[100] = "";
	if (count(j, "line") && strcmp(key, "error") == 0)
		snprintf(place, sizeof(place), " (line %llu, column %llu, byte %llu)",
			 (unsigned long long)count(j, "line"), (unsigned long long)count(j, "column"),
			 (unsigned long long)count(j, "offset"));
	progress_end(&im->progress);
	OWN(buf) struct buf clean = BUF(1 << 16);
	term_clean(&clean, text);
	fprintf(stderr, "tocsin: %s: %s%s\n", im->name, buf_cstr(&clean), place);
	json_t *one = json_object();
	json_object_set_new(one, "file", json_string(im->name));
	json_object_set_new(one, "text", json_stringn(text.p, text.n));
	if (place[0]) {
		json_object_set(one, "line", json_object_get(j, "line"));
		json_object_set(one, "column", json_object_get(j, "column"));
		json_object_set(one, "offset", json_object_get(j, "offset"));
	}
	json_array_append_new(im->problems, one);
}

static void add_up(struct import *im, const json_t *j)
{
	im->sum.added += count(j, "added");
	im->sum.updated += count(j, "updated");
	im->sum.unchanged += count(j, "unchanged");
	im->sum.failed += count(j, "failed");
	im->sum.elements += count(j, "elements");
	im->sum.files++;
	if (json_object_get(j, "first_error"))
		problem(im, j, "first_error");
	if (json_object_get(j, "error")) {
		problem(im, j, "error");
		im->sum.bad_files++;
	}
}

/* The answer to a malformed file counts what was good before the fault: no plain refusal. */
static bool is_count(const json_t *j)
{
	return json_object_get(j, "added") != NULL;
}

static int one_file(struct import *im, const char *name)
{
	struct cli *c = im->c;
	bool input = strcmp(name, "-") == 0;
	FILE *f = input ? stdin : fopen(name, "re");
	if (!f)
		return cli_fail(c, CLI_FINDING, "cannot read %s", name);
	im->name = input ? "standard input" : name;
	struct call k = {.method = "POST",
			 .path = STR("/tocsin/import"),
			 .upload = f,
			 .gzip = str_has_suffix(str_c(name), STR(".gz")),
			 .tick = tick,
			 .user = im,
			 .accepts = 400};
	int code = call_perform(c, &k);
	OWN(json) json_t *j = NULL;
	if (code == CLI_OK) {
		j = json_loadb(buf_str(&k.answer).p, k.answer.n, JSON_ALLOW_NUL, NULL);
		if (is_count(j))
			add_up(im, j);
		else
			code = call_refused(c, &k);
	}
	buf_free(&k.answer);
	struct stat st;
	if (!input && fstat(fileno(f), &st) == 0)
		im->done += (uint64_t)st.st_size;
	if (!input)
		fclose(f);
	return code;
}

/* ---- all ---- */

static void report(struct import *im)
{
	const struct totals *s = &im->sum;
	struct cli *c = im->c;
	if (c->json) {
		json_t *j = json_object();
		json_object_set_new(j, "files", json_integer((json_int_t)s->files));
		json_object_set_new(j, "added", json_integer((json_int_t)s->added));
		json_object_set_new(j, "updated", json_integer((json_int_t)s->updated));
		json_object_set_new(j, "unchanged", json_integer((json_int_t)s->unchanged));
		json_object_set_new(j, "failed", json_integer((json_int_t)s->failed));
		json_object_set_new(j, "elements", json_integer((json_int_t)s->elements));
		json_object_set(j, "problems", im->problems);
		cli_print_json(j);
		json_decref(j);
		return;
	}
	cli_say(c, "%.*s events added, %.*s updated, %.*s unchanged, %s%.*s refused%s; %.*s elements",
		STR_ARG(term_number(c, s->added)), STR_ARG(term_number(c, s->updated)),
		STR_ARG(term_number(c, s->unchanged)), term_on(c, s->failed ? TERM_BAD : TERM_PLAIN),
		STR_ARG(term_number(c, s->failed)), term_off(c, s->failed ? TERM_BAD : TERM_PLAIN),
		STR_ARG(term_number(c, s->elements)));
}

int cmd_import(struct cli *c)
{
	struct import im = {.c = c};
	struct cli eye = *c;
	struct files fs = {0};
	if (cli_opt(c, "list") || (cli_opt(c, "as") && strcmp(cli_opt(c, "as"), "misp") != 0))
		return import_as(c);
	if (cli_want_args(c, 1, SIZE_MAX))
		return CLI_USAGE;
	im.problems = json_array();
	int code = collect(c, &fs);
	im.all = fs.bytes;
	progress_begin(&im.progress, c, "import");
	eye.line = NULL;
	eye.arena = arena_new(1 << 20);
	if (im.progress.on && eye.arena && cli_conf(c)) {
		eye.conf = c->conf;
		im.eye = &eye;
		im.before = im.now = stored_events(&im);
	}
	for (size_t i = 0; code == CLI_OK && i < fs.n; i++)
		code = one_file(&im, fs.v[i]);
	progress_end(&im.progress);
	if (im.sum.files && !(code != CLI_OK && c->json))
		report(&im);
	call_close(eye.line);
	arena_free(eye.arena);
	json_decref(im.problems);
	free(fs.v);
	return code != CLI_OK ? code : im.sum.failed || im.sum.bad_files ? CLI_FINDING : CLI_OK;
}
