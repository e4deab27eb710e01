/*
 * bootstrap.c - the first rows of a store: MISP's stock roles 1 to 6, organisation 1, user 1.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "main/node.h"

struct first {
	struct node *n;
	struct first_admin *admin;
};

static void now_text(char *out, size_t n)
{
	struct clock_civil t = clock_to_civil(clock_now());
	snprintf(out, n, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute,
		 t.second);
}

static enum err make_roles(struct store_wtxn *w, struct fail *f)
{
	char when[32];
	now_text(when, sizeof(when));
	for (unsigned i = 1; i <= 6; i++) {
		struct misp_role r = {.id = store_new_row_id(w, T_ROLE),
				      .name = str_c(stock_role_name(i)),
				      .perms = perms_of_stock_role(i),
				      .created = str_c(when),
				      .modified = str_c(when),
				      .default_role = i == 3};
		if (r.id != i)
			return fail(f, ERR_EXISTS, "roles are there already");
		TRY(store_put(w, T_ROLE, r.id, &r, f));
	}
	return ERR_OK;
}

static enum err make_org(struct store_wtxn *w, const struct conf *c, uint64_t *id, struct fail *f)
{
	char when[32];
	now_text(when, sizeof(when));
	struct misp_org o = {.name = str_c(c->org_name),
			     .uuid = uuid_is_nil(c->org_uuid) ? uuid_random() : c->org_uuid,
			     .date_created = str_c(when),
			     .date_modified = str_c(when),
			     .description = STR("Automatically generated admin organisation"),
			     .type = STR("ADMIN"),
			     .local = true};
	*id = o.id = store_new_row_id(w, T_ORG);
	return store_put(w, T_ORG, o.id, &o, f);
}

static enum err run_first(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct first *first = arg;
	const char *key = first->admin->made_key;
	uint64_t org = 0;
	if (store_count(store_view(w), T_USER))
		return fail(f, ERR_EXISTS, "the store has been set up already");
	TRY(make_roles(w, f));
	TRY(make_org(w, first->n->conf, &org, f));
	struct misp_user u = {.id = store_new_row_id(w, T_USER),
			      .org_id = org,
			      .role_id = 1,
			      .email = str_c(first->admin->email),
			      .nids_sid = 4000000,
			      .termsaccepted = true,
			      .date_modified = clock_now()};
	TRY(store_put(w, T_USER, u.id, &u, f));
	struct sha256 d = api_key_digest(&first->n->api, str_c(key));
	struct misp_authkey k = {.id = store_new_row_id(w, T_AUTHKEY),
				 .uuid = uuid_random(),
				 .user_id = u.id,
				 .digest = {(char *)d.b, sizeof(d.b)},
				 .key_start = {key, 4},
				 .key_end = {key + 36, 4},
				 .created = clock_now(),
				 .plain = true};
	return store_put(w, T_AUTHKEY, k.id, &k, f);
}

enum err node_bootstrap(struct node *n, struct first_admin *admin, struct fail *f)
{
	struct first first = {n, admin};
	if (admin->key) {
		if (strlen(admin->key) != 40)
			return fail(f, ERR_INVAL, "an API key has 40 letters and digits");
		memcpy(admin->made_key, admin->key, 41);
	} else {
		api_key_new(admin->made_key);
	}
	return store_run(n->store, run_first, &first, f);
}
