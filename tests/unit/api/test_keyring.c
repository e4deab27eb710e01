/* test_keyring.c - keys that were good lately: another version of the store, and all are unknown. */
#include "api/keyring.h"

#include <stdio.h>

#include "tests/tap/tap.h"

static struct str key_of(unsigned i, char room[64])
{
	int n = snprintf(room, 64, "%040u", i);
	return (struct str){room, (size_t)n};
}

static bool add(struct keyring *k, unsigned i, uint64_t version)
{
	char room[64];
	struct known_key *e = known_key_new(key_of(i, room), version);
	if (!e)
		return false;
	e->user.user.id = i;
	keyring_add(k, e);
	known_key_unref(e);
	return true;
}

static bool knows(struct keyring *k, unsigned i, uint64_t version)
{
	char room[64];
	OWN(known_key) struct known_key *e = keyring_find(k, key_of(i, room), version);
	return e && e->user.user.id == i;
}

int main(void)
{
	struct keyring *k = keyring_new();
	char room[64];
	ok(k && !knows(k, 1, 7), "an empty ring knows nobody");
	ok(add(k, 1, 7) && knows(k, 1, 7), "a key is known as of the version it was read at");
	ok(!knows(k, 2, 7), "another is not");
	OWN(known_key) struct known_key *held = keyring_find(k, key_of(1, room), 7);
	ok(!knows(k, 1, 8), "nor is it when something was written");
	ok(!knows(k, 1, 7), "from then on");
	is_uint(held->user.user.id, 1, "who holds it has it still");
	ok(add(k, 1, 8) && add(k, 1, 9) && knows(k, 1, 9), "read again");
	ok(!knows(k, 1, 8), "once only");
	unsigned known = 0;
	for (unsigned i = 0; i < 5000; i++)
		if (!add(k, i, 10))
			known = 9999;
	for (unsigned i = 0; i < 5000; i++)
		known += knows(k, i, 10);
	ok(known > 256 && known <= 512, "of many some are remembered: %u", known);
	ok(knows(k, 4999, 10), "the last among them");
	ok(!known_key_new(STR("short"), 1), "what is no key has no entry");
	ok(!keyring_find(k, STR("short"), 1) && !keyring_find(NULL, key_of(1, room), 10), "nor is it looked for");
	keyring_free(k);
	return done_testing();
}
