/*
 * analyst_push.c - which analyst data may go to a link, and its documents. The gate's audience is the
 * link; nothing is decided here.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "egress/view.h"
#include "model/datetime.h"
#include "model/link_rules.h"

#define ROW_ARENA (64u << 20)
#define SNAPSHOT_ROWS 5000

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static bool is_in(const uint64_t *v, size_t n, uint64_t id)
{
	return n && bsearch(&id, v, n, sizeof(id), by_number);
}

static bool rule_passes(struct view *v, const struct link_rules *rules, struct uuid orgc,
			const char **why)
{
	uint64_t id = 0;
	if (!rules)
		return true;
	if (store_find(v->txn, IX_ORG_UUID, (struct str){(const char *)orgc.b, 16}, &id) != ERR_OK)
		id = 0;
	return link_rules_org(rules, id, why);
}

static enum err one(struct view *v, const struct analyst_push *p, uint64_t id,
		    const struct misp_analyst *n, struct arena *a, struct fail *f)
{
	struct analyst_push_row row = {.id = id, .uuid = n->uuid, .kind = n->kind};
	struct analyst_about about;
	const char *why = NULL;
	int64_t us;
	int east;
	enum err e = view_analyst_about(v, n, a, &about);
	if (e == ERR_NOENT)
		return ERR_OK; /* what it is about is going away */
	if (e != ERR_OK)
		return fail(f, e, "reading analyst data");
	if (!p->all && !is_in(p->ids, p->n_ids, id) &&
	    !(about.event && is_in(p->events, p->n_events, about.event->event->id)))
		return ERR_OK;
	if (about.event)
		row.event = about.event->event->uuid;
	if (datetime_read(n->modified, &us, &east))
		row.modified = us / 1000000;
	if (!gate_judge_analyst(&v->gate, &about, n))
		why = "its distribution, what it is about, or the policy keeps it here";
	else
		(void)!rule_passes(v, p->rules, n->orgc_uuid, &why);
	return p->row(p->user, &row, why, f);
}

/* Few changes and no events: only those rows. Otherwise all are looked at. */
static enum err next(struct view *v, const struct analyst_push *p, size_t *i, uint64_t *id,
		     struct misp_analyst *n)
{
	if (p->all || p->n_events)
		return store_next(v->txn, T_ANALYST, id, NULL, n);
	while (*i < p->n_ids) {
		*id = p->ids[(*i)++];
		enum err e = store_get(v->txn, T_ANALYST, *id, NULL, n);
		if (e != ERR_NOENT)
			return e;
	}
	return ERR_NOENT;
}

enum err egress_push_analyst(const struct egress_env *env, const struct analyst_push *p,
			     struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(ROW_ARENA);
	struct misp_analyst n;
	uint64_t id = 0;
	size_t i = 0;
	enum err e = ERR_OK;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(view_open(env, &p->caller, &v, f));
	for (unsigned rows = 1; (e = next(v, p, &i, &id, &n)) == ERR_OK; rows++) {
		arena_reset(a);
		TRY(one(v, p, id, &n, a, f));
		if (rows % SNAPSHOT_ROWS == 0) {
			view_pause(v);
			TRY(view_reopen(v, f));
		}
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading analyst data");
}

/* ---- documents ---- */

static struct str form_param(void *user, const char *name)
{
	return strcmp(name, "form") == 0 ? str_c(user) : STR_NONE;
}

enum err egress_analyst_documents(const struct egress_env *env, const struct caller *c,
				  const uint64_t *ids, size_t n, bool list, struct sealed **out,
				  struct fail *f)
{
	static char one_form[] = "push", list_form[] = "push_list";
	OWN(view) struct view *v = NULL;
	struct analyst_query q = {.exporter = export_find(STR(".analyst")),
				  .kinds = (1u << ANALYST_KINDS) - 1,
				  .ids = ids,
				  .n_ids = n,
				  .opts = {.scope = EXPORT_ANALYST,
					   .base_url = env->base_url,
					   .now = clock_now(),
					   .param = form_param,
					   .param_user = list ? list_form : one_form}};
	TRY(view_open(env, c, &v, f));
	return egress_analyst(&v, &q, out, f);
}
