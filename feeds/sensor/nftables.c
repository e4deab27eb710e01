/*
 * nftables.c - addresses as elements of two sets (IPv4, IPv6) of a table, loaded by nft -f in one
 * transaction. The sets take networks (flags interval), so entries that others cover are left out:
 * nft refuses intervals that overlap. With a time-out entries end by themselves when the node is gone.
 */
#include <string.h>

#include "feeds/sensor/sensor.h"
#include "model/ascii.h"

static bool is_nft_name(struct str v)
{
	if (!v.n || v.n > 15 || !(ascii_lower(v.p[0]) || ascii_upper(v.p[0]) || v.p[0] == '_'))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_alnum(v.p[i]) && v.p[i] != '_')
			return false;
	return true;
}

static bool is_family(struct str v)
{
	return str_is(v, "inet") || str_is(v, "bridge") || str_is(v, "netdev");
}

static bool is_timeout(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n <= 365 * 86400;
}

static const struct sensor_param params[] = {
	{"family", "inet", "inet, bridge or netdev", is_family},
	{"table", "tocsin", "a name of letters, digits and underscores, up to 15", is_nft_name},
	{"set", "blocked", "a name of letters, digits and underscores, up to 15 (4 and 6 are put behind it)",
	 is_nft_name},
	{"timeout", "0", "seconds after which an entry ends by itself, up to a year; 0: never", is_timeout},
	{NULL, NULL, NULL, NULL},
};

struct nft_state {
	struct str family, table, set, timeout;
	bool timed;
	unsigned open, n; /* version of the command that is open, its elements */
};

#define ELEMENTS_MAX 10000

static void set_name(struct sensor_run *r, unsigned version)
{
	const struct nft_state *st = r->state;
	buf_str_add(r->out, st->family);
	buf_putc(r->out, ' ');
	buf_str_add(r->out, st->table);
	buf_putc(r->out, ' ');
	buf_str_add(r->out, st->set);
	buf_putc(r->out, (char)('0' + version));
}

static enum err nft_read(struct sensor_run *r)
{
	struct nft_state *st = r->state;
	st->family = sensor_param_get(r, "family");
	st->table = sensor_param_get(r, "table");
	st->set = sensor_param_get(r, "set");
	st->timeout = sensor_param_get(r, "timeout");
	st->timed = !str_is(st->timeout, "0");
	return ERR_OK;
}

static enum err nft_begin(struct sensor_run *r)
{
	TRY(nft_read(r));
	const struct nft_state *st = r->state;
	buf_printf(r->out, "# %.*s, serial %llu\nadd table %.*s %.*s\n", STR_ARG(r->opts->name),
		   (unsigned long long)r->opts->serial, STR_ARG(st->family), STR_ARG(st->table));
	for (unsigned version = 4; version <= 6; version += 2) {
		PUT(r->out, "add set ");
		set_name(r, version);
		buf_printf(r->out, " { type ipv%u_addr; flags interval%s; }\nflush set ", version,
			   st->timed ? ",timeout" : "");
		set_name(r, version);
		buf_putc(r->out, '\n');
	}
	return buf_err(r->out);
}

static void address(struct sensor_run *r, const struct indicator *i, bool timed)
{
	const struct nft_state *st = r->state;
	buf_str_add(r->out, i->value);
	if (timed) {
		PUT(r->out, " timeout ");
		buf_str_add(r->out, st->timeout);
		buf_putc(r->out, 's');
	}
}

/* Many elements to a command: with one each, nft takes time that grows with the square of their number. */
static enum err nft_frame(struct sensor_run *r, const struct indicator *i)
{
	struct nft_state *st = r->state;
	unsigned version = i->addr_n == 4 ? 4 : 6;
	if (st->open == version && st->n < ELEMENTS_MAX) {
		PUT(r->out, ",\n");
	} else {
		if (st->open)
			PUT(r->out, "\n}\n");
		PUT(r->out, "add element ");
		set_name(r, version);
		PUT(r->out, " {\n");
		st->open = version;
		st->n = 0;
	}
	st->n++;
	return buf_err(r->out);
}

static enum err nft_item(struct sensor_run *r, const struct indicator *i)
{
	const struct nft_state *st = r->state;
	r->entries++;
	address(r, i, st->timed);
	return buf_err(r->out);
}

static enum err nft_end(struct sensor_run *r)
{
	const struct nft_state *st = r->state;
	if (st->open)
		PUT(r->out, "\n}\n");
	return buf_err(r->out);
}

/* A command for itself. */
static enum err element(struct sensor_run *r, const char *verb, const struct indicator *i, bool timed)
{
	buf_puts(r->out, verb);
	PUT(r->out, " element ");
	set_name(r, i->addr_n == 4 ? 4 : 6);
	PUT(r->out, " { ");
	address(r, i, timed);
	PUT(r->out, " }\n");
	return buf_err(r->out);
}

/* Deleting what is not there (it timed out, or the file was loaded anew) would undo the transaction:
   it is added first, which is never an error. */
static enum err nft_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i)
{
	const struct nft_state *st = r->state;
	TRY(element(r, "add", i, st->timed));
	return op == SENSOR_GONE ? element(r, "delete", i, false) : ERR_OK;
}

const struct sensor_format sensor_nftables = {
	.name = "nftables",
	.kinds = IND_BIT(IP),
	.flags = SENSOR_DISJOINT,
	.params = params,
	.state_size = sizeof(struct nft_state),
	.begin = nft_begin,
	.frame = nft_frame,
	.item = nft_item,
	.end = nft_end,
	.change_begin = nft_read,
	.change = nft_change,
};
