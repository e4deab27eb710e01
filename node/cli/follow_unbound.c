/*
 * follow_unbound.c - local zones and data of a running Unbound by unbound-control, which takes many at a
 * time on standard input. What Unbound was given stands in a file beside the state, so that a whole set
 * takes out what is not in it any more; names of others are never touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/follow_names.h"
#include "cli/follow_proc.h"
#include "cli/follow_text.h"

#define OUT_MAX ((size_t)1 << 20)

static enum err control(struct follow *f, const char *command, const char *one, const char *two, int input,
			struct buf *said)
{
	const char *argv[8] = {"unbound-control"};
	size_t n = 1;
	if (f->arg[0]) {
		argv[n++] = "-c";
		argv[n++] = f->arg;
	}
	argv[n++] = command;
	argv[n++] = one;
	argv[n] = one ? two : NULL;
	return follow_proc(f, argv, input, NULL, said);
}

/*
 * Local zones that came by unbound-control are gone after a reload, and nothing but themselves tells that
 * they are there, which may be millions. What is gone with them is a forward zone that was added the same
 * way; of these there are few. Ours is below invalid., which Unbound answers itself: it is never used.
 */
static void flag_name(const struct follow *f, char out[300])
{
	snprintf(out, 300, "%.63s.tocsin-follow.invalid.", f->name);
}

static enum err raise_flag(struct follow *f)
{
	char name[300];
	flag_name(f, name);
	return control(f, "forward_add", name, "127.0.0.1@9", -1, NULL);
}

static enum err unbound_probe(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX])
{
	OWN(buf) struct buf said = BUF(1u << 20);
	char name[300];
	(void)old;
	flag_name(f, name);
	enum err e = control(f, "list_forwards", NULL, NULL, -1, &said);
	if (e != ERR_OK)
		return e == ERR_PEER ? ERR_NET : e;
	for (struct str line, rest = buf_str(&said); rest.p;) {
		rest = str_split(rest, '\n', &line);
		if (str_has_prefix(line, str_c(name)))
			return snprintf(mark, FOLLOW_MARK_MAX, "%s", name) > 0 ? ERR_OK : ERR_NOMEM;
	}
	return fail(&f->fail, ERR_NOENT, "Unbound was started or reloaded");
}

/* ---- what came ---- */

static const char *const types[] = {"always_nxdomain", "always_nodata", "always_null", "always_refuse",
				    "always_deny"};

static const char *zone_type(struct str s)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_is(s, types[i]))
			return types[i];
	return NULL;
}

/* Of a file: `\tlocal-zone: "NAME." TYPE`, `\tlocal-data: "NAME. A 0.0.0.0"`. */
static bool file_line(struct str line, struct names_entry *e)
{
	static const struct str zone = {"\tlocal-zone: \"", 14}, data = {"\tlocal-data: \"", 14};
	e->gone = false;
	e->data = str_has_prefix(line, data);
	if (!e->data && !str_has_prefix(line, zone))
		return false;
	struct str rest = str_sub(line, 14, line.n);
	if (!e->data) {
		struct str type = str_split(rest, '"', &e->name);
		e->type = str_has_prefix(type, STR(" ")) ? zone_type(str_sub(type, 1, type.n)) : NULL;
		return e->type && follow_is_name(e->name);
	}
	struct str answer = str_split(rest, ' ', &e->name);
	return str_is(answer, "A 0.0.0.0\"") && follow_is_name(e->name);
}

/* Of a change: "local_zone NAME. TYPE", "local_zone_remove NAME.", "local_data NAME. A 0.0.0.0" ... */
static bool change_line(struct str line, struct names_entry *e)
{
	struct str w[5];
	size_t n = follow_words(line, w, ARRAY_LEN(w));
	if (n < 2 || !follow_is_name(w[1]))
		return false;
	e->name = w[1];
	e->gone = n == 2;
	e->type = NULL;
	if (n == 2) {
		e->data = str_is(w[0], "local_data_remove");
		return e->data || str_is(w[0], "local_zone_remove");
	}
	if (n == 4) {
		e->data = true;
		return str_is(w[0], "local_data") && str_is(w[2], "A") && str_is(w[3], "0.0.0.0");
	}
	e->data = false;
	e->type = n == 3 ? zone_type(w[2]) : NULL;
	return e->type && str_is(w[0], "local_zone");
}

