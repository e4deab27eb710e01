/*
 * test_feed_fetch.c - takes the shipped sample feed from a web server and from a folder: only what
 * is new or newer is asked for, faults of single events are told and do not hold up the others.
 */
#include "sync/feed_fetch.h"

#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

static struct world w;
static char feed_dir[128]; /* a copy of the sample feed that the server serves */
static char names[64][48];
static unsigned n_names; /* event files */
static pid_t server_pid;
static int server_in;
static unsigned port;

/* ---- the feed and its server ---- */

static void put_file(const char *name, const char *text, size_t n)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", feed_dir, name);
	FILE *f = fopen(path, "w");
	if (!f || fwrite(text, 1, n, f) != n || fclose(f) != 0)
		bail_out("cannot write %s", path);
}

static void copy_feed(void)
{
	char from[512];
	const char *top = getenv("top_srcdir");
	snprintf(from, sizeof(from), "%s/contrib/sample-feed", top ? top : ".");
	snprintf(feed_dir, sizeof(feed_dir), "%s/sample", w.dir);
	mkdir(feed_dir, 0755);
	struct dirent **v;
	int n = scandir(from, &v, NULL, alphasort);
	if (n < 0)
		bail_out("no sample feed in %s", from);
	for (int i = 0; i < n; i++) {
		size_t len;
		char *p = strstr(v[i]->d_name, ".json") ? world_file(from, v[i]->d_name, &len)
							 : NULL;
		if (p) {
			put_file(v[i]->d_name, p, len);
			if (strcmp(v[i]->d_name, "manifest.json") != 0)
				snprintf(names[n_names++], sizeof(names[0]), "%.47s",
					 v[i]->d_name);
		}
		free(p);
		free(v[i]);
	}
	free(v);
}

static void start_server(void)
{
	int in[2], out[2];
	char script[512], line[32] = "";
	const char *top = getenv("top_srcdir");
	snprintf(script, sizeof(script), "%s/tests/unit/sync/feed_server.py", top ? top : ".");
	if (pipe(in) < 0 || pipe(out) < 0)
		bail_out("no pipe");
	server_pid = fork();
	if (server_pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, feed_dir, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_in = in[1];
	FILE *f = fdopen(out[0], "r");
	if (!f || !fgets(line, sizeof(line), f))
		bail_out("the server does not start");
	port = (unsigned)strtoul(line, NULL, 10);
	fclose(f);
}

static void stop_server(void)
{
	close(server_in);
	kill(server_pid, SIGTERM);
	waitpid(server_pid, NULL, 0);
}

static void faults(const char *text)
{
	put_file("faults", text, strlen(text));
}

/* How many event files have been asked for since the last call. */
static unsigned requests(void)
{
	char path[256], *p = world_file(feed_dir, "requests", NULL);
	unsigned n = 0;
	for (char *at = p; at && (at = strstr(at, ".json\n")); at++)
		n += strncmp(at - 8, "manifest", 8) != 0;
	snprintf(path, sizeof(path), "%s/requests", feed_dir);
	unlink(path);
	free(p);
	return n;
}

/* ---- the row ---- */

struct row_job {
	struct misp_feed row;
	uint64_t id;
};

static enum err row_put(struct store_wtxn *wt, void *arg, struct fail *f)
{
	struct row_job *j = arg;
	if (!j->id)
		j->id = store_new_row_id(wt, T_FEED);
	j->row.id = j->id;
	return store_put(wt, T_FEED, j->id, &j->row, f);
}

static uint64_t feed_row(struct row_job *j)
{
	struct fail f = {0};
	is_ok(store_run(w.store, row_put, j, &f), "feed row");
	return j->id;
}

static struct feed_fetch_result res;
static struct fail last;
static unsigned told;
static struct intake_progress seen;

static void on_problem(void *user, const struct intake_problem *p)
{
	(void)user;
	told++;
	diag("told: %s %s", err_name(p->err), p->text);
}

static void on_progress(void *user, const struct intake_progress *p)
{
	(void)user;
	seen = *p;
}

static enum err fetch(uint64_t id, bool again)
{
	struct feed_fetch_opts o = {.in = &w.in,
				    .feed_id = id,
				    .org_id = 1,
				    .client = {.stall_ms = 2000},
				    .parallel = 3,
				    .again = again,
				    .progress = on_progress,
				    .problem = on_problem};
	told = 0;
	seen = (struct intake_progress){0};
	last = (struct fail){0};
	enum err e = feed_fetch_run(&o, &res, &last);
	if (e != ERR_OK)
		diag("%s: %s", err_name(e), last.text);
	return e;
}

static struct str url_of_server(char text[64])
{
	snprintf(text, 64, "http://127.0.0.1:%u/", port);
	return str_c(text);
}

static bool stored(const char *name, struct misp_event *e, struct arena *a,
		   struct store_rtxn *t)
{
	struct uuid u;
	uint64_t id;
	return uuid_parse(str_sub(str_c(name), 0, UUID_TEXT_LEN), &u) &&
	       store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, &id) == ERR_OK &&
	       store_get(t, T_EVENT, id, a, e) == ERR_OK;
}

