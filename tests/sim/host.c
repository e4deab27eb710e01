/*
 * host.c - start, stop and crash of a node inside the test.
 *
 * A crash is a copy of the store's files, taken on the writer's thread right after a commit (LMDB
 * writes nothing then) or while the node waits for the network. The node itself lives on until its
 * threads have come home; what they wrote meanwhile is thrown away.
 */
#include "tests/sim/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/server.h"
#include "retract/retract.h"
#include "store/store.h"
#include "sync/client_curl.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

static void must(enum err e, const struct fail *f, const char *what)
{
	if (e != ERR_OK)
		bail_out("%s: %s %s", what, err_name(e), f->text);
}

const char *host_org_uuid(unsigned org)
{
	static const char *const uuids[HOSTS_MAX] = {"aaaaaaaa-0000-4000-8000-00000000000a",
						     "bbbbbbbb-0000-4000-8000-00000000000b",
						     "cccccccc-0000-4000-8000-00000000000c"};
	return uuids[org];
}

const char *host_admin_key(unsigned nr)
{
	static const char *const keys[HOSTS_MAX] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
						    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
						    "cccccccccccccccccccccccccccccccccccccccc"};
	return keys[nr];
}

char host_letter(unsigned nr)
{
	return (char)('A' + nr);
}

/* ---- folders ---- */

static void join(char *out, size_t n, const char *dir, const char *name)
{
	if ((size_t)snprintf(out, n, "%s/%s", dir, name) >= n)
		bail_out("a path is too long: %s/%s", dir, name);
}

static bool is_zero(const char *p, size_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

/* Holes stay holes: LMDB's file is mostly empty. */
static void copy_file(const char *from, const char *to)
{
	char block[4096];
	struct stat st;
	ssize_t n;
	OWN(fd) int in = open(from, O_RDONLY | O_CLOEXEC);
	OWN(fd) int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		bail_out("cannot copy %s to %s: %s", from, to, strerror(errno));
	for (off_t at = 0; (n = pread(in, block, sizeof(block), at)) > 0; at += n)
		if (!is_zero(block, (size_t)n) && pwrite(out, block, (size_t)n, at) != n)
			bail_out("cannot write %s", to);
	if (ftruncate(out, st.st_size) < 0)
		bail_out("cannot size %s", to);
}

/* Files and folders; sockets and the like are left out, and so is `but` (may be NULL). */
static void copy_dir(const char *from, const char *to, const char *but)
{
	DIR *d = opendir(from);
	const struct dirent *e;
	char a[400], b[400];
	struct stat st;
	if (!d || (mkdir(to, 0700) < 0 && errno != EEXIST))
		bail_out("cannot copy %s to %s: %s", from, to, strerror(errno));
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    (but && !strcmp(e->d_name, but)))
			continue;
		join(a, sizeof(a), from, e->d_name);
		join(b, sizeof(b), to, e->d_name);
		if (lstat(a, &st) < 0)
			continue; /* a temporary file that has gone */
		if (S_ISDIR(st.st_mode))
			copy_dir(a, b, but);
		else if (S_ISREG(st.st_mode))
			copy_file(a, b);
	}
	closedir(d);
}

/* ---- life ---- */

static void read_conf(struct host *h)
{
	struct fail f = {0};
	OWN(buf) struct buf b = BUF(8192);
	buf_printf(&b,
		   "data_dir: '%s'\nlisten: ['127.0.0.1:0']\nbase_url: 'http://node-%u.sim'\n"
		   "org:\n  name: 'Org %c'\n  uuid: %s\nio_threads: 1\nworkers: 2\nsandbox: off\n"
		   "peer_interval: 0\npush_delay: 0\nsightings:\n  policy: 2\nstore:\n  map_size: 1 GiB\n"
		   /* nothing is protected here, and forking a helper is half the time of a world */
		   "pgp:\n  enabled: false\n",
		   h->dir, h->nr, host_letter(h->org), host_org_uuid(h->org));
	must(conf_parse(buf_str(&b), "sim", NULL, 0, &h->conf, &f), &f, "configuration");
}

