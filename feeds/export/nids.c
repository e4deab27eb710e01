/*
 * nids.c - rules for Suricata and Snort (rest-api.md 4.5, as recorded): a table of attribute types,
 * each with the rules of both dialects. Rules are joined by new lines, without one at the end.
 */
#include "feeds/export/nids.h"

#include "base/hash.h"
#include "model/types.h"

/* ---- pieces of a rule ---- */

/* Control characters never stand in a rule; the others are MISP's list. */
static const char *hex_form(unsigned char c, bool colon)
{
	switch (c) {
	case '|':
		return "|7c|";
	case '"':
		return "|22|";
	case ';':
		return "|3b|";
	case ':':
		return colon ? "|3a|" : NULL;
	case '\\':
		return "|5c|";
	default:
		return NULL;
	}
}

static void escape(struct buf *b, struct str v, bool full)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		const char *hex = hex_form(c, full);
		if (hex) {
			buf_puts(b, hex);
		} else if (c < ' ' || c == 0x7f) {
			buf_printf(b, "|%02x|", c);
		} else if (full && c == '0' && i + 1 < v.n && v.p[i + 1] == 'x') {
			LIT(b, "|30 78|");
			i++;
		} else {
			buf_putc(b, (char)c);
		}
	}
}

void nids_escaped(struct buf *b, struct str v)
{
	escape(b, v, true);
}

void nids_guarded(struct buf *b, struct str v)
{
	escape(b, v, false);
}

/* Tags and names in messages: as they are, but for what would end the keyword or the line. */
void nids_message_guarded(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == ';' || c == '\\' || c < ' ' || c == 0x7f)
			buf_printf(b, "|%02x|", c);
		else
			buf_putc(b, (char)c);
	}
}

static bool is_port(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n <= 65535;
}

void nids_open(struct nids *n)
{
	LIT(n->b, "\nalert ");
}

static void tags_put(struct nids *n)
{
	bool first = true;
	size_t room = 4 * MESSAGE_MAX;
	const struct misp_tagref *lists[] = {n->tags, n->event_tags};
	uint32_t counts[] = {n->n_tags, n->n_event_tags};
	for (unsigned l = 0; l < ARRAY_LEN(lists); l++) {
		for (uint32_t i = 0; i < counts[l]; i++) {
			if (lists[l][i].name.n > room)
				continue;
			room -= lists[l][i].name.n;
			if (!first)
				buf_putc(n->b, ',');
			first = false;
			nids_message_guarded(n->b, lists[l][i].name);
		}
	}
}

/* Those who may not see local numbers get the UUID. */
static void event_put(struct nids *n)
{
	char text[UUID_TEXT_LEN + 1];
	if (n->e->ids)
		buf_u64(n->b, n->e->e->id);
	else
		buf_add(n->b, uuid_format(n->e->e->uuid, text), UUID_TEXT_LEN);
}

void nids_msg_head(struct nids *n)
{
	LIT(n->b, "msg: \"MISP e");
	event_put(n);
	LIT(n->b, " [");
	tags_put(n);
	LIT(n->b, "] ");
}

void nids_msg(struct nids *n, const char *text)
{
	LIT(n->b, " (");
	nids_msg_head(n);
	buf_puts(n->b, text);
}

void nids_content(struct nids *n)
{
	LIT(n->b, "\"; ");
}

void nids_reference(struct nids *n)
{
	LIT(n->b, "reference:url,");
	buf_str_add(n->b, n->opts->base_url);
	LIT(n->b, "/events/view/");
	event_put(n);
	buf_putc(n->b, ';');
}

void nids_close(struct nids *n, const char *tag)
{
	buf_putc(n->b, ' ');
	buf_puts(n->b, tag);
	LIT(n->b, " classtype:trojan-activity; sid:");
	buf_u64(n->b, n->sid++);
	LIT(n->b, "; rev:1; priority:");
	buf_u64(n->b, n->e->e->threat_level_id);
	LIT(n->b, "; ");
	nids_reference(n);
	LIT(n->b, ") ");
}

