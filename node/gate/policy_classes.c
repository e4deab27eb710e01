/*
 * policy_classes.c - the key classes: the release classes of a site, from the narrowest to the widest
 * (gate.md section 2). The shipped four are always among them, in their order; those of the site stand
 * between them, so that what is said of a shipped class keeps its meaning.
 */
#include <stdio.h>

#include "base/own.h"
#include "gate/policy_read.h"

#define CLASS_NAME_MAX 31u
#define STEP (CLASS_SECTOR - CLASS_PUBLIC) /* numbers from one shipped class to the next */

_Static_assert(CLASS_PARTNER == 2 * STEP && CLASS_OWN == 3 * STEP, "shipped classes are evenly apart");

enum err policy_bad_class(const struct loader *l, const void *n)
{
	OWN(buf) struct buf all = BUF(1024);

	for (unsigned c = CLASS_COUNT; c-- > 0;)
		if (l->p->classes.name[c])
			buf_printf(&all, "%s%s", c == CLASS_OWN ? "" : ", ", l->p->classes.name[c]);
	return READ_BAD(l, n, "class is one of %.*s", STR_ARG(buf_str(&all)));
}

/* Letters, digits and '-', as it stands behind "embargo:"; no word that means something else there or in
   `to` and `except`. */
static bool may_be_class(struct str s)
{
	enum audience_kind k;

	if (!s.n || s.n > CLASS_NAME_MAX || s.p[0] < 'a' || s.p[0] > 'z')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '-')
			return false;
	return !str_is(s, "until") && !str_is(s, "release-on") && !str_is(s, "nobody") &&
	       !audience_kind_parse(s, &k);
}

/* The number of the next class after `last` (CLASS_COUNT: it is the first one). */
static enum err read_one(struct loader *l, const void *n, struct release_classes *out, unsigned *last)
{
	unsigned shipped = *last == CLASS_COUNT ? CLASS_OWN : (*last - 1) / STEP * STEP;
	struct str s;
	uint8_t c;

	TRY(node_scalar(l, n, &s));
	if (*last == CLASS_PUBLIC)
		return READ_BAD(l, n, "public is the widest class, nothing comes after it");
	if (class_parse(&release_classes_shipped, s, &c)) {
		if (c != shipped)
			return READ_BAD(l, n, "\"%s\" is wanted before: own, partner, sector, public stand here in "
					"this order", release_classes_shipped.name[shipped]);
		*last = c;
	} else if (*last == CLASS_COUNT) {
		return READ_BAD(l, n, "own is the narrowest class and comes first");
	} else if (!may_be_class(s)) {
		return READ_BAD(l, n, "a class has 1 to %u small letters, digits and '-', begins with a letter, and "
				"is no kind of audience", CLASS_NAME_MAX);
	} else if (class_parse(out, s, &c)) {
		return READ_BAD(l, n, "class \"%.*s\" is there twice", STR_ARG(s));
	} else if (--*last == shipped) {
		return READ_BAD(l, n, "more than %d classes between two of own, partner, sector, public", STEP - 1);
	}
	out->name[*last] = arena_cstr(l->p->a, s);
	return out->name[*last] ? ERR_OK : READ_BAD(l, n, "the policy is too large");
}

enum err policy_read_classes(struct loader *l, const void *n, void *to)
{
	struct release_classes all = {{NULL}};
	struct policy *p = to;
	unsigned last = CLASS_COUNT;

	if (!node_is_list(n))
		return READ_BAD(l, n, "a list of classes is wanted here, the narrowest (own) first");
	/* what was read already counts by the numbers of before */
	if (p->has_classes)
		return READ_BAD(l, n, "classes stand in another file already");
	for (size_t i = 0; i < node_count(n); i++)
		TRY(read_one(l, node_item(l, n, i), &all, &last));
	if (last != CLASS_PUBLIC)
		return READ_BAD(l, n, "the list ends with public");
	p->classes = all;
	p->has_classes = true;
	return ERR_OK;
}
