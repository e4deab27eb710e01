/*
 * test_golden.c - every exporter against what a real MISP made of the same events: five invented
 * ones (in this tree) and, where the shared recordings are there, a corpus of public ones.
 */
#include <stdlib.h>

#include "tests/tap/tap.h"
#include "tests/unit/feeds_export/golden.h"

/* What stands in for the real one in the recordings. */
static struct str base = {"<BASE>", 6};

struct kase {
	const char *file; /* recording, without ".gz" */
	const char *exporter;
	unsigned scope;
	struct golden_filter filter;
	bool headerless, context, event_uuid, columns;
	const char *policy; /* parameter of rpz; groups of bro */
	/* where we differ on purpose, or what no two exports have in common: made equal on both sides */
	void (*edit)(struct buf *b, bool ours);
	bool any_order; /* MISP gives these lines in the order of an index */
};

/* Replace every `from`. */
static void replace(struct buf *b, const char *from, const char *to)
{
	struct buf out = BUF(b->max);
	struct str rest = buf_str(b), what = str_c(from);
	for (ptrdiff_t at; (at = str_find(rest, what)) >= 0;) {
		buf_add(&out, rest.p, (size_t)at);
		buf_puts(&out, to);
		rest = str_sub(rest, (size_t)at + what.n, rest.n);
	}
	buf_str_add(&out, rest);
	buf_free(b);
	*b = out;
}

/* Two lines of the zone are wrong in MISP: BIND takes no host bits, and no name begins with a dot.
   The serial is the time of the export. */
static void rpz_edit(struct buf *b, bool ours)
{
	if (ours)
		return;
	replace(b, "24.77.2.0.192.rpz-ip", "24.0.2.0.192.rpz-ip");
	replace(b, "\n.mast.example.org", "\n; not a name: .mast.example.org");
	replace(b, "(1795322679 ", "(1795322656 ");
}

/* Shared rules that are only words go out in MISP, and the engine stops at them; here they are remarks. */
static void rules_edit(struct buf *b, bool ours)
{
	struct buf out = BUF(b->max);
	struct str rest = buf_str(b), line;
	(void)ours;
	while (rest.p) {
		rest = str_split(rest, '\n', &line);
		bool rule = str_has_prefix(line, STR("alert ")), remark = str_has_prefix(line, STR("#"));
		if (rule || (remark && !str_has_prefix(line, STR("# not a rule")))) {
			buf_str_add(&out, line);
			buf_putc(&out, '\n');
		}
	}
	buf_free(b);
	*b = out;
}

/* iptables takes no IPv6. */
static void netfilter_edit(struct buf *b, bool ours)
{
	if (!ours)
		replace(b, "iptables -A INPUT -s 2001:", "ip6tables -A INPUT -s 2001:");
}

/* Identifiers and times of the document, which stand in its first 13 lines. */
static void ids_out(struct buf *b, bool ours)
{
	bool in_quotes = false;
	(void)ours;
	for (size_t i = 0, line = 0; i < b->n && line < 13; i++) {
		line += b->p[i] == '\n';
		in_quotes ^= b->p[i] == '"';
		if (line > 0 && (strchr("-0123456789:T+ ", b->p[i]) || in_quotes) &&
		    b->p[i] != '"' && b->p[i] != '\n')
			b->p[i] = '.';
	}
}

