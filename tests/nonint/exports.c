/*
 * exports.c - export subscriptions of one audience over two stores: what /exports gives, whole and since each
 * serial, at once and to those who wait, what zones are made of, and the files on disk. What is hidden changes in
 * the first store: nothing may move. Then the same things change that are seen, with more that is hidden between.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/offload.h"
#include "main/zone_source.h"
#include "tests/nonint/fill.h"
#include "tests/tap/tap.h"

#define SUBS 4 /* the last one is a zone */
#define STAGES 5
#define STEP_S 7 /* between visible changes */
#define BOOT_MS 1000000

struct sub_row {
	char name[16], format[40], filter[400], options[40];
	uint64_t max_entries, max_age, decay_model;
	const char *priority, *path;
};

struct exporting {
	const struct model *m;
	struct side *side;
	struct line **line, **waiting;
	struct buf *story;
	uint64_t *asked;
	struct rng rng;
	struct sub_row row[SUBS];
	const char *key; /* NULL: open to everybody */
	char was[SUBS][STAGES][24]; /* serials that were told */
	unsigned stages;
	int64_t at; /* the clock */
	bool gone[THINGS_MAX]; /* deleted since */
	unsigned added, hidden; /* events since */
	bool waits; /* answers are on their way */
};

/* ---- the rows ---- */

/* A filter, with what some thing says in one of the stores. */
static void make_filter(struct exporting *x, char out[400])
{
	static const char *const fixed[] = {
		"{}", "{}", "{\"to_ids\":[0,1]}", "{\"category\":\"Network activity\"}", "{\"type\":\"domain\"}",
		"{\"tags\":[\"nq:tag-1\"]}", "{\"tags\":[\"!nq:tag-2\"]}", "{\"tags\":[\"tlp:red\"]}",
		"{\"tags\":[\"!tlp:clear\"]}", "{\"threat_level_id\":1}", "{\"timestamp\":\"1600000000\"}",
		"{\"object_relation\":\"text\"}", "{\"published\":[0,1]}", "{\"deleted\":[0,1]}",
		"{\"object_name\":\"file\"}", "{\"publish_timestamp\":\"1600000000\"}", "{\"org\":\"Alpha\"}",
		"{\"org\":\"!Host\"}", "{\"org\":\"nqext-a\"}", "{\"first_seen\":\"2020-01-01\"}"};
	unsigned k = rng_below(&x->rng, ARRAY_LEN(fixed) + 4), i = rng_below(&x->rng, x->m->n);
	unsigned variant = rng_below(&x->rng, 2);
	char text[80], u[UUID_TEXT_LEN + 1];
	if (k < ARRAY_LEN(fixed) || x->m->thing[i].kind == GROUP) {
		snprintf(out, 400, "%s", fixed[k % ARRAY_LEN(fixed)]);
	} else if (k == ARRAY_LEN(fixed)) {
		model_text(x->m, i, variant, "info", model_hides(x->m, i, F_INFO), text);
		snprintf(out, 400, "{\"eventinfo\":\"%s\"}", text);
	} else if (k == ARRAY_LEN(fixed) + 1) {
		model_text(x->m, i, variant, "comment", model_hides(x->m, i, F_COMMENT), text);
		snprintf(out, 400, "{\"comment\":\"!%s\"}", text);
	} else if (k == ARRAY_LEN(fixed) + 2 && x->m->thing[i].kind == ATTR) {
		model_value(x->m, i, variant, text);
		snprintf(out, 400, "{\"value\":\"!%s\"}", text);
	} else {
		snprintf(out, 400, "{\"uuid\":\"!%s\"}", uuid_format(model_uuid(x->m, i), u));
	}
}

static struct misp_subscr row_of(const struct sub_row *row)
{
	return (struct misp_subscr){.uuid = uuid_v5(org_uuid(HOST), str_c(row->name)),
				    .name = str_c(row->name),
				    .audience = STR(AUDIENCE),
				    .format = str_c(row->format),
				    .options = str_c(row->options),
				    .filter = str_c(row->filter),
				    .max_entries = row->max_entries,
				    .priority = str_c(row->priority),
				    .max_age = row->max_age,
				    .decay_model = row->decay_model,
				    .enabled = true,
				    .path = str_c(row->path)};
}

