/*
 * validate.c - judge values after normalisation, with MISP's texts.
 *
 * A check returns an absent string when the value is good, else the text. Pairs have been found
 * to hold exactly one '|' before their check runs. Rules: rest-api.md section 5.3, recordings.
 */
#include "model/validate.h"

#include "base/own.h"
#include "base/uuid.h"
#include "model/ascii.h"
#include "model/datetime.h"
#include "model/ipaddr.h"
#include "model/normalise.h"

#define GOOD STR_NONE
#define OR_OTHER " Please double check the value or select type \"other\"."
#define BAD_VALUE STR("Value not in the right type/format." OR_OTHER)

/* What a check gets besides the value. */
struct subject {
	struct arena *arena;
	const struct type_row *row;
};

typedef struct str (*check_fn)(const struct subject *, struct str);

static struct str good_if(bool good, struct str text)
{
	return good ? GOOD : text;
}

/* ---- formats that other rooms use too ---- */

bool value_is_ipv4(struct str s)
{
	uint8_t addr[4];

	return ipv4_parse(s, addr);
}

bool value_is_ipv6(struct str s)
{
	uint8_t addr[16];

	return ipv6_parse(s, addr);
}

static bool is_ip(struct str s)
{
	return value_is_ipv4(s) || value_is_ipv6(s);
}

bool value_is_domain(struct str s)
{
	size_t dot = 0;
	bool underscore = false; /* behind the last dot */

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '.') {
			dot = i;
			underscore = false;
		} else if (c == '_') {
			underscore = true;
		} else if (!ascii_alnum(c) && c != '-') {
			return false;
		}
	}
	return dot > 0 && !underscore && s.n - dot > 2;
}

/* ---- hashes ---- */

static struct str check_any(const struct subject *u, struct str v)
{
	(void)u, (void)v;
	return GOOD;
}

static struct str check_line(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(!ascii_has(v, '\n'), STR("Value must not contain new line character."));
}

static struct str check_hex(const struct subject *u, struct str v)
{
	if (v.n == u->row->arg && ascii_all_hex(v))
		return GOOD;
	return arena_printf(u->arena,
			    "Checksum has an invalid length or format (expected: %u hexadecimal "
			    "characters)." OR_OTHER,
			    u->row->arg);
}

static struct str check_hex_any(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(ascii_all_hex(v), BAD_VALUE);
}

/* Cut a pair; is its first part a file name: not empty, one line? */
static bool file_part(struct str v, struct str *name, struct str *rest)
{
	*rest = str_split(v, '|', name);
	return name->n > 0 && !ascii_has(*name, '\n');
}

static struct str check_file_hex(const struct subject *u, struct str v)
{
	struct str name, hash;

	if (file_part(v, &name, &hash) && hash.n == u->row->arg && ascii_all_hex(hash))
		return GOOD;
	return arena_printf(u->arena,
			    "Checksum has an invalid length or format (expected: filename|%u "
			    "hexadecimal characters)." OR_OTHER,
			    u->row->arg);
}

#define PEHASH_TEXT(form, digits)                                                                  \
	"The input doesn't match the expected " form " format (expected: " digits                  \
	" hexadecimal characters). Keep in mind that MISP currently only supports SHA1 for "       \
	"PEhashes, if you would like to get the support extended to other hash types, make sure "  \
	"to create a github ticket about it at https://github.com/MISP/MISP!"

static struct str check_pehash(const struct subject *u, struct str v)
{
	return good_if(v.n == u->row->arg && ascii_all_hex(v), STR(PEHASH_TEXT("sha1", "40")));
}

static struct str check_file_pehash(const struct subject *u, struct str v)
{
	struct str name, hash;

	return good_if(file_part(v, &name, &hash) && hash.n == u->row->arg && ascii_all_hex(hash),
		       STR(PEHASH_TEXT("filename|sha1", "filename|40")));
}

static struct str check_vhash(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(!ascii_has(v, '\n'), BAD_VALUE);
}

static struct str check_file_vhash(const struct subject *u, struct str v)
{
	struct str name, hash;

	(void)u;
	return good_if(file_part(v, &name, &hash) && hash.n && !ascii_has(hash, '\n'),
		       STR("Checksum has an invalid length or format (expected: filename|string "
			   "characters)." OR_OTHER));
}

