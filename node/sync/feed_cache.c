/*
 * feed_cache.c - see feed_cache.h. Lines come in pieces cut anywhere; what is no line of a digest and an
 * event is passed over, as MISP does.
 */
#include "sync/feed_cache.h"

#include "base/arena.h"
#include "base/hash.h"
#include "model/validate.h"

#define FILE_MAX (UINT64_C(100) * VALUE_CACHE_MAX)

struct making {
	struct value_cache_writer *w;
	char line[128];
	size_t have;
	bool skip; /* the rest of a line that is too long */
	size_t n;
	struct arena *a; /* for a value */
};

static enum err line_end(struct making *m, struct fail *f)
{
	struct str line = str_trim((struct str){m->line, m->have}), digest;
	struct str uuid = str_trim(str_split(line, ',', &digest));
	uint8_t md5[16];
	struct uuid event;
	m->have = 0;
	digest = str_trim(digest);
	if (digest.n != 32 || !hash_unhex(digest, md5, sizeof(md5)) || !uuid_parse(uuid, &event))
		return ERR_OK;
	m->n++;
	return value_cache_add(m->w, md5, event, f);
}

static enum err take(void *user, const void *p, size_t n, struct fail *f)
{
	struct making *m = user;
	const char *s = p;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n') {
			if (!m->skip)
				TRY(line_end(m, f));
			m->have = 0;
			m->skip = false;
		} else if (m->have == sizeof(m->line)) {
			m->skip = true;
		} else {
			m->line[m->have++] = s[i];
		}
	}
	return ERR_OK;
}

/* As they would be stored: that is how they are looked up. */
static enum err take_value(void *user, const struct values_hit *hit, struct fail *f)
{
	struct making *m = user;
	uint8_t md5[VALUE_KEYS_MAX][16];
	struct str value, one, two;
	struct attr_problem problem = {0};
	arena_reset(m->a);
	if (attr_normalise_validate(m->a, hit->type, hit->value, false, &value, &one, &two, &problem) !=
	    ERR_OK)
		return ERR_OK;
	size_t n = value_cache_keys(hit->type, value, md5);
	for (size_t i = 0; i < n; i++)
		TRY(value_cache_add(m->w, md5[i], UUID_NIL, f));
	m->n++;
	return ERR_OK;
}

static enum err fill(struct making *m, const struct feed_fetch_opts *o, struct fail *f)
{
	struct values_counts n;
	enum err e = feed_fetch_values(o, take_value, m, &n, f);
	if (e != ERR_UNSUPPORTED)
		return e == ERR_OK && !m->n ? fail(f, ERR_INVAL, "it holds no values") : e;
	*f = (struct fail){0}; /* it is a MISP feed */
	e = feed_fetch_data(o, "hashes.csv", FILE_MAX, take, m, f);
	return e == ERR_OK && m->have && !m->skip ? line_end(m, f) : e;
}

enum err feed_cache_make(const struct feed_fetch_opts *o, const char *dir, struct fail *f)
{
	OWN(value_cache_writer) struct value_cache_writer *w = NULL;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct making m = {.a = a};
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(value_cache_writer_new(dir, VALUE_CACHE_FEED, o->feed_id, &w, f));
	m.w = w;
	TRY(fill(&m, o, f));
	return value_cache_commit(MOVE(w), NULL, f);
}
