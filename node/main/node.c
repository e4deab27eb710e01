/*
 * node.c - start and stop in one place, read from top to bottom.
 */
#include "main/node.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/audit.h"
#include "api/keyring.h"
#include "api/peer_rows.h"
#include "api/rates.h"
#include "api/throttle.h"
#include "api/vocab.h"
#include "base/hash.h"
#include "base/log.h"
#include "egress/derived.h"
#include "egress/openings.h"
#include "egress/order.h"
#include "egress/records.h"
#include "gate/policy.h"
#include "main/guarded_clock.h"
#include "main/publisher.h"
#include "main/telemetry.h"
#include "main/zones.h"
#include "retract/retract.h"
#include "sandbox/sandbox.h"
#include "search/correlate.h"
#include "search/rows.h"
#include "subs/subs.h"
#include "sync/feed_schedule.h"
#include "sync/peer_schedule.h"

#define STOP_GRACE_MS 10000

/* ---- files and keys ---- */

static enum err make_dir(const char *path, struct fail *f)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return ERR_OK;
	return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", path);
}

static enum err join(char *out, size_t n, const char *dir, const char *name, struct fail *f)
{
	if ((size_t)snprintf(out, n, "%s/%s", dir, name) >= n)
		return fail(f, ERR_CONFIG, "data_dir is too long");
	return ERR_OK;
}

/* The secret under which API keys are hashed: made once, readable by us only. */
static enum err load_secret(struct node *n, struct fail *f)
{
	char path[4200];
	TRY(join(path, sizeof(path), n->conf->data_dir, "auth.key", f));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		char fresh[sizeof(n->key_secret)];
		random_bytes(fresh, sizeof(fresh));
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return fail_errno(f, ERR_IO, errno, "cannot make %s", path);
		bool ok = write(fd, fresh, sizeof(fresh)) == (ssize_t)sizeof(fresh) && fsync(fd) == 0;
		close(fd);
		if (!ok) {
			unlink(path);
			return fail(f, ERR_IO, "cannot write %s", path);
		}
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot read %s", path);
	ssize_t got = read(fd, n->key_secret, sizeof(n->key_secret));
	close(fd);
	if (got != (ssize_t)sizeof(n->key_secret))
		return fail(f, ERR_CORRUPT, "%s is damaged: without it no API key is known", path);
	n->api.key_secret = (struct str){n->key_secret, sizeof(n->key_secret)};
	return ERR_OK;
}

/* ---- policy and clock, as egress and ingest ask for them ---- */

static struct policy *current_policy(void *user)
{
	struct node *n = user;
	pthread_mutex_lock(&n->policy_lock);
	struct policy *p = policy_ref(n->policy);
	pthread_mutex_unlock(&n->policy_lock);
	return p;
}

static enum err load_policy(struct node *n, struct fail *f)
{
	struct policy *p = NULL;
	if (n->conf->policy)
		TRY(policy_load(n->conf->policy, &p, f));
	else
		p = policy_shipped("misp-compat");
	if (!p)
		return fail(f, ERR_NOMEM, "no policy");
	pthread_mutex_lock(&n->policy_lock);
	struct policy *old = n->policy;
	n->policy = p;
	pthread_mutex_unlock(&n->policy_lock);
	if (old)
		policy_unref(old);
	log_info("main", "policy=%.16s", policy_version(p));
	return ERR_OK;
}

static int64_t embargo_now(void *user, bool *trusted)
{
	struct node *n = user;
	return guarded_clock_now(n->clock, trusted);
}

/* ---- opening ---- */

static void default_base_url(struct node *n)
{
	struct conf_addr a;
	struct fail f = {0};
	if (n->conf->base_url)
		snprintf(n->base_url, sizeof(n->base_url), "%s", n->conf->base_url);
	else if (n->conf->listen.n &&
		 conf_addr_parse(str_c(n->conf->listen.v[0]), &a, &f) == ERR_OK)
		snprintf(n->base_url, sizeof(n->base_url), "%s://%s:%u",
			 n->conf->tls_cert ? "https" : "http", a.host, a.port);
	n->api.base_url = str_c(n->base_url);
}

