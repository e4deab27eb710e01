/*
 * gate_eval.c - asks the gate: NDJSON cases on standard input, one answer a line on standard output.
 *
 * A case holds a policy, who asks, the facts, and an event with its elements (README has the form).
 * The answer holds the verdict, and for each element the rule that withholds it or what is left of it.
 * Every question that has two ways to ask it is asked both ways, and an answer that differs is told.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/gate.h"
#include "gate/policy_impl.h"
#include "model/misp.h"
#include "model/types.h"
#include "tests/oracle/entity_json.h"

struct eval {
	struct arena *a;
	const json_t *in;
	json_t *out, *elements;
	struct policy *policy;
	struct audience aud;
	struct gate_facts facts;
	struct gate_subject s;
	struct gate_ctx ctx;
	struct released *r;
	const char *odd; /* answers that contradict each other */
};

static _Noreturn void die(const char *what, const json_t *about)
{
	fprintf(stderr, "gate_eval: %s\n", what);
	if (about)
		json_dumpf(about, stderr, JSON_ENCODE_ANY);
	exit(2);
}

static struct str text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static int64_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool flag(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static struct uuid uuid(const json_t *o, const char *key)
{
	struct uuid u = UUID_NIL;

	if (json_object_get(o, key) && !uuid_parse(text(o, key), &u))
		die("not a UUID", o);
	return u;
}

/* NULL when the member is absent or null. */
static void *entity(struct eval *e, const struct entity_desc *d, const json_t *j)
{
	void *p;

	if (!json_is_object(j))
		return NULL;
	p = arena_alloc(e->a, d->size);
	if (!p || !entity_from_json(d, j, p, e->a))
		die("not a good entity", j);
	return p;
}

#define ENTITY(e, name, j) ((struct name *)entity((e), &desc_##name, (j)))

/* ---- who asks, and what is known ---------------------------------------------------------------- */

static struct caller caller_of(const json_t *w)
{
	static const char *const kinds[] = {"nobody", "operator", "member", "peer", "feed", "export",
					    "stream"};
	struct caller c = {.user_id = (uint64_t)number(w, "user_id"),
			   .org_id = (uint64_t)number(w, "org_id"),
			   .org = uuid(w, "org"),
			   .name = text(w, "name"),
			   .url = text(w, "url"),
			   .site_admin = flag(w, "site_admin"),
			   .perm_sync = flag(w, "perm_sync"),
			   .perm_audit = flag(w, "perm_audit"),
			   .internal = flag(w, "internal"),
			   .push = flag(w, "push"),
			   .peer_id = (uint64_t)number(w, "peer_id")};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(text(w, "kind"), kinds[i]))
			c.kind = (enum audience_kind)i;
	return c;
}

/* Ids and UUIDs, ascending. */
static const struct gate_group *all_groups(struct eval *e, const json_t *l, uint32_t *n)
{
	struct gate_group *v = ARENA_ARRAY(e->a, struct gate_group, json_array_size(l) + 1);

	for (*n = 0; *n < json_array_size(l); ++*n)
		v[*n] = (struct gate_group){(uint64_t)number(json_array_get(l, *n), "id"),
					    uuid(json_array_get(l, *n), "uuid")};
	return v;
}

static void read_facts(struct eval *e)
{
	const json_t *f = json_object_get(e->in, "facts"), *groups = json_object_get(f, "groups");
	uint64_t *ids = ARENA_ARRAY(e->a, uint64_t, json_array_size(groups) + 1);

	for (size_t i = 0; i < json_array_size(groups); i++)
		ids[i] = (uint64_t)json_integer_value(json_array_get(groups, i));
	e->facts = (struct gate_facts){
		.now = number(f, "now"),
		.clock_trusted = flag(f, "trusted"),
		.host_org_id = (uint64_t)number(f, "host_org_id"),
		.host = ENTITY(e, misp_org, json_object_get(e->in, "host")),
		.unpublished_private = flag(f, "unpublished_private"),
		.sightings_anonymise = flag(f, "anonymise"),
		.sightings_policy = (uint8_t)number(f, "sightings_policy"),
		.groups = ids,
		.n_groups = (uint32_t)json_array_size(groups),
		.link_id = (uint64_t)number(f, "link_id")};
	e->facts.all_groups = all_groups(e, json_object_get(f, "all_groups"), &e->facts.n_all_groups);
	if (e->facts.host)
		e->facts.host_org = e->facts.host->uuid;
}

