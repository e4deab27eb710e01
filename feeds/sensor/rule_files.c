/*
 * rule_files.c - rules that attributes are, as files of YARA and Sigma. Each rule is looked at, since one
 * that is broken would stop the others. A rule has lines of its own, so changes are whole files.
 */
#include <stdio.h>
#include <yaml.h>

#include "feeds/sensor/pieces.h"
#include "feeds/sensor/yara_rules.h"

/* ---- YARA ---- */

static bool is_modules(struct str v)
{
	return sensor_word(v);
}

/* Not each build of YARA has cuckoo, magic and the newer ones; a rule that needs what is not there
   stops the file. */
static const struct sensor_param yara_params[] = {
	{"modules", "pe,elf,math,time,hash,dotnet", "modules that the sensor's YARA has, with commas between",
	 is_modules},
	{NULL, NULL, NULL, NULL},
};

struct yara_state {
	struct buf text;
	struct str modules;
	uint32_t number;
};

static bool has_module(struct str modules, struct str name)
{
	struct str one;
	while (modules.p) {
		modules = str_split(modules, ',', &one);
		if (str_eq(one, name))
			return true;
	}
	return false;
}

/* Anything that looks like an import is taken for one. */
static bool imports_known(const struct yara_state *st, struct str v)
{
	ptrdiff_t at;
	while ((at = str_find(v, STR("import"))) >= 0) {
		struct str name;
		v = str_trim(str_sub(v, (size_t)at + 6, v.n));
		if (!v.n || v.p[0] != '"')
			continue;
		v = str_split(str_sub(v, 1, v.n), '"', &name);
		if (!v.p || !has_module(st->modules, name))
			return false;
	}
	return true;
}

static enum err yara_begin(struct sensor_run *r)
{
	struct yara_state *st = r->state;
	buf_init(&st->text, 2 * YARA_RULE_MAX);
	st->modules = sensor_param_get(r, "modules");
	return ERR_OK;
}

/* Names are unique by the indicator's number: those of other rules do not matter. */
static void yara_choose(void *user, struct str name, char fresh[YARA_FRESH_MAX])
{
	const struct yara_state *st = user;
	snprintf(fresh, YARA_FRESH_MAX, "%.*s_t%lu", STR_ARG(name), (unsigned long)st->number);
}

static enum err yara_item(struct sensor_run *r, const struct indicator *i)
{
	struct yara_state *st = r->state;
	st->number = i->number;
	if (!imports_known(st, i->value) ||
	    yara_rewrite(i->value, yara_choose, st, &st->text) != YARA_GOOD)
		return piece_left_out(r);
	r->entries++;
	PUT(r->out, "// ");
	piece_uuid(r->out, i->attr);
	buf_putc(r->out, '\n');
	for (size_t k = 0; k < st->text.n; k++)
		if (st->text.p[k] != '\r')
			buf_putc(r->out, st->text.p[k]);
	PUT(r->out, "\n\n");
	return buf_err(r->out);
}

static void yara_free(void *state)
{
	struct yara_state *st = state;
	buf_free(&st->text);
}

const struct sensor_format sensor_yara = {
	.name = "yara-rules",
	.kinds = IND_BIT(YARA),
	.flags = SENSOR_NUMBERED | SENSOR_WHOLE,
	.params = yara_params,
	.state_size = sizeof(struct yara_state),
	.begin = yara_begin,
	.item = yara_item,
	.free_state = yara_free,
};

/* ---- Sigma ---- */

#define SIGMA_MAX (64u << 10)
#define SIGMA_EVENTS 20000
#define SIGMA_DEPTH 40

/* What a rule must have (Sigma's specification), at the top of its one document. */
enum { HAS_TITLE = 1, HAS_LOGSOURCE = 2, HAS_DETECTION = 4, HAS_ALL = 7 };

static unsigned sigma_key(const yaml_event_t *e)
{
	struct str key = {(const char *)e->data.scalar.value, e->data.scalar.length};
	return str_is(key, "title")	  ? HAS_TITLE
	       : str_is(key, "logsource") ? HAS_LOGSOURCE
	       : str_is(key, "detection") ? HAS_DETECTION
					  : 0;
}

struct sigma_scan {
	unsigned depth, has, documents, top; /* top: nodes at the top so far, keys are the even ones */
	unsigned pending; /* of what the value that comes is */
	unsigned condition; /* the depth of a "condition" in detection was seen */
	bool map, in_detection;
};

/* One event of the parser; false: no rule. */
static bool sigma_event(struct sigma_scan *s, const yaml_event_t *e)
{
	bool opens = e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT;
	bool closes = e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT;
	if (e->type == YAML_ALIAS_EVENT)
		return false; /* a few of them can become gigabytes */
	if (e->type == YAML_DOCUMENT_START_EVENT)
		return ++s->documents == 1;
	if (opens && s->depth == 0)
		s->map = e->type == YAML_MAPPING_START_EVENT;
	if (s->depth == 1 && (opens || e->type == YAML_SCALAR_EVENT)) {
		if (s->top++ % 2 == 0) {
			if (opens)
				return false;
			s->pending = sigma_key(e);
			if (s->pending & s->has)
				return false; /* twice */
		} else {
			if (s->pending & (HAS_LOGSOURCE | HAS_DETECTION) &&
			    e->type != YAML_MAPPING_START_EVENT)
				return false;
			if (s->pending == HAS_TITLE && (opens || !e->data.scalar.length))
				return false;
			s->has |= s->pending;
			s->in_detection = s->pending == HAS_DETECTION;
		}
	} else if (s->depth == 2 && s->in_detection && e->type == YAML_SCALAR_EVENT) {
		struct str v = {(const char *)e->data.scalar.value, e->data.scalar.length};
		s->condition |= str_is(v, "condition");
	}
	s->depth += opens;
	s->depth -= closes;
	return s->depth <= SIGMA_DEPTH;
}

static bool is_sigma(struct str v)
{
	yaml_parser_t y;
	struct sigma_scan s = {0};
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
		good = sigma_event(&s, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	return good && s.map && s.has == HAS_ALL && s.condition;
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
