/*
 * stix1.c - see stix1.h. A package is walked once: what stands in it goes into three buffers (tags, attributes,
 * objects), of which the event is made at its end.
 */
#include "feeds/in/stix1_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "feeds/in/stix_impl.h"
#include "model/validate.h"

#define DOCUMENT_MAX ((size_t)64 << 20)
#define TREE_MAX ((size_t)512 << 20)
#define OUT_MAX ((size_t)512 << 20)
#define NODES_MAX 4000000u
#define IDS_MAX 2000000u
#define VALUE_MAX 65535u
#define PACKAGES_DEEP 16u
#define TAG_MAX 255u

struct stix1_in *stix1_in_new(const struct stix_in_opts *o)
{
	struct stix1_in *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->opts = *o;
	s->info = o->info.n ? strndup(o->info.p, o->info.n) : NULL;
	buf_init(&s->text, o->max_bytes ? MIN((size_t)o->max_bytes, DOCUMENT_MAX) : DOCUMENT_MAX);
	struct buf *const outs[] = {&s->attrs, &s->objects, &s->tags, &s->out};
	for (size_t i = 0; i < ARRAY_LEN(outs); i++)
		buf_init(outs[i], OUT_MAX);
	s->tree = arena_new(TREE_MAX);
	s->a = arena_new(TREE_MAX);
	if (!s->tree || !s->a || (o->info.n && !s->info)) {
		stix1_in_free(s);
		return NULL;
	}
	return s;
}

void stix1_in_free(struct stix1_in *s)
{
	if (!s)
		return;
	struct buf *const all[] = {&s->text, &s->attrs, &s->objects, &s->tags, &s->out};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_free(all[i]);
	arena_free(s->tree);
	arena_free(s->a);
	free(s->seen);
	free(s->ids);
	free(s->refs);
	free(s->info);
	free(s);
}

struct stix_in_counts stix1_in_counts(const struct stix1_in *s)
{
	return s->counts;
}

enum err stix1_in_feed(struct stix1_in *s, const void *p, size_t n, struct fail *f)
{
	buf_add(&s->text, p, n);
	return buf_err(&s->text) == ERR_OK ? ERR_OK
					   : fail(f, buf_err(&s->text), "a STIX 1 document of more than 64 MiB");
}

/* ---- the tree ---- */

bool stix1_is(const struct xml_node *n, const char *name)
{
	return str_is(xml_local(n->name), name);
}

const struct xml_node *stix1_down(const struct xml_node *n, const char *path)
{
	struct str rest = str_c(path), name;
	while (n && rest.n) {
		rest = str_split(rest, '/', &name);
		const struct xml_node *k = n->first;
		while (k && !str_eq(xml_local(k->name), name))
			k = k->next;
		n = k;
	}
	return n;
}

struct str stix1_text_of(const struct xml_node *n, const char *path)
{
	const struct xml_node *k = stix1_down(n, path);
	return k ? k->text : STR_NONE;
}

struct uuid stix1_uuid_of(struct str id)
{
	struct uuid u = UUID_NIL;
	if (id.n >= UUID_TEXT_LEN)
		(void)uuid_parse(str_sub(id, id.n - UUID_TEXT_LEN, UUID_TEXT_LEN), &u);
	return u;
}

static int id_cmp(const void *a, const void *b)
{
	return str_cmp(((const struct stix1_id *)a)->id, ((const struct stix1_id *)b)->id);
}

static enum err id_keep(struct stix1_id **v, uint32_t *n, uint32_t *cap, struct str id, const struct xml_node *node,
			struct fail *f)
{
	if (!id.n || *n >= IDS_MAX)
		return ERR_OK;
	if (*n == *cap) {
		uint32_t more = *cap ? *cap * 2 : 256;
		struct stix1_id *grown = realloc(*v, more * sizeof(*grown));
		if (!grown)
			return fail(f, ERR_NOMEM, "no memory");
		*v = grown;
		*cap = more;
	}
	(*v)[(*n)++] = (struct stix1_id){id, node};
	return ERR_OK;
}

static bool stands_in(const struct xml_node *n, unsigned up, const char *name)
{
	while (n && up--)
		n = n->parent;
	return n && stix1_is(n, name);
}

/* Is it told where it is referred to? */
static bool is_told(const struct xml_node *n)
{
	return stix1_is(n, "Observable") ||
	       (stix1_is(n, "Indicator") &&
		(stands_in(n, 3, "Incident") || stands_in(n, 1, "Composite_Indicator_Expression")));
}

/* Ids of what others may refer to, and what they do refer to. */
static enum err ids_collect(struct stix1_in *s, const struct xml_node *root, struct fail *f)
{
	const struct xml_node *n = root;
	while (n) {
		TRY(id_keep(&s->ids, &s->n_ids, &s->cap_ids, xml_get(n, "id"), n, f));
		if (is_told(n))
			TRY(id_keep(&s->refs, &s->n_refs, &s->cap_refs, xml_get(n, "idref"), n, f));
		if (n->first) {
			n = n->first;
			continue;
		}
		while (n && n != root && !n->next)
			n = n->parent;
		n = !n || n == root ? NULL : n->next;
	}
	if (s->n_ids)
		qsort(s->ids, s->n_ids, sizeof(*s->ids), id_cmp);
	if (s->n_refs)
		qsort(s->refs, s->n_refs, sizeof(*s->refs), id_cmp);
	return ERR_OK;
}

