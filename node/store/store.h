/*
 * store.h - the truth: LMDB with one writer thread, group commit, and a change log.
 *
 * Reading: a read transaction is a consistent snapshot; what it lends (strings in rows) dies with
 * it. Keep it short; give it up while a client is slow. Writing: a job's run() is called on the
 * writer thread inside a transaction that several jobs share; store_run() returns after the
 * commit is durable. Rows are structs of model/misp.h; keys are big-endian and ascend on the hot
 * path. No LMDB type shows here.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/uuid.h"
#include "model/misp.h"
#include "trust/admitted.h"

struct store;
struct store_rtxn;
struct store_wtxn;
struct change;

struct store_opts {
	const char *dir;
	uint64_t map_size; /* bytes of address space; 0: 1 TiB, or as much as there is */
	uint64_t quota; /* refuse to grow beyond; 0: none */
	unsigned readers; /* most read transactions at a time (then ERR_BUSY); 0: 256 */
	unsigned group_us; /* how long the writer waits for company; 0: not at all */
	bool create; /* make a new store when the folder is empty */
	bool id_gaps; /* a new store leaves random gaps between ids of what can be hidden */
	bool read_only; /* check, export by the tool */
};

/*
 * Open (and recover: staging left over is deleted, dead readers are cleared). ERR_NOENT: no store
 * there and not to be made; ERR_BUSY: another process has it open for writing; ERR_VERSION: made
 * by a newer program. Open a folder once in a process, and do not use it after fork.
 */
MUST_USE enum err store_open(const struct store_opts *o, struct store **out, struct fail *f);
/* Finish queued jobs, stop the writer, close. */
void store_close(struct store *s);
const char *store_dir(const struct store *s);

/* ---- tables ------------------------------------------------------------------------------ */

/* Tables of numbered rows, the newest last: the change log has their places. X(TABLE, entity struct,
   store name, since format) */
#define STORE_TABLES(X)                                                                            \
	X(ORG, misp_org, "orgs", 1)                                                                \
	X(USER, misp_user, "users", 1)                                                             \
	X(AUTHKEY, misp_authkey, "authkeys", 1)                                                    \
	X(ROLE, misp_role, "roles", 1)                                                             \
	X(TAG, misp_tag, "tags", 1)                                                                \
	X(SG, misp_sg, "sharing_groups", 1)                                                        \
	X(GALAXY, misp_galaxy, "galaxies", 1)                                                      \
	X(CLUSTER, misp_cluster, "clusters", 1)                                                    \
	X(PEER, misp_peer, "peers", 1)                                                             \
	X(FEED, misp_feed, "feeds", 1)                                                             \
	X(BLOCK, misp_block, "blocklist", 1)                                                       \
	X(SETTING, misp_setting, "settings", 1)                                                    \
	X(ANALYST, misp_analyst, "analyst", 1)                                                     \
	X(EVENT, misp_event, "events", 1)                                                          \
	X(EXCLUSION, misp_exclusion, "exclusions", 3)                                              \
	X(ALLOWED, misp_allowed, "allowed_values", 3)                                              \
	X(REGEXP, misp_regexp, "import_regexes", 3)                                                \
	X(TEMPLATE, misp_template, "object_templates", 3)                                          \
	X(WARNLIST, misp_warnlist, "warning_lists", 3)                                             \
	X(NOTICELIST, misp_noticelist, "notice_lists", 3)                                          \
	X(DECAY, misp_decay, "decaying_models", 3)                                                 \
	X(DELEGATION, misp_delegation, "delegations", 3)                                           \
	X(INBOX, misp_inbox, "inbox", 3)                                                            \
	X(TAGCOLL, misp_tagcoll, "tag_collections", 4)                                              \
	X(SAVED, misp_saved, "saved_searches", 4)                                                   \
	X(SUBSCR, misp_subscr, "subscriptions", 4)                                                  \
	X(TAXII, misp_taxii, "taxii_servers", 4)

enum store_table {
#define X(t, s, n, since) T_##t,
	STORE_TABLES(X)
#undef X
	STORE_TABLE_COUNT
};

