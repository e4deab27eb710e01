/*
 * audit.c - requests as records of the audit log.
 *
 * Of paths only what the endpoint's row says is recorded, and numbers and UUIDs among their
 * parameters: anything else may be a value that somebody looks for.
 */
#include "api/audit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/rest.h"

static const struct {
	const char *controller, *kind;
	enum audit_action action;
} nouns[] = {
#define NOUN(controller, kind, action) {controller, kind, AUDIT_##action},
#include "api/audit_paths.inc"
#undef NOUN
};

static const struct {
	const char *begins;
	enum audit_action action;
} verbs[] = {
#define VERB(begins, action) {begins, AUDIT_##action},
#include "api/audit_paths.inc"
#undef VERB
};

/* ---- what a row is ---- */

/* The next part of a path that is no parameter. */
static struct str part(struct str *path)
{
	struct str p, rest = *path;
	do
		rest = str_split(rest, '/', &p);
	while (rest.p && !p.n);
	*path = rest;
	return p.n && p.p[0] == ':' ? STR("") : p;
}

static bool is_read(enum audit_action a)
{
	return a == AUDIT_read || a == AUDIT_export;
}

static struct audit_class class_of(const struct endpoint *ep)
{
	struct str path = str_c(ep->path), noun = part(&path), verb;
	struct audit_class c = {.action = AUDIT_write, .kind = "other"};
	size_t i = 0;
	if (str_is(noun, "admin") || str_is(noun, "tocsin"))
		noun = part(&path);
	verb = part(&path);
	while (i < ARRAY_LEN(nouns) && !str_is(noun, nouns[i].controller))
		i++;
	if (i < ARRAY_LEN(nouns)) {
		c.kind = nouns[i].kind;
		c.action = nouns[i].action;
	}
	if (c.action == AUDIT_audit) /* reading the log is told as such */
		return c;
	bool plain = c.action == AUDIT_write;
	const struct str words[] = {verb, noun};
	for (size_t k = 0; k < ARRAY_LEN(words); k++)
		for (i = 0; words[k].n && i < ARRAY_LEN(verbs); i++) {
			if (!str_has_prefix(words[k], str_c(verbs[i].begins)))
				continue;
			if (plain || is_read(verbs[i].action) || verbs[i].action == AUDIT_setting)
				c.action = verbs[i].action;
			c.changes = !is_read(c.action);
			return c;
		}
	if (!(ep->methods & ~(unsigned)HTTP_READ))
		c.action = AUDIT_read;
	c.changes = !is_read(c.action);
	return c;
}

/* Words are compared once for each row, not once for each request. */
static struct audit_class classes[] = {
#define ENDPOINT(row) {0},
#include "api/endpoints.inc"
#undef ENDPOINT
};
static pthread_once_t classes_once = PTHREAD_ONCE_INIT;

static void classes_fill(void)
{
	for (size_t i = 0; i < api_rows_n; i++)
		classes[i] = class_of(api_rows[i]);
}

const struct audit_class *api_audit_class(const struct http_req *r)
{
	pthread_once(&classes_once, classes_fill);
	return &classes[r->row];
}

struct audit_class api_audit_class_of(const struct endpoint *ep)
{
	return class_of(ep);
}

/* ---- who ---- */

static struct audit_who who_of(const struct http_req *r, const struct api_user *u)
{
	struct audit_who w = {.address = str_c(r->peer.addr)};
	if (!u || !u->user.id)
		return w;
	w.id = u->user.id;
	w.org = u->org.uuid;
	w.key_id = u->key.id;
	w.name = u->user.email;
	w.kind = r->peer.is_unix && !u->key.id ? AUDIT_BY_TOOL : AUDIT_BY_USER;
	if (w.kind == AUDIT_BY_TOOL)
		w.address = arena_printf(r->arena, "uid %u", (unsigned)r->peer.uid);
	return w;
}

struct audit_who api_audit_who(const struct http_req *r)
{
	return who_of(r, r->user);
}

/* The object that the path names, if it does so by number or UUID. */
static void object_of(const struct http_req *r, struct audit_entry *e)
{
	for (size_t i = 0; i < r->args_n; i++)
		if (str_u64(r->args[i], &e->id) || uuid_parse(r->args[i], &e->object))
			return;
}

/* ---- changes, with their transaction ---- */

struct audit_scope {
	struct store_witness base; /* first */
	struct audit_entry e;
	struct audit_class class;
	atomic_bool recorded;
	char name[AUDIT_NAME_MAX], address[64], path[AUDIT_TEXT_MAX];
};

