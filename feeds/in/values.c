/*
 * values.c - see values.h. What a single value is says feeds/freetext; forms differ only in what is cut
 * where.
 */
#include "feeds/in/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/regex.h"
#include "feeds/in/csv.h"
#include "feeds/in/utf16.h"
#include "model/json_scan.h"

#define COLUMNS_MAX 64u
#define JSON_TEXT_MAX (16u << 20)

enum shape { SHAPE_UNKNOWN, SHAPE_TEXT, SHAPE_JSON };

struct values {
	struct values_opts o;
	values_fn fn;
	void *user;
	struct csv *csv;
	struct freetext *text;
	struct json_scan scan;
	enum shape shape;
	struct utf16 utf16;
	struct buf recoded; /* a piece of the text, as UTF-8 */
	struct regex *exclude;
	uint32_t columns[COLUMNS_MAX];
	enum attr_type types[COLUMNS_MAX]; /* of their values; 0: as for all */
	unsigned n_columns;
	char *room; /* for one value */
	struct values_counts n;
};

bool values_format_of(struct str name, enum values_format *out)
{
	static const char *const names[] = {
		[VALUES_CSV] = "csv", [VALUES_FREETEXT] = "freetext", [VALUES_LIST] = "list"};
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(name, names[i])) {
			*out = (enum values_format)i;
			return true;
		}
	return false;
}

/* ---- options ---- */

static enum err columns_of(struct values *v, struct str list, struct fail *f)
{
	struct str one;
	uint64_t n;
	while (list.n) {
		list = str_split(list, ',', &one);
		one = str_trim(one);
		if (!one.n)
			continue;
		struct str type = STR_NONE;
		if (str_chr(one, ':') >= 0)
			type = str_trim(str_split(one, ':', &one));
		one = str_trim(one);
		if (type.p && v->n_columns < COLUMNS_MAX &&
		    !(v->types[v->n_columns] = type_find(type)))
			return fail(f, ERR_INVAL, "a column is given a type that does not exist");
		if (!str_u64(one, &n) || !n || n > CSV_FIELDS_MAX || v->n_columns == COLUMNS_MAX)
			return fail(f, ERR_INVAL, "columns are at most %u numbers from 1 to %u, such "
						  "as \"1,3\" or \"1:domain,3\"",
				    COLUMNS_MAX, CSV_FIELDS_MAX);
		v->columns[v->n_columns++] = (uint32_t)n;
	}
	return ERR_OK;
}

static char closing(char c)
{
	return c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : c == '<' ? '>' : c;
}

/* Expressions stand between delimiters, flags behind them, as PHP wants them. Without: as they are. */
static enum err exclude_of(struct values *v, struct str s, struct fail *f)
{
	OWN(buf) struct buf b = BUF(16384);
	s = str_trim(s);
	if (!s.n)
		return ERR_OK;
	char c = s.p[0];
	bool word = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '\\' ||
		    c == '^' || c == '.';
	size_t end = s.n - 1;
	while (!word && end && s.p[end] != closing(c))
		end--;
	if (!word && end) {
		struct str flags = str_sub(s, end + 1, s.n);
		s = str_sub(s, 1, end - 1);
		for (size_t i = 0; i < flags.n; i++)
			if (!strchr("imsxu", flags.p[i]))
				return fail(f, ERR_INVAL, "excluderegex: there is no flag \"%c\"",
					    flags.p[i] > ' ' && flags.p[i] < 0x7f ? flags.p[i] : '?');
		buf_puts(&b, "(?");
		for (size_t i = 0; i < flags.n; i++)
			if (flags.p[i] != 'u') /* all texts are UTF-8 */
				buf_putc(&b, flags.p[i]);
		buf_putc(&b, ')');
	}
	buf_str_add(&b, s);
	TRY(buf_err(&b));
	struct fail why = {0};
	enum err e = regex_new(buf_str(&b), false, &v->exclude, &why);
	return e == ERR_OK ? e : fail(f, e, "excluderegex: %s", why.text);
}

/* ---- one value ---- */

static bool is_excluded(struct values *v, struct str s)
{
	if (!v->exclude || regex_find(v->exclude, s) != REGEX_YES)
		return false;
	v->n.excluded++;
	return true;
}

static enum err tell(struct values *v, struct values_hit *h, struct fail *f)
{
	if (is_excluded(v, h->original) ||
	    (!str_eq(h->value, h->original) && is_excluded(v, h->value)))
		return ERR_OK;
	v->n.found++;
	return v->fn(v->user, h, f);
}

