/*
 * attack.c - ATT&CK: techniques as a layer for the Navigator, as sightings, and as a matrix in HTML
 * (rest-api.md 4.12, sightings as recorded; the matrix has the cells that MISP's has, but for those that
 * nothing names, which are 3 MB).
 */
#include "feeds/export/attack.h"

#include <stdlib.h>

#include "base/hash.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"

#define SLOTS (2 * ATTACK_MAX)
#define TEXTS_MAX (8u << 20)
#define TEXT_MAX 300

/* ---- techniques ---- */

struct str attack_id(struct str tag, struct str galaxy)
{
	struct str rest = tag;
	ptrdiff_t at, last = -1;
	if (!str_has_prefix(tag, STR("misp-galaxy:")))
		return STR_NONE;
	rest = str_sub(rest, 12, rest.n);
	if (!str_has_prefix(rest, galaxy))
		return STR_NONE;
	rest = str_sub(rest, galaxy.n, rest.n);
	if (!str_has_prefix(rest, STR("=\"")) || !str_has_suffix(rest, STR("\"")) || rest.n < 4)
		return STR_NONE;
	rest = str_sub(rest, 2, rest.n - 3);
	for (size_t from = 0; (at = str_find(str_sub(rest, from, rest.n), STR(" - "))) >= 0;) {
		last = (ptrdiff_t)from + at;
		from = (size_t)last + 3;
	}
	return last < 0 ? STR_NONE : str_sub(rest, (size_t)last + 3, rest.n);
}

/* "T1566" or "T1566.001" */
static bool is_technique(struct str id)
{
	if ((id.n != 5 && id.n != 9) || id.p[0] != 'T' || (id.n == 9 && id.p[5] != '.'))
		return false;
	for (size_t i = 1; i < id.n; i++)
		if (i != 5 && (id.p[i] < '0' || id.p[i] > '9'))
			return false;
	return true;
}

struct str attack_galaxy(const struct export_run *r)
{
	struct str g = param_get(r, "attackGalaxy");
	return g.n ? g : STR("mitre-attack-pattern");
}

static enum err attack_init(struct attack *t)
{
	if (t->a)
		return ERR_OK;
	t->a = arena_new(TEXTS_MAX);
	t->v = calloc(ATTACK_MAX, sizeof(*t->v));
	t->slots = calloc(SLOTS, sizeof(*t->slots));
	return t->a && t->v && t->slots ? ERR_OK : ERR_NOMEM;
}

void attack_free(struct attack *t)
{
	if (t->a)
		arena_free(t->a);
	free(t->v);
	free(t->slots);
}

static const struct rel_cluster *cluster_of(struct str tag, const struct rel_cluster *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(c[i].cluster->tag_name, tag))
			return &c[i];
	return NULL;
}

/* "mitre-attack:initial-access", "attack-Linux:initial-access" */
static void tactics_of(struct attack *t, struct technique *q, const struct misp_cluster *c)
{
	LIST_EACH(m, c->elements, struct misp_clustermeta) {
		if (!str_is(m->key, "kill_chain") || q->n_tactics == TACTICS_MAX)
			continue;
		struct str v = m->value;
		bool had = false;
		for (ptrdiff_t at; (at = str_chr(v, ':')) >= 0;)
			v = str_sub(v, (size_t)at + 1, v.n);
		for (uint32_t i = 0; i < q->n_tactics; i++)
			had |= str_eq(q->tactic[i], v);
		if (!had && v.n && v.n < 64)
			q->tactic[q->n_tactics++] = arena_str(t->a, v);
	}
}

