/*
 * cmd_follow.c - tocsin follow: what the command line says, looked at before anything is asked or changed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/follow_run.h"
#include "cli/follow_text.h"

#define WAIT_S 55
#define MAX_MB 1024

const struct follow_target *const follow_targets[] = {
	&follow_file, &follow_nft, &follow_ipset, &follow_suricata, &follow_unbound, &follow_exec, NULL};

static int list_targets(struct cli *c)
{
	for (size_t i = 0; follow_targets[i]; i++) {
		const struct follow_target *t = follow_targets[i];
		printf("%s%s%s\n\t%s\n", t->name, t->arg ? ":" : "", t->arg ? t->arg : "", t->doc);
		if (t->set)
			printf("\t--set %s\n", t->set);
	}
	(void)c;
	return CLI_OK;
}

/* "file:/x" is target file with "/x". */
static int find_target(struct follow *f, const char *to)
{
	struct str name, rest = str_split(str_c(to), ':', &name);
	for (size_t i = 0; follow_targets[i]; i++)
		if (str_is(name, follow_targets[i]->name))
			f->target = follow_targets[i];
	if (!f->target)
		return cli_usage(f->c, "there is no target \"%.*s\"; see tocsin follow --targets", STR_ARG(name));
	f->arg = rest.p ? rest.p : "";
	if (!f->target->arg && rest.p)
		return cli_usage(f->c, "%s takes nothing behind a colon", f->target->name);
	if (f->target->arg && f->target->arg[0] != '[' && !f->arg[0])
		return cli_usage(f->c, "say --to %s:%s", f->target->name, f->target->arg);
	return f->set && !f->target->set ? cli_usage(f->c, "%s takes no --set", f->target->name) : CLI_OK;
}

static int seconds(struct cli *c, const char *option, int64_t fallback, int64_t *out)
{
	const char *text = cli_opt(c, option);
	json_int_t v = fallback;
	if (text && !cli_duration(text, &v))
		return cli_usage(c, "--%s wants a duration such as 30s or 2h", option);
	*out = v;
	return CLI_OK;
}

static int number(struct cli *c, const char *option, uint64_t fallback, uint64_t most, uint64_t *out)
{
	const char *text = cli_opt(c, option);
	*out = fallback;
	if (text && (!str_u64(str_c(text), out) || *out > most))
		return cli_usage(c, "--%s wants a number up to %llu", option, (unsigned long long)most);
	return CLI_OK;
}

/* Where states are kept: systemd's folder, or that of the user. */
static const struct {
	const char *variable, *below;
} homes[] = {{"STATE_DIRECTORY", ""}, {"XDG_STATE_HOME", "/tocsin-follow"}, {"HOME", "/.local/state/tocsin-follow"}};

static int make_folders(struct follow *f)
{
	for (char *p = f->state_path + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		bool ok = mkdir(f->state_path, 0700) == 0 || errno == EEXIST;
		if (!ok)
			cli_fail(f->c, CLI_USAGE, "cannot make the folder %s; say --state FILE", f->state_path);
		*p = '/';
		if (!ok)
			return CLI_USAGE;
	}
	return CLI_OK;
}

/* One state for each export, target, its argument and set. */
static int state_path(struct follow *f)
{
	const char *given = cli_opt(f->c, "state"), *base = NULL, *below = "";
	const size_t room = sizeof(f->state_path) - 16;
	uint64_t which = hash_64(f->arg, strlen(f->arg), hash_64(f->set, f->set ? strlen(f->set) : 0, 0));
	int n;
	for (size_t i = 0; !base && i < ARRAY_LEN(homes); i++) {
		base = getenv(homes[i].variable);
		below = homes[i].below;
		if (i && geteuid() == 0) {
			base = "/var/lib";
			below = "/tocsin-follow";
		}
	}
	if (given)
		n = snprintf(f->state_path, room, "%s", given);
	else
		n = snprintf(f->state_path, room, "%s%s/%s.%s.%08x", base ? base : ".", base ? below : "", f->name,
			     f->target->name, (unsigned)which);
	if (n < 0 || (size_t)n >= room)
		return cli_usage(f->c, "the path of the state is too long");
	return given ? CLI_OK : make_folders(f);
}

static int read_plan(struct follow *f, struct follow_plan *plan)
{
	struct cli *c = f->c;
	int64_t wait_s;
	uint64_t keep, max_mb;
	if (seconds(c, "timeout", 300, &f->timeout_s) || seconds(c, "refresh", 0, &f->refresh_s) ||
	    seconds(c, "pause", 0, &plan->pause_s) || seconds(c, "wait", WAIT_S, &wait_s) ||
	    number(c, "keep", 0, 99, &keep) || number(c, "max", MAX_MB, (uint64_t)1 << 20, &max_mb))
		return CLI_USAGE;
	plan->wait_s = (unsigned)MIN(wait_s, 60);
	plan->once = cli_opt(c, "once");
	plan->whole = cli_opt(c, "whole");
	f->keep = (unsigned)keep;
	f->max_bytes = max_mb << 20;
	if (keep && f->target != &follow_file)
		return cli_usage(c, "--keep is for files");
	return CLI_OK;
}

int cmd_follow(struct cli *c)
{
	struct follow_plan plan = {0};
	if (cli_opt(c, "targets"))
		return list_targets(c);
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	struct follow *f = ARENA_NEW(c->arena, struct follow);
	if (!f)
		return cli_fail(c, CLI_FINDING, "out of memory");
	*f = (struct follow){.c = c,
			     .name = c->argv[0],
			     .arg = "",
			     .set = cli_opt(c, "set"),
			     .check = cli_opt(c, "check"),
			     .reload = cli_opt(c, "reload")};
	if (!follow_is_word(str_c(f->name), FOLLOW_NAME_MAX))
		return cli_usage(c, "NAME is that of an export subscription: letters, digits, - and _");
	if (!cli_opt(c, "to"))
		return cli_usage(c, "say --to TARGET; tocsin follow --targets lists them");
	if (find_target(f, cli_opt(c, "to")) || read_plan(f, &plan) || state_path(f))
		return CLI_USAGE;
	int code = f->target->open && f->target->open(f) != ERR_OK ? cli_fail(c, CLI_USAGE, "%s", f->fail.text)
								 : follow_run(f, &plan);
	if (f->target->close)
		f->target->close(f);
	return code;
}
