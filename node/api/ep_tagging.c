/*
 * ep_tagging.c - attaching tags to events and attributes, and taking them off: tags/attachTagToObject,
 * events/addTag and their kin. Texts as recorded (wire/client, tags). Rules: rest-api.md 7.1.
 */
#include "api/rest.h"
#include "model/pack.h"
#include "taxonomies/taxo.h"

#define TAGS_PER_CALL 1000u

/* What is to be tagged. */
struct target {
	enum element_kind kind; /* EL_ATTR, or EL_COUNT for an event */
	uint64_t id;
	struct misp_event e;
	struct entity_list tags; /* that it has */
};

static const char *kind_name(const struct target *t)
{
	return t->kind == EL_ATTR ? "Attribute" : "Event";
}

static enum err find_target(struct http_req *r, struct str id, bool events, bool attributes,
			    struct target *t, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_attr a;
	TRY(rest_view(r, &v, f));
	enum err e = events ? view_event(v, id, r->arena, &t->e, f) : ERR_NOENT;
	if (e == ERR_OK) {
		t->kind = EL_COUNT;
		t->id = t->e.id;
		t->tags = t->e.tags;
		return e;
	}
	if (e != ERR_NOENT || !attributes)
		return e;
	TRY(view_attr(v, id, r->arena, &t->e, &a, f));
	if (a.deleted)
		return fail(f, ERR_NOENT, "deleted");
	t->kind = EL_ATTR;
	t->id = a.id;
	t->tags = a.tags;
	return ERR_OK;
}

static bool is_host_user(struct http_req *r)
{
	return may(r, perm_site_admin) || me(r)->user.org_id == api_of(r)->egress.host_org_id;
}

/* Global tags are the creator's, local ones the host organisation's. */
static bool may_tag(struct http_req *r, const struct target *t, bool local)
{
	if (may(r, perm_site_admin))
		return true;
	if (t->e.is_protected && !local && rest_facts(r).wants_signature)
		return false;
	return local ? is_host_user(r) : t->e.orgc_id == me(r)->user.org_id;
}

static const struct misp_tagref *attached(const struct target *t, uint64_t tag_id)
{
	LIST_EACH(ref, t->tags, struct misp_tagref)
		if (ref->tag_id == tag_id)
			return ref;
	return NULL;
}

/* ---- tags by number or name ---- */

/* `listed`: only if the caller may know it. */
static enum err find_tag(struct http_req *r, struct str s, bool names, bool listed,
			 struct misp_tag *tag, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_tag row;
	uint64_t id;
	TRY(rest_view(r, &v, f));
	const struct store_rtxn *t = view_txn(v);
	if (!str_u64(s, &id)) {
		enum err e = names ? store_find(t, IX_TAG_NAME, s, &id) : ERR_NOENT;
		if (e != ERR_OK)
			return e;
	}
	TRY(store_get(t, T_TAG, id, r->arena, &row));
	TRY(entity_copy(r->arena, &desc_misp_tag, &row, tag));
	if (listed)
		TRY(rest_tag_listed(r, v, tag, &listed));
	else
		listed = true;
	return listed ? ERR_OK : ERR_NOENT;
}

struct make {
	struct misp_tagref ref;
	uint64_t id;
};

static enum err run_make(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct make *m = arg;
	return ingest_tag_capture(w, &m->ref, &m->id, f);
}

static bool is_number(struct str s)
{
	uint64_t n;
	return str_u64(s, &n);
}

const char *rest_tag_wanted(struct http_req *r, struct str s, struct misp_tag *tag, struct fail *f)
{
	struct make m = {.ref = {.name = str_trim(s)}};
	char colour[8]; /* TLP and PAP are for everybody who tags */
	enum err e = find_tag(r, m.ref.name, true, true, tag, f);
	if (e == ERR_OK)
		return NULL;
	if (is_number(s))
		return "Invalid Tag.";
	if (!may(r, perm_tag_editor) && !taxo_marking_colour(m.ref.name, colour))
		return "Tag not found and insufficient privileges to create it.";
	if (rest_write(r, run_make, &m, f) != ERR_OK ||
	    find_tag(r, rest_id(r, m.id), false, false, tag, f) != ERR_OK)
		return "Unable to create tag. Reason: invalid name.";
	return NULL;
}

