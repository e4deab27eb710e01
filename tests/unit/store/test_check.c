/*
 * test_check.c - damage of every sort is told; a format of the future is refused. The damage is
 * done with LMDB itself, behind the store's back.
 */
#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>

static char problems[4096];
static void tell(void *user, const char *problem)
{
	size_t n = strlen(problems);

	(void)user;
	snprintf(problems + n, sizeof(problems) - n, "%s; ", problem);
}

static enum err tag_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_tag t = {.name = STR("tlp:red")};

	(void)arg;
	t.id = store_new_row_id(w, T_TAG);
	return store_put(w, T_TAG, t.id, &t, f);
}

/* A sound store with an event of 30 attributes (id 1, body 1) and a tag. */
static void make(const char *name)
{
	struct store *s = fix_open(name, (struct store_opts){0});
	struct fix_event ev = {.number = 1, .n = 30};

	fix_run(s, fix_event_job, &ev);
	fix_run(s, tag_job, NULL);
	store_close(s);
}

/* Put or delete (val NULL) an entry of one database. */
static void harm(const char *name, const char *db, const void *key, size_t key_n, const void *val,
		 size_t val_n)
{
	MDB_val k = {key_n, (void *)(uintptr_t)key}, v = {val_n, (void *)(uintptr_t)val};
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 128) ||
	    mdb_env_open(env, fix_path(name), 0, 0600) || mdb_txn_begin(env, NULL, 0, &txn) ||
	    mdb_dbi_open(txn, db, 0, &dbi))
		bail_out("lmdb open");
	if (val ? mdb_put(txn, dbi, &k, &v, 0) : mdb_del(txn, dbi, &k, NULL))
		bail_out("lmdb write");
	if (mdb_txn_commit(txn))
		bail_out("lmdb commit");
	mdb_env_close(env);
}

static void expect(const char *name, const char *text)
{
	struct store_report rep;
	struct store *s = fix_open(name, (struct store_opts){0});
	enum err want = text ? ERR_CORRUPT : ERR_OK;

	problems[0] = '\0';
	is_err(store_check(s, NULL, tell, NULL, &rep, &fix_fail), want, "%s", name);
	ok(text ? strstr(problems, text) != NULL : !problems[0], "%s: %s", name, problems);
	store_close(s);
}

static const uint8_t one[8] = {[7] = 1}, nine[8] = {[7] = 9};
static uint8_t el_key[24] = {[7] = 1, [23] = 5};

static void truncated(void)
{
	struct store_report rep;
	struct store *s;
	struct stat st;
	char path[600];
	enum err e;

	make("short");
	snprintf(path, sizeof(path), "%s/data.mdb", fix_path("short"));
	if (stat(path, &st) || truncate(path, st.st_size / 2))
		bail_out("truncate");
	problems[0] = '\0';
	e = fix_try_open("short", (struct store_opts){0}, &s);
	if (e == ERR_OK) {
		e = store_check(s, NULL, tell, NULL, &rep, NULL);
		store_close(s);
	}
	is_err(e, ERR_CORRUPT, "a file cut in the middle is an error, not a crash: %s %s",
	       fix_fail.text, problems);
}

/* Rows that make every form of page: many values of one key, long values, free pages. */
static enum err forms_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.uuid = fix_uuid(2), .report_count = 20};
	OWN(chars) char *text = calloc(20, 5000);

	(void)arg;
	for (uint32_t i = 0; i < 3000; i++) {
		uint8_t digest[32] = {1};
		struct misp_authkey k = {.user_id = 1 + (i % 3 == 0), .digest = {(char *)digest, 32}};

		memcpy(digest + 1, &i, sizeof(i));
		k.id = store_new_row_id(w, T_AUTHKEY);
		TRY(store_put(w, T_AUTHKEY, k.id, &k, f));
	}
	if (!text)
		return ERR_NOMEM;
	e.id = store_new_row_id(w, T_EVENT);
	e.body = store_new_body(w);
	for (size_t i = 0; i < 20; i++) {
		struct misp_report r = {.content = {text, i * 5000}};

		r.id = store_new_el_id(w, EL_REPORT);
		TRY(store_el_put(w, fix_proof(), EL_REPORT, (struct el_key){e.body, 0, r.id}, &r,
				 f));
	}
	return store_event_put(w, fix_proof(), &e, f);
}

