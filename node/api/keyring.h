/*
 * keyring.h - API keys that were good lately, each with its user as the store had them at its last commit.
 * What is written there, by whomever, makes all of them unknown again: nobody comes in by a key, role
 * or account that is no more. Times (a key's end) and addresses are the caller's to look at each time.
 */
#pragma once

#include <stdatomic.h>

#include "api/api.h"

#define API_KEY_LEN 40

struct known_key {
	atomic_uint refs;
	uint64_t hash, version; /* the store's at which it was read */
	struct arena *arena; /* of all texts */
	bool whole; /* user, role and organisation are there */
	struct api_user user;
	char text[API_KEY_LEN];
};

struct keyring;
/* NULL when out of memory, which is taken as an empty one by the others. */
struct keyring *keyring_new(void);
void keyring_free(struct keyring *k);
/* The caller's reference; NULL: not known as of that version of the store. */
struct known_key *keyring_find(struct keyring *k, struct str key, uint64_t version);
/* An entry to be filled; the caller's reference, nobody else's yet. NULL: no memory. */
struct known_key *known_key_new(struct str key, uint64_t version);
/* Let others find it; it does not change any more. */
void keyring_add(struct keyring *k, struct known_key *e);
void known_key_unref(struct known_key *e);
OWN_DEFINE(known_key, struct known_key *, known_key_unref(*p))
