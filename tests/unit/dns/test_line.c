/* test_line.c - lines of zone files: what is a record, and what it says. */
#include "dns/line.h"

#include <stdio.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static const struct {
	const char *line, *want; /* NULL: none */
} lines[] = {
	{"evil.example CNAME .", "evil.example.rpz.z. 60 5 ."},
	{"*.evil.example CNAME *.", "*.evil.example.rpz.z. 60 5 *."},
	{"EVIL.example. 7 IN cname rpz-drop.", "evil.example. 7 5 rpz-drop."},
	{"x IN CNAME garden", "x.rpz.z. 60 5 garden.rpz.z."},
	{"32.4.3.2.1.rpz-ip\tCNAME\t. ; why\r\n", "32.4.3.2.1.rpz-ip.rpz.z. 60 5 ."},
	{"x A 192.0.2.1", "x.rpz.z. 60 1 192.0.2.1"},
	{"x 0 AAAA 2001:db8::1", "x.rpz.z. 0 28 2001:db8::1"},
	{"60 CNAME .", "60.rpz.z. 60 5 ."},
	{"; x CNAME .", NULL},
	{"$TTL 60", NULL},
	{" CNAME .", NULL},
	{"", NULL},
	{"x CNAME", NULL},
	{"x CNAME . .", NULL},
	{"x MX 10 .", NULL},
	{"x A 192.0.2", NULL},
	{"x AAAA 192.0.2.1", NULL},
	{"x..y CNAME .", NULL},
	{"x CNAME a..b", NULL},
	{"x 2147483648 CNAME .", NULL},
	{"x", NULL},
};

static void show(const struct dns_line *l, char *out, size_t n)
{
	char owner[DNS_NAME_TEXT], target[DNS_NAME_TEXT] = "";
	dns_name_text(&l->owner, owner);
	if (l->r.type == DNS_CNAME)
		dns_name_text(&l->target, target);
	else if (l->r.type == DNS_A)
		snprintf(target, sizeof(target), "%u.%u.%u.%u", l->address[0], l->address[1], l->address[2],
			 l->address[3]);
	else
		snprintf(target, sizeof(target), "%x:%x::%x", l->address[0] << 8 | l->address[1],
			 l->address[2] << 8 | l->address[3], l->address[15]);
	snprintf(out, n, "%.1000s %u %u %.1000s", owner, l->r.ttl, l->r.type, target);
}

int main(void)
{
	struct dns_name zone;
	struct dns_line l;
	char got[2100];
	dns_name_from(STR("rpz.z."), NULL, &zone);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		bool fine = dns_line_read(str_c(lines[i].line), &zone, 60, &l);
		if (fine)
			show(&l, got, sizeof(got));
		if (lines[i].want)
			is_str(fine ? got : NULL, lines[i].want, "\"%s\"", lines[i].line);
		else
			ok(!fine, "\"%s\" is no record", lines[i].line);
	}
	return done_testing();
}
