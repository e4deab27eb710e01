/*
 * pack.c - entities to bytes and back, by their descriptors.
 * Numbers: base-128, low group first; signed ones zig-zag. Texts: length, bytes. UUIDs: 16 bytes.
 * Tag 0 carries the `has` bits of a spooled entity.
 */
#include "model/pack.h"

#include "base/own.h"
#include "model/misp.h"

#define TAG_HAS 0

/* How a kind is written, so that a reader can skip tags that it does not know. */
enum wire { WIRE_NUMBER = 0, WIRE_BYTES = 1 };

static enum wire wire_of(uint8_t kind)
{
	return kind == F_STR || kind == F_UUID || kind == F_LIST ? WIRE_BYTES : WIRE_NUMBER;
}

static size_t varint_put(uint8_t *p, uint64_t v)
{
	size_t n = 0;
	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

/* False at the end of the bytes or beyond 64 bits. */
static bool varint_get(struct str *in, uint64_t *out)
{
	uint64_t v = 0;
	for (unsigned shift = 0; in->n; shift += 7) {
		uint8_t b = (uint8_t)*in->p;
		in->p++;
		in->n--;
		if (shift == 63 && b > 1)
			return false;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*out = v;
			return true;
		}
		if (shift == 63)
			return false;
	}
	return false;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* The number that a numeric member is written as; 0 means "left out". */
static uint64_t number_of(const struct field *f, const void *at)
{
	switch ((enum field_kind)f->kind) {
	case F_BOOL:
		return *(const bool *)at;
	case F_U8:
	case F_CATEGORY:
		return *(const uint8_t *)at;
	case F_TYPE:
		return *(const uint16_t *)at;
	case F_DATE:
		return *(const uint32_t *)at;
	case F_U64:
		return *(const uint64_t *)at;
	case F_I64:
	case F_TIME:
		return zigzag(*(const int64_t *)at);
	case F_MICRO: {
		int64_t v = *(const int64_t *)at;
		return v == MICRO_NONE ? 0 : zigzag(v) + 1;
	}
	case F_STR:
	case F_UUID:
	case F_LIST:
		break;
	}
	return 0;
}

static void number_set(const struct field *f, void *at, uint64_t v)
{
	switch ((enum field_kind)f->kind) {
	case F_BOOL:
		*(bool *)at = v != 0;
		break;
	case F_U8:
	case F_CATEGORY:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case F_TYPE:
		*(uint16_t *)at = (uint16_t)v;
		break;
	case F_DATE:
		*(uint32_t *)at = (uint32_t)v;
		break;
	case F_U64:
		*(uint64_t *)at = v;
		break;
	case F_I64:
	case F_TIME:
		*(int64_t *)at = unzigzag(v);
		break;
	case F_MICRO:
		*(int64_t *)at = v ? unzigzag(v - 1) : MICRO_NONE;
		break;
	case F_STR:
	case F_UUID:
	case F_LIST:
		break;
	}
}

static void put_tag(struct buf *out, uint8_t tag, enum wire wire, uint64_t v)
{
	uint8_t *p = (uint8_t *)buf_reserve(out, 11);
	if (!p)
		return;
	p[0] = (uint8_t)(tag << 1 | wire);
	buf_commit(out, 1 + varint_put(p + 1, v));
}

static void put_bytes(struct buf *out, uint8_t tag, const void *bytes, size_t n)
{
	put_tag(out, tag, WIRE_BYTES, n);
	buf_add(out, bytes, n);
}

static void put_list(struct buf *out, const struct field *f, const struct entity_list *l,
		     enum pack_mode mode)
{
	for (uint32_t i = 0; i < l->n; i++) {
		/* packed behind its place, then moved behind its length */
		size_t start = out->n;
		pack_entity(out, f->sub, (const char *)l->v + (size_t)i * f->sub->size, mode);
		if (buf_err(out))
			return;
		size_t n = out->n - start;
		uint8_t head[11];
		head[0] = (uint8_t)(f->tag << 1 | WIRE_BYTES);
		size_t hn = 1 + varint_put(head + 1, n);
		if (!buf_reserve(out, hn))
			return;
		memmove(out->p + start + hn, out->p + start, n);
		memcpy(out->p + start, head, hn);
		buf_commit(out, hn);
	}
}

void pack_entity(struct buf *out, const struct entity_desc *d, const void *entity,
		 enum pack_mode mode)
{
	const struct entity_head *head = entity;
	if (mode == PACK_SPOOL && head->has)
		put_tag(out, TAG_HAS, WIRE_NUMBER, head->has);
	for (unsigned i = 0; i < d->n; i++) {
		const struct field *f = &d->fields[i];
		const void *at = (const char *)entity + f->offset;
		if (mode == PACK_STORE && f->form == FORM_RAW)
			continue;
		if (f->kind == F_STR) {
			const struct str *s = at;
			if (s->n)
				put_bytes(out, f->tag, s->p, s->n);
		} else if (f->kind == F_UUID) {
			const struct uuid *u = at;
			if (!uuid_is_nil(*u))
				put_bytes(out, f->tag, u->b, sizeof(u->b));
		} else if (f->kind == F_LIST) {
			put_list(out, f, at, mode);
		} else {
			uint64_t v = number_of(f, at);
			if (v)
				put_tag(out, f->tag, WIRE_NUMBER, v);
		}
	}
}

static void entity_init(const struct entity_desc *d, const struct desc_quick *quick, void *entity)
{
	memset(entity, 0, d->size);
	for (unsigned i = 0; quick->has_micro && i < d->n; i++)
		if (d->fields[i].kind == F_MICRO)
			*(int64_t *)((char *)entity + d->fields[i].offset) = MICRO_NONE;
}

/* One more sub-entity: arrays grow by doubling inside the arena. */
static enum err list_add(struct str bytes, const struct field *f, struct arena *a,
			 struct entity_list *l)
{
	size_t size = f->sub->size;
	bool full = l->n == 0 || (l->n >= 4 && (l->n & (l->n - 1)) == 0);
	if (full) {
		void *v = arena_array(a, l->n ? (size_t)l->n * 2 : 4, size);
		if (!v)
			return ERR_LIMIT;
		if (l->n)
			memcpy(v, l->v, l->n * size);
		l->v = v;
	}
	TRY(unpack_entity(bytes, f->sub, a, (char *)l->v + l->n * size));
	l->n++;
	return ERR_OK;
}

enum err unpack_entity(struct str bytes, const struct entity_desc *d, struct arena *a, void *entity)
{
	const struct desc_quick *quick = desc_quick(d);
	entity_init(d, quick, entity);
	while (bytes.n) {
		uint8_t tag = (uint8_t)*bytes.p >> 1;
		enum wire wire = *bytes.p & 1;
		uint64_t v;
		bytes.p++;
		bytes.n--;
		if (!varint_get(&bytes, &v) || (wire == WIRE_BYTES && v > bytes.n))
			return ERR_CORRUPT;
		struct str val = {bytes.p, wire == WIRE_BYTES ? (size_t)v : 0};
		bytes.p += val.n;
		bytes.n -= val.n;
		if (tag == TAG_HAS) {
			((struct entity_head *)entity)->has = v;
			continue;
		}
		unsigned row = quick->row_of_tag[tag];
		if (!row)
			continue; /* of a newer node */
		const struct field *f = &d->fields[row - 1];
		if (wire_of(f->kind) != wire)
			return ERR_CORRUPT;
		void *at = (char *)entity + f->offset;
		if (f->kind == F_STR) {
			*(struct str *)at = val;
		} else if (f->kind == F_UUID) {
			if (val.n != sizeof(struct uuid))
				return ERR_CORRUPT;
			memcpy(at, val.p, val.n);
		} else if (f->kind == F_LIST) {
			if (a)
				TRY(list_add(val, f, a, at));
		} else {
			number_set(f, at, v);
		}
	}
	return ERR_OK;
}

enum err entity_copy(struct arena *a, const struct entity_desc *d, const void *from, void *to)
{
	memmove(to, from, d->size);
	for (unsigned i = 0; i < d->n; i++) {
		const struct field *f = &d->fields[i];
		void *at = (char *)to + f->offset;
		if (f->kind == F_STR && ((struct str *)at)->n) {
			*(struct str *)at = arena_str(a, *(struct str *)at);
			if (!((struct str *)at)->p)
				return ERR_LIMIT;
		} else if (f->kind == F_LIST && ((struct entity_list *)at)->n) {
			struct entity_list *l = at;
			char *v = arena_array(a, l->n, f->sub->size);
			if (!v)
				return ERR_LIMIT;
			for (uint32_t k = 0; k < l->n; k++)
				TRY(entity_copy(a, f->sub, (char *)l->v + k * (size_t)f->sub->size,
						v + k * (size_t)f->sub->size));
			l->v = v;
		}
	}
	return ERR_OK;
}
