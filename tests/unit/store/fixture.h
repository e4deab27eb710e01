/*
 * fixture.h - what the tests of store/ share: a folder that is removed at the end, opening,
 * a proof to write with, made-up events.
 */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/tap/tap.h"
#include "trust/admitted_make.h"

#define UNUSED __attribute__((unused))

static char fix_dir[256];
static struct fail fix_fail;

static int fix_rm_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void fix_rm(const char *path)
{
	nftw(path, fix_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static UNUSED const char *fix_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", fix_dir, name);
	return path;
}

/* A fresh folder; call once at the start of main(). */
static UNUSED void fix_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(fix_dir, sizeof(fix_dir), "%s/tocsin-store-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(fix_dir))
		bail_out("no temporary folder");
}

static UNUSED int fix_end(void)
{
	fix_rm(fix_dir);
	return done_testing();
}

static UNUSED enum err fix_try_open(const char *name, struct store_opts o, struct store **s)
{
	fix_fail = (struct fail){0};
	o.dir = fix_path(name);
	return store_open(&o, s, &fix_fail);
}

static UNUSED struct store *fix_open(const char *name, struct store_opts o)
{
	struct store *s = NULL;

	o.create = true;
	if (fix_try_open(name, o, &s) != ERR_OK)
		bail_out("cannot open %s: %s", name, fix_fail.text);
	return s;
}

/* Run a job that must succeed. */
static UNUSED void fix_run(struct store *s, store_run_fn fn, void *arg)
{
	struct fail f = {0};
	enum err e = store_run(s, fn, arg, &f);

	if (e != ERR_OK)
		bail_out("job failed: %s: %s", err_text(e), f.text);
}

static UNUSED const struct admitted *fix_proof(void)
{
	static struct admitted *adm;
	struct misp_event head = {0};
	struct origin o = {.kind = ORIGIN_LOCAL};

	if (!adm)
		adm = admitted_make(&(struct raw_event *){NULL}, &head, &o);
	return adm;
}

static UNUSED struct uuid fix_uuid(uint64_t n)
{
	struct uuid u = {{0xfe}};

	for (int i = 0; i < 8; i++)
		u.b[15 - i] = (uint8_t)(n >> (8 * i));
	return u;
}

/* Write an event with `n` attributes; every tenth is deleted. Returns its id by *id. */
struct fix_event {
	uint64_t number; /* makes the UUID */
	unsigned n;
	uint64_t id, body;
};

static UNUSED enum err fix_event_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct fix_event *ev = arg;
	struct misp_event e = {.info = STR("made up"), .timestamp = 1700000000};
	char value[64];

	e.id = ev->id = store_new_row_id(w, T_EVENT);
	e.body = ev->body = store_new_body(w);
	e.uuid = fix_uuid(ev->number);
	for (unsigned i = 0; i < ev->n; i++) {
		struct misp_attr a;
		struct el_key k = {.body = e.body};

		misp_attr_init(&a);
		a.id = k.id = store_new_el_id(w, EL_ATTR);
		a.event_id = e.id;
		a.uuid = fix_uuid(ev->number << 32 | (i + 1));
		a.deleted = i % 10 == 9;
		a.value = (struct str){value, (size_t)snprintf(value, sizeof(value), "value-%llu-%u",
							       (unsigned long long)ev->number, i)};
		TRY(store_el_put(w, fix_proof(), EL_ATTR, k, &a, f));
		e.attribute_total++;
		e.attribute_count += !a.deleted;
	}
	TRY(store_event_put(w, fix_proof(), &e, f));
	struct change c = {.op = CHANGE_ADD, .kind = CHANGE_TABLE(T_EVENT), .id = e.id,
			   .event_id = e.id, .uuid = e.uuid, .whole = true};
	return store_change(w, &c, f);
}

/* Elements of a kind in a body. */
static UNUSED unsigned fix_count(const struct store_rtxn *t, enum element_kind k, uint64_t body)
{
	struct store_el_iter *it;
	unsigned n = 0;

	if (store_el_iter_new(t, k, (struct el_key){.body = body}, false, &it) != ERR_OK)
		return UINT32_MAX;
	while (store_el_iter_next(it, NULL, NULL, NULL) == ERR_OK)
		n++;
	store_el_iter_free(it);
	return n;
}
