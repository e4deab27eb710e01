/*
 * tap.h - a small TAP producer for unit tests.
 *
 * One program per tested file: checks, then `return done_testing();`. Names are optional printf
 * formats. A program that leaves main() in another way counts as failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Announce the number of checks (optional; done_testing() then verifies it). */
void plan(unsigned n);
/* Print the plan if none was announced; exit status for main(). */
int done_testing(void);
/* Skip the whole program, exit status 77. */
_Noreturn void skip_all(const char *why, ...) PRINTF_LIKE(1, 2);
/* Give up at once, exit status 99. */
_Noreturn void bail_out(const char *why, ...) PRINTF_LIKE(1, 2);
/* A comment line in the output. */
void diag(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Path of a file in the shared data folder (environment TOCSIN_SHARED); skips the program when the
 * folder is not there. Static storage, one at a time. */
const char *shared_path(const char *file);

/* Each returns whether it passed. */
bool tap_ok(const char *file, int line, bool cond, const char *name, ...) PRINTF_LIKE(4, 5);
bool tap_int(const char *file, int line, int64_t got, int64_t want, const char *name, ...)
	PRINTF_LIKE(5, 6);
bool tap_uint(const char *file, int line, uint64_t got, uint64_t want, const char *name, ...)
	PRINTF_LIKE(5, 6);
bool tap_str(const char *file, int line, struct str got, struct str want, const char *name, ...)
	PRINTF_LIKE(5, 6);
bool tap_mem(const char *file, int line, const void *got, const void *want, size_t n,
	     const char *name, ...) PRINTF_LIKE(6, 7);
bool tap_err(const char *file, int line, enum err got, enum err want, const char *name, ...)
	PRINTF_LIKE(5, 6);

#define ok(cond, ...) tap_ok(__FILE__, __LINE__, (cond), __VA_ARGS__)
#define is_int(got, want, ...) tap_int(__FILE__, __LINE__, (got), (want), __VA_ARGS__)
#define is_uint(got, want, ...) tap_uint(__FILE__, __LINE__, (got), (want), __VA_ARGS__)
/* C strings; NULL is a value of its own. */
#define is_str(got, want, ...)                                                                     \
	tap_str(__FILE__, __LINE__, str_c(got), str_c(want), __VA_ARGS__)
/* A view against a C string. */
#define is_view(got, want, ...) tap_str(__FILE__, __LINE__, (got), str_c(want), __VA_ARGS__)
#define is_mem(got, want, n, ...) tap_mem(__FILE__, __LINE__, (got), (want), (n), __VA_ARGS__)
#define is_err(got, want, ...) tap_err(__FILE__, __LINE__, (got), (want), __VA_ARGS__)
#define is_ok(got, ...) tap_err(__FILE__, __LINE__, (got), ERR_OK, __VA_ARGS__)