/* Secondary keys: X(INDEX, table, unique, how the key is made of the row,
   since format) */
#define STORE_INDEXES(X)                                                                           \
	X(ORG_UUID, ORG, true, "16 bytes of uuid", 1)                                              \
	X(ORG_NAME, ORG, true, "name as it is", 1)                                                 \
	X(USER_EMAIL, USER, true, "lower-case e-mail", 1)                                          \
	X(AUTHKEY_DIGEST, AUTHKEY, true, "32 bytes of digest", 1)                                  \
	X(AUTHKEY_USER, AUTHKEY, false, "user id, 8 bytes big-endian", 1)                          \
	X(TAG_NAME, TAG, true, "lower-case name", 1)                                               \
	X(SG_UUID, SG, true, "16 bytes of uuid", 1)                                                \
	X(GALAXY_UUID, GALAXY, true, "16 bytes of uuid", 1)                                        \
	X(CLUSTER_UUID, CLUSTER, true, "16 bytes of uuid", 1)                                      \
	X(CLUSTER_TAG, CLUSTER, false, "lower-case tag_name", 1)                                   \
	X(BLOCK_UUID, BLOCK, true, "kind byte, 16 bytes of uuid", 1)                               \
	X(SETTING_NAME, SETTING, true, "name as it is", 1)                                         \
	X(ANALYST_UUID, ANALYST, true, "16 bytes of uuid", 1)                                      \
	X(ANALYST_OBJECT, ANALYST, false, "16 bytes of object_uuid", 1)                            \
	X(PEER_URL, PEER, false, "url as it is", 1)                                                \
	X(EVENT_UUID, EVENT, true, "16 bytes of uuid", 1)                                          \
	X(EXCLUSION_VALUE, EXCLUSION, true, "value as it is", 3)                                   \
	X(TEMPLATE_UUID, TEMPLATE, false, "16 bytes of uuid", 3)                                   \
	X(TEMPLATE_NAME, TEMPLATE, false, "name as it is", 3)                                      \
	X(DECAY_UUID, DECAY, true, "16 bytes of uuid", 3)                                          \
	X(DELEGATION_EVENT, DELEGATION, false, "event id, 8 bytes big-endian", 3)                  \
	X(INBOX_UUID, INBOX, true, "16 bytes of uuid", 3)                                           \
	X(TAGCOLL_UUID, TAGCOLL, true, "16 bytes of uuid", 4)                                       \
	X(SAVED_UUID, SAVED, true, "16 bytes of uuid", 4)                                           \
	X(SAVED_USER, SAVED, false, "user id, 8 bytes big-endian", 4)                               \
	X(SUBSCR_NAME, SUBSCR, true, "name as it is", 4)                                            \
	X(TAXII_UUID, TAXII, true, "16 bytes of uuid", 4)

enum store_index {
#define X(i, t, u, doc, since) IX_##i,
	STORE_INDEXES(X)
#undef X
	STORE_INDEX_COUNT
};

/* ---- reading ----------------------------------------------------------------------------- */

MUST_USE enum err store_read(struct store *s, struct store_rtxn **out, struct fail *f);
void store_read_end(struct store_rtxn *t);
OWN_DEFINE(store_rtxn, struct store_rtxn *, store_read_end(*p))
/* Of the last commit of all, this process's or another's: any commit has another one. Without a transaction. */
uint64_t store_version(const struct store *s);
/* Of the commit that the snapshot is of. */
uint64_t store_read_version(const struct store_rtxn *t);
/* Sequence number of the last change that the snapshot holds. */
uint64_t store_seq(const struct store_rtxn *t);

/*
 * Read row `id` into `row` (the table's struct). Strings are borrowed from the transaction, lists
 * come from `a` (NULL: left out). ERR_NOENT when there is none.
 */
MUST_USE enum err store_get(const struct store_rtxn *t, enum store_table tab, uint64_t id,
			    struct arena *a, void *row);
/* Id under a unique secondary key, or the first of several. Where keys are lower-case, `key` is
   folded here. An empty key or nil UUID is nobody's. */
