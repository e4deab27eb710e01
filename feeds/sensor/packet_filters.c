/*
 * packet_filters.c - sets of addresses for ipset, tables for pf. (nftables.c has those for nft.)
 */
#include "feeds/sensor/pieces.h"

/* ---- ipset ---- */

/* With "4n" behind it, it must fit into 31 bytes. */
static bool is_ipset_name(struct str v)
{
	return piece_is_name(v) && v.n <= 27;
}

static bool is_timeout(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n <= 2147483;
}

static bool is_maxelem(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n >= 1 && n <= UINT32_MAX;
}

static const struct sensor_param ipset_params[] = {
	{"set", "tocsin", "name of the sets, up to 27 letters, digits, - and _ (4 and 6 are put behind it)",
	 is_ipset_name},
	{"timeout", "0", "seconds after which an entry ends by itself, up to 2147483; 0: never", is_timeout},
	{"maxelem", "4194304", "how many entries the sets may have", is_maxelem},
	{NULL, NULL, NULL, NULL},
};

struct ipset_state {
	struct str set, timeout, maxelem;
	bool timed;
};

static enum err ipset_read(struct sensor_run *r)
{
	struct ipset_state *st = r->state;
	st->set = sensor_param_get(r, "set");
	st->timeout = sensor_param_get(r, "timeout");
	st->maxelem = sensor_param_get(r, "maxelem");
	st->timed = !str_is(st->timeout, "0");
	return ERR_OK;
}

static void create(struct sensor_run *r, unsigned version, const char *behind)
{
	const struct ipset_state *st = r->state;
	buf_printf(r->out, "create %.*s%u%s hash:net family %s hashsize 4096 maxelem %.*s", STR_ARG(st->set),
		   version, behind, version == 4 ? "inet" : "inet6", STR_ARG(st->maxelem));
	if (st->timed)
		buf_printf(r->out, " timeout %.*s", STR_ARG(st->timeout));
	PUT(r->out, " -exist\n");
}

/* Both are filled beside the ones in use, and change places with them at the end. */
static enum err ipset_begin(struct sensor_run *r)
{
	const struct ipset_state *st = r->state;
	TRY(ipset_read(r));
	for (unsigned version = 4; version <= 6; version += 2) {
		create(r, version, "");
		create(r, version, "n");
		buf_printf(r->out, "flush %.*s%un\n", STR_ARG(st->set), version);
	}
	return buf_err(r->out);
}

static void element(struct sensor_run *r, bool gone, const struct indicator *i, bool beside)
{
	const struct ipset_state *st = r->state;
	struct buf *b = r->out;
	if (gone)
		PUT(b, "del ");
	else
		PUT(b, "add ");
	buf_str_add(b, st->set);
	buf_putc(b, i->addr_n == 4 ? '4' : '6');
	if (beside)
		buf_putc(b, 'n');
	buf_putc(b, ' ');
	buf_str_add(b, i->value);
	if (st->timed && !gone) {
		PUT(b, " timeout ");
		buf_str_add(b, st->timeout);
	}
	PUT(b, " -exist\n");
}

static enum err ipset_item(struct sensor_run *r, const struct indicator *i)
{
	element(r, false, i, true);
	r->entries++;
	return buf_err(r->out);
}

static enum err ipset_end(struct sensor_run *r)
{
	const struct ipset_state *st = r->state;
	for (unsigned version = 4; version <= 6; version += 2)
		buf_printf(r->out, "swap %.*s%un %.*s%u\ndestroy %.*s%un\n", STR_ARG(st->set), version,
			   STR_ARG(st->set), version, STR_ARG(st->set), version);
	return buf_err(r->out);
}

static enum err ipset_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i)
{
	element(r, op == SENSOR_GONE, i, false);
	return buf_err(r->out);
}

const struct sensor_format sensor_ipset = {
	.name = "ipset",
	.kinds = IND_BIT(IP),
	.params = ipset_params,
	.state_size = sizeof(struct ipset_state),
	.begin = ipset_begin,
	.item = ipset_item,
	.end = ipset_end,
	.change_begin = ipset_read,
	.change = ipset_change,
};

/* ---- pf ---- */

const struct sensor_format sensor_pf_table = {
	.name = "pf-table", .kinds = IND_BIT(IP), .item = piece_item};