/* The technique of a tag, a new one when it is not there; NULL: there are too many. */
static struct technique *technique_of(struct attack *t, struct str id, struct str tag,
				      const struct rel_cluster *c)
{
	uint32_t i = (uint32_t)hash_64(id.p, id.n, 0) % SLOTS;
	while (t->slots[i] && !str_eq(t->v[t->slots[i] - 1].id, id))
		i = (i + 1) % SLOTS;
	if (t->slots[i])
		return &t->v[t->slots[i] - 1];
	ptrdiff_t name = str_chr(tag, '"');
	struct str kept = arena_str(t->a, tag);
	if (t->n == ATTACK_MAX || name < 0 || !kept.p)
		return NULL;
	struct technique *q = &t->v[t->n];
	*q = (struct technique){.tag = kept, .id = arena_str(t->a, id)};
	size_t from = (size_t)name + 1;
	q->name = str_sub(kept, from, kept.n - id.n - 4 - from);
	if (!q->id.p)
		return NULL;
	t->slots[i] = ++t->n;
	if (c) {
		q->text = arena_str(t->a, text_beginning(c->cluster->description, TEXT_MAX));
		tactics_of(t, q, c->cluster);
	}
	return q;
}

enum err attack_see(struct attack *t, struct export_run *r, const struct misp_tagref *tags,
		    uint32_t n_tags, const struct rel_cluster *c, uint32_t n_c, bool event)
{
	struct str galaxy = attack_galaxy(r);
	TRY(attack_init(t));
	for (uint32_t i = 0; i < n_tags; i++) {
		struct str id = attack_id(tags[i].name, galaxy);
		struct technique *q =
			is_technique(id) ? technique_of(t, id, tags[i].name,
							cluster_of(tags[i].name, c, n_c))
					 : NULL;
		if (q)
			++*(event ? &q->events : &q->attributes);
	}
	return ERR_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct technique *x = a, *y = b;
	return str_cmp(x->id, y->id);
}

void attack_sort(struct attack *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_id);
}

static enum err count_event(struct export_run *r, const struct rel_event *e)
{
	struct attack *t = r->state;
	seal_count(r->out, 1, 0);
	return attack_see(t, r, e->e->tags.v, e->e->tags.n, e->clusters, e->n_clusters, true);
}

static enum err count_element(struct export_run *r, const struct rel_event *e,
			      const struct rel_element *el)
{
	struct attack *t = r->state;
	(void)e;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	return attack_see(t, r, el->attr->tags.v, el->attr->tags.n, el->clusters, el->n_clusters, false);
}

static void state_free(void *state)
{
	attack_free(state);
}

static uint64_t score(const struct technique *q)
{
	return (uint64_t)q->events + q->attributes;
}

static uint64_t score_max(const struct attack *t)
{
	uint64_t max = 0;
	for (uint32_t i = 0; i < t->n; i++)
		max = MAX(max, score(&t->v[i]));
	return max;
}

/* ---- the matrix ---- */

static const char *const tactics[] = {
	"reconnaissance", "resource-development", "initial-access", "execution", "persistence",
	"privilege-escalation", "defense-evasion", "credential-access", "discovery", "lateral-movement",
	"collection", "command-and-control", "exfiltration", "impact"};
#define TACTICS ARRAY_LEN(tactics)

static bool in_column(const struct technique *q, size_t column)
{
	bool known = false;
	for (uint32_t i = 0; i < q->n_tactics; i++) {
		if (column < TACTICS && str_is(q->tactic[i], tactics[column]))
			return true;
		for (size_t c = 0; c < TACTICS; c++)
			known |= str_is(q->tactic[i], tactics[c]);
	}
	return column == TACTICS && !known;
}

static bool column_used(const struct attack *t, size_t column)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (in_column(&t->v[i], column))
			return true;
	return false;
}

static void cell(struct buf *b, const struct technique *q, uint64_t max)
{
	unsigned fade = 255 - (unsigned)(score(q) * 160 / (max ? max : 1));
	buf_printf(b, "<td class=\"heatCell matrix-interaction\" data-score=\"%llu\" data-tag_name=\"",
		   (unsigned long long)score(q));
	html_text(b, q->tag);
	buf_printf(b, "\" style=\"background: #ff%02x%02x; color: black\" title=\"%.*s: ", fade, fade,
		   STR_ARG(q->id));
	html_text(b, q->text);
	buf_printf(b, "\" aria-label=\"%.*s\">", STR_ARG(q->id));
	html_text(b, q->name);
	LIT(b, "</td>");
}

