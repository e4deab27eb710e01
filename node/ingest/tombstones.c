/*
 * tombstones.c - what was deleted here for good, so that an old copy of it that comes in from elsewhere
 * does not bring it back (gate.md section 9). Kept in BOOK_TOMBSTONES under the UUID.
 */
#include "base/clock.h"
#include "ingest/ctx.h"

#define GRAVE_BYTES 17 /* kind of change; when it was deleted; the event's or element's timestamp */

static void put64(uint8_t *p, int64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

static int64_t get64(const char *p)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | (uint8_t)p[i];
	return (int64_t)v;
}

static struct str key_of(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

enum err ingest_bury(struct store_wtxn *w, uint8_t kind, struct uuid u, int64_t timestamp,
		     struct fail *f)
{
	uint8_t grave[GRAVE_BYTES] = {kind};
	if (uuid_is_nil(u))
		return ERR_OK;
	put64(grave + 1, clock_now());
	put64(grave + 9, timestamp);
	return store_book_put(w, BOOK_TOMBSTONES, key_of(&u),
			      (struct str){(char *)grave, sizeof(grave)}, f);
}

enum err ingest_is_buried(const struct store_rtxn *t, const struct admit_facts *facts,
			  struct uuid u, int64_t timestamp, bool *yes, struct fail *f)
{
	struct str v;
	*yes = false;
	if (!facts->dead_stay_dead || uuid_is_nil(u) || !store_book_count(t, BOOK_TOMBSTONES))
		return ERR_OK;
	enum err e = store_book_get(t, BOOK_TOMBSTONES, key_of(&u), &v);
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e == ERR_OK && v.n != GRAVE_BYTES)
		e = ERR_CORRUPT;
	if (e != ERR_OK)
		return fail(f, e, "looking up a tombstone");
	*yes = !facts->newer_revives || timestamp <= get64(v.p + 9);
	return ERR_OK;
}

enum err ingest_unbury(struct store_wtxn *w, struct uuid u, struct fail *f)
{
	if (uuid_is_nil(u) || !store_book_count(store_view(w), BOOK_TOMBSTONES))
		return ERR_OK;
	enum err e = store_book_del(w, BOOK_TOMBSTONES, key_of(&u), f);
	return e == ERR_NOENT ? ERR_OK : e;
}
