/*
 * rpz.c - a response policy zone for DNS servers (rest-api.md 4.6). Unlike MISP's, the zone always
 * loads: names that no zone can hold stand there as comments, and networks have no host bits.
 */
#include <arpa/inet.h>

#include "base/clock.h"
#include "feeds/export/export.h"
#include "feeds/export/parts.h"
#include "feeds/sensor/indicator.h"
#include "feeds/sensor/rpz_parts.h"
#include "model/types.h"

/* The list of addresses goes out at once, names wait for the end: at most this many bytes. */
#define NAMES_MAX (32u << 20)

struct rpz_state {
	struct seen ips, domains, hosts;
	struct buf domain_lines, host_lines;
	const struct rpz_policy *policy;
};

/* ---- head ---- */

/* A parameter that stands in the zone: one word, or the default. */
static struct str word(const struct export_run *r, const char *name, struct str fallback)
{
	struct str v = param_get(r, name);
	return rpz_is_word(v) ? v : fallback;
}

static void garden_put(struct export_run *r, struct buf *b)
{
	const struct rpz_state *st = r->state;
	if (st->policy->target)
		buf_puts(b, st->policy->target);
	else
		buf_str_add(b, word(r, "walled_garden", STR("127.0.0.1")));
}

static void serial_put(struct export_run *r, struct buf *b)
{
	struct str v = word(r, "serial", STR("$date00"));
	struct clock_civil c = clock_to_civil(r->opts->now);
	while (v.n) {
		if (str_has_prefix(v, STR("$date"))) {
			buf_printf(b, "%04d%02d%02d", c.year, c.month, c.day);
			v = str_sub(v, 5, v.n);
		} else if (str_has_prefix(v, STR("$time"))) {
			buf_i64(b, r->opts->now);
			v = str_sub(v, 5, v.n);
		} else {
			buf_putc(b, v.p[0]);
			v = str_sub(v, 1, v.n);
		}
	}
}

static enum err rpz_begin(struct export_run *r)
{
	struct rpz_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	struct str policy = param_get(r, "policy");
	buf_init(&st->domain_lines, NAMES_MAX);
	buf_init(&st->host_lines, NAMES_MAX);
	st->policy = rpz_policy_find(policy);
	if (!st->policy)
		st->policy = rpz_policy_find(STR("NXDOMAIN"));
	struct str ns = word(r, "ns", STR("localhost."));
	buf_printf(b, "$TTL %.*s;\n@               SOA %.*s %.*s (",
		   STR_ARG(word(r, "ttl", STR("1w"))), STR_ARG(ns),
		   STR_ARG(word(r, "email", STR("root.localhost"))));
	serial_put(r, b);
	buf_printf(b, " %.*s %.*s %.*s %.*s)\n                NS %.*s\n",
		   STR_ARG(word(r, "refresh", STR("2h"))), STR_ARG(word(r, "retry", STR("30m"))),
		   STR_ARG(word(r, "expiry", STR("30d"))),
		   STR_ARG(word(r, "minimum_ttl", STR("1h"))), STR_ARG(ns));
	/* ns_alt has no effect, as recorded */
	buf_putc(b, '\n');
	return buf_err(b);
}

/* ---- addresses ---- */

/* Owner name of an address or network; false when it is none. */
static bool ip_owner(struct buf *b, struct str v)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];
	uint64_t prefix = 0;
	int version = ip_version(v, true);
	ptrdiff_t slash = str_chr(v, '/');
	if (!version)
		return false;
	struct str ip = slash < 0 ? v : str_sub(v, 0, (size_t)slash);
	memcpy(text, ip.p, ip.n);
	text[ip.n] = '\0';
	unsigned n = version == 4 ? 4 : 16;
	if (inet_pton(version == 4 ? AF_INET : AF_INET6, text, addr) != 1)
		return false;
	if (slash < 0 || !str_u64(str_sub(v, (size_t)slash + 1, v.n), &prefix))
		prefix = n * 8;
	ind_host_bits_clear(addr, n, (unsigned)prefix);
	rpz_ip_put(b, addr, n, (unsigned)prefix);
	LIT(b, ".rpz-ip");
	return true;
}

