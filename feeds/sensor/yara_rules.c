/*
 * yara_rules.c - looks at YARA rules before they go out. libyara parses them, which is why its input is
 * bounded here: size, nesting, no NUL, no includes. What it lets pass compiles.
 */
#include "feeds/sensor/yara_rules.h"

#include <ctype.h>
#include <stdio.h>

#ifdef HAVE_YARA
#include <pthread.h>
#include <yara.h>
#endif

#define NAMES_MAX 128 /* rules in one value */
#define NAME_MAX_LEN YARA_NAME_MAX
#define REGEX_MAX 2048
#define PARTS_MAX 200 /* alternatives and groups of an expression */
#define DEPTH_MAX 64 /* of brackets: YARA's parser is recursive */

/* ---- words ---- */

enum kind { W_END, W_WORD, W_OPEN, W_CLOSE, W_OTHER, W_BAD };

struct word {
	enum kind kind;
	size_t at, n;
};

struct scan {
	struct str text;
	size_t at;
	bool after_equals; /* '{' begins a hexadecimal string */
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static char peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

/* To behind `end`, over escaped characters; a new line ends nothing well. Expressions that are long or
   deep would make their compiler recurse. */
static bool skip_quoted(struct scan *s, char end)
{
	size_t from = s->at, parts = 0;
	for (s->at++; s->at < s->text.n; s->at++) {
		char c = s->text.p[s->at];
		parts += c == '(' || c == '|';
		if (c == '\n' || (end == '/' && (s->at - from > REGEX_MAX || parts > PARTS_MAX)))
			return false;
		if (c == '\\')
			s->at++;
		else if (c == end)
			return s->at++, true;
	}
	return false;
}

static bool skip_to(struct scan *s, struct str end)
{
	ptrdiff_t to = str_find(str_sub(s->text, s->at, s->text.n), end);
	s->at = to < 0 ? s->text.n : s->at + (size_t)to + end.n;
	return to >= 0;
}

/* White space and comments. */
static bool skip_blank(struct scan *s)
{
	for (;;) {
		char c = peek(s, 0);
		if (s->at >= s->text.n)
			return true;
		if (isspace((unsigned char)c)) {
			s->at++;
		} else if (c == '/' && peek(s, 1) == '/') {
			skip_to(s, STR("\n"));
		} else if (c == '/' && peek(s, 1) == '*') {
			s->at += 2;
			if (!skip_to(s, STR("*/")))
				return false;
		} else {
			return true;
		}
	}
}

static struct word next(struct scan *s)
{
	if (!skip_blank(s))
		return (struct word){W_BAD, s->at, 0};
	struct word w = {W_OTHER, s->at, 1};
	bool was_equals = s->after_equals;
	char c = peek(s, 0);
	s->after_equals = false;
	if (s->at >= s->text.n) {
		w.kind = W_END;
	} else if (is_word(c)) {
		w.kind = W_WORD;
		while (s->at < s->text.n && is_word(s->text.p[s->at]))
			s->at++;
	} else if (c == '"' || c == '/') {
		if (!skip_quoted(s, c))
			w.kind = W_BAD;
	} else if (c == '{' && was_equals) {
		size_t parts = 0, from = s->at;
		if (!skip_to(s, STR("}")))
			w.kind = W_BAD;
		for (size_t i = from; i < s->at; i++)
			parts += s->text.p[i] == '(' || s->text.p[i] == '|';
		if (parts > PARTS_MAX)
			w.kind = W_BAD;
	} else if (strchr("$#@!", c)) {
		for (s->at++; s->at < s->text.n && (is_word(s->text.p[s->at]) || s->text.p[s->at] == '*');)
			s->at++;
	} else {
		w.kind = c == '{' || c == '(' || c == '[' ? W_OPEN
			 : c == '}' || c == ')' || c == ']' ? W_CLOSE
							     : W_OTHER;
		s->after_equals = c == '=' && peek(s, 1) != '=';
		s->at++;
	}
	w.n = s->at - w.at;
	return w;
}

static struct str text_of(const struct scan *s, struct word w)
{
	return str_sub(s->text, w.at, w.n);
}

/* ---- names ---- */

struct names {
	struct str old[NAMES_MAX];
	char fresh[NAMES_MAX][YARA_FRESH_MAX]; /* "": as it was */
	unsigned n;
};

/* The names of the rules; what may not be here at all ends it. */
static enum yara_verdict names_find(struct str text, struct names *names)
{
	struct scan s = {.text = text};
	unsigned depth = 0;
	for (;;) {
		struct word w = next(&s);
		struct str t = text_of(&s, w);
		if (w.kind == W_BAD || (w.kind == W_CLOSE && !depth) || depth > DEPTH_MAX)
			return YARA_BROKEN;
		if (w.kind == W_END)
			return depth || !names->n ? YARA_BROKEN : YARA_GOOD;
		depth += w.kind == W_OPEN;
		depth -= w.kind == W_CLOSE;
		if (depth || w.kind != W_WORD)
			continue;
		if (str_is(t, "include"))
			return YARA_BROKEN;
		if (str_is(t, "global"))
			return YARA_GLOBAL;
		if (!str_is(t, "rule"))
			continue;
		w = next(&s);
		if (w.kind != W_WORD || w.n > NAME_MAX_LEN || names->n == NAMES_MAX)
			return YARA_BROKEN;
		names->old[names->n] = text_of(&s, w);
		names->fresh[names->n++][0] = '\0';
	}
}

static const char *fresh_of(const struct names *names, struct str word)
{
	for (unsigned i = 0; i < names->n; i++)
		if (names->fresh[i][0] && str_eq(names->old[i], word))
			return names->fresh[i];
	return NULL;
}

/* The text with its rules renamed. Members behind a point are no rules. */
static void renamed(struct str text, const struct names *names, struct buf *out)
{
	struct scan s = {.text = text};
	size_t done = 0;
	for (struct word w; (w = next(&s)).kind != W_END && w.kind != W_BAD;) {
		const char *fresh = w.kind == W_WORD && !(w.at && text.p[w.at - 1] == '.')
					    ? fresh_of(names, text_of(&s, w))
					    : NULL;
		if (!fresh)
			continue;
		buf_str_add(out, str_sub(text, done, w.at - done));
		buf_puts(out, fresh);
		done = w.at + w.n;
	}
	buf_str_add(out, str_sub(text, done, text.n));
}

/* ---- compiling ---- */

#ifdef HAVE_YARA

#define COMPILE_STACK (16u << 20)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

static void begin_once(void)
{
	ready = yr_initialize() == ERROR_SUCCESS;
}

/* Nothing is printed; errors are counted. */
static void quiet(int level, const char *file, int line, const YR_RULE *rule, const char *message,
		  void *user)
{
	(void)level, (void)file, (void)line, (void)rule, (void)message, (void)user;
}

bool yara_can_check(void)
{
	pthread_once(&once, begin_once);
	return ready;
}

struct job {
	const char *text;
	bool good;
};

static void *compile(void *arg)
{
	struct job *job = arg;
	YR_COMPILER *c;
	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return NULL;
	yr_compiler_set_include_callback(c, NULL, NULL, NULL);
	yr_compiler_set_callback(c, quiet, NULL);
	job->good = yr_compiler_add_string(c, job->text, NULL) == 0;
	yr_compiler_destroy(c);
	return NULL;
}

/* On a stack of its own: libyara recurses over expressions, workers have little. */
static bool compiles(struct buf *text)
{
	struct job job = {.text = buf_cstr(text)};
	pthread_attr_t attr;
	pthread_t thread;
	if (!job.text || pthread_attr_init(&attr) != 0)
		return false;
	bool runs = pthread_attr_setstacksize(&attr, COMPILE_STACK) == 0 &&
		    pthread_create(&thread, &attr, compile, &job) == 0;
	pthread_attr_destroy(&attr);
	if (runs)
		pthread_join(thread, NULL);
	return runs && job.good;
}

#else

bool yara_can_check(void)
{
	return false;
}

static bool compiles(struct buf *text)
{
	(void)text;
	return false;
}

#endif

enum yara_verdict yara_rewrite(struct str text, yara_choose_fn choose, void *user, struct buf *out)
{
	struct names names = {0};
	buf_clear(out);
	if (text.n > YARA_RULE_MAX || memchr(text.p, '\0', text.n))
		return YARA_BROKEN;
	enum yara_verdict v = names_find(text, &names);
	if (v != YARA_GOOD)
		return v;
	if (!yara_can_check())
		return YARA_UNCHECKED;
	/* as it is first: the names of what is broken are not taken */
	buf_str_add(out, text);
	if (buf_err(out) != ERR_OK || !compiles(out))
		return YARA_BROKEN;
	for (unsigned i = 0; i < names.n; i++)
		choose(user, names.old[i], names.fresh[i]);
	buf_clear(out);
	renamed(text, &names, out);
	return buf_err(out) == ERR_OK && compiles(out) ? YARA_GOOD : YARA_BROKEN;
}
