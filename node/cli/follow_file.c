/*
 * follow_file.c - a file of the export, replaced by rename when all of it is on disk and its digest is
 * right. Never written in place, never a link followed. Changes are not applied to it line by line: the
 * order of lines is the node's, and only the whole has a digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/follow_text.h"

#define PATH_ROOM 4096

static enum err file_open(struct follow *f)
{
	const char *slash = strrchr(f->arg, '/');
	int folder = slash ? (int)(slash - f->arg) + 1 : 0;
	struct stat st;
	if (lstat(f->arg, &st) == 0 && !S_ISREG(st.st_mode))
		return fail(&f->fail, ERR_CONFIG, "%s is there and no regular file", f->arg);
	int n = snprintf(f->spool_path, sizeof(f->spool_path), "%.*s.%s.tocsin-new", folder, f->arg,
			 f->arg + folder);
	if (!f->arg[folder] || n >= (int)sizeof(f->spool_path) - 8)
		return fail(&f->fail, ERR_CONFIG, "file: wants the path of a file");
	return ERR_OK;
}

static enum err file_probe(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX])
{
	struct stat st;
	(void)old;
	if (lstat(f->arg, &st) < 0)
		return fail_errno(&f->fail, errno == ENOENT ? ERR_NOENT : ERR_IO, errno, "%s", f->arg);
	snprintf(mark, FOLLOW_MARK_MAX, "%llu:%llu:%lld:%lld.%09ld", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec);
	return ERR_OK;
}

/* PATH.1 is the one before, PATH.2 the one before that ... */
static void keep_old(const struct follow *f)
{
	char from[PATH_ROOM + 8], to[PATH_ROOM + 8];
	for (unsigned i = f->keep; i > 1; i--) {
		snprintf(from, sizeof(from), "%s.%u", f->arg, i - 1);
		snprintf(to, sizeof(to), "%s.%u", f->arg, i);
		rename(from, to);
	}
	if (!f->keep)
		return;
	snprintf(to, sizeof(to), "%s.1", f->arg);
	unlink(to);
	(void)!link(f->arg, to);
}

/* Rights and owner of the one that goes; a first one may be read by all, as lists are. */
static enum err dress(struct follow *f, int fd)
{
	struct stat old;
	bool was = lstat(f->arg, &old) == 0 && S_ISREG(old.st_mode);
	if (was && fchown(fd, old.st_uid, old.st_gid) < 0 && fchown(fd, (uid_t)-1, old.st_gid) < 0 &&
	    errno != EPERM)
		return fail_errno(&f->fail, ERR_IO, errno, "%s", f->spool_path);
	if (fchmod(fd, was ? old.st_mode & 07777 : 0644) < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "%s", f->spool_path);
	return ERR_OK;
}

static enum err sync_folder(const struct follow *f)
{
	char folder[PATH_ROOM];
	snprintf(folder, sizeof(folder), "%s", f->arg);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	OWN(fd) int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_IO;
}

static enum err file_apply(struct follow *f, const struct follow_set *s)
{
	f->entries = s->entries ? s->entries : follow_lines_count(s->fd);
	TRY(dress(f, s->fd));
	if (fsync(s->fd) < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "%s", f->spool_path);
	keep_old(f);
	if (rename(f->spool_path, f->arg) < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "cannot give %s its name", f->arg);
	return sync_folder(f);
}

const struct follow_target follow_file = {
	.name = "file",
	.arg = "PATH",
	.doc = "a file, replaced in one step when the new one is whole and its SHA-256 is right",
	.flags = FOLLOW_BESIDE,
	.open = file_open,
	.probe = file_probe,
	.apply = file_apply,
};