static const char *tag_forbidden(struct http_req *r, const struct misp_tag *tag, bool local)
{
	const struct misp_user *u = &me(r)->user;
	if (!may(r, perm_site_admin)) {
		if (tag->org_id && tag->org_id != u->org_id)
			return "Invalid Tag. This tag can only be set by a fixed organisation.";
		if (tag->user_id && tag->user_id != u->id)
			return "Invalid Tag. This tag can only be set by a fixed user.";
	}
	if (tag->local_only && !local)
		return "Invalid Tag. This tag can only be set as a local tag.";
	return NULL;
}

/* Refused until a second person approves: answered, with the number under which it waits. */
static bool two_persons(struct http_req *r, enum err e, const struct fail *f)
{
	if (e == ERR_PERM)
		reply_error(r, 403, "%s", f->text);
	return e == ERR_PERM;
}

/* ---- tags/attachTagToObject ---- */

struct outcome {
	unsigned done, failed;
	struct misp_tag last;
	json_t *existing; /* names */
	json_t *reasons; /* "0": why, "1": ... */
};

static void note_failure(struct outcome *o, const char *why)
{
	char key[16];
	snprintf(key, sizeof(key), "%u", o->failed++);
	json_object_set_new(o->reasons, key, json_string(why));
}

static enum err attach_one(struct http_req *r, const struct target *t, struct str name, bool local,
			   struct str relationship, struct outcome *o, struct fail *f)
{
	struct misp_tag tag;
	struct fail why = {0};
	bool already = false;
	struct origin origin = rest_origin(r);
	if (local && !is_host_user(r)) {
		note_failure(o, "Local tags can only be added by users of the host organisation.");
		return ERR_OK;
	}
	const char *fault = rest_tag_wanted(r, name, &tag, &why);
	if (!fault)
		fault = tag_forbidden(r, &tag, local);
	if (fault) {
		note_failure(o, fault);
		return ERR_OK;
	}
	TRY(ingest_tag_attach(&api_of(r)->ingest, t->kind, t->id, tag.id, local, relationship,
			      &origin, &already, f));
	o->done++;
	o->last = tag;
	if (already)
		json_array_append_new(o->existing, json_stringn(tag.name.p, tag.name.n));
	return ERR_OK;
}

/* MISP's sentences about what was done. */
static struct str tell(struct http_req *r, const struct target *t, const struct outcome *o,
		       bool local)
{
	struct str done = STR_NONE, failed = STR_NONE;
	struct misp_tag tag = o->last;
	size_t existing = json_array_size(o->existing);
	if (o->done == 1 && existing)
		done = arena_printf(r->arena,
				    "%s already has the requested tag attached, no changes had to be "
				    "made for tag %.*s.",
				    kind_name(t), STR_ARG(tag.name));
	else if (o->done == 1)
		done = arena_printf(r->arena, "%s tag %.*s(%llu) successfully attached to %s(%llu).",
				    local ? "Local" : "Global", STR_ARG(tag.name),
				    (unsigned long long)tag.id, kind_name(t),
				    (unsigned long long)t->id);
	else if (o->done)
		done = arena_printf(r->arena, "Successfully attached %u tags to %s (%llu).", o->done,
				    kind_name(t), (unsigned long long)t->id);
	if (o->done > 1 && existing) {
		char *names = json_dumps(o->existing, JSON_COMPACT);
		done = arena_printf(r->arena,
				    "%.*s %llu already has the requested tag attached, no changes had "
				    "to be made for tags %s.",
				    STR_ARG(done), (unsigned long long)t->id, names ? names : "");
		free(names);
	}
	if (o->failed) {
		char *why = json_dumps(o->reasons, JSON_COMPACT);
		failed = arena_printf(r->arena, "Failed to attach %u tags. Reasons: %s", o->failed,
				      why ? why : "");
		free(why);
	}
	if (done.n && failed.n)
		return arena_printf(r->arena, "%.*s\n%.*s", STR_ARG(done), STR_ARG(failed));
	return done.n ? done : failed;
}

