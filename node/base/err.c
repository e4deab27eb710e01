/*
 * err.c - the tables behind err.h, and the writers of failure details.
 */
#include "base/err.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"

struct err_row {
	const char *name, *text;
	int status;
};

static const struct err_row err_rows[] = {
#define X(name, status, text) [ERR_##name] = {#name, text, status},
	ERR_LIST(X)
#undef X
};

#define NAME_MAX_LEN 16
static const char err_names[][NAME_MAX_LEN] = {
	[ERR_OK] = "ok",
	[ERR_NOMEM] = "nomem",
	[ERR_NOENT] = "noent",
	[ERR_WITHHELD] = "withheld",
	[ERR_LIMIT] = "limit",
	[ERR_STORE] = "store",
	[ERR_CORRUPT] = "corrupt",
	[ERR_FULL] = "full",
	[ERR_INVAL] = "inval",
	[ERR_PARSE] = "parse",
	[ERR_AUTH] = "auth",
	[ERR_PERM] = "perm",
	[ERR_EXISTS] = "exists",
	[ERR_STALE] = "stale",
	[ERR_BLOCKED] = "blocked",
	[ERR_IO] = "io",
	[ERR_NET] = "net",
	[ERR_PEER] = "peer",
	[ERR_TIMEOUT] = "timeout",
	[ERR_BUSY] = "busy",
	[ERR_AGAIN] = "again",
	[ERR_CANCELLED] = "cancelled",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_VERSION] = "version",
	[ERR_CONFIG] = "config",
	[ERR_BUG] = "bug",
};
_Static_assert(ARRAY_LEN(err_names) == ERR_COUNT, "a new code needs a lower-case name");

static const struct err_row *row_of(enum err e)
{
	return (unsigned)e < ERR_COUNT ? &err_rows[e] : &err_rows[ERR_BUG];
}

const char *err_text(enum err e)
{
	return row_of(e)->text;
}

const char *err_name(enum err e)
{
	return err_names[row_of(e) - err_rows];
}

int err_http(enum err e)
{
	return row_of(e)->status;
}

static void fill(struct fail *f, enum err e, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
static void fill(struct fail *f, enum err e, const char *fmt, va_list ap)
{
	if (!f)
		return;
	f->code = e;
	f->line = f->column = 0;
	f->offset = 0;
	if (vsnprintf(f->text, sizeof(f->text), fmt, ap) < 0)
		f->text[0] = '\0';
}

enum err fail(struct fail *f, enum err e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, e, fmt, ap);
	va_end(ap);
	return e;
}

enum err fail_at(struct fail *f, enum err e, uint32_t line, uint32_t column, uint64_t offset,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, e, fmt, ap);
	va_end(ap);
	if (f) {
		f->line = line;
		f->column = column;
		f->offset = offset;
	}
	return e;
}

enum err fail_errno(struct fail *f, enum err e, int errnum, const char *fmt, ...)
{
	char room[128];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	fill(f, e, fmt, ap);
	va_end(ap);
	if (f) {
		n = strlen(f->text);
		snprintf(f->text + n, sizeof(f->text) - n, ": %s",
			 strerror_r(errnum, room, sizeof(room)));
	}
	return e;
}

/* Places that have reported already; a full table stays silent about further ones. */
#define BUG_PLACES 64
static _Atomic(uintptr_t) bug_seen[BUG_PLACES];

void bug_report(const char *file, int line, const char *cond)
{
	uintptr_t key = ((uintptr_t)file << 16) ^ (uintptr_t)line ^ 1;

	for (size_t i = 0; i < BUG_PLACES; i++) {
		uintptr_t none = 0;

		if (atomic_compare_exchange_strong(&bug_seen[i], &none, key)) {
			log_error("bug", "file=%s line=%d cond=%s", file, line,
				  log_val(str_c(cond)));
			return;
		}
		if (none == key)
			return;
	}
}
