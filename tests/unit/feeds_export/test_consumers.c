/*
 * test_consumers.c - what reads our exports takes them: named-checkzone the zone, suricata the
 * rules, each where it is installed; and values made to break out of a line do not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap/tap.h"
#include "tests/unit/feeds_export/golden.h"

static char dir[64];

static bool have(const char *program)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "command -v %s >/dev/null 2>&1", program);
	return WEXITSTATUS(system(cmd)) == 0; /* style: ok, a fixed command */
}

static void export_to(struct golden *g, const char *name, struct buf *out)
{
	struct export_opts o = {.scope = EXPORT_EVENTS,
				.base_url = STR("https://node.example"),
				.host_org_name = STR("ORGNAME"),
				.nids_sid = 4000000,
				.now = 1795322656};
	const struct exporter *x = export_find(str_c(name));
	is_err(golden_run(g, x, &o, NULL, out), ERR_OK, "%s", name);
}

static void check(const char *what, const struct buf *text, const char *file, const char *cmd,
		  const char *rest)
{
	char path[128], line[512];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	FILE *f = fopen(path, "w");
	if (!f || fwrite(text->p, 1, text->n, f) != text->n || fclose(f) != 0)
		bail_out("cannot write %s", path);
	snprintf(line, sizeof(line), "%s %s %s", cmd, path, rest);
	int status = system(line); /* style: ok, a fixed command on our own file */
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s takes it", what);
	unlink(path);
}

static void test_zone(struct golden *g)
{
	OWN(buf) struct buf b = BUF(16u << 20);
	export_to(g, "rpz", &b);
	if (have("named-checkzone"))
		check("named-checkzone", &b, "zone",
		      "named-checkzone -q -i local rpz.example", "");
	else
		diag("named-checkzone is not installed");
}

static void test_rules(struct golden *g)
{
	OWN(buf) struct buf b = BUF(16u << 20);
	export_to(g, "suricata", &b);
	if (have("suricata"))
		check("suricata", &b, "rules",
		      "suricata -T -S",
		      "--set vars.port-groups.SSH_PORTS=22 >/dev/null 2>&1");
	else
		diag("suricata is not installed");
}

static void test_yara(struct golden *g)
{
	OWN(buf) struct buf b = BUF(16u << 20);
	export_to(g, "yara", &b);
	if (have("yara"))
		check("yara", &b, "rules.yara", "yara -w", "/dev/null >/dev/null 2>&1");
	else
		diag("yara is not installed");
}

/* One event with a value of our choice, published and to_ids. */
static struct golden *one(const char *type, const char *value, const char *tag)
{
	char json[2048];
	snprintf(json, sizeof(json),
		 "{\"response\":[{\"Event\":{\"id\":\"1\",\"published\":true,\"info\":\"i\","
		 "\"uuid\":\"9b2d0001-33f0-4e7c-a1d4-000000000001\",\"threat_level_id\":\"1\","
		 "\"Tag\":[{\"name\":\"%s\"}],\"Attribute\":[{\"id\":\"1\",\"type\":\"%s\","
		 "\"category\":\"Network activity\",\"to_ids\":true,\"value\":\"%s\"}]}}]}",
		 tag, type, value);
	return golden_parse(json, strlen(json));
}

static unsigned count(struct str s, const char *what)
{
	unsigned n = 0;
	for (ptrdiff_t at; (at = str_find(s, str_c(what))) >= 0; n++)
		s = str_sub(s, (size_t)at + 1, s.n);
	return n;
}