/* Ports of `listen` and dns.listen; false when one of them is left to the kernel. */
static bool listen_ports(const struct conf *c, uint16_t *ports, size_t *n)
{
	const struct conf_list *const lists[] = {&c->listen, &c->dns_listen};
	struct conf_addr a;
	*n = 0;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			if (conf_addr_parse(str_c(lists[l]->v[i]), &a, NULL) != ERR_OK || !a.port)
				return false;
			ports[(*n)++] = a.port;
		}
	return true;
}

/* The folder of a key's file, as it stands in dns.keys: NAME ALGORITHM FILE. */
static const char *key_folder(struct arena *a, const char *line)
{
	struct str rest = str_trim(str_c(line));
	for (int i = 0; i < 2; i++) {
		size_t k = 0;
		while (k < rest.n && rest.p[k] != ' ' && rest.p[k] != '\t')
			k++;
		rest = str_trim(str_sub(rest, k, SIZE_MAX));
	}
	char *path = rest.n ? arena_cstr(a, rest) : NULL;
	return path ? dirname(path) : NULL;
}

/* Before the sandbox, the store and the first thread. A node that is only set up needs no helper. */
static enum err start_pgp(struct node *n, bool create, struct fail *f)
{
	const struct conf *c = n->conf;
	if (create || !c->pgp_enabled)
		return pgp_none("protected events are switched off (pgp.enabled)", &n->pgp, f);
	struct pgp_opts o = {.home = conf_pgp_home(c),
			     .key = c->pgp_key,
			     .sandbox = (unsigned)c->sandbox};
	return pgp_start(&o, &n->pgp, f);
}

#define MAIL_WORDS 16 /* of mail.command, as many as its option takes */

/* Likewise. */
static enum err start_mail(struct node *n, bool create, struct fail *f)
{
	const struct conf *c = n->conf;
	const char *argv[MAIL_WORDS + 1] = {NULL};
	char home[4096];
	TRY(join(home, sizeof(home), c->data_dir, "mail", f));
	for (size_t i = 0; !create && i < c->mail_command.n && i < MAIL_WORDS; i++)
		argv[i] = c->mail_command.v[i];
	struct mail_opts o = {.argv = argv,
			      .from = c->mail_from,
			      .home = home,
			      .sandbox = (unsigned)c->sandbox};
	return mail_start(&o, &n->mail, f);
}

/* Before the first thread: Landlock holds for what is started later only. */
static enum err confine(struct node *n, const char *conf_file, struct fail *f)
{
	const struct conf *c = n->conf;
	struct sandbox_path paths[240] = {{c->data_dir, SANDBOX_WRITE, false}};
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct sandbox_report report = {0};
	uint16_t ports[128];
	size_t k = 1, n_ports = 0;
	const char *const files[] = {c->policy,	c->tls_cert, c->tls_key, c->tls_client_ca,
				     c->key_file, conf_file};
	/* Their folders: editors and certificate tools replace files, which a rule does not outlive. */
	char folders[ARRAY_LEN(files)][4096], socket_folder[128];
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (files[i]) {
			snprintf(folders[i], sizeof(folders[i]), "%s", files[i]);
			paths[k++] = (struct sandbox_path){dirname(folders[i]), SANDBOX_READ, true};
		}
	if (c->feeds_dir)
		paths[k++] = (struct sandbox_path){c->feeds_dir, SANDBOX_WRITE, true};
	if (c->exports_dir)
		paths[k++] = (struct sandbox_path){c->exports_dir, SANDBOX_WRITE, true};
	const struct conf_list *const read[] = {&c->taxonomies,	 &c->warninglists,
						&c->noticelists, &c->object_templates,
						&c->decaying_models, &c->readable};
	for (size_t l = 0; l < ARRAY_LEN(read); l++)
		for (size_t i = 0; i < read[l]->n && k < ARRAY_LEN(paths) - 1; i++)
			paths[k++] = (struct sandbox_path){read[l]->v[i], SANDBOX_READ, true};
	for (size_t i = 0; a && i < c->dns_keys.n && k < ARRAY_LEN(paths) - 1; i++) {
		const char *folder = key_folder(a, c->dns_keys.v[i]);
		if (folder)
			paths[k++] = (struct sandbox_path){folder, SANDBOX_READ, true};
	}
	for (size_t i = 0; i < c->writable.n && k < ARRAY_LEN(paths) - 1; i++)
		paths[k++] = (struct sandbox_path){c->writable.v[i], SANDBOX_WRITE, true};
	if (c->socket) {
		snprintf(socket_folder, sizeof(socket_folder), "%s", c->socket);
		paths[k++] = (struct sandbox_path){dirname(socket_folder), SANDBOX_WRITE, false};
	}
	bool known = listen_ports(c, ports, &n_ports);
	struct sandbox_plan plan = {.mode = (enum sandbox_mode)c->sandbox,
				    .paths = paths,
				    .n_paths = k,
				    .network_files = true,
				    .bind_ports = ports,
				    .n_bind_ports = n_ports,
				    .bind_any = !known};
	TRY(sandbox_enter(&plan, &report, f));
	log_info("main", "sandbox landlock_abi=%d bind_rules=%d seccomp=%d", report.landlock_abi,
		 report.has_bind_rules, report.has_seccomp);
	return ERR_OK;
}

