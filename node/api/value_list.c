/*
 * value_list.c - values of a body, one after the other; see value_list.h.
 */
#include "api/value_list.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

#define IN_MEMORY (256u << 10)
#define READ_BYTES (128u << 10)
/* A value with every letter escaped, and a bit. */
#define TOKEN_MAX (6 * VALUE_LIST_VALUE_MAX + 64)

enum form { FORM_UNKNOWN, FORM_LINES, FORM_PLAIN, FORM_LIST, FORM_END };

struct value_list {
	char *dir;
	int fd; /* -1: all is in `bytes` */
	struct buf bytes;
	uint64_t at; /* in the file: read so far */
	/* reading: what has been read and not used yet */
	struct buf ahead;
	size_t used;
	bool all; /* nothing comes behind `ahead` */
	bool skipping; /* the rest of something too long */
	bool first; /* of a list: no comma yet */
	enum form form;
};

static const char too_long[] = "The value is too long.";
static const char not_text[] = "Not a text.";

struct value_list *value_list_new(struct str media, const char *spool_dir)
{
	struct value_list *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fd = -1;
	l->bytes = BUF(2 * IN_MEMORY);
	l->ahead = BUF(2 * TOKEN_MAX + READ_BYTES);
	l->dir = spool_dir ? strdup(spool_dir) : NULL;
	if (media.n >= 10 && str_eq_nocase(str_sub(media, 0, 10), STR("text/plain")))
		l->form = FORM_PLAIN;
	return l;
}

void value_list_free(struct value_list *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	buf_free(&l->bytes);
	buf_free(&l->ahead);
	free(l->dir);
	free(l);
}

/* ---- keeping -------------------------------------------------------------------------------- */

static enum err write_all(int fd, struct str s, struct fail *f)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(f, ERR_IO, errno, "cannot keep a request body");
		s = str_sub(s, (size_t)n, s.n);
	}
	return ERR_OK;
}

