/*
 * egress.h - store -> gate -> exporter -> sealed. The only way from the store to the outside.
 *
 * Plain calls for workers. A `struct view` is one caller's look at one snapshot: audience, facts
 * and caches (organisations, tags, groups), made from one read transaction.
 */
#pragma once

#include <stdatomic.h>

#include "audit/ledger.h"
#include "base/arena.h"
#include "feeds/export/export.h"
#include "gate/gate.h"
#include "gate/sealed.h"
#include "index/index.h"
#include "lists/lists.h"
#include "model/link_rules.h"
#include "search/search.h"
#include "store/store.h"

struct correlator;
struct derived;
struct openings;
struct records;

/*
 * Looks over a stream's shoulder: what the store has, and what leaves of it. A stream that is made
 * with one in the environment is a preview: the same bytes, shown to the operator and sent to nobody.
 */
struct egress_tap {
	void (*event)(void *user, const struct misp_event *full, const struct rel_event *cut);
	/* `cut` NULL: withheld, by this rule; RULE_strip also for objects that keep no attribute */
	void (*element)(void *user, const struct rel_element *full, const struct rel_element *cut,
			enum gate_rule by);
	void *user;
};

/* What egress works with; one per daemon, shared by all threads. */
struct egress_env {
	struct store *store;
	struct index *index;
	struct policy *(*policy)(void *user); /* a reference to the current snapshot */
	int64_t (*now)(void *user, bool *trusted); /* the embargo clock */
	void *user;
	struct str base_url, host_org_name; /* host_org_name may change: see egress_env_host */
	uint64_t host_org_id;
	struct uuid host_org;
	bool unpublished_private;
	uint8_t sightings_policy; /* 0 to 3 (sync-protocol.md 6.7) */
	bool sightings_anonymise;
	struct records *records; /* NULL: facts about vulnerability records are read each time */
	struct openings *openings; /* NULL: nothing opens by time */
	struct derived *derived; /* NULL: who gets derived UUIDs cannot ask by UUID */
	struct lists *lists; /* NULL: there are no warning lists */
	struct correlator *correlator; /* NULL: nothing correlates but equal values */
	struct ledger *ledger; /* NULL: nothing leaves for peers, feeds, exports, streams */
	const struct egress_tap *tap; /* NULL: what is made goes out; else a preview */
};

/* ---- trying a policy (policy_diff.c) ---- */