static bool referred(const struct stix1_in *s, const struct xml_node *n)
{
	const struct stix1_id key = {.id = xml_get(n, "id")};
	return key.id.n && s->n_refs && bsearch(&key, s->refs, s->n_refs, sizeof(key), id_cmp);
}

const struct xml_node *stix1_resolve(const struct stix1_in *s, const struct xml_node *n)
{
	struct str ref = xml_get(n, "idref");
	if (!ref.n)
		return n;
	const struct stix1_id key = {.id = ref};
	const struct stix1_id *found = s->n_ids ? bsearch(&key, s->ids, s->n_ids, sizeof(key), id_cmp) : NULL;
	return found ? found->node : NULL;
}

/* ---- UUIDs ---- */

static bool seen_add(struct stix1_in *s, struct uuid u)
{
	if (s->n_seen * 2 >= s->cap_seen) {
		uint32_t cap = s->cap_seen ? s->cap_seen * 2 : 1024;
		struct uuid *more = calloc(cap, sizeof(*more)), *old = s->seen;
		if (!more)
			return false;
		uint32_t had = s->cap_seen;
		s->seen = more;
		s->cap_seen = cap;
		s->n_seen = 0;
		for (uint32_t i = 0; i < had; i++)
			if (!uuid_is_nil(old[i]))
				(void)seen_add(s, old[i]);
		free(old);
	}
	uint32_t h;
	memcpy(&h, u.b + 10, sizeof(h));
	uint32_t i = h & (s->cap_seen - 1);
	for (; !uuid_is_nil(s->seen[i]); i = (i + 1) & (s->cap_seen - 1))
		if (uuid_eq(s->seen[i], u))
			return false;
	s->seen[i] = u;
	s->n_seen++;
	return true;
}

struct uuid stix1_unique(struct stix1_in *s, struct uuid u)
{
	if (!uuid_is_nil(u) && seen_add(s, u))
		return u;
	for (int tries = 0; tries < 8; tries++) {
		u = uuid_v5(s->event, arena_printf(s->a, "%llu", (unsigned long long)++s->n));
		if (seen_add(s, u))
			break;
	}
	return u;
}

/* ---- attributes, objects, tags ---- */

bool stix1_fits(struct stix1_in *s, struct str type, struct str value)
{
	struct str out, one, two;
	struct attr_problem problem = {0};
	enum attr_type t = type_find(type);
	return t && value.n && value.n <= VALUE_MAX &&
	       attr_normalise_validate(s->a, t, value, false, &out, &one, &two, &problem) == ERR_OK;
}

static void tag(struct jsonw *w, struct str name)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_str, "name", name);
	jsonw_obj_end(w);
}

static struct str tlp_tag(struct stix1_in *s, struct str color)
{
	static const char *const known[] = {"white", "clear", "green", "amber", "red"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq_nocase(color, str_c(known[i])))
			return arena_printf(s->a, "tlp:%s", known[i]);
	return color.n && color.n < 64 ? arena_printf(s->a, "tlp:%.*s", STR_ARG(color)) : STR_NONE;
}

static bool says(const struct xml_node *handling, const char *statement)
{
	for (const struct xml_node *m = handling ? handling->first : NULL; m; m = m->next)
		for (const struct xml_node *k = m->first; k; k = k->next)
			if (str_is(stix1_text_of(k, "Statement"), statement))
				return true;
	return false;
}

/* What a handling says, as tags. No marking is as if it were not there: what is too long for one is cut. */
static void tags_of(struct stix1_in *s, struct jsonw *w, const struct xml_node *handling)
{
	bool strict = says(handling, "tlp:amber+strict");
	for (const struct xml_node *m = handling ? handling->first : NULL; m; m = m->next) {
		for (const struct xml_node *k = m->first; k; k = k->next) {
			struct str color = xml_get(k, "color"), text = stix1_text_of(k, "Statement"), name = text;
			if (!stix1_is(k, "Marking_Structure"))
				continue;
			if (color.n)
				name = strict && str_eq_nocase(color, STR("AMBER")) ? STR_NONE : tlp_tag(s, color);
			if (!name.n)
				continue;
			tag(w, str_sub(name, 0, TAG_MAX));
			s->counts.tags++;
		}
	}
}

static void tags_write(struct stix1_in *s, struct jsonw *w, const struct stix1_about *about)
{
	if (!about->handling && !about->n_tags)
		return;
	jsonw_key(w, "Tag");
	jsonw_arr(w);
	tags_of(s, w, about->handling);
	for (uint32_t i = 0; i < about->n_tags; i++)
		tag(w, about->tags[i]);
	jsonw_arr_end(w);
}

static struct str category_of(enum attr_type t, struct str wanted)
{
	enum attr_category c = wanted.n ? category_find(wanted) : 0;
	return c && type_fits_category(t, c) ? category_name(c) : category_name(type_get(t)->category);
}

