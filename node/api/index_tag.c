/*
 * index_tag.c - see index_tag.h.
 */
#include "api/index_tag.h"

#include <stdio.h>
#include <string.h>

void index_tags_init(struct index_tags *t)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
}

/* The key is a digest: any part of it is a good place. */
static struct index_tag *place(struct index_tags *t, const uint8_t key[20])
{
	return &t->v[key[0] % INDEX_TAGS];
}

bool index_tags_get(struct index_tags *t, const uint8_t key[20], uint64_t seq,
		    char tag[INDEX_TAG_LEN + 1])
{
	pthread_mutex_lock(&t->lock);
	const struct index_tag *p = place(t, key);
	bool hit = seq && p->seq == seq && memcmp(p->key, key, sizeof(p->key)) == 0;
	if (hit)
		memcpy(tag, p->tag, sizeof(p->tag));
	pthread_mutex_unlock(&t->lock);
	return hit;
}

void index_tags_put(struct index_tags *t, const uint8_t key[20], uint64_t seq, const char *tag)
{
	pthread_mutex_lock(&t->lock);
	struct index_tag *p = place(t, key);
	memcpy(p->key, key, sizeof(p->key));
	p->seq = seq;
	snprintf(p->tag, sizeof(p->tag), "%s", tag);
	pthread_mutex_unlock(&t->lock);
}
