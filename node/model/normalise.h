/* normalise.h - inside of model: the normalisers that validate.c calls through the type rows. */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "model/types.h"

/* Undo defanging marks of a set; `s` itself when there are none, absent when the arena is full. */
struct str normalise_refang(struct arena *a, enum type_refang set, struct str s);
/* Apply a normaliser; `s` itself or a view into it when it is canonical, absent when full. */
struct str normalise_value(struct arena *a, enum type_norm norm, struct str s);
/* A date and time in MISP's form; what cannot be read as one is returned as it is. */
struct str normalise_datetime(struct arena *a, struct str s);