void stix1_attribute(struct stix1_in *s, const struct stix1_value *v, const struct stix1_about *about)
{
	struct jsonw *w = s->at;
	struct str type = v->type, value = v->value, comment = about->comment;
	bool fits = stix1_fits(s, type, value);
	if (!value.n) {
		s->counts.left_out++;
		return;
	}
	if (!fits) {
		s->counts.as_text++;
		type = STR("text");
	}
	enum attr_type t = type_find(type);
	if (about->together && !comment.n)
		comment = STR("STIX: one of several that must all be there");
	if (about->no_part && !comment.n)
		comment = STR("STIX: not the value itself");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", stix1_unique(s, v->uuid));
	JSONW_KV(w, jsonw_str, "type", type);
	JSONW_KV(w, jsonw_str, "category", category_of(t, about->category));
	JSONW_KV(w, jsonw_str, "value", str_sub(value, 0, VALUE_MAX));
	JSONW_KV(w, jsonw_bool, "to_ids", about->to_ids && fits && !about->together && !about->no_part &&
						  (!v->relation.p || type_get(t)->to_ids));
	JSONW_KV(w, jsonw_str, "comment", comment.p ? comment : STR(""));
	if (v->relation.p)
		JSONW_KV(w, jsonw_str, "object_relation", v->relation);
	if (about->timestamp > 0)
		JSONW_KV(w, jsonw_int_str, "timestamp", about->timestamp);
	if (about->first_seen.n)
		JSONW_KV(w, jsonw_str, "first_seen", about->first_seen);
	if (about->last_seen.n)
		JSONW_KV(w, jsonw_str, "last_seen", about->last_seen);
	JSONW_KV(w, jsonw_c, "distribution", "5");
	if (v->data.n && fits)
		JSONW_KV(w, jsonw_str, "data", v->data);
	tags_write(s, w, about);
	jsonw_obj_end(w);
	s->counts.attributes++;
}

void stix1_in_object_open(struct stix1_in *s, struct str name, struct str meta, const struct stix1_about *about)
{
	struct jsonw *w = &s->jobjects;
	char text[UUID_TEXT_LEN + 1];
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", stix1_unique(s, about->uuid));
	JSONW_KV(w, jsonw_str, "name", name);
	JSONW_KV(w, jsonw_str, "meta-category", meta.n ? meta : stix_template_meta(name));
	JSONW_KV(w, jsonw_str, "template_uuid", stix_template_uuid(name, text));
	JSONW_KV(w, jsonw_str, "template_version", stix_template_version(name));
	JSONW_KV(w, jsonw_str, "description",
		 about->description.n ? about->description : arena_printf(s->a, "%.*s object", STR_ARG(name)));
	JSONW_KV(w, jsonw_str, "comment", about->comment.p ? about->comment : STR(""));
	if (about->timestamp > 0)
		JSONW_KV(w, jsonw_int_str, "timestamp", about->timestamp);
	JSONW_KV(w, jsonw_c, "distribution", "5");
	jsonw_key(w, "Attribute");
	jsonw_arr(w);
	s->at = w;
	s->counts.misp_objects++;
}

void stix1_in_object_close(struct stix1_in *s)
{
	jsonw_arr_end(&s->jobjects);
	jsonw_obj_end(&s->jobjects);
	s->at = &s->jattrs;
}

/* ---- what MISP's titles say ---- */

static int64_t seconds_of(struct str time)
{
	int64_t at = time.n >= 19 ? clock_from_iso(time) : 0;
	return MAX(at, 0);
}

/* "meta: name (MISP Object)" */
static void title_read(struct stix1_about *about, struct str title)
{
	static const char end[] = " (MISP Object)";
	ptrdiff_t colon = str_find(title, STR(": "));
	if (colon <= 0 || !str_has_suffix(title, STR(" (MISP Object)")) ||
	    title.n < (size_t)colon + 2 + sizeof(end) - 1)
		return;
	about->meta = str_sub(title, 0, (size_t)colon);
	about->object = str_sub(title, (size_t)colon + 2, title.n - (size_t)colon - 2 - (sizeof(end) - 1));
}

/* ---- clusters ---- */

static const struct {
	const char *name, *type;
} galaxies[] = {
	{"Attack Pattern", "mitre-attack-pattern"},
	{"Course of Action", "mitre-course-of-action"},
	{"Malware", "mitre-malware"},
	{"Tool", "mitre-tool"},
	{"Threat Actor", "threat-actor"},
	{"Microsoft Activity Group actor", "microsoft-activity-group"},
	{"360.net Threat Actors", "360net-threat-actor"},
	{"Branded Vulnerability", "branded-vulnerability"},
	{"Ransomware", "ransomware"},
	{"RAT", "rat"},
	{"Banker", "banker"},
	{"Botnet", "botnet"},
	{"Backdoor", "backdoor"},
	{"Android", "android"},
	{"Cryptominers", "cryptominers"},
	{"Exploit-Kit", "exploit-kit"},
	{"Malpedia", "malpedia"},
	{"Stealer", "stealer"},
	{"TDS", "tds"},
};

static struct str cluster_tag(struct stix1_in *s, struct str galaxy, struct str value)
{
	for (size_t i = 0; i < ARRAY_LEN(galaxies) && value.n && value.n < 200; i++)
		if (str_is(galaxy, galaxies[i].name))
			return arena_printf(s->a, "misp-galaxy:%s=\"%.*s\"", galaxies[i].type, STR_ARG(value));
	return STR_NONE;
}

static struct str ttp_value(const struct xml_node *ttp)
{
	static const char *const names[] = {"Behavior/Attack_Patterns/Attack_Pattern/Title",
					    "Behavior/Malware/Malware_Instance/Title",
					    "Behavior/Malware/Malware_Instance/Name",
					    "Resources/Tools/Tool/Name",
					    "Resources/Tools/Tool/Title",
					    "Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/Title"};
	struct str v = STR_NONE;
	for (size_t i = 0; i < ARRAY_LEN(names) && !v.n; i++)
		v = stix1_text_of(ttp, names[i]);
	return v;
}