MUST_USE enum err store_find(const struct store_rtxn *t, enum store_index ix, struct str key,
			     uint64_t *id);
/* All ids under a secondary key, ascending: call with *id = 0 first, then with the last one. */
MUST_USE enum err store_find_next(const struct store_rtxn *t, enum store_index ix, struct str key,
				  uint64_t *id);
/* Next row with id > *id (begin with 0); ERR_NOENT at the end. `row` may be NULL. */
MUST_USE enum err store_next(const struct store_rtxn *t, enum store_table tab, uint64_t *id,
			     struct arena *a, void *row);
/* Previous row with id < *id (begin with UINT64_MAX). */
MUST_USE enum err store_prev(const struct store_rtxn *t, enum store_table tab, uint64_t *id,
			     struct arena *a, void *row);
uint64_t store_count(const struct store_rtxn *t, enum store_table tab);

/* Where an element is. `parent`: object id of attributes and references, attribute id of
   proposals and sightings, else 0. */
struct el_key {
	uint64_t body;
	uint64_t parent;
	uint64_t id;
};

MUST_USE enum err store_el_get(const struct store_rtxn *t, enum element_kind k, struct el_key key,
			       struct arena *a, void *row);
/* A cursor over the elements of a kind in one body, in key order. */
struct store_el_iter;
/* Elements with key >= `from` in from.body; with `one_parent` only those of from.parent. */
MUST_USE enum err store_el_iter_new(const struct store_rtxn *t, enum element_kind k,
				    struct el_key from, bool one_parent,
				    struct store_el_iter **out);
/* ERR_NOENT at the end. Strings borrowed until the transaction ends. */
MUST_USE enum err store_el_iter_next(struct store_el_iter *it, struct arena *a, struct el_key *key,
				     void *row);
/* The element with just this key; ERR_NOENT. Cheaper than store_el_get() where keys ascend. */
MUST_USE enum err store_el_iter_get(struct store_el_iter *it, struct el_key key, struct arena *a, void *row);
void store_el_iter_free(struct store_el_iter *it);
OWN_DEFINE(store_el_iter, struct store_el_iter *, store_el_iter_free(*p))

/* ---- writing ----------------------------------------------------------------------------- */

/*
 * A write job. run() is called on the writer thread; it may be called again when another job of
 * the same group failed after it had written or taken a number, so it must not change anything
 * but the transaction and its own results. On ERR_OK the group is committed and done() is called;
 * an error undoes what the job wrote. Storage errors stick: once one has happened, later writes
 * of the job do nothing and return it, and the job has failed whatever it returns. ERR_FULL: the
 * disk or the quota; the store itself stays fine, reading and deleting go on.
 */
typedef enum err (*store_run_fn)(struct store_wtxn *w, void *arg, struct fail *f);

/* Run and wait until durable. Call from workers, never from an I/O thread or a job. */
MUST_USE enum err store_run(struct store *s, store_run_fn run, void *arg, struct fail *f);
/* Queue; done() is called on the writer thread after the commit (or failure). */
typedef void (*store_done_fn)(void *arg, enum err e, const struct fail *f);
MUST_USE enum err store_submit(struct store *s, store_run_fn run, store_done_fn done, void *arg);

/*
 * A witness writes what is to be written with the changes of a job, in its transaction (the audit
 * log). run() is called on the writer thread after a job that has appended to the change log, with
 * what it appended; an error fails the job. Jobs hold a reference from queueing to completion.
 */
struct store_witness {
	enum err (*run)(struct store_witness *self, struct store_wtxn *w, const struct change *c,
			size_t n, struct fail *f);
	void (*free)(struct store_witness *self);
	atomic_uint refs; /* of its maker: 1 */
};
struct store_witness *store_witness_ref(struct store_witness *v);
void store_witness_unref(struct store_witness *v); /* NULL is none */
/* The witness of all jobs that this thread queues from now on; NULL: none. The caller keeps it. */
void store_witness_set(struct store_witness *v);

