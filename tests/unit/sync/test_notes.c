/* test_notes.c - notes of a peer survive, are listed in order, and grow their distance. */
#include "sync/notes.h"

#include "sync/state.h"
#include "tests/tap/tap.h"
#include "tests/unit/store/fixture.h"

static struct store *s;

static struct uuid nth(unsigned n)
{
	struct uuid u = {{1}};
	u.b[15] = (uint8_t)n;
	return u;
}

static void put(uint64_t peer, enum note_kind k, unsigned n, const struct note *note)
{
	struct note_change v[] = {{k, note}, {NOTE_KIND_COUNT, NULL}};
	notes_write(s, peer, nth(n), v, ARRAY_LEN(v));
}

static unsigned count(uint64_t peer, enum note_kind k)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct uuid u = UUID_NIL;
	struct note n;
	unsigned found = 0;
	is_err(store_read(s, &t, &f), ERR_OK, "reading");
	while (note_next(t, peer, k, &u, &n) == ERR_OK)
		found++;
	return found;
}

static void keeps(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct note n = {.timestamp = 17, .time = 99, .tries = 3, .text = "two words: 100 %"}, got;
	put(1, NOTE_again, 7, &n);
	put(1, NOTE_again, 8, &n);
	put(12, NOTE_again, 9, &n);
	put(1, NOTE_refused, 7, &n);
	is_err(store_read(s, &t, &f), ERR_OK, "reading");
	is_err(note_get(t, 1, NOTE_again, nth(7), &got), ERR_OK, "it is there");
	is_int(got.timestamp, 17, "timestamp");
	is_int(got.time, 99, "time");
	is_int((int)got.tries, 3, "tries");
	is_str(got.text, "two words: 100 %", "text");
	is_err(note_get(t, 1, NOTE_hold, nth(7), &got), ERR_NOENT, "no other kind");
	store_read_end(MOVE(t));
	is_int((int)count(1, NOTE_again), 2, "those of the peer, not of one whose number begins alike");
	put(1, NOTE_again, 7, NULL);
	put(1, NOTE_again, 7, NULL);
	is_int((int)count(1, NOTE_again), 1, "taken away");
}

static void distances(void)
{
	struct note n = {.time = 1000, .tries = 1};
	ok(note_due(&n, 1000), "the first failure: at once");
	n.tries = 3;
	ok(!note_due(&n, 1000 + 239), "then later");
	ok(note_due(&n, 1000 + 240), "and due again");
	n.tries = UINT64_MAX;
	ok(note_due(&n, 1000 + 21600), "six hours at most");
	ok(note_due(&n, 10), "a clock that went back does not keep it away");
}

static enum err drop(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)arg;
	struct misp_peerstate st = {.covered = 5, .failures = 2, .next_try = 77};
	TRY(peer_state_write(w, 1, PASS_PUSH, &st, f));
	TRY(peer_state_rewind(w, 1, PASS_PUSH, false, f));
	TRY(peer_state_read(store_view(w), 1, PASS_PUSH, NULL, &st));
	is_int((int)st.covered, 5, "a change of the row keeps the cursor");
	is_int((int)st.next_try, 0, "and ends the back-off");
	TRY(peer_state_rewind(w, 1, PASS_PUSH, true, f));
	TRY(peer_state_read(store_view(w), 1, PASS_PUSH, NULL, &st));
	is_int((int)st.covered, 0, "other rules do not keep it");
	is_int((int)st.failures, 2, "the rest stays");
	return peer_state_drop(w, 1, f);
}

int main(void)
{
	fix_begin();
	s = fix_open("store", (struct store_opts){.map_size = 64u << 20});
	keeps();
	distances();
	fix_run(s, drop, NULL);
	is_int((int)count(1, NOTE_again), 0, "a removed peer leaves nothing");
	is_int((int)count(12, NOTE_again), 1, "others keep theirs");
	store_close(s);
	return fix_end();
}
