/*
 * follow_run.c - the round: has the consumer what it was given? Then ask for the change since, else for
 * the whole set; verify, apply, remember. Nothing that failed is remembered as done, and after a change
 * that failed comes the whole set.
 */
#include "cli/follow_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/follow_http.h"
#include "cli/follow_proc.h"
#include "cli/follow_state.h"
#include "cli/follow_suricata.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 300000
#define SAME_AGAIN_MS 600000
#define DIGEST_TRIES 5
#define DIGEST_MAX 4096

struct round {
	struct follow *f;
	const struct follow_plan *plan;
	struct follow_http *http;
	struct follow_state st;
	int spool;
	bool whole; /* is wanted */
	bool lost; /* the consumer has not what it was given */
	bool went_back;
	unsigned retry_after_s, waited_s; /* waited_s: what the node was asked to wait */
	int64_t last_whole_ms, next_ms;
	/* problems that are the same again are not told again */
	char problem[sizeof(((struct fail *)0)->text)];
	int64_t told_ms;
	unsigned failures;
};

void follow_refresh(struct follow *f, uint64_t entry_seconds)
{
	int64_t half = (int64_t)MIN(entry_seconds, (uint64_t)1 << 31) / 2;
	if (half > 0 && (!f->refresh_s || half < f->refresh_s))
		f->refresh_s = half;
}

/* ---- the file that answers go to ---- */

static enum err spool_open(struct round *r)
{
	struct follow *f = r->f;
	if (r->spool >= 0 && !f->spool_path[0])
		return ERR_OK;
	if (r->spool >= 0)
		close(r->spool);
	if (!f->spool_path[0]) {
		r->spool = follow_scratch(f);
		return r->spool >= 0 ? ERR_OK : ERR_IO;
	}
	/* it takes the target's place by its name: a new one each time, and nobody else's */
	unlink(f->spool_path);
	r->spool = open(f->spool_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->spool < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "cannot write %s", f->spool_path);
	return ERR_OK;
}

static void spool_close(struct round *r)
{
	if (r->spool >= 0)
		close(r->spool);
	if (r->f->spool_path[0])
		unlink(r->f->spool_path);
	r->spool = -1;
}

/* ---- digests ---- */

/* "hex  NAME" of the node. */
static enum err digest_get(struct round *r, struct sha256 *out, struct follow_answer *a)
{
	struct follow *f = r->f;
	char text[DIGEST_MAX];
	OWN(fd) int fd = follow_scratch(f);
	if (fd < 0)
		return ERR_IO;
	TRY(follow_http_get(r->http, ".sha256", 0, fd, sizeof(text), a));
	r->retry_after_s = a->retry_after_s;
	ssize_t n = pread(fd, text, sizeof(text), 0);
	if (a->status != 200 || n < 64 || !hash_unhex((struct str){text, 64}, out->b, sizeof(out->b)))
		return fail(&f->fail, ERR_PEER, "the node gave no SHA-256 of the export");
	return ERR_OK;
}

/* The set may change between two questions: then both are asked again. */
static enum err whole_get(struct round *r, struct follow_answer *a, bool have)
{
	struct follow *f = r->f;
	struct follow_answer digest_answer;
	struct sha256 want;
	for (unsigned i = 0; i < DIGEST_TRIES; i++) {
		if (!have) {
			TRY(spool_open(r));
			enum err e = follow_http_get(r->http, "", 0, r->spool, f->max_bytes, a);
			r->retry_after_s = a->retry_after_s;
			TRY(e);
		}
		have = false;
		if (a->status != 200 || !a->has_serial)
			return fail(&f->fail, ERR_PEER,
				    "the answer names no serial: %s is no node that can be followed",
				    follow_http_where(r->http));
		TRY(digest_get(r, &want, &digest_answer));
		if (ct_equal(want.b, a->digest.b, sizeof(want.b)))
			return ERR_OK;
		if (digest_answer.has_serial && digest_answer.serial == a->serial)
			break;
	}
	return fail(&f->fail, ERR_CORRUPT,
		    "the set that came (serial %llu) is not the one whose SHA-256 the node names; nothing was "
		    "changed", (unsigned long long)a->serial);
}

/* ---- applying ---- */

