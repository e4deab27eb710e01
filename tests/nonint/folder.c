/*
 * folder.c - a published feed as it lies on disk: two stores that differ in what may not go there make the same
 * files, and what changes of that touches none of them.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "feeds/out/feedout.h"
#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

static void dir_of(const struct side *s, char out[120])
{
	snprintf(out, 120, "%s/" AUDIENCE, s->feeds);
}

/* As the publisher does it: what is urgent first, the rest in slices by now and then. */
static void update(struct side *s, const struct model *m)
{
	struct audience aud;
	struct feedout_result res;
	struct fail why = {0};
	char dir[120];
	if (policy_audience_named(s->w.policy, STR(AUDIENCE), &aud) != ERR_OK)
		bail_out("no audience");
	dir_of(s, dir);
	struct feedout_opts o = {.env = &s->w.out,
				 .audience = &aud,
				 .dir = dir,
				 .policy_version = policy_version(s->w.policy),
				 .watched = &s->watched};
	o.urgent_only = m->seed % 2;
	if (o.urgent_only && feedout_update(&o, &res, &why) != ERR_OK)
		bail_out("no feed folder: %s", why.text);
	o.urgent_only = false;
	o.slice = m->seed % 3;
	do
		if (feedout_update(&o, &res, &why) != ERR_OK)
			bail_out("no feed folder: %s", why.text);
	while (res.more);
}

static int is_open(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Names, one a line; with `state` what a look at the files tells besides. */
static void list(const char *dir, bool state, struct buf *out)
{
	struct dirent **v;
	int n = scandir(dir, &v, is_open, alphasort);
	for (int i = 0; i < n; i++) {
		char path[400];
		struct stat st = {0};
		snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
		buf_printf(out, "%s", v[i]->d_name);
		if (state && stat(path, &st) == 0)
			buf_printf(out, " %llu %llu %lld.%09ld", (unsigned long long)st.st_ino,
				   (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		buf_putc(out, '\n');
		free(v[i]);
	}
	if (n >= 0)
		free(v);
}

/* Is the file the same in both? */
static bool same_file(struct side side[2], const char *name, struct buf *story)
{
	char dir[120];
	char *p[2];
	size_t n[2] = {0, 0}, at = 0;
	for (unsigned i = 0; i < 2; i++) {
		dir_of(&side[i], dir);
		p[i] = world_file(dir, name, &n[i]);
	}
	struct str a = {p[0] ? p[0] : "", n[0]}, b = {p[1] ? p[1] : "", n[1]};
	bool packed = strstr(name, ".gz") != NULL; /* by chance in one of two ways */
	bool same = packed ? !p[0] == !p[1] : n[0] == n[1] && (!n[0] || !memcmp(a.p, b.p, n[0]));
	while (!same && at < a.n && at < b.n && a.p[at] == b.p[at])
		at++;
	if (!same)
		buf_printf(story, "file %s from byte %zu on:\n%.*s\n%.*s\n", name, at,
			   (int)MIN(a.n - at, (size_t)300), a.p + at, (int)MIN(b.n - at, (size_t)300), b.p + at);
	free(p[0]);
	free(p[1]);
	return same;
}

/* As it is served, but for when it was written. */
static bool same_served(struct line *line[2], const char *name, struct buf *story)
{
	static const char *const told[] = {"Content-Type", "Content-Length", "Content-Encoding", "Cache-Control",
					   "Vary"};
	struct buf out[2] = {BUF(1u << 20), BUF(1u << 20)};
	char path[400];
	bool same = true;
	snprintf(path, sizeof(path), "/feed/" AUDIENCE "/%s", name);
	for (unsigned i = 0; i < 6; i++) {
		struct answer a;
		struct buf *b = &out[i & 1];
		talk_get(line[i & 1], i < 2 ? NULL : user_keys[i < 4 ? HOST_USER : BETA_USER], path, "", &a);
		buf_printf(b, "%d\n", a.status);
		for (unsigned k = 0; k < ARRAY_LEN(told); k++)
			buf_printf(b, "%s: %.*s\n", told[k], STR_ARG(talk_header(&a, told[k])));
		if (!strstr(name, ".gz")) /* ISA-L packs the same bytes in one of two ways, by chance */
			buf_str_add(b, buf_str(&a.body));
		answer_free(&a);
	}
	same = str_eq(buf_str(&out[0]), buf_str(&out[1]));
	if (!same)
		buf_printf(story, "%s is served as\n%s\nand as\n%s\n", path, buf_cstr(&out[0]), buf_cstr(&out[1]));
	buf_free(&out[0]);
	buf_free(&out[1]);
	return same;
}

bool folder_same(const struct model *m, struct side side[2], struct line *line[2], struct buf *story)
{
	OWN(buf) struct buf one = BUF(1 << 20);
	OWN(buf) struct buf other = BUF(1 << 20);
	OWN(buf) struct buf before = BUF(1 << 20);
	OWN(buf) struct buf after = BUF(1 << 20);
	char dir[120];
	struct str name, rest;
	for (unsigned i = 0; i < 2; i++) {
		update(&side[i], m);
		dir_of(&side[i], dir);
		list(dir, false, i ? &other : &one);
	}
	if (!str_eq(buf_str(&one), buf_str(&other))) {
		buf_printf(story, "files of 0:\n%sfiles of 1:\n%s", buf_cstr(&one), buf_cstr(&other));
		return false;
	}
	for (rest = buf_str(&one); rest.p && rest.n;) {
		char text[300];
		rest = str_split(rest, '\n', &name);
		snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
		if (name.n && !(same_file(side, text, story) && same_served(line, text, story)))
			return false;
	}
	if (!same_served(line, "absent.json", story))
		return false;
	dir_of(&side[0], dir);
	list(dir, true, &before);
	side_change(&side[0], m);
	update(&side[0], m);
	list(dir, true, &after);
	if (str_eq(buf_str(&before), buf_str(&after)))
		return true;
	buf_printf(story, "files, their numbers and times before what is hidden changed:\n%safter:\n%s",
		   buf_cstr(&before), buf_cstr(&after));
	return false;
}
