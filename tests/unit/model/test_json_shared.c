/*
 * test_json_shared.c - real events of the shared data folder and the bodies of the recordings against
 * jansson, and the broken one.
 */
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/json_read.h"
#include "tests/fuzz/json_check.h"
#include "tests/tap/tap.h"

static struct buf load(const char *path)
{
	struct buf b = BUF((size_t)1 << 28);
	FILE *in = fopen(path, "rb");
	size_t n;

	if (!in)
		bail_out("cannot read %s", path);
	do {
		char *p = buf_reserve(&b, 65536);
		if (!p)
			bail_out("no memory");
		n = fread(p, 1, 65536, in);
		buf_commit(&b, n);
	} while (n);
	fclose(in);
	return b;
}

static enum err count_doc(void *user, struct raw_event *r, struct fail *f)
{
	(void)f;
	++*(unsigned *)user;
	raw_free(r);
	return ERR_OK;
}

static void check_file(const char *dir, const char *name, uint64_t *elements)
{
	char path[8192];
	struct check_why why = {""};

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	OWN(buf) struct buf b = load(path);
	bool good = check_scan(b.p, b.n, 4096, 0, &why) && check_scan(b.p, b.n, 0, 7, &why) &&
		    check_pieces(b.p, b.n, RAW_EVENT, true, 0, 9, &why) &&
		    check_pieces(b.p, b.n, RAW_EVENT, true, 1000, 0, &why) &&
		    check_members(b.p, b.n, elements, &why);
	if (!ok(good, "%s", name))
		diag("%s", why.text);
}

static void check_broken(void)
{
	OWN(buf) struct buf b = load(shared_path("data/broken/truncated-misp-event.json"));
	struct json_read_opts o = {.root = RAW_EVENT, .many = false};
	unsigned docs = 0;
	struct fail f = {0};
	OWN(json_read) struct json_read *j = json_read_new(&o, count_doc, &docs);
	struct check_why why;
	enum err e = json_read_feed(j, b.p, b.n, &f);

	if (e == ERR_OK)
		e = json_read_end(j, &f);
	is_err(e, ERR_PARSE, "the broken document is refused");
	is_uint(docs, 0, "and gives no event");
	ok(f.line && f.column && f.offset, "with a place: %u:%u, byte %llu of %zu: %s", f.line,
	   f.column, (unsigned long long)f.offset, b.n, f.text);
	ok(check_scan(b.p, b.n, 999, 0, &why), "as by jansson");
	is_err(json_read_feed(j, "{}", 2, &f), ERR_PARSE, "and the reader stays failed");
}

/* An event in full, or a list of them, as the reader takes it? */
static bool is_event_body(json_t *body)
{
	json_t *list = json_object_get(body, "response"), *item;
	size_t i;

	if (!json_is_array(list))
		return json_is_object(json_object_get(body, "Event"));
	json_array_foreach(list, i, item)
		if (!json_is_object(json_object_get(item, "Event")))
			return false;
	return true;
}

static bool check_body(const char *body, size_t n, uint64_t *elements, struct check_why *why)
{
	json_t *tree = json_loadb(body, n, JSON_DECODE_INT_AS_REAL, NULL);
	bool good = check_scan(body, n, 0, n, why) &&
		    check_pieces(body, n, RAW_EVENT, true, 0, n, why) &&
		    check_pieces(body, n, RAW_ATTRS, false, 0, n, why) &&
		    (!tree || !is_event_body(tree) || check_members(body, n, elements, why));

	json_decref(tree);
	return good;
}

/* Request and answer bodies of one recording, a JSON object a line. */
static void check_recording(const char *dir, const char *name, uint64_t *elements)
{
	static const char *const members[] = {"req_body", "resp_body"};
	char path[8192];
	char *line = NULL;
	size_t cap = 0, bodies = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *in = fopen(path, "rb");
	if (!in)
		bail_out("cannot read %s", path);
	while ((n = getline(&line, &cap, in)) > 0) {
		json_t *o = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);
		for (size_t i = 0; i < ARRAY_LEN(members); i++) {
			json_t *b = json_object_get(o, members[i]);
			struct check_why why = {""};
			if (!json_is_string(b))
				continue;
			bodies++;
			if (!check_body(json_string_value(b), json_string_length(b), elements, &why))
				ok(false, "%s, line with n %lld: %s", name,
				   json_integer_value(json_object_get(o, "n")), why.text);
		}
		json_decref(o);
	}
	free(line);
	fclose(in);
	ok(true, "%s: %zu bodies", name, bodies);
}

static void check_recordings(const char *folder, uint64_t *elements)
{
	char dir[4096];
	struct dirent *d;

	snprintf(dir, sizeof(dir), "%s", shared_path(folder));
	DIR *h = opendir(dir);
	if (!h) {
		diag("no recordings in %s", dir);
		return;
	}
	while ((d = readdir(h)))
		if (str_has_suffix(str_c(d->d_name), STR(".jsonl")))
			check_recording(dir, d->d_name, elements);
	closedir(h);
}

int main(void)
{
	char dir[4096];
	uint64_t elements = 0;
	struct dirent *d;

	snprintf(dir, sizeof(dir), "%s", shared_path("data/misp-events"));
	DIR *h = opendir(dir);
	if (!h)
		skip_all("no events in %s", dir);
	while ((d = readdir(h)))
		if (d->d_name[0] != '.')
			check_file(dir, d->d_name, &elements);
	closedir(h);
	check_recordings("wire/client", &elements);
	check_recordings("wire/sync", &elements);
	diag("%llu elements compared", (unsigned long long)elements);
	check_broken();
	return done_testing();
}
