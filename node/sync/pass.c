/*
 * pass.c - hello, the steps in their order, and the state that is left. Moves nothing itself.
 */
#include "sync/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "model/pack.h"
#include "sync/push_log.h"

#define HELLO_EVERY_S 3600

static const struct step {
	enum pass_direction direction;
	enum pass_kind kind;
	const char *name;
	enum err (*run)(struct pass *p, struct fail *f);
} steps[] = {
#define STEP(direction, function, kind, doc)                                                       \
	{PASS_##direction, PASS_##kind, #function, function},
#include "sync/steps.inc"
#undef STEP
};

static const struct {
	const char *name, *text;
} kinds[] = {
#define X(NAME, name, text) [PASS_##NAME] = {name, text},
	PASS_KINDS(X)
#undef X
};

const char *pass_kind_name(enum pass_kind k)
{
	return kinds[k].name;
}

const char *pass_kind_text(enum pass_kind k)
{
	return kinds[k].text;
}

static const char *const whats[] = {[PASS_ITEM_ADDED] = "added",
				    [PASS_ITEM_UPDATED] = "updated",
				    [PASS_ITEM_HELD] = "held",
				    [PASS_ITEM_REFUSED] = "refused",
				    [PASS_ITEM_FAILED] = "failed",
				    NULL};

const char *pass_what_name(unsigned what)
{
	return whats[what];
}

/* ---- for steps ---- */

void pass_tell(struct pass *p, const struct pass_item *item)
{
	struct pass_count *n = &p->res->n[item->kind];
	pthread_mutex_lock(&p->lock);
	n->added += item->what == PASS_ITEM_ADDED;
	n->updated += item->what == PASS_ITEM_UPDATED;
	n->held += item->what == PASS_ITEM_HELD;
	n->refused += item->what == PASS_ITEM_REFUSED;
	n->failed += item->what == PASS_ITEM_FAILED;
	n->bytes += item->bytes;
	pthread_mutex_unlock(&p->lock);
	pass_say(p, item);
}

void pass_say(struct pass *p, const struct pass_item *item)
{
	if (item->what > PASS_ITEM_UPDATED) {
		pthread_mutex_lock(&p->lock);
		tally_add(&p->why, pass_kind_name(item->kind), pass_what_name(item->what),
			  item->text ? item->text : "", 1);
		pthread_mutex_unlock(&p->lock);
	}
	if (!p->o->item || (!p->o->preview && item->what <= PASS_ITEM_UPDATED))
		return;
	pthread_mutex_lock(&p->lock);
	p->o->item(p->o->user, item);
	pthread_mutex_unlock(&p->lock);
}

void pass_progress(struct pass *p, uint64_t done, uint64_t total)
{
	pthread_mutex_lock(&p->lock);
	p->take.progress.done = done;
	p->take.progress.total = total;
	if (p->o->progress)
		p->o->progress(p->o->user, &p->take.progress);
	pthread_mutex_unlock(&p->lock);
}

struct origin pass_origin(const struct pass *p)
{
	return (struct origin){.kind = ORIGIN_PEER, .id = p->o->peer_id, .time = clock_now()};
}

struct admit_facts pass_facts(const struct pass *p)
{
	return (struct admit_facts){
		.kind = AUD_PEER,
		.org_id = p->link.row.org_id,
		.org = p->link.org,
		.user_id = p->o->user_id,
		.pull = true,
		.internal_link = p->link.internal,
		.perm_sync = true,
		.perm_publish = true,
		.perm_tagger = true,
		.perm_tag_editor = true,
		.perm_sharing_group = true,
		.peer = {.kind = AUD_PEER,
			 .org = p->link.remote_org,
			 .name = p->link.row.name,
			 .url = p->link.row.url,
			 .internal = p->link.internal,
			 .peer_id = p->o->peer_id},
		.base_url = p->o->in->base_url,
		.default_event_distribution = DIST_COMMUNITY,
		.default_attr_distribution = DIST_INHERIT,
		.now = clock_now(),
	};
}

/* ---- the state ---- */

static enum err state_read(struct pass *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peerstate s;
	TRY(store_read(p->o->in->store, &t, f));
	enum err e = peer_state_read(t, p->o->peer_id, p->o->direction, p->a, &s);
	if (e == ERR_OK)
		e = entity_copy(p->a, &desc_misp_peerstate, &s, &p->state);
	return e == ERR_OK ? e : fail(f, e, "the state of the peer cannot be read");
}

struct state_note {
	const struct pass *p;
	struct misp_peerstate s;
};

static enum err state_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct state_note *n = arg;
	struct misp_peer row;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_get(store_view(w), T_PEER, n->p->o->peer_id, a, &row);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e; /* removed meanwhile */
	TRY(peer_state_write(w, row.id, n->p->o->direction, &n->s, f));
	/* asked under other rules, or of somebody else: the cursors mean nothing */
	const struct misp_peer *asked = &n->p->link.row;
	bool same = str_eq(row.url, asked->url) && str_eq(row.pull_rules, asked->pull_rules) &&
		    str_eq(row.push_rules, asked->push_rules);
	return same ? ERR_OK : peer_state_rewind(w, row.id, n->p->o->direction, true, f);
}

