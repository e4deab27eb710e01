/*
 * intel.c - lists for two sensors: Kunai (JSON) and Zeek's intelligence framework (rest-api.md 4.7
 * and 4.9, as recorded).
 */
#include "feeds/export/export.h"
#include "feeds/export/parts.h"
#include "model/types.h"

static enum err intel_event(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

/* ---- Kunai ---- */

static const struct {
	uint16_t type;
	uint8_t part, severity;
} kunai_types[] = {
	{ATTR_MD5, 1, 10},	       {ATTR_SHA1, 1, 10},	    {ATTR_SHA256, 1, 10},
	{ATTR_SHA512, 1, 10},	       {ATTR_DOMAIN, 1, 7},	    {ATTR_HOSTNAME, 1, 7},
	{ATTR_IP_DST, 1, 5},	       {ATTR_DOMAIN_IP, 2, 5},	    {ATTR_FILENAME_MD5, 2, 10},
	{ATTR_FILENAME_SHA1, 2, 10},   {ATTR_FILENAME_SHA256, 2, 10}, {ATTR_FILENAME_SHA512, 2, 10},
	{ATTR_MALWARE_SAMPLE, 2, 10},
};

static enum err kunai_begin(struct export_run *r)
{
	buf_putc(seal_buf(r->out), '[');
	return ERR_OK;
}

static void uuid_put(struct buf *b, const char *key, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	buf_printf(b, "\",\"%s\":\"%s", key, uuid_format(u, text));
}

static enum err kunai_element(struct export_run *r, const struct rel_event *e,
			      const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	char node[UUID_TEXT_LEN + 1];
	size_t i = 0;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	while (i < ARRAY_LEN(kunai_types) && kunai_types[i].type != el->attr->type)
		i++;
	if (i == ARRAY_LEN(kunai_types))
		return ERR_OK;
	struct str v = el->attr->value;
	if (r->n++)
		LIT(b, ", ");
	LIT(b, "{\"type\":\"");
	buf_str_add(b, type_name(el->attr->type));
	uuid_put(b, "uuid", el->attr->uuid);
	LIT(b, "\",\"source\":\"[");
	php_json_text(b, r->opts->host_org_name);
	LIT(b, " MISP] ");
	buf_puts(b, uuid_format(r->opts->node_uuid, node));
	LIT(b, "\",\"value\":\"");
	php_json_text(b, kunai_types[i].part == 1 ? v : value_second(v));
	uuid_put(b, "event_uuid", e->e->uuid);
	buf_printf(b, "\",\"severity\":%u}", kunai_types[i].severity);
	return buf_err(b);
}

static enum err kunai_end(struct export_run *r)
{
	buf_putc(seal_buf(r->out), ']');
	return buf_err(seal_buf(r->out));
}

EXPORT_CARRIES(kunai_carry, kunai_types)

const struct exporter export_kunai = {
	.name = "kunai",
	.media = "application/json",
	.type_name = "json",
	.doc = "indicators for Kunai",
	.drops = "comment, tags, info; the file name of pairs",
	.carries = kunai_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.begin = kunai_begin,
	.event = intel_event,
	.element = kunai_element,
	.end = kunai_end,
};

/* ---- Zeek ---- */

enum zeek_group {
	Z_IP = 1,
	Z_URL = 2,
	Z_DOMAIN = 4,
	Z_JA3 = 8,
	Z_EMAIL = 16,
	Z_FILENAME = 32,
	Z_FILEHASH = 64,
	Z_CERTHASH = 128,
	Z_SOFTWARE = 256,
};

/* Groups as the parameter `type` names them, in the order in which all of them come. */
static const struct {
	const char *name, *intel;
	unsigned group;
} zeek_groups[] = {
	{"ip", "ADDR", Z_IP},		      {"url", "URL", Z_URL},
	{"domain", "DOMAIN", Z_DOMAIN},	      {"ja3-fingerprint-md5", "JA3", Z_JA3},
	{"email", "EMAIL", Z_EMAIL},	      {"filename", "FILE_NAME", Z_FILENAME},
	{"filehash", "FILE_HASH", Z_FILEHASH}, {"certhash", "CERT_HASH", Z_CERTHASH},
	{"software", "SOFTWARE", Z_SOFTWARE},
};

/* What the whole value, or its first and second part, is to Zeek. */
static const struct {
	uint16_t type;
	uint16_t first, second;
} zeek_types[] = {
	{ATTR_IP_SRC, Z_IP, 0},
	{ATTR_IP_DST, Z_IP, 0},
	{ATTR_IP_SRC_PORT, Z_IP, 0},
	{ATTR_IP_DST_PORT, Z_IP, 0},
	{ATTR_DOMAIN_IP, Z_DOMAIN, Z_IP},
	{ATTR_URL, Z_URL, 0},
	{ATTR_HOSTNAME, Z_DOMAIN, 0},
	{ATTR_DOMAIN, Z_DOMAIN, 0},
	{ATTR_EMAIL, Z_EMAIL, 0},
	{ATTR_EMAIL_SRC, Z_EMAIL, 0},
	{ATTR_EMAIL_DST, Z_EMAIL, 0},
	{ATTR_TARGET_EMAIL, Z_EMAIL, 0},
	{ATTR_FILENAME, Z_FILENAME, 0},
	{ATTR_EMAIL_ATTACHMENT, Z_FILENAME, 0},
	{ATTR_PDB, Z_FILENAME, 0},
	{ATTR_FILENAME_MD5, Z_FILENAME, Z_FILEHASH},
	{ATTR_FILENAME_SHA1, Z_FILENAME, Z_FILEHASH},
	{ATTR_FILENAME_SHA256, Z_FILENAME, Z_FILEHASH},
	{ATTR_MALWARE_SAMPLE, Z_FILENAME, Z_FILEHASH},
	{ATTR_FILENAME_AUTHENTIHASH, 0, Z_FILEHASH},
	{ATTR_FILENAME_SSDEEP, 0, Z_FILEHASH},
	{ATTR_FILENAME_IMPHASH, 0, Z_FILEHASH},
	{ATTR_FILENAME_PEHASH, 0, Z_FILEHASH},
	{ATTR_FILENAME_IMPFUZZY, 0, Z_FILEHASH},
	{ATTR_FILENAME_SHA224, 0, Z_FILEHASH},
	{ATTR_FILENAME_SHA384, 0, Z_FILEHASH},
	{ATTR_FILENAME_SHA512, 0, Z_FILEHASH},
	{ATTR_FILENAME_SHA512_224, 0, Z_FILEHASH},
	{ATTR_FILENAME_SHA512_256, 0, Z_FILEHASH},
	{ATTR_FILENAME_TLSH, 0, Z_FILEHASH},
	{ATTR_MD5, Z_FILEHASH, 0},
	{ATTR_SHA1, Z_FILEHASH, 0},
	{ATTR_SHA256, Z_FILEHASH, 0},
	{ATTR_AUTHENTIHASH, Z_FILEHASH, 0},
	{ATTR_SSDEEP, Z_FILEHASH, 0},
	{ATTR_IMPHASH, Z_FILEHASH, 0},
	{ATTR_PEHASH, Z_FILEHASH, 0},
	{ATTR_IMPFUZZY, Z_FILEHASH, 0},
	{ATTR_SHA224, Z_FILEHASH, 0},
	{ATTR_SHA384, Z_FILEHASH, 0},
	{ATTR_SHA512, Z_FILEHASH, 0},
	{ATTR_SHA512_224, Z_FILEHASH, 0},
	{ATTR_SHA512_256, Z_FILEHASH, 0},
	{ATTR_TLSH, Z_FILEHASH, 0},
	{ATTR_X509_FINGERPRINT_SHA1, Z_CERTHASH, 0},
	{ATTR_USER_AGENT, Z_SOFTWARE, 0},
	{ATTR_JA3_FINGERPRINT_MD5, Z_JA3, 0},
};

struct zeek_state {
	struct seen lines;
	unsigned groups;
	struct buf line;
};

static enum err zeek_begin(struct export_run *r)
{
	struct zeek_state *st = r->state;
	/* of the legacy call's own name, since `type` selects attributes elsewhere */
	struct str want = param_get(r, "bro_type");
	buf_init(&st->line, 1u << 20);
	for (size_t i = 0; i < ARRAY_LEN(zeek_groups); i++)
		if (!want.n || str_is(want, "all") || str_is(want, zeek_groups[i].name))
			st->groups |= zeek_groups[i].group;
	LIT(seal_buf(r->out), "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\t"
			      "meta.url\tmeta.do_notice\tmeta.if_in\n");
	return ERR_OK;
}

/* One field: tabs and line breaks would end it. Free text is cut to ASCII, without markup. */
static void field_put(struct buf *b, struct str v, bool free_text)
{
	bool in_tag = false;
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (free_text && c > 127)
			continue;
		if (free_text && c == '<' && i + 1 < v.n &&
		    (v.p[i + 1] == '/' || (v.p[i + 1] | 0x20) >= 'a'))
			in_tag = true;
		if (!in_tag)
			buf_putc(b, c < ' ' || c == 0x7f ? ' ' : (char)c);
		if (c == '>')
			in_tag = false;
	}
}