/* Filters that attributes do not have are refused: all, then. */
static void take_good(struct sub_row *row)
{
	const struct misp_subscr s = row_of(row);
	OWN(sub_conf) struct sub_conf *c = NULL;
	struct fail why = {0};
	if (sub_conf_read(&s, STR("https://node.example"), STR("Host"), &c, NULL, &why) != ERR_OK)
		snprintf(row->filter, sizeof(row->filter), "{}");
}

static void make_row(struct exporting *x, unsigned k)
{
	static const char *const priorities[] = {"newest", "severest", "last_seen"};
	struct sub_row *row = &x->row[k];
	unsigned formats = 0;
	while (sensor_rows[formats].name)
		formats++;
	bool zone = k == SUBS - 1, full = x->m->row && x->m->row_profile == PROFILE_FULL;
	snprintf(row->name, sizeof(row->name), "set%u", k);
	snprintf(row->format, sizeof(row->format), "%s",
		 zone ? ZONE_FORMAT : sensor_rows[rng_below(&x->rng, formats)].name);
	snprintf(row->options, sizeof(row->options), "%s", zone ? "{\"zone\":\"rpz.test\"}" : "");
	make_filter(x, row->filter);
	row->priority = priorities[rng_below(&x->rng, 3)];
	row->max_entries = rng_below(&x->rng, 4);
	/* what there is has become too old already, or will while this goes on */
	row->max_age = rng_chance(&x->rng, 300) ? (uint64_t)(x->m->now - WHEN) - 50000 + rng_below(&x->rng, 250000) : 0;
	row->decay_model = full && rng_chance(&x->rng, 300);
	row->path = k == 0 ? "set.txt" : "";
	take_good(row);
}

static enum err put_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct exporting *x = arg;
	for (unsigned i = 0; i < SUBS; i++) {
		struct misp_subscr s = row_of(&x->row[i]);
		s.id = store_new_row_id(w, T_SUBSCR);
		TRY(store_put(w, T_SUBSCR, s.id, &s, f));
	}
	return ERR_OK;
}

/* ---- the thread stands still while things change ---- */

/* What is written in several steps is one change to who looks at it afterwards. */
static struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	const struct side *shut; /* whose thread stands */
	bool stands;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

/* The thread asks for the policy before it reads what has changed. */
static struct policy *policy_behind_gate(void *user)
{
	struct side *s = user;
	pthread_mutex_lock(&gate.lock);
	while (gate.shut == s) {
		gate.stands = true;
		pthread_cond_broadcast(&gate.moved);
		pthread_cond_wait(&gate.moved, &gate.lock);
	}
	pthread_mutex_unlock(&gate.lock);
	return policy_ref(s->w.policy);
}

static int64_t now_behind_gate(void *user, bool *trusted)
{
	(void)user;
	*trusted = true;
	return clock_now();
}

