/* test_rows.c - tables, secondary keys, uniqueness, small values, reopening. */
#include "tests/unit/store/fixture.h"

static enum err orgs_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t *ids = arg;

	for (unsigned i = 0; i < 3; i++) {
		char name[16];
		struct misp_org o = {.uuid = fix_uuid(i + 1)};

		o.id = ids[i] = store_new_row_id(w, T_ORG);
		o.name = (struct str){name, (size_t)snprintf(name, sizeof(name), "Org %u", i)};
		TRY(store_put(w, T_ORG, o.id, &o, f));
	}
	return ERR_OK;
}

static enum err rename_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t id = *(uint64_t *)arg;
	struct misp_org o;

	TRY(store_get(store_view(w), T_ORG, id, NULL, &o));
	o.name = STR("Renamed");
	return store_put(w, T_ORG, id, &o, f);
}

static enum err clash_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t id = *(uint64_t *)arg;
	struct misp_org o;

	TRY(store_get(store_view(w), T_ORG, id, NULL, &o));
	o.name = STR("Org 1");
	return store_put(w, T_ORG, id, &o, f);
}

static enum err del_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	return store_del(w, T_ORG, *(uint64_t *)arg, f);
}

static enum err event_as_row_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.id = 1};

	(void)arg;
	return store_put(w, T_EVENT, 1, &e, f);
}

static void tables(struct store *s)
{
	uint64_t ids[3], id;
	struct misp_org o;
	struct store_rtxn *t, *before;

	fix_run(s, orgs_job, ids);
	is_ok(store_read(s, &before, NULL), "a snapshot");
	is_uint(store_count(before, T_ORG), 3, "three rows");
	is_ok(store_get(before, T_ORG, ids[1], NULL, &o), "read one");
	is_view(o.name, "Org 1", "its name");
	is_err(store_get(before, T_ORG, 99, NULL, &o), ERR_NOENT, "none of that number");
	is_ok(store_find(before, IX_ORG_NAME, STR("Org 2"), &id), "by name");
	is_uint(id, ids[2], "the right one");
	is_err(store_find(before, IX_ORG_NAME, STR("org 2"), &id), ERR_NOENT,
	       "names of organisations keep their case");
	is_err(store_find(before, IX_ORG_NAME, STR(""), &id), ERR_NOENT, "nobody has no name");

	is_err(store_run(s, clash_job, &ids[0], &fix_fail), ERR_EXISTS, "a name is unique");
	fix_run(s, rename_job, &ids[0]);
	is_ok(store_get(before, T_ORG, ids[0], NULL, &o), "the snapshot still has it");
	is_view(o.name, "Org 0", "under its old name");
	is_ok(store_read(s, &t, NULL), "a newer snapshot");
	is_err(store_find(t, IX_ORG_NAME, STR("Org 0"), &id), ERR_NOENT, "the old key is gone");
	is_ok(store_find(t, IX_ORG_NAME, STR("Renamed"), &id), "the new one is there");
	is_ok(store_find(t, IX_ORG_UUID, (struct str){(char *)fix_uuid(1).b, 16}, &id),
	      "by UUID");
	store_read_end(before);
	store_read_end(t);

	fix_run(s, del_job, &ids[1]);
	is_err(store_run(s, del_job, &ids[1], NULL), ERR_NOENT, "deleting twice");
	is_ok(store_read(s, &t, NULL), "a newer snapshot");
	is_err(store_find(t, IX_ORG_NAME, STR("Org 1"), &id), ERR_NOENT, "its key went with it");
	id = 0;
	is_ok(store_next(t, T_ORG, &id, NULL, &o), "first row");
	is_uint(id, ids[0], "in order");
	is_ok(store_next(t, T_ORG, &id, NULL, &o), "second row");
	is_uint(id, ids[2], "without the deleted one");
	is_err(store_next(t, T_ORG, &id, NULL, &o), ERR_NOENT, "the end");
	id = UINT64_MAX;
	is_ok(store_prev(t, T_ORG, &id, NULL, &o), "from the end");
	is_uint(id, ids[2], "the last");
	is_ok(store_prev(t, T_ORG, &id, NULL, NULL), "backwards, number only");
	is_uint(id, ids[0], "the first");
	is_err(store_prev(t, T_ORG, &id, NULL, NULL), ERR_NOENT, "the start");
	is_err(store_prev(t, T_FEED, &(uint64_t){UINT64_MAX}, NULL, NULL), ERR_NOENT,
	       "an empty table");
	store_read_end(t);
	is_err(store_run(s, event_as_row_job, NULL, NULL), ERR_BUG, "events want a proof");
}

