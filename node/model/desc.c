/*
 * desc.c - entity descriptors made from fields.inc, and the look-up of JSON members.
 * The tables are constant; the hash index is filled once.
 */
#include "model/desc.h"

#include <pthread.h>

#include "base/own.h"
#include "model/misp.h"

#define ROW(kind, member, key, tag, rule, form)                                                    \
	{key, F_##kind, tag, rule, form, offsetof(struct ENTITY, member), NULL},
#define ROW_LIST(member, key, tag, rule, form, sub)                                                \
	{key, F_LIST, tag, rule, form, offsetof(struct ENTITY, member), &DESC_OF_##sub},

#define DESC_OF_TAGREF desc_misp_tagref
#define DESC_OF_ORG desc_misp_org
#define DESC_OF_SG desc_misp_sg
#define DESC_OF_SGORG desc_misp_sgorg
#define DESC_OF_SGSERVER desc_misp_sgserver
#define DESC_OF_CLUSTERMETA desc_misp_clustermeta
#define DESC_OF_CRYPTOKEY desc_misp_cryptokey
#define DESC_OF_CLUSTERREL desc_misp_clusterrel

#define DESC(sname, wrapper, rows)                                                                 \
	static struct desc_quick quick_##sname;                                                    \
	const struct entity_desc desc_##sname = {wrapper, sizeof(struct sname), ARRAY_LEN(rows),   \
						 rows, &quick_##sname}

#define ENTITY misp_tagref
static const struct field tagref_rows[] = {TAGREF_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_org
static const struct field org_rows[] = {ORG_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_sgorg
static const struct field sgorg_rows[] = {SGORG_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_sgserver
static const struct field sgserver_rows[] = {SGSERVER_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_sg
static const struct field sg_rows[] = {SG_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_attr
static const struct field attr_rows[] = {ATTR_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_object
static const struct field object_rows[] = {OBJECT_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_ref
static const struct field ref_rows[] = {REF_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_report
static const struct field report_rows[] = {REPORT_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_proposal
static const struct field proposal_rows[] = {PROPOSAL_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_sighting
static const struct field sighting_rows[] = {SIGHTING_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_analyst
static const struct field analyst_rows[] = {ANALYST_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_tag
static const struct field tag_rows[] = {TAG_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_clustermeta
static const struct field clustermeta_rows[] = {CLUSTERMETA_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_clusterrel
static const struct field clusterrel_rows[] = {CLUSTERREL_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_galaxy
static const struct field galaxy_rows[] = {GALAXY_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_cluster
static const struct field cluster_rows[] = {CLUSTER_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_cryptokey
static const struct field cryptokey_rows[] = {CRYPTOKEY_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_event
static const struct field event_rows[] = {EVENT_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_user
static const struct field user_rows[] = {USER_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_authkey
static const struct field authkey_rows[] = {AUTHKEY_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_session
static const struct field session_rows[] = {SESSION_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_otp
static const struct field otp_rows[] = {OTP_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_role
static const struct field role_rows[] = {ROLE_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_peer
static const struct field peer_rows[] = {PEER_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_peerstate
static const struct field peerstate_rows[] = {PEERSTATE_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_feed
static const struct field feed_rows[] = {FEED_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_block
static const struct field block_rows[] = {BLOCK_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_setting
static const struct field setting_rows[] = {SETTING_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_exclusion
static const struct field exclusion_rows[] = {EXCLUSION_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_allowed
static const struct field allowed_rows[] = {ALLOWED_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_regexp
static const struct field regexp_rows[] = {REGEXP_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_template
static const struct field template_rows[] = {TEMPLATE_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_warnlist
static const struct field warnlist_rows[] = {WARNLIST_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_noticelist
static const struct field noticelist_rows[] = {NOTICELIST_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_decay
static const struct field decay_rows[] = {DECAY_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_delegation
static const struct field delegation_rows[] = {DELEGATION_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_inbox
static const struct field inbox_rows[] = {INBOX_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_tagcoll
static const struct field tagcoll_rows[] = {TAGCOLL_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_saved
static const struct field saved_rows[] = {SAVED_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_subscr
static const struct field subscr_rows[] = {SUBSCR_FIELDS(ROW, ROW_LIST)};
#undef ENTITY
#define ENTITY misp_taxii
static const struct field taxii_rows[] = {TAXII_FIELDS(ROW, ROW_LIST)};
#undef ENTITY

DESC(misp_tagref, "Tag", tagref_rows);
DESC(misp_org, "Organisation", org_rows);
DESC(misp_sgorg, "SharingGroupOrg", sgorg_rows);
DESC(misp_sgserver, "SharingGroupServer", sgserver_rows);
DESC(misp_sg, "SharingGroup", sg_rows);
DESC(misp_attr, "Attribute", attr_rows);
DESC(misp_object, "Object", object_rows);
DESC(misp_ref, "ObjectReference", ref_rows);
DESC(misp_report, "EventReport", report_rows);
DESC(misp_proposal, "ShadowAttribute", proposal_rows);
DESC(misp_sighting, "Sighting", sighting_rows);
DESC(misp_analyst, "AnalystData", analyst_rows);
DESC(misp_tag, "Tag", tag_rows);
DESC(misp_clustermeta, "GalaxyElement", clustermeta_rows);
DESC(misp_clusterrel, "GalaxyClusterRelation", clusterrel_rows);
DESC(misp_galaxy, "Galaxy", galaxy_rows);
DESC(misp_cluster, "GalaxyCluster", cluster_rows);
DESC(misp_cryptokey, "CryptographicKey", cryptokey_rows);
DESC(misp_event, "Event", event_rows);
DESC(misp_user, "User", user_rows);
DESC(misp_authkey, "AuthKey", authkey_rows);
DESC(misp_session, "Session", session_rows);
DESC(misp_otp, "Otp", otp_rows);
DESC(misp_role, "Role", role_rows);
DESC(misp_peer, "Server", peer_rows);
DESC(misp_peerstate, "ServerState", peerstate_rows);
DESC(misp_feed, "Feed", feed_rows);
DESC(misp_block, "Blocklist", block_rows);
DESC(misp_setting, "UserSetting", setting_rows);
DESC(misp_exclusion, "CorrelationExclusion", exclusion_rows);
DESC(misp_allowed, "Allowedlist", allowed_rows);
DESC(misp_regexp, "Regexp", regexp_rows);
DESC(misp_template, "ObjectTemplate", template_rows);
DESC(misp_warnlist, "Warninglist", warnlist_rows);
DESC(misp_noticelist, "Noticelist", noticelist_rows);
DESC(misp_decay, "DecayingModel", decay_rows);
DESC(misp_delegation, "EventDelegation", delegation_rows);
DESC(misp_inbox, "Inbox", inbox_rows);
DESC(misp_tagcoll, "TagCollection", tagcoll_rows);
DESC(misp_saved, "SavedSearch", saved_rows);
DESC(misp_subscr, "Subscription", subscr_rows);
DESC(misp_taxii, "TaxiiServer", taxii_rows);

_Static_assert(ARRAY_LEN(attr_rows) <= 64 && ARRAY_LEN(event_rows) <= 64 &&
		       ARRAY_LEN(peer_rows) <= 64,
	       "`has` has 64 bits");

static const struct entity_desc *const all_descs[] = {
#define DESC_PTR(ENT, sname, wrapper) &desc_##sname,
	ENTITIES(DESC_PTR)
};

/* Open addressing over (descriptor, key); 1024 slots for about 350 rows. */
#define SLOTS 1024
static struct {
	const struct entity_desc *d;
	const struct field *f;
} slots[SLOTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned slot_of(const struct entity_desc *d, const char *key, size_t n)
{
	uint64_t h = (uint64_t)(uintptr_t)d >> 4;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)key[i]) * UINT64_C(0x100000001b3);
	return (unsigned)(h ^ (h >> 29)) & (SLOTS - 1);
}

static void tables_fill(void)
{
	for (size_t i = 0; i < ARRAY_LEN(all_descs); i++) {
		const struct entity_desc *d = all_descs[i];
		for (unsigned k = 0; k < d->n; k++) {
			d->quick->row_of_tag[d->fields[k].tag & 127] = (uint8_t)(k + 1);
			d->quick->has_micro |= d->fields[k].kind == F_MICRO;
		}
		for (unsigned k = 0; k < d->n; k++) {
			const char *key = d->fields[k].key;
			if (!key)
				continue;
			unsigned s = slot_of(d, key, strlen(key));
			while (slots[s].d)
				s = (s + 1) & (SLOTS - 1);
			slots[s].d = d;
			slots[s].f = &d->fields[k];
		}
	}
}

const struct field *desc_find(const struct entity_desc *d, struct str key, unsigned *bit)
{
	pthread_once(&once, tables_fill);
	for (unsigned s = slot_of(d, key.p, key.n); slots[s].d; s = (s + 1) & (SLOTS - 1)) {
		if (slots[s].d == d && str_is(key, slots[s].f->key)) {
			if (bit)
				*bit = (unsigned)(slots[s].f - d->fields);
			return slots[s].f;
		}
	}
	return NULL;
}

const struct desc_quick *desc_quick(const struct entity_desc *d)
{
	pthread_once(&once, tables_fill);
	return d->quick;
}
