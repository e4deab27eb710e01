/*
 * stix1_cybox.c - CybOX observables as attributes and objects: the properties become facts (stix1_paths.inc), one
 * fact an attribute, two that MISP has a type for a pair, several of one thing an object.
 */
#include <stdlib.h>
#include <string.h>

#include "feeds/in/stix1_impl.h"
#include "feeds/in/stix_impl.h"

#define FACTS_MAX 20000u
#define DEPTH_MAX 32u

static const struct {
	const char *kind, *path, *type, *relation;
} paths[] = {
#define P(kind, path, type, relation) {kind, path, type, relation},
#define O(kind, object, meta)
#define R(prefix, kind, object, relation)
#include "feeds/in/stix1_paths.inc"
};
static const struct {
	const char *kind, *object, *meta;
} things[] = {
#define P(kind, path, type, relation)
#define O(kind, object, meta) {kind, object, meta},
#define R(prefix, kind, object, relation)
#include "feeds/in/stix1_paths.inc"
};
static const struct {
	const char *prefix, *kind, *object, *relation;
} members[] = {
#define P(kind, path, type, relation)
#define O(kind, object, meta)
#define R(prefix, kind, object, relation) {prefix, kind, object, relation},
#include "feeds/in/stix1_paths.inc"
};

static const struct {
	const char *name, *type;
} hash_types[] = {
	{"MD5", "md5"},	      {"SHA1", "sha1"},	    {"SHA-1", "sha1"},	  {"SHA224", "sha224"},
	{"SHA256", "sha256"}, {"SHA-256", "sha256"}, {"SHA384", "sha384"}, {"SHA512", "sha512"},
	{"SSDEEP", "ssdeep"}, {"Other", "tlsh"},
};

static const struct {
	const char *category, *source, *type;
} address_types[] = {
	{"ipv4-addr", "true", "ip-src"}, {"ipv6-addr", "true", "ip-src"}, {"cidr", "true", "ip-src"},
	{"ipv4-addr", NULL, "ip-dst"},	 {"ipv6-addr", NULL, "ip-dst"},	  {"cidr", NULL, "ip-dst"},
	{"e-mail", NULL, "email"},	 {"mac", NULL, "mac-address"},	  {"asn", NULL, "AS"},
};

struct fact {
	struct str type, relation, value;
	bool part; /* a condition other than equality */
};
struct facts {
	struct stix1_in *s;
	struct str kind;
	const struct xml_node *object;
	struct fact *v;
	uint32_t n, cap;
};

static void fact_add(struct facts *x, struct str type, struct str relation, struct str value, bool part)
{
	if (!value.n || x->n == FACTS_MAX)
		return;
	if (x->n == x->cap) {
		uint32_t cap = x->cap ? x->cap * 2 : 16;
		struct fact *more = ARENA_ARRAY(x->s->a, struct fact, cap);
		if (!more)
			return;
		if (x->n)
			memcpy(more, x->v, x->n * sizeof(*more));
		x->v = more;
		x->cap = cap;
	}
	x->v[x->n++] = (struct fact){type, relation, value, part};
}

/* Several values in one: "a##comma##b". */
static void values_add(struct facts *x, struct str type, struct str relation, struct str value, bool part)
{
	for (;;) {
		ptrdiff_t at = str_find(value, STR("##comma##"));
		fact_add(x, type, relation, str_trim(at < 0 ? value : str_sub(value, 0, (size_t)at)), part);
		if (at < 0)
			return;
		value = str_sub(value, (size_t)at + 9, value.n);
	}
}

static bool is_part(const struct xml_node *n, struct str type)
{
	struct str c = xml_get(n, "condition");
	bool net = str_is(c, "Contains") && str_has_prefix(type, STR("ip-"));
	return c.n && !str_is(c, "Equals") && !net;
}

