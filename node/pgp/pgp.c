/*
 * pgp.c - the daemon's side: one request after the other or several at a time, each on a socket
 * pair of its own, each with a time limit.
 */
#include "pgp/pgp.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/log.h"
#include "pgp/helper.h"

/* Time that gpg has, and how long a request may wait before it is begun. */
#define LIMIT_MS 20000u
#define LIMIT_MS_MAX 1800000u
#define BYTES_PER_MS 10000u
#define QUEUE_MS 30000
#define NO_KEY_MS 5000

struct pgp {
	int control;
	pid_t pid;
	atomic_bool dead;
	char home[4200], key[256], why_none[200];
	pthread_mutex_t lock; /* the identity */
	bool known;
	/* no key: not asked for by each row of an index and each who wants /gpg.asc */
	int64_t ask_again_ms;
	struct fail why;
	struct pgp_identity id; /* texts in `arena` */
	struct arena *arena;
	atomic_uint_fast64_t generation;
};

/* ---- start and stop ---- */

static struct pgp *pgp_blank(void)
{
	struct pgp *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->control = -1;
	p->arena = arena_new(1u << 20);
	pthread_mutex_init(&p->lock, NULL);
	if (!p->arena) {
		pgp_stop(p);
		return NULL;
	}
	return p;
}

enum err pgp_none(const char *why, struct pgp **out, struct fail *f)
{
	struct pgp *p = pgp_blank();

	*out = p;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	snprintf(p->why_none, sizeof(p->why_none), "%.190s", why);
	return ERR_OK;
}

static enum err fork_helper(struct pgp *p, const struct pgp_opts *o, struct fail *f)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return fail_errno(f, ERR_IO, errno, "no socket for the signing helper");
	p->pid = fork();
	if (p->pid == 0) {
		close(pair[0]);
		pgp_helper_main(pair[1], o);
	}
	close(pair[1]);
	p->control = pair[0];
	return p->pid > 0 ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot fork the signing helper");
}

enum err pgp_start(const struct pgp_opts *o, struct pgp **out, struct fail *f)
{
	struct fail why = {0};
	struct sockaddr_un agent;

	*out = NULL;
	if (pgp_work_able(&why) != ERR_OK)
		return pgp_none(why.text, out, f);
	/* the key agent listens there, and is told no other place */
	if (strlen(o->home) + sizeof("/S.gpg-agent") > sizeof(agent.sun_path))
		return pgp_none("the path of pgp.home is too long for a key agent", out, f);
	if (mkdir(o->home, 0700) != 0 && errno != EEXIST)
		return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", o->home);
	struct pgp *p = pgp_blank();
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	snprintf(p->home, sizeof(p->home), "%s", o->home);
	snprintf(p->key, sizeof(p->key), "%s", o->key ? o->key : "");
	struct pgp_opts own = {p->home, p->key, o->sandbox};
	enum err e = fork_helper(p, &own, f);
	if (e != ERR_OK) {
		pgp_stop(p);
		return e;
	}
	*out = p;
	return ERR_OK;
}