/* What one policy says of one event for one audience. */
struct policy_side {
	bool there; /* is there such an audience? A feed without a row is not published. */
	struct verdict verdict;
	char profile[64];
	bool counted;
	uint64_t attributes; /* that would leave, if they were counted */
};
struct policy_change {
	const char *audience;
	enum audience_kind kind;
	uint64_t event_id;
	struct uuid uuid;
	struct policy_side was, will;
};
/* Of one audience: events by enum gate_outcome, and how many fare differently. */
struct policy_sum {
	char audience[64];
	enum audience_kind kind;
	bool was_there, will_be_there;
	uint64_t was[3], will[3], changed;
};
struct policy_diff {
	struct policy *next; /* instead of the one in force */
	bool elements; /* count the attributes that leave, too */
	const atomic_bool *cancelled;
	void (*change)(void *user, const struct policy_change *c);
	void (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};
/* Every event, for the audiences of both policies and those without a row: asked as a run asks.
   The sums are the caller's (free). */
MUST_USE enum err egress_policy_diff(const struct egress_env *env, const struct policy_diff *d,
				     struct policy_sum **sums, size_t *n, uint64_t *events,
				     struct fail *f);

struct view;
/* Open a view for a caller. It holds a read transaction: close it soon. */
MUST_USE enum err view_open(const struct egress_env *env, const struct caller *c, struct view **out,
			    struct fail *f);
/* For an audience that is known already (feeds, exports, explain --to). */
MUST_USE enum err view_open_as(const struct egress_env *env, const struct audience *aud,
			       struct view **out, struct fail *f);
void view_close(struct view *v);
OWN_DEFINE(view, struct view *, view_close(*p))
const struct audience *view_audience(const struct view *v);
const struct store_rtxn *view_txn(const struct view *v);

/* Id of an event given as number or UUID, if the audience may see it; ERR_NOENT otherwise. The
   stored head comes back in `e` (for permission checks; never for output). */
MUST_USE enum err view_event(struct view *v, struct str id_or_uuid, struct arena *a,
			     struct misp_event *e, struct fail *f);
/* Likewise an attribute or object, with its event. */
MUST_USE enum err view_attr(struct view *v, struct str id_or_uuid, struct arena *a,
			    struct misp_event *e, struct misp_attr *attr, struct fail *f);
MUST_USE enum err view_object(struct view *v, struct str id_or_uuid, struct arena *a,
			      struct misp_event *e, struct misp_object *o, struct fail *f);
/* Is the audience given what MISP's own rules say, or everything: no field cut, nothing held? */
bool view_is_whole(const struct view *v);
/*
 * May this tag stand in a list of tags at all? The gate's own tags and those that the profile takes
 * out may not. Where *used_only is set, only if the audience sees something that carries it.
 */
bool view_lists_tag(struct view *v, const struct misp_tag *tag, bool *used_only);
/* Parts of an event that the audience may see. `since` is a time in seconds. */
struct view_counts {
	uint64_t attributes, attributes_since, proposals; /* live ones */
};
MUST_USE enum err view_count_parts(struct view *v, const struct misp_event *e, int64_t since,
				   struct view_counts *n);
/* Each live attribute of an event that the audience sees (view_visible) and that it may see; for counts,
   never for output. The row dies with the call. */
MUST_USE enum err view_each_attr(struct view *v, const struct misp_event *e,
				 void (*fn)(void *user, const struct misp_attr *attr), void *user);
/* Organisations that the audience may know: local ones, those that somebody entered here, of its sharing
   groups, and of the events that it sees. In `a`; the snapshot's. */
struct view_orgs {
	uint64_t *v; /* ids, ascending */
	uint32_t n, max;
	bool all; /* without a list */
};
MUST_USE enum err view_orgs_find(struct view *v, struct arena *a, struct view_orgs *out,
				 struct fail *f);
bool view_orgs_has(const struct view_orgs *s, uint64_t org);
/* Does the attribute carry the tag, and does the audience see both? */
bool view_attr_tagged(struct view *v, const struct misp_event *e, uint64_t object_id,
		      uint64_t attr_id, uint64_t tag_id, struct arena *a);

/*
 * What the gate says of an event for the view's audience. Its stored head comes back in `e`, whatever
 * the verdict (for rules and counts; never for output). ERR_NOENT: there is no such event.
 */
MUST_USE enum err view_verdict(struct view *v, uint64_t event_id, struct arena *a,
			       struct misp_event *e, struct verdict *out, struct fail *f);
/* The same as if it were published: what an edit has withdrawn until the next publication is not what
   others keep it from. `e` says that it is. */
MUST_USE enum err view_verdict_published(struct view *v, uint64_t event_id, struct arena *a,
					 struct misp_event *e, struct verdict *out,
					 struct fail *f);
/* SHA-256 (hex) of the policy in force for the view: other verdicts under another one. */
const char *view_policy_version(const struct view *v);
/* policy_stamp() as of the view's time: for those who remember what they have sent. */
void view_policy_stamp(const struct view *v, char out[65]);
/*
 * Would the audience get this attribute, object or report of event `e` (from view_verdict, released), as
 * it is given here? For what was stored before; tags need not be resolved.
 */
bool view_would_show_attr(struct view *v, const struct misp_event *e, const struct misp_object *o,
			  const struct misp_attr *attr);
bool view_would_show_object(struct view *v, const struct misp_event *e,
			    const struct misp_object *o);
bool view_would_show_report(struct view *v, const struct misp_event *e,
			    const struct misp_report *rep);
/* A verdict in plain words, cut to `n` bytes. */
void view_why(const struct verdict *v, char *text, size_t n);
/* Every rule for this event and the view's audience, in order, with inputs and outcome. */
MUST_USE enum err view_explain(struct view *v, uint64_t event_id, struct arena *a,
			       struct gate_step **steps, size_t *n, struct verdict *decided,
			       struct fail *f);
/* Search callbacks that ask the gate. */
struct search_visible view_visible(struct view *v);

/* The UUID under which an event or element with UUID `u` leaves for this audience: profiles that
   rewrite derive one, others keep it. */
struct uuid egress_uuid(const struct egress_env *env, const struct audience *aud, struct uuid u);

/* An attribute or object that the recipient of its event had and may no longer have. */
struct egress_gone {
	enum element_kind kind;
	uint64_t parent; /* object of an attribute, or 0 */
	struct str was; /* its record then (store_before_unpack) */
};

struct egress_query {
	const struct query *query; /* selection and output options */
	const struct exporter *exporter;
	struct export_opts opts;
	/* Instead of a search: exactly these hits. Parts (EXPORT_PARTS): `id` is the part, attr_id the
	   attribute that it is about; without `id` all of the attribute, or of the event. */
	const struct search_hit *hits;
	uint64_t n_hits;
	/* Or one event after the other, asked for in turn: false is the end. Of one that begins inside (`from`)
	   only what stands there and behind is looked at, and all of it once more for its end. */
	bool (*next_hit)(void *user, struct view *v, struct search_hit *out, struct export_place *from);
	void *next_user; /* lives as long as the stream */
	bool deleted_too; /* elements: deleted ones as well (events/view deleted:1) */
	bool deleted_only;
	bool allowed_list; /* values on the allowed list are left out, but for peers */
	const char *caches_dir; /* feeds' and peers' caches may be asked where the query says so; NULL: not */
	struct str search_for; /* only attributes that hold this text (events/view searchFor); absent: all */
	bool public_only; /* elements of distribution 3 and 5 (events/view public:1) */
	/* a protected event is a hit only if this says so of its keys; NULL: all are */
	bool (*shows_protected)(void *user, const struct entity_list *keys);
	void *shows_user;
	bool filled_only; /* events without a live attribute or a report are left out */
	const struct link_rules *rules; /* attributes and objects that a link leaves out; NULL: none */
	const struct egress_gone *gone; /* these marked as deleted, in place of all elements */
	size_t n_gone;
};

/* Id of a note, opinion or relationship, if the audience may see it; ERR_NOENT otherwise. `kind`
   ANALYST_KINDS: any. The stored row comes back (for permission checks; never for output). */
MUST_USE enum err view_analyst(struct view *v, enum analyst_kind kind, struct str id_or_uuid,
			       struct arena *a, struct misp_analyst *n, struct fail *f);

struct analyst_query {
	const struct exporter *exporter; /* of scope EXPORT_ANALYST */
	struct export_opts opts;
	unsigned kinds; /* bit n: enum analyst_kind n; they come in this order */
	const uint64_t *ids; /* these, in this order; NULL: all */
	size_t n_ids;
	const struct uuid *orgc; /* only of these creators; NULL: of all */
	size_t n_orgc;
	const struct uuid *not_orgc;
	size_t n_not_orgc;
	bool answers; /* with what is said about each */
};
/* One that may go to a link, as far as the gate and the organisations of its rules are asked. */
struct analyst_push_row {
	uint64_t id;
	struct uuid uuid;
	struct uuid event; /* that it is about, or stands in what it is about; nil: none here */
	uint8_t kind; /* enum analyst_kind */
	int64_t modified; /* seconds */
};
/* Which rows are looked at: all, or those with one of `ids`, or about something in one of `events`
   (event ids); both ascending. */
struct analyst_push {
	struct caller caller;
	const struct link_rules *rules; /* NULL: none */
	bool all;
	const uint64_t *ids, *events;
	size_t n_ids, n_events;
	/* Called with each; `why` says what keeps it here, NULL: nothing. */
	enum err (*row)(void *user, const struct analyst_push_row *row, const char *why,
			struct fail *f);
	void *user;
};
MUST_USE enum err egress_push_analyst(const struct egress_env *env, const struct analyst_push *p,
				      struct fail *f);
/* These rows, as a peer takes them: one as {"Note":{..}}, several (`list`) as [{"Note":{..}},..]. */
MUST_USE enum err egress_analyst_documents(const struct egress_env *env, const struct caller *c,
					   const uint64_t *ids, size_t n, bool list,
					   struct sealed **out, struct fail *f);

/* Analyst data on its own as a sealed stream; all that the query points to must live as long. The
   view is consumed. */
MUST_USE enum err egress_analyst(struct view **v, const struct analyst_query *q,
				 struct sealed **out, struct fail *f);

/* Search, then a sealed stream of the result. The view is consumed (its transaction is reopened
   slice by slice). `found` (may be NULL) gets the counts for the headers. */
MUST_USE enum err egress_search(struct view **v, const struct egress_query *q,
				const struct search_how *how, struct search_result *found,
				struct sealed **out, struct fail *f);

/* ---- collections of TAXII (taxii.c) ------------------------------------------------------- */

struct taxii_page;
struct order;

/* Where a page begins: behind an event's row in the order, or inside that event (taxii_page.from). */
struct taxii_cursor {
	uint64_t event_id;
	int64_t second;
	uint32_t nth; /* of the events of this second that the asker sees, that one's */
	bool inside;
};
/* Published events in the order in which they came, page by page. Dates are the second of the change
   log and, in microseconds, a number among the events that the asker sees: it tells nothing of others. */
struct egress_taxii {
	struct order *order;
	struct export_opts opts;
	struct taxii_page *page; /* outlives the stream, like all of this */
	struct taxii_cursor from;
	bool has_from;
	int64_t after_us; /* only what was added later; INT64_MIN: all */
	bool tagged; /* only events with one of these tags that the asker sees */
	const uint64_t *tags;
	size_t n_tags;
	uint64_t sharing_group_id; /* only of this one; 0: of all */
	const uint64_t *events; /* only these; NULL: all */
	size_t n_events;
	bool jump; /* the first of them begins at page.from */
	struct search_how how; /* `gone` and `until_ms` bound the walk */

