/*
 * bench_sensors.c - lines (or records, if they are more) and megabytes a second of each format of
 * feeds/sensor, from records as sets keep them (unpacked each time). Processor time of one thread.
 * Ends with 1 when a format of lists, one that writes the value and little else, is below the target
 * of 2 million lines a second.
 *
 * Build without sanitizers (CFLAGS=-O2). Not part of the checks. Names of formats as arguments run these alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/own.h"
#include "feeds/sensor/sensor.h"

#define RECORDS 100000u
#define ROUNDS 10u
#define RULES 20u /* of YARA and Sigma, which are compiled or parsed: each of these a hundred times */
#define TARGET 2e6

static uint64_t x = 7;

static unsigned pick(unsigned n)
{
	x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(x >> 33) % n;
}

static struct str value_of(struct arena *a, enum ind_kind kind)
{
	static const char hex[] = "0123456789abcdef";
	static const uint8_t digits[IND_KINDS] = {
		[IND_MD5] = 32,	  [IND_SHA1] = 40,   [IND_SHA224] = 56,	    [IND_SHA256] = 64,
		[IND_SHA384] = 96, [IND_SHA512] = 128, [IND_JA3] = 32,	    [IND_CERT_MD5] = 32,
		[IND_CERT_SHA1] = 40, [IND_CERT_SHA256] = 64, [IND_JARM] = 62};
	if (digits[kind]) {
		char text[128];
		for (unsigned i = 0; i < digits[kind]; i++)
			text[i] = hex[pick(16)];
		return arena_str(a, (struct str){text, digits[kind]});
	}
	unsigned r = pick(1u << 30);
	switch ((int)kind) {
	case IND_IP:
		return r % 4 ? arena_printf(a, "%u.%u.%u.%u", 1 + pick(223), pick(256), pick(256), pick(256))
			     : arena_printf(a, "2001:db8:%x:%x::%x", pick(65536), pick(65536), pick(65536));
	case IND_IP_PORT:
		return arena_printf(a, "%u.%u.%u.%u|%u", 1 + pick(223), pick(256), pick(256), pick(256),
				    1 + pick(65535));
	case IND_DOMAIN:
	case IND_HOST:
		return arena_printf(a, "update-%x.secure-mail%u.example", r, pick(100));
	case IND_URL:
		return arena_printf(a, "http://update%u.example/a/b/%x.php?id=%u", pick(1000), r, pick(10000));
	case IND_EMAIL:
	case IND_EMAIL_SRC:
	case IND_EMAIL_DST:
		return arena_printf(a, "billing%x@secure-mail.example", r);
	case IND_ASN:
		return arena_printf(a, "%u", 1 + r);
	case IND_SURICATA:
	case IND_SNORT:
		return arena_printf(a,
				    "alert http $HOME_NET any -> any any (msg:\"x %x\"; content:\"%x\"; sid:1; rev:2;)",
				    r, r);
	case IND_YARA:
		return arena_printf(a, "rule r { strings: $a = \"%x\" condition: $a }", r);
	case IND_SIGMA:
		return arena_printf(a,
				    "title: t %x\nlogsource:\n  product: windows\ndetection:\n  s:\n    "
				    "Image: %x\n  condition: s\n",
				    r, r);
	default:
		return arena_printf(a, "C:\\Users\\Public\\invoice_%x.pdf.exe", r);
	}
}

