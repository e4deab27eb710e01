/*
 * feed_stats.c - see feed_stats.h. "feed/<id>/stats" -> the numbers in the order of the struct, blanks between.
 */
#include "sync/feed_stats.h"

#include <stdio.h>

#include "base/buf.h"

#define NUMBERS (sizeof(struct feed_stats) / sizeof(uint64_t))

static struct str key_of(uint64_t id, char out[64])
{
	int n = snprintf(out, 64, "feed/%llu/stats", (unsigned long long)id);
	return (struct str){out, (size_t)n};
}

struct feed_stats feed_stats_get(const struct store_rtxn *t, uint64_t feed_id)
{
	struct feed_stats s = {0};
	uint64_t *v = &s.runs;
	struct str rest, one;
	char key[64];
	if (store_kv_get(t, key_of(feed_id, key), &rest) != ERR_OK)
		return s;
	for (size_t i = 0; i < NUMBERS && rest.n; i++) {
		rest = str_split(rest, ' ', &one);
		if (!str_u64(one, &v[i]))
			return (struct feed_stats){0};
	}
	return s;
}

enum err feed_stats_put(struct store_wtxn *w, uint64_t feed_id, const struct feed_stats *s, struct fail *f)
{
	const uint64_t *v = &s->runs;
	OWN(buf) struct buf b = BUF(NUMBERS * 24);
	char key[64];
	for (size_t i = 0; i < NUMBERS; i++)
		buf_printf(&b, "%s%llu", i ? " " : "", (unsigned long long)v[i]);
	TRY(buf_err(&b));
	return store_kv_put(w, key_of(feed_id, key), buf_str(&b), f);
}

enum err feed_stats_drop(struct store_wtxn *w, uint64_t feed_id, struct fail *f)
{
	char key[64];
	enum err e = store_kv_del(w, key_of(feed_id, key), f);
	return e == ERR_NOENT ? ERR_OK : e;
}
