/*
 * maintenance.c - work on the folder of a store: check and backup (also beside a running daemon,
 * as a reader), restore and compact (without one).
 */
#include "main/maintenance.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static enum err do_check(const struct maintenance *m, struct fail *f)
{
	struct store *s = NULL;
	struct store_report rep = {0};
	TRY(open_reader(m, &s, f));
	enum err e = store_check(s, show_progress, tell_problem, NULL, &rep, f);
	store_close(s);
	end_progress();
	printf("rows %llu, elements %llu, attachments %llu, problems %llu\n",
	       (unsigned long long)rep.rows, (unsigned long long)rep.elements,
	       (unsigned long long)rep.blobs, (unsigned long long)rep.problems);
	return e;
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
};

enum err maintenance_run(const struct maintenance *m, struct fail *f)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(m->command, commands[i].name) != 0)
			continue;
		if (commands[i].wants_argument != (m->argument != NULL))
			return fail(f, ERR_INVAL, "--maintenance %s %s", m->command,
				    m->argument ? "takes no argument" : "wants a folder");
		return commands[i].run(m, f);
	}
	return fail(f, ERR_INVAL, "--maintenance knows check, backup, restore and compact");
}
