/*
 * serve.c - the room dns as a program of its own, for tests with real resolvers: zones in memory, changed
 * by commands on standard input. The daemon's zones come from export subscriptions instead.
 *
 * serve [-l HOST:PORT]... [-k "NAME ALG FILE"]... [-s SERIAL] [-o LIMIT=N]... -z "ZONE from=gen:1000 ..."...
 * Prints "ready PORT", one line for each transfer that ends ("transfer ..."), and "ok" for each command:
 *   add ZONE OWNER TARGET | del ZONE OWNER | churn ZONE N | commit ZONE (then resolvers are told)
 *   condense ZONE 0|1 | forget ZONE | ready ZONE 0|1 | held ZONE | reload | rss | quit
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "dns/server.h"
#include "metrics/metrics.h"
#include "tests/dns/memory_zone.h"

enum { LISTS_MAX = 16 };

static struct {
	const char *listen[LISTS_MAX], *keys[LISTS_MAX], *zones[LISTS_MAX];
	size_t n_listen, n_keys, n_zones;
	uint32_t serial;
	struct memory_zone *memory[LISTS_MAX];
	char names[LISTS_MAX][DNS_NAME_TEXT];
	struct dns_limits limits;
} app = {.serial = 1};

static const struct {
	const char *name;
	size_t offset;
} limit_names[] = {
	{"connections", offsetof(struct dns_limits, connections)},
	{"per_address", offsetof(struct dns_limits, per_address)},
	{"idle_ms", offsetof(struct dns_limits, idle_ms)},
	{"stall_ms", offsetof(struct dns_limits, stall_ms)},
	{"transfer_ms", offsetof(struct dns_limits, transfer_ms)},
	{"message", offsetof(struct dns_limits, message)},
	{"notify_retry_ms", offsetof(struct dns_limits, notify_retry_ms)},
};

static _Noreturn void die(const struct fail *f)
{
	fprintf(stderr, "serve: %s\n", f->text);
	exit(2);
}

static void set_limit(const char *text)
{
	struct str name, value = str_split(str_c(text), '=', &name);
	uint64_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(limit_names); i++)
		if (str_is(name, limit_names[i].name) && str_u64(value, &n))
			*(unsigned *)(void *)((char *)&app.limits + limit_names[i].offset) = (unsigned)n;
}

static void transfer_ended(void *user, const struct dns_transfer *t)
{
	(void)user;
	printf("transfer kind=%s zone=%s from=%u serial=%u key=%s records=%llu bytes=%llu messages=%llu "
	       "result=%s\n",
	       t->kind == DNS_KIND_IXFR ? "ixfr" : "axfr", t->zone->text, t->from, t->serial,
	       *t->key ? t->key : "-", (unsigned long long)t->records, (unsigned long long)t->bytes,
	       (unsigned long long)t->messages, err_name(t->result));
	fflush(stdout);
}

static struct dns_set *make_set(void)
{
	struct fail f = {0};
	struct dns_set *set = dns_set_new();
	for (size_t i = 0; i < app.n_keys; i++)
		if (dns_set_key(set, str_c(app.keys[i]), &f) != ERR_OK)
			die(&f);
	for (size_t i = 0; i < app.n_zones; i++) {
		struct dns_zone *z;
		if (dns_set_zone(set, str_c(app.zones[i]), &z, &f) != ERR_OK)
			die(&f);
		if (!app.memory[i])
			app.memory[i] = memory_zone_new(&z->name, z->from ? z->from : "gen:10", app.serial);
		memcpy(app.names[i], z->text, sizeof(app.names[i]));
		z->source = memory_zone_source(app.memory[i]);
	}
	return set;
}

static struct memory_zone *find(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < app.n_zones; i++) /* with the last dot or without */
		if (strncmp(app.names[i], name, n) == 0 && strspn(app.names[i] + n, ".") == strlen(app.names[i] + n))
			return app.memory[i];
	fprintf(stderr, "serve: no zone %s\n", name);
	exit(2);
}