/*
 * A rule from a template: `head` up to the options, `text` of the message, `content` of keywords.
 * In `content` '@' stands for the escaped value, '~' for the value quoted for a regular
 * expression, '^' for it in the form of DNS messages.
 */
struct rule {
	const char *head, *text, *content, *tag;
	bool no_value; /* the message ends with `text` */
};

static void regex_quoted(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '"' || c == ';' || c < ' ' || c == 0x7f) {
			buf_printf(b, "\\x%02x", c);
			continue;
		}
		if (strchr(".\\+*?[^]$(){}=!<>|:-#/", c))
			buf_putc(b, '\\');
		buf_putc(b, (char)c);
	}
}

static void dns_name(struct buf *b, struct str v)
{
	while (v.p) {
		struct str label;
		v = str_split(v, '.', &label);
		buf_printf(b, "|%02zx|", label.n);
		nids_guarded(b, label);
	}
	LIT(b, "|00|");
}

/* A name whose labels and length DNS can hold, and with what frames it there one content; empty labels
   are looked for as they are. */
static bool fits_dns(struct str v)
{
	size_t label = 0;
	for (size_t i = 0; i < v.n; i++) {
		label = v.p[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return v.n <= 252;
}

static void rule_put(struct nids *n, const struct rule *r, struct str v)
{
	bool named = strchr(r->content, '~') || strstr(r->content, "^^");
	struct str part = text_beginning(v, CONTENT_MAX);
	if (!v.n || (named && !fits_dns(v)))
		return;
	nids_open(n);
	buf_puts(n->b, r->head);
	nids_msg(n, r->text);
	if (!r->no_value)
		nids_escaped(n->b, text_beginning(v, MESSAGE_MAX));
	nids_content(n);
	for (const char *p = r->content; *p; p++) {
		if (*p == '@')
			nids_escaped(n->b, part);
		else if (*p == '~')
			regex_quoted(n->b, v);
		else if (*p == '^' && p[1] == '^')
			dns_name(n->b, v), p++;
		else
			buf_putc(n->b, *p);
	}
	nids_close(n, r->tag);
}

/* ---- templates ---- */

#define TO_MAIL "tcp $EXTERNAL_NET any -> $SMTP_SERVERS 25"
#define MAIL(field) "flow:established,to_server; content:\"" field "|3a|\"; nocase; content:\"@\";" \
	" fast_pattern; nocase; content:\"|0D 0A 0D 0A|\"; within:8192;"
#define WEB "http $HOME_NET any -> $EXTERNAL_NET any"
#define WEB_PORTS "tcp $HOME_NET any -> $EXTERNAL_NET $HTTP_PORTS"
#define DNS_HEAD "content:\"|01 00 00 01 00 00 00 00 00 01|\"; depth:10; offset:2; content:\""
#define DNS_TAIL "\"; fast_pattern; nocase;"

static const struct rule email_src = {TO_MAIL, "Source Email Address: ", MAIL("MAIL FROM"),
				      TAG_SESSION, false};
static const struct rule email_dst = {TO_MAIL, "Destination Email Address: ", MAIL("RCPT TO"),
				      TAG_SESSION, false};
static const struct rule email_subject = {TO_MAIL, "Bad Email Subject", MAIL("Subject"),
					  TAG_SESSION, true};
static const struct rule email_attachment = {
	TO_MAIL, "Bad Email Attachment",
	"flow:established,to_server; content:\"Content-Disposition|3a| attachment|3b| filename|3d"
	" 22|\"; content:\"@|22|\"; fast_pattern; content:\"|0D 0A 0D 0A|\"; within:8192;",
	TAG_SESSION, true};

static const struct rule suricata_domain[] = {
	{"dns any any -> any any", "Domain ",
	 "dns.query; content:\"@\"; nocase; pcre: \"/(^|[^A-Za-z0-9-])~$/i\";", "", false},
	{WEB, "Outgoing HTTP Domain ",
	 "flow:to_server,established; http.header; content: \"Host|3a|\"; nocase; http.header;"
	 " content:\"@\"; fast_pattern; nocase; pcre: \"/(^|[^A-Za-z0-9-])~[^A-Za-z0-9-\\.]/Hi\";",
	 TAG_SESSION, false},
};
static const struct rule suricata_hostname[] = {
	{"dns any any -> any any", "Hostname ",
	 "dns.query; content:\"@\"; nocase; pcre: \"/(^|[^A-Za-z0-9-\\.])~$/i\";", "", false},
	{WEB, "Outgoing HTTP Hostname ",
	 "flow:to_server,established; http.header; content: \"Host|3a| @\"; fast_pattern; nocase;"
	 " pcre: \"/(^|[^A-Za-z0-9-\\.])~[^A-Za-z0-9-\\.]/Hi\";",
	 TAG_SESSION, false},
};
static const struct rule snort_domain[] = {
	{"udp any any -> any 53", "Domain: ", DNS_HEAD "^^" DNS_TAIL, "", false},
	{"tcp any any -> any 53", "Domain: ", DNS_HEAD "^^" DNS_TAIL " flow:established;", "",
	 false},
	{WEB_PORTS, "Outgoing HTTP Domain: ",
	 "flow:to_server,established; content: \"Host|3a|\"; nocase; http_header; content:\"@\";"
	 " fast_pattern; nocase; http_header; pcre: \"/(^|[^A-Za-z0-9-])~[^A-Za-z0-9-\\.]/H\";",
	 TAG_SESSION, false},
};
static const struct rule snort_hostname[] = {
	{"udp any any -> any 53", "Hostname: ", DNS_HEAD "|01|^^" DNS_TAIL, "", false},
	{"tcp any any -> any 53", "Hostname: ", DNS_HEAD "|01|^^" DNS_TAIL " flow:established;",
	 "", false},
	{WEB_PORTS, "Outgoing HTTP Hostname: ",
	 "flow:to_server,established; content: \"Host|3a| @\"; nocase; http_header;"
	 " pcre: \"/(^|[^A-Za-z0-9-\\.])~[^A-Za-z0-9-\\.]/H\";",
	 TAG_SESSION, false},
};
static const struct rule suricata_agent = {
	WEB, "Outgoing User-Agent ",
	"flow:to_server,established; content:\"@\"; fast_pattern; http_user_agent;", TAG_SESSION,
	false};
static const struct rule snort_agent = {WEB_PORTS, "Outgoing User-Agent: ",
					"flow:to_server,established; content:\"@\"; http_header;",
					TAG_SESSION, false};
static const struct rule suricata_ja3 = {"tls any any -> any any", "JA3 Hash: ",
					 "ja3.hash; content:\"@\"; fast_pattern;", TAG_SESSION,
					 false};
static const struct rule snort_url = {
	WEB_PORTS, "Outgoing HTTP URL: ",
	"flow:to_server,established; content:\"@\"; nocase; http_uri;", TAG_SESSION, false};

/* ---- by type ---- */

static void rules_put(struct nids *n, const struct rule *r, size_t count, struct str v)
{
	for (size_t i = 0; i < count; i++)
		rule_put(n, &r[i], v);
}
#define RULES(n, list, v) rules_put((n), (list), ARRAY_LEN(list), (v))

/* Towards an address, or from it; `value` is what the message says. */
static void ip_rule(struct nids *n, bool to, struct str ip, struct str port, struct str value)
{
	if (!ip_version(ip, true) || (port.p && !is_port(port)))
		return;
	nids_open(n);
	buf_puts(n->b, to ? "ip $HOME_NET any -> " : "ip ");
	buf_str_add(n->b, ip);
	buf_putc(n->b, ' ');
	buf_str_add(n->b, port.p ? port : STR("any"));
	if (!to)
		LIT(n->b, " -> $HOME_NET any");
	nids_msg(n, to ? "Outgoing To IP: " : "Incoming From IP: ");
	buf_str_add(n->b, value);
	nids_content(n);
	nids_close(n, "");
}

typedef void (*nids_fn)(struct nids *n, struct str v);

static void put_ip_dst(struct nids *n, struct str v)
{
	ip_rule(n, true, value_first(v), value_second(v), v);
}
static void put_ip_src(struct nids *n, struct str v)
{
	ip_rule(n, false, value_first(v), value_second(v), v);
}
static void put_email(struct nids *n, struct str v)
{
	rule_put(n, &email_src, v);
	rule_put(n, &email_dst, v);
}
static void put_email_src(struct nids *n, struct str v)
{
	rule_put(n, &email_src, v);
}
static void put_email_dst(struct nids *n, struct str v)
{
	rule_put(n, &email_dst, v);
}
static void put_email_subject(struct nids *n, struct str v)
{
	rule_put(n, &email_subject, v);
}
static void put_email_attachment(struct nids *n, struct str v)
{
	rule_put(n, &email_attachment, v);
}
static void put_suricata_domain(struct nids *n, struct str v)
{
	RULES(n, suricata_domain, v);
}
static void put_snort_domain(struct nids *n, struct str v)
{
	RULES(n, snort_domain, v);
}
static void put_ip_both(struct nids *n, struct str v)
{
	ip_rule(n, true, v, STR_NONE, v);
	ip_rule(n, false, v, STR_NONE, v);
}
static void put_suricata_domain_ip(struct nids *n, struct str v)
{
	RULES(n, suricata_domain, value_first(v));
	put_ip_both(n, value_second(v));
}
static void put_snort_domain_ip(struct nids *n, struct str v)
{
	RULES(n, snort_domain, value_first(v));
	put_ip_both(n, value_second(v));
}
static void put_suricata_hostname(struct nids *n, struct str v)
{
	RULES(n, suricata_hostname, v);
}
static void put_snort_hostname(struct nids *n, struct str v)
{
	RULES(n, snort_hostname, v);
}
static void put_snort_url(struct nids *n, struct str v)
{
	rule_put(n, &snort_url, v);
}
static void put_suricata_agent(struct nids *n, struct str v)
{
	rule_put(n, &suricata_agent, v);
}
static void put_snort_agent(struct nids *n, struct str v)
{
	rule_put(n, &snort_agent, v);
}
static void put_ja3(struct nids *n, struct str v)
{
	rule_put(n, &suricata_ja3, v);
}

static const struct {
	uint16_t type;
	nids_fn suricata, snort;
} types[] = {
	{ATTR_IP_DST, put_ip_dst, put_ip_dst},
	{ATTR_IP_DST_PORT, put_ip_dst, put_ip_dst},
	{ATTR_IP_SRC, put_ip_src, put_ip_src},
	{ATTR_IP_SRC_PORT, put_ip_src, put_ip_src},
	{ATTR_EMAIL, put_email, put_email},
	{ATTR_EMAIL_SRC, put_email_src, put_email_src},
	{ATTR_EMAIL_DST, put_email_dst, put_email_dst},
	{ATTR_EMAIL_SUBJECT, put_email_subject, put_email_subject},
	{ATTR_EMAIL_ATTACHMENT, put_email_attachment, put_email_attachment},
	{ATTR_DOMAIN, put_suricata_domain, put_snort_domain},
	{ATTR_DOMAIN_IP, put_suricata_domain_ip, put_snort_domain_ip},
	{ATTR_HOSTNAME, put_suricata_hostname, put_snort_hostname},
	{ATTR_URL, nids_suricata_url, put_snort_url},
	{ATTR_USER_AGENT, put_suricata_agent, put_snort_agent},
	{ATTR_JA3_FINGERPRINT_MD5, put_ja3, NULL},
	{ATTR_SNORT, nids_foreign_rule, nids_foreign_rule},
	{ATTR_SURICATA, nids_foreign_rule, NULL},
};

/* ---- objects that are one rule (event scope) ---- */

enum part { PART_PROTO, PART_SRC, PART_SPORT, PART_DST, PART_DPORT, PART_COUNT };

static const char *const part_default[] = {"ip", "$HOME_NET", "any", "$HOME_NET", "any"};

static const struct object_rule {
	const char *name, *text, *proto;
} object_rules[] = {
	{"network-connection", "Network connection between ", "layer4-protocol"},
	{"ddos", "DDOS attack detected between ", "protocol"},
};

#define PART_MAX 64
/* Rules of objects come after those of all attributes of the event, so they wait here. When there
   are more than fit, they go out in between. */
#define WAITING_MAX (4u << 20)

struct nids_state {
	struct buf waiting;
	struct seen numbers; /* drawn from UUIDs, which two may share */
	const struct object_rule *rule; /* NULL: no such object is open */
	uint64_t object_id;
	struct uuid object_uuid;
	char part[PART_COUNT][PART_MAX];
};

static void part_set(struct nids_state *st, const struct misp_attr *a)
{
	struct str rel = a->object_relation, v = a->value;
	enum part p = PART_COUNT;
	bool fits = v.n && v.n < PART_MAX;
	if (str_is(rel, st->rule->proto)) {
		p = PART_PROTO;
		for (size_t i = 0; i < v.n; i++)
			fits = fits && ((v.p[i] | 0x20) >= 'a' && (v.p[i] | 0x20) <= 'z');
	} else if (str_is(rel, "ip-src") || str_is(rel, "ip-dst")) {
		p = str_is(rel, "ip-src") ? PART_SRC : PART_DST;
		fits = fits && ip_version(v, true);
	} else if (str_is(rel, "src-port") || str_is(rel, "dst-port")) {
		p = str_is(rel, "src-port") ? PART_SPORT : PART_DPORT;
		fits = fits && is_port(v);
	}
	if (p == PART_COUNT || !fits || st->part[p][0])
		return;
	memcpy(st->part[p], v.p, v.n);
	st->part[p][v.n] = '\0';
}

static const char *part_get(const struct nids_state *st, enum part p)
{
	return st->part[p][0] ? st->part[p] : part_default[p];
}

/*
 * Ten signature ids for each attribute or object. Without local numbers they are drawn from the
 * UUID, so that they stay the same from export to export; below 2^32 as the engines want it.
 */
#define NUMBERS 400000000u
static uint64_t sid_of(struct export_run *r, const struct rel_event *e, uint64_t id,
		       struct uuid uuid)
{
	struct nids_state *st = r->state;
	if (!e->ids || id >= NUMBERS) {
		id = hash_64(uuid.b, sizeof(uuid.b), 0) % NUMBERS;
		while (seen_before(&st->numbers, (struct str){(const char *)&id, sizeof(id)}))
			id = (id + 1) % NUMBERS;
	}
	return r->opts->nids_sid + id * 10 + 1;
}

static void waiting_put(struct export_run *r)
{
	struct nids_state *st = r->state;
	buf_str_add(seal_buf(r->out), buf_str(&st->waiting));
	buf_clear(&st->waiting);
}

/* The open object is complete. */
static void object_close(struct export_run *r, const struct rel_event *e)
{
	struct nids_state *st = r->state;
	struct nids n = {.b = &st->waiting, .opts = r->opts, .e = e};
	const char *src = part_get(st, PART_SRC), *dst = part_get(st, PART_DST);
	if (!st->rule)
		return;
	n.event_tags = e->e->tags.v;
	n.n_event_tags = e->e->tags.n;
	n.sid = sid_of(r, e, st->object_id, st->object_uuid);
	nids_open(&n);
	buf_printf(n.b, "%s %s %s -> %s %s", part_get(st, PART_PROTO), src,
		   part_get(st, PART_SPORT), dst, part_get(st, PART_DPORT));
	nids_msg(&n, st->rule->text);
	buf_printf(n.b, "%s and %s", src, dst);
	nids_content(&n);
	nids_close(&n, "");
	if (st->waiting.n > WAITING_MAX / 2)
		waiting_put(r);
	st->rule = NULL;
	memset(st->part, 0, sizeof(st->part));
}

/* ---- the exporters ---- */

static enum err nids_begin(struct export_run *r, const char *dialect)
{
	buf_printf(seal_buf(r->out), "# MISP export of IDS rules - optimized for %s\n", dialect);
	LIT(seal_buf(r->out),
	    "#\n"
	    "# These NIDS rules contain some variables that need to exist in your configuration.\n"
	    "# Make sure you have set:\n"
	    "#\n"
	    "# $HOME_NET     - Your internal network range\n"
	    "# $EXTERNAL_NET - The network considered as outside\n"
	    "# $SMTP_SERVERS - All your internal SMTP servers\n"
	    "# $HTTP_PORTS   - The ports used to contain HTTP traffic (not required with suricata"
	    " export)\n"
	    "# ");
	return buf_err(seal_buf(r->out));
}

static enum err suricata_begin(struct export_run *r)
{
	return nids_begin(r, "suricata");
}

static enum err snort_begin(struct export_run *r)
{
	return nids_begin(r, "snort");
}

static enum err nids_event(struct export_run *r, const struct rel_event *e)
{
	struct nids_state *st = r->state;
	(void)e;
	if (!st->waiting.max)
		buf_init(&st->waiting, WAITING_MAX);
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

static void nids_free(void *state)
{
	struct nids_state *st = state;
	seen_free(&st->numbers);
	buf_free(&st->waiting);
}

static enum err nids_event_end(struct export_run *r, const struct rel_event *e)
{
	const struct nids_state *st = r->state;
	object_close(r, e);
	if (buf_err(&st->waiting) != ERR_OK)
		return buf_err(&st->waiting);
	waiting_put(r);
	return buf_err(seal_buf(r->out));
}

static void object_begin(struct export_run *r, const struct rel_event *e,
			 const struct misp_object *o)
{
	struct nids_state *st = r->state;
	object_close(r, e);
	for (size_t i = 0; i < ARRAY_LEN(object_rules); i++)
		if (str_is(o->name, object_rules[i].name))
			st->rule = &object_rules[i];
	st->object_id = o->id;
	st->object_uuid = o->uuid;
}

static void attr_put(struct export_run *r, const struct rel_event *e, const struct rel_element *el,
		     bool snort)
{
	bool event_scope = r->opts->scope == EXPORT_EVENTS;
	struct nids n = {
		.b = seal_buf(r->out),
		.opts = r->opts,
		.e = e,
		.tags = el->attr->tags.v,
		.n_tags = el->attr->tags.n,
		/* in attribute scope without the event's, whatever was asked, as recorded */
		.event_tags = event_scope ? e->e->tags.v : NULL,
		.n_event_tags = event_scope ? e->e->tags.n : 0,
		.sid = sid_of(r, e, el->attr->id, el->attr->uuid),
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		nids_fn fn = snort ? types[i].snort : types[i].suricata;
		if (types[i].type == el->attr->type && fn)
			fn(&n, el->attr->value);
	}
}

static enum err nids_element(struct export_run *r, const struct rel_event *e,
			     const struct rel_element *el, bool snort)
{
	struct nids_state *st = r->state;
	if (el->kind == EL_OBJECT && r->opts->scope == EXPORT_EVENTS)
		object_begin(r, e, el->object);
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	if (st->rule && el->in_object)
		part_set(st, el->attr);
	else
		attr_put(r, e, el, snort);
	return buf_err(seal_buf(r->out));
}

static enum err suricata_element(struct export_run *r, const struct rel_event *e,
				 const struct rel_element *el)
{
	return nids_element(r, e, el, false);
}

static enum err snort_element(struct export_run *r, const struct rel_event *e,
			      const struct rel_element *el)
{
	return nids_element(r, e, el, true);
}

static bool suricata_carry(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type && types[i].suricata)
			return true;
	return false;
}

const struct exporter export_suricata = {
	.name = "suricata",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "rules for Suricata",
	.drops = "comment, category, objects but network-connection and ddos; values that no rule can hold",
	.carries = suricata_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.state_size = sizeof(struct nids_state),
	.begin = suricata_begin,
	.event = nids_event,
	.element = suricata_element,
	.event_end = nids_event_end,
	.free_state = nids_free,
};

static bool snort_carry(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type && types[i].snort)
			return true;
	return false;
}

const struct exporter export_snort = {
	.name = "snort",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "rules for Snort",
	.drops = "comment, category, objects but network-connection and ddos; values that no rule can hold",
	.carries = snort_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.restrictive = true,
	.state_size = sizeof(struct nids_state),
	.begin = snort_begin,
	.event = nids_event,
	.element = snort_element,
	.event_end = nids_event_end,
	.free_state = nids_free,
};
