/* test_changes.c - the change log keeps every member and goes on after a restart. */
#include "tests/unit/store/fixture.h"

static const struct change plain = {.op = CHANGE_EDIT, .kind = CHANGE_TABLE(T_TAG), .id = 3,
				    .time = 1700000000};
static const struct change packed = {
	.op = CHANGE_DELETE,
	.kind = CHANGE_EL(EL_SIGHTING),
	.id = UINT64_MAX,
	.event_id = UINT64_MAX - 1,
	.parent = UINT64_C(1) << 63,
	.time = INT64_MIN,
	.origin = {.kind = ORIGIN_FEED, .id = UINT64_MAX, .time = INT64_MAX, .digest = {1, [31] = 2}},
	.uuid = {{9, [15] = 8}},
	.whole = true,
};

static enum err log_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct change a = plain, b = packed;

	(void)arg;
	TRY(store_change(w, &a, f));
	TRY(store_change(w, &b, f));
	return store_seq(store_view(w)) == b.seq ? ERR_OK : fail(f, ERR_BUG, "seq in a job");
}

static void same(const struct change *a, const struct change *b)
{
	ok(a->op == b->op && a->kind == b->kind && a->whole == b->whole, "what happened");
	ok(a->id == b->id && a->event_id == b->event_id && a->parent == b->parent, "to what");
	ok(a->time == b->time, "when");
	ok(a->origin.kind == b->origin.kind && a->origin.id == b->origin.id &&
		   a->origin.time == b->origin.time,
	   "by whom");
	is_mem(a->origin.digest, b->origin.digest, 32, "from which bytes");
	is_mem(a->uuid.b, b->uuid.b, 16, "UUID");
}

int main(void)
{
	struct store *s;
	struct store_rtxn *t;
	struct change c;
	uint64_t seq = 0;

	fix_begin();
	s = fix_open("a", (struct store_opts){0});
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_seq(t), 0, "nothing has happened");
	is_err(store_change_next(t, &seq, &c), ERR_NOENT, "the log is empty");
	store_read_end(t);
	for (unsigned i = 0; i < 50; i++)
		fix_run(s, log_job, NULL);
	store_close(s);

	s = fix_open("a", (struct store_opts){0});
	fix_run(s, log_job, NULL);
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_seq(t), 102, "the numbers go on after a restart");
	is_ok(store_change_next(t, &seq, &c), "first");
	same(&c, &plain);
	is_ok(store_change_next(t, &seq, &c), "second");
	same(&c, &packed);
	while (store_change_next(t, &seq, &c) == ERR_OK)
		if (c.seq != seq)
			ok(false, "sequence");
	is_uint(seq, 102, "to the last");
	seq = 100;
	is_ok(store_change_next(t, &seq, &c), "from a cursor");
	is_uint(c.seq, 101, "the next one");
	store_read_end(t);
	store_close(s);
	return fix_end();
}
