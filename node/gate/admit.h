/*
 * admit.h - the mirror of the gate: what may come in (gate.md section 8).
 */
#pragma once

#include "gate/policy.h"
#include "model/cryptokey.h"
#include "model/link_rules.h"
#include "trust/admitted.h"

enum admit_rule {
#define ADMIT(name, level, effect, text) ADMIT_##name,
#include "gate/admit_rules.inc"
#undef ADMIT
	ADMIT_RULES
};
const char *admit_rule_name(enum admit_rule r);
const char *admit_rule_text(enum admit_rule r);

/* Why a document did not come in. */
struct admit_decision {
	enum admit_rule rule;
	bool waits; /* it is to be put into quarantine; the document is handed back */
	char names[240]; /* rules of the policy file that said so */
};

struct admit_facts {
	enum audience_kind kind; /* who sends: OPERATOR, MEMBER, PEER, FEED */
	uint64_t org_id, user_id;
	struct uuid org;
	bool perm_sync, site_admin, perm_publish, perm_tagger, perm_tag_editor, perm_analyst;
	bool perm_galaxy_editor, perm_sharing_group;
	bool pull; /* fetched by us: distribution is lowered as MISP does on pull */
	bool push; /* sent to us by a sync user */
	bool internal_link;
	bool is_edit; /* a partial document: no defaults are filled in */
	bool existing_local; /* an edit: the stored event is not locked (made here) */
	struct caller peer; /* with kind PEER: who it is, for the compartments of the policy */
	bool event_blocked, org_blocked, tag_blocked; /* looked up by ingest */
	bool elements_inherit; /* a feed's row decides how far an event reaches: elements follow it, and
				  its sharing group is one of this node */
	bool made_here; /* what a feed of values brings becomes an event of ours, which the feed edits */
	bool all_to_ids, no_to_ids; /* a feed's row decides what is for detection */
	/*
	 * Protected events (sync-protocol.md 3.6, 4.5). `wants_signature`: who sends it may not change
	 * what is protected on their word alone. `signed_by` is cryptokeys_digest() of the keys under
	 * one of which the document's signature was found good; has_signature: one was.
	 */
	bool wants_signature, has_signature;
	struct sha256 signed_by;
	/* what was deleted here for good is not brought back by copies from elsewhere (set by ingest);
	   by newer ones, if the policy says so */
	bool dead_stay_dead, newer_revives;
	bool own_derived; /* the UUID is one under which we gave out a cut copy */
	uint64_t template_id; /* objects/add: the template of the path; 0: what the object names */
	/* Refuse attributes whose values stand on a warning list: all, or those that ask for it by
	   themselves (enforceWarninglist). A reference of the caller's; NULL: there are none. */
	const struct warnlists *warnings;
	bool no_warned;
	/* in quarantine, or rejected, in this version or a newer one (looked up by ingest) */
	bool remembered;
	bool accepted; /* taken out of quarantine: rules that would put it there again do not */
	struct admit_decision *decision; /* filled when it is refused; NULL: nothing waits */
	struct str sender; /* name of the peer or feed, e-mail of the user; for rules of the policy */
	/* local ids of the sharing groups that the caller may use, ascending (all, for a site
	   administrator); a group given by number is refused when it is not among them */
	const uint64_t *groups;
	uint32_t n_groups;
	uint8_t default_event_distribution, default_attr_distribution;
	struct str base_url; /* ours: by it a sharing group's list of servers names this node */
	/* of a pull: types and templates that are not taken (sync-protocol.md 3.5); NULL: none */
	const struct link_rules *rules;
	int64_t now;
};

/*
 * Judge the head of a document. Takes over *raw. For a new event the answer carries the head with
 * its defaults; for an edit (is_edit) members that the document does not give stay without `has`
 * bit. Distribution is lowered on pull, local tags of others are cut, the creator is forced to the
 * caller's organisation where MISP does (`orgc` is then empty), `published` needs perm_publish,
 * `locked` is set on what is pulled or comes from a feed.
 * What a rule of the policy lets wait is ERR_BLOCKED too: facts->decision says so, and *raw stays the
 * caller's then.
 * ERR_BLOCKED; ERR_INVAL with MISP's messages in f->text: a JSON map, nested under "Event" for a
 * new event; ERR_PERM with a plain text. *raw is freed when this fails.
 */
MUST_USE enum err gate_admit(const struct policy *p, struct raw_event **raw,
			     const struct origin *o, const struct admit_facts *facts,
			     struct admitted **out, struct fail *f);
/* Does the policy let documents wait? Then readers keep their bytes. */
bool policy_has_quarantine(const struct policy *p);
/* Has it rules of admission at all? */
bool policy_has_admission(const struct policy *p);
/*
 * May a document with these facts touch an event that is protected by `keys`? ERR_PERM with MISP's
 * text. gate_admit() asks for new events; edits are asked for where the stored event is read.
 */
MUST_USE enum err gate_admit_protected(const struct admit_facts *facts,
				       const struct entity_list *keys, struct fail *f);
/*
 * Judge one element that was read from the admitted document: normalise, validate, lower, cut
 * local tags. Members that it does not give get their defaults without `has` bit, so that an edit
 * of a known element can tell them from given ones. In an edit an attribute with a UUID may leave
 * out type and value together.
 * ERR_INVAL: this element is refused (f->text is a JSON map or string with MISP's message), the
 * rest may go on. ERR_PERM (plain text), ERR_LIMIT: the whole document is refused.
 */
MUST_USE enum err gate_admit_element(const struct admitted *adm, const struct admit_facts *facts,
				     struct arena *a, struct element *e, struct fail *f);