static void hash(struct facts *x, const struct xml_node *n)
{
	struct str name = stix1_text_of(n, "Type"), value = stix1_text_of(n, "Simple_Hash_Value");
	const struct xml_node *v = stix1_down(n, "Simple_Hash_Value");
	struct str type = STR("other");
	if (!value.n)
		value = stix1_text_of(n, "Fuzzy_Hash_Value");
	for (size_t i = 0; i < ARRAY_LEN(hash_types); i++)
		if (str_eq_nocase(name, str_c(hash_types[i].name)) &&
		    stix1_fits(x->s, str_c(hash_types[i].type), value)) {
			type = str_c(hash_types[i].type);
			break;
		}
	/* who gives no name, gives the length */
	static const char *const by_length[] = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"};
	for (size_t i = 0; i < ARRAY_LEN(by_length) && str_is(type, "other") && !str_is(name, "Other"); i++)
		if (stix1_fits(x->s, str_c(by_length[i]), value))
			type = str_c(by_length[i]);
	values_add(x, type, type, value, v && is_part(v, type));
}

static void signature(struct facts *x, const struct xml_node *n)
{
	struct str name = stix1_text_of(n, "Signature_Algorithm"), value = stix1_text_of(n, "Signature");
	static const char *const types[][2] = {{"MD5", "x509-fingerprint-md5"},
					       {"SHA1", "x509-fingerprint-sha1"},
					       {"SHA256", "x509-fingerprint-sha256"}};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq_nocase(name, str_c(types[i][0]))) {
			fact_add(x, str_c(types[i][1]), str_c(types[i][1]), value, false);
			return;
		}
	fact_add(x, STR("text"), STR("text"), value, false);
}

static struct str address_type(const struct xml_node *address, struct str otherwise)
{
	struct str category = xml_get(address, "category"), source = xml_get(address, "is_source"),
		   to = xml_get(address, "is_destination");
	bool from = str_is(source, "true") && !str_is(to, "true");
	for (size_t i = 0; i < ARRAY_LEN(address_types); i++)
		if (str_is(category, address_types[i].category) && (!address_types[i].source || from))
			return str_c(address_types[i].type);
	return otherwise;
}

/* An attribute without a prefix: xsi:type is another one than type. */
static struct str own_attr(const struct xml_node *n, const char *name)
{
	for (const struct xml_attr *t = n->attrs; t; t = t->next)
		if (str_is(t->name, name))
			return t->value;
	return STR_NONE;
}

static void leaf(struct facts *x, const struct xml_node *n, struct str path, struct str value)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		if (!str_is(x->kind, paths[i].kind) || !str_is(path, paths[i].path))
			continue;
		struct str type = str_c(paths[i].type);
		if (str_is(type, "ip-dst") && n->parent)
			type = address_type(n->parent, type);
		if (str_is(x->kind, "URIObjectType") && n->parent &&
		    str_is(own_attr(n->parent, "type"), "Domain Name"))
			type = STR("domain");
		values_add(x, type, str_c(paths[i].relation), value, is_part(n, type));
		return;
	}
	x->s->counts.left_out += value.n && !str_is(x->kind, "CustomObjectType");
}

/* What an e-mail has attached: the file stands beside it. */
static struct str attached(const struct facts *x, const struct xml_node *file)
{
	struct str ref = xml_get(file, "object_reference");
	const struct xml_node *list = x->object ? xml_child(x->object, "Related_Objects") : NULL;
	for (const struct xml_node *o = list ? list->first : NULL; o; o = o->next)
		if (ref.n && str_eq(xml_get(o, "id"), ref))
			return stix1_text_of(o, "Properties/File_Name");
	return STR_NONE;
}

static void walk(struct facts *x, const struct xml_node *n, struct str path, unsigned depth)
{
	for (const struct xml_node *k = n->first; k && depth < DEPTH_MAX; k = k->next) {
		struct str name = xml_local(k->name);
		struct str at = path.n ? arena_printf(x->s->a, "%.*s/%.*s", STR_ARG(path), STR_ARG(name)) : name;
		if (str_is(name, "Hash"))
			hash(x, k);
		else if (str_is(name, "Certificate_Signature"))
			signature(x, k);
		else if (str_is(name, "Property") && n->parent && stix1_is(n, "Custom_Properties"))
			fact_add(x, STR("?"), xml_get(k, "name"), k->text, is_part(k, STR_NONE));
		else if (str_is(at, "Attachments/File"))
			leaf(x, k, at, attached(x, k));
		else if (k->first)
			walk(x, k, at, depth + 1);
		else
			leaf(x, k, at, k->text);
	}
}