enum err node_open(struct node *n, const struct conf *conf, const char *conf_file, bool create,
		   struct fail *f)
{
	*n = (struct node){.conf = conf};
	pthread_mutex_init(&n->policy_lock, NULL);
	pthread_mutex_init(&n->reload_lock, NULL);
	pthread_mutex_init(&n->api.vocabs_lock, NULL);
	long_jobs_init(&n->api.jobs);
	index_tags_init(&n->api.index_tags);
	TRY(make_dir(conf->data_dir, f));
	TRY(start_mail(n, create, f)); /* knows no key of ours */
	TRY(secret_key_load(conf_key_file(conf), &n->peer_key, f));
	if (conf->feeds_dir)
		TRY(make_dir(conf->feeds_dir, f)); /* cannot be made once we are confined */
	if (conf->exports_dir)
		TRY(make_dir(conf->exports_dir, f));
	TRY(start_pgp(n, create, f));
	TRY(confine(n, conf_file, f));
	TRY(join(n->store_dir, sizeof(n->store_dir), conf->data_dir, "store", f));
	TRY(join(n->spool_dir, sizeof(n->spool_dir), conf->data_dir, "spool", f));
	TRY(make_dir(n->store_dir, f));
	TRY(make_dir(n->spool_dir, f));
	TRY(load_secret(n, f));
	TRY(load_policy(n, f));
	struct store_opts o = {.dir = n->store_dir,
			       .map_size = conf->store_map_size,
			       .quota = conf->store_quota,
			       .readers = (unsigned)conf->store_readers,
			       .group_us = (unsigned)conf->store_group_window,
			       .create = create,
			       .id_gaps = true};
	return store_open(&o, &n->store, f);
}

/* The host organisation is organisation 1. */
static enum err load_host(struct node *n, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_org o;
	TRY(store_read(n->store, &t, f));
	enum err e = store_get(t, T_ORG, 1, NULL, &o);
	if (e != ERR_OK)
		return fail(f, e, "the store has no organisation: run `tocsin init` first");
	snprintf(n->org_name, sizeof(n->org_name), "%.*s", STR_ARG(o.name));
	n->api.egress.host_org_name = str_c(n->org_name);
	n->api.egress.host_org_id = 1;
	n->api.egress.host_org = o.uuid;
	return ERR_OK;
}

static bool is_ready(void *user, struct buf *why)
{
	struct node *n = user;
	bool trusted;
	if (atomic_load(&n->stopping)) {
		buf_puts(why, "stopping\n");
		return false;
	}
	guarded_clock_now(n->clock, &trusted);
	struct policy *p = current_policy(n); /* a reload may swap it at any moment */
	bool embargoes = !policy_is_misp_compat(p);
	policy_unref(p);
	if (!trusted && embargoes) {
		buf_printf(why,
			   "the clock is not trusted (%s): embargoes that have ended stay shut until "
			   "`tocsin clock accept`\n",
			   guarded_clock_alarm(n->clock));
		return false;
	}
	return true;
}

