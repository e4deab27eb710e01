/*
 * admitted.c - holds what the gate has judged: the document, a copy of its head, its origin.
 * No logic: whoever has one got it from the gate.
 */
#include "trust/admitted_make.h"

#include <stdlib.h>

#include "base/own.h"

struct admitted {
	struct raw_event *raw;
	struct misp_event head;
	struct origin origin;
};

struct admitted *admitted_make(struct raw_event **raw, const struct misp_event *head,
			       const struct origin *origin)
{
	struct admitted *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->raw = raw ? MOVE(*raw) : NULL;
	a->head = *head;
	a->origin = *origin;
	return a;
}

const struct misp_event *admitted_head(const struct admitted *a)
{
	return &a->head;
}

const struct origin *admitted_origin(const struct admitted *a)
{
	return &a->origin;
}

struct raw_event *admitted_raw(const struct admitted *a)
{
	return a->raw;
}

void admitted_free(struct admitted *a)
{
	if (!a)
		return;
	raw_free(a->raw);
	free(a);
}
