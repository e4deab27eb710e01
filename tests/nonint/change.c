/*
 * change.c - what is hidden in a store that is asked already becomes another: what stands in both variants is
 * edited, what stands in one is deleted or added. Who may not see it must not notice.
 */
#include "base/clock.h"
#include "tests/nonint/fill.h"
#include "tests/tap/tap.h"

static bool goes(const struct filling *x, unsigned i)
{
	return model_hidden(x->m, i) && model_exists(x->m, i, 0) && !model_exists(x->m, i, 1);
}

static bool comes(const struct filling *x, unsigned i)
{
	return model_hidden(x->m, i) && !model_exists(x->m, i, 0) && model_exists(x->m, i, 1);
}

static bool stays(const struct filling *x, unsigned i)
{
	return model_exists(x->m, i, 0) && model_exists(x->m, i, 1);
}

static uint64_t id_of(const struct filling *x, unsigned i)
{
	return side_id(x->s, (enum kind)x->m->thing[i].kind, model_uuid(x->m, i));
}

/* Is it gone with what it stood in? */
static bool with_parent(const struct filling *x, unsigned i)
{
	unsigned up = x->m->thing[i].parent;
	return up != NO_THING && (goes(x, up) || with_parent(x, up));
}

static void drop(struct filling *x, unsigned i)
{
	static const enum element_kind kinds[KIND_COUNT] = {[ATTR] = EL_ATTR,
							    [OBJECT] = EL_OBJECT,
							    [REFERENCE] = EL_REF,
							    [REPORT] = EL_REPORT,
							    [SIGHTING] = EL_SIGHTING};
	const struct ingest_env *in = &x->s->w.in;
	enum kind k = (enum kind)x->m->thing[i].kind;
	struct fail why = {0};
	uint64_t id = id_of(x, i);
	if (!id)
		return;
	if (k == EVENT)
		must(ingest_event_delete(in, id, false, &from_here, &why), &why, "deleting an event");
	else if (k == NOTE)
		must(ingest_analyst_delete(in, id, false, &from_here, &why), &why, "deleting a note");
	else if (k == PROPOSAL && !x->m->thing[i].deleted)
		must(ingest_proposal_discard(in, id, &from_here, &why), &why, "discarding a proposal");
	else if (k != PROPOSAL && k != CLUSTER && k != GROUP)
		must(ingest_el_delete(in, kinds[k], id, k != REPORT, &from_here, &why), &why, "deleting an element");
}

static void edit_event(struct filling *x, unsigned i)
{
	struct fail why = {0};
	struct ingest_result res = {0};
	uint64_t groups[THINGS_MAX];
	OWN(buf) struct buf b = BUF(1 << 20);
	OWN(arena) struct arena *a = arena_new(64u << 20);
	struct admit_facts facts = facts_of(x, &x->m->thing[i], groups);
	fill_event(x, i, &b);
	struct raw_event *raw = world_parse(&x->s->w, buf_cstr(&b));
	if (!raw)
		bail_out("no document: %s", buf_cstr(&b));
	must(ingest_event_edit(&x->s->w.in, id_of(x, i), &raw, &from_here, &facts, a, &res, &why), &why,
	     "editing an event");
}

/* Groups and clusters come and are renamed; what may still be named stays. */
static enum err put_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct filling *x = arg;
	struct misp_galaxy g;
	uint64_t id = 0;
	TRY(store_next(store_view(w), T_GALAXY, &id, NULL, &g));
	for (unsigned i = 0; i < x->m->n; i++) {
		if (!model_hidden(x->m, i) || !model_exists(x->m, i, 1))
			continue;
		if (x->m->thing[i].kind == GROUP)
			TRY(put_group(w, x, i, f));
		if (x->m->thing[i].kind == CLUSTER)
			TRY(put_cluster(w, x, i, id, f));
	}
	return ERR_OK;
}

