/*
 * nonint.h - two stores that differ only in what somebody may not see, and every question he can put.
 *
 * model.c makes what there is and says, from the specification and not from the gate, what an audience
 * certainly may not see; fill.c puts it into two stores, with what is hidden left out, put in or changed by
 * chance in each; asks.c puts the questions; same.c compares the answers, ids mapped by what they stand for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/uuid.h"
#include "tests/sim/rng.h"
#include "tests/unit/feeds_out/world.h"

/* ---- model.c ---- */

enum kind {
	EVENT,
	ATTR,
	OBJECT,
	REFERENCE,
	REPORT,
	NOTE,
	SIGHTING,
	PROPOSAL,
	CLUSTER,
	GROUP,
	KIND_COUNT
};
enum org { HOST, ALPHA, BETA, GAMMA, EXT_A, EXT_B, EXT_C, ORG_COUNT };
#define ORG_USERS 4 /* those up to GAMMA have users */
#define NO_THING UINT8_MAX
#define THINGS_MAX 110

/* One thing; ids of others are places in model.thing. */
struct thing {
	uint8_t kind, parent; /* parent: event, object, or what it is about; NO_THING */
	uint8_t owner, creator; /* enum org; owner: as MISP has it in org_id, or who saw or proposed it */
	uint8_t dist, group; /* group: place of the GROUP, of distribution 4 */
	uint8_t tlp, pap; /* 0: no tag; else 1 + level, clear to red */
	uint8_t embargo; /* 0: none; 1: until is in the future; 2: until is past; 3: public is in the future */
	uint8_t tag; /* 0: none; else number of a tag nq:tag-N */
	uint8_t cat; /* row of model.c's categories, of attributes */
	uint8_t value; /* attributes: which of the values, some in several events; */
	uint8_t about; /* references: what they point to */
	bool published, deleted, to_ids, deny, local_tag, is_protected;
	uint8_t members; /* GROUP: bit n is enum org n */
};

enum policy_kind { POLICY_DEFAULT, POLICY_COMPAT, POLICY_RMSV, POLICY_OWN, POLICY_KINDS };

/* Who asks. Those with a key ask by HTTP, the others through egress. */
enum who { ALPHA_USER, BETA_USER, BETA_ADMIN, HOST_USER, GAMMA_SYNC, GAMMA_READER, ALPHA_SYNC,
	   WHO_USERS, /* the rest have no key */
	   A_FEED = WHO_USERS, AN_EXPORT, A_STREAM, A_LINK, WHO_COUNT };
extern const char *const who_names[WHO_COUNT];

enum row_class { ROW_PUBLIC, ROW_SECTOR, ROW_PARTNER, ROW_OWN };
#define AUDIENCE "nq" /* its name */

struct model {
	uint64_t seed;
	struct thing thing[THINGS_MAX];
	unsigned n;
	bool dropped[THINGS_MAX]; /* by shrinking: in neither store */
	enum policy_kind policy;
	/* of POLICY_OWN, for the organisation GAMMA, and of all */
	uint8_t peer_tlp, peer_pap; /* 1 + level: the highest that it may hold */
	uint8_t peer_profile; /* enum strip_profile */
	uint8_t default_tlp;
	bool strict_members;
	bool deny_rule, drop_rule; /* rules of the policy: nq:deny, category "Payload delivery" */
	uint8_t sightings_policy;
	/* of a feed, export or stream: what its row in the policy says; false: nothing but its kind */
	bool row;
	uint8_t row_tlp, row_pap, row_class, row_profile; /* levels; enum row_class; enum strip_profile */
	int64_t now;
	enum who who; /* from whom things are hidden */
};

void model_make(struct model *m, uint64_t seed);
/* May he certainly not see it? False when he may, or when nobody has decided. */
bool model_hidden(const struct model *m, unsigned i);
/* Fields that may not be seen although the thing is. */
enum hidden_field { F_INFO, F_COMMENT, F_ORG, F_EMAIL, F_LOCAL_TAG, F_EMBARGO };
bool model_hides(const struct model *m, unsigned i, enum hidden_field f);
/* What a field says in variant 0 or 1: the same where he may see it. */
void model_text(const struct model *m, unsigned i, unsigned variant, const char *field, bool hidden,
		char out[24]);
void model_value(const struct model *m, unsigned i, unsigned variant, char out[80]);
/* Is the thing in the store of this variant? */
bool model_exists(const struct model *m, unsigned i, unsigned variant);
struct uuid model_uuid(const struct model *m, unsigned i);
const char *model_category(const struct thing *t);
const char *model_type(const struct thing *t);
/* "event 3 of ALPHA, level 0, ..." */
void model_tell(const struct model *m, unsigned i, struct buf *out);
/* The policy file; false: the shipped one will do. */
bool model_policy(const struct model *m, struct buf *out);
/* Is it a feed, an export or a stream? */
bool model_published_kind(const struct model *m);
struct uuid org_uuid(enum org o);
extern const char *const org_names[ORG_COUNT];
extern const char *const tlp_names[5], *const pap_names[4];