static enum err operators_check(struct round *r, const struct follow_set *s)
{
	static const char *const kinds[] = {"whole", "lines", "own"};
	struct follow *f = r->f;
	const struct follow_var vars[] = {{"TOCSIN_EXPORT", f->name},
					  {"TOCSIN_CHANGE", kinds[s->kind]},
					  {"TOCSIN_FILE", f->spool_path},
					  {NULL, NULL}};
	return f->check ? follow_shell(f, f->check, s->fd, vars) : ERR_OK;
}

static json_t *facts(const struct follow_set *s, uint64_t entries, int64_t ms)
{
	static const char *const kinds[] = {"whole", "lines", "own"};
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "change", kinds[s->kind], "since",
			 (json_int_t)s->since, "serial", (json_int_t)s->serial, "bytes", (json_int_t)s->bytes,
			 "entries", (json_int_t)entries, "ms", (json_int_t)ms);
}

static enum err reload(struct round *r)
{
	struct follow *f = r->f;
	char serial[24];
	const struct follow_var vars[] = {
		{"TOCSIN_EXPORT", f->name}, {"TOCSIN_SERIAL", serial}, {NULL, NULL}};
	if (!f->reload || !r->st.reload_due)
		return ERR_OK;
	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)r->st.serial);
	if (strncmp(f->reload, "suricata:", 9) == 0)
		TRY(follow_suricata_reload(f, f->reload + 9));
	else
		TRY(follow_shell(f, f->reload, -1, vars));
	r->st.reload_due = false;
	return follow_state_save(f, follow_http_where(r->http), &r->st);
}

static void tell_applied(struct round *r, const struct follow_set *s, int64_t ms)
{
	struct follow *f = r->f;
	unsigned long long n = (unsigned long long)f->entries, to = (unsigned long long)s->serial;
	if (s->kind == FOLLOW_WHOLE)
		follow_tell(f, FOLLOW_TELL, "applied", facts(s, f->entries, ms),
			    "serial %llu: the whole set, %llu entr%s, is in %s (%lld ms)", to, n,
			    n == 1 ? "y" : "ies", f->target->name, (long long)ms);
	else
		follow_tell(f, FOLLOW_TELL, "applied", facts(s, f->entries, ms),
			    "serial %llu to %llu: %llu %s in %s (%lld ms)", (unsigned long long)s->since,
			    to, n, n == 1 ? "change is" : "changes are", f->target->name, (long long)ms);
	follow_notify("STATUS=Serial %llu is in %s", to, f->target->name);
}

/* Who finds this state does not know what the consumer has. */
static enum err unsure(struct round *r)
{
	struct follow_state st = r->st;
	st.known = false;
	return st.serial ? follow_state_save(r->f, follow_http_where(r->http), &st) : ERR_OK;
}

static enum err apply(struct round *r, const struct follow_answer *a)
{
	struct follow *f = r->f;
	struct follow_set s = {.kind = a->kind,
			       .fd = r->spool,
			       .bytes = a->bytes,
			       .entries = a->entries,
			       .since = r->st.serial,
			       .serial = a->serial};
	char mark[FOLLOW_MARK_MAX] = "";
	int64_t start = clock_boot_ms();
	bool changed = a->kind != FOLLOW_WHOLE || r->lost || !r->st.known ||
		       !ct_equal(a->digest.b, r->st.digest.b, sizeof(a->digest.b));
	f->entries = 0;
	if (changed) {
		TRY(operators_check(r, &s));
		r->whole = r->lost = true; /* until we know better, and should we be killed */
		if (a->kind == FOLLOW_WHOLE)
			TRY(unsure(r));
		TRY(f->target->apply(f, &s));
		TRY(f->target->probe(f, "", mark));
		memcpy(r->st.mark, mark, sizeof(mark));
		r->st.reload_due = f->reload != NULL;
	}
	r->st.known = true;
	r->st.serial = a->serial;
	r->st.digest = a->kind == FOLLOW_WHOLE ? a->digest : (struct sha256){0};
	r->whole = r->lost = false;
	if (a->kind == FOLLOW_WHOLE)
		r->last_whole_ms = clock_boot_ms();
	r->next_ms = clock_boot_ms() + r->plan->pause_s * 1000;
	TRY(follow_state_save(f, follow_http_where(r->http), &r->st));
	if (changed)
		tell_applied(r, &s, clock_boot_ms() - start);
	return reload(r);
}

/* ---- a round ---- */