static void heading(struct buf *b, size_t column)
{
	LIT(b, "<th>");
	const char *p = column < TACTICS ? tactics[column] : "tactic not known";
	for (size_t i = 0; p[i]; i++)
		buf_putc(b, i == 0 ? (char)(p[i] - 'a' + 'A') : p[i] == '-' ? ' ' : p[i]);
	LIT(b, "</th>");
}

/* The n-th technique of a column; NULL: there are no more. */
static const struct technique *nth(const struct attack *t, size_t column, uint32_t *from)
{
	while (*from < t->n)
		if (in_column(&t->v[(*from)++], column))
			return &t->v[*from - 1];
	return NULL;
}

void attack_html(struct buf *b, const struct attack *t)
{
	uint32_t at[TACTICS + 1] = {0};
	bool used[TACTICS + 1], more = t->n > 0;
	uint64_t max = score_max(t);
	LIT(b, "<table class=\"table table-condensed matrix-table\">\n<thead><tr>");
	for (size_t c = 0; c <= TACTICS; c++) {
		used[c] = column_used(t, c);
		if (used[c])
			heading(b, c);
	}
	LIT(b, "</tr></thead>\n<tbody>\n");
	while (more) {
		size_t before = b->n, filled = 0;
		LIT(b, "<tr>");
		for (size_t c = 0; c <= TACTICS; c++) {
			const struct technique *q = used[c] ? nth(t, c, &at[c]) : NULL;
			filled += q != NULL;
			if (q)
				cell(b, q, max);
			else if (used[c])
				LIT(b, "<td style=\"border: none;\"></td>");
		}
		LIT(b, "</tr>\n");
		more = filled > 0 && buf_err(b) == ERR_OK;
		if (!filled && buf_err(b) == ERR_OK)
			b->n = before;
	}
	LIT(b, "</tbody>\n</table>\n");
}

static enum err matrix_end(struct export_run *r)
{
	struct attack *t = r->state;
	struct buf *b = seal_buf(r->out);
	attack_sort(t);
	LIT(b, "<div>\n<div id=\"attackmatrix_div\" class=\"statistics_attack_matrix\">\n");
	attack_html(b, t);
	LIT(b, "</div>\n</div>\n");
	return buf_err(b);
}

const struct exporter export_attack = {
	.name = "attack",
	.media = "text/html",
	.type_name = "html",
	.doc = "ATT&CK matrix of the techniques that are named, as HTML",
	.drops = "everything but ATT&CK techniques and how many name them",
	.scopes = EXPORT_EVENTS,
	.page = true,
	.state_size = sizeof(struct attack),
	.event = count_event,
	.element = count_element,
	.end = matrix_end,
	.free_state = state_free,
};

/* ---- Navigator ---- */

static void technique_put(struct buf *b, const struct technique *q, struct str tactic)
{
	LIT(b, "{\"techniqueID\":\"");
	buf_str_add(b, q->id);
	if (tactic.n) {
		LIT(b, "\",\"tactic\":\"");
		php_json_text(b, tactic);
	}
	buf_printf(b, "\",\"score\":%llu,\"comment\":\"%u events, %u attributes\",\"enabled\":true,"
		      "\"showSubtechniques\":%s}",
		   (unsigned long long)score(q), q->events, q->attributes,
		   q->id.n == 5 ? "true" : "false");
}

