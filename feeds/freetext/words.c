/*
 * words.c - cuts a text into words: at blanks, control characters and , < > ; and then what stands
 * in double quotes once more as a whole. Each value is told once.
 */
#include "feeds/freetext/impl.h"

#include "base/buf.h"
#include "base/hash.h"
#include "model/ascii.h"

/* A text in quotes is a name or a path with blanks, not a page. */
#define QUOTED_MAX 4096u
/* Texts in quotes wait for the end of the text; more than this do not. */
#define WAITING_MAX (1u << 20)
#define ROOM_EXTRA 8u

struct freetext {
	freetext_fn fn;
	void *user;
	struct buf word; /* begun in an earlier piece */
	bool too_long; /* the word is: it is passed over */
	char part[4]; /* of a character that the last piece ended in */
	size_t n_part;
	bool in_quotes;
	struct buf quoted, waiting;
	char *room;
	uint64_t *seen; /* digests of values, open addressing, 0 is empty */
	uint32_t n_seen, cap_seen;
	uint64_t seed;
};

struct freetext *freetext_new(freetext_fn fn, void *user)
{
	struct freetext *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->fn = fn;
	t->user = user;
	t->seed = random_u64();
	t->room = malloc(FREETEXT_VALUE_MAX + ROOM_EXTRA);
	buf_init(&t->word, FREETEXT_VALUE_MAX + 16);
	buf_init(&t->quoted, QUOTED_MAX);
	buf_init(&t->waiting, WAITING_MAX);
	if (!t->room) {
		freetext_free(t);
		return NULL;
	}
	return t;
}

void freetext_free(struct freetext *t)
{
	if (!t)
		return;
	buf_free(&t->word);
	buf_free(&t->quoted);
	buf_free(&t->waiting);
	free(t->room);
	free(t->seen);
	free(t);
}

/* ---- values that were told ---- */

static bool grow(struct freetext *t)
{
	uint32_t cap = t->cap_seen ? t->cap_seen * 2 : 256;
	uint64_t *v = calloc(cap, sizeof(*v));
	if (!v)
		return false;
	for (uint32_t i = 0; i < t->cap_seen; i++) {
		uint64_t h = t->seen[i];
		uint32_t at = (uint32_t)h & (cap - 1);
		if (!h)
			continue;
		while (v[at])
			at = (at + 1) & (cap - 1);
		v[at] = h;
	}
	free(t->seen);
	t->seen = v;
	t->cap_seen = cap;
	return true;
}

/* Was it told before? If not, it is now. */
static bool told(struct freetext *t, struct str value)
{
	uint64_t h = hash_64(value.p, value.n, t->seed) | 1;
	if (t->n_seen * 2 >= t->cap_seen && (t->n_seen >= FREETEXT_SEEN_MAX || !grow(t)))
		return false;
	uint32_t at = (uint32_t)h & (t->cap_seen - 1);
	while (t->seen[at]) {
		if (t->seen[at] == h)
			return true;
		at = (at + 1) & (t->cap_seen - 1);
	}
	t->seen[at] = h;
	t->n_seen++;
	return false;
}

/* ---- words ---- */

static bool is_margin(char c)
{
	return ascii_space(c) || c == '\'' || c == '"' || c == '.' || c == ',' || c == '(' ||
	       c == ')' || c == '\0';
}

static struct str trimmed(struct str s)
{
	while (s.n && is_margin(s.p[0]))
		s = str_sub(s, 1, s.n);
	while (s.n && is_margin(s.p[s.n - 1]))
		s.n--;
	return s;
}

static enum err judge(struct freetext *t, struct str word, struct fail *f)
{
	struct freetext_hit hit;
	struct str s = trimmed(word);
	if (!freetext_word(s, t->room, &hit) || told(t, hit.value))
		return ERR_OK;
	return t->fn(t->user, &hit, f);
}

static enum err flush_waiting(struct freetext *t, struct fail *f)
{
	struct str rest = buf_str(&t->waiting), one;
	enum err err = ERR_OK;
	while (rest.n && err == ERR_OK) {
		rest = str_split(rest, '\0', &one);
		err = judge(t, one, f);
	}
	buf_clear(&t->waiting);
	return err;
}

