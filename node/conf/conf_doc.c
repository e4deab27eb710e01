/*
 * conf_doc.c - the option rows as sample file, manual text and listing.
 */
#include "base/jsonw.h"
#include "conf/rows.h"

/* Words to lines of at most `width` behind `lead`. */
static void wrap(struct buf *out, const char *lead, struct str text, size_t width)
{
	size_t used = 0;
	struct str word;

	while (text.p) {
		text = str_split(text, ' ', &word);
		if (used && used + 1 + word.n > width) {
			buf_putc(out, '\n');
			used = 0;
		}
		buf_puts(out, used ? " " : lead);
		buf_str_add(out, word);
		used += word.n + 1;
	}
	buf_putc(out, '\n');
}

static struct str section_of(const char *key, struct str *name)
{
	struct str head, rest = str_split(str_c(key), '.', &head);

	*name = rest.p ? rest : head;
	return rest.p ? head : STR("");
}

static void sample(struct buf *out)
{
	struct str now = STR(""), name, sec;

	buf_puts(out, "# tocsin.yaml - every option with its default. Remove the \"#\" to change one;\n"
		      "# options below a name (log:, tls:, ...) need that line as well.\n"
		      "# `tocsind -c FILE --check-config` reads the file and says what is wrong with it.\n");
	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		const struct conf_row *r = &conf_rows[i];

		if (r->section) {
			buf_printf(out, "\n# ---- %s\n", r->section);
			now = STR("");
			continue;
		}
		sec = section_of(r->key, &name);
		buf_putc(out, '\n');
		if (!str_eq(sec, now) && sec.n)
			buf_printf(out, "#%.*s:\n", STR_ARG(sec));
		now = sec;
		wrap(out, "# ", str_c(r->text), 90);
		buf_printf(out, "#%s%.*s:%s%s\n", sec.n ? "  " : "", STR_ARG(name),
			   r->def ? " " : "", r->def ? r->def : "");
	}
}

/* Text for roff: backslash, hyphen and a leading dot or quote mean something there. */
static void roff_text(struct buf *out, struct str s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			buf_puts(out, "\\e");
		else if (s.p[i] == '-')
			buf_puts(out, "\\-");
		else if (s.p[i] == '`')
			buf_puts(out, (quoted = !quoted) ? "\\(oq" : "\\(cq");
		else
			buf_putc(out, s.p[i]);
	}
}

static const char *const kind_names[] = {
	[CONF_KIND_STR] = "text",     [CONF_KIND_PATH] = "path", [CONF_KIND_UUID] = "UUID",
	[CONF_KIND_BOOL] = "boolean", [CONF_KIND_INT] = "number", [CONF_KIND_SIZE] = "size",
	[CONF_KIND_MS] = "duration",  [CONF_KIND_US] = "duration", [CONF_KIND_LIST] = "list",
	[CONF_KIND_ENUM] = "choice",
};

static void roff_row(struct buf *out, const struct conf_row *r)
{
	buf_puts(out, ".TP\n.B ");
	roff_text(out, str_c(r->key));
	buf_printf(out, "\n(%s", r->choices ? "" : kind_names[r->kind]);
	if (r->choices)
		roff_text(out, str_c(r->choices));
	buf_puts(out, r->def ? ", default " : ", not set by default");
	if (r->def)
		roff_text(out, str_c(r->def));
	buf_puts(out, r->flags & CONF_RELOAD ? "; taken over by a reload)\n.br\n" : ")\n.br\n");
	roff_text(out, str_c(r->text));
	buf_putc(out, '\n');
}

static void roff(struct buf *out)
{
	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		if (conf_rows[i].section)
			buf_printf(out, ".SS %s\n", conf_rows[i].section);
		else
			roff_row(out, &conf_rows[i]);
	}
}

static void show_or_hide(struct buf *out, const struct conf *c, const struct conf_row *r)
{
	conf_show(out, c, r);
	if (out->n && r->flags & CONF_SECRET) {
		buf_clear(out);
		buf_puts(out, "(hidden)");
	}
}

static void values_json(struct buf *out, const struct conf *c)
{
	OWN(buf) struct buf v = BUF(1 << 20);
	struct jsonw w = jsonw_on(out);

	jsonw_obj(&w);
	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		if (!conf_rows[i].key)
			continue;
		buf_clear(&v);
		show_or_hide(&v, c, &conf_rows[i]);
		jsonw_key(&w, conf_rows[i].key);
		jsonw_str(&w, v.n ? buf_str(&v) : STR_NONE);
	}
	jsonw_obj_end(&w);
}

static void list_yaml(struct buf *out, const struct conf_list *l)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		buf_puts(out, i ? ", " : "");
		json_quote(out, str_c(l->v[i]));
	}
	buf_putc(out, ']');
}

static void values_yaml(struct buf *out, const struct conf *c)
{
	OWN(buf) struct buf v = BUF(1 << 20);
	struct str now = STR(""), name, sec;

	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		const struct conf_row *r = &conf_rows[i];

		if (!r->key)
			continue;
		buf_clear(&v);
		show_or_hide(&v, c, r);
		sec = section_of(r->key, &name);
		if (!str_eq(sec, now) && sec.n)
			buf_printf(out, "%.*s:\n", STR_ARG(sec));
		now = sec;
		buf_printf(out, "%s%.*s: ", sec.n ? "  " : "", STR_ARG(name));
		if (r->kind == CONF_KIND_LIST)
			list_yaml(out, (const void *)((const char *)c + r->offset));
		else if (v.n)
			json_quote(out, buf_str(&v)); /* JSON strings are YAML strings */
		else
			buf_putc(out, '~');
		buf_putc(out, '\n');
	}
}

void conf_describe(struct buf *out, enum conf_form form, const struct conf *c)
{
	switch (form) {
	case CONF_SAMPLE:
		sample(out);
		return;
	case CONF_ROFF:
		roff(out);
		return;
	case CONF_YAML:
		if (c)
			values_yaml(out, c);
		return;
	case CONF_JSON:
		if (c)
			values_json(out, c);
		return;
	}
}