/* What the vocabulary is about, in a line of its own, is not repeated here. */
static void about_out(struct buf *b, bool ours)
{
	struct str s = buf_str(b);
	ptrdiff_t from = str_find(s, STR("#### tlp\n*")), to;
	if (ours || from < 0)
		return;
	from += 10;
	to = from + str_find(str_sub(s, (size_t)from, s.n), STR("*\n"));
	OWN(buf) struct buf about = BUF(1u << 16);
	buf_add(&about, s.p + from, (size_t)(to - from));
	replace(b, buf_cstr(&about), "ABOUT");
}

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
	{.file = "013-events-suricata-invented", "suricata", E, .edit = rules_edit},
	{.file = "014-attributes-suricata-invented", "suricata", A, .edit = rules_edit},
	{.file = "015-events-snort-invented", "snort", E, .edit = rules_edit},
	{.file = "016-attributes-snort-invented", "snort", A, .edit = rules_edit},
	{.file = "017-events-rpz-invented", "rpz", E, .edit = rpz_edit},
	{.file = "018-attributes-rpz-invented", "rpz", A, .edit = rpz_edit},
	{.file = "019-events-openioc-invented", "openioc", E, .edit = ids_out},
	{.file = "020-attributes-openioc-invented", "openioc", A, .edit = ids_out},
	{.file = "022-attributes-hosts-invented", "hosts", A, .edit = ids_out},
	{.file = "026-attributes-kunai-invented", "kunai", A, .any_order = true},
	{.file = "024-attributes-netfilter-invented", "netfilter", A, .any_order = true,
	 .edit = netfilter_edit},
	{.file = "027-events-count-invented", "count", E},
	{.file = "028-attributes-count-invented", "count", A},
	{.file = "041-events-attack-sightings-invented", "attack-sightings", E},
	{.file = "042-attributes-attack-sightings-invented", "attack-sightings", A},
	{.file = "045-events-context-markdown-invented", "context-markdown", E, .edit = about_out},
	{.file = "053-events-csv-one-event", "csv", E, ONE},
	{.file = "054-attributes-csv-one-event", "csv", A, ONE},
	{.file = "055-events-text-one-event", "text", E, ONE},
	{.file = "057-events-hashes-one-event", "hashes", E, ONE},
	{.file = "059-events-suricata-one-event", "suricata", E, ONE, .edit = rules_edit},
	{.file = "060-attributes-suricata-one-event", "suricata", A, ONE, .edit = rules_edit},
	{.file = "061-events-snort-one-event", "snort", E, ONE, .edit = rules_edit},
	{.file = "062-attributes-snort-one-event", "snort", A, ONE, .edit = rules_edit},
	{.file = "063-events-rpz-one-event", "rpz", E, ONE, .edit = rpz_edit},
	{.file = "065-events-openioc-one-event", "openioc", E, ONE, .edit = ids_out},
	{.file = "072-attributes-kunai-one-event", "kunai", A, ONE, .any_order = true},
	{.file = "101-events-csv-requested-attributes", "csv", E, .columns = true},
	{.file = "102-events-csv-includecontext", "csv", E, .context = true},
	{.file = "103-events-csv-headerless", "csv", E, .headerless = true},
	{.file = "105-events-csv-no-hits", "csv", E, NO_HITS},
	{.file = "109-events-text-no-hits", "text", E, NO_HITS},
	{.file = "110-events-text-to-ids-lifted", "text", E, ALL},
	{.file = "112-events-hashes-no-hits", "hashes", E, NO_HITS},
	{.file = "114-events-suricata-no-hits", "suricata", E, NO_HITS, .edit = rules_edit},
	{.file = "117-events-rpz-drop", "rpz", E, .policy = "DROP", .edit = rpz_edit},
	{.file = "118-events-rpz-local-data", "rpz", E, .policy = "Local-Data", .edit = rpz_edit},
	{.file = "121-events-rpz-no-hits", "rpz", E, NO_HITS, .edit = rpz_edit},
	{.file = "129-events-openioc-no-hits", "openioc", E, NO_HITS, .edit = ids_out},
	{.file = "130-events-kunai-no-hits", "kunai", E, NO_HITS},
	{.file = "124-events-count-no-hits", "count", E, NO_HITS},
	{.file = "137-attributes-csv-requested-attributes", "csv", A, .columns = true},
	{.file = "138-attributes-csv-includecontext", "csv", A, .context = true},
	{.file = "139-attributes-csv-headerless", "csv", A, .headerless = true},
	{.file = "147-attributes-text-type", "text", A, {.type = "domain"}},
	{.file = "161-attributes-cache-event-uuid", "cache", A, .event_uuid = true},
	{.file = "192-attributes-bro-by-event", "bro", A, {.event_id = "1"}, .policy = "ip",
	 .any_order = true},
	{.file = "193-attributes-bro-post", "bro", A, {.event_id = "4"}, .policy = "domain",
	 .any_order = true},
};

/* Output of MISP's export classes, run alone on values of every kind. */
static const struct kase nids_run[] = {
	{.file = "run-nids-suricata", "suricata", E},
	{.file = "run-nids-snort", "snort", E},
};
static const struct kase nids_objects[] = {{.file = "run-nids-objects", "suricata", E}};