static void gate_shut(struct side *s)
{
	pthread_mutex_lock(&gate.lock);
	gate.shut = s;
	gate.stands = false;
	while (!gate.stands)
		pthread_cond_wait(&gate.moved, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void gate_open(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.shut = NULL;
	pthread_cond_broadcast(&gate.moved);
	pthread_mutex_unlock(&gate.lock);
}

static void files_dir(const struct side *s, char out[120])
{
	snprintf(out, 120, "%s/exports", s->w.dir);
}

static void begin(struct exporting *x, struct side *s)
{
	char dir[120], files[120];
	struct fail why = {0};
	struct subs_opts o = {.env = &s->behind_gate, .dir = dir, .files_dir = files};
	must(store_run(s->w.store, put_rows, x, &why), &why, "subscriptions");
	snprintf(dir, sizeof(dir), "%s/subs", s->w.dir);
	files_dir(s, files);
	s->behind_gate = s->w.out;
	s->behind_gate.policy = policy_behind_gate;
	s->behind_gate.now = now_behind_gate;
	s->behind_gate.user = s;
	must(subs_start(&o, &s->subs, &why), &why, "export subscriptions");
	s->api->subs = s->subs;
}

/* Until who waited was answered. */
static void answered(struct exporting *x)
{
	struct offload_stats st;
	do {
		usleep(200);
		offload_stats(x->side[0].api->workers, &st);
	} while (st.busy || st.waiting);
}

/* Until all that has happened is in the sets. */
static void settle(struct exporting *x, struct side *s)
{
	uint64_t from = subs_rounds(s->subs);
	while (subs_rounds(s->subs) < from + 2) {
		subs_look(s->subs);
		usleep(300);
	}
	answered(x);
	for (unsigned i = 0; i < SUBS; i++) {
		OWN(sub) struct sub *sub = subs_get(s->subs, str_c(x->row[i].name));
		struct sub_status st = {.state = SUB_FAILED, .error = "it is not there"};
		if (sub)
			sub_status(sub, &st);
		if (st.state == SUB_FAILED)
			bail_out("seed %llu: export %s, filter %s: %s", (unsigned long long)x->m->seed,
				 x->row[i].format, x->row[i].filter, st.error);
	}
}

/* ---- what is asked of one ---- */

static void ask(struct exporting *x, unsigned i, const char *path, const char *head, struct buf *out,
		struct answer *keep)
{
	struct answer a;
	char title[300];
	talk_get(x->line[i], x->key, path, head, &a);
	snprintf(title, sizeof(title), "%s %s", path, *head ? "(with headers)" : "");
	talk_put(out, title, &a);
	++*x->asked;
	if (keep)
		*keep = a;
	else
		answer_free(&a);
}

/* ISA-L packs the same bytes in one of two ways, by chance. */
static void ask_packed(struct exporting *x, unsigned i, const char *path, struct buf *out)
{
	static const char *const told[] = {"X-Tocsin-Serial", "X-Tocsin-Entries", "ETag", "Last-Modified",
					   "Content-Encoding"};
	struct answer a;
	talk_get(x->line[i], x->key, path, "Accept-Encoding: gzip\r\n", &a);
	buf_printf(out, "\n==== %s packed: %d\n", path, a.status);
	for (unsigned k = 0; k < ARRAY_LEN(told); k++)
		buf_printf(out, "%s: %.*s\n", told[k], STR_ARG(talk_header(&a, told[k])));
	answer_free(&a);
	++*x->asked;
}

/* Serials that were told before are asked about, and some that were not. */
static void ask_changes(struct exporting *x, unsigned i, unsigned k, struct buf *out)
{
	char path[120];
	uint64_t now = 0;
	for (unsigned n = 0; n < x->stages; n++) {
		snprintf(path, sizeof(path), "/exports/%s?since=%s", x->row[k].name, x->was[k][n]);
		(void)str_u64(str_c(x->was[k][n]), &now);
		ask(x, i, path, "", out, NULL);
	}
	snprintf(path, sizeof(path), "/exports/%s?since=%llu", x->row[k].name, (unsigned long long)now - 1);
	ask(x, i, path, "", out, NULL);
	snprintf(path, sizeof(path), "/exports/%s?since=%llu", x->row[k].name, (unsigned long long)now + 3);
	ask(x, i, path, "", out, NULL);
}

static void ask_set(struct exporting *x, unsigned i, unsigned k, bool record, struct buf *out)
{
	char path[120], head[200];
	struct answer whole;
	snprintf(path, sizeof(path), "/exports/%s", x->row[k].name);
	ask(x, i, path, "", out, &whole);
	if (whole.status != 200)
		bail_out("seed %llu: %s is answered %d: %.*s", (unsigned long long)x->m->seed, path, whole.status,
			 STR_ARG(buf_str(&whole.body)));
	struct str serial = talk_header(&whole, "X-Tocsin-Serial"), tag = talk_header(&whole, "ETag");
	if (record)
		snprintf(x->was[k][x->stages], sizeof(x->was[k][0]), "%.*s", STR_ARG(serial));
	snprintf(head, sizeof(head), "If-None-Match: %.*s\r\n", STR_ARG(tag));
	ask(x, i, path, head, out, NULL);
	ask_packed(x, i, path, out);
	ask(x, i, path, "Range: bytes=5-20\r\n", out, NULL);
	snprintf(path, sizeof(path), "?/exports/%s", x->row[k].name);
	ask(x, i, path, "", out, NULL);
	snprintf(path, sizeof(path), "/exports/%s.md5", x->row[k].name);
	ask(x, i, path, "", out, NULL);
	snprintf(path, sizeof(path), "/exports/%s.sha256", x->row[k].name);
	ask(x, i, path, "", out, NULL);
	answer_free(&whole);
}

/* ---- a zone ---- */

static void put_hex(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_printf(out, "%02x", (unsigned char)s.p[i]);
}

static void put_records(struct dns_zone_source *z, struct dns_rows *rows, struct buf *out)
{
	struct dns_record r;
	struct fail why = {0};
	enum err e;
	while ((e = z->ops->next(rows, &r, &why)) == ERR_OK) {
		buf_printf(out, "%c%u %u %u ", r.removed ? '-' : '+', r.serial, r.type, r.ttl);
		put_hex(out, r.owner);
		buf_putc(out, ' ');
		put_hex(out, r.rdata);
		buf_putc(out, '\n');
	}
	if (e != ERR_NOENT)
		bail_out("a transfer breaks off: %s", why.text);
	z->ops->rows_close(rows);
}

/* What SOA, AXFR and IXFR from each serial are made of. */
static void ask_zone(struct exporting *x, unsigned i, struct buf *out)
{
	OWN(dns_set) struct dns_set *set = dns_set_new();
	struct dns_zone *zone;
	struct dns_snapshot *snap;
	struct dns_rows *rows;
	struct fail why = {0};
	char line[80];
	uint32_t serial;
	snprintf(line, sizeof(line), "rpz.test from=%s open=127.0.0.1/32", x->row[SUBS - 1].name);
	must(dns_set_zone(set, str_c(line), &zone, &why), &why, "a zone");
	struct dns_zone_source *z = zone->source = zone_source_new(x->side[i].subs, zone);
	if (!z->ops->serial(z, &serial))
		bail_out("the zone has no serial");
	must(z->ops->open(z, &snap, &why), &why, "the zone");
	buf_printf(out, "\n==== zone, serial %u\n", serial);
	must(z->ops->records(snap, &rows, &why), &why, "AXFR");
	put_records(z, rows, out);
	for (unsigned n = 0; n < x->stages; n++) {
		uint64_t from;
		if (!str_u64(str_c(x->was[SUBS - 1][n]), &from))
			bail_out("no serial");
		enum err e = z->ops->changes(snap, (uint32_t)from, &rows, &why);
		buf_printf(out, "\n==== zone since %llu: %s\n", (unsigned long long)from, err_name(e));
		if (e == ERR_OK)
			put_records(z, rows, out);
	}
	z->ops->close(z, snap);
	++*x->asked;
}

/* ---- files ---- */

static int is_open(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Names and contents; `touched`: also which files they are. */
static void put_files(const struct exporting *x, unsigned i, bool touched, struct buf *out)
{
	char dir[120];
	struct dirent **v;
	files_dir(&x->side[i], dir);
	int n = scandir(dir, &v, is_open, alphasort);
	for (int k = 0; k < n; k++) {
		char path[500];
		struct stat st = {0};
		size_t bytes = 0;
		char *p = world_file(dir, v[k]->d_name, &bytes);
		snprintf(path, sizeof(path), "%s/%s", dir, v[k]->d_name);
		buf_printf(out, "\n==== file %s\n", v[k]->d_name);
		if (touched && stat(path, &st) == 0)
			buf_printf(out, "%llu %lld.%09ld\n", (unsigned long long)st.st_ino,
				   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		if (p && (touched || !strstr(v[k]->d_name, ".gz")))
			buf_add(out, p, bytes);
		free(p);
		free(v[k]);
	}
	if (n >= 0)
		free(v);
}

/* ---- stages ---- */

/* `record`: the serials are those of a new stage. */
static void ask_all(struct exporting *x, unsigned i, bool record, struct buf *out)
{
	for (unsigned k = 0; k < SUBS; k++) {
		buf_printf(out, "\n==== set%u: %s, filter %s, up to %llu by %s, age %llu\n", k, x->row[k].format,
			   x->row[k].filter, (unsigned long long)x->row[k].max_entries, x->row[k].priority,
			   (unsigned long long)x->row[k].max_age);
		ask_set(x, i, k, record, out);
	}
	x->stages += record;
	for (unsigned k = 0; k < SUBS; k++)
		ask_changes(x, i, k, out);
	ask_zone(x, i, out);
	put_files(x, i, false, out);
}

static bool alike(struct exporting *x, const char *what, const struct buf *a, const struct buf *b)
{
	size_t at = 0;
	if (str_eq(buf_str(a), buf_str(b)))
		return true;
	while (at < a->n && at < b->n && a->p[at] == b->p[at])
		at++;
	talk_tell(x->story, what, a, b, at);
	return false;
}

/* Both are asked, and answer the same. */
static bool stage(struct exporting *x, const char *what)
{
	OWN(buf) struct buf a = BUF(64u << 20);
	OWN(buf) struct buf b = BUF(64u << 20);
	ask_all(x, 0, true, &a);
	ask_all(x, 1, false, &b);
	return alike(x, what, &a, &b);
}

static void put_clock(struct exporting *x, int64_t seconds)
{
	x->at += seconds;
	clock_freeze(x->at * 1000000, BOOT_MS + (x->at - x->m->now) * 1000);
}

/* ---- those who wait ---- */

static void wait_begin(struct exporting *x)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < SUBS; k++) {
			char path[120];
			snprintf(path, sizeof(path), "/exports/%s?since=%s&wait=60", x->row[k].name, x->was[k][0]);
			talk_get(x->waiting[i], x->key, path, "", NULL);
		}
	x->waits = true;
	for (unsigned i = 0; i < 2; i++)
		while (subs_waiting(x->side[i].subs) < SUBS)
			usleep(200);
}

static void wait_read(struct exporting *x, struct buf out[2])
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < SUBS && x->waits; k++) {
			struct answer a;
			line_read(x->waiting[i], false, &a);
			talk_put(&out[i], x->row[k].name, &a);
			answer_free(&a);
		}
	x->waits = false;
}