static unsigned long resident_kb(void)
{
	char line[200];
	unsigned long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* False: the end. */
static bool command(struct dns_server *s, char *line)
{
	char word[4][700] = {{0}};
	struct fail f = {0};
	int n = sscanf(line, "%699s %699s %699s %699s", word[0], word[1], word[2], word[3]);
	struct memory_zone *z = n >= 2 ? find(word[1]) : NULL;
	if (n >= 4 && strcmp(word[0], "add") == 0)
		memory_zone_add(z, word[2], word[3]);
	else if (n >= 3 && strcmp(word[0], "del") == 0)
		memory_zone_remove(z, word[2]);
	else if (n >= 3 && strcmp(word[0], "churn") == 0)
		memory_zone_churn(z, (unsigned)strtoul(word[2], NULL, 10));
	else if (n >= 3 && strcmp(word[0], "condense") == 0)
		memory_zone_condense(z, word[2][0] == '1');
	else if (n >= 3 && strcmp(word[0], "ready") == 0)
		memory_zone_ready(z, word[2][0] == '1');
	else if (n >= 2 && strcmp(word[0], "forget") == 0)
		memory_zone_forget(z);
	else if (n >= 2 && strcmp(word[0], "held") == 0)
		printf("held %u\n", memory_zone_held(z));
	else if (n >= 2 && strcmp(word[0], "commit") == 0) {
		memory_zone_commit(z);
		dns_server_changed(s);
	} else if (strcmp(word[0], "rss") == 0)
		printf("rss %lu\n", resident_kb());
	else if (strcmp(word[0], "reload") == 0) {
		OWN(dns_set) struct dns_set *set = make_set();
		if (dns_server_use(s, set, &f) != ERR_OK)
			die(&f);
	} else if (strcmp(word[0], "quit") == 0)
		return false;
	else
		fprintf(stderr, "serve: what is %s\n", line);
	printf("ok\n");
	fflush(stdout);
	return true;
}

static void options(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "l:k:z:s:o:v")) != -1;) {
		if (c == 'l' && app.n_listen < LISTS_MAX)
			app.listen[app.n_listen++] = optarg;
		else if (c == 'k' && app.n_keys < LISTS_MAX)
			app.keys[app.n_keys++] = optarg;
		else if (c == 'z' && app.n_zones < LISTS_MAX)
			app.zones[app.n_zones++] = optarg;
		else if (c == 's')
			app.serial = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'o')
			set_limit(optarg);
		else if (c == 'v')
			log_setup(2, LOG_DEBUG, LOG_LOGFMT);
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	char hosts[LISTS_MAX][64], line[2048];
	struct dns_listen listen[LISTS_MAX];
	struct dns_server *s;
	struct fail f = {0};
	signal(SIGPIPE, SIG_IGN);
	log_setup(2, LOG_WARN, LOG_LOGFMT);
	options(argc, argv);
	if (!app.n_listen)
		app.listen[app.n_listen++] = "127.0.0.1:0";
	for (size_t i = 0; i < app.n_listen; i++) {
		const char *colon = strrchr(app.listen[i], ':');
		snprintf(hosts[i], sizeof(hosts[i]), "%.*s", (int)(colon ? colon - app.listen[i] : 0),
			 app.listen[i]);
		listen[i] = (struct dns_listen){hosts[i], (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0)};
	}
	struct dns_opts o = {.listen = listen,
			     .n_listen = app.n_listen,
			     .limits = app.limits,
			     .hooks = {.end = transfer_ended}};
	if (metrics_setup(&f) != ERR_OK || dns_server_new(&o, &s, &f) != ERR_OK)
		die(&f);
	OWN(dns_set) struct dns_set *set = make_set();
	if (dns_server_start(s, set, &f) != ERR_OK)
		die(&f);
	printf("ready");
	for (size_t i = 0; i < app.n_listen; i++)
		printf(" %u", dns_server_port(s, i));
	printf("\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && command(s, line))
		;
	dns_server_stop(s);
	dns_set_unref(MOVE(set));
	for (size_t i = 0; i < app.n_zones; i++)
		memory_zone_free(app.memory[i]);
	metrics_teardown();
	return 0;
}
