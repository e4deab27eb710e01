/*
 * addrs.c - connection counts by client address, an open hash table under a mutex.
 *
 * Asked once per connection. Invariant: an entry exists exactly while its count is above zero.
 */
#include "http/addrs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct entry {
	struct entry *next;
	uint8_t key[16];
	unsigned count;
};

#define BUCKETS 4096u

struct addrs {
	pthread_mutex_t lock;
	uint64_t seed;
	struct entry *buckets[BUCKETS];
};

struct addrs *addrs_new(void)
{
	struct addrs *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	a->seed = random_u64();
	return a;
}

void addrs_free(struct addrs *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (a->buckets[i]) {
			struct entry *e = a->buckets[i];
			a->buckets[i] = e->next;
			free(e);
		}
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* An IPv6 user has a /64 at least: counting single addresses would count nothing. */
static void make_key(const uint8_t ip[16], uint8_t key[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(key, ip, 16);
	if (memcmp(ip, mapped, 12) != 0)
		memset(key + 8, 0, 8);
}

static struct entry **find(struct addrs *a, const uint8_t key[16])
{
	struct entry **e = &a->buckets[hash_64(key, 16, a->seed) % BUCKETS];

	while (*e && memcmp((*e)->key, key, 16) != 0)
		e = &(*e)->next;
	return e;
}

bool addrs_enter(struct addrs *a, const uint8_t ip[16], unsigned max)
{
	uint8_t key[16];
	struct entry **e;
	bool may = false;

	make_key(ip, key);
	pthread_mutex_lock(&a->lock);
	e = find(a, key);
	if (!*e) {
		*e = calloc(1, sizeof(**e));
		if (*e)
			memcpy((*e)->key, key, 16);
	}
	if (*e && (*e)->count < max) {
		(*e)->count++;
		may = true;
	}
	pthread_mutex_unlock(&a->lock);
	return may;
}

void addrs_leave(struct addrs *a, const uint8_t ip[16])
{
	uint8_t key[16];
	struct entry **e;

	make_key(ip, key);
	pthread_mutex_lock(&a->lock);
	e = find(a, key);
	if (*e && --(*e)->count == 0) {
		struct entry *dead = *e;
		*e = dead->next;
		free(dead);
	}
	pthread_mutex_unlock(&a->lock);
}