/* ---- tests ---- */

static void test_faults(uint64_t id)
{
	char text[512];
	snprintf(text, sizeof(text), "%s 404\n%s cut\n%s stall\n%s slow\n%s 500\n", names[0],
		 names[1], names[2], names[3], names[4]);
	faults(text);
	is_err(fetch(id, false), ERR_OK, "a feed with faults");
	is_uint(res.n.listed, n_names, "all events are listed");
	is_uint(res.n.added, n_names - 4, "those without fault come in");
	is_uint(res.n.failed, 4, "four do not");
	is_uint(told, 4, "each is told");
	is_uint(seen.done, n_names, "progress reaches the end");
	is_uint(seen.failed, 4, "and counts failures");
	bool noent = false, net = false, timeout = false, peer = false;
	for (unsigned i = 0; i < res.n.n_problems; i++) {
		noent |= res.n.problems[i].err == ERR_NOENT;
		net |= res.n.problems[i].err == ERR_NET;
		timeout |= res.n.problems[i].err == ERR_TIMEOUT;
		peer |= res.n.problems[i].err == ERR_PEER;
	}
	ok(noent && net && timeout && peer, "with reasons");
	is_uint(requests(), n_names, "each was asked for once");
}

static void test_resume(uint64_t id)
{
	faults("");
	is_err(fetch(id, false), ERR_OK, "again without faults");
	is_uint(res.n.added, 4, "what was missing comes in");
	is_uint(res.n.current, n_names - 4, "the rest is here");
	is_uint(requests(), 4, "and is not asked for");
	is_err(fetch(id, false), ERR_OK, "once more");
	ok(res.not_modified, "the manifest is not sent again");
	is_uint(requests(), 0, "nothing is asked for");
}

static void test_stored(uint64_t id)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct fail f = {0};
	struct misp_event e;
	struct misp_feed row;
	is_ok(store_read(w.store, &t, &f), "read");
	if (!ok(stored(names[0], &e, a, t), "an event of the feed is stored"))
		return;
	is_uint(e.distribution, 1, "with the distribution of the row");
	ok(e.published, "published");
	ok(e.attribute_count > 0, "with attributes");
	struct misp_tag tag;
	bool found = false;
	LIST_EACH(x, e.tags, struct misp_tagref)
		found |= store_get(t, T_TAG, x->tag_id, a, &tag) == ERR_OK &&
			 str_is(tag.name, "feed:sample");
	ok(found, "and the tag of the row");
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key, from = {.body = e.body};
	struct misp_attr attr;
	unsigned n = 0, inherit = 0;
	is_ok(store_el_iter_new(t, EL_ATTR, from, false, &it), "its attributes");
	while (store_el_iter_next(it, a, &key, &attr) == ERR_OK) {
		n++;
		inherit += attr.distribution == DIST_INHERIT;
	}
	ok(n && n == inherit, "which follow the event (%u)", n);
	is_ok(store_get(t, T_FEED, id, a, &row), "the row");
	ok(row.last_success > 0 && row.last_error.n == 0 && row.manifest_etag.n > 0,
	   "keeps how it went");
}

