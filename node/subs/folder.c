/*
 * folder.c - what a subscription has on disk besides its set: its folder, and the file in the folder of
 * exports. That one is there only while the set may be read; its name is kept, so that a crash leaves none behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "subs/internal.h"

#define NOTE "published"

void folder_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	if (!d)
		return;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
}

void published_read(const char *dir, char name[SUB_NAME_MAX + 1])
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/" NOTE, dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, name, SUB_NAME_MAX);
	if (fd >= 0)
		close(fd);
	name[MAX(n, 0)] = 0;
	if (strchr(name, '/') || name[0] == '.')
		name[0] = 0;
}

enum err published_note(struct sub *s, const char *name, struct fail *f)
{
	char path[4200];
	size_t n = strlen(name);
	if (strcmp(s->published, name) == 0)
		return ERR_OK;
	snprintf(path, sizeof(path), "%s/" NOTE, s->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", path);
	bool ok = write(fd, name, n) == (ssize_t)n && fsync(fd) == 0;
	if (close(fd) < 0 || !ok)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", path);
	memcpy(s->published, name, n + 1);
	return ERR_OK;
}

static void withdraw(const char *dir, const char *files_dir, char name[SUB_NAME_MAX + 1])
{
	static const char *const suffixes[] = {"", ".gz", ".md5", ".sha256"};
	char path[4200];
	if (!name[0] || !files_dir[0])
		return;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		snprintf(path, sizeof(path), "%s/%s%s", files_dir, name, suffixes[i]);
		if (unlink(path) < 0 && errno != ENOENT) { /* once more the next time */
			log_warn("subs", "file=%s detail=\"cannot be taken away\"", log_val(str_c(name)));
			return;
		}
	}
	snprintf(path, sizeof(path), "%s/" NOTE, dir);
	unlink(path);
	name[0] = 0;
}

void sub_withdraw(struct sub *s, const char *files_dir)
{
	withdraw(s->dir, files_dir, s->published);
	s->written = 0;
}

void folders_tidy(const char *dir, const char *files_dir, const struct store_rtxn *t)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	if (!d)
		return;
	while ((e = readdir(d))) {
		OWN(arena) struct arena *a = arena_new(1u << 20);
		struct misp_subscr row;
		char path[4200], name[SUB_NAME_MAX + 1];
		uint64_t id;
		if (!a || !str_u64(str_c(e->d_name), &id))
			continue;
		enum err had = store_get(t, T_SUBSCR, id, a, &row);
		if (had != ERR_NOENT && (had != ERR_OK || row.enabled))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		published_read(path, name);
		withdraw(path, files_dir, name);
		if (had == ERR_NOENT)
			folder_remove(path);
	}
	closedir(d);
}