static void state_fill(struct misp_peerstate *s, const struct pass *p, int64_t began_ms,
		       enum err e, const char *why)
{
	const struct pass_result *res = p->res;
	const struct pass_count *n = &res->n[PASS_EVENT];
	s->last_try = clock_now();
	s->last_error = e == ERR_OK ? STR("") : str_c(why);
	s->failures = e == ERR_OK ? 0 : s->failures + 1;
	if (e == ERR_OK)
		s->last_success = s->last_try;
	s->duration_ms = (uint64_t)(clock_boot_ms() - began_ms);
	s->requests = res->requests;
	s->bytes_in = res->bytes_in;
	s->bytes_out = res->bytes_out;
	s->taken = n->added + n->updated;
	s->refused = n->refused;
	s->failed = n->failed;
	for (unsigned k = 0; k < PASS_KIND_COUNT; k++)
		if (e != ERR_OK || res->n[k].failed)
			s->hello_at = 0; /* it may be another one by now */
	s->held = n->held;
	s->next_try = 0;
	if (res->hello.version[0]) {
		s->version = str_c(res->hello.version);
		s->skew_s = res->hello.skew_s;
		s->key_expires = res->hello.key_expires;
	}
	s->total_requests += s->requests;
	s->total_in += s->bytes_in;
	s->total_out += s->bytes_out;
	s->total_taken += s->taken;
}

/* Why what did not travel: anew when all was compared, else on top of what was counted before. */
static void why_fill(struct misp_peerstate *s, struct pass *p, enum err e, struct buf *text)
{
	static const char *const kind_names[] = {
#define X(NAME, name, text) [PASS_##NAME] = name,
		PASS_KINDS(X)
#undef X
		NULL};
	bool anew = e == ERR_OK && p->res->whole;
	if (!anew)
		tally_take(&p->why, s->why, kind_names, whats);
	if (anew || !s->why_since)
		s->why_since = s->last_try;
	tally_put(&p->why, text);
	if (buf_err(text) == ERR_OK)
		s->why = buf_str(text);
}

static void state_write(struct pass *p, int64_t began_ms, enum err e, const char *why)
{
	struct state_note n = {p, p->state};
	struct fail f = {0};
	OWN(buf) struct buf reasons = BUF(1 << 15);
	state_fill(&n.s, p, began_ms, e, why);
	why_fill(&n.s, p, e, &reasons);
	if (store_run(p->o->in->store, state_run, &n, &f) != ERR_OK)
		log_warn("sync", "peer=%llu state not written: %s",
			 (unsigned long long)p->o->peer_id, f.text);
}

/* ---- a run ---- */

/* Not the step's own fault: the next ones would fare no better. */
static bool ends_all(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_TIMEOUT || e == ERR_AUTH;
}

