/*
 * ep_statistics.c - users/statistics: numbers over what the caller may see.
 * Months and years begin with the calendar's. Shapes as recorded (wire/client, users).
 */
#include "api/ep_counts.h"
#include "base/clock.h"

#define ORGS_MAX 100000u

struct totals {
	uint64_t events, events_month, attributes, attributes_month, proposals;
	uint64_t users, users_month, users_year, users_pgp;
	uint64_t orgs, local, contributing;
	uint64_t local_month, local_year, external, external_month, external_year;
	int64_t month, year; /* when they began */
	uint64_t *creators; /* organisations that have created events */
	size_t n_creators;
};

static void note_creator(struct totals *n, uint64_t org)
{
	for (size_t i = 0; i < n->n_creators; i++)
		if (n->creators[i] == org)
			return;
	if (n->n_creators < ORGS_MAX)
		n->creators[n->n_creators++] = org;
}

static enum err count_event(void *user, struct view *v, const struct misp_event *e)
{
	struct totals *n = user;
	struct view_counts parts;
	TRY(view_count_parts(v, e, n->month, &parts));
	n->events++;
	n->events_month += e->timestamp >= n->month;
	n->attributes += parts.attributes;
	n->attributes_month += parts.attributes_since;
	n->proposals += parts.proposals;
	note_creator(n, e->orgc_id);
	return ERR_OK;
}

static void count_accounts(struct view *v, const struct view_orgs *known, struct totals *n)
{
	struct misp_user u;
	struct misp_org o;
	uint64_t id = 0;
	char month[16], year[16];
	struct clock_civil c = clock_to_civil(n->month);
	snprintf(month, sizeof(month), "%04d-%02d", c.year, c.month);
	snprintf(year, sizeof(year), "%04d-", c.year);
	while (store_next(view_txn(v), T_USER, &id, NULL, &u) == ERR_OK) {
		n->users++;
		n->users_pgp += u.gpgkey.n > 0;
		n->users_month += u.date_created >= n->month;
		n->users_year += u.date_created >= n->year;
	}
	id = 0;
	while (store_next(view_txn(v), T_ORG, &id, NULL, &o) == ERR_OK) {
		if (!view_orgs_has(known, id))
			continue;
		bool m = str_has_prefix(o.date_created, str_c(month));
		bool y = str_has_prefix(o.date_created, str_c(year));
		n->orgs++;
		n->local += o.local;
		n->local_month += o.local && m;
		n->local_year += o.local && y;
		n->external += !o.local;
		n->external_month += !o.local && m;
		n->external_year += !o.local && y;
	}
	n->contributing = n->n_creators;
}

static void put_data(struct jsonw *w, const char *key, uint64_t total, uint64_t month, uint64_t year)
{
	jsonw_key(w, key);
	jsonw_obj(w);
	jsonw_key(w, "data");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "total", total);
	JSONW_KV(w, jsonw_uint, "month", month);
	JSONW_KV(w, jsonw_uint, "year", year);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static void put_stats(struct http_req *r, struct jsonw *w, const struct totals *n)
{
	uint64_t per_event = n->events ? (n->attributes + n->events / 2) / n->events : 0;
	uint64_t tenths = n->local ? (n->users * 10 + n->local / 2) / n->local : 0;
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{"event_count", n->events},
		{"event_count_month", n->events_month},
		{"attribute_count", n->attributes},
		{"attribute_count_month", n->attributes_month},
		{"attributes_per_event", per_event},
		{"correlation_count", 0}, /* none are kept here: they are looked up */
		{"proposal_count", n->proposals},
		{"user_count", n->users},
		{"user_count_pgp", n->users_pgp},
		{"org_count", n->orgs},
		{"local_org_count", n->local},
		{"contributing_org_count", n->contributing},
		{"thread_count", 0},
		{"thread_count_month", 0},
		{"post_count", 0},
		{"post_count_month", 0},
	};
	jsonw_key(w, "stats");
	jsonw_obj(w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		JSONW_KV(w, jsonw_uint_str, rows[i].key, rows[i].value);
	JSONW_KV(w, jsonw_str, "average_user_per_org",
		 tenths % 10 ? arena_printf(r->arena, "%llu.%llu", (unsigned long long)tenths / 10,
					    (unsigned long long)tenths % 10)
			     : rest_id(r, tenths / 10));
	jsonw_obj_end(w);
}

static enum err statistics(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct clock_civil now = clock_to_civil(clock_now());
	struct totals n = {.month = clock_from_civil(now.year, now.month, 1, 0, 0, 0),
			   .year = clock_from_civil(now.year, 1, 1, 0, 0, 0),
			   .creators = ARENA_ARRAY(r->arena, uint64_t, ORGS_MAX)};
	struct view_orgs known;
	bool of_users = str_is(req_arg(r, "page"), "users");
	if (!n.creators)
		return fail(f, ERR_NOMEM, "no memory");
	if (req_arg(r, "page").p && !of_users && !str_is(req_arg(r, "page"), "data")) {
		enum err e = rest_counts_page(r, req_arg(r, "page"), f);
		if (e != ERR_NOENT)
			return e;
		reply_error(r, 404, "Invalid page.");
		return ERR_OK;
	}
	TRY(rest_view(r, &v, f));
	if (!of_users)
		TRY(rest_each_event(r, v, &(struct each_event){NULL, count_event, &n}));
	TRY(view_orgs_find(v, r->arena, &known, f));
	count_accounts(v, &known, &n);
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	if (of_users) {
		put_data(&w, "user", n.users, n.users_month, n.users_year);
		put_data(&w, "org_local", n.local, n.local_month, n.local_year);
		put_data(&w, "org_external", n.external, n.external_month, n.external_year);
	} else {
		put_stats(r, &w, &n);
	}
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_users_statistics = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/users/statistics/:page",
	.run = statistics,
	.shape = "Statistics",
	.doc = "Numbers of events, attributes, accounts and organisations",
};
