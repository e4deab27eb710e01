/*
 * preview.c - counts and tells what a stream leaves out, by laying each stored entity beside what the
 * gate let through, field by field (model/fields.inc). Decides nothing.
 */
#include "egress/preview.h"

#include <string.h>

#include "base/hash.h"
#include "base/jsonw.h"
#include "model/types.h"

#define PULL (256u << 10)
#define CHUNK_MAX (257u << 20)
#define VALUE_MAX 200u /* of a text in a difference */

/* ---- fields ------------------------------------------------------------------------------------ */

static void text_value(struct jsonw *w, struct str s)
{
	if (s.n <= VALUE_MAX) {
		jsonw_str(w, s);
		return;
	}
	OWN(buf) struct buf b = BUF(VALUE_MAX * 2);
	buf_str_add(&b, str_sub(s, 0, VALUE_MAX));
	buf_puts(&b, "...");
	jsonw_str(w, buf_str(&b));
}

static void value_write(struct jsonw *w, const struct field *f, const void *at)
{
	switch ((enum field_kind)f->kind) {
	case F_STR:
		text_value(w, *(const struct str *)at);
		return;
	case F_BOOL:
		jsonw_bool(w, *(const bool *)at);
		return;
	case F_U8:
		jsonw_uint(w, *(const uint8_t *)at);
		return;
	case F_DATE:
		jsonw_uint(w, *(const uint32_t *)at);
		return;
	case F_U64:
		jsonw_uint(w, *(const uint64_t *)at);
		return;
	case F_I64:
	case F_TIME:
	case F_MICRO:
		jsonw_int(w, *(const int64_t *)at);
		return;
	case F_UUID:
		jsonw_uuid(w, *(const struct uuid *)at);
		return;
	case F_TYPE:
		jsonw_str(w, type_name((enum attr_type) * (const uint16_t *)at));
		return;
	case F_CATEGORY:
		jsonw_str(w, category_name((enum attr_category) * (const uint8_t *)at));
		return;
	case F_LIST:
	default:
		jsonw_null(w);
		return;
	}
}

static size_t value_size(const struct field *f)
{
	static const size_t sizes[] = {
#define X(name, ctype) [F_##name] = sizeof(ctype),
		FIELD_KINDS(X)
#undef X
	};
	return sizes[f->kind];
}

static bool value_same(const struct field *f, const void *a, const void *b)
{
	if (f->kind == F_STR)
		return str_eq(*(const struct str *)a, *(const struct str *)b);
	return memcmp(a, b, value_size(f)) == 0;
}

static bool value_empty(const struct field *f, const void *at)
{
	static const char zeros[sizeof(struct uuid)];
	if (f->kind == F_STR)
		return ((const struct str *)at)->n == 0;
	if (f->kind == F_MICRO)
		return *(const int64_t *)at == MICRO_NONE;
	return memcmp(at, zeros, value_size(f)) == 0;
}

static void tell(struct preview *p, const struct preview_line *l)
{
	if (p->line)
		p->line(p->user, l);
}

static void tell_field(struct preview *p, struct preview_line *l, const struct field *f,
		       const void *was, const void *now)
{
	OWN(buf) struct buf a = BUF(1 << 16);
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw wa = jsonw_on(&a), wb = jsonw_on(&b);
	p->n.fields++;
	if (!p->line)
		return;
	l->field = f->key;
	value_write(&wa, f, was);
	if (!value_empty(f, now))
		value_write(&wb, f, now);
	l->was = buf_str(&a);
	l->now = b.n ? buf_str(&b) : STR_NONE;
	tell(p, l);
}

/* Tags leave or not, one by one. */
static unsigned tags_differ(struct preview *p, struct preview_line *l,
			    const struct entity_list *was, const struct entity_list *now)
{
	unsigned n = 0;
	LIST_EACH(t, *was, struct misp_tagref) {
		bool left = false;
		LIST_EACH(k, *now, struct misp_tagref)
			left = left || str_eq(k->name, t->name);
		if (left)
			continue;
		n++;
		p->n.fields++;
		OWN(buf) struct buf b = BUF(1 << 16);
		struct jsonw w = jsonw_on(&b);
		text_value(&w, t->name);
		l->field = "Tag";
		l->was = buf_str(&b);
		l->now = STR_NONE;
		tell(p, l);
	}
	return n;
}

/*
 * Local numbers and what the store keeps for itself are not what anybody is spared; everything else
 * that is there and does not leave as it is counts.
 */
