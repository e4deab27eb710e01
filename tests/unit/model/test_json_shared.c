/*
 * test_json_shared.c - real events of the shared data folder against jansson, and the broken one.
 */
#include <dirent.h>
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
	diag("%llu elements compared", (unsigned long long)elements);
	check_broken();
	return done_testing();
}
