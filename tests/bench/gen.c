/*
 * gen.c - seeded invented attributes and events for the benchmarks.
 *
 * No state and no clock: each number is hashed with the seed, so parts can be made in any order.
 */
#include "tests/bench/gen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { KIND_EVENT = 1, KIND_ATTRIBUTE = 2 };
enum { SALT_REPEAT = 10, SALT_WHICH, SALT_VALUE, SALT_SIZE, SALT_UUID, SALT_TAG };

static uint64_t mix(uint64_t seed, uint64_t salt, uint64_t i)
{
	uint64_t z = seed * 0x9e3779b97f4a7c15u + salt * 0xd1342543de82ef95u + i;

	for (int k = 0; k < 2; k++) {
		z += 0x9e3779b97f4a7c15u;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		z ^= z >> 31;
	}
	return z;
}

static void put_hex(char *out, uint64_t v, int digits)
{
	for (int k = digits - 1; k >= 0; k--, v >>= 4)
		out[k] = "0123456789abcdef"[v & 15];
}

static void hash_value(const struct gen *g, uint64_t i, int digits, char *out)
{
	for (int k = 0; k < digits; k += 8)
		put_hex(out + k, mix(g->seed, SALT_VALUE + 100 + (uint64_t)k, i), 8);
	out[digits] = '\0';
}

const char *gen_value(const struct gen *g, uint64_t i, char out[GEN_VALUE_MAX])
{
	uint64_t h;

	if (i > 0 && mix(g->seed, SALT_REPEAT, i) % 1000 < g->repeat_permille)
		i = mix(g->seed, SALT_WHICH, i) % i;
	h = mix(g->seed, SALT_VALUE, i);
	switch (h % 20) {
	case 0: case 1: case 2: case 3: case 4:
		h = i * 0x9e3779b1u; /* odd: the first 2^24 numbers give different addresses */
		snprintf(out, GEN_VALUE_MAX, "10.%u.%u.%u", (unsigned)(h >> 16 & 255),
			 (unsigned)(h >> 8 & 255), (unsigned)(h & 255));
		return "ip-dst";
	case 5: case 6: case 7: case 8: case 9:
		snprintf(out, GEN_VALUE_MAX, "h%" PRIx64 ".d%u.example", h >> 24,
			 (unsigned)(h >> 8 & 4095));
		return "hostname";
	case 10: case 11: case 12: case 13:
		hash_value(g, i, 64, out);
		return "sha256";
	case 14: case 15: case 16:
		snprintf(out, GEN_VALUE_MAX, "https://w%x.example/%" PRIx64 "/index.php?id=%u",
			 (unsigned)(h >> 8 & 0xffff), h >> 24, (unsigned)(i % 1000));
		return "url";
	case 17: case 18:
		hash_value(g, i, 32, out);
		return "md5";
	default:
		snprintf(out, GEN_VALUE_MAX, "u%" PRIx64 "@mail%u.example", h >> 20,
			 (unsigned)(h >> 8 & 255));
		return "email-src";
	}
}

void gen_uuid(const struct gen *g, uint64_t kind, uint64_t i, char out[37])
{
	uint64_t a = mix(g->seed, SALT_UUID + kind * 1000, i);
	uint64_t b = mix(g->seed, SALT_UUID + kind * 1000 + 1, i);

	put_hex(out, a, 8);
	put_hex(out + 9, a >> 32, 4);
	put_hex(out + 14, 0x4000 | (a >> 48 & 0xfff), 4);
	put_hex(out + 19, 0x8000 | (b & 0x3fff), 4);
	put_hex(out + 24, b >> 14, 12);
	out[8] = out[13] = out[18] = out[23] = '-';
	out[36] = '\0';
}

int gen_tag(const struct gen *g, uint64_t i)
{
	uint64_t h = g->tagged_permille ? mix(g->seed, SALT_TAG, i) : 0;

	return h % 1000 < g->tagged_permille ? (int)(h / 1000 % GEN_TAGS) : -1;
}

uint64_t gen_event_size(const struct gen *g, uint64_t i)
{
	double u = ((double)(mix(g->seed, SALT_SIZE, i) >> 11) + 1.0) / 9007199254740993.0;
	double size = 5.0 * pow(u, -1.0 / 1.1);

	return size > 50000.0 ? 50000 : (uint64_t)size;
}