static enum err thin_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)arg;
	for (uint64_t i = 1; i <= 3000; i++)
		if (i % 4)
			TRY(store_del(w, T_AUTHKEY, i, f));
	return ERR_OK;
}

static void forms(void)
{
	struct store *s = fix_open("forms", (struct store_opts){0});
	struct store_report rep;

	problems[0] = '\0';
	fix_run(s, forms_job, NULL);
	is_ok(store_check(s, NULL, tell, NULL, &rep, NULL), "every form of page: %s", problems);
	fix_run(s, thin_job, NULL);
	is_ok(store_check(s, NULL, tell, NULL, &rep, NULL), "thinned out: %s", problems);
	store_close(s);
}

/* Every bit of some pages, one at a time: found or harmless, but never a crash. */
static void rot(void)
{
	unsigned found = 0, tried = 0;
	struct store_report rep;
	struct store *s;
	struct stat st;
	char path[600];
	int fd;

	make("rot");
	snprintf(path, sizeof(path), "%s/data.mdb", fix_path("rot"));
	fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		bail_out("open");
	s = fix_open("rot", (struct store_opts){.read_only = true});
	for (off_t at = 2 * 4096; at < st.st_size; at += at % 4096 < 64 ? 1 : 61) {
		uint8_t was, is;

		if (pread(fd, &was, 1, at) != 1)
			break;
		is = (uint8_t)(was ^ 1u << tried % 8);
		if (pwrite(fd, &is, 1, at) != 1)
			bail_out("write");
		problems[0] = '\0';
		found += store_check(s, NULL, tell, NULL, &rep, NULL) == ERR_CORRUPT;
		tried++;
		if (pwrite(fd, &was, 1, at) != 1)
			bail_out("write");
	}
	ok(found > tried / 20, "of %u flipped bits %u were found, none crashed", tried, found);
	problems[0] = '\0';
	is_ok(store_check(s, NULL, tell, NULL, &rep, NULL), "all put right again: %s", problems);
	store_close(s);
	close(fd);
}

int main(void)
{
	uint8_t uuid[16], future[4] = {5}, past[4] = {1};
	struct store *s;

	fix_begin();
	make("sound");
	expect("sound", NULL);

	make("row");
	harm("row", "tags", one, 8, "\xff\xff\xff", 3);
	expect("row", "tags: row 1 does not unpack");
	make("element");
	harm("element", "el/attribute", el_key, 24, "\x0f\x7f", 2);
	expect("element", "el/attribute 5 does not unpack");
	make("less");
	harm("less", "el/attribute", el_key, 24, NULL, 0);
	expect("less", "el/attribute: 29, but it counts 30");
	make("orphan");
	el_key[7] = 7;
	harm("orphan", "el/attribute", el_key, 24, "", 0);
	expect("orphan", "body 7 belongs to no event");
	make("key");
	harm("key", "ix/TAG_NAME", "tlp:red", 7, NULL, 0);
	expect("key", "row 1 of tags is not found by its key");
	make("stray");
	harm("stray", "ix/TAG_NAME", "tlp:amber", 9, one, 8);
	expect("stray", "a key leads to row 1, which has another");
	make("nowhere");
	memset(uuid, 3, sizeof(uuid));
	harm("nowhere", "ix/EVENT_UUID", uuid, 16, nine, 8);
	expect("nowhere", "a key leads to row 9, which does not exist");
	make("log");
	harm("log", "changes", one, 8, "\0\1", 2);
	expect("log", "change 1 does not unpack");
	make("beyond");
	harm("beyond", "tags", nine, 8, "", 0);
	expect("beyond", "row 9 is beyond the last number");
	truncated();
	forms();
	rot();

	make("future");
	harm("future", "meta", "format", 6, future, 4);
	is_err(fix_try_open("future", (struct store_opts){0}, &s), ERR_VERSION,
	       "a newer format is refused");
	ok(strstr(fix_fail.text, "format 5"), "and says so: %s", fix_fail.text);
	make("past");
	harm("past", "meta", "format", 6, past, 4);
	expect("past", NULL);
	return fix_end();
}