static void flags(struct facts *x, const struct xml_node *p)
{
	static const char *const known[][2] = {{"is_listening", "listening"},
					       {"is_blocking", "blocking"},
					       {"is_hidden", "1"},
					       {"disabled", "1"}};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct str v = xml_get(p, known[i][0]);
		struct str path = arena_printf(x->s->a, "@%s", known[i][0]);
		if (str_is(v, "true"))
			leaf(x, p, path, str_c(known[i][1]));
		else if (str_is(v, "false") && str_is(str_c(known[i][1]), "1"))
			leaf(x, p, path, STR("0"));
	}
}

/* xsi:type, not an attribute "type" of the object itself (URIs have both). */
static struct str xsi_type(const struct xml_node *properties)
{
	for (const struct xml_attr *t = properties->attrs; t; t = t->next)
		if (str_is(xml_local(t->name), "type") && str_chr(t->name, ':') > 0)
			return xml_local(t->value);
	return STR_NONE;
}

static struct facts facts_of(struct stix1_in *s, const struct xml_node *object)
{
	struct facts x = {.s = s, .object = object};
	const struct xml_node *p = xml_child(object, "Properties");
	if (!p)
		return x;
	x.kind = xsi_type(p);
	walk(&x, p, STR(""), 0);
	flags(&x, p);
	return x;
}

/* ---- one object ---- */

static struct str type_inside(struct stix1_in *s, struct str object, const struct fact *f)
{
	struct str type = str_is(f->type, "?") ? stix_type_inside(object, f->relation) : f->type;
	if (!type.n || !stix1_fits(s, type, f->value))
		type = STR("text");
	return type;
}

static void into_object(struct stix1_in *s, const struct facts *x, struct str object, struct uuid of,
			const struct stix1_about *about)
{
	for (uint32_t i = 0; i < x->n; i++) {
		const struct fact *f = &x->v[i];
		struct stix1_about inside = {.to_ids = about->to_ids,
					     .no_part = f->part || about->no_part,
					     .together = about->together};
		struct str relation = f->relation.n ? f->relation : f->type;
		struct stix1_value v = {.type = type_inside(s, object, f),
					.value = f->value,
					.relation = relation,
					.uuid = uuid_v5(of, arena_printf(s->a, "%u %.*s", i, STR_ARG(relation)))};
		stix1_attribute(s, &v, &inside);
	}
}

static void object(struct stix1_in *s, const struct facts *x, struct str name, struct str meta,
		   const struct stix1_about *about)
{
	stix1_in_object_open(s, name, meta, about);
	into_object(s, x, name, about->uuid, about);
	stix1_in_object_close(s);
}

/* Two facts as one value of MISP's. */
static bool pair(struct stix1_in *s, const struct facts *x, const struct stix1_about *about)
{
	static const char *const seconds[][2] = {{"ip-src", "ip-src|port"},
						 {"ip-dst", "ip-dst|port"},
						 {"hostname", "hostname|port"},
						 {"regkey", "regkey|value"}};
	if (x->n != 2 || x->v[0].part || x->v[1].part)
		return false;
	for (int i = 0; i < 2; i++) {
		const struct fact *one = &x->v[i], *two = &x->v[1 - i];
		struct str type = STR_NONE;
		if (str_is(one->type, "filename"))
			type = arena_printf(s->a, "filename|%.*s", STR_ARG(two->type));
		for (size_t j = 0; j < ARRAY_LEN(seconds); j++)
			if (str_is(one->type, seconds[j][0]) &&
			    (str_is(two->type, "port") || (j == 3 && str_is(two->relation, "data"))))
				type = str_c(seconds[j][1]);
		struct str value = arena_printf(s->a, "%.*s|%.*s", STR_ARG(one->value), STR_ARG(two->value));
		if (type.n && stix1_fits(s, type, value)) {
			stix1_attribute(s, &(struct stix1_value){.type = type, .value = value, .uuid = about->uuid},
					about);
			return true;
		}
	}
	return false;
}

