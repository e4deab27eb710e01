/* test_blob.c - attachments: equal ones are one file, damage is seen, the sweep spares the young. */
#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/hash.h"

static char path_buf[600];
static const char *path_of(const uint8_t digest[32])
{
	char hex[65];

	hash_hex(digest, 32, hex);
	snprintf(path_buf, sizeof(path_buf), "%s/blobs/%.2s/%.2s/%s", fix_path("a"), hex, hex + 2,
		 hex);
	return path_buf;
}

static enum err naming_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.uuid = fix_uuid(1), .attribute_total = 1, .attribute_count = 1};
	struct misp_attr a;

	e.id = store_new_row_id(w, T_EVENT);
	e.body = store_new_body(w);
	misp_attr_init(&a);
	a.id = store_new_el_id(w, EL_ATTR);
	a.blob = (struct str){arg, 32};
	TRY(store_el_put(w, fix_proof(), EL_ATTR, (struct el_key){e.body, 0, a.id}, &a, f));
	return store_event_put(w, fix_proof(), &e, f);
}

static void make_old(const char *path)
{
	struct timespec t[2] = {{1000000000, 0}, {1000000000, 0}};

	if (utimensat(AT_FDCWD, path, t, 0))
		bail_out("utimensat");
}

static unsigned told;
static char last[512];
static void tell(void *user, const char *problem)
{
	(void)user;
	told++;
	snprintf(last, sizeof(last), "%s", problem);
}

int main(void)
{
	OWN(buf) struct buf out = BUF(1 << 20), tight = BUF(10);
	struct str text = STR("an attachment"), other = STR("another"), young = STR("young");
	uint8_t d[32], again[32], d_other[32], d_young[32], none[32] = {1};
	struct store_report rep;
	struct sha256 want;
	struct stat st;
	struct store *s;
	int fd;

	fix_begin();
	s = fix_open("a", (struct store_opts){0});
	is_ok(store_blob_put(s, text, d, &fix_fail), "put");
	want = hash_sha256(text);
	is_mem(d, want.b, 32, "named by its SHA-256");
	make_old(path_of(d));
	is_ok(store_blob_put(s, text, again, NULL), "put again");
	ok(stat(path_of(d), &st) == 0 && st.st_mtime > 1000000000, "it is young again");
	is_ok(store_blob_get(s, (struct str){(char *)d, 32}, &out, NULL), "get");
	is_view(buf_str(&out), "an attachment", "its bytes");
	is_err(store_blob_get(s, (struct str){(char *)none, 32}, &out, NULL), ERR_NOENT, "none");
	is_err(store_blob_get(s, (struct str){(char *)d, 32}, &tight, NULL), ERR_LIMIT,
	       "no more than the caller's maximum");
	is_ok(store_blob_put(s, STR(""), again, NULL), "an empty one");

	is_ok(store_blob_put(s, other, d_other, NULL), "one that nobody names");
	is_ok(store_blob_put(s, young, d_young, NULL), "and a young one");
	fix_run(s, naming_job, d);
	make_old(path_of(d));
	make_old(path_of(d_other));
	is_ok(store_check(s, NULL, tell, NULL, &rep, NULL), "check");
	is_uint(rep.blobs, 1, "one is in use");
	ok(stat(path_of(d), &st) == 0, "it stays");
	ok(stat(path_of(d_other), &st) != 0, "the one that nobody names is swept");
	ok(stat(path_of(d_young), &st) == 0, "the young one is spared");

	fd = open(path_of(d), O_WRONLY);
	is_int(pwrite(fd, "X", 1, 3), 1, "damage a byte");
	close(fd);
	is_err(store_blob_get(s, (struct str){(char *)d, 32}, &out, &fix_fail), ERR_CORRUPT,
	       "%s", "damage is seen when it is read");
	is_err(store_check(s, NULL, tell, NULL, &rep, NULL), ERR_CORRUPT, "and by the check");
	ok(told == 1 && strstr(last, "is damaged"), "told: %s", last);
	unlink(path_of(d));
	is_err(store_check(s, NULL, tell, NULL, &rep, NULL), ERR_CORRUPT, "a missing file");
	ok(told == 2 && strstr(last, "is missing"), "told: %s", last);
	store_close(s);
	return fix_end();
}
