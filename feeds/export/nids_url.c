/*
 * nids_url.c - the two cases of IDS rules that need some parsing: URLs for Suricata, and rules that
 * were shared as attributes and get our numbers and message.
 */
#include "feeds/export/nids.h"

/* ---- URLs ---- */

struct url {
	struct str scheme, host, port, path; /* absent when not there */
};

/* As PHP's parse_url() splits "scheme://[user@]host[:port][/path][?..][#..]"; false: not that. */
static bool url_split(struct str s, struct url *u)
{
	ptrdiff_t at = str_find(s, STR("://"));
	uint64_t port;
	*u = (struct url){STR_NONE, STR_NONE, STR_NONE, STR_NONE};
	if (at <= 0)
		return false;
	u->scheme = str_sub(s, 0, (size_t)at);
	struct str rest = str_sub(s, (size_t)at + 3, s.n);
	size_t end = 0;
	while (end < rest.n && !strchr("/?#", rest.p[end]))
		end++;
	struct str host = str_sub(rest, 0, end);
	rest = str_sub(rest, end, rest.n);
	for (size_t i = host.n; i-- > 0;) {
		if (host.p[i] == '@') {
			host = str_sub(host, i + 1, host.n);
			break;
		}
	}
	for (size_t i = host.n; i-- > 0 && host.p[i] != ']';) {
		if (host.p[i] == ':') {
			u->port = str_sub(host, i + 1, host.n);
			host = str_sub(host, 0, i);
			break;
		}
	}
	if (u->port.p && u->port.n == 0)
		u->port = STR_NONE;
	if (u->port.p && (!str_u64(u->port, &port) || port > 65535))
		return false;
	u->host = host;
	if (rest.n && rest.p[0] == '/') {
		for (end = 0; end < rest.n && rest.p[end] != '?' && rest.p[end] != '#';)
			end++;
		u->path = str_sub(rest, 0, end);
	}
	return host.n > 0;
}

static void url_head(struct nids *n, const char *proto, struct str dst, struct str port,
		     struct str url)
{
	nids_open(n);
	buf_puts(n->b, proto);
	LIT(n->b, " $HOME_NET any -> ");
	buf_str_add(n->b, dst);
	buf_putc(n->b, ' ');
	buf_str_add(n->b, port);
	nids_msg(n, "Outgoing URL ");
	nids_escaped(n->b, text_beginning(url, MESSAGE_MAX));
	nids_content(n);
}

#define OUTSIDE STR("$EXTERNAL_NET")

static void http_rule(struct nids *n, const struct url *u, struct str url)
{
	url_head(n, "http", ip_version(u->host, false) ? u->host : OUTSIDE,
		 u->port.p ? u->port : STR("$HTTP_PORTS"), url);
	LIT(n->b, "flow:to_server,established; http.header; content:\"");
	nids_guarded(n->b, text_beginning(u->host, CONTENT_MAX));
	if (u->path.n) {
		LIT(n->b, "\"; fast_pattern; nocase; http.uri; content:\"");
		nids_guarded(n->b, text_beginning(u->path, CONTENT_MAX));
	}
	LIT(n->b, "\"; nocase;");
	nids_close(n, TAG_SESSION);
}

static void https_rule(struct nids *n, const struct url *u, struct str url)
{
	url_head(n, "tls", OUTSIDE, u->port.p ? u->port : STR("443"), url);
	LIT(n->b, "tls.sni; content:\"");
	nids_guarded(n->b, text_beginning(u->host, CONTENT_MAX));
	LIT(n->b, "\";");
	nids_close(n, TAG_SESSION);
}

void nids_suricata_url(struct nids *n, struct str url)
{
	struct url u;
	if (!url.n)
		return;
	bool ok = url_split(url, &u), by_address = ok && ip_version(u.host, false);
	if (ok && str_is(u.scheme, "http")) {
		http_rule(n, &u, url);
	} else if (ok && str_is(u.scheme, "https")) {
		https_rule(n, &u, url);
	} else if (ok && str_is(u.scheme, "ssh")) {
		if (!by_address)
			return;
		url_head(n, "tcp", u.host, STR("$SSH_PORTS"), url);
		LIT(n->b, "flow:to_server; app-layer-protocol:ssh;");
		nids_close(n, "");
	} else if (ok && str_is(u.scheme, "ftp")) {
		if (!by_address)
			return;
		url_head(n, "tcp", u.host, u.port.p ? u.port : STR("[20,21]"), url);
		LIT(n->b, "flow:to_server; app-layer-protocol:ftp;");
		nids_close(n, "");
	} else {
		url_head(n, "http", OUTSIDE, STR("any"), url);
		LIT(n->b, "flow:to_server,established; http.uri; content:\"");
		nids_escaped(n->b, text_beginning(url, CONTENT_MAX));
		LIT(n->b, "\"; fast_pattern; nocase;");
		nids_close(n, TAG_SESSION);
	}
}

