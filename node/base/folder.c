/*
 * folder.c - walking a folder of documents.
 */
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/own.h"

static enum err read_file(const char *path, size_t max, struct buf *b, struct fail *f)
{
	FILE *in = fopen(path, "re");
	enum err e = ERR_OK;

	if (!in)
		return fail_errno(f, ERR_IO, errno, "cannot read %s", path);
	for (;;) {
		char *p = buf_reserve(b, 65536);
		size_t n = p ? fread(p, 1, 65536, in) : 0;

		if (!n)
			break;
		buf_commit(b, n);
	}
	if (ferror(in))
		e = fail_errno(f, ERR_IO, errno, "cannot read %s", path);
	else if (buf_err(b) != ERR_OK || b->n > max)
		e = fail(f, ERR_LIMIT, "%s has more than %zu bytes", path, max);
	fclose(in);
	return e;
}

/* Path of the document that stands under a name, or false. */
static bool document_at(const char *folder, const char *name, const char *inner, bool flat,
			char path[PATH_MAX])
{
	struct stat st;
	size_t n = strlen(name);

	if (snprintf(path, PATH_MAX, "%s/%s/%s", folder, name, inner) < PATH_MAX &&
	    stat(path, &st) == 0)
		return S_ISREG(st.st_mode);
	return flat && n > 5 && strcmp(name + n - 5, ".json") == 0 &&
	       snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX &&
	       stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

struct walk {
	size_t max;
	folder_fn each;
	void *user;
	enum err unread; /* of the first document that could not be read */
	struct fail why;
};

/* An error of `each` only: what cannot be read is kept for the end. */
static enum err one(struct walk *w, const char *path, struct fail *f)
{
	OWN(buf) struct buf b = BUF(w->max + 65536);
	struct fail why = {0};
	enum err e = read_file(path, w->max, &b, &why);

	if (e == ERR_OK)
		return w->each(w->user, path, buf_str(&b), f);
	if (w->unread == ERR_OK) {
		w->unread = e;
		w->why = why;
	}
	return ERR_OK;
}

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

enum err folder_each(const char *folder, const char *inner, bool flat, size_t max, folder_fn each,
		     void *user, struct fail *f)
{
	struct walk w = {.max = max, .each = each, .user = user};
	struct dirent **v = NULL;
	int n = scandir(folder, &v, not_hidden, by_bytes);
	enum err e = ERR_OK;

	if (n < 0)
		return fail_errno(f, ERR_IO, errno, "cannot read the folder %s", folder);
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		if (e == ERR_OK && document_at(folder, v[i]->d_name, inner, flat, path))
			e = one(&w, path, f);
		free(v[i]);
	}
	free(v);
	if (e != ERR_OK || w.unread == ERR_OK)
		return e;
	return fail(f, w.unread, "%s", w.why.text);
}