static void fault(const struct values *v, enum values_fault why, uint64_t line, struct str text)
{
	if (v->o.fault)
		v->o.fault(v->user, why, line, text);
}

static void too_long(void *user, uint64_t line)
{
	fault(user, VALUES_LINE_TOO_LONG, line, STR_NONE);
}

static void no_indicator(struct values *v, uint64_t line, struct str text)
{
	v->n.nothing++;
	fault(v, VALUES_NO_INDICATOR, line, text);
}

/* Is it one? Then it is told. */
static enum err look(struct values *v, struct str s, enum attr_type type, uint64_t line, bool *is,
		     struct fail *f)
{
	struct freetext_hit hit;
	*is = false;
	if (!s.n || s.n > FREETEXT_VALUE_MAX)
		return ERR_OK;
	if (!str_utf8_ok(s)) {
		v->n.unreadable++;
		fault(v, VALUES_NO_UTF8, line, s);
		*is = true;
		return ERR_OK;
	}
	struct values_hit h = {.value = s, .original = s, .type = type, .line = line};
	*is = type != 0;
	if (!*is && freetext_word(s, v->room, &hit)) {
		*is = true;
		h.value = hit.value;
		h.port = hit.port;
		h.type = (enum attr_type)hit.kind->type;
		h.kind = hit.kind;
	}
	return *is ? tell(v, &h, f) : ERR_OK;
}

/* ---- tables ---- */

static enum err field(struct values *v, const struct csv_row *row, uint32_t at, enum attr_type type,
		      struct fail *f)
{
	bool is;
	if (at >= row->n || !row->fields[at].n)
		return ERR_OK;
	TRY(look(v, row->fields[at], type ? type : v->o.type, row->line, &is, f));
	if (!is)
		no_indicator(v, row->line, row->fields[at]);
	return ERR_OK;
}

static enum err on_row(void *user, const struct csv_row *row, struct fail *f)
{
	struct values *v = user;
	for (unsigned i = 0; i < v->n_columns; i++)
		TRY(field(v, row, v->columns[i] - 1, v->types[i], f));
	for (uint32_t i = 0; !v->n_columns && i < row->n; i++)
		TRY(field(v, row, i, 0, f));
	return ERR_OK;
}

/* ---- lists ---- */

