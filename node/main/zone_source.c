/*
 * zone_source.c - a zone's records from a subscription's set: what the format's item() writes, read line by
 * line into records. All of it on the thread of the DNS server.
 */
#include "main/zone_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dns/line.h"

#define CHANGES_MAX 100000 /* entries of the log that an incremental transfer is made of */
#define CHANGES_LEAST 10000 /* so many in any case, also where the zone is smaller */
#define CHANGES_MEMORY (32u << 20)
#define ITEM_MAX (1u << 20)
#define LOOK_EACH 1000 /* rows: may this still be given? */

struct source {
	struct dns_zone_source base;
	struct subs *subs;
	struct dns_name zone;
	uint32_t ttl;
	char name[SUB_NAME_MAX + 1];
};

struct snapshot {
	struct dns_snapshot base;
	struct source *src;
	struct sub *sub;
	struct sub_conf *conf;
	struct set_read *read;
};

struct rows {
	struct dns_rows base;
	struct snapshot *snap;
	struct sensor_run run;
	struct sensor_opts opts;
	struct buf lines, other; /* of the item at hand, and of how it was or is */
	size_t at; /* in `lines` */
	struct dns_line line;
	struct str before; /* the line that is in it, without its end; absent: none of these lines */
	struct dns_name wild; /* the owner of the line before below "*" */
	unsigned looked; /* rows since it was looked whether they may be given */
	uint64_t unread; /* lines that are no records */
	/* changes only: all that goes, then all that comes */
	struct arena *arena;
	struct set_changes list;
	size_t next;
	bool changes, adding;
};

/* ---- the zone ---- */

static void snapshot_drop(struct snapshot *s)
{
	set_read_close(s->read);
	sub_conf_unref(s->conf);
	sub_unref(s->sub);
}

static enum err snapshot_fill(struct source *s, struct snapshot *out, struct fail *f)
{
	*out = (struct snapshot){.src = s, .sub = subs_get(s->subs, str_c(s->name))};
	enum err e = out->sub ? sub_read(out->sub, &out->read, &out->conf, f)
			      : fail(f, ERR_AGAIN, "there is no export %s", s->name);
	if (e == ERR_OK && strcmp(out->conf->format->name, ZONE_FORMAT) != 0)
		e = fail(f, ERR_AGAIN, "the export %s has another format than " ZONE_FORMAT, s->name);
	if (e != ERR_OK) {
		snapshot_drop(out);
		return e;
	}
	out->base.serial = (uint32_t)set_read_info(out->read).serial;
	return ERR_OK;
}

static bool source_serial(struct dns_zone_source *z, uint32_t *out)
{
	struct snapshot s;
	if (snapshot_fill((struct source *)z, &s, NULL) != ERR_OK)
		return false;
	*out = s.base.serial;
	snapshot_drop(&s);
	return true;
}

static enum err source_open(struct dns_zone_source *z, struct dns_snapshot **out, struct fail *f)
{
	OWN(mem) void *mem = malloc(sizeof(struct snapshot));
	struct snapshot *s = mem;
	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(snapshot_fill((struct source *)z, s, f));
	*out = &s->base;
	(void)MOVE(mem);
	return ERR_OK;
}

static void source_close(struct dns_zone_source *z, struct dns_snapshot *s)
{
	(void)z;
	snapshot_drop((struct snapshot *)s);
	free(s);
}

static void source_release(struct dns_zone_source *z)
{
	free(z);
}

/* ---- rows ---- */

static void rows_close(struct dns_rows *base)
{
	struct rows *r = (struct rows *)base;
	const struct source *s = r->snap->src;
	if (r->unread)
		log_info("dns", "export=%s lines_left_out=%llu", s->name, (unsigned long long)r->unread);
	sensor_free(&r->run);
	buf_free(&r->lines);
	buf_free(&r->other);
	arena_free(r->arena);
	free(r);
}

/* What a file would begin with is the server's here. */
static enum err rows_new(struct snapshot *s, bool changes, struct rows **out, struct fail *f)
{
	struct rows *r = calloc(1, sizeof(*r));
	struct set_info info = set_read_info(s->read);
	*out = NULL;
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	*r = (struct rows){.base.of = &s->base,
			   .snap = s,
			   .opts = s->conf->rules.opts,
			   .lines = BUF(ITEM_MAX),
			   .other = BUF(ITEM_MAX),
			   .changes = changes};
	r->opts.now = info.changed;
	r->opts.serial = info.serial;
	r->opts.count = info.shown;
	r->run = (struct sensor_run){
		.format = s->conf->format->format, .opts = &r->opts, .out = &r->lines};
	enum err e = changes ? sensor_change_begin(&r->run) : sensor_begin(&r->run);
	if (e != ERR_OK) {
		rows_close(&r->base);
		return fail(f, e, "beginning a transfer");
	}
	buf_clear(&r->lines);
	*out = r;
	return ERR_OK;
}

static enum err source_records(struct dns_snapshot *base, struct dns_rows **out, struct fail *f)
{
	struct snapshot *s = (struct snapshot *)base;
	struct rows *r;
	*out = NULL;
	TRY(rows_new(s, false, &r, f));
	set_read_rewind(s->read);
	*out = &r->base;
	return ERR_OK;
}

