/*
 * xfr.c - AXFR (RFC 5936) and IXFR (RFC 1995) as one stream of records: SOAs that come next, then the
 * row behind them. An incremental one is the same stream with a SOA before each side of a step.
 */
#include "dns/xfr.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

struct xfr {
	struct dns_set *set;
	const struct dns_zone *zone;
	const struct dns_hooks *hooks;
	struct dns_snapshot *snapshot;
	struct dns_rows *rows;
	struct tsig_chain chain;
	struct dns_suffixes *suffixes;
	struct dns_transfer t;
	size_t max;
	int64_t began_ms;
	uint16_t id;
	bool rd, edns, first, ended, has_row, has_ns;
	/* an incremental one: in which step we are, and on which side */
	bool incremental, in_step, adding;
	uint32_t at, step;
	uint32_t soas[4];
	unsigned n_soas, next_soa;
	struct dns_record row;
	char address[46], key[DNS_NAME_TEXT];
	uint8_t question[DNS_NAME_MAX + 4];
	size_t question_n;
};

static void soa_later(struct xfr *x, uint32_t serial)
{
	x->soas[x->n_soas++] = serial;
}

/* ---- beginning ---- */

static const struct dns_zone_ops *ops(const struct xfr *x)
{
	return x->zone->source->ops;
}

/* The changes, or the whole zone where they are not known or not asked for. */
static enum err open_rows(struct xfr *x, bool incremental, uint32_t from, struct fail *f)
{
	if (incremental && ops(x)->changes) {
		enum err e = ops(x)->changes(x->snapshot, from, &x->rows, f);
		if (e == ERR_OK) {
			x->incremental = true;
			x->t.kind = DNS_KIND_IXFR;
			x->t.from = x->at = from;
		}
		if (e != ERR_STALE)
			return e;
	}
	x->has_ns = true;
	return ops(x)->records(x->snapshot, &x->rows, f);
}

static enum err prepare(struct xfr *x, const struct xfr_start *st, bool *current, struct fail *f)
{
	const struct dns_query *q = st->query;
	bool incremental = q->type == DNS_IXFR && q->has_soa;
	TRY(ops(x)->open(x->zone->source, &x->snapshot, f));
	x->t.serial = x->snapshot->serial;
	*current = incremental && !dns_serial_lt(q->serial, x->t.serial);
	if (*current)
		return ERR_OK;
	TRY(open_rows(x, incremental, q->serial, f));
	return x->hooks->begin ? x->hooks->begin(x->hooks->user, &x->t, f) : ERR_OK;
}

static void drop(struct xfr *x)
{
	if (x->rows)
		ops(x)->rows_close(x->rows);
	if (x->snapshot)
		ops(x)->close(x->zone->source, x->snapshot);
	dns_set_unref(x->set);
	secret_wipe(&x->chain, sizeof(x->chain));
	free(x);
}

enum err xfr_open(const struct xfr_start *st, struct xfr **out, struct fail *f)
{
	const struct dns_query *q = st->query;
	bool current = false;
	*out = NULL;
	struct xfr *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory for a transfer");
	x->set = dns_set_ref(st->set);
	x->zone = st->zone;
	x->hooks = st->hooks;
	x->chain = st->chain;
	x->suffixes = st->suffixes;
	x->max = st->message_max;
	x->began_ms = clock_boot_ms();
	x->id = q->id;
	x->rd = q->recursion_desired;
	x->edns = q->has_edns;
	x->first = true;
	x->question_n = MIN(q->question.n, sizeof(x->question));
	memcpy(x->question, q->question.p, x->question_n);
	memcpy(x->address, st->address, MIN(strlen(st->address), sizeof(x->address) - 1));
	if (x->chain.key)
		dns_name_text(&x->chain.key->name, x->key);
	x->t = (struct dns_transfer){
		.zone = x->zone, .kind = DNS_KIND_AXFR, .key = x->key, .address = x->address};
	enum err e = prepare(x, st, &current, f);
	if (e != ERR_OK || current) {
		drop(x);
		return e;
	}
	soa_later(x, x->t.serial);
	*out = x;
	return ERR_OK;
}

/* ---- the stream ---- */

/* The SOAs that stand before this row of changes. */
static enum err step_to(struct xfr *x, struct fail *f)
{
	if (!x->in_step || x->row.serial != x->step) {
		if (x->in_step && !x->adding)
			soa_later(x, x->step);
		if (x->in_step)
			x->at = x->step;
		if (!dns_serial_lt(x->at, x->row.serial) ||
		    dns_serial_lt(x->t.serial, x->row.serial))
			return fail(f, ERR_BUG, "zone source: changes are out of order");
		x->step = x->row.serial;
		x->in_step = true;
		x->adding = false;
		soa_later(x, x->at);
	}
	if (x->row.removed && x->adding)
		return fail(f, ERR_BUG, "zone source: a removal behind an addition");
	if (!x->row.removed && !x->adding) {
		x->adding = true;
		soa_later(x, x->step);
	}
	return ERR_OK;
}

/* Behind the last row: what closes the step, and the SOA that ends every transfer. */
static void finish(struct xfr *x)
{
	if (x->incremental) {
		if (x->in_step && !x->adding)
			soa_later(x, x->step);
		if (x->in_step)
			x->at = x->step;
		if (x->at != x->t.serial) { /* a step that changes nothing */
			soa_later(x, x->at);
			soa_later(x, x->t.serial);
		}
	}
	soa_later(x, x->t.serial);
	x->ended = true;
}

