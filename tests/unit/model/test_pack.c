/*
 * test_pack.c - entities survive packing; damaged records are refused; unknown tags are skipped.
 */
#include "model/pack.h"

#include "base/hash.h"
#include "model/misp.h"
#include "model/perms.h"
#include "tests/tap/tap.h"

static struct misp_tagref tags[9];

static struct misp_attr sample(void)
{
	struct misp_attr a;
	misp_attr_init(&a);
	a.id = UINT64_MAX;
	a.uuid = uuid_random();
	a.type = 500;
	a.category = 7;
	a.value = STR("192.0.2.1");
	a.to_ids = true;
	a.timestamp = -5;
	a.first_seen = 0;
	a.object_relation = STR("ip");
	a.data = STR("QUJD");
	for (unsigned i = 0; i < ARRAY_LEN(tags); i++)
		tags[i] = (struct misp_tagref){.tag_id = i + 1, .name = STR("tlp:green"), .local = i & 1};
	a.tags = (struct entity_list){tags, ARRAY_LEN(tags)};
	ENTITY_SET_HAS(&a, ATTR_F_value);
	return a;
}

static void check_equal(const struct misp_attr *a, const struct misp_attr *b, const char *what)
{
	is_uint(b->id, a->id, "%s: id", what);
	ok(uuid_eq(a->uuid, b->uuid), "%s: uuid", what);
	is_int(b->type, a->type, "%s: type", what);
	ok(str_eq(a->value, b->value), "%s: value", what);
	ok(b->to_ids && !b->deleted, "%s: flags", what);
	is_int(b->timestamp, a->timestamp, "%s: negative time", what);
	is_int(b->first_seen, 0, "%s: first_seen 0 is not none", what);
	is_int(b->last_seen, MICRO_NONE, "%s: last_seen none", what);
	is_uint(b->tags.n, ARRAY_LEN(tags), "%s: tags", what);
	is_uint(LIST_AT(b->tags, struct misp_tagref, 8)->tag_id, 9, "%s: last tag", what);
}

static void test_forms(struct arena *ar)
{
	struct misp_attr a = sample(), b;
	OWN(buf) struct buf store = BUF(4096), spool = BUF(4096);
	pack_entity(&store, &desc_misp_attr, &a, PACK_STORE);
	pack_entity(&spool, &desc_misp_attr, &a, PACK_SPOOL);
	is_ok(buf_err(&store), "packed");
	is_ok(unpack_entity(buf_str(&store), &desc_misp_attr, ar, &b), "unpacked");
	check_equal(&a, &b, "store");
	ok(!b.data.n, "raw members are not stored");
	is_ok(unpack_entity(buf_str(&spool), &desc_misp_attr, ar, &b), "unpacked");
	check_equal(&a, &b, "spool");
	is_view(b.data, "QUJD", "raw members are spooled");
	is_view(LIST_AT(b.tags, struct misp_tagref, 0)->name, "tlp:green", "names are spooled");
	ok(ENTITY_HAS(&b, ATTR_F_value) && !ENTITY_HAS(&b, ATTR_F_comment), "has bits");
	is_ok(unpack_entity(buf_str(&store), &desc_misp_attr, NULL, &b), "without an arena");
	is_uint(b.tags.n, 0, "lists are skipped");
}

static void test_damage(struct arena *ar)
{
	struct misp_attr a = sample(), b;
	OWN(buf) struct buf p = BUF(4096);
	pack_entity(&p, &desc_misp_attr, &a, PACK_SPOOL);
	unsigned cut_ok = 0;
	for (size_t n = 0; n < p.n; n++)
		cut_ok += unpack_entity((struct str){p.p, n}, &desc_misp_attr, ar, &b) == ERR_OK;
	ok(cut_ok <= 40, "most cuts are refused (%u fall between members)", cut_ok);
	for (unsigned i = 0; i < 5000; i++) {
		OWN(buf) struct buf q = BUF(4096);
		buf_add(&q, p.p, p.n);
		q.p[random_u64() % q.n] = (char)random_u64();
		enum err e = unpack_entity(buf_str(&q), &desc_misp_attr, ar, &b);
		if (e != ERR_OK && e != ERR_CORRUPT)
			ok(false, "mutation gave %s", err_name(e));
		arena_reset(ar);
	}
	ok(true, "mutations do not crash");
	struct str unknown = STR("\xfc\x05\xfd\x02hi");
	is_ok(unpack_entity(unknown, &desc_misp_attr, ar, &b), "unknown tags are skipped");
}

static void test_tables(void)
{
	unsigned bit = 99;
	const struct field *f = desc_find(&desc_misp_attr, STR("object_relation"), &bit);
	ok(f && f->kind == F_STR && bit == ATTR_F_object_relation, "member by key");
	ok(!desc_find(&desc_misp_attr, STR("nonsense"), NULL), "unknown key");
	ok(!desc_find(&desc_misp_tag, STR("value"), NULL), "key of another entity");
	is_uint(perms_of_stock_role(6), perm_audit | perm_auth, "read only role");
	is_uint(perms_level(perms_of_stock_role(3)), 2, "user manages its organisation's");
	const struct entity_desc *descs[] = {&desc_misp_attr, &desc_misp_event, &desc_misp_peer,
					     &desc_misp_feed, &desc_misp_cluster, &desc_misp_user};
	for (size_t d = 0; d < ARRAY_LEN(descs); d++) {
		bool seen[128] = {false};
		bool unique = true;
		for (unsigned i = 0; i < descs[d]->n; i++) {
			uint8_t tag = descs[d]->fields[i].tag;
			unique &= tag >= 1 && tag < 128 && !seen[tag & 127];
			seen[tag & 127] = true;
		}
		ok(unique, "storage tags of %s are unique", descs[d]->name);
	}
}

int main(void)
{
	OWN(arena) struct arena *ar = arena_new(1 << 20);
	test_forms(ar);
	test_damage(ar);
	test_tables();
	return done_testing();
}
