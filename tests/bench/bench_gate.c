/*
 * bench_gate.c - what a verdict of the gate costs an attribute: judged alone, and cut as it leaves.
 *
 * Build without sanitizers. Counts processor time of this thread, so that other work on the machine
 * matters less; the best of some rounds. Ends with 1 when an attribute costs 2 microseconds or more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/own.h"
#include "gate/gate.h"
#include "gate/policy_impl.h"
#include "model/types.h"

#define N_ATTRS 4096u
#define N_OBJECTS 256u
#define ROUNDS 7
#define TARGET_NS 2000.0
#define NOW INT64_C(1780000000)

struct bench {
	struct misp_attr attrs[N_ATTRS];
	struct misp_object objects[N_OBJECTS];
	struct misp_tagref event_tags[3], tags[4];
	char values[N_ATTRS][100];
	struct misp_event event;
	struct misp_org orgs[3];
	struct gate_facts facts;
	struct gate_subject s;
	struct arena *a;
};

static uint64_t seed = 88172645463325252u;

static unsigned rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

static const struct {
	enum attr_type type;
	enum attr_category category;
	const char *form;
} kinds[] = {
	{ATTR_IP_DST, CAT_NETWORK, "198.51.%u.%u"},
	{ATTR_DOMAIN, CAT_NETWORK, "login.secure-mail%u.example%u.org"},
	{ATTR_HOSTNAME, CAT_NETWORK, "mx%u.login.secure-mail%u.example.org"},
	{ATTR_URL, CAT_NETWORK, "http://login.secure-mail%u.example.org/a/b/c.php?id=%u&x=y"},
	{ATTR_SHA256, CAT_DELIVERY, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b%04x%04x"},
	{ATTR_MD5, CAT_DELIVERY, "d41d8cd98f00b204e9800998%04x%04x"},
	{ATTR_FILENAME, CAT_INSTALLATION, "C:\\Users\\Public\\invoice_%u_%u.pdf.exe"},
	{ATTR_EMAIL_SRC, CAT_DELIVERY, "billing%u@secure-mail%u.example.org"},
	{ATTR_TEXT, CAT_OTHER, "a short remark about what was seen there, %u and %u"},
	{ATTR_TARGET_MACHINE, CAT_TARGETING, "PC-%u-%u"},
	{ATTR_COMMENT, CAT_OTHER, "a remark, %u times %u"},
};

static struct misp_tagref tag(uint64_t id, const char *name)
{
	return (struct misp_tagref){.tag_id = id, .name = str_c(name), .exportable = true};
}

static void fill_attr(struct bench *b, unsigned i)
{
	struct misp_attr *a = &b->attrs[i];
	unsigned k = rnd(ARRAY_LEN(kinds));

	misp_attr_init(a);
	a->id = i + 1;
	a->event_id = 7;
	a->uuid = uuid_random();
	a->type = (uint16_t)kinds[k].type;
	a->category = (uint8_t)kinds[k].category;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(b->values[i], sizeof(b->values[i]), kinds[k].form, rnd(250), rnd(250));
#pragma GCC diagnostic pop
	a->value = str_c(b->values[i]);
	a->comment = i % 3 ? STR_NONE : STR("seen in the mail gateway's logs");
	a->to_ids = rnd(2);
	a->distribution = DIST_INHERIT;
	a->timestamp = NOW - 1000;
	a->object_id = i % 2 ? i % N_OBJECTS + 1 : 0;
	if (i % 4 == 0)
		a->tags = (struct entity_list){b->tags, 1 + rnd(ARRAY_LEN(b->tags))};
}

static void fill(struct bench *b)
{
	static const char *const names[] = {"HOST", "OWNER", "CREATOR"};

	b->tags[0] = tag(1, "tlp:green");
	b->tags[1] = tag(2, "misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\"");
	b->tags[2] = tag(3, "kill-chain:delivery");
	b->tags[3] = tag(4, "admiralty-scale:source-reliability=\"b\"");
	b->event_tags[0] = tag(5, "tlp:clear");
	b->event_tags[1] = tag(6, "type:OSINT");
	b->event_tags[2] = tag(7, "misp-galaxy:tool=\"Mimikatz\"");
	for (unsigned i = 0; i < N_OBJECTS; i++) {
		misp_object_init(&b->objects[i]);
		b->objects[i].id = i + 1;
		b->objects[i].uuid = uuid_random();
		b->objects[i].name = i % 3 ? STR("file") : STR("domain-ip");
		b->objects[i].distribution = DIST_INHERIT;
	}
	for (unsigned i = 0; i < N_ATTRS; i++)
		fill_attr(b, i);
	for (unsigned i = 0; i < ARRAY_LEN(b->orgs); i++)
		b->orgs[i] = (struct misp_org){
			.id = i + 1, .name = str_c(names[i]), .uuid = uuid_random()};
	b->event = (struct misp_event){.id = 7,
				       .uuid = uuid_random(),
				       .org_id = 2,
				       .orgc_id = 3,
				       .info = STR("an incident"),
				       .date = 20260101,
				       .distribution = DIST_ALL,
				       .published = true,
				       .timestamp = NOW - 1000,
				       .publish_timestamp = NOW - 900,
				       .tags = {b->event_tags, ARRAY_LEN(b->event_tags)}};
	b->facts = (struct gate_facts){.now = NOW,
				       .clock_trusted = true,
				       .host_org_id = 1,
				       .host_org = b->orgs[0].uuid,
				       .host = &b->orgs[0]};
	static const struct vuln_facts no_record;
	b->s = (struct gate_subject){
		.event = &b->event, .org = &b->orgs[1], .orgc = &b->orgs[2], .vuln = &no_record};
}

/* Fifty rules, each with an expression of its own; none of them matches much. */
static struct policy *fifty(void)
{
	static const char *const forms[] = {
		"\\.corp%u\\.example$", "^10\\.%u\\.", "(?i)customer-%u", "^https?://intranet%u\\.",
		"@(sales|hr)%u\\.example\\.(org|com)$"};
	OWN(buf) struct buf b = BUF(1 << 20);
	struct policy *p = NULL;
	struct fail f = {0};