static struct str ttp_tag(struct stix1_in *s, const struct xml_node *ttp)
{
	struct str title = stix1_text_of(ttp, "Title");
	if (!str_has_suffix(title, STR(" (MISP Galaxy)")))
		return STR_NONE;
	return cluster_tag(s, str_sub(title, 0, title.n - 14), ttp_value(ttp));
}

/* Tags of the clusters that an indicator points to. */
static void indicated(struct stix1_in *s, const struct xml_node *n, struct stix1_about *about)
{
	uint32_t max = n->children, have = 0;
	const struct xml_node *coas = xml_child(n, "Suggested_COAs");
	max += coas ? coas->children : 0;
	about->tags = max ? ARENA_ARRAY(s->a, struct str, max) : NULL;
	for (const struct xml_node *k = n->first; k && about->tags; k = k->next) {
		const struct xml_node *t = stix1_is(k, "Indicated_TTP") ? xml_child(k, "TTP") : NULL;
		t = t ? stix1_resolve(s, t) : NULL;
		struct str name = t ? ttp_tag(s, t) : STR_NONE;
		if (name.n)
			about->tags[have++] = name;
	}
	for (const struct xml_node *k = coas ? coas->first : NULL; k && about->tags && s->internal; k = k->next) {
		const struct xml_node *c = xml_child(k, "Course_Of_Action");
		c = c ? stix1_resolve(s, c) : NULL;
		struct str name = c ? cluster_tag(s, STR("Course of Action"), stix1_text_of(c, "Title")) : STR_NONE;
		if (name.n)
			about->tags[have++] = name;
	}
	about->n_tags = have;
}

/* ---- indicators ---- */

static void rules(struct stix1_in *s, const struct xml_node *list, const struct stix1_about *about)
{
	for (const struct xml_node *m = list->first; m; m = m->next)
		for (const struct xml_node *k = m->first; k; k = k->next) {
			struct str kind = xml_get(m, "type");
			struct str type = str_find(kind, STR("Yara")) >= 0   ? STR("yara")
					  : str_find(kind, STR("Snort")) >= 0 ? STR("snort")
									      : STR("text");
			if (stix1_is(k, "Rule") && k->text.n)
				stix1_attribute(s,
						&(struct stix1_value){
							.type = type, .value = k->text, .uuid = about->uuid},
						about);
		}
}

static void indicator(struct stix1_in *s, const struct xml_node *given, struct str relationship, bool together)
{
	const struct xml_node *n = stix1_resolve(s, given), *k;
	if (!n || s->depth >= PACKAGES_DEEP || ++s->steps > STIX1_STEPS_MAX) {
		s->counts.left_out++;
		return;
	}
	s->depth++;
	s->counts.objects++;
	struct str title = stix1_text_of(n, "Title");
	struct stix1_about about = {.uuid = stix1_uuid_of(xml_get(n, "id")),
				    .category = relationship,
				    .comment = stix1_text_of(n, "Description"),
				    .handling = xml_child(n, "Handling"),
				    .timestamp = seconds_of(xml_get(n, "timestamp")),
				    .first_seen = stix1_text_of(n, "Valid_Time_Position/Start_Time"),
				    .last_seen = stix1_text_of(n, "Valid_Time_Position/End_Time"),
				    .to_ids = true,
				    .together = together,
				    .no_part = str_is(xml_get(n, "negate"), "true")};
	title_read(&about, title);
	if (!seconds_of(about.first_seen))
		about.first_seen = STR_NONE;
	if (!seconds_of(about.last_seen) || seconds_of(about.last_seen) < seconds_of(about.first_seen))
		about.last_seen = STR_NONE;
	if (s->internal && about.object.n)
		about.description = about.comment; /* MISP tells the comment there, or what the template is for */
	if (s->internal && (str_eq(about.comment, title) || about.object.n))
		about.comment = STR("");
	if (!s->internal && !about.comment.n)
		about.comment = title;
	indicated(s, n, &about);
	bool any = false;
	for (k = n->first; k; k = k->next) {
		bool rest = stix1_is(k, "Test_Mechanisms");
		if (!rest && !stix1_is(k, "Observable") && !stix1_is(k, "Composite_Indicator_Expression"))
			continue;
		any = true;
		if (rest) {
			rules(s, k, &about);
		} else if (stix1_is(k, "Observable")) {
			stix1_in_observable(s, k, &about);
		} else {
			bool all = !str_eq_nocase(xml_get(k, "operator"), STR("OR")) && k->children > 1;
			for (const struct xml_node *x = k->first; x; x = x->next)
				if (stix1_is(x, "Indicator"))
					indicator(s, x, relationship, together || all);
		}
	}
	if (!any)
		s->counts.left_out++;
	s->depth--;
}

/* ---- what stands beside ---- */

static void plain(struct stix1_in *s, const char *type, struct str value, struct uuid u, struct str category,
		  struct str comment, const struct xml_node *of)
{
	struct stix1_about about = {.category = category,
				    .comment = comment,
				    .handling = of ? xml_child(of, "Handling") : NULL,
				    .timestamp = of ? seconds_of(xml_get(of, "timestamp")) : 0};
	if (value.n)
		stix1_attribute(s, &(struct stix1_value){.type = str_c(type), .value = value, .uuid = u}, &about);
}

