/* test_lists.c - folders of the four kinds become rows; newer ones go over older ones; what is none. */
#include "lists/lists.h"
#include "lists/template.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/store/fixture.h"

static struct store *store;
static struct lists *lists;
static const char *folder;

static void put(const char *name, const char *text)
{
	char path[600];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "we");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		bail_out("cannot write %s", path);
}

static void sub(const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	mkdir(path, 0700);
}

static void update(enum list_kind k, size_t added, size_t updated, size_t current, size_t left_out,
		   const char *what)
{
	struct lists_update u;

	is_ok(lists_update(lists, k, &u, &fix_fail), "%s: %s", what, fix_fail.text);
	ok(u.added == added && u.updated == updated && u.current == current && u.left_out == left_out,
	   "%s: %zu added, %zu updated, %zu current, %zu left out", what, u.added, u.updated, u.current,
	   u.left_out);
	if (left_out)
		ok(strstr(u.why.text, ".json: "), "%s: %s", what, u.why.text);
}

static enum err run_enable(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_warnlist row;
	OWN(arena) struct arena *a = arena_new(1 << 20);

	(void)arg;
	TRY(store_get(store_view(w), T_WARNLIST, 1, a, &row));
	row.enabled = true;
	return store_put(w, T_WARNLIST, 1, &row, f);
}

static void warnings(void)
{
	struct warnlist_hit h[2];
	struct warnlists *set;

	put("a.json", "{\"name\":\"A\",\"type\":\"cidr\",\"version\":1,\"description\":\"d\","
		      "\"list\":[\"10.0.0.0/8\"],\"matching_attributes\":[\"ip-dst\"]}");
	put("bad.json", "{\"name\":\"no list\"}");
	update(LIST_WARNING, 1, 0, 0, 1, "first time");
	update(LIST_WARNING, 0, 0, 1, 1, "again");
	ok(!lists_warnings(lists), "none is enabled");
	is_ok(store_run(store, run_enable, NULL, &fix_fail), "enabled");
	put("a.json", "{\"name\":\"A\",\"type\":\"cidr\",\"version\":\"2\",\"description\":\"d\","
		      "\"list\":[\"11.0.0.0/8\"]}");
	update(LIST_WARNING, 0, 1, 0, 1, "a newer version");
	set = lists_warnings(lists);
	if (!set)
		bail_out("nothing compiled");
	is_uint(warnlist_hits(set, ATTR_IP_DST, STR("11.1.1.1"), h, 2), 1, "its new entry hits");
	is_uint(warnlist_hits(set, ATTR_IP_DST, STR("10.1.1.1"), h, 2), 0, "the old one does not");
	is_uint(warnlist_at(set, 0)->number, 1, "by the number of its row");
	warnlist_unref(set);
}

static void others(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_template row;

	put("bad.json", "[]");
	sub("obj");
	put("obj/definition.json",
	    "{\"name\":\"o\",\"uuid\":\"5c0a1e08-71aa-4b0d-9e2f-000000000520\",\"version\":3,"
	    "\"meta-category\":\"misc\",\"description\":\"d\",\"required\":[\"b\"],"
	    "\"attributes\":{\"b\":{\"misp-attribute\":\"text\",\"ui-priority\":1},"
	    "\"a\":{\"misp-attribute\":\"link\",\"multiple\":true}}}");
	update(LIST_TEMPLATE, 1, 0, 0, 2, "templates");
	is_ok(store_read(store, &t, &fix_fail), "read");
	is_ok(store_get(t, T_TEMPLATE, 1, NULL, &row), "a row");
	is_view(row.requirements, "{\"required\":[\"b\"]}", "what it requires");
	ok(str_find(row.elements, STR("\"a\"")) < str_find(row.elements, STR("\"b\"")),
	   "elements by relation");
}

/* What the template of others() demands: b, and a as often as one likes. */
static void demands(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct misp_template row;
	const struct str none[] = {{"a", 1}}, met[] = {{"a", 1}, {"b", 1}, {"a", 1}},
			 twice[] = {{"b", 1}, {"b", 1}};
	struct str uuid = STR("5c0a1e08-71aa-4b0d-9e2f-000000000520");
	struct fail f = {0};

	is_ok(store_read(store, &t, &fix_fail), "read");
	is_err(lists_template(t, 0, uuid, STR("2"), a, &row), ERR_NOENT, "another version");
	is_ok(lists_template(t, 0, uuid, STR("3"), a, &row), "this version");
	is_ok(lists_template(t, 1, STR_NONE, STR_NONE, a, &row), "by number");
	is_ok(lists_template_check(&row, met, 3, &f), "met: %s", f.text);
	is_err(lists_template_check(&row, none, 1, &f), ERR_INVAL, "b is missing");
	is_str(f.text, "\"Could not save the object as a required attribute is not set (b)\"", "said");
	is_err(lists_template_check(&row, twice, 2, &f), ERR_INVAL, "b twice");
}

int main(void)
{
	const char *v[1];
	struct lists_conf c = {0};

	fix_begin();
	v[0] = folder = strdup(fix_path("lists"));
	mkdir(folder, 0700);
	store = fix_open("store", (struct store_opts){0});
	c.store = store;
	for (enum list_kind k = 0; k < LIST_KINDS; k++) {
		c.folders[k].v = v;
		c.folders[k].n = 1;
	}
	lists = lists_new(&c);
	warnings();
	others();
	demands();
	lists_free(lists);
	store_close(store);
	free((void *)(uintptr_t)folder);
	return fix_end();
}