static void print_metrics(void *user, struct buf *out)
{
	telemetry_text(user, out);
}

static enum err reload(void *user, struct fail *f)
{
	return node_reload(user, f);
}

/* Did this node give out a cut copy under the UUID? */
static bool own_derived(void *user, const struct store_rtxn *t, struct uuid u)
{
	struct node *n = user;
	uint64_t id;
	struct policy *p = current_policy(n);
	bool ours = derived_find(n->derived, p, t, n->api.egress.host_org, u, 0, true, &id) == ERR_OK;
	policy_unref(p);
	return ours;
}

static bool own_copy(void *user, uint64_t event_id, int64_t timestamp)
{
	struct node *n = user;
	return n->api.egress.openings && openings_at(n->api.egress.openings, event_id, timestamp);
}

static const char *clock_alarm(void *user)
{
	struct node *n = user;
	return guarded_clock_alarm(n->clock);
}

static void clock_accept(void *user)
{
	guarded_clock_accept(((struct node *)user)->clock);
}

static void show_zones(void *user, struct jsonw *w)
{
	zones_status(((struct node *)user)->zones, w);
}

static void fill_api(struct node *n)
{
	struct api *a = &n->api;
	a->store = n->store;
	a->index = n->index;
	a->misp_version = str_c(n->conf->misp_version);
	a->max_event_bytes = n->conf->limit_event;
	a->ready = is_ready;
	a->metrics = print_metrics;
	a->reload = reload;
	a->clock_alarm = clock_alarm;
	a->clock_accept = clock_accept;
	a->zones = show_zones;
	a->feeds_dir = conf_feeds_dir(n->conf);
	a->conf = n->conf;
	a->peer_key = &n->peer_key;
	a->pgp = n->pgp;
	a->mail = n->mail;
	a->audit = n->audit;
	a->throttle = throttle_new(); /* without: no back-off, and nothing else is amiss */
	a->keys = keyring_new();
	a->rates = rates_new();
	a->pages = search_pages_new(); /* without: deep pages take longer */
	a->user = n;
	a->ingest = (struct ingest_env){
		.store = n->store,
		.index = n->index,
		.policy = current_policy,
		.now = embargo_now,
		.user = n,
		.spool_dir = n->spool_dir,
		.pgp = n->pgp,
		.base_url = a->base_url,
		.block_tags = n->conf->block_tags.v,
		.n_block_tags = n->conf->block_tags.n,
		.host_org_id = 1,
		.quarantine_documents = (uint64_t)n->conf->quarantine_documents,
		.quarantine_bytes = (uint64_t)n->conf->quarantine_bytes,
		.sightings_realtime = n->conf->sightings_realtime,
		.default_event_distribution = (uint8_t)n->conf->default_event_distribution,
		.default_attr_distribution = (uint8_t)n->conf->default_attribute_distribution,
		.own_derived = own_derived,
		.own_copy = own_copy,
	};
	a->egress.store = n->store;
	a->egress.index = n->index;
	a->egress.policy = current_policy;
	a->egress.now = embargo_now;
	a->egress.user = n;
	a->egress.base_url = a->base_url;
	a->egress.derived = n->derived;
	a->egress.ledger = n->ledger;
	a->egress.unpublished_private = n->conf->unpublished_private;
	a->egress.sightings_policy = (uint8_t)n->conf->sightings_policy;
	a->egress.sightings_anonymise = n->conf->sightings_anonymise;
}

/* ---- serving ---- */

#define LISTEN_MAX 65

static void request_done(const struct http_req *r, const struct http_done *d)
{
	telemetry_request(r, d);
	api_audit_done(r, d);
}