/* A node that was set up anew, or restored from a backup, begins at a lower serial. */
static void look_back(struct round *r, uint64_t serial)
{
	r->went_back = r->st.known && serial < r->st.serial;
	if (r->went_back)
		follow_tell(r->f, FOLLOW_PROBLEM, "back",
			    json_pack("{s:I, s:I}", "since", (json_int_t)r->st.serial, "serial",
				      (json_int_t)serial),
			    "the export's serial went back from %llu to %llu (was the node restored?); taking "
			    "the whole set",
			    (unsigned long long)r->st.serial, (unsigned long long)serial);
}

static enum err take_whole(struct round *r, struct follow_answer *a, bool have)
{
	TRY(whole_get(r, a, have));
	look_back(r, a->serial);
	a->kind = FOLLOW_WHOLE;
	return apply(r, a);
}

static bool takes(const struct round *r, enum follow_kind kind)
{
	unsigned flags = r->f->target->flags;
	return kind == FOLLOW_LINES ? flags & FOLLOW_TAKES_LINES : flags & FOLLOW_TAKES_OWN;
}

static int64_t left_of_refresh(const struct round *r)
{
	return r->last_whole_ms + r->f->refresh_s * 1000 - clock_boot_ms();
}

static enum err take_change(struct round *r, bool *nothing)
{
	struct follow *f = r->f;
	struct follow_answer a;
	char tail[80];
	unsigned wait_s = r->plan->once ? 0 : r->plan->wait_s;
	if (f->refresh_s) /* entries do not wait */
		wait_s = (unsigned)MIN((int64_t)wait_s, MAX(left_of_refresh(r) / 1000, 1));
	r->waited_s = wait_s;
	snprintf(tail, sizeof(tail), "?since=%llu&wait=%u", (unsigned long long)r->st.serial, wait_s);
	TRY(spool_open(r));
	enum err e = follow_http_get(r->http, tail, wait_s, r->spool, f->max_bytes, &a);
	r->retry_after_s = a.retry_after_s;
	TRY(e);
	*nothing = a.status == 204 && (!a.has_serial || a.serial == r->st.serial);
	if (*nothing)
		return ERR_OK;
	if (a.status == 200 && a.has_serial && a.kind == FOLLOW_WHOLE)
		return take_whole(r, &a, true);
	if (a.status == 204 || !a.has_serial || a.serial <= r->st.serial || !takes(r, a.kind))
		return take_whole(r, &a, false); /* a change that cannot be one, or not for this target */
	return apply(r, &a);
}

/* Has the consumer what it was given? */
static enum err look_at_consumer(struct round *r)
{
	struct follow *f = r->f;
	char mark[FOLLOW_MARK_MAX] = "";
	if (!r->st.known || r->lost)
		return ERR_OK;
	enum err e = f->target->probe(f, r->st.mark, mark);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	if (e == ERR_OK && strcmp(mark, r->st.mark) == 0)
		return ERR_OK;
	r->lost = true;
	follow_tell(f, FOLLOW_TELL, "lost", NULL,
		    "%s has not what it was given (was it started anew, or changed by others?); bringing the "
		    "whole set", f->target->name);
	return ERR_OK;
}

static enum err one_round(struct round *r, bool *nothing)
{
	struct follow *f = r->f;
	struct follow_answer a;
	*nothing = false;
	r->retry_after_s = 0;
	r->went_back = false;
	TRY(look_at_consumer(r));
	TRY(reload(r));
	if (f->refresh_s && r->st.known && left_of_refresh(r) <= 0)
		r->lost = true; /* entries are about to end by themselves */
	if (!r->st.known || r->lost || r->whole)
		return take_whole(r, &a, false);
	return take_change(r, nothing);
}

/* ---- waiting ---- */

/* Three to five quarters of it: a hundred sensors do not come back at once. */
static int64_t jitter(int64_t ms)
{
	return ms / 2 + (int64_t)(random_u64() % (uint64_t)(ms / 2 + 1)) + ms / 4;
}

