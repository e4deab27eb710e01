/*
 * feed_cache.c - see feed_cache.h. Lines come in pieces cut anywhere; what is no line of a digest and an
 * event is passed over, as MISP does.
 */
#include "sync/feed_cache.h"

#include "base/hash.h"

#define FILE_MAX (UINT64_C(100) * VALUE_CACHE_MAX)

struct making {
	struct value_cache_writer *w;
	char line[128];
	size_t have;
	bool skip; /* the rest of a line that is too long */
	size_t n;
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

enum err feed_cache_make(const struct feed_fetch_opts *o, const char *dir, struct fail *f)
{
	OWN(value_cache_writer) struct value_cache_writer *w = NULL;
	struct making m = {0};
	TRY(value_cache_writer_new(dir, VALUE_CACHE_FEED, o->feed_id, &w, f));
	m.w = w;
	TRY(feed_fetch_data(o, "hashes.csv", FILE_MAX, take, &m, f));
	if (m.have && !m.skip)
		TRY(line_end(&m, f));
	return value_cache_commit(MOVE(w), NULL, f);
}
