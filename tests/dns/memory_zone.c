/*
 * memory_zone.c - see memory_zone.h. Arrays are reserved whole and only grow at their end, so that the
 * server's thread reads what is before the serial while another thread adds behind it.
 */
#include "tests/dns/memory_zone.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/own.h"

enum { RECORDS_MAX = 1 << 23, LOG_MAX = 1 << 23, TTL = 60 };
#define BYTES_MAX (UINT64_C(1) << 30)
#define NEVER UINT32_MAX

struct item {
	uint64_t owner, rdata; /* where in `bytes` */
	uint8_t owner_n, rdata_n;
	uint32_t born;		/* step, counted from 0 */
	_Atomic uint32_t died;
};
struct change {
	uint32_t item, step;
	bool removed;
};
struct memory_zone {
	struct dns_zone_source source;
	struct dns_name zone;
	char *bytes;
	uint64_t n_bytes;
	struct item *items;
	struct change *log;
	_Atomic uint32_t n_items, n_log, step, forgotten;
	uint32_t base; /* serial of step 0 */
	uint32_t pending_items, pending_log, oldest;
	atomic_bool condense, ready;
	atomic_uint held;
	unsigned made;
};
struct snapshot {
	struct dns_snapshot s;
	struct memory_zone *z;
	uint32_t step, n_items, n_log;
};
struct rows {
	struct dns_rows r;
	struct memory_zone *z;
	const struct snapshot *s;
	uint32_t at, from;
	enum { ALL, STEPS, CONDENSED_OUT, CONDENSED_IN } kind;
};

static void *reserve(uint64_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		abort();
	return p;
}

static uint64_t keep(struct memory_zone *z, const struct dns_name *n)
{
	uint64_t at = z->n_bytes;
	if (at + n->n > BYTES_MAX)
		abort();
	memcpy(z->bytes + at, n->b, n->n);
	z->n_bytes += n->n;
	return at;
}

static void log_change(struct memory_zone *z, uint32_t item, bool removed)
{
	if (z->pending_log == LOG_MAX)
		abort();
	z->log[z->pending_log++] = (struct change){item, atomic_load(&z->step) + 1, removed};
}

void memory_zone_add(struct memory_zone *z, const char *owner, const char *target)
{
	struct dns_name o, t;
	struct item *i = &z->items[z->pending_items];
	if (z->pending_items == RECORDS_MAX || !dns_name_from(str_c(owner), &z->zone, &o) ||
	    !dns_name_from(str_c(target), NULL, &t)) {
		fprintf(stderr, "no name: %s %s\n", owner, target);
		return;
	}
	i->owner = keep(z, &o);
	i->owner_n = o.n;
	i->rdata = keep(z, &t);
	i->rdata_n = t.n;
	i->born = atomic_load(&z->step) + 1;
	atomic_store(&i->died, NEVER);
	log_change(z, z->pending_items++, false);
}

static void kill_item(struct memory_zone *z, uint32_t i)
{
	atomic_store(&z->items[i].died, atomic_load(&z->step) + 1);
	log_change(z, i, true);
}

void memory_zone_remove(struct memory_zone *z, const char *owner)
{
	struct dns_name o;
	if (!dns_name_from(str_c(owner), &z->zone, &o))
		return;
	for (uint32_t i = 0; i < z->pending_items; i++) {
		struct item *it = &z->items[i];
		if (atomic_load(&it->died) == NEVER && it->owner_n == o.n &&
		    memcmp(z->bytes + it->owner, o.b, o.n) == 0)
			kill_item(z, i);
	}
}

static void generate(struct memory_zone *z, uint32_t n)
{
	static const char *const tops[] = {"com", "net", "org", "example", "info", "top", "xyz", "co.uk"};
	char name[128];
	for (uint32_t k = 0; k < n; k++, z->made++) {
		uint64_t h = (z->made + 1) * UINT64_C(0x9e3779b97f4a7c15);
		snprintf(name, sizeof(name), "%08x-%u.%s", (unsigned)(h >> 32), z->made, tops[h % 8]);
		memory_zone_add(z, name, ".");
		snprintf(name, sizeof(name), "*.%08x-%u.%s", (unsigned)(h >> 32), z->made, tops[h % 8]);
		memory_zone_add(z, name, ".");
	}
}

