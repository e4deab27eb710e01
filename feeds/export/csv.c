/*
 * csv.c - one line an attribute (rest-api.md 4.3, as recorded). The columns are a table; a name
 * that is not in it gives an empty field, as in MISP.
 */
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"
#include "model/types.h"

struct row {
	struct buf *b;
	bool event_scope;
	const struct rel_event *e;
	const struct rel_element *el;
};

/* ---- fields ---- */

/* With quotes doubled. */
static void quoted_put(struct buf *b, struct str v)
{
	while (v.n) {
		ptrdiff_t at = str_chr(v, '"');
		size_t n = at < 0 ? v.n : (size_t)at + 1;
		buf_add(b, v.p, n);
		if (at >= 0)
			buf_putc(b, '"');
		v = str_sub(v, n, v.n);
	}
}

static void text_put(struct buf *b, struct str v)
{
	if (is_numeric(v)) {
		buf_str_add(b, v);
		return;
	}
	buf_putc(b, '"');
	quoted_put(b, v);
	buf_putc(b, '"');
}

static void none_put(struct buf *b)
{
	LIT(b, "\"\"");
}

/* Local numbers are empty for those who may not see them. */
static void id_put(struct row *w, uint64_t id)
{
	if (w->e->ids)
		buf_u64(w->b, id);
	else
		none_put(w->b);
}

static void uuid_put(struct buf *b, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	text_put(b, (struct str){uuid_format(u, text), UUID_TEXT_LEN});
}

/* A single tag may be a number; with commas between it is text in any case. */
static void tags_put(struct buf *b, const struct entity_list *tags)
{
	const struct misp_tagref *t = tags->v;
	if (tags->n == 1) {
		text_put(b, t->name);
		return;
	}
	buf_putc(b, '"');
	for (uint32_t i = 0; i < tags->n; i++) {
		if (i)
			buf_putc(b, ',');
		quoted_put(b, t[i].name);
	}
	buf_putc(b, '"');
}

static void bool_put(struct buf *b, bool v)
{
	buf_putc(b, v ? '1' : '0');
}

static void micro_put(struct buf *b, int64_t us)
{
	if (us == MICRO_NONE)
		none_put(b);
	else
		jp_micro_text(b, us);
}

static void object_uuid_put(struct buf *b, const struct misp_object *o)
{
	if (o)
		uuid_put(b, o->uuid);
	else
		none_put(b);
}

static void org_put(struct buf *b, const struct misp_org *o)
{
	text_put(b, o ? o->name : STR(""));
}

/* Of all models that concern it: the mean, and whether one says that it is over; 0 without any. */
static void score_put(struct buf *b, const struct rel_element *el)
{
	double sum = 0;
	for (uint32_t i = 0; i < el->n_scores; i++)
		sum += el->scores[i].score;
	jp_double(b, el->n_scores ? sum / el->n_scores : 0);
}

static void decayed_put(struct buf *b, const struct rel_element *el)
{
	bool any = false;
	for (uint32_t i = 0; i < el->n_scores; i++)
		any |= el->scores[i].decayed;
	bool_put(b, any);
}

/* ---- columns ---- */

static const char *const threat_levels[] = {"Undefined", "High", "Medium", "Low", "Undefined"};

/*
 * X(identifier, column of MISP's table, label, how to write it). The first COL_DEFAULTS are written
 * when no columns are asked for; those from COL_CONTEXT on with includeContext.
 */
#define COLUMNS(X)                                                                                 \
	X(UUID, "uuid", "uuid", uuid_put(b, a->uuid))                                              \
	X(EVENT_ID, "event_id", "event_id", id_put(w, e->id))                                      \
	X(CATEGORY, "category", "category", text_put(b, category_name(a->category)))               \
	X(TYPE, "type", "type", text_put(b, type_name(a->type)))                                   \
	X(VALUE, "value", "value", text_put(b, a->value))                                          \
	X(COMMENT, "comment", "comment", text_put(b, a->comment))                                  \
	X(TO_IDS, "to_ids", "to_ids", bool_put(b, a->to_ids))                                      \
	X(TIMESTAMP, "timestamp", "date", buf_i64(b, a->timestamp))                                \
	X(RELATION, "object_relation", "object_relation", text_put(b, a->object_relation))         \
	X(TAG, "attribute_tag", "attribute_tag", tags_put(b, &a->tags))                            \
	X(OBJECT_UUID, "object_uuid", "object_uuid", object_uuid_put(b, o))                        \
	X(OBJECT_NAME, "object_name", "object_name", text_put(b, o ? o->name : STR("")))           \
	X(OBJECT_META, "object_meta-category", "object_meta_category",                             \
	  text_put(b, o ? o->meta_category : STR("")))                                             \
	X(ID, "id", "id", id_put(w, a->id))                                                        \
	X(OBJECT_ID, "object_id", "object_id", id_put(w, a->object_id))                            \
	X(DISTRIBUTION, "distribution", "distribution", buf_u64(b, a->distribution))               \
	X(SHARING_GROUP, "sharing_group_id", "sharing_group_id", id_put(w, a->sharing_group_id))   \
	X(DELETED, "deleted", "deleted", bool_put(b, a->deleted))                                  \
	X(NO_CORRELATION, "disable_correlation", "disable_correlation",                            \
	  bool_put(b, a->disable_correlation))                                                     \
	X(FIRST_SEEN, "first_seen", "first_seen", micro_put(b, a->first_seen))                     \
	X(LAST_SEEN, "last_seen", "last_seen", micro_put(b, a->last_seen))                         \
	X(EVENT_UUID, "event_uuid", "event_uuid", uuid_put(b, e->uuid))                            \
	X(SCORE, "decay_score_score", "decay_score_score", score_put(b, w->el))                    \
	X(DECAYED, "decay_score_decayed", "decay_score_decayed", decayed_put(b, w->el))            \
	X(CONTEXT, "event_info", "event_info", text_put(b, e->info))                               \
	X(EVENT_ORG, "event_member_org", "event_member_org", org_put(b, w->e->org))                \
	X(EVENT_ORGC, "event_source_org", "event_source_org", org_put(b, w->e->orgc))              \
	X(EVENT_DISTRIBUTION, "event_distribution", "event_distribution",                          \
	  buf_u64(b, e->distribution))                                                             \
	X(EVENT_THREAT, "event_threat_level_id", "event_threat_level_id",                          \
	  text_put(b, str_c(threat_levels[e->threat_level_id % ARRAY_LEN(threat_levels)])))        \
	X(EVENT_ANALYSIS, "event_analysis", "event_analysis", buf_u64(b, e->analysis))             \
	X(EVENT_DATE, "event_date", "event_date", jp_date(b, e->date))                             \
	X(EVENT_TAG, "event_tag", "event_tag", tags_put(b, &e->tags))                              \
	X(EVENT_TIMESTAMP, "event_timestamp", "event_timestamp", buf_i64(b, e->timestamp))

