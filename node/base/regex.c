/*
 * regex.c - PCRE2 behind a small door. Its home.
 *
 * The compiled pattern is shared, what a search needs besides belongs to its thread. Limits make a
 * search that would take long give up, instead of holding up its thread.
 */
#include "base/regex.h"

#include <pthread.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define PATTERN_MAX 4096u
#define MATCH_LIMIT 20000u
#define DEPTH_LIMIT 5000u
#define HEAP_LIMIT_KIB 1024u

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
	uint32_t shortest; /* a subject with fewer bytes does not match */
	bool compiled; /* to machine code, which may then be called without a look around */
};

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static bool have_key;
static _Thread_local pcre2_match_data *thread_own; /* that of thread_key, quicker to reach */

static void thread_end(void *data)
{
	pcre2_match_data_free(data);
	thread_own = NULL;
}

static void thread_init(void)
{
	have_key = pthread_key_create(&thread_key, thread_end) == 0;
}

/* The thread's own match data; only whether there is a match is asked, so one pair does. */
static pcre2_match_data *thread_data(void)
{
	pcre2_match_data *d = thread_own;

	if (d)
		return d;
	pthread_once(&thread_once, thread_init);
	if (!have_key)
		return NULL;
	d = pcre2_match_data_create(1, NULL);
	if (d && pthread_setspecific(thread_key, d) != 0) {
		pcre2_match_data_free(d);
		return NULL;
	}
	thread_own = d;
	return d;
}

enum err regex_new(struct str pattern, bool nocase, struct regex **out, struct fail *f)
{
	OWN(regex) struct regex *r = calloc(1, sizeof(*r));
	uint32_t flags = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
			 (nocase ? PCRE2_CASELESS : 0);
	size_t at;
	int code;

	*out = NULL;
	if (!r)
		return fail(f, ERR_NOMEM, "no memory for a regular expression");
	if (!pattern.n || pattern.n > PATTERN_MAX)
		return fail(f, ERR_INVAL, "a regular expression has 1 to %u bytes", PATTERN_MAX);
	r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, flags, &code, &at, NULL);
	if (!r->code) {
		unsigned char text[160] = ""; /* PCRE2's own words: nothing of the pattern */

		pcre2_get_error_message(code, text, sizeof(text));
		return fail_at(f, ERR_INVAL, 0, 0, at, "%s (at character %zu of the expression)",
			       text, at + 1);
	}
	r->limits = pcre2_match_context_create(NULL);
	if (!r->limits)
		return fail(f, ERR_NOMEM, "no memory for a regular expression");
	pcre2_set_match_limit(r->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
	/* where memory may not become code (W^X), it is interpreted: slower, the same answers */
	r->compiled = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
	if (pcre2_pattern_info(r->code, PCRE2_INFO_MINLENGTH, &r->shortest) != 0)
		r->shortest = 0;
	*out = MOVE(r);
	return ERR_OK;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	pcre2_match_context_free(r->limits);
	free(r);
}

enum regex_answer regex_find(const struct regex *r, struct str subject)
{
	PCRE2_SPTR text = (PCRE2_SPTR)(subject.p ? subject.p : "");
	pcre2_match_data *data;
	int n;

	if (subject.n < r->shortest)
		return REGEX_NO;
	data = thread_data();
	if (!data)
		return REGEX_GAVE_UP;
	/* the machine code copes with bytes that are no UTF-8 itself (PCRE2_MATCH_INVALID_UTF) */
	n = r->compiled ? pcre2_jit_match(r->code, text, subject.n, 0, 0, data, r->limits) :
			  pcre2_match(r->code, text, subject.n, 0, 0, data, r->limits);
	if (n >= 0)
		return REGEX_YES;
	return n == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_GAVE_UP;
}

#define REPLACED_MAX (256u << 10)

/* PHP's \\1 is PCRE2's $1. */
static enum err dollars(struct str with, struct buf *out)
{
	for (size_t i = 0; i < with.n; i++) {
		bool group = with.p[i] == '\\' && i + 1 < with.n && with.p[i + 1] >= '0' &&
			     with.p[i + 1] <= '9';
		if (group)
			buf_printf(out, "${%c}", with.p[++i]);
		else
			buf_putc(out, with.p[i]);
	}
	return buf_err(out);
}

enum err regex_replace(const struct regex *r, struct str subject, struct str with, struct buf *out)
{
	OWN(buf) struct buf words = BUF(PATTERN_MAX * 4);
	PCRE2_SIZE n = REPLACED_MAX;
	int code;

	TRY(dollars(with, &words));
	OWN(mem) void *made = malloc(REPLACED_MAX);
	if (!made)
		return ERR_NOMEM;
	code = pcre2_substitute(r->code, (PCRE2_SPTR)(subject.p ? subject.p : ""), subject.n, 0,
				PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY, NULL, r->limits,
				(PCRE2_SPTR)(words.n ? words.p : ""), words.n, (PCRE2_UCHAR *)made, &n);
	if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_MATCHLIMIT ||
	    code == PCRE2_ERROR_DEPTHLIMIT || code == PCRE2_ERROR_HEAPLIMIT)
		return ERR_LIMIT;
	if (code < 0)
		return ERR_INVAL;
	buf_add(out, made, n);
	return buf_err(out);
}
