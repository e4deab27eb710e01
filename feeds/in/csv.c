/*
 * csv.c - see csv.h. A record is gathered until its line ends outside of quotes. When a quoted field has
 * gone on for CSV_LINE_MAX bytes it was none: its first line counts alone, the others are read again, and
 * from there on no field goes over its line, so that the work stays that of the bytes.
 */
#include "feeds/in/csv.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX (CSV_LINE_MAX + 16)

struct csv {
	csv_row_fn fn;
	csv_long_fn long_fn;
	void *user;
	char delimiter[CSV_DELIMITER_MAX];
	size_t n_delimiter;
	bool quotes; /* a field may stand in quotes */
	bool spans; /* and go over several lines */
	struct buf record; /* lines of it so far, with their ends between them */
	size_t first_end; /* of its first line, when it has several; else 0 */
	size_t scanned; /* of it, for quotes */
	bool open; /* it ends inside of a quoted field, as far as scanned */
	bool too_long; /* the line at hand is: its rest is passed over */
	unsigned bom; /* bytes of a byte order mark so far */
	uint64_t lines, record_line, comments, n_too_long;
	struct str fields[CSV_FIELDS_MAX];
};

static bool delimiter_of(struct csv *c, struct str s)
{
	if (!s.n)
		s = STR(",");
	if (str_is(s, "\\t"))
		s = STR("\t");
	if (s.n > CSV_DELIMITER_MAX || str_chr(s, '\n') >= 0 || str_chr(s, '\r') >= 0)
		return false;
	memcpy(c->delimiter, s.p, s.n);
	c->n_delimiter = s.n;
	return true;
}

enum err csv_new(const struct csv_opts *o, csv_row_fn fn, void *user, struct csv **out,
		 struct fail *f)
{
	OWN(csv) struct csv *c = calloc(1, sizeof(*c));
	*out = NULL;
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	c->fn = fn;
	c->long_fn = o->too_long;
	c->user = user;
	buf_init(&c->record, KEPT_MAX);
	if (!delimiter_of(c, o->delimiter))
		return fail(f, ERR_INVAL, "a delimiter has 1 to %u characters of one line",
			    CSV_DELIMITER_MAX);
	c->quotes = !o->plain && c->n_delimiter == 1 && c->delimiter[0] != '"';
	c->spans = c->quotes;
	*out = MOVE(c);
	return ERR_OK;
}

void csv_free(struct csv *c)
{
	if (!c)
		return;
	buf_free(&c->record);
	free(c);
}

uint64_t csv_lines(const struct csv *c)
{
	return c->lines;
}

uint64_t csv_comments(const struct csv *c)
{
	return c->comments;
}

uint64_t csv_too_long(const struct csv *c)
{
	return c->n_too_long;
}

/* ---- fields ---- */

/* Blanks and quotes around it. */
static struct str bare(struct str s)
{
	size_t n;
	do {
		n = s.n;
		s = str_trim(s);
		while (s.n && (s.p[0] == '"' || s.p[0] == '\''))
			s = str_sub(s, 1, s.n);
		while (s.n && (s.p[s.n - 1] == '"' || s.p[s.n - 1] == '\''))
			s.n--;
	} while (s.n != n);
	return s;
}

/* Where the field that begins at `at` has its first character that is no blank. */
static size_t begins(const struct csv *c, struct str s, size_t at)
{
	if (c->delimiter[0] == ' ' || c->delimiter[0] == '\t')
		return at;
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
		at++;
	return at;
}

/*
 * A quoted field whose opening quote is at `at`: where it ends (behind the closing quote), or s.n with
 * *open set. Doubled quotes are made one, in place, when `text` wants the content.
 */
static size_t quoted(char *p, size_t n, size_t at, struct str *text, bool *open)
{
	size_t to = at + 1, i = at + 1;
	*open = false;
	for (; i < n; i++) {
		if (p[i] == '"') {
			if (i + 1 >= n || p[i + 1] != '"')
				break;
			i++;
		}
		if (text)
			p[to] = p[i];
		to++;
	}
	*open = i == n;
	if (text)
		*text = (struct str){p + at + 1, to - at - 1};
	return *open ? n : i + 1;
}

/* Read on in the record: does it end inside of a quoted field? */
static bool is_open(struct csv *c)
{
	struct str s = buf_str(&c->record);
	size_t at = c->scanned;
	if (!at && str_has_prefix(str_trim(s), STR("#")))
		return false;
	while (c->spans && at < s.n) {
		size_t from = c->open ? at : begins(c, s, at);
		bool open = c->open;
		if (open)
			at = quoted(c->record.p, s.n, at - 1, NULL, &open);
		else if (from < s.n && s.p[from] == '"')
			at = quoted(c->record.p, s.n, from, NULL, &open);
		c->open = open;
		const char *next = at < s.n ? memchr(s.p + at, c->delimiter[0], s.n - at) : NULL;
		at = open || !next ? s.n : (size_t)(next - s.p) + 1;
	}
	c->scanned = at;
	return c->open;
}