static struct str title_category(struct str title)
{
	ptrdiff_t colon = str_find(title, STR(": "));
	return colon > 0 && str_has_suffix(title, STR(" (MISP Attribute)")) ? str_sub(title, 0, (size_t)colon)
									    : STR_NONE;
}

static void weak_points(struct stix1_in *s, const struct xml_node *ttp, const struct xml_node *targets)
{
	struct str title = stix1_text_of(ttp, "Title"), category = title_category(title);
	bool first = true;
	for (const struct xml_node *i = targets->first; i; i = i->next) {
		const struct xml_node *e = xml_child(i, "Exploit_Target");
		e = e ? stix1_resolve(s, e) : NULL;
		for (const struct xml_node *k = e ? e->first : NULL; k; k = k->next) {
			bool cve = stix1_is(k, "Vulnerability");
			struct str id = stix1_text_of(k, cve ? "CVE_ID" : "CWE_ID"),
				   text = stix1_text_of(e, "Description");
			if ((!cve && !stix1_is(k, "Weakness")) || !id.n)
				continue;
			plain(s, cve ? "vulnerability" : "weakness", id,
			      first ? stix1_uuid_of(xml_get(ttp, "id")) : UUID_NIL, category,
			      text.n ? text : stix1_text_of(k, "Description"), ttp);
			first = false;
		}
	}
}

struct member {
	const char *path, *type, *relation;
};
static const struct member attack_pattern[] = {
	{"Behavior/Attack_Patterns/Attack_Pattern/Title", "text", "name"},
	{"Behavior/Attack_Patterns/Attack_Pattern/Description", "text", "summary"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Weakness/CWE_ID", "weakness", "related-weakness"},
	{NULL, NULL, NULL}};
static const struct member vulnerability[] = {
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/CVE_ID", "vulnerability", "id"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/Description", "text", "summary"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/CVSS_Score/Overall_Score", "float",
	 "cvss-score"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/Discovered_DateTime", "datetime", "created"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/Published_DateTime", "datetime", "published"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Vulnerability/References/Reference", "link", "references"},
	{NULL, NULL, NULL}};
static const struct member weakness[] = {
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Weakness/CWE_ID", "weakness", "id"},
	{"Exploit_Targets/Exploit_Target/Exploit_Target/Weakness/Description", "text", "description"},
	{NULL, NULL, NULL}};
static const struct member course_of_action[] = {
	{"Title", "text", "name"},	   {"Type", "text", "type"},
	{"Description", "text", "description"}, {"Objective/Description", "text", "objective"},
	{"Stage", "text", "stage"},	   {"Cost/Value", "text", "cost"},
	{"Impact/Value", "text", "impact"}, {"Efficacy/Value", "text", "efficacy"},
	{NULL, NULL, NULL}};

static void object_of(struct stix1_in *s, const struct xml_node *n, struct str name, struct str meta,
		      const struct member *m)
{
	struct stix1_about about = {.uuid = stix1_uuid_of(xml_get(n, "id")),
				    .handling = xml_child(n, "Handling"),
				    .timestamp = seconds_of(xml_get(n, "timestamp"))};
	struct str capec = xml_get(stix1_down(n, "Behavior/Attack_Patterns/Attack_Pattern"), "capec_id");
	stix1_in_object_open(s, name, meta, &about);
	about.comment = STR("");
	if (capec.n && m == attack_pattern) {
		struct str id = str_has_prefix(capec, STR("CAPEC-")) ? str_sub(capec, 6, capec.n) : capec;
		stix1_attribute(s,
				&(struct stix1_value){.type = STR("text"), .value = id, .relation = STR("id"),
						      .uuid = uuid_v5(about.uuid, STR("id"))},
				&about);
	}
	for (; m->path; m++) {
		struct str v = stix1_text_of(n, m->path);
		if (v.n)
			stix1_attribute(s,
					&(struct stix1_value){.type = str_c(m->type), .value = v,
							      .relation = str_c(m->relation),
							      .uuid = uuid_v5(about.uuid, str_c(m->relation))},
					&about);
	}
	stix1_in_object_close(s);
}

static bool ttp_object(struct stix1_in *s, const struct xml_node *ttp)
{
	static const struct {
		const char *name;
		const struct member *members;
	} kinds[] = {{"attack-pattern", attack_pattern}, {"vulnerability", vulnerability}, {"weakness", weakness}};
	struct stix1_about about = {0};
	title_read(&about, stix1_text_of(ttp, "Title"));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(about.object, kinds[i].name)) {
			object_of(s, ttp, about.object, about.meta, kinds[i].members);
			return true;
		}
	return false;
}

static const struct {
	const char *path, *type, *before;
} victim_paths[] = {
	{"PartyName/PersonName/NameElement", "target-user", ""},
	{"PartyName/OrganisationName/NameElement", "target-org", ""},
	{"PartyName/NameLine", "target-external", "External target: "},
	{"Addresses/Address/FreeTextAddress/AddressLine", "target-location", ""},
	{"ElectronicAddressIdentifiers/ElectronicAddressIdentifier", "target-email", ""},
};

