/*
 * vendor_lists.c - lists that firewalls fetch: Palo Alto (external dynamic lists), Fortinet (threat
 * feeds), Cisco (security intelligence), Check Point (network and custom intelligence feeds).
 */
#include "feeds/sensor/pieces.h"
#include "model/ipaddr.h"

/* A URL as firewalls compare it: without scheme, with a slash behind a host that stands alone. */
static bool url_put(struct buf *b, struct str url)
{
	struct piece_url u;
	if (!piece_url_split(url, &u) || !piece_url_is_http(&u))
		return false;
	piece_percent(b, u.rest);
	if (!u.path.n)
		buf_putc(b, '/');
	return true;
}

/* ---- Palo Alto ---- */

/* An entry stays within 255 bytes (names) and 1,023 (URLs). */
#define PA_URL_MAX 1023

const struct sensor_format sensor_paloalto_ip = {
	.name = "paloalto-ip", .kinds = IND_BIT(IP), .item = piece_item};

static bool is_below(struct str v)
{
	return str_is(v, "star") || str_is(v, "plain");
}

static const struct sensor_param below_params[] = {
	{"below", "star", "star: *.domain on a line more; plain: the firewall itself includes what is below",
	 is_below},
	{NULL, NULL, NULL, NULL},
};

struct below_state {
	bool star;
};

static enum err below_begin(struct sensor_run *r)
{
	struct below_state *st = r->state;
	st->star = str_is(sensor_param_get(r, "below"), "star");
	return ERR_OK;
}

static enum err name_item(struct sensor_run *r, const struct indicator *i)
{
	const struct below_state *st = r->state;
	if (i->kind == IND_DOMAIN && st->star)
		TRY(piece_line(r, STR("*."), i->value, STR("")));
	return piece_item(r, i);
}

#define NAME_FORMAT(ident, text)                                                                   \
	const struct sensor_format sensor_##ident = {                                              \
		.name = text,                                                                      \
		.kinds = IND_NAMES,                                                                \
		.params = below_params,                                                            \
		.state_size = sizeof(struct below_state),                                          \
		.begin = below_begin,                                                              \
		.item = name_item,                                                                 \
	};
NAME_FORMAT(paloalto_domain, "paloalto-domain")