/* What elements say of a vulnerability record, as egress would gather it; NULL: not gathered. */
static const struct vuln_facts *vuln_of(struct eval *e)
{
	const json_t *j = json_object_get(e->in, "vuln"), *list = json_object_get(j, "remedies"), *r;
	struct vuln_facts *v = ARENA_NEW(e->a, struct vuln_facts);
	struct vuln_remedy *remedies = ARENA_ARRAY(e->a, struct vuln_remedy, json_array_size(list) + 1);
	size_t i;

	if (!json_is_object(j))
		return NULL;
	json_array_foreach(list, i, r)
		remedies[i] = (struct vuln_remedy){ENTITY(e, misp_attr, json_object_get(r, "attr")),
						   ENTITY(e, misp_object, json_object_get(r, "object"))};
	*v = (struct vuln_facts){.has_object = flag(j, "has_object"),
				 .attr_silent = flag(j, "attr_silent"),
				 .attr_shut = flag(j, "attr_shut"),
				 .remedies = remedies,
				 .n_remedies = (uint32_t)json_array_size(list),
				 .names = text(j, "names"),
				 .has_cvss = flag(j, "has_cvss"),
				 .cvss_unreadable = flag(j, "cvss_unreadable"),
				 .cvss_outside = flag(j, "cvss_outside"),
				 .cvss_max = (uint8_t)number(j, "cvss_max")};
	for (i = 0; i < v->n_remedies; i++)
		if (!gate_is_remedy(remedies[i].object, remedies[i].attr))
			e->odd = "gate_is_remedy() and the case";
	return v;
}

/* That of a row of the policy; 0: of none. */
static uint8_t compartment_of(const struct eval *e, struct str row)
{
	struct audience a;

	return row.n && policy_audience_named(e->policy, row, &a) == ERR_OK ? a.compartment : 0;
}

static void read_case(struct eval *e)
{
	const json_t *who = json_object_get(e->in, "who");
	struct caller c = caller_of(who);
	struct str policy = text(e->in, "policy"), shipped = STR("shipped:");
	struct fail f = {0};

	if (str_has_prefix(policy, shipped))
		e->policy = policy_shipped(policy.p + shipped.n);
	else if (policy_parse(policy, "case", &e->policy, &f))
		die(f.text, e->in);
	if (!e->policy)
		die("no such policy", e->in);
	read_facts(e);
	if (json_object_get(who, "row")) {
		if (policy_audience_named(e->policy, text(who, "row"), &e->aud))
			die("no such row", who);
	} else {
		policy_audience(e->policy, &c, &e->aud);
	}
	e->s = (struct gate_subject){
		.event = ENTITY(e, misp_event, json_object_get(e->in, "event")),
		.org = ENTITY(e, misp_org, json_object_get(e->in, "org")),
		.orgc = ENTITY(e, misp_org, json_object_get(e->in, "orgc")),
		.sharing_group = ENTITY(e, misp_sg, json_object_get(e->in, "group")),
		.creator_email = text(e->in, "creator_email"),
		.blocked = flag(e->in, "blocked"),
		.vuln = vuln_of(e),
		.from_peer = flag(e->in, "from_peer"),
		.from_compartment = compartment_of(e, text(e->in, "from_row")),
		.own_sighting = flag(e->in, "own_sighting")};
	e->ctx = (struct gate_ctx){.policy = e->policy,
				   .audience = &e->aud,
				   .facts = &e->facts,
				   .all_tags = flag(e->in, "all_tags"),
				   .no_local_tags = flag(e->in, "no_local_tags")};
}

/* ---- answers -------------------------------------------------------------------------------------- */

static void put(json_t *o, const char *key, const struct entity_desc *d, const void *p)
{
	if (p)
		json_object_set_new(o, key, entity_to_json(d, p));
}

#define PUT(o, key, name, p) put((o), (key), &desc_##name, (p))