static struct str single_type(struct stix1_in *s, const struct fact *f, const struct stix1_about *about)
{
	struct str type = f->type;
	if (str_is(type, "?"))
		type = type_find(f->relation) ? f->relation : STR("text");
	/* MISP writes both as URIs */
	if (s->internal && str_is(type, "url") && str_is(about->category, "External analysis"))
		type = STR("link");
	return type;
}

static void singles(struct stix1_in *s, const struct facts *x, const struct stix1_about *about)
{
	for (uint32_t i = 0; i < x->n; i++) {
		const struct fact *f = &x->v[i];
		struct stix1_about one = *about;
		one.no_part |= f->part;
		struct stix1_value v = {.type = single_type(s, f, about),
					.value = f->value,
					.uuid = i == 0 ? about->uuid : UUID_NIL};
		if (i && !uuid_is_nil(about->uuid))
			v.uuid = uuid_v5(about->uuid, arena_printf(s->a, "%u", i));
		if (!v.type.n) {
			v.type = STR("text");
			v.value = arena_printf(s->a, "%.*s: %.*s", STR_ARG(f->relation), STR_ARG(f->value));
		}
		stix1_attribute(s, &v, &one);
	}
}

static void artifact(struct stix1_in *s, const struct xml_node *observable, const struct xml_node *o,
		     struct str relation, const struct stix1_about *about)
{
	struct str title = stix1_text_of(observable, "Title"),
		   md5 = stix1_text_of(o, "Properties/Hashes/Hash/Simple_Hash_Value"),
		   data = stix1_text_of(o, "Properties/Raw_Artifact");
	struct stix1_value v = {.type = md5.n ? STR("malware-sample") : STR("attachment"),
				.value = title.n ? title : STR("artifact"),
				.data = data,
				.uuid = about->uuid};
	if (md5.n)
		v.value = arena_printf(s->a, "%.*s|%.*s", STR_ARG(v.value), STR_ARG(md5));
	v.relation = relation.p ? (md5.n ? STR("malware-sample") : STR("attachment")) : STR_NONE;
	if (data.n || md5.n)
		stix1_attribute(s, &v, about);
	else
		s->counts.left_out++;
}

static void one_object(struct stix1_in *s, const struct xml_node *observable, const struct xml_node *o,
		       const struct stix1_about *about)
{
	const struct xml_node *p = xml_child(o, "Properties");
	struct str kind = p ? xsi_type(p) : STR_NONE, custom = p ? xml_get(p, "custom_name") : STR_NONE;
	if (str_is(kind, "ArtifactObjectType")) {
		artifact(s, observable, o, STR_NONE, about);
		return;
	}
	struct facts x = facts_of(s, o);
	if (!x.n) {
		s->counts.left_out++;
		return;
	}
	size_t thing = 0;
	while (thing < ARRAY_LEN(things) && !str_is(kind, things[thing].kind))
		thing++;
	bool known = thing < ARRAY_LEN(things), lonely = false;
	for (uint32_t i = 0; i < x.n; i++)
		lonely |= !x.v[i].type.n || (str_is(x.v[i].type, "?") && !str_is(kind, "CustomObjectType"));
	if (about->object.n)
		object(s, &x, about->object, about->meta, about);
	else if (custom.n)
		object(s, &x, custom, about->meta, about);
	else if (!pair(s, &x, about)) {
		if (known && (x.n > 1 || lonely))
			object(s, &x, str_c(things[thing].object), str_c(things[thing].meta), about);
		else
			singles(s, &x, about);
	}
}

/* ---- compositions ---- */

static struct str object_of_id(struct str id)
{
	ptrdiff_t colon = str_chr(id, ':'), end = str_find(id, STR("_ObservableComposition-"));
	if (end < 0)
		return STR_NONE;
	return str_sub(id, (size_t)(colon + 1), (size_t)(end - colon - 1));
}

static bool is_domain_ip(const struct facts *a, const struct facts *b)
{
	return a->n == 1 && b->n == 1 && str_is(a->kind, "DomainNameObjectType") &&
	       str_is(b->kind, "AddressObjectType");
}

