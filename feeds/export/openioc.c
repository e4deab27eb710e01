/*
 * openioc.c - indicators in the XML of OpenIOC 1.0 (rest-api.md 4.8, as recorded).
 */
#include "feeds/export/export.h"
#include "feeds/export/parts.h"
#include "model/types.h"

/* ---- what an attribute type is called there ---- */

struct term {
	const char *document, *search, *type;
};

#define FILE_NAME {"FileItem", "FileItem/FileName", "string"}
#define FILE_MD5 {"FileItem", "FileItem/Md5sum", "md5"}
#define FILE_SHA1 {"FileItem", "FileItem/Sha1sum", "sha1"}
#define FILE_SHA256 {"FileItem", "FileItem/Sha256sum", "sha256"}
#define DNS {"Network", "Network/DNS", "string"}
#define REMOTE_IP {"PortItem", "PortItem/remoteIP", "IP"}
#define FROM {"Email", "Email/From", "string"}
#define NONE {NULL, NULL, NULL}

static const struct {
	uint16_t type;
	struct term first, second; /* second: of composite values */
} terms[] = {
	{ATTR_MD5, FILE_MD5, NONE},
	{ATTR_SHA1, FILE_SHA1, NONE},
	{ATTR_SHA256, FILE_SHA256, NONE},
	{ATTR_FILENAME, FILE_NAME, NONE},
	{ATTR_ATTACHMENT, FILE_NAME, NONE},
	{ATTR_IP_SRC, REMOTE_IP, NONE},
	{ATTR_IP_DST, {"RouteEntryItem", "RouteEntryItem/Destination", "IP"}, NONE},
	{ATTR_HOSTNAME, {"RouteEntryItem", "RouteEntryItem/Destination", "string"}, NONE},
	{ATTR_EMAIL, FROM, NONE},
	{ATTR_EMAIL_SRC, FROM, NONE},
	{ATTR_EMAIL_DST, {"Email", "Email/To", "string"}, NONE},
	{ATTR_EMAIL_SUBJECT, {"Email", "Email/Subject", "string"}, NONE},
	{ATTR_EMAIL_ATTACHMENT, {"Email", "Email/Attachment/Name", "string"}, NONE},
	{ATTR_DOMAIN, DNS, NONE},
	{ATTR_URL, {"UrlHistoryItem", "UrlHistoryItem/URL", "string"}, NONE},
	{ATTR_USER_AGENT, {"Network", "Network/UserAgent", "string"}, NONE},
	{ATTR_REGKEY, {"Network", "RegistryItem/KeyPath", "string"}, NONE},
	{ATTR_SNORT, {"Snort", "Snort/Snort", "string"}, NONE},
	{ATTR_LINK, {"URL", "UrlHistoryItem/URL", "md5"}, NONE},
	{ATTR_REGKEY_VALUE,
	 {"Network", "RegistryItem/KeyPath", "string"},
	 {"Network", "RegistryItem/Value", "string"}},
	{ATTR_FILENAME_MD5, FILE_NAME, FILE_MD5},
	{ATTR_FILENAME_SHA1, FILE_NAME, FILE_SHA1},
	{ATTR_FILENAME_SHA256, FILE_NAME, FILE_SHA256},
	{ATTR_MALWARE_SAMPLE, FILE_NAME, FILE_MD5},
	{ATTR_DOMAIN_IP, DNS, REMOTE_IP},
};

static bool category_fits(uint8_t c)
{
	return c == CAT_DELIVERY || c == CAT_ARTIFACTS || c == CAT_INSTALLATION ||
	       c == CAT_PERSISTENCE || c == CAT_NETWORK;
}

/* ---- writing ---- */

static void indent(struct buf *b, unsigned n)
{
	buf_printf(b, "%*s", (int)n, "");
}

static void item_put(struct buf *b, unsigned depth, const char *uuid, const struct term *t,
		     struct str value)
{
	indent(b, depth);
	buf_printf(b, "<IndicatorItem id=\"%s\" condition=\"is\">\n", uuid);
	indent(b, depth + 2);
	buf_printf(b, "<Context document=\"%s\" search=\"%s\" type=\"mir\" />\n", t->document,
		   t->search);
	indent(b, depth + 2);
	buf_printf(b, "<Content type=\"%s\">", t->type);
	xml_text(b, value);
	LIT(b, "</Content>\n");
	indent(b, depth);
	LIT(b, "</IndicatorItem>\n");
}

static enum err ioc_begin(struct export_run *r)
{
	struct buf *b = seal_buf(r->out);
	char id[UUID_TEXT_LEN + 1], top[UUID_TEXT_LEN + 1];
	uuid_format(uuid_random(), id);
	uuid_format(uuid_random(), top);
	buf_printf(b,
		   "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		   "<ioc xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
		   "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" id=\"%s\" last-modified=\"",
		   id);
	time_put(b, r->opts->now, 'T');
	LIT(b,
	    "\" xmlns=\"http://schemas.mandiant.com/2010/ioc\">\n"
	    "  <short_description>Filtered indicator list</short_description>\n"
	    "  <description>Filtered indicator list</description>\n"
	    "  <keywords />\n"
	    "  <authored_by>");
	xml_text(b, r->opts->host_org_name);
	LIT(b, "</authored_by>\n  <authored_date>");
	time_put(b, r->opts->now, 'T');
	buf_printf(b,
		   "</authored_date>\n"
		   "  <links />\n"
		   "  <definition>\n"
		   "    <Indicator operator=\"OR\" id=\"%s\">\n",
		   top);
	return buf_err(b);
}

static enum err ioc_event(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

static enum err ioc_element(struct export_run *r, const struct rel_event *e,
			    const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	char uuid[UUID_TEXT_LEN + 1];
	size_t i = 0;
	(void)e;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	while (i < ARRAY_LEN(terms) && terms[i].type != el->attr->type)
		i++;
	if (i == ARRAY_LEN(terms) || !category_fits(el->attr->category) || !el->attr->to_ids)
		return ERR_OK;
	uuid_format(el->attr->uuid, uuid);
	if (!terms[i].second.document) {
		item_put(b, 6, uuid, &terms[i].first, el->attr->value);
		return buf_err(b);
	}
	buf_printf(b, "     <Indicator operator=\"AND\" id=\"%s\">\n", uuid);
	item_put(b, 8, uuid, &terms[i].first, value_first(el->attr->value));
	item_put(b, 8, uuid, &terms[i].second, value_second(el->attr->value));
	LIT(b, "      </Indicator>\n");
	return buf_err(b);
}

static enum err ioc_end(struct export_run *r)
{
	LIT(seal_buf(r->out), "    </Indicator>\n  </definition>\n</ioc>\n");
	return buf_err(seal_buf(r->out));
}

EXPORT_CARRIES(openioc_carry, terms)

const struct exporter export_openioc = {
	.name = "openioc",
	.media = "application/xml",
	.type_name = "xml",
	.doc = "OpenIOC 1.0",
	.drops = "everything but the value; what is not meant for detection, and categories that are no "
		 "sign of an attack",
	.carries = openioc_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.begin = ioc_begin,
	.event = ioc_event,
	.element = ioc_element,
	.end = ioc_end,
};