/* ---- rules from outside ---- */

enum keyword { KW_SID, KW_REV, KW_CLASSTYPE, KW_MSG, KW_REFERENCE, KW_COUNT };
static const char *const keyword_names[] = {"sid", "rev", "classtype", "msg", "reference"};

static size_t skip_blank(struct str s, size_t i)
{
	while (i < s.n && (s.p[i] == ' ' || (s.p[i] >= '\t' && s.p[i] <= '\r')))
		i++;
	return i;
}

/* Length of "keyword : value ;" at `at`, 0 when there is none; *text gets what msg says. */
static size_t keyword_at(struct str s, size_t at, enum keyword k, struct str *text)
{
	size_t n = strlen(keyword_names[k]), i = at + n;
	if (!str_has_prefix(str_sub(s, at, s.n), str_c(keyword_names[k])))
		return 0;
	i = skip_blank(s, i);
	if (i >= s.n || s.p[i] != ':')
		return 0;
	i = skip_blank(s, i + 1);
	size_t from = i;
	if (k == KW_MSG) {
		if (i >= s.n || s.p[i] != '"')
			return 0;
		for (i = from + 1; i < s.n; i++) {
			size_t end = skip_blank(s, i + 1);
			if (s.p[i] != '"' || end >= s.n || s.p[end] != ';')
				continue;
			*text = str_sub(s, from + 1, i - from - 1);
			return end + 1 - at;
		}
		return 0;
	}
	while (i < s.n && s.p[i] != ';' && (k > KW_REV || (s.p[i] >= '0' && s.p[i] <= '9')))
		i++;
	size_t end = skip_blank(s, i);
	return i > from && end < s.n && s.p[end] == ';' ? end + 1 - at : 0;
}

static enum keyword keyword_find(struct str s, size_t at, size_t *len, struct str *text)
{
	char before = at ? s.p[at - 1] : ' ';
	if ((before >= 'a' && before <= 'z') || before == '_' || before == '.')
		return KW_COUNT;
	for (unsigned k = 0; k < KW_COUNT; k++) {
		*len = keyword_at(s, at, (enum keyword)k, text);
		if (*len)
			return (enum keyword)k;
	}
	return KW_COUNT;
}

static void keyword_put(struct nids *n, enum keyword k, bool had, struct str text)
{
	switch (k) {
	case KW_SID:
		LIT(n->b, "sid:");
		buf_u64(n->b, n->sid);
		buf_putc(n->b, ';');
		break;
	case KW_REV:
		LIT(n->b, "rev:1;");
		break;
	case KW_CLASSTYPE:
		LIT(n->b, "classtype:trojan-activity;");
		break;
	case KW_MSG:
		nids_msg_head(n);
		if (had) {
			LIT(n->b, "snort-rule | ");
			buf_str_add(n->b, text);
		}
		LIT(n->b, "\";");
		break;
	case KW_REFERENCE:
		nids_reference(n);
		break;
	case KW_COUNT:
		break;
	}
}

static void raw_put(struct buf *b, char c)
{
	buf_putc(b, c == '\r' || c == '\n' ? ' ' : c);
}

/* The next word of the head; brackets hold lists with spaces together. */
static struct str head_word(struct str s, size_t *at)
{
	size_t from = *at = skip_blank(s, *at), depth = 0;
	for (; *at < s.n; ++*at) {
		char c = s.p[*at];
		if (c == '[')
			depth++;
		else if (c == ']' && depth)
			depth--;
		else if (c == '(' || (!depth && skip_blank(s, *at) != *at))
			break;
	}
	return depth ? STR_NONE : str_sub(s, from, *at - from);
}

static bool is_action(struct str w)
{
	static const char *const actions[] = {"alert", "drop", "pass", "reject", "rejectsrc",
					      "rejectdst", "rejectboth", "log", "block", "sdrop"};
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (str_is(w, actions[i]))
			return true;
	return false;
}

