/* sensor.c - the formats by name, their parameters, and what they have in common. */
#include "feeds/sensor/sensor.h"

#include <stdlib.h>
#include <string.h>

#include "model/ascii.h"

const struct sensor_row sensor_rows[] = {
#define FORMAT(ident, name, media, ext, doc) {name, media, ext, doc, &sensor_##ident},
#include "feeds/sensor/formats.inc"
#undef FORMAT
	{NULL, NULL, NULL, NULL, NULL},
};

const struct sensor_row *sensor_find(struct str name)
{
	for (const struct sensor_row *r = sensor_rows; r->name; r++)
		if (str_is(name, r->name))
			return r;
	return NULL;
}

/* ---- parameters ---- */

bool sensor_word(struct str v)
{
	if (!v.n || v.n > 200)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if ((!ascii_alnum(v.p[i]) && !strchr("._:/-,", v.p[i])) ||
		    (i && v.p[i] == '.' && v.p[i - 1] == '.'))
			return false;
	return true;
}

bool sensor_number(struct str v)
{
	uint64_t n;
	return str_u64(v, &n);
}

static const struct sensor_param *param_find(const struct sensor_format *f, struct str name)
{
	for (const struct sensor_param *p = f->params; p && p->name; p++)
		if (str_is(name, p->name))
			return p;
	return NULL;
}

static bool is_good(const struct sensor_param *p, struct str v)
{
	return v.p && (p->check ? p->check(v) : sensor_word(v));
}

struct str sensor_param_get(const struct sensor_run *r, const char *name)
{
	const struct sensor_param *p = param_find(r->format, str_c(name));
	struct str v = STR_NONE;
	if (BUG(!p))
		return STR_NONE;
	if (r->opts->param)
		v = r->opts->param(r->opts->user, name);
	return is_good(p, v) ? v : str_c(p->fallback);
}

const char *sensor_param_fault(const struct sensor_format *f, struct str name, struct str v)
{
	const struct sensor_param *p = param_find(f, name);
	if (!p)
		return "the format has no such option";
	return is_good(p, v) ? NULL : p->doc;
}

/* ---- runs ---- */

static enum err state_make(struct sensor_run *r)
{
	if (r->format->state_size && !r->state)
		r->state = calloc(1, r->format->state_size);
	return r->format->state_size && !r->state ? ERR_NOMEM : ERR_OK;
}

enum err sensor_begin(struct sensor_run *r)
{
	TRY(state_make(r));
	if (r->format->begin)
		TRY(r->format->begin(r));
	return buf_err(r->out);
}

enum err sensor_item(struct sensor_run *r, const struct indicator *i)
{
	if (r->format->frame)
		TRY(r->format->frame(r, i));
	return r->format->item(r, i);
}

enum err sensor_end(struct sensor_run *r)
{
	if (r->format->end)
		TRY(r->format->end(r));
	return buf_err(r->out);
}

void sensor_free(struct sensor_run *r)
{
	if (r->format && r->format->free_state && r->state)
		r->format->free_state(r->state);
	free(r->state);
	r->state = NULL;
}

enum err sensor_change_begin(struct sensor_run *r)
{
	TRY(state_make(r));
	if (r->format->change_begin)
		return r->format->change_begin(r);
	if (!r->format->begin || r->format->change)
		return ERR_OK;
	/* for what it reads of the options; the head of a file is no change */
	OWN(buf) struct buf head = BUF(1u << 20);
	struct buf *out = r->out;
	r->out = &head;
	enum err e = r->format->begin(r);
	r->out = out;
	return e;
}

enum err sensor_change_end(struct sensor_run *r)
{
	if (r->format->change_end)
		TRY(r->format->change_end(r));
	return buf_err(r->out);
}

enum err sensor_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i)
{
	if (r->format->change)
		return r->format->change(r, op, i);
	OWN(buf) struct buf lines = BUF(4u << 20);
	struct buf *out = r->out;
	r->out = &lines;
	enum err e = r->format->item(r, i);
	r->out = out;
	TRY(e);
	struct str rest = buf_str(&lines), line;
	while (rest.n) {
		rest = str_split(rest, '\n', &line);
		buf_putc(out, op == SENSOR_GONE ? '-' : '+');
		buf_str_add(out, line);
		buf_putc(out, '\n');
	}
	return buf_err(out);
}

/* ---- pieces of text ---- */

void sensor_plain(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		buf_putc(b, (unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f ? ' ' : v.p[i]);
}

void sensor_csv_text(struct buf *b, struct str v)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			buf_putc(b, '"');
		buf_putc(b, (unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f ? ' ' : v.p[i]);
	}
	buf_putc(b, '"');
}

bool sensor_is_line(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	return str_utf8_ok(v);
}
