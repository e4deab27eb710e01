/*
 * find.c - what a word is: the steps in MISP's order, the first that knows it wins. Facts of the
 * rules: rest-api.md section 6, appendix A.2, and recordings of free-text imports.
 */
#include "feeds/freetext/impl.h"

#include "model/ascii.h"
#include "model/ipaddr.h"

/* ---- kinds ---- */

enum kind {
	K_IP,
	K_IP_PORT,
	K_MD5,
	K_SHA1,
	K_SHA224,
	K_SHA256,
	K_SHA384,
	K_SHA512,
	K_FILE_MD5,
	K_FILE_SHA1,
	K_FILE_SHA224,
	K_FILE_SHA256,
	K_FILE_SHA384,
	K_FILE_SHA512,
	K_SSDEEP,
	K_FILE_SSDEEP,
	K_EMAIL,
	K_HOSTNAME,
	K_DOMAIN,
	K_LINK,
	K_URL,
	K_FILENAME,
	K_REGKEY,
	K_VULNERABILITY,
	K_PHONE,
	K_AS,
	K_BTC,
};

static const struct freetext_kind kinds[] = {
	[K_IP] = {ATTR_IP_DST, true, 3, {"ip-dst", "ip-src", "ip-src/ip-dst"}},
	[K_IP_PORT] = {ATTR_IP_DST_PORT,
		       true,
		       3,
		       {"ip-dst|port", "ip-src|port", "ip-src|port/ip-dst|port"}},
	[K_MD5] = {ATTR_MD5,
		   false,
		   4,
		   {"md5", "imphash", "x509-fingerprint-md5", "ja3-fingerprint-md5"}},
	[K_SHA1] = {ATTR_SHA1, false, 4, {"sha1", "pehash", "x509-fingerprint-sha1", "cdhash"}},
	[K_SHA224] = {ATTR_SHA224, false, 2, {"sha224", "sha512/224"}},
	[K_SHA256] = {ATTR_SHA256,
		      false,
		      4,
		      {"sha256", "authentihash", "sha512/256", "x509-fingerprint-sha256"}},
	[K_SHA384] = {ATTR_SHA384, false, 1, {"sha384"}},
	[K_SHA512] = {ATTR_SHA512, false, 1, {"sha512"}},
	[K_FILE_MD5] = {ATTR_FILENAME_MD5, false, 2, {"filename|md5", "filename|imphash"}},
	[K_FILE_SHA1] = {ATTR_FILENAME_SHA1, false, 2, {"filename|sha1", "filename|pehash"}},
	[K_FILE_SHA224] = {ATTR_FILENAME_SHA224,
			   false,
			   2,
			   {"filename|sha224", "filename|sha512/224"}},
	[K_FILE_SHA256] = {ATTR_FILENAME_SHA256,
			   false,
			   3,
			   {"filename|sha256", "filename|authentihash", "filename|sha512/256"}},
	[K_FILE_SHA384] = {ATTR_FILENAME_SHA384, false, 1, {"filename|sha384"}},
	[K_FILE_SHA512] = {ATTR_FILENAME_SHA512, false, 1, {"filename|sha512"}},
	[K_SSDEEP] = {ATTR_SSDEEP, false, 1, {"ssdeep"}},
	[K_FILE_SSDEEP] = {ATTR_FILENAME_SSDEEP, false, 1, {"filename|ssdeep"}},
	[K_EMAIL] = {ATTR_EMAIL_SRC,
		     false,
		     5,
		     {"email", "email-src", "email-dst", "target-email", "whois-registrant-email"}},
	[K_HOSTNAME] = {ATTR_HOSTNAME, true, 4, {"hostname", "domain", "url", "filename"}},
	[K_DOMAIN] = {ATTR_DOMAIN, true, 2, {"domain", "filename"}},
	[K_LINK] = {ATTR_LINK, true, 1, {"link"}},
	[K_URL] = {ATTR_URL, true, 1, {"url"}},
	[K_FILENAME] = {ATTR_FILENAME, false, 1, {"filename"}},
	[K_REGKEY] = {ATTR_REGKEY, false, 1, {"regkey"}},
	[K_VULNERABILITY] = {ATTR_VULNERABILITY, false, 1, {"vulnerability"}},
	[K_PHONE] = {ATTR_PHONE_NUMBER,
		     false,
		     3,
		     {"phone-number", "prtn", "whois-registrant-phone"}},
	[K_AS] = {ATTR_AS, false, 1, {"AS"}},
	[K_BTC] = {ATTR_BTC, false, 1, {"btc"}},
};
/* An address that stood in the text as it is: MISP says nothing of ports then. */
static const struct freetext_kind plain_ip = {
	ATTR_IP_DST, false, 3, {"ip-dst", "ip-src", "ip-src/ip-dst"}};