static enum err keys_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)arg;
	for (unsigned i = 0; i < 5; i++) {
		uint8_t digest[32] = {(uint8_t)i};
		struct misp_authkey k = {.user_id = i < 3 ? 7 : 8,
					 .digest = {(char *)digest, 32}};

		k.id = store_new_row_id(w, T_AUTHKEY);
		TRY(store_put(w, T_AUTHKEY, k.id, &k, f));
	}
	return ERR_OK;
}

static enum err tag_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_tag t = {.name = *(struct str *)arg};

	t.id = store_new_row_id(w, T_TAG);
	return store_put(w, T_TAG, t.id, &t, f);
}

static void keys(struct store *s)
{
	uint8_t user[8] = {0, 0, 0, 0, 0, 0, 0, 7};
	struct str key = {(char *)user, 8}, name = STR("TLP:Red"), upper = STR("tlp:RED");
	char longer[900];
	struct str a = {longer, sizeof(longer)}, b = {longer, sizeof(longer) - 1};
	struct store_rtxn *t;
	uint64_t id = 0, n = 0, ida, idb;

	fix_run(s, keys_job, NULL);
	fix_run(s, tag_job, &name);
	is_err(store_run(s, tag_job, &upper, NULL), ERR_EXISTS, "tags are one whatever the case");
	memset(longer, 'x', sizeof(longer));
	fix_run(s, tag_job, &a);
	fix_run(s, tag_job, &b);
	is_err(store_run(s, tag_job, &b, NULL), ERR_EXISTS, "long names are unique too");

	is_ok(store_read(s, &t, NULL), "read");
	while (store_find_next(t, IX_AUTHKEY_USER, key, &id) == ERR_OK)
		is_uint(id, ++n, "keys of a user ascend");
	is_uint(n, 3, "three of them");
	user[7] = 9;
	id = 0;
	is_err(store_find_next(t, IX_AUTHKEY_USER, key, &id), ERR_NOENT, "a user without keys");
	id = 0;
	is_ok(store_find_next(t, IX_TAG_NAME, STR("TLP:RED"), &id), "a unique key lists one");
	is_err(store_find_next(t, IX_TAG_NAME, STR("TLP:RED"), &id), ERR_NOENT, "and no more");
	is_ok(store_find(t, IX_TAG_NAME, a, &ida), "a long name");
	is_ok(store_find(t, IX_TAG_NAME, b, &idb), "one shorter by a byte");
	ok(ida != idb, "two rows");
	store_read_end(t);
}

static enum err kv_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	char huge[600] = {0};

	(void)arg;
	if (store_kv_put(w, (struct str){huge, sizeof(huge)}, STR("x"), NULL) != ERR_INVAL)
		return ERR_BUG;
	TRY(store_kv_put(w, STR("sync/1/cursor"), STR("one"), f));
	TRY(store_kv_put(w, STR("sync/2/cursor"), STR(""), f));
	TRY(store_kv_put(w, STR("sync0"), STR("zero"), f));
	TRY(store_kv_put(w, STR("gone"), STR("x"), f));
	TRY(store_kv_del(w, STR("gone"), f));
	return store_kv_del(w, STR("never"), f) == ERR_NOENT ? ERR_OK : ERR_BUG;
}

