/*
 * test_nonint.c - two stores that differ only in what somebody may not see answer him byte for byte alike.
 *
 * NONINT_SEED=N replays one world and tells what is in it; NONINT_FIRST, NONINT_WORLDS, NONINT_QUESTIONS and
 * NONINT_SECONDS search on; NONINT_WHO, with NONINT_FIRST, for those only whose name begins so. A failed
 * world is made smaller first: things are left out as long as it still fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "conf/conf.h"
#include "loop/offload.h"
#include "metrics/metrics.h"
#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

#define BATCH 16

struct bench {
	struct api api[2];
	struct line *line[2], *waiting[2]; /* waiting: for changes of exports */
	struct offload *workers;
	struct side side[2];
	struct model m;
	uint64_t asked, other_than_404;
	bool written; /* by the questions, into both */
};

struct failure {
	char what[200];
	struct buf story;
};

/* ---- one batch ---- */

static void show(struct buf *out, const char *title, struct str s, size_t at)
{
	size_t from = at > 300 ? at - 300 : 0;
	buf_printf(out, "%s: ...%.*s\n", title, (int)MIN(s.n - MIN(from, s.n), (size_t)700), s.p + MIN(from, s.n));
}

static void mask(struct buf *b, const char *key)
{
	struct str s = buf_str(b);
	size_t from = 0;
	ptrdiff_t at;
	while ((at = str_find(str_sub(s, from, SIZE_MAX), str_c(key))) >= 0)
		for (from += (size_t)at + strlen(key); from < b->n && b->p[from] != ','; from++)
			b->p[from] = '#';
}

/* MISP counts all attributes of an event; under its rules alone so does this node. */
static void mask_counts(struct buf *b)
{
	mask(b, "attribute_count\":");
}

/* Each store has its own, drawn by chance. */
static void mask_node(struct side *s, struct buf *b)
{
	char u[UUID_TEXT_LEN + 1];
	ptrdiff_t at;
	uuid_format(store_node_uuid(s->w.store), u);
	while ((at = str_find(buf_str(b), str_c(u))) >= 0)
		memset(b->p + at, '0', UUID_TEXT_LEN);
}

static bool compare(struct bench *b, const struct question *q, struct answer a[2], struct failure *why)
{
	const struct numbers *na = &b->side[0].numbers, *nb = &b->side[1].numbers;
	bool openioc = str_find(buf_str(&q->text[0]), STR("openioc")) >= 0;
	bool lengths = false;
	size_t at;
	if (b->m.policy == POLICY_COMPAT && q->counts) {
		lengths = a[0].body.n != a[1].body.n;
		mask_counts(&a[0].body);
		mask_counts(&a[1].body);
	}
	for (unsigned i = 0; i < 2; i++) {
		mask_node(&b->side[i], &a[i].body);
		if (!strcmp(q->row, "ep_taxii_collection"))
			mask(&a[i].body, "\"next\":\""); /* sealed: there are ids in it */
	}
	b->asked++;
	b->other_than_404 += a[0].status == 200;
	bool body = same_bytes(na, nb, buf_str(&a[0].body), buf_str(&a[1].body), openioc, &at);
	if (!body && b->written) { /* what was written has numbers now */
		side_numbers(&b->side[0]);
		side_numbers(&b->side[1]);
		body = same_bytes(na, nb, buf_str(&a[0].body), buf_str(&a[1].body), openioc, &at);
	}
	if (body && (lengths || same_bytes(na, nb, buf_str(&a[0].head), buf_str(&a[1].head), false, &at)))
		return true;
	snprintf(why->what, sizeof(why->what), "%s, %s", who_names[b->m.who], q->row);
	buf_clear(&why->story);
	show(&why->story, "asked", buf_str(&q->text[0]), 0);
	for (unsigned i = 0; i < 2; i++)
		show(&why->story, i ? "with 1" : "with 0", buf_str(body ? &a[i].head : &a[i].body), at);
	return false;
}

