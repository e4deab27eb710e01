/*
 * stix1_context.c - what stands around the values: markings from tags, and galaxy clusters as TTPs, threat actors and
 * courses of action.
 */
#include "feeds/export/stix1_impl.h"

/* ---- markings ---- */

/* The colours that STIX 1 knows, from the widest on. What is none of them is a statement. */
static const struct {
	const char *tag, *color;
} colors[] = {
	{NULL, NULL},
	{"tlp:white", "WHITE"},
	{"tlp:green", "GREEN"},
	{"tlp:amber", "AMBER"},
	{"tlp:red", "RED"},
};
#define TLP_AMBER 3

static const struct {
	const char *tag, *value;
} confidences[] = { /* the least first: it counts */
	{"misp:confidence-level=\"unconfident\"", "None"},
	{"misp:confidence-level=\"rarely-confident\"", "Low"},
	{"misp:confidence-level=\"fairly-confident\"", "Medium"},
	{"misp:confidence-level=\"usually-confident\"", "High"},
	{"misp:confidence-level=\"completely-confident\"", "High"},
	{"misp:confidence-level=\"confidence-cannot-be-evaluated\"", "Unknown"},
};

#define STATEMENTS_SORTED 1000u

static void statement(struct stix1 *w, struct stix1_mark *m, struct str text)
{
	for (uint32_t i = 0; i < MIN(m->n, STATEMENTS_SORTED); i++)
		if (str_eq(m->statements[i], text))
			return;
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? m->cap * 2 : 8;
		struct str *more = ARENA_ARRAY(w->a, struct str, cap);
		if (!more)
			return;
		if (m->n)
			memcpy(more, m->statements, m->n * sizeof(*more));
		m->statements = more;
		m->cap = cap;
	}
	m->statements[m->n++] = arena_str(w->a, text);
}

static int color_of(struct str tag)
{
	for (size_t i = 1; i < ARRAY_LEN(colors); i++)
		if (str_eq_nocase(tag, str_c(colors[i].tag)))
			return (int)i;
	return 0;
}

static bool of_told(struct str tag, const struct rel_cluster *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(tag, c[i].cluster->tag_name))
			return stix1_cluster_is_told(&c[i]);
	return false;
}

void stix1_marks_add(struct stix1 *w, struct stix1_mark *m, const struct entity_list *tags,
		     const struct rel_cluster *clusters, uint32_t n_clusters)
{
	LIST_EACH(t, *tags, struct misp_tagref) {
		int color = color_of(t->name);
		for (int i = 0; i < (int)ARRAY_LEN(confidences); i++)
			if (str_is(t->name, confidences[i].tag) && (!m->confidence || i + 1 < m->confidence))
				m->confidence = i + 1;
		/* no colour says it all: who reads colours alone must not take it for less */
		if (str_eq_nocase(t->name, STR("tlp:amber+strict")))
			m->tlp = MAX(m->tlp, TLP_AMBER);
		m->tlp = MAX(m->tlp, color);
		if (!color && !of_told(t->name, clusters, n_clusters))
			statement(w, m, t->name);
	}
}

void stix1_lift(struct stix1 *w, const struct stix1_mark *m)
{
	w->lifted = MAX(w->lifted, m->tlp);
}

const char *stix1_confidence(const struct stix1_mark *m)
{
	return m->confidence ? confidences[m->confidence - 1].value : NULL;
}

void stix1_handling(struct stix1 *w, struct stix1_node *n, enum stix1_name name, const struct stix1_mark *m)
{
	if (!m->tlp && !m->n)
		return;
	struct stix1_node *list = stix1_add(w, stix1_add(w, stix1_add(w, n, name), S1_MARKING), S1_MARKING_LIST);
	if (m->tlp)
		stix1_text(w, stix1_add(w, list, S1_TLP_MARKING), S1_A_COLOR, str_c(colors[m->tlp].color));
	for (uint32_t i = 0; i < m->n; i++)
		stix1_text(w, stix1_add(w, list, S1_SIMPLE_MARKING), S1_STATEMENT, m->statements[i]);
}

/* ---- clusters ---- */

