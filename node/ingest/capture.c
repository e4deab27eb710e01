/*
 * capture.c - what documents name (tags, organisations, sharing groups, clusters) becomes local
 * rows, inside a job. Rules: sync-protocol.md 5.4 to 5.6; existing rows are not overwritten.
 */
#include <ctype.h>

#include "base/clock.h"
#include "base/hash.h"
#include "ingest/ctx.h"
#include "model/pack.h"
#include "taxonomies/taxo.h"

#define SG_ARENA (16u << 20)
#define TAG_NAME_MAX 255
#define NAME_MAX_BYTES 255

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);
	for (size_t i = 0; p && i < s.n; i++)
		p[i] = (char)tolower((unsigned char)p[i]);
	return p ? (struct str){p, s.n} : STR_NONE;
}

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

/* ---- tags ---- */

/* Custom clusters are tagged by UUID: misp-galaxy:type="<uuid>" (sync-protocol.md 5.6). */
static bool names_uuid(struct str tag)
{
	struct machine_tag m;
	struct uuid u;
	return taxo_split(tag, &m) && uuid_parse(m.value, &u);
}

enum err ingest_tag_capture(struct store_wtxn *w, const struct misp_tagref *t, uint64_t *id,
			    struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 16);
	char colour[8];
	if (!a || t->name.n == 0 || t->name.n > TAG_NAME_MAX)
		return fail(f, ERR_INVAL, "tag name has %zu bytes (1 to %d)", t->name.n,
			    TAG_NAME_MAX);
	enum err e = store_find(store_view(w), IX_TAG_NAME, lower(a, t->name), id);
	if (e != ERR_NOENT)
		return e;
	struct misp_tag tag = {.name = t->name,
			       .colour = t->colour,
			       .exportable = ENTITY_HAS(t, TAGREF_F_exportable) ? t->exportable : true,
			       .local_only = t->local_only,
			       .numerical_value = t->numerical_value};
	tag.is_galaxy = str_has_prefix(t->name, STR("misp-galaxy:"));
	tag.is_custom_galaxy = tag.is_galaxy && names_uuid(t->name);
	if (!tag.colour.n) {
		taxo_default_colour(t->name, colour); /* as recorded, also for tlp: tags */
		tag.colour = str_c(colour);
	}
	*id = tag.id = store_new_row_id(w, T_TAG);
	TRY(store_put(w, T_TAG, *id, &tag, f));
	struct change ch = {.op = CHANGE_ADD,
			    .kind = CHANGE_TABLE(T_TAG),
			    .id = *id,
			    .time = clock_now()};
	return store_change(w, &ch, f);
}

/*
 * May this sender attach it? Some tags belong to one organisation or user (sync-protocol.md 5.6). An
 * unknown one is made for everybody: MISP drops it from senders without perm_tag_editor, but a
 * marking that is lost on the way in is one that the gate cannot obey.
 */
static enum err tag_permitted(const struct ingest_ctx *c, struct store_wtxn *w,
			      const struct misp_tagref *t, bool *yes)
{
	const struct admit_facts *facts = c->facts;
	struct misp_tag known;
	uint64_t id;
	OWN(arena) struct arena *a = arena_new(1 << 16);
	*yes = true;
	if (facts->site_admin)
		return ERR_OK;
	if (!a)
		return ERR_NOMEM;
	enum err e = store_find(store_view(w), IX_TAG_NAME, lower(a, t->name), &id);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	TRY(store_get(store_view(w), T_TAG, id, a, &known));
	*yes = (!known.org_id || known.org_id == facts->org_id) &&
	       (!known.user_id || known.user_id == facts->user_id);
	return ERR_OK;
}

