/*
 * follow_exec.c - a command of the operator's, run by sh with a whole set or a change on standard input.
 * What the node said reaches it as that input alone; the variables are numbers and words of ours.
 */
#include <stdio.h>

#include "cli/follow_proc.h"
#include "cli/follow_text.h"

static enum err exec_open(struct follow *f)
{
	return f->arg[0] ? ERR_OK : fail(&f->fail, ERR_CONFIG, "exec: wants a command");
}

/* Nobody knows what the command keeps. */
static enum err exec_probe(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX])
{
	(void)f, (void)old;
	snprintf(mark, FOLLOW_MARK_MAX, "command");
	return ERR_OK;
}

static enum err exec_apply(struct follow *f, const struct follow_set *s)
{
	static const char *const kinds[] = {"whole", "lines", "own"};
	char since[24], serial[24];
	const struct follow_var vars[] = {{"TOCSIN_EXPORT", f->name},
					  {"TOCSIN_CHANGE", kinds[s->kind]},
					  {"TOCSIN_SINCE", s->kind == FOLLOW_WHOLE ? "" : since},
					  {"TOCSIN_SERIAL", serial},
					  {NULL, NULL}};
	snprintf(since, sizeof(since), "%llu", (unsigned long long)s->since);
	snprintf(serial, sizeof(serial), "%llu", (unsigned long long)s->serial);
	f->entries = s->entries ? s->entries : follow_lines_count(s->fd);
	return follow_shell(f, f->arg, s->fd, vars);
}

const struct follow_target follow_exec = {
	.name = "exec",
	.arg = "COMMAND",
	.doc = "a command that reads a whole set or a change on standard input; TOCSIN_CHANGE (whole, lines, "
	       "own), TOCSIN_SINCE, TOCSIN_SERIAL and TOCSIN_EXPORT tell what it is",
	.flags = FOLLOW_TAKES_LINES | FOLLOW_TAKES_OWN,
	.open = exec_open,
	.probe = exec_probe,
	.apply = exec_apply,
};
