/*
 * prepare.c - elements of an admitted document made ready for the writer, on the worker thread:
 * judged by the gate, attachments decoded and stored. Nothing here needs a transaction.
 */
#include "base/hash.h"
#include "base/samplezip.h"
#include "ingest/ctx.h"
#include "lists/template.h"
#include "model/pack.h"

#define ARENA_MAX (256u << 20)

/* Deep copy: the views of a cursor over a file die with its next step. */
static enum err keep(struct arena *a, struct element *e)
{
	TRY(entity_copy(a, element_desc(e->kind), &e->head, &e->head));
	if (e->kind != EL_CLUSTER)
		return ERR_OK;
	return entity_copy(a, &desc_misp_galaxy, &e->galaxy, &e->galaxy);
}

/* Attachment: base64 to a content-addressed file. `pack`: the name of a sample that its sender wants
   in a zip; absent: as it is. */
static enum err store_data(struct ingest_ctx *c, struct str *data, struct str pack, struct str *blob,
			   uint64_t *size, struct fail *f)
{
	OWN(buf) struct buf bytes = BUF(data->n + 16), zip = BUF(data->n + pack.n + 1024);
	uint8_t digest[32];
	if (!data->n || !base64_decode(&bytes, *data))
		return buf_err(&bytes); /* MISP takes what is not base64 and keeps nothing of it */
	if (pack.p)
		TRY(samplezip_make(&zip, pack, buf_str(&bytes)));
	const struct buf *what = pack.p ? &zip : &bytes;
	TRY(store_blob_put(c->env->store, buf_str(what), digest, f));
	*blob = arena_str(c->arena, (struct str){(const char *)digest, sizeof(digest)});
	*size = what->n;
	*data = STR_NONE;
	return blob->p ? ERR_OK : ERR_LIMIT;
}

/*
 * Equal live attributes directly in the event: the first wins (sync-protocol.md 4.5.1, 14). In a
 * document that edits, those that are known already may keep what they have.
 */
static enum err repeats(struct ingest_ctx *c, const struct element *e, bool *twice, struct fail *f)
{
	const struct misp_attr *a = &e->attr;
	bool oom = false;
	*twice = false;
	if (e->kind != EL_ATTR || e->parent || a->deleted || !c->break_repeats)
		return ERR_OK;
	struct index_uuid at;
	if (!c->adding && !uuid_is_nil(a->uuid) &&
	    index_uuid_find(c->env->index, a->uuid, &at) == ERR_OK)
		return ERR_OK;
	*twice = ingest_seen_add(&c->seen,
			  hash_64(a->value.p, a->value.n, (uint64_t)a->type << 8 | a->category), &oom);
	return oom ? fail(f, ERR_NOMEM, "no memory for the duplicate test") : ERR_OK;
}

/* A new object on its own is called what its template is called (recorded: objects 1919, 1921). */
static enum err apply_template(struct ingest_ctx *c, struct misp_object *o, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_template *m = &c->object_template;
	TRY(store_read(c->env->store, &t, f));
	enum err e = lists_template(t, c->facts->template_id, o->template_uuid, o->template_version,
				    c->out_arena, m);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	char *uuid = arena_alloc(c->out_arena, UUID_TEXT_LEN + 1);
	if (!uuid)
		return fail(f, ERR_LIMIT, "no memory left for this request");
	c->templated = true;
	o->name = m->name;
	o->meta_category = m->meta_category;
	o->description = m->description;
	o->template_uuid = str_c(uuid_format(m->uuid, uuid));
	o->template_version = arena_printf(c->out_arena, "%llu", (unsigned long long)m->version);
	return ERR_OK;
}

static enum err prepare_one(struct ingest_ctx *c, struct element *e, struct fail *f)
{
	if (c->adding_object && e->kind == EL_OBJECT)
		TRY(apply_template(c, &e->object, f));
	TRY(gate_admit_element(c->adm, c->facts, c->arena, e, f));
	TRY(ingest_rewrite(c, e, f));
	ingest_note_vuln(c, e);
	struct str name = STR_NONE;
	if (e->kind == EL_ATTR && e->attr.type == ATTR_MALWARE_SAMPLE && e->attr.encrypt)
		(void)str_split(e->attr.value, '|', &name);
	if (e->kind == EL_ATTR)
		return store_data(c, &e->attr.data, name, &e->attr.blob, &e->attr.blob_size, f);
	if (e->kind == EL_PROPOSAL)
		return store_data(c, &e->proposal.data, name, &e->proposal.blob,
				  &e->proposal.blob_size, f);
	return ERR_OK;
}

/* Which part of an object the last problem is about. */
static void name_problem(struct ingest_ctx *c, const struct element *e)
{
	if (!c->out->n_problems)
		return;
	struct ingest_problem *p = &c->out->problems[c->out->n_problems - 1];
	p->is_object = e->kind == EL_OBJECT;
	p->element = e->kind == EL_ATTR	    ? e->attr.uuid
		     : e->kind == EL_OBJECT ? e->object.uuid
					    : UUID_NIL;
	if (e->kind != EL_ATTR)
		return;
	p->relation = arena_str(c->out_arena, e->attr.object_relation);
	p->uuid = e->attr.uuid;
}

enum err ingest_ctx_prepare(struct ingest_ctx *c, struct raw_cursor *cur, unsigned kinds,
			    uint32_t max, bool *end, struct fail *f)
{
	bool copy = !raw_in_memory(admitted_raw(c->adm));
	*end = false;
	c->n = 0;
	if (!c->arena)
		c->arena = arena_new(ARENA_MAX);
	else
		arena_reset(c->arena);
	c->els = c->arena ? ARENA_ARRAY(c->arena, struct element, max) : NULL;
	c->index_of = c->els ? ARENA_ARRAY(c->arena, uint32_t, max) : NULL;
	if (!c->index_of)
		return fail(f, ERR_NOMEM, "no memory for %u elements", max);
	while (c->n < max) {
		struct element *e = &c->els[c->n];
		struct fail problem = {0};
		enum err err = raw_next(cur, c->arena, e, f);
		if (err == ERR_NOENT) {
			*end = true;
			return ERR_OK;
		}
		TRY(err);
		if (!(kinds & KIND(e->kind)))
			continue;
		if (copy)
			TRY(keep(c->arena, e));
		err = prepare_one(c, e, &problem);
		if (err == ERR_INVAL) {
			ingest_ctx_problem(c, c->next_index++, problem.text);
			name_problem(c, e);
			struct ordmap_slot *s =
				e->kind == EL_OBJECT ? ingest_ordmap_at(&c->objects, e->ordinal, true) : NULL;
			if (s)
				s->refused = true;
			continue;
		}
		if (err != ERR_OK) {
			if (f)
				*f = problem;
			return err;
		}
		bool twice;
		TRY(repeats(c, e, &twice, f));
		if (twice) {
			ingest_ctx_problem_of(c, c->next_index++, e->attr.uuid,
				    "{\"value\":[\"A similar attribute already exists for this "
				    "event.\"]}");
			continue;
		}
		c->index_of[c->n++] = c->next_index++;
	}
	return ERR_OK;
}