enum err value_list_add(struct value_list *l, struct str bytes, struct fail *f)
{
	if (l->fd < 0 && (l->bytes.n + bytes.n <= IN_MEMORY || !l->dir)) {
		buf_str_add(&l->bytes, bytes);
		return buf_err(&l->bytes);
	}
	if (l->fd < 0) {
		l->fd = open(l->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (l->fd < 0)
			return fail_errno(f, ERR_IO, errno, "cannot keep a request body");
		TRY(write_all(l->fd, buf_str(&l->bytes), f));
		buf_clear(&l->bytes);
	}
	return write_all(l->fd, bytes, f);
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct str ahead(const struct value_list *l)
{
	return str_sub(buf_str(&l->ahead), l->used, l->ahead.n);
}

/* More bytes; false at the end (also when they cannot be read: then it is as if cut there). */
static bool more(struct value_list *l)
{
	char piece[16384];
	ssize_t n;

	if (l->all)
		return false;
	buf_consume(&l->ahead, l->used);
	l->used = 0;
	if (l->fd < 0) {
		struct str rest = str_sub(buf_str(&l->bytes), l->at, READ_BYTES);

		n = (ssize_t)rest.n;
		buf_str_add(&l->ahead, rest);
	} else {
		do
			n = pread(l->fd, piece, sizeof(piece), (off_t)l->at);
		while (n < 0 && errno == EINTR);
		if (n > 0)
			buf_str_add(&l->ahead, (struct str){piece, (size_t)n});
	}
	l->all = n <= 0;
	l->at += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool give(struct arena *a, struct str s, struct lookup_value *out)
{
	out->error = s.n > VALUE_LIST_VALUE_MAX ? too_long
		     : !str_utf8_ok(s)		? "Not UTF-8."
		     : memchr(s.p, '\0', s.n)	? "A NUL is in no value."
						: NULL;
	out->value = out->error ? STR_NONE : arena_str(a, s);
	if (!out->error && !out->value.p)
		out->error = err_text(ERR_LIMIT);
	return true;
}

static bool fault(const char *why, struct lookup_value *out)
{
	*out = (struct lookup_value){STR_NONE, why};
	return true;
}

/* A JSON text, or an object with one under "value". */
static bool give_json(struct arena *a, struct str token, struct lookup_value *out)
{
	json_t *j = json_loadb(token.p, token.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	const json_t *v = json_is_object(j) ? json_object_get(j, "value") : j;
	bool text = json_is_string(v);

	if (text)
		give(a, (struct str){json_string_value(v), json_string_length(v)}, out);
	else
		fault(not_text, out);
	json_decref(j);
	return text;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* The next line, cut at TOKEN_MAX; false at the end. */
static bool next_line(struct value_list *l, struct str *line, bool *whole)
{
	size_t seen = 0;

	for (;;) {
		struct str s = ahead(l);
		ptrdiff_t at = str_chr(str_sub(s, seen, s.n), '\n');

		if (at >= 0 || (s.n && (l->all || s.n > TOKEN_MAX))) {
			size_t n = at >= 0 ? seen + (size_t)at : s.n;

			*line = str_sub(s, 0, n);
			*whole = at >= 0 || l->all;
			l->used += n + (at >= 0);
			return true;
		}
		seen = s.n;
		if (!more(l) && !ahead(l).n)
			return false;
	}
}

static bool from_lines(struct value_list *l, struct arena *a, struct lookup_value *out)
{
	struct str line;
	bool whole;

	while (next_line(l, &line, &whole)) {
		bool tail = l->skipping;

		l->skipping = !whole;
		if (tail)
			continue;
		line = str_trim(line);
		if (!whole)
			return fault(too_long, out);
		if (!line.n)
			continue;
		if (l->form != FORM_PLAIN && line.p[0] == '"' && give_json(a, line, out))
			return true;
		if (l->form != FORM_PLAIN && line.p[0] == '{' && give_json(a, line, out))
			return true;
		return give(a, line, out);
	}
	return false;
}

/* ---- a JSON list ---------------------------------------------------------------------------- */

/* The next letter that is not white space, left where it is; 0 at the end. */
static char peek(struct value_list *l)
{
	for (;;) {
		struct str s = ahead(l);
		size_t i = 0;

		while (i < s.n && memchr(" \t\r\n", s.p[i], 4))
			i++;
		l->used += i;
		if (i < s.n)
			return s.p[i];
		if (!more(l))
			return 0;
	}
}

/* Length of the token that begins here: a text to its quote, else up to a comma or bracket. 0: it has no
   end, or is too long. */
static size_t token(struct value_list *l)
{
	bool text = ahead(l).p[0] == '"', escaped = false;

	for (size_t i = 1;; i++) {
		if (i >= ahead(l).n && (i > TOKEN_MAX || !more(l)))
			return 0;
		char c = ahead(l).p[i];

		if (text && !escaped && c == '"')
			return i + 1;
		if (!text && (c == ',' || c == ']'))
			return i;
		escaped = text && c == '\\' && !escaped;
	}
}

/*
 * Length of the text that begins here if it says what it means: at hand to its quote, no escapes, nothing
 * that JSON forbids. 0: it has to be looked at by a parser. Long lists are made of such.
 */
static size_t plain_token(struct str s)
{
	size_t i = 1;

	if (s.p[0] != '"')
		return 0;
	while (i < s.n && s.p[i] != '"' && s.p[i] != '\\' && (unsigned char)s.p[i] >= 0x20)
		i++;
	return i < s.n && s.p[i] == '"' && i <= VALUE_LIST_VALUE_MAX && str_utf8_ok(str_sub(s, 1, i - 1)) ? i + 1 : 0;
}

static bool list_ends(struct value_list *l, const char *why, struct lookup_value *out)
{
	l->form = FORM_END;
	return why ? fault(why, out) : false;
}

/* Bytes of a text that mean themselves: ASCII without quotes, escapes and control characters. */
static inline bool is_itself(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is every byte of the word such a one? */
static inline bool are_themselves(uint64_t w)
{
	uint64_t quote = w ^ EACH('"'), escape = w ^ EACH('\\');
	uint64_t bad = w | (w - EACH(' ')) | ((quote - EACH(1)) & ~quote) | ((escape - EACH(1)) & ~escape);

	return !(bad & EACH(0x80));
}

/* How many bytes from `p` on mean themselves. */
static inline size_t run_of_themselves(const char *p, size_t n)
{
	size_t i = 0;

	for (uint64_t w; n - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		if (!are_themselves(w))
			break;
	}
	while (i < n && is_itself((unsigned char)p[i]))
		i++;
	return i;
}

/*
 * An item of a list as most are: at hand with the comma before it, in ASCII, without escapes. False: what comes is
 * anything else, and nothing was used.
 */
static bool common_item(struct value_list *l, struct arena *a, struct lookup_value *out)
{
	const char *p = l->ahead.p + l->used, *end = l->ahead.p + l->ahead.n, *from;

	if (!l->ahead.p)
		return false;
	if (!l->first && (p == end || *p++ != ','))
		return false;
	if (p < end && *p == ' ')
		p++;
	if (p == end || *p++ != '"')
		return false;
	from = p;
	p += run_of_themselves(p, (size_t)(end - p));
	if (p == end || *p != '"' || p - from > VALUE_LIST_VALUE_MAX)
		return false;
	out->error = NULL;
	out->value = arena_str(a, (struct str){from, (size_t)(p - from)});
	if (!out->value.p)
		return false;
	l->first = false;
	l->used = (size_t)(p + 1 - l->ahead.p);
	return true;
}

static bool from_list(struct value_list *l, struct arena *a, struct lookup_value *out)
{
	if (common_item(l, a, out))
		return true;
	char c = peek(l);
	size_t n;

	if (c == ']')
		return list_ends(l, NULL, out);
	if (!l->first) {
		if (c != ',')
			return list_ends(l, "The list breaks off here.", out);
		l->used++;
		c = peek(l);
	}
	l->first = false;
	if (!c || c == '[' || c == '{' || c == ',')
		return list_ends(l, c ? not_text : "The list breaks off here.", out);
	n = plain_token(ahead(l));
	if (n) {
		give(a, str_sub(ahead(l), 1, n - 2), out);
		l->used += n;
		return true;
	}
	n = token(l);
	if (!n)
		return list_ends(l, ahead(l).n > TOKEN_MAX ? too_long : "The list breaks off here.",
				 out);
	if (!give_json(a, str_sub(ahead(l), 0, n), out) && c == '"')
		return list_ends(l, "Not JSON.", out);
	l->used += n;
	return true;
}

bool value_list_next(void *list, struct arena *a, struct lookup_value *out)
{
	struct value_list *l = list;

	if (l->form == FORM_UNKNOWN) {
		l->form = peek(l) == '[' ? FORM_LIST : FORM_LINES;
		l->used += l->form == FORM_LIST;
		l->first = true;
	}
	if (l->form == FORM_END)
		return false;
	return l->form == FORM_LIST ? from_list(l, a, out) : from_lines(l, a, out);
}