static enum err layer_end(struct export_run *r)
{
	struct attack *t = r->state;
	struct buf *b = seal_buf(r->out);
	uint64_t max = score_max(t);
	bool mobile = str_find(attack_galaxy(r), STR("mobile")) >= 0;
	attack_sort(t);
	LIT(b, "{\"name\":\"");
	php_json_text(b, r->opts->host_org_name);
	LIT(b, "\",\"versions\":{\"layer\":\"4.5\",\"navigator\":\"5.1.0\"},\"domain\":\"");
	buf_puts(b, mobile ? "mobile-attack" : "enterprise-attack");
	LIT(b, "\",\"description\":\"Techniques named by events and attributes; the score is how many "
	       "do\",\"sorting\":3,\"layout\":{\"layout\":\"side\",\"showID\":true,\"showName\":true},"
	       "\"hideDisabled\":false,\"techniques\":[");
	for (uint32_t i = 0; i < t->n; i++) {
		if (i)
			buf_putc(b, ',');
		/* without a tactic it stands in each column that it belongs to */
		technique_put(b, &t->v[i], STR_NONE);
	}
	buf_printf(b, "],\"gradient\":{\"colors\":[\"#ffffff\",\"#ff6666\"],\"minValue\":0,\"maxValue\":"
		      "%llu},\"legendItems\":[],\"metadata\":[]}",
		   (unsigned long long)(max ? max : 1));
	return buf_err(b);
}

const struct exporter export_attack_navigator = {
	.name = "attack-navigator",
	.media = "application/json",
	.type_name = "json",
	.doc = "layer for the ATT&CK Navigator: techniques with how many events and attributes name them",
	.drops = "everything but ATT&CK techniques and how many name them",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct attack),
	.event = count_event,
	.element = count_element,
	.end = layer_end,
	.free_state = state_free,
};

/* ---- sightings of techniques ---- */

static void iso_put(struct buf *b, int64_t t)
{
	time_put(b, t, 'T');
	buf_putc(b, 'Z');
}

static enum err sighting_put(struct export_run *r, struct uuid uuid, const struct misp_tagref *tags,
			     uint32_t n, int64_t from, int64_t to)
{
	struct buf *b = seal_buf(r->out);
	struct str galaxy = attack_galaxy(r);
	char text[UUID_TEXT_LEN + 1];
	uint32_t found = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct str id = attack_id(tags[i].name, galaxy);
		if (!id.n)
			continue;
		if (!found++) {
			buf_putc(b, r->n++ ? ',' : '[');
			buf_printf(b, "{\"id\":\"%s\",\"sightingType\":\"direct-technique-sighting\","
				      "\"startTime\":\"",
				   uuid_format(uuid, text));
			iso_put(b, from);
			LIT(b, "\",\"endTime\":\"");
			iso_put(b, to);
			LIT(b, "\",\"detectionType\":\"raw\",\"techniques\":[");
		} else {
			buf_putc(b, ',');
		}
		LIT(b, "{\"techniqueID\":\"");
		php_json_text(b, id);
		LIT(b, "\"}");
	}
	if (found)
		LIT(b, "]}");
	return buf_err(b);
}

static enum err sighting_element(struct export_run *r, const struct rel_event *e,
				 const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	(void)e;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	int64_t from = a->first_seen == MICRO_NONE ? a->timestamp : a->first_seen / 1000000;
	int64_t to = a->last_seen == MICRO_NONE ? a->timestamp : a->last_seen / 1000000;
	return sighting_put(r, a->uuid, a->tags.v, a->tags.n, from, to);
}

static enum err sighting_event(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

static enum err sighting_event_end(struct export_run *r, const struct rel_event *e)
{
	const struct misp_event *x = e->e;
	if (r->opts->scope != EXPORT_EVENTS)
		return ERR_OK;
	return sighting_put(r, x->uuid, x->tags.v, x->tags.n, x->timestamp, x->timestamp);
}

static enum err sightings_end(struct export_run *r)
{
	if (!r->n)
		buf_putc(seal_buf(r->out), '[');
	buf_putc(seal_buf(r->out), ']');
	return buf_err(seal_buf(r->out));
}

const struct exporter export_attack_sightings = {
	.name = "attack-sightings",
	.media = "application/json",
	.type_name = "json",
	.doc = "sightings of ATT&CK techniques, for MITRE's project of that name",
	.drops = "everything but ATT&CK techniques, UUIDs and times",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.event = sighting_event,
	.element = sighting_element,
	.event_end = sighting_event_end,
	.end = sightings_end,
};
