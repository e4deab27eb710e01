/*
 * node.h - the running node: everything that the subsystems share, and the order of start and stop.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "conf/conf.h"
#include "loop/offload.h"

struct node {
	const struct conf *conf;
	char store_dir[4096], spool_dir[4096], blob_dir[4096];
	struct store *store;
	struct index *index;
	struct offload *workers;
	struct http_server *http;
	struct api api;
	char key_secret[32];
	struct secret_key peer_key;
	char base_url[1024], org_name[300];
	struct guarded_clock *clock;
	struct pgp *pgp;
	struct mail *mail;
	struct openings *openings;
	struct publisher *publisher;
	struct retractor *retractor;
	struct zones *zones; /* NULL: no DNS */
	struct feed_schedule *feeds;
	struct peer_schedule *peers;
	bool holds_client; /* the loop of our requests */
	struct derived *derived;
	struct ledger *ledger;
	struct audit_queue *audit;
	/* the policy in force; swapped by a reload */
	pthread_mutex_t policy_lock;
	struct policy *policy;
	atomic_bool stopping;
	/* the configuration as it is now, for a reload */
	enum err (*reread)(void *user, const struct conf **out, struct fail *f);
	void *reread_user;
	pthread_mutex_t reload_lock;
};

/* Rows of a fresh store: roles, host organisation, its administrator with a key. */
struct first_admin {
	const char *email; /* admin@admin.test */
	const char *key; /* 40 characters; NULL: a random one */
	char made_key[41]; /* the key, to be shown once */
};
/* ERR_EXISTS when the store has been set up already. bootstrap.c */
MUST_USE enum err node_bootstrap(struct node *n, struct first_admin *admin, struct fail *f);

/* Enter the sandbox, then open the store (made when `create`), keys and policy. */
/* `conf_file` (may be NULL) is what a reload reads, so the sandbox has to leave it readable. */
MUST_USE enum err node_open(struct node *n, const struct conf *conf, const char *conf_file,
			    bool create, struct fail *f);
/* Indexes, workers, sockets, server. Returns when requests are answered. */
MUST_USE enum err node_start(struct node *n, struct fail *f);
/* Policy, certificates, zones and what else the configuration lets. What does not load leaves the old in force. */
MUST_USE enum err node_reload(struct node *n, struct fail *f);
/* Small duties, every 20 seconds or so. */
void node_tick(struct node *n);
/* Finish what is in flight and close. */
void node_stop(struct node *n);