/* "number:text:text" without further colons; `strict` allows only base64 digits in the texts. */
static bool is_fuzzy_hash(struct str v, bool strict)
{
	struct str size, first, second;
	struct str rest = str_split(v, ':', &size);

	second = str_split(rest, ':', &first);
	if (!rest.p || !second.p || !ascii_all_digits(size) || ascii_has(second, ':'))
		return false;
	for (size_t i = 0; strict && i < rest.n; i++)
		if (!ascii_alnum(rest.p[i]) && !strchr("/+:", rest.p[i]))
			return false;
	return !ascii_has(v, '\0') && !ascii_has(v, '\n');
}

static struct str check_ssdeep(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_fuzzy_hash(v, true), STR("Invalid SSDeep hash. The format has to be "
						   "blocksize:hash:hash"));
}

static struct str check_file_ssdeep(const struct subject *u, struct str v)
{
	struct str name, hash;

	(void)u;
	return good_if(file_part(v, &name, &hash) && is_fuzzy_hash(hash, true),
		       STR("Invalid ssdeep hash (expected: blocksize:hash:hash)."));
}

#define IMPFUZZY_TEXT STR("Invalid impfuzzy format. The format has to be imports:hash:hash")

static struct str check_impfuzzy(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_fuzzy_hash(v, false), IMPFUZZY_TEXT);
}

static struct str check_file_impfuzzy(const struct subject *u, struct str v)
{
	struct str name, hash;

	(void)u;
	return good_if(file_part(v, &name, &hash) && is_fuzzy_hash(hash, false), IMPFUZZY_TEXT);
}

static bool is_tlsh(struct str v)
{
	if (v.n && v.p[0] == 't')
		v = str_sub(v, 1, v.n);
	return v.n > 35 && ascii_all_hex(v);
}

#define TLSH_FORM                                                                                  \
	"at least 35 hexadecimal characters, optionally starting with t1 instead of hexadecimal "  \
	"characters)." OR_OTHER

static struct str check_tlsh(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_tlsh(v), STR("Checksum has an invalid length or format (expected: "
				       TLSH_FORM));
}

static struct str check_file_tlsh(const struct subject *u, struct str v)
{
	struct str name, hash;

	(void)u;
	return good_if(file_part(v, &name, &hash) && is_tlsh(hash),
		       STR("TLSH hash has an invalid length or format (expected: filename|"
			   TLSH_FORM));
}

static struct str check_telfhash(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(v.n == 70 || v.n == 72,
		       STR("Checksum has an invalid length or format (expected: 70 or 72 "
			   "hexadecimal characters)." OR_OTHER));
}

static struct str check_cdhash(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(v.n >= 40 && ascii_all_hex(v),
		       STR("The input doesn't match the expected format (expected: 40 or more "
			   "hexadecimal characters)"));
}

/* ---- network ---- */

#define BAD_IP STR("IP address has an invalid format.")
#define BAD_PORT STR("Port numbers have to be integers between 1 and 65535.")

static struct str check_ip(const struct subject *u, struct str v)
{
	struct str addr, mask;
	uint64_t bits;

	(void)u;
	if (value_is_ipv4(v))
		return GOOD;
	mask = str_split(v, '/', &addr);
	if (!mask.p)
		return good_if(value_is_ipv6(v), BAD_IP);
	if (!str_u64(mask, &bits))
		return STR("Invalid CIDR notation value found.");
	if (value_is_ipv4(addr))
		return good_if(bits <= 32, STR("Invalid CIDR notation value found, for IPv4 must "
					       "be lower or equal 32."));
	if (value_is_ipv6(addr))
		return good_if(bits <= 128, STR("Invalid CIDR notation value found, for IPv6 must "
						"be lower or equal 128."));
	return BAD_IP;
}

static bool is_port(struct str v)
{
	uint64_t n;

	return str_u64(v, &n) && n >= 1 && n <= 65535;
}

static struct str check_port(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_port(v), BAD_PORT);
}

static struct str check_ip_port(const struct subject *u, struct str v)
{
	struct str addr, port = str_split(v, '|', &addr);

