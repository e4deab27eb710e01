/*
 * transfer.c - the waiting thread's side of an exchange: what it takes, what it gives, and when the
 * loop is to go on. Never touches libcurl.
 */
#include <stdlib.h>
#include <time.h>

#include "sync/net_curl.h"

/* With the lock held: let the loop know. True: post the task, after unlocking. */
static bool wish(struct transfer *t, enum wish w)
{
	bool post = !t->posted;
	t->wishes |= w;
	t->posted = true;
	return post;
}

static void unlock_and_post(struct transfer *t, bool post)
{
	pthread_mutex_unlock(&t->lock);
	if (post)
		engine_post(t->engine, &t->task);
}

enum err transfer_new(struct transfer **out, struct fail *f)
{
	pthread_condattr_t attr;
	*out = NULL;
	TRY(client_hold(f));
	struct transfer *t = calloc(1, sizeof(*t));
	if (!t) {
		client_drop();
		return fail(f, ERR_NOMEM, "no memory");
	}
	t->engine = engine_of_all();
	t->task.run = transfer_on_task;
	t->head = BUF(TRANSFER_HEAD_MAX);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&t->lock, NULL);
	t->curl = curl_easy_init();
	t->down.p = malloc(RING_SIZE);
	t->done = true;
	if (!t->curl || !t->down.p) {
		transfer_free(t);
		return fail(f, ERR_NOMEM, "no memory for a request");
	}
	*out = t;
	return ERR_OK;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	transfer_abort(t);
	if (t->curl)
		curl_easy_cleanup(t->curl);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->cond);
	buf_free(&t->head);
	free(t->down.p);
	free(t->up.p);
	free(t);
	client_drop();
}

void transfer_start(struct transfer *t, const struct transfer_req *r)
{
	pthread_mutex_lock(&t->lock);
	t->req = *r;
	t->done = t->head_done = t->recv_paused = t->send_paused = t->rewind = t->up_end = false;
	t->down.at = t->down.n = t->up.at = t->up.n = 0;
	t->moved = 0;
	t->lines = 0;
	buf_clear(&t->head);
	t->status = t->verify = 0;
	t->err = ERR_OK;
	t->error[0] = '\0';
	t->wire_bytes = t->bytes_in = t->bytes_out = 0;
	unlock_and_post(t, wish(t, WISH_START));
}

/* With the lock held. */
static unsigned events(const struct transfer *t)
{
	bool streams = t->req.has_body && !t->req.body.p && !t->up_end && !t->done;
	return (t->head_done ? TRANSFER_HEAD : 0u) | (t->down.n ? TRANSFER_DATA : 0u) |
	       (streams && !t->rewind && ring_free(&t->up) >= RING_SIZE / 4 ? TRANSFER_ROOM : 0u) |
	       (t->rewind && !t->done ? TRANSFER_REWIND : 0u) |
	       (t->done && !t->posted ? TRANSFER_DONE : 0u);
}

unsigned transfer_wait(struct transfer *t, unsigned ms)
{
	struct timespec until;
	unsigned e;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&t->lock);
	/* a head without a body yet is no reason to wake up: what follows is at hand, or the end */
	while (!((e = events(t)) & ~(unsigned)TRANSFER_HEAD))
		if (pthread_cond_timedwait(&t->cond, &t->lock, &until) != 0)
			break;
	pthread_mutex_unlock(&t->lock);
	return e;
}

struct str transfer_peek(struct transfer *t)
{
	pthread_mutex_lock(&t->lock);
	struct str s = ring_peek(&t->down);
	pthread_mutex_unlock(&t->lock);
	return s;
}

void transfer_take(struct transfer *t, size_t n)
{
	bool post = false;
	pthread_mutex_lock(&t->lock);
	ring_take(&t->down, n);
	if (t->recv_paused && ring_free(&t->down) >= RING_SIZE / 2) {
		t->recv_paused = false;
		post = wish(t, WISH_RESUME);
	}
	unlock_and_post(t, post);
}

char *transfer_room(struct transfer *t, size_t *n)
{
	*n = 0;
	if (!t->up.p && !(t->up.p = malloc(RING_SIZE)))
		return NULL;
	pthread_mutex_lock(&t->lock);
	char *p = ring_room(&t->up, n);
	pthread_mutex_unlock(&t->lock);
	return p;
}

void transfer_put(struct transfer *t, size_t n, bool end)
{
	bool post = false;
	pthread_mutex_lock(&t->lock);
	if (!t->rewind) { /* what was made before the body has to begin anew is of no use */
		t->up.n += n;
		t->up_end = end;
	}
	if (t->send_paused && !t->rewind) {
		t->send_paused = false;
		post = wish(t, WISH_RESUME);
	}
	unlock_and_post(t, post);
}

void transfer_rewound(struct transfer *t)
{
	pthread_mutex_lock(&t->lock);
	t->rewind = false;
	pthread_mutex_unlock(&t->lock);
}

void transfer_abort(struct transfer *t)
{
	pthread_mutex_lock(&t->lock);
	bool post = !t->done && wish(t, WISH_ABORT);
	unlock_and_post(t, post);
	pthread_mutex_lock(&t->lock);
	while (!t->done || t->posted)
		pthread_cond_wait(&t->cond, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

uint64_t transfer_moved(struct transfer *t, bool *ours)
{
	pthread_mutex_lock(&t->lock);
	uint64_t n = t->moved;
	*ours = t->recv_paused || t->send_paused;
	pthread_mutex_unlock(&t->lock);
	return n;
}
