/* world.c - enough of a node for tests of rooms that need store, gate, ingest and egress at once. */
#include "tests/unit/feeds_out/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"

static struct policy *get_policy(void *user)
{
	struct world *w = user;
	return policy_ref(w->policy);
}

static int64_t get_now(void *user, bool *trusted)
{
	struct world *w = user;
	*trusted = !w->distrust;
	return w->now ? w->now : clock_now();
}

static enum err put_org(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.name = STR("Host"), .local = true};
	(void)arg;
	if (store_count(store_view(w), T_ORG))
		return ERR_OK;
	uuid_parse(STR("0b2c1111-2222-4333-8444-555566667777"), &o.uuid);
	o.id = store_new_row_id(w, T_ORG);
	return store_put(w, T_ORG, o.id, &o, f);
}

static void must(enum err e, const struct fail *f, const char *what)
{
	if (e != ERR_OK)
		bail_out("%s: %s", what, f->text);
}

static void start(struct world *w)
{
	struct fail f = {0};
	struct store_opts o = {.dir = w->store_dir, .create = true, .map_size = 1u << 30};
	must(store_open(&o, &w->store, &f), &f, "store");
	must(store_run(w->store, put_org, NULL, &f), &f, "organisation");
	must(index_open(w->store, NULL, NULL, &w->index, &f), &f, "index");
	w->in = (struct ingest_env){.store = w->store,
				    .index = w->index,
				    .policy = get_policy,
				    .user = w,
				    .spool_dir = w->dir,
				    .host_org_id = 1,
				    .default_event_distribution = 1,
				    .default_attr_distribution = 5};
	w->out = (struct egress_env){.store = w->store,
				     .index = w->index,
				     .policy = get_policy,
				     .now = get_now,
				     .user = w,
				     .base_url = STR("https://node.example"),
				     .host_org_name = STR("Host"),
				     .host_org_id = 1};
	uuid_parse(STR("0b2c1111-2222-4333-8444-555566667777"), &w->out.host_org);
	char key[128];
	snprintf(key, sizeof(key), "%s/ledger.key", w->dir);
	struct ledger_opts lo = {.store = w->store, .key_file = key};
	must(ledger_open(&lo, &w->out.ledger, &f), &f, "ledger");
}

static void stop(struct world *w)
{
	ledger_close(w->out.ledger);
	index_close(w->index); /* unhooks itself from the store's writer */
	store_close(w->store);
}

void world_open(struct world *w, const char *policy)
{
	const char *tmp = getenv("TMPDIR");
	*w = (struct world){0};
	snprintf(w->dir, sizeof(w->dir), "%.40s/tocsin.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		bail_out("cannot make a folder");
	snprintf(w->store_dir, sizeof(w->store_dir), "%s/store", w->dir);
	mkdir(w->store_dir, 0700);
	w->policy = policy_shipped(policy);
	if (!w->policy)
		bail_out("no policy %s", policy);
	start(w);
}

void world_reopen(struct world *w)
{
	stop(w);
	start(w);
}

void world_close(struct world *w)
{
	stop(w);
	policy_unref(w->policy);
	world_remove(w->dir);
}

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void world_remove(const char *dir)
{
	nftw(dir, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- events ---- */

static enum err take(void *user, struct raw_event *r, struct fail *f)
{
	(void)f;
	*(struct raw_event **)user = r;
	return ERR_OK;
}

struct raw_event *world_parse(struct world *w, const char *json)
{
	struct json_read_opts o = {.root = RAW_EVENT, .spool_dir = w->dir};
	struct raw_event *raw = NULL;
	struct fail f = {0};
	OWN(json_read) struct json_read *j = json_read_new(&o, take, &raw);
	enum err e = json_read_feed(j, json, strlen(json), &f);
	if (e == ERR_OK)
		e = json_read_end(j, &f);
	if (e != ERR_OK)
		diag("not parsed: %s", f.text);
	return raw;
}

struct admit_facts world_operator(void)
{
	return (struct admit_facts){.kind = AUD_OPERATOR,
				    .org_id = 1,
				    .user_id = 1,
				    .perm_sync = true,
				    .site_admin = true,
				    .perm_publish = true,
				    .perm_tagger = true,
				    .perm_tag_editor = true,
				    .default_event_distribution = 1,
				    .default_attr_distribution = 5,
				    .now = clock_now()};
}

uint64_t world_add(struct world *w, const char *json)
{
	return world_add_as(w, json, 1, 1);
}

uint64_t world_add_as(struct world *w, const char *json, uint64_t org_id, uint64_t user_id)
{
	static const uint64_t groups[] = {1, 2};
	struct admit_facts facts = world_operator();
	facts.org_id = org_id;
	facts.user_id = user_id;
	facts.groups = groups;
	facts.n_groups = ARRAY_LEN(groups);
	return world_add_with(w, json, &facts);
}

uint64_t world_add_with(struct world *w, const char *json, struct admit_facts *facts)
{
	struct origin origin = {.kind = ORIGIN_LOCAL, .time = facts->now};
	struct ingest_result res = {0};
	struct fail f = {0};
	OWN(arena) struct arena *a = arena_new(64u << 20);
	struct raw_event *raw = world_parse(w, json);
	if (!raw)
		return 0;
	enum err e = ingest_event_add(&w->in, &raw, &origin, facts, a, &res, &f);
	if (e != ERR_OK)
		diag("not added: %s %s", err_name(e), f.text);
	for (uint32_t i = 0; i < res.n_problems; i++)
		diag("refused: %.*s", STR_ARG(res.problems[i].errors));
	return e == ERR_OK ? res.event_id : 0;
}

bool world_edit(struct world *w, uint64_t id, const char *json)
{
	struct admit_facts facts = world_operator();
	struct origin origin = {.kind = ORIGIN_LOCAL, .time = facts.now};
	struct ingest_result res = {0};
	struct fail f = {0};
	OWN(arena) struct arena *a = arena_new(64u << 20);
	struct raw_event *raw = world_parse(w, json);
	if (!raw)
		return false;
	enum err e = ingest_event_edit(&w->in, id, &raw, &origin, &facts, a, &res, &f);
	if (e != ERR_OK)
		diag("not edited: %s %s", err_name(e), f.text);
	return e == ERR_OK;
}

struct audience world_audience(const char *name)
{
	struct audience a = {.kind = AUD_FEED, .profile = PROFILE_FULL};
	snprintf(a.name, sizeof(a.name), "%s", name);
	a.tlp = TLP_COUNT - 1; /* counted the other way round: up to red */
	a.pap = PAP_COUNT - 1;
	a.misp_rules_only = true;
	return a;
}

char *world_file(const char *dir, const char *name, size_t *n)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	char *p = calloc(1, (size_t)st.st_size + 1);
	size_t at = 0;
	while (p && at < (size_t)st.st_size) {
		ssize_t k = read(fd, p + at, (size_t)st.st_size - at);
		if (k <= 0)
			break;
		at += (size_t)k;
	}
	if (n)
		*n = at;
	return p;
}
