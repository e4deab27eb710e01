/* test_elements.c - elements, iterators, deletion in the background, stages. */
#include "tests/unit/store/fixture.h"

#include <sys/wait.h>

static enum err mixed_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t body = *(uint64_t *)arg = store_new_body(w);
	/* parents and ids out of order, so that appending and inserting mix */
	static const uint64_t put[][2] = {{0, 5}, {9, 1}, {2, 7}, {0, 1}, {2, 3}, {9, 2}, {0, 9}};

	for (size_t i = 0; i < ARRAY_LEN(put); i++) {
		struct misp_attr a;

		misp_attr_init(&a);
		a.id = put[i][1];
		a.object_id = put[i][0];
		a.value = STR("v");
		TRY(store_el_put(w, fix_proof(), EL_ATTR,
				 (struct el_key){body, a.object_id, a.id}, &a, f));
	}
	(void)store_new_body(w);
	return ERR_OK;
}

static void order(struct store *s)
{
	static const uint64_t want[][2] = {{0, 1}, {0, 5}, {0, 9}, {2, 3}, {2, 7}, {9, 1}, {9, 2}};
	struct store_el_iter *it;
	struct store_rtxn *t;
	struct misp_attr a;
	struct el_key k;
	uint64_t body;
	unsigned n = 0;

	fix_run(s, mixed_job, &body);
	is_ok(store_read(s, &t, NULL), "read");
	is_ok(store_el_iter_new(t, EL_ATTR, (struct el_key){.body = body}, false, &it), "iterate");
	while (store_el_iter_next(it, NULL, &k, &a) == ERR_OK) {
		ok(n < ARRAY_LEN(want) && k.parent == want[n][0] && k.id == want[n][1] &&
			   a.id == k.id,
		   "element %u in key order", n);
		n++;
	}
	is_uint(n, ARRAY_LEN(want), "all of them");
	is_err(store_el_iter_next(it, NULL, &k, &a), ERR_NOENT, "still at the end");
	store_el_iter_free(it);
	is_ok(store_el_iter_new(t, EL_ATTR, (struct el_key){body, 2, 4}, true, &it), "one parent");
	is_ok(store_el_iter_next(it, NULL, &k, NULL), "from the middle");
	is_uint(k.id, 7, "the right one");
	is_err(store_el_iter_next(it, NULL, &k, NULL), ERR_NOENT, "not into the next parent");
	store_el_iter_free(it);
	is_ok(store_el_get(t, EL_ATTR, (struct el_key){body, 9, 2}, NULL, &a), "by key");
	is_err(store_el_get(t, EL_ATTR, (struct el_key){body, 9, 3}, NULL, &a), ERR_NOENT, "none");
	is_ok(store_el_iter_new(t, EL_ATTR, (struct el_key){.body = body}, false, &it), "again");
	for (unsigned i = 0; i < 3 * ARRAY_LEN(want); i++) {
		/* forwards, backwards, and what is not there in between */
		const uint64_t *w = want[i < 7 ? i : i < 14 ? 13 - i : i * 3 % 7];

		is_ok(store_el_iter_get(it, (struct el_key){body, w[0], w[1]}, NULL, &a), "just this one");
		is_uint(a.id, w[1], "and no other");
		is_err(store_el_iter_get(it, (struct el_key){body, w[0], w[1] + 1000}, NULL, &a), ERR_NOENT,
		       "one that is not there");
	}
	is_err(store_el_iter_get(it, (struct el_key){body + 1, 0, 1}, NULL, &a), ERR_NOENT, "another body");
	store_read_end(t);
	is_err(store_el_iter_get(it, (struct el_key){body, 0, 1}, NULL, &a), ERR_NOENT, "after its transaction");
	is_err(store_el_iter_next(it, NULL, &k, NULL), ERR_NOENT,
	       "an iterator that outlived its transaction");
	store_el_iter_free(it);
}

