/*
 * indicators.c - released attributes as indicators. export_indicators gives records in a frame of its
 * own, for node/subs; the rows behind it write the formats of feeds/sensor for one search. Formats
 * whose entries must not overlap, or that need numbers, gather their entries first: up to GATHER_MAX.
 */
#include "feeds/export/indicators.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "feeds/export/parts.h"

#define GATHER_MAX (96u << 20)

/* ---- from what has been released ---- */

static void tags_put(struct buf *b, const struct misp_tagref *t, uint32_t n, uint8_t *tlp)
{
	for (uint32_t i = 0; i < n; i++) {
		*tlp = MAX(*tlp, ind_tlp_of(t[i].name));
		if (b->n)
			buf_putc(b, '\n');
		buf_str_add(b, t[i].name);
	}
}

/* 0: not known. */
static int64_t seconds(int64_t micro)
{
	return micro == MICRO_NONE || micro == MICRO_BAD ? 0 : micro / 1000000;
}

/* What stands beside the value; tags live in `tags`. */
static void beside(struct indicator *i, const struct rel_event *e, const struct rel_element *el,
		   struct buf *tags)
{
	const struct misp_attr *a = el->attr;
	i->threat_level = e->e->threat_level_id;
	i->category = a->category;
	i->first_seen = seconds(a->first_seen);
	i->last_seen = seconds(a->last_seen);
	i->changed = a->timestamp;
	i->attr = a->uuid;
	i->event = e->e->uuid;
	i->comment = a->comment;
	i->info = e->e->info;
	i->org = e->orgc ? e->orgc->name : STR_NONE;
	buf_clear(tags);
	tags_put(tags, a->tags.v, a->tags.n, &i->tlp);
	tags_put(tags, e->e->tags.v, e->e->tags.n, &i->tlp);
	i->tags = buf_str(tags);
}

typedef enum err (*each_fn)(struct export_run *r, const struct indicator *i);

struct maker {
	struct arena *arena;
	struct buf tags;
	uint64_t kinds, bad;
};

static enum err maker_open(struct maker *m, uint64_t kinds)
{
	m->kinds = kinds;
	buf_init(&m->tags, 1u << 20);
	m->arena = arena_new(1u << 20);
	return m->arena ? ERR_OK : ERR_NOMEM;
}

static void maker_close(struct maker *m)
{
	arena_free(m->arena);
	buf_free(&m->tags);
}

static enum err maker_each(struct maker *m, struct export_run *r, const struct rel_event *e,
			   const struct rel_element *el, each_fn fn)
{
	struct indicator v[IND_PARTS];
	unsigned n, bad = 0;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	if (el->attr->deleted || !(ind_kinds_of(el->attr->type) & m->kinds))
		return ERR_OK;
	arena_reset(m->arena);
	TRY(ind_of_value(m->arena, el->attr->type, el->attr->value, v, &n, &bad));
	m->bad += bad;
	for (unsigned i = 0; i < n; i++) {
		if (!(m->kinds & UINT64_C(1) << v[i].kind))
			continue;
		beside(&v[i], e, el, &m->tags);
		TRY(buf_err(&m->tags));
		TRY(fn(r, &v[i]));
	}
	return ERR_OK;
}

/* ---- records ---- */

struct records_state {
	struct maker maker;
	bool context;
};

static enum err records_begin(struct export_run *r)
{
	struct records_state *st = r->state;
	struct str kinds = param_get(r, "kinds");
	uint64_t set = 0;
	st->context = str_is(param_get(r, "context"), "1");
	if (!kinds.p || !str_u64(kinds, &set))
		set = UINT64_MAX;
	return maker_open(&st->maker, set);
}

static enum err record_put(struct export_run *r, const struct indicator *i)
{
	const struct records_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	size_t at = b->n;
	uint32_t n = 0;
	buf_add(b, &n, sizeof(n));
	ind_pack(b, i, st->context);
	TRY(buf_err(b));
	n = (uint32_t)(b->n - at - sizeof(n));
	memcpy(b->p + at, &n, sizeof(n));
	r->n++;
	return ERR_OK;
}

static enum err records_element(struct export_run *r, const struct rel_event *e,
				const struct rel_element *el)
{
	struct records_state *st = r->state;
	return maker_each(&st->maker, r, e, el, record_put);
}

