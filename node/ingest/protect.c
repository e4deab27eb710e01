/*
 * protect.c - protected mode of an event and its keys, switched here by those who may edit it
 * (sync-protocol.md 7). Keys that come in documents: event.c.
 */
#include "base/clock.h"
#include "ingest/ctx.h"
#include "model/pack.h"

#define OP_ARENA (16u << 20)

struct op {
	const struct origin *origin;
	const struct admitted *adm;
	struct arena *arena;
	uint64_t event_id, key_id;
	bool protect;
	struct misp_cryptokey *key; /* to add */
};

static enum err load(struct op *op, struct store_wtxn *w, struct misp_event *e, struct fail *f)
{
	enum err err = store_get(store_view(w), T_EVENT, op->event_id, op->arena, e);
	if (err == ERR_OK) /* what a job reads is lent until its next write */
		err = entity_copy(op->arena, &desc_misp_event, e, e);
	return err == ERR_NOENT ? fail(f, err, "Invalid event.") : err;
}

static enum err keep(struct op *op, struct store_wtxn *w, struct misp_event *e, struct fail *f)
{
	struct change ch = {.op = CHANGE_EDIT,
			    .kind = CHANGE_TABLE(T_EVENT),
			    .id = e->id,
			    .event_id = e->id,
			    .time = clock_now(),
			    .uuid = e->uuid,
			    .origin = *op->origin};
	e->timestamp = ingest_newer(e);
	e->published = false;
	cryptokeys_number(e);
	TRY(store_event_put(w, op->adm, e, f));
	return store_change(w, &ch, f);
}

static enum err run(const struct ingest_env *env, struct op *op, store_run_fn fn, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(OP_ARENA);
	OWN(admitted) struct admitted *adm = NULL;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ingest_proof(env, op->origin, &adm, f));
	op->adm = adm;
	op->arena = a;
	return store_run(env->store, fn, op, f);
}

static enum err run_protect(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(load(op, w, &e, f));
	e.is_protected = op->protect;
	return keep(op, w, &e, f);
}

enum err ingest_protect(const struct ingest_env *env, uint64_t event_id, bool protect,
			const struct origin *o, struct fail *f)
{
	struct op op = {.origin = o, .event_id = event_id, .protect = protect};
	return run(env, &op, run_protect, f);
}

static enum err run_key_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(load(op, w, &e, f));
	uint32_t n = e.crypto_keys.n;
	struct misp_cryptokey *v = ARENA_ARRAY(op->arena, struct misp_cryptokey, n + 1);
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for keys");
	if (cryptokeys_find(&e.crypto_keys, op->key->fingerprint))
		return fail(f, ERR_EXISTS, "Key already attached to Event #%llu.",
			    (unsigned long long)e.id);
	if (n)
		memcpy(v, e.crypto_keys.v, n * sizeof(*v));
	v[n] = *op->key;
	e.crypto_keys = (struct entity_list){v, n + 1};
	if (!cryptokeys_regular(&e.crypto_keys, op->arena) || e.crypto_keys.n != n + 1)
		return fail(f, ERR_LIMIT, "The event has too many keys.");
	TRY(keep(op, w, &e, f));
	op->key_id = cryptokeys_find(&e.crypto_keys, op->key->fingerprint)->id;
	return ERR_OK;
}

enum err ingest_key_add(const struct ingest_env *env, uint64_t event_id, struct str armored,
			const struct origin *o, uint64_t *id, struct fail *f)
{
	struct misp_cryptokey key = {.key_data = armored};
	struct entity_list one = {&key, 1};
	OWN(arena) struct arena *a = arena_new(4096);
	struct op op = {.origin = o, .event_id = event_id, .key = &key};
	if (!a || !cryptokeys_regular(&one, a))
		return fail(f, ERR_NOMEM, "no memory");
	if (!one.n)
		return fail(f, ERR_INVAL, "Invalid key");
	TRY(run(env, &op, run_key_add, f));
	*id = op.key_id;
	return ERR_OK;
}

static enum err run_key_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	uint32_t kept = 0;
	TRY(load(op, w, &e, f));
	LIST_EACH(k, e.crypto_keys, struct misp_cryptokey)
		if (k->id != op->key_id)
			*LIST_AT(e.crypto_keys, struct misp_cryptokey, kept++) = *k;
	if (kept == e.crypto_keys.n)
		return fail(f, ERR_NOENT, "Invalid CryptographicKey");
	e.crypto_keys.n = kept;
	return keep(op, w, &e, f);
}

enum err ingest_key_delete(const struct ingest_env *env, uint64_t key_id, const struct origin *o,
			   struct fail *f)
{
	struct op op = {.origin = o, .event_id = cryptokey_event(key_id), .key_id = key_id};
	return run(env, &op, run_key_delete, f);
}