/* Delete every second element and put others while iterating. */
static enum err churn_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t body = *(uint64_t *)arg;
	struct store_el_iter *it;
	struct misp_attr a;
	struct el_key k;
	unsigned n = 0;
	enum err e;

	TRY(store_el_iter_new(store_view(w), EL_ATTR, (struct el_key){.body = body}, false, &it));
	while ((e = store_el_iter_next(it, NULL, &k, &a)) == ERR_OK) {
		if (n++ % 2)
			continue;
		TRY(store_el_del(w, EL_ATTR, k, f));
		a.id = k.id + 1000000;
		a.value = STR("moved");
		if (k.id < 1000000)
			TRY(store_el_put(w, fix_proof(), EL_ATTR, (struct el_key){body, 1, a.id},
					 &a, f));
	}
	store_el_iter_free(it);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err no_proof_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_attr a;

	(void)arg;
	misp_attr_init(&a);
	return store_el_put(w, NULL, EL_ATTR, (struct el_key){1, 0, 1}, &a, f);
}

static enum err event_del_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	return store_event_del(w, *(uint64_t *)arg, f);
}

static enum err look_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)f;
	*(unsigned *)arg = fix_count(store_view(w), EL_ATTR, *(unsigned *)arg);
	return ERR_OK;
}

static unsigned count_of(struct store *s, uint64_t body)
{
	struct store_rtxn *t;
	unsigned n = UINT32_MAX;

	if (store_read(s, &t, NULL) == ERR_OK) {
		n = fix_count(t, EL_ATTR, body);
		store_read_end(t);
	}
	return n;
}

/* Poll until the body is gone; false after ten seconds. */
static bool gone(struct store *s, uint64_t body)
{
	for (unsigned i = 0; i < 1000; i++) {
		if (count_of(s, body) == 0)
			return true;
		usleep(10000);
	}
	return false;
}

static void deletion(struct store *s)
{
	struct fix_event ev = {.number = 1, .n = 5000}, kept = {.number = 2, .n = 10};
	struct store_rtxn *t;
	struct misp_event e;
	uint64_t id;
	unsigned n;

	fix_run(s, fix_event_job, &ev);
	fix_run(s, fix_event_job, &kept);
	fix_run(s, churn_job, &ev.body);
	is_uint(count_of(s, ev.body), 3750, "written and deleted while iterating");
	n = (unsigned)ev.body;
	fix_run(s, look_job, &n);
	is_uint(n, 3750, "a job sees the same");
	is_err(store_run(s, no_proof_job, NULL, NULL), ERR_BUG, "no element without a proof");
	fix_run(s, event_del_job, &ev.id);
	is_ok(store_read(s, &t, NULL), "read");
	is_err(store_get(t, T_EVENT, ev.id, NULL, &e), ERR_NOENT, "the head is gone at once");
	is_err(store_find(t, IX_EVENT_UUID, (struct str){(char *)fix_uuid(1).b, 16}, &id),
	       ERR_NOENT, "its UUID is free");
	store_read_end(t);
	ok(gone(s, ev.body), "the elements go by themselves");
	is_uint(count_of(s, kept.body), 10, "those of others stay");
	fix_run(s, fix_event_job, &ev);
	fix_run(s, event_del_job, &ev.id);
}

static enum err stage_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t *body = arg;
	struct misp_attr a;

	if (!*body)
		TRY(store_stage_new(w, body, f));
	misp_attr_init(&a);
	for (unsigned i = 0; !store_txn_full(w) && i < 500; i++) {
		a.id = store_new_el_id(w, EL_ATTR);
		TRY(store_el_put(w, fix_proof(), EL_ATTR, (struct el_key){*body, 0, a.id}, &a, f));
	}
	return ERR_OK;
}

static enum err release_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.body = *(uint64_t *)arg, .uuid = fix_uuid(77)};

	e.id = store_new_row_id(w, T_EVENT);
	TRY(store_stage_release(w, e.body, f));
	return store_event_put(w, fix_proof(), &e, f);
}

