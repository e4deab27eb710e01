/*
 * index_tag.h - which ETag the event index had for a caller, a question and a state of the store.
 *
 * A peer asks for the same index again and again. As long as nothing was written and nothing else
 * changed that decides what he sees, the tag of the last answer is still the tag of this one, and
 * nothing has to be searched. The table is small and forgets.
 */
#pragma once

#include <pthread.h>

#include "http/reply.h"

#define INDEX_TAGS 64
#define INDEX_TAG_LEN 42 /* SHA-1 as hexadecimal digits, in quotes */

struct index_tags {
	pthread_mutex_t lock;
	struct index_tag {
		uint8_t key[20];
		uint64_t seq; /* of the store; 0: empty */
		char tag[INDEX_TAG_LEN + 1];
	} v[INDEX_TAGS];
};

void index_tags_init(struct index_tags *t);
/* The tag of an answer with this key at this sequence number, or false. */
bool index_tags_get(struct index_tags *t, const uint8_t key[20], uint64_t seq,
		    char tag[INDEX_TAG_LEN + 1]);
void index_tags_put(struct index_tags *t, const uint8_t key[20], uint64_t seq, const char *tag);
