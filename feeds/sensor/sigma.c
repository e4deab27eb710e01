/*
 * sigma.c - Sigma rules that attributes are, a YAML document each. What a reader of Sigma would refuse
 * stops all behind it in some of them, so each rule is looked at by the specification: fields of the top
 * by the table below, the log source, modifiers. A rule has lines of its own: changes are whole files.
 */
#include <yaml.h>

#include "feeds/sensor/pieces.h"

#define SIGMA_MAX (64u << 10)
#define SIGMA_EVENTS 20000
#define DEPTH_MAX 24

enum { HAS_TITLE = 1, HAS_LOGSOURCE = 2, HAS_DETECTION = 4, HAS_ALL = 7 };

/* ---- forms of fields ---- */

static bool is_text(struct str v)
{
	return v.n > 0;
}

static bool is_title(struct str v)
{
	return v.n > 0 && v.n <= 256;
}

static bool is_id(struct str v)
{
	struct uuid u;
	return uuid_parse(v, &u);
}

static bool is_status(struct str v)
{
	return str_is(v, "stable") || str_is(v, "test") || str_is(v, "experimental") ||
	       str_is(v, "deprecated") || str_is(v, "unsupported");
}

static bool is_level(struct str v)
{
	return str_is(v, "informational") || str_is(v, "low") || str_is(v, "medium") || str_is(v, "high") ||
	       str_is(v, "critical");
}

/* 2026-11-23, with slashes in old rules. */
static bool is_date(struct str v)
{
	if (v.n != 10 || v.p[4] != v.p[7] || (v.p[4] != '-' && v.p[4] != '/'))
		return false;
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	uint64_t year, month, day;
	return str_u64(str_sub(v, 0, 4), &year) && str_u64(str_sub(v, 5, 2), &month) &&
	       str_u64(str_sub(v, 8, 2), &day) && year >= 1970 && month >= 1 && month <= 12 &&
	       day >= 1 && day <= days[month - 1];
}

/* At the top. A field without `text` holds a list or a map; others there may hold anything. */
static const struct field {
	const char *name;
	bool (*text)(struct str v);
	yaml_event_type_t holds;
	unsigned has;
} fields[] = {
	{"title", is_title, YAML_SCALAR_EVENT, HAS_TITLE},
	{"id", is_id, YAML_SCALAR_EVENT, 0},
	{"name", is_text, YAML_SCALAR_EVENT, 0},
	{"status", is_status, YAML_SCALAR_EVENT, 0},
	{"level", is_level, YAML_SCALAR_EVENT, 0},
	{"date", is_date, YAML_SCALAR_EVENT, 0},
	{"modified", is_date, YAML_SCALAR_EVENT, 0},
	{"description", is_text, YAML_SCALAR_EVENT, 0},
	{"author", is_text, YAML_SCALAR_EVENT, 0},
	{"license", is_text, YAML_SCALAR_EVENT, 0},
	{"taxonomy", is_text, YAML_SCALAR_EVENT, 0},
	{"logsource", NULL, YAML_MAPPING_START_EVENT, HAS_LOGSOURCE},
	{"detection", NULL, YAML_MAPPING_START_EVENT, HAS_DETECTION},
	{"tags", NULL, YAML_SEQUENCE_START_EVENT, 0},
	{"references", NULL, YAML_SEQUENCE_START_EVENT, 0},
	{"fields", NULL, YAML_SEQUENCE_START_EVENT, 0},
	{"falsepositives", NULL, YAML_SEQUENCE_START_EVENT, 0},
	{"scope", NULL, YAML_SEQUENCE_START_EVENT, 0},
	{"related", NULL, YAML_SEQUENCE_START_EVENT, 0},
};

static const char *const modifiers[] = {
	"all",	    "base64", "base64offset", "cased", "cidr", "contains", "day",     "endswith", "exists",
	"expand",   "fieldref", "gt",	      "gte",   "hour", "i",	   "lt",      "lte",	  "m",
	"minute",   "month",  "neq",	      "re",    "s",    "startswith", "utf16", "utf16be",  "utf16le",
	"week",	    "wide",   "windash",      "year",
};

/* ---- reading ---- */

struct scan {
	const struct field *field; /* whose value comes, at the top; NULL: of none that we know */
	unsigned depth, documents, has, seen; /* seen: bits of fields */
	bool map[DEPTH_MAX + 1]; /* is it a map, at each depth? */
	unsigned nodes[DEPTH_MAX + 1]; /* in it so far; keys of maps are the even ones */
	bool source, condition;
};

static struct str text_of(const yaml_event_t *e)
{
	return (struct str){(const char *)e->data.scalar.value, e->data.scalar.length};
}