static void step_failed(struct pass *p, const struct step *s, enum err e, const struct fail *why)
{
	char text[NOTE_TEXT_MAX];
	snprintf(text, sizeof(text), "%s: %.200s", pass_kind_text(s->kind),
		 why->text[0] ? why->text : err_text(e));
	log_warn("sync", "peer=%llu step=%s err=%s detail=%s", (unsigned long long)p->o->peer_id,
		 s->name, err_name(e), log_val(str_c(text)));
	struct pass_item item = {.kind = s->kind, .what = PASS_ITEM_FAILED, .text = text};
	pass_tell(p, &item);
	/* clusters and events are told by one cursor, which the events would move */
	if (p->o->direction == PASS_PUSH && s->kind == PASS_CLUSTER)
		p->more = true;
}

/* One step. What it fails with ends all, or is noted. */
static enum err step_run(struct pass *p, const struct step *s, enum err *first, struct fail *f)
{
	struct fail why = {0};
	p->take.progress = (struct intake_progress){.step = pass_kind_text(s->kind)};
	enum err e = s->run(p, &why);
	if (e == ERR_OK)
		return ERR_OK;
	if (ends_all(e)) {
		*f = why;
		return e;
	}
	step_failed(p, s, e, &why);
	/* without its index or candidates a pass has not done what it is for */
	if (s->kind == PASS_EVENT && *first == ERR_OK) {
		*first = e;
		*f = why;
	}
	return ERR_OK;
}

/* What it said of itself a while ago; it is asked anew after anything that failed. */
static bool hello_known(struct pass *p)
{
	const struct misp_peerstate *s = &p->state;
	int64_t now = clock_now();
	if (!p->o->routine || p->o->direction != PASS_PULL || s->failures || !s->hello.n ||
	    !s->hello_at || s->hello_at > now || s->hello_at + HELLO_EVERY_S <= now ||
	    !link_hello_again(&p->link, s->hello))
		return false;
	p->link.hello.skew_s = s->skew_s;
	p->link.hello.key_expires = s->key_expires;
	return true;
}

static enum err greet(struct pass *p, struct fail *f)
{
	if (p->link.hello.version[0] || hello_known(p))
		return ERR_OK;
	TRY(link_hello(&p->link, f));
	p->state.hello = p->link.hello_text;
	p->state.hello_at = p->link.hello_text.n ? clock_now() : 0;
	return ERR_OK;
}

/*
 * A tocsin that gave us a cursor is asked for the changes first, without hello: when there are none,
 * this one request is the whole pass. If it is none any more the pass goes on as with any MISP.
 */
static bool asks_changes_first(const struct pass *p)
{
	return p->o->direction == PASS_PULL && p->o->technique == PASS_FULL && !p->o->all &&
	       p->state.remote_cursor.n;
}

/* Nothing of the kind has changed there, but something failed and is to be tried again now. */
static bool left_over(const struct pass *p, enum pass_kind k)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct uuid u = UUID_NIL;
	struct note n;
	struct fail f = {0};
	if (k != PASS_CLUSTER || store_read(p->o->in->store, &t, &f) != ERR_OK)
		return false;
	while (note_next(t, p->o->peer_id, NOTE_cluster_again, &u, &n) == ERR_OK)
		if (note_due(&n, clock_now()))
			return true;
	return false;
}

static enum err steps_run(struct pass *p, struct fail *f)
{
	enum err first = ERR_OK;
	bool changes = asks_changes_first(p);
	if (!changes)
		TRY(greet(p, f));
	for (size_t i = 0; changes && i < ARRAY_LEN(steps); i++)
		if (steps[i].run == pull_events)
			TRY(step_run(p, &steps[i], &first, f));
	for (size_t i = 0; i < ARRAY_LEN(steps) && first == ERR_OK; i++) {
		const struct step *s = &steps[i];
		if (s->direction != p->o->direction || (changes && s->run == pull_events) ||
		    (p->native && !(p->changed & 1u << s->kind) && !left_over(p, s->kind)))
			continue;
		TRY(greet(p, f));
		TRY(step_run(p, s, &first, f));
	}
	return first;
}

static void cost(struct pass *p)
{
	p->res->hello = p->link.hello;
	p->res->requests = atomic_load(&p->link.requests);
	p->res->bytes_in = atomic_load(&p->link.bytes_in);
	p->res->bytes_out = atomic_load(&p->link.bytes_out);
}