static enum err make_server(struct node *n, struct fail *f)
{
	const struct conf *c = n->conf;
	struct http_listen listen[LISTEN_MAX] = {0};
	struct conf_addr addrs[LISTEN_MAX];
	size_t k = 0;
	for (; k < c->listen.n && k < LISTEN_MAX - 1; k++) {
		TRY(conf_addr_parse(str_c(c->listen.v[k]), &addrs[k], f));
		listen[k] = (struct http_listen){.host = addrs[k].host,
						 .port = addrs[k].port,
						 .tls = c->tls_cert && !addrs[k].loopback};
	}
	listen[k++] = (struct http_listen){.unix_path = conf_socket(c),
					 .unix_group = c->socket_group};
	struct http_conf h = {
		.rows = api_rows,
		.rows_n = api_rows_n,
		.listen = listen,
		.listen_n = k,
		.io_threads = (unsigned)c->io_threads,
		.tls = {c->tls_cert, c->tls_key, c->tls_client_ca, c->tls_client_required},
		.limits = {.head_max = c->limit_head,
			   .uri_max = c->limit_uri,
			   .headers_max = (unsigned)c->limit_headers,
			   .body_default = c->limit_body,
			   .bodies_total = c->limit_bodies,
			   .pipeline = (unsigned)c->limit_pipeline,
			   .conns = (unsigned)c->limit_connections,
			   .conns_per_addr = (unsigned)c->limit_connections_per_address,
			   .requests_per_conn = (unsigned)c->limit_requests_per_connection,
			   .idle_ms = (unsigned)c->limit_idle,
			   .head_ms = (unsigned)c->limit_head_time,
			   .stall_ms = (unsigned)c->limit_stall,
			   .min_rate = (unsigned)c->limit_min_rate},
		.workers = n->workers,
		.app = &n->api,
		.auth = api_auth,
		.done = request_done,
		.around = api_audit_around,
		.gone = api_gone,
		.spool_dir = n->spool_dir,
		.arena_max = c->limit_request_memory,
	};
	return http_server_new(&h, &n->http, f);
}

static void index_progress(void *user, const char *step, uint64_t done, uint64_t total)
{
	(void)user;
	log_info("index", "step=%s done=%llu total=%llu", step, (unsigned long long)done,
		 (unsigned long long)total);
}

/* Feeds are taken in by the host organisation. */
static enum err start_feeds(struct node *n, struct fail *f)
{
	struct feed_schedule_opts o = {.in = &n->api.ingest,
				       .out = &n->api.egress,
				       .org_id = 1,
				       .client = client_opts_of(n->conf),
				       .max_event_bytes = n->conf->limit_event,
				       .cache_dir = n->conf->data_dir,
				       .key = &n->peer_key,
				       .taxii_batch = n->conf->taxii_batch,
				       .interval_s = (uint64_t)n->conf->feed_interval / 1000};
	o.client.user_agent = "tocsin/" PACKAGE_VERSION;
	return feed_schedule_start(&o, &n->feeds, f);
}

static void push_stamp(void *user, char out[65])
{
	const struct api *api = user;
	bool trusted;
	struct policy *p = api->egress.policy(api->egress.user);
	policy_stamp(p, api->egress.now(api->egress.user, &trusted), out);
	policy_unref(p);
}

/* A run asked for by hand and one of the schedule are jobs of the same list: one at a time. */
static enum err start_peers(struct node *n, struct fail *f)
{
	struct peer_schedule_opts o = {.store = n->store,
				       .run = peer_run_scheduled,
				       .stamp = push_stamp,
				       .user = &n->api,
				       .interval_s = (uint64_t)n->conf->peer_interval / 1000,
				       .push_delay_ms = (unsigned)n->conf->push_delay};
	return peer_schedule_start(&o, &n->peers, f);
}

/* What the node itself does, with the policy that is in force then. */
static void record(struct node *n, enum audit_action a, enum err e)
{
	struct policy *p = current_policy(n);
	char text[120];
	snprintf(text, sizeof(text), "tocsin %s, policy %s", PACKAGE_VERSION, policy_version(p));
	policy_unref(p);
	struct audit_entry x = {.action = a,
				.outcome = e == ERR_OK ? AUDIT_OK : AUDIT_FAILED,
				.who = {.kind = AUDIT_BY_SYSTEM},
				.text = str_c(text)};
	audit_later(n->audit, &x);
}

