/*
 * key_use.c - when and from where keys were used.
 *
 * No change record goes with it: nothing that anybody is sent depends on it, and reading must not
 * look like writing.
 */
#include "api/key_use.h"

#include <jansson.h>
#include <stdlib.h>

#include "api/rest.h"
#include "base/clock.h"
#include "base/hash.h"
#include "model/pack.h"

#define BEAT_S 600
#define ADDRESSES_MAX 100u
#define RECENT 1024u

/* What was handed to the writer lately: its commit may be some time away. */
static struct {
	_Atomic uint64_t what;
	_Atomic int64_t at;
} recent[RECENT];

struct use_job {
	uint64_t key_id, user_id;
	int64_t now;
	char address[64];
};

static bool lists(struct str json, const char *address)
{
	char quoted[80];
	int n = snprintf(quoted, sizeof(quoted), "\"%s\"", address);
	return str_find(json, (struct str){quoted, (size_t)n}) >= 0;
}

/* The list with one address more, the oldest gone when it is long. */
static struct str with_address(struct arena *a, struct str json, const char *address)
{
	json_t *list = json.n ? json_loadb(json.p, json.n, 0, NULL) : json_array();
	if (!json_is_array(list)) {
		json_decref(list);
		list = json_array();
	}
	while (json_array_size(list) >= ADDRESSES_MAX)
		json_array_remove(list, 0);
	json_array_append_new(list, json_string(address));
	char *text = json_dumps(list, JSON_COMPACT);
	struct str out = arena_str(a, str_c(text));
	free(text);
	json_decref(list);
	return out;
}

static enum err run_key(struct store_wtxn *w, const struct use_job *j, struct arena *a,
			struct fail *f)
{
	struct misp_authkey row, k;
	enum err e = store_get(store_view(w), T_AUTHKEY, j->key_id, a, &row);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	TRY(entity_copy(a, &desc_misp_authkey, &row, &k));
	k.last_used = j->now;
	if (!lists(k.unique_ips, j->address))
		k.unique_ips = with_address(a, k.unique_ips, j->address);
	return store_put(w, T_AUTHKEY, k.id, &k, f);
}

static enum err run_use(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct use_job *j = arg;
	struct misp_user row, u;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(run_key(w, j, a, f));
	enum err e = store_get(store_view(w), T_USER, j->user_id, a, &row);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	TRY(entity_copy(a, &desc_misp_user, &row, &u));
	u.last_api_access = j->now;
	return store_put(w, T_USER, u.id, &u, f);
}

static void use_done(void *arg, enum err e, const struct fail *f)
{
	(void)e;
	(void)f;
	free(arg);
}

void key_use_note(struct http_req *r, const struct misp_authkey *k, const struct misp_user *u)
{
	int64_t now = clock_now();
	if (now - k->last_used < BEAT_S && now - u->last_api_access < BEAT_S &&
	    lists(k->unique_ips, r->peer.addr))
		return;
	uint64_t what = hash_64(r->peer.addr, strlen(r->peer.addr), k->id) | 1;
	size_t i = what % RECENT;
	if (recent[i].what == what && now - recent[i].at < BEAT_S)
		return;
	recent[i].what = what;
	recent[i].at = now;
	struct use_job *j = malloc(sizeof(*j));
	if (!j)
		return;
	*j = (struct use_job){.key_id = k->id, .user_id = u->id, .now = now};
	memcpy(j->address, r->peer.addr, sizeof(j->address));
	if (store_submit(api_of(r)->store, run_use, use_done, j) != ERR_OK)
		free(j);
}
