/*
 * context.c - what events are about: their tags by vocabulary and their clusters by galaxy, each once, as
 * HTML and as Markdown (rest-api.md 4.12, as recorded). Tags of no vocabulary are not listed.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "feeds/export/attack.h"
#include "feeds/export/parts.h"

#define CONTEXT_MAX 20000u /* tags and clusters */
#define SLOTS (4 * CONTEXT_MAX)
#define TEXTS_MAX (48u << 20)
#define TEXT_MAX 300

/* One tag, or the cluster that it stands for. */
struct said {
	struct str tag, colour, group; /* group: namespace, or type of the galaxy */
	struct str title, icon, about; /* of the galaxy */
	struct str value, text; /* of the cluster */
	uint64_t id; /* of the cluster; 0: not known, or not to be told */
	bool cluster;
};

struct context {
	struct arena *a;
	struct said *v;
	uint32_t n, *slots;
	struct attack attack;
};

/* ---- collecting ---- */

static enum err context_init(struct context *x)
{
	if (x->a)
		return ERR_OK;
	x->a = arena_new(TEXTS_MAX);
	x->v = calloc(CONTEXT_MAX, sizeof(*x->v));
	x->slots = calloc(SLOTS, sizeof(*x->slots));
	return x->a && x->v && x->slots ? ERR_OK : ERR_NOMEM;
}

static void context_free(void *state)
{
	struct context *x = state;
	if (x->a)
		arena_free(x->a);
	free(x->v);
	free(x->slots);
	attack_free(&x->attack);
}

/* A row for a tag that is not there yet; NULL: it is, or there are too many. */
static struct said *said_new(struct context *x, struct str tag)
{
	uint32_t i = (uint32_t)hash_64(tag.p, tag.n, 0) % SLOTS;
	while (x->slots[i] && !str_eq(x->v[x->slots[i] - 1].tag, tag))
		i = (i + 1) % SLOTS;
	if (x->slots[i] || x->n == CONTEXT_MAX)
		return NULL;
	struct str kept = arena_str(x->a, tag);
	if (!kept.p)
		return NULL;
	x->slots[i] = x->n + 1;
	x->v[x->n] = (struct said){.tag = kept};
	return &x->v[x->n++];
}

/* The two halves of misp-galaxy:type="value". */
static void from_tag(struct said *s)
{
	struct str rest = str_sub(s->tag, 12, s->tag.n);
	ptrdiff_t at = str_chr(rest, '=');
	s->group = s->title = at < 0 ? rest : str_sub(rest, 0, (size_t)at);
	s->value = at < 0 ? STR("") : str_sub(rest, (size_t)at + 1, rest.n);
	if (s->value.n > 1 && s->value.p[0] == '"' && s->value.p[s->value.n - 1] == '"')
		s->value = str_sub(s->value, 1, s->value.n - 2);
}

static void from_cluster(struct context *x, struct said *s, const struct rel_cluster *c)
{
	const struct misp_galaxy *g = c->galaxy;
	s->value = arena_str(x->a, c->cluster->value);
	s->text = arena_str(x->a, text_beginning(c->cluster->description, TEXT_MAX));
	s->id = c->ids ? c->cluster->id : 0;
	if (!g)
		return;
	s->title = arena_str(x->a, g->name);
	s->icon = arena_str(x->a, g->icon);
	s->about = arena_str(x->a, g->description);
}

static void tags_see(struct context *x, const struct misp_tagref *t, uint32_t n,
		     const struct rel_cluster *c, uint32_t n_c)
{
	for (uint32_t i = 0; i < n; i++) {
		struct said *s = said_new(x, t[i].name);
		if (!s)
			continue;
		ptrdiff_t colon = str_chr(s->tag, ':');
		s->colour = arena_str(x->a, t[i].colour);
		s->group = colon < 0 ? STR_NONE : str_sub(s->tag, 0, (size_t)colon);
		s->cluster = str_is(s->group, "misp-galaxy");
		if (!s->cluster)
			continue;
		from_tag(s);
		for (uint32_t k = 0; k < n_c; k++)
			if (str_eq(c[k].cluster->tag_name, s->tag))
				from_cluster(x, s, &c[k]);
	}
}

static enum err context_event(struct export_run *r, const struct rel_event *e)
{
	struct context *x = r->state;
	seal_count(r->out, 1, 0);
	TRY(context_init(x));
	tags_see(x, e->e->tags.v, e->e->tags.n, e->clusters, e->n_clusters);
	return attack_see(&x->attack, r, e->e->tags.v, e->e->tags.n, e->clusters, e->n_clusters, true);
}