enum cluster_kind { IS_TAG, IS_ATTACK_PATTERN, IS_MALWARE, IS_TOOL, IS_VULNERABILITY, IS_ACTOR, IS_COA };

static const struct {
	const char *type;
	enum cluster_kind kind;
} galaxies[] = {
#define G(type, kind) {type, IS_##kind},
#include "feeds/export/stix1_clusters.inc"
};

static enum cluster_kind kind_of(const struct rel_cluster *c)
{
	for (size_t i = 0; i < ARRAY_LEN(galaxies); i++)
		if (str_is(c->cluster->type, galaxies[i].type))
			return galaxies[i].kind;
	return IS_TAG;
}

bool stix1_cluster_is_told(const struct rel_cluster *c)
{
	return kind_of(c) != IS_TAG;
}

static void text_if(struct stix1 *w, struct stix1_node *n, enum stix1_name name, struct str text)
{
	if (text.n)
		stix1_text(w, n, name, text);
}

static void attack_pattern(struct stix1 *w, struct stix1_node *ttp, const struct misp_cluster *c)
{
	struct stix1_node *b = stix1_add(w, ttp, S1_TTP_BEHAVIOR);
	struct stix1_node *p = stix1_add(w, stix1_add(w, b, S1_ATTACK_PATTERNS), S1_ATTACK_PATTERN);
	stix1_id(w, p, S1_A_ID, "AttackPattern", c->uuid);
	stix1_text(w, p, S1_AP_TITLE, c->value);
	text_if(w, p, S1_AP_DESCRIPTION, c->description);
}

static void malware(struct stix1 *w, struct stix1_node *ttp, const struct misp_cluster *c)
{
	struct stix1_node *b = stix1_add(w, ttp, S1_TTP_BEHAVIOR);
	struct stix1_node *m = stix1_add(w, stix1_add(w, b, S1_MALWARE_LIST), S1_MALWARE);
	stix1_id(w, m, S1_A_ID, "MalwareInstance", c->uuid);
	LIST_EACH(e, c->elements, struct misp_clustermeta) {
		if (str_is(e->key, "synonyms") && e->value.n)
			stix1_text(w, stix1_at(w, m, S1_MALWARE_NAMES), S1_MALWARE_NAME, e->value);
	}
	stix1_text(w, m, S1_MALWARE_TITLE, c->value);
	text_if(w, m, S1_MALWARE_TEXT, c->description);
}

static void tool(struct stix1 *w, struct stix1_node *ttp, const struct misp_cluster *c)
{
	struct stix1_node *b = stix1_add(w, ttp, S1_TTP_RESOURCES);
	struct stix1_node *t = stix1_add(w, stix1_add(w, b, S1_TOOLS), S1_TOOL);
	stix1_id(w, t, S1_A_ID, "ToolInformation", c->uuid);
	stix1_text(w, t, S1_TOOL_NAME, c->value);
	text_if(w, t, S1_TOOL_TEXT, c->description);
}

static void vulnerability(struct stix1 *w, struct stix1_node *ttp, const struct misp_cluster *c)
{
	struct stix1_node *list = stix1_add(w, stix1_add(w, ttp, S1_EXPLOIT_TARGETS), S1_EXPLOIT_LIST);
	struct stix1_node *t = stix1_add(w, stix1_add(w, list, S1_EXPLOIT_ITEM), S1_EXPLOIT_TARGET);
	stix1_id(w, t, S1_A_ID, "ExploitTarget", c->uuid);
	stix1_add(w, t, S1_POTENTIAL_COAS);
	stix1_add(w, t, S1_RELATED_TARGETS);
	stix1_add(w, t, S1_RELATED_PACKAGES);
	struct stix1_node *v = stix1_add(w, stix1_add(w, t, S1_VULNERABILITIES), S1_VULNERABILITY);
	stix1_text(w, v, S1_VULN_TITLE, c->value);
	text_if(w, v, S1_VULN_TEXT, c->description);
	LIST_EACH(e, c->elements, struct misp_clustermeta) {
		if (str_is(e->key, "aliases") && str_has_prefix(e->value, STR("CVE-")) &&
		    !stix1_find(v, S1_VULN_CVE))
			stix1_text(w, v, S1_VULN_CVE, e->value);
	}
}

