/*
 * quarantine_decide.c - what becomes of a document that waits: it is judged again and merged, or
 * forgotten but for its UUID and version.
 */
#include <unistd.h>

#include "ingest/ctx.h"
#include "ingest/quarantine_impl.h"
#include "model/link_rules.h"
#include "model/pack.h"

#define COPY_ARENA (4u << 20)

/* ---- its bytes ---- */

static enum err feed_file(int fd, quarantine_bytes_fn fn, void *user, struct fail *f)
{
	char piece[16384];
	ssize_t n;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		TRY(fn(user, piece, (size_t)n, f));
	return n < 0 ? fail(f, ERR_IO, "cannot read what waits") : ERR_OK;
}

/* The row with texts of its own. */
static enum err row_copy(const struct ingest_env *env, uint64_t number, struct arena *a,
			 struct quarantine_row *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(env->store, &t, f));
	enum err e = ingest_quarantine_get(t, number, r);
	if (e != ERR_OK)
		return fail(f, e, e == ERR_NOENT ? "Nothing waits under this number."
						 : "a row of the quarantine");
	struct str *const texts[] = {&r->rules, &r->sender, &r->info, &r->creator,
				     &r->url,	&r->head,   &r->content};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!texts[i]->p)
			continue;
		*texts[i] = arena_str(a, *texts[i]);
		if (!texts[i]->p)
			return fail(f, ERR_NOMEM, "no memory");
	}
	return ERR_OK;
}

static enum err row_bytes(const struct ingest_env *env, const struct quarantine_row *r,
			  quarantine_bytes_fn fn, void *user, struct fail *f)
{
	int fd;
	if (r->content.p)
		return fn(user, r->content.p, r->content.n, f);
	TRY(store_blob_open(env->store, (struct str){(const char *)r->digest.b, 32}, &fd, f));
	enum err e = feed_file(fd, fn, user, f);
	close(fd);
	return e;
}

enum err ingest_quarantine_read(const struct ingest_env *env, uint64_t number,
				quarantine_bytes_fn fn, void *user, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(COPY_ARENA);
	struct quarantine_row r;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(row_copy(env, number, a, &r, f));
	return row_bytes(env, &r, fn, user, f);
}

/* ---- accepting ---- */

struct parse {
	struct json_read *reader;
	struct raw_event *raw;
};

static enum err on_document(void *user, struct raw_event *raw, struct fail *f)
{
	struct parse *p = user;
	(void)f;
	raw_free(p->raw);
	p->raw = raw;
	return ERR_OK;
}

static enum err on_bytes(void *user, const void *p, size_t n, struct fail *f)
{
	return json_read_feed(((struct parse *)user)->reader, p, n, f);
}

/* The document as it came, with the head as who fetched it had prepared it. */
static enum err document(const struct ingest_env *env, const struct quarantine_row *r,
			 struct raw_event **out, struct fail *f)
{
	struct json_read_opts o = {.root = RAW_EVENT, .spool_dir = env->spool_dir};
	struct parse p = {0};
	p.reader = json_read_new(&o, on_document, &p);
	if (!p.reader)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = row_bytes(env, r, on_bytes, &p, f);
	if (e == ERR_OK)
		e = json_read_end(p.reader, f);
	json_read_free(p.reader);
	OWN(raw) struct raw_event *raw = p.raw;
	TRY(e);
	if (!raw)
		return fail(f, ERR_CORRUPT, "what waits holds no event");
	struct str head = arena_str(raw_arena(raw), r->head);
	if (!head.p || unpack_entity(head, &desc_misp_event, raw_arena(raw), raw_head(raw)) != ERR_OK)
		return fail(f, ERR_CORRUPT, "the head of what waits cannot be read");
	*out = MOVE(raw);
	return ERR_OK;
}

/* What the link does not take, as it is set up now. */
static enum err rules_of(const struct ingest_env *env, uint64_t peer_id, struct arena *a,
			 struct link_rules *out, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer peer;
	TRY(store_read(env->store, &t, f));
	if (store_get(t, T_PEER, peer_id, NULL, &peer) != ERR_OK)
		return ERR_OK; /* it has been removed: no rules any more */
	return link_rules_parse(peer.pull_rules, a, out, f);
}

struct decide {
	const struct quarantine_row *row;
	bool reject;
	const struct audit_who *who;
};

static enum err run_decide(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct decide *d = arg;
	TRY(ingest_quarantine_drop(w, d->row->number, f));
	TRY(ingest_quarantine_mark(w, d->row, d->reject, f));
	struct audit_entry e = {.action = AUDIT_quarantine,
				.who = *d->who,
				.kind = "quarantine",
				.id = d->row->number,
				.object = d->row->uuid,
				.text = d->reject ? STR("rejected") : STR("accepted")};
	return audit_add(w, &e, f);
}

enum err ingest_quarantine_accept(const struct ingest_env *env, uint64_t number,
				  const struct audit_who *who, struct arena *a,
				  struct ingest_result *out, struct fail *f)
{
	OWN(raw) struct raw_event *raw = NULL;
	OWN(arena) struct arena *own = arena_new(COPY_ARENA);
	struct quarantine_row r;
	struct link_rules rules = {0};
	bool has_rules;
	if (!own)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(row_copy(env, number, own, &r, f));
	TRY(document(env, &r, &raw, f));
	struct admit_facts facts = ingest_quarantine_facts(&r, &has_rules);
	if (has_rules)
		TRY(rules_of(env, r.peer_id, own, &rules, f));
	facts.rules = has_rules ? &rules : NULL;
	uint64_t known;
	struct admit_facts asked = facts;
	TRY(ingest_merge_target(env, raw, &asked, &known, f));
	if (known && asked.existing_local && facts.push)
		return fail(f, ERR_PERM, "Meanwhile there is an event of this UUID that was made here.");
	TRY(ingest_event_merge(env, &raw, &r.origin, &facts, a, out, f));
	struct decide d = {&r, false, who};
	return store_run(env->store, run_decide, &d, f);
}

enum err ingest_quarantine_reject(const struct ingest_env *env, uint64_t number,
				  const struct audit_who *who, struct fail *f)
{
	OWN(arena) struct arena *own = arena_new(COPY_ARENA);
	struct quarantine_row r;
	if (!own)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(row_copy(env, number, own, &r, f));
	struct decide d = {&r, true, who};
	return store_run(env->store, run_decide, &d, f);
}