static const char *category(const char *type)
{
	switch (type[0]) {
	case 's': case 'm': case 'e':
		return "Payload delivery";
	default:
		return "Network activity";
	}
}

static void event_fields(struct buf *b, const struct gen *g, uint64_t ev)
{
	buf_printf(b,
		   "\"info\":\"Invented campaign %" PRIu64 " %08" PRIx64 "\",\"date\":\"2024-%02u-%02u\","
		   "\"threat_level_id\":\"%u\",\"analysis\":\"%u\",\"timestamp\":\"%" PRIu64 "\"",
		   ev, mix(g->seed, 1, ev) >> 32, (unsigned)(ev % 12 + 1), (unsigned)(ev % 28 + 1),
		   (unsigned)(ev % 4 + 1), (unsigned)(ev % 3), GEN_EPOCH + ev);
}

#define ORG                                                                                        \
	"\"Orgc\":{\"name\":\"Invented Reef\","                                                     \
	"\"uuid\":\"7d3f0b10-2a64-4c39-8e55-a1b2c3d4b001\"}"

void gen_event_head(struct buf *b, const struct gen *g, uint64_t ev)
{
	char uuid[37];

	gen_uuid(g, KIND_EVENT, ev, uuid);
	buf_printf(b, "{\"Event\":{\"uuid\":\"%s\",", uuid);
	event_fields(b, g, ev);
	buf_printf(b,
		   ",\"distribution\":\"%d\",\"published\":true,\"publish_timestamp\":\"%" PRIu64
		   "\"," ORG ",\"Tag\":[{\"name\":\"tlp:clear\",\"colour\":\"#ffffff\"},"
		   "{\"name\":\"bench:group=\\\"%u\\\"\",\"colour\":\"#112233\"}],\"Attribute\":[",
		   3, GEN_EPOCH + ev + 60, (unsigned)(ev % GEN_GROUPS));
}

void gen_attribute(struct buf *b, const struct gen *g, uint64_t i, int full)
{
	char value[GEN_VALUE_MAX], uuid[37];
	const char *type = gen_value(g, i, value);
	int tag = gen_tag(g, i);

	gen_uuid(g, KIND_ATTRIBUTE, i, uuid);
	buf_puts(b, "{\"type\":\"");
	buf_puts(b, type);
	buf_puts(b, "\",\"category\":\"");
	buf_puts(b, category(type));
	buf_puts(b, i % 5 ? "\",\"to_ids\":true,\"uuid\":\"" : "\",\"to_ids\":false,\"uuid\":\"");
	buf_add(b, uuid, 36);
	buf_puts(b, "\",\"comment\":\"");
	if (i % 4 == 0)
		buf_puts(b, "seen in the second stage of an invented campaign");
	buf_puts(b, "\",\"value\":\"");
	buf_puts(b, value);
	if (full) {
		buf_puts(b, "\",\"distribution\":\"5\",\"timestamp\":\"");
		buf_u64(b, GEN_EPOCH + i / 50);
		if (tag >= 0)
			buf_printf(b, "\",\"Tag\":[{\"name\":\"bench:mark=\\\"%d\\\"\","
				   "\"colour\":\"#445566\"}],\"sharing_group_id\":\"0", tag);
		else
			buf_puts(b, "\",\"sharing_group_id\":\"0");
		buf_puts(b, "\",\"deleted\":false,"
			    "\"disable_correlation\":false,\"object_id\":\"0\",\"object_relation\":null,"
			    "\"first_seen\":null,\"last_seen\":null,\"Galaxy\":[],"
			    "\"ShadowAttribute\":[],\"event_id\":\"1\"}");
	} else {
		buf_puts(b, "\"}");
	}
}

void gen_event_tail(struct buf *b)
{
	buf_puts(b, "]}}");
}

void gen_manifest_entry(struct buf *b, const struct gen *g, uint64_t ev)
{
	char uuid[37];

	gen_uuid(g, KIND_EVENT, ev, uuid);
	buf_printf(b, "\"%s\":{", uuid);
	event_fields(b, g, ev);
	buf_puts(b, "," ORG ",\"Tag\":[{\"name\":\"tlp:clear\",\"colour\":\"#ffffff\"}]}");
}
