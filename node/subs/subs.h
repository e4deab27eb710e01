/*
 * subs.h - export subscriptions: each is what one audience of the policy may have of the events that a
 * filter finds, as indicators in one format, kept current as events change. A thread does the work;
 * readers are given files, differences, and the set itself.
 *
 * What is taken into a set counts as sent to its audience: it is in the ledger before it can be read.
 * After another policy or row nothing of a set is given before all of it has been asked for anew.
 */
#pragma once

#include "base/hotfile.h"
#include "egress/egress.h"
#include "subs/conf.h"

struct subs;
struct sub;

struct subs_opts {
	const struct egress_env *env;
	const char *dir; /* of the sets; made when missing */
	const char *files_dir; /* where files are kept for those who read them there; NULL: nowhere */
	/* A subscription has another serial, or came, or went; on the thread of the subs. May be NULL. */
	void (*changed)(void *user);
	void *user;
};
MUST_USE enum err subs_start(const struct subs_opts *o, struct subs **out, struct fail *f);
/* Look now: a row or the policy has changed. Any thread, does not wait. */
void subs_look(struct subs *s);
/*
 * How often the thread has looked at everything and found nothing more to do. What was in the store and the
 * policy when it was asked is in the sets when it is two more. Any thread.
 */
uint64_t subs_rounds(const struct subs *s);
/* End the thread and those who wait; what is asked from then on is answered by what there is. */
void subs_quit(struct subs *s);
/* When nobody asks any more. */
void subs_free(struct subs *s);

/* By name; NULL: there is none that is enabled. The caller's reference. Any thread. */
struct sub *subs_get(struct subs *s, struct str name);
struct sub *sub_ref(struct sub *s);
void sub_unref(struct sub *s);
OWN_DEFINE(sub, struct sub *, sub_unref(*p))

enum sub_state {
	SUB_FILLING, /* for the first time, or hidden since policy or row changed */
	SUB_READY,
	SUB_FAILED, /* `error` says why */
};
struct sub_status {
	enum sub_state state;
	char error[480];
	struct set_info set;
	uint64_t done, total; /* events of a filling that goes on */
};
void sub_status(struct sub *s, struct sub_status *out);
const char *sub_state_name(enum sub_state s);
/* What it is by now; the caller's reference. */
struct sub_conf *sub_conf(struct sub *s);

/*
 * Have `fn` called when the subscription has another serial than `since`, is not ready, or `until_ms` of the
 * boot-time clock has come: once, on the thread of the subs, at the latest by subs_quit(). The waiter is
 * the caller's until then. ERR_BUSY: too many wait.
 */
struct sub_waiter {
	struct sub *sub; /* a reference of the caller */
	uint64_t since;
	int64_t until_ms;
	void (*fn)(struct sub_waiter *w);
};
MUST_USE enum err subs_wait(struct subs *s, struct sub_waiter *w);
/* How many wait. Any thread. */
size_t subs_waiting(struct subs *s);

/* A snapshot of the set, to be read while the reference is held. ERR_AGAIN: it is not ready. */
MUST_USE enum err sub_read(struct sub *s, struct set_read **out, struct sub_conf **conf, struct fail *f);
/* May what was opened then still be given? For those who read for long. */
bool sub_may_show(struct sub *s, const struct set_read *r);

/* ---- what consumers are given (file.c) ---- */

struct sub_file {
	const struct hotfile *file; /* as it is or packed; the caller's reference */
	uint64_t serial, entries;
	int64_t changed;
	char md5[33], sha256[65];
};
/* The whole set in its format, as it is now: written when somebody asks for it and it has changed. May take as
   long as writing does: call from a worker. ERR_AGAIN: it is not ready. */
MUST_USE enum err sub_file(struct sub *s, bool packed, struct sub_file *out, struct fail *f);
/* The same where the file is there and nothing has changed since it was last asked for; false: ask for it from a
   worker. Does not wait. */
bool sub_file_now(struct sub *s, bool packed, struct sub_file *out);

/*
 * The caller has seen, in the store's commit `version`, that the row of the subscription says what sub_conf()
 * does. Whether that has been noted of this version: as long as nothing is written nobody has to look again.
 */
void sub_note_taken(struct sub *s, uint64_t version);
bool sub_was_taken(const struct sub *s, uint64_t version);

enum sub_delta_kind { SUB_NOTHING, SUB_LINES, SUB_OWN, SUB_WHOLE };
struct sub_delta {
	enum sub_delta_kind kind;
	uint64_t serial; /* that it leads to */
	uint64_t gone, come;
};
/*
 * What has changed since a serial, in `out`, which is empty before: lines with - and + before them, or
 * the format's own form of a change. SUB_WHOLE: it stays empty, the whole is to be taken (the format
 * knows no changes, or the serial is too old, or too much has changed).
 */
MUST_USE enum err sub_delta(struct sub *s, uint64_t since, struct buf *out, struct sub_delta *info,
			    struct fail *f);
