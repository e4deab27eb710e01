/*
 * ids_rule.c - rules for Suricata and Snort: contents that hold any bytes, and rules that somebody
 * wrote, taken apart and written anew. A rule of a stranger may look for anything, but it cannot hide
 * what others find, run code, or touch files.
 */
#include "feeds/sensor/ids_rule.h"

#include <string.h>

#include "model/ascii.h"

#define RULE_MAX 8000 /* Suricata reads lines of up to 8,192 bytes */

/* ---- parameters ---- */

bool ids_is_base(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n >= IDS_BASE_MIN && n <= IDS_BASE_MAX;
}

bool ids_is_action(struct str v)
{
	return str_is(v, "alert") || str_is(v, "drop") || str_is(v, "reject");
}

void ids_read(struct sensor_run *r, struct ids *out)
{
	out->r = r;
	out->action = sensor_param_get(r, "action");
	out->classtype = sensor_param_get(r, "classtype");
	out->base = piece_number(r, "base");
}

/* ---- rules of ours ---- */

void ids_open(struct ids *s, struct str head)
{
	struct buf *b = s->r->out;
	buf_str_add(b, s->action);
	buf_putc(b, ' ');
	buf_str_add(b, head);
	PUT(b, " (msg:\"");
	piece_text(b, str_trim(s->r->opts->source), "\\\":;|()", 60);
	PUT(b, " ");
	buf_puts(b, ind_kind_name(s->i->kind));
	if (s->i->info.n) {
		PUT(b, " - ");
		piece_text(b, str_trim(s->i->info), "\\\":;|()", 160);
	}
	PUT(b, "\"; ");
}

static uint64_t next_sid(struct ids *s)
{
	return s->base + (uint64_t)s->i->number * IDS_RULES + s->rules++;
}

void ids_close(struct ids *s)
{
	struct buf *b = s->r->out;
	unsigned level = s->i->threat_level;
	PUT(b, " classtype:");
	buf_str_add(b, s->classtype);
	PUT(b, "; priority:");
	buf_putc(b, level >= 1 && level <= 3 ? (char)('0' + level) : '4');
	PUT(b, "; metadata:tocsin_event ");
	piece_uuid(b, s->i->event);
	PUT(b, ",tocsin_attribute ");
	piece_uuid(b, s->i->attr);
	PUT(b, "; sid:");
	buf_u64(b, next_sid(s));
	PUT(b, "; rev:1;)\n");
}

void ids_bytes(struct buf *b, struct str v)
{
	static const char hex[] = "0123456789ABCDEF";
	bool in_hex = false;
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		bool plain = c >= ' ' && c < 0x7f && !strchr("\\\":;|", c);
		if (plain == in_hex)
			buf_putc(b, '|');
		else if (in_hex)
			buf_putc(b, ' ');
		in_hex = !plain;
		if (plain) {
			buf_putc(b, (char)c);
		} else {
			buf_putc(b, hex[c >> 4]);
			buf_putc(b, hex[c & 15]);
		}
	}
	if (in_hex)
		buf_putc(b, '|');
}

void ids_contents(struct ids *s, struct str v, const char *first, bool nocase)
{
	struct buf *b = s->r->out;
	const char *sep = s->snort ? "," : "; ";
	for (bool begun = false; v.n; begun = true) {
		struct str part = str_sub(v, 0, 200);
		PUT(b, "content:\"");
		ids_bytes(b, part);
		buf_putc(b, '"');
		if (nocase)
			buf_printf(b, "%snocase", sep);
		if (begun)
			buf_printf(b, s->snort ? ",distance 0,within %zu" : "; distance:0; within:%zu", part.n);
		else if (*first)
			buf_printf(b, "%s%s", sep, first);
		PUT(b, ";");
		v = str_sub(v, part.n, v.n);
		if (v.n)
			PUT(b, " ");
	}
}

bool ids_too_long(const struct buf *b, size_t at)
{
	struct str rest = {b->p ? b->p + at : NULL, b->n - at}, line;
	while (rest.p && rest.n) {
		rest = str_split(rest, '\n', &line);
		if (line.n > RULE_MAX)
			return true;
	}
	return false;
}

/* ---- rules of others ---- */

/* What may stand before keywords. "pass" is no action here: it would hide what others find. */
static const char *const actions[] = {"alert", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth",
				      "block", "log", "sdrop"};

/* Numbers are ours; the rest would run code, use files of the sensor, or change or skip traffic. */
static const char *const numbers[] = {"sid", "gid", "rev"};
static const char *const refused[] = {
	"activated_by", "activates", "bypass", "config",   "datarep",	"dataset", "filemd5",
	"filesha1",	"filesha256", "filestore", "iprep", "logto",	"lua",	   "luajit",
	"luaxform",	"noalert", "react",   "replace",	"resp",
	"session",	"so",	   "soid",
};

static bool one_of(struct str v, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(v, str_c(list[i])))
			return true;
	return false;
}

static void skip_space(struct str *v)
{
	while (v->n && v->p[0] == ' ')
		*v = str_sub(*v, 1, v->n);
}

/* A word of the head; spaces may stand between brackets. */
static bool head_word(struct str *v, struct str *word)
{
	size_t n = 0;
	int depth = 0;
	skip_space(v);
	for (; n < v->n && (depth || (v->p[n] != ' ' && v->p[n] != '(')); n++) {
		char c = v->p[n];
		if (!ascii_alnum(c) && !strchr("$!_.:/,-<>[] ", c))
			return false;
		depth += (c == '[') - (c == ']');
		if (depth < 0)
			return false;
	}
	*word = str_sub(*v, 0, n);
	*v = str_sub(*v, n, v->n);
	return n > 0 && !depth;
}

