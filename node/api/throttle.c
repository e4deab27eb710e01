/*
 * throttle.c - back-off against guessing.
 *
 * A table of sets of eight, as in a cache: a name has its place in one set. A full set gives up the
 * entry whose wait ends first, so that many names push out each other rather than who is waiting.
 */
#include "api/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/net.h"
#include "base/own.h"

#define SETS 4096u
#define WAYS 8u
#define STEPS_MAX 20u

struct entry {
	uint64_t name; /* 0: unused */
	int64_t until_ms; /* 0: no wait */
	int64_t leaked_ms; /* failures up to here are forgotten as they are to be */
	uint32_t count;
	uint8_t kind;
};

struct throttle {
	pthread_mutex_t lock;
	uint8_t key[32];
	struct entry entries[SETS * WAYS];
};

static const struct {
	uint32_t free, base_s, cap_s, leak_s;
} rules[] = {
#define X(name, free, base, cap, leak, what) {free, base, cap, leak},
	THROTTLES(X)
#undef X
};

struct throttle *throttle_new(void)
{
	struct throttle *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	random_bytes(t->key, sizeof(t->key));
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct str throttle_address(const uint8_t ip[16])
{
	return (struct str){(const char *)ip, net_is_v4(ip) ? 16 : 8};
}

/* Let time pass for the entry. */
static void settle(struct entry *e, int64_t now_ms)
{
	int64_t leak = (int64_t)rules[e->kind].leak_s * 1000;
	int64_t gone = now_ms > e->leaked_ms ? (now_ms - e->leaked_ms) / leak : 0;
	if (gone <= 0)
		return;
	e->leaked_ms += gone * leak;
	e->count = gone >= (int64_t)e->count ? 0 : e->count - (uint32_t)gone;
	if (!e->count && e->until_ms <= now_ms)
		*e = (struct entry){0};
}

/* One failure more. */
static void count_one(struct entry *e, int64_t now_ms)
{
	uint32_t free = rules[e->kind].free;
	if (e->count <= free + STEPS_MAX)
		e->count++;
	if (e->count <= free)
		return;
	uint64_t wait = (uint64_t)rules[e->kind].base_s << MIN(e->count - free - 1, STEPS_MAX);
	e->until_ms = now_ms + (int64_t)MIN(wait, rules[e->kind].cap_s) * 1000;
}

static unsigned wait_s(const struct entry *e, int64_t now_ms)
{
	return e->until_ms > now_ms ? (unsigned)((e->until_ms - now_ms + 999) / 1000) : 0;
}

/* The entry of a name, settled; NULL: there is none and none is to be made. */
static struct entry *find(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms,
			  bool make)
{
	struct sha256 d = hash_hmac((struct str){(char *)t->key, sizeof(t->key)}, id);
	uint64_t set, name;
	memcpy(&name, d.b, sizeof(name));
	memcpy(&set, d.b + sizeof(name), sizeof(set));
	name |= 1;
	struct entry *row = t->entries + ((set + k * 97u) % SETS) * WAYS, *spare = row;
	for (unsigned i = 0; i < WAYS; i++) {
		if (row[i].name)
			settle(&row[i], now_ms);
		if (row[i].name == name && row[i].kind == k)
			return &row[i];
		if (spare->name && (!row[i].name || row[i].until_ms < spare->until_ms))
			spare = &row[i];
	}
	if (!make)
		return NULL;
	*spare = (struct entry){.name = name, .leaked_ms = now_ms, .kind = (uint8_t)k};
	return spare;
}

unsigned throttle_take(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms)
{
	if (!t)
		return 0;
	pthread_mutex_lock(&t->lock);
	struct entry *e = find(t, k, id, now_ms, true);
	unsigned wait = wait_s(e, now_ms);
	if (!wait)
		count_one(e, now_ms);
	pthread_mutex_unlock(&t->lock);
	return wait;
}

unsigned throttle_wait(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms)
{
	if (!t)
		return 0;
	pthread_mutex_lock(&t->lock);
	const struct entry *e = find(t, k, id, now_ms, false);
	unsigned wait = e ? wait_s(e, now_ms) : 0;
	pthread_mutex_unlock(&t->lock);
	return wait;
}

void throttle_undo(struct throttle *t, enum throttle_kind k, struct str id, int64_t now_ms)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	struct entry *e = find(t, k, id, now_ms, false);
	if (e && e->count) {
		e->count--;
		e->until_ms = 0;
	}
	pthread_mutex_unlock(&t->lock);
}

void throttle_success(struct throttle *t, enum throttle_kind k, struct str id)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	struct entry *e = find(t, k, id, 0, false);
	if (e)
		*e = (struct entry){0};
	pthread_mutex_unlock(&t->lock);
}

uint64_t throttle_waiting(struct throttle *t, int64_t now_ms)
{
	uint64_t n = 0;
	if (!t)
		return 0;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < ARRAY_LEN(t->entries); i++)
		n += t->entries[i].name && wait_s(&t->entries[i], now_ms) > 0;
	pthread_mutex_unlock(&t->lock);
	return n;
}