/* Reads inside a write see what the transaction has written so far. What they lend lives only until
   the next write of the job; iterators may be held across writes and deletions. */
const struct store_rtxn *store_view(struct store_wtxn *w);
struct store *store_of(struct store_wtxn *w);

/* A new id of a table or element kind: ascending, never reused; with random gaps (1..8) for
   whatever may be hidden from somebody, that is elements, events, tags, sharing groups, clusters, analyst
   data and organisations, when the store was made with gaps (gate.md section 1). */
uint64_t store_new_row_id(struct store_wtxn *w, enum store_table tab);
uint64_t store_new_el_id(struct store_wtxn *w, enum element_kind k);
uint64_t store_new_body(struct store_wtxn *w);

/* Insert or replace a row other than of T_EVENT, with its secondary keys. ERR_EXISTS when a unique
   key belongs to another row (nothing is written then). */
MUST_USE enum err store_put(struct store_wtxn *w, enum store_table tab, uint64_t id,
			    const void *row, struct fail *f);
MUST_USE enum err store_del(struct store_wtxn *w, enum store_table tab, uint64_t id,
			    struct fail *f);

/* Events and elements want the gate's proof. */
MUST_USE enum err store_event_put(struct store_wtxn *w, const struct admitted *adm,
				  const struct misp_event *e, struct fail *f);
MUST_USE enum err store_el_put(struct store_wtxn *w, const struct admitted *adm,
			       enum element_kind k, struct el_key key, const void *row,
			       struct fail *f);
/* Removing needs none. store_event_del() removes the row and queues the body for deletion in
   steps (store_body_drop). */
MUST_USE enum err store_event_del(struct store_wtxn *w, uint64_t id, struct fail *f);
MUST_USE enum err store_el_del(struct store_wtxn *w, enum element_kind k, struct el_key key,
			       struct fail *f);
/*
 * From now on keep, in BOOK_BEFORE, what an attribute, object or report was before it is replaced or
 * removed, until whoever asked for it deletes the entry. Of several changes the first one counts, and
 * what came in the same commit was not there before. Bodies that are dropped whole are not kept.
 */
void store_keep_before(struct store *s);
/* The key of an element there; `out` has STORE_BEFORE_KEY bytes. */
#define STORE_BEFORE_KEY 25
void store_before_key(enum element_kind k, struct el_key key, uint8_t *out);
/* The record of an element as it stands, to be compared; borrowed. */
MUST_USE enum err store_el_raw(const struct store_rtxn *t, enum element_kind k, struct el_key key,
			       struct str *out);
/* The entry was looked at when the element was `seen` (absent: gone): it is deleted, or says what was
   seen when the element has changed again meanwhile. */
MUST_USE enum err store_before_done(struct store_wtxn *w, enum element_kind k, struct el_key key,
				    struct str seen, struct fail *f);
MUST_USE enum err store_before_unpack(enum element_kind k, struct str value, struct arena *a,
				      void *row);
/* The body is no longer used: its elements are deleted in the background, in small steps, also
   after a restart. */
MUST_USE enum err store_body_drop(struct store_wtxn *w, uint64_t body, struct fail *f);

/*
 * Big events. A stage is a body that no event head names yet. Write its elements in several jobs
 * (each at most about 16 MiB of dirty pages: ask store_txn_full()), then name it in one last
 * job. A stage that was never released is deleted at the next start.
 */
MUST_USE enum err store_stage_new(struct store_wtxn *w, uint64_t *body, struct fail *f);
MUST_USE enum err store_stage_release(struct store_wtxn *w, uint64_t body, struct fail *f);
bool store_txn_full(const struct store_wtxn *w);

/* ---- the change log ---------------------------------------------------------------------- */

enum change_op { CHANGE_ADD, CHANGE_EDIT, CHANGE_DELETE, CHANGE_PUBLISH, CHANGE_OPEN };