static bool is_word(struct str v, bool dots)
{
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_alnum(v.p[i]) && v.p[i] != '_' && v.p[i] != '-' && !(dots && v.p[i] == '.'))
			return false;
	return v.n > 0;
}

/* action proto, and but in Snort 3 source, port, direction, destination, port. */
static bool head_copy(struct ids *s, struct str *v)
{
	struct buf *b = s->r->out;
	struct str word;
	if (!head_word(v, &word) || !one_of(word, actions, ARRAY_LEN(actions)))
		return false;
	if (!head_word(v, &word) || !is_word(word, false))
		return false;
	buf_str_add(b, s->action);
	buf_putc(b, ' ');
	buf_str_add(b, word);
	skip_space(v);
	if (v->n && v->p[0] == '(')
		return s->snort;
	for (int i = 0; i < 5; i++) {
		if (!head_word(v, &word))
			return false;
		if ((i == 2) != (str_is(word, "->") || str_is(word, "<>")))
			return false;
		if (i != 2 && (memchr(word.p, '<', word.n) || memchr(word.p, '>', word.n)))
			return false;
		buf_putc(b, ' ');
		buf_str_add(b, word);
	}
	skip_space(v);
	return v->n && v->p[0] == '(';
}

/*
 * Up to the semicolon that ends a keyword. Sensors differ: Suricata takes no notice of quotes and looks at
 * the one byte before a semicolon, others take quotes whole and pairs of backslashes for one. What they
 * would cut at different places is no rule; so quotes hold no bare semicolon, and stand once, first.
 */
static bool keyword_end(struct str v, size_t *end)
{
	bool quoted = false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\') {
			i++;
		} else if (v.p[i] == '"') {
			quoted = !quoted;
		} else if (v.p[i] == ';') {
			*end = i;
			return !quoted && (!i || v.p[i - 1] != '\\');
		}
	}
	return false;
}

/* !"..." and what may follow behind a comma, or no quotes at all. */
static bool is_value(struct str v)
{
	size_t i = v.n && v.p[0] == '!' ? 1 : 0;
	while (i < v.n && v.p[i] == ' ')
		i++;
	if (i == v.n || v.p[i] != '"')
		return str_chr(v, '"') < 0;
	for (i++; i < v.n && v.p[i] != '"'; i++)
		i += v.p[i] == '\\';
	if (i >= v.n)
		return false;
	struct str rest = str_trim(str_sub(v, i + 1, v.n));
	return !rest.n || (rest.p[0] == ',' && str_chr(rest, '"') < 0);
}

static bool keywords_copy(struct ids *s, struct str v)
{
	struct buf *b = s->r->out;
	bool any = false;
	PUT(b, " (");
	for (;;) {
		size_t end;
		struct str name, value;
		skip_space(&v);
		if (v.n && v.p[0] == ')')
			break;
		if (!keyword_end(v, &end))
			return false;
		struct str word = str_sub(v, 0, end);
		v = str_sub(v, end + 1, v.n);
		value = str_trim(str_split(word, ':', &name));
		name = str_trim(name);
		if (!is_word(name, true) || !is_value(value) ||
		    one_of(name, refused, ARRAY_LEN(refused)))
			return false;
		if (one_of(name, numbers, ARRAY_LEN(numbers)))
			continue;
		any = true;
		buf_str_add(b, name);
		if (value.n) {
			buf_putc(b, ':');
			buf_str_add(b, value);
		}
		PUT(b, "; ");
	}
	return any && str_trim(str_sub(v, 1, v.n)).n == 0;
}

static bool foreign_one(struct ids *s, struct str v)
{
	struct buf *b = s->r->out;
	size_t at = b->n;
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	if (v.n > RULE_MAX - 100 || s->rules == IDS_RULES || !head_copy(s, &v))
		return false;
	v = str_sub(v, 1, v.n);
	if (!keywords_copy(s, v))
		return false;
	PUT(b, "sid:");
	buf_u64(b, next_sid(s));
	PUT(b, "; rev:1;)\n");
	return b->n - at <= RULE_MAX;
}

/* Line by line, those that continue put together; tabs are spaces. */
static bool foreign_lines(struct ids *s, struct str v)
{
	OWN(buf) struct buf line = BUF(2 * RULE_MAX);
	bool any = false;
	while (v.p) {
		struct str part;
		v = str_split(v, '\n', &part);
		part = str_trim(part);
		bool more = part.n && part.p[part.n - 1] == '\\' && v.p;
		if (more)
			part.n--;
		for (size_t i = 0; i < part.n; i++)
			buf_putc(&line, part.p[i] == '\t' ? ' ' : part.p[i]);
		if (more)
			continue;
		struct str whole = str_trim(buf_str(&line));
		if (buf_err(&line) != ERR_OK)
			return false;
		if (whole.n && whole.p[0] != '#') {
			if (!foreign_one(s, whole))
				return false;
			any = true;
		}
		buf_clear(&line);
	}
	return any;
}

bool ids_foreign(struct ids *s, struct str rules)
{
	struct buf *b = s->r->out;
	size_t at = b->n;
	if (buf_err(b) != ERR_OK || foreign_lines(s, rules))
		return true;
	b->n = at;
	return false;
}
