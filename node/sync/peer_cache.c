/*
 * peer_cache.c - see peer_cache.h. attributes/restSearch with returnFormat cache, until a page is empty
 * (sync-protocol.md 9.5). A peer that gives the same page again and again is stopped by its first line.
 */
#include "sync/peer_cache.h"

#include <stdio.h>
#include <string.h>

#include "sync/digest_lines.h"

#define PAGE 50000u
#define PAGES (VALUE_CACHE_MAX / PAGE + 2)
#define PAGE_BYTES (UINT64_C(64) << 20)
#define FIRST 70u /* as long as a line is */

struct page {
	struct digest_lines lines;
	char first[FIRST], last_first[FIRST]; /* how this page begins, and how the one before did */
	size_t n_first;
};

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct page *x = user;
	size_t more = MIN(n, FIRST - x->n_first);
	memcpy(x->first + x->n_first, p, more);
	x->n_first += more;
	return digest_lines_feed(&x->lines, p, n, f);
}

static enum err page_get(struct link *l, struct page *x, unsigned page, struct fail *f)
{
	char body[160];
	struct client_res res = {0};
	int n = snprintf(body, sizeof(body),
			 "{\"returnFormat\":\"cache\",\"includeEventUuid\":1,\"page\":%u,\"limit\":%u}", page, PAGE);
	struct link_req q = {.path = "/attributes/restSearch.json",
			     .body = {body, (size_t)n},
			     .max_bytes = PAGE_BYTES,
			     .data = on_data,
			     .user = x};
	x->n_first = 0;
	TRY(link_call(l, &q, &res, f));
	return digest_lines_end(&x->lines, f);
}

static enum err pages(struct link *l, struct page *x, struct fail *f)
{
	for (unsigned page = 1; page <= PAGES; page++) {
		uint64_t before = x->lines.n;
		TRY(page_get(l, x, page, f));
		if (x->lines.n == before && !str_trim((struct str){x->first, x->n_first}).n)
			return ERR_OK; /* some end with a line break */
		if (x->lines.n == before)
			return fail(f, ERR_PEER, "the peer's answer holds no digests");
		if (page > 1 && x->n_first == FIRST && memcmp(x->first, x->last_first, FIRST) == 0)
			return fail(f, ERR_PEER, "the peer gives the same page again and again");
		memcpy(x->last_first, x->first, FIRST);
	}
	return fail(f, ERR_LIMIT, "more than %u values", VALUE_CACHE_MAX);
}

enum err peer_cache_make(const struct link_env *env, uint64_t peer_id, const char *dir, uint64_t *n,
			 struct fail *f)
{
	OWN(value_cache_writer) struct value_cache_writer *w = NULL;
	struct link l;
	struct page x = {0};
	TRY(value_cache_writer_new(dir, VALUE_CACHE_SERVER, peer_id, &w, f));
	x.lines.to = w;
	enum err e = link_open(&l, env, peer_id, f);
	if (e == ERR_OK)
		e = pages(&l, &x, f);
	link_close(&l);
	TRY(e);
	if (!x.lines.n)
		return fail(f, ERR_INVAL, "the peer has no values for us");
	if (n)
		*n = x.lines.n;
	return value_cache_commit(MOVE(w), NULL, f);
}
