/*
 * notes.c - notes as text: "<timestamp> <time> <tries> <why>"; older ones have the timestamp alone.
 */
#include "sync/notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static const char *const names[] = {
#define NOTE(kind, name, doc) [NOTE_##kind] = name,
#include "sync/notes.inc"
#undef NOTE
};

const char *note_name(enum note_kind k)
{
	return names[k];
}

/* With a nil UUID the prefix of all. */
static struct str key_of(uint64_t peer_id, enum note_kind k, struct uuid u, char out[120])
{
	char uuid[UUID_TEXT_LEN + 1];
	int n = snprintf(out, 120, "peer/%llu/%s/%s", (unsigned long long)peer_id, names[k],
			 uuid_is_nil(u) ? "" : uuid_format(u, uuid));
	return (struct str){out, (size_t)n};
}

static void parse(struct str s, struct note *out)
{
	struct str word;
	*out = (struct note){0};
	s = str_split(s, ' ', &word);
	(void)!str_i64(word, &out->timestamp);
	if (!s.p)
		return;
	s = str_split(s, ' ', &word);
	(void)!str_i64(word, &out->time);
	if (!s.p)
		return;
	s = str_split(s, ' ', &word);
	(void)!str_u64(word, &out->tries);
	if (s.p)
		snprintf(out->text, sizeof(out->text), "%.*s", STR_ARG(s));
}

bool note_due(const struct note *n, int64_t now)
{
	int64_t pause = n->tries < 2 ? 0 : INT64_C(30) << MIN(n->tries, UINT64_C(10));
	return now >= n->time + MIN(pause, INT64_C(21600)) || now < n->time;
}

enum err note_get(const struct store_rtxn *t, uint64_t peer_id, enum note_kind k, struct uuid u,
		  struct note *out)
{
	char text[120];
	struct str value;
	TRY(store_kv_get(t, key_of(peer_id, k, u, text), &value));
	parse(value, out);
	return ERR_OK;
}

enum err note_put(struct store_wtxn *w, uint64_t peer_id, enum note_kind k, struct uuid u,
		  const struct note *n, struct fail *f)
{
	char text[120], value[NOTE_TEXT_MAX + 80];
	struct str was, key = key_of(peer_id, k, u, text);
	if (!n) {
		enum err e = store_kv_get(store_view(w), key, &was);
		return e == ERR_OK ? store_kv_del(w, key, f) : e == ERR_NOENT ? ERR_OK : e;
	}
	int m = snprintf(value, sizeof(value), "%lld %lld %llu %s", (long long)n->timestamp,
			 (long long)n->time, (unsigned long long)n->tries, n->text);
	return store_kv_put(w, key, (struct str){value, (size_t)m}, f);
}

enum err note_next(const struct store_rtxn *t, uint64_t peer_id, enum note_kind k, struct uuid *u,
		   struct note *out)
{
	char text[120], last[120];
	OWN(buf) struct buf key = BUF(300);
	struct str value, prefix = key_of(peer_id, k, UUID_NIL, text);
	if (!uuid_is_nil(*u)) {
		struct str from = key_of(peer_id, k, *u, last);
		buf_add(&key, from.p, from.n);
	}
	for (;;) {
		TRY(store_kv_next(t, prefix, &key, &value));
		if (!uuid_parse(str_sub(buf_str(&key), prefix.n, key.n), u))
			continue;
		parse(value, out);
		return ERR_OK;
	}
}

/* ---- several of one event ---- */

struct write {
	uint64_t peer_id;
	struct uuid u;
	const struct note_change *v;
	size_t n;
};

static enum err write_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct write *x = arg;
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].kind != NOTE_KIND_COUNT)
			TRY(note_put(w, x->peer_id, x->v[i].kind, x->u, x->v[i].n, f));
	return ERR_OK;
}

void notes_write(struct store *s, uint64_t peer_id, struct uuid u, const struct note_change *v,
		 size_t n)
{
	struct write x = {peer_id, u, v, n};
	struct fail f = {0};
	if (store_run(s, write_run, &x, &f) != ERR_OK)
		log_warn("sync", "peer=%llu note not written: %s", (unsigned long long)peer_id,
			 f.text);
}
