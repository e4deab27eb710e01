/*
 * tocsind.c - the daemon's command line.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "main/list.h"
#include "main/maintenance.h"
#include "main/misp_guard.h"
#include "main/node.h"
#include "main/notify.h"
#include "main/zones.h"

enum { EXIT_USAGE = 2, EXIT_DAMAGED = 4 };

struct options {
	const char *config;
	struct conf_override over[32];
	size_t n_over;
	bool init, check_config;
	enum err (*list)(struct fail *f); /* print this table, and end */
	const char *maintenance, *argument, *check_policy, *misp_guard, *instance, *trust;
	struct first_admin admin;
};

static const char usage[] =
	"usage: tocsind [-c FILE] [-s KEY=VALUE]... [--init [--email ADDR] [--key KEY]]\n"
	"               [--maintenance COMMAND [DIR]] [--check-config] [--check-policy FILE]\n"
	"               [--import-misp-guard FILE [--instance ID]]\n"
	"               [--list-endpoints | --list-openapi | --list-ways-out]\n"
	"               [--version] [--help]\n"
	"\n"
	"  -c, --config FILE     configuration (tocsin.yaml); without it the defaults\n"
	"  -s, --set KEY=VALUE   one option, stronger than the file\n"
	"      --init            set up a new store and print its administrator's API key\n"
	"      --email ADDR      with --init: the administrator (admin@admin.test)\n"
	"      --key KEY         with --init: the key, 40 letters and digits (a random one)\n"
	"      --maintenance CMD check or compact the store, backup to or restore from DIR\n"
	"                        ledger: verify a text of a ledger, FILE or - instead of DIR\n"
	"      --trust KEY       with --maintenance ledger: the key that must have signed it\n"
	"      --check-config    read the configuration and the policy, and end\n"
	"      --check-policy FILE  read this policy file, say what is wrong with it, and end\n"
	"      --import-misp-guard FILE  write the rules of this misp-guard configuration as a policy,\n"
	"                        and end; --instance ID: which of its instances this node is\n"
	"      --list-endpoints  what the HTTP interface answers to, as JSON (=roff: for the manual), and end\n"
	"      --list-openapi    the same as OpenAPI 3.1, and end\n"
	"      --list-ways-out   every way by which bytes leave the process, as JSON, and end\n";

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
					      {"set", required_argument, NULL, 's'},
					      {"init", no_argument, NULL, 'i'},
					      {"email", required_argument, NULL, 'e'},
					      {"key", required_argument, NULL, 'k'},
					      {"maintenance", required_argument, NULL, 'm'},
					      {"check-config", no_argument, NULL, 'C'},
					      {"check-policy", required_argument, NULL, 'P'},
					      {"import-misp-guard", required_argument, NULL, 'G'},
					      {"instance", required_argument, NULL, 'I'},
					      {"trust", required_argument, NULL, 'T'},
					      {"list-endpoints", optional_argument, NULL, 'L'},
					      {"list-openapi", no_argument, NULL, 'O'},
					      {"list-ways-out", no_argument, NULL, 'W'},
					      {"version", no_argument, NULL, 'V'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int c;
	o->admin.email = "admin@admin.test";
	while ((c = getopt_long(argc, argv, "c:s:hV", longs, NULL)) != -1) {
		struct str key, value;
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 's':
			value = str_split(str_c(optarg), '=', &key);
			if (!value.p || o->n_over == ARRAY_LEN(o->over)) {
				fprintf(stderr, "tocsind: --set wants KEY=VALUE\n");
				return EXIT_USAGE;
			}
			o->over[o->n_over++] = (struct conf_override){key, value};
			break;
		case 'i':
			o->init = true;
			break;
		case 'e':
			o->admin.email = optarg;
			break;
		case 'k':
			o->admin.key = optarg;
			break;
		case 'm':
			o->maintenance = optarg;
			break;
		case 'C':
			o->check_config = true;
			break;
		case 'P':
			o->check_policy = optarg;
			break;
		case 'G':
			o->misp_guard = optarg;
			break;
		case 'I':
			o->instance = optarg;
			break;
		case 'T':
			o->trust = optarg;
			break;
		case 'L':
		case 'O':
		case 'W':
			o->list = c == 'O'                         ? list_openapi
				  : c == 'W'                       ? list_ways_out
				  : optarg && !strcmp(optarg, "roff") ? list_endpoints_roff
								   : list_endpoints;
			break;
		case 'V':
			printf("tocsind %s\n", PACKAGE_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (o->maintenance && optind < argc)
		o->argument = argv[optind++];
	if (optind < argc) {
		fprintf(stderr, "tocsind: unexpected argument %s\n%s", argv[optind], usage);
		return EXIT_USAGE;
	}
	return 0;
}

static int complain(enum err e, const struct fail *f)
{
	fprintf(stderr, "tocsind: %s\n", f->text[0] ? f->text : err_text(e));
	if (f->line)
		fprintf(stderr, "tocsind: at line %u, column %u\n", f->line, f->column);
	return e == ERR_CORRUPT || e == ERR_VERSION ? EXIT_DAMAGED : 1;
}

static int init(struct node *n, struct options *o)
{
	struct fail f = {0};
	enum err e = node_bootstrap(n, &o->admin, &f);
	if (e != ERR_OK)
		return complain(e, &f);
	printf("administrator %s\nkey %s\n", o->admin.email, o->admin.made_key);
	return 0;
}

static int maintain(const struct conf *conf, const struct options *o)
{
	char dir[4200];
	struct fail f = {0};
	snprintf(dir, sizeof(dir), "%s/store", conf->data_dir);
	struct maintenance m = {.command = o->maintenance,
				.argument = o->argument,
				.trust = o->trust,
				.store_dir = dir,
				.map_size = conf->store_map_size};
	enum err e = maintenance_run(&m, &f);
	if (e == ERR_OK)
		return 0;
	int status = complain(e, &f);
	return e == ERR_INVAL ? EXIT_USAGE : status;
}

/* Before the first thread, so that no thread gets them: they are waited for. */
static sigset_t block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return set;
}

#define TICK_S 20

/* Wait for a signal of the set; meanwhile do what is due and tell the service manager that we
   live. */
static int next_signal(struct node *n, const sigset_t *set)
{
	uint64_t ms = notify_watchdog_ms();
	struct timespec wait = {.tv_sec = ms ? (time_t)(ms / 1000) : TICK_S,
				.tv_nsec = (long)(ms % 1000) * 1000000};
	int sig;
	while ((sig = sigtimedwait(set, NULL, &wait)) < 0) {
		node_tick(n);
		notify_send("WATCHDOG=1");
	}
	return sig;
}

static enum err reread(void *user, const struct conf **out, struct fail *f)
{
	const struct options *o = user;
	return conf_load(o->config, o->over, o->n_over, out, f);
}

static int serve(struct node *n, struct options *o, const sigset_t *set)
{
	struct fail f = {0};
	int sig;
	n->reread = reread;
	n->reread_user = o;
	enum err e = node_start(n, &f);
	if (e != ERR_OK)
		return complain(e, &f);
	log_info("main", "ready url=%s", n->base_url);
	puts("ready");
	fflush(stdout);
	notify_send("READY=1");
	while ((sig = next_signal(n, set)) == SIGHUP) {
		f = (struct fail){0};
		notify_send("RELOADING=1");
		e = node_reload(n, &f);
		if (e != ERR_OK)
			log_error("main", "reload failed, the old settings stay detail=%s",
				  log_val(str_c(f.text)));
		notify_send("READY=1");
	}
	log_info("main", "stopping signal=%d", sig);
	notify_send("STOPPING=1");
	return 0;
}

static int list(enum err (*table)(struct fail *f))
{
	struct fail f = {0};
	enum err e = table(&f);
	return e == ERR_OK ? 0 : complain(e, &f);
}

/* Without configuration, store or sandbox: only the file. */
static int check_policy(const char *file)
{
	struct policy *p = NULL;
	struct fail f = {0};
	enum err e = policy_load(file, &p, &f);
	if (e != ERR_OK)
		return complain(e, &f);
	printf("policy ok, version %s\n", policy_version(p));
	policy_unref(p);
	return 0;
}

static int import_misp_guard(const char *file, const char *instance)
{
	struct fail f = {0};
	enum err e = misp_guard_write(file, instance, stdout, &f);
	return e == ERR_OK ? 0 : complain(e, &f);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct fail f = {0};
	struct node n = {0};
	OWN(conf) const struct conf *conf = NULL;
	notify_open();
	int status = parse(argc, argv, &o);
	if (status)
		return status;
	if (o.check_policy)
		return check_policy(o.check_policy);
	if (o.misp_guard)
		return import_misp_guard(o.misp_guard, o.instance);
	if (o.list)
		return list(o.list);
	enum err e = conf_load(o.config, o.over, o.n_over, &conf, &f);
	if (e != ERR_OK)
		return complain(e, &f);
	log_setup(2, (enum log_level)conf->log_level, (enum log_format)conf->log_format);
	if (o.check_config) {
		struct policy *p = NULL;
		if (conf->policy && (e = policy_load(conf->policy, &p, &f)) != ERR_OK)
			return complain(e, &f);
		if (p)
			policy_unref(p);
		if ((e = zones_check(conf, &f)) != ERR_OK)
			return complain(e, &f);
		puts("configuration ok");
		return 0;
	}
	sigset_t set = block_signals();
	if (o.maintenance)
		return maintain(conf, &o);
	e = node_open(&n, conf, o.config, o.init, &f);
	if (e != ERR_OK)
		return complain(e, &f);
	status = o.init ? init(&n, &o) : serve(&n, &o, &set);
	node_stop(&n);
	return status;
}