static const char *intel_type(unsigned group, struct str v)
{
	if (group == Z_IP && str_chr(v, '/') >= 0)
		return "SUBNET";
	for (size_t i = 0; i < ARRAY_LEN(zeek_groups); i++)
		if (zeek_groups[i].group == group)
			return zeek_groups[i].intel;
	return "";
}

static enum err zeek_line(struct export_run *r, const struct rel_event *e,
			  const struct misp_attr *a, unsigned group, struct str v)
{
	struct zeek_state *st = r->state;
	struct buf *b = &st->line;
	char uuid[UUID_TEXT_LEN + 1];
	if (!(group & st->groups) || !v.n || (group == Z_IP && !ip_version(v, true)))
		return ERR_OK;
	if (group == Z_URL && str_has_prefix(v, STR("http://")))
		v = str_sub(v, 7, v.n);
	else if (group == Z_URL && str_has_prefix(v, STR("https://")))
		v = str_sub(v, 8, v.n);
	if (!v.n)
		return ERR_OK;
	buf_clear(b);
	field_put(b, v, false);
	buf_printf(b, "\tIntel::%s\t", intel_type(group, v));
	if (r->opts->host_org_name.n) {
		field_put(b, r->opts->host_org_name, true);
		buf_putc(b, ' ');
	}
	buf_printf(b, "MISP (%s) - ", uuid_format(e->e->uuid, uuid));
	if (e->orgc)
		field_put(b, e->orgc->name, true);
	buf_putc(b, '\t');
	field_put(b, e->e->info, true);
	LIT(b, ". ");
	field_put(b, a->comment, true);
	buf_putc(b, '\t');
	buf_str_add(b, r->opts->base_url);
	LIT(b, "/events/view/");
	if (e->ids)
		buf_u64(b, e->e->id);
	else
		buf_puts(b, uuid);
	LIT(b, "\tT\t-\n");
	/* a value that is too long for a line is nothing that Zeek could look for */
	if (buf_err(b) == ERR_OK && !seen_before(&st->lines, buf_str(b)))
		buf_str_add(seal_buf(r->out), buf_str(b));
	return buf_err(seal_buf(r->out));
}

static enum err zeek_element(struct export_run *r, const struct rel_event *e,
			     const struct rel_element *el)
{
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	for (size_t i = 0; i < ARRAY_LEN(zeek_types); i++) {
		if (zeek_types[i].type != el->attr->type)
			continue;
		struct str v = el->attr->value;
		bool pair = type_is_pair(type_get((enum attr_type)el->attr->type));
		TRY(zeek_line(r, e, el->attr, zeek_types[i].first, pair ? value_first(v) : v));
		TRY(zeek_line(r, e, el->attr, zeek_types[i].second, value_second(v)));
	}
	return ERR_OK;
}

static void zeek_free(void *state)
{
	struct zeek_state *st = state;
	seen_free(&st->lines);
	buf_free(&st->line);
}

EXPORT_CARRIES(zeek_carry, zeek_types)

const struct exporter export_zeek = {
	.name = "bro",
	.media = "text/plain",
	.type_name = "intel",
	.doc = "Zeek intelligence file",
	.drops = "tags, category, characters that are not ASCII in info and comment; tabs and new lines",
	.carries = zeek_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.state_size = sizeof(struct zeek_state),
	.begin = zeek_begin,
	.event = intel_event,
	.element = zeek_element,
	.free_state = zeek_free,
};
