/*
 * kept_embargoes.c - the embargoes of what was deleted here for good, kept under its UUID: whoever makes
 * it again without them shortens them, and that takes two persons (gate.md section 5).
 */
#include "base/own.h"
#include "gate/gate.h"
#include "ingest/ctx.h"
#include "ingest/two_keys.h"

#define PREFIX "ingest/embargo/"
#define KEY_BYTES (sizeof(PREFIX) - 1 + 16)
#define KEPT_TAGS 16 /* of one thing; of more, the others are forgotten */
#define KEPT_MAX 8192u

static struct str key_of(struct uuid u, char out[KEY_BYTES])
{
	memcpy(out, PREFIX, sizeof(PREFIX) - 1);
	memcpy(out + sizeof(PREFIX) - 1, u.b, sizeof(u.b));
	return (struct str){out, KEY_BYTES};
}

/* Each tag: local or not, length of its name, name. */
static enum err pack(struct store_wtxn *w, const struct entity_list *tags, struct buf *out,
		     struct fail *f)
{
	unsigned n = 0;
	LIST_EACH(t, *tags, struct misp_tagref) {
		struct misp_tag row;
		enum err e = store_get(store_view(w), T_TAG, t->tag_id, NULL, &row);
		if (e == ERR_NOENT || (e == ERR_OK && !gate_is_embargo_tag(row.name)))
			continue;
		if (e != ERR_OK)
			return fail(f, e, "reading a tag");
		if (row.name.n > WANT_TAG_MAX || n++ == KEPT_TAGS)
			continue;
		buf_putc(out, (char)t->local);
		buf_putc(out, (char)row.name.n);
		buf_str_add(out, row.name);
	}
	return buf_err(out) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "too many embargoes");
}

enum err ingest_embargo_keep(struct store_wtxn *w, struct uuid u, const struct entity_list *tags,
			     struct fail *f)
{
	OWN(buf) struct buf b = BUF(KEPT_MAX);
	char key[KEY_BYTES];
	struct str had;
	if (uuid_is_nil(u))
		return ERR_OK;
	if (tags->n)
		TRY(pack(w, tags, &b, f));
	if (b.n)
		return store_kv_put(w, key_of(u, key), buf_str(&b), f);
	/* of an earlier life: its last one had none */
	enum err e = store_kv_get(store_view(w), key_of(u, key), &had);
	return e == ERR_OK ? store_kv_del(w, key_of(u, key), f) : ERR_OK;
}

bool ingest_embargoes_any(struct store_wtxn *w)
{
	OWN(buf) struct buf key = BUF(256);
	struct str v;
	return store_kv_next(store_view(w), STR(PREFIX), &key, &v) != ERR_NOENT;
}

static enum err any_embargo(struct store_wtxn *w, bool *any, struct fail *f)
{
	struct misp_tag tag;
	uint64_t id = 0;
	enum err e;
	*any = ingest_embargoes_any(w);
	while (!*any && (e = store_next(store_view(w), T_TAG, &id, NULL, &tag)) != ERR_NOENT) {
		if (e != ERR_OK)
			return fail(f, e, "reading tags");
		*any = gate_is_embargo_tag(tag.name);
	}
	return ERR_OK;
}

enum err ingest_embargoes_keep(struct store_wtxn *w, const struct misp_event *e, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1u << 20);
	uint64_t last_parent = 0, last = 0;
	bool any;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(any_embargo(w, &any, f));
	if (!any)
		return ERR_OK;
	TRY(ingest_embargo_keep(w, e->uuid, &e->tags, f));
	for (;;) { /* what is written ends the iterator */
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		struct el_key from = {e->body, last_parent, last + 1}, key;
		struct misp_attr attr;
		enum err err;
		TRY(store_el_iter_new(store_view(w), EL_ATTR, from, false, &it));
		do {
			char name[KEY_BYTES];
			struct str had;
			arena_reset(a);
			err = store_el_iter_next(it, a, &key, &attr);
			if (err == ERR_OK && !attr.tags.n &&
			    store_kv_get(store_view(w), key_of(attr.uuid, name), &had) == ERR_OK)
				break;
		} while (err == ERR_OK && !attr.tags.n);
		if (err != ERR_OK)
			return err == ERR_NOENT ? ERR_OK : fail(f, err, "reading attributes");
		last_parent = key.parent;
		last = key.id;
		struct entity_list tags;
		struct misp_tagref *copy = ARENA_ARRAY(a, struct misp_tagref, attr.tags.n + 1);
		if (!copy)
			return fail(f, ERR_LIMIT, "no memory for tags");
		if (attr.tags.n)
			memcpy(copy, attr.tags.v, attr.tags.n * sizeof(*copy));
		tags = (struct entity_list){copy, attr.tags.n};
		TRY(ingest_embargo_keep(w, attr.uuid, &tags, f));
	}
}

enum err ingest_embargo_kept(struct store_wtxn *w, struct uuid u, struct arena *a,
			     struct entity_list *out, struct fail *f)
{
	char key[KEY_BYTES];
	struct str v;
	*out = (struct entity_list){NULL, 0};
	enum err e = uuid_is_nil(u) ? ERR_NOENT : store_kv_get(store_view(w), key_of(u, key), &v);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : fail(f, e, "looking up what was deleted");
	struct misp_tagref *t = ARENA_ARRAY(a, struct misp_tagref, KEPT_TAGS);
	v = arena_str(a, v); /* lent until the next write */
	if (!t || !v.p)
		return fail(f, ERR_LIMIT, "no memory for tags");
	while (v.n && out->n < KEPT_TAGS) {
		size_t n = v.n > 1 ? (uint8_t)v.p[1] : 0;
		if (v.n < 2 + n)
			return fail(f, ERR_CORRUPT, "the embargoes of what was deleted are damaged");
		t[out->n] = (struct misp_tagref){.name = str_sub(v, 2, n),
						 .local = v.p[0] != 0,
						 .exportable = true};
		TRY(ingest_tag_capture(w, &t[out->n], &t[out->n].tag_id, f));
		out->n++;
		v = str_sub(v, 2 + n, v.n - 2 - n);
	}
	out->v = t;
	return ERR_OK;
}