/* The timestamp of one event goes up, in manifest and file. */
static void bump(const char *name, const char *to)
{
	const char *files[] = {"manifest.json", name};
	struct uuid u;
	char uuid[UUID_TEXT_LEN + 1];
	uuid_parse(str_sub(str_c(name), 0, UUID_TEXT_LEN), &u);
	uuid_format(u, uuid);
	for (int i = 0; i < 2; i++) {
		size_t n;
		char *p = world_file(feed_dir, files[i], &n), *at = i ? p : strstr(p, uuid);
		at = strstr(at, "\"timestamp\": \"");
		/* in the file the event's own comes first */
		memcpy(at + 14, to, 10);
		put_file(files[i], p, n);
		free(p);
	}
}

static void test_newer(uint64_t id)
{
	bump(names[5], "1799999999");
	is_err(fetch(id, false), ERR_OK, "one event is newer");
	is_uint(res.n.updated, 1, "it is updated");
	is_uint(requests(), 1, "alone");
	/* the manifest says newer, the file is as old as before */
	bump(names[6], "1799999998");
	size_t n;
	char *p = world_file(feed_dir, names[6], &n);
	memcpy(strstr(p, "\"timestamp\": \"") + 14, "1500000000", 10);
	put_file(names[6], p, n);
	free(p);
	is_err(fetch(id, false), ERR_OK, "a manifest that promises too much");
	is_uint(res.n.updated, 0, "changes nothing");
	is_uint(requests(), 1, "is asked for");
	is_err(fetch(id, false), ERR_OK, "the next time");
	is_uint(requests(), 0, "not again");
	is_err(fetch(id, true), ERR_OK, "unless somebody wants it");
	is_uint(requests(), 1, "then it is");
}

static void test_no_manifest(void)
{
	char url[64];
	struct row_job j = {.row = {.url = STR("http://127.0.0.1:1/feed"),
				    .enabled = true,
				    .distribution = 3,
				    .source_format = STR("misp"),
				    .input_source = STR("network")}};
	uint64_t id = feed_row(&j);
	is_err(fetch(id, false), ERR_NET, "nobody listens");
	j.row.url = url_of_server(url);
	feed_row(&j);
	faults("manifest.json 404\n");
	is_err(fetch(id, false), ERR_PEER, "no manifest");
	faults("manifest.json cut\n");
	is_err(fetch(id, false), ERR_NET, "half a manifest");
	is_uint(res.n.added, 0, "adds nothing");
	faults("");
	is_err(fetch(id + 1, false), ERR_NOENT, "no such feed");
	j.row.enabled = false;
	feed_row(&j);
	is_err(fetch(id, false), ERR_PERM, "a feed that is off");
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct fail f = {0};
	struct misp_feed row;
	is_ok(store_read(w.store, &t, &f), "read");
	is_ok(store_get(t, T_FEED, id, a, &row), "the row");
	ok(row.last_error.n > 0 && row.last_success == 0, "keeps the error");
}

static void test_folder(void)
{
	struct row_job j = {.row = {.url = str_c(feed_dir),
				    .enabled = true,
				    .distribution = 5,
				    .source_format = STR("misp"),
				    .input_source = STR("local"),
				    .rules = STR("{\"tags\":{\"OR\":[\"kill-chain:Delivery\"],"
						 "\"NOT\":[]}}")}};
	uint64_t id = feed_row(&j);
	is_err(fetch(id, false), ERR_OK, "a folder, with rules");
	is_uint(res.filtered, n_names - 1, "which leave one event");
	is_uint(res.n.current, 1, "that is here already");
}

