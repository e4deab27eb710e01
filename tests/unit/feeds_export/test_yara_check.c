/*
 * test_yara_check.c - rules of others: which pass, which do not, and what becomes of equal names.
 */
#include "feeds/export/yara_check.h"

#include <stdlib.h>

#include "tests/tap/tap.h"

static struct seen names;

static void verdict(const char *text, enum yara_verdict want, const char *what)
{
	OWN(buf) struct buf out = BUF(1u << 20);
	is_uint(yara_check(str_c(text), &names, &out), want, "%s", what);
	if (want == YARA_GOOD && !yara_can_check())
		diag("no libyara");
}

static void becomes(const char *text, const char *part, const char *what)
{
	OWN(buf) struct buf out = BUF(1u << 20);
	is_uint(yara_check(str_c(text), &names, &out), YARA_GOOD, "%s: passes", what);
	ok(str_find(buf_str(&out), str_c(part)) >= 0, "%s", what);
	if (str_find(buf_str(&out), str_c(part)) < 0)
		diag("%s", buf_cstr(&out));
}

/* `n` times the middle. */
static void many(const char *begin, const char *middle, unsigned n, const char *end, const char *what)
{
	OWN(buf) struct buf b = BUF(4u << 20);
	buf_puts(&b, begin);
	for (unsigned i = 0; i < n; i++)
		buf_puts(&b, middle);
	buf_puts(&b, end);
	verdict(buf_cstr(&b), YARA_BROKEN, what);
}

int main(void)
{
	verdict("rule { condition: true }", YARA_BROKEN, "a rule without a name");
	verdict("", YARA_BROKEN, "nothing");
	verdict("// rule a { condition: true }", YARA_BROKEN, "a comment");
	verdict("rule a { condition: true", YARA_BROKEN, "an open bracket");
	verdict("rule a { condition: true } }", YARA_BROKEN, "a bracket too many");
	verdict("rule a { strings: $a = \"x\n\" condition: $a }", YARA_BROKEN, "a broken string");
	verdict("include \"/etc/passwd\" rule a { condition: true }", YARA_BROKEN, "an include");
	verdict("global rule a { condition: false }", YARA_GLOBAL, "a global rule");
	verdict("private global rule a { condition: false }", YARA_GLOBAL, "the same, private");
	many("rule a { condition: ", "(", 5000, "true }", "deep brackets");
	many("rule a { strings: $a = /", "(a", 3000, "/ condition: $a }", "a deep expression");
	many("rule a { strings: $a = /", "a|", 900, "b/ condition: $a }", "many alternatives");
	many("rule a { strings: $a = { 01 ", "( 02 | ", 900, "03 } condition: $a }", "deep hex");
	many("rule a { condition: true }", " ", 300000, "", "a long value");
	if (!yara_can_check()) {
		verdict("rule a { condition: true }", YARA_UNCHECKED, "nobody compiles it");
		return done_testing();
	}
	verdict("rule a { condition: foam }", YARA_BROKEN, "a word that means nothing");
	verdict("rule a { strings: $a = \"unused\" condition: true }", YARA_BROKEN, "an unused string");
	verdict("rule a { condition: pe.is_pe }", YARA_BROKEN, "a module that is not imported");
	verdict("rule a { condition: filename == \"x\" }", YARA_BROKEN, "a variable from outside");
	becomes("rule a { condition: true }", "rule a {", "a name that is new stays");
	becomes("rule a { condition: false }", "rule a_2 {", "one that was there changes");
	becomes("rule a { condition: true }\nrule b { condition: a }", "condition: a_3 }",
		"so does what refers to it");
	becomes("rule a {\n\tstrings:\n\t\t$a = \"rule a\"\n\tcondition: $a // a\n}", "$a = \"rule a\"",
		"but no string");
	becomes("rule AB { condition: true }", "rule AB {", "a name like hex");
	becomes("rule AB { strings: $x = { AB AB ?? [2-4] AB } condition: $x }", "{ AB AB ?? [2-4] AB }",
		"hex stays");
	verdict("rule early { condition: late }\nrule late { condition: false }", YARA_BROKEN,
		"a rule that comes later");
	becomes("import \"pe\"\nrule pe { condition: false }", "rule pe", "a rule named as a module");
	becomes("rule MISP_EVENT_x { condition: true }", "rule as_is_MISP_EVENT_x_2 {", "names that are ours");
	becomes("rule esc { strings: $a = \"a\\\"rule q {\" $b = /a\\/b(c|d)/ condition: any of them }",
		"rule esc", "escaped quotes and slashes");
	becomes("/* rule a */ private rule c : tag1 tag2 { meta: a = 1 condition: true }", "private rule c",
		"tags, meta and comments");
	seen_free(&names);
	return done_testing();
}
