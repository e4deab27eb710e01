/*
 * err.h - the one list of error codes, and the detail that travels beside a code.
 *
 * A function that can fail returns `enum err` and is marked MUST_USE. The code decides what a
 * peer is told; the detail text goes to the log and the operator. Codes are few on purpose.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* X(name, HTTP status, text) */
#define ERR_LIST(X)                                                                                \
	X(OK, 200, "ok")                                                                           \
	X(NOMEM, 503, "out of memory")                                                             \
	X(NOENT, 404, "no such element")                                                           \
	X(WITHHELD, 404, "no such element")                                                        \
	X(LIMIT, 413, "too large")                                                                 \
	X(STORE, 500, "storage failure")                                                           \
	X(CORRUPT, 500, "stored data are damaged")                                                 \
	X(FULL, 507, "storage is full")                                                            \
	X(INVAL, 400, "invalid input")                                                             \
	X(PARSE, 400, "malformed document")                                                        \
	X(AUTH, 403, "authentication failed")                                                      \
	X(PERM, 403, "not permitted")                                                              \
	X(EXISTS, 409, "exists already")                                                           \
	X(STALE, 409, "not newer than the local copy")                                             \
	X(BLOCKED, 403, "blocked")                                                                 \
	X(IO, 500, "input or output failed")                                                       \
	X(NET, 502, "peer not reachable")                                                          \
	X(PEER, 502, "peer answered with an error")                                                \
	X(TIMEOUT, 504, "timed out")                                                               \
	X(BUSY, 503, "busy")                                                                       \
	X(AGAIN, 503, "try again")                                                                 \
	X(CANCELLED, 499, "cancelled")                                                             \
	X(UNSUPPORTED, 501, "not supported")                                                       \
	X(VERSION, 500, "format version not supported")                                            \
	X(CONFIG, 500, "configuration error")                                                      \
	X(BUG, 500, "internal error")

enum err {
#define X(name, status, text) ERR_##name,
	ERR_LIST(X)
#undef X
	ERR_COUNT
};

/* Human text of a code; never NULL. Safe to show to a peer. */
const char *err_text(enum err e);
/* Lower-case name of a code ("noent"), for metric labels and JSON. */
const char *err_name(enum err e);
/* HTTP status that goes with a code. */
int err_http(enum err e);

/*
 * Detail of a failure: a text for the log and the operator and, where the input is a document,
 * its place. Zero-initialise. `line` and `column` count from 1, 0 means "no place".
 */
struct fail {
	enum err code;
	uint32_t line, column;
	uint64_t offset;
	char text[480];
};

/* Fill `f` (may be NULL) and return `e`, so that `return fail(f, ERR_INVAL, "...")` works. */
enum err fail(struct fail *f, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As fail(), and sets the place in the document. */
enum err fail_at(struct fail *f, enum err e, uint32_t line, uint32_t column, uint64_t offset,
		 const char *fmt, ...) PRINTF_LIKE(6, 7);
/* As fail(), with strerror of `errnum` appended. */
enum err fail_errno(struct fail *f, enum err e, int errnum, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Return early when a step fails. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		enum err try_err_ = (expr);                                                        \
		if (try_err_ != ERR_OK)                                                            \
			return try_err_;                                                           \
	} while (0)

/* True, and logs file and line once, when a programming mistake is met. Never for peer input. */
#define BUG(cond) (__builtin_expect(!!(cond), 0) && (bug_report(__FILE__, __LINE__, #cond), 1))
void bug_report(const char *file, int line, const char *cond);