/* *id is 0 when the tag is not taken. */
static enum err tag_id(struct ingest_ctx *c, struct store_wtxn *w, const struct misp_tagref *t,
		       uint64_t *id, struct fail *f)
{
	uint64_t digest = hash_64(t->name.p, t->name.n, 0) | 1;
	struct tag_cached *slot = &c->tags[digest % TAG_CACHE];
	bool yes;
	*id = slot->id;
	if (slot->digest == digest)
		return ERR_OK;
	*id = 0;
	TRY(tag_permitted(c, w, t, &yes));
	if (yes)
		TRY(ingest_tag_capture(w, t, id, f));
	*slot = (struct tag_cached){digest, *id};
	return ERR_OK;
}

enum err ingest_capture_tags(struct ingest_ctx *c, struct store_wtxn *w, struct arena *a,
		      struct entity_list *tags, struct fail *f)
{
	if (!tags->n)
		return ERR_OK;
	struct misp_tagref *kept = ARENA_ARRAY(a, struct misp_tagref, tags->n);
	uint32_t n = 0;
	if (!kept)
		return fail(f, ERR_LIMIT, "no memory for %u tags", tags->n);
	LIST_EACH(t, *tags, struct misp_tagref) {
		struct misp_tagref *k = &kept[n];
		*k = *t;
		if (!t->name.n || t->name.n > TAG_NAME_MAX)
			continue;
		TRY(tag_id(c, w, t, &k->tag_id, f));
		bool twice = !k->tag_id;
		for (uint32_t i = 0; i < n; i++)
			twice |= kept[i].tag_id == k->tag_id;
		if (!twice)
			n++;
	}
	*tags = (struct entity_list){kept, n};
	return ERR_OK;
}

static struct str now_text(struct arena *a)
{
	struct clock_civil now = clock_to_civil(clock_now());
	return arena_printf(a, "%04d-%02d-%02d %02d:%02d:%02d", now.year, now.month, now.day,
			    now.hour, now.minute, now.second);
}

/* ---- organisations ---- */

/* A free name: the wanted one, or with _N behind it when another organisation has it. */
static enum err free_name(struct store_wtxn *w, struct arena *a, struct str want, struct str *name)
{
	uint64_t other;
	*name = str_sub(want, 0, NAME_MAX_BYTES - 6);
	for (unsigned i = 0; i < 10000; i++) {
		enum err e = store_find(store_view(w), IX_ORG_NAME, *name, &other);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		*name = arena_printf(a, "%.*s_%u", STR_ARG(want), (unsigned)(random_u64() % 10000));
	}
	return ERR_EXISTS;
}

enum err ingest_org_capture(struct store_wtxn *w, const struct misp_org *o, bool local,
			    uint64_t *id, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 16);
	struct misp_org known, org = *o;
	enum err e = ERR_NOENT;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	if (!uuid_is_nil(o->uuid))
		e = store_find(store_view(w), IX_ORG_UUID, uuid_key(&o->uuid), id);
	if (e != ERR_NOENT)
		return e;
	if (o->name.n && store_find(store_view(w), IX_ORG_NAME, o->name, id) == ERR_OK) {
		TRY(store_get(store_view(w), T_ORG, *id, NULL, &known));
		if (uuid_is_nil(o->uuid))
			return ERR_OK;
		if (uuid_is_nil(known.uuid)) {
			known.uuid = o->uuid;
			return store_put(w, T_ORG, *id, &known, f);
		}
	}
	if (!o->name.n && uuid_is_nil(o->uuid))
		return fail(f, ERR_INVAL, "organisation without name and UUID");
	char text[UUID_TEXT_LEN + 1];
	struct str want = o->name.n ? o->name : str_c(uuid_format(o->uuid, text));
	TRY(free_name(w, a, want, &org.name));
	if (uuid_is_nil(org.uuid))
		org.uuid = uuid_random();
	org.local = local;
	org.date_created = org.date_modified = now_text(a);
	*id = org.id = store_new_row_id(w, T_ORG);
	TRY(store_put(w, T_ORG, *id, &org, f));
	struct change ch = {.op = CHANGE_ADD,
			    .kind = CHANGE_TABLE(T_ORG),
			    .id = *id,
			    .uuid = org.uuid,
			    .time = clock_now()};
	return store_change(w, &ch, f);
}

/* ---- sharing groups ---- */