	(void)u;
	return is_ip(addr) ? good_if(is_port(port), BAD_PORT) : BAD_IP;
}

static struct str check_domain(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(value_is_domain(v), STR("Domain has an invalid format." OR_OTHER));
}

static struct str check_hostname(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(value_is_domain(v), STR("Hostname has an invalid format." OR_OTHER));
}

static struct str check_domain_ip(const struct subject *u, struct str v)
{
	struct str name, addr = str_split(v, '|', &name);

	(void)u;
	if (!value_is_domain(name))
		return STR("Domain has an invalid format.");
	return good_if(is_ip(addr), BAD_IP);
}

static struct str check_host_port(const struct subject *u, struct str v)
{
	struct str name, port = str_split(v, '|', &name);

	(void)u;
	if (!value_is_domain(name))
		return STR("Hostname has an invalid format.");
	return good_if(is_port(port), BAD_PORT);
}

/* One byte, no white space, '@', and a dot somewhere behind; no new line. */
static bool is_email(struct str v)
{
	size_t at = 1;

	while (at < v.n && v.p[at] != '@' && !ascii_space(v.p[at]))
		at++;
	return at < v.n && v.p[at] == '@' && !ascii_has(v, '\n') &&
	       ascii_has(str_sub(v, at + 1, v.n), '.');
}

static struct str check_email(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_email(v), STR("Email address has an invalid format." OR_OTHER));
}

static struct str check_mac(const struct subject *u, struct str v)
{
	if (v.n != u->row->arg * 3u - 1)
		return BAD_VALUE;
	for (size_t i = 0; i < v.n; i++)
		if (i % 3 == 2 ? v.p[i] != ':' : !ascii_hex(v.p[i]))
			return BAD_VALUE;
	return GOOD;
}

static struct str check_as(const struct subject *u, struct str v)
{
	uint64_t n;

	(void)u;
	return good_if(str_u64(v, &n) && n <= UINT32_MAX,
		       STR("AS number have to be integer between 1 and 4294967295"));
}

/* ---- links ---- */

/* Labels of letters, digits and inner hyphens, 63 bytes each, 253 in all; a final dot may stand. */
static bool is_strict_host(struct str v)
{
	size_t label = 0;

	if (v.n && v.p[v.n - 1] == '.')
		v.n--;
	if (!v.n || v.n > 253)
		return false;
	for (size_t i = 0; i <= v.n; i++) {
		char c = i < v.n ? v.p[i] : '.';

		if (c == '.') {
			if (!label || label > 63 || v.p[i - 1] == '-')
				return false;
			label = 0;
		} else {
			if (!ascii_alnum(c) && (c != '-' || !label))
				return false;
			label++;
		}
	}
	return true;
}

/* The host of "user:pass@host:port/path?query#part". */
static struct str url_host(struct str rest)
{
	size_t end = 0;
	ptrdiff_t at = -1, bracket;

	while (end < rest.n && !strchr("/?#", rest.p[end]))
		end++;
	rest = str_sub(rest, 0, end);
	for (size_t i = 0; i < rest.n; i++)
		if (rest.p[i] == '@')
			at = (ptrdiff_t)i;
	rest = str_sub(rest, (size_t)(at + 1), rest.n);
	bracket = rest.n && rest.p[0] == '[' ? str_chr(rest, ']') : -1;
	if (bracket > 0)
		return str_sub(rest, 0, (size_t)bracket + 1);
	(void)str_split(rest, ':', &rest);
	return rest;
}

/* An absolute URL of printable ASCII without blanks, with a host where its scheme needs one. */
static bool is_absolute_url(struct str v)
{
	struct str scheme, host, rest = str_split(v, ':', &scheme);

	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] <= ' ' || (unsigned char)v.p[i] >= 127)
			return false;
	if (!rest.p || !scheme.n || !rest.n)
		return false;
	for (size_t i = 0; i < scheme.n; i++)
		if (!ascii_alnum(scheme.p[i]) && !strchr("+-.", scheme.p[i]))
			return false;
	if (!str_has_prefix(rest, STR("//")))
		return str_eq_nocase(scheme, STR("mailto")) || str_eq_nocase(scheme, STR("news"));
	host = url_host(str_sub(rest, 2, rest.n));
	if (!str_eq_nocase(scheme, STR("http")) && !str_eq_nocase(scheme, STR("https")))
		return host.n || str_eq_nocase(scheme, STR("file"));
	if (host.n > 2 && host.p[0] == '[')
		return value_is_ipv6(str_sub(host, 1, host.n - 2));
	return is_strict_host(host);
}