static bool victim(struct stix1_in *s, const struct xml_node *n, const struct xml_node *of)
{
	const struct xml_node *spec = xml_child(n, "Specification");
	bool any = false;
	for (size_t i = 0; i < ARRAY_LEN(victim_paths) && spec; i++) {
		struct str v = stix1_text_of(spec, victim_paths[i].path), before = str_c(victim_paths[i].before);
		if (!v.n)
			continue;
		if (str_has_prefix(v, before))
			v = str_sub(v, before.n, v.n);
		plain(s, victim_paths[i].type, v, any ? UUID_NIL : stix1_uuid_of(xml_get(n, "id")), STR_NONE,
		      STR_NONE, of);
		any = true;
	}
	if (!any && stix1_text_of(n, "Name").n) {
		plain(s, "target-org", stix1_text_of(n, "Name"), stix1_uuid_of(xml_get(n, "id")), STR_NONE, STR_NONE,
		      of);
		any = true;
	}
	return any;
}

static void event_tag(struct stix1_in *s, struct str name)
{
	struct jsonw w = jsonw_on(&s->tags);
	if (s->tags.n)
		buf_putc(&s->tags, ',');
	tag(&w, name);
	s->counts.tags++;
}

static void ttp(struct stix1_in *s, const struct xml_node *n, bool leveraged)
{
	const struct xml_node *targets = xml_child(n, "Exploit_Targets"),
			      *identity = stix1_down(n, "Victim_Targeting/Identity");
	struct str name = ttp_tag(s, n), title = stix1_text_of(n, "Title"), value = ttp_value(n);
	s->counts.objects++;
	if (name.n) {
		if (leveraged)
			event_tag(s, name);
		return;
	}
	if (ttp_object(s, n))
		return;
	uint64_t had = s->counts.attributes;
	if (targets)
		weak_points(s, n, targets);
	if (identity)
		(void)victim(s, identity, n);
	if (s->counts.attributes != had)
		return;
	if (value.n || title.n) {
		s->counts.as_text++;
		plain(s, "text", arena_printf(s->a, "TTP: %.*s", STR_ARG(value.n ? value : title)),
		      stix1_uuid_of(xml_get(n, "id")), STR("Attribution"), stix1_text_of(n, "Description"), n);
	} else {
		s->counts.left_out++;
	}
}

/* Is it named by the incident itself, not only by an indicator? */
static bool refers(const struct xml_node *incident, const char *list, const char *item, struct str id)
{
	const struct xml_node *l = incident ? xml_child(incident, list) : NULL;
	for (const struct xml_node *k = l ? l->first : NULL; k; k = k->next) {
		const struct xml_node *t = xml_child(k, item);
		if (id.n && t && str_eq(xml_get(t, "idref"), id))
			return true;
	}
	return false;
}

static void actor(struct stix1_in *s, const struct xml_node *n)
{
	struct str title = stix1_text_of(n, "Title");
	if (!title.n)
		title = stix1_text_of(n, "Identity/Name");
	s->counts.objects++;
	if (s->internal && title.n && title.n < 200)
		event_tag(s, cluster_tag(s, STR("Threat Actor"), title));
	else
		plain(s, "threat-actor", title, stix1_uuid_of(xml_get(n, "id")), STR_NONE,
		      stix1_text_of(n, "Description"), n);
}

static bool coa_is_taken(const struct xml_node *incident, struct str id)
{
	for (const struct xml_node *k = incident ? incident->first : NULL; k; k = k->next) {
		const struct xml_node *c = stix1_is(k, "COA_Taken") ? xml_child(k, "Course_Of_Action") : NULL;
		if (c && id.n && str_eq(xml_get(c, "idref"), id))
			return true;
	}
	return false;
}

static void coa(struct stix1_in *s, const struct xml_node *n, const struct xml_node *incident)
{
	bool more = xml_child(n, "Type") || xml_child(n, "Objective") || xml_child(n, "Stage") ||
		    xml_child(n, "Cost") || xml_child(n, "Impact") || xml_child(n, "Efficacy");
	struct str name = cluster_tag(s, STR("Course of Action"), stix1_text_of(n, "Title"));
	s->counts.objects++;
	if (more || !s->internal || !name.n)
		object_of(s, n, STR("course-of-action"), STR("misc"), course_of_action);
	else if (coa_is_taken(incident, xml_get(n, "id")))
		event_tag(s, name);
}

static void campaign(struct stix1_in *s, const struct xml_node *n)
{
	const struct xml_node *names = xml_child(n, "Names");
	struct str title = stix1_text_of(n, "Title");
	struct uuid u = stix1_uuid_of(xml_get(n, "id"));
	s->counts.objects++;
	for (const struct xml_node *k = names ? names->first : NULL; k; k = k->next, u = UUID_NIL)
		plain(s, "campaign-name", k->text, u, title_category(title), stix1_text_of(n, "Description"), n);
	if (!names)
		plain(s, "campaign-name", title, u, STR_NONE, stix1_text_of(n, "Description"), n);
}

/* ---- an incident ---- */

struct head {
	struct str info, date;
	int64_t timestamp;
	int threat, analysis;
	const struct xml_node *incident;
};

