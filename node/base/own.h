/* own.h - ownership helpers: scope-bound cleanup, moving, container_of, array length. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Hand a pointer on and null the variable. */
#define MOVE(p)                                                                                    \
	__extension__({                                                                            \
		__typeof__(p) moved_ = (p);                                                        \
		(p) = NULL;                                                                        \
		moved_;                                                                            \
	})

/* OWN(name) calls own_free_<name>(&var) when the variable's scope ends. */
#define OWN(name) __attribute__((cleanup(own_free_##name)))
#define OWN_DEFINE(name, type, expr)                                                               \
	static inline __attribute__((unused)) void own_free_##name(type *p)                        \
	{                                                                                          \
		expr;                                                                              \
	}

OWN_DEFINE(mem, void *, free(*p))
OWN_DEFINE(chars, char *, free(*p))
OWN_DEFINE(fd, int, if (*p >= 0) close(*p))
