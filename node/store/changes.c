/*
 * changes.c - the change log: sequence number -> what changed, packed small.
 * A record is op, kind, flags and base-128 numbers; what is zero is left out and flagged so.
 */
#include "store/internal.h"

#include <stdlib.h>

#include "base/clock.h"

enum {
	HAS_EVENT = 1,
	HAS_PARENT = 2,
	HAS_ORIGIN = 4,
	HAS_DIGEST = 8,
	HAS_UUID = 16,
	IS_WHOLE = 32,
};

#define PACKED_MAX 128 /* 3 bytes, 7 numbers of at most 10, digest, UUID: 121 */

static uint8_t *num_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/* Sets *end to NULL when the bytes run out. */
static uint64_t num_get(const uint8_t **p, const uint8_t **end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *end && shift < 64; shift += 7) {
		uint8_t b;

		if (*p >= *end)
			break;
		b = *(*p)++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	*end = NULL;
	return 0;
}

static uint64_t zig(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t zag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static bool any_byte(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return true;
	return false;
}

static size_t change_pack(const struct change *c, uint8_t out[PACKED_MAX])
{
	bool digest = any_byte(c->origin.digest, sizeof(c->origin.digest));
	bool origin = c->origin.kind || c->origin.id || c->origin.time;
	uint8_t flags = (uint8_t)((c->event_id ? HAS_EVENT : 0) | (c->parent ? HAS_PARENT : 0) |
				  (origin ? HAS_ORIGIN : 0) | (digest ? HAS_DIGEST : 0) |
				  (uuid_is_nil(c->uuid) ? 0 : HAS_UUID) | (c->whole ? IS_WHOLE : 0));
	uint8_t *p = out;

	*p++ = (uint8_t)c->op;
	*p++ = c->kind;
	*p++ = flags;
	p = num_put(p, c->id);
	if (flags & HAS_EVENT)
		p = num_put(p, c->event_id);
	if (flags & HAS_PARENT)
		p = num_put(p, c->parent);
	p = num_put(p, zig(c->time));
	if (flags & HAS_ORIGIN) {
		p = num_put(p, (uint64_t)c->origin.kind);
		p = num_put(p, c->origin.id);
		p = num_put(p, zig(c->origin.time));
	}
	if (digest) {
		memcpy(p, c->origin.digest, sizeof(c->origin.digest));
		p += sizeof(c->origin.digest);
	}
	if (flags & HAS_UUID) {
		memcpy(p, c->uuid.b, sizeof(c->uuid.b));
		p += sizeof(c->uuid.b);
	}
	return (size_t)(p - out);
}

static void bytes_get(const uint8_t **p, const uint8_t **end, void *out, size_t n)
{
	if (!*end || (size_t)(*end - *p) < n) {
		*end = NULL;
		return;
	}
	memcpy(out, *p, n);
	*p += n;
}

enum err change_unpack(MDB_val key, MDB_val val, struct change *out)
{
	const uint8_t *p = val.mv_data, *end = p + val.mv_size;
	uint8_t head[3] = {0};

	memset(out, 0, sizeof(*out));
	if (key.mv_size != 8)
		return ERR_CORRUPT;
	out->seq = be64_get(key.mv_data);
	bytes_get(&p, &end, head, sizeof(head));
	out->op = (enum change_op)head[0];
	out->kind = head[1];
	out->whole = head[2] & IS_WHOLE;
	out->id = num_get(&p, &end);
	if (head[2] & HAS_EVENT)
		out->event_id = num_get(&p, &end);
	if (head[2] & HAS_PARENT)
		out->parent = num_get(&p, &end);
	out->time = zag(num_get(&p, &end));
	if (head[2] & HAS_ORIGIN) {
		out->origin.kind = (enum origin_kind)num_get(&p, &end);
		out->origin.id = num_get(&p, &end);
		out->origin.time = zag(num_get(&p, &end));
	}
	if (head[2] & HAS_DIGEST)
		bytes_get(&p, &end, out->origin.digest, sizeof(out->origin.digest));
	if (head[2] & HAS_UUID)
		bytes_get(&p, &end, out->uuid.b, sizeof(out->uuid.b));
	return end == p && head[0] <= CHANGE_OPEN ? ERR_OK : ERR_CORRUPT;
}

/* Keep it for the hooks, which are told about the group after its commit. */
static enum err remember(struct store_wtxn *w, const struct change *c, struct fail *f)
{
	if (w->n_changes == w->cap_changes) {
		size_t cap = w->cap_changes ? w->cap_changes * 2 : 64;
		struct change *v = realloc(w->changes, cap * sizeof(*v));

		if (!v)
			return fail(f, ERR_NOMEM, "%zu changes", cap);
		w->changes = v;
		w->cap_changes = cap;
	}
	w->changes[w->n_changes++] = *c;
	return ERR_OK;
}

enum err store_change(struct store_wtxn *w, struct change *c, struct fail *f)
{
	uint8_t bytes[PACKED_MAX], key[8];

	if (w->err != ERR_OK)
		return fail(f, w->err, "%s", w->fail.text);
	if (!c->time)
		c->time = clock_now();
	c->seq = wtxn_next_id(w, ID_SEQ, false);
	be64_put(key, c->seq);
	TRY(db_put(w, DB_CHANGES, VAL(key, 8), VAL(bytes, change_pack(c, bytes)), f));
	return remember(w, c, f);
}

enum err store_change_next(const struct store_rtxn *t, uint64_t *seq, struct change *out)
{
	MDB_cursor *c = db_cursor(t, DB_CHANGES);
	uint8_t key[8];
	MDB_val k, v;

	if (!c)
		return ERR_NOMEM;
	if (*seq == UINT64_MAX)
		return ERR_NOENT;
	be64_put(key, *seq + 1);
	k = VAL(key, 8);
	TRY(db_err(mdb_cursor_get(c, &k, &v, MDB_SET_RANGE)));
	TRY(change_unpack(k, v, out));
	*seq = out->seq;
	return ERR_OK;
}
