/*
 * zones.c - from lines of the configuration to zones that are served. Who was given what is in the log line by
 * line; the audit log has whole zones and failures one by one, and of changes one record a minute for each
 * zone and resolver, as a resolver may take some each second.
 */
#include "main/zones.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/server.h"
#include "main/zone_source.h"

#define LISTEN_MAX 64
#define TAKERS_MAX 256
#define RECORD_EACH_MS 60000

/* Who was given a zone. */
struct taker {
	char zone[DNS_NAME_TEXT], key[DNS_NAME_TEXT], address[46];
	int64_t time, used_ms;
	enum dns_kind kind;
	uint32_t serial;
	uint64_t records, transfers;
	enum err result;
	/* changes that are not in the audit log yet */
	uint64_t count, count_records;
	int64_t recorded_ms;
};

struct zones {
	struct dns_server *server;
	struct subs *subs;
	struct audit_queue *audit;
	struct dns_set *next; /* has been read, is not taken yet */
	pthread_mutex_t lock; /* of what follows */
	struct dns_set *set;
	struct taker *takers[TAKERS_MAX];
	size_t n_takers;
};

/* ---- the configuration ---- */

static enum err zone_check(const struct dns_zone *z, struct fail *f)
{
	if (!z->from || !*z->from || strlen(z->from) > SUB_NAME_MAX)
		return fail(f, ERR_CONFIG, "dns: zone %s: from=SUBSCRIPTION is missing, or is no name", z->text);
	if (!z->n_keys && !z->n_open)
		return fail(f, ERR_CONFIG,
			    "dns: zone %s: nobody may have it: name a key (key=NAME), or networks that need none "
			    "(open=NETWORK)",
			    z->text);
	return ERR_OK;
}

static enum err set_read(const struct conf *c, struct dns_set **out, struct fail *f)
{
	OWN(dns_set) struct dns_set *set = dns_set_new();
	struct dns_zone *z;
	*out = NULL;
	if (!set)
		return fail(f, ERR_NOMEM, "no memory");
	if (c->dns_zones.n && !c->dns_listen.n)
		return fail(f, ERR_CONFIG, "dns.zones needs dns.listen");
	for (size_t i = 0; i < c->dns_keys.n; i++)
		TRY(dns_set_key(set, str_c(c->dns_keys.v[i]), f));
	for (size_t i = 0; i < c->dns_zones.n; i++) {
		TRY(dns_set_zone(set, str_c(c->dns_zones.v[i]), &z, f));
		TRY(zone_check(z, f));
	}
	*out = MOVE(set);
	return ERR_OK;
}

enum err zones_check(const struct conf *c, struct fail *f)
{
	OWN(dns_set) struct dns_set *set = NULL;
	struct conf_addr a;
	for (size_t i = 0; i < c->dns_listen.n; i++)
		TRY(conf_addr_parse(str_c(c->dns_listen.v[i]), &a, f));
	return set_read(c, &set, f);
}

enum err zones_read(struct zones *z, const struct conf *c, struct fail *f)
{
	OWN(dns_set) struct dns_set *set = NULL;
	if (!z)
		return ERR_OK;
	TRY(set_read(c, &set, f));
	for (size_t i = 0; i < dns_set_zones(set); i++) {
		struct dns_zone *zone = dns_set_zone_at(set, i);
		zone->source = zone_source_new(z->subs, zone);
		if (!zone->source)
			return fail(f, ERR_NOMEM, "no memory");
	}
	dns_set_unref(z->next);
	z->next = MOVE(set);
	return ERR_OK;
}

/* ---- who was given what ---- */

static bool is_change(const struct dns_transfer *t)
{
	return t->kind == DNS_KIND_IXFR && t->result == ERR_OK;
}

