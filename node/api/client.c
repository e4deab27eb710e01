/*
 * client.c - where a request comes from.
 *
 * X-Forwarded-For is believed from right to left, as far as proxies of ours have written it: what a
 * client says of itself stands to the left of that.
 */
#include "api/client.h"

#include "api/rest.h"
#include "base/net.h"

static bool is_proxy(const struct conf *c, const uint8_t ip[16])
{
	struct net n;
	for (size_t i = 0; i < c->trusted_proxies.n; i++)
		if (net_parse(str_c(c->trusted_proxies.v[i]), &n) && net_has(&n, ip))
			return true;
	return false;
}

/* The entry behind the last comma; *list becomes what is before it, absent at the end. */
static struct str take_last(struct str *list)
{
	size_t n = list->n;
	while (n && list->p[n - 1] != ',')
		n--;
	struct str last = str_trim(str_sub(*list, n, SIZE_MAX));
	*list = n ? (struct str){list->p, n - 1} : STR_NONE;
	return last;
}

/* One header line; false: somebody else wrote what is left of here. */
static bool walk(const struct conf *c, struct str list, uint8_t ip[16])
{
	while (list.p) {
		uint8_t before[16];
		if (!is_proxy(c, ip) || !net_address(take_last(&list), before))
			return false;
		memcpy(ip, before, sizeof(before));
	}
	return true;
}

void client_resolve(struct http_req *r)
{
	const struct conf *c = api_of(r)->conf;
	uint8_t ip[16];
	if (!c || !c->trusted_proxies.n || r->peer.is_unix || !is_proxy(c, r->peer.ip))
		return;
	memcpy(ip, r->peer.ip, sizeof(ip));
	for (size_t i = r->headers.n; i-- > 0;)
		if (str_eq_nocase(r->headers.v[i].name, STR("X-Forwarded-For")) &&
		    !walk(c, r->headers.v[i].value, ip))
			break;
	memcpy(r->peer.ip, ip, sizeof(ip));
	net_text(ip, r->peer.addr);
}

bool client_secure(const struct http_req *r)
{
	return r->is_https || str_has_prefix(api_of(r)->base_url, STR("https://"));
}