static bool modifiers_known(struct str key)
{
	struct str one;
	key = str_split(key, '|', &one);
	while (key.p) {
		bool known = false;
		key = str_split(key, '|', &one);
		for (size_t i = 0; i < ARRAY_LEN(modifiers); i++)
			known = known || str_is(one, modifiers[i]);
		if (!known)
			return false;
	}
	return true;
}

static bool top_key(struct scan *s, struct str key)
{
	s->field = NULL;
	for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
		if (!str_is(key, fields[i].name))
			continue;
		if (s->seen >> i & 1)
			return false;
		s->seen |= 1u << i;
		s->field = &fields[i];
	}
	return true;
}

static bool top_value(struct scan *s, const yaml_event_t *e)
{
	if (!s->field)
		return true;
	if (e->type != s->field->holds || (s->field->text && !s->field->text(text_of(e))))
		return false;
	s->has |= s->field->has;
	return true;
}

static bool is_in(const struct scan *s, unsigned has)
{
	return s->field && s->field->has == has;
}

/* A node below the top, key or value. */
static bool inner_node(struct scan *s, const yaml_event_t *e, bool is_key)
{
	bool scalar = e->type == YAML_SCALAR_EVENT;
	if (is_in(s, HAS_DETECTION) && is_key && !modifiers_known(text_of(e)))
		return false;
	if (s->depth != 2)
		return true;
	if (is_key && is_in(s, HAS_DETECTION))
		s->condition = s->condition || str_is(text_of(e), "condition");
	if (is_key && is_in(s, HAS_LOGSOURCE))
		s->source = s->source || str_is(text_of(e), "category") ||
			    str_is(text_of(e), "product") || str_is(text_of(e), "service");
	if (is_in(s, HAS_LOGSOURCE))
		return scalar && text_of(e).n;
	if (s->field && str_is(str_c(s->field->name), "tags"))
		return scalar && str_chr(text_of(e), '.') > 0;
	return !is_in(s, HAS_DETECTION) || !scalar || text_of(e).n;
}

/* One event of the parser; false: no rule. Aliases can become gigabytes. */
static bool event(struct scan *s, const yaml_event_t *e)
{
	bool map = e->type == YAML_MAPPING_START_EVENT, opens = map || e->type == YAML_SEQUENCE_START_EVENT;
	if (e->type == YAML_ALIAS_EVENT)
		return false;
	if (e->type == YAML_DOCUMENT_START_EVENT)
		return ++s->documents == 1;
	if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT) {
		/* what is looked for is something */
		bool empty = is_in(s, HAS_DETECTION) && s->depth > 1 && !s->nodes[s->depth];
		s->depth--;
		return !empty;
	}
	if (!opens && e->type != YAML_SCALAR_EVENT)
		return true;
	if (!s->depth) {
		if (!map)
			return false;
	} else {
		bool is_key = s->map[s->depth] && s->nodes[s->depth]++ % 2 == 0;
		if (!s->map[s->depth])
			s->nodes[s->depth]++;
		if (is_key && opens)
			return false;
		bool good = s->depth > 1 ? inner_node(s, e, is_key)
			    : is_key	 ? top_key(s, text_of(e))
					 : top_value(s, e);
		if (!good)
			return false;
	}
	if (opens) {
		if (s->depth == DEPTH_MAX)
			return false;
		s->map[++s->depth] = map;
		s->nodes[s->depth] = 0;
	}
	return true;
}

static bool is_sigma(struct str v)
{
	yaml_parser_t y;
	struct scan s = {0};
	bool good = true, done = false;
	if (v.n > SIGMA_MAX || !yaml_parser_initialize(&y))
		return false;
	yaml_parser_set_input_string(&y, (const unsigned char *)v.p, v.n);
	for (unsigned n = 0; good && !done; n++) {
		yaml_event_t e;
		if (n == SIGMA_EVENTS || !yaml_parser_parse(&y, &e)) {
			good = false;
			break;
		}
		done = e.type == YAML_STREAM_END_EVENT;
		good = event(&s, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	return good && s.has == HAS_ALL && s.source && s.condition;
}

/* Lines that begin or end a document would split it: ours stand around it. */
static enum err sigma_item(struct sensor_run *r, const struct indicator *i)
{
	struct str rest = i->value, line;
	if (!is_sigma(i->value))
		return piece_left_out(r);
	r->entries++;
	PUT(r->out, "---\n");
	while (rest.p) {
		rest = str_split(rest, '\n', &line);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (str_has_prefix(line, STR("---")) && str_trim(line).n == 3)
			continue;
		if (str_has_prefix(line, STR("...")) && str_trim(line).n == 3)
			break;
		buf_str_add(r->out, line);
		buf_putc(r->out, '\n');
	}
	return buf_err(r->out);
}

const struct sensor_format sensor_sigma = {
	.name = "sigma",
	.kinds = IND_BIT(SIGMA),
	.flags = SENSOR_WHOLE,
	.item = sigma_item,
};