void memory_zone_churn(struct memory_zone *z, unsigned n)
{
	for (unsigned k = 0; k < n && z->oldest < z->pending_items; z->oldest++)
		if (atomic_load(&z->items[z->oldest].died) == NEVER) {
			kill_item(z, z->oldest);
			k++;
		}
	generate(z, (n + 1) / 2);
}

/* Removals before additions, as the order of a step is. */
static void order_log(struct memory_zone *z)
{
	uint32_t from = atomic_load(&z->n_log), n = z->pending_log - from, k = 0;
	struct change *v = malloc((n ? n : 1) * sizeof(*v)); /* style: ok, bounded by LOG_MAX */
	if (!v)
		abort();
	for (int removed = 1; removed >= 0; removed--)
		for (uint32_t i = 0; i < n; i++)
			if (z->log[from + i].removed == removed)
				v[k++] = z->log[from + i];
	memcpy(z->log + from, v, n * sizeof(*v));
	free(v);
}

void memory_zone_commit(struct memory_zone *z)
{
	order_log(z);
	atomic_store(&z->n_items, z->pending_items);
	atomic_store(&z->n_log, z->pending_log);
	atomic_fetch_add(&z->step, 1);
}

void memory_zone_condense(struct memory_zone *z, bool on)
{
	atomic_store(&z->condense, on);
}

void memory_zone_forget(struct memory_zone *z)
{
	atomic_store(&z->forgotten, atomic_load(&z->step));
}

void memory_zone_ready(struct memory_zone *z, bool on)
{
	atomic_store(&z->ready, on);
}

unsigned memory_zone_held(struct memory_zone *z)
{
	return atomic_load(&z->held);
}

/* ---- the source ---- */

static bool serial(struct dns_zone_source *src, uint32_t *out)
{
	struct memory_zone *z = CONTAINER_OF(src, struct memory_zone, source);
	*out = z->base + atomic_load(&z->step);
	return atomic_load(&z->ready);
}

static enum err open_snapshot(struct dns_zone_source *src, struct dns_snapshot **out, struct fail *f)
{
	struct memory_zone *z = CONTAINER_OF(src, struct memory_zone, source);
	struct snapshot *s = malloc(sizeof(*s));
	(void)f;
	if (!atomic_load(&z->ready) || !s) {
		free(s);
		return ERR_AGAIN;
	}
	s->z = z;
	/* the step first: what is behind it is not looked at */
	s->step = atomic_load(&z->step);
	s->n_items = atomic_load(&z->n_items);
	s->n_log = atomic_load(&z->n_log);
	s->s.serial = z->base + s->step;
	atomic_fetch_add(&z->held, 1);
	*out = &s->s;
	return ERR_OK;
}

static void close_snapshot(struct dns_zone_source *src, struct dns_snapshot *s)
{
	atomic_fetch_sub(&CONTAINER_OF(src, struct memory_zone, source)->held, 1);
	free(s);
}

static struct rows *rows_new(struct dns_snapshot *s)
{
	struct rows *r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	r->r.of = s;
	r->s = (struct snapshot *)s;
	r->z = r->s->z;
	return r;
}

static enum err records(struct dns_snapshot *s, struct dns_rows **out, struct fail *f)
{
	(void)f;
	*out = &rows_new(s)->r;
	return ERR_OK;
}

