/*
 * lines.c - formats of one value a line: text, hashes, cache, count, hosts, netfilter
 * (rest-api.md 4.4 and 4.9, as recorded). No format here holds more than the set of values seen.
 */
#include "base/hash.h"
#include "feeds/export/export.h"
#include "feeds/export/parts.h"
#include "feeds/sensor/rpz_parts.h"
#include "model/types.h"

struct lines_state {
	struct seen seen;
};

static void lines_free(void *state)
{
	struct lines_state *st = state;
	seen_free(&st->seen);
}

/* Every attribute is counted, also one that gives no line. */
static bool is_attr(struct export_run *r, const struct rel_element *el)
{
	if (el->kind == EL_ATTR)
		seal_count(r->out, 0, 1);
	return el->kind == EL_ATTR;
}

static enum err event_count(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

/* Nothing at all is still one empty line. */
static enum err lines_end(struct export_run *r)
{
	if (!r->n)
		buf_putc(seal_buf(r->out), '\n');
	return buf_err(seal_buf(r->out));
}

static enum err line(struct export_run *r, struct str v)
{
	struct buf *b = seal_buf(r->out);
	buf_str_add(b, v);
	buf_putc(b, '\n');
	r->n++;
	return buf_err(b);
}

/* ---- text ---- */

static enum err text_element(struct export_run *r, const struct rel_event *e,
			     const struct rel_element *el)
{
	struct lines_state *st = r->state;
	(void)e;
	if (!is_attr(r, el) || seen_before(&st->seen, el->attr->value))
		return ERR_OK;
	return line(r, el->attr->value);
}

const struct exporter export_text = {
	.name = "text",
	.media = "text/plain",
	.type_name = "txt",
	.event_type_name = "text",
	.doc = "distinct values, one a line",
	.drops = "everything but the value",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.state_size = sizeof(struct lines_state),
	.event = event_count,
	.element = text_element,
	.end = lines_end,
	.free_state = lines_free,
};

/* ---- hashes ---- */

/* Which part of the value is the digest. */
static const struct {
	uint16_t type;
	uint8_t part;
} hash_types[] = {
	{ATTR_MD5, 1}, {ATTR_SHA1, 1}, {ATTR_SHA224, 1}, {ATTR_SHA256, 1}, {ATTR_SHA384, 1},
	{ATTR_SHA512, 1}, {ATTR_SHA512_224, 1}, {ATTR_SHA512_256, 1}, {ATTR_SHA3_224, 1},
	{ATTR_SHA3_256, 1}, {ATTR_SHA3_384, 1}, {ATTR_SHA3_512, 1}, {ATTR_SSDEEP, 1},
	{ATTR_IMPHASH, 1}, {ATTR_TLSH, 1}, {ATTR_X509_FINGERPRINT_MD5, 1},
	{ATTR_X509_FINGERPRINT_SHA1, 1}, {ATTR_X509_FINGERPRINT_SHA256, 1}, {ATTR_PEHASH, 1},
	{ATTR_AUTHENTIHASH, 1}, {ATTR_IMPFUZZY, 1},
	{ATTR_MALWARE_SAMPLE, 2}, {ATTR_FILENAME_MD5, 2}, {ATTR_FILENAME_SHA1, 2},
	{ATTR_FILENAME_SHA224, 2}, {ATTR_FILENAME_SHA256, 2}, {ATTR_FILENAME_SHA512, 2},
	{ATTR_FILENAME_SHA512_224, 2}, {ATTR_FILENAME_SHA512_256, 2},
	{ATTR_FILENAME_SHA3_224, 2}, {ATTR_FILENAME_SHA3_256, 2}, {ATTR_FILENAME_SHA3_384, 2},
	{ATTR_FILENAME_SHA3_512, 2}, {ATTR_FILENAME_SSDEEP, 2}, {ATTR_FILENAME_IMPHASH, 2},
	{ATTR_FILENAME_TLSH, 2}, {ATTR_FILENAME_PEHASH, 2}, {ATTR_FILENAME_AUTHENTIHASH, 2},
	{ATTR_FILENAME_IMPFUZZY, 2},
};

static enum err hashes_element(struct export_run *r, const struct rel_event *e,
			       const struct rel_element *el)
{
	(void)e;
	if (!is_attr(r, el))
		return ERR_OK;
	struct str v = el->attr->value;
	for (size_t i = 0; i < ARRAY_LEN(hash_types); i++)
		if (hash_types[i].type == el->attr->type)
			return line(r, hash_types[i].part == 1 ? v : value_second(v));
	return ERR_OK;
}

EXPORT_CARRIES(hashes_carry, hash_types)

const struct exporter export_hashes = {
	.name = "hashes",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "file and certificate digests, one a line",
	.drops = "everything but the digest",
	.carries = hashes_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.event = event_count,
	.element = hashes_element,
	.end = lines_end,
};

/* ---- cache: what peers and feed readers keep of us for look-ups ---- */

static enum err cache_element(struct export_run *r, const struct rel_event *e,
			      const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	uint8_t digest[16];
	char text[33], uuid[UUID_TEXT_LEN + 1];
	if (!is_attr(r, el))
		return ERR_OK;
	hash_md5(el->attr->value, digest);
	buf_add(b, hash_hex(digest, 16, text), 32);
	if (r->opts->include_event_uuid && r->opts->scope == EXPORT_ATTRIBUTES) {
		buf_putc(b, ',');
		buf_add(b, uuid_format(e->e->uuid, uuid), UUID_TEXT_LEN);
	}
	buf_putc(b, '\n');
	r->n++;
	return buf_err(b);
}

const struct exporter export_cache = {
	.name = "cache",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "MD5 of each value, one a line",
	.drops = "everything but the MD5 of the value and the UUID of the event",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.event = event_count,
	.element = cache_element,
	.end = lines_end,
};

/* ---- count ---- */

static enum err count_event(struct export_run *r, const struct rel_event *e)
{
	r->n += r->opts->scope == EXPORT_EVENTS;
	return event_count(r, e);
}

static enum err count_element(struct export_run *r, const struct rel_event *e,
			      const struct rel_element *el)
{
	(void)e;
	r->n += is_attr(r, el) && r->opts->scope == EXPORT_ATTRIBUTES;
	return ERR_OK;
}

static enum err count_end(struct export_run *r)
{
	buf_u64(seal_buf(r->out), r->n);
	return buf_err(seal_buf(r->out));
}

const struct exporter export_count = {
	.name = "count",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "the number of events or attributes",
	.drops = "everything but the number",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.event = count_event,
	.element = count_element,
	.end = count_end,
};

/* ---- hosts ---- */

static enum err hosts_begin(struct export_run *r)
{
	struct buf *b = seal_buf(r->out);
	LIT(b, "# Blocklist in the HOSTS format\n# Generated: ");
	time_put(b, r->opts->now, ' ');
	LIT(b, " +0000\n");
	return buf_err(b);
}

/* What is no name, or long, makes resolvers complain, and white space would say something else. */
static bool is_host(struct str v)
{
	return rpz_is_name(v, 0);
}

static enum err hosts_element(struct export_run *r, const struct rel_event *e,
			      const struct rel_element *el)
{
	struct lines_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	(void)e;
	if (!is_attr(r, el) || el->attr->type != ATTR_DOMAIN || !is_host(el->attr->value) ||
	    seen_before(&st->seen, el->attr->value))
		return ERR_OK;
	LIT(b, "0.0.0.0 ");
	return line(r, el->attr->value);
}

static const char *const hosts_types[] = {"domain", NULL};

static bool hosts_carry(uint16_t type)
{
	return type == ATTR_DOMAIN;
}

const struct exporter export_hosts = {
	.name = "hosts",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "domains as a hosts file",
	.drops = "everything but the name; names that no hosts file can hold",
	.carries = hosts_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.types = hosts_types,
	.state_size = sizeof(struct lines_state),
	.begin = hosts_begin,
	.event = event_count,
	.element = hosts_element,
	.free_state = lines_free,
};

/* ---- netfilter ---- */

static enum err netfilter_element(struct export_run *r, const struct rel_event *e,
				  const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	struct str v;
	(void)e;
	if (!is_attr(r, el))
		return ERR_OK;
	if (el->attr->type == ATTR_IP_SRC || el->attr->type == ATTR_IP_DST)
		v = el->attr->value;
	else if (el->attr->type == ATTR_IP_SRC_PORT || el->attr->type == ATTR_IP_DST_PORT)
		v = value_first(el->attr->value);
	else if (el->attr->type == ATTR_DOMAIN_IP)
		v = value_second(el->attr->value);
	else
		return ERR_OK;
	/* the consumer runs this as a script: nothing but an address may stand there */
	int version = ip_version(v, true);
	if (!version || str_has_suffix(v, STR("/0")))
		return ERR_OK; /* ... and not all of them */
	buf_puts(b, version == 6 ? "ip6tables -A INPUT -s " : "iptables -A INPUT -s ");
	buf_str_add(b, v);
	LIT(b, " -j DROP\n");
	return buf_err(b);
}

static const char *const netfilter_types[] = {"ip-dst",	"ip-src",      "domain|ip",
					      "ip-dst|port", "ip-src|port", NULL};

static bool netfilter_carry(uint16_t type)
{
	for (size_t i = 0; netfilter_types[i]; i++)
		if (str_is(type_name(type), netfilter_types[i]))
			return true;
	return false;
}

const struct exporter export_netfilter = {
	.name = "netfilter",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "iptables commands that drop addresses",
	.drops = "everything but the address; ports",
	.carries = netfilter_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.types = netfilter_types,
	.event = event_count,
	.element = netfilter_element,
};