static struct str member_relation(struct str object, struct str id, const struct facts *x)
{
	struct str local = xml_local(id);
	struct str source = x->n ? x->v[0].type : STR_NONE;
	if (str_is(object, "ip-port") && str_is(x->kind, "AddressObjectType"))
		return str_is(source, "ip-src") ? STR("ip-src") : STR("ip");
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (str_is(object, members[i].object) && str_is(x->kind, members[i].kind) &&
		    str_has_prefix(local, str_c(members[i].prefix)))
			return str_c(members[i].relation);
	return STR_NONE;
}

/* A MISP object that MISP wrote as a composition. */
static void composed_object(struct stix1_in *s, const struct xml_node *c, struct str name,
			    const struct stix1_about *about)
{
	stix1_in_object_open(s, name, about->meta, about);
	for (const struct xml_node *k = c->first; k; k = k->next) {
		const struct xml_node *observable = stix1_resolve(s, k);
		const struct xml_node *o = observable ? xml_child(observable, "Object") : NULL;
		if (!o)
			continue;
		struct stix1_about inside = {.to_ids = about->to_ids,
					     .uuid = stix1_uuid_of(xml_get(observable, "id"))};
		struct facts x = facts_of(s, o);
		if (str_is(x.kind, "ArtifactObjectType")) {
			artifact(s, observable, o, STR(""), &inside);
			continue;
		}
		struct str relation = member_relation(name, xml_get(o, "id"), &x);
		bool one = x.n == 1 && (relation.n || str_is(x.v[0].type, "?"));
		if (!one) {
			into_object(s, &x, name, about->uuid, &inside);
			continue;
		}
		if (relation.n)
			x.v[0].relation = relation;
		stix1_attribute(s,
				&(struct stix1_value){.type = type_inside(s, name, &x.v[0]),
						      .value = x.v[0].value,
						      .relation = x.v[0].relation,
						      .uuid = inside.uuid},
				&inside);
	}
	stix1_in_object_close(s);
}

static void composition(struct stix1_in *s, const struct xml_node *observable, const struct xml_node *c,
			const struct stix1_about *about)
{
	struct str name = object_of_id(xml_get(observable, "id"));
	const struct xml_node *one = c->first, *two = one ? one->next : NULL;
	if (name.n) {
		composed_object(s, c, name, about);
		return;
	}
	const struct xml_node *a = one ? stix1_down(one, "Object") : NULL, *b = two ? stix1_down(two, "Object") : NULL;
	if (a && b && !two->next) {
		struct facts x = facts_of(s, a), y = facts_of(s, b);
		if (is_domain_ip(&x, &y)) {
			struct str v = arena_printf(s->a, "%.*s|%.*s", STR_ARG(x.v[0].value), STR_ARG(y.v[0].value));
			stix1_attribute(
				s, &(struct stix1_value){.type = STR("domain|ip"), .value = v, .uuid = about->uuid},
				about);
			return;
		}
	}
	bool all = !str_eq_nocase(xml_get(c, "operator"), STR("OR")) && c->children > 1;
	for (const struct xml_node *k = c->first; k; k = k->next) {
		struct stix1_about inside = *about;
		inside.uuid = UUID_NIL;
		inside.together |= all;
		stix1_in_observable(s, k, &inside);
	}
}

void stix1_in_observable(struct stix1_in *s, const struct xml_node *given, const struct stix1_about *about)
{
	const struct xml_node *n = stix1_resolve(s, given);
	struct stix1_about here = *about;
	if (!n || s->depth >= DEPTH_MAX || ++s->steps > STIX1_STEPS_MAX) {
		s->counts.left_out++;
		return;
	}
	s->depth++;
	s->counts.objects++;
	if (uuid_is_nil(here.uuid))
		here.uuid = stix1_uuid_of(xml_get(n, "id"));
	here.no_part |= str_is(xml_get(n, "negate"), "true");
	if (!here.comment.n)
		here.comment = stix1_text_of(n, "Description");
	const struct xml_node *c = xml_child(n, "Observable_Composition"), *o = xml_child(n, "Object");
	if (c)
		composition(s, n, c, &here);
	else if (o && xml_child(o, "Properties"))
		one_object(s, n, o, &here);
	else
		s->counts.left_out++;
	s->depth--;
}