static void record(const struct zones *z, const struct taker *t, uint64_t count, uint64_t records)
{
	char text[AUDIT_TEXT_MAX];
	bool change = t->kind == DNS_KIND_IXFR;
	snprintf(text, sizeof(text), "zone %.80s %s serial %u records %llu%s%s", t->zone,
		 change ? "changes" : "whole", t->serial, (unsigned long long)records,
		 t->result == ERR_OK ? "" : ": ", t->result == ERR_OK ? "" : err_text(t->result));
	struct audit_entry x = {.action = AUDIT_zone,
				.outcome = t->result == ERR_OK ? AUDIT_OK : AUDIT_FAILED,
				.who = {.kind = *t->key ? AUDIT_BY_PEER : AUDIT_BY_NOBODY,
					.name = *t->key ? str_c(t->key) : STR_NONE,
					.address = str_c(t->address)},
				.count = count > 1 ? count : 0,
				.text = str_c(text)};
	audit_later(z->audit, &x);
}

static void record_changes(const struct zones *z, struct taker *t, int64_t now_ms)
{
	if (t->count)
		record(z, t, t->count, t->count_records);
	t->count = t->count_records = 0;
	t->recorded_ms = now_ms;
}

/* The one of this zone and resolver, or the one that was used longest ago, or a new one. */
static struct taker *taker_of(struct zones *z, const struct dns_transfer *t)
{
	struct taker *old = NULL;
	for (size_t i = 0; i < z->n_takers; i++) {
		struct taker *x = z->takers[i];
		if (strcmp(x->zone, t->zone->text) == 0 && strcmp(x->key, t->key) == 0 &&
		    strcmp(x->address, t->address) == 0)
			return x;
		if (!old || x->used_ms < old->used_ms)
			old = x;
	}
	if (z->n_takers < TAKERS_MAX) {
		old = calloc(1, sizeof(*old));
		if (!old)
			return NULL;
		z->takers[z->n_takers++] = old;
	} else {
		record_changes(z, old, 0);
	}
	*old = (struct taker){.recorded_ms = -RECORD_EACH_MS};
	snprintf(old->zone, sizeof(old->zone), "%s", t->zone->text);
	snprintf(old->key, sizeof(old->key), "%s", t->key);
	snprintf(old->address, sizeof(old->address), "%s", t->address);
	return old;
}

static void transfer_ended(void *user, const struct dns_transfer *t)
{
	struct zones *z = user;
	int64_t now = clock_boot_ms();
	pthread_mutex_lock(&z->lock);
	struct taker *x = taker_of(z, t);
	if (x) {
		if (!is_change(t))
			record_changes(z, x, now);
		x->time = clock_now();
		x->used_ms = now;
		x->kind = t->kind;
		x->serial = t->serial;
		x->records = t->records;
		x->result = t->result;
		x->transfers++;
		if (is_change(t)) {
			x->count++;
			x->count_records += t->records;
		} else {
			record(z, x, 1, t->records);
		}
		if (x->count && now - x->recorded_ms >= RECORD_EACH_MS)
			record_changes(z, x, now);
	}
	pthread_mutex_unlock(&z->lock);
}

void zones_tick(struct zones *z)
{
	if (!z)
		return;
	int64_t now = clock_boot_ms();
	pthread_mutex_lock(&z->lock);
	for (size_t i = 0; i < z->n_takers; i++)
		if (z->takers[i]->count && now - z->takers[i]->recorded_ms >= RECORD_EACH_MS)
			record_changes(z, z->takers[i], now);
	pthread_mutex_unlock(&z->lock);
}

/* ---- status ---- */

