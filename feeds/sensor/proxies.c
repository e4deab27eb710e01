/*
 * proxies.c - lists for proxies: Squid (names, URLs as expressions), HAProxy (maps and patterns),
 * nginx (map and geo).
 */
#include "feeds/sensor/pieces.h"

#include "model/ascii.h"

/* ---- Squid ---- */

/* A dot first means the name and all below it; it warns of, or refuses, what another one covers. */
static enum err squid_domain_item(struct sensor_run *r, const struct indicator *i)
{
	return piece_line(r, i->kind == IND_DOMAIN ? STR(".") : STR(""), i->value, STR(""));
}

const struct sensor_format sensor_squid_domain = {
	.name = "squid-domain",
	.kinds = IND_NAMES,
	.flags = SENSOR_DISJOINT,
	.item = squid_domain_item,
};

/* It reads lines of up to 2,047 bytes. */
#define SQUID_MAX 2000

/* Expressions begin with ^, so that none looks like an option or a comment; case of the host is folded
   by Squid before it compares. */
static enum err squid_url_item(struct sensor_run *r, const struct indicator *i)
{
	OWN(buf) struct buf text = BUF(64u << 10);
	struct buf *b = r->out;
	struct piece_url u;
	size_t at = b->n, host;
	if (!piece_url_split(i->value, &u) || !ascii_only(u.host))
		return piece_left_out(r);
	host = (size_t)(u.host.p + u.host.n - u.rest.p);
	piece_percent(&text, u.rest);
	if (!u.path.n)
		buf_putc(&text, '/');
	buf_putc(b, '^');
	for (size_t k = 0; k < u.scheme.n; k++)
		buf_putc(b, ascii_to_lower(u.scheme.p[k]));
	if (!u.scheme.p)
		PUT(b, "https?");
	PUT(b, "://");
	for (size_t k = 0; k < text.n; k++) {
		char c = k < host ? ascii_to_lower(text.p[k]) : text.p[k];
		if (strchr(".[]{}()*+?^$|\\", c))
			buf_putc(b, '\\');
		buf_putc(b, c);
	}
	PUT(b, "$\n");
	if (b->n - at > SQUID_MAX) {
		b->n = at;
		return piece_left_out(r);
	}
	r->entries++;
	return buf_err(b);
}

const struct sensor_format sensor_squid_url = {
	.name = "squid-url", .kinds = IND_BIT(URL), .item = squid_url_item};

/* ---- HAProxy ---- */

static bool is_data(struct str v)
{
	return str_is(v, "ip") || str_is(v, "domain") || str_is(v, "hostname") || str_is(v, "url");
}

static const struct sensor_param acl_params[] = {
	{"data", "domain", "ip, domain, hostname or url", is_data},
	{NULL, NULL, NULL, NULL},
};

static const struct sensor_param map_params[] = {
	{"data", "domain", "ip, domain, hostname or url", is_data},
	{"value", "1", "what each key gives: up to 60 letters, digits, - and _", piece_is_name},
	{NULL, NULL, NULL, NULL},
};

struct haproxy_state {
	uint64_t kind;
	char after[64];
	size_t n;
};

static enum err haproxy_begin(struct sensor_run *r)
{
	struct haproxy_state *st = r->state;
	struct str data = sensor_param_get(r, "data");
	st->kind = str_is(data, "ip")	      ? IND_BIT(IP)
		   : str_is(data, "domain")   ? IND_BIT(DOMAIN)
		   : str_is(data, "hostname") ? IND_BIT(HOST)
					      : IND_BIT(URL);
	if (r->format->params == map_params) {
		struct str value = sensor_param_get(r, "value");
		st->after[0] = ' ';
		memcpy(st->after + 1, value.p, MIN(value.n, sizeof(st->after) - 1));
		st->n = MIN(value.n + 1, sizeof(st->after));
	}
	return ERR_OK;
}

/* Domains with a dot first, to be compared with the end of "." and the host; URLs as host
   (without port) and pathq. */
static enum err haproxy_item(struct sensor_run *r, const struct indicator *i)
{
	const struct haproxy_state *st = r->state;
	struct str after = {st->after, st->n};
	OWN(buf) struct buf text = BUF(64u << 10);
	struct piece_url u;
	if (!(st->kind >> i->kind & 1))
		return ERR_OK;
	if (i->kind != IND_URL)
		return piece_line(r, i->kind == IND_DOMAIN ? STR(".") : STR(""), i->value, after);
	if (!piece_url_split(i->value, &u) || !piece_url_is_http(&u) || !ascii_only(u.host))
		return piece_left_out(r);
	bool six = str_chr(u.host, ':') >= 0;
	if (six)
		buf_putc(&text, '[');
	for (size_t k = 0; k < u.host.n; k++)
		buf_putc(&text, ascii_to_lower(u.host.p[k]));
	if (six)
		buf_putc(&text, ']');
	if (!u.path.n || u.path.p[0] != '/')
		buf_putc(&text, '/');
	piece_percent(&text, u.path);
	return piece_line(r, STR(""), buf_str(&text), after);
}

#define HAPROXY_KINDS (IND_NAMES | IND_BIT(IP) | IND_BIT(URL))
const struct sensor_format sensor_haproxy_acl = {
	.name = "haproxy-acl",
	.kinds = HAPROXY_KINDS,
	.params = acl_params,
	.state_size = sizeof(struct haproxy_state),
	.begin = haproxy_begin,
	.item = haproxy_item,
};
const struct sensor_format sensor_haproxy_map = {
	.name = "haproxy-map",
	.kinds = HAPROXY_KINDS,
	.params = map_params,
	.state_size = sizeof(struct haproxy_state),
	.begin = haproxy_begin,
	.item = haproxy_item,
};

/* ---- nginx ---- */

static const struct sensor_param nginx_params[] = {
	{"value", "1", "what each entry gives: up to 60 letters, digits, - and _", piece_is_name},
	{NULL, NULL, NULL, NULL},
};

struct nginx_state {
	char after[64];
	size_t n;
};

static enum err nginx_begin(struct sensor_run *r)
{
	struct nginx_state *st = r->state;
	struct str value = sensor_param_get(r, "value");
	st->after[0] = ' ';
	memcpy(st->after + 1, value.p, MIN(value.n, sizeof(st->after) - 2));
	st->n = MIN(value.n, sizeof(st->after) - 2) + 1;
	st->after[st->n++] = ';';
	return ERR_OK;
}

/* In a map with "hostnames": a dot first means the name and all below it, and a name twice is refused. */
static enum err nginx_item(struct sensor_run *r, const struct indicator *i)
{
	const struct nginx_state *st = r->state;
	return piece_line(r, i->kind == IND_DOMAIN ? STR(".") : STR(""), i->value,
			  (struct str){st->after, st->n});
}

const struct sensor_format sensor_nginx_map = {
	.name = "nginx-map",
	.kinds = IND_NAMES,
	.flags = SENSOR_DISJOINT,
	.params = nginx_params,
	.state_size = sizeof(struct nginx_state),
	.begin = nginx_begin,
	.item = nginx_item,
};
const struct sensor_format sensor_nginx_geo = {
	.name = "nginx-geo",
	.kinds = IND_BIT(IP),
	.params = nginx_params,
	.state_size = sizeof(struct nginx_state),
	.begin = nginx_begin,
	.item = nginx_item,
};
