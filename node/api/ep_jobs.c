/*
 * ep_jobs.c - MISP's background jobs, workers and updates. This node has none of them, and says so: what
 * a request asks for is done when it is answered. Texts as recorded (wire/client, logs).
 */
#include "api/rest.h"

static enum err workers(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_arr(&w);
	jsonw_c(&w, "Background jobs not enabled");
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err no_jobs(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_error(r, 404, "Background jobs are not enabled on this instance.");
	return ERR_OK;
}

static enum err no_update(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_error(r, 405,
		    "This node is not updated through its API: it is a program, and changes with its package.");
	return ERR_OK;
}

const struct endpoint ep_servers_workers = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/getWorkers",
	.auth = perm_site_admin,
	.run = workers,
	.shape = "Workers",
	.doc = "There are no background jobs: says so",
	.missing = "there are no background jobs",
};
const struct endpoint ep_jobs_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/jobs/index",
	.auth = perm_site_admin,
	.run = no_jobs,
	.shape = "Error",
	.doc = "There are no background jobs: 404, as MISP says",
};
const struct endpoint ep_servers_start_worker = {
	.methods = HTTP_POST,
	.path = "/servers/startWorker/:type",
	.auth = perm_site_admin,
	.run = no_jobs,
	.shape = "Error",
	.doc = "There are no background jobs: 404, as MISP says",
};
const struct endpoint ep_servers_stop_worker = {
	.methods = HTTP_POST,
	.path = "/servers/stopWorker/:pid",
	.auth = perm_site_admin,
	.run = no_jobs,
	.shape = "Error",
	.doc = "There are no background jobs: 404, as MISP says",
};
const struct endpoint ep_servers_restart_workers = {
	.methods = HTTP_POST,
	.path = "/servers/restartWorkers",
	.auth = perm_site_admin,
	.run = no_jobs,
	.shape = "Error",
	.doc = "There are no background jobs: 404, as MISP says",
};
const struct endpoint ep_servers_restart_dead_workers = {
	.methods = HTTP_POST,
	.path = "/servers/restartDeadWorkers",
	.auth = perm_site_admin,
	.run = no_jobs,
	.shape = "Error",
	.doc = "There are no background jobs: 404, as MISP says",
};
const struct endpoint ep_servers_kill_workers = {
	.methods = HTTP_POST,
	.path = "/servers/killAllWorkers",
	.auth = perm_site_admin,
	.run = no_jobs,
	.shape = "Error",
	.doc = "There are no background jobs: 404, as MISP says",
};
const struct endpoint ep_servers_update = {
	.methods = HTTP_POST,
	.path = "/servers/update",
	.auth = perm_site_admin,
	.run = no_update,
	.shape = "Error",
	.doc = "The node is updated as the program it is: 405",
	.missing = "the node is updated as the program it is",
};
