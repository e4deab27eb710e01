/*
 * test_admit.c - what comes in: heads by who sends them, the matrix of sync-protocol.md appendix B,
 * recorded error texts, local tags, sharing groups.
 */
#include "base/own.h"
#include "gate/admit.h"
#include "model/types.h"
#include "tests/tap/tap.h"

#define NOW INT64_C(1780000000)

static struct policy *policy;
static const struct origin origin = {.kind = ORIGIN_LOCAL, .id = 1, .time = NOW};
static const uint64_t groups[] = {4, 9};

enum sender { ADMIN, USER, PUBLISHER, SYNC_PUSH, PULL, PULL_INTERNAL, FEED, SENDERS };

static struct admit_facts facts_of(enum sender s)
{
	struct admit_facts f = {.kind = AUD_MEMBER,
				.org_id = 5,
				.user_id = 6,
				.groups = groups,
				.n_groups = 2,
				.default_event_distribution = DIST_COMMUNITY,
				.default_attr_distribution = DIST_INHERIT,
				.now = NOW};

	f.kind = s == ADMIN ? AUD_OPERATOR : s == FEED ? AUD_FEED : s > PUBLISHER ? AUD_PEER : f.kind;
	f.site_admin = s == ADMIN;
	f.perm_publish = s != USER;
	f.perm_sync = s == SYNC_PUSH || s == ADMIN;
	f.push = s == SYNC_PUSH;
	f.pull = s == PULL || s == PULL_INTERNAL;
	f.internal_link = s == PULL_INTERNAL;
	return f;
}

struct doc {
	struct raw_event *raw;
	struct misp_event *h;
};

static struct doc doc_new(enum raw_root root)
{
	struct doc d = {.raw = raw_new(root, NULL, NULL)};

	if (!d.raw)
		bail_out("no memory");
	d.h = raw_head(d.raw);
	d.h->info = STR("an event");
	ENTITY_SET_HAS(d.h, EVENT_F_info);
	return d;
}

static void add_attr(struct doc *d)
{
	struct element e = {.kind = EL_ATTR, .ordinal = 1};

	misp_attr_init(&e.attr);
	e.attr.type = ATTR_DOMAIN;
	e.attr.value = STR("example.org");
	if (raw_add(d->raw, &e, NULL) != ERR_OK)
		bail_out("raw_add");
}

static enum err admit(struct doc *d, const struct admit_facts *f, struct admitted **out,
		      struct fail *why)
{
	*why = (struct fail){0};
	return gate_admit(policy, &d->raw, &origin, f, out, why);
}

static void defaults(void)
{
	struct doc d = doc_new(RAW_EVENT);
	struct admit_facts f = facts_of(USER);
	OWN(admitted) struct admitted *a = NULL;
	struct fail why;
	const struct misp_event *h;

	is_ok(admit(&d, &f, &a, &why), "an event of one line: %s", why.text);
	h = admitted_head(a);
	is_uint(h->distribution, DIST_COMMUNITY, "default distribution");
	is_uint(h->threat_level_id, 4, "threat level undefined");
	is_uint(h->analysis, 0, "analysis initial");
	is_uint(h->date, 20260528, "today");
	ok(!uuid_is_nil(h->uuid), "a UUID");
	is_int(h->timestamp, NOW, "now");
	is_uint(h->org_id, 5, "owner");
	is_uint(h->orgc_id, 5, "creator");
	ok(!h->published && h->publish_timestamp == 0 && !h->locked, "neither published nor locked");
	ok(admitted_raw(a) != NULL && d.raw == NULL, "the document was taken over");
}

