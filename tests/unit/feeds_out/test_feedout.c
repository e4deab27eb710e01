/*
 * test_feedout.c - a feed folder follows its events: additions, edits, withdrawals and deletions
 * arrive, an update gives the same bytes as a rebuild, nothing is left over.
 */
#include "feeds/out/feedout.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/hash.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

#define UUID_A "5e1f0001-1111-4111-8111-000000000001"
#define UUID_B "1a1f0002-1111-4111-8111-000000000002"
#define UUID_C "c01f0003-1111-4111-8111-000000000003"

#define EVENT(uuid, info, pub, ts, value)                                                          \
	"{\"Event\":{\"uuid\":\"" uuid "\",\"info\":\"" info "\",\"published\":" pub               \
	",\"date\":\"2026-01-02\",\"distribution\":\"3\",\"threat_level_id\":\"2\","               \
	"\"analysis\":\"2\",\"timestamp\":\"" ts "\",\"Tag\":[{\"name\":\"tlp:clear\","            \
	"\"colour\":\"#ffffff\"}],\"Attribute\":[{\"uuid\":\"" value                               \
	"-1111-4111-8111-0000000000aa\",\"type\":\"domain|ip\",\"category\":\"Network activity\"," \
	"\"to_ids\":true,\"timestamp\":\"1767312000\",\"value\":\"" value                          \
	".example|192.0.2.1\"}]}}"

static struct world w;
static char dir[128];

static bool update(struct feedout_result *res, bool full)
{
	struct audience aud = world_audience("public-feed");
	struct feedout_opts o = {.env = &w.out,
				 .audience = &aud,
				 .dir = dir,
				 .policy_version = policy_version(w.policy),
				 .full = full};
	struct fail f = {0};
	enum err e = feedout_update(&o, res, &f);
	if (e != ERR_OK)
		diag("%s: %s", err_name(e), f.text);
	return e == ERR_OK;
}

static int count_files(void)
{
	DIR *d = opendir(dir);
	int n = 0;
	for (struct dirent *de; d && (de = readdir(d));)
		n += de->d_name[0] != '.' || strncmp(de->d_name, ".new", 4) == 0;
	closedir(d);
	return n;
}

/* All files of the folder as one digest, names included. */
static void folder_digest(char hex[65])
{
	struct dirent **v;
	int n = scandir(dir, &v, NULL, alphasort);
	struct hash_ctx *h = hash_begin();
	for (int i = 0; i < n; i++) {
		size_t len = 0;
		char *p = v[i]->d_name[0] == '.' ? NULL : world_file(dir, v[i]->d_name, &len);
		if (p) {
			hash_add(h, v[i]->d_name, strlen(v[i]->d_name) + 1);
			hash_add(h, p, len);
		}
		free(p);
		free(v[i]);
	}
	free(v);
	struct sha256 d = hash_end(h);
	hash_hex(d.b, sizeof(d.b), hex);
}

static json_t *manifest(void)
{
	char *p = world_file(dir, "manifest.json", NULL);
	json_t *m = p ? json_loads(p, 0, NULL) : NULL;
	free(p);
	return m;
}

static bool gz_is_same(const char *name)
{
	char path[256], *got = calloc(1, 1 << 20);
	size_t n = 0;
	char *plain = world_file(dir, name, &n);
	snprintf(path, sizeof(path), "%s/%s.gz", dir, name);
	gzFile z = gzopen(path, "rb");
	int k = z ? gzread(z, got, 1 << 20) : -1;
	if (z)
		gzclose(z);
	bool same = plain && k == (int)n && memcmp(plain, got, n) == 0;
	free(plain);
	free(got);
	return same;
}