/* The target of the call's uuid, if its tags may be changed; or answered. */
static bool target_of_body(struct http_req *r, const json_t *body, bool local, struct target *t,
			   struct fail *f)
{
	struct fail why = {0};
	struct uuid u;
	struct str uuid = rest_text(r, body, "uuid");
	(void)f;
	if (!uuid_parse(uuid, &u) || find_target(r, uuid, true, true, t, &why) != ERR_OK) {
		reply_error(r, 404, "Invalid Target.");
		return false;
	}
	if (may_tag(r, t, local) || local)
		return true;
	reply_error(r, 403,
		    "Cannot alter the tags of this data, only the organisation that has created the "
		    "data (orgc) can modify global tags.");
	return false;
}

static enum err attach_all(struct http_req *r, const json_t *body, const struct target *t,
			   bool local, struct outcome *o, struct fail *f)
{
	json_t *tag = json_object_get(body, "tag"), *item;
	struct str relationship = rest_text(r, body, "relationship_type");
	size_t i;
	if (!json_is_array(tag))
		return attach_one(r, t, rest_text(r, body, "tag"), local, relationship, o, f);
	json_array_foreach(tag, i, item) {
		json_t *wrapped = json_pack("{sO}", "tag", item);
		struct str name = rest_text(r, wrapped, "tag");
		enum err e = i < TAGS_PER_CALL ? attach_one(r, t, name, local, relationship, o, f)
					       : ERR_LIMIT;
		json_decref(wrapped);
		TRY(e);
	}
	return ERR_OK;
}

static enum err attach(struct http_req *r, struct fail *f)
{
	struct target t;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	json_t *tag = json_object_get(body, "tag");
	bool local = rest_flag(body, "local", false);
	if (!json_truthy(tag)) {
		reply_error(r, 405, "Invalid tag");
		return ERR_OK;
	}
	if (!target_of_body(r, body, local, &t, f))
		return ERR_OK;
	struct outcome o = {.existing = json_array(), .reasons = json_object()};
	enum err e = attach_all(r, body, &t, local, &o, f);
	struct str text = tell(r, &t, &o, local);
	json_decref(o.existing);
	json_decref(o.reasons);
	if (two_persons(r, e, f))
		return ERR_OK;
	TRY(e);
	me(r)->url = STR("/tags/attachTagToObject");
	char *c = arena_cstr(r->arena, text);
	if (o.done)
		rest_saved(r, STR_NONE, "%s", c ? c : "");
	else
		rest_not_saved(r, "attachTagToObject", "Tag", STR_NONE, rest_quoted(r, c ? c : ""));
	return ERR_OK;
}

/* ---- tags/removeTagFromObject ---- */

static enum err detach(struct http_req *r, struct fail *f)
{
	struct target t;
	struct misp_tag tag;
	struct fail why = {0};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str name = rest_text(r, body, "tag"), uuid = rest_text(r, body, "uuid");
	bool there = name.n && find_tag(r, name, true, false, &tag, &why) == ERR_OK;
	bool target = find_target(r, uuid, true, true, &t, &why) == ERR_OK;
	/* what he sees attached he may name, be it in no list */
	if (!there || (!(target && attached(&t, tag.id)) &&
		       find_tag(r, name, true, true, &tag, &why) != ERR_OK)) {
		reply_error(r, 405, "Invalid Tag.");
		return ERR_OK;
	}
	if (!target) {
		reply_error(r, 404, "Invalid Target.");
		return ERR_OK;
	}
	const struct misp_tagref *ref = attached(&t, tag.id);
	bool local = ref && ref->local;
	if (!may_tag(r, &t, local)) {
		reply_error(r, 403,
			    "Cannot alter the tags of this data, only the organisation that has "
			    "created the data (orgc) can modify global tags.");
		return ERR_OK;
	}
	struct origin origin = rest_origin(r);
	enum err e = ref ? ingest_tag_detach(&api_of(r)->ingest, t.kind, t.id, tag.id, &origin, f)
			 : ERR_NOENT;
	if (e == ERR_NOENT) {
		reply_error(r, 404, "Could not remove tag as it is not attached to the target %s",
			    kind_name(&t));
		return ERR_OK;
	}
	if (two_persons(r, e, f))
		return ERR_OK;
	TRY(e);
	me(r)->url = STR("/tags/removeTagFromObject");
	rest_saved(r, STR_NONE, "%s tag %.*s (%llu) successfully removed from %s(%llu).",
		   local ? "Local" : "Global", STR_ARG(tag.name), (unsigned long long)tag.id,
		   kind_name(&t), (unsigned long long)t.id);
	return ERR_OK;
}

