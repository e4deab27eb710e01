/*
 * template.c - required, requiredOneOf and multiple.
 */
#include "lists/template.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "model/pack.h"

enum err lists_template(const struct store_rtxn *t, uint64_t id, struct str uuid, struct str version,
			struct arena *a, struct misp_template *out)
{
	struct misp_template row;
	struct uuid u;
	uint64_t v;

	if (!id) {
		if (!uuid_parse(uuid, &u) || !str_u64(version, &v))
			return ERR_NOENT;
		TRY(store_find(t, IX_TEMPLATE_UUID, (struct str){(const char *)u.b, 16}, &id));
		TRY(store_get(t, T_TEMPLATE, id, NULL, &row));
		if (row.version != v)
			return ERR_NOENT;
	} else {
		TRY(store_get(t, T_TEMPLATE, id, NULL, &row));
	}
	return entity_copy(a, &desc_misp_template, &row, out);
}

struct demands {
	json_t *requirements, *elements;
	const struct str *relations;
	size_t n;
};

static size_t times(const struct demands *d, const char *relation)
{
	size_t n = 0;

	for (size_t i = 0; relation && i < d->n; i++)
		n += str_is(d->relations[i], relation);
	return n;
}

static enum err refuse(struct fail *f, struct str text)
{
	OWN(buf) struct buf b = BUF(1 << 16);

	const char *wrong;

	json_quote(&b, text);
	wrong = buf_cstr(&b);
	return fail(f, ERR_INVAL, "%s", wrong);
}

static enum err check_required(const struct demands *d, struct fail *f)
{
	OWN(buf) struct buf b = BUF(1 << 15);
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(d->requirements, "required"), i, v)
		if (!times(d, json_string_value(v))) {
			buf_printf(&b,
				   "Could not save the object as a required attribute is not set (%s)",
				   json_string_value(v));
			return refuse(f, buf_str(&b));
		}
	return ERR_OK;
}

static enum err check_one_of(const struct demands *d, struct fail *f)
{
	OWN(buf) struct buf b = BUF(1 << 15);
	const json_t *list = json_object_get(d->requirements, "requiredOneOf");
	json_t *v;
	size_t i;

	buf_puts(&b, "Could not save the object as it requires at least one of the following "
		     "attributes to be set: ");
	json_array_foreach((json_t *)(uintptr_t)list, i, v) {
		if (times(d, json_string_value(v)))
			return ERR_OK;
		buf_printf(&b, "%s%s", i ? ", " : "", json_string_value(v));
	}
	return json_array_size(list) ? refuse(f, buf_str(&b)) : ERR_OK;
}

static enum err check_multiple(const struct demands *d, struct fail *f)
{
	json_t *e;
	size_t i;

	json_array_foreach(d->elements, i, e)
		if (!json_is_true(json_object_get(e, "multiple")) &&
		    times(d, json_string_value(json_object_get(e, "object_relation"))) > 1)
			return refuse(f, STR("Could not save the object as a unique relationship within "
					     "the object was assigned to more than one attribute. This is "
					     "only allowed if the multiple flag is set in the object "
					     "template."));
	return ERR_OK;
}

enum err lists_template_check(const struct misp_template *t, const struct str *relations, size_t n,
			      struct fail *f)
{
	struct demands d = {
		.requirements = json_loadb(t->requirements.p, t->requirements.n, 0, NULL),
		.elements = json_loadb(t->elements.p, t->elements.n, 0, NULL),
		.relations = relations,
		.n = n,
	};
	enum err e = check_required(&d, f);

	if (e == ERR_OK)
		e = check_one_of(&d, f);
	if (e == ERR_OK)
		e = check_multiple(&d, f);
	json_decref(d.requirements);
	json_decref(d.elements);
	return e;
}