static bool wait_end(struct exporting *x)
{
	struct buf out[2] = {BUF(64u << 20), BUF(64u << 20)};
	answered(x);
	put_clock(x, 61);
	settle(x, &x->side[0]);
	settle(x, &x->side[1]);
	wait_read(x, out);
	bool good = alike(x, "who waited for a change", &out[0], &out[1]);
	buf_free(&out[0]);
	buf_free(&out[1]);
	return good;
}

/* ---- what changes ---- */

static bool hidden_change(struct exporting *x)
{
	OWN(buf) struct buf before = BUF(64u << 20);
	OWN(buf) struct buf after = BUF(64u << 20);
	ask_all(x, 0, false, &before);
	put_files(x, 0, true, &before);
	wait_begin(x);
	gate_shut(&x->side[0]);
	side_change(&x->side[0], x->m);
	gate_open();
	put_clock(x, STEP_S);
	settle(x, &x->side[0]);
	answered(x);
	if (subs_waiting(x->side[0].subs) < SUBS) {
		buf_puts(x->story, "who waited for a change was answered\n");
		return false;
	}
	ask_all(x, 0, false, &after);
	put_files(x, 0, true, &after);
	return alike(x, "before and after what is hidden changed", &before, &after);
}

/* More that is hidden, in the first store; now and then more of it than is taken in at once. */
static void hide_more(struct exporting *x)
{
	unsigned n = rng_chance(&x->rng, 40) ? 70 : rng_below(&x->rng, 3);
	while (n--)
		side_add_hidden(&x->side[0], x->m, x->hidden++);
}

