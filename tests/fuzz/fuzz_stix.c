/*
 * fuzz_stix.c - any bytes as a STIX bundle, an OpenIOC document or a STIX 1 package (by the first byte): the
 * same events however they are cut, in JSON that can be read, of attributes that would be taken, each UUID once.
 */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "feeds/in/openioc.h"
#include "feeds/in/stix.h"
#include "feeds/in/stix1.h"
#include "model/types.h"
#include "model/validate.h"

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	(void)f;
	buf_add(user, p, n);
	return buf_err(user);
}

static enum err stix(struct str doc, size_t step, struct buf *out)
{
	OWN(stix_in) struct stix_in *s = stix_in_new(&(struct stix_in_opts){.max_bytes = 1 << 20});
	struct fail f = {0};
	for (; doc.n; doc = str_sub(doc, step, doc.n))
		TRY(stix_in_feed(s, doc.p, MIN(step, doc.n), &f));
	TRY(stix_in_end(s, keep, out, &f));
	struct stix_in_counts c = stix_in_counts(s);
	if (c.left_out + c.events > c.objects + 1)
		die("more than there is");
	return ERR_OK;
}

static enum err openioc(struct str doc, size_t step, struct buf *out)
{
	OWN(openioc_in) struct openioc_in *s = openioc_in_new(&(struct openioc_in_opts){0});
	struct fail f = {0};
	for (; doc.n; doc = str_sub(doc, step, doc.n))
		TRY(openioc_in_feed(s, doc.p, MIN(step, doc.n), &f));
	return openioc_in_end(s, keep, out, &f);
}

static enum err stix1(struct str doc, size_t step, struct buf *out)
{
	OWN(stix1_in) struct stix1_in *s = stix1_in_new(&(struct stix_in_opts){0});
	struct fail f = {0};
	for (; doc.n; doc = str_sub(doc, step, doc.n))
		TRY(stix1_in_feed(s, doc.p, MIN(step, doc.n), &f));
	return stix1_in_end(s, keep, out, &f);
}

static void attributes(const json_t *of)
{
	OWN(arena) struct arena *a = arena_new(8 << 20);
	const json_t *v;
	size_t i;
	json_array_foreach(json_object_get(of, "Attribute"), i, v) {
		struct str type = str_c(json_string_value(json_object_get(v, "type"))), out, one, two;
		const json_t *value = json_object_get(v, "value");
		struct str text = {json_string_value(value), json_string_length(value)};
		struct attr_problem p = {0};
		enum attr_type t = type_find(type);
		struct str category = str_c(json_string_value(json_object_get(v, "category")));
		if (!t || !text.n || !type_fits_category(t, category_find(category)))
			die("an attribute without type, category or value");
		if (t != ATTR_TEXT && attr_normalise_validate(a, t, text, false, &out, &one, &two, &p) != ERR_OK)
			die("an attribute that would be refused");
	}
}

static void check(struct str json)
{
	json_t *j = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL), *v, *o;
	size_t i, k;
	if (!json_is_array(j))
		die("not a list without repetitions");
	json_array_foreach(j, i, v) {
		const json_t *e = json_object_get(v, "Event");
		struct uuid u;
		if (!uuid_parse(str_c(json_string_value(json_object_get(e, "uuid"))), &u) ||
		    !json_is_string(json_object_get(e, "info")))
			die("an event without UUID or title");
		attributes(e);
		json_array_foreach(json_object_get(e, "Object"), k, o)
			attributes(o);
	}
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 1 << 16)
		return 0;
	struct str doc = {(const char *)data + 1, size - 1};
	static enum err (*const readers[])(struct str, size_t, struct buf *) = {stix, openioc, stix1};
	/* even, odd: as the corpus has it; '2', '6', ...: packages */
	enum err (*read)(struct str, size_t, struct buf *) =
		data[0] % 4 == 2 ? readers[2] : readers[data[0] & 1];
	OWN(buf) struct buf whole = BUF(64 << 20), cut = BUF(64 << 20);
	enum err a = read(doc, size, &whole);
	enum err b = read(doc, data[size / 2] % 13 + 1u, &cut);
	if (a != b)
		die("cutting changes the verdict");
	if (a != ERR_OK)
		return 0;
	if (!str_eq(buf_str(&whole), buf_str(&cut)))
		die("cutting changes the events");
	check(buf_str(&whole));
	return 0;
}
