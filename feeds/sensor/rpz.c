/*
 * rpz.c - a response policy zone as a zone file, for BIND, Unbound, Knot and PowerDNS. What one bad
 * record would do to all others is why names are left out that the zone cannot hold. Entries that
 * others cover are left out: below a wildcard they would make holes in it.
 */
#include "feeds/sensor/pieces.h"
#include "feeds/sensor/rpz_parts.h"

static bool is_trigger(struct str v)
{
	return str_is(v, "ip") || str_is(v, "client-ip") || str_is(v, "nsip") || str_is(v, "none");
}

/* Seconds, or with a unit as BIND has them: 30m, 2h, 1w. */
static bool is_time(struct str v)
{
	size_t n = 0;
	while (n < v.n && v.p[n] >= '0' && v.p[n] <= '9')
		n++;
	return n && n <= 8 && (n == v.n || (n + 1 == v.n && strchr("smhdw", v.p[n])));
}

static bool is_name(struct str v)
{
	if (v.n && v.p[v.n - 1] == '.')
		v.n--;
	return piece_is_domain(v);
}

static bool is_garden(struct str v)
{
	return rpz_is_word(v) && v.p[0] != '.' && str_chr(v, '/') < 0 && str_find(v, STR("..")) < 0;
}

static const struct sensor_param params[] = {
	{"policy", "NXDOMAIN", "NXDOMAIN, NODATA, DROP, Local-Data, PASSTHRU or TCP-only", rpz_is_policy},
	{"walled_garden", "127.0.0.1", "address or name that Local-Data answers", is_garden},
	{"zone", "tocsin.rpz", "name of the zone: how much room it leaves for names", is_name},
	{"ip_trigger", "ip", "ip, client-ip, nsip or none: what an address stands for", is_trigger},
	{"ns", "localhost.", "name server of the zone", is_name},
	{"email", "root.localhost", "who answers for the zone, a dot for the @", is_name},
	{"ttl", "300", "seconds, or 5m, 2h, 1w", is_time},
	{"refresh", "60", "seconds, or 5m, 2h, 1w", is_time},
	{"retry", "60", "seconds, or 5m, 2h, 1w", is_time},
	{"expiry", "30d", "seconds, or 5m, 2h, 1w", is_time},
	{"minimum_ttl", "60", "seconds, or 5m, 2h, 1w", is_time},
	{NULL, NULL, NULL, NULL},
};

struct rpz_state {
	struct str target, trigger;
	const char *type;
	size_t zone_n;
};

static enum err rpz_read(struct sensor_run *r)
{
	struct rpz_state *st = r->state;
	const struct rpz_policy *policy = rpz_policy_find(sensor_param_get(r, "policy"));
	struct str garden = sensor_param_get(r, "walled_garden"), zone = sensor_param_get(r, "zone");
	struct str trigger = sensor_param_get(r, "ip_trigger");
	st->type = " CNAME ";
	st->target = str_c(policy->target);
	if (!policy->target) {
		st->target = garden;
		if (piece_is_ip(garden))
			st->type = str_chr(garden, ':') < 0 ? " A " : " AAAA ";
	}
	st->zone_n = zone.n && zone.p[zone.n - 1] == '.' ? zone.n - 1 : zone.n;
	st->trigger = STR_NONE;
	if (str_is(trigger, "ip"))
		st->trigger = STR(".rpz-ip");
	else if (str_is(trigger, "client-ip"))
		st->trigger = STR(".rpz-client-ip");
	else if (str_is(trigger, "nsip"))
		st->trigger = STR(".rpz-nsip");
	return ERR_OK;
}

static enum err rpz_begin(struct sensor_run *r)
{
	struct str ns = sensor_param_get(r, "ns");
	TRY(rpz_read(r));
	buf_printf(r->out, "$TTL %.*s\n@ SOA %.*s %.*s (%lu %.*s %.*s %.*s %.*s)\n NS %.*s\n",
		   STR_ARG(sensor_param_get(r, "ttl")), STR_ARG(ns), STR_ARG(sensor_param_get(r, "email")),
		   (unsigned long)(r->opts->serial & UINT32_MAX), STR_ARG(sensor_param_get(r, "refresh")),
		   STR_ARG(sensor_param_get(r, "retry")), STR_ARG(sensor_param_get(r, "expiry")),
		   STR_ARG(sensor_param_get(r, "minimum_ttl")), STR_ARG(ns));
	return buf_err(r->out);
}

static enum err rpz_end_line(struct sensor_run *r)
{
	const struct rpz_state *st = r->state;
	buf_puts(r->out, st->type);
	buf_str_add(r->out, st->target);
	buf_putc(r->out, '\n');
	return buf_err(r->out);
}

static enum err rpz_item(struct sensor_run *r, const struct indicator *i)
{
	const struct rpz_state *st = r->state;
	struct buf *b = r->out;
	if (i->kind == IND_IP) {
		if (!st->trigger.p)
			return ERR_OK;
		rpz_ip_put(b, i->addr, i->addr_n, i->prefix);
		buf_str_add(b, st->trigger);
		r->entries++;
		return rpz_end_line(r);
	}
	if (!rpz_is_name(i->value, st->zone_n))
		return piece_left_out(r);
	buf_str_add(b, i->value);
	TRY(rpz_end_line(r));
	r->entries++;
	if (i->kind != IND_DOMAIN)
		return ERR_OK;
	PUT(b, "*.");
	buf_str_add(b, i->value);
	return rpz_end_line(r);
}

const struct sensor_format sensor_rpz = {
	.name = "rpz",
	.kinds = IND_NAMES | IND_BIT(IP),
	.flags = SENSOR_DISJOINT,
	.params = params,
	.state_size = sizeof(struct rpz_state),
	.begin = rpz_begin,
	.item = rpz_item,
	.change_begin = rpz_read,
};
