/*
 * setup.c - the nodes as their administrators would set them up, by the calls of the API.
 */
#include "tests/sim/setup.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

uint64_t setup_peer_id(unsigned at, unsigned to)
{
	return to < at ? to + 1 : to; /* rows are made in the order of the others */
}

/* A call that has to work; a member of a member of its answer. */
static void get(struct host *h, const char *path, const char *body, const char *outer,
		const char *inner, char *out, size_t n)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	long status = host_call(h, NULL, "POST", path, body, &b);
	if (status != 200)
		bail_out("%s: %ld %s", path, status, buf_cstr(&b));
	json_t *j = json_loadb(b.p, b.n, 0, NULL);
	const char *t = json_string_value(json_object_get(json_object_get(j, outer), inner));
	if (out && (!t || (size_t)snprintf(out, n, "%s", t) >= n))
		bail_out("%s: no %s.%s in %s", path, outer, inner, buf_cstr(&b));
	json_decref(j);
}

/* Organisation and sync user of node `who` on h. */
static void admit(struct setup *u, struct host *h, unsigned who)
{
	char body[400], id[24], path[60], *org = u->org_id[u->org[who]][h->nr];
	snprintf(u->org_id[h->org][h->nr], sizeof(u->org_id[0][0]), "1");
	snprintf(body, sizeof(body), "{\"name\":\"Org %c\",\"uuid\":\"%s\",\"local\":false}",
		 host_letter(u->org[who]), host_org_uuid(u->org[who]));
	if (!*org)
		get(h, "/admin/organisations/add", body, "Organisation", "id", org,
		    sizeof(u->org_id[0][0]));
	snprintf(body, sizeof(body),
		 "{\"email\":\"sync@%c.example\",\"org_id\":\"%s\",\"role_id\":\"5\"}",
		 host_letter(who) + 32, org);
	get(h, "/admin/users/add", body, "User", "id", id, sizeof(id));
	snprintf(path, sizeof(path), "/auth_keys/add/%s", id);
	get(h, path, "{}", "AuthKey", "authkey_raw", u->key[who][h->nr], KEY_LEN + 1);
}

/* By a cluster that nobody may have from us. */
static void give_galaxy(struct host *h)
{
	OWN(buf) struct buf b = BUF(8192);
	char uuid[] = "99999999-0000-4000-8000-00000000001x";
	uuid[sizeof(uuid) - 2] = (char)('0' + h->nr);
	buf_printf(&b,
		   "[{\"GalaxyCluster\":{\"uuid\":\"%s\",\"type\":\"sim\",\"value\":\"first\","
		   "\"tag_name\":\"\",\"description\":\"d\",\"distribution\":\"0\","
		   "\"version\":\"1750000000\",\"default\":false,\"published\":false,"
		   "\"source\":\"sim\",\"authors\":[\"sim\"],\"Orgc\":{\"name\":\"Sim\","
		   "\"uuid\":\"99999999-0000-4000-8000-00000000000f\"},\"GalaxyElement\":[],"
		   "\"GalaxyClusterRelation\":[],\"Galaxy\":{\"uuid\":\"" SETUP_GALAXY
		   "\",\"name\":\"Sim\",\"type\":\"sim\",\"description\":\"d\",\"version\":\"1\","
		   "\"icon\":\"link\",\"namespace\":\"sim\"}}}]",
		   uuid);
	get(h, "/galaxies/pushCluster", buf_cstr(&b), "", "", NULL, 0);
}

/* In the order of the others' numbers, so that setup_peer_id() knows the rows. */
static void link_to(const struct setup *u, struct host *h, unsigned to)
{
	char body[900], id[24];
	snprintf(body, sizeof(body),
		 "{\"url\":\"http://node-%u.sim\",\"name\":\"Org %c\",\"authkey\":\"%s\","
		 "\"internal\":%s,"
		 "\"pull\":true,\"push\":true,\"push_sightings\":true,\"pull_galaxy_clusters\":true,"
		 "\"push_galaxy_clusters\":true,\"pull_analyst_data\":true,"
		 "\"push_analyst_data\":true,\"remote_org_id\":\"%s\"}",
		 to, host_letter(to), u->key[h->nr][to], u->org[to] == h->org ? "true" : "false",
		 u->org_id[u->org[to]][h->nr]);
	get(h, "/servers/add", body, "Server", "id", id, sizeof(id));
	if (strtoull(id, NULL, 10) != setup_peer_id(h->nr, to))
		bail_out("the link of %u to %u has row %s", h->nr, to, id);
}

static void dir_of(const struct setup *u, const char *what, unsigned nr, char out[160])
{
	snprintf(out, 160, "%s/%s-%u", u->dir, what, nr);
}

void setup_make(struct setup *u, bool family)
{
	static struct host host[HOSTS_MAX];
	const char *tmp = getenv("TMPDIR");
	char dir[160];
	/* memory, where there is such a folder: nothing here needs a disk that survives */
	if (!tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(u->dir, sizeof(u->dir), "%.60s/tocsin-sim.XXXXXX", tmp);
	if (!mkdtemp(u->dir))
		bail_out("cannot make a folder in %s", tmp);
	u->made = true;
	for (unsigned i = 0; i < HOSTS_MAX; i++) {
		u->org[i] = family && i == 1 ? 0 : i;
		dir_of(u, "first", i, dir);
		host_init(&host[i], i, u->org[i], dir);
		host_start(&host[i]);
		give_galaxy(&host[i]);
	}
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		for (unsigned k = 0; k < HOSTS_MAX; k++)
			if (i != k)
				admit(u, &host[i], k);
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		for (unsigned k = 0; k < HOSTS_MAX; k++)
			if (i != k)
				link_to(u, &host[i], k);
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		host_stop(&host[i]);
}

void setup_free(struct setup *u)
{
	if (u->made)
		world_remove(u->dir);
}

void setup_hosts(const struct setup *u, struct sim *s)
{
	char from[160], dir[160];
	memcpy(s->key, u->key, sizeof(s->key));
	s->setup = u;
	s->model.org = u->org;
	for (unsigned i = 0; i < s->n; i++) {
		int64_t skew = s->host[i].skew_us;
		dir_of(u, "first", i, from);
		dir_of(u, "run", i, dir);
		host_place(&s->host[i], i, u->org[i], dir);
		s->host[i].skew_us = skew;
		host_copy(&s->host[i], from);
		sim_clock_of(s, &s->host[i]);
		host_start(&s->host[i]);
	}
}