/* Behind the closing quote. */
static enum err quoted_done(struct freetext *t, struct fail *f)
{
	struct str s = buf_str(&t->quoted);
	if (!s.n || buf_err(&t->quoted) != ERR_OK) {
		buf_clear(&t->quoted);
		return ERR_OK;
	}
	if (t->waiting.n + s.n + 1 > WAITING_MAX)
		TRY(flush_waiting(t, f));
	buf_str_add(&t->waiting, s);
	buf_putc(&t->waiting, '\0');
	buf_clear(&t->quoted);
	return buf_err(&t->waiting);
}

/* The word ends here: `tail` is what this piece has of it. */
static enum err word_done(struct freetext *t, struct str tail, struct fail *f)
{
	enum err err = ERR_OK;
	if (t->word.n || t->too_long) {
		buf_str_add(&t->word, tail);
		if (!t->too_long && buf_err(&t->word) == ERR_OK)
			err = judge(t, buf_str(&t->word), f);
		buf_clear(&t->word);
		t->too_long = false;
	} else if (tail.n && tail.n <= FREETEXT_VALUE_MAX) {
		err = judge(t, tail, f);
	}
	return err;
}

enum class { PART, DIVIDES, QUOTE, BEYOND };

static enum class class_of(char c)
{
	if ((unsigned char)c >= 0x80)
		return BEYOND;
	if (c == '"')
		return QUOTE;
	return c <= ' ' || c == 0x7f || c == ',' || c == '<' || c == '>' || c == ';' ? DIVIDES :
										       PART;
}

/* A whole number of characters, or the last bytes of the text. */
static enum err scan(struct freetext *t, struct str s, struct fail *f)
{
	size_t begin = 0, len;
	for (size_t i = 0; i < s.n; i += len) {
		enum class c = class_of(s.p[i]);
		len = 1;
		if (c == BEYOND) {
			size_t n = host_char(str_sub(s, i, s.n));
			c = n ? PART : DIVIDES;
			len = n ? n : MAX(str_utf8_len(str_sub(s, i, s.n)), 1u);
		}
		if (c == DIVIDES) {
			TRY(word_done(t, str_sub(s, begin, i - begin), f));
			begin = i + len;
		}
		if (c == QUOTE) {
			if (t->in_quotes)
				TRY(quoted_done(t, f));
			t->in_quotes = !t->in_quotes;
		} else if (t->in_quotes && buf_err(&t->quoted) == ERR_OK) {
			bool blank = c == DIVIDES && !(s.p[i] > ' ' && s.p[i] < 0x7f);
			buf_add(&t->quoted, blank ? " " : s.p + i, blank ? 1 : len);
		}
	}
	if (begin < s.n) {
		buf_str_add(&t->word, str_sub(s, begin, s.n));
		t->too_long |= buf_err(&t->word) != ERR_OK;
	}
	return ERR_OK;
}

/* Length that the character should have which begins with `c`; 1 for what begins none. */
static size_t wanted(char c)
{
	unsigned char u = (unsigned char)c;
	return u > 0xf4 ? 1 : u >= 0xf0 ? 4 : u >= 0xe0 ? 3 : u >= 0xc2 ? 2 : 1;
}

/* Bytes at the end that may be the beginning of a character. */
static size_t unfinished(struct str s)
{
	for (size_t n = 1; n <= 3 && n <= s.n; n++) {
		char c = s.p[s.n - n];
		if ((unsigned char)c < 0x80 || (unsigned char)c >= 0xc0)
			return wanted(c) > n ? n : 0;
	}
	return 0;
}

enum err freetext_add(struct freetext *t, struct str piece, struct fail *f)
{
	while (t->n_part && piece.n) {
		t->part[t->n_part++] = piece.p[0];
		piece = str_sub(piece, 1, piece.n);
		if (t->n_part < wanted(t->part[0]))
			continue;
		struct str part = {t->part, t->n_part};
		size_t more = unfinished(part);
		TRY(scan(t, str_sub(part, 0, part.n - more), f));
		memmove(t->part, t->part + part.n - more, more);
		t->n_part = more;
	}
	size_t rest = t->n_part ? 0 : unfinished(piece);
	TRY(scan(t, str_sub(piece, 0, piece.n - rest), f));
	if (rest) {
		memcpy(t->part, piece.p + piece.n - rest, rest);
		t->n_part = rest;
	}
	return ERR_OK;
}

enum err freetext_break(struct freetext *t, struct fail *f)
{
	size_t n = t->n_part;
	t->n_part = 0;
	TRY(scan(t, (struct str){t->part, n}, f));
	TRY(word_done(t, STR(""), f));
	t->in_quotes = false;
	buf_clear(&t->quoted);
	return flush_waiting(t, f);
}
