/*
 * yara_file.c - YARA rules that attributes are, as a file. Each is looked at, since one that is broken
 * would stop the others. A rule has lines of its own, so changes are whole files.
 */
#include <stdio.h>

#include "feeds/sensor/pieces.h"
#include "feeds/sensor/yara_rules.h"

/* ---- YARA ---- */

static bool is_modules(struct str v)
{
	return sensor_word(v) && str_chr(v, '/') < 0 && str_chr(v, '.') < 0;
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
	.flags = SENSOR_NUMBERED | SENSOR_WHOLE | SENSOR_SOURCE,
	.params = yara_params,
	.state_size = sizeof(struct yara_state),
	.begin = yara_begin,
	.item = yara_item,
	.free_state = yara_free,
};
