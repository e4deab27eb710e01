/*
 * tap.c - counts checks and prints TAP on standard output. Thread-safe, so that a test may check
 * things in the threads it starts.
 */
#include "tests/tap/tap.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77, EXIT_BROKEN = 99 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned planned, done, failed;
static bool finished, watched;

static void on_exit_check(void)
{
	if (finished)
		return;
	printf("Bail out! the program ended without done_testing()\n");
	fflush(stdout);
	_exit(EXIT_BROKEN);
}

/* Call with the lock held. */
static void watch(void)
{
	if (watched)
		return;
	watched = true;
	setvbuf(stdout, NULL, _IOLBF, 0);
	atexit(on_exit_check);
}

void plan(unsigned n)
{
	pthread_mutex_lock(&lock);
	watch();
	planned = n;
	printf("1..%u\n", n);
	pthread_mutex_unlock(&lock);
}

int done_testing(void)
{
	int status;

	pthread_mutex_lock(&lock);
	watch();
	finished = true;
	if (!planned)
		printf("1..%u\n", done);
	if (planned && planned != done)
		printf("# planned %u checks, ran %u\n", planned, done);
	if (failed)
		printf("# %u of %u checks failed\n", failed, done);
	status = failed || !done || (planned && planned != done);
	pthread_mutex_unlock(&lock);
	return status;
}

#define PRINT_ARGS(fmt)                                                                            \
	do {                                                                                       \
		va_list ap_;                                                                       \
		va_start(ap_, fmt);                                                                \
		vprintf(fmt, ap_);                                                                 \
		va_end(ap_);                                                                       \
	} while (0)

void skip_all(const char *why, ...)
{
	pthread_mutex_lock(&lock);
	finished = true;
	printf("1..0 # SKIP ");
	PRINT_ARGS(why);
	printf("\n");
	pthread_mutex_unlock(&lock);
	exit(EXIT_SKIPPED);
}

void bail_out(const char *why, ...)
{
	pthread_mutex_lock(&lock);
	finished = true;
	printf("Bail out! ");
	PRINT_ARGS(why);
	printf("\n");
	pthread_mutex_unlock(&lock);
	exit(EXIT_BROKEN);
}

void diag(const char *fmt, ...)
{
	pthread_mutex_lock(&lock);
	printf("# ");
	PRINT_ARGS(fmt);
	printf("\n");
	pthread_mutex_unlock(&lock);
}

const char *shared_path(const char *file)
{
	static char path[4096];
	const char *dir = getenv("TOCSIN_SHARED");
	struct stat st;

	if (!dir || stat(dir, &st) != 0)
		skip_all("no shared data: TOCSIN_SHARED is %s", dir ? dir : "not set");
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return path;
}

/* Count and print one check; the lock is held until report_end(). */
static void report(bool pass, const char *file, int line, const char *fmt, va_list ap)
	PRINTF_LIKE(4, 0);
static void report(bool pass, const char *file, int line, const char *fmt, va_list ap)
{
	pthread_mutex_lock(&lock);
	watch();
	done++;
	printf("%sok %u - ", pass ? "" : "not ", done);
	vprintf(fmt, ap);
	printf("\n");
	if (!pass) {
		failed++;
		printf("#   at %s:%d\n", file, line);
	}
}

static void report_end(void)
{
	pthread_mutex_unlock(&lock);
}

#define REPORT(pass)                                                                               \
	do {                                                                                       \
		va_list ap_;                                                                       \
		va_start(ap_, name);                                                               \
		report((pass), file, line, name, ap_);                                             \
		va_end(ap_);                                                                       \
	} while (0)

bool tap_ok(const char *file, int line, bool cond, const char *name, ...)
{
	REPORT(cond);
	report_end();
	return cond;
}

bool tap_int(const char *file, int line, int64_t got, int64_t want, const char *name, ...)
{
	REPORT(got == want);
	if (got != want)
		printf("#   got %" PRId64 ", want %" PRId64 "\n", got, want);
	report_end();
	return got == want;
}

bool tap_uint(const char *file, int line, uint64_t got, uint64_t want, const char *name, ...)
{
	REPORT(got == want);
	if (got != want)
		printf("#   got %" PRIu64 ", want %" PRIu64 "\n", got, want);
	report_end();
	return got == want;
}

static void print_view(const char *what, struct str s)
{
	if (!s.p) {
		printf("#   %s absent\n", what);
		return;
	}
	printf("#   %s (%zu) \"", what, s.n);
	for (size_t i = 0; i < s.n && i < 4000; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\n')
			printf("\\n");
		else if (c < ' ' || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	printf("\"\n");
}

bool tap_str(const char *file, int line, struct str got, struct str want, const char *name, ...)
{
	bool pass = str_eq(got, want) && !got.p == !want.p;

	REPORT(pass);
	if (!pass) {
		print_view("got ", got);
		print_view("want", want);
	}
	report_end();
	return pass;
}

bool tap_mem(const char *file, int line, const void *got, const void *want, size_t n,
	     const char *name, ...)
{
	bool pass = memcmp(got, want, n) == 0;

	REPORT(pass);
	if (!pass) {
		print_view("got ", (struct str){got, n});
		print_view("want", (struct str){want, n});
	}
	report_end();
	return pass;
}

bool tap_err(const char *file, int line, enum err got, enum err want, const char *name, ...)
{
	REPORT(got == want);
	if (got != want)
		printf("#   got %s, want %s\n", err_name(got), err_name(want));
	report_end();
	return got == want;
}