static enum err changes(struct dns_snapshot *s, uint32_t from, struct dns_rows **out, struct fail *f)
{
	struct memory_zone *z = ((struct snapshot *)s)->z;
	uint32_t step = from - z->base, lo = 0, hi = ((struct snapshot *)s)->n_log;
	(void)f;
	if (step < atomic_load(&z->forgotten) || step > ((struct snapshot *)s)->step)
		return ERR_STALE;
	struct rows *r = rows_new(s);
	r->from = step;
	r->kind = atomic_load(&z->condense) ? CONDENSED_OUT : STEPS;
	while (r->kind == STEPS && lo < hi) { /* first change behind `step` */
		uint32_t mid = lo + (hi - lo) / 2;
		if (z->log[mid].step <= step)
			lo = mid + 1;
		else
			hi = mid;
	}
	r->at = lo;
	*out = &r->r;
	return ERR_OK;
}

static void fill(const struct rows *r, const struct item *i, struct dns_record *out)
{
	*out = (struct dns_record){.owner = {r->z->bytes + i->owner, i->owner_n},
				   .rdata = {r->z->bytes + i->rdata, i->rdata_n},
				   .type = DNS_CNAME,
				   .ttl = TTL,
				   .serial = r->s->s.serial};
}

static bool has(const struct item *i, uint32_t step)
{
	return i->born <= step && atomic_load(&i->died) > step;
}

static enum err next(struct dns_rows *rows, struct dns_record *out, struct fail *f)
{
	struct rows *r = (struct rows *)rows;
	struct memory_zone *z = r->z;
	(void)f;
	if (r->kind == STEPS) {
		if (r->at == r->s->n_log || z->log[r->at].step > r->s->step)
			return ERR_NOENT;
		const struct change *c = &z->log[r->at++];
		fill(r, &z->items[c->item], out);
		out->removed = c->removed;
		out->serial = z->base + c->step;
		return ERR_OK;
	}
	for (;;) {
		if (r->at == r->s->n_items) {
			if (r->kind != CONDENSED_OUT)
				return ERR_NOENT;
			r->kind = CONDENSED_IN;
			r->at = 0;
			continue;
		}
		const struct item *i = &z->items[r->at++];
		bool now = has(i, r->s->step), then = r->kind != ALL && has(i, r->from);
		if (r->kind == ALL ? !now : r->kind == CONDENSED_OUT ? !then || now : then || !now)
			continue;
		fill(r, i, out);
		out->removed = r->kind == CONDENSED_OUT;
		return ERR_OK;
	}
}

static void rows_close(struct dns_rows *r)
{
	free(r);
}

static const struct dns_zone_ops zone_ops = {
	.serial = serial,
	.open = open_snapshot,
	.close = close_snapshot,
	.records = records,
	.changes = changes,
	.next = next,
	.rows_close = rows_close,
};

static void read_file(struct memory_zone *z, const char *path)
{
	char line[1200], owner[600], target[600];
	FILE *in = fopen(path, "r");
	if (!in) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), in))
		if (line[0] != ';' && sscanf(line, "%599s %599s", owner, target) == 2)
			memory_zone_add(z, owner, target);
	fclose(in);
}

struct memory_zone *memory_zone_new(const struct dns_name *zone, const char *from, uint32_t first)
{
	struct memory_zone *z = calloc(1, sizeof(*z));
	if (!z)
		abort();
	z->source.ops = &zone_ops;
	z->zone = *zone;
	z->bytes = reserve(BYTES_MAX);
	z->items = reserve(RECORDS_MAX * sizeof(*z->items));
	z->log = reserve(LOG_MAX * sizeof(*z->log));
	z->base = first - 1; /* the first step makes the zone */
	if (strncmp(from, "gen:", 4) == 0)
		generate(z, (uint32_t)strtoul(from + 4, NULL, 10));
	else
		read_file(z, strncmp(from, "file:", 5) == 0 ? from + 5 : from);
	memory_zone_commit(z);
	memory_zone_forget(z);
	memory_zone_ready(z, true);
	return z;
}

struct dns_zone_source *memory_zone_source(struct memory_zone *z)
{
	return &z->source;
}

void memory_zone_free(struct memory_zone *z)
{
	if (!z)
		return;
	munmap(z->bytes, BYTES_MAX);
	munmap(z->items, RECORDS_MAX * sizeof(*z->items));
	munmap(z->log, LOG_MAX * sizeof(*z->log));
	free(z);
}