static size_t next_delimiter(const struct csv *c, struct str s, size_t at)
{
	ptrdiff_t off = str_find(str_sub(s, at, s.n), (struct str){c->delimiter, c->n_delimiter});
	return off < 0 ? s.n : at + (size_t)off;
}

static enum err tell(struct csv *c, size_t length, struct fail *f)
{
	struct str s = {c->record.p, length};
	uint32_t n = 0;
	size_t at = 0;
	struct str first = str_trim(s);
	if (!first.n)
		return ERR_OK;
	for (bool more = true; more && n < CSV_FIELDS_MAX;) {
		size_t from = begins(c, s, at), end;
		struct str text;
		bool open = false;
		if (c->quotes && from < s.n && s.p[from] == '"') {
			size_t behind = quoted(c->record.p, s.n, from, &text, &open);
			end = next_delimiter(c, s, behind);
		} else {
			end = next_delimiter(c, s, at);
			text = str_sub(s, at, end - at);
		}
		c->fields[n++] = bare(text);
		more = end < s.n;
		at = end + c->n_delimiter;
	}
	if (c->fields[0].n && c->fields[0].p[0] == '#') {
		c->comments++;
		return ERR_OK;
	}
	struct csv_row row = {c->fields, n, c->record_line};
	return c->fn(c->user, &row, f);
}

/* ---- lines ---- */

static enum err line_done(struct csv *c, struct fail *f);
static enum err add_lines(struct csv *c, struct str s, struct fail *f);

static void record_clear(struct csv *c)
{
	buf_clear(&c->record);
	c->first_end = c->scanned = 0;
	c->open = false;
}

/* It was no quoted field after all: its first line is told, the others are read anew. */
static enum err give_up_quote(struct csv *c, struct fail *f)
{
	OWN(buf) struct buf rest = BUF(KEPT_MAX);
	size_t end = c->first_end;
	buf_str_add(&rest, str_sub(buf_str(&c->record), end + 1, KEPT_MAX));
	if (buf_err(&rest) != ERR_OK)
		return fail(f, ERR_NOMEM, "no memory");
	c->spans = false;
	c->lines = c->record_line;
	enum err e = tell(c, end, f);
	record_clear(c);
	return e == ERR_OK ? add_lines(c, buf_str(&rest), f) : e;
}

static enum err line_done(struct csv *c, struct fail *f)
{
	enum err e = ERR_OK;
	c->lines++;
	if (!c->first_end)
		c->record_line = c->lines;
	if (c->too_long) {
		c->n_too_long++;
		c->too_long = false;
		if (c->long_fn)
			c->long_fn(c->user, c->lines);
	} else if (c->record.n && is_open(c)) {
		if (!c->first_end)
			c->first_end = c->record.n;
		buf_putc(&c->record, '\n');
		return buf_err(&c->record);
	} else if (c->record.n) {
		e = tell(c, c->record.n, f);
	}
	record_clear(c);
	return e;
}

static enum err line_add(struct csv *c, struct str s, struct fail *f)
{
	if (c->too_long)
		return ERR_OK;
	if (c->record.n + s.n > CSV_LINE_MAX && c->first_end)
		TRY(give_up_quote(c, f));
	if (c->record.n + s.n > CSV_LINE_MAX) {
		record_clear(c);
		c->too_long = true;
		return ERR_OK;
	}
	buf_str_add(&c->record, s);
	return buf_err(&c->record);
}

static enum err add_lines(struct csv *c, struct str s, struct fail *f)
{
	while (s.n) {
		const char *end = memchr(s.p, '\n', s.n);
		size_t len = end ? (size_t)(end - s.p) : s.n;
		TRY(line_add(c, str_sub(s, 0, len), f));
		if (!end)
			break;
		TRY(line_done(c, f));
		s = str_sub(s, len + 1, s.n);
	}
	return ERR_OK;
}

/* A byte order mark at the very beginning. */
static struct str without_mark(struct csv *c, struct str s)
{
	static const char mark[3] = "\xef\xbb\xbf";
	while (c->bom < 3 && s.n && s.p[0] == mark[c->bom]) {
		c->bom++;
		s = str_sub(s, 1, s.n);
	}
	if (s.n)
		c->bom = 3;
	return s;
}

enum err csv_feed(struct csv *c, const void *p, size_t n, struct fail *f)
{
	struct str s = {p, n};
	if (c->bom < 3)
		s = without_mark(c, s);
	return add_lines(c, s, f);
}

enum err csv_end(struct csv *c, struct fail *f)
{
	if (c->first_end && (c->record.p[c->record.n - 1] == '\n' || is_open(c)))
		TRY(give_up_quote(c, f)); /* the input ends inside of a quoted field */
	return c->record.n || c->too_long ? line_done(c, f) : ERR_OK;
}
