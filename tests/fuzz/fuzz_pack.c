/*
 * fuzz_pack.c - any bytes as a packed record: refused or read without harm; what was read, packed
 * again, gives a record that reads and packs the same. The first byte chooses the entity.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "model/misp.h"
#include "model/pack.h"

static const struct entity_desc *const descs[] = {
#define DESC_PTR(ENT, sname, wrapper) &desc_##sname,
	ENTITIES(DESC_PTR)
};

#define BYTES_MAX ((size_t)64 << 20)

static void again(struct str bytes, const struct entity_desc *d, enum pack_mode mode)
{
	OWN(arena) struct arena *a = arena_new(BYTES_MAX);
	OWN(buf) struct buf once = BUF(BYTES_MAX), twice = BUF(BYTES_MAX);
	void *entity = arena_alloc(a, d->size);

	if (unpack_entity(bytes, d, a, entity) != ERR_OK)
		return;
	pack_entity(&once, d, entity, mode);
	if (unpack_entity(buf_str(&once), d, a, entity) != ERR_OK) {
		fprintf(stderr, "%s: what was packed does not read\n", d->name);
		abort();
	}
	pack_entity(&twice, d, entity, mode);
	if (!str_eq(buf_str(&once), buf_str(&twice))) {
		fprintf(stderr, "%s: packing is not stable\n", d->name);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (!size)
		return 0;
	const struct entity_desc *d = descs[data[0] % ARRAY_LEN(descs)];
	copy = malloc(size);
	if (!copy)
		return 0;
	for (size_t i = 1; i < size; i++)
		copy[i - 1] = (char)data[i];
	struct str bytes = {copy, size - 1};
	again(bytes, d, PACK_SPOOL);
	again(bytes, d, PACK_STORE);
	free(copy);
	return 0;
}