static void ip_put(struct export_run *r, struct str v)
{
	struct rpz_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	OWN(buf) struct buf owner = BUF(128);
	if (!ip_owner(&owner, v))
		return;
	if (str_has_prefix(buf_str(&owner), STR("0.")))
		return; /* everything */
	bool first = st->ips.n == 0;
	if (seen_before(&st->ips, buf_str(&owner)))
		return;
	if (first)
		buf_printf(b, "; The following list of IP addresses will %s\n",
			   st->policy->explanation);
	buf_str_add(b, buf_str(&owner));
	LIT(b, " CNAME ");
	garden_put(r, b);
	buf_putc(b, '\n');
}

/* ---- names ---- */

/* With room for a zone's name of ten bytes. */
static bool is_zone_name(struct str v)
{
	return rpz_is_name(v, 10);
}

static void name_put(struct export_run *r, struct buf *b, struct str v, const char *before)
{
	buf_puts(b, is_zone_name(v) ? before : "; not a name: ");
	for (size_t i = 0; i < v.n; i++)
		buf_putc(b, (unsigned char)v.p[i] < ' ' ? ' ' : v.p[i]);
	LIT(b, " CNAME ");
	garden_put(r, b);
	buf_putc(b, '\n');
}

/* A dot last would take the name out of the zone. */
static struct str without_dot(struct str v)
{
	return v.n > 1 && v.p[v.n - 1] == '.' ? str_sub(v, 0, v.n - 1) : v;
}

static void domain_put(struct export_run *r, struct str v)
{
	struct rpz_state *st = r->state;
	v = without_dot(v);
	if (seen_before(&st->domains, v))
		return;
	name_put(r, &st->domain_lines, v, "");
	if (is_zone_name(v))
		name_put(r, &st->domain_lines, v, "*.");
}

static enum err rpz_element(struct export_run *r, const struct rel_event *e,
			    const struct rel_element *el)
{
	struct rpz_state *st = r->state;
	(void)e;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	struct str v = el->attr->value;
	seal_count(r->out, 0, 1);
	switch (el->attr->type) {
	case ATTR_IP_SRC:
	case ATTR_IP_DST:
		ip_put(r, v);
		break;
	case ATTR_DOMAIN_IP:
		ip_put(r, value_second(v));
		domain_put(r, value_first(v));
		break;
	case ATTR_DOMAIN:
		domain_put(r, v);
		break;
	case ATTR_HOSTNAME:
		v = without_dot(v);
		if (!seen_before(&st->hosts, v))
			name_put(r, &st->host_lines, v, "");
		break;
	default:
		break;
	}
	TRY(buf_err(&st->domain_lines));
	TRY(buf_err(&st->host_lines));
	return buf_err(seal_buf(r->out));
}

static enum err rpz_event(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

static void section_put(struct export_run *r, const char *what, const struct buf *lines)
{
	const struct rpz_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	if (!lines->n)
		return;
	buf_printf(b, "; The following %s will %s\n", what, st->policy->explanation);
	buf_str_add(b, buf_str(lines));
	buf_putc(b, '\n');
}

static enum err rpz_end(struct export_run *r)
{
	struct rpz_state *st = r->state;
	if (st->ips.n)
		buf_putc(seal_buf(r->out), '\n');
	section_put(r, "domain names and all of their sub-domains", &st->domain_lines);
	section_put(r, "hostnames", &st->host_lines);
	return buf_err(seal_buf(r->out));
}

static void rpz_free(void *state)
{
	struct rpz_state *st = state;
	seen_free(&st->ips);
	seen_free(&st->domains);
	seen_free(&st->hosts);
	buf_free(&st->domain_lines);
	buf_free(&st->host_lines);
}

static bool rpz_carry(uint16_t type)
{
	return type == ATTR_IP_SRC || type == ATTR_IP_DST || type == ATTR_DOMAIN_IP ||
	       type == ATTR_DOMAIN || type == ATTR_HOSTNAME;
}

const struct exporter export_rpz = {
	.name = "rpz",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "response policy zone for DNS servers",
	.drops = "everything but the name or address; names that no zone can hold stand as remarks",
	.carries = rpz_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.state_size = sizeof(struct rpz_state),
	.begin = rpz_begin,
	.event = rpz_event,
	.element = rpz_element,
	.end = rpz_end,
	.free_state = rpz_free,
};