/* ---- events/addTag and its kin: short answers, always 200 ---- */

static void answer_short(struct http_req *r, const char *done, const char *fault)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", !fault);
	if (fault) {
		JSONW_KV(&w, jsonw_c, "errors", fault);
	} else {
		JSONW_KV(&w, jsonw_c, "success", done);
		JSONW_KV(&w, jsonw_bool, "check_publish", true);
	}
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* Tag number from the path or the body (bare, in `request`, in `Event` or `Attribute`). */
static struct str short_tag(struct http_req *r, const json_t *body)
{
	struct str s = req_arg(r, "tag");
	if (!s.p)
		s = rest_text(r, body, "tag");
	if (!s.p)
		s = rest_text(r, json_object_get(body, "Event"), "tag");
	if (!s.p)
		s = rest_text(r, json_object_get(body, "Attribute"), "tag");
	return s;
}

struct short_call {
	struct target t;
	struct misp_tag tag;
	const struct misp_tagref *ref;
	bool local;
};

/* Resolve a call; false and answered when it does not hold. */
static bool short_begin(struct http_req *r, bool of_event, struct short_call *c, struct fail *f)
{
	struct fail why = {0};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return false;
	if (find_target(r, req_arg(r, "id"), of_event, !of_event, &c->t, &why) != ERR_OK) {
		reply_error(r, 404, of_event ? "Invalid event" : "Invalid attribute");
		return false;
	}
	struct str local = rest_param(r, body, "local");
	c->local = local.n && !str_is(local, "0") && !str_is(local, "false");
	if (find_tag(r, short_tag(r, body), false, false, &c->tag, &why) == ERR_OK)
		c->ref = attached(&c->t, c->tag.id);
	if (!c->ref && find_tag(r, short_tag(r, body), false, true, &c->tag, &why) != ERR_OK) {
		answer_short(r, NULL, "Invalid Tag.");
		return false;
	}
	return true;
}

/* "collection_7": its tags, as far as this caller may set them. */
static enum err add_collection(struct http_req *r, bool of_event, struct str number, struct fail *f)
{
	struct short_call c = {0};
	struct fail why = {0};
	const uint64_t *ids;
	size_t n = 0, done = 0;
	if (find_target(r, req_arg(r, "id"), of_event, !of_event, &c.t, &why) != ERR_OK) {
		reply_error(r, 404, of_event ? "Invalid event" : "Invalid attribute");
		return ERR_OK;
	}
	c.local = str_is(req_param(r, "local"), "1");
	if (!may_tag(r, &c.t, c.local)) {
		answer_short(r, NULL, "You do not have permission to do that.");
		return ERR_OK;
	}
	if (rest_collection_tags(r, number, &ids, &n) != ERR_OK) {
		answer_short(r, NULL, "Invalid tag collection.");
		return ERR_OK;
	}
	struct origin origin = rest_origin(r);
	for (size_t i = 0; i < n; i++) {
		bool already = false;
		if (find_tag(r, rest_id(r, ids[i]), false, true, &c.tag, &why) != ERR_OK ||
		    tag_forbidden(r, &c.tag, c.local))
			continue;
		enum err e = ingest_tag_attach(&api_of(r)->ingest, c.t.kind, c.t.id, c.tag.id, c.local,
					       STR_NONE, &origin, &already, f);
		if (two_persons(r, e, f))
			return ERR_OK;
		TRY(e);
		done += !already;
	}
	answer_short(r, "Tag(s) added.", done ? NULL : "All tags are already attached or could not be attached.");
	return ERR_OK;
}

