/*
 * suricata_rules.c - a rule or more for each indicator, and rules that somebody wrote. With
 * datasets=yes the rules at the head use the sets of suricata_dataset.c and suricata_lists.c, and only
 * what they cannot hold becomes a rule of its own.
 */
#include <string.h>

#include "feeds/sensor/ids_rule.h"

static bool is_version(struct str v)
{
	return str_is(v, "6") || str_is(v, "7") || str_is(v, "8");
}

static bool is_folder(struct str v)
{
	return !v.n || (sensor_word(v) && str_find(v, STR("..")) < 0 && str_chr(v, ',') < 0 &&
			str_chr(v, ':') < 0 && v.p[v.n - 1] == '/');
}

static const struct sensor_param params[] = {
	PARAM_IDS,
	{"version", "7", "6, 7 or 8: of Suricata", is_version},
	{"datasets", "no", "yes: rules that use datasets and lists of digests, kept in files beside them",
	 piece_is_yes_no},
	{"folder", "", "where these files are, with a slash last; empty: where the sensor looks by itself",
	 is_folder},
	{NULL, NULL, NULL, NULL},
};

struct rules_state {
	struct ids ids;
	struct str folder;
	bool datasets, old;
};

/* ---- rules that use sets ---- */

/*
 * The whole name, and its last two, three and four labels: a set holds whole strings, so a name below
 * a domain is found by cutting it.
 */
static const char *const cuts[] = {
	"", "pcrexform:\"([^.]+[.][^.]+)$\"; ", "pcrexform:\"([^.]+[.][^.]+[.][^.]+)$\"; ",
	"pcrexform:\"([^.]+[.][^.]+[.][^.]+[.][^.]+)$\"; "};

static const struct {
	const char *set, *type, *head, *buffer;
	bool cut;
} set_rules[] = {
	{"domain", "string", "dns any any -> any any", "dns.query", true},
	{"domain", "string", "tls any any -> any any", "tls.sni", true},
	{"domain", "string", "http any any -> any any", "http.host", true},
	{"hostname", "string", "dns any any -> any any", "dns.query", false},
	{"hostname", "string", "tls any any -> any any", "tls.sni", false},
	{"hostname", "string", "http any any -> any any", "http.host", false},
	{"url", "string", "http any any -> any any", "http.uri.raw", false},
	{"user-agent", "string", "http any any -> any any", "http.user_agent", false},
	{"ja3", "string", "tls any any -> any any", "ja3.hash", false},
	{"cert-sha1", "string", "tls any any -> any any", "tls.cert_fingerprint", false},
	{"ip", "ip", "ip any any -> any any", "ip.src", false},
	{"ip", "ip", "ip any any -> any any", "ip.dst", false},
	{"filename", "string", "http any any -> any any", "file.name", false},
	{"filename", "string", "smtp any any -> any any", "file.name", false},
	{"filename", "string", "smb any any -> any any", "file.name", false},
};

static const struct {
	const char *set, *head, *keyword;
} list_rules[] = {
	{"md5", "http any any -> any any", "filemd5"},	     {"md5", "smtp any any -> any any", "filemd5"},
	{"sha1", "http any any -> any any", "filesha1"},     {"sha1", "smtp any any -> any any", "filesha1"},
	{"sha256", "http any any -> any any", "filesha256"}, {"sha256", "smtp any any -> any any", "filesha256"},
};

#define SET_RULES_MAX 100 /* IDS_BASE_MIN leaves so much room */

static void set_rule_open(struct sensor_run *r, const char *head, const char *set)
{
	struct rules_state *st = r->state;
	buf_str_add(r->out, st->ids.action);
	buf_printf(r->out, " %s (msg:\"", head);
	piece_text(r->out, str_trim(r->opts->source), "\\\":;|()", 60);
	buf_printf(r->out, " %s\"; ", set);
}

static void set_rule_close(struct sensor_run *r, uint32_t *sid)
{
	struct rules_state *st = r->state;
	buf_printf(r->out, " classtype:%.*s; sid:%u; rev:1;)\n", STR_ARG(st->ids.classtype), ++*sid);
}