static struct str check_link(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_absolute_url(v), BAD_VALUE);
}

/* ---- numbers ---- */

/* Sign, digits, dot, digits, exponent: what PHP calls numeric. */
static bool is_numeric(struct str v)
{
	size_t i = 0, digits = 0, from;

	if (i < v.n && (v.p[i] == '+' || v.p[i] == '-'))
		i++;
	for (; i < v.n && ascii_digit(v.p[i]); i++)
		digits++;
	if (i < v.n && v.p[i] == '.')
		for (i++; i < v.n && ascii_digit(v.p[i]); i++)
			digits++;
	if (!digits || i == v.n)
		return digits > 0;
	if ((v.p[i] | 0x20) != 'e')
		return false;
	i++;
	if (i < v.n && (v.p[i] == '+' || v.p[i] == '-'))
		i++;
	for (from = i; i < v.n && ascii_digit(v.p[i]); i++)
		;
	return i == v.n && i > from;
}

static struct str check_numeric(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_numeric(v), BAD_VALUE);
}

static struct str check_integer(const struct subject *u, struct str v)
{
	(void)u;
	if (v.n && v.p[0] == '-')
		v = str_sub(v, 1, v.n);
	return good_if(ascii_all_digits(v), STR("The value has to be an integer value."));
}

static struct str check_whole(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(ascii_all_digits(v),
		       STR("The value has to be a whole number greater or equal 0."));
}

static struct str check_alnum(const struct subject *u, struct str v)
{
	(void)u;
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_alnum(v.p[i]))
			return BAD_VALUE;
	return GOOD;
}

/* ---- identifiers ---- */

/* Databases besides CVE whose identifiers are taken, as younger MISPs do. */
static const struct str vulnerability_sources[] = {
	{"GHSA-", 5},	 {"PYSEC-", 6},	  {"GSD-", 4},	     {"MAL-", 4},   {"WID-SEC-W-", 10},
	{"NCSC-", 5},	 {"SSA-", 4},	  {"RHSA-", 5},	     {"RHBA-", 5},  {"RHEA-", 5},
	{"ICSA-", 5},	 {"ICSMA-", 6},	  {"VA-", 3},	     {"SCA-", 4},   {"NN-", 3},
	{"OXAS-ADV-", 9}, {"MSRC_CVE-", 9}, {"cisco-sa-", 9}, {"VAR-", 4},   {"JVNDB-", 6},
	{"TS-", 3},	 {"SUSE-SU-", 8}, {"openSUSE-SU-", 12}, {"CNVD-", 5}, {"CNNVD-", 6},
	{"CERTFR-", 7},
};

/* "1234-12345": four digits, then at least four. */
static bool is_year_number(struct str v)
{
	return v.n >= 9 && ascii_all_digits(str_sub(v, 0, 4)) && v.p[4] == '-' &&
	       ascii_all_digits(str_sub(v, 5, v.n));
}

static bool is_vulnerability(struct str v)
{
	struct str authority;

	if (str_has_prefix(v, STR("CVE-")))
		return is_year_number(str_sub(v, 4, v.n));
	if (str_has_prefix(v, STR("GCVE-"))) {
		v = str_split(str_sub(v, 5, v.n), '-', &authority);
		return ascii_all_digits(authority) && is_year_number(v);
	}
	for (size_t i = 0; i < ARRAY_LEN(vulnerability_sources); i++) {
		struct str source = vulnerability_sources[i];
		struct str rest = str_sub(v, source.n, v.n);

		if (!str_eq_nocase(str_sub(v, 0, source.n), source))
			continue;
		for (size_t k = 0; k < rest.n; k++)
			if (!ascii_alnum(rest.p[k]) && !strchr("-_.:", rest.p[k]))
				return false;
		return rest.n >= 3 && !ascii_has(rest, '\0');
	}
	return false;
}