static struct uuid sgorg_uuid(const struct misp_sgorg *o)
{
	return o->org.n ? LIST_AT(o->org, struct misp_org, 0)->uuid : o->uuid;
}

static struct str sgserver_url(const struct misp_sgserver *s)
{
	return s->server.n ? LIST_AT(s->server, struct misp_sgserver, 0)->url : s->url;
}

/* Numbers of servers are the sender's: the URL tells, compared as text. */
static bool names_us(const struct misp_sgserver *s, const struct admit_facts *facts)
{
	struct str url = sgserver_url(s);
	return url.n && str_eq(url, facts->base_url);
}

/* May this sender create the group here (sync-protocol.md 5.4)? */
static bool sg_allowed(const struct misp_sg *g, const struct admit_facts *facts)
{
	bool member = false, open = false;
	if (facts->site_admin)
		return true;
	/* who fetches decides for himself which groups come with it */
	bool server = g->servers.n == 0 || facts->pull;
	LIST_EACH(o, g->orgs, struct misp_sgorg)
		member |= uuid_eq(sgorg_uuid(o), facts->org) && (facts->perm_sync || o->extend);
	LIST_EACH(s, g->servers, struct misp_sgserver) {
		bool us = names_us(s, facts);
		server |= us;
		open |= us && s->all_orgs && facts->perm_sync;
	}
	return facts->perm_sharing_group && server && (member || open);
}

/* Servers of the document that we know join those of the group; what is open to all organisations
   is never taken over from elsewhere. */
static enum err sg_servers(struct store_wtxn *w, struct arena *a, const struct misp_sg *in,
			   struct misp_sg *out, const struct admit_facts *facts, bool *changed,
			   struct fail *f)
{
	uint32_t n = out->servers.n;
	struct misp_sgserver *v = ARENA_ARRAY(a, struct misp_sgserver, in->servers.n + n + 1);
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for %u servers", in->servers.n);
	if (n)
		memcpy(v, out->servers.v, n * sizeof(*v));
	LIST_EACH(s, in->servers, struct misp_sgserver) {
		struct str url = sgserver_url(s);
		uint64_t id = 0;
		if (!names_us(s, facts)) {
			enum err e = url.n ? store_find(store_view(w), IX_PEER_URL, url, &id) : ERR_NOENT;
			if (e == ERR_NOENT)
				continue;
			TRY(e);
		}
		uint32_t i = 0;
		while (i < n && v[i].server_id != id)
			i++;
		if (i < n)
			continue;
		v[n++] = (struct misp_sgserver){.server_id = id};
		*changed = true;
	}
	out->servers = (struct entity_list){v, n};
	return ERR_OK;
}

/* May the caller's organisation use it (sync-protocol.md 6.4)? */
static bool sg_usable(const struct misp_sg *g, const struct admit_facts *facts)
{
	bool usable = facts->site_admin || (facts->org_id && g->org_id == facts->org_id);
	LIST_EACH(s, g->servers, struct misp_sgserver)
		usable |= s->server_id == 0 && s->all_orgs;
	LIST_EACH(o, g->orgs, struct misp_sgorg)
		usable |= o->org_id == facts->org_id && facts->org_id;
	return usable;
}

/* Is it open to all of this node? Then nobody has to join. */
static bool sg_open_here(const struct misp_sg *g, const struct admit_facts *facts)
{
	bool open = false;
	LIST_EACH(s, g->servers, struct misp_sgserver)
		open |= names_us(s, facts) && s->all_orgs;
	return open;
}

