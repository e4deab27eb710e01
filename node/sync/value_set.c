/*
 * value_set.c - open addressing, at most three quarters full. The memory is mapped, so that it goes back
 * to the system at once.
 */
#include "sync/value_set.h"

#include <sys/mman.h>

#include "base/hash.h"

#define FIRST 4096u

static uint64_t *table_new(size_t cap)
{
	void *p = mmap(NULL, cap * sizeof(uint64_t), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

bool value_set_init(struct value_set *s, size_t n)
{
	size_t cap = FIRST;
	while (cap / 4 * 3 <= n && cap < SIZE_MAX / 32)
		cap *= 2;
	*s = (struct value_set){.v = table_new(cap), .cap = cap, .seed = random_u64()};
	return s->v;
}

void value_set_free(struct value_set *s)
{
	if (s->v)
		munmap(s->v, s->cap * sizeof(*s->v));
	*s = (struct value_set){0};
}

/* Never 0 without its marks. */
static uint64_t key_of(const struct value_set *s, struct str value)
{
	uint64_t h = hash_64(value.p, value.n, s->seed) & ~(uint64_t)VALUE_MARKS;
	return h ? h : VALUE_MARKS + 1;
}

static size_t place(const uint64_t *v, size_t cap, uint64_t key)
{
	size_t at = (size_t)(key >> 8) & (cap - 1);
	while (v[at] && (v[at] & ~(uint64_t)VALUE_MARKS) != key)
		at = (at + 1) & (cap - 1);
	return at;
}

static bool grow(struct value_set *s)
{
	size_t cap = s->cap * 2;
	uint64_t *v = s->n < VALUE_SET_MAX ? table_new(cap) : NULL;
	if (!v)
		return false;
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i])
			v[place(v, cap, s->v[i] & ~(uint64_t)VALUE_MARKS)] = s->v[i];
	munmap(s->v, s->cap * sizeof(*s->v));
	s->v = v;
	s->cap = cap;
	return true;
}

uint64_t *value_set_at(struct value_set *s, struct str value)
{
	uint64_t key = key_of(s, value);
	size_t at = place(s->v, s->cap, key);
	if (s->v[at])
		return &s->v[at];
	if (s->n + 1 > s->cap / 4 * 3) {
		if (!grow(s))
			return NULL;
		at = place(s->v, s->cap, key);
	}
	s->n++;
	s->v[at] = key;
	return &s->v[at];
}

unsigned value_set_marks(const struct value_set *s, struct str value)
{
	return (unsigned)(s->v[place(s->v, s->cap, key_of(s, value))] & VALUE_MARKS);
}