	/* of the event under way: for the token of the next page */
	struct taxii_cursor at;
	uint64_t seq; /* of its row */
	int64_t now; /* the second that is not over yet */
	struct taxii_cursor passed; /* up to here all came on earlier pages */
	bool broken_off; /* nobody waits, or it took too long: the next page begins behind `at` */
	uint64_t until; /* no row behind this one */
	struct search_visible vis; /* its own */
};
/* The view is consumed. */
MUST_USE enum err egress_taxii(struct view **v, struct egress_taxii *q, struct sealed **out,
			       struct fail *f);

/* One event in an envelope, for a server to which it is posted. */
struct egress_taxii_event {
	const struct audience *aud;
	uint64_t event_id;
	/* each object that is in it, in order; its version in microseconds */
	void (*told)(void *user, const char *type, struct uuid u, int64_t modified_us);
	void *user; /* lives as long as the stream */
};
MUST_USE enum err egress_taxii_event(const struct egress_env *env, const struct egress_taxii_event *q,
				     struct sealed **out, struct fail *f);
/* The audience of this name in the policy, to which things are exported; ERR_NOENT. */
MUST_USE enum err egress_export_audience(const struct egress_env *env, struct str name,
					 struct audience *out, struct fail *f);

/* ---- many values -------------------------------------------------------------------------- */

/* One of a list: a text, or what is wrong with what stood there (a literal). */
struct lookup_value {
	struct str value; /* absent when it cannot be told */
	const char *error;
};
struct lookup_source {
	/* The next one, in the arena; false at the end. On a worker. */
	bool (*next)(void *user, struct arena *a, struct lookup_value *out);
	void (*free)(void *user); /* may be NULL; called in any case */
	void *user;
};
/* A line of JSON for each value, in order, as a sealed stream. The view is consumed. */
MUST_USE enum err egress_lookup(struct view **v, const struct lookup_source *source,
				struct sealed **out, struct fail *f);

/* ---- how events hang together ------------------------------------------------------------- */

/* Events that correlate with one, those that correlate with these, and so on, by which values. */
struct egress_graph {
	uint64_t event_id; /* visible: from view_event() */
	unsigned depth; /* 1 to GRAPH_DEPTH_MAX: how many steps */
	uint32_t events, values; /* so many nodes at most */
};
#define GRAPH_DEPTH_MAX 4
/* {"root":..,"nodes":[..],"edges":[..],"truncated":..} as a sealed stream. The view is consumed. */
MUST_USE enum err egress_graph(struct view **v, const struct egress_graph *q, struct sealed **out,
			       struct fail *f);

/* ---- galaxies and their clusters ---------------------------------------------------------- */

/* A member of the cluster (of model/fields.inc) is one of `v`, compared as text; not with `none`. */
struct cluster_term {
	const struct field *field;
	const struct str *v;
	uint32_t n;
	bool none;
};
/* What a list of clusters is asked by; what is not given does not filter. */
struct cluster_query {
	struct cluster_term terms[24];
	unsigned n_terms;
	struct str event; /* id or UUID: those whose tags it carries, as the audience sees it */
	struct str element_key; /* has an element of this key ... */
	struct str element_value; /* ... or this value, or both in one */
	struct str text; /* stands in value, description, tag name or an element */
	bool deleted_too; /* soft-deleted ones as well, for those who may */
	const struct field *order; /* by this member, then by id; NULL: by id */
	bool descending;
	uint64_t limit, page; /* limit 0: all; pages from 1 */
};
/* Ids of the clusters that the audience may see, in that order; `total` of all pages. */
MUST_USE enum err egress_clusters_find(struct view *v, const struct cluster_query *q,
				       struct arena *a, uint64_t **ids, uint64_t *n,
				       uint64_t *total, struct fail *f);
/* One by id or UUID, when the audience may see it; the stored row, for permission checks only. */
MUST_USE enum err view_cluster(struct view *v, struct str id_or_uuid, struct arena *a,
			       struct misp_cluster *out, struct fail *f);
/* Likewise a galaxy. */
MUST_USE enum err view_galaxy(struct view *v, struct str id_or_uuid, struct arena *a,
			      struct misp_galaxy *out, struct fail *f);

/* Is the audience in this sharing group, so that what it makes may name it? */
bool view_may_use_group(const struct view *v, uint64_t sharing_group_id);

/* Exactly these galaxies, then these clusters, through the gate. Ids are copied, what `opts` points
   to must live as long as the answer. The view is consumed. */
struct egress_clusters {
	const struct exporter *exporter;
	struct export_opts opts;
	const uint64_t *galaxies, *clusters;
	uint64_t n_galaxies, n_clusters;
};
MUST_USE enum err egress_clusters(struct view **v, const struct egress_clusters *q,
				  struct sealed **out, struct fail *f);

/* One event for a link, as MISP pushes it (sync-protocol.md 4.4). The caller says who the link is. */
struct egress_push {
	struct caller caller;
	uint64_t event_id;
	const struct link_rules *rules; /* NULL: none; must outlive the stream */
	bool local_tags; /* an internal link gets them */
	bool unpublished; /* as a draft */
	bool no_reports; /* the peer cannot take them */
	/* instead of the event's elements these, marked as deleted, and the event a second newer, so that
	   a MISP takes them; they must outlive the stream */
	const struct egress_gone *gone;
	size_t n_gone;
};
/* A sealed stream of {"Event":..}; nothing comes when the event may not leave. */
MUST_USE enum err egress_push(const struct egress_env *env, const struct egress_push *p,
			      struct sealed **out, struct fail *f);

/* Events for a published folder: these hits, whole (EXPORT_ONE_EVENT) or as lists have them. */
MUST_USE enum err egress_feed(const struct egress_env *env, const struct audience *aud,
			      const struct exporter *exporter, unsigned scope,
			      const struct search_hit *hits, size_t n, struct sealed **out,
			      struct fail *f);

/* Parts (hits as in EXPORT_PARTS) for a link, in a form of an exporter of parts. `form` and `filter`
   must outlive the stream. */
MUST_USE enum err egress_push_parts(const struct egress_env *env, const struct caller *c,
				    const struct search_hit *hits, size_t n, const char *exporter,
				    const char *form, const struct part_filter *filter,
				    struct sealed **out, struct fail *f);

/* Custom clusters that are published and may go over a link, ascending; with `event` (id or UUID)
   those that its tags name. */
MUST_USE enum err egress_push_clusters(const struct egress_env *env, const struct caller *c,
				       struct str event, struct arena *a, uint64_t **ids,
				       uint64_t *n, struct fail *f);
/* Those that may not, with the reason in plain words. */
typedef void (*egress_held_fn)(void *user, struct uuid u, const char *why);
MUST_USE enum err egress_push_clusters_held(const struct egress_env *env, const struct caller *c,
					    egress_held_fn held, void *user, struct fail *f);
/* One of them as [{"GalaxyCluster":..}]; an empty list when it may not leave any more. */
MUST_USE enum err egress_push_cluster(const struct egress_env *env, const struct caller *c,
				      uint64_t id, struct sealed **out, struct fail *f);