	buf_puts(&b, "rules:\n");
	for (unsigned i = 0; i < 50; i++) {
		buf_printf(&b, "  - {name: r%u, level: attribute, effect: drop, to: [\"*\"], when: {%s: '", i,
			   i % 5 == 4 ? "comment" : "value");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		buf_printf(&b, forms[i % ARRAY_LEN(forms)], i);
#pragma GCC diagnostic pop
		buf_puts(&b, "'}}\n");
	}
	if (policy_parse(buf_str(&b), "fifty", &p, &f)) {
		fprintf(stderr, "bench_gate: %s\n", f.text);
		exit(2);
	}
	return p;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct cost {
	double event, judge, cut; /* nanoseconds: an event's verdict; an attribute judged; cut */
	unsigned left;
};

static const struct misp_object *object_of(const struct bench *b, const struct misp_attr *a)
{
	return a->object_id ? &b->objects[a->object_id - 1] : NULL;
}

static unsigned judge_all(struct bench *b, const struct gate_ctx *c)
{
	unsigned left = 0;

	for (unsigned i = 0; i < N_ATTRS; i++)
		left += gate_judge_attr(c, &b->s, object_of(b, &b->attrs[i]), &b->attrs[i]);
	return left;
}

static unsigned cut_all(struct bench *b, struct released *r)
{
	struct arena_mark m = arena_mark(b->a);
	unsigned left = 0;

	for (unsigned i = 0; i < N_ATTRS; i++) {
		struct rel_element in = {.kind = EL_ATTR,
					 .attr = &b->attrs[i],
					 .in_object = object_of(b, &b->attrs[i])};

		left += gate_release_element(r, &in, b->a) != NULL;
		arena_rewind(b->a, m);
	}
	return left;
}

static struct cost measure(struct bench *b, const struct gate_ctx *c)
{
	struct cost best = {1e9, 1e9, 1e9, 0};

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct verdict v;
		double from = cpu_ns(), t;
		struct released *r;

		for (unsigned i = 0; i < 1000; i++)
			v = gate_judge(c, &b->s);
		t = (cpu_ns() - from) / 1000;
		best.event = t < best.event ? t : best.event;
		r = gate_release(c, &b->s, b->a, &v);
		if (!r) {
			fprintf(stderr, "bench_gate: withheld by %s\n", gate_rule_name(v.rule));
			exit(2);
		}
		from = cpu_ns();
		best.left = judge_all(b, c);
		t = (cpu_ns() - from) / N_ATTRS;
		best.judge = t < best.judge ? t : best.judge;
		from = cpu_ns();
		if (cut_all(b, r) != best.left)
			abort();
		t = (cpu_ns() - from) / N_ATTRS;
		best.cut = t < best.cut ? t : best.cut;
		arena_reset(b->a);
	}
	return best;
}

static bool report(struct bench *b, const char *name, const struct policy *p)
{
	static const struct {
		const char *name;
		enum audience_kind kind;
		uint8_t profile;
	} auds[] = {{"member", AUD_MEMBER, PROFILE_FULL},
		    {"peer, partner", AUD_PEER, PROFILE_PARTNER},
		    {"peer, technical", AUD_PEER, PROFILE_TECHNICAL},
		    {"feed, indicators", AUD_FEED, PROFILE_INDICATORS}};
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(auds); i++) {
		struct caller who = {.kind = auds[i].kind, .user_id = 5, .org_id = 9, .perm_sync = true};
		struct audience aud;
		struct gate_ctx c = {.policy = p, .audience = &aud, .facts = &b->facts};
		struct cost cost;

		policy_audience(p, &who, &aud);
		if (!policy_is_misp_compat(p))
			aud.profile = auds[i].profile;
		cost = measure(b, &c);
		printf("%-12s %-17s %8.0f %8.0f %8.0f %8u of %u\n", name, auds[i].name, cost.event,
		       cost.judge, cost.cut, cost.left, N_ATTRS);
		good = good && cost.judge < TARGET_NS && cost.cut < TARGET_NS;
	}
	return good;
}

int main(void)
{
	static const char *const shipped[] = {"default", "cn-rmsv", "misp-compat"};
	struct bench *b = calloc(1, sizeof(*b));
	bool good = b != NULL && (b->a = arena_new(64u << 20)) != NULL;
	struct policy *p;

	if (!good)
		return 2;
	fill(b);
	printf("%-12s %-17s %8s %8s %8s   left\n", "policy", "audience", "event ns", "judge ns", "cut ns");
	for (size_t i = 0; i < ARRAY_LEN(shipped); i++) {
		p = policy_shipped(shipped[i]);
		good = report(b, shipped[i], p) && good;
		policy_unref(p);
	}
	p = fifty();
	good = report(b, "50 rules", p) && good;
	policy_unref(p);
	arena_free(b->a);
	free(b);
	printf("%s: less than %.0f ns for an attribute\n", good ? "met" : "MISSED", TARGET_NS);
	return good ? 0 : 1;
}
