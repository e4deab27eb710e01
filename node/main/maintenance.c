/*
 * maintenance.c - work on the folder of a store: check and backup (also beside a running daemon,
 * as a reader), restore and compact (without one).
 */
#include "main/maintenance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/ledger_bundle.h"
#include "base/clock.h"
#include "store/store.h"

/* One line that is overwritten on a terminal, one line a step elsewhere. */
static void show_progress(void *user, const char *step, uint64_t done, uint64_t total)
{
	static const char *last;
	(void)user;
	if (isatty(2)) {
		if (total)
			fprintf(stderr, "\r\033[K%s %llu/%llu (%llu %%)", step,
				(unsigned long long)done, (unsigned long long)total,
				(unsigned long long)(done * 100 / total));
		else
			fprintf(stderr, "\r\033[K%s %llu", step, (unsigned long long)done);
	} else if (last != step) {
		fprintf(stderr, "%s\n", step);
	}
	last = step;
}

static void end_progress(void)
{
	if (isatty(2))
		fputs("\r\033[K", stderr);
}

static void tell_problem(void *user, const char *problem)
{
	(void)user;
	end_progress();
	fprintf(stderr, "problem: %s\n", problem);
}

static enum err open_reader(const struct maintenance *m, struct store **s, struct fail *f)
{
	struct store_opts o = {.dir = m->store_dir, .map_size = m->map_size, .read_only = true};
	return store_open(&o, s, f);
}

static void ledger_progress(void *user, uint64_t done, uint64_t total)
{
	show_progress(user, "ledger", done, total);
}

/* All of it against the newest checkpoint, in one snapshot. */
static enum err check_ledger(struct store *s, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct ledger_report rep;
	TRY(store_read(s, &t, f));
	enum err e = ledger_verify(t, NULL, ledger_progress, tell_problem, NULL, &rep, f);
	end_progress();
	printf("ledger: leaves %llu, named %llu, checkpoints %llu, signed %llu, problems %llu\n",
	       (unsigned long long)rep.leaves, (unsigned long long)rep.named,
	       (unsigned long long)rep.checkpoints, (unsigned long long)rep.signed_size,
	       (unsigned long long)rep.problems);
	return e;
}

static enum err do_check(const struct maintenance *m, struct fail *f)
{
	struct store *s = NULL;
	struct store_report rep = {0};
	TRY(open_reader(m, &s, f));
	enum err e = store_check(s, show_progress, tell_problem, NULL, &rep, f);
	end_progress();
	printf("rows %llu, elements %llu, attachments %llu, problems %llu\n",
	       (unsigned long long)rep.rows, (unsigned long long)rep.elements,
	       (unsigned long long)rep.blobs, (unsigned long long)rep.problems);
	struct fail why = {0};
	enum err l = check_ledger(s, e == ERR_OK ? f : &why);
	store_close(s);
	return e == ERR_OK ? l : e;
}

/* ---- a text of a ledger, also one of another node ---- */

