/*
 * signed.c - which keys count for a document that is pulled, and the signature of one that is pushed.
 */
#include "sync/signed.h"

#include "base/log.h"
#include "pgp/pgp.h"

#define KEYS_ARENA (4u << 20)
#define CHUNK 65536u

/* ---- pull ---- */

/* Keys under which the document must be signed; none when no protection is concerned. */
static enum err keys_for(const struct ingest_env *in, struct raw_event *raw, struct arena *a,
			 struct entity_list *keys, bool *concerned, struct fail *f)
{
	struct misp_event *h = raw_head(raw), stored;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str uuid = {(const char *)h->uuid.b, sizeof(h->uuid.b)};
	uint64_t id;
	TRY(store_read(in->store, &t, f));
	enum err e = store_find(t, IX_EVENT_UUID, uuid, &id);
	if (e == ERR_OK)
		e = store_get(t, T_EVENT, id, a, &stored);
	if (e == ERR_NOENT) {
		if (!cryptokeys_regular(&h->crypto_keys, raw_arena(raw)))
			return fail(f, ERR_NOMEM, "no memory for keys");
		*concerned = h->is_protected;
		*keys = h->crypto_keys;
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "looking up the event");
	*concerned = stored.is_protected;
	struct misp_cryptokey *v = ARENA_ARRAY(a, struct misp_cryptokey, stored.crypto_keys.n + 1);
	if (!v)
		return fail(f, ERR_NOMEM, "no memory for keys");
	for (uint32_t i = 0; i < stored.crypto_keys.n; i++) { /* the snapshot ends here */
		v[i] = *LIST_AT(stored.crypto_keys, struct misp_cryptokey, i);
		v[i].key_data = arena_str(a, v[i].key_data);
		v[i].fingerprint = arena_str(a, v[i].fingerprint);
		if (!v[i].key_data.p || !v[i].fingerprint.p)
			return fail(f, ERR_NOMEM, "no memory for keys");
	}
	*keys = (struct entity_list){v, stored.crypto_keys.n};
	return ERR_OK;
}

static enum err verify(const struct ingest_env *in, struct intake_signed *sig,
		       const struct entity_list *keys, struct fail *f)
{
	uint64_t n;
	int fd;
	if (sig->err != ERR_OK)
		return fail(f, sig->err, "%s", sig->why.text);
	if (!sig->bytes)
		return fail(f, ERR_PERM, "nothing came that could be signed");
	TRY(pgp_spool_end(sig->bytes, &fd, &n, f));
	return pgp_verify(in->pgp, fd, n, buf_str(&sig->text), keys, f);
}

enum err signed_check(const struct ingest_env *in, struct raw_event *raw,
		      struct intake_signed *sig, struct admit_facts *facts, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(KEYS_ARENA);
	struct entity_list keys = {NULL, 0};
	bool concerned = false;
	facts->wants_signature = true;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(keys_for(in, raw, a, &keys, &concerned, f));
	if (!concerned)
		return ERR_OK;
	if (!sig->text.n)
		return fail(f, ERR_PERM, "a protected event without a signature");
	struct fail why = {0};
	enum err e = verify(in, sig, &keys, &why);
	if (e != ERR_OK) /* a node that cannot verify at all need not try again and again */
		return fail(f, e == ERR_UNSUPPORTED ? ERR_BLOCKED : e, "%s", why.text);
	facts->has_signature = true;
	facts->signed_by = cryptokeys_digest(&keys);
	return ERR_OK;
}

/* ---- push ---- */

enum err signed_may_go(const struct pass *p, uint64_t event_id, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(KEYS_ARENA);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct pgp_identity own;
	struct misp_event e;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (!link_since(&p->link, 4, 156))
		return fail(f, ERR_WITHHELD, "protected, and the peer is older than 2.4.156");
	TRY(pgp_identity(p->o->in->pgp, a, &own, f));
	TRY(store_read(p->o->in->store, &t, f));
	enum err err = store_get(t, T_EVENT, event_id, a, &e);
	if (err != ERR_OK)
		return fail(f, err == ERR_NOENT ? ERR_WITHHELD : err, "the event is gone");
	if (!pgp_is_ours(p->o->in->pgp, &e.crypto_keys))
		return fail(f, ERR_WITHHELD,
			    "protected, and the node's key %.16s.. is not among its keys",
			    own.fingerprint);
	return ERR_OK;
}

static enum err spool_document(struct document *d, struct pgp_spool *s, struct fail *f)
{
	OWN(mem) void *room = malloc(CHUNK);
	size_t n = 1;
	if (!room)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(document_rewind(d, f));
	while (n) {
		TRY(document_read(d, room, CHUNK, &n, f));
		TRY(pgp_spool_add(s, (struct str){room, n}, f));
	}
	return document_rewind(d, f);
}

enum err signed_line(const struct pass *p, struct document *d, struct buf *line, struct fail *f)
{
	OWN(pgp_spool) struct pgp_spool *s = NULL;
	OWN(buf) struct buf base64 = BUF(SIGNED_LINE_MAX);
	uint64_t n;
	int fd;
	TRY(pgp_spool_new(p->o->in->spool_dir, INTAKE_EVENT_MAX, true, &s, f));
	TRY(spool_document(d, s, f));
	TRY(pgp_spool_end(s, &fd, &n, f));
	TRY(pgp_sign(p->o->in->pgp, fd, n, &base64, f));
	buf_puts(line, "x-pgp-signature: ");
	buf_str_add(line, buf_str(&base64));
	return buf_err(line) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "the signature is too long");
}
