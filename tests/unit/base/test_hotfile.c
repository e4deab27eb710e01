/* test_hotfile.c - files kept open: what was replaced, taken away or is a link is never given. */
#include "base/hotfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "tests/tap/tap.h"

static char root[] = "/tmp/tocsin-hotfile-XXXXXX";

static void put(const char *name, const char *text, size_t times)
{
	char path[128], tmp[160];
	snprintf(path, sizeof(path), "%s/%s", root, name);
	snprintf(tmp, sizeof(tmp), "%s/.new", root);
	FILE *f = fopen(tmp, "w");
	for (size_t i = 0; f && i < times; i++)
		fputs(text, f);
	if (!f || fclose(f) != 0 || rename(tmp, path) != 0)
		abort();
}

/* Until files are old enough to be kept: what happened before is seen all the same. */
static void rest(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
}

static bool reads(const char *name, const char *begin, uint64_t size)
{
	const struct hotfile *h;
	char got[16] = "";
	if (hotfile_open(root, name, &h) != ERR_OK)
		return false;
	bool ok = h->size == size && (h->bytes.p != NULL) == (size <= HOTFILE_MEMORY) &&
		  (h->fd >= 0) != (h->bytes.p != NULL);
	if (h->bytes.p)
		memcpy(got, h->bytes.p, strlen(begin));
	else if (pread(h->fd, got, strlen(begin), 0) < 0)
		ok = false;
	ok = ok && strcmp(got, begin) == 0;
	hotfile_unref(h);
	return ok;
}

static bool same_object(const char *name)
{
	const struct hotfile *a, *b;
	if (hotfile_open(root, name, &a) != ERR_OK || hotfile_open(root, name, &b) != ERR_OK)
		return false;
	bool same = a == b;
	hotfile_unref(a);
	hotfile_unref(b);
	return same;
}

static void replaced_and_gone(const char *name, size_t times)
{
	char path[128];
	const struct hotfile *held;
	snprintf(path, sizeof(path), "%s/%s", root, name);
	put(name, "one", times);
	ok(reads(name, "one", 3 * times) && !same_object(name), "%s: given, but too young to be kept", name);
	rest();
	ok(reads(name, "one", 3 * times) && same_object(name), "%s: kept", name);
	is_int(hotfile_open(root, name, &held), ERR_OK, "%s: held by somebody", name);
	put(name, "two", times);
	ok(reads(name, "two", 3 * times), "%s: replaced by one as long, the new one at once", name);
	rest();
	ok(reads(name, "two", 3 * times) && same_object(name), "%s: kept", name);
	ok(held->bytes.p ? memcmp(held->bytes.p, "one", 3) == 0 : held->fd >= 0,
	   "%s: who holds the old one has it still", name);
	hotfile_unref(held);
	is_int(unlink(path), 0, "%s: taken away", name);
	is_int(hotfile_open(root, name, &held), ERR_NOENT, "%s: nobody is given it", name);
	put(name, "three", times);
	rest();
	ok(reads(name, "three", 5 * times), "%s: one of that name comes back", name);
	FILE *f = fopen(path, "r+");
	ok(f && fputs("THREE", f) >= 0 && fclose(f) == 0, "%s: written into", name);
	ok(reads(name, "THREE", 5 * times), "%s: seen", name);
}

static void links_and_folders(void)
{
	char path[128], to[128];
	const struct hotfile *h;
	snprintf(path, sizeof(path), "%s/link", root);
	snprintf(to, sizeof(to), "%s/plain", root);
	put("plain", "text", 1);
	rest();
	ok(reads("plain", "text", 4), "a file");
	ok(unlink(to) == 0 && symlink("/etc/passwd", to) == 0, "a link in its place");
	is_int(hotfile_open(root, "plain", &h), ERR_NOENT, "is not followed");
	ok(symlink("/etc/passwd", path) == 0, "a link out of the folder");
	is_int(hotfile_open(root, "link", &h), ERR_NOENT, "is no file");
	is_int(hotfile_open(root, "../etc/passwd", &h), ERR_NOENT, "nor is what is not below");
	snprintf(path, sizeof(path), "%s/dir", root);
	ok(mkdir(path, 0700) == 0, "a folder");
	is_int(hotfile_open(root, "dir", &h), ERR_NOENT, "is none");
	is_int(hotfile_open(root, "absent", &h), ERR_NOENT, "and one that is not there is none");
	put("empty", "", 0);
	rest();
	ok(reads("empty", "", 0) && same_object("empty"), "an empty one is one");
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void bounded(void)
{
	char name[32];
	unsigned before = open_descriptors();
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "long%u", i);
		put(name, "0123456789", 7000);
	}
	rest();
	bool fine = true;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 300; i++) {
			snprintf(name, sizeof(name), "long%u", i);
			fine &= reads(name, "0123", 70000);
		}
	ok(fine, "more long files than are kept open");
	ok(open_descriptors() - before <= 70, "few stay open");
	clock_freeze(clock_now_us(), clock_boot_ms() + 60000);
	hotfile_tidy();
	clock_thaw();
	is_uint(open_descriptors(), before, "none when nobody has asked for a minute");
}

static void sweep(void)
{
	DIR *d = opendir(root);
	for (struct dirent *e; d && (e = readdir(d));)
		if (unlinkat(dirfd(d), e->d_name, 0) < 0)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
	is_int(rmdir(root), 0, "swept");
}

int main(void)
{
	if (!mkdtemp(root))
		return 1;
	replaced_and_gone("short", 2);
	replaced_and_gone("long", 40000);
	links_and_folders();
	bounded();
	hotfile_clear();
	sweep();
	return done_testing();
}