void host_place(struct host *h, unsigned nr, unsigned org, const char *dir)
{
	*h = (struct host){.nr = nr, .org = org};
	snprintf(h->dir, sizeof(h->dir), "%s", dir);
	snprintf(h->snap, sizeof(h->snap), "%s.crash", dir);
}

void host_init(struct host *h, unsigned nr, unsigned org, const char *dir)
{
	struct fail f = {0};
	struct first_admin admin = {.email = "admin@admin.test", .key = host_admin_key(nr)};
	host_place(h, nr, org, dir);
	read_conf(h);
	must(node_open(&h->node, h->conf, NULL, true, &f), &f, "opening");
	must(node_bootstrap(&h->node, &admin, &f), &f, "first rows");
	node_stop(&h->node);
	conf_unref(MOVE(h->conf));
}

void host_copy(struct host *h, const char *from)
{
	copy_dir(from, h->dir, NULL);
}

/* Indexes are derived, and mapped: a copy of a half written one would be no crash's. */
static void crash_here(struct host *h)
{
	if (atomic_exchange(&h->dead, true))
		return;
	world_remove(h->snap);
	copy_dir(h->dir, h->snap, "index");
}

static void on_commit(void *user, uint64_t seq)
{
	struct host *h = user;
	(void)seq;
	if (!atomic_load(&h->dead) && ++h->commits == h->crash_at)
		crash_here(h);
}

static enum err crash_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)w, (void)f;
	crash_here(arg);
	return ERR_OK;
}

/* On the writer's thread, so that nothing is written meanwhile. */
void host_crash(struct host *h)
{
	struct fail f = {0};
	if (!atomic_load(&h->dead))
		must(store_run(h->node.store, crash_job, h, &f), &f, "crashing");
}

void host_start(struct host *h)
{
	struct fail f = {0};
	struct client_opts o = {.user_agent = "PyMISP 2.5.1 - Python 3.11", .stall_ms = 20000};
	read_conf(h);
	must(node_open(&h->node, h->conf, NULL, false, &f), &f, "opening");
	must(node_start(&h->node, &f), &f, "starting");
	/* it works at times of its own, which no seed replays, and has tests of its own */
	retractor_stop(MOVE(h->node.retractor));
	h->port = http_server_port(h->node.http, 0);
	must(client_new(&o, &h->direct, &f), &f, "client");
	h->commits = h->crash_at = 0;
	atomic_store(&h->dead, false);
	store_listen(h->node.store, on_commit, h);
	h->running = true;
}

void host_stop(struct host *h)
{
	if (!h->running)
		return;
	client_free(MOVE(h->direct));
	node_stop(&h->node);
	conf_unref(MOVE(h->conf));
	h->running = false;
}

void host_recover(struct host *h)
{
	host_stop(h);
	world_remove(h->dir);
	if (rename(h->snap, h->dir) < 0)
		bail_out("cannot restore %s: %s", h->dir, strerror(errno));
	host_start(h);
}

void host_remove(struct host *h)
{
	world_remove(h->dir);
	world_remove(h->snap);
}

/* ---- calls of the harness ---- */

static enum err to_buf(void *user, const void *p, size_t n, struct fail *f)
{
	struct buf *b = user;
	(void)f;
	if (b)
		buf_add(b, p, n);
	return ERR_OK;
}

long host_call(struct host *h, const char *key, const char *method, const char *path,
	       const char *body, struct buf *out)
{
	char url[1000], auth[100];
	struct fail f = {0};
	struct client_res res = {0};
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", h->port, path);
	snprintf(auth, sizeof(auth), "Authorization: %s", key ? key : host_admin_key(h->nr));
	const char *const headers[] = {auth, "Accept: application/json",
				       "Content-Type: application/json"};
	struct client_req r = {.method = method,
			       .url = url,
			       .headers = headers,
			       .n_headers = ARRAY_LEN(headers),
			       .body = body ? str_c(body) : STR_NONE,
			       .data = to_buf,
			       .user = out};
	if (out)
		buf_clear(out);
	enum err e = client_call(h->direct, &r, &res, &f);
	if (e != ERR_OK && out)
		buf_printf(out, "%s %s %s", err_name(e), f.text, res.error_body);
	return res.status;
}
