/*
 * outs.c - ways out that are no answer to somebody with a key: every exporter for a feed, an export and a stream,
 * and what would be pushed over a link: events, parts, clusters and analyst data.
 */
#include <stdio.h>
#include <string.h>

#include "feeds/export/export.h"
#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

#define LINK_KINDS 6

static unsigned n_exporters(void)
{
	unsigned n = 0;
	while (export_rows[n])
		n++;
	return n;
}

unsigned outs_count(const struct model *m)
{
	return m->who < WHO_USERS ? 0 : m->who == A_LINK ? LINK_KINDS : n_exporters() * 3;
}

static struct str no_param(void *user, const char *name)
{
	(void)user, (void)name;
	return STR_NONE;
}

static void append(struct sealed *s, struct buf *out)
{
	bool end = false;
	while (s && !end) {
		struct fail why = {0};
		if (sealed_pull(s, out, 65536, &end, &why) != ERR_OK)
			bail_out("an export breaks off: %s", why.text);
	}
	buf_putc(out, '\n');
}

/* ---- feeds, exports, streams ---- */

static void make_export(const struct model *m, struct side *s, const struct exporter *x, unsigned scope,
			struct buf *out)
{
	struct audience aud;
	struct query query = {.scope = scope == EXPORT_ATTRIBUTES ? SCOPE_ATTRIBUTES : SCOPE_EVENTS};
	const struct part_filter filter = {.live = true, .deleted = true, .attribute = true, .event = true,
					   .uuid = true};
	OWN(arena) struct arena *a = arena_new(16u << 20);
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *sealed = NULL;
	struct search_result found = {0};
	struct fail why = {0};
	json_t *none = json_object();
	if (policy_audience_named(s->w.policy, STR(AUDIENCE), &aud) != ERR_OK)
		bail_out("no audience");
	if (query_parse(&query, query.scope, none, a, m->now, &why) != ERR_OK)
		bail_out("no query: %s", why.text);
	json_decref(none);
	query.with_attachments = query.include_sightings = query.include_correlations = true;
	query.include_event_tags = query.include_context = true;
	struct egress_query eq = {.query = &query,
				  .exporter = x,
				  .deleted_too = true,
				  .opts = {.scope = scope,
					   .base_url = STR("https://node.example"),
					   .host_org_name = STR("Host"),
					   .include_context = true,
					   .include_event_uuid = true,
					   .include_event_tags = true,
					   .include_correlations = true,
					   .include_sightings = true,
					   .include_analyst = true,
					   .parts = &filter,
					   .now = m->now,
					   .param = no_param}};
	if (view_open_as(&s->w.out, &aud, &v, &why) != ERR_OK ||
	    egress_search(&v, &eq, NULL, &found, &sealed, &why) != ERR_OK)
		bail_out("no export %s: %s", x->name, why.text);
	append(sealed, out);
	buf_printf(out, "%llu found\n", (unsigned long long)found.total);
}

/* ---- a link ---- */

static struct caller link_caller(void)
{
	return (struct caller){.kind = AUD_PEER, .org_id = 1 + GAMMA, .org = org_uuid(GAMMA), .name = STR("gamma"),
			       .perm_sync = true, .push = true};
}

static void push_events(struct side *s, struct buf *out)
{
	for (unsigned i = 0; i < s->numbers.n; i++) {
		OWN(sealed) struct sealed *sealed = NULL;
		OWN(buf) struct buf one = BUF(16u << 20);
		struct fail why = {0};
		struct egress_push p = {.caller = link_caller(), .event_id = s->numbers.v[i].id};
		if (s->numbers.v[i].table != EVENT)
			continue;
		if (egress_push(&s->w.out, &p, &sealed, &why) == ERR_OK)
			append(sealed, &one);
		if (one.n > 2) /* nothing comes of what may not leave */
			buf_str_add(out, buf_str(&one));
	}
}

static void push_parts(struct side *s, const char *exporter, struct buf *out)
{
	const struct part_filter filter = {.live = true, .deleted = true, .attribute = true, .event = true,
					   .uuid = true};
	struct caller c = link_caller();
	for (unsigned i = 0; i < s->numbers.n; i++) {
		OWN(sealed) struct sealed *sealed = NULL;
		OWN(buf) struct buf one = BUF(16u << 20);
		struct search_hit hit = {.event_id = s->numbers.v[i].id};
		struct fail why = {0};
		if (s->numbers.v[i].table != EVENT)
			continue;
		if (egress_push_parts(&s->w.out, &c, &hit, 1, exporter, "push", &filter, &sealed, &why) == ERR_OK)
			append(sealed, &one);
		if (one.n > 3)
			buf_str_add(out, buf_str(&one));
	}
}

static void push_clusters(struct side *s, struct buf *out)
{
	OWN(arena) struct arena *a = arena_new(4u << 20);
	struct caller c = link_caller();
	struct fail why = {0};
	uint64_t *ids = NULL, n = 0;
	if (egress_push_clusters(&s->w.out, &c, STR_NONE, a, &ids, &n, &why) != ERR_OK)
		bail_out("no clusters: %s", why.text);
	for (uint64_t i = 0; i < n; i++) {
		OWN(sealed) struct sealed *sealed = NULL;
		if (egress_push_cluster(&s->w.out, &c, ids[i], &sealed, &why) == ERR_OK)
			append(sealed, out);
	}
}

struct rows {
	struct side *s;
	struct buf *out;
};

static enum err push_note(void *user, const struct analyst_push_row *row, const char *held, struct fail *f)
{
	const struct rows *x = user;
	OWN(sealed) struct sealed *sealed = NULL;
	struct caller c = link_caller();
	if (held)
		return ERR_OK;
	TRY(egress_analyst_documents(&x->s->w.out, &c, &row->id, 1, false, &sealed, f));
	append(sealed, x->out);
	return ERR_OK;
}

static void push_notes(struct side *s, struct buf *out)
{
	struct rows x = {s, out};
	struct fail why = {0};
	struct analyst_push p = {.caller = link_caller(), .all = true, .row = push_note, .user = &x};
	if (egress_push_analyst(&s->w.out, &p, &why) != ERR_OK)
		bail_out("no analyst data: %s", why.text);
}

bool outs_make(const struct model *m, struct side *s, unsigned k, struct buf *out, char name[80])
{
	static const char *const links[LINK_KINDS] = {"push of events", "push of proposals", "push of sightings",
						      "push of reports", "push of clusters", "push of analyst data"};
	static const char *const parts[LINK_KINDS] = {NULL, ".proposals", ".sightings-push", ".reports", NULL, NULL};
	static const unsigned scopes[] = {EXPORT_EVENTS, EXPORT_ATTRIBUTES, EXPORT_PARTS};
	if (m->who != A_LINK) {
		const struct exporter *x = export_rows[k / 3];
		snprintf(name, 80, "%s, scope %u", x->name, scopes[k % 3]);
		if (!(x->scopes & scopes[k % 3]))
			return false;
		make_export(m, s, x, scopes[k % 3], out);
		return true;
	}
	snprintf(name, 80, "%s", links[k]);
	if (k == 0)
		push_events(s, out);
	else if (parts[k] && export_find(str_c(parts[k])))
		push_parts(s, parts[k], out);
	else if (k == 4)
		push_clusters(s, out);
	else if (k == 5)
		push_notes(s, out);
	return true;
}
