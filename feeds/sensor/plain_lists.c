/*
 * plain_lists.c - one value a line, a format for each kind of data that lists are made of: addresses,
 * names, URLs, digests. For firewalls and programs that have no format of their own.
 */
#include "feeds/sensor/pieces.h"

/* ---- addresses ---- */

static bool is_version(struct str v)
{
	return str_is(v, "4") || str_is(v, "6") || str_is(v, "both");
}

static const struct sensor_param ip_params[] = {
	{"version", "both", "4, 6 or both", is_version},
	{"networks", "yes", "yes or no: also networks, as address/length", piece_is_yes_no},
	{NULL, NULL, NULL, NULL},
};

struct ip_state {
	bool four, six, networks;
};

static enum err ip_begin(struct sensor_run *r)
{
	struct ip_state *st = r->state;
	struct str v = sensor_param_get(r, "version");
	st->four = !str_is(v, "6");
	st->six = !str_is(v, "4");
	st->networks = piece_is_yes(r, "networks");
	return ERR_OK;
}

static enum err ip_item(struct sensor_run *r, const struct indicator *i)
{
	const struct ip_state *st = r->state;
	if (i->addr_n == 4 ? !st->four : !st->six)
		return ERR_OK;
	if (!st->networks && !piece_one_address(i))
		return piece_left_out(r);
	return piece_item(r, i);
}

const struct sensor_format sensor_ip_list = {
	.name = "ip-list",
	.kinds = IND_BIT(IP),
	.params = ip_params,
	.state_size = sizeof(struct ip_state),
	.begin = ip_begin,
	.item = ip_item,
};

/* ---- names ---- */

static bool is_style(struct str v)
{
	return str_is(v, "plain") || str_is(v, "dot") || str_is(v, "star");
}

static const struct sensor_param domain_params[] = {
	{"below", "plain",
	 "how names below a domain are said: plain (domain alone), dot (.domain), star (*.domain on a line more)",
	 is_style},
	{NULL, NULL, NULL, NULL},
};

struct domain_state {
	bool dot, star;
};

static enum err domain_begin(struct sensor_run *r)
{
	struct domain_state *st = r->state;
	st->dot = str_is(sensor_param_get(r, "below"), "dot");
	st->star = str_is(sensor_param_get(r, "below"), "star");
	return ERR_OK;
}

static enum err domain_item(struct sensor_run *r, const struct indicator *i)
{
	const struct domain_state *st = r->state;
	if (i->kind == IND_DOMAIN && st->dot)
		return piece_line(r, STR("."), i->value, STR(""));
	if (i->kind == IND_DOMAIN && st->star)
		TRY(piece_line(r, STR("*."), i->value, STR("")));
	return piece_item(r, i);
}

const struct sensor_format sensor_domain_list = {
	.name = "domain-list",
	.kinds = IND_NAMES,
	.params = domain_params,
	.state_size = sizeof(struct domain_state),
	.begin = domain_begin,
	.item = domain_item,
};

/* ---- URLs ---- */

static const struct sensor_param url_params[] = {
	{"scheme", "yes", "yes or no: with http:// and the like", piece_is_yes_no},
	{NULL, NULL, NULL, NULL},
};

struct url_state {
	bool scheme;
};

static enum err url_begin(struct sensor_run *r)
{
	struct url_state *st = r->state;
	st->scheme = piece_is_yes(r, "scheme");
	return ERR_OK;
}

static enum err url_item(struct sensor_run *r, const struct indicator *i)
{
	const struct url_state *st = r->state;
	struct piece_url u;
	if (st->scheme)
		return piece_item(r, i);
	if (!piece_url_split(i->value, &u))
		return piece_left_out(r);
	return piece_line(r, STR(""), u.rest, STR(""));
}

const struct sensor_format sensor_url_list = {
	.name = "url-list",
	.kinds = IND_BIT(URL),
	.params = url_params,
	.state_size = sizeof(struct url_state),
	.begin = url_begin,
	.item = url_item,
};

/* ---- digests ---- */

static const struct sensor_param hash_params[] = {PARAM_KINDS, {NULL, NULL, NULL, NULL}};

struct hash_state {
	uint64_t kinds;
};

static enum err hash_begin(struct sensor_run *r)
{
	struct hash_state *st = r->state;
	st->kinds = piece_kinds_get(r);
	return ERR_OK;
}

static enum err hash_item(struct sensor_run *r, const struct indicator *i)
{
	const struct hash_state *st = r->state;
	return st->kinds & UINT64_C(1) << i->kind ? piece_item(r, i) : ERR_OK;
}

const struct sensor_format sensor_hash_list = {
	.name = "hash-list",
	.kinds = KINDS_HASHES,
	.params = hash_params,
	.state_size = sizeof(struct hash_state),
	.begin = hash_begin,
	.item = hash_item,
};