/* What a change is about: a table row, or an element of an event. */
struct change {
	uint64_t seq; /* given by the log */
	enum change_op op;
	uint8_t kind; /* CHANGE_TABLE(t) or CHANGE_EL(k) */
	uint64_t id; /* row or element id; for a whole event its id */
	uint64_t event_id; /* of elements and events, else 0 */
	uint64_t parent; /* of elements, as in el_key */
	int64_t time;
	struct origin origin;
	struct uuid uuid; /* of what changed; for deletes the only trace */
	/* of an event edit: the elements that were touched, as el pairs; n == 0 and `whole`: all */
	bool whole;
};
#define CHANGE_TABLE(t) ((uint8_t)(t))
#define CHANGE_EL(k) ((uint8_t)(128 + (k)))

/* Append to the log in this transaction; sets c->seq. Every write that others may care about. */
MUST_USE enum err store_change(struct store_wtxn *w, struct change *c, struct fail *f);
/* First change with sequence number > *seq; sets *seq. ERR_NOENT at the end. */
MUST_USE enum err store_change_next(const struct store_rtxn *t, uint64_t *seq, struct change *out);

/*
 * Hooks of the derived indexes. begin(): a group begins. applied(): the group's changes are
 * durable; called on the writer thread before any job of the group completes, with a snapshot
 * that holds them. aborted(): nothing of the group holds; what of it is run again begins anew.
 * A job that fails without having written or taken a number does not abort its group: tell the
 * index nothing before.
 */
struct store_hooks {
	void *user;
	void (*begin)(void *user);
	enum err (*applied)(void *user, const struct store_rtxn *t, const struct change *c,
			    size_t n);
	void (*aborted)(void *user);
};
/* Waits for the group at hand, so that no old hook runs any more when it returns. NULL: none. */
void store_set_hooks(struct store *s, const struct store_hooks *h);
/* Called (on the writer thread) after each commit, for streams and schedules. Up to 8. */
typedef void (*store_listen_fn)(void *user, uint64_t last_seq);
void store_listen(struct store *s, store_listen_fn fn, void *user);

/* ---- attachments --------------------------------------------------------------------------- */

/* Store bytes as a content-addressed file, fsynced before this returns; digest is 32 bytes. */
MUST_USE enum err store_blob_put(struct store *s, struct str bytes, uint8_t digest[32],
				 struct fail *f);
/* Whole contents, at most `max`; ERR_NOENT, ERR_CORRUPT when the digest does not fit. */
MUST_USE enum err store_blob_get(struct store *s, struct str digest, struct buf *out,
				 struct fail *f);

/* The same as an open file, for what does not fit into memory; not verified. The caller's. */
MUST_USE enum err store_blob_open(struct store *s, struct str digest, int *fd, struct fail *f);

/* ---- books ----------------------------------------------------------------------------------- */

/*
 * Keys and values whose meaning their owners alone know. Keys have 1 to 511 bytes and stand in the
 * order of their bytes; ascending ones go in fastest. X(BOOK, name, since format, key, value)
 */
#define STORE_BOOKS(X)                                                                             \
	X(KV, "kv", 1, "name", "bytes of whoever owns the name")                                   \
	X(LEDGER, "ledger", 2, "sequence number", "leaf (audit/ledger)")                           \
	X(LEDGER_NODE, "ledger/node", 2, "last leaf, level", "hash of a subtree; checkpoint")      \
	X(LEDGER_EVENT, "ledger/event", 2, "audience, kind, id", "what it was given of it")        \
	X(LEDGER_AUDIENCE, "ledger/audience", 2, "letter, ...", "audiences, leaves for each")      \
	X(AUDIT, "audit", 2, "sequence number", "record of the audit log (audit/log)")             \
	X(AUDIT_INDEX, "audit/index", 2, "kind, key, sequence number", "for searches")             \
	X(QUARANTINE, "quarantine", 2, "number", "what came, from whom, and why it waits")         \
	X(APPROVALS, "approvals", 2, "number", "what waits for a second person")                   \
	X(RETRACTIONS, "retractions", 2, "audience, event UUID, ...", "what is to be taken back")  \
	X(TOMBSTONES, "tombstones", 2, "UUID", "what was deleted here, and when")                  \
	X(BEFORE, "before", 2, "body, kind, parent, id", "element before its first change")

