/*
 * state.c - states as packed records under "peer/ID/pull" and "peer/ID/push".
 */
#include "sync/state.h"

#include <stdio.h>

#include "model/pack.h"

#define STATE_MAX (1u << 16)

static struct str key_of(uint64_t peer_id, const char *what, char out[64])
{
	int n = snprintf(out, 64, "peer/%llu/%s", (unsigned long long)peer_id, what);
	return (struct str){out, (size_t)n};
}

static const char *name_of(enum pass_direction d)
{
	return d == PASS_PULL ? "pull" : "push";
}

enum err peer_state_read(const struct store_rtxn *t, uint64_t peer_id, enum pass_direction d,
			 struct arena *a, struct misp_peerstate *out)
{
	char key[64];
	struct str value = STR_NONE;
	enum err e = store_kv_get(t, key_of(peer_id, name_of(d), key), &value);
	if (e == ERR_NOENT)
		value = STR("");
	else
		TRY(e);
	return unpack_entity(value, &desc_misp_peerstate, a, out);
}

enum err peer_state_write(struct store_wtxn *w, uint64_t peer_id, enum pass_direction d,
			  const struct misp_peerstate *s, struct fail *f)
{
	char key[64];
	OWN(buf) struct buf b = BUF(STATE_MAX);
	pack_entity(&b, &desc_misp_peerstate, s, PACK_STORE);
	TRY(buf_err(&b));
	return store_kv_put(w, key_of(peer_id, name_of(d), key), buf_str(&b), f);
}

enum err peer_state_rewind(struct store_wtxn *w, uint64_t peer_id, enum pass_direction d,
			   bool cursors, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(STATE_MAX);
	struct misp_peerstate s, mine;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(peer_state_read(store_view(w), peer_id, d, a, &s));
	TRY(entity_copy(a, &desc_misp_peerstate, &s, &mine));
	mine.next_try = 0;
	if (cursors) {
		mine.asked_at = 0;
		mine.whole_at = 0;
		mine.covered = 0;
		mine.remote_cursor = STR_NONE;
		mine.index_etag = STR_NONE;
		mine.analyst_etag = STR_NONE;
		mine.analyst_covered = 0;
		mine.policy = STR_NONE;
		mine.proposals_at = mine.proposals_whole_at = 0;
		mine.sightings_etag = STR_NONE;
		mine.sightings_at = 0;
		mine.hello_at = 0;
		mine.proposals_covered = mine.sightings_covered = 0;
	}
	return peer_state_write(w, peer_id, d, &mine, f);
}

enum err peer_state_drop(struct store_wtxn *w, uint64_t peer_id, struct fail *f)
{
	char text[64];
	struct str value, prefix = key_of(peer_id, "", text);
	for (;;) {
		OWN(buf) struct buf key = BUF(600);
		enum err e = store_kv_next(store_view(w), prefix, &key, &value);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		TRY(store_kv_del(w, buf_str(&key), f));
	}
}
