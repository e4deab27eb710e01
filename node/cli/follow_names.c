/*
 * follow_names.c - names in one buffer with an index, and their book: a line "+z NAME" or "+d NAME" for
 * what came, "-z NAME" for what went; the last line of a name counts, a torn one at the end does not.
 */
#include "cli/follow_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)1 << 31)
#define ROWS_MAX ((size_t)1 << 26)
#define PIECE ((size_t)1 << 18)

struct names_row {
	uint32_t at; /* in the text */
	uint8_t n, gone, data;
	const char *type;
};

bool names_add(struct names *n, const struct names_entry *e)
{
	struct str name = e->name;
	if (!n->text.max)
		n->text = BUF(TEXT_MAX);
	if (n->n == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 256;
		void *more = cap <= ROWS_MAX ? reallocarray(n->rows, cap, sizeof(*n->rows)) : NULL;
		if (!more)
			return false;
		n->rows = more;
		n->cap = cap;
	}
	if (str_has_suffix(name, STR(".")))
		name.n--;
	if (name.n > 254)
		return false;
	n->rows[n->n] = (struct names_row){(uint32_t)n->text.n, (uint8_t)(name.n + 1), e->gone, e->data, e->type};
	for (size_t i = 0; i < name.n; i++)
		buf_putc(&n->text, name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i]);
	buf_putc(&n->text, '.');
	if (buf_err(&n->text) != ERR_OK)
		return false;
	n->n++;
	return true;
}

struct names_entry names_at(const struct names *n, size_t i)
{
	const struct names_row *r = &n->rows[i];
	return (struct names_entry){{n->text.p + r->at, r->n}, r->type, r->gone, r->data};
}

static int order(const struct names *a, size_t i, const struct names *b, size_t k)
{
	struct names_entry x = names_at(a, i), y = names_at(b, k);
	return x.data != y.data ? x.data - y.data : str_cmp(x.name, y.name);
}

static int row_cmp(const void *a, const void *b, void *user)
{
	const struct names *n = user;
	const struct names_row *x = a, *y = b;
	struct str s = {n->text.p + x->at, x->n}, t = {n->text.p + y->at, y->n};
	int c = x->data != y->data ? x->data - y->data : str_cmp(s, t);
	return c ? c : (x->at > y->at) - (x->at < y->at);
}

void names_sort(struct names *n)
{
	if (n->n)
		qsort_r(n->rows, n->n, sizeof(*n->rows), row_cmp, n);
}

void names_free(struct names *n)
{
	buf_free(&n->text);
	free(n->rows);
	*n = (struct names){0};
}

/* ---- the book ---- */

static bool book_line(struct names *n, struct str line)
{
	struct names_entry e = {.name = str_sub(line, 3, line.n)};
	bool torn = line.n < 5 || line.p[line.n - 1] == '#';
	if (torn || (line.p[0] != '+' && line.p[0] != '-') || (line.p[1] != 'z' && line.p[1] != 'd') ||
	    line.p[2] != ' ')
		return true; /* nobody's */
	e.gone = line.p[0] == '-';
	e.data = line.p[1] == 'd';
	return names_add(n, &e);
}

static enum err book_read(const char *book, struct names *n, struct fail *f)
{
	char line[300];
	FILE *file = fopen(book, "re");
	bool ok = true;
	if (!file)
		return errno == ENOENT ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot read %s", book);
	while (ok && fgets(line, sizeof(line), file)) {
		struct str s = str_c(line);
		if (str_has_suffix(s, STR("\n")))
			ok = book_line(n, str_sub(s, 0, s.n - 1));
	}
	bool failed = ferror(file) != 0;
	fclose(file);
	if (failed)
		return fail(f, ERR_IO, "cannot read %s", book);
	return ok ? ERR_OK : fail(f, ERR_NOMEM, "%s holds too many names", book);
}

enum err names_missing(const char *book, const struct names *now, struct names *out, struct fail *f)
{
	OWN(names) struct names was = {0};
	size_t k = 0;
	TRY(book_read(book, &was, f));
	names_sort(&was);
	for (size_t i = 0; i < was.n; i++) {
		struct names_entry e = names_at(&was, i);
		if (e.gone || (i + 1 < was.n && order(&was, i, &was, i + 1) == 0))
			continue;
		while (k < now->n && order(now, k, &was, i) < 0)
			k++;
		if (k < now->n && order(now, k, &was, i) == 0)
			continue;
		e.gone = true;
		if (!names_add(out, &e))
			return fail(f, ERR_NOMEM, "too many names");
	}
	return ERR_OK;
}

static bool flush(int fd, struct buf *b)
{
	bool ok = buf_err(b) == ERR_OK && write(fd, b->p, b->n) == (ssize_t)b->n;
	b->n = 0;
	return ok;
}

static enum err put(int fd, const char *book, const struct names *n, bool gone, struct fail *f)
{
	OWN(buf) struct buf b = BUF(2 * PIECE);
	bool ok = true;
	for (size_t i = 0; ok && i < n->n; i++) {
		struct names_entry e = names_at(n, i);
		if (e.gone != gone)
			continue;
		buf_printf(&b, "%c%c %.*s\n", gone ? '-' : '+', e.data ? 'd' : 'z', STR_ARG(e.name));
		if (b.n > PIECE)
			ok = flush(fd, &b);
	}
	if (!ok || (b.n && !flush(fd, &b)))
		return fail_errno(f, ERR_IO, errno, "cannot write %s", book);
	return ERR_OK;
}

enum err names_append(const char *book, const struct names *n, bool all, struct fail *f)
{
	OWN(fd) int fd = open(book, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", book);
	if (write(fd, "#\n", 2) != 2) /* a line that a crash has torn is none */
		return fail_errno(f, ERR_IO, errno, "cannot write %s", book);
	if (all)
		TRY(put(fd, book, n, true, f));
	return put(fd, book, n, false, f);
}

enum err names_replace(const char *book, const struct names *n, struct fail *f)
{
	char fresh[4300];
	snprintf(fresh, sizeof(fresh), "%s.new", book);
	OWN(fd) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", fresh);
	TRY(put(fd, book, n, false, f));
	if (fsync(fd) < 0 || rename(fresh, book) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", book);
	return ERR_OK;
}