/* Real events as a feed: every one comes in, from a folder, and not a second time. */
static void test_public(void)
{
	char from[512];
	const char *shared = getenv("TOCSIN_SHARED");
	struct dirent **v;
	snprintf(from, sizeof(from), "%s/data/misp-events", shared ? shared : "../shared");
	int n = scandir(from, &v, NULL, alphasort), events = 0;
	if (n < 0) {
		diag("%s is not there", from);
		return;
	}
	char was[sizeof(feed_dir)];
	memcpy(was, feed_dir, sizeof(was));
	snprintf(feed_dir, sizeof(feed_dir), "%s/public", w.dir);
	mkdir(feed_dir, 0755);
	json_t *manifest = json_object();
	for (int i = 0; i < n; i++) {
		size_t len = 0;
		char *p = v[i]->d_name[0] == '.' ? NULL : world_file(from, v[i]->d_name, &len);
		json_t *doc = p ? json_loadb(p, len, 0, NULL) : NULL, *one = doc;
		if (json_is_array(json_object_get(doc, "response")))
			one = json_array_get(json_object_get(doc, "response"), 0);
		one = json_object_get(one, "Event");
		const char *uuid = json_string_value(json_object_get(one, "uuid"));
		if (uuid) {
			char name[64];
			snprintf(name, sizeof(name), "%.40s.json", uuid);
			put_file(name, p, len);
			events += json_object_get(manifest, uuid) == NULL;
			json_object_set_new(manifest, uuid,
					    json_pack("{s:O}", "timestamp",
						      json_object_get(one, "timestamp")));
		}
		json_decref(doc);
		free(p);
		free(v[i]);
	}
	free(v);
	char *text = json_dumps(manifest, 0);
	put_file("manifest.json", text, strlen(text));
	free(text);
	json_decref(manifest);
	struct row_job j = {.row = {.url = str_c(feed_dir),
				    .enabled = true,
				    .distribution = 5,
				    .source_format = STR("misp"),
				    .input_source = STR("local")}};
	uint64_t id = feed_row(&j);
	is_err(fetch(id, false), ERR_OK, "public events");
	is_uint(res.n.added, (uint64_t)events, "all come in");
	is_uint(res.n.failed + res.n.refused, 0, "without failures");
	ok(res.n.attributes > 1000, "with %llu attributes", (unsigned long long)res.n.attributes);
	is_err(fetch(id, false), ERR_OK, "again");
	is_uint(res.n.current, (uint64_t)events, "nothing to do");
	memcpy(feed_dir, was, sizeof(was));
}

static void done(void *user, enum err e, const struct feed_fetch_result *r, const struct fail *f)
{
	(void)f;
	*(enum err *)user = e == ERR_OK && r->n.listed == n_names ? ERR_OK : ERR_BUG;
}

static void test_thread(uint64_t id)
{
	enum err end = ERR_BUSY;
	struct feed_fetch *ff = NULL;
	struct feed_fetch_opts o = {
		.in = &w.in, .feed_id = id, .org_id = 1, .again = true, .user = &end};
	struct fail f = {0};
	is_ok(feed_fetch_start(&o, done, &ff, &f), "in a thread");
	feed_fetch_join(ff);
	is_err(end, ERR_OK, "done is called");
}

static uint64_t tag_row(void)
{
	struct fail f = {0};
	uint64_t id = world_add(&w, "{\"Event\":{\"info\":\"tag holder\",\"Tag\":"
				    "[{\"name\":\"feed:sample\"}]}}");
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	uint64_t tag_id = 0;
	ok(id, "a tag");
	is_ok(store_read(w.store, &t, &f), "read");
	is_ok(store_find(t, IX_TAG_NAME, STR("feed:sample"), &tag_id), "its number");
	return tag_id;
}

int main(void)
{
	char url[64];
	world_open(&w, "misp-compat");
	copy_feed();
	start_server();
	struct row_job j = {.row = {.name = STR("sample"),
				    .url = url_of_server(url),
				    .enabled = true,
				    .distribution = 1,
				    .tag_id = tag_row(),
				    .source_format = STR("misp"),
				    .input_source = STR("network"),
				    .headers = STR("X-Test: yes\r\nnonsense\r\n")}};
	uint64_t id = feed_row(&j);
	test_faults(id);
	test_resume(id);
	test_stored(id);
	test_newer(id);
	test_no_manifest();
	test_folder();
	test_thread(id);
	test_public();
	stop_server();
	world_close(&w);
	return done_testing();
}