static const struct kase corpus[] = {
	{.file = "077-events-csv-whole-corpus", "csv", E},
	{.file = "078-attributes-csv-whole-corpus", "csv", A},
	{.file = "079-events-text-whole-corpus", "text", E},
	{.file = "080-attributes-text-whole-corpus", "text", A},
	{.file = "081-events-suricata-whole-corpus", "suricata", E, .edit = rules_edit},
	{.file = "082-attributes-suricata-whole-corpus", "suricata", A, .edit = rules_edit},
	{.file = "083-events-snort-whole-corpus", "snort", E, .edit = rules_edit},
	{.file = "084-attributes-snort-whole-corpus", "snort", A, .edit = rules_edit},
	{.file = "085-events-rpz-whole-corpus", "rpz", E, .edit = rpz_edit},
	{.file = "094-attributes-kunai-whole-corpus", "kunai", A, .any_order = true},
	{.file = "097-events-openioc-whole-corpus", "openioc", E, .edit = ids_out},
	{.file = "098-attributes-openioc-whole-corpus", "openioc", A, .edit = ids_out},
	{.file = "181-attributes-bro-all", "bro", A, .policy = "all", .any_order = true},
	{.file = "183-attributes-bro-url", "bro", A, .policy = "url", .any_order = true},
	{.file = "186-attributes-bro-email", "bro", A, .policy = "email", .any_order = true},
	{.file = "187-attributes-bro-filename", "bro", A, .policy = "filename", .any_order = true},
	{.file = "188-attributes-bro-filehash", "bro", A, .policy = "filehash", .any_order = true},
	{.file = "189-attributes-bro-certhash", "bro", A, .policy = "certhash", .any_order = true},
	{.file = "190-attributes-bro-software", "bro", A, .policy = "software", .any_order = true},
	{.file = "191-attributes-bro-foam", "bro", A, .policy = "foam", .any_order = true},
	{.file = "087-events-hashes-whole-corpus", "hashes", E},
	{.file = "088-attributes-hashes-whole-corpus", "hashes", A},
	{.file = "092-attributes-netfilter-whole-corpus", "netfilter", A, .any_order = true,
	 .edit = netfilter_edit},
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

/* The parameters of recording 118; `policy` and groups from the case. */
static struct str param(void *user, const char *name)
{
	static const char *const local[][2] = {
		{"walled_garden", "garden.example"}, {"ns", "ns1.example."},
		{"ns_alt", "ns2.example."},	     {"email", "root.example"},
		{"serial", "$time"},		     {"refresh", "1h"},
		{"retry", "5m"},		     {"expiry", "10d"},
		{"minimum_ttl", "30m"},		     {"ttl", "2d"}};
	if (strcmp(name, "policy") == 0 || strcmp(name, "bro_type") == 0)
		return str_c(user);
	for (size_t i = 0; i < ARRAY_LEN(local) && strcmp(user, "Local-Data") == 0; i++)
		if (strcmp(local[i][0], name) == 0)
			return str_c(local[i][1]);
	return STR_NONE;
}

/* The vocabulary of the recording, as its texts stand in recording 045. */
static bool tag_words(void *user, struct str tag, struct buf *about, struct buf *words)
{
	static const char *const tlp[][2] = {
		{"tlp:amber", "(TLP:AMBER) Limited disclosure, recipients can only spread this on a "
			      "need-to-know basis within their organization and its clients."},
		{"tlp:green", "(TLP:GREEN) Limited disclosure, recipients can spread this within their "
			      "community."},
		{"tlp:red", "(TLP:RED) For the eyes and ears of individual recipients only, no further "
			    "disclosure."},
		{"tlp:white", "(TLP:WHITE) Information can be shared publicly in accordance with the "
			      "law."}};
	(void)user;
	for (size_t i = 0; i < ARRAY_LEN(tlp); i++) {
		if (!str_is(tag, tlp[i][0]))
			continue;
		buf_puts(about, "ABOUT");
		buf_puts(words, tlp[i][1]);
		return true;
	}
	return false;
}

static void run(struct golden *g, const char *dir, const struct kase *k)
{
	OWN(buf) struct buf path = BUF(4096), want = BUF(64u << 20), got = BUF(64u << 20);
	struct export_opts o = {.scope = k->scope,
				.base_url = base,
				.host_org_name = STR("ORGNAME"),
				.nids_sid = 4000000,
				.headerless = k->headerless,
				.include_context = k->context,
				.include_event_uuid = k->event_uuid};
	o.now = 1795322656; /* 2026-11-22 04:44:16 */
	uuid_parse(STR("8ddbdae1-e623-11f1-a660-02fc00000001"), &o.node_uuid);
	o.tag_words = tag_words;
	o.param = k->policy ? param : NULL;
	o.param_user = (void *)k->policy;
	if (k->columns) {
		o.columns = some_columns;
		o.n_columns = ARRAY_LEN(some_columns);
	}
	buf_printf(&path, "%s/%s.gz", dir, k->file);
	if (!ok(golden_file(buf_cstr(&path), &want), "recording %s", k->file))
		return;
	const struct exporter *x = export_find(str_c(k->exporter));
	ok(x && golden_run(g, x, &o, &k->filter, &got) == ERR_OK, "%s runs", k->file);
	if (k->edit) {
		k->edit(&got, true);
		k->edit(&want, false);
	}
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
	base = STR("https://misp.example");
	run_all(buf_cstr(&path), "run-nids-events.json.gz", nids_run, ARRAY_LEN(nids_run));
	run_all(buf_cstr(&path), "run-nids-objects.json.gz", nids_objects,
		ARRAY_LEN(nids_objects));
	base = STR("<BASE>");
	buf_clear(&path);
	buf_printf(&path, "%s/wire/client/exports", shared ? shared : "../shared");
	run_all(buf_cstr(&path), "075-events-json-whole-corpus.gz", corpus, ARRAY_LEN(corpus));
	return done_testing();
}
