/* test_conf.c - the option table, tocsin.yaml and its mistakes, snapshots, descriptions. */
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/rows.h"
#include "tests/tap/tap.h"

static const struct conf *parse(const char *text, struct fail *f)
{
	const struct conf *c = NULL;

	*f = (struct fail){0};
	if (conf_parse(str_c(text), "t.yaml", NULL, 0, &c, f) != ERR_OK)
		return NULL;
	return c;
}

static void rows(void)
{
	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		const struct conf_row *r = &conf_rows[i];

		if (!r->key)
			continue;
		ok(conf_row_find(str_c(r->key)) == r, "%s stands once in the table", r->key);
		ok(r->text && strlen(r->text) > 10, "%s has a text", r->key);
		ok(r->lo <= r->hi, "%s has a range", r->key);
	}
}

static void defaults(void)
{
	OWN(conf) const struct conf *c = NULL;
	struct fail f = {0};

	is_ok(conf_load(NULL, NULL, 0, &c, &f), "defaults alone are valid");
	if (!c)
		bail_out("%s", f.text);
	is_str(c->data_dir, "/var/lib/tocsin", "a path");
	is_str(conf_socket(c), "/var/lib/tocsin/control.sock", "a derived path");
	ok(!c->socket && !c->tls_cert, "what is not set is NULL");
	is_uint(c->store_map_size, UINT64_C(1) << 40, "a size");
	is_uint(c->limit_head_time, 15000, "a duration");
	is_uint(c->log_level, LOG_INFO, "a choice is the log's enum");
	is_uint(c->listen.n, 1, "a list");
	ok(uuid_is_nil(c->org_uuid), "no UUID");
}

static void full(void)
{
	struct fail f;
	OWN(conf) const struct conf *c = parse("# comment\n"
					       "data_dir: /tmp/x y\n"
					       "org:\n"
					       "  name: \"Zentrale \\u00fc\"\n"
					       "  uuid: 5e6d9c6e-7e6c-4a63-9b0e-1a2b3c4d5e6f\n"
					       "listen:\n"
					       "  - 127.0.0.1:1\n"
					       "  - '[::1]:2'\n"
					       "readable: [/a, /b]\n"
					       "workers: 16\n"
					       "policy: ~\n"
					       "tls:\n"
					       "log: {level: debug, format: json}\n"
					       "sandbox: required\n"
					       "limits:\n"
					       "  head: 32 KiB\n"
					       "  idle: 2min\n"
					       "unpublished_private: true\n"
					       "feeds_dir: /srv/feeds\n",
					       &f);

	if (!c)
		bail_out("%s", f.text);
	is_str(c->data_dir, "/tmp/x y", "plain text with a space");
	is_str(c->org_name, "Zentrale \xc3\xbc", "quoted text");
	is_int(c->org_uuid.b[0], 0x5e, "UUID");
	ok(c->listen.n == 2 && strcmp(c->listen.v[1], "[::1]:2") == 0, "block list");
	ok(c->readable.n == 2 && strcmp(c->readable.v[0], "/a") == 0, "flow list");
	is_uint(c->workers, 16, "number");
	ok(!c->policy, "null is not set");
	is_uint(c->log_level, LOG_DEBUG, "choice");
	is_uint(c->log_format, LOG_JSON, "choice");
	is_uint(c->sandbox, CONF_SANDBOX_REQUIRED, "choice");
	is_uint(c->limit_head, 32768, "size with unit");
	is_uint(c->limit_idle, 120000, "duration with unit");
	ok(c->unpublished_private, "boolean");
	is_str(conf_feeds_dir(c), "/srv/feeds", "a set path is not derived");
	is_str(conf_key_file(c), "/tmp/x y/peer.key", "a derived one is");
}