/* '*' and '^' are wildcards there, and what only looks like one is refused with its list. */
static enum err url_item(struct sensor_run *r, const struct indicator *i, const char *refused, size_t max)
{
	size_t at = r->out->n;
	for (size_t k = 0; k < i->value.n; k++)
		if (strchr(refused, i->value.p[k]))
			return piece_left_out(r);
	if (!url_put(r->out, i->value) || r->out->n - at > max) {
		r->out->n = at;
		return piece_left_out(r);
	}
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

/* Names, too: the list is of sites. */
static enum err site_item(struct sensor_run *r, const struct indicator *i, const char *refused, size_t max)
{
	if (i->kind == IND_URL)
		return url_item(r, i, refused, max);
	if (i->kind == IND_DOMAIN)
		TRY(piece_line(r, STR("*."), i->value, STR("/")));
	return piece_line(r, STR(""), i->value, STR("/"));
}

static enum err pa_url_item(struct sensor_run *r, const struct indicator *i)
{
	return site_item(r, i, "*^[]", PA_URL_MAX);
}

const struct sensor_format sensor_paloalto_url = {
	.name = "paloalto-url", .kinds = IND_NAMES | IND_BIT(URL), .item = pa_url_item};

/* ---- Fortinet ---- */

const struct sensor_format sensor_fortinet_address = {
	.name = "fortinet-address", .kinds = IND_BIT(IP), .item = piece_item};
NAME_FORMAT(fortinet_domain, "fortinet-domain")

static enum err forti_url_item(struct sensor_run *r, const struct indicator *i)
{
	return site_item(r, i, "*", 4000);
}

const struct sensor_format sensor_fortinet_category = {
	.name = "fortinet-category", .kinds = IND_NAMES | IND_BIT(URL), .item = forti_url_item};
const struct sensor_format sensor_fortinet_hash = {
	.name = "fortinet-hash",
	.kinds = IND_BIT(MD5) | IND_BIT(SHA1) | IND_BIT(SHA256),
	.item = piece_item,
};

/* ---- Cisco ---- */

const struct sensor_format sensor_cisco_ip = {
	.name = "cisco-ip", .kinds = IND_BIT(IP), .item = piece_item};
const struct sensor_format sensor_cisco_domain = {
	.name = "cisco-domain", .kinds = IND_NAMES, .item = piece_item};

static enum err cisco_url_item(struct sensor_run *r, const struct indicator *i)
{
	return url_item(r, i, "*", 4000);
}

const struct sensor_format sensor_cisco_url = {
	.name = "cisco-url", .kinds = IND_BIT(URL), .item = cisco_url_item};

/* ---- Check Point ---- */

const struct sensor_format sensor_checkpoint_ip = {
	.name = "checkpoint-ip", .kinds = IND_BIT(IP), .item = piece_item};

static const struct {
	uint8_t kind;
	struct str type;
} cp_types[] = {
	{IND_IP, STR("IP")},	      {IND_DOMAIN, STR("Domain")},   {IND_HOST, STR("Domain")},
	{IND_URL, STR("URL")},	      {IND_MD5, STR("MD5")},	     {IND_SHA1, STR("SHA1")},
	{IND_SHA256, STR("SHA256")},  {IND_SUBJECT, STR("Mail-subject")},
	{IND_EMAIL_SRC, STR("Mail-from")}, {IND_EMAIL_DST, STR("Mail-to")},
};

static enum err cp_begin(struct sensor_run *r)
{
	PUT(r->out, "#UNIQ-NAME,VALUE,TYPE,CONFIDENCE,SEVERITY,PRODUCT,COMMENT\n");
	return buf_err(r->out);
}

/* The last address of a network: ranges are first-last there. */
static void range_put(struct buf *b, const struct indicator *i)
{
	struct indicator last = *i;
	char text[IPV6_TEXT_MAX];
	for (unsigned k = 0; k < i->addr_n; k++) {
		unsigned keep = i->prefix > k * 8 ? MIN(i->prefix - k * 8, 8u) : 0;
		last.addr[k] |= (uint8_t)~(0xff00u >> keep);
	}
	buf_str_add(b, str_sub(i->value, 0, (size_t)str_chr(i->value, '/')));
	buf_putc(b, '-');
	if (i->addr_n == 16) {
		buf_add(b, text, ipv6_format(last.addr, text));
		return;
	}
	for (unsigned k = 0; k < 4; k++) {
		if (k)
			buf_putc(b, '.');
		buf_u64(b, last.addr[k]);
	}
}

static enum err cp_item(struct sensor_run *r, const struct indicator *i)
{
	static const struct str severities[] = {STR("medium"), STR("high"), STR("medium"), STR("low"), STR("medium")};
	struct buf *b = r->out;
	size_t type = 0;
	while (type < ARRAY_LEN(cp_types) && cp_types[type].kind != i->kind)
		type++;
	if (BUG(type == ARRAY_LEN(cp_types)))
		return ERR_BUG;
	PUT(b, "tocsin-");
	piece_uuid(b, i->attr);
	buf_putc(b, '-');
	buf_puts(b, ind_kind_name(i->kind));
	buf_putc(b, ',');
	if (i->kind == IND_IP && !piece_one_address(i)) {
		range_put(b, i);
		PUT(b, ",IP Range");
	} else {
		sensor_csv_text(b, i->value);
		buf_putc(b, ',');
		buf_str_add(b, cp_types[type].type);
	}
	PUT(b, ",high,");
	buf_str_add(b, severities[i->threat_level < 5 ? i->threat_level : 0]);
	PUT(b, ",AV,\"event ");
	piece_uuid(b, i->event);
	PUT(b, "\"\n");
	r->entries++;
	return buf_err(b);
}

const struct sensor_format sensor_checkpoint = {
	.name = "checkpoint",
	.kinds = IND_BIT(IP) | IND_NAMES | IND_BIT(URL) | IND_BIT(MD5) | IND_BIT(SHA1) | IND_BIT(SHA256) |
		 IND_BIT(SUBJECT) | IND_BIT(EMAIL_SRC) | IND_BIT(EMAIL_DST),
	.begin = cp_begin,
	.flags = SENSOR_SOURCE,
	.item = cp_item,
};