static void test_first(void)
{
	struct feedout_result res;
	ok(update(&res, false), "an empty store makes a feed");
	ok(res.full, "the first run looks at everything");
	json_t *m = manifest();
	is_uint(json_object_size(m), 0, "an empty manifest");
	json_decref(m);
	uint64_t a = world_add(&w, EVENT(UUID_A, "first", "true", "1767312000", "aaaa0001"));
	uint64_t b = world_add(&w, EVENT(UUID_B, "second", "true", "1767312001", "bbbb0001"));
	uint64_t c = world_add(&w, EVENT(UUID_C, "draft", "false", "1767312002", "cccc0001"));
	ok(a && b && c, "three events");
	ok(update(&res, false) && !res.full, "then an update");
	is_uint(res.written, 2, "the published ones are written");
	is_uint(res.events, 2, "and are in the feed");
	is_int(count_files(), 8, "two events and two lists, each with its .gz");
	ok(gz_is_same("manifest.json") && gz_is_same("hashes.csv") && gz_is_same(UUID_A ".json"),
	   "compressed files hold the same");
}

/* The manifest names the digest of each event's file as it is. */
static void test_integrity(void)
{
	json_t *m = manifest(), *e;
	const char *uuid;
	unsigned n = 0;
	json_object_foreach(m, uuid, e) {
		char name[64], hex[65];
		size_t len = 0;
		snprintf(name, sizeof(name), "%s.json", uuid);
		char *p = world_file(dir, name, &len);
		struct sha256 d = hash_sha256((struct str){p, len});
		is_str(json_string_value(json_object_get(e, "integrity:sha256")),
		       hash_hex(d.b, sizeof(d.b), hex), "integrity:sha256 of %s", name);
		free(p);
		n++;
	}
	ok(n > 0, "there are some");
	json_decref(m);
}

/* ---- signatures ---- */

static bool can_sign;
static uint64_t signed_id;
static unsigned signatures;

static enum err sign(void *user, int fd, uint64_t bytes, struct buf *armored, struct fail *f)
{
	char first[2] = "";
	(void)user;
	if (!can_sign)
		return fail(f, ERR_NOENT, "no key");
	is_int(read(fd, first, 1), 1, "what is to be signed can be read");
	buf_printf(armored, "signed %c %llu", first[0], (unsigned long long)bytes);
	signatures++;
	return ERR_OK;
}

static bool is_signed(void *user, uint64_t id)
{
	(void)user;
	return id == signed_id;
}

static bool update_signed(struct feedout_result *res)
{
	struct audience aud = world_audience("public-feed");
	struct feedout_opts o = {.env = &w.out,
				 .audience = &aud,
				 .dir = dir,
				 .policy_version = policy_version(w.policy),
				 .full = true,
				 .sign = sign,
				 .is_signed = is_signed};
	struct fail f = {0};
	return feedout_update(&o, res, &f) == ERR_OK;
}

