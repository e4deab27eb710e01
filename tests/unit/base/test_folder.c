/* test_folder.c - folders of documents: order, inner files, what cannot be read. */
#include "base/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static char top[] = "folder-test-XXXXXX";
static char seen[256];

static enum err see(void *user, const char *path, struct str text, struct fail *f)
{
	const char *stop = user;
	size_t n = strlen(seen);

	(void)path;
	if (stop && str_is(text, stop))
		return fail(f, ERR_CONFIG, "stopped");
	snprintf(seen + n, sizeof(seen) - n, "%.*s,", STR_ARG(text));
	return ERR_OK;
}

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	out = fopen(path, "we");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		bail_out("cannot write");
}

static enum err walk(const char *inner, bool flat, const char *stop, struct fail *f)
{
	seen[0] = 0;
	return folder_each(top, inner, flat, 10, see, (void *)(uintptr_t)stop, f);
}

static const char *const made[] = {"three.json", "two/list.json", "two", "one.json", ".hidden.json",
				   "README"};

int main(void)
{
	struct fail f = {0};
	char path[256];

	if (!mkdtemp(top))
		bail_out("no folder");
	snprintf(path, sizeof(path), "%s/two", top);
	mkdir(path, 0700);
	put("three.json", "3");
	put("two/list.json", "2");
	put("one.json", "1");
	put(".hidden.json", "no");
	put("README", "no");
	is_ok(walk("list.json", true, NULL, &f), "all");
	is_str(seen, "1,3,2,", "by name, files and folders");
	is_ok(walk("list.json", false, NULL, &f), "folders only");
	is_str(seen, "2,", "one");
	is_err(walk("list.json", true, "3", &f), ERR_CONFIG, "the caller's error ends it");
	is_str(seen, "1,", "there");
	put("one.json", "far too long");
	is_err(walk("list.json", true, NULL, &f), ERR_LIMIT, "one is too large");
	ok(strstr(f.text, "one.json"), "which is told: %s", f.text);
	is_str(seen, "3,2,", "and keeps no other away");
	is_err(folder_each("/nowhere/at/all", "x", true, 10, see, NULL, &f), ERR_IO, "no folder");
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, made[i]);
		remove(path);
	}
	return remove(top) == 0 ? done_testing() : 1;
}