static enum err sg_members(struct store_wtxn *w, struct arena *a, const struct misp_sg *in,
			   struct misp_sg *out, const struct admit_facts *facts, bool joins,
			   bool *changed, struct fail *f)
{
	uint32_t max = in->orgs.n + out->orgs.n + 1, n = out->orgs.n;
	struct misp_sgorg *v = ARENA_ARRAY(a, struct misp_sgorg, max);
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for %u organisations", max);
	if (n)
		memcpy(v, out->orgs.v, n * sizeof(*v));
	LIST_EACH(o, in->orgs, struct misp_sgorg) {
		struct misp_org org = {.uuid = o->uuid, .name = o->name};
		uint64_t id;
		if (o->org.n)
			org = *LIST_AT(o->org, struct misp_org, 0);
		if (uuid_is_nil(org.uuid) && !org.name.n)
			continue;
		TRY(ingest_org_capture(w, &org, false, &id, f));
		uint32_t i = 0;
		while (i < n && v[i].org_id != id)
			i++;
		if (i < n && v[i].extend == o->extend)
			continue;
		v[i] = (struct misp_sgorg){.org_id = id, .extend = o->extend};
		n = MAX(n, i + 1);
		*changed = true;
	}
	/* the importing organisation must be able to see its data */
	uint32_t i = 0;
	joins = joins && facts->org_id && !facts->site_admin && !sg_open_here(in, facts);
	while (i < n && v[i].org_id != facts->org_id)
		i++;
	if (i == n && joins) {
		v[n++] = (struct misp_sgorg){.org_id = facts->org_id};
		*changed = true;
	}
	out->orgs = (struct entity_list){v, n};
	return ERR_OK;
}

enum err ingest_sg_capture(struct store_wtxn *w, const struct misp_sg *g,
			   const struct admit_facts *facts, bool joins, uint64_t *id,
			   struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(4 << 20);
	struct misp_sg row = {0};
	bool changed = false;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = uuid_is_nil(g->uuid) ? ERR_NOENT
					  : store_find(store_view(w), IX_SG_UUID, uuid_key(&g->uuid), id);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	if (e == ERR_OK) {
		TRY(store_get(store_view(w), T_SG, *id, a, &row));
		TRY(entity_copy(a, &desc_misp_sg, &row, &row));
		/* who is not in it cannot get in by naming it: stricter than MISP, where a sync
		   user joins any group of which it knows the UUID */
		if (facts->push && !sg_usable(&row, facts) && row.sync_user_id != facts->user_id)
			return fail(f, ERR_PERM, "sharing group may not be used");
		bool newer = !g->modified.n || str_cmp(g->modified, row.modified) > 0;
		if (!newer || !(facts->site_admin || (facts->perm_sync && !row.local)))
			return ERR_OK;
		row.name = g->name.n ? g->name : row.name;
		row.releasability = g->releasability.p ? g->releasability : row.releasability;
		row.description = g->description.p ? g->description : row.description;
		row.modified = g->modified.n ? g->modified : now_text(a);
		if (g->modified.n)
			row.roaming = g->roaming;
		changed = true;
	} else {
		if (!g->name.n || !sg_allowed(g, facts))
			return fail(f, ERR_PERM, "sharing group may not be created");
		row = *g;
		row.orgs = row.servers = (struct entity_list){0};
		row.local = false;
		row.active = true;
		if (!row.created.n)
			row.created = now_text(a);
		if (!row.modified.n)
			row.modified = now_text(a);
		row.org_id = facts->org_id;
		row.sync_user_id = facts->perm_sync ? facts->user_id : 0;
		if (uuid_is_nil(row.uuid))
			row.uuid = uuid_random();
		if (g->organisation.n) {
			const struct misp_org *o = LIST_AT(g->organisation, struct misp_org, 0);
			TRY(ingest_org_capture(w, o, false, &row.org_id, f));
			row.organisation_uuid = o->uuid;
		}
		*id = row.id = store_new_row_id(w, T_SG);
	}
	TRY(sg_members(w, a, g, &row, facts, joins, &changed, f));
	TRY(sg_servers(w, a, g, &row, facts, &changed, f));
	if (!changed && e == ERR_OK)
		return ERR_OK;
	TRY(store_put(w, T_SG, *id, &row, f));
	struct change ch = {.op = e == ERR_OK ? CHANGE_EDIT : CHANGE_ADD,
			    .kind = CHANGE_TABLE(T_SG),
			    .id = *id,
			    .uuid = row.uuid,
			    .time = clock_now()};
	return store_change(w, &ch, f);
}

