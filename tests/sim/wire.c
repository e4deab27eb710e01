/*
 * wire.c - the network of a scenario: requests to http://node-N.sim reach the server of that node,
 * with the faults that the seed gives them. Handlers, gate and exporters are those of production.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"
#include "tests/tap/tap.h"

#define ANSWER_MAX ((size_t)16 << 20)
#define PREFIX "http://node-"

/* An answer, kept until its fate is known. */
struct answer {
	struct buf body, headers; /* headers: "name\0value\0" */
	struct client_res res;
	enum err err;
};

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	struct answer *a = user;
	(void)f;
	buf_add(&a->body, p, n);
	return ERR_OK;
}

static void keep_header(void *user, struct str name, struct str value)
{
	struct answer *a = user;
	buf_str_add(&a->headers, name);
	buf_putc(&a->headers, 0);
	buf_str_add(&a->headers, value);
	buf_putc(&a->headers, 0);
}

/* What the sender streams is kept too: it may have to go twice, and read() is the sender's own. */
static enum err body_of(const struct client_req *r, struct buf *out, struct fail *f)
{
	char piece[4096];
	size_t n = 1;
	if (!r->read) {
		buf_str_add(out, r->body);
		return ERR_OK;
	}
	while (n) {
		TRY(r->read(r->user, piece, sizeof(piece), &n, f));
		buf_add(out, piece, n);
	}
	return ERR_OK;
}

static void ask(struct sim *s, struct host *to, const struct client_opts *o,
		const struct client_req *r, const char *path, struct str body, struct answer *a)
{
	char url[20000];
	struct fail f = {0};
	struct client *c = NULL;
	struct client_opts own = {.user_agent = o->user_agent, .stall_ms = 20000};
	struct client_req q = *r;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", to->port, path);
	buf_clear(&a->body);
	buf_clear(&a->headers);
	q.url = url;
	q.read = NULL;
	q.rewind = NULL;
	q.body = body;
	q.data = keep;
	q.header = keep_header;
	q.user = a;
	q.cancelled = NULL;
	sim_clock_of(s, to);
	a->err = client_new(&own, &c, &f);
	if (a->err == ERR_OK)
		a->err = client_call(c, &q, &a->res, &f);
	client_free(c);
	if (a->res.status && (a->err == ERR_NOENT || a->err == ERR_AUTH || a->err == ERR_PEER))
		a->err = ERR_OK; /* an answer is an answer: who asked judges it */
}

/* Hand on the first `n` bytes of the answer, in pieces of chance. */
static enum err hand_on(struct sim *s, const struct client_req *r, const struct answer *a, size_t n,
			struct client_res *res, struct fail *f)
{
	struct str h = buf_str(&a->headers);
	struct rng pieces = {rng_next(&s->rng)}; /* ids differ from run to run, and so do lengths */
	*res = a->res;
	for (size_t at = 0; r->header && at < h.n;) {
		struct str name = str_c(h.p + at), value = str_c(h.p + at + name.n + 1);
		at += name.n + value.n + 2;
		r->header(r->user, name, value);
	}
	for (size_t at = 0; at < n && r->data;) {
		size_t some = 1 + rng_below(&pieces, 5000), k = MIN(n - at, some);
		TRY(r->data(r->user, a->body.p + at, k, f));
		at += k;
	}
	return ERR_OK;
}

static void count(struct sim *s, const struct client_req *r, const char *path,
		  const struct answer *a)
{
	bool is_get = !r->body.p && !r->read && (!r->method || strcmp(r->method, "GET") == 0);
	/* what the thread that judges retractions left before it was stopped may be asked for, and for
	   that who is there: neither counts */
	if (strstr(path, "/tocsin/retractions/"))
		s->count.requests--;
	else
		s->count.requests++;
	s->count.bytes += a->res.bytes_in + a->res.bytes_out;
	s->count.views += is_get && strstr(path, "/events/view/") != NULL;
	s->count.writes += strstr(path, "/add") || strstr(path, "/edit") || strstr(path, "push") ||
			   strstr(path, "Save");
}

/* Which of the faults, if any, this request meets. */
static bool strikes(struct sim *s, unsigned permille)
{
	bool yes = !s->calm && !s->in_edit && rng_chance(&s->rng, permille);
	s->faulty += yes;
	return yes;
}

static enum err gone(struct sim *s, struct fail *f, const char *what)
{
	sim_note(s, "      %s", what);
	return fail(f, rng_chance(&s->rng, 500) ? ERR_NET : ERR_TIMEOUT, "%s", what);
}

static void edit_meanwhile(struct sim *s)
{
	if (!strikes(s, s->faults.edit))
		return;
	s->in_edit = true;
	act_edit(s);
	s->in_edit = false;
}

static uint64_t digest_of(unsigned to, struct str body)
{
	uint64_t x = 0xcbf29ce484222325u + to;
	for (size_t i = 0; i < body.n; i++)
		x = (x ^ (unsigned char)body.p[i]) * 0x100000001b3u;
	return x;
}

