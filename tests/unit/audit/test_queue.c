/*
 * test_queue.c - entries that nobody waits for: counted together, bounded, never lost in silence.
 */
#include "audit/line.h"
#include "base/clock.h"
#include "tests/unit/store/fixture.h"

static struct store *s;
static struct audit_queue *q;

static void flush(void)
{
	struct fail f = {0};
	is_ok(audit_queue_flush(q, &f), "flush %s", f.text);
}

/* Records of an action, and the sum of their counts. */
static unsigned records(enum audit_action a, uint64_t *sum)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf key = BUF(100);
	struct fail f;
	struct str v;
	unsigned n = 0;
	*sum = 0;
	if (store_read(s, &t, &f) != ERR_OK)
		bail_out("read");
	while (store_book_next(t, BOOK_AUDIT, STR(""), &key, &v) == ERR_OK) {
		struct str line = str_sub(v, AUDIT_VALUE_HEAD, v.n);
		if (!str_is(audit_line_get(line, "action"), audit_action_name(a)))
			continue;
		uint64_t count = audit_line_u64(line, "count");
		*sum += count ? count : 1;
		n++;
	}
	return n;
}

static void read_event(uint64_t user, uint64_t event)
{
	struct audit_entry e = {.action = AUDIT_read,
				.who = {.kind = AUDIT_BY_USER, .id = user, .address = STR("::1")},
				.kind = "event",
				.id = event,
				.text = STR("/events/view")};
	audit_later(q, &e);
}

static void counted_together(void)
{
	uint64_t sum;
	clock_freeze(INT64_C(1800000000) * 1000000, 1000000);
	for (int i = 0; i < 50; i++)
		read_event(5, 1);
	read_event(5, 2);
	read_event(6, 1);
	flush();
	is_uint(records(AUDIT_read, &sum), 3, "equal ones are one record");
	is_uint(sum, 52, "that says how many");
	for (int i = 0; i < 7; i++)
		read_event(5, 1);
	clock_advance(INT64_C(61) * 1000000);
	flush();
	is_uint(records(AUDIT_read, &sum), 4, "those that follow are another");
	is_uint(sum, 59, "with their count");
}

static void refuse(unsigned from)
{
	char address[40];
	struct audit_entry e = {.action = AUDIT_key_refused, .outcome = AUDIT_REFUSED};
	e.who.address = (struct str){address, (size_t)snprintf(address, sizeof(address),
							       "192.0.%u.%u", from >> 8, from & 255)};
	audit_later(q, &e);
}

static void strangers(void)
{
	uint64_t sum, lost;
	for (unsigned i = 0; i < 3000; i++)
		refuse(i);
	read_event(7, 1);
	flush();
	unsigned n = records(AUDIT_key_refused, &sum);
	is_uint(n, 128, "strangers have little room");
	is_uint(records(AUDIT_overflow, &lost), 1, "what finds none is recorded");
	is_uint(n + lost, 3000, "all of it");
	clock_advance(INT64_C(61) * 1000000);
	flush();
	refuse(5000);
	flush();
	is_uint(records(AUDIT_key_refused, &sum), 129, "there is room again when the window is over");
}

static void overflow(void)
{
	uint64_t sum, lost, before;
	clock_advance(INT64_C(3600) * 1000000);
	flush();
	records(AUDIT_overflow, &before);
	records(AUDIT_read, &sum);
	uint64_t had = sum;
	for (unsigned i = 0; i < 10000; i++)
		read_event(8, i + 1);
	flush();
	records(AUDIT_read, &sum);
	records(AUDIT_overflow, &lost);
	is_uint(sum - had + lost - before, 10000, "none is lost in silence");
	ok(sum - had >= 2048, "a full table is written");
}

/* Slots are taken out of the middle of their runs; what is behind must stay to be found. */
static void churn(void)
{
	uint64_t sum, had, lost, before;
	clock_advance(INT64_C(3600) * 1000000);
	flush();
	records(AUDIT_read, &had);
	records(AUDIT_overflow, &before);
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 1500; i++)
			read_event(9, 1 + (round * 700 + i) % 4000);
		clock_advance(INT64_C(20) * 1000000);
		flush();
	}
	clock_advance(INT64_C(61) * 1000000);
	flush();
	records(AUDIT_read, &sum);
	records(AUDIT_overflow, &lost);
	is_uint(sum - had + lost - before, 60000, "each is counted once");
}

static int64_t far_future(void *user, bool *trusted)
{
	*trusted = *(bool *)user;
	return clock_now() + INT64_C(20) * 86400;
}

/* Old records go by the hour, when the clock may be believed. */
static void trims(void)
{
	bool trusted = false;
	struct audit_queue_opts o = {.store = s, .days = 10, .now = far_future, .user = &trusted};
	struct fail f = {0};
	uint64_t sum;
	unsigned had = records(AUDIT_read, &sum), left = had;
	ok(had > 100, "%u records", had);
	is_ok(audit_queue_start(&o, &q, &f), "start %s", f.text);
	clock_advance(INT64_C(3700) * 1000000);
	flush();
	flush();
	is_uint(records(AUDIT_read, &sum), had, "a clock that nobody trusts takes nothing away");
	trusted = true;
	clock_advance(INT64_C(3700) * 1000000);
	for (unsigned i = 0; i < 100 && left; i++) {
		flush();
		left = records(AUDIT_read, &sum);
	}
	is_uint(left, 0, "all of it is too old");
	ok(records(AUDIT_trim, &sum) > 0, "the log says so");
	audit_queue_stop(q);
}

int main(void)
{
	struct fail f = {0};
	fix_begin();
	s = fix_open("store", (struct store_opts){0});
	struct audit_queue_opts o = {.store = s};
	is_ok(audit_queue_start(&o, &q, &f), "start %s", f.text);
	counted_together();
	strangers();
	overflow();
	churn();
	read_event(10, 1);
	uint64_t had, sum;
	records(AUDIT_read, &had);
	audit_queue_stop(q);
	records(AUDIT_read, &sum);
	is_uint(sum - had, 1, "stopping writes what waits");
	trims();
	audit_later(NULL, &(struct audit_entry){.action = AUDIT_read});
	clock_thaw();
	store_close(s);
	return fix_end();
}