static struct str check_vulnerability(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_vulnerability(v), STR("Invalid format. Expected: CVE-xxxx-xxxx..."));
}

static struct str check_weakness(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(str_has_prefix(v, STR("CWE-")) && ascii_all_digits(str_sub(v, 4, v.n)),
		       STR("Invalid format. Expected: CWE-x..."));
}

/* MISP looks for a known name anywhere in the value. */
static struct str check_http_method(const struct subject *u, struct str v)
{
	static const char *const methods[] = {
		"GET",	  "POST",   "HEAD",	"PUT",	  "DELETE",   "CONNECT", "OPTIONS",
		"TRACE",  "PATCH",  "PROPFIND", "PROPPATCH", "MKCOL", "COPY",	 "MOVE",
		"LOCK",	  "UNLOCK", "REPORT",	"CHECKOUT", "CHECKIN", "MERGE",	 "UPDATE",
		"LABEL",  "ACL",    "SEARCH",	"ORDERPATCH", "MKACTIVITY", "MKWORKSPACE",
		"VERSION-CONTROL", "BASELINE-CONTROL"};

	(void)u;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_find(v, str_c(methods[i])) >= 0)
			return GOOD;
	return STR("Unknown HTTP method.");
}

static bool is_ssh_fingerprint(struct str v)
{
	if (str_has_prefix(v, STR("SHA256:"))) {
		v = str_sub(v, 7, v.n);
		if (v.n == 44 && v.p[43] == '=')
			v.n--;
		for (size_t i = 0; i < v.n; i++)
			if (!ascii_alnum(v.p[i]) && v.p[i] != '+' && v.p[i] != '/')
				return false;
		return v.n == 43; /* 32 bytes in base64 without padding */
	}
	if (str_has_prefix(v, STR("MD5:")))
		v = str_sub(v, 4, v.n);
	if (v.n == 32)
		return ascii_all_hex(v);
	for (size_t i = 0; i < v.n; i++)
		if (i % 3 == 2 ? v.p[i] != ':' : !ascii_hex(v.p[i]))
			return false;
	return v.n == 47;
}

static struct str check_ssh_fingerprint(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(is_ssh_fingerprint(v),
		       STR("SSH fingerprint must be in MD5 or SHA256 format."));
}

/* Version 2 has 16 base32 digits; version 3 has 56 and its last byte, the version, is 3. */
static struct str check_onion(const struct subject *u, struct str v)
{
	static const struct str suffix = {".onion", 6};
	struct str bad = STR("Onion address has an invalid format.");

	(void)u;
	if (!str_has_suffix(v, suffix))
		return bad;
	v.n -= suffix.n;
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_lower(v.p[i]) && (v.p[i] < '2' || v.p[i] > '7'))
			return bad;
	return good_if(v.n == 16 || (v.n == 56 && v.p[55] == 'd'), bad);
}

static struct str check_service_name(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(v.n <= 256 && !ascii_has(v, '/') && !ascii_has(v, '\\'),
		       STR("Invalid format. Only values shorter than 256 characters that don't "
			   "include any forward or backward slashes are allowed."));
}

static struct str check_datetime(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(datetime_is_value(v),
		       STR("Datetime has to be in the ISO 8601 format."));
}

static struct str check_json(const struct subject *u, struct str v)
{
	(void)u;
	return good_if(value_is_json(v), BAD_VALUE);
}

static struct str check_uuid(const struct subject *u, struct str v)
{
	struct uuid id;

	(void)u;
	return good_if(uuid_parse(v, &id), BAD_VALUE);
}

