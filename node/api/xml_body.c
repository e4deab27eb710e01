/*
 * xml_body.c - bodies in XML as JSON: children are sorted by name, keeping their order, so that what
 * is repeated becomes a list in one walk. Depth is the parser's limit.
 */
#include "api/xml_body.h"

#include <stdlib.h>

#include "base/jsonw.h"

/* Lists of MISP's JSON, single elements of which are written alone in its XML. */
static const char *const lists[] = {
	"Attribute",	 "ShadowAttribute",  "Object",		      "ObjectReference",
	"Tag",		 "EventTag",	     "AttributeTag",	      "EventReport",
	"Galaxy",	 "GalaxyCluster",    "GalaxyElement",	      "GalaxyClusterRelation",
	"Sighting",	 "RelatedEvent",     "SharingGroupOrg",	      "SharingGroupServer",
	"Note",		 "Opinion",	     "Relationship",	      "CryptographicKey",
};

static bool is_list(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (str_is(name, lists[i]))
			return true;
	return false;
}

struct child {
	struct str name;
	const struct xml_node *node;
	uint32_t place;
};

static int by_name(const void *x, const void *y)
{
	const struct child *a = x, *b = y;
	int c = str_cmp(a->name, b->name);
	return c ? c : a->place < b->place ? -1 : 1;
}

static enum err put_value(struct jsonw *w, const struct xml_node *n, bool top);

/* `same` children of one name. */
static enum err put_member(struct jsonw *w, const struct child *c, uint32_t same, bool top)
{
	bool list = same > 1 || (!top && is_list(c->name));
	jsonw_key_str(w, c->name);
	if (!list)
		return put_value(w, c->node, false);
	jsonw_arr(w);
	for (uint32_t i = 0; i < same; i++) {
		const struct xml_node *n = c[i].node;
		/* MISP's own XML says <Attribute/> where there is none */
		if (n->first || n->text.n || !is_list(c->name))
			TRY(put_value(w, n, false));
	}
	jsonw_arr_end(w);
	return buf_err(w->out);
}

/* `top`: the element is a wrapper, what is in it stands alone. */
static enum err put_value(struct jsonw *w, const struct xml_node *n, bool top)
{
	enum err e = ERR_OK;
	if (!n->first && !top) {
		jsonw_str(w, n->text);
		return buf_err(w->out);
	}
	struct child *all = n->children ? calloc(n->children, sizeof(*all)) : NULL;
	if (n->children && !all)
		return ERR_NOMEM;
	uint32_t count = 0, same;
	for (const struct xml_node *c = n->first; c; c = c->next, count++)
		all[count] = (struct child){xml_local(c->name), c, count};
	if (count)
		qsort(all, count, sizeof(*all), by_name);
	jsonw_obj(w);
	for (uint32_t i = 0; i < count && e == ERR_OK; i += same) {
		for (same = 1; i + same < count && str_eq(all[i].name, all[i + same].name);)
			same++;
		e = put_member(w, &all[i], same, top);
	}
	jsonw_obj_end(w);
	free(all);
	return e == ERR_OK ? buf_err(w->out) : e;
}

enum err xml_body_json(const struct xml_node *root, struct buf *out)
{
	struct jsonw w = jsonw_on(out);
	struct str name = xml_local(root->name);
	if (str_is(name, "request") || str_is(name, "response"))
		return put_value(&w, root, true);
	jsonw_obj(&w);
	jsonw_key_str(&w, name);
	TRY(put_value(&w, root, false));
	jsonw_obj_end(&w);
	return buf_err(out);
}