static struct uuid added_uuid(const struct exporting *x, unsigned nth)
{
	char name[60];
	snprintf(name, sizeof(name), "added %llu %u", (unsigned long long)x->m->seed, nth);
	return uuid_v5(org_uuid(HOST), str_c(name));
}

static uint64_t event_id(const struct side *s, struct uuid u)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail why = {0};
	uint64_t id = 0;
	must(store_read(s->w.store, &t, &why), &why, "reading");
	return store_find(t, IX_EVENT_UUID, (struct str){(const char *)u.b, sizeof(u.b)}, &id) == ERR_OK ? id : 0;
}

static void publish(struct exporting *x, struct uuid u, bool on)
{
	struct fail why = {0};
	hide_more(x);
	for (unsigned i = 0; i < 2; i++) {
		must(ingest_publish(&x->side[i].w.in, event_id(&x->side[i], u), on, &from_here, &why), &why,
		     "publishing");
		settle(x, &x->side[i]);
	}
}

/* An event for everybody, with values that others have, too. */
static void add_visible(struct exporting *x)
{
	const struct thing host = {.owner = HOST};
	char u[UUID_TEXT_LEN + 1];
	OWN(buf) struct buf b = BUF(1 << 16);
	bool said[10] = {false};
	unsigned n = 0;
	buf_printf(&b,
		   "{\"Event\":{\"uuid\":\"%s\",\"info\":\"nqadded\",\"distribution\":\"3\",\"threat_level_id\":\"%u\","
		   "\"analysis\":\"0\",\"date\":\"2020-01-01\",\"Tag\":[{\"name\":\"tlp:clear\"}],\"Attribute\":[",
		   uuid_format(added_uuid(x, x->added), u), 1 + rng_below(&x->rng, 4));
	for (unsigned i = 0; i < x->m->n; i++) {
		const struct thing *t = &x->m->thing[i];
		char value[80];
		if (t->kind != ATTR || (t->value < 10 && said[t->value]) || (n && rng_chance(&x->rng, 600)))
			continue;
		if (t->value < 10)
			said[t->value] = true;
		model_value(x->m, i, 0, value);
		buf_printf(&b,
			   "%s{\"uuid\":\"%s\",\"type\":\"%s\",\"category\":\"%s\",\"to_ids\":true,\"value\":\"%s\","
			   "\"timestamp\":\"%lld\"}",
			   n++ ? "," : "",
			   uuid_format(uuid_v5(added_uuid(x, x->added), (struct str){(const char *)&i, sizeof(i)}), u),
			   model_type(t), model_category(t), value, (long long)x->at - rng_below(&x->rng, 300000));
	}
	buf_puts(&b, "]}}");
	for (unsigned i = 0; i < 2; i++) {
		struct filling fill = {.s = &x->side[i], .m = x->m, .variant = 1};
		uint64_t groups[THINGS_MAX];
		struct admit_facts facts = facts_of(&fill, &host, groups);
		if (!world_add_with(&x->side[i].w, buf_cstr(&b), &facts))
			bail_out("an event is not taken in: %s", buf_cstr(&b));
		settle(x, &x->side[i]);
	}
	publish(x, added_uuid(x, x->added++), true);
}

