/* test_err.c - every code has its texts; failures carry detail and place. */
#include "base/err.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "tests/tap/tap.h"

static void tables(void)
{
	static const char *const names[] = {
#define X(name, status, text) #name,
		ERR_LIST(X)
#undef X
	};

	for (int e = 0; e < ERR_COUNT; e++) {
		char lower[32];
		size_t n = strlen(names[e]);

		for (size_t i = 0; i <= n; i++)
			lower[i] = (char)tolower((unsigned char)names[e][i]);
		is_str(err_name((enum err)e), lower, "name of %s", names[e]);
		ok(*err_text((enum err)e), "text of %s", names[e]);
		ok(err_http((enum err)e) >= 200 && err_http((enum err)e) < 600, "its status");
	}
	is_str(err_name((enum err)4711), "bug", "an unknown code is a bug");
	is_int(err_http(ERR_WITHHELD), err_http(ERR_NOENT), "withheld answers as missing does");
	is_str(err_text(ERR_WITHHELD), err_text(ERR_NOENT), "in words, too");
}

static enum err tries(enum err first, int *reached)
{
	TRY(first);
	*reached = 1;
	return ERR_OK;
}

static void details(void)
{
	struct fail f = {0};
	char text[1000];
	int reached = 0;

	is_err(fail_at(&f, ERR_PARSE, 3, 7, 99, "bad %s", "thing"), ERR_PARSE, "returns the code");
	is_str(f.text, "bad thing", "text");
	ok(f.code == ERR_PARSE && f.line == 3 && f.column == 7 && f.offset == 99, "code, place");
	fail(&f, ERR_INVAL, "other");
	ok(f.line == 0 && f.column == 0 && f.offset == 0, "an old place is forgotten");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	fail(&f, ERR_INVAL, "%s", text);
	is_uint(strlen(f.text), sizeof(f.text) - 1, "long texts are cut");
	fail_errno(&f, ERR_IO, ENOENT, "open %s", "x");
	is_str(f.text, "open x: No such file or directory", "with the system's word");
	fail_errno(&f, ERR_IO, ENOENT, "%s", text);
	is_uint(strlen(f.text), sizeof(f.text) - 1, "long ones are cut here too");
	is_err(fail(NULL, ERR_BUSY, "no place"), ERR_BUSY, "NULL is fine");
	is_err(tries(ERR_BUSY, &reached), ERR_BUSY, "TRY returns early");
	is_int(reached, 0, "before the rest");
	is_ok(tries(ERR_OK, &reached), "or goes on");
	is_int(reached, 1, "to the rest");
}

static void bugs(void)
{
	int fds[2];
	char got[4096];
	ssize_t n;

	if (pipe2(fds, O_NONBLOCK) != 0)
		bail_out("no pipe");
	log_setup(fds[1], LOG_INFO, LOG_LOGFMT);
	for (int i = 0; i < 3; i++)
		ok(BUG(i >= 0), "BUG is true");
	ok(!BUG(fds[0] == fds[1]), "BUG is false");
	n = read(fds[0], got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = 0;
	ok(strstr(got, "room=bug file=") && strstr(got, "cond=\"i >= 0\"\n"), "a line");
	ok(n > 0 && strchr(got, '\n') == got + n - 1, "one for the place, however often");
	log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	tables();
	details();
	bugs();
	return done_testing();
}