struct word {
	struct str raw; /* as in the text */
	struct str s;	/* undisguised, once that has been done; before: raw */
	struct str no_port, port; /* likewise */
	char *room; /* raw.n + 8 bytes */
	struct freetext_hit *out;
};

static bool found(struct word *w, enum kind k, struct str value)
{
	w->out->kind = &kinds[k];
	w->out->value = value;
	return true;
}

/* ---- addresses ---- */

static bool is_ip(struct str s)
{
	uint8_t a[16];
	return ipv4_parse(s, a) || ipv6_parse(s, a);
}

static bool is_network(struct str s)
{
	struct str addr;
	uint8_t a[16];
	uint64_t bits;
	struct str prefix = str_split(s, '/', &addr);
	if (!prefix.p || prefix.n > 3 || !str_u64(prefix, &bits))
		return false;
	return ipv4_parse(addr, a) ? bits <= 32 : ipv6_parse(addr, a) && bits <= 128;
}

static bool step_plain_ip(struct word *w)
{
	if (!is_ip(w->raw))
		return false;
	w->out->kind = &plain_ip;
	w->out->value = w->raw;
	return true;
}

static bool step_ip(struct word *w)
{
	struct str s = w->no_port;
	if (is_ip(w->s) || is_network(w->s)) {
		w->out->port = STR_NONE;
		return found(w, K_IP, w->s);
	}
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = str_sub(s, 1, s.n - 2);
	if (!is_ip(s))
		return is_network(s) && found(w, K_IP, s);
	if (!w->port.p)
		return found(w, K_IP, s);
	/* "ip|port" in the room: it is shorter than what stands there, brackets or not */
	memmove(w->room, s.p, s.n);
	w->room[s.n] = '|';
	memmove(w->room + s.n + 1, w->port.p, w->port.n);
	w->port = w->out->port = (struct str){w->room + s.n + 1, w->port.n};
	return found(w, K_IP_PORT, (struct str){w->room, s.n + 1 + w->port.n});
}

/* ---- digests ---- */

static const struct digest {
	uint8_t digits;
	enum kind alone, of_file;
} digests[] = {
	{32, K_MD5, K_FILE_MD5},	 {40, K_SHA1, K_FILE_SHA1},
	{56, K_SHA224, K_FILE_SHA224},	 {64, K_SHA256, K_FILE_SHA256},
	{96, K_SHA384, K_FILE_SHA384},	 {128, K_SHA512, K_FILE_SHA512},
};

/* blocksize:hash:hash. A time of day is none, nor is anything without a letter. */
static bool is_ssdeep(struct str s)
{
	unsigned colons = 0;
	bool letter = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == ':') {
			if (++colons > 2 || !i)
				return false;
		} else if (!colons ? !ascii_digit(c) :
				     !ascii_alnum(c) && c != '/' && c != '+') {
			return false;
		}
		letter |= colons && ascii_alnum(c) && !ascii_digit(c);
	}
	return colons == 2 && letter && s.p[s.n - 1] != ':';
}

static bool digest_of(struct str s, enum kind *alone, enum kind *of_file)
{
	if (s.n >= 32 && s.n <= 128 && ascii_all_hex(s))
		for (size_t i = 0; i < ARRAY_LEN(digests); i++)
			if (digests[i].digits == s.n) {
				*alone = digests[i].alone;
				*of_file = digests[i].of_file;
				return true;
			}
	*alone = K_SSDEEP;
	*of_file = K_FILE_SSDEEP;
	return is_ssdeep(s);
}

/* "x:\" or "x:/", or an extension that is not a number. */
static bool is_drive(struct str s)
{
	return s.n > 2 && ascii_alnum(s.p[0]) && !ascii_digit(s.p[0]) && s.p[1] == ':' &&
	       (s.p[2] == '\\' || s.p[2] == '/');
}

static bool is_filename(struct str s)
{
	size_t dot = s.n;
	bool number = true;
	if (is_drive(s))
		return true;
	while (dot && s.p[dot - 1] != '.')
		dot--;
	if (dot < 2 || dot == s.n)
		return false;
	for (size_t i = dot; i < s.n; i++) {
		if (!ascii_alnum(s.p[i]))
			return false;
		number &= ascii_digit(s.p[i]);
	}
	return !number;
}

static bool step_digest(struct word *w)
{
	struct str file;
	enum kind alone, of_file;
	struct str rest = str_split(w->raw, '|', &file);
	if (rest.p)
		return !ascii_has(rest, '|') && digest_of(rest, &alone, &of_file) &&
		       is_filename(file) && found(w, of_file, w->raw);
	return digest_of(w->raw, &alone, &of_file) && found(w, alone, w->raw);
}