static enum err start_ledger(struct node *n, struct fail *f)
{
	char path[4200];
	TRY(join(path, sizeof(path), n->conf->data_dir, "ledger.key", f));
	struct ledger_opts o = {.store = n->store, .key_file = path};
	return ledger_open(&o, &n->ledger, f);
}

static uint64_t published(void *user)
{
	return publisher_seq(((struct node *)user)->publisher);
}

static void subs_changed(void *user)
{
	zones_changed(((struct node *)user)->zones);
}

static enum err start_subs(struct node *n, struct fail *f)
{
	char dir[4200];
	TRY(join(dir, sizeof(dir), n->conf->data_dir, "subs", f));
	const struct subs_opts o = {
		.env = &n->api.egress,
		.dir = dir,
		.files_dir = conf_exports_dir(n->conf),
		.changed = subs_changed,
		.user = n};
	return subs_start(&o, &n->api.subs, f);
}

static enum err start_retractor(struct node *n, struct fail *f)
{
	const struct retract_env env = {
		.out = &n->api.egress, .published = published, .user = n};
	return retractor_start(&env, &n->retractor, f);
}

static enum err start_lists(struct node *n, struct fail *f)
{
	const struct conf *c = n->conf;
	struct lists_conf lc = {.store = n->store,
				.folders = {
					[LIST_WARNING] = {c->warninglists.v, c->warninglists.n},
					[LIST_NOTICE] = {c->noticelists.v, c->noticelists.n},
					[LIST_TEMPLATE] = {c->object_templates.v, c->object_templates.n},
					[LIST_DECAY] = {c->decaying_models.v, c->decaying_models.n},
				}};
	n->api.egress.lists = lists_new(&lc);
	return n->api.egress.lists ? lists_refresh(n->api.egress.lists, f) : fail(f, ERR_NOMEM, "no memory");
}

enum err node_start(struct node *n, struct fail *f)
{
	default_base_url(n);
	TRY(load_host(n, f));
	TRY(telemetry_setup(f));
	TRY(guarded_clock_new(n->store, n->conf->max_clock_step / 1000, &n->clock, f));
	TRY(index_open(n->store, index_progress, n, &n->index, f));
	TRY(start_ledger(n, f));
	n->api.egress.correlator =
		correlator_new(n->index, &(struct correlate_rules){
						 .limit = (uint32_t)n->conf->correlation_limit,
						 .networks = n->conf->correlation_networks,
						 .ssdeep = (uint8_t)n->conf->correlation_ssdeep});
	n->derived = derived_new();
	n->api.order = order_new();
	n->api.egress.records = records_new();
	if (!n->derived || !n->api.order || !n->api.egress.records || !n->api.egress.correlator)
		return fail(f, ERR_NOMEM, "no memory");
	struct audit_queue_opts ao = {.store = n->store,
				      .days = (unsigned)(n->conf->audit_retention / 86400000),
				      .now = embargo_now,
				      .user = n};
	TRY(audit_queue_start(&ao, &n->audit, f));
	record(n, AUDIT_start, ERR_OK);
	fill_api(n);
	TRY(api_vocabs_reload(&n->api, f));
	TRY(start_lists(n, f));
	struct offload_conf oc = {.threads = (unsigned)n->conf->workers};
	TRY(offload_new(&oc, &n->workers, f));
	n->api.workers = n->workers;
	TRY(make_server(n, f));
	TRY(openings_start(&n->api.egress, &n->openings, f));
	n->api.egress.openings = n->openings;
	TRY(publisher_start(&n->api.egress, conf_feeds_dir(n->conf), n->pgp, &n->publisher, f));
	TRY(zones_new(n->conf, &n->zones, f)); /* before what tells it of changes */
	TRY(start_subs(n, f));
	TRY(zones_start(n->zones, n->conf, n->api.subs, n->audit, f));
	TRY(start_retractor(n, f));
	TRY(client_hold(f)); /* connections to peers outlast single runs */
	n->holds_client = true;
	TRY(start_feeds(n, f));
	TRY(start_peers(n, f));
	return http_server_start(n->http, f);
}