static void small_values(struct store *s)
{
	OWN(buf) struct buf key = BUF(512);
	struct store_rtxn *t;
	struct str v;

	fix_run(s, kv_job, NULL);
	is_ok(store_read(s, &t, NULL), "read");
	is_ok(store_kv_get(t, STR("sync/1/cursor"), &v), "a value");
	is_view(v, "one", "its bytes");
	is_err(store_kv_get(t, STR("gone"), &v), ERR_NOENT, "a deleted one");
	is_ok(store_kv_next(t, STR("sync/"), &key, &v), "first of a prefix");
	is_str(buf_cstr(&key), "sync/1/cursor", "its name");
	is_ok(store_kv_next(t, STR("sync/"), &key, &v), "second");
	is_uint(v.n, 0, "empty value");
	is_err(store_kv_next(t, STR("sync/"), &key, &v), ERR_NOENT, "no third");
	buf_clear(&key);
	is_ok(store_book_prev(t, BOOK_KV, STR("sync/"), &key, &v), "last of a prefix");
	is_str(buf_cstr(&key), "sync/2/cursor", "its name");
	is_ok(store_book_prev(t, BOOK_KV, STR("sync/"), &key, &v), "the one before");
	is_view(v, "one", "its bytes");
	is_err(store_book_prev(t, BOOK_KV, STR("sync/"), &key, &v), ERR_NOENT, "none before it");
	buf_clear(&key);
	is_ok(store_book_prev(t, BOOK_KV, STR(""), &key, &v), "last of all");
	is_str(buf_cstr(&key), "sync0", "its name");
	is_uint(store_book_count(t, BOOK_KV), 3, "three in all");
	is_uint(store_book_count(t, BOOK_LEDGER), 0, "none in another book");
	store_read_end(t);
}

static enum err gap_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)f;
	for (unsigned i = 0; i < 1000; i++)
		*(uint64_t *)arg = store_new_el_id(w, EL_ATTR);
	return store_kv_put(w, STR("x"), STR("y"), f);
}

static void numbers(void)
{
	struct store *s = fix_open("gaps", (struct store_opts){.id_gaps = true});
	uint64_t last, again;
	struct uuid node = store_node_uuid(s);

	fix_run(s, gap_job, &last);
	ok(last > 2500 && last < 7500, "ids have gaps of 1 to 8: 1000 reach %llu",
	   (unsigned long long)last);
	store_close(s);
	s = fix_open("gaps", (struct store_opts){0});
	ok(uuid_eq(node, store_node_uuid(s)), "the node keeps its UUID");
	fix_run(s, gap_job, &again);
	ok(again > last + 2500, "ids go on after a restart, still with gaps");
	store_close(s);
}

static void readers(void)
{
	struct store *s = fix_open("readers", (struct store_opts){.readers = 3});
	struct store_rtxn *t[4] = {NULL};

	for (unsigned i = 0; i < 3; i++)
		is_ok(store_read(s, &t[i], NULL), "reader %u", i);
	is_err(store_read(s, &t[3], NULL), ERR_BUSY, "no more than was said");
	fix_run(s, kv_job, NULL);
	store_read_end(t[1]);
	is_ok(store_read(s, &t[1], NULL), "one in the place of another");
	for (unsigned i = 0; i < 3; i++)
		store_read_end(t[i]);
	store_close(s);
}

int main(void)
{
	struct store *s, *second;
	struct store_rtxn *t;

	fix_begin();
	is_err(fix_try_open("none", (struct store_opts){0}, &s), ERR_NOENT, "no store, not made");
	s = fix_open("a", (struct store_opts){0});
	tables(s);
	keys(s);
	small_values(s);
	is_err(fix_try_open("a", (struct store_opts){0}, &second), ERR_BUSY,
	       "a second opening for writing is refused: %s", fix_fail.text);
	store_close(s);

	is_ok(fix_try_open("a", (struct store_opts){.read_only = true}, &s), "for reading only");
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_count(t, T_ORG), 2, "rows are still there");
	store_read_end(t);
	is_err(store_run(s, kv_job, NULL, NULL), ERR_UNSUPPORTED, "no writing there");
	store_close(s);
	numbers();
	readers();
	return fix_end();
}
