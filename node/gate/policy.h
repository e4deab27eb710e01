/*
 * policy.h - the policy file (gate.md section 11) as an immutable, reference-counted snapshot.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "gate/audience.h"

struct policy;
struct warnlists;

/* The shipped policies: "default", "cn-rmsv", "misp-compat". NULL when there is no such. */
struct policy *policy_shipped(const char *name);
/* Parse a file with its includes. Every error has file, line and column; unknown keys are errors. */
MUST_USE enum err policy_load(const char *path, struct policy **out, struct fail *f);
/* The same for text at hand, with the files that it may include, by their names. */
struct policy_file {
	struct str name, text;
};
MUST_USE enum err policy_parse_files(struct str text, const char *file,
				     const struct policy_file *files, size_t n, struct policy **out,
				     struct fail *f);
struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy *p);
OWN_DEFINE(policy, struct policy *, policy_unref(*p))
/* SHA-256 of the canonical form, hex: the policy version. */
const char *policy_version(const struct policy *p);
/* The release class with this number (of an audience); NULL: there is none. */
const char *policy_class_name(const struct policy *p, unsigned c);
/* Does it matter from which peer an event came (compartments)? */
bool policy_asks_origin(const struct policy *p);
bool policy_is_misp_compat(const struct policy *p);
/*
 * Rules that only time changes. policy_asks_age(): do answers depend on the clock at every second (ages,
 * decay scores, holds below events)? Then no answer is remembered. policy_stamp(): the version, or where
 * the policy knows the clock a digest that is another one after each of its times (freeze windows,
 * `until`, suspensions) and, for ages, every POLICY_LOOK_S seconds: who remembers what he has sent looks
 * at all again when it differs.
 */
#define POLICY_LOOK_S 600
bool policy_asks_age(const struct policy *p);
void policy_stamp(const struct policy *p, int64_t now, char out[65]);
/* May a copy that is newer than its deletion bring back what was deleted here? (`revive_deleted`) */
bool policy_newer_revives(const struct policy *p);
/* Does a rule about vulnerability records hold for this audience, so that facts about it are needed? */
bool policy_asks_vuln(const struct policy *p, const struct audience *a);

/* What is known about a caller, from which its audience is made. */
struct caller {
	enum audience_kind kind; /* OPERATOR, MEMBER, PEER; FEED, EXPORT, STREAM by name */
	uint64_t user_id, org_id;
	struct uuid org;
	struct str name; /* e-mail, peer or feed name: finds the row */
	struct str url; /* of a peer */
	bool site_admin, perm_sync, perm_audit;
	bool internal; /* both ends run by the same host organisation */
	bool push; /* we send to this peer, unasked */
	uint64_t peer_id; /* row of the peer that we send to */
	uint64_t bound_id; /* row of the peer that the reader's account is bound to */
};
/* "peer", "feed" ... as the policy file says it. */
const char *audience_kind_name(enum audience_kind k);
/* The audience of a caller: its row in the policy, or the default of its kind. */
void policy_audience(const struct policy *p, const struct caller *c, struct audience *out);
/* A caller that gets the n-th row of the policy, and the row's name. ERR_NOENT at the end. */
MUST_USE enum err policy_caller_nth(const struct policy *p, unsigned n, struct caller *out,
				    struct str *name);
/* The audience named in the policy ("public-feed"); ERR_NOENT. */
MUST_USE enum err policy_audience_named(const struct policy *p, struct str name,
					struct audience *out);
/* The n-th audience of kind `k` in the policy (feeds to publish). ERR_NOENT at the end. */
MUST_USE enum err policy_audience_nth(const struct policy *p, enum audience_kind k, unsigned n,
				      struct audience *out);