enum store_book {
#define X(b, n, since, key, value) BOOK_##b,
	STORE_BOOKS(X)
#undef X
	STORE_BOOK_COUNT
};

MUST_USE enum err store_book_get(const struct store_rtxn *t, enum store_book b, struct str key,
				 struct str *value);
MUST_USE enum err store_book_put(struct store_wtxn *w, enum store_book b, struct str key,
				 struct str value, struct fail *f);
/* ERR_NOENT when there is no such key. */
MUST_USE enum err store_book_del(struct store_wtxn *w, enum store_book b, struct str key,
				 struct fail *f);
/* The entry after the one in `key` (empty: the first) among those that begin with `prefix`; its key
   is put there. ERR_NOENT: no more. What is lent dies with the transaction, or the next write. */
MUST_USE enum err store_book_next(const struct store_rtxn *t, enum store_book b, struct str prefix,
				  struct buf *key, struct str *value);
/* The same backwards: the entry before, or the last one. */
MUST_USE enum err store_book_prev(const struct store_rtxn *t, enum store_book b, struct str prefix,
				  struct buf *key, struct str *value);
uint64_t store_book_count(const struct store_rtxn *t, enum store_book b);

/* Named bytes for whoever needs a cursor or state on disk ("sync/3/cursor"). */
static inline MUST_USE enum err store_kv_get(const struct store_rtxn *t, struct str key,
					     struct str *value)
{
	return store_book_get(t, BOOK_KV, key, value);
}
static inline MUST_USE enum err store_kv_put(struct store_wtxn *w, struct str key,
					     struct str value, struct fail *f)
{
	return store_book_put(w, BOOK_KV, key, value, f);
}
static inline MUST_USE enum err store_kv_del(struct store_wtxn *w, struct str key, struct fail *f)
{
	return store_book_del(w, BOOK_KV, key, f);
}
static inline MUST_USE enum err store_kv_next(const struct store_rtxn *t, struct str prefix,
					      struct buf *key, struct str *value)
{
	return store_book_next(t, BOOK_KV, prefix, key, value);
}

/* Version of the format on disk: an open store has this one. */
unsigned store_format(void);
/* UUID of this node, made at creation. Seed of the derived indexes' hashes. */
struct uuid store_node_uuid(const struct store *s);
uint64_t store_hash_seed(const struct store *s);

/* ---- care (store/check.c, store/backup.c) --------------------------------------------------- */

typedef void (*store_progress_fn)(void *user, const char *step, uint64_t done, uint64_t total);
/* `rows` and `elements` that were read, `blobs` in use. */
struct store_report {
	uint64_t rows, elements, blobs, problems;
};
/* Verify everything: every record unpacks, counts agree, keys agree, blobs have their digest.
   Each problem is told to `tell`. ERR_CORRUPT when there were any. Attachments that nothing has
   named for an hour are deleted (not when the store is open for reading only). */
MUST_USE enum err store_check(struct store *s, store_progress_fn progress,
			      void (*tell)(void *user, const char *problem), void *user,
			      struct store_report *out, struct fail *f);
/* A consistent copy while the daemon runs, written to a new (or empty) folder, fsynced. progress()
   is called on the caller's thread with steps "data" (bytes) and "attachments" (files). */
MUST_USE enum err store_backup(struct store *s, const char *to_dir, store_progress_fn progress,
			       void *user, struct fail *f);
/* Copy a backup into an empty folder, verified. */
MUST_USE enum err store_restore(const char *from_dir, const char *to_dir,
				store_progress_fn progress, void *user, struct fail *f);
/* Rewrite without free pages (no daemon may run). */
MUST_USE enum err store_compact(const char *dir, store_progress_fn progress, void *user,
				struct fail *f);
struct store_stats {
	uint64_t map_used, file_size, seq, commits, jobs, queue, readers;
	uint64_t rows[STORE_TABLE_COUNT], elements[EL_COUNT];
};
void store_stats(struct store *s, struct store_stats *out);