/* "Attribute (Other - text): words" */
static void journal(struct stix1_in *s, struct head *h, struct str line)
{
	static const char *const levels[] = {NULL, "High", "Medium", "Low", "Undefined"};
	struct str threat = STR("Event Threat Level: ");
	ptrdiff_t dash = str_find(line, STR(" - ")), end = str_find(line, STR("): "));
	if (str_has_prefix(line, threat)) {
		for (int i = 1; i < (int)ARRAY_LEN(levels); i++)
			if (str_is(str_sub(line, threat.n, line.n), levels[i]))
				h->threat = i;
		return;
	}
	if (str_has_prefix(line, STR("MISP Tag: "))) {
		if (!str_is(line, "MISP Tag: misp:tool=\"MISP-STIX-Converter\""))
			event_tag(s, str_sub(line, 10, TAG_MAX));
		return;
	}
	if (str_has_prefix(line, STR("Attribute (")) && dash > 11 && end > dash) {
		struct stix1_about about = {.category = str_sub(line, 11, (size_t)dash - 11)};
		stix1_attribute(s,
				&(struct stix1_value){.type = str_sub(line, (size_t)dash + 3, (size_t)(end - dash - 3)),
						      .value = str_sub(line, (size_t)end + 3, line.n)},
				&about);
		return;
	}
	if (line.n) {
		s->counts.as_text++;
		plain(s, "text", line, UUID_NIL, STR_NONE, STR("STIX: journal of the incident"), NULL);
	}
}

static void related(struct stix1_in *s, const struct xml_node *list, const char *item)
{
	for (const struct xml_node *k = list->first; k; k = k->next) {
		const struct xml_node *n = xml_child(k, item);
		struct str relationship = stix1_text_of(k, "Relationship");
		if (!n)
			continue;
		if (strcmp(item, "Indicator") == 0) {
			indicator(s, n, relationship, false);
			continue;
		}
		struct stix1_about about = {.category = relationship,
					    .meta = category_find(relationship) ? STR_NONE : relationship};
		stix1_in_observable(s, n, &about);
	}
}

static void incident(struct stix1_in *s, const struct xml_node *n, struct head *h)
{
	static const char *const states[] = {"New", "Open", "Closed"};
	s->counts.objects++;
	for (const struct xml_node *k = n->first; k; k = k->next) {
		if (stix1_is(k, "Related_Indicators")) {
			related(s, k, "Indicator");
		} else if (stix1_is(k, "Related_Observables")) {
			related(s, k, "Observable");
		} else if (stix1_is(k, "Victim")) {
			(void)victim(s, k, NULL);
		} else if (stix1_is(k, "Affected_Assets")) {
			for (const struct xml_node *x = k->first; x; x = x->next)
				plain(s, "target-machine", stix1_text_of(x, "Description"), UUID_NIL, STR_NONE,
				      STR_NONE, NULL);
		} else if (stix1_is(k, "History")) {
			for (const struct xml_node *x = k->first; x; x = x->next)
				journal(s, h, stix1_text_of(x, "Journal_Entry"));
		} else if (stix1_is(k, "Status")) {
			for (int i = 0; i < (int)ARRAY_LEN(states); i++)
				if (str_is(k->text, states[i]))
					h->analysis = i;
		} else if (stix1_is(k, "Leveraged_TTPs")) {
			for (const struct xml_node *x = k->first; x; x = x->next) {
				const struct xml_node *t = xml_child(x, "TTP");
				if (t && !xml_get(t, "idref").n)
					ttp(s, t, true);
			}
		}
	}
}

/* ---- packages ---- */

static void list_of(struct stix1_in *s, const struct xml_node *in, const struct head *h)
{
	struct stix1_about about = {0};
	for (const struct xml_node *k = in->first; k; k = k->next) {
		if (referred(s, k))
			continue;
		if (stix1_is(in, "Indicators") && stix1_is(k, "Indicator"))
			indicator(s, k, STR_NONE, false);
		else if (stix1_is(in, "Observables") && stix1_is(k, "Observable"))
			stix1_in_observable(s, k, &about);
		else if (stix1_is(in, "TTPs") && stix1_is(k, "TTP"))
			ttp(s, k, !h->incident || refers(h->incident, "Leveraged_TTPs", "TTP", xml_get(k, "id")));
		else if (stix1_is(in, "Threat_Actors"))
			actor(s, k);
		else if (stix1_is(in, "Courses_Of_Action"))
			coa(s, k, h->incident);
		else if (stix1_is(in, "Campaigns"))
			campaign(s, k);
	}
}

static void event_write(struct stix1_in *s, const struct head *h)
{
	struct jsonw w = jsonw_on(&s->out);
	if (s->counts.events++)
		buf_putc(&s->out, ',');
	jsonw_obj(&w);
	jsonw_key(&w, "Event");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uuid, "uuid", s->event);
	JSONW_KV(&w, jsonw_str, "info", h->info);
	if (seconds_of(h->date))
		JSONW_KV(&w, jsonw_str, "date", str_sub(h->date, 0, 10));
	if (h->timestamp)
		JSONW_KV(&w, jsonw_int_str, "timestamp", h->timestamp);
	if (h->threat)
		JSONW_KV(&w, jsonw_int_str, "threat_level_id", h->threat);
	JSONW_KV(&w, jsonw_int_str, "analysis", h->analysis);
	if (s->opts.has_distribution) {
		JSONW_KV(&w, jsonw_int_str, "distribution", s->opts.distribution);
		if (s->opts.distribution == 4)
			JSONW_KV(&w, jsonw_uint_str, "sharing_group_id", s->opts.sharing_group_id);
	}
	JSONW_KV(&w, jsonw_bool, "published", s->opts.publish);
	static const char *const keys[] = {"Tag", "Attribute", "Object"};
	struct buf *const lists[] = {&s->tags, &s->attrs, &s->objects};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		jsonw_key(&w, keys[i]);
		jsonw_arr(&w);
		if (lists[i]->n)
			jsonw_raw(&w, buf_str(lists[i]));
		jsonw_arr_end(&w);
	}
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
}