static enum err context_element(struct export_run *r, const struct rel_event *e,
				const struct rel_element *el)
{
	struct context *x = r->state;
	(void)e;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	const struct entity_list *t = &el->attr->tags;
	seal_count(r->out, 0, 1);
	tags_see(x, t->v, t->n, el->clusters, el->n_clusters);
	return attack_see(&x->attack, r, t->v, t->n, el->clusters, el->n_clusters, false);
}

/* ---- in order ---- */

/* Vocabularies by namespace, then galaxies by title; in each by tag or value. */
static int in_order(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	if (x->cluster != y->cluster)
		return x->cluster - y->cluster;
	int c = x->cluster ? str_cmp(x->title, y->title) : 0;
	if (!c)
		c = str_cmp(x->group, y->group);
	if (!c && x->cluster)
		c = str_cmp(x->value, y->value);
	return c ? c : str_cmp(x->tag, y->tag);
}

/* What a vocabulary says of the tag; false: it is in none. */
static bool words_of(const struct export_run *r, struct str tag, struct buf *about,
		     struct buf *expanded)
{
	buf_clear(about);
	buf_clear(expanded);
	return r->opts->tag_words && r->opts->tag_words(r->opts->tag_words_user, tag, about, expanded);
}

/* ---- both languages ---- */

static void colour_put(struct buf *b, struct str colour)
{
	unsigned v[3] = {0xff, 0xff, 0xff};
	char hex[3] = {0};
	for (size_t i = 0; colour.n == 7 && i < 3; i++) {
		memcpy(hex, colour.p + 1 + 2 * i, 2);
		v[i] = (unsigned)strtoul(hex, NULL, 16) & 0xff;
	}
	buf_printf(b, "background-color: #%02x%02x%02x; color: %s", v[0], v[1], v[2],
		   (2 * v[0] + v[2] + 3 * v[1]) / 6 < 127 ? "white" : "black");
}

static void tag_put(struct buf *b, const struct said *s)
{
	LIT(b, "<span class=\"tag-container\"><span class=\"tag\" style=\"");
	colour_put(b, s->colour);
	LIT(b, "\">");
	html_text(b, s->tag);
	LIT(b, "</span></span>\n");
}

/* Predicate, or value, of a tag. */
static struct str last_of(struct str tag)
{
	ptrdiff_t at = str_chr(tag, ':'), is = str_find(tag, STR("=\""));
	if (is >= 0 && tag.p[tag.n - 1] == '"' && tag.n - 1 > (size_t)is + 2)
		return str_sub(tag, (size_t)is + 2, tag.n - 3 - (size_t)is);
	return at < 0 ? tag : str_sub(tag, (size_t)at + 1, tag.n);
}

static void text_put(struct buf *b, const struct said *s)
{
	html_text(b, s->text);
	if (s->text.n >= TEXT_MAX - 3)
		LIT(b, "...");
}

/* How a language marks up the four things there are. */
struct language {
	void (*group)(struct buf *b, const struct said *s, struct str about);
	void (*tag)(struct buf *b, const struct said *s, struct str expanded);
	void (*cluster)(struct export_run *r, struct buf *b, const struct said *s);
	const char *tags_open, *tags_close, *clusters_open, *clusters_close, *group_close;
};

static enum err context_put(struct export_run *r, const struct language *l)
{
	struct context *x = r->state;
	struct buf *b = seal_buf(r->out);
	OWN(buf) struct buf about = BUF(1u << 20), expanded = BUF(1u << 20);
	struct str group = STR_NONE, none = STR_NONE;
	bool open = false, in_clusters = false;
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), in_order);
	buf_puts(b, l->tags_open);
	for (uint32_t i = 0; i <= x->n; i++) {
		const struct said *s = &x->v[i];
		if (i < x->n && !s->cluster && !words_of(r, s->tag, &about, &expanded))
			continue;
		bool other = i == x->n || !str_eq(group, s->group) || s->cluster != in_clusters;
		if (other && open)
			buf_puts(b, l->group_close);
		if (!in_clusters && (i == x->n || s->cluster)) {
			buf_puts(b, l->tags_close);
			buf_puts(b, l->clusters_open);
			in_clusters = true;
		}
		if (i == x->n)
			break;
		if (other)
			l->group(b, s, s->cluster ? none : buf_str(&about));
		open = true;
		group = s->group;
		if (s->cluster)
			l->cluster(r, b, s);
		else
			l->tag(b, s, buf_str(&expanded));
	}
	buf_puts(b, l->clusters_close);
	return buf_err(b);
}

static void icon_put(struct buf *b, const struct said *s)
{
	if (s->icon.n) {
		LIT(b, "<i class=\"fas fa-");
		html_text(b, s->icon);
		LIT(b, "\"></i> ");
	}
}

static void link_put(struct export_run *r, struct buf *b, const struct said *s)
{
	buf_str_add(b, r->opts->base_url);
	LIT(b, "/galaxy_clusters/view/");
	buf_u64(b, s->id);
}