enum column {
#define X(id, name, label, expr) COL_##id,
	COLUMNS(X)
#undef X
	COL_COUNT,
	COL_DEFAULTS = COL_OBJECT_META + 1
};

static const struct {
	const char *name, *label;
} columns[COL_COUNT] = {
#define X(id, name, label, expr) [COL_##id] = {name, label},
	COLUMNS(X)
#undef X
};

static void column_put(struct row *w, enum column c)
{
	struct buf *b = w->b;
	const struct misp_event *e = w->e->e;
	const struct misp_attr *a = w->el->attr;
	const struct misp_object *o = w->event_scope ? w->el->in_object : NULL;
	switch (c) {
#define X(id, name, label, expr)                                                                   \
	case COL_##id:                                                                             \
		expr;                                                                              \
		break;
		COLUMNS(X)
#undef X
	case COL_COUNT:
		none_put(b);
		break;
	}
}

/* ---- the exporter ---- */

#define COLUMNS_MAX 64

struct csv_state {
	uint8_t column[COLUMNS_MAX]; /* COL_COUNT: unknown */
	unsigned n;
};

static enum column column_find(struct str name)
{
	for (unsigned c = 0; c < COL_COUNT; c++)
		if (str_is(name, columns[c].name) || str_is(name, columns[c].label))
			return (enum column)c;
	return COL_COUNT;
}

static void label_put(struct buf *b, struct str name, enum column c)
{
	if (c != COL_COUNT)
		name = str_c(columns[c].label);
	for (size_t i = 0; i < name.n; i++)
		buf_putc(b, name.p[i] == '-' ? '_' : name.p[i]);
}

static void column_add(struct export_run *r, enum column c, struct str name)
{
	struct csv_state *st = r->state;
	struct buf *b = seal_buf(r->out);
	if (st->n == COLUMNS_MAX)
		return;
	if (!r->opts->headerless) {
		if (st->n)
			buf_putc(b, ',');
		label_put(b, name, c);
	}
	st->column[st->n++] = (uint8_t)c;
}

static enum err csv_begin(struct export_run *r)
{
	const struct export_opts *o = r->opts;
	bool scores = o->include_scores && o->scope == EXPORT_ATTRIBUTES;
	for (uint32_t i = 0; i < o->n_columns; i++)
		column_add(r, column_find(o->columns[i]), o->columns[i]);
	for (unsigned c = 0; c < COL_DEFAULTS && !o->n_columns; c++) {
		if (c == COL_OBJECT_UUID && scores) { /* before those of the object, as recorded */
			column_add(r, COL_SCORE, STR_NONE);
			column_add(r, COL_DECAYED, STR_NONE);
		}
		column_add(r, (enum column)c, STR_NONE);
	}
	for (unsigned c = COL_SCORE; c <= COL_DECAYED && scores && o->n_columns; c++)
		column_add(r, (enum column)c, STR_NONE);
	for (unsigned c = COL_CONTEXT; c < COL_COUNT && o->include_context; c++)
		column_add(r, (enum column)c, STR_NONE);
	if (!o->headerless)
		buf_putc(seal_buf(r->out), '\n');
	return buf_err(seal_buf(r->out));
}

static enum err csv_event(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

static enum err csv_element(struct export_run *r, const struct rel_event *e,
			    const struct rel_element *el)
{
	const struct csv_state *st = r->state;
	struct row w = {seal_buf(r->out), r->opts->scope == EXPORT_EVENTS, e, el};
	if (el->kind != EL_ATTR)
		return ERR_OK;
	for (unsigned i = 0; i < st->n; i++) {
		if (i)
			buf_putc(w.b, ',');
		column_put(&w, (enum column)st->column[i]);
	}
	buf_putc(w.b, '\n');
	r->n++;
	seal_count(r->out, 0, 1);
	return buf_err(w.b);
}

static enum err csv_end(struct export_run *r)
{
	buf_putc(seal_buf(r->out), '\n');
	return buf_err(seal_buf(r->out));
}

const struct exporter export_csv = {
	.name = "csv",
	.media = "text/csv",
	.type_name = "csv",
	.doc = "one attribute a line, columns selectable",
	.drops = "objects as such, references, sightings, reports and analyst data; columns choose the rest",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct csv_state),
	.begin = csv_begin,
	.event = csv_event,
	.element = csv_element,
	.end = csv_end,
};
