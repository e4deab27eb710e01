/*
 * test_values_corpus.c - values that real events carry are taken and stay as they are.
 *
 * Walks every attribute of the public events in the shared folder; and mutates them, because what
 * has been taken once must be taken again, unchanged, when a peer sends it back.
 */
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/own.h"
#include "model/types.h"
#include "model/validate.h"
#include "tests/tap/tap.h"

static struct arena *arena;
static unsigned values, refused, changed, mutants, unstable;

static enum err judge(enum attr_type t, struct str in, struct str *out)
{
	struct attr_problem problem;
	struct str v1, v2;

	return attr_normalise_validate(arena, t, in, false, out, &v1, &v2, &problem);
}

/* Change a few bytes, mostly to what means something to a parser. */
static struct str mutate(struct str s, char *room, size_t size)
{
	static const char alphabet[] = ".|:/-_@[]()0fF9 \n\"%\\\xc3\xa9\0hxT";
	uint8_t noise[8];
	size_t n = MIN(s.n, size - 8);

	memcpy(room, s.p, n);
	random_bytes(noise, sizeof(noise));
	for (unsigned k = 0; k <= noise[7] % 3u && n; k++) {
		size_t at = (noise[2 * k] | (size_t)noise[2 * k + 1] << 8) % n;

		if (noise[6] & 1 << k)
			room[at] = alphabet[noise[2 * k + 1] % (sizeof(alphabet) - 1)];
		else if (noise[6] & 8)
			memmove(room + at, room + at + 1, --n - at);
		else
			room[n++] = alphabet[noise[2 * k] % (sizeof(alphabet) - 1)];
	}
	return (struct str){room, n};
}

static void mutants_of(enum attr_type t, struct str s)
{
	char room[512];

	for (unsigned k = 0; k < 40; k++) {
		/* now and then under another type */
		enum attr_type as = k % 4 ? t : (enum attr_type)(random_u64() % type_count() + 1);
		struct str m = mutate(s, room, sizeof(room)), once, twice;

		if (judge(as, m, &once) == ERR_OK) {
			mutants++;
			if (judge(as, once, &twice) != ERR_OK || !str_eq(once, twice)) {
				if (unstable++ < 10)
					diag("%.*s: '%.*s' '%.*s' '%.*s'", STR_ARG(type_name(as)),
					     STR_ARG(m), STR_ARG(once), STR_ARG(twice));
			}
		}
		arena_reset(arena);
	}
}

static void attribute(const json_t *o)
{
	enum attr_type t = type_find(str_c(json_string_value(json_object_get(o, "type"))));
	const json_t *value = json_object_get(o, "value");
	struct str in = {json_string_value(value), json_string_length(value)}, out;

	if (t == ATTR_NONE || !json_is_string(value) || !json_object_get(o, "category"))
		return;
	values++;
	if (judge(t, in, &out) != ERR_OK)
		refused++;
	else if (!str_eq(in, out))
		changed++;
	arena_reset(arena);
	mutants_of(t, in);
}

static void walk(const json_t *j)
{
	const json_t *child;
	const char *key;
	size_t i;

	if (json_is_object(j)) {
		attribute(j);
		for (void *it = json_object_iter((json_t *)(uintptr_t)j); it;
		     it = json_object_iter_next((json_t *)(uintptr_t)j, it)) {
			key = json_object_iter_key(it);
			if (strcmp(key, "Galaxy") != 0)
				walk(json_object_iter_value(it));
		}
	}
	json_array_foreach(j, i, child) walk(child);
}

int main(void)
{
	char dir[3000], path[4096];
	struct dirent *entry;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s", shared_path("data/misp-events"));
	d = opendir(dir);
	if (!d)
		skip_all("no public events in the shared folder");
	arena = arena_new(1 << 20);
	while ((entry = readdir(d))) {
		json_t *event;

		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		event = json_load_file(path, 0, NULL);
		walk(event);
		json_decref(event);
	}
	closedir(d);
	arena_free(arena);
	diag("%u values, %u mutants taken", values, mutants);
	ok(values > 1000, "events were read");
	is_uint(refused, 0, "none is refused");
	is_uint(changed, 0, "none is changed");
	ok(mutants > 1000, "mutants were taken");
	is_uint(unstable, 0, "what was taken is taken again, unchanged");
	return done_testing();
}
