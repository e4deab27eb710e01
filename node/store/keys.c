/*
 * keys.c - the lists of databases, tables and secondary keys, and how a key is made of a row.
 * No key is longer than LMDB takes: a longer one is cut and closed with its SHA-256. A short key
 * never has that length, so the two cannot meet.
 */
#include "store/internal.h"

#define CUT_AT (KEY_MAX_BYTES - 32)
#define WHOLE_MAX (KEY_MAX_BYTES - 1)

const struct db_row db_rows[DB_COUNT] = {
#define DB(name, disk, flags, key, value, since) {disk, flags, key, value, since},
#include "store/dbi.inc"
#undef DB
};

const struct table_row table_rows[STORE_TABLE_COUNT] = {
#define X(tab, sname, name, since) {name, &desc_##sname, sizeof(struct sname)},
	STORE_TABLES(X)
#undef X
};

static void key_bytes(struct dbkey *out, const void *p, size_t n)
{
	if (n > WHOLE_MAX) {
		struct sha256 d = hash_sha256((struct str){p, n});

		memcpy(out->b, p, CUT_AT);
		memcpy(out->b + CUT_AT, d.b, 32);
		out->n = KEY_MAX_BYTES;
		return;
	}
	if (n)
		memcpy(out->b, p, n);
	out->n = n;
}

static void key_lower(struct dbkey *out, struct str s)
{
	char small[WHOLE_MAX];
	char *p = s.n <= sizeof(small) ? small : malloc(s.n);

	out->n = 0;
	if (!p || !s.n)
		return;
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	key_bytes(out, p, s.n);
	if (p != small)
		free(p);
}

static void key_uuid(struct dbkey *out, struct uuid u)
{
	out->n = 0;
	if (!uuid_is_nil(u))
		key_bytes(out, u.b, sizeof(u.b));
}

static void key_u64(struct dbkey *out, uint64_t v)
{
	be64_put(out->b, v);
	out->n = 8;
}

#define MAKE(ix, sname, expr)                                                                      \
	static void make_##ix(const void *row, struct dbkey *out)                                  \
	{                                                                                          \
		const struct sname *r = row;                                                       \
		expr;                                                                              \
	}
MAKE(ORG_UUID, misp_org, key_uuid(out, r->uuid))
MAKE(ORG_NAME, misp_org, key_bytes(out, r->name.p, r->name.n))
MAKE(USER_EMAIL, misp_user, key_lower(out, r->email))
MAKE(AUTHKEY_DIGEST, misp_authkey, key_bytes(out, r->digest.p, r->digest.n))
MAKE(AUTHKEY_USER, misp_authkey, key_u64(out, r->user_id))
MAKE(TAG_NAME, misp_tag, key_lower(out, r->name))
MAKE(SG_UUID, misp_sg, key_uuid(out, r->uuid))
MAKE(GALAXY_UUID, misp_galaxy, key_uuid(out, r->uuid))
MAKE(CLUSTER_UUID, misp_cluster, key_uuid(out, r->uuid))
MAKE(CLUSTER_TAG, misp_cluster, key_lower(out, r->tag_name))
MAKE(SETTING_NAME, misp_setting, key_bytes(out, r->name.p, r->name.n))
MAKE(ANALYST_UUID, misp_analyst, key_uuid(out, r->uuid))
MAKE(ANALYST_OBJECT, misp_analyst, key_uuid(out, r->object_uuid))
MAKE(PEER_URL, misp_peer, key_bytes(out, r->url.p, r->url.n))
MAKE(EVENT_UUID, misp_event, key_uuid(out, r->uuid))
MAKE(EXCLUSION_VALUE, misp_exclusion, key_bytes(out, r->value.p, r->value.n))
MAKE(TEMPLATE_UUID, misp_template, key_uuid(out, r->uuid))
MAKE(TEMPLATE_NAME, misp_template, key_bytes(out, r->name.p, r->name.n))
MAKE(DECAY_UUID, misp_decay, key_uuid(out, r->uuid))
MAKE(DELEGATION_EVENT, misp_delegation, key_u64(out, r->event_id))
MAKE(INBOX_UUID, misp_inbox, key_uuid(out, r->uuid))
MAKE(TAGCOLL_UUID, misp_tagcoll, key_uuid(out, r->uuid))
MAKE(SAVED_UUID, misp_saved, key_uuid(out, r->uuid))
MAKE(SAVED_USER, misp_saved, key_u64(out, r->user_id))
MAKE(SUBSCR_NAME, misp_subscr, key_bytes(out, r->name.p, r->name.n))
MAKE(TAXII_UUID, misp_taxii, key_uuid(out, r->uuid))

static void make_BLOCK_UUID(const void *row, struct dbkey *out)
{
	const struct misp_block *r = row;

	out->b[0] = r->kind;
	memcpy(out->b + 1, r->uuid.b, 16);
	out->n = 17;
}

/* Which keys are folded to lower case, so that a finder need not do it. */
#define FOLDS(ix) ((ix) == IX_USER_EMAIL || (ix) == IX_TAG_NAME || (ix) == IX_CLUSTER_TAG)

const struct index_row index_rows[STORE_INDEX_COUNT] = {
#define X(ix, tab, unique, doc, since) {"ix/" #ix, T_##tab, unique, FOLDS(IX_##ix), make_##ix},
	STORE_INDEXES(X)
#undef X
};

void key_normal(enum store_index ix, struct str raw, struct dbkey *out)
{
	if (index_rows[ix].lower)
		key_lower(out, raw);
	else
		key_bytes(out, raw.p, raw.n);
}