static void print_time(uint64_t ms)
{
	struct clock_civil t = clock_to_civil((int64_t)(ms / 1000));
	printf("%04d-%02d-%02dT%02d:%02d:%02dZ", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

/* Names come from the log of whoever made the text: nothing of them reaches a terminal raw. */
static void print_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		putchar(s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
}

static void print_leaf(void *user, uint64_t seq, const struct leaf *l)
{
	char uuid[UUID_TEXT_LEN + 1], hex[65];
	(void)user;
	printf("leaf %llu ", (unsigned long long)seq);
	print_time(l->time_ms);
	switch ((enum leaf_kind)l->kind) {
	case LEAF_INTENT:
		printf(" intent to ");
		print_text(l->to.name);
		printf(" (organisation %s) by ", uuid_format(l->to.org, uuid));
		print_text(l->way);
		printf(", transfer %llu, policy %s\n", (unsigned long long)(seq - l->back),
		       hash_hex(l->policy, 32, hex));
		for (uint32_t i = 0; i < l->n; i++)
			printf("  %s %s of %lld\n", ledger_thing_name(l->v[i].item.thing),
			       uuid_format(l->v[i].item.uuid, uuid),
			       (long long)l->v[i].item.timestamp);
		break;
	case LEAF_CLOSED:
		printf(" closed, transfer %llu %s, %llu bytes, sha256 %s\n",
		       (unsigned long long)(seq - l->back), ledger_outcome_name(l->outcome),
		       (unsigned long long)l->bytes, hash_hex(l->digest, 32, hex));
		break;
	case LEAF_KEY:
		printf(" key %s\n", hash_hex(l->key, 32, hex));
		break;
	case LEAF_AUDIT:
		printf(" audit log");
		for (uint32_t i = 0; i < l->n_tips; i++)
			printf("%s chain %u record %llu sha256 %s", i ? "," : "", l->tips[i].chain,
			       (unsigned long long)l->tips[i].seq,
			       hash_hex(l->tips[i].digest.b, 32, hex));
		putchar('\n');
		break;
	case LEAF_KINDS:
		break;
	}
}

static enum err do_ledger(const struct maintenance *m, struct fail *f)
{
	static const char *const what[] = {"the log is whole", "proven", "the log has only grown"};
	struct note_key key;
	struct bundle_result r;
	char hex[65];
	if (m->trust)
		TRY(note_key_parse(str_c(m->trust), &key, f));
	FILE *in = strcmp(m->argument, "-") == 0 ? stdin : fopen(m->argument, "re");
	if (!in)
		return fail_errno(f, ERR_IO, errno, "cannot read the file");
	enum err e = bundle_check(in, m->trust ? &key : NULL, print_leaf, NULL, &r, f);
	if (in != stdin)
		fclose(in);
	if (e != ERR_OK)
		return e;
	printf("%s: leaves %llu, checkpoint of %llu leaves, root %s\n", what[r.what],
	       (unsigned long long)r.leaves, (unsigned long long)r.size,
	       hash_hex(r.root.b, 32, hex));
	printf("signed by %s\n", r.key);
	if (r.own_key)
		printf("the key is the file's own word: compare it with what the node's operator told "
		       "you\n");
	if (r.unsigned_leaves)
		printf("%llu leaves behind the newest checkpoint are not signed yet\n",
		       (unsigned long long)r.unsigned_leaves);
	return ERR_OK;
}

static enum err do_backup(const struct maintenance *m, struct fail *f)
{
	struct store *s = NULL;
	TRY(open_reader(m, &s, f));
	enum err e = store_backup(s, m->argument, show_progress, NULL, f);
	store_close(s);
	end_progress();
	if (e == ERR_OK)
		printf("backup written to %s\n", m->argument);
	return e;
}

static enum err do_restore(const struct maintenance *m, struct fail *f)
{
	enum err e = store_restore(m->argument, m->store_dir, show_progress, NULL, f);
	end_progress();
	if (e == ERR_OK)
		printf("restored into %s\n", m->store_dir);
	return e;
}

static enum err do_compact(const struct maintenance *m, struct fail *f)
{
	enum err e = store_compact(m->store_dir, show_progress, NULL, f);
	end_progress();
	if (e == ERR_OK)
		printf("compacted %s\n", m->store_dir);
	return e;
}

static const struct command {
	const char *name;
	bool wants_argument;
	enum err (*run)(const struct maintenance *m, struct fail *f);
} commands[] = {
	{"check", false, do_check},
	{"backup", true, do_backup},
	{"restore", true, do_restore},
	{"compact", false, do_compact},
	{"ledger", true, do_ledger},
};

enum err maintenance_run(const struct maintenance *m, struct fail *f)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(m->command, commands[i].name) != 0)
			continue;
		if (commands[i].wants_argument != (m->argument != NULL))
			return fail(f, ERR_INVAL, "--maintenance %s %s", m->command,
				    m->argument ? "takes no argument" : "wants an argument");
		return commands[i].run(m, f);
	}
	return fail(f, ERR_INVAL, "--maintenance knows check, backup, restore, compact and ledger");
}