/* One line of "elements": what kind, its place in the case, and what became of it. */
static json_t *line(struct eval *e, const char *kind, json_t *at, const struct rel_element *out)
{
	json_t *o = json_pack("{s:s,s:o}", "kind", kind, "at", at);

	if (!out)
		json_object_set_new(o, "rule", json_string(gate_rule_name(gate_withheld_by(e->r))));
	json_array_append_new(e->elements, o);
	return o;
}

static void list(json_t *o, const char *key, const struct entity_desc *d, const void *v, uint32_t n)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(all, entity_to_json(d, (const char *)v + (size_t)i * d->size));
	if (n)
		json_object_set_new(o, key, all);
	else
		json_decref(all);
}

static void orgs(json_t *o, const char *key, const struct misp_org *const *v, uint32_t n)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(all, v && v[i] ? entity_to_json(&desc_misp_org, v[i]) :
						       json_null());
	if (n)
		json_object_set_new(o, key, all);
	else
		json_decref(all);
}

static void *many(struct eval *e, const struct entity_desc *d, const json_t *l)
{
	char *v = arena_array(e->a, json_array_size(l) + 1, d->size);

	for (size_t i = 0; i < json_array_size(l); i++)
		if (!entity_from_json(d, json_array_get(l, i), v + i * d->size, e->a))
			die("not a good entity", l);
	return v;
}

/* Who proposed or saw: members "who" of the list's items. */
static const struct misp_org *const *whos(struct eval *e, const json_t *l)
{
	const struct misp_org **v = ARENA_ARRAY(e->a, const struct misp_org *, json_array_size(l) + 1);

	for (size_t i = 0; i < json_array_size(l); i++)
		v[i] = ENTITY(e, misp_org, json_object_get(json_array_get(l, i), "who"));
	return v;
}

static void one_attr(struct eval *e, const json_t *j, const struct misp_object *object, json_t *at)
{
	const json_t *sightings = json_object_get(j, "sightings");
	const json_t *proposals = json_object_get(j, "proposals");
	struct rel_element in = {.kind = EL_ATTR,
				 .attr = ENTITY(e, misp_attr, j),
				 .in_object = object,
				 .data = text(j, "file"),
				 .sharing_group = ENTITY(e, misp_sg, json_object_get(j, "group")),
				 .sightings = many(e, &desc_misp_sighting, sightings),
				 .sighting_orgs = whos(e, sightings),
				 .n_sightings = (uint32_t)json_array_size(sightings),
				 .proposals = many(e, &desc_misp_proposal, proposals),
				 .proposal_orgs = whos(e, proposals),
				 .n_proposals = (uint32_t)json_array_size(proposals)};
	const struct rel_element *out = gate_release_element(e->r, &in, e->a);
	json_t *o = line(e, "attribute", at, out);

	if (gate_judge_attr(&e->ctx, &e->s, object, in.attr) != (out != NULL))
		e->odd = "gate_judge_attr() and gate_release_element()";
	if (gate_passes_attrs(&e->ctx) && !out)
		e->odd = "gate_passes_attrs() and gate_release_element()";
	if (!out)
		return;
	PUT(o, "out", misp_attr, out->attr);
	PUT(o, "group", misp_sg, out->sharing_group);
	if (out->data.n)
		json_object_set_new(o, "file", json_stringn(out->data.p, out->data.n));
	list(o, "sightings", &desc_misp_sighting, out->sightings, out->n_sightings);
	orgs(o, "sighting_orgs", out->sighting_orgs, out->n_sightings);
	list(o, "proposals", &desc_misp_proposal, out->proposals, out->n_proposals);
	orgs(o, "proposal_orgs", out->proposal_orgs, out->n_proposals);
}

static struct rel_ref *targets(struct eval *e, const json_t *refs)
{
	struct rel_ref *v = ARENA_ARRAY(e->a, struct rel_ref, json_array_size(refs) + 1);

	for (size_t i = 0; i < json_array_size(refs); i++) {
		const json_t *t = json_object_get(json_array_get(refs, i), "target");

		v[i] = (struct rel_ref){.known = json_is_object(t),
					.is_object = flag(t, "is_object"),
					.uuid = uuid(t, "uuid"),
					.distribution = (uint8_t)number(t, "distribution"),
					.value = text(t, "value"),
					.name = text(t, "name")};
	}
	return v;
}