/* ---- disguises ---- */

struct mark {
	struct str mark;
	const char *plain;
};
static const struct mark marks[] = {
	{{"[dot]", 5}, "."},
	{{"(dot)", 5}, "."},
	{{"[at]", 4}, "@"},
	{{"[hxxp://]", 9}, "http://"},
};

static size_t disguised_scheme(struct str s)
{
	static const struct str forms[] = {
		{"hxxp", 4}, {"hxtp", 4}, {"htxp", 4}, {"meow", 4}, {"htp", 3}};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_eq_nocase(str_sub(s, 0, forms[i].n), forms[i]))
			return forms[i].n;
	return 0;
}

/* What stands for something else at `at`: its length, and what it stands for. */
static size_t disguise_at(struct str s, size_t at, struct str *plain)
{
	if (s.p[at] == '[' && at + 2 < s.n && s.p[at + 2] == ']' && s.p[at + 1] != ']') {
		*plain = str_sub(s, at + 1, 1); /* [.] [:] [@] and any other letter */
		return 3;
	}
	if (s.p[at] == '[' || s.p[at] == '(')
		for (size_t i = 0; i < ARRAY_LEN(marks); i++)
			if (str_eq_nocase(str_sub(s, at, marks[i].mark.n), marks[i].mark)) {
				*plain = str_c(marks[i].plain);
				return marks[i].mark.n;
			}
	return 0;
}

/* Never a hit itself: writes the word without disguise into the room, and cuts a port off. */
static bool step_undisguise(struct word *w)
{
	size_t n = 0, scheme = disguised_scheme(w->raw);
	struct str s = w->raw, plain;
	if (scheme) {
		memcpy(w->room, "http", 4);
		n = 4;
	}
	for (size_t i = scheme, len; i < s.n; i += len) {
		len = disguise_at(s, i, &plain);
		if (!len) {
			len = 1;
			plain = str_sub(s, i, 1);
			if (scheme && i == scheme && s.p[i] == 'S')
				plain = STR("s");
		}
		memcpy(w->room + n, plain.p, plain.n);
		n += plain.n;
	}
	while (n && w->room[n - 1] == '.')
		n--;
	w->s = w->no_port = (struct str){w->room, n};
	size_t at = n;
	while (at && ascii_digit(w->room[at - 1]))
		at--;
	if (at && w->room[at - 1] == ':' && n - at >= 2 && n - at <= 5) {
		w->no_port = str_sub(w->s, 0, at - 1);
		w->port = w->out->port = str_sub(w->s, at, n);
	}
	return false;
}

/* ---- names ---- */

static bool step_email(struct word *w)
{
	struct str s = w->s, user;
	if (str_has_prefix(s, STR("mailto:")))
		s = str_sub(s, 7, s.n);
	struct str host = str_split(s, '@', &user);
	if (!host.p || !user.n || ascii_has(host, '@') || !ascii_has(host, '.') ||
	    !host_labels(host))
		return false;
	for (size_t i = 0; i < user.n; i++)
		if (!ascii_alnum(user.p[i]) &&
		    !(user.p[i] && strchr("!#$%&'*+/=?^_`{|}~.-", user.p[i])))
			return false;
	if (user.p[0] == '.' || user.p[user.n - 1] == '.')
		return false;
	w->out->port = STR_NONE;
	return found(w, K_EMAIL, s);
}

static bool step_host(struct word *w)
{
	unsigned labels = host_labels(w->no_port);
	if (!labels || !host_has_tld(w->no_port))
		return false;
	return found(w, labels > 2 ? K_HOSTNAME : K_DOMAIN, w->no_port);
}

/* Reports about a thing are links, the thing itself is a URL. */
static bool is_vendor(struct str host)
{
	static const struct str vendors[] = {{"virustotal.com", 14}, {"hybrid-analysis.com", 19}};
	for (size_t i = 0; i < ARRAY_LEN(vendors); i++) {
		struct str v = vendors[i];
		if (host.n < v.n || !str_eq_nocase(str_sub(host, host.n - v.n, v.n), v))
			continue;
		if (host.n == v.n || host.p[host.n - v.n - 1] == '.')
			return true;
	}
	return false;
}

/* Without a scheme: a dot, and no fractions ("1.5/2") or bad prefix lengths. */
static bool is_bare_url(struct str s, struct str host)
{
	struct str head, path = str_split(s, '/', &head);
	if (is_ip(host))
		return !ascii_all_digits(path);
	return ascii_has(s, '.') && (ascii_has_letter(host, 'a') || ascii_has_letter(host, 'A') ||
				     !ascii_only(host));
}

