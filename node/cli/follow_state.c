/*
 * follow_state.c - the state file (JSON, replaced by rename), its lock, log lines and events. Values of
 * the export stand in none of them.
 */
#include "cli/follow_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/term.h"

#define STATE_MAX 8192

/* ---- the file ---- */

int follow_state_lock(struct follow *f)
{
	char path[sizeof(f->state_path) + 8];
	snprintf(path, sizeof(path), "%s.lock", f->state_path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* kept until we end */
	if (fd < 0) {
		fail_errno(&f->fail, ERR_IO, errno, "cannot write %s", path);
		return cli_fail(f->c, CLI_USAGE, "%s; give --state a file in a folder of ours", f->fail.text);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return cli_fail(f->c, CLI_USAGE,
				"%s is in use: another tocsin follow brings this export to this target",
				f->state_path);
	return CLI_OK;
}

/* What the state belongs to. Another export, address, target or set is another state. */
static json_t *owner(const struct follow *f, const char *where)
{
	return json_pack("{s:s, s:s+, s:s, s:s, s:s}", "export", f->name, "node", where, "", "target",
			 f->target->name, "arg", f->arg, "set", f->set ? f->set : "");
}

static bool belongs(const struct follow *f, const char *where, const json_t *j)
{
	OWN(json) json_t *mine = owner(f, where);
	const char *key;
	json_t *v;
	bool same = mine != NULL;
	json_object_foreach(mine, key, v)
		same &= json_equal(v, json_object_get(j, key)) != 0;
	return same;
}

void follow_state_load(struct follow *f, const char *where, struct follow_state *st)
{
	char text[STATE_MAX];
	*st = (struct follow_state){0};
	OWN(fd) int fd = open(f->state_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	OWN(json) json_t *j = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
	const json_t *serial = json_object_get(j, "serial");
	const char *mark = json_string_value(json_object_get(j, "mark"));
	const char *digest = json_string_value(json_object_get(j, "sha256"));
	if (!j || !belongs(f, where, j) || !json_is_integer(serial) || json_integer_value(serial) < 0 || !mark)
		return;
	st->known = json_is_true(json_object_get(j, "known"));
	st->serial = (uint64_t)json_integer_value(serial);
	snprintf(st->mark, sizeof(st->mark), "%s", mark);
	if (!digest || !hash_unhex(str_c(digest), st->digest.b, sizeof(st->digest.b)))
		st->digest = (struct sha256){0};
	st->reload_due = json_is_true(json_object_get(j, "reload_due"));
}

enum err follow_state_save(struct follow *f, const char *where, const struct follow_state *st)
{
	char path[sizeof(f->state_path) + 8], hex[2 * sizeof(st->digest.b) + 1];
	OWN(json) json_t *j = owner(f, where);
	json_object_set_new(j, "known", json_boolean(st->known));
	json_object_set_new(j, "serial", json_integer((json_int_t)st->serial));
	json_object_set_new(j, "mark", json_string(st->mark));
	json_object_set_new(j, "sha256", json_string(hash_hex(st->digest.b, sizeof(st->digest.b), hex)));
	json_object_set_new(j, "reload_due", json_boolean(st->reload_due));
	OWN(chars) char *text = json_dumps(j, JSON_INDENT(1));
	snprintf(path, sizeof(path), "%s.new", f->state_path);
	OWN(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t n = text ? strlen(text) : 0;
	if (fd < 0 || !text || write(fd, text, n) != (ssize_t)n || fsync(fd) < 0 ||
	    rename(path, f->state_path) < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "cannot write %s", f->state_path);
	return ERR_OK;
}

/* ---- telling ---- */

void follow_tell(struct follow *f, enum follow_tell how, const char *event, json_t *members,
		 const char *fmt, ...)
{
	OWN(buf) struct buf clean = BUF(1 << 16);
	OWN(json) json_t *j = members ? members : json_object();
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	term_clean(&clean, str_c(text));
	if (f->c->json) {
		json_object_set_new(j, "event", json_string(event));
		json_object_set_new(j, "time", json_integer(clock_now()));
		json_object_set_new(j, "export", json_string(f->name));
		json_object_set_new(j, "target", json_string(f->target->name));
		json_object_set_new(j, "text", json_string(buf_cstr(&clean)));
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	} else if (how == FOLLOW_PROBLEM || !f->c->quiet) {
		/* the journal takes the level from the number */
		const char *level = !getenv("JOURNAL_STREAM") ? "" : how == FOLLOW_PROBLEM ? "<4>" : "<6>";
		fprintf(stderr, "%stocsin follow %s: %s\n", level, f->name, buf_cstr(&clean));
	}
}

void follow_notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char text[300];
	va_list ap;
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(to.sun_path, path, strlen(path));
	if (path[0] == '@')
		to.sun_path[0] = 0;
	OWN(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}