static bool put_batch(struct bench *b, struct question *q, unsigned n, struct failure *why)
{
	bool good = true;
	for (unsigned i = 0; i < 2; i++) {
		OWN(buf) struct buf all = BUF(4u << 20);
		for (unsigned k = 0; k < n; k++)
			buf_str_add(&all, buf_str(&q[k].text[i]));
		line_put(b->line[i], buf_str(&all));
	}
	for (unsigned k = 0; k < n; k++) {
		struct answer a[2];
		for (unsigned i = 0; i < 2; i++)
			line_read(b->line[i], q[k].head, &a[i]);
		if (good && !compare(b, &q[k], a, why))
			good = false;
		answer_free(&a[0]);
		answer_free(&a[1]);
		buf_free(&q[k].text[0]);
		buf_free(&q[k].text[1]);
	}
	return good;
}

/* ---- one world ---- */

static bool ask_all(struct bench *b, struct failure *why)
{
	struct question q[BATCH];
	unsigned n = 0;
	bool good = true;
	for (unsigned k = 0; k < asks_count() && good; k++) {
		struct rng r = {b->m.seed * 7919u + k};
		for (unsigned times = 2; times > 0 && good; times--) {
			if (!asks_make(&b->m, b->side, &r, k, &q[n]))
				continue;
			/* requests of a batch run side by side: what writes goes alone */
			b->written |= q[n].writes;
			if (q[n].writes && n) {
				good = put_batch(b, q, n, why);
				q[0] = q[n];
				n = 0;
			}
			if (!q[n++].writes && n < BATCH)
				continue;
			good = put_batch(b, q, n, why) && good;
			n = 0;
		}
	}
	return (n == 0 || put_batch(b, q, n, why)) && good;
}

/* Until nothing holds the stores any more: answers are freed after they were sent. */
static void quiet(struct bench *b)
{
	struct offload_stats st;
	do {
		usleep(200);
		offload_stats(b->workers, &st);
	} while (st.busy || st.waiting);
}

/* ---- one store before and after ---- */

#define AGAIN 40

/* What a validator says of an answer: it is asked with, the second time. */
static void with_tag(const struct buf *text, const struct answer *a, struct buf *out)
{
	struct str head = buf_str(&a->head), all = buf_str(text), tag;
	ptrdiff_t at = str_find(head, STR("ETag: ")), host = str_find(all, STR("Host: "));
	if (at < 0 || host < 0) {
		buf_str_add(out, all);
		return;
	}
	(void)str_split(str_sub(head, (size_t)at + 6, SIZE_MAX), '\r', &tag);
	buf_str_add(out, str_sub(all, 0, (size_t)host));
	buf_printf(out, "If-None-Match: %.*s\r\n", STR_ARG(tag));
	buf_str_add(out, str_sub(all, (size_t)host, SIZE_MAX));
}

static void ask_one(struct bench *b, const struct question *q, struct str text, struct answer *a)
{
	line_put(b->line[0], text);
	line_read(b->line[0], q->head, a);
	b->asked++;
}

/* Did the first answer hold what the second does? */
static bool ask_again(struct bench *b, const struct question *q, struct answer *before, struct failure *why)
{
	static const struct numbers none;
	struct answer after, tagged = {0};
	OWN(buf) struct buf text = BUF(1 << 19);
	size_t at = 0;
	bool compat = b->m.policy == POLICY_COMPAT && q->counts;
	ask_one(b, q, buf_str(&q->text[0]), &after);
	if (compat) {
		mask_counts(&before->body);
		mask_counts(&after.body);
	}
	bool body = same_bytes(&none, &none, buf_str(&before->body), buf_str(&after.body), false, &at);
	bool good = body && (compat || str_eq(buf_str(&before->head), buf_str(&after.head)));
	bool valid = !good || compat || before->status != 200 || q->head ||
		     str_find(buf_str(&before->head), STR("ETag: ")) < 0 ||
		     str_find(buf_str(&q->text[0]), STR("If-None-Match: ")) >= 0;
	if (!valid) {
		with_tag(&q->text[0], before, &text);
		ask_one(b, q, buf_str(&text), &tagged);
		valid = tagged.status == 304;
		answer_free(&tagged);
	}
	if (!good || !valid) {
		snprintf(why->what, sizeof(why->what), "%s, %s after a change", who_names[b->m.who], q->row);
		buf_clear(&why->story);
		show(&why->story, valid ? "asked" : "asked with its ETag, not answered 304", buf_str(&q->text[0]), 0);
		show(&why->story, "before", buf_str(body ? &before->head : &before->body), at);
		show(&why->story, "after", buf_str(body ? &after.head : &after.body), at);
	}
	answer_free(&after);
	return good && valid;
}