/*
 * Would every resolver take it? One record that is none, or that stands outside of the zone or at its top,
 * and the whole zone is refused.
 */
static bool is_sound(const struct dns_zone *z, const struct dns_record *r)
{
	struct str zone = dns_name_str(&z->name);
	size_t at = 0;
	if (r->owner.n <= zone.n || r->owner.n > DNS_NAME_MAX)
		return false;
	for (uint8_t len; at < r->owner.n - zone.n; at += 1u + len) {
		len = (uint8_t)r->owner.p[at];
		if (!len || len > DNS_LABEL_MAX)
			return false;
	}
	if (at != r->owner.n - zone.n || memcmp(r->owner.p + at, zone.p, zone.n) != 0)
		return false;
	return r->type == DNS_CNAME  ? dns_name_ok(r->rdata)
	       : r->type == DNS_A    ? r->rdata.n == 4
	       : r->type == DNS_AAAA ? r->rdata.n == 16
				     : r->type == DNS_TXT && r->rdata.n;
}

/* Have something to write; false: all is written. */
static enum err fetch(struct xfr *x, bool *more, struct fail *f)
{
	*more = true;
	if (x->next_soa < x->n_soas || x->has_ns || x->has_row)
		return ERR_OK;
	x->next_soa = x->n_soas = 0;
	if (x->ended) {
		*more = false;
		return ERR_OK;
	}
	for (;; x->t.left_out++) {
		enum err e = ops(x)->next(x->rows, &x->row, f);
		if (e == ERR_NOENT) {
			finish(x);
			return ERR_OK;
		}
		TRY(e);
		if (is_sound(x->zone, &x->row))
			break;
	}
	x->has_row = true;
	return x->incremental ? step_to(x, f) : ERR_OK;
}

/* Write what fetch() has; false when the message is full. */
static bool write_one(struct xfr *x, struct dns_msg *m)
{
	struct dns_record r;
	uint8_t soa[DNS_SOA_MAX];
	if (x->next_soa < x->n_soas) {
		dns_zone_soa(x->zone, x->soas[x->next_soa], soa, &r);
		if (!dns_msg_record(m, DNS_ANSWER, &r))
			return false;
		x->next_soa++;
	} else if (x->has_ns) {
		r = (struct dns_record){.owner = dns_name_str(&x->zone->name),
					.type = DNS_NS,
					.ttl = x->zone->ttl,
					.rdata = dns_name_str(&x->zone->ns)};
		if (!dns_msg_record(m, DNS_ANSWER, &r))
			return false;
		x->has_ns = false;
	} else {
		if (!dns_msg_record(m, DNS_ANSWER, &x->row))
			return false;
		x->has_row = false;
		x->t.records++;
	}
	return true;
}

enum err xfr_next(struct xfr *x, uint8_t *p, size_t *n, bool *last, struct fail *f)
{
	struct dns_msg m;
	size_t tail = (x->chain.key ? tsig_room(x->chain.key) : 0) + (x->edns ? 11 : 0);
	bool more = true;
	dns_msg_begin(&m, p, x->max - tail, x->suffixes);
	dns_msg_head(&m, x->id, (uint16_t)(DNS_QR | DNS_AA | (x->rd ? DNS_RD : 0)));
	/* in each message: names can point to it, and some resolvers look for it */
	dns_msg_question(&m, (struct str){(const char *)x->question, x->question_n});
	for (;;) {
		TRY(fetch(x, &more, f));
		if (!more || !write_one(x, &m))
			break;
	}
	if (more && !m.counts[DNS_ANSWER])
		return fail(f, ERR_BUG, "zone source: a record that fits into no message");
	m.max = x->max;
	if (x->edns && x->first)
		dns_msg_edns(&m, 0);
	dns_msg_end(&m);
	if (x->chain.key && !tsig_sign(&m, &x->chain, clock_now(), TSIG_GOOD, NULL))
		return fail(f, ERR_NOMEM, "no memory for a signature");
	x->first = false;
	x->t.messages++;
	x->t.bytes += m.n;
	*n = m.n;
	*last = !more;
	return ERR_OK;
}

void xfr_close(struct xfr *x, enum err result)
{
	if (!x)
		return;
	x->t.result = result;
	x->t.millis = clock_boot_ms() - x->began_ms;
	if (x->hooks->end)
		x->hooks->end(x->hooks->user, &x->t);
	metric_add(M_DNS_TRANSFERS, (unsigned)x->t.kind, (unsigned)result, 1);
	metric_add(M_DNS_RECORDS, (unsigned)x->t.kind, 0, (int64_t)x->t.records);
	log_line(result == ERR_OK ? LOG_INFO : LOG_WARN, "dns",
		 "event=transfer zone=%s kind=%s from=%u serial=%u address=%s key=%s records=%llu "
		 "left_out=%llu messages=%llu bytes=%llu ms=%lld result=%s",
		 log_val(str_c(x->zone->text)), x->incremental ? "ixfr" : "axfr", x->t.from, x->t.serial,
		 x->address, log_val(str_c(x->key)), (unsigned long long)x->t.records,
		 (unsigned long long)x->t.left_out, (unsigned long long)x->t.messages,
		 (unsigned long long)x->t.bytes,
		 (long long)x->t.millis, err_name(result));
	drop(x);
}
