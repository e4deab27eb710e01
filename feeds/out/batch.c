/*
 * batch.c - one batch of events of a feed folder: what the audience gets of each through egress,
 * written to files that are brought into place in groups. Removals come before anything is written.
 */
#include "feeds/out/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYNC_EACH 32 /* for more files in a group one syncfs() instead of an fsync() each */
#define PULL (256u << 10)
#define TRIES 3 /* when an event changes while it is written */

/* ---- egress ---- */

typedef enum err (*sink_fn)(struct lane *l, void *user, struct str bytes, struct fail *f);

/* *receipt (NULL: it is not recorded, since every event of a list has a file that is) is to be intended
   before anything is in place. */
static enum err sealed_run(struct lane *l, const struct exporter *x, unsigned scope,
			   const struct changed *b, size_t n, sink_fn sink, void *user,
			   struct receipt **receipt, struct fail *f)
{
	const struct job *j = l->job;
	struct search_hit hits[BATCH];
	OWN(sealed) struct sealed *s = NULL;
	bool end = false;
	for (size_t i = 0; i < n; i++)
		hits[i] = (struct search_hit){.event_id = b[i].id};
	TRY(egress_feed(j->o->env, j->o->audience, x, scope, hits, n, &s, f));
	if (strcmp(sealed_audience(s)->name, j->o->audience->name) != 0)
		return fail(f, ERR_BUG, "sealed for somebody else");
	sealed_hold(s);
	while (!end) {
		buf_clear(&l->chunk);
		TRY(sealed_pull(s, &l->chunk, PULL, &end, f));
		TRY(sink(l, user, buf_str(&l->chunk), f));
	}
	if (receipt)
		*receipt = sealed_receipt(s);
	return ERR_OK;
}

/* ---- one batch ---- */

static ptrdiff_t batch_find(const struct batch *b, struct uuid u)
{
	for (size_t i = 0; i < b->n; i++)
		if (uuid_eq(b->ev[i].uuid, u))
			return (ptrdiff_t)i;
	return -1;
}

static enum err sink_text(struct lane *l, void *user, struct str bytes, struct fail *f)
{
	struct batch *b = user;
	(void)l;
	buf_str_add(&b->text, bytes);
	return buf_err(&b->text) == ERR_OK ? ERR_OK
					   : fail(f, buf_err(&b->text), "manifest too large");
}

/* Lines as feed-manifest writes them: {, one event each with a comma but for the last, }. */
enum err batch_lines(struct job *j, struct batch *b, struct fail *f)
{
	enum err e = ERR_AGAIN;
	for (int i = 0; i < TRIES && e == ERR_AGAIN; i++) {
		buf_clear(&b->text);
		e = sealed_run(&j->lane[0], &export_feed_manifest, EXPORT_EVENTS, b->ev, b->n, sink_text, b,
			       NULL, f);
	}
	TRY(e);
	struct str rest = buf_str(&b->text), line;
	while (rest.p) {
		struct uuid u;
		rest = str_split(rest, '\n', &line);
		if (line.n && line.p[line.n - 1] == ',')
			line.n--;
		if (!uuid_parse(str_sub(line, 1, UUID_TEXT_LEN), &u))
			continue;
		ptrdiff_t i = batch_find(b, u);
		if (i >= 0)
			b->line[i] = line;
	}
	return ERR_OK;
}

/* Neither lane works on when the run rests. */
static enum err piece_done(struct lane *l, struct fail *f)
{
	lanes_pause(l);
	return l->is_helper ? ERR_OK : job_rest(l->job, true, f);
}

struct file_sink {
	struct outfile *to;
	uint64_t bytes;
	struct hash_ctx *hash;
};

static enum err sink_file(struct lane *l, void *user, struct str bytes, struct fail *f)
{
	struct file_sink *s = user;
	s->bytes += bytes.n;
	hash_add(s->hash, bytes.p, bytes.n);
	TRY(outfile_write(s->to, bytes.p, bytes.n, f));
	return piece_done(l, f);
}

/* What was written of it may be old, or be replaced already: also under another number, when it was
   deleted and came again. */
static bool is_stale(const struct job *j, const struct changed *ev)
{
	return changed_has_id(&j->urgent, ev->id) || changed_has_name(&j->redone, ev->uuid);
}

static bool group_has(const struct group *g, struct uuid uuid)
{
	for (size_t i = 0; i < g->n; i++)
		if (uuid_eq(g->of[i].uuid, uuid))
			return true;
	return false;
}