void pgp_stop(struct pgp *p)
{
	if (!p)
		return;
	if (p->control >= 0)
		close(p->control); /* the helper sees that and ends */
	if (p->pid > 0)
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
	arena_free(p->arena);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

bool pgp_lives(const struct pgp *p)
{
	siginfo_t si = {.si_pid = 0};

	/* a dead child is there until it is waited for, which pgp_stop() does */
	return p && p->pid > 0 && !atomic_load(&p->dead) &&
	       waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && !si.si_pid;
}

int pgp_pid(const struct pgp *p)
{
	return p ? (int)p->pid : 0;
}

/* ---- asking ---- */

static uint32_t limit_for(uint64_t bytes)
{
	return (uint32_t)MIN(LIMIT_MS + bytes / BYTES_PER_MS, LIMIT_MS_MAX);
}

/* What the helper says is an error of ours; its own troubles are not the peer's. */
static enum err answer_code(const struct pgp_frame *fr, struct fail *f)
{
	struct str text = pgp_part(fr, 0);

	if (fr->code == ERR_OK)
		return ERR_OK;
	if (fr->code >= ERR_COUNT)
		return fail(f, ERR_BUG, "the signing helper answers nonsense");
	return fail(f, (enum err)fr->code, "%.*s", STR_ARG(text));
}

static enum err ask(struct pgp *p, int pair, enum pgp_op op, const struct str *parts, unsigned n,
		    uint32_t limit_ms, struct pgp_frame *out, struct fail *f)
{
	int64_t deadline = pgp_now_ms() + QUEUE_MS + limit_ms;
	enum err e = pgp_frame_send(pair, op, parts, n, deadline, f);

	if (e == ERR_OK)
		e = pgp_frame_recv(pair, out, deadline, f);
	if (e == ERR_NET)
		return fail(f, ERR_AGAIN, "%s",
			    pgp_lives(p) ? "the signing helper gave up on a request or died in it"
					 : "the signing helper has died; restart the daemon");
	return e == ERR_OK ? answer_code(out, f) : e;
}

static enum err call(struct pgp *p, enum pgp_op op, const struct str *parts, unsigned n, int data,
		     uint64_t bytes, struct pgp_frame *out, struct fail *f)
{
	uint32_t limit_ms = limit_for(bytes);
	int pair[2];

	if (!p)
		return fail(f, ERR_UNSUPPORTED, "protected events are switched off");
	if (p->why_none[0])
		return fail(f, ERR_UNSUPPORTED, "%s", p->why_none);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fail_errno(f, ERR_IO, errno, "no socket for the signing helper");
	enum err e = pgp_call_send(p->control, limit_ms, pair[1], data, pgp_now_ms() + QUEUE_MS, f);
	close(pair[1]);
	if (e == ERR_NET && !atomic_exchange(&p->dead, true))
		log_error("pgp", "the helper has died: no protected event is signed or taken until "
				 "the daemon is restarted");
	if (e == ERR_NET)
		e = fail(f, ERR_AGAIN, "the signing helper has died; restart the daemon");
	if (e == ERR_OK)
		e = ask(p, pair[0], op, parts, n, limit_ms, out, f);
	close(pair[0]);
	return e;
}

/* ---- the node's key ---- */

static struct str wanted_key(const struct pgp *p)
{
	return str_c(p ? p->key : "");
}

static enum err identity_copy(const struct pgp_identity *from, struct arena *a,
			      struct pgp_identity *to, struct fail *f)
{
	*to = *from;
	to->user_id = arena_str(a, from->user_id);
	to->armored = arena_str(a, from->armored);
	return to->armored.p ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static enum err identity_ask(struct pgp *p, struct fail *f)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct str wanted = wanted_key(p);

	TRY(call(p, PGP_OP_IDENTITY, &wanted, 1, -1, 0, &fr, f));
	struct str fpr = pgp_part(&fr, 1);
	if (fpr.n != FINGERPRINT_LEN)
		return fail(f, ERR_UNSUPPORTED, "the node's key has no version 4 fingerprint");
	arena_reset(p->arena);
	memcpy(p->id.fingerprint, fpr.p, FINGERPRINT_LEN);
	p->id.user_id = arena_str(p->arena, pgp_part(&fr, 2));
	p->id.armored = arena_str(p->arena, pgp_part(&fr, 3));
	p->known = p->id.user_id.p && p->id.armored.p;
	atomic_fetch_add(&p->generation, 1);
	return p->known ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

/* Under the lock. */
static enum err identity_get(struct pgp *p, struct fail *f)
{
	if (!p->known && pgp_now_ms() >= p->ask_again_ms) {
		p->why = (struct fail){0};
		if (identity_ask(p, &p->why) != ERR_OK)
			p->ask_again_ms = pgp_now_ms() + NO_KEY_MS;
	}
	if (p->known)
		return ERR_OK;
	return fail(f, p->why.code ? p->why.code : ERR_AGAIN, "%s", p->why.text);
}

enum err pgp_identity(struct pgp *p, struct arena *a, struct pgp_identity *out, struct fail *f)
{
	if (!p)
		return fail(f, ERR_UNSUPPORTED, "protected events are switched off");
	pthread_mutex_lock(&p->lock);
	enum err e = identity_get(p, f);
	if (e == ERR_OK)
		e = identity_copy(&p->id, a, out, f);
	pthread_mutex_unlock(&p->lock);
	return e;
}

uint64_t pgp_generation(struct pgp *p)
{
	return p ? atomic_load(&p->generation) : 0;
}

bool pgp_is_ours(struct pgp *p, const struct entity_list *keys)
{
	char own[FINGERPRINT_LEN + 1] = "";

	if (!p || !keys->n)
		return false;
	pthread_mutex_lock(&p->lock);
	if (identity_get(p, NULL) == ERR_OK)
		memcpy(own, p->id.fingerprint, sizeof(own));
	pthread_mutex_unlock(&p->lock);
	const struct misp_cryptokey *k = own[0] ? cryptokeys_find(keys, str_c(own)) : NULL;
	return k && !k->revoked;
}

/* After a change: what was known is not true any more. */
static enum err identity_anew(struct pgp *p, struct pgp_identity *out, struct arena *a,
			      struct fail *f)
{
	pthread_mutex_lock(&p->lock);
	p->known = false;
	p->ask_again_ms = 0;
	pthread_mutex_unlock(&p->lock);
	return pgp_identity(p, a, out, f);
}

enum err pgp_make(struct pgp *p, struct str user_id, struct pgp_identity *out, struct arena *a,
		  struct fail *f)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct fail why = {0};

	if (!user_id.n || user_id.n > PGP_USER_ID_MAX)
		return fail(f, ERR_INVAL, "a key wants a name, as in 'Node <soc@example.org>'");
	enum err e = identity_anew(p, out, a, &why);
	if (e == ERR_OK)
		return fail(f, ERR_EXISTS, "there is a key already: %s", out->fingerprint);
	if (e != ERR_NOENT)
		return fail(f, e, "%s", why.text);
	TRY(call(p, PGP_OP_MAKE, &user_id, 1, -1, 0, &fr, f));
	return identity_anew(p, out, a, f);
}

enum err pgp_import(struct pgp *p, struct str armored, struct pgp_identity *out, struct arena *a,
		    struct fail *f)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;

	if (!armored.n || armored.n > CRYPTOKEY_BYTES_MAX)
		return fail(f, ERR_INVAL, "not a secret key");
	TRY(call(p, PGP_OP_IMPORT, &armored, 1, -1, 0, &fr, f));
	return identity_anew(p, out, a, f);
}

