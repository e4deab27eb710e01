/* test_msg.c - writing messages: compression is undone by the reader, limits hold. */
#include "dns/msg.h"

#include <stdio.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static uint8_t space[DNS_MSG_MAX];
static struct dns_suffixes suffixes;

static struct dns_name name(const char *text)
{
	struct dns_name n;
	if (!dns_name_from(str_c(text), NULL, &n))
		bail_out("%s", text);
	return n;
}

static bool add(struct dns_msg *m, const char *owner, const char *target)
{
	struct dns_name o = name(owner), t = name(target);
	struct dns_record r = {.owner = dns_name_str(&o),
			       .rdata = dns_name_str(&t),
			       .type = DNS_CNAME,
			       .ttl = 0x01020304};
	return dns_msg_record(m, DNS_ANSWER, &r);
}

static const char *const names[][2] = {
	{"a.rpz.test.", "."},	       {"*.a.rpz.test.", "."},	     {"b.com.rpz.test.", "rpz-drop."},
	{"*.b.com.rpz.test.", "rpz-drop."}, {"c.com.rpz.test.", "a.rpz.test."}, {"rpz.test.", "garden.example."},
	{"x.", "garden.example."},
};

/* Names, each with the wildcard below it, and now and then one without, until the message is full. */
static void pairs(void)
{
	struct dns_msg m;
	struct dns_name n;
	char text[2][80];
	unsigned made = 0, read = 0, k = 0;
	dns_msg_begin(&m, space, sizeof(space), &suffixes);
	dns_msg_head(&m, 7, DNS_QR);
	for (bool more = true; more; made += more) {
		k = made;
		snprintf(text[0], sizeof(text[0]), "%sn%u.d%u.pairs.example.rpz.test.",
			 k % 2 && k % 7 ? "*." : "", k / 2, k / 2 % 50);
		more = add(&m, text[0], k % 11 ? "." : "rpz-drop.");
	}
	dns_msg_end(&m);
	struct str msg = {(char *)space, m.n};
	bool fine = true;
	for (size_t at = DNS_HEAD; fine && at < m.n; read++) {
		snprintf(text[1], sizeof(text[1]), "%sn%u.d%u.pairs.example.rpz.test.",
			 read % 2 && read % 7 ? "*." : "", read / 2, read / 2 % 50);
		struct dns_name owner = name(text[1]), target = name(read % 11 ? "." : "rpz-drop.");
		fine = dns_name_read(msg, &at, &n) && dns_name_eq(&n, &owner);
		at += 10;
		fine = fine && dns_name_read(msg, &at, &n) && dns_name_eq(&n, &target);
	}
	ok(fine && made > 2000, "all of %u records come back", made);
	is_uint(read, made, "and no more");
}

static void round_trip(void)
{
	struct dns_msg m;
	struct dns_name n;
	dns_msg_begin(&m, space, sizeof(space), &suffixes);
	dns_msg_head(&m, 7, DNS_QR);
	dns_msg_question(&m, (struct str){"\3RPZ\4test\0\0\xfc\0\1", 14});
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ok(add(&m, names[i][0], names[i][1]), "%s", names[i][0]);
	dns_msg_end(&m);
	struct str msg = {(char *)space, m.n};
	size_t at = 26;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct dns_name owner = name(names[i][0]), target = name(names[i][1]);
		ok(dns_name_read(msg, &at, &n) && dns_name_eq(&n, &owner), "owner comes back");
		is_mem(space + at, "\0\5\0\1\1\2\3\4", 8, "type, class, ttl");
		size_t len = (size_t)space[at + 8] << 8 | space[at + 9];
		at += 10;
		size_t end = at + len;
		ok(dns_name_read(msg, &at, &n) && dns_name_eq(&n, &target) && at == end, "target comes back");
	}
	is_uint(at, m.n, "and nothing else is there");
	ok(m.n < 26 + ARRAY_LEN(names) * 26, "in %zu bytes", m.n);
	ok(space[5] == 1 && space[7] == ARRAY_LEN(names), "counts");
}