/* Appendix B: what is stored of distribution 0 1 2 3 4(with its group). */
static void distributions(void)
{
	static const uint8_t table[SENDERS][5] = {
		[ADMIN] = {0, 1, 2, 3, 4},	   [USER] = {0, 1, 2, 3, 0},
		[PUBLISHER] = {0, 1, 2, 3, 0},	   [SYNC_PUSH] = {0, 1, 2, 3, 4},
		[PULL] = {0, 0, 1, 3, 4},	   [PULL_INTERNAL] = {0, 1, 2, 3, 4},
		[FEED] = {0, 1, 2, 3, 4},
	};

	for (int s = 0; s < SENDERS; s++)
		for (uint8_t dist = 0; dist < 5; dist++) {
			struct doc d = doc_new(RAW_EVENT);
			struct admit_facts f = facts_of((enum sender)s);
			OWN(admitted) struct admitted *a = NULL;
			struct misp_sg group = {.name = STR("g")};
			struct fail why;
			enum err e;

			add_attr(&d);
			d.h->distribution = dist;
			ENTITY_SET_HAS(d.h, EVENT_F_distribution);
			if (dist == 4)
				d.h->sharing_group = (struct entity_list){&group, 1};
			e = admit(&d, &f, &a, &why);
			if (dist == 4 && (s == USER || s == PUBLISHER)) {
				is_err(e, ERR_PERM, "sender %d may not bring a group", s);
				continue;
			}
			is_ok(e, "sender %d distribution %u: %s", s, dist, why.text);
			is_uint(admitted_head(a)->distribution, table[s][dist],
				"sender %d distribution %u", s, dist);
			is_uint(admitted_head(a)->sharing_group.n, dist == 4, "its group");
		}
}

static void elements(void)
{
	static const uint8_t pulled[] = {0, 0, 1, 3, 0, 5};
	struct admit_facts f = facts_of(PULL);
	struct arena *arena = arena_new(1 << 20);
	struct doc d = doc_new(RAW_EVENT);
	OWN(admitted) struct admitted *a = NULL;
	struct fail why;

	add_attr(&d);
	is_ok(admit(&d, &f, &a, &why), "a pulled event");
	for (uint8_t dist = 0; dist < 6; dist++) {
		struct element e = {.kind = EL_ATTR};
		struct misp_tagref tags[2] = {{.name = STR("kept")},
					      {.name = STR("theirs"), .local = true}};

		misp_attr_init(&e.attr);
		e.attr.type = ATTR_MD5;
		e.attr.value = STR(" D41D8CD98F00B204E9800998ECF8427E ");
		e.attr.distribution = dist;
		e.attr.sharing_group_id = 9;
		e.attr.tags = (struct entity_list){tags, 2};
		ENTITY_SET_HAS(&e.attr, ATTR_F_distribution);
		is_ok(gate_admit_element(a, &f, arena, &e, &why), "%s", why.text);
		is_uint(e.attr.distribution, pulled[dist], "attribute of distribution %u pulled", dist);
		is_uint(e.attr.sharing_group_id, 0, "numbers of others mean nothing");
		is_view(e.attr.value, "d41d8cd98f00b204e9800998ecf8427e", "normalised");
		ok(e.attr.category == CAT_DELIVERY && e.attr.to_ids, "defaults of the type");
		ok(!ENTITY_HAS(&e.attr, ATTR_F_to_ids), "a default is not a given member");
		is_uint(e.attr.tags.n, 1, "their local tag is cut");
		ok(!uuid_is_nil(e.attr.uuid) && e.attr.timestamp == NOW, "UUID and time");
	}
	arena_free(arena);
}

