/*
 * sightings.c - sightings added, one or many at a time. They never change and never unpublish an
 * event; its sighting_timestamp tells peers that there are new ones (sync-protocol.md 4.9).
 */
#include "base/clock.h"
#include "ingest/ctx.h"
#include "model/pack.h"

#define BATCH 2000u

struct job {
	const struct ingest_env *env;
	const struct origin *origin;
	const struct admitted *adm;
	struct arena *arena;
	struct ingest_sighting *v;
	size_t n;
	uint64_t replace_org;
	uint64_t added;
	/* the event at hand; id 0: none */
	struct misp_event e;
	bool touched;
	bool bulk; /* from a peer: the event says that it has new ones */
};

static enum err note(struct job *j, struct store_wtxn *w, enum change_op op, uint8_t kind,
		     uint64_t id, uint64_t parent, struct uuid uuid, struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = kind,
			    .id = id,
			    .event_id = j->e.id,
			    .parent = parent,
			    .time = clock_now(),
			    .uuid = uuid,
			    .origin = *j->origin};
	return store_change(w, &ch, f);
}

/* Write the head of the event that was at hand. */
static enum err leave_event(struct job *j, struct store_wtxn *w, struct fail *f)
{
	if (j->e.id && j->touched) {
		if (j->bulk)
			j->e.sighting_timestamp = MAX(clock_now(), j->e.sighting_timestamp + 1);
		TRY(store_event_put(w, j->adm, &j->e, f));
		TRY(note(j, w, CHANGE_EDIT, CHANGE_TABLE(T_EVENT), j->e.id, 0, j->e.uuid, f));
	}
	j->e.id = 0;
	j->touched = false;
	return ERR_OK;
}

static enum err enter_event(struct job *j, struct store_wtxn *w, uint64_t id, struct fail *f)
{
	struct misp_event row;
	if (j->e.id == id)
		return ERR_OK;
	TRY(leave_event(j, w, f));
	/* what the transaction lends dies with the next write */
	TRY(store_get(store_view(w), T_EVENT, id, j->arena, &row));
	return entity_copy(j->arena, &desc_misp_event, &row, &j->e);
}

/* Older expirations of the same organisation on this attribute go. */
static enum err drop_expirations(struct job *j, struct store_wtxn *w, uint64_t attr_id,
				 struct fail *f)
{
	struct el_key from = {j->e.body, attr_id, 0}, key;
	for (;;) {
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		struct misp_sighting s;
		TRY(store_el_iter_new(store_view(w), EL_SIGHTING, from, true, &it));
		enum err e = store_el_iter_next(it, j->arena, &key, &s);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		from.id = key.id + 1;
		if (s.type != 2 || s.org_id != j->replace_org)
			continue;
		struct uuid u = s.uuid;
		TRY(store_el_del(w, EL_SIGHTING, key, f));
		j->e.sighting_count--;
		TRY(note(j, w, CHANGE_DELETE, CHANGE_EL(EL_SIGHTING), key.id, attr_id, u, f));
	}
}

bool ingest_sighting_known(const struct ingest_env *env, struct uuid u)
{
	struct index_uuid at;
	return index_uuid_find(env->index, u, &at) == ERR_OK && at.kind == CHANGE_EL(EL_SIGHTING);
}

/* Where the attribute is. ERR_NOENT: nowhere. */
static enum err find_attr(struct job *j, struct ingest_sighting *in, uint64_t *event_id)
{
	struct index_uuid at;
	uint64_t object_id;
	if (!in->attr_id && uuid_is_nil(in->attr_uuid))
		return ERR_NOENT;
	if (!in->attr_id) {
		TRY(index_uuid_find(j->env->index, in->attr_uuid, &at));
		if (at.kind != CHANGE_EL(EL_ATTR))
			return ERR_NOENT;
		in->attr_id = at.id;
	}
	return index_attr_find(j->env->index, in->attr_id, event_id, &object_id);
}

static enum err put_one(struct job *j, struct store_wtxn *w, struct ingest_sighting *in,
			struct fail *f)
{
	struct index *ix = j->env->index;
	struct misp_sighting s = in->s;
	struct index_uuid at;
	uint64_t event_id;
	in->id = 0;
	enum err e = find_attr(j, in, &event_id);
	in->missing = e == ERR_NOENT;
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	if (!uuid_is_nil(s.uuid)) {
		e = index_uuid_find(ix, s.uuid, &at);
		if (e != ERR_NOENT)
			return e;
	} else {
		s.uuid = uuid_random();
	}
	e = enter_event(j, w, event_id, f);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	if (in->org)
		TRY(ingest_org_capture(w, in->org, false, &s.org_id, f));
	if (s.type == 2 && j->replace_org)
		TRY(drop_expirations(j, w, in->attr_id, f));
	struct el_key key = {j->e.body, in->attr_id, store_new_el_id(w, EL_SIGHTING)};
	s.id = in->id = key.id;
	s.attribute_id = in->attr_id;
	s.event_id = event_id;
	at = (struct index_uuid){CHANGE_EL(EL_SIGHTING), s.id, event_id, in->attr_id};
	TRY(store_el_put(w, j->adm, EL_SIGHTING, key, &s, f));
	TRY(index_uuid_pending(ix, s.uuid, &at));
	j->e.sighting_count++;
	j->touched = true;
	j->added++;
	return note(j, w, CHANGE_ADD, CHANGE_EL(EL_SIGHTING), s.id, in->attr_id, s.uuid, f);
}

static enum err run(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	j->added = 0;
	j->e.id = 0;
	j->touched = false;
	arena_reset(j->arena);
	for (size_t i = 0; i < j->n; i++)
		TRY(put_one(j, w, &j->v[i], f));
	return leave_event(j, w, f);
}

enum err ingest_sightings_add(const struct ingest_env *env, struct ingest_sighting *v, size_t n,
			      uint64_t replace_org, const struct origin *o, uint64_t *added,
			      struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	OWN(arena) struct arena *a = arena_new(64 << 20);
	*added = 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ingest_proof(env, o, &adm, f));
	for (size_t at = 0; at < n; at += BATCH) {
		struct job j = {.env = env,
				.origin = o,
				.adm = adm,
				.arena = a,
				.v = v + at,
				.n = MIN(n - at, BATCH),
				.replace_org = replace_org,
				.bulk = o->kind == ORIGIN_PEER || env->sightings_realtime};
		TRY(store_run(env->store, run, &j, f));
		*added += j.added;
	}
	return ERR_OK;
}

enum err ingest_sighting_add(const struct ingest_env *env, uint64_t attr_id,
			     const struct misp_sighting *s, const struct origin *o, uint64_t *id,
			     struct fail *f)
{
	struct ingest_sighting one = {.attr_id = attr_id, .s = *s};
	uint64_t added;
	TRY(ingest_sightings_add(env, &one, 1, 0, o, &added, f));
	*id = one.id;
	return added ? ERR_OK : fail(f, ERR_EXISTS, "sighting is known");
}