static bool only_asks(const struct question *q)
{
	static const char *const posts[] = {"/restSearch", "/index", "/values/lookup", "/filter", "/tocsin/events",
					    "/export/", "/events/view"};
	struct str line;
	(void)str_split(buf_str(&q->text[0]), '\r', &line);
	bool reads = str_find(line, STR("POST ")) != 0;
	if (str_find(buf_str(&q->text[0]), STR("openioc")) >= 0)
		return false; /* draws UUIDs by chance, each time */
	for (size_t i = 0; i < ARRAY_LEN(posts) && !reads; i++)
		reads = str_find(line, str_c(posts[i])) >= 0;
	return reads;
}

static bool talks_alike(struct bench *b, const struct buf *x, const struct buf *y, bool twins, struct failure *why)
{
	static const struct numbers none;
	size_t at;
	if (twins ? same_bytes(&b->side[0].numbers, &b->side[1].numbers, buf_str(x), buf_str(y), false, &at) :
		    same_bytes(&none, &none, buf_str(x), buf_str(y), false, &at))
		return true;
	snprintf(why->what, sizeof(why->what), "%s, TAXII%s", who_names[b->m.who], twins ? "" : " after a change");
	buf_clear(&why->story);
	talk_tell(&why->story, "asked", x, y, at);
	return false;
}

/* Collections of TAXII, whole, from both. */
static bool read_taxii(struct bench *b, struct failure *why)
{
	struct buf out[2] = {BUF(64u << 20), BUF(64u << 20)};
	for (unsigned i = 0; i < 2; i++)
		taxii_talk(&b->m, b->line[i], false, &out[i], &b->asked);
	bool good = talks_alike(b, &out[0], &out[1], true, why);
	buf_free(&out[0]);
	buf_free(&out[1]);
	return good;
}

/* What is hidden from him becomes another: he is answered as before. */
static bool ask_before_and_after(struct bench *b, struct failure *why)
{
	OWN(buf) struct buf taxii = BUF(64u << 20);
	OWN(buf) struct buf taxii_after = BUF(64u << 20);
	struct question q[AGAIN];
	struct answer before[AGAIN];
	struct rng r = {b->m.seed * 31u + 7};
	unsigned n = 0;
	bool good = true;
	for (unsigned times = 0; n < AGAIN && times < 4 * AGAIN; times++) {
		if (!asks_make(&b->m, b->side, &r, rng_below(&r, asks_count()), &q[n]))
			continue;
		if (q[n].writes || !only_asks(&q[n])) {
			buf_free(&q[n].text[0]);
			buf_free(&q[n].text[1]);
			continue;
		}
		ask_one(b, &q[n], buf_str(&q[n].text[0]), &before[n]);
		n++;
	}
	taxii_talk(&b->m, b->line[0], true, &taxii, &b->asked);
	quiet(b);
	side_change(&b->side[0], &b->m);
	taxii_talk(&b->m, b->line[0], true, &taxii_after, &b->asked);
	good = talks_alike(b, &taxii, &taxii_after, false, why);
	for (unsigned i = 0; i < n; i++) {
		if (good)
			good = ask_again(b, &q[i], &before[i], why);
		answer_free(&before[i]);
		buf_free(&q[i].text[0]);
		buf_free(&q[i].text[1]);
	}
	return good;
}