static void set_rules_put(struct sensor_run *r)
{
	struct rules_state *st = r->state;
	/* right below the numbers of indicators */
	uint32_t sid = (uint32_t)st->ids.base - SET_RULES_MAX;
	for (size_t i = 0; i < ARRAY_LEN(set_rules); i++) {
		if (st->old && (strcmp(set_rules[i].type, "ip") == 0 ||
				strcmp(set_rules[i].buffer, "file.name") == 0))
			continue;
		for (size_t k = 0; k < (set_rules[i].cut ? ARRAY_LEN(cuts) : 1); k++) {
			set_rule_open(r, set_rules[i].head, set_rules[i].set);
			buf_printf(r->out, "%s; %sdataset:isset,tocsin-%s,type %s,load %.*stocsin-%s.lst;",
				   set_rules[i].buffer, cuts[k], set_rules[i].set, set_rules[i].type,
				   STR_ARG(st->folder), set_rules[i].set);
			set_rule_close(r, &sid);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(list_rules); i++) {
		set_rule_open(r, list_rules[i].head, list_rules[i].set);
		buf_printf(r->out, "%s:%.*stocsin-%s.lst;", list_rules[i].keyword, STR_ARG(st->folder),
			   list_rules[i].set);
		set_rule_close(r, &sid);
	}
}

/* Is it in one of the sets? */
static bool in_set(const struct rules_state *st, const struct indicator *i)
{
	if (!st->datasets)
		return false;
	if (i->kind == IND_IP)
		return !st->old && piece_one_address(i);
	if (i->kind == IND_FILENAME)
		return !st->old;
	return (IND_NAMES | IND_BIT(USER_AGENT) | IND_BIT(JA3) | IND_BIT(CERT_SHA1)) >> i->kind & 1;
}

static enum err rules_begin(struct sensor_run *r)
{
	struct rules_state *st = r->state;
	ids_read(r, &st->ids);
	st->folder = sensor_param_get(r, "folder");
	st->old = str_is(sensor_param_get(r, "version"), "6");
	st->datasets = piece_is_yes(r, "datasets");
	if (st->datasets)
		set_rules_put(r);
	return buf_err(r->out);
}

/* ---- rules of one indicator ---- */

static void rule_ip(struct ids *s)
{
	const struct indicator *i = s->i;
	OWN(buf) struct buf head = BUF(400);
	bool port = i->kind == IND_IP_PORT;
	struct str addr = i->value;
	if (port)
		addr = addr.p[0] == '[' ? str_sub(addr, 1, (size_t)str_chr(addr, ']') - 1)
					: str_sub(addr, 0, (size_t)str_chr(addr, ':'));
	if (i->direction == IND_FROM)
		buf_printf(&head, "ip [%.*s] ", STR_ARG(addr));
	else
		buf_printf(&head, "ip $HOME_NET any %s [%.*s] ", i->direction == IND_TO ? "->" : "<>",
			   STR_ARG(addr));
	if (port)
		buf_u64(&head, i->port);
	else
		buf_puts(&head, "any");
	if (i->direction == IND_FROM)
		buf_puts(&head, " -> $HOME_NET any");
	ids_open(s, buf_str(&head));
	s->r->out->n--; /* no keywords: the space stands before classtype */
	ids_close(s);
}

/* A name in a question, in the greeting of TLS, in the head of a request. */
static void rule_name(struct ids *s)
{
	static const struct {
		struct str head, buffer;
		bool nocase;
	} where[] = {{STR("dns any any -> any any"), STR("dns.query; "), true},
		     {STR("tls $HOME_NET any -> any any"), STR("tls.sni; "), true},
		     {STR("http $HOME_NET any -> any any"), STR("http.host; "), false}};
	struct buf *b = s->r->out;
	bool below = s->i->kind == IND_DOMAIN;
	for (size_t k = 0; k < ARRAY_LEN(where); k++) {
		ids_open(s, where[k].head);
		buf_str_add(b, where[k].buffer);
		if (below)
			PUT(b, "dotprefix; content:\".");
		else
			PUT(b, "content:\"");
		ids_bytes(b, s->i->value);
		PUT(b, "\"; ");
		if (below) {
			PUT(b, "endswith;");
		} else {
			PUT(b, "bsize:");
			buf_u64(b, s->i->value.n);
			PUT(b, ";");
		}
		if (where[k].nocase)
			PUT(b, " nocase;");
		ids_close(s);
	}
}

/* The whole of a buffer. */
static void rule_whole(struct ids *s, struct str head, const char *buffer, struct str v)
{
	struct buf *b = s->r->out;
	ids_open(s, head);
	buf_puts(b, buffer);
	PUT(b, "; ");
	ids_contents(s, v, "", false);
	PUT(b, " bsize:");
	buf_u64(b, v.n);
	PUT(b, ";");
	ids_close(s);
}

static bool rule_url(struct ids *s)
{
	struct buf *b = s->r->out;
	OWN(buf) struct buf path = BUF(64u << 10), host = BUF(64u << 10);
	struct piece_url u;
	if (!piece_url_split(s->i->value, &u) || !piece_url_is_http(&u))
		return false;
	for (size_t k = 0; k < u.host.n; k++)
		buf_putc(&host, (char)(u.host.p[k] | (u.host.p[k] >= 'A' && u.host.p[k] <= 'Z' ? 0x20 : 0)));
	if (!u.path.n || u.path.p[0] != '/')
		buf_putc(&path, '/');
	piece_percent(&path, u.path);
	if (host.n > 255)
		return false;
	ids_open(s, STR("http $HOME_NET any -> any any"));
	PUT(b, "http.host; ");
	ids_contents(s, buf_str(&host), "", false);
	PUT(b, " bsize:");
	buf_u64(b, host.n);
	PUT(b, "; http.uri.raw; ");
	ids_contents(s, buf_str(&path), "", false);
	PUT(b, " bsize:");
	buf_u64(b, path.n);
	PUT(b, ";");
	ids_close(s);
	return true;
}

static void rule_file(struct ids *s)
{
	static const struct str heads[] = {STR("http any any -> any any"), STR("smtp any any -> any any"),
					   STR("smb any any -> any any")};
	for (size_t k = 0; k < ARRAY_LEN(heads); k++)
		rule_whole(s, heads[k], "file.name", s->i->value);
}

/* In the dialogue of SMTP: the word, and soon behind it the value. */
static void rule_mail(struct ids *s, const char *word, struct str v)
{
	struct buf *b = s->r->out;
	ids_open(s, STR("smtp any any -> any any"));
	buf_printf(b, "flow:established,to_server; content:\"%s|3A|\"; nocase; ", word);
	size_t n = MIN(v.n, 200u);
	PUT(b, "content:\"");
	ids_bytes(b, str_sub(v, 0, n));
	PUT(b, "\"; nocase; distance:0; within:");
	buf_u64(b, n + 8);
	PUT(b, ";");
	ids_close(s);
}

static bool rules_of(struct ids *s)
{
	const struct indicator *i = s->i;
	OWN(buf) struct buf text = BUF(256);
	uint64_t bit = UINT64_C(1) << i->kind;
	if (bit & (IND_BIT(IP) | IND_BIT(IP_PORT)))
		rule_ip(s);
	else if (bit & IND_NAMES)
		rule_name(s);
	else if (bit & IND_BIT(URL))
		return rule_url(s);
	else if (bit & IND_BIT(USER_AGENT))
		rule_whole(s, STR("http any any -> any any"), "http.user_agent", i->value);
	else if (bit & IND_BIT(JA3))
		rule_whole(s, STR("tls any any -> any any"), "ja3.hash", i->value);
	else if (bit & IND_BIT(FILENAME))
		rule_file(s);
	else if (bit & IND_BIT(SUBJECT))
		rule_mail(s, "Subject", i->value);
	else if (bit & IND_BIT(CERT_SHA1)) {
		piece_colons(&text, i->value);
		rule_whole(s, STR("tls any any -> any any"), "tls.cert_fingerprint", buf_str(&text));
	} else {
		if (bit & (IND_BIT(EMAIL) | IND_BIT(EMAIL_SRC)))
			rule_mail(s, "MAIL FROM", i->value);
		if (bit & (IND_BIT(EMAIL) | IND_BIT(EMAIL_DST)))
			rule_mail(s, "RCPT TO", i->value);
	}
	return true;
}

static enum err rules_item(struct sensor_run *r, const struct indicator *i)
{
	struct rules_state *st = r->state;
	size_t at = r->out->n;
	bool good;
	if (in_set(st, i))
		return ERR_OK;
	if (i->kind == IND_FILENAME && st->old)
		return piece_left_out(r);
	st->ids.i = i;
	st->ids.rules = 0;
	good = i->kind == IND_SURICATA ? ids_foreign(&st->ids, i->value) : rules_of(&st->ids);
	TRY(buf_err(r->out));
	if (!good || ids_too_long(r->out, at)) {
		r->out->n = at;
		return piece_left_out(r);
	}
	r->entries += st->ids.rules;
	return ERR_OK;
}

const struct sensor_format sensor_suricata_rules = {
	.name = "suricata-rules",
	.kinds = IND_BIT(IP) | IND_BIT(IP_PORT) | IND_NAMES | IND_BIT(URL) | IND_BIT(USER_AGENT) |
		 IND_BIT(JA3) | IND_BIT(CERT_SHA1) | IND_BIT(FILENAME) | KINDS_EMAILS | IND_BIT(SUBJECT) |
		 IND_BIT(SURICATA),
	.flags = SENSOR_CONTEXT | SENSOR_NUMBERED,
	.params = params,
	.state_size = sizeof(struct rules_state),
	.begin = rules_begin,
	.item = rules_item,
};