/* Values that would end a keyword, a rule, a field or a command. */
static void test_breakout(void)
{
	static const struct {
		const char *exporter, *type, *value, *never;
	} cases[] = {
		{"suricata", "url", "http://a.example/x\\\"; sid:1; content:\\\"", "; sid:1;"},
		{"suricata", "domain", "a.example\\nalert ip any any", "\nalert ip any any"},
		{"suricata", "user-agent", "x\\\"; classtype:bad; content:\\\"y", "classtype:bad"},
		{"suricata", "ip-dst", "192.0.2.1 any (msg:\\\"x\\\";)", "(msg:\"x\""},
		{"suricata", "ip-dst|port", "192.0.2.1|80 (x)", "(x)"},
		{"suricata", "snort", "alert tcp any any -> any any (msg:\\\"x\\\"; content:\\\"|4\\\"; sid:1;)",
		 "content:\"|4\""},
		{"suricata", "suricata", "drop", "\ndrop"},
		{"snort", "snort", "alert tcp any any -> any any (msg:\\\"x;y\\\"; sid:1;)", "x;y"},
		{"netfilter", "ip-dst", "0.0.0.0/0", "iptables"},
		{"netfilter", "ip-dst", "2001:db8::1", "\niptables"},
		{"rpz", "ip-dst", "::/0", "rpz-ip"},
		{"rpz", "domain", "a.example.", "a.example. CNAME"},
		{"snort", "email-subject", "a\\r\\nb", "a\r"},
		{"snort", "domain", "a|41|.example\\\"; x:y", "\"; x:y"},
		{"netfilter", "ip-src", "192.0.2.1; reboot", "reboot"},
		{"hosts", "domain", "a.example\\n127.0.0.1 bank.example", "\n127.0.0.1"},
		{"rpz", "domain", "a.example\\n@ NS evil.example.", "\n@ NS"},
		{"rpz", "hostname", "a b\\n$INCLUDE /etc/passwd", "\n$INCLUDE"},
		{"openioc", "url", "</Content><x/>", "<x/>"},
		{"kunai", "domain", "a\\\",\\\"severity\\\":0,\\\"b", "\"severity\":0"},
		{"bro", "domain", "a.example\\tIntel::ADDR\\nb", "\tIntel::ADDR"},
		{"csv", "comment", "a\\\",\\\"b\\nc", ",\"b\n"},
		{"cache", "comment", "a\\nb", "a\n"},
		{"yara", "url", "http://a.example/\\\"\\n}\\nrule x { condition: true }", "\nrule x"},
		{"yara", "hex", "41424344 } condition: true } rule x {", "rule x"},
		{"yara", "yara", "rule a { condition: true } include \\\"/etc/passwd\\\"", "passwd"},
		{"yara-json", "text", "a\\\",\\\"valid\\\":true,\\\"b", "\"valid\":true,\"b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OWN(buf) struct buf b = BUF(1u << 20);
		struct golden *g = one(cases[i].type, cases[i].value, "t;x\\n\\\"q");
		export_to(g, cases[i].exporter, &b);
		is_uint(count(buf_str(&b), cases[i].never), 0, "%s: %s stays one thing",
			cases[i].exporter, cases[i].type);
		golden_free(g);
	}
}

/* An audience that may not see local numbers still gets rules with ids of their own. */
static void test_without_ids(struct golden *g)
{
	OWN(buf) struct buf b = BUF(16u << 20), again = BUF(16u << 20);
	golden_show_ids(g, false);
	export_to(g, "suricata", &b);
	export_to(g, "suricata", &again);
	ok(str_eq(buf_str(&b), buf_str(&again)), "the same from export to export");
	is_uint(count(buf_str(&b), "sid:4000001;"), 0, "no rule with the id of nothing");
	is_uint(count(buf_str(&b), "events/view/9b2d0001-"), 43, "events by their UUID");
	golden_show_ids(g, true);
}

int main(void)
{
	OWN(buf) struct buf path = BUF(4096);
	const char *top = getenv("top_srcdir"), *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/tocsin.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		bail_out("cannot make a folder");
	buf_printf(&path, "%s/tests/golden/exports/001-events-json-invented.gz", top ? top : ".");
	struct golden *g = golden_load(buf_cstr(&path));
	if (!g)
		bail_out("no events");
	test_zone(g);
	test_rules(g);
	test_yara(g);
	test_without_ids(g);
	golden_free(g);
	test_breakout();
	rmdir(dir);
	return done_testing();
}