/* ---- signatures ---- */

enum err pgp_sign(struct pgp *p, int fd, uint64_t bytes, struct buf *base64, struct fail *f)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct str wanted = wanted_key(p);

	TRY(call(p, PGP_OP_SIGN, &wanted, 1, fd, bytes, &fr, f));
	base64_encode(base64, pgp_part(&fr, 1));
	return buf_err(base64);
}

enum err pgp_verify(struct pgp *p, int fd, uint64_t bytes, struct str base64,
		    const struct entity_list *keys, struct fail *f)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	OWN(buf) struct buf signature = BUF(PGP_SIGNATURE_MAX);
	struct str parts[PGP_PARTS_MAX];
	unsigned n = 1;

	if (!base64.n || !base64_decode(&signature, base64) || !signature.n)
		return fail(f, ERR_PERM, "the signature is not base64");
	parts[0] = buf_str(&signature);
	LIST_EACH(k, *keys, struct misp_cryptokey) {
		if (k->revoked || n + 2 > PGP_PARTS_MAX)
			continue;
		parts[n++] = k->fingerprint;
		parts[n++] = k->key_data;
	}
	if (n == 1)
		return fail(f, ERR_PERM, "the event has no key that is not revoked");
	return call(p, PGP_OP_VERIFY, parts, n, fd, bytes, &fr, f);
}
