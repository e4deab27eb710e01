/*
 * derived.c - see derived.h. Open addressing on eight bytes of the UUID; a hit is proved by deriving
 * again from the stored event, so neither collisions nor deleted events can mislead.
 */
#include "egress/derived.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/own.h"
#include "gate/gate.h"

#define SCAN_ARENA (16u << 20)
/* A big event becomes visible later than younger ids: look at all again, but not all the time. */
#define RESCAN_S 60

struct entry {
	uint64_t key; /* eight bytes of the derived UUID; 0: empty */
	uint64_t id;
};

struct derived {
	pthread_mutex_t lock;
	struct entry *v;
	size_t n, cap; /* cap: a power of two, or 0 */
	uint64_t last_id; /* scanned up to this */
	int64_t scanned_at; /* from the beginning */
	char version[65]; /* of the policy whose profiles were scanned */
};

struct derived *derived_new(void)
{
	struct derived *d = calloc(1, sizeof(*d));

	if (d)
		pthread_mutex_init(&d->lock, NULL);
	return d;
}

void derived_free(struct derived *d)
{
	if (!d)
		return;
	pthread_mutex_destroy(&d->lock);
	free(d->v);
	free(d);
}

static uint64_t key_of(struct uuid u)
{
	uint64_t k;

	memcpy(&k, u.b + 8, sizeof(k));
	return k ? k : 1;
}

static void put(struct derived *d, uint64_t key, uint64_t id)
{
	size_t i = key & (d->cap - 1);

	while (d->v[i].key && !(d->v[i].key == key && d->v[i].id == id))
		i = (i + 1) & (d->cap - 1);
	d->n += !d->v[i].key;
	d->v[i] = (struct entry){key, id};
}

static bool grow(struct derived *d)
{
	struct derived bigger = {.cap = d->cap ? d->cap * 2 : 1024};

	if (d->cap && d->n < d->cap / 2)
		return true;
	bigger.v = calloc(bigger.cap, sizeof(*bigger.v));
	if (!bigger.v)
		return false;
	for (size_t i = 0; i < d->cap; i++)
		if (d->v[i].key)
			put(&bigger, d->v[i].key, d->v[i].id);
	free(d->v);
	d->v = bigger.v;
	d->cap = bigger.cap;
	return true;
}

static enum err scan(struct derived *d, const struct policy *policy, const struct store_rtxn *t,
		     struct uuid host_org)
{
	OWN(arena) struct arena *a = arena_new(SCAN_ARENA);
	struct gate_facts facts = {.host_org = host_org};
	int64_t now = clock_now();
	struct misp_event e;
	uint8_t profile;
	enum err err;

	if (!a)
		return ERR_NOMEM;
	if (now - d->scanned_at > RESCAN_S || now < d->scanned_at ||
	    strcmp(d->version, policy_version(policy)) != 0) {
		d->last_id = 0;
		d->scanned_at = now;
		memcpy(d->version, policy_version(policy), sizeof(d->version));
	}
	while ((err = store_next(t, T_EVENT, &d->last_id, a, &e)) == ERR_OK) {
		for (unsigned p = 0; gate_rewriting(policy, p, &profile); p++) {
			if (!grow(d))
				return ERR_NOMEM;
			put(d, key_of(gate_uuid(policy, &facts, profile, e.uuid)), d->last_id);
		}
		arena_reset(a);
	}
	return err == ERR_NOENT ? ERR_OK : err;
}

/* Does this stored event leave as `u`? */
static bool is_it(const struct policy *policy, const struct store_rtxn *t, struct uuid host_org,
		  uint64_t id, struct uuid u, uint8_t profile, bool any_profile)
{
	struct gate_facts facts = {.host_org = host_org};
	struct misp_event e;
	uint8_t one;

	if (store_get(t, T_EVENT, id, NULL, &e) != ERR_OK)
		return false;
	for (unsigned p = 0; gate_rewriting(policy, p, &one); p++)
		if ((any_profile || one == profile) &&
		    uuid_eq(gate_uuid(policy, &facts, one, e.uuid), u))
			return true;
	return false;
}

enum err derived_find(struct derived *d, const struct policy *policy, const struct store_rtxn *t,
		      struct uuid host_org, struct uuid u, uint8_t profile, bool any_profile,
		      uint64_t *id)
{
	uint64_t key = key_of(u);
	enum err e = ERR_NOENT;

	*id = 0;
	if (u.b[6] >> 4 != 5) /* not a name-based one */
		return ERR_NOENT;
	pthread_mutex_lock(&d->lock);
	for (int again = 0; e == ERR_NOENT && again < 2; again++) {
		if (again) {
			enum err scanned = scan(d, policy, t, host_org);

			if (scanned != ERR_OK) {
				e = scanned;
				break;
			}
		}
		for (size_t i = key & (d->cap - 1); d->cap && d->v[i].key;
		     i = (i + 1) & (d->cap - 1))
			if (d->v[i].key == key &&
			    is_it(policy, t, host_org, d->v[i].id, u, profile, any_profile)) {
				*id = d->v[i].id;
				e = ERR_OK;
				break;
			}
	}
	pthread_mutex_unlock(&d->lock);
	return e;
}