static void mistakes(void)
{
	static const struct {
		const char *text, *what;
		unsigned line, column;
	} list[] = {
		{"wrokers: 3\n", "unknown option \"wrokers\" (did you mean \"workers\"?)", 1, 1},
		{"log:\n  levle: info\n", "unknown option \"log.levle\" (did you mean", 2, 3},
		{"zzzzzzzzzz: 3\n", "unknown option \"zzzzzzzzzz\"", 1, 1},
		{"log.level: info\nlog:\n  level: warn\n", "log.level stands here twice", 3, 3},
		{"workers: 3\nworkers: 4\n", "workers stands here twice", 2, 1},
		{"workers: many\n", "workers: want a number", 1, 10},
		{"workers: 1\n", "workers: want 2 to 512", 1, 10},
		{"workers: 99999999999999999999\n", "workers: want a number", 1, 10},
		{"workers: 3 MiB\n", "workers: unknown unit \"MiB\"", 1, 10},
		{"workers: -3\n", "workers: want a number", 1, 10},
		{"workers: [3]\n", "workers: want a single value", 1, 10},
		{"workers: {a: 3}\n", "workers: want a single value", 1, 10},
		{"log: loud\n", "log: want options below it", 1, 6},
		{"log:\n  level: loud\n", "log.level: want one of error|warn|info|debug", 2, 10},
		{"unpublished_private: yes\n", "want true or false", 1, 22},
		{"limits:\n  head: 3 GB\n", "unknown unit \"GB\"", 2, 9},
		{"limits:\n  head: 16777216 TiB\n", "limits.head: want 1024 to 1048576 bytes", 2, 9},
		{"listen: [a, [b]]\n", "listen: want a list", 1, 13},
		{"listen: []\n", "listen: want 1 to 64 entries", 1, 9},
		{"listen: 10.0.0.1:80\n", "is not loopback, so it needs tls.cert", 0, 0},
		{"listen: 127.0.0.1\n", "want ADDRESS:PORT", 0, 0},
		{"listen: example.org:80\n", "is no numeric address", 0, 0},
		{"listen: 127.0.0.1:65536\n", "want ADDRESS:PORT", 0, 0},
		{"org:\n  uuid: abc\n", "org.uuid: want a UUID", 2, 9},
		{"data_dir: ''\n", "data_dir: want 1 to 4000 bytes", 1, 11},
		{"data_dir: \"a\\0b\"\n", "without NUL", 1, 11},
		{"data_dir: &x a\n", "anchors and tags", 1, 11},
		{"data_dir: *x\n", "anchors and tags", 1, 11},
		{"data_dir: !!str a\n", "anchors and tags", 1, 11},
		{"data_dir: b: c\n", "mapping values are not allowed", 1, 12},
		{"\tworkers: 3\n", "cannot start any token", 1, 1},
		{"- a\n", "want \"option: value\" lines", 1, 1},
		{"just text\n", "want \"option: value\" lines", 1, 1},
		{"workers: 3\n---\nworkers: 4\n", "one document only", 2, 1},
		{"[a]: 1\n", "want the name of an option", 1, 1},
		{"tls:\n  cert: /a\n", "tls.cert and tls.key go together", 0, 0},
		{"tls:\n  client_required: true\n", "needs tls.client_ca", 0, 0},
		{"default_attribute_distribution: 4\n", "needs a sharing group", 0, 0},
		{"workers: 500\n", "store.readers must be at least twice", 0, 0},
		{"proxy: \"http://u:geheim@h:99999\xff\"\n", "", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct fail f;

		ok(!parse(list[i].text, &f), "refused: %s", list[i].what);
		ok(strstr(f.text, list[i].what) && strncmp(f.text, "t.yaml", 6) == 0, "says so: %s",
		   f.text);
		ok(!strstr(f.text, "geheim"), "without the value");
		if (list[i].line)
			ok(f.line == list[i].line && f.column == list[i].column,
			   "at %u:%u (%u:%u)", list[i].line, list[i].column, f.line, f.column);
	}
}

static void overrides(void)
{
	struct conf_override o[] = {{STR("workers"), STR("5")},
				    {STR("listen"), STR("127.0.0.1:1, 127.0.0.1:2")}};
	struct conf_override bad = {STR("wrokers"), STR("5")};
	OWN(conf) const struct conf *c = NULL;
	const struct conf *none;
	struct fail f = {0};

	is_ok(conf_parse(STR("workers: 7"), "t", o, 2, &c, &f), "overrides");
	ok(c && c->workers == 5, "are stronger than the file");
	ok(c && c->listen.n == 2, "a list in one text");
	is_err(conf_parse(STR(""), "t", &bad, 1, &none, &f), ERR_CONFIG, "unknown ones are errors");
	ok(!none, "no snapshot then");
}

static void reload(void)
{
	struct fail f;
	OWN(conf) const struct conf *a = parse("workers: 7", &f);
	OWN(conf) const struct conf *b = parse("workers: 7\nlog: {level: debug}", &f);
	OWN(conf) const struct conf *c = parse("workers: 8\nstore: {quota: 1GiB}", &f);
	OWN(buf) struct buf keys = BUF(1000);

	ok(!conf_needs_restart(a, b, &keys), "the log level can be reloaded");
	ok(conf_needs_restart(a, c, &keys), "threads cannot");
	is_view(buf_str(&keys), "workers, store.quota", "and these are named");
	conf_unref(conf_ref(a));
	is_uint(a->workers, 7, "references are counted");
}

/* Remove the "#" in front of options, as its reader would. */
static void uncomment(struct buf *out, struct str text)
{
	struct str line;

	while (text.p) {
		text = str_split(text, '\n', &line);
		if (str_has_prefix(line, STR("#")) &&
		    (!str_has_prefix(line, STR("# ")) || str_has_prefix(line, STR("#  "))))
			line = str_sub(line, 1, line.n);
		buf_str_add(out, line);
		buf_putc(out, '\n');
	}
}

static void describe(void)
{
	OWN(buf) struct buf sample = BUF(1 << 20), plain = BUF(1 << 20), a = BUF(1 << 20),
			    b = BUF(1 << 20);
	OWN(conf) const struct conf *c = NULL, *d = NULL, *e = NULL;
	struct fail f = {0};

	conf_describe(&sample, CONF_SAMPLE, NULL);
	uncomment(&plain, buf_str(&sample));
	is_ok(conf_parse(buf_str(&plain), "sample", NULL, 0, &c, &f), "the sample is valid: %s",
	      f.text);
	is_ok(conf_load(NULL, NULL, 0, &d, &f), "defaults");
	conf_describe(&a, CONF_YAML, c);
	conf_describe(&b, CONF_YAML, d);
	is_view(buf_str(&a), buf_cstr(&b), "and says what the defaults say");
	is_ok(conf_parse(buf_str(&a), "shown", NULL, 0, &e, &f), "what is shown can be read: %s",
	      f.text);
	buf_clear(&b);
	conf_describe(&b, CONF_YAML, e);
	is_view(buf_str(&a), buf_cstr(&b), "to the same values");
	conf_unref(e);
	e = parse("proxy: http://u:geheim@h", &f);
	buf_clear(&a);
	conf_describe(&a, CONF_YAML, e);
	conf_describe(&a, CONF_JSON, e);
	ok(!memmem(a.p, a.n, "geheim", 6) && memmem(a.p, a.n, "(hidden)", 8), "secrets are not");
	buf_clear(&a);
	conf_describe(&a, CONF_ROFF, NULL);
	for (size_t i = 0; i < CONF_ROWS_N; i++)
		if (conf_rows[i].key)
			ok(memmem(a.p, a.n, conf_rows[i].key, strlen(conf_rows[i].key)),
			   "the manual has %s", conf_rows[i].key);
}

int main(void)
{
	rows();
	defaults();
	full();
	mistakes();
	overrides();
	reload();
	describe();
	return done_testing();
}