static enum err group_add(struct job *j, struct outfile *file, struct receipt *receipt,
			  const struct changed *ev, struct fail *f)
{
	struct group *g = j->group;
	if (g->n >= SYNC_EACH)
		outfile_leave(file); /* not too many descriptors */
	g->file[g->n] = file;
	g->receipt[g->n] = receipt;
	g->of[g->n++] = *ev;
	return g->n == GROUP ? group_place(j, f) : ERR_OK;
}

static void asc_name(char *name, struct uuid u)
{
	char uuid[UUID_TEXT_LEN + 1];
	snprintf(name, FILE_NAME_MAX, "%s.asc", uuid_format(u, uuid));
}

/* The signature of a protected event's file, unless it has one and is the same; one that it should not
   have any more goes. */
static enum err event_sign(struct job *j, const struct changed *ev, const struct outfile *file,
			   bool same, struct outfile **out, struct fail *f)
{
	char name[FILE_NAME_MAX];
	asc_name(name, ev->uuid);
	bool has = faccessat(j->dirfd, name, F_OK, 0) == 0;
	bool wanted = j->o->is_signed && j->o->is_signed(j->o->user, ev->id);
	if (wanted && same && has)
		return ERR_OK;
	if (wanted)
		TRY(sign_file(j, file, name, out, f));
	if (!*out && has)
		outfile_remove(j->dirfd, name);
	return ERR_OK;
}

/* Write the event's file under its temporary name; an event that has left meanwhile has none. */
static enum err event_file(struct lane *l, const struct changed *ev, struct made *out,
			   struct fail *f)
{
	OWN(outfile) struct outfile *file = NULL;
	OWN(receipt) struct receipt *receipt = NULL;
	char name[FILE_NAME_MAX], uuid[UUID_TEXT_LEN + 1];
	enum err e = ERR_AGAIN;
	snprintf(name, sizeof(name), "%s.json", uuid_format(ev->uuid, uuid));
	for (int k = 0; k < TRIES && e == ERR_AGAIN; k++) {
		struct file_sink s = {.hash = hash_begin()};
		outfile_free(MOVE(file));
		receipt_end(MOVE(receipt), SENT_NOTHING);
		/* first the name: from now on changes of this event are urgent ones */
		e = s.hash ? outfile_new(l->job->dirfd, name, l->packer, &file, f) : ERR_NOMEM;
		s.to = file;
		if (e == ERR_OK)
			e = sealed_run(l, &export_misp_json, EXPORT_ONE_EVENT, ev, 1, sink_file, &s,
				       &receipt, f);
		out->digest = hash_end(s.hash);
		if (e == ERR_OK && !s.bytes)
			return ERR_OK;
	}
	TRY(e);
	TRY(outfile_end(file, f));
	out->same = outfile_is_same(file, l->packer);
	out->file = MOVE(file);
	out->receipt = MOVE(receipt);
	return ERR_OK;
}

/* Sign it where it is to be, and bring it into place with others. */
static enum err event_take(struct job *j, const struct changed *ev, struct made *m, struct fail *f)
{
	OWN(outfile) struct outfile *file = MOVE(m->file), *asc = NULL;
	OWN(receipt) struct receipt *receipt = MOVE(m->receipt);
	TRY(event_sign(j, ev, file, m->same, &asc, f));
	if (m->same)
		j->res->unchanged++;
	else
		TRY(group_add(j, MOVE(file), MOVE(receipt), ev, f));
	return asc ? group_add(j, MOVE(asc), NULL, ev, f) : ERR_OK;
}

/* Lines of digests, each with its event behind the comma. */
static enum err sink_hashes(struct lane *l, void *user, struct str bytes, struct fail *f)
{
	struct job *j = l->job;
	struct batch *b = user;
	struct uuid u;
	buf_str_add(&b->hashes, bytes);
	TRY(buf_err(&b->hashes));
	TRY(piece_done(l, f));
	struct str rest = buf_str(&b->hashes);
	size_t used = 0;
	while (rest.n > used + 33 + UUID_TEXT_LEN) {
		/* as many lines as there are of one event */
		struct str id = str_sub(rest, used + 33, UUID_TEXT_LEN);
		size_t from = used;
		while (rest.n > used + 33 + UUID_TEXT_LEN &&
		       str_eq(str_sub(rest, used + 33, UUID_TEXT_LEN), id))
			used += 34 + UUID_TEXT_LEN;
		ptrdiff_t i = uuid_parse(id, &u) ? batch_find(b, u) : -1;
		if (i >= 0 && b->line[i].p)
			TRY(lists_hashes(&j->lists, &j->lists.v[b->first + (size_t)i],
					 str_sub(rest, from, used - from), f));
	}
	buf_consume(&b->hashes, used);
	return ERR_OK;
}

