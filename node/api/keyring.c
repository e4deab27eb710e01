/*
 * keyring.c - a table of sets of eight; in a full set the one that was not used longest goes.
 *
 * Keys are found by a hash with a secret seed and compared in constant time.
 */
#include "api/keyring.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/hash.h"

#define SETS 64u /* a power of two */
#define WAYS 8u
#define MEMORY_MAX ((size_t)4 << 20)

struct set {
	pthread_mutex_t lock;
	uint64_t clock;
	struct known_key *v[WAYS];
	uint64_t used[WAYS];
};

struct keyring {
	uint64_t seed;
	struct set sets[SETS];
};

struct keyring *keyring_new(void)
{
	struct keyring *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->seed = random_u64();
	for (unsigned i = 0; i < SETS; i++)
		pthread_mutex_init(&k->sets[i].lock, NULL);
	return k;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < SETS; i++) {
		for (unsigned w = 0; w < WAYS; w++)
			known_key_unref(k->sets[i].v[w]);
		pthread_mutex_destroy(&k->sets[i].lock);
	}
	free(k);
}

struct known_key *known_key_new(struct str key, uint64_t version)
{
	struct known_key *e = key.n == API_KEY_LEN ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return NULL;
	e->arena = arena_new(MEMORY_MAX);
	if (!e->arena) {
		free(e);
		return NULL;
	}
	atomic_init(&e->refs, 1);
	e->version = version;
	memcpy(e->text, key.p, API_KEY_LEN);
	return e;
}

void known_key_unref(struct known_key *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	arena_free(e->arena);
	secret_wipe(e, sizeof(*e));
	free(e);
}

static struct known_key *ref(struct known_key *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

static bool is_key(const struct known_key *e, uint64_t hash, const char *text)
{
	return e && e->hash == hash && ct_equal(e->text, text, API_KEY_LEN);
}

struct known_key *keyring_find(struct keyring *k, struct str key, uint64_t version)
{
	struct known_key *found = NULL, *stale = NULL;
	if (!k || key.n != API_KEY_LEN)
		return NULL;
	uint64_t hash = hash_64(key.p, key.n, k->seed);
	struct set *s = &k->sets[hash % SETS];
	pthread_mutex_lock(&s->lock);
	for (unsigned w = 0; w < WAYS && !found && !stale; w++) {
		if (!is_key(s->v[w], hash, key.p))
			continue;
		if (s->v[w]->version != version) {
			stale = MOVE(s->v[w]);
		} else {
			found = ref(s->v[w]);
			s->used[w] = ++s->clock;
		}
	}
	pthread_mutex_unlock(&s->lock);
	known_key_unref(stale);
	return found;
}

void keyring_add(struct keyring *k, struct known_key *e)
{
	struct known_key *gone;
	unsigned at = 0;
	if (!k)
		return;
	e->hash = hash_64(e->text, API_KEY_LEN, k->seed);
	struct set *s = &k->sets[e->hash % SETS];
	pthread_mutex_lock(&s->lock);
	for (unsigned w = 0; w < WAYS; w++) {
		if (is_key(s->v[w], e->hash, e->text)) {
			at = w;
			break;
		}
		if (s->v[at] && (!s->v[w] || s->used[w] < s->used[at]))
			at = w;
	}
	gone = s->v[at];
	s->v[at] = ref(e);
	s->used[at] = ++s->clock;
	pthread_mutex_unlock(&s->lock);
	known_key_unref(gone);
}
