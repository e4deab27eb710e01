/*
 * test_golden.c - every exporter against what a real MISP made of the same events: five invented
 * ones (in this tree) and, where the shared recordings are there, a corpus of public ones.
 */
#include <stdlib.h>

#include "tests/tap/tap.h"
#include "tests/unit/feeds_export/golden.h"

/* What stands in for the real one in the recordings. */
#define BASE STR("<BASE>")

struct kase {
	const char *file; /* recording, without ".gz" */
	const char *exporter;
	unsigned scope;
	struct golden_filter filter;
	bool headerless, context, event_uuid, columns;
	bool any_order; /* MISP gives these lines in the order of an index */
};

static const struct str some_columns[] = {
	{"uuid", 4}, {"value", 5}, {"timestamp", 9}, {"type", 4}, {"foam", 4}};

#define E EXPORT_EVENTS
#define A EXPORT_ATTRIBUTES
#define ONE {.event_id = "4", .unpublished_too = true, .not_to_ids_too = true}
#define ALL {.unpublished_too = true, .not_to_ids_too = true}
#define NO_HITS {.nothing = true}

static const struct kase invented[] = {
	{.file = "005-events-csv-invented", "csv", E},
	{.file = "006-attributes-csv-invented", "csv", A},
	{.file = "007-events-text-invented", "text", E},
	{.file = "008-attributes-text-invented", "text", A},
	{.file = "009-events-hashes-invented", "hashes", E},
	{.file = "010-attributes-hashes-invented", "hashes", A},
	{.file = "012-attributes-cache-invented", "cache", A},
	{.file = "013-events-suricata-invented", "suricata", E},
	{.file = "014-attributes-suricata-invented", "suricata", A},
	{.file = "015-events-snort-invented", "snort", E},
	{.file = "016-attributes-snort-invented", "snort", A},
	{.file = "024-attributes-netfilter-invented", "netfilter", A, .any_order = true},
	{.file = "027-events-count-invented", "count", E},
	{.file = "028-attributes-count-invented", "count", A},
	{.file = "053-events-csv-one-event", "csv", E, ONE},
	{.file = "054-attributes-csv-one-event", "csv", A, ONE},
	{.file = "055-events-text-one-event", "text", E, ONE},
	{.file = "057-events-hashes-one-event", "hashes", E, ONE},
	{.file = "059-events-suricata-one-event", "suricata", E, ONE},
	{.file = "060-attributes-suricata-one-event", "suricata", A, ONE},
	{.file = "061-events-snort-one-event", "snort", E, ONE},
	{.file = "062-attributes-snort-one-event", "snort", A, ONE},
	{.file = "101-events-csv-requested-attributes", "csv", E, .columns = true},
	{.file = "102-events-csv-includecontext", "csv", E, .context = true},
	{.file = "103-events-csv-headerless", "csv", E, .headerless = true},
	{.file = "105-events-csv-no-hits", "csv", E, NO_HITS},
	{.file = "109-events-text-no-hits", "text", E, NO_HITS},
	{.file = "110-events-text-to-ids-lifted", "text", E, ALL},
	{.file = "112-events-hashes-no-hits", "hashes", E, NO_HITS},
	{.file = "114-events-suricata-no-hits", "suricata", E, NO_HITS},
	{.file = "124-events-count-no-hits", "count", E, NO_HITS},
	{.file = "137-attributes-csv-requested-attributes", "csv", A, .columns = true},
	{.file = "138-attributes-csv-includecontext", "csv", A, .context = true},
	{.file = "139-attributes-csv-headerless", "csv", A, .headerless = true},
	{.file = "147-attributes-text-type", "text", A, {.type = "domain"}},
	{.file = "161-attributes-cache-event-uuid", "cache", A, .event_uuid = true},
};

static const struct kase corpus[] = {
	{.file = "077-events-csv-whole-corpus", "csv", E},
	{.file = "078-attributes-csv-whole-corpus", "csv", A},
	{.file = "079-events-text-whole-corpus", "text", E},
	{.file = "080-attributes-text-whole-corpus", "text", A},
	{.file = "081-events-suricata-whole-corpus", "suricata", E},
	{.file = "082-attributes-suricata-whole-corpus", "suricata", A},
	{.file = "083-events-snort-whole-corpus", "snort", E},
	{.file = "084-attributes-snort-whole-corpus", "snort", A},
	{.file = "087-events-hashes-whole-corpus", "hashes", E},
	{.file = "088-attributes-hashes-whole-corpus", "hashes", A},
	{.file = "092-attributes-netfilter-whole-corpus", "netfilter", A, .any_order = true},
	{.file = "095-events-count-whole-corpus", "count", E},
};

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_lines(struct buf *b)
{
	struct str rest = buf_str(b), *v = calloc(b->n + 1, sizeof(*v));
	struct buf sorted = BUF(b->max);
	size_t n = 0;
	while (rest.p)
		rest = str_split(rest, '\n', &v[n++]);
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 0; i < n; i++) {
		buf_str_add(&sorted, v[i]);
		buf_putc(&sorted, '\n');
	}
	free(v);
	buf_free(b);
	*b = sorted;
}

static void run(struct golden *g, const char *dir, const struct kase *k)
{
	OWN(buf) struct buf path = BUF(4096), want = BUF(64u << 20), got = BUF(64u << 20);
	struct export_opts o = {.scope = k->scope,
				.base_url = BASE,
				.host_org_name = STR("ORGNAME"),
				.nids_sid = 4000000,
				.headerless = k->headerless,
				.include_context = k->context,
				.include_event_uuid = k->event_uuid};
	if (k->columns) {
		o.columns = some_columns;
		o.n_columns = ARRAY_LEN(some_columns);
	}
	buf_printf(&path, "%s/%s.gz", dir, k->file);
	if (!ok(golden_file(buf_cstr(&path), &want), "recording %s", k->file))
		return;
	const struct exporter *x = export_find(str_c(k->exporter));
	ok(x && golden_run(g, x, &o, &k->filter, &got) == ERR_OK, "%s runs", k->file);
	if (k->any_order) {
		sort_lines(&got);
		sort_lines(&want);
	}
	golden_is(buf_str(&got), buf_str(&want), k->file);
}

static void run_all(const char *dir, const char *events, const struct kase *k, size_t n)
{
	OWN(buf) struct buf path = BUF(4096);
	buf_printf(&path, "%s/%s", dir, events);
	struct golden *g = golden_load(buf_cstr(&path));
	if (!g) {
		diag("%s is not there", buf_cstr(&path));
		return;
	}
	for (size_t i = 0; i < n; i++)
		run(g, dir, &k[i]);
	golden_free(g);
}

int main(void)
{
	OWN(buf) struct buf path = BUF(4096);
	const char *top = getenv("top_srcdir"), *shared = getenv("TOCSIN_SHARED");
	buf_printf(&path, "%s/tests/golden/exports", top ? top : ".");
	run_all(buf_cstr(&path), "001-events-json-invented.gz", invented, ARRAY_LEN(invented));
	buf_clear(&path);
	buf_printf(&path, "%s/wire/client/exports", shared ? shared : "../shared");
	run_all(buf_cstr(&path), "075-events-json-whole-corpus.gz", corpus, ARRAY_LEN(corpus));
	return done_testing();
}