static void one_object(struct eval *e, const json_t *j, size_t n)
{
	const json_t *refs = json_object_get(j, "refs"), *attr;
	struct rel_element in = {.kind = EL_OBJECT,
				 .object = ENTITY(e, misp_object, j),
				 .sharing_group = ENTITY(e, misp_sg, json_object_get(j, "group")),
				 .refs = many(e, &desc_misp_ref, refs),
				 .ref_targets = targets(e, refs),
				 .n_refs = (uint32_t)json_array_size(refs)};
	const struct rel_element *out = gate_release_element(e->r, &in, e->a);
	json_t *o = line(e, "object", json_integer((json_int_t)n), out);
	size_t i;

	if (gate_judge_object(&e->ctx, &e->s, in.object) != (out != NULL))
		e->odd = "gate_judge_object() and gate_release_element()";
	if (out) {
		PUT(o, "out", misp_object, out->object);
		PUT(o, "group", misp_sg, out->sharing_group);
		list(o, "refs", &desc_misp_ref, out->refs, out->n_refs);
	}
	json_array_foreach(json_object_get(j, "attributes"), i, attr)
		one_attr(e, attr, in.object, json_pack("[II]", (json_int_t)n, (json_int_t)i));
}

static void one_report(struct eval *e, const json_t *j, size_t n)
{
	struct rel_element in = {.kind = EL_REPORT,
				 .report = ENTITY(e, misp_report, j),
				 .sharing_group = ENTITY(e, misp_sg, json_object_get(j, "group"))};
	const struct rel_element *out = gate_release_element(e->r, &in, e->a);
	json_t *o = line(e, "report", json_integer((json_int_t)n), out);

	if (out)
		PUT(o, "out", misp_report, out->report);
}

static void one_proposal(struct eval *e, const json_t *j, size_t n)
{
	const struct misp_org *who = ENTITY(e, misp_org, json_object_get(j, "who"));
	struct rel_element in = {.kind = EL_PROPOSAL,
				 .proposal = ENTITY(e, misp_proposal, j),
				 .proposal_orgs = &who};
	const struct rel_element *out = gate_release_element(e->r, &in, e->a);
	json_t *o = line(e, "proposal", json_integer((json_int_t)n), out);

	if (!out)
		return;
	PUT(o, "out", misp_proposal, out->proposal);
	orgs(o, "orgs", out->proposal_orgs, 1);
}

static void elements(struct eval *e)
{
	static const struct {
		const char *key;
		void (*one)(struct eval *e, const json_t *j, size_t n);
	} kinds[] = {{"objects", one_object}, {"reports", one_report}, {"proposals", one_proposal}};
	const json_t *j;
	size_t i;

	json_array_foreach(json_object_get(e->in, "attributes"), i, j)
		one_attr(e, j, NULL, json_integer((json_int_t)i));
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		json_array_foreach(json_object_get(e->in, kinds[k].key), i, j)
			kinds[k].one(e, j, i);
}

static void head(struct eval *e)
{
	const struct rel_event *out = released_event(e->r);
	json_t *o = json_object();

	PUT(o, "event", misp_event, out->e);
	PUT(o, "org", misp_org, out->org);
	PUT(o, "orgc", misp_org, out->orgc);
	PUT(o, "group", misp_sg, out->sharing_group);
	if (out->ids)
		json_object_set_new(o, "ids", json_true());
	json_object_set_new(e->out, "head", o);
}

/* Explanations must come to the same end as the verdict. */
static void explanation(struct eval *e, const struct verdict *v)
{
	struct verdict told;
	struct gate_step *steps;
	size_t n = gate_explain(&e->ctx, &e->s, e->a, &steps, &told);

	if (told.outcome != v->outcome || told.rule != v->rule || told.until != v->until)
		e->odd = "gate_explain() and gate_judge()";
	for (size_t i = 0; i < n; i++)
		if (!steps[i].text.n)
			e->odd = "a step of gate_explain() says nothing";
}

/* ---- elements that withhold their event ----------------------------------------------------------- */

static void ask(struct eval *e, struct rel_element el)
{
	if (!e->s.condemned_by.n)
		e->s.condemned_by = gate_condemns(&e->ctx, &e->s, &el);
}