static enum err event_count(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

/* A length of zero, then how many values were none of their kind. */
static enum err records_end(struct export_run *r)
{
	const struct records_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	uint32_t none = 0;
	buf_add(b, &none, sizeof(none));
	buf_add(b, &st->maker.bad, sizeof(st->maker.bad));
	return buf_err(b);
}

static void records_free(void *state)
{
	struct records_state *st = state;
	maker_close(&st->maker);
}

const struct exporter export_indicators = {
	.name = "indicators",
	.media = "application/octet-stream",
	.type_name = "bin",
	.doc = "records of indicators, for subscriptions",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.state_size = sizeof(struct records_state),
	.begin = records_begin,
	.event = event_count,
	.element = records_element,
	.end = records_end,
	.free_state = records_free,
};

/* ---- formats of sensors ---- */

struct entry {
	struct ind_key key;
	size_t at, n; /* its record */
};

struct sensor_state {
	struct sensor_opts opts;
	struct sensor_run run;
	struct maker maker;
	struct seen seen;
	bool gather;
	struct buf records;
	struct entry *v;
	size_t n, cap;
};

static struct str param_of(void *user, const char *name)
{
	return param_get(user, name);
}

static enum err sensor_open(struct export_run *r, const struct sensor_format *f)
{
	struct sensor_state *st = r->state;
	st->gather = f->flags & (SENSOR_DISJOINT | SENSOR_WHOLE | SENSOR_NUMBERED);
	st->opts = (struct sensor_opts){
		.param = param_of,
		.user = r,
		.now = r->opts->now,
		.serial = (uint64_t)r->opts->now,
		.name = STR("search"),
		.source = r->opts->host_org_name,
		.base_url = r->opts->base_url,
	};
	st->run = (struct sensor_run){.format = f, .opts = &st->opts, .out = seal_buf(r->out)};
	buf_init(&st->records, GATHER_MAX);
	TRY(maker_open(&st->maker, f->kinds));
	return st->gather ? ERR_OK : sensor_begin(&st->run);
}

/* The same number for the same indicator, as far as 28 bits go; sets of subscriptions have no twins. */
static uint32_t number_of(const struct ind_key *k)
{
	return (uint32_t)(hash_64(k->b, k->n, 0) % IND_NUMBERS);
}

static enum err entry_add(struct sensor_state *st, const struct ind_key *k,
			  const struct indicator *i)
{
	if (st->n == st->cap) {
		size_t cap = st->cap ? st->cap * 2 : 1024;
		struct entry *v = cap * sizeof(*v) > 4 * (size_t)GATHER_MAX
					  ? NULL
					  : reallocarray(st->v, cap, sizeof(*v));
		if (!v)
			return ERR_LIMIT;
		st->v = v;
		st->cap = cap;
	}
	struct entry *e = &st->v[st->n];
	e->key = *k;
	e->at = st->records.n;
	ind_pack(&st->records, i, true);
	e->n = st->records.n - e->at;
	st->n++;
	return buf_err(&st->records);
}

static enum err sensor_put(struct export_run *r, const struct indicator *i)
{
	struct sensor_state *st = r->state;
	struct ind_key k;
	ind_key(i, &k);
	if (seen_before(&st->seen, (struct str){(const char *)k.b, k.n}))
		return ERR_OK;
	if (st->gather)
		return entry_add(st, &k, i);
	st->run.out = seal_buf(r->out);
	return sensor_item(&st->run, i);
}

static enum err sensor_element(struct export_run *r, const struct rel_event *e,
			       const struct rel_element *el)
{
	struct sensor_state *st = r->state;
	return maker_each(&st->maker, r, e, el, sensor_put);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return ind_key_cmp(&x->key, &y->key);
}

static enum err gathered_put(struct sensor_state *st)
{
	const struct entry *last = NULL;
	struct indicator i;
	if (st->n)
		qsort(st->v, st->n, sizeof(*st->v), by_key);
	st->opts.count = st->n;
	TRY(sensor_begin(&st->run));
	for (size_t k = 0; k < st->n; k++) {
		const struct entry *e = &st->v[k];
		if (st->run.format->flags & SENSOR_DISJOINT && last &&
		    ind_key_covers(&last->key, &e->key))
			continue;
		last = e;
		if (BUG(!ind_unpack((struct str){st->records.p + e->at, e->n}, &i)))
			return ERR_BUG;
		i.number = number_of(&e->key);
		TRY(sensor_item(&st->run, &i));
	}
	return ERR_OK;
}

static enum err sensor_finish(struct export_run *r)
{
	struct sensor_state *st = r->state;
	st->run.out = seal_buf(r->out);
	if (st->gather)
		TRY(gathered_put(st));
	return sensor_end(&st->run);
}

static void sensor_close(void *state)
{
	struct sensor_state *st = state;
	sensor_free(&st->run);
	maker_close(&st->maker);
	seen_free(&st->seen);
	buf_free(&st->records);
	free(st->v);
}

#define SENSOR_DROPS                                                                               \
	"everything but the value and, where the format has a place, what it is about; values that "\
	"the consumer would refuse"
#define FORMAT(ident, format_name, format_media, format_ext, format_doc)                           \
	static enum err begin_##ident(struct export_run *r)                                        \
	{                                                                                          \
		return sensor_open(r, &sensor_##ident);                                            \
	}                                                                                          \
	static bool carry_##ident(uint16_t type)                                                   \
	{                                                                                          \
		return (ind_kinds_of(type) & sensor_##ident.kinds) != 0;                           \
	}                                                                                          \
	const struct exporter export_as_##ident = {                                                \
		.name = format_name,                                                               \
		.media = format_media,                                                             \
		.type_name = format_ext,                                                           \
		.doc = format_doc,                                                                 \
		.drops = SENSOR_DROPS,                                                             \
		.carries = carry_##ident,                                                          \
		.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,                                       \
		.sensor = true,                                                                    \
		.restrictive = true,                                                               \
		.state_size = sizeof(struct sensor_state),                                         \
		.begin = begin_##ident,                                                            \
		.event = event_count,                                                              \
		.element = sensor_element,                                                         \
		.end = sensor_finish,                                                              \
		.free_state = sensor_close,                                                        \
	};
#include "feeds/sensor/formats.inc"
#undef FORMAT