static void takers_status(const struct zones *z, const struct dns_zone *zone, struct jsonw *w)
{
	jsonw_key(w, "transfers");
	jsonw_arr(w);
	for (size_t i = 0; i < z->n_takers; i++) {
		const struct taker *t = z->takers[i];
		if (strcmp(t->zone, zone->text) != 0)
			continue;
		jsonw_obj(w);
		JSONW_KV(w, jsonw_c, "address", t->address);
		if (*t->key)
			JSONW_KV(w, jsonw_c, "key", t->key);
		JSONW_KV(w, jsonw_int, "time", t->time);
		JSONW_KV(w, jsonw_c, "kind", t->kind == DNS_KIND_IXFR ? "ixfr" : "axfr");
		JSONW_KV(w, jsonw_uint, "serial", t->serial);
		JSONW_KV(w, jsonw_uint, "records", t->records);
		JSONW_KV(w, jsonw_uint, "count", t->transfers);
		JSONW_KV(w, jsonw_c, "result", err_name(t->result));
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static void zone_status(const struct zones *z, const struct dns_zone *zone, struct jsonw *w)
{
	OWN(sub) struct sub *sub = subs_get(z->subs, str_c(zone->from));
	struct sub_status st;
	uint32_t serial;
	bool served = zone->source->ops->serial(zone->source, &serial);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "zone", zone->text);
	JSONW_KV(w, jsonw_c, "subscription", zone->from);
	if (sub)
		sub_status(sub, &st);
	JSONW_KV(w, jsonw_c, "state",
		 served                      ? "ready"
		 : !sub                      ? "there is no such subscription"
		 : st.state == SUB_READY     ? "not " ZONE_FORMAT ", or not for this policy yet"
					     : sub_state_name(st.state));
	if (served) {
		JSONW_KV(w, jsonw_uint, "serial", serial);
		JSONW_KV(w, jsonw_uint, "entries", st.set.shown);
	}
	takers_status(z, zone, w);
	jsonw_obj_end(w);
}

void zones_status(struct zones *z, struct jsonw *w)
{
	jsonw_arr(w);
	if (z) {
		pthread_mutex_lock(&z->lock);
		for (size_t i = 0; z->set && i < dns_set_zones(z->set); i++)
			zone_status(z, dns_set_zone_at(z->set, i), w);
		pthread_mutex_unlock(&z->lock);
	}
	jsonw_arr_end(w);
}

/* ---- start and stop ---- */

enum err zones_new(const struct conf *c, struct zones **out, struct fail *f)
{
	struct conf_addr addrs[LISTEN_MAX];
	struct dns_listen listen[LISTEN_MAX];
	size_t n = MIN(c->dns_listen.n, (size_t)LISTEN_MAX);
	*out = NULL;
	TRY(zones_check(c, f));
	if (!n)
		return ERR_OK;
	for (size_t i = 0; i < n; i++) {
		TRY(conf_addr_parse(str_c(c->dns_listen.v[i]), &addrs[i], f));
		listen[i] = (struct dns_listen){.host = addrs[i].host, .port = addrs[i].port};
	}
	struct zones *z = calloc(1, sizeof(*z));
	if (!z)
		return fail(f, ERR_NOMEM, "no memory");
	pthread_mutex_init(&z->lock, NULL);
	const struct dns_opts o = {
		.listen = listen, .n_listen = n, .hooks = {.end = transfer_ended, .user = z}};
	enum err e = dns_server_new(&o, &z->server, f);
	if (e != ERR_OK) {
		zones_stop(z);
		return e;
	}
	*out = z;
	return ERR_OK;
}

enum err zones_start(struct zones *z, const struct conf *c, struct subs *subs, struct audit_queue *audit,
		     struct fail *f)
{
	if (!z)
		return ERR_OK;
	z->subs = subs;
	z->audit = audit;
	TRY(zones_read(z, c, f));
	z->set = MOVE(z->next);
	return dns_server_start(z->server, z->set, f);
}

void zones_take(struct zones *z)
{
	struct fail f = {0};
	if (!z || !z->next)
		return;
	if (dns_server_use(z->server, z->next, &f) != ERR_OK) /* each zone has its source */
		log_error("main", "dns detail=%s", log_val(str_c(f.text)));
	pthread_mutex_lock(&z->lock);
	struct dns_set *old = z->set;
	z->set = MOVE(z->next);
	pthread_mutex_unlock(&z->lock);
	dns_set_unref(old);
}

void zones_changed(struct zones *z)
{
	if (z)
		dns_server_changed(z->server);
}

void zones_stop(struct zones *z)
{
	if (!z)
		return;
	dns_server_stop(z->server);
	for (size_t i = 0; i < z->n_takers; i++) {
		record_changes(z, z->takers[i], 0);
		free(z->takers[i]);
	}
	dns_set_unref(z->set);
	dns_set_unref(z->next);
	pthread_mutex_destroy(&z->lock);
	free(z);
}
