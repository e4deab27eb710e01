/*
 * json_number.c - numbers: their grammar, and whether a double can hold them.
 */
#include <string.h>

#include "model/json_token.h"

/* Take notes about the size of the number, for number_too_large(). */
static void number_digit(struct json_scan *s, char c)
{
	if (s->num_state == NUM_EXP) {
		if (s->num.exp < 1000000)
			s->num.exp = s->num.exp * 10 + (c - '0');
		return;
	}
	if (s->num_state == NUM_INT && s->num.lead_n)
		s->num.magnitude++;
	if (s->num_state == NUM_FRAC && !s->num.lead_n)
		s->num.magnitude--;
	if ((s->num.lead_n || c != '0') && s->num.lead_n < 19) {
		s->num.lead = s->num.lead * 10 + (uint64_t)(c - '0');
		s->num.lead_n++;
	}
}

/* Would the number be infinite as a double? Exact to 19 digits. */
static bool number_too_large(const struct json_scan *s)
{
	uint64_t lead = s->num.lead;
	int64_t m = s->num.magnitude + (s->num.exp_neg ? -s->num.exp : s->num.exp);

	if (!lead || m < 308)
		return false;
	if (m > 308)
		return true;
	for (unsigned n = s->num.lead_n; n < 19; n++)
		lead *= 10;
	return lead > UINT64_C(1797693134862315807);
}

/* The state behind byte `c`; -1 when the number has ended before it. */
static int number_step(uint8_t state, char c)
{
	bool digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';

	switch (state) {
	case NUM_START:
	case NUM_MINUS:
		if (c == '-' && state == NUM_START)
			return NUM_MINUS;
		return c == '0' ? NUM_ZERO : digit ? NUM_INT : -1;
	case NUM_ZERO:
	case NUM_INT:
		if (digit)
			return state == NUM_INT ? NUM_INT : -1;
		return c == '.' ? NUM_DOT : e ? NUM_E : -1;
	case NUM_DOT:
		return digit ? NUM_FRAC : -1;
	case NUM_FRAC:
		return digit ? NUM_FRAC : e ? NUM_E : -1;
	case NUM_E:
		if (c == '+' || c == '-')
			return NUM_E_SIGN;
		return digit ? NUM_EXP : -1;
	default: /* NUM_E_SIGN, NUM_EXP */
		return digit ? NUM_EXP : -1;
	}
}

enum json_tok json_number_run(struct json_scan *s, bool fresh)
{
	const char *p = s->p, *start = p;

	for (; p < s->end; p++) {
		int next = number_step(s->num_state, *p);
		if (next < 0)
			break;
		s->num_state = (uint8_t)next;
		if (*p == '-' && next == NUM_E_SIGN)
			s->num.exp_neg = true;
		if (*p >= '0' && *p <= '9')
			number_digit(s, *p);
	}
	struct str text = {start, (size_t)(p - start)};
	if (p == s->end || !fresh) {
		if (fresh)
			buf_clear(&s->part);
		if (!json_part_add(s, start, text.n))
			return json_scan_bad(s, p, s->err, s->why);
		text = buf_str(&s->part);
	}
	s->p = p;
	if (p == s->end) {
		s->in = IN_NUMBER;
		return TOK_MORE;
	}
	if (s->num_state != NUM_ZERO && s->num_state != NUM_INT && s->num_state != NUM_FRAC &&
	    s->num_state != NUM_EXP)
		return json_scan_bad(s, p, ERR_PARSE, "malformed number");
	if (number_too_large(s))
		return json_scan_bad(s, p, ERR_PARSE, "number too large");
	if (text.n > s->max_text && !s->quiet)
		return json_scan_bad(s, p, ERR_LIMIT, "number too long");
	s->in = IN_NONE;
	s->text = text;
	s->borrowed = fresh;
	s->state = EXPECT_COMMA;
	return TOK_NUM;
}

enum json_tok json_number_begin(struct json_scan *s, const char *p)
{
	s->p = p;
	s->is_key = false;
	s->num_state = NUM_START;
	memset(&s->num, 0, sizeof(s->num));
	return json_number_run(s, true);
}
