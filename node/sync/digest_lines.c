/*
 * digest_lines.c - see digest_lines.h.
 */
#include "sync/digest_lines.h"

#include "base/hash.h"

#define HOPELESS (UINT64_C(1) << 20)

static enum err line_end(struct digest_lines *r, struct fail *f)
{
	struct str line = str_trim((struct str){r->line, r->have}), digest;
	struct str uuid = str_trim(str_split(line, ',', &digest));
	uint8_t md5[16];
	struct uuid event;
	bool whole = !r->skip;
	r->have = 0;
	r->skip = false;
	digest = str_trim(digest);
	if (!whole || digest.n != 32 || !hash_unhex(digest, md5, sizeof(md5)) || !uuid_parse(uuid, &event))
		return ERR_OK;
	r->n++;
	return value_cache_add(r->to, md5, event, f);
}

enum err digest_lines_feed(void *reader, const void *p, size_t n, struct fail *f)
{
	struct digest_lines *r = reader;
	const char *s = p;
	r->bytes += n;
	if (!r->n && r->bytes > HOPELESS)
		return fail(f, ERR_PEER, "it holds no digests of values");
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			TRY(line_end(r, f));
		else if (r->have == sizeof(r->line))
			r->skip = true;
		else
			r->line[r->have++] = s[i];
	}
	return ERR_OK;
}

enum err digest_lines_end(struct digest_lines *r, struct fail *f)
{
	return r->have ? line_end(r, f) : ERR_OK;
}