static void delete_event(struct exporting *x, struct uuid u)
{
	struct fail why = {0};
	hide_more(x);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t id = event_id(&x->side[i], u);
		if (id)
			must(ingest_event_delete(&x->side[i].w.in, id, false, &from_here, &why), &why, "deleting");
		settle(x, &x->side[i]);
	}
}

static unsigned event_of(const struct model *m, unsigned i)
{
	while (m->thing[i].kind != EVENT)
		i = m->thing[i].parent;
	return i;
}

static void delete_attr(struct exporting *x, unsigned attr)
{
	struct fail why = {0};
	unsigned event = event_of(x->m, attr);
	if (x->gone[event] || x->gone[attr] || x->gone[x->m->thing[attr].parent] || x->m->thing[attr].deleted ||
	    x->m->thing[x->m->thing[attr].parent].deleted)
		return;
	x->gone[attr] = true;
	hide_more(x);
	for (unsigned i = 0; i < 2; i++) {
		must(ingest_el_delete(&x->side[i].w.in, EL_ATTR, side_id(&x->side[i], ATTR, model_uuid(x->m, attr)),
				      false, &from_here, &why),
		     &why, "deleting an attribute");
		settle(x, &x->side[i]);
	}
	publish(x, model_uuid(x->m, event), true);
}