/* "..", or !"..", with hexadecimal parts that are whole; nothing else may be quoted. */
static bool is_value(struct str key, struct str v)
{
	bool content = str_is(key, "content") || str_is(key, "uricontent");
	bool hex = false;
	size_t digits = 0;
	if (v.n && v.p[0] == '!')
		v = str_sub(v, skip_blank(v, 1), v.n);
	if (!v.n)
		return false;
	if (v.p[0] != '"')
		return !content && str_chr(v, '"') < 0;
	if (v.n < 2 || v.p[v.n - 1] != '"' || (content && v.n == 2))
		return false;
	for (size_t i = 1; i + 1 < v.n; i++) {
		char c = v.p[i];
		bool digit = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
		if (c == '\\' && !hex) {
			if (++i + 1 >= v.n)
				return false;
		} else if (c == '"') {
			return false;
		} else if (content && c == '|') {
			if (hex && (!digits || digits % 2))
				return false;
			hex = !hex;
			digits = 0;
		} else if (hex && c != ' ') {
			digits += digit;
			if (!digit)
				return false;
		}
	}
	return !hex;
}

/* One "key;" or "key:value;" from *at on. */
static bool is_option(struct str s, size_t *at)
{
	size_t from = *at = skip_blank(s, *at), colon = s.n, end;
	for (end = from; end < s.n && s.p[end] != ';'; end++) {
		if (s.p[end] == '\\')
			end++;
		else if (s.p[end] == ':' && colon == s.n)
			colon = end;
	}
	if (end >= s.n)
		return false;
	*at = end + 1;
	struct str key = str_trim(str_sub(s, from, MIN(colon, end) - from));
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];
		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		      strchr("._-", c)))
			return false;
	}
	if (colon >= end)
		return key.n > 0;
	return key.n > 0 && is_value(key, str_trim(str_sub(s, colon + 1, end - colon - 1)));
}

bool nids_is_rule(struct str s)
{
	size_t at = 0;
	struct str w;
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && skip_blank(s, i) == i) || s.p[i] == 0x7f)
			return false;
	s = str_trim(s);
	if (s.n > RULE_MAX || s.n < 2 || s.p[s.n - 1] != ')' || !is_action(head_word(s, &at)))
		return false;
	for (unsigned i = 0; i < 6; i++) {
		w = head_word(s, &at);
		if (!w.n || str_chr(w, ';') >= 0 || str_chr(w, '"') >= 0 || str_chr(w, '#') >= 0 ||
		    (i == 3 && !str_is(w, "->") && !str_is(w, "<>")))
			return false;
	}
	at = skip_blank(s, at);
	if (at >= s.n || s.p[at] != '(')
		return false;
	s = str_sub(s, 0, s.n - 1);
	unsigned options = 0;
	for (at++; (at = skip_blank(s, at)) < s.n; options++)
		if (!is_option(s, &at))
			return false;
	return options > 0;
}

/* Behind a ';' at the end of the options: those keywords that the rule has not. */
static size_t extras_put(struct nids *n, struct str s, size_t i, unsigned found)
{
	size_t end = skip_blank(s, i);
	if (end >= s.n || s.p[end] != ')' || found == (1u << KW_COUNT) - 1)
		return i;
	buf_putc(n->b, ' ');
	for (unsigned k = 0; k < KW_COUNT; k++)
		if (!(found & 1u << k))
			keyword_put(n, (enum keyword)k, false, STR_NONE);
	return end;
}

void nids_foreign_rule(struct nids *n, struct str s)
{
	unsigned found = 0;
	struct str text = STR_NONE;
	size_t len = 0;
	if (!nids_is_rule(s)) {
		LIT(n->b, "\n# not a rule: the attribute of sid ");
		buf_u64(n->b, n->sid);
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		enum keyword k = keyword_find(s, i, &len, &text);
		if (k != KW_COUNT) {
			found |= 1u << k;
			i += len - 1;
		}
	}
	buf_putc(n->b, '\n');
	for (size_t i = 0; i < s.n;) {
		enum keyword k = keyword_find(s, i, &len, &text);
		if (k != KW_COUNT) {
			size_t from = n->b->n;
			keyword_put(n, k, true, text);
			for (size_t c = from; c < n->b->n; c++)
				if (n->b->p[c] == '\n' || n->b->p[c] == '\r')
					n->b->p[c] = ' ';
			i = extras_put(n, s, i + len, found);
			continue;
		}
		raw_put(n->b, s.p[i]);
		i = s.p[i] == ';' ? extras_put(n, s, i + 1, found) : i + 1;
	}
}