static enum err hash_lines(struct lane *l, struct batch *b, struct fail *f)
{
	struct job *j = l->job;
	enum err e = ERR_AGAIN;
	uint64_t end = j->lists.h_end;
	for (int i = 0; i < TRIES && e == ERR_AGAIN; i++) {
		buf_clear(&b->hashes);
		j->lists.h_end = end;
		for (size_t k = 0; k < b->n; k++)
			j->lists.v[b->first + k].h_len = 0;
		e = sealed_run(l, &export_feed_hashes, EXPORT_EVENTS, b->ev, b->n, sink_hashes, b,
			       NULL, f);
	}
	return e;
}

/* What has changed since it was read stays out: the change has been followed already. */
enum err group_place(struct job *j, struct fail *f)
{
	struct group *g = j->group;
	if (g->n > SYNC_EACH && syncfs(j->dirfd) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write the feed to disk");
	/* what is not going to be placed need not be named */
	for (size_t i = 0; i < g->n; i++)
		if (is_stale(j, &g->of[i]))
			receipt_end(MOVE(g->receipt[i]), SENT_NOTHING);
	TRY(receipts_intend(g->receipt, g->n, f));
	for (size_t i = 0; i < g->n; i++) {
		if (g->n <= SYNC_EACH)
			TRY(outfile_sync(g->file[i], f));
		if (is_stale(j, &g->of[i]))
			continue;
		TRY(outfile_place(g->file[i], f));
		receipt_end(MOVE(g->receipt[i]), SENT_WHOLE);
		j->res->written++;
	}
	group_free(g);
	return ERR_OK;
}

void group_free(struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		outfile_free(MOVE(g->file[i]));
		receipt_end(MOVE(g->receipt[i]), SENT_NOTHING);
	}
	g->n = 0;
}

void batch_remove(struct job *j, struct uuid u)
{
	char name[FILE_NAME_MAX], uuid[UUID_TEXT_LEN + 1];
	snprintf(name, sizeof(name), "%s.json", uuid_format(u, uuid));
	j->res->removed += outfile_remove(j->dirfd, name);
	asc_name(name, u);
	outfile_remove(j->dirfd, name);
}

/* The line with the digest of the event's file in it. */
static enum err line_add(struct job *j, const struct batch *b, size_t i, struct fail *f)
{
	OWN(buf) struct buf line = BUF(64u << 20);
	char hex[65];
	struct str s = b->line[i];
	if (s.n) {
		buf_str_add(&line, str_sub(s, 0, s.n - 1));
		buf_printf(&line, ",\"integrity:sha256\":\"%s\"}",
			   hash_hex(b->made[i].digest.b, 32, hex));
		TRY(buf_err(&line));
		s = buf_str(&line);
	}
	return lists_line(&j->lists, &j->lists.v[b->first + i], s, f);
}

/* Its first task is the digests of values of all events, the others are a file each. */
static enum err batch_task(struct lane *l, void *user, size_t i, struct fail *f)
{
	struct batch *b = user;
	if (i == 0)
		return hash_lines(l, b, f);
	i--;
	if (b->line[i].p)
		TRY(event_file(l, &b->ev[i], &b->made[i], f));
	if (job_cancelled(l->job))
		return fail(f, ERR_CANCELLED, "cancelled");
	return l->is_helper || !b->line[i].p ? ERR_OK : job_rest(l->job, false, f);
}

enum err batch_run(struct job *j, struct batch *b, struct fail *f)
{
	TRY(batch_lines(j, b, f));
	b->first = j->lists.n;
	for (size_t i = 0; i < b->n; i++) {
		/* what leaves goes first */
		if (!b->line[i].p)
			batch_remove(j, b->ev[i].uuid);
		/* one temporary name cannot stand for two files */
		else if (group_has(j->group, b->ev[i].uuid))
			TRY(group_place(j, f));
		TRY(lists_add(&j->lists, b->ev[i].uuid, STR_NONE, NULL, f));
	}
	TRY(lanes_each(j, b->n + 1, batch_task, b, f));
	for (size_t i = 0; i < b->n; i++) {
		bool stays = b->made[i].file != NULL;
		if (stays)
			TRY(event_take(j, &b->ev[i], &b->made[i], f));
		else if (b->line[i].p)
			batch_remove(j, b->ev[i].uuid); /* it left while its file was written */
		if (!stays)
			b->line[i] = STR_NONE;
		TRY(line_add(j, b, i, f));
		j->listed |= stays;
	}
	return ERR_OK;
}

void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		outfile_free(MOVE(b->made[i].file));
		receipt_end(MOVE(b->made[i].receipt), SENT_NOTHING);
	}
	buf_free(&b->text);
	buf_free(&b->hashes);
}
