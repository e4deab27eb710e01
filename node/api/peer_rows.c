/*
 * peer_rows.c - rows of peers in MISP's form; which are good, and which one a request names.
 */
#include "api/peer_rows.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/log.h"
#include "model/pack.h"

#define KEY_LEN 40

/* ---- form ---- */

static void number_or_null(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	if (v)
		jsonw_uint_str(w, v);
	else
		jsonw_null(w);
}

void peer_text_or_null(struct jsonw *w, const char *key, struct str s)
{
	JSONW_KV(w, jsonw_str, key, s.n ? s : STR_NONE);
}

void peer_row_members(struct jsonw *w, const struct misp_peer *p, struct str authkey)
{
	JSONW_KV(w, jsonw_uint_str, "id", p->id);
	JSONW_KV(w, jsonw_str, "name", p->name);
	JSONW_KV(w, jsonw_str, "url", p->url);
	if (authkey.p)
		JSONW_KV(w, jsonw_str, "authkey", authkey);
	JSONW_KV(w, jsonw_uint_str, "org_id", p->org_id);
	JSONW_KV(w, jsonw_bool, "push", p->push);
	JSONW_KV(w, jsonw_bool, "pull", p->pull);
	JSONW_KV(w, jsonw_bool, "push_sightings", p->push_sightings);
	JSONW_KV(w, jsonw_bool, "push_galaxy_clusters", p->push_galaxy_clusters);
	JSONW_KV(w, jsonw_bool, "push_analyst_data", p->push_analyst_data);
	JSONW_KV(w, jsonw_bool, "pull_analyst_data", p->pull_analyst_data);
	JSONW_KV(w, jsonw_bool, "pull_galaxy_clusters", p->pull_galaxy_clusters);
	number_or_null(w, "lastpulledid", p->lastpulledid);
	number_or_null(w, "lastpushedid", p->lastpushedid);
	JSONW_KV(w, jsonw_str, "organization", STR_NONE);
	JSONW_KV(w, jsonw_uint_str, "remote_org_id", p->remote_org_id);
	JSONW_KV(w, jsonw_bool, "publish_without_email", p->publish_without_email);
	JSONW_KV(w, jsonw_bool, "unpublish_event", p->unpublish_event);
	JSONW_KV(w, jsonw_bool, "self_signed", p->self_signed);
	JSONW_KV(w, jsonw_str, "pull_rules", p->pull_rules);
	JSONW_KV(w, jsonw_str, "push_rules", p->push_rules);
	peer_text_or_null(w, "cert_file", p->cert_file);
	peer_text_or_null(w, "client_cert_file", p->client_cert_file);
	JSONW_KV(w, jsonw_bool, "internal", p->internal);
	JSONW_KV(w, jsonw_bool, "skip_proxy", p->skip_proxy);
	JSONW_KV(w, jsonw_bool, "remove_missing_tags", p->remove_missing_tags);
	JSONW_KV(w, jsonw_bool, "caching_enabled", p->caching_enabled);
	JSONW_KV(w, jsonw_uint_str, "priority", p->priority);
}

void peer_row_answer(struct http_req *r, const struct misp_peer *p, struct str authkey)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Server");
	jsonw_obj(&w);
	peer_row_members(&w, p, authkey);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* ---- which one ---- */