/* One bad attribute and its recorded text. */
static void attr_errors(void)
{
	static const struct {
		uint16_t type;
		const char *type_text;
		uint8_t category;
		const char *category_text, *value;
		uint8_t distribution;
		const char *want;
	} cases[] = {
		{0, NULL, 0, NULL, "x", 5, "{\"type\":[\"No type set.\"]}"},
		{0, "nonsense", 0, NULL, "x", 5, "{\"type\":[\"Invalid type.\"]}"},
		{ATTR_TEXT, NULL, 0, NULL, "", 5, "{\"value\":[\"Value cannot be empty.\"]}"},
		{ATTR_IP_SRC, NULL, 0, NULL, "1.2.3.400", 5,
		 "{\"value\":[\"IP address has an invalid format.\"]}"},
		{ATTR_DOMAIN_IP, NULL, 0, NULL, "pilot.example.org", 5,
		 "{\"value\":[\"Composite type found but the value not in the composite "
		 "(value1|value2) format.\"]}"},
		{ATTR_TEXT, NULL, 0, NULL, "d", 8,
		 "{\"distribution\":[\"Options: Your organisation only, This community only, "
		 "Connected communities, All communities, Sharing group, Inherit event\"]}"},
		{ATTR_MD5, NULL, 0, "Nowhere", "d41d8cd98f00b204e9800998ecf8427e", 5,
		 "{\"category\":[\"Options : Payload delivery, Antivirus detection, Payload "
		 "installation, Files dropped ...\"],\"type\":[\"Options depend on the selected "
		 "category.\"]}"},
		{ATTR_MD5, NULL, CAT_FINANCIAL, NULL, "d41d8cd98f00b204e9800998ecf8427e", 5,
		 "{\"type\":[\"Options depend on the selected category.\"]}"},
	};
	struct admit_facts f = facts_of(USER);
	struct arena *arena = arena_new(1 << 20);
	struct doc d = doc_new(RAW_ATTRS);
	OWN(admitted) struct admitted *a = NULL;
	struct fail why;

	is_ok(admit(&d, &f, &a, &why), "a list of attributes");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct element e = {.kind = EL_ATTR};

		misp_attr_init(&e.attr);
		e.attr.type = cases[i].type;
		e.attr.type_text = str_c(cases[i].type_text);
		e.attr.category = cases[i].category;
		e.attr.category_text = str_c(cases[i].category_text);
		e.attr.value = str_c(cases[i].value);
		e.attr.distribution = cases[i].distribution;
		ENTITY_SET_HAS(&e.attr, ATTR_F_distribution);
		why = (struct fail){0};
		is_err(gate_admit_element(a, &f, arena, &e, &why), ERR_INVAL, "case %zu", i);
		is_str(why.text, cases[i].want, "its text");
	}
	struct element e = {.kind = EL_ATTR};

	misp_attr_init(&e.attr);
	e.attr.type = ATTR_TEXT;
	e.attr.value = STR("d4");
	e.attr.first_seen = e.attr.last_seen = MICRO_BAD;
	is_err(gate_admit_element(a, &f, arena, &e, &why), ERR_INVAL, "times that are none");
	is_str(why.text,
	       "{\"first_seen\":[\"Invalid ISO 8601 format\"],\"last_seen\":[\"Invalid ISO 8601 "
	       "format\"]}",
	       "their text");
	e.attr.first_seen = 5;
	e.attr.last_seen = 4;
	is_err(gate_admit_element(a, &f, arena, &e, &why), ERR_INVAL, "times in the wrong order");
	is_str(why.text,
	       "{\"last_seen\":[\"Last seen value should be greater than first seen value\"]}",
	       "their text");
	e.attr.last_seen = 5;
	e.attr.distribution = DIST_GROUP;
	ENTITY_SET_HAS(&e.attr, ATTR_F_distribution);
	is_err(gate_admit_element(a, &f, arena, &e, &why), ERR_PERM, "a group by no number");
	is_str(why.text, "Invalid Sharing Group or not authorised.", "its text");
	e.attr.sharing_group_id = 9;
	is_ok(gate_admit_element(a, &f, arena, &e, &why), "a group that the caller may use");
	e.attr.type = ATTR_MALWARE_SAMPLE;
	e.attr.category = CAT_DELIVERY;
	e.attr.value = STR("keel.bin");
	e.attr.data = STR("TVqQAGtlZWw=");
	is_err(gate_admit_element(a, &f, arena, &e, &why), ERR_INVAL, "a sample without its hash");
	e.attr.encrypt = true;
	is_ok(gate_admit_element(a, &f, arena, &e, &why), "that is to be packed: %s", why.text);
	is_view(e.attr.value, "keel.bin|0f4f13719afbdd523439be9023f24d62", "gets it");
	arena_free(arena);
}

static void head_error(enum sender s, bool edit, void (*spoil)(struct doc *, struct admit_facts *),
		       enum err want, const char *text)
{
	struct doc d = doc_new(RAW_EVENT);
	struct admit_facts f = facts_of(s);
	OWN(admitted) struct admitted *a = NULL;
	struct fail why;

	f.is_edit = edit;
	spoil(&d, &f);
	is_err(admit(&d, &f, &a, &why), want, "%s", text);
	is_str(why.text, text, "its text");
	ok(!a && !d.raw, "nothing is left of it");
}