static void ask_attrs(struct eval *e, const json_t *l, const struct misp_object *object)
{
	const json_t *j, *p;
	size_t i, k;

	json_array_foreach(l, i, j) {
		ask(e, (struct rel_element){.kind = EL_ATTR,
					    .attr = ENTITY(e, misp_attr, j),
					    .in_object = object});
		json_array_foreach(json_object_get(j, "proposals"), k, p)
			ask(e, (struct rel_element){.kind = EL_PROPOSAL,
						    .proposal = ENTITY(e, misp_proposal, p)});
	}
}

/* As egress does for policies that have shells. */
static void ask_relaxed(struct eval *e)
{
	const json_t *j, *o;
	size_t i, k;

	if (!gate_may_relax(&e->ctx, &e->s))
		return;
	json_array_foreach(json_object_get(e->in, "attributes"), i, j) {
		const struct misp_attr *a = ENTITY(e, misp_attr, j);

		e->s.relaxed |= !a->deleted && gate_judge_attr(&e->ctx, &e->s, NULL, a);
	}
	json_array_foreach(json_object_get(e->in, "objects"), k, o) {
		const struct misp_object *object = ENTITY(e, misp_object, o);

		json_array_foreach(json_object_get(o, "attributes"), i, j) {
			const struct misp_attr *a = ENTITY(e, misp_attr, j);

			e->s.relaxed |= !a->deleted && !object->deleted &&
					gate_judge_attr(&e->ctx, &e->s, object, a);
		}
	}
}

/* As egress does for policies that have such rules. */
static void ask_elements(struct eval *e)
{
	const json_t *j;
	size_t i;

	e->s.elements_asked = gate_asks_elements(&e->ctx, &e->s);
	if (!e->s.elements_asked)
		return;
	ask_attrs(e, json_object_get(e->in, "attributes"), NULL);
	json_array_foreach(json_object_get(e->in, "objects"), i, j) {
		const struct misp_object *o = ENTITY(e, misp_object, j);

		ask(e, (struct rel_element){.kind = EL_OBJECT, .object = o});
		ask_attrs(e, json_object_get(j, "attributes"), o);
	}
	json_array_foreach(json_object_get(e->in, "reports"), i, j)
		ask(e, (struct rel_element){.kind = EL_REPORT, .report = ENTITY(e, misp_report, j)});
	json_array_foreach(json_object_get(e->in, "proposals"), i, j)
		ask(e, (struct rel_element){.kind = EL_PROPOSAL,
					    .proposal = ENTITY(e, misp_proposal, j)});
}

static void answer(struct eval *e)
{
	static const char *const outcomes[] = {"deny", "hold", "release"};
	struct verdict v = gate_judge(&e->ctx, &e->s), same;

	e->out = json_pack("{s:O,s:s,s:s}", "n", json_object_get(e->in, "n"), "outcome",
			   outcomes[v.outcome], "rule", v.rule ? gate_rule_name(v.rule) : "");
	if (v.outcome == GATE_HOLD)
		json_object_set_new(e->out, "until",
				    v.until == INT64_MAX ? json_string("never") : json_integer(v.until));
	explanation(e, &v);
	e->r = gate_release(&e->ctx, &e->s, e->a, &same);
	if (same.outcome != v.outcome || same.rule != v.rule || same.until != v.until ||
	    (e->r != NULL) != (v.outcome == GATE_RELEASE))
		e->odd = "gate_judge() and gate_release()";
	if (e->r) {
		head(e);
		e->elements = json_array();
		elements(e);
		json_object_set_new(e->out, "elements", e->elements);
	}
	if (e->odd)
		json_object_set_new(e->out, "odd", json_string(e->odd));
}

int main(void)
{
	struct arena *a = arena_new(16u << 20);
	char *got = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&got, &room, stdin)) > 0) {
		json_error_t where;
		json_t *in = json_loadb(got, (size_t)n, 0, &where);
		struct eval e = {.a = a, .in = in};

		if (!in)
			die(where.text, NULL);
		read_case(&e);
		ask_relaxed(&e);
		ask_elements(&e);
		answer(&e);
		json_dumpf(e.out, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(e.out);
		json_decref(in);
		policy_unref(e.policy);
		arena_reset(a);
	}
	free(got);
	arena_free(a);
	return 0;
}