static bool there(const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void test_signatures(void)
{
	struct feedout_result res;
	char want[64], before[65], after[65];
	size_t n = 0;
	folder_digest(before);
	signed_id = 1;
	ok(update_signed(&res) && !there("manifest.json.asc"), "without a key nothing is signed");
	can_sign = true;
	ok(update_signed(&res), "then there is one");
	is_uint(signatures, 2, "the manifest and the protected event are signed");
	free(world_file(dir, "manifest.json", &n));
	snprintf(want, sizeof(want), "signed { %zu", n);
	char *got = world_file(dir, "manifest.json.asc", NULL);
	is_str(got, want, "over the manifest as it is");
	free(got);
	free(world_file(dir, UUID_A ".json", &n));
	snprintf(want, sizeof(want), "signed { %zu", n);
	got = world_file(dir, UUID_A ".asc", NULL);
	is_str(got, want, "over the event as it is");
	free(got);
	ok(!there(UUID_B ".asc"), "and no other event");
	ok(update_signed(&res), "once more");
	is_uint(signatures, 2, "what has not changed is not signed again");
	signed_id = 0;
	ok(update_signed(&res) && !there(UUID_A ".asc"), "protected no more: no signature");
	char path[256];
	snprintf(path, sizeof(path), "%s/manifest.json.asc", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/manifest.json.asc.gz", dir);
	unlink(path);
	folder_digest(after);
	is_str(after, before, "the other files are as they were");
	can_sign = false;
}

static void test_contents(void)
{
	json_t *m = manifest(), *e = json_object_get(m, UUID_A);
	is_str(json_string_value(json_object_get(e, "info")), "first", "info in the manifest");
	is_str(json_string_value(json_object_get(e, "timestamp")), "1767312000", "timestamp");
	is_str(json_string_value(json_object_get(e, "date")), "2026-01-02", "date");
	is_str(json_string_value(json_object_get(json_object_get(e, "Orgc"), "name")), "Host",
	       "creator");
	is_str(json_string_value(json_object_get(json_array_get(json_object_get(e, "Tag"), 0),
						 "name")),
	       "tlp:clear", "tag");
	ok(!json_object_get(m, UUID_C), "no draft");
	json_decref(m);
	char *p = world_file(dir, UUID_A ".json", NULL);
	json_t *doc = p ? json_loads(p, 0, NULL) : NULL, *ev = json_object_get(doc, "Event");
	is_str(json_string_value(json_object_get(ev, "uuid")), UUID_A, "event file");
	ok(!json_object_get(ev, "id") && !json_object_get(ev, "org_id"), "without local numbers");
	is_uint(json_array_size(json_object_get(ev, "Attribute")), 1, "with its attribute");
	json_decref(doc);
	free(p);
	/* MD5 of both halves, per event, in the order of the manifest */
	is_str(p = world_file(dir, "hashes.csv", NULL),
	       "ec09596acbed05413a6ba72233f8d242," UUID_B "\n"
	       "d0f88d6c87767262ba8e93d6acccd784," UUID_B "\n"
	       "8292bf4dfe66a5acf3afd7c71a1af8b2," UUID_A "\n"
	       "d0f88d6c87767262ba8e93d6acccd784," UUID_A "\n",
	       "hashes");
	free(p);
}

static void test_edit(void)
{
	struct feedout_result res;
	struct stat before, after;
	char path[256];
	snprintf(path, sizeof(path), "%s/" UUID_B ".json", dir);
	stat(path, &before);
	uint64_t id = 0;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct uuid u;
	uuid_parse(STR(UUID_A), &u);
	is_ok(store_read(w.store, &t, &f), "read");
	is_ok(store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, &id), "event A");
	ok(world_edit(&w, id, EVENT(UUID_A, "first, again", "true", "1767319000", "aaaa0002")),
	   "an edit");
	ok(update(&res, false) && !res.full, "update");
	is_uint(res.written, 1, "one file");
	is_uint(res.events, 2, "two events");
	stat(path, &after);
	ok(before.st_ino == after.st_ino, "the other one is not touched");
	char incremental[65], rebuilt[65];
	folder_digest(incremental);
	ok(update(&res, true) && res.full, "a full run");
	is_uint(res.written, 0, "writes nothing");
	world_remove(dir);
	ok(update(&res, false) && res.full, "a folder that is gone is made anew");
	folder_digest(rebuilt);
	is_str(incremental, rebuilt, "update and rebuild give the same bytes");
}

static void test_withdrawn(void)
{
	struct feedout_result res;
	struct fail f = {0};
	struct origin o = {.kind = ORIGIN_LOCAL};
	is_ok(ingest_publish(&w.in, 2, false, &o, &f), "the second is unpublished");
	ok(update(&res, false) && !res.full, "update");
	is_uint(res.removed, 1, "its file is removed");
	is_uint(res.events, 1, "one event is left");
	ok(!world_file(dir, UUID_B ".json", NULL) && !world_file(dir, UUID_B ".json.gz", NULL),
	   "also the compressed one");
	is_ok(ingest_publish(&w.in, 3, true, &o, &f), "the draft is published");
	is_ok(ingest_event_delete(&w.in, 1, false, &o, &f), "the first is deleted");
	ok(update(&res, false), "update");
	is_uint(res.events, 1, "one in, one out");
	json_t *m = manifest();
	ok(json_object_get(m, UUID_C) && json_object_size(m) == 1, "the manifest follows");
	json_decref(m);
	is_int(count_files(), 6, "no files are left over");
	ok(update(&res, false) && res.looked_at == 0, "nothing to do costs nothing");
	is_uint(res.events, 1, "and the number of events is still known");
	struct stat before, after;
	char path[256];
	snprintf(path, sizeof(path), "%s/manifest.json", dir);
	stat(path, &before);
	ok(world_add(&w, EVENT("dddddddd-1111-4111-8111-000000000004", "another draft", "false",
			       "1767312000", "dddd0001")),
	   "another draft");
	ok(update(&res, false) && res.looked_at == 1 && res.events == 1, "is looked at");
	stat(path, &after);
	ok(before.st_ino == after.st_ino, "and leaves the lists alone");
}

/* A run that ended between removing a file and writing the lists. */
static void test_cut_short(void)
{
	struct feedout_result res;
	struct fail f = {0};
	struct origin o = {.kind = ORIGIN_LOCAL};
	char path[256];
	is_ok(ingest_publish(&w.in, 3, false, &o, &f), "an event is withdrawn");
	snprintf(path, sizeof(path), "%s/" UUID_C ".json", dir);
	ok(unlink(path) == 0, "its file is gone already");
	ok(update(&res, false) && !res.full && res.events == 0, "its line goes too");
	is_ok(ingest_publish(&w.in, 3, true, &o, &f), "it is published again");
	ok(update(&res, false) && res.events == 1, "and is back");
}

static void test_damaged(void)
{
	struct feedout_result res;
	char path[256];
	snprintf(path, sizeof(path), "%s/manifest.json", dir);
	int fd = open(path, O_WRONLY | O_TRUNC);
	ok(fd >= 0 && write(fd, "{\n\"junk\n", 8) == 8, "somebody writes into the manifest");
	close(fd);
	ok(world_add(&w, EVENT(UUID_A, "third", "true", "1767312000", "aaaa0003")), "an event");
	ok(update(&res, false) && res.full, "the lists are made anew");
	is_uint(res.events, 2, "with all events");
	world_reopen(&w);
	ok(update(&res, false) && !res.full && res.looked_at == 0,
	   "after a restart the cursor still holds");
}

/* ---- what cannot wait ---- */

static struct audience urgent_aud;
static uint64_t watched;

static struct feedout_opts urgent_opts(bool urgent)
{
	urgent_aud = world_audience("public-feed");
	return (struct feedout_opts){.env = &w.out,
				     .audience = &urgent_aud,
				     .dir = dir,
				     .policy_version = policy_version(w.policy),
				     .urgent_only = urgent,
				     .watched = &watched};
}

static bool has(const char *name)
{
	char *p = world_file(dir, name, NULL);
	free(p);
	return p != NULL;
}

static uint64_t numbered(unsigned n)
{
	char json[2048];
	snprintf(json, sizeof(json), EVENT("%08x-3333-4111-8111-000000000001", "n%u", "true",
					   "1767312000", "%08x"),
		 n, n, n, n);
	return world_add(&w, json);
}

static void test_urgent(void)
{
	struct feedout_result res;
	struct fail f = {0};
	struct origin local = {.kind = ORIGIN_LOCAL};
	struct feedout_opts o = urgent_opts(true);
	struct feedout_opts all = urgent_opts(false);
	watched = 0;
	is_err(feedout_update(&all, &res, &f), ERR_OK, "up to date");
	ok(watched != 0, "the log is watched from here on");
	uint64_t events = res.events, old = numbered(1);
	is_err(feedout_update(&all, &res, &f), ERR_OK, "one is added");
	is_uint(res.events, events + 1, "and listed");
	uint64_t fresh = numbered(2);
	is_ok(ingest_publish(&w.in, old, false, &local, &f), "the first is withdrawn");
	is_err(feedout_update(&o, &res, &f), ERR_OK, "an urgent run");
	is_uint(res.removed, 1, "takes the file away");
	is_uint(res.written, 0, "and adds nothing");
	is_uint(res.events, events, "the manifest is without it");
	ok(!has("00000001-3333-4111-8111-000000000001.json"), "it is gone");
	ok(!has("00000002-3333-4111-8111-000000000001.json"), "the other one is not there yet");
	is_err(feedout_update(&o, &res, &f), ERR_OK, "again");
	is_uint(res.looked_at, 0, "there is nothing urgent any more");
	is_err(feedout_update(&all, &res, &f), ERR_OK, "what waited comes with the next run");
	ok(res.written == 1 && res.events == events + 1, "and nothing else");
	ok(fresh && ingest_event_delete(&w.in, fresh, false, &local, &f) == ERR_OK, "deleted");
	is_err(feedout_update(&o, &res, &f), ERR_OK, "an urgent run");
	ok(res.removed == 1 && res.events == events, "a deletion is urgent");
}

static void test_slices(void)
{
	struct feedout_result res;
	struct fail f = {0};
	struct feedout_opts o = urgent_opts(false);
	o.slice = 3;
	is_err(feedout_update(&o, &res, &f), ERR_OK, "up to date");
	uint64_t events = res.events;
	for (unsigned n = 10; n < 18; n++)
		numbered(n);
	is_err(feedout_update(&o, &res, &f), ERR_OK, "the first slice");
	ok(res.more && res.events == events + 3, "three events");
	is_err(feedout_update(&o, &res, &f), ERR_OK, "the second");
	ok(res.more && res.events == events + 6, "three more");
	is_err(feedout_update(&o, &res, &f), ERR_OK, "the third");
	ok(!res.more && res.events == events + 8, "the last two");
}

/* A withdrawal in the middle of a long run, of what the run has written already and not placed. */
struct interrupt {
	unsigned calls;
	uint64_t id;
	bool out;
};

static enum feedout_rest interrupt(void *user, bool inside)
{
	struct interrupt *in = user;
	struct fail f = {0};
	struct origin local = {.kind = ORIGIN_LOCAL};
	if (inside || ++in->calls < 3)
		return FEEDOUT_GO;
	if (in->calls == 3 && ingest_publish(&w.in, in->id, false, &local, &f) == ERR_OK)
		return FEEDOUT_LOOK;
	if (in->calls == 4)
		in->out = !has("00000020-3333-4111-8111-000000000001.json");
	return FEEDOUT_GO;
}

static void test_interrupted(void)
{
	struct feedout_result res;
	struct fail f = {0};
	struct interrupt in = {.id = numbered(0x20)};
	struct feedout_opts o = urgent_opts(false);
	is_err(feedout_update(&o, &res, &f), ERR_OK, "in the folder");
	uint64_t events = res.events;
	ok(has("00000020-3333-4111-8111-000000000001.json"), "with its file");
	o.full = true;
	o.rest = interrupt;
	o.user = &in;
	is_err(feedout_update(&o, &res, &f), ERR_OK, "a full run that is interrupted");
	ok(in.calls > 3 && in.out, "the file is gone before the run goes on");
	ok(!has("00000020-3333-4111-8111-000000000001.json"), "and stays away");
	is_uint(res.events, events - 1, "also from the lists");
	/* likewise of one that is not there yet: written, and withdrawn before it is in place */
	in = (struct interrupt){.id = numbered(0x21)};
	for (unsigned n = 0x22; n < 0x28; n++)
		numbered(n);
	o.full = false;
	is_err(feedout_update(&o, &res, &f), ERR_OK, "an update that is interrupted");
	ok(in.calls > 3 && !has("00000021-3333-4111-8111-000000000001.json"),
	   "what left before it was placed is not placed");
	is_uint(res.events, events + 5, "nor listed");
}

/* Updates while events come, change and go: the last one must equal a rebuild. */
struct churn {
	atomic_bool stop;
	unsigned done;
};

static void *churn(void *arg)
{
	struct churn *c = arg;
	struct fail f = {0};
	struct origin o = {.kind = ORIGIN_LOCAL};
	uint64_t id[4] = {0};
	char json[2048];
	for (unsigned i = 0; !atomic_load(&c->stop) && i < 400; i++, c->done++) {
		unsigned k = i % 4;
		snprintf(json, sizeof(json), EVENT("%08x-2222-4111-8111-000000000001", "n%u", "true",
						   "1767312000", "%08x"),
			 0x1000 + k, i, i, i);
		if (!id[k])
			id[k] = world_add(&w, json);
		else if (i % 3 == 0)
			id[k] = ingest_event_delete(&w.in, id[k], false, &o, &f) == ERR_OK ? 0 : id[k];
		else if (ingest_publish(&w.in, id[k], i % 5 != 0, &o, &f) != ERR_OK)
			diag("publish: %s", f.text);
	}
	return NULL;
}

static enum feedout_rest look_often(void *user, bool inside)
{
	unsigned *n = user;
	(void)inside;
	return ++*n % 2 ? FEEDOUT_LOOK : *n % 8 == 4 ? FEEDOUT_NAP : FEEDOUT_GO;
}

static void no_nap(void *user)
{
	(void)user;
}

static void test_churn(void)
{
	struct churn c = {.done = 0};
	struct feedout_result res;
	struct fail f = {0};
	pthread_t t;
	unsigned looks = 0;
	struct feedout_opts o = urgent_opts(false);
	o.rest = look_often;
	o.nap = no_nap;
	o.two_lanes = true;
	o.user = &looks;
	unsigned runs = 0;
	bool good = pthread_create(&t, NULL, churn, &c) == 0;
	for (; good && runs < 12; runs++) {
		o.urgent_only = runs % 3 == 2;
		o.slice = runs % 2 ? 2 : 0;
		enum err e = feedout_update(&o, &res, &f);
		/* an event that changes each time it is read is for the next run */
		good = e == ERR_OK || e == ERR_AGAIN;
		if (!good)
			diag("%s: %s", err_name(e), f.text);
	}
	atomic_store(&c.stop, true);
	pthread_join(t, NULL);
	ok(good, "%u updates beside %u changes", runs, c.done);
	char followed[65], rebuilt[65];
	ok(update(&res, false), "the last one");
	folder_digest(followed);
	world_remove(dir);
	ok(update(&res, true), "a rebuild");
	folder_digest(rebuilt);
	is_str(followed, rebuilt, "gives the same");
}

/* So many that their files are closed before they are brought into place: first new, then changed. */
static void test_many(void)
{
	struct feedout_result res;
	char doc[1024], name[64];
	uint64_t id[80];
	for (unsigned edit = 0; edit < 2; edit++) {
		unsigned same = 0;
		for (unsigned i = 0; i < ARRAY_LEN(id); i++) {
			snprintf(doc, sizeof(doc), EVENT("%02x1f7777-1111-4111-8111-00000000000e", "many %u", "true",
							 "%u", "%08x"),
				 i, edit, 1767320000 + edit, i + edit * 4096 + 0xe0000000, i + edit * 4096);
			if (edit)
				edit += !world_edit(&w, id[i], doc) * 100;
			else
				id[i] = world_add(&w, doc);
		}
		ok(edit < 2 && update(&res, false) && res.written == ARRAY_LEN(id), "many events %s",
		   edit ? "change" : "come");
		for (unsigned i = 0; i < ARRAY_LEN(id); i++) {
			snprintf(name, sizeof(name), "%02x1f7777-1111-4111-8111-00000000000e.json", i);
			same += gz_is_same(name);
		}
		is_uint(same, ARRAY_LEN(id), "each with its .gz of the same contents");
	}
}

static void test_cancel(void)
{
	struct feedout_result res;
	struct audience aud = world_audience("public-feed");
	atomic_bool yes = true;
	struct fail f = {0};
	struct feedout_opts o = {.env = &w.out,
				 .audience = &aud,
				 .dir = dir,
				 .policy_version = policy_version(w.policy),
				 .full = true,
				 .cancelled = &yes};
	int before = count_files();
	is_err(feedout_update(&o, &res, &f), ERR_CANCELLED, "a run that is cancelled");
	is_int(count_files(), before, "leaves nothing behind");
}

int main(void)
{
	world_open(&w, "misp-compat");
	snprintf(dir, sizeof(dir), "%s/feed", w.dir);
	test_first();
	test_contents();
	test_integrity();
	test_signatures();
	test_edit();
	test_withdrawn();
	test_cut_short();
	test_damaged();
	test_urgent();
	test_slices();
	test_interrupted();
	test_churn();
	test_many();
	test_cancel();
	world_close(&w);
	return done_testing();
}