static void no_info(struct doc *d, struct admit_facts *f)
{
	(void)f;
	d->h->info = STR("");
}
static void bad_level(struct doc *d, struct admit_facts *f)
{
	(void)f;
	d->h->threat_level_id = 7;
	ENTITY_SET_HAS(d->h, EVENT_F_threat_level_id);
}
static void inherit(struct doc *d, struct admit_facts *f)
{
	(void)f;
	d->h->distribution = 5;
	ENTITY_SET_HAS(d->h, EVENT_F_distribution);
}
static void bad_uuid(struct doc *d, struct admit_facts *f)
{
	(void)f;
	ENTITY_SET_HAS(d->h, EVENT_F_uuid);
}
static void bad_date(struct doc *d, struct admit_facts *f)
{
	(void)f;
	d->h->date = 0;
	ENTITY_SET_HAS(d->h, EVENT_F_date);
}
static void publish(struct doc *d, struct admit_facts *f)
{
	(void)f;
	d->h->published = true;
	ENTITY_SET_HAS(d->h, EVENT_F_published);
}
static void block_event(struct doc *d, struct admit_facts *f)
{
	(void)d;
	f->event_blocked = true;
}
static void block_org(struct doc *d, struct admit_facts *f)
{
	(void)d;
	f->org_blocked = true;
}
static void derived(struct doc *d, struct admit_facts *f)
{
	(void)d;
	f->own_derived = true;
}
static void unlocked(struct doc *d, struct admit_facts *f)
{
	(void)d;
	f->existing_local = true;
}
static void group(struct doc *d, struct admit_facts *f)
{
	(void)f;
	d->h->distribution = DIST_GROUP;
	d->h->sharing_group_id = 77;
	ENTITY_SET_HAS(d->h, EVENT_F_distribution);
}

static void head_errors(void)
{
	head_error(ADMIN, false, no_info, ERR_INVAL, "{\"Event\":{\"info\":[\"valueNotEmpty\"]}}");
	head_error(ADMIN, true, no_info, ERR_INVAL, "{\"info\":[\"Info cannot be empty.\"]}");
	head_error(USER, false, bad_level, ERR_INVAL,
		   "{\"Event\":{\"threat_level_id\":[\"Options : 1, 2, 3, 4 (for High, Medium, Low, "
		   "Undefined)\"]}}");
	head_error(SYNC_PUSH, false, inherit, ERR_INVAL,
		   "{\"Event\":{\"distribution\":[\"Options : Your organisation only, This community "
		   "only, Connected communities, All communities\"]}}");
	head_error(ADMIN, false, bad_uuid, ERR_INVAL,
		   "{\"Event\":{\"uuid\":[\"Please provide a valid RFC 4122 UUID\"]}}");
	head_error(ADMIN, false, bad_date, ERR_INVAL,
		   "{\"Event\":{\"date\":[\"Expected date format: YYYY-MM-DD\"]}}");
	head_error(ADMIN, false, publish, ERR_INVAL,
		   "{\"Event\":\"Received a published event that was empty. Event add process "
		   "blocked.\"}");
	head_error(SYNC_PUSH, false, block_event, ERR_BLOCKED, "Event blocked by event blocklist.");
	head_error(PULL, false, derived, ERR_BLOCKED, "Event blocked by event blocklist.");
	head_error(PULL, false, block_org, ERR_BLOCKED,
		   "Event blocked by organisation blocklist.");
	head_error(PULL, true, unlocked, ERR_PERM,
		   "Blocked an edit to an event that was created locally.");
	head_error(FEED, true, unlocked, ERR_PERM,
		   "Blocked an edit to an event that was created locally.");
	head_error(ADMIN, false, group, ERR_PERM, "Invalid Sharing Group or not authorised.");
}

