/*
 * test_mail.c - the helper: a program gets the message, fails, hangs, is not there; the daemon goes.
 */
#include "mail/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "sandbox/sandbox.h"
#include "tests/tap/tap.h"

static char home[256];

static struct mail *start(const char *script, unsigned limit_ms)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	struct mail_opts o = {.argv = argv, .from = "node@example.com", .home = home,
			      .sandbox = SANDBOX_ON, .limit_ms = limit_ms};
	struct mail *m = NULL;
	struct fail f = {0};
	is_ok(mail_start(&o, &m, &f), "started for: %s%s", script, f.text);
	ok(mail_able(m), "it can send");
	return m;
}

static enum err say(struct mail *m, const char *text, struct fail *f)
{
	const struct str to = STR("someone@example.org");
	return mail_send(m, &(struct mail_message){.to = &to, .n_to = 1, .subject = STR("s"),
						   .text = str_c(text)}, f);
}

static long size_of(const char *name)
{
	char path[512];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", home, name);
	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

int main(void)
{
	struct fail f = {0};
	struct mail *m = NULL;
	char cmd[600];
	snprintf(home, sizeof(home), "/tmp/tocsin-mail.%d", (int)getpid());

	is_ok(mail_start(&(struct mail_opts){.home = home}, &m, &f), "without a program");
	ok(!mail_able(m), "nothing is sent");
	is_err(say(m, "x", &f), ERR_UNSUPPORTED, "and that is said");
	mail_stop(m);
	const char *const plain[] = {"sendmail", NULL}, *const path[] = {"/bin/true", NULL};
	is_err(mail_start(&(struct mail_opts){.argv = plain, .from = "a@b", .home = home}, &m, &f), ERR_CONFIG,
	       "a program without its path");
	mail_stop(m);
	is_err(mail_start(&(struct mail_opts){.argv = path, .home = home}, &m, &f), ERR_CONFIG,
	       "no address to send from");
	mail_stop(m);

	m = start("cat >\"$HOME/got\"; id >\"$HOME.not\" 2>/dev/null; exit 0", 20000);
	is_ok(say(m, "hello", &f), "taken: %s", f.text);
	ok(size_of("got") > 200, "the program got the message");
	snprintf(cmd, sizeof(cmd), "%s.not", home);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1)
		ok(access(cmd, F_OK) != 0, "and can write nowhere else");
	(void)unlink(cmd);
	is_ok(say(m, "again", &f), "the next one");
	mail_stop(m);

	m = start("exit 3", 20000);
	is_err(say(m, "x", &f), ERR_IO, "a program that fails");
	is_str(f.text, "the mail program failed (code 3)", "with its code");
	mail_stop(m);

	m = start("sleep 60 & sleep 60", 300);
	int64_t began = clock_boot_ms();
	is_err(say(m, "x", &f), ERR_IO, "a program that hangs");
	ok(clock_boot_ms() - began < 30000, "is ended");
	is_err(say(m, "y", &f), ERR_IO, "and the next one has its turn");
	mail_stop(m);

	m = start("kill -9 $PPID; sleep 1", 20000);
	is_err(say(m, "x", &f), ERR_AGAIN, "the helper dies");
	is_err(say(m, "x", &f), ERR_AGAIN, "then nothing is sent");
	mail_stop(m);

	snprintf(cmd, sizeof(cmd), "%s/got", home);
	ok(unlink(cmd) == 0 && rmdir(home) == 0, "nothing else is left");
	return done_testing();
}