static const check_fn checks[CHECK_COUNT] = {
	[CHECK_ANY] = check_any,
	[CHECK_LINE] = check_line,
	[CHECK_HEX] = check_hex,
	[CHECK_HEX_ANY] = check_hex_any,
	[CHECK_FILE_HEX] = check_file_hex,
	[CHECK_PEHASH] = check_pehash,
	[CHECK_FILE_PEHASH] = check_file_pehash,
	[CHECK_VHASH] = check_vhash,
	[CHECK_FILE_VHASH] = check_file_vhash,
	[CHECK_SSDEEP] = check_ssdeep,
	[CHECK_FILE_SSDEEP] = check_file_ssdeep,
	[CHECK_IMPFUZZY] = check_impfuzzy,
	[CHECK_FILE_IMPFUZZY] = check_file_impfuzzy,
	[CHECK_TLSH] = check_tlsh,
	[CHECK_FILE_TLSH] = check_file_tlsh,
	[CHECK_TELFHASH] = check_telfhash,
	[CHECK_CDHASH] = check_cdhash,
	[CHECK_IP] = check_ip,
	[CHECK_IP_PORT] = check_ip_port,
	[CHECK_DOMAIN] = check_domain,
	[CHECK_HOSTNAME] = check_hostname,
	[CHECK_DOMAIN_IP] = check_domain_ip,
	[CHECK_HOST_PORT] = check_host_port,
	[CHECK_PORT] = check_port,
	[CHECK_EMAIL] = check_email,
	[CHECK_LINK] = check_link,
	[CHECK_MAC] = check_mac,
	[CHECK_AS] = check_as,
	[CHECK_NUMERIC] = check_numeric,
	[CHECK_INTEGER] = check_integer,
	[CHECK_WHOLE] = check_whole,
	[CHECK_ALNUM] = check_alnum,
	[CHECK_VULNERABILITY] = check_vulnerability,
	[CHECK_WEAKNESS] = check_weakness,
	[CHECK_HTTP_METHOD] = check_http_method,
	[CHECK_SSH_FINGERPRINT] = check_ssh_fingerprint,
	[CHECK_ONION] = check_onion,
	[CHECK_SERVICE_NAME] = check_service_name,
	[CHECK_DATETIME] = check_datetime,
	[CHECK_JSON] = check_json,
	[CHECK_UUID] = check_uuid,
};

/* ---- the whole ---- */

/* Nothing but control characters? The first byte answers for nearly all values. */
static bool only_controls(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] >= ' ' && v.p[i] != 127)
			return false;
	return true;
}

/* Rules for all types, then that of the type. */
static struct str judge(const struct subject *u, struct str v, struct str v1, struct str v2)
{
	if (v.n == 0)
		return STR("Value cannot be empty.");
	if (only_controls(v))
		return STR("Value provided consists purely of control characters and is therefore "
			   "considered to be empty.");
	if (v1.n > ATTR_VALUE_MAX || v2.n > ATTR_VALUE_MAX)
		return STR("The entered string is too long and would get truncated. Please "
			   "consider adding the data as an attachment instead");
	if (type_is_pair(u->row) && (v1.n == v.n || ascii_has(v2, '|')))
		return STR("Composite type found but the value not in the composite "
			   "(value1|value2) format.");
	return checks[u->row->check](u, v);
}

static struct str normalise(struct arena *a, const struct type_row *row, struct str v)
{
	v = str_trim(v.p ? v : STR(""));
	if (row->refang != REFANG_NONE)
		v = normalise_refang(a, (enum type_refang)row->refang, v);
	if (v.p && row->normaliser != NORM_NONE)
		v = normalise_value(a, (enum type_norm)row->normaliser, v);
	return v;
}

struct str attr_normalise(struct arena *a, enum attr_type type, struct str value)
{
	const struct type_row *row = type_get(type);

	return row ? normalise(a, row, value) : value;
}

enum err attr_normalise_validate(struct arena *a, enum attr_type type, struct str value_in,
				 bool was_number, struct str *value_out, struct str *value1,
				 struct str *value2, struct attr_problem *problem)
{
	struct subject u = {a, type_get(type)};
	struct str text;

	(void)was_number; /* MISP 2.5.1 minds, and so refuses every integer; we need not */
	*problem = (struct attr_problem){NULL, STR_NONE};
	*value_out = *value1 = value_in;
	*value2 = STR("");
	if (!u.row) {
		*problem = (struct attr_problem){"type", STR("Invalid type.")};
		return ERR_INVAL;
	}
	*value_out = normalise(a, u.row, value_in);
	if (!value_out->p)
		return ERR_LIMIT;
	type_split(type, *value_out, value1, value2);
	text = judge(&u, *value_out, *value1, *value2);
	if (!text.p)
		return arena_overflowed(a) ? ERR_LIMIT : ERR_OK;
	*problem = (struct attr_problem){"value", text};
	return ERR_INVAL;
}