static void measure(const struct pass *p, enum err e)
{
	const struct pass_count *n = &p->res->n[PASS_EVENT];
	bool pull = p->o->direction == PASS_PULL;
	unsigned d = pull ? METRIC_IN : METRIC_OUT;
	metric_add(pull ? M_PEER_PULLS : M_PEER_PUSHES, e, 0, 1);
	metric_add(M_PEER_EVENTS, d, METRIC_ADDED, (int64_t)n->added);
	metric_add(M_PEER_EVENTS, d, METRIC_UPDATED, (int64_t)n->updated);
	metric_add(M_PEER_EVENTS, d, METRIC_UNCHANGED, (int64_t)n->current);
	metric_add(M_PEER_EVENTS, d, METRIC_REFUSED, (int64_t)(n->refused + n->failed + n->held));
}

static void log_end(const struct pass *p, enum err e)
{
	const struct pass_count *n = &p->res->n[PASS_EVENT];
	log_info("sync",
		 "peer=%llu %s=%s listed=%llu current=%llu taken=%llu refused=%llu failed=%llu "
		 "held=%llu requests=%llu in=%llu out=%llu",
		 (unsigned long long)p->o->peer_id,
		 p->o->direction == PASS_PULL ? "pull" : "push", err_name(e),
		 (unsigned long long)n->listed, (unsigned long long)n->current,
		 (unsigned long long)(n->added + n->updated), (unsigned long long)n->refused,
		 (unsigned long long)n->failed, (unsigned long long)n->held,
		 (unsigned long long)p->res->requests, (unsigned long long)p->res->bytes_in,
		 (unsigned long long)p->res->bytes_out);
}

/*
 * A tocsin says once what changed. A step that failed, or did not get its turn, or a thing that failed
 * and has no note of its own as events have: it has to be said again. Whatever step moved the cursor.
 */
static void hear_again(struct pass *p, struct str had, enum err e)
{
	bool missed = e != ERR_OK;
	if (p->o->direction != PASS_PULL)
		return;
	for (unsigned k = 0; k < PASS_KIND_COUNT; k++)
		missed |= k != PASS_EVENT && p->res->n[k].failed;
	if (missed && p->state.remote_cursor.n)
		p->state.remote_cursor = had;
}

static enum err run(const struct pass_opts *o, bool only_hello, struct pass_result *out,
		    struct fail *f)
{
	const struct link_env env = {.store = o->in->store,
				     .key = o->key,
				     .client = o->client,
				     .node_version = o->node_version,
				     .host_org_id = o->in->host_org_id,
				     .cancelled = o->cancelled};
	struct pass p = {.o = o, .res = out, .a = arena_new(8u << 20)};
	struct fail mine = {0};
	int64_t began = clock_boot_ms();
	*out = (struct pass_result){0};
	pthread_mutex_init(&p.lock, NULL);
	enum err e = p.a ? link_open(&p.link, &env, o->peer_id, &mine) :
			   fail(&mine, ERR_NOMEM, "no memory");
	bool known = e == ERR_OK;
	if (e == ERR_OK)
		e = state_read(&p, &mine);
	const struct str had = p.state.remote_cursor;
	if (e == ERR_OK)
		e = only_hello ? link_hello(&p.link, &mine) : steps_run(&p, &mine);
	hear_again(&p, had, e);
	cost(&p);
	if (known && !only_hello) {
		log_end(&p, e);
		push_log_leave(&p);
		if (!o->preview) {
			state_write(&p, began, e, mine.text);
			measure(&p, e);
		}
	}
	link_close(&p.link);
	free(p.sighted);
	push_log_free(p.log);
	pthread_mutex_destroy(&p.lock);
	arena_free(p.a);
	if (f)
		*f = mine;
	return e;
}

enum err pass_run(const struct pass_opts *o, struct pass_result *out, struct fail *f)
{
	return run(o, false, out, f);
}

enum err pass_hello(const struct pass_opts *o, struct pass_result *out, struct fail *f)
{
	return run(o, true, out, f);
}