/* Something that is seen, in both. */
static void visible_change(struct exporting *x)
{
	unsigned i = rng_below(&x->rng, x->m->n);
	const struct thing *t = &x->m->thing[i];
	bool seen = !model_hidden(x->m, i) && model_exists(x->m, i, 1);
	put_clock(x, STEP_S);
	if (seen && t->kind == ATTR && !model_hidden(x->m, event_of(x->m, i))) {
		delete_attr(x, i);
	} else if (seen && t->kind == EVENT && !x->gone[i] && rng_chance(&x->rng, 500)) {
		x->gone[i] = true;
		delete_event(x, model_uuid(x->m, i));
	} else if (seen && t->kind == EVENT && !x->gone[i] && t->published) {
		publish(x, model_uuid(x->m, i), false);
		put_clock(x, STEP_S);
		publish(x, model_uuid(x->m, i), true);
	} else if (x->added && rng_chance(&x->rng, 300)) {
		delete_event(x, added_uuid(x, rng_below(&x->rng, x->added)));
	} else {
		add_visible(x);
	}
}

/* Nobody gets one that is not for him, and it looks like one that is not there. */
static bool closed(struct exporting *x, const char *key)
{
	struct answer a[2];
	bool same = true;
	for (unsigned i = 0; i < 2; i++)
		talk_get(x->line[0], key, i ? "/exports/setX" : "/exports/set0", "", &a[i]);
	for (ptrdiff_t at; (at = str_find(buf_str(&a[1].body), STR("setX"))) >= 0;)
		a[1].body.p[at + 3] = '0'; /* what was asked for is told */
	same = str_eq(buf_str(&a[0].head), buf_str(&a[1].head)) && str_eq(buf_str(&a[0].body), buf_str(&a[1].body));
	if (!same)
		buf_printf(x->story, "an export of others:\n%.*s%.*sone that is not there:\n%.*s%.*s\n",
			   STR_ARG(buf_str(&a[0].head)), STR_ARG(buf_str(&a[0].body)), STR_ARG(buf_str(&a[1].head)),
			   STR_ARG(buf_str(&a[1].body)));
	answer_free(&a[0]);
	answer_free(&a[1]);
	return same;
}

static bool play(struct exporting *x)
{
	bool open = !x->m->row || (x->m->row_class == ROW_PUBLIC && x->m->row_tlp == 0);
	if (!open && !(closed(x, NULL) && closed(x, user_keys[ALPHA_USER])))
		return false;
	if (!open || rng_chance(&x->rng, 300))
		x->key = user_keys[HOST_USER];
	if (!stage(x, "as it was filled") || !hidden_change(x))
		return false;
	visible_change(x);
	if (!wait_end(x) || !stage(x, "after a change"))
		return false;
	visible_change(x);
	visible_change(x);
	if (!stage(x, "after more changes"))
		return false;
	put_clock(x, 100000);
	settle(x, &x->side[0]);
	settle(x, &x->side[1]);
	return stage(x, "a day later");
}

bool exports_same(const struct model *m, struct side side[2], struct line *line[2], struct line *waiting[2],
		  struct buf *story, uint64_t *asked)
{
	struct exporting x = {.m = m, .side = side, .line = line, .waiting = waiting, .story = story,
			      .asked = asked, .rng = {m->seed * 131u + 5}, .at = m->now};
	put_clock(&x, 0);
	for (unsigned k = 0; k < SUBS; k++)
		make_row(&x, k);
	for (unsigned i = 0; i < 2; i++)
		begin(&x, &side[i]);
	for (unsigned i = 0; i < 2; i++)
		settle(&x, &side[i]);
	bool good = play(&x);
	struct buf left[2] = {BUF(64u << 20), BUF(64u << 20)};
	for (unsigned i = 0; i < 2; i++)
		subs_quit(side[i].subs); /* who still waits is answered */
	wait_read(&x, left);
	answered(&x);
	for (unsigned i = 0; i < 2; i++) {
		side[i].api->subs = NULL;
		subs_free(MOVE(side[i].subs));
		buf_free(&left[i]);
	}
	return good;
}