/* A serial has 32 bits here: the one of the set is the nearest before its own. */
static enum err source_changes(struct dns_snapshot *base, uint32_t from, struct dns_rows **out,
			       struct fail *f)
{
	struct snapshot *s = (struct snapshot *)base;
	struct set_info info = set_read_info(s->read);
	uint64_t since = info.serial - (uint32_t)((uint32_t)info.serial - from);
	size_t max = (size_t)MIN(MAX(info.shown, CHANGES_LEAST), CHANGES_MAX);
	struct rows *r;
	*out = NULL;
	TRY(rows_new(s, true, &r, f));
	r->arena = arena_new(CHANGES_MEMORY);
	enum err e = r->arena ? set_read_changes(s->read, since, max, r->arena, &r->list)
			      : fail(f, ERR_NOMEM, "no memory");
	if (e != ERR_OK) {
		rows_close(&r->base);
		return e == ERR_LIMIT ? ERR_STALE : e;
	}
	*out = &r->base;
	return ERR_OK;
}

/* A slow resolver may be at it for long. */
static enum err look(struct rows *r, struct fail *f)
{
	const struct source *s = r->snap->src;
	if (r->looked++ % LOOK_EACH)
		return ERR_OK;
	OWN(sub) struct sub *now = subs_get(s->subs, str_c(s->name));
	return now == r->snap->sub && sub_may_show(now, r->snap->read)
		       ? ERR_OK
		       : fail(f, ERR_STALE, "the policy or the export %s has changed", s->name);
}

static enum err item_write(struct rows *r, struct str record, struct buf *to)
{
	struct indicator i;
	buf_clear(to);
	if (!record.p)
		return ERR_OK;
	if (!ind_unpack(record, &i))
		return ERR_CORRUPT;
	r->run.out = to;
	return r->run.format->item(&r->run, &i);
}

/* The lines of the next change on this side; those that are written alike on both are none. */
static enum err change_lines(struct rows *r)
{
	if (r->next == r->list.n && !r->adding) {
		r->adding = true;
		r->next = 0;
	}
	if (r->next == r->list.n)
		return ERR_NOENT;
	const struct set_change *c = &r->list.v[r->next++];
	struct str here = r->adding ? c->is : c->was, there = r->adding ? c->was : c->is;
	TRY(item_write(r, here, &r->lines));
	TRY(item_write(r, there, &r->other));
	if (str_eq(buf_str(&r->lines), buf_str(&r->other)))
		buf_clear(&r->lines);
	return ERR_OK;
}

static enum err whole_lines(struct rows *r)
{
	struct indicator i;
	TRY(set_read_next(r->snap->read, &i));
	buf_clear(&r->lines);
	return r->run.format->item(&r->run, &i);
}

static enum err lines_next(struct rows *r, struct fail *f)
{
	enum err e = r->changes ? change_lines(r) : whole_lines(r);
	r->at = 0;
	r->before = STR_NONE;
	return e == ERR_OK || e == ERR_NOENT ? e : fail(f, e, "reading a set");
}

/* Mostly a name is followed by the wildcard below it, with the same data: that needs no reading. */
static bool is_wild_of(struct rows *r, struct str line)
{
	size_t n = r->line.owner.n;
	if (!r->before.p || line.n != r->before.n + 2 || line.p[0] != '*' || line.p[1] != '.' ||
	    memcmp(line.p + 2, r->before.p, r->before.n) != 0 || n + 2 > DNS_NAME_MAX)
		return false;
	r->wild.b[0] = 1;
	r->wild.b[1] = '*';
	memcpy(r->wild.b + 2, r->line.owner.b, n);
	r->wild.n = (uint8_t)(n + 2);
	return true;
}

static enum err source_next(struct dns_rows *base, struct dns_record *out, struct fail *f)
{
	struct rows *r = (struct rows *)base;
	const struct source *s = r->snap->src;
	TRY(look(r, f));
	for (;;) {
		struct str line, rest = str_sub(buf_str(&r->lines), r->at, SIZE_MAX);
		if (!rest.n) {
			TRY(lines_next(r, f));
			continue;
		}
		str_split(rest, '\n', &line);
		r->at += MIN(line.n + 1, rest.n);
		if (is_wild_of(r, line)) {
			*out = r->line.r;
			out->owner = dns_name_str(&r->wild);
			break;
		}
		r->before = STR_NONE;
		if (dns_line_read(line, &s->zone, s->ttl, &r->line)) {
			r->before = line;
			*out = r->line.r;
			break;
		}
		r->unread++;
	}
	out->removed = r->changes && !r->adding;
	out->serial = r->base.of->serial;
	return ERR_OK;
}

static const struct dns_zone_ops zone_ops = {
	.serial = source_serial,
	.open = source_open,
	.close = source_close,
	.records = source_records,
	.changes = source_changes,
	.next = source_next,
	.rows_close = rows_close,
	.release = source_release,
};

struct dns_zone_source *zone_source_new(struct subs *subs, const struct dns_zone *zone)
{
	struct source *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->base.ops = &zone_ops;
	s->subs = subs;
	s->zone = zone->name;
	s->ttl = zone->ttl;
	snprintf(s->name, sizeof(s->name), "%s", zone->from);
	return &s->base;
}