/* ---- fill.c ---- */

/* Numbers by which a store knows things. */
struct numbered {
	uint8_t table;
	uint64_t id;
	struct uuid uuid; /* or digest of a name */
};
struct numbers {
	struct numbered v[1200];
	unsigned n;
};

#define SETTLED 10 /* seconds since the stores were filled: TAXII tells of none that is not over */

struct side {
	struct world w;
	struct derived *derived;
	struct order *order;
	struct lists *lists;
	struct numbers numbers;
	struct subs *subs; /* exports.c; NULL: not running */
	struct egress_env behind_gate; /* of its thread */
	char feeds[96]; /* folder of feeds */
	uint64_t watched; /* of the feed folder */
	struct api *api; /* of the server: its members are set to this store */
};
void side_open(struct side *s, const struct model *m, unsigned variant);
void side_close(struct side *s);
void side_numbers(struct side *s);
/* Id by UUID; 0: none. */
uint64_t side_id(const struct side *s, enum kind k, struct uuid u);
extern const char *const user_keys[WHO_USERS], *const user_emails[WHO_USERS];

/* ---- change.c: what is hidden in variant 0 becomes what it is in variant 1, in a store that is asked ---- */

/* As if it had happened SETTLED seconds ago, when the stores were filled. */
void side_change(struct side *s, const struct model *m);
/* One more event that he may not see, with values that visible ones have, too. */
void side_add_hidden(struct side *s, const struct model *m, unsigned nth);

/* ---- line.c: servers of production, asked over loopback ---- */

struct answer {
	int status;
	struct buf head, body;
};
struct line;
struct line *line_open(struct api *api, struct offload *workers);
void line_close(struct line *l);
/* Put `n` requests, whole as bytes, then read the answers. */
void line_put(struct line *l, struct str requests);
void line_read(struct line *l, bool head_only, struct answer *a);
void answer_free(struct answer *a);

/* ---- same.c ---- */

/* Are they the same but for ids that stand for the same? Otherwise *at is where in `a`. `format` masks
   what a format makes by chance. */
bool same_bytes(const struct numbers *na, const struct numbers *nb, struct str a, struct str b, bool random_uuids,
		size_t *at);

/* ---- outs.c: exporters, and what goes over a link ---- */

unsigned outs_count(const struct model *m);
/* The k-th of them, from one store; false: there is no such. */
bool outs_make(const struct model *m, struct side *s, unsigned k, struct buf *out, char name[80]);

/* ---- folder.c: feed folders; the first side is changed by it ---- */

bool folder_same(const struct model *m, struct side side[2], struct line *line[2], struct buf *story);

/* ---- talk.c: a whole conversation as one text, to be compared ---- */

/* GET and what came back; `head`: more lines of the request, each with its end. */
void talk_get(struct line *l, const char *key, const char *path, const char *head, struct answer *a);
/* Likewise, written down; `title` tells which. */
void talk_put(struct buf *out, const char *title, const struct answer *a);
/* What a header of the answer says; absent. */
struct str talk_header(const struct answer *a, const char *name);
/* Tell where two conversations differ. */
void talk_tell(struct buf *story, const char *what, const struct buf *a, const struct buf *b, size_t at);

/* ---- exports.c: export subscriptions; the first side is changed by it ---- */

bool exports_same(const struct model *m, struct side side[2], struct line *line[2], struct line *waiting[2],
		  struct buf *story, uint64_t *asked);

/* ---- taxii.c: collections read to their end, page by page ---- */

/* `tokens`: with those of next pages, which hold ids of the store. */
void taxii_talk(const struct model *m, struct line *l, bool tokens, struct buf *out, uint64_t *asked);
/* The one collection of tags that everybody may use. */
struct uuid collection_uuid(void);

/* ---- asks.c ---- */

/* One question in the words of each store. */
struct question {
	const char *row; /* of ANSWER in ways_out.inc */
	bool head; /* HEAD: no body follows */
	bool writes; /* when both stores let it */
	bool counts; /* tells attribute_count, which misp-compat counts as MISP does */
	struct buf text[2];
};
unsigned asks_count(void);
/* The k-th kind of question, with what is asked about chosen by chance. False: not for him. */
bool asks_make(const struct model *m, struct side side[2], struct rng *r, unsigned k, struct question *q);
/* Rows of the API that were never asked (told by diag). */
unsigned asks_missing(void);
