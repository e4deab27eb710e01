/*
 * validate.h - bring an attribute's value to MISP's canonical form and judge it.
 *
 * The rules of each type are columns of types.inc; texts and results are those that MISP 2.5.1 was
 * recorded with. Where it fails on good input, tests/unit/model/types_deviations.json says what
 * happens here instead.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/types.h"

/* What is wrong with an attribute: the field that MISP names, and its text for it. */
struct attr_problem {
	const char *field; /* "value", "category", ...; NULL when nothing is wrong */
	struct str text;
};

/* Longest value, of each part for pairs; MISP's column is as wide. */
#define ATTR_VALUE_MAX 65535u

/*
 * Trim, refang, normalise and validate one value, and split it. Outputs are views: into `value_in`
 * when nothing had to change (the common case, which allocates nothing), otherwise into `a`.
 * `was_number` tells that the value was a number in JSON (true and false come as "1" and "").
 * ERR_INVAL with `problem` filled when the value is refused; `value_out` then holds the normalised
 * text. ERR_LIMIT when the arena is full.
 */
enum err attr_normalise_validate(struct arena *a, enum attr_type type, struct str value_in,
				 bool was_number, struct str *value_out, struct str *value1,
				 struct str *value2, struct attr_problem *problem) MUST_USE;

/* Only trim, refang and normalise; an absent string when the arena is full. */
struct str attr_normalise(struct arena *a, enum attr_type type, struct str value);

/* Formats that other rooms need too. */
bool value_is_ipv4(struct str s);
bool value_is_ipv6(struct str s);
/* A name with a dot and a top-level label of two or more letters, digits, hyphens. */
bool value_is_domain(struct str s);
bool value_is_json(struct str s);