/* Who may say who made it, publish, and what becomes locked. */
static void owners(void)
{
	static const struct {
		bool creator, published, locked;
	} table[SENDERS] = {[ADMIN] = {true, true, false},	 [USER] = {false, false, false},
			    [PUBLISHER] = {false, true, false},	 [SYNC_PUSH] = {true, true, false},
			    [PULL] = {true, true, true},	 [PULL_INTERNAL] = {true, true, true},
			    [FEED] = {true, true, true}};

	for (int s = 0; s < SENDERS; s++) {
		struct doc d = doc_new(RAW_EVENT);
		struct admit_facts f = facts_of((enum sender)s);
		OWN(admitted) struct admitted *a = NULL;
		struct misp_org orgc = {.name = STR("THEM")};
		struct fail why;
		const struct misp_event *h;

		add_attr(&d);
		d.h->orgc = d.h->org = (struct entity_list){&orgc, 1};
		d.h->published = true;
		d.h->publish_timestamp = 5;
		d.h->attribute_count = 77;
		is_ok(admit(&d, &f, &a, &why), "sender %d", s);
		h = admitted_head(a);
		ok((h->orgc.n == 1) == table[s].creator, "sender %d names the creator", s);
		ok(h->org.n == 0 && h->org_id == 5, "never the owner");
		ok(h->published == table[s].published, "sender %d publishes", s);
		is_int(h->publish_timestamp, table[s].published ? NOW : 0, "at arrival");
		ok(h->locked == table[s].locked, "sender %d locks", s);
		is_uint(h->attribute_count, 0, "counts are ours");
	}
}

/* A protected event comes in when it is signed under the keys that it has to be signed under. */
static void protection(void)
{
	static const char armored[] =
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEawOAbhYJKwYBBAHaRw8BAQdA6uN7/FknDIYXe9pl"
		"uOrRPNUh88RDeoACpSeDHdMUDyg=\n-----END PGP PUBLIC KEY BLOCK-----";
	static const char none[] =
		"Protected event failed signature validation as no key was provided.";
	static const char bad[] = "Protected event failed signature validation.";
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct misp_cryptokey k = {.key_data = str_c(armored)};
	struct entity_list keys = {&k, 1}, empty = {NULL, 0};
	struct fail f = {0};

	ok(cryptokeys_regular(&keys, a) && keys.n == 1, "a key");
	for (enum sender s = ADMIN; s < SENDERS; s++) {
		struct admit_facts facts = facts_of(s);

		is_ok(gate_admit_protected(&facts, &keys, &f), "sender %d, not asked for one", (int)s);
		facts.wants_signature = true;
		is_err(gate_admit_protected(&facts, &keys, &f), ERR_PERM, "none");
		is_str(f.text, none, "its text");
		facts.has_signature = true;
		is_err(gate_admit_protected(&facts, &keys, &f), ERR_PERM, "a bad one");
		is_str(f.text, bad, "its text");
		facts.signed_by = cryptokeys_digest(&empty);
		is_err(gate_admit_protected(&facts, &empty, &f), ERR_PERM, "no key at all");
		facts.signed_by = cryptokeys_digest(&keys);
		is_ok(gate_admit_protected(&facts, &keys, &f), "a good one");
		k.revoked = true; /* changed since it was verified */
		is_err(gate_admit_protected(&facts, &keys, &f), ERR_PERM, "under other keys");
		k.revoked = false;
	}
	/* a new event, through the whole head */
	for (unsigned i = 0; i < 4; i++) {
		struct admit_facts facts = facts_of(i == 3 ? FEED : SYNC_PUSH);
		struct doc d = doc_new(RAW_EVENT);
		OWN(admitted) struct admitted *adm = NULL;

		add_attr(&d);
		d.h->is_protected = i != 2;
		struct misp_cryptokey own = k; /* made regular in place, with the document's memory */
		d.h->crypto_keys = (struct entity_list){&own, 1};
		facts.wants_signature = true;
		facts.has_signature = i == 1;
		facts.signed_by = cryptokeys_digest(&keys);
		is_err(gate_admit(policy, &d.raw, &origin, &facts, &adm, &f), i ? ERR_OK : ERR_PERM,
		       "%s",
		       i == 0	? "protected, not signed" :
		       i == 1	? "protected and signed" :
		       i == 2	? "not protected" :
				  "of a feed");
	}
}

int main(void)
{
	policy = policy_shipped("misp-compat");
	defaults();
	distributions();
	elements();
	attr_errors();
	head_errors();
	owners();
	protection();
	policy_unref(policy);
	return done_testing();
}