static void next_message(void)
{
	struct dns_msg m;
	struct dns_name n;
	size_t at = 12;
	dns_msg_begin(&m, space, sizeof(space), &suffixes);
	memset(space + 12, 0xff, 200);
	add(&m, "a.rpz.test.", "rpz-drop.");
	ok(dns_name_read((struct str){(char *)space, m.n}, &at, &n) && n.n == 12,
	   "what another message held is not pointed to");
}

static void full(void)
{
	struct dns_msg m;
	char owner[200];
	unsigned k = 0;
	dns_msg_begin(&m, space, 65000, &suffixes);
	for (;; k++) {
		snprintf(owner, sizeof(owner), "n%u.some-domain-%u.example.rpz.test.", k, k);
		size_t before = m.n;
		if (!add(&m, owner, ".")) {
			is_uint(m.n, before, "a record without room changes nothing");
			break;
		}
	}
	ok(m.n <= 65000 && m.n > 64900, "full at %zu bytes", m.n);
	is_uint(m.counts[DNS_ANSWER], k, "all are counted");
	/* and each can be read again, also behind the 16 KiB that pointers reach */
	size_t at = 12;
	unsigned wrong = 0;
	for (unsigned i = 0; i < k; i++) {
		struct dns_name n, want;
		snprintf(owner, sizeof(owner), "n%u.some-domain-%u.example.rpz.test.", i, i);
		want = name(owner);
		wrong += !dns_name_read((struct str){(char *)space, m.n}, &at, &n) || !dns_name_eq(&n, &want);
		at += 11;
	}
	is_uint(wrong, 0, "all %u names come back", k);
}

/* Places that are noted and where no name of the zone stands. */
static unsigned noted_wrongly(const struct dns_msg *m)
{
	static const char end[] = "\3rpz\4test";
	unsigned wrong = 0;
	for (size_t i = 0; i < DNS_SUFFIXES; i++) {
		struct dns_name n;
		size_t at = suffixes.v[i].at;
		if (suffixes.v[i].round != suffixes.round)
			continue;
		wrong += at >= m->n || !dns_name_read((struct str){(char *)space, m->n}, &at, &n) ||
			 (n.n > sizeof(end) && !str_has_suffix(dns_name_str(&n), (struct str){end, sizeof(end)}));
	}
	return wrong;
}

/*
 * Of many names some share a place in the table of suffixes: a shorter suffix is forgotten while a longer one
 * is still known. What was noted then pointed to where nothing stands, up to a circle without an end.
 */
static void shared_places(void)
{
	char owner[100];
	unsigned wrong = 0, lost = 0, messages = 0, k = 0;
	alarm(120);
	for (unsigned group = 0; group < 997; messages++) {
		struct dns_msg m;
		unsigned first_group = group, first_k = k;
		dns_msg_begin(&m, space, sizeof(space), &suffixes);
		for (;;) {
			snprintf(owner, sizeof(owner), "%sh%u.%u.zone-of-names.example.rpz.test.", k & 1 ? "*." : "",
				 k / 2 * 997 + group, group);
			if (group == 997 || !add(&m, owner, "."))
				break;
			k = (k + 1) % 40;
			group += !k;
		}
		size_t at = 12;
		lost += noted_wrongly(&m);
		for (; first_group != group || first_k != k; first_k = (first_k + 1) % 40, first_group += !first_k) {
			struct dns_name n, want;
			snprintf(owner, sizeof(owner), "%sh%u.%u.zone-of-names.example.rpz.test.",
				 first_k & 1 ? "*." : "", first_k / 2 * 997 + first_group, first_group);
			want = name(owner);
			wrong += !dns_name_read((struct str){(char *)space, m.n}, &at, &n) || !dns_name_eq(&n, &want);
			at += 11;
		}
	}
	ok(!wrong, "39,880 names in %u messages come back: %u do not", messages, wrong);
	is_uint(lost, 0, "and each place that is noted holds a name of the zone");
}

int main(void)
{
	round_trip();
	pairs();
	next_message();
	full();
	shared_places();
	return done_testing();
}