/* ---- Markdown ---- */

static void md_group(struct buf *b, const struct said *s, struct str about)
{
	LIT(b, "#### ");
	icon_put(b, s);
	html_text(b, s->cluster ? s->title : s->group);
	buf_putc(b, '\n');
	about = s->cluster ? s->about : about;
	if (about.n) {
		buf_putc(b, '*');
		html_text(b, about);
		LIT(b, "*\n");
	}
}

static void md_tag(struct buf *b, const struct said *s, struct str expanded)
{
	LIT(b, "- ");
	tag_put(b, s);
	LIT(b, "\n    - **");
	html_text(b, last_of(s->tag));
	LIT(b, "**: ");
	html_text(b, expanded);
	buf_putc(b, '\n');
}

static void md_cluster(struct export_run *r, struct buf *b, const struct said *s)
{
	LIT(b, "- *");
	if (s->id)
		buf_putc(b, '[');
	html_text(b, s->value);
	if (s->id) {
		LIT(b, "](");
		link_put(r, b, s);
		buf_putc(b, ')');
	}
	LIT(b, "*\n");
	if (s->text.n) {
		text_put(b, s);
		buf_putc(b, '\n');
	}
}

static enum err md_end(struct export_run *r)
{
	static const struct language markdown = {
		md_group, md_tag, md_cluster,
		"# Aggregated context data\n## Tags and Taxonomies\n", "", "## Galaxy Clusters\n", "", ""};
	struct buf *b = seal_buf(r->out);
	TRY(context_put(r, &markdown));
	/* the last line ends without a new one */
	if (b->n && b->p[b->n - 1] == '\n')
		b->n--;
	return buf_err(b);
}

const struct exporter export_context_markdown = {
	.name = "context-markdown",
	.media = "text/plain",
	.type_name = "txt",
	.doc = "tags by vocabulary and clusters by galaxy, as Markdown",
	.drops = "everything but tags of vocabularies and clusters",
	.scopes = EXPORT_EVENTS,
	.page = true,
	.state_size = sizeof(struct context),
	.event = context_event,
	.element = context_element,
	.end = md_end,
	.free_state = context_free,
};

/* ---- HTML ---- */

static void html_group(struct buf *b, const struct said *s, struct str about)
{
	LIT(b, "<div><h4>");
	buf_puts(b, s->cluster ? "" : "<code>");
	icon_put(b, s);
	html_text(b, s->cluster ? s->title : s->group);
	buf_puts(b, s->cluster ? "" : "</code>");
	LIT(b, "</h4></div><div><i>");
	html_text(b, s->cluster ? s->about : about);
	LIT(b, "</i></div><ul>");
}

static void html_tag(struct buf *b, const struct said *s, struct str expanded)
{
	LIT(b, "<li>");
	tag_put(b, s);
	LIT(b, "</li><ul><li><strong>");
	html_text(b, last_of(s->tag));
	LIT(b, "</strong>: ");
	html_text(b, expanded);
	LIT(b, "</li></ul>");
}

static void html_cluster(struct export_run *r, struct buf *b, const struct said *s)
{
	LIT(b, "<li><strong>");
	if (s->id) {
		LIT(b, "<a href=\"");
		link_put(r, b, s);
		LIT(b, "\" target=\"_blank\">");
	}
	html_text(b, s->value);
	buf_puts(b, s->id ? "</a>" : "");
	LIT(b, "</strong></li> ");
	text_put(b, s);
}

static enum err html_end(struct export_run *r)
{
	static const struct language html = {
		html_group, html_tag, html_cluster,
		"<div>\n<h2>Tags and Taxonomies</h2>\n<div>\n", "\n</div>\n",
		"<h2>Galaxy Clusters</h2>\n<div>\n", "\n</div>\n", "</ul>"};
	struct context *x = r->state;
	struct buf *b = seal_buf(r->out);
	TRY(context_put(r, &html));
	attack_sort(&x->attack);
	LIT(b, "<h2>Mitre ATT&amp;CK Matrix</h2>\n<div class=\"statistics_attack_matrix\">\n");
	attack_html(b, &x->attack);
	LIT(b, "</div>\n</div>\n");
	return buf_err(b);
}

const struct exporter export_context = {
	.name = "context",
	.media = "text/html",
	.type_name = "html",
	.doc = "tags by vocabulary, clusters by galaxy and the ATT&CK matrix, as HTML",
	.drops = "everything but tags of vocabularies and clusters",
	.scopes = EXPORT_EVENTS,
	.page = true,
	.state_size = sizeof(struct context),
	.event = context_event,
	.element = context_element,
	.end = html_end,
	.free_state = context_free,
};