/* The same document from the same host twice, whole each time, was one time too many. */
static void note_document(struct sim *s, const struct host *from, const struct host *to,
			  const char *path, const struct answer *a)
{
	uint64_t d = digest_of(to->nr, buf_str(&a->body));
	if (!strstr(path, "/events/view/") || a->res.status != 200 || !a->body.n ||
	    atomic_load(&from->dead))
		return;
	for (unsigned i = 0; i < s->n_seen; i++)
		if (s->seen[i].by == from->nr && s->seen[i].digest == d) {
			if (!s->repeats_ok)
				sim_wrong(s, "%c fetches %.60s again without need",
					  host_letter(from->nr), path);
			return;
		}
	if (s->n_seen < SEEN_MAX)
		s->seen[s->n_seen++] = (struct seen){from->nr, d};
}

void wire_forget(struct sim *s, unsigned host)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->n_seen; i++)
		if (s->seen[i].by != host)
			s->seen[n++] = s->seen[i];
	s->n_seen = n;
}

static enum err deliver(struct sim *s, struct host *from, struct host *to,
			const struct client_opts *o, const struct client_req *r, const char *path,
			struct answer *a, struct client_res *res, struct fail *f)
{
	OWN(buf) struct buf body = BUF(ANSWER_MAX);
	TRY(body_of(r, &body, f));
	bool has_body = r->read || r->body.p;
	if (strikes(s, s->faults.server_crash))
		to->crash_at = to->commits + 1 + rng_below(&s->rng, 2);
	ask(s, to, o, r, path, has_body ? buf_str(&body) : STR_NONE, a);
	if (!atomic_load(&to->dead) && strikes(s, s->faults.twice)) {
		sim_note(s, "      arrives twice");
		ask(s, to, o, r, path, has_body ? buf_str(&body) : STR_NONE, a);
	}
	to->crash_at = 0;
	count(s, r, path, a);
	sim_note(s, "      %ld, %zu bytes: %.160s%.300s", a->res.status, a->body.n,
		 buf_cstr(&a->body), a->res.error_body);
	if (atomic_load(&to->dead))
		return gone(s, f, "the server crashed");
	if (a->err != ERR_OK)
		return fail(f, a->err, "no answer");
	if (strikes(s, s->faults.client_crash)) {
		sim_note(s, "      the client crashes with the answer on its way");
		host_crash(from);
		return fail(f, ERR_CANCELLED, "crashed");
	}
	if (strikes(s, s->faults.unanswered))
		return gone(s, f, "the answer is lost");
	edit_meanwhile(s);
	sim_pass(s, 1000 * (1 + rng_below(&s->rng, 300)));
	sim_clock_of(s, from);
	if (a->body.n && strikes(s, s->faults.cut)) {
		TRY(hand_on(s, r, a, a->body.n * rng_below(&s->rng, 1000) / 1000, res, f));
		return gone(s, f, "the answer breaks off");
	}
	TRY(hand_on(s, r, a, a->body.n, res, f));
	note_document(s, from, to, path, a);
	return ERR_OK;
}

static enum err on_call(struct net *n, const struct client_opts *o, const struct client_req *r,
			struct client_res *res, struct fail *f)
{
	struct wire *w = CONTAINER_OF(n, struct wire, net);
	struct sim *s = w->sim;
	struct host *from = &s->host[w->from];
	const char *path = r->url + sizeof(PREFIX) - 1 + 5;
	unsigned to = (unsigned)(r->url[sizeof(PREFIX) - 1] - '0');
	struct answer a = {.body = BUF(ANSWER_MAX), .headers = BUF(65536)};
	if (strncmp(r->url, PREFIX, sizeof(PREFIX) - 1) != 0 || to >= s->n)
		return fail(f, ERR_NET, "no such host: %s", r->url);
	if (atomic_load(&from->dead))
		return fail(f, ERR_CANCELLED, "crashed");
	sim_pass(s, 1000 * (1 + rng_below(&s->rng, 300)));
	sim_note(s, "    %c>%c %s %.100s", host_letter(from->nr), host_letter(to),
		 r->method ? r->method : r->body.p || r->read ? "POST" : "GET", path);
	if (s->partition[from->nr][to] || atomic_load(&s->host[to].dead))
		return gone(s, f, "not reachable");
	if (strikes(s, s->faults.lost))
		return gone(s, f, "the request is lost");
	edit_meanwhile(s);
	if (strikes(s, s->faults.gateway)) {
		sim_note(s, "      502 by a proxy");
		res->status = 502;
		return ERR_OK;
	}
	enum err e = deliver(s, from, &s->host[to], o, r, path, &a, res, f);
	sim_clock_of(s, from);
	buf_free(&a.body);
	buf_free(&a.headers);
	return e;
}

void wire_setup(struct sim *s)
{
	for (unsigned i = 0; i < s->n; i++)
		s->wire[i] = (struct wire){.net = {.call = on_call}, .sim = s, .from = i};
}

void wire_reset(struct sim *s)
{
	s->count = (struct wire_count){0};
}
