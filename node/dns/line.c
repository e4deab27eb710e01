/*
 * line.c - one line of a zone file (RFC 1035 5.1), of the types that policy zones are made of. The owner
 * stands in the line: "as above" is for readers of whole files.
 */
#include "dns/line.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str word(struct str *line)
{
	const char *p = line->p, *end = p + line->n;
	while (p < end && is_space(*p))
		p++;
	const char *begin = p;
	while (p < end && ((unsigned char)*p > ' ' || !is_space(*p)) && *p != ';')
		p++;
	*line = (struct str){p, (size_t)(end - p)};
	return (struct str){begin, (size_t)(p - begin)};
}

static bool address(struct str w, int family, struct dns_line *out, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	if (w.n >= sizeof(text) || memchr(w.p, 0, w.n))
		return false;
	memcpy(text, w.p, w.n);
	text[w.n] = 0;
	out->r.rdata = (struct str){(const char *)out->address, n};
	return inet_pton(family, text, out->address) == 1;
}

static bool data(struct str type, struct str w, const struct dns_name *zone, struct dns_line *out)
{
	if (str_eq_nocase(type, STR("CNAME"))) {
		out->r.type = DNS_CNAME;
		if (!dns_name_from(w, zone, &out->target))
			return false;
		out->r.rdata = dns_name_str(&out->target);
		return true;
	}
	if (str_eq_nocase(type, STR("A"))) {
		out->r.type = DNS_A;
		return address(w, AF_INET, out, 4);
	}
	out->r.type = DNS_AAAA;
	return str_eq_nocase(type, STR("AAAA")) && address(w, AF_INET6, out, 16);
}

bool dns_line_read(struct str line, const struct dns_name *zone, uint32_t ttl, struct dns_line *out)
{
	uint64_t seconds;
	out->r = (struct dns_record){0};
	if (!line.n || is_space(line.p[0]) || line.p[0] == '$' ||
	    !dns_name_from(word(&line), zone, &out->owner))
		return false;
	struct str w = word(&line);
	if (str_u64(w, &seconds))
		w = word(&line);
	else
		seconds = ttl;
	if (str_eq_nocase(w, STR("IN")))
		w = word(&line);
	if (seconds > INT32_MAX || !data(w, word(&line), zone, out))
		return false;
	out->r.owner = dns_name_str(&out->owner);
	out->r.ttl = (uint32_t)seconds;
	w = word(&line);
	return !w.n && (!line.n || line.p[0] == ';');
}