static enum err read_entries(struct follow *f, const struct follow_set *s, struct names *out)
{
	struct follow_lines l;
	struct str line;
	enum err e = ERR_OK;
	if (!follow_lines_begin(&l, s->fd))
		return fail(&f->fail, ERR_NOMEM, "out of memory");
	while (e == ERR_OK && follow_lines_next(&l, &line)) {
		struct names_entry entry = {0};
		if (s->kind == FOLLOW_WHOLE && l.number == 1 && str_is(line, "server:"))
			continue;
		if (s->kind == FOLLOW_WHOLE ? !file_line(line, &entry) : !change_line(line, &entry))
			e = follow_bad_line(f, &l, line, "none of an unbound export");
		else if (!names_add(out, &entry))
			e = fail(&f->fail, ERR_NOMEM, "too many names");
	}
	if (e == ERR_OK)
		return follow_lines_end(&l, &f->fail);
	free(l.p);
	return e;
}

/* ---- commands ---- */

static const struct command_row {
	const char *command;
	bool gone, data;
} commands[] = {
	{"local_zones_remove", true, false},
	{"local_datas_remove", true, true},
	{"local_zones", false, false},
	{"local_datas", false, true},
};

static enum err run_command(struct follow *f, const struct command_row *row, const struct names *n)
{
	OWN(buf) struct buf out = BUF(OUT_MAX);
	OWN(fd) int fd = follow_scratch(f);
	uint64_t count = 0;
	if (fd < 0)
		return ERR_IO;
	for (size_t i = 0; i < n->n; i++) {
		struct names_entry e = names_at(n, i);
		if (e.gone != row->gone || e.data != row->data)
			continue;
		buf_str_add(&out, e.name);
		if (!e.gone)
			buf_printf(&out, " %s", e.data ? "A 0.0.0.0" : e.type);
		buf_putc(&out, '\n');
		count++;
		if (out.n > OUT_MAX / 2)
			TRY(follow_put(f, fd, &out));
	}
	TRY(follow_put(f, fd, &out));
	f->entries += count;
	return count ? control(f, row->command, NULL, NULL, fd, NULL) : ERR_OK;
}

/* What goes first, since a name may go as one thing and come as the other. */
static enum err run_commands(struct follow *f, const struct names *n, bool gone)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].gone == gone)
			TRY(run_command(f, &commands[i], n));
	return ERR_OK;
}

static void book_path(const struct follow *f, char path[sizeof(f->state_path) + 8])
{
	snprintf(path, sizeof(f->state_path) + 8, "%s.names", f->state_path);
}

/* All that was given before and is not in `now` goes; all of `now` comes. */
static enum err apply_whole(struct follow *f, struct names *now)
{
	OWN(names) struct names gone = {0};
	char path[sizeof(f->state_path) + 8];
	book_path(f, path);
	names_sort(now);
	TRY(names_missing(path, now, &gone, &f->fail));
	TRY(run_commands(f, &gone, true));
	/* from here on both may be there */
	TRY(names_append(path, now, false, &f->fail));
	TRY(run_commands(f, now, false));
	TRY(raise_flag(f));
	return names_replace(path, now, &f->fail);
}

/* The book never holds less than Unbound does. */
static enum err apply_change(struct follow *f, struct names *change)
{
	char path[sizeof(f->state_path) + 8];
	book_path(f, path);
	TRY(names_append(path, change, false, &f->fail));
	TRY(run_commands(f, change, true));
	TRY(run_commands(f, change, false));
	return names_append(path, change, true, &f->fail); /* now with what went */
}

static enum err unbound_apply(struct follow *f, const struct follow_set *s)
{
	OWN(names) struct names n = {0};
	TRY(read_entries(f, s, &n));
	return s->kind == FOLLOW_WHOLE ? apply_whole(f, &n) : apply_change(f, &n);
}

const struct follow_target follow_unbound = {
	.name = "unbound",
	.arg = "[CONFIGURATION]",
	.doc = "local zones of a running Unbound, by unbound-control (-c CONFIGURATION), of an export of format "
	       "unbound",
	.flags = FOLLOW_TAKES_OWN,
	.probe = unbound_probe,
	.apply = unbound_apply,
};