static struct str galaxy_name(const struct rel_cluster *c)
{
	return c->galaxy && c->galaxy->name.n ? c->galaxy->name : c->cluster->type;
}

/* A cluster has no time: here its event's, in the form that MISP gives it. */
static struct str when(struct stix1 *w, int64_t at)
{
	struct str t = stix1_time(w, at);
	return arena_printf(w->a, "%.*s.000000+00:00", STR_ARG(str_sub(t, 0, 19)));
}

static enum err ttp_put(struct stix1 *w, const struct rel_cluster *c, enum cluster_kind k, int64_t at)
{
	static void (*const parts[])(struct stix1 *, struct stix1_node *, const struct misp_cluster *) = {
		[IS_ATTACK_PATTERN] = attack_pattern,
		[IS_MALWARE] = malware,
		[IS_TOOL] = tool,
		[IS_VULNERABILITY] = vulnerability,
	};
	struct stix1_node *t = stix1_root(w, S1_TTP);
	stix1_id(w, t, S1_A_ID, "TTP", c->cluster->uuid);
	stix1_text(w, t, S1_A_TIMESTAMP, when(w, at));
	stix1_text(w, t, S1_TTP_TITLE, arena_printf(w->a, "%.*s (MISP Galaxy)", STR_ARG(galaxy_name(c))));
	parts[k](w, t, c->cluster);
	stix1_at(w, t, S1_EXPLOIT_TARGETS);
	stix1_add(w, t, S1_RELATED_PACKAGES);
	stix1_add(w, t, S1_RELATED_TTPS);
	stix1_add(w, t, S1_KILL_CHAIN_PHASES);
	return stix1_put(w, SEC_TTPS, t);
}

static enum err actor_put(struct stix1 *w, const struct rel_cluster *c, int64_t at)
{
	struct stix1_node *n = stix1_root(w, S1_ACTOR);
	stix1_id(w, n, S1_A_ID, "ThreatActor", c->cluster->uuid);
	stix1_text(w, n, S1_A_TIMESTAMP, when(w, at));
	stix1_text(w, n, S1_ACTOR_TITLE, c->cluster->value);
	text_if(w, n, S1_ACTOR_TEXT, c->cluster->description);
	LIST_EACH(e, c->cluster->elements, struct misp_clustermeta) {
		if (!str_is(e->key, "cfr-type-of-incident") || !e->value.n)
			continue;
		struct stix1_node *x = stix1_add(w, stix1_at(w, n, S1_ACTOR_EFFECTS), S1_ACTOR_EFFECT);
		stix1_text(w, x, S1_A_TIMESTAMP, when(w, at));
		stix1_text(w, x, S1_J_TS_PRECISION, STR("second"));
		stix1_text(w, x, S1_CONFIDENCE_VALUE, e->value);
	}
	stix1_add(w, n, S1_OBSERVED_TTPS);
	stix1_add(w, n, S1_ACTOR_CAMPAIGNS);
	stix1_add(w, n, S1_ACTOR_ACTORS);
	stix1_add(w, n, S1_RELATED_PACKAGES);
	return stix1_put(w, SEC_ACTORS, n);
}

static enum err coa_put(struct stix1 *w, const struct rel_cluster *c, int64_t at)
{
	struct stix1_node *n = stix1_root(w, S1_COA);
	stix1_id(w, n, S1_A_ID, "CourseOfAction", c->cluster->uuid);
	stix1_text(w, n, S1_A_TIMESTAMP, when(w, at));
	stix1_text(w, n, S1_COA_TITLE, c->cluster->value);
	text_if(w, n, S1_COA_TEXT, c->cluster->description);
	stix1_add(w, n, S1_RELATED_COAS);
	stix1_add(w, n, S1_RELATED_PACKAGES);
	return stix1_put(w, SEC_COAS, n);
}