static void event_tags(struct stix1_in *s, const struct xml_node *handling)
{
	if (!handling)
		return;
	OWN(buf) struct buf b = BUF(OUT_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	tags_of(s, &w, handling);
	jsonw_arr_end(&w);
	if (b.n <= 2 || buf_err(&b) != ERR_OK)
		return;
	if (s->tags.n)
		buf_putc(&s->tags, ',');
	buf_add(&s->tags, b.p + 1, b.n - 2);
}

static const struct xml_node *first_incident(const struct xml_node *package)
{
	return stix1_down(package, "Incidents/Incident");
}

static bool holds_something(const struct xml_node *p)
{
	static const char *const lists[] = {"Incidents",     "Indicators",	"Observables", "TTPs",
					    "Threat_Actors", "Courses_Of_Action", "Campaigns"};
	for (const struct xml_node *k = p->first; k; k = k->next)
		for (size_t i = 0; i < ARRAY_LEN(lists); i++)
			if (stix1_is(k, lists[i]) && k->first)
				return true;
	return false;
}

static void event(struct stix1_in *s, const struct xml_node *p)
{
	static const struct uuid space = {{0x4c, 0x0e, 0x5d, 0x1b, 0x92, 0x3f, 0x4a, 0x77, 0x8d, 0x61, 0x2b, 0x90, 0x5e,
					   0x13, 0xc4, 0x2a}};
	const struct xml_node *in = first_incident(p);
	struct str title = stix1_text_of(p, "STIX_Header/Title"), id = xml_get(p, "id");
	struct head h = {.incident = in,
			 .info = in ? stix1_text_of(in, "Title") : title,
			 .date = in ? stix1_text_of(in, "Time/Incident_Discovery") : STR_NONE,
			 .timestamp = seconds_of(xml_get(in ? in : p, "timestamp"))};
	struct uuid own = stix1_uuid_of(in ? xml_get(in, "id") : id);
	if (!h.info.n)
		h.info = title.n ? title : s->info ? str_c(s->info) : STR("STIX package");
	s->event = uuid_is_nil(own) ? uuid_v5(space, id.n ? id : buf_str(&s->text)) : own;
	if (!uuid_is_nil(s->opts.event_uuid))
		s->event = s->counts.events ? uuid_v5(s->opts.event_uuid, id) : s->opts.event_uuid;
	struct buf *const lists[] = {&s->tags, &s->attrs, &s->objects};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		buf_clear(lists[i]);
	s->jattrs = jsonw_on(&s->attrs);
	s->jobjects = jsonw_on(&s->objects);
	jsonw_arr(&s->jattrs);
	jsonw_arr(&s->jobjects);
	buf_clear(&s->attrs);
	buf_clear(&s->objects);
	s->at = &s->jattrs;
	if (s->seen)
		memset(s->seen, 0, s->cap_seen * sizeof(*s->seen));
	s->n_seen = 0;
	s->internal = str_has_prefix(title, STR("Export from ")) && str_has_suffix(title, STR(" MISP"));
	event_tags(s, stix1_down(p, "STIX_Header/Handling"));
	for (const struct xml_node *k = stix1_down(p, "Incidents") ? stix1_down(p, "Incidents")->first : NULL; k;
	     k = k->next) {
		event_tags(s, xml_child(k, "Handling"));
		incident(s, k, &h);
	}
	for (const struct xml_node *k = p->first; k; k = k->next)
		list_of(s, k, &h);
	event_write(s, &h);
}

static void package(struct stix1_in *s, const struct xml_node *p, unsigned depth)
{
	const struct xml_node *list = xml_child(p, "Related_Packages");
	if (holds_something(p))
		event(s, p);
	for (const struct xml_node *k = list && depth < PACKAGES_DEEP ? list->first : NULL; k; k = k->next) {
		const struct xml_node *n = xml_child(k, "Package");
		if (n)
			package(s, n, depth + 1);
	}
}

enum err stix1_in_end(struct stix1_in *s, stix_in_fn fn, void *user, struct fail *f)
{
	struct xml_node *root;
	TRY(xml_parse(s->tree, buf_str(&s->text), &(struct xml_limits){.bytes = DOCUMENT_MAX, .nodes = NODES_MAX},
		      &root, f));
	if (!stix1_is(root, "STIX_Package"))
		return fail(f, ERR_PARSE, "no STIX 1 package");
	TRY(ids_collect(s, root, f));
	buf_putc(&s->out, '[');
	package(s, root, 0);
	buf_putc(&s->out, ']');
	if (arena_overflowed(s->a) || buf_err(&s->out) != ERR_OK || buf_err(&s->attrs) != ERR_OK ||
	    buf_err(&s->objects) != ERR_OK || buf_err(&s->tags) != ERR_OK)
		return fail(f, ERR_LIMIT, "the STIX 1 document is too large");
	return fn(user, s->out.p, s->out.n, f);
}