/* Exports and pushes of those who have no key. */
static bool make_all(struct bench *b, struct failure *why)
{
	for (unsigned k = 0; k < outs_count(&b->m); k++) {
		struct buf out[2] = {BUF(64u << 20), BUF(64u << 20)};
		char name[80];
		size_t at;
		bool any = outs_make(&b->m, &b->side[0], k, &out[0], name) &&
			   outs_make(&b->m, &b->side[1], k, &out[1], name);
		bool same = !any || same_bytes(&b->side[0].numbers, &b->side[1].numbers, buf_str(&out[0]),
					       buf_str(&out[1]), strstr(name, "openioc") != NULL, &at);
		b->asked += any;
		if (!same && b->m.policy == POLICY_COMPAT) { /* which counts as MISP does */
			mask_counts(&out[0]);
			mask_counts(&out[1]);
			same = same_bytes(&b->side[0].numbers, &b->side[1].numbers, buf_str(&out[0]),
					  buf_str(&out[1]), false, &at);
		}
		if (!same) {
			snprintf(why->what, sizeof(why->what), "%s, %s", who_names[b->m.who], name);
			buf_clear(&why->story);
			show(&why->story, "with 0", buf_str(&out[0]), at);
			show(&why->story, "with 1", buf_str(&out[1]), at);
		}
		buf_free(&out[0]);
		buf_free(&out[1]);
		if (!same)
			return false;
	}
	return true;
}

/* Alike? The model is made; what is dropped stays out. */
static bool world(struct bench *b, struct failure *why)
{
	clock_freeze((b->m.now - SETTLED) * 1000000, 1000000);
	b->written = false;
	for (unsigned i = 0; i < 2; i++) {
		b->side[i].api = &b->api[i];
		side_open(&b->side[i], &b->m, i);
	}
	clock_freeze(b->m.now * 1000000, 1000000);
	bool user = b->m.who < WHO_USERS;
	bool good = !user || b->m.seed % 2 || ask_before_and_after(b, why);
	good = good && (user ? read_taxii(b, why) && ask_all(b, why) : make_all(b, why));
	quiet(b);
	if (good && b->m.who == A_FEED) {
		buf_clear(&why->story);
		good = folder_same(&b->m, b->side, b->line, &why->story);
		b->asked++;
		if (!good)
			snprintf(why->what, sizeof(why->what), "the feed folder");
	}
	if (good && b->m.who == AN_EXPORT) {
		buf_clear(&why->story);
		good = exports_same(&b->m, b->side, b->line, b->waiting, &why->story, &b->asked);
		if (!good)
			snprintf(why->what, sizeof(why->what), "export subscriptions");
	}
	for (unsigned i = 0; i < 2; i++)
		side_close(&b->side[i]);
	return good;
}

/* Leave out what the failure does not need. */
static void shrink(struct bench *b, struct failure *why)
{
	struct failure less = {.story = BUF(1 << 20)};
	for (unsigned i = 0; i < b->m.n; i++) {
		b->m.dropped[i] = true;
		if (world(b, &less) || strcmp(why->what, less.what) != 0) {
			b->m.dropped[i] = false;
			continue;
		}
		buf_clear(&why->story);
		buf_str_add(&why->story, buf_str(&less.story));
	}
	buf_free(&less.story);
}

static void tell_world(const struct model *m)
{
	static const char *const policies[] = {"default", "misp-compat", "cn-rmsv", "own"};
	OWN(buf) struct buf b = BUF(1 << 20);
	diag("policy %s, for %s, sightings %u", policies[m->policy], who_names[m->who], m->sightings_policy);
	if (model_policy(m, &b))
		diag("%s", buf_cstr(&b));
	for (unsigned i = 0; i < m->n; i++) {
		if (m->dropped[i])
			continue;
		buf_clear(&b);
		model_tell(m, i, &b);
		diag("%s", buf_cstr(&b));
	}
}

static bool run_seed(struct bench *b, uint64_t seed)
{
	struct failure why = {.story = BUF(1 << 20)};
	model_make(&b->m, seed);
	bool good = world(b, &why);
	if (!good) {
		diag("seed %llu: %s (NONINT_SEED=%llu tells it again)", (unsigned long long)seed, why.what,
		     (unsigned long long)seed);
		if (!getenv("NONINT_WHOLE"))
			shrink(b, &why);
		tell_world(&b->m);
		diag("%s", buf_cstr(&why.story));
	}
	buf_free(&why.story);
	return good;
}

/* ---- main ---- */

/* Worlds that alone find something which others need hundreds for (README): first of all. */
static const uint64_t telling[] = {95, 155, 182, 218};

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	return s ? strtoull(s, NULL, 10) : otherwise;
}