static void back_off(struct round *r, enum err e)
{
	struct follow *f = r->f;
	int64_t now = clock_boot_ms();
	int64_t ms = MIN((int64_t)BACKOFF_FIRST_MS << MIN(r->failures, 12u), (int64_t)BACKOFF_MOST_MS);
	r->failures++;
	ms = jitter(ms);
	if (r->retry_after_s) /* not earlier, and not all at once */
		ms = MAX(ms, jitter((int64_t)r->retry_after_s * 1000 * 4 / 3));
	bool same = strcmp(r->problem, f->fail.text) == 0;
	if (!same || now - r->told_ms >= SAME_AGAIN_MS) {
		follow_tell(f, FOLLOW_PROBLEM, "problem",
			    json_pack("{s:s, s:I}", "error", err_name(e), "retry_ms", (json_int_t)ms),
			    "%s; trying again in %lld s%s", f->fail.text, (long long)(ms + 999) / 1000,
			    same ? " (as before)" : "");
		r->told_ms = now;
		snprintf(r->problem, sizeof(r->problem), "%s", f->fail.text);
	}
	follow_notify("STATUS=%.200s", f->fail.text);
	follow_sleep(ms);
}

static void went_well(struct round *r, bool nothing, int64_t took_ms)
{
	struct follow *f = r->f;
	if (r->problem[0])
		follow_tell(f, FOLLOW_TELL, "well", json_pack("{s:i}", "tries", (int)r->failures),
			    "works again after %u tries", r->failures);
	r->problem[0] = 0;
	r->failures = r->went_back ? r->failures + 1 : 0;
	if (r->went_back) /* a node that goes to and fro is not run after */
		follow_sleep(MIN((int64_t)BACKOFF_FIRST_MS << MIN(r->failures, 12u), (int64_t)BACKOFF_MOST_MS));
	else if (nothing && took_ms < (int64_t)r->waited_s * 500) /* it does not hold back answers */
		follow_sleep(jitter((int64_t)MAX(r->waited_s, 1u) * 100));
	else if (!nothing)
		follow_sleep(MAX(r->next_ms - clock_boot_ms(), (int64_t)50));
}

static int exit_code(enum err e)
{
	static const enum err far[] = {ERR_NET, ERR_TIMEOUT, ERR_BUSY, ERR_AGAIN};
	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		if (e == far[i])
			return CLI_UNREACHED;
	return e == ERR_CONFIG ? CLI_USAGE : CLI_FINDING;
}

static int run_once(struct round *r)
{
	bool nothing;
	enum err e = one_round(r, &nothing);
	if (e == ERR_CANCELLED && follow_stopping())
		return CLI_OK;
	if (e != ERR_OK)
		return cli_fail(r->f->c, exit_code(e), "%s", r->f->fail.text);
	if (nothing)
		follow_tell(r->f, FOLLOW_TELL, "current",
			    json_pack("{s:I}", "serial", (json_int_t)r->st.serial), "serial %llu is current",
			    (unsigned long long)r->st.serial);
	return CLI_OK;
}

static int run_on(struct round *r)
{
	struct follow *f = r->f;
	follow_tell(f, FOLLOW_TELL, "start", json_pack("{s:s+}", "node", follow_http_where(r->http), ""),
		    "following at %s, for %s", follow_http_where(r->http), f->target->name);
	follow_notify("READY=1\nSTATUS=Following");
	while (!follow_stopping()) {
		bool nothing = false;
		int64_t start = clock_boot_ms();
		enum err e = one_round(r, &nothing);
		if (follow_hup())
			r->lost = true;
		else if (e != ERR_OK && !follow_stopping())
			back_off(r, e);
		else if (e == ERR_OK)
			went_well(r, nothing, clock_boot_ms() - start);
	}
	follow_notify("STOPPING=1");
	follow_tell(f, FOLLOW_TELL, "stop", json_pack("{s:I}", "serial", (json_int_t)r->st.serial),
		    "stopped at serial %llu", (unsigned long long)r->st.serial);
	return CLI_OK;
}

int follow_run(struct follow *f, const struct follow_plan *plan)
{
	struct round r = {.f = f, .plan = plan, .spool = -1};
	int code = follow_state_lock(f);
	if (code != CLI_OK || !(r.http = follow_http_open(f)))
		return code != CLI_OK ? code : CLI_USAGE;
	follow_state_load(f, follow_http_where(r.http), &r.st);
	r.lost = plan->whole || (f->target->flags & FOLLOW_FIRST_WHOLE);
	r.last_whole_ms = clock_boot_ms();
	code = !follow_signals() ? cli_fail(f->c, CLI_FINDING, "signals cannot be taken")
	       : plan->once	 ? run_once(&r)
				 : run_on(&r);
	spool_close(&r);
	follow_http_close(r.http);
	return code;
}
