/* test_log.c - both forms, levels, hostile text, one line per record. */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap/tap.h"

static int fds[2];

static const char *said(void)
{
	static char got[16384];
	ssize_t n = read(fds[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = 0;
	return got;
}

static void forms(void)
{
	char big[5000];

	log_setup(fds[1], LOG_INFO, LOG_LOGFMT);
	log_info("http", "peer=%d event=%s", 7, "x");
	is_str(said(), "time=2026-01-02T03:04:05.678Z level=info room=http peer=7 event=x\n",
	       "logfmt");
	log_debug("http", "peer=1");
	is_str(said(), "", "below the level: nothing");
	log_error("http", "a=1\nlevel=info b\x1b=2");
	is_str(said(), "time=2026-01-02T03:04:05.678Z level=error room=http a=1?level=info b?=2\n",
	       "no second line, no escape sequence");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	log_info("http", "v=%s", big);
	ok(strlen(said()) < 2200, "long lines are cut");
	log_setup(fds[1], LOG_DEBUG, LOG_JSON);
	log_debug("http", "peer=7 what=%s n=", log_val(STR("say \"hi\"\n\x01 there")));
	is_str(said(),
	       "{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"debug\",\"room\":\"http\","
	       "\"peer\":\"7\",\"what\":\"say \\\"hi\\\"\\u000a\\u0001 there\",\"n\":\"\"}\n",
	       "JSON");
	log_warn("http", "just words");
	ok(strstr(said(), ",\"msg\":\"just words\"}\n"), "text that is no pairs");
	log_warn("http", "it failed code=7 why=%s", log_val(STR("a=b c")));
	ok(strstr(said(), ",\"msg\":\"it failed\",\"code\":\"7\",\"why\":\"a=b c\"}\n"),
	   "words, then pairs");
	log_warn("http", "a=1 stray words");
	ok(strstr(said(), ",\"a\":\"1\",\"rest\":\"stray words\"}\n"), "words behind pairs");
	log_warn("http", "a=\"unfinished b=\xff");
	ok(strstr(said(), ",\"a\":\"\\\"unfinished\",\"b\":\"\xef\xbf\xbd\"}\n"), "odd text");
}

static void values(void)
{
	char big[300];
	const char *a, *b, *c, *d;

	is_str(log_val(STR("plain-1.2:3/x@y_z+")), "plain-1.2:3/x@y_z+", "bare");
	is_str(log_val(STR("a b")), "\"a b\"", "quoted");
	is_str(log_val(STR("a=b")), "\"a=b\"", "a pair inside is quoted");
	is_str(log_val(STR("")), "\"\"", "empty");
	is_str(log_val(STR_NONE), "\"\"", "absent");
	is_str(log_val((struct str){"\0\x7f\xe2\x80\xae\\", 6}),
	       "\"\\u0000\\u007f\\u00e2\\u0080\\u00ae\\\\\"", "controls and direction marks");
	memset(big, 1, sizeof(big));
	is_uint(strlen(log_val((struct str){big, sizeof(big)})), 120 * 6 + 5, "cut to 120");
	a = log_val(STR("a"));
	b = log_val(STR("b"));
	c = log_val(STR("c"));
	d = log_val(STR("d"));
	ok(*a == 'a' && *b == 'b' && *c == 'c' && *d == 'd', "four live at a time");
}

int main(void)
{
	enum log_level l;

	if (pipe2(fds, O_NONBLOCK) != 0)
		bail_out("no pipe");
	clock_freeze((clock_from_civil(2026, 1, 2, 3, 4, 5) * 1000 + 678) * 1000, 1);
	forms();
	values();
	ok(log_level_parse(STR("warn"), &l) && l == LOG_WARN, "level by name");
	ok(!log_level_parse(STR("loud"), &l), "no such level");
	log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
	close(fds[0]);
	close(fds[1]);
	return done_testing();
}