/* What stands behind "#" or ";" with a blank before it is a remark. */
static struct str without_remark(struct str s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((s.p[i] == '#' || s.p[i] == ';') && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
			return str_trim(str_sub(s, 0, i));
	return s;
}

static struct str first_word(struct str s, struct str *rest)
{
	size_t i = 0;
	while (i < s.n && s.p[i] != ' ' && s.p[i] != '\t')
		i++;
	*rest = str_trim(str_sub(s, i, s.n));
	return str_sub(s, 0, i);
}

/* A file of hosts gives each name an address that leads nowhere. */
static bool is_nowhere(struct str s)
{
	return str_is(s, "0.0.0.0") || str_is(s, "127.0.0.1") || str_is(s, "::1") || str_is(s, "::");
}

static enum err on_line(void *user, const struct csv_row *row, struct fail *f)
{
	struct values *v = user;
	struct str rest, s = without_remark(row->fields[0]), word = first_word(s, &rest);
	bool is = false;
	if (s.n && (s.p[0] == ';' || str_has_prefix(s, STR("//")) || s.p[0] == '!')) {
		v->n.comments++;
		return ERR_OK;
	}
	if (rest.n && is_nowhere(word) && !v->o.type)
		word = s = first_word(rest, &rest);
	TRY(look(v, s, v->o.type, row->line, &is, f));
	if (!is && word.n < s.n)
		TRY(look(v, word, v->o.type, row->line, &is, f));
	if (!is)
		no_indicator(v, row->line, row->fields[0]);
	return ERR_OK;
}

/* ---- free text ---- */

static enum err on_hit(void *user, const struct freetext_hit *hit, struct fail *f)
{
	struct values *v = user;
	struct values_hit h = {.value = hit->value,
			       .original = hit->original,
			       .port = hit->port,
			       .type = v->o.type ? v->o.type : (enum attr_type)hit->kind->type,
			       .kind = v->o.type ? NULL : hit->kind};
	return tell(v, &h, f);
}

static enum err on_token(void *user, enum json_tok t, struct fail *f)
{
	struct values *v = user;
	if (t != TOK_STR)
		return ERR_OK;
	TRY(freetext_add(v->text, v->scan.text, f));
	return freetext_break(v->text, f);
}

/* The scanner's own errors mean that it is no JSON; those of who is told are his. */
static enum err json_error(struct values *v, enum err e)
{
	return v->scan.err != ERR_OK || e == ERR_PARSE ? ERR_AGAIN : e;
}

static enum err text_feed(struct values *v, struct str s, struct fail *f)
{
	for (size_t i = 0; v->shape == SHAPE_UNKNOWN && i < s.n; i++)
		if (!strchr(" \t\r\n\xef\xbb\xbf", s.p[i]) || !s.p[i])
			v->shape = !v->o.no_json && (s.p[i] == '{' || s.p[i] == '[') ? SHAPE_JSON
										     : SHAPE_TEXT;
	if (v->shape != SHAPE_JSON)
		return freetext_add(v->text, s, f);
	enum err e = json_scan_each(&v->scan, s.p, s.n, on_token, v, f);
	return e == ERR_OK ? e : json_error(v, e);
}

/* ---- all of them ---- */

static enum err reader_new(struct values *v, struct fail *f)
{
	struct csv_opts list = {.delimiter = STR("\x1e"), .plain = true, .too_long = too_long};
	struct csv_opts table = {.delimiter = v->o.delimiter, .too_long = too_long};
	if (v->o.format == VALUES_CSV)
		return csv_new(&table, on_row, v, &v->csv, f);
	if (v->o.format == VALUES_LIST)
		return csv_new(&list, on_line, v, &v->csv, f);
	json_scan_init(&v->scan, 256, JSON_TEXT_MAX);
	v->scan.max_text = JSON_TEXT_MAX;
	v->text = freetext_new(on_hit, v);
	return v->text ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

enum err values_new(const struct values_opts *o, values_fn fn, void *user, struct values **out,
		    struct fail *f)
{
	OWN(values) struct values *v = calloc(1, sizeof(*v));
	*out = NULL;
	if (!v || !(v->room = malloc(FREETEXT_VALUE_MAX + 16)))
		return fail(f, ERR_NOMEM, "no memory");
	v->o = *o;
	v->fn = fn;
	v->user = user;
	buf_init(&v->recoded, 4 * UTF16_PIECE);
	TRY(columns_of(v, o->columns, f));
	TRY(exclude_of(v, o->exclude, f));
	TRY(reader_new(v, f));
	v->o.columns = v->o.delimiter = v->o.exclude = STR_NONE;
	*out = MOVE(v);
	return ERR_OK;
}

void values_free(struct values *v)
{
	if (!v)
		return;
	csv_free(v->csv);
	if (v->text)
		json_scan_free(&v->scan);
	freetext_free(v->text);
	regex_free(v->exclude);
	buf_free(&v->recoded);
	free(v->room);
	free(v);
}

static enum err feed(struct values *v, struct str s, struct fail *f)
{
	return v->csv ? csv_feed(v->csv, s.p, s.n, f) : text_feed(v, s, f);
}

/* What the recoding has given. */
static enum err feed_recoded(struct values *v, struct fail *f)
{
	TRY(buf_err(&v->recoded));
	enum err e = v->recoded.n ? feed(v, buf_str(&v->recoded), f) : ERR_OK;
	buf_clear(&v->recoded);
	return e;
}

enum err values_feed(struct values *v, const void *p, size_t n, struct fail *f)
{
	struct str s = {p, n};
	while (s.n && v->utf16.kind != UTF16_NONE) {
		size_t part = v->utf16.kind == UTF16_UNKNOWN ? 1 : MIN(s.n, (size_t)UTF16_PIECE);
		utf16_add(&v->utf16, str_sub(s, 0, part), &v->recoded);
		TRY(feed_recoded(v, f));
		s = str_sub(s, part, s.n);
	}
	return s.n ? feed(v, s, f) : ERR_OK;
}

enum err values_end(struct values *v, struct fail *f)
{
	utf16_end(&v->utf16, &v->recoded);
	TRY(feed_recoded(v, f));
	if (v->csv)
		return csv_end(v->csv, f);
	if (v->shape != SHAPE_JSON)
		return freetext_break(v->text, f);
	enum err e = json_scan_end(&v->scan, f);
	return e == ERR_OK ? e : json_error(v, e);
}

struct values_counts values_counts(const struct values *v)
{
	struct values_counts n = v->n;
	if (v->csv) {
		n.lines = csv_lines(v->csv);
		n.comments += csv_comments(v->csv);
		n.unreadable += csv_too_long(v->csv);
	}
	return n;
}
