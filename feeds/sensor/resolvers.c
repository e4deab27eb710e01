/*
 * resolvers.c - files for resolvers without policy zones: hosts files, dnsmasq, Unbound. Names come
 * checked (indicator.c), so none of them can end a line or a quoted word.
 */
#include "feeds/sensor/pieces.h"

/* ---- hosts ---- */

static const struct sensor_param hosts_params[] = {
	{"address", "0.0.0.0", "address that names get", piece_is_ip},
	{"ipv6", "no", "yes or no: also a line with ::", piece_is_yes_no},
	{NULL, NULL, NULL, NULL},
};

struct hosts_state {
	char address[64];
	size_t n;
	bool six;
};

static enum err hosts_begin(struct sensor_run *r)
{
	struct hosts_state *st = r->state;
	struct str v = sensor_param_get(r, "address");
	st->n = MIN(v.n, sizeof(st->address) - 1);
	memcpy(st->address, v.p, st->n);
	st->address[st->n++] = ' ';
	st->six = piece_is_yes(r, "ipv6");
	return ERR_OK;
}

static enum err hosts_item(struct sensor_run *r, const struct indicator *i)
{
	const struct hosts_state *st = r->state;
	TRY(piece_line(r, (struct str){st->address, st->n}, i->value, STR("")));
	if (st->six)
		TRY(piece_line(r, STR(":: "), i->value, STR("")));
	return ERR_OK;
}

const struct sensor_format sensor_hosts = {
	.name = "hosts",
	.kinds = IND_NAMES,
	.params = hosts_params,
	.state_size = sizeof(struct hosts_state),
	.begin = hosts_begin,
	.item = hosts_item,
};

/* ---- dnsmasq ---- */

static bool is_answer(struct str v)
{
	return str_is(v, "nxdomain") || str_is(v, "null");
}

static const struct sensor_param dnsmasq_params[] = {
	{"answer", "nxdomain", "nxdomain, or null (0.0.0.0 and ::); names alone always get null", is_answer},
	{NULL, NULL, NULL, NULL},
};

struct dnsmasq_state {
	struct str after;
};

static enum err dnsmasq_begin(struct sensor_run *r)
{
	struct dnsmasq_state *st = r->state;
	st->after = str_is(sensor_param_get(r, "answer"), "null") ? STR("/#") : STR("/");
	return ERR_OK;
}

/* address= answers for all below a name, too; host-record= for the name alone. */
static enum err dnsmasq_item(struct sensor_run *r, const struct indicator *i)
{
	const struct dnsmasq_state *st = r->state;
	if (i->kind == IND_HOST)
		return piece_line(r, STR("host-record="), i->value, STR(",0.0.0.0,::"));
	return piece_line(r, STR("address=/"), i->value, st->after);
}

const struct sensor_format sensor_dnsmasq = {
	.name = "dnsmasq",
	.kinds = IND_NAMES,
	.flags = SENSOR_DISJOINT,
	.params = dnsmasq_params,
	.state_size = sizeof(struct dnsmasq_state),
	.begin = dnsmasq_begin,
	.item = dnsmasq_item,
};

/* ---- Unbound ---- */

static bool is_zone_type(struct str v)
{
	return str_is(v, "always_nxdomain") || str_is(v, "always_refuse") || str_is(v, "always_nodata") ||
	       str_is(v, "always_null") || str_is(v, "always_deny");
}

static const struct sensor_param unbound_params[] = {
	{"type", "always_nxdomain",
	 "always_nxdomain, always_nodata, always_null, always_refuse or always_deny; names alone get 0.0.0.0",
	 is_zone_type},
	{NULL, NULL, NULL, NULL},
};

struct unbound_state {
	char after[40];
	size_t n;
};

static enum err unbound_read(struct sensor_run *r)
{
	struct unbound_state *st = r->state;
	struct str type = sensor_param_get(r, "type");
	memcpy(st->after, ".\" ", 3);
	memcpy(st->after + 3, type.p, MIN(type.n, sizeof(st->after) - 3));
	st->n = MIN(type.n + 3, sizeof(st->after));
	return ERR_OK;
}

static enum err unbound_begin(struct sensor_run *r)
{
	PUT(r->out, "server:\n");
	return unbound_read(r);
}

static enum err unbound_item(struct sensor_run *r, const struct indicator *i)
{
	const struct unbound_state *st = r->state;
	if (i->kind == IND_HOST)
		return piece_line(r, STR("\tlocal-data: \""), i->value, STR(". A 0.0.0.0\""));
	return piece_line(r, STR("\tlocal-zone: \""), i->value, (struct str){st->after, st->n});
}

/* Changes are what unbound-control takes, a command a line. */
static enum err unbound_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i)
{
	const struct unbound_state *st = r->state;
	struct buf *b = r->out;
	bool host = i->kind == IND_HOST;
	if (op == SENSOR_GONE && host)
		PUT(b, "local_data_remove ");
	else if (op == SENSOR_GONE)
		PUT(b, "local_zone_remove ");
	else if (host)
		PUT(b, "local_data ");
	else
		PUT(b, "local_zone ");
	buf_str_add(b, i->value);
	if (op == SENSOR_GONE)
		PUT(b, ".");
	else if (host)
		PUT(b, ". A 0.0.0.0");
	else {
		PUT(b, ". ");
		buf_add(b, st->after + 3, st->n - 3);
	}
	buf_putc(b, '\n');
	return buf_err(b);
}

const struct sensor_format sensor_unbound = {
	.name = "unbound",
	.kinds = IND_NAMES,
	.flags = SENSOR_DISJOINT,
	.params = unbound_params,
	.state_size = sizeof(struct unbound_state),
	.begin = unbound_begin,
	.item = unbound_item,
	.change_begin = unbound_read,
	.change = unbound_change,
};