/* Records one behind the other, a length before each. */
static unsigned records_make(struct arena *a, const struct sensor_format *f, struct buf *out)
{
	bool rules = f->kinds & (IND_BIT(YARA) | IND_BIT(SIGMA));
	unsigned n = rules ? RULES * 10 : RECORDS, kinds[IND_KINDS], n_kinds = 0;
	for (unsigned k = 0; k < IND_KINDS; k++)
		if (f->kinds >> k & 1)
			kinds[n_kinds++] = k;
	for (unsigned i = 0; i < n; i++) {
		struct indicator ind;
		enum ind_kind kind = (enum ind_kind)kinds[i % n_kinds];
		if (!ind_make(a, kind, value_of(a, kind), &ind))
			continue;
		ind.number = i;
		ind.threat_level = (uint8_t)(i % 5);
		ind.changed = 1767225600;
		ind.attr.b[0] = ind.event.b[0] = 1;
		ind.comment = STR("seen in the second wave");
		ind.info = STR("Campaign against mail servers, spring");
		ind.org = STR("ORG A");
		ind.tags = STR("tlp:green\ntype:OSINT");
		size_t at = out->n;
		uint32_t len = 0;
		buf_add(out, &len, sizeof(len));
		ind_pack(out, &ind, f->flags & SENSOR_CONTEXT);
		len = (uint32_t)(out->n - at - sizeof(len));
		memcpy(out->p + at, &len, sizeof(len));
	}
	return rules ? 1 : ROUNDS;
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct tally {
	uint64_t records, lines, bytes;
	double seconds;
};

static void drain(struct buf *b, struct tally *t)
{
	double from = now_s();
	t->bytes += b->n;
	for (const char *p = b->p, *end = b->p + b->n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
		t->lines++;
	b->n = 0;
	t->seconds -= now_s() - from;
}

static bool run(const struct sensor_row *row, struct tally *t)
{
	OWN(arena) struct arena *a = arena_new((size_t)1 << 30);
	OWN(buf) struct buf records = BUF((size_t)1 << 30), out = BUF((size_t)1 << 30);
	struct sensor_opts opts = {.now = 1767225600, .serial = 7, .name = STR("bench"), .source = STR("ORG A"),
				   .base_url = STR("https://node.example")};
	struct sensor_run r = {.format = row->format, .opts = &opts, .out = &out};
	unsigned rounds = records_make(a, row->format, &records);
	double from = now_s();
	bool good = sensor_begin(&r) == ERR_OK;
	for (unsigned k = 0; k < rounds && good; k++) {
		struct str rest = buf_str(&records);
		while (rest.n && good) {
			struct indicator i;
			uint32_t n;
			memcpy(&n, rest.p, sizeof(n));
			good = ind_unpack(str_sub(rest, sizeof(n), n), &i) && sensor_item(&r, &i) == ERR_OK;
			rest = str_sub(rest, sizeof(n) + n, rest.n);
			t->records++;
			if (out.n > 1u << 20)
				drain(&out, t);
		}
	}
	good = good && sensor_end(&r) == ERR_OK;
	drain(&out, t);
	t->seconds += now_s() - from;
	if (row->format->flags & SENSOR_BINARY)
		t->lines = t->records;
	sensor_free(&r);
	return good;
}

int main(int argc, char **argv)
{
	int below = 0;
	printf("| format | lines/s | MB/s | ns a line |\n| --- | ---: | ---: | ---: |\n");
	for (const struct sensor_row *row = sensor_rows; row->name; row++) {
		struct tally t = {0};
		bool asked = argc < 2;
		for (int i = 1; i < argc; i++)
			asked = asked || strcmp(argv[i], row->name) == 0;
		if (!asked)
			continue;
		if (!run(row, &t) || !t.lines) {
			printf("| %s | failed |\n", row->name);
			below = 1;
			continue;
		}
		/* a parameter may leave most records out: each was looked at nevertheless */
		double rate = (double)MAX(t.lines, t.records) / t.seconds;
		bool list = (double)t.bytes / (double)t.lines < 100 && !(row->format->flags & SENSOR_WHOLE);
		printf("| %s | %.2f M | %.0f | %.0f |%s\n", row->name, rate / 1e6,
		       (double)t.bytes / t.seconds / 1e6, 1e9 / rate, list && rate < TARGET ? " below" : "");
		below = below || (list && rate < TARGET);
	}
	return below;
}