/* A process that dies with one stage released and one not, and with a body half dropped. */
static void crash(uint64_t out[3])
{
	int fd[2], status;
	pid_t pid;

	if (pipe(fd))
		bail_out("pipe");
	pid = fork();
	if (pid == 0) {
		struct store *s = fix_open("crash", (struct store_opts){0});
		struct fix_event ev = {.number = 3, .n = 4000};
		uint64_t b[3] = {0};

		fix_run(s, stage_job, &b[0]);
		fix_run(s, stage_job, &b[0]);
		fix_run(s, release_job, &b[0]);
		fix_run(s, stage_job, &b[1]);
		fix_run(s, fix_event_job, &ev);
		fix_run(s, event_del_job, &ev.id);
		b[2] = ev.body;
		if (write(fd[1], b, sizeof(b)) != (ssize_t)sizeof(b))
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "the child came that far");
	is_int(read(fd[0], out, 3 * sizeof(out[0])), 3 * (int64_t)sizeof(out[0]), "and told");
	close(fd[0]);
	close(fd[1]);
}

static void stages(void)
{
	uint64_t b[3];
	struct store *s;

	crash(b);
	s = fix_open("crash", (struct store_opts){0});
	is_uint(count_of(s, b[0]), 1000, "a released stage is whole");
	ok(gone(s, b[1]), "a stage left over is deleted");
	ok(gone(s, b[2]), "a body queued before the crash is deleted");
	is_err(store_run(s, release_job, &b[1], NULL), ERR_NOENT, "and cannot be released");
	store_close(s);
}

static enum err fill_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_report r = {.content = {NULL, 0}};
	size_t n = (size_t)1 << 20;
	OWN(chars) char *text = malloc(n);

	if (!text)
		return ERR_NOMEM;
	memset(text, 'x', n);
	r.content = (struct str){text, n};
	for (*(unsigned *)arg = 0; !store_txn_full(w); ++*(unsigned *)arg) {
		r.id = store_new_el_id(w, EL_REPORT);
		TRY(store_el_put(w, fix_proof(), EL_REPORT, (struct el_key){999999, 0, r.id}, &r,
				 f));
	}
	return ERR_OK;
}

/* One attribute: made, changed, changed again, removed. */
static enum err before_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	static struct el_key key;
	unsigned step = *(unsigned *)arg;
	struct misp_attr a;

	if (step == 0)
		key = (struct el_key){store_new_body(w), 0, store_new_el_id(w, EL_ATTR)};
	misp_attr_init(&a);
	a.id = key.id;
	a.value = step == 0 ? STR("first") : STR("later");
	if (step < 3)
		TRY(store_el_put(w, fix_proof(), EL_ATTR, key, &a, f));
	else if (step == 3)
		return store_el_del(w, EL_ATTR, key, f);
	if (step == 0) /* in the commit that makes it nothing was before */
		return store_el_put(w, fix_proof(), EL_ATTR, key, &a, f);
	return ERR_OK;
}

static void before(struct store *s)
{
	OWN(buf) struct buf key = BUF(100);
	struct store_rtxn *t;
	struct misp_attr a;
	struct str v;
	unsigned step = 0;

	fix_run(s, before_job, &step);
	step = 1;
	fix_run(s, before_job, &step);
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_book_count(t, BOOK_BEFORE), 0, "nobody has asked what was before");
	store_read_end(t);
	store_keep_before(s);
	step = 0;
	fix_run(s, before_job, &step);
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_book_count(t, BOOK_BEFORE), 0, "a new one was nothing before");
	store_read_end(t);
	for (step = 1; step <= 3; step++)
		fix_run(s, before_job, &step);
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_book_count(t, BOOK_BEFORE), 1, "one entry for one element");
	is_ok(store_book_next(t, BOOK_BEFORE, STR(""), &key, &v), "it");
	is_ok(store_before_unpack(EL_ATTR, v, NULL, &a), "unpacks");
	is_view(a.value, "first", "as it was before the first change");
	store_read_end(t);
}

int main(void)
{
	struct store *s;
	unsigned n;

	fix_begin();
	stages(); /* forks: before this process has a writer thread */
	s = fix_open("a", (struct store_opts){0});
	order(s);
	before(s);
	deletion(s);
	fix_run(s, fill_job, &n);
	is_uint(n, 16, "a transaction is full at 16 MiB");
	store_close(s);
	return fix_end();
}