static enum err short_add(struct http_req *r, bool of_event, struct fail *f)
{
	static const struct str collection = {"collection_", sizeof("collection_") - 1};
	struct short_call c;
	bool already = false;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str named = short_tag(r, body);
	if (str_has_prefix(named, collection))
		return add_collection(r, of_event, str_sub(named, collection.n, named.n), f);
	if (!short_begin(r, of_event, &c, f))
		return ERR_OK;
	const char *fault = tag_forbidden(r, &c.tag, c.local);
	if (!may_tag(r, &c.t, c.local))
		fault = "You do not have permission to do that.";
	struct origin origin = rest_origin(r);
	enum err e = ERR_OK;
	if (!fault)
		e = ingest_tag_attach(&api_of(r)->ingest, c.t.kind, c.t.id, c.tag.id, c.local,
				      STR_NONE, &origin, &already, f);
	if (two_persons(r, e, f))
		return ERR_OK;
	TRY(e);
	if (already)
		fault = of_event ? "Tag is already attached to this event."
				 : "Tag is already attached to this attribute.";
	answer_short(r, "Tag added.", fault);
	return ERR_OK;
}

static enum err short_remove(struct http_req *r, bool of_event, struct fail *f)
{
	struct short_call c;
	const char *fault = NULL;
	if (!short_begin(r, of_event, &c, f))
		return ERR_OK;
	if (!may_tag(r, &c.t, c.ref && c.ref->local))
		fault = "You do not have permission to do that.";
	else if (!c.ref)
		fault = of_event ? "Invalid event - tag combination."
				 : "Invalid attribute - tag combination.";
	struct origin origin = rest_origin(r);
	enum err e = ERR_OK;
	if (!fault)
		e = ingest_tag_detach(&api_of(r)->ingest, c.t.kind, c.t.id, c.tag.id, &origin, f);
	if (two_persons(r, e, f))
		return ERR_OK;
	TRY(e);
	answer_short(r, "Tag removed.", fault);
	return ERR_OK;
}

static enum err events_add_tag(struct http_req *r, struct fail *f)
{
	return short_add(r, true, f);
}

static enum err events_remove_tag(struct http_req *r, struct fail *f)
{
	return short_remove(r, true, f);
}

static enum err attributes_add_tag(struct http_req *r, struct fail *f)
{
	return short_add(r, false, f);
}

static enum err attributes_remove_tag(struct http_req *r, struct fail *f)
{
	return short_remove(r, false, f);
}

const struct endpoint ep_tags_attach = {
	.methods = HTTP_POST,
	.path = "/tags/attachTagToObject",
	.auth = perm_tagger,
	.run = attach,
	.shape = "Saved",
	.takes = "AttachIn",
	.doc = "Attach one or several tags to an event or attribute (uuid, tag, local)",
};
const struct endpoint ep_tags_remove = {
	.methods = HTTP_POST,
	.path = "/tags/removeTagFromObject",
	.auth = perm_tagger,
	.run = detach,
	.shape = "Saved",
	.takes = "AttachIn",
	.doc = "Take a tag off an event or attribute",
};
const struct endpoint ep_events_add_tag = {
	.methods = HTTP_POST,
	.path = "/events/addTag/:id/:tag",
	.auth = perm_tagger,
	.run = events_add_tag,
	.shape = "TagDone",
	.takes = "TagOfIn",
	.doc = "Attach a tag, by its id, to an event",
};
const struct endpoint ep_events_remove_tag = {
	.methods = HTTP_POST,
	.path = "/events/removeTag/:id/:tag",
	.auth = perm_tagger,
	.run = events_remove_tag,
	.shape = "TagDone",
	.takes = "TagOfIn",
	.doc = "Take a tag, by its id, off an event",
};
const struct endpoint ep_attributes_add_tag = {
	.methods = HTTP_POST,
	.path = "/attributes/addTag/:id/:tag",
	.auth = perm_tagger,
	.run = attributes_add_tag,
	.shape = "TagDone",
	.takes = "TagOfIn",
	.doc = "Attach a tag, by its id, to an attribute",
};
const struct endpoint ep_attributes_remove_tag = {
	.methods = HTTP_POST,
	.path = "/attributes/removeTag/:id/:tag",
	.auth = perm_tagger,
	.run = attributes_remove_tag,
	.shape = "TagDone",
	.takes = "TagOfIn",
	.doc = "Take a tag, by its id, off an attribute",
};