static unsigned fields_differ(struct preview *p, struct preview_line *l,
			      const struct entity_desc *d, const void *was, const void *now)
{
	unsigned n = 0;
	for (unsigned i = 0; i < d->n; i++) {
		const struct field *f = &d->fields[i];
		const char *a = (const char *)was + f->offset, *b = (const char *)now + f->offset;
		bool number = f->kind == F_U64 && (f->rule == R_LOCAL || f->rule == R_RULE);
		if (!f->key || f->rule == R_DROP || number || f->form == FORM_RAW)
			continue;
		if (f->kind == F_LIST) {
			if (strcmp(f->key, "Tag") == 0)
				n += tags_differ(p, l, (const struct entity_list *)(const void *)a,
						 (const struct entity_list *)(const void *)b);
			continue;
		}
		if (value_empty(f, a) || value_same(f, a, b))
			continue;
		tell_field(p, l, f, a, b);
		n++;
	}
	return n;
}

/* ---- what the stream tells --------------------------------------------------------------------- */

static void on_event(void *user, const struct misp_event *full, const struct rel_event *cut)
{
	struct preview_line l = {.what = "event", .uuid = full->uuid, .label = full->info};
	fields_differ(user, &l, &desc_misp_event, full, cut->e);
}

struct thing {
	const char *what;
	const struct entity_desc *desc;
	const void *entity;
	struct uuid uuid;
	struct str label;
};

static struct thing thing_of(const struct rel_element *el)
{
	struct thing t = {.what = "element"};
	if (el->kind == EL_ATTR)
		t = (struct thing){"attribute", &desc_misp_attr, el->attr, el->attr->uuid,
				   type_name((enum attr_type)el->attr->type)};
	else if (el->kind == EL_OBJECT)
		t = (struct thing){"object", &desc_misp_object, el->object, el->object->uuid,
				   el->object->name};
	else if (el->kind == EL_REPORT)
		t = (struct thing){"report", &desc_misp_report, el->report, el->report->uuid,
				   el->report->name};
	else if (el->kind == EL_PROPOSAL)
		t = (struct thing){"proposal", &desc_misp_proposal, el->proposal,
				   el->proposal->uuid,
				   type_name((enum attr_type)el->proposal->type)};
	return t;
}

/* What hangs below an element: how many of a kind, and how many are left. */
static unsigned children_differ(struct preview *p, struct preview_line *l,
				const struct rel_element *full, const struct rel_element *cut)
{
	const struct {
		const char *key;
		uint32_t was, now;
	} kinds[] = {{"ObjectReference", full->n_refs, cut->n_refs},
		     {"ShadowAttribute", full->n_proposals, cut->n_proposals},
		     {"Sighting", full->n_sightings, cut->n_sightings},
		     {"data", full->data.n != 0, cut->data.n != 0}};
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char was[24], now[24];
		if (kinds[i].now >= kinds[i].was)
			continue;
		n += kinds[i].was - kinds[i].now;
		snprintf(was, sizeof(was), "%u", kinds[i].was);
		snprintf(now, sizeof(now), "%u", kinds[i].now);
		l->field = kinds[i].key;
		l->was = str_c(was);
		l->now = kinds[i].now ? str_c(now) : STR_NONE;
		tell(p, l);
	}
	p->n.fields += n;
	return n;
}

static void on_element(void *user, const struct rel_element *full, const struct rel_element *cut,
		       enum gate_rule by)
{
	struct preview *p = user;
	struct thing t = thing_of(full);
	struct preview_line l = {.what = t.what, .uuid = t.uuid, .label = t.label};
	p->n.elements++;
	if (!cut) {
		l.withheld = by;
		p->n.withheld++;
		p->n.by[by]++;
		tell(p, &l);
		return;
	}
	unsigned n = t.desc ? fields_differ(p, &l, t.desc, t.entity, thing_of(cut).entity) : 0;
	n += children_differ(p, &l, full, cut);
	p->n.changed += n != 0;
}

/* ------------------------------------------------------------------------------------------------- */

static enum err drain(struct sealed *s, struct preview *p, struct fail *f)
{
	OWN(buf) struct buf b = BUF(CHUNK_MAX);
	struct hash_ctx *h = hash_begin();
	enum err e = ERR_OK;
	for (bool end = false; e == ERR_OK && !end;) {
		buf_clear(&b);
		e = p->cancelled && atomic_load(p->cancelled) ? fail(f, ERR_CANCELLED, "cancelled")
							      : sealed_pull(s, &b, PULL, &end, f);
		if (e == ERR_OK)
			hash_add(h, b.p, b.n);
	}
	struct sha256 d = hash_end(h);
	memcpy(p->digest, d.b, sizeof(p->digest));
	return e;
}

enum err preview_event(const struct egress_env *env, preview_make_fn make, void *user,
		       uint64_t event_id, struct preview *p, struct fail *f)
{
	const struct egress_tap tap = {on_event, on_element, p};
	struct egress_env mine = *env;
	OWN(sealed) struct sealed *s = NULL;
	mine.tap = &tap;
	p->n = (struct preview_counts){0};
	p->bytes = p->attributes = 0;
	TRY(make(user, &mine, event_id, &s, f));
	TRY(drain(s, p, f));
	p->bytes = sealed_totals(s)->bytes;
	p->attributes = sealed_totals(s)->attributes;
	return ERR_OK;
}