bool peer_of_path(struct http_req *r, struct misp_peer *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer row;
	uint64_t id;
	if (str_u64(req_arg(r, "id"), &id) && store_read(api_of(r)->store, &t, f) == ERR_OK &&
	    store_get(t, T_PEER, id, r->arena, &row) == ERR_OK &&
	    entity_copy(r->arena, &desc_misp_peer, &row, p) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid server");
	return false;
}

bool peer_named(struct http_req *r, struct misp_peer *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str name = req_arg(r, "id");
	struct misp_peer row;
	uint64_t id = 0, found = 0;
	unsigned n = 0;
	if (store_read(api_of(r)->store, &t, f) != ERR_OK) {
		reply_err(r, ERR_BUSY);
		return false;
	}
	if (str_u64(name, &found) && store_get(t, T_PEER, found, r->arena, &row) == ERR_OK)
		n = 1;
	for (bool known = n; !known && store_next(t, T_PEER, &id, NULL, &row) == ERR_OK;)
		if (str_eq_nocase(row.name, name)) {
			found = id;
			n++;
		}
	if (n == 1 && store_get(t, T_PEER, found, r->arena, &row) == ERR_OK &&
	    entity_copy(r->arena, &desc_misp_peer, &row, p) == ERR_OK)
		return true;
	reply_error(r, 404, n > 1 ? "Several peers are called %.*s: name it by its id"
				  : "There is no peer %.*s",
		    STR_ARG(name));
	return false;
}

/* ---- checking and storing ---- */

static bool key_shaped(struct str s)
{
	bool ok = s.n == KEY_LEN;
	for (size_t i = 0; ok && i < s.n; i++)
		ok = isalnum((unsigned char)s.p[i]);
	return ok;
}

static bool is_json(struct str s)
{
	json_t *j = s.n ? json_loadb(s.p, s.n, 0, NULL) : json_object();
	json_decref(j);
	return j != NULL;
}

struct str peer_row_fault(struct http_req *r, const struct misp_peer *p, struct str key,
			  bool key_wanted)
{
	if (!str_has_prefix(p->url, STR("http://")) && !str_has_prefix(p->url, STR("https://")))
		return rest_field_error(r, "url",
					"Invalid baseurl, please make sure that the protocol is set.");
	if ((key.p || key_wanted) && !key_shaped(key))
		return rest_field_error(r, "authkey",
					"The authkey has to be exactly 40 characters long and consist "
					"of alphanumeric characters.");
	if (p->pin.n && !client_pin_ok(p->pin))
		return rest_field_error(r, "pin",
					"A pin is sha256// and the base64 form of the SHA-256 digest of "
					"the public key, in all 52 characters.");
	if (!is_json(p->pull_rules))
		return rest_field_error(r, "pull_rules", "The rules are not JSON.");
	if (!is_json(p->push_rules))
		return rest_field_error(r, "push_rules", "The rules are not JSON.");
	return STR_NONE;
}

enum err peer_row_save(struct http_req *r, struct misp_peer *p, struct str key, struct fail *f)
{
	OWN(buf) struct buf sealed = BUF(4096);
	if (p->id && key.p) {
		TRY(peer_key_seal(api_of(r)->peer_key, p->id, key, &sealed, f));
		p->key_sealed = buf_str(&sealed);
	}
	bool fresh = !p->id;
	enum err e = rest_row_put(r, T_PEER, &p->id, p, UUID_NIL, f);
	if (e == ERR_OK && fresh) {
		TRY(peer_key_seal(api_of(r)->peer_key, p->id, key, &sealed, f));
		p->key_sealed = buf_str(&sealed);
		e = rest_row_put(r, T_PEER, &p->id, p, UUID_NIL, f);
	}
	p->key_sealed = STR_NONE; /* what it points to ends here */
	return e;
}

/* ---- running ---- */

struct pass_opts peer_run_of(const struct api *api, uint64_t peer_id, uint64_t user_id)
{
	return (struct pass_opts){.in = &api->ingest,
				  .out = &api->egress,
				  .key = api->peer_key,
				  .peer_id = peer_id,
				  .user_id = user_id,
				  .client = client_opts_of(api->conf),
				  .node_version = PACKAGE_VERSION,
				  .max_event_bytes = api->max_event_bytes};
}

struct pass_opts peer_run_opts(struct http_req *r, const struct misp_peer *p)
{
	return peer_run_of(api_of(r), p->id, me(r)->user.id);
}

/* ---- by the schedule ---- */

struct scheduled {
	struct pass_opts o;
	enum err err;
};

static void scheduled_run(struct long_job *j, void *arg)
{
	struct scheduled *x = arg;
	struct pass_result *res = calloc(1, sizeof(*res));
	struct fail f = {0};
	x->o.cancelled = long_job_cancelled(j);
	x->err = res ? pass_run(&x->o, res, &f) : ERR_NOMEM;
	if (x->err != ERR_OK && x->err != ERR_CANCELLED)
		log_warn("sync", "peer=%llu %s err=%s detail=%s", (unsigned long long)x->o.peer_id,
			 x->o.direction == PASS_PULL ? "pull" : "push", err_name(x->err),
			 log_val(str_c(f.text)));
	free(res);
}

enum err peer_run_scheduled(void *api_, uint64_t peer_id, enum pass_direction d,
			    const atomic_bool *stop)
{
	struct api *api = api_;
	struct scheduled x = {.o = peer_run_of(api, peer_id, 0)};
	struct fail f = {0};
	(void)stop; /* the list of jobs is stopped first, and this is one of them */
	x.o.direction = d;
	x.o.routine = true;
	x.o.technique = d == PASS_PULL ? PASS_FULL : PASS_INCREMENTAL;
	TRY(long_job_here(&api->jobs, "peer", peer_id, scheduled_run, &x, &f));
	return x.err;
}
