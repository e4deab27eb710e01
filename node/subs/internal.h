/* internal.h - one subscription at work. Inside node/subs only. */
#pragma once

#include <pthread.h>

#include "subs/subs.h"

/* A file that has been written of a set, by serial. */
struct made {
	uint64_t serial, bytes, gz_bytes, entries;
	int64_t changed;
	char md5[33], sha256[65], conf[65];
	/* it was seen to be what may be given, of the set at this commit, under this policy */
	uint64_t version;
	char policy[65];
};

struct sub {
	atomic_uint refs;
	uint64_t id;
	const struct egress_env *env;
	char dir[4096]; /* of this subscription */
	bool doomed; /* its folder goes with it */
	struct ind_set *set;
	pthread_mutex_t lock; /* of conf, status */
	struct sub_conf *conf;
	struct sub_status status;
	pthread_mutex_t making; /* of the file */
	struct made made;
	atomic_uint_fast64_t taken; /* sub_note_taken() */
	/* the keeper's own */
	bool seen; /* while rows are compared with subscriptions */
	uint64_t fill_next, fill_end; /* events that are still to be put, by id; none: fill_next > fill_end */
	uint64_t looked; /* changes of the store up to here are in the set, or of no event */
	uint64_t told; /* serial that others have been told of */
	bool told_ready;
	int64_t retry_ms; /* after a failure: not before */
	uint64_t written; /* serial of the file in the folder of exports */
	char published[SUB_NAME_MAX + 1]; /* that file */
	int64_t rest_until_ms; /* of that file's writing */
};

/* fill.c: bring the set a step further, in one commit. *more: there is more to do at once. */
MUST_USE enum err sub_step(struct sub *s, const struct egress_env *env, const atomic_bool *stop,
			   bool *more, struct fail *f);

/* file.c: the whole set, as of now. The lock `making` is held. */
MUST_USE enum err sub_make(struct sub *s, struct fail *f);
/* Bring the file into the folder of exports. */
MUST_USE enum err sub_publish(struct sub *s, const char *dir, struct fail *f);
/* Take it out of there. */
void sub_withdraw(struct sub *s, const char *files_dir);

/* folder.c: the file's name in the folder of a subscription, noted before it is there. */
void published_read(const char *dir, char name[SUB_NAME_MAX + 1]);
MUST_USE enum err published_note(struct sub *s, const char *name, struct fail *f);
void folder_remove(const char *dir);
/* After a crash: what belongs to rows that are gone, or are off. */
void folders_tidy(const char *dir, const char *files_dir, const struct store_rtxn *t);