enum err ingest_facts_groups(const struct ingest_env *env, struct raw_event *raw,
			     struct admit_facts *facts, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = NULL;
	struct misp_sg g;
	enum err e;
	facts->groups = NULL;
	facts->n_groups = 0;
	TRY(store_read(env->store, &t, f));
	uint64_t n = store_count(t, T_SG), id = 0;
	if (!n)
		return ERR_OK;
	uint64_t *ids = ARENA_ARRAY(raw_arena(raw), uint64_t, n);
	a = arena_new(SG_ARENA);
	if (!ids || !a)
		return fail(f, ERR_NOMEM, "no memory for sharing groups");
	while ((e = store_next(t, T_SG, &id, a, &g)) == ERR_OK) {
		if (sg_usable(&g, facts) && facts->n_groups < n)
			ids[facts->n_groups++] = id;
		arena_reset(a);
	}
	facts->groups = ids;
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading sharing groups");
}

/* The group of an event or element: embedded, or by local id. What cannot be resolved becomes
   "your organisation only" (`refused` tells the caller, who may rather refuse). */
enum err ingest_capture_sg_of(struct ingest_ctx *c, struct store_wtxn *w,
			      const struct entity_list *group, bool joins,
			      uint8_t *distribution, uint64_t *sg_id, bool *refused,
			      struct fail *f)
{
	struct misp_sg known;
	struct fail why = {0};
	*refused = false;
	if (*distribution != DIST_GROUP) {
		*sg_id = 0;
		return ERR_OK;
	}
	enum err e = ERR_PERM;
	if (group->n)
		e = ingest_sg_capture(w, LIST_AT(*group, struct misp_sg, 0), c->facts, joins, sg_id,
				      &why);
	else if (*sg_id)
		e = store_get(store_view(w), T_SG, *sg_id, NULL, &known);
	if (e == ERR_OK)
		return ERR_OK;
	if (e != ERR_PERM && e != ERR_NOENT && e != ERR_INVAL) {
		if (f)
			*f = why;
		return e;
	}
	*refused = true;
	*distribution = DIST_ORG;
	*sg_id = 0;
	return ERR_OK;
}

/* ---- galaxies ---- */

/* May the sender tell us what tags stand for? */
static bool names_galaxies(const struct admit_facts *facts)
{
	return facts->perm_galaxy_editor || facts->site_admin || facts->pull ||
	       facts->kind == AUD_FEED;
}

/* A cluster of the public libraries: taken when it is not known. */
static enum err library_cluster(struct ingest_ctx *c, struct store_wtxn *w,
				struct misp_cluster *cl, struct misp_galaxy *g, struct fail *f)
{
	uint64_t id;
	TRY(ingest_galaxy_capture(w, c->facts, g, &cl->galaxy_id, f));
	if (!cl->galaxy_id)
		return ERR_OK;
	enum err e = store_find(store_view(w), IX_CLUSTER_UUID, uuid_key(&cl->uuid), &id);
	if (e != ERR_NOENT)
		return e;
	cl->relations = (struct entity_list){0};
	cl->id = store_new_row_id(w, T_CLUSTER);
	TRY(store_put(w, T_CLUSTER, cl->id, cl, f));
	return ingest_cluster_change(w, CHANGE_ADD, cl, c->origin, f);
}

enum err ingest_capture_cluster(struct ingest_ctx *c, struct store_wtxn *w, struct misp_cluster *cl,
			 struct misp_galaxy *g, struct fail *f)
{
	struct cluster_capture got;
	if (!cl->tag_name.n || !cl->value.n || uuid_is_nil(cl->uuid) || !names_galaxies(c->facts))
		return ERR_OK;
	if (cl->default_)
		return library_cluster(c, w, cl, g, f);
	OWN(arena) struct arena *a = arena_new(16u << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	return ingest_cluster_capture(w, c->facts, c->origin, cl, g, a, &got, f);
}