/* What a running node can take over is taken over, or nothing is. */
static enum err reload_locked(struct node *n, struct fail *f)
{
	OWN(conf) const struct conf *now = NULL;
	OWN(buf) struct buf keys = BUF(4096);
	TRY(n->reread(n->reread_user, &now, f));
	TRY(zones_read(n->zones, now, f));
	enum err e = load_policy(n, f);
	if (e == ERR_OK)
		e = api_vocabs_reload(&n->api, f);
	if (e == ERR_OK)
		e = lists_refresh(n->api.egress.lists, f);
	record(n, AUDIT_policy, e);
	if (e == ERR_OK) {
		openings_rescan(n->openings);
		publisher_rescan(n->publisher);
		subs_look(n->api.subs);
		retractor_rescan(n->retractor);
		zones_take(n->zones);
	}
	if (e == ERR_OK && n->conf->tls_cert)
		e = http_server_reload(n->http, f);
	TRY(e);
	log_setup(2, (enum log_level)now->log_level, (enum log_format)now->log_format);
	if (conf_needs_restart(n->conf, now, &keys))
		log_warn("main", "reloaded restart_needed_for=%s", log_val(buf_str(&keys)));
	else
		log_info("main", "reloaded");
	return ERR_OK;
}

enum err node_reload(struct node *n, struct fail *f)
{
	pthread_mutex_lock(&n->reload_lock);
	enum err e = reload_locked(n, f);
	pthread_mutex_unlock(&n->reload_lock);
	return e;
}

void node_tick(struct node *n)
{
	guarded_clock_persist(n->clock);
	zones_tick(n->zones);
}

void node_stop(struct node *n)
{
	atomic_store(&n->stopping, true);
	long_jobs_stop(&n->api.jobs);
	subs_quit(n->api.subs);
	zones_stop(MOVE(n->zones));
	if (n->http)
		http_server_stop(n->http, STOP_GRACE_MS);
	if (n->workers)
		offload_stop(n->workers, true);
	if (n->http)
		http_server_free(MOVE(n->http));
	offload_free(MOVE(n->workers));
	feed_schedule_stop(MOVE(n->feeds));
	peer_schedule_stop(MOVE(n->peers));
	if (n->holds_client)
		client_drop();
	retractor_stop(MOVE(n->retractor));
	publisher_stop(MOVE(n->publisher));
	subs_free(MOVE(n->api.subs));
	n->api.egress.openings = NULL;
	openings_stop(MOVE(n->openings));
	derived_free(MOVE(n->derived));
	order_free(MOVE(n->api.order));
	throttle_free(MOVE(n->api.throttle));
	rates_free(MOVE(n->api.rates));
	keyring_free(MOVE(n->api.keys));
	search_pages_free(MOVE(n->api.pages));
	records_free(MOVE(n->api.egress.records));
	lists_free(MOVE(n->api.egress.lists));
	correlator_free(MOVE(n->api.egress.correlator));
	vocabs_unref(MOVE(n->api.vocabs));
	ledger_close(MOVE(n->ledger)); /* nothing is sent any more */
	if (n->clock)
		guarded_clock_persist(n->clock);
	if (n->index)
		index_close(MOVE(n->index));
	if (n->audit)
		record(n, AUDIT_stop, ERR_OK);
	audit_queue_stop(MOVE(n->audit));
	if (n->store)
		store_close(MOVE(n->store));
	guarded_clock_free(MOVE(n->clock));
	pgp_stop(MOVE(n->pgp));
	mail_stop(MOVE(n->mail));
	if (n->policy)
		policy_unref(MOVE(n->policy));
	pthread_mutex_destroy(&n->policy_lock);
	pthread_mutex_destroy(&n->reload_lock);
	secret_wipe(n->key_secret, sizeof(n->key_secret));
	secret_wipe(&n->peer_key, sizeof(n->peer_key));
}