void side_change(struct side *s, const struct model *m)
{
	struct filling x = {.s = s, .m = m, .variant = 1, .rng = {m->seed * 4 + 3}, .later = true};
	struct store *store = s->w.store;
	struct fail why = {0};
	clock_freeze((m->now - SETTLED) * 1000000, 1000000);
	for (unsigned i = m->n; i-- > 0;)
		/* MISP shows notes about what is not here, whatever that was */
		if (goes(&x, i) && (!with_parent(&x, i) || (m->thing[i].kind == NOTE && m->policy == POLICY_COMPAT)))
			drop(&x, i);
	must(store_run(store, put_times, &x, &why), &why, "times"); /* deletions move them */
	must(store_run(store, put_rows, &x, &why), &why, "groups and clusters");
	must(store_run(store, local_tags, &x, &why), &why, "local tags");
	side_numbers(s);
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].kind == EVENT && stays(&x, i))
			edit_event(&x, i);
		else if (m->thing[i].kind == EVENT && comes(&x, i))
			add_event(&x, i);
	side_numbers(s);
	for (unsigned i = 0; i < m->n; i++)
		if (comes(&x, i))
			add_parts(&x, i);
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].local_tag && comes(&x, i) && id_of(&x, i))
			tag_locally(&x, i);
	for (unsigned i = 0; i < m->n; i++) /* edits bring them back */
		if (m->thing[i].deleted && m->thing[i].kind <= REPORT && model_hidden(m, i) && model_exists(m, i, 1) &&
		    id_of(&x, i))
			delete_one(&x, i);
	for (unsigned i = 0; i < m->n; i++) /* edits take the mark away */
		if (m->thing[i].kind == EVENT && m->thing[i].published && model_exists(m, i, 1))
			must(ingest_publish(&s->w.in, id_of(&x, i), true, &from_here, &why), &why, "publishing");
	must(store_run(store, put_times, &x, &why), &why, "times");
	side_numbers(s);
	clock_freeze(m->now * 1000000, 1000000);
}

void side_add_hidden(struct side *s, const struct model *m, unsigned nth)
{
	struct filling x = {.s = s, .m = m};
	struct rng r = {m->seed * 77u + nth};
	const struct thing alpha = {.owner = ALPHA};
	uint64_t groups[THINGS_MAX];
	struct admit_facts facts = facts_of(&x, &alpha, groups);
	struct fail why = {0};
	char name[40], u[UUID_TEXT_LEN + 1];
	OWN(buf) struct buf b = BUF(1 << 16);
	snprintf(name, sizeof(name), "hidden %llu %u", (unsigned long long)m->seed, nth);
	buf_printf(&b,
		   "{\"Event\":{\"uuid\":\"%s\",\"info\":\"nqhidden\",\"distribution\":\"0\",\"threat_level_id\":\"1\","
		   "\"analysis\":\"0\",\"date\":\"2020-01-01\",\"Tag\":[{\"name\":\"tlp:red\"}],\"Attribute\":[",
		   uuid_format(uuid_v5(org_uuid(HOST), str_c(name)), u));
	bool said[10] = {false}; /* none twice */
	for (unsigned i = 0, n = 0; i < m->n; i++) {
		unsigned v = m->thing[i].value;
		char value[80];
		if (m->thing[i].kind != ATTR || model_hidden(m, i) || (n && rng_chance(&r, 500)) ||
		    (v < ARRAY_LEN(said) && said[v]))
			continue;
		if (v < ARRAY_LEN(said))
			said[v] = true;
		model_value(m, i, 0, value);
		buf_printf(&b,
			   "%s{\"type\":\"%s\",\"category\":\"%s\",\"to_ids\":true,\"value\":\"%s\"}",
			   n++ ? "," : "", model_type(&m->thing[i]), model_category(&m->thing[i]), value);
	}
	buf_puts(&b, "]}}");
	uint64_t id = world_add_with(&s->w, buf_cstr(&b), &facts);
	if (!id)
		bail_out("an event is not taken in: %s", buf_cstr(&b));
	must(ingest_publish(&s->w.in, id, true, &from_here, &why), &why, "publishing");
}