static const char *const table_kinds[STORE_TABLE_COUNT] = {
	[T_ORG] = "organisation", [T_USER] = "user",	     [T_AUTHKEY] = "key",
	[T_ROLE] = "role",	  [T_TAG] = "tag",	     [T_SG] = "sharing_group",
	[T_GALAXY] = "galaxy",	  [T_CLUSTER] = "cluster",   [T_PEER] = "peer",
	[T_FEED] = "feed",	  [T_BLOCK] = "blocklist",   [T_SETTING] = "setting",
	[T_ANALYST] = "analyst",  [T_EVENT] = "event",
	[T_EXCLUSION] = "exclusion",
	[T_ALLOWED] = "allowed_value",
	[T_REGEXP] = "import_regex",
	[T_TEMPLATE] = "object_template",
	[T_WARNLIST] = "warning_list",
	[T_NOTICELIST] = "notice_list",
	[T_DECAY] = "decaying_model",
	[T_DELEGATION] = "delegation",
	[T_INBOX] = "inbox",
	[T_TAGCOLL] = "tag_collection",
	[T_SAVED] = "saved_search",
	[T_SUBSCR] = "subscription",
	[T_TAXII] = "taxii_server",
};
static const char *const element_kinds[EL_COUNT] = {
	[EL_ATTR] = "attribute",    [EL_OBJECT] = "object",	[EL_REF] = "reference",
	[EL_REPORT] = "report",	    [EL_PROPOSAL] = "proposal", [EL_SIGHTING] = "sighting",
	[EL_CLUSTER] = "cluster",   [EL_ANALYST] = "analyst",
};

static const char *kind_of(const struct change *c)
{
	if (c->kind < STORE_TABLE_COUNT)
		return table_kinds[c->kind];
	return c->kind >= 128 && c->kind < 128 + EL_COUNT ? element_kinds[c->kind - 128] : NULL;
}

/* The change that is told: of the kind that the endpoint is about, or the event's, or the first. */
static const struct change *main_change(const struct audit_scope *s, const struct change *c, size_t n)
{
	const struct change *event = NULL;
	for (size_t i = 0; i < n; i++) {
		const char *kind = kind_of(&c[i]);
		if (kind && strcmp(kind, s->class.kind) == 0)
			return &c[i];
		if (c[i].kind == CHANGE_TABLE(T_EVENT))
			event = &c[i];
	}
	return event ? event : c;
}

static enum err witness(struct store_witness *base, struct store_wtxn *w, const struct change *c,
			size_t n, struct fail *f)
{
	struct audit_scope *s = (struct audit_scope *)base;
	const struct change *m = main_change(s, c, n);
	struct audit_entry e = s->e;
	e.kind = kind_of(m);
	e.id = m->id;
	e.object = m->uuid;
	e.count = n;
	TRY(audit_add(w, &e, f));
	atomic_store(&s->recorded, true);
	return ERR_OK;
}

static void scope_free(struct store_witness *base)
{
	free(base);
}

static struct str keep(char *to, size_t max, struct str s)
{
	size_t n = MIN(s.n, max);
	if (n)
		memcpy(to, s.p, n);
	return (struct str){to, n};
}

void api_audit_admitted(struct http_req *r)
{
	struct api_user *u = r->user;
	const struct audit_class *class = api_audit_class(r);
	u->may = true;
	if (!class->changes || !api_of(r)->audit)
		return;
	struct audit_scope *s = calloc(1, sizeof(*s));
	if (!s)
		return; /* recorded when it is done, then */
	s->base.run = witness;
	s->base.free = scope_free;
	atomic_init(&s->base.refs, 1);
	s->class = *class;
	s->e.action = class->action;
	s->e.who = who_of(r, u);
	s->e.who.name = keep(s->name, sizeof(s->name), s->e.who.name);
	s->e.who.address = keep(s->address, sizeof(s->address), s->e.who.address);
	s->e.text = keep(s->path, sizeof(s->path), str_c(r->ep->path));
	u->scope = s;
}

void api_audit_around(struct http_req *r, bool begins)
{
	const struct api_user *u = r->user;
	store_witness_set(begins && u && u->scope ? &u->scope->base : NULL);
}

void api_audit_gone(struct http_req *r)
{
	struct api_user *u = r->user;
	if (u && u->scope)
		store_witness_unref(&MOVE(u->scope)->base);
}

/* ---- the rest, without waiting ---- */

void api_audit_refused(const struct http_req *r, const struct api_user *u, const char *why)
{
	struct audit_entry e = {.action = AUDIT_key_refused,
				.outcome = AUDIT_REFUSED,
				.who = who_of(r, u),
				.text = str_c(why)};
	audit_later(api_of(r)->audit, &e);
}

static void login(const struct http_req *r)
{
	struct audit_entry e = {.action = AUDIT_login, .who = api_audit_who(r)};
	audit_later(api_of(r)->audit, &e);
}

void api_audit_done(const struct http_req *r, const struct http_done *d)
{
	const struct api_user *u = r->user;
	if (!r->ep || !u || !api_of(r)->audit)
		return;
	const struct audit_class *class = api_audit_class(r);
	struct audit_entry e = {.action = class->action,
				.who = api_audit_who(r),
				.kind = class->kind,
				.status = (unsigned)d->status,
				.text = str_c(r->ep->path)};
	if (d->status >= 400)
		e.outcome = d->status == 403 ? AUDIT_REFUSED : AUDIT_FAILED;
	object_of(r, &e);
	if (!u->may)
		e.action = AUDIT_refused;
	else
		login(r);
	bool told = u->scope && atomic_load(&u->scope->recorded) && d->status < 400;
	bool local = u->caller.kind == AUD_OPERATOR || u->caller.kind == AUD_MEMBER;
	if (u->may && (class->changes ? told : !local))
		return; /* what peers read is in the ledger */
	audit_later(api_of(r)->audit, &e);
}