/* Beside the incident, once. */
static enum err cluster_put(struct stix1 *w, const struct rel_cluster *c, enum cluster_kind k, int64_t at)
{
	char key[sizeof(c->cluster->uuid)];
	memcpy(key, &c->cluster->uuid, sizeof(key));
	if (seen_before(&w->once, (struct str){key, sizeof(key)}))
		return ERR_OK;
	struct arena_mark m = arena_mark(w->a);
	enum err e = k == IS_ACTOR ? actor_put(w, c, at) : k == IS_COA ? coa_put(w, c, at) : ttp_put(w, c, k, at);
	arena_rewind(w->a, m);
	return e;
}

static void ttp_ref(struct stix1 *w, struct stix1_node *n, const struct rel_cluster *c)
{
	stix1_text(w, n, S1_RELATIONSHIP, galaxy_name(c));
	struct stix1_node *t = stix1_add(w, n, S1_TTP_REF);
	stix1_id(w, t, S1_A_IDREF, "TTP", c->cluster->uuid);
	stix1_add(w, t, S1_RELATED_PACKAGES);
	stix1_add(w, t, S1_EXPLOIT_TARGETS);
	stix1_add(w, t, S1_RELATED_TTPS);
	stix1_add(w, t, S1_KILL_CHAIN_PHASES);
}

static void coa_ref(struct stix1 *w, struct stix1_node *t, const struct rel_cluster *c)
{
	stix1_id(w, t, S1_A_IDREF, "CourseOfAction", c->cluster->uuid);
	stix1_add(w, t, S1_RELATED_COAS);
	stix1_add(w, t, S1_RELATED_PACKAGES);
}

static enum err actor_ref(struct stix1 *w, const struct rel_cluster *c)
{
	char key[sizeof(c->cluster->uuid) + 1] = {0};
	memcpy(key + 1, &c->cluster->uuid, sizeof(c->cluster->uuid));
	if (w->attributes || seen_before(&w->once, (struct str){key, sizeof(key)}))
		return ERR_OK;
	struct arena_mark m = arena_mark(w->a);
	struct stix1_node *n = stix1_root(w, S1_ATTRIBUTED_ACTOR);
	stix1_text(w, n, S1_RELATIONSHIP, galaxy_name(c));
	struct stix1_node *t = stix1_add(w, n, S1_ACTOR_REF);
	stix1_id(w, t, S1_A_IDREF, "ThreatActor", c->cluster->uuid);
	stix1_add(w, t, S1_OBSERVED_TTPS);
	stix1_add(w, t, S1_ACTOR_CAMPAIGNS);
	stix1_add(w, t, S1_ACTOR_ACTORS);
	stix1_add(w, t, S1_RELATED_PACKAGES);
	enum err e = stix1_put(w, SEC_ACTOR_REFS, n);
	arena_rewind(w->a, m);
	return e;
}

enum err stix1_clusters(struct stix1 *w, const struct rel_cluster *c, uint32_t n, int64_t at,
			struct stix1_node *ttps, struct stix1_node *coas)
{
	for (uint32_t i = 0; i < n; i++) {
		enum cluster_kind k = kind_of(&c[i]);
		if (k == IS_TAG)
			continue;
		TRY(cluster_put(w, &c[i], k, at));
		if (k == IS_ACTOR) {
			TRY(actor_ref(w, &c[i]));
			continue;
		}
		struct stix1_node *x;
		if (k == IS_COA && coas) {
			x = stix1_add(w, stix1_at(w, coas, S1_SUGGESTED_LIST), S1_SUGGESTED_COA);
			stix1_text(w, x, S1_RELATIONSHIP, galaxy_name(&c[i]));
			coa_ref(w, stix1_add(w, x, S1_COA_REF), &c[i]);
		} else if (k == IS_COA) {
			x = stix1_root(w, S1_COA_TAKEN);
			coa_ref(w, stix1_add(w, x, S1_COA_TAKEN_REF), &c[i]);
			TRY(stix1_put(w, SEC_COA_REFS, x));
		} else if (ttps) {
			ttp_ref(w, stix1_add(w, ttps, S1_INDICATED_TTP), &c[i]);
		} else {
			x = stix1_root(w, S1_LEVERAGED_TTP);
			ttp_ref(w, x, &c[i]);
			TRY(stix1_put(w, SEC_LEVERAGED, x));
		}
	}
	return ERR_OK;
}