static void look_into_metrics(void)
{
	OWN(buf) struct buf b = BUF(16u << 20);
	unsigned told = 0;
	metrics_text(&b);
	for (const char *p = buf_cstr(&b); (p = strstr(p, "nq")); p++)
		told += strspn(p + 2, "0123456789abcdef") >= 8;
	is_uint(told, 0, "%zu bytes of metrics name none of it either", b.n);
}

/* NONINT_WHO: only worlds for whom the name begins so. */
static bool is_wanted(uint64_t seed)
{
	static struct model m;
	const char *who = getenv("NONINT_WHO");
	if (!who)
		return true;
	model_make(&m, seed);
	return str_has_prefix(str_c(who_names[m.who]), str_c(who));
}

/* Values of intelligence in the log? All that is made here bears a mark. */
static void look_into_log(int fd)
{
	static char piece[1 << 16];
	ssize_t n;
	unsigned lines = 0, told = 0;
	FILE *f = fdopen(fd, "r");
	rewind(f);
	while (fgets(piece, sizeof(piece), f)) {
		lines++;
		for (const char *p = piece; (p = strstr(p, "nq")); p++)
			if (strspn(p + 2, "0123456789abcdef") >= 8 && told++ < 5)
				diag("in the log: %s", piece);
	}
	n = (ssize_t)told;
	ok(n == 0, "%u lines of log hold no value, info, comment or text", lines);
	fclose(f);
}

int main(void)
{
	static struct bench b;
	struct fail f = {0};
	struct offload_conf oc = {.threads = 4};
	uint64_t first = setting("NONINT_SEED", setting("NONINT_FIRST", 1)), failed = 0, worlds = 0;
	uint64_t most = getenv("NONINT_SEED") ? 1 : setting("NONINT_WORLDS", 100000);
	uint64_t seconds = setting("NONINT_SECONDS", 20), questions = setting("NONINT_QUESTIONS", UINT64_MAX);
	int log = memfd_create("log", MFD_CLOEXEC);
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	log_setup(getenv("NONINT_LOG") ? 2 : log, LOG_DEBUG, LOG_LOGFMT);
	if (metrics_setup(&f) != ERR_OK)
		bail_out("no metrics: %s", f.text);
	if (offload_new(&oc, &b.workers, &f) != ERR_OK)
		bail_out("no workers");
	OWN(conf) const struct conf *conf = NULL;
	if (conf_parse(STR(""), "defaults", NULL, 0, &conf, &f) != ERR_OK)
		bail_out("no configuration: %s", f.text);
	for (unsigned i = 0; i < 2; i++) {
		b.api[i].conf = conf;
		b.api[i].workers = b.workers;
		b.line[i] = line_open(&b.api[i], b.workers);
		b.waiting[i] = line_open(&b.api[i], b.workers);
	}
	struct timespec from, now;
	clock_gettime(CLOCK_MONOTONIC, &from);
	now = from;
	bool choice = !getenv("NONINT_SEED") && !getenv("NONINT_FIRST");
	do {
		uint64_t seed = !choice			       ? first + worlds :
				worlds < ARRAY_LEN(telling) ? telling[worlds] :
								worlds - ARRAY_LEN(telling) + 1;
		if (!is_wanted(seed)) {
			first++;
			continue;
		}
		failed += !run_seed(&b, seed);
		worlds++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (worlds < most && b.asked < questions && failed < setting("NONINT_FAILURES", 3) &&
		 (uint64_t)(now.tv_sec - from.tv_sec) < seconds);
	ok(failed == 0, "%llu worlds: what is hidden changes no answer (%llu questions, %llu answered 200)",
	   (unsigned long long)worlds, (unsigned long long)b.asked, (unsigned long long)b.other_than_404);
	if (worlds >= 50 && !getenv("NONINT_WHO")) /* by chance each world leaves some out */
		is_uint(asks_missing(), 0, "every row of the API was asked");
	for (unsigned i = 0; i < 2; i++) {
		line_close(b.line[i]);
		line_close(b.waiting[i]);
	}
	offload_stop(b.workers, true);
	offload_free(b.workers);
	clock_thaw();
	look_into_log(log);
	look_into_metrics();
	return done_testing();
}