static bool step_url(struct word *w)
{
	struct url_parts u;
	if (!url_split(w->s, &u) || (!u.scheme.p && !is_bare_url(w->s, u.host)))
		return false;
	if (str_eq_nocase(u.scheme, STR("https")) && is_vendor(u.host))
		return found(w, K_LINK, w->s);
	return u.slash && found(w, K_URL, w->s);
}

/* Brackets are common in file names ("report[1].doc"): only dots are undisguised there. */
static bool step_file(struct word *w)
{
	bool disguised = str_find(w->raw, STR("[.]")) >= 0 || str_find(w->raw, STR("[dot]")) >= 0;
	struct str s = disguised ? w->s : w->raw;
	w->out->port = STR_NONE;
	if (!ascii_has(s, '\\'))
		return is_filename(s) && found(w, K_FILENAME, s);
	size_t last = s.n;
	while (s.p[last - 1] != '\\')
		last--;
	if (ascii_has(str_sub(s, last, s.n), '.') || is_drive(s))
		return found(w, K_FILENAME, s);
	return last > 1 && last < s.n && found(w, K_REGKEY, s);
}

/* ---- the rest ---- */

static bool step_vulnerability(struct word *w)
{
	struct str s = w->raw;
	if (s.n < 13 || !str_eq_nocase(str_sub(s, 0, 4), STR("CVE-")) || s.p[8] != '-' ||
	    !ascii_all_digits(str_sub(s, 4, 4)) || !ascii_all_digits(str_sub(s, 9, s.n)))
		return false;
	memcpy(w->room, "CVE", 3);
	memcpy(w->room + 3, s.p + 3, s.n - 3);
	return found(w, K_VULNERABILITY, (struct str){w->room, s.n});
}

static bool is_date(struct str s)
{
	return s.n == 10 && s.p[4] == '-' && s.p[7] == '-' && ascii_all_digits(str_sub(s, 0, 4)) &&
	       ascii_all_digits(str_sub(s, 5, 2)) && ascii_all_digits(str_sub(s, 8, 2));
}

/* +47-22-00-00-00, 555-0100, +44(0)20-123: digits, '-' and '/', and one "(0)" behind the country. */
static bool step_phone(struct word *w)
{
	struct str s = w->raw;
	size_t i = s.n && s.p[0] == '+', from = i, digits = 0;
	if (is_date(s) || (!from && !ascii_has(s, '-')))
		return false;
	while (i < s.n) {
		if (ascii_digit(s.p[i]))
			digits++;
		else if (i > from && i <= from + 3 && str_eq(str_sub(s, i, 3), STR("(0)")))
			i += 2;
		else if (s.p[i] != '-' && s.p[i] != '/')
			return false;
		i++;
	}
	return s.n - from >= 6 && digits >= 5 && digits <= 20 && ascii_digit(s.p[s.n - 1]) &&
	       found(w, K_PHONE, s);
}

static bool step_as(struct word *w)
{
	struct str s = w->raw;
	return s.n > 2 && s.n <= 12 && s.p[0] == 'A' && s.p[1] == 'S' &&
	       ascii_all_digits(str_sub(s, 2, s.n)) && found(w, K_AS, s);
}

static bool step_btc(struct word *w)
{
	struct str s = w->raw;
	bool segwit = str_has_prefix(s, STR("bc1"));
	if (segwit ? s.n < 14 || s.n > 74 :
		     s.n < 26 || s.n > 35 || (s.p[0] != '1' && s.p[0] != '3'))
		return false;
	for (size_t i = segwit ? 3 : 1; i < s.n; i++)
		if (!ascii_alnum(s.p[i]) ||
		    strchr(segwit ? "1bioABCDEFGHIJKLMNOPQRSTUVWXYZ" : "0OIl", s.p[i]))
			return false;
	return found(w, K_BTC, s);
}

static bool (*const steps[])(struct word *w) = {
	step_plain_ip, step_digest, step_undisguise, step_email, step_ip,  step_host, step_url,
	step_file,     step_vulnerability, step_phone, step_as,	   step_btc,
};

/* Most words of a text are nothing but letters: no digit and none of these. */
static bool is_plain(struct str s)
{
	if (s.n >= 32)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < '@' ? c != '-' : c == '@' || c == '[' || c == '\\')
			return false;
	}
	return true;
}

bool freetext_word(struct str word, char *room, struct freetext_hit *out)
{
	struct word w = {.raw = word, .s = word, .no_port = word, .room = room, .out = out};
	*out = (struct freetext_hit){.original = word};
	if (!word.n || word.n > FREETEXT_VALUE_MAX || is_plain(word))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i](&w))
			return true;
	return false;
}
