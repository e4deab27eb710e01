/*
 * id_list.h - numbers of events, clusters or notes gathered from a log, where the same ones come again
 * and again: memory follows how many there are, not how often they were named.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

struct id_list {
	uint64_t *v;
	size_t n, cap;
};

MUST_USE enum err id_list_add(struct id_list *s, uint64_t id, struct fail *f);
/* Ascending, each once. */
void id_list_sort(struct id_list *s);
/* After id_list_sort(). */
bool id_list_has(const struct id_list *s, uint64_t id);
void id_list_free(struct id_list *s);
OWN_DEFINE(id_list, struct id_list, id_list_free(p))
