/*
 * stix1.c - STIX 1.1.1 or 1.2 as MISP gives it (recorded; `stix-version`), as XML and as JSON: each event is a
 * package with an incident, related to one around all; attributes alone are one package. The schema wants what
 * comes last first, so that an event's pieces wait in the spool until it ends.
 */
#include <stdio.h>
#include <stdlib.h>

#include "feeds/export/stix1_impl.h"

#define TREE_MAX ((size_t)512 << 20)
#define OUT_MAX ((size_t)1 << 30)
#define PART_MAX (UINT64_C(64) << 30) /* in the spool */
#define PART_MEMORY_MAX (UINT64_C(64) << 20) /* where there is none */
#define SLICE ((size_t)256 << 10)

static const char *const namespaces[][2] = {
	{"cyboxCommon", "http://cybox.mitre.org/common-2"},
	{"cybox", "http://cybox.mitre.org/cybox-2"},
	{"cyboxVocabs", "http://cybox.mitre.org/default_vocabularies-2"},
	{"AccountObj", "http://cybox.mitre.org/objects#AccountObject-2"},
	{"ArtifactObj", "http://cybox.mitre.org/objects#ArtifactObject-2"},
	{"ASObj", "http://cybox.mitre.org/objects#ASObject-1"},
	{"AddressObj", "http://cybox.mitre.org/objects#AddressObject-2"},
	{"PortObj", "http://cybox.mitre.org/objects#PortObject-2"},
	{"DomainNameObj", "http://cybox.mitre.org/objects#DomainNameObject-1"},
	{"EmailMessageObj", "http://cybox.mitre.org/objects#EmailMessageObject-2"},
	{"FileObj", "http://cybox.mitre.org/objects#FileObject-2"},
	{"HTTPSessionObj", "http://cybox.mitre.org/objects#HTTPSessionObject-2"},
	{"HostnameObj", "http://cybox.mitre.org/objects#HostnameObject-1"},
	{"MutexObj", "http://cybox.mitre.org/objects#MutexObject-2"},
	{"PipeObj", "http://cybox.mitre.org/objects#PipeObject-2"},
	{"URIObj", "http://cybox.mitre.org/objects#URIObject-2"},
	{"WinRegistryKeyObj", "http://cybox.mitre.org/objects#WinRegistryKeyObject-2"},
	{"WinServiceObj", "http://cybox.mitre.org/objects#WinServiceObject-2"},
	{"NetworkConnectionObj", "http://cybox.mitre.org/objects#NetworkConnectionObject-2"},
	{"NetworkSocketObj", "http://cybox.mitre.org/objects#NetworkSocketObject-2"},
	{"SocketAddressObj", "http://cybox.mitre.org/objects#SocketAddressObject-1"},
	{"SystemObj", "http://cybox.mitre.org/objects#SystemObject-2"},
	{"ProcessObj", "http://cybox.mitre.org/objects#ProcessObject-2"},
	{"X509CertificateObj", "http://cybox.mitre.org/objects#X509CertificateObject-2"},
	{"WhoisObj", "http://cybox.mitre.org/objects#WhoisObject-2"},
	{"WinExecutableFileObj", "http://cybox.mitre.org/objects#WinExecutableFileObject-2"},
	{"UnixUserAccountObj", "http://cybox.mitre.org/objects#UnixUserAccountObject-2"},
	{"UserAccountObj", "http://cybox.mitre.org/objects#UserAccountObject-2"},
	{"WinUserAccountObj", "http://cybox.mitre.org/objects#WinUserAccountObject-2"},
	{"CustomObj", "http://cybox.mitre.org/objects#CustomObject-1"},
	{"marking", "http://data-marking.mitre.org/Marking-1"},
	{"simpleMarking", "http://data-marking.mitre.org/extensions/MarkingStructure#Simple-1"},
	{"tlpMarking", "http://data-marking.mitre.org/extensions/MarkingStructure#TLP-1"},
	{"et", "http://stix.mitre.org/ExploitTarget-1"},
	{"incident", "http://stix.mitre.org/Incident-1"},
	{"indicator", "http://stix.mitre.org/Indicator-2"},
	{"campaign", "http://stix.mitre.org/Campaign-1"},
	{"coa", "http://stix.mitre.org/CourseOfAction-1"},
	{"ttp", "http://stix.mitre.org/TTP-1"},
	{"ta", "http://stix.mitre.org/ThreatActor-1"},
	{"stixCommon", "http://stix.mitre.org/common-1"},
	{"stixVocabs", "http://stix.mitre.org/default_vocabularies-1"},
	{"ciqIdentity", "http://stix.mitre.org/extensions/Identity#CIQIdentity3.0-1"},
	{"snortTM", "http://stix.mitre.org/extensions/TestMechanism#Snort-1"},
	{"yaraTM", "http://stix.mitre.org/extensions/TestMechanism#YARA-1"},
	{"stix", "http://stix.mitre.org/stix-1"},
	{"xsi", "http://www.w3.org/2001/XMLSchema-instance"},
	{"xal", "urn:oasis:names:tc:ciq:xal:3"},
	{"xnl", "urn:oasis:names:tc:ciq:xnl:3"},
	{"xpil", "urn:oasis:names:tc:ciq:xpil:3"},
	{"xlink", "http://www.w3.org/1999/xlink"},
	{"ds", "http://www.w3.org/2000/09/xmldsig#"},
	{"xs", "http://www.w3.org/2001/XMLSchema"},
};

/* ---- sections ---- */

/* In an event's package the package's elements stand three deeper than in one of attributes. */
static const struct {
	const char *xml, *xml_attrs; /* the element around; NULL: none */
	const char *json, *json_end, *json_none; /* around; in place of nothing */
	unsigned depth; /* of the items, in a package of attributes */
} rows[SEC_COUNT] = {
	[SEC_OBSERVABLES] = {"stix:Observables",
			     " cybox_major_version=\"2\" cybox_minor_version=\"1\" cybox_update_version=\"0\"",
			     "\"observables\":{\"cybox_major_version\":\"2\",\"cybox_minor_version\":\"1\","
			     "\"cybox_update_version\":\"0\",\"observables\":[",
			     "]}",
			     "\"observables\":{\"cybox_major_version\":\"2\",\"cybox_minor_version\":\"1\","
			     "\"cybox_update_version\":\"0\"}",
			     2},
	[SEC_INDICATORS] = {"stix:Indicators", "", "\"indicators\":[", "]", NULL, 2},
	[SEC_TTPS] = {"stix:TTPs", "", "\"ttps\":{\"ttps\":[", "],\"kill_chains\":{}}", NULL, 2},
	[SEC_VICTIMS] = {NULL, NULL, "\"victims\":[", "]", NULL, 3},
	[SEC_ASSETS] = {"incident:Affected_Assets", "", "\"affected_assets\":[", "]", NULL, 4},
	[SEC_RELATED_INDICATORS] = {"incident:Related_Indicators", "", "\"related_indicators\":{\"indicators\":[",
				    "]}", "\"related_indicators\":{}", 4},
	[SEC_RELATED_OBSERVABLES] = {"incident:Related_Observables", "",
				     "\"related_observables\":{\"observables\":[", "]}",
				     "\"related_observables\":{}", 4},
	[SEC_LEVERAGED] = {"incident:Leveraged_TTPs", "", "\"leveraged_ttps\":{\"ttps\":[", "]}",
			   "\"leveraged_ttps\":{}", 4},
	[SEC_ACTOR_REFS] = {"incident:Attributed_Threat_Actors", "",
			    "\"attributed_threat_actors\":{\"threat_actors\":[", "]}", NULL, 4},
	[SEC_COA_REFS] = {NULL, NULL, "\"coa_taken\":[", "]", NULL, 3},
	[SEC_HISTORY] = {"incident:History", "", "\"history\":{\"history_items\":[", "]}", NULL, 4},
	[SEC_COAS] = {"stix:Courses_Of_Action", "", "\"courses_of_action\":[", "]", NULL, 2},
	[SEC_CAMPAIGNS] = {"stix:Campaigns", "", "\"campaigns\":[", "]", NULL, 2},
	[SEC_ACTORS] = {"stix:Threat_Actors", "", "\"threat_actors\":[", "]", NULL, 2},
};

static bool in_incident(enum stix1_section s)
{
	return s >= SEC_OPEN && s <= SEC_CLOSE;
}

static unsigned base(const struct stix1 *w)
{
	return w->attributes ? 0 : 3;
}

/* What is in w->out, behind the rest of the section. */
static enum err part_add(struct stix1 *w, enum stix1_section s)
{
	struct fail f = {0};
	if (arena_overflowed(w->a))
		return ERR_LIMIT;
	TRY(buf_err(&w->out));
	w->any[s] = true;
	return spill_add(&w->parts[s], w->out.p, w->out.n, &f);
}

enum err stix1_put(struct stix1 *w, enum stix1_section s, const struct stix1_node *n)
{
	buf_clear(&w->out);
	if (w->json && w->any[s])
		buf_putc(&w->out, ',');
	stix1_write(w, &w->out, n, base(w) + rows[s].depth);
	return part_add(w, s);
}

static void section_open(struct stix1 *w, struct buf *b, enum stix1_section s)
{
	if (w->json && rows[s].json) {
		buf_putc(b, ',');
		buf_puts(b, rows[s].json);
	} else if (!w->json && rows[s].xml) {
		stix1_indent(b, base(w) + rows[s].depth - 1);
		buf_printf(b, "<%s%s>\n", rows[s].xml, rows[s].xml_attrs);
	}
}

static void section_close(struct stix1 *w, struct buf *b, enum stix1_section s)
{
	if (w->json && rows[s].json) {
		buf_puts(b, rows[s].json_end);
	} else if (!w->json && rows[s].xml) {
		stix1_indent(b, base(w) + rows[s].depth - 1);
		buf_printf(b, "</%s>\n", rows[s].xml);
	}
}

/* The next piece of what is gathered; *more is false when all of it is written. */
static enum err sections_slice(struct stix1 *w, struct buf *b, bool *more)
{
	struct fail f = {0};
	struct str all;
	*more = w->step < SEC_COUNT;
	if (!*more)
		return buf_err(b);
	enum stix1_section s = (enum stix1_section)w->step;
	if (!w->any[s]) {
		if (w->json && rows[s].json_none && !(w->attributes && in_incident(s))) {
			buf_putc(b, ',');
			buf_puts(b, rows[s].json_none);
		}
		w->step++;
		return buf_err(b);
	}
	TRY(spill_all(&w->parts[s], &all, &f));
	if (!w->at)
		section_open(w, b, s);
	size_t n = MIN(all.n - w->at, SLICE);
	buf_add(b, all.p + w->at, n);
	w->at += n;
	if (w->at == all.n) {
		section_close(w, b, s);
		spill_clear(&w->parts[s]);
		w->any[s] = false;
		w->at = 0;
		w->step++;
	}
	return buf_err(b);
}

/* ---- packages ---- */

static void header(struct stix1 *w, struct buf *b, struct str who)
{
	unsigned d = base(w) + 1;
	if (w->json) {
		LIT(b, ",\"stix_header\":{\"package_intent\":[{\"value\":\"Threat Report\","
		       "\"xsi:type\":\"stixVocabs:PackageIntentVocab-1.0\"}],\"title\":");
		OWN(buf) struct buf title = BUF(1 << 20);
		buf_printf(&title, "Export from %.*s's MISP", STR_ARG(who));
		json_quote(b, buf_str(&title));
		buf_putc(b, '}');
		return;
	}
	stix1_indent(b, d);
	LIT(b, "<stix:STIX_Header>\n");
	stix1_indent(b, d + 1);
	LIT(b, "<stix:Title>Export from ");
	stix1_xml_text(b, who, false);
	LIT(b, "'s MISP</stix:Title>\n");
	stix1_indent(b, d + 1);
	LIT(b, "<stix:Package_Intent xsi:type=\"stixVocabs:PackageIntentVocab-1.0\">Threat Report"
	       "</stix:Package_Intent>\n");
	stix1_indent(b, d);
	LIT(b, "</stix:STIX_Header>\n");
}

/* id, version, and in JSON the time, which stands where it does not matter. */
static void package_open(struct stix1 *w, struct buf *b, struct uuid u, int64_t at, const char *zone)
{
	char id[UUID_TEXT_LEN + 1];
	uuid_format(u, id);
	buf_printf(b,
		   w->json ? "\"id\":\"%s:STIXPackage-%s\",\"version\":\"%s\",\"timestamp\":\""
			   : " id=\"%s:STIXPackage-%s\" version=\"%s\" timestamp=\"",
		   w->prefix, id, w->version);
	time_put(b, at, 'T');
	buf_printf(b, w->json ? "%s\"" : "%s\">\n", zone);
}

/* The organisation's name as a prefix: letters and digits; no prefix that means something else. */
static char *prefix_of(struct str org)
{
	char *p = malloc(org.n + 8);
	size_t n = 0;
	if (!p)
		return NULL;
	for (size_t i = 0; i < org.n && n < 200; i++) {
		char c = org.p[i] == ' ' ? '_' : org.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_',
		     later = (c >= '0' && c <= '9') || c == '-' || c == '.';
		if (later && !n)
			p[n++] = '_';
		if (letter || later)
			p[n++] = c;
	}
	if (!n) {
		memcpy(p, "MISP", 4);
		n = 4;
	}
	bool taken = str_eq_nocase(str_sub((struct str){p, n}, 0, 3), STR("xml")) ||
		     str_is((struct str){p, n}, "stix-ciqidentity");
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		taken |= str_is((struct str){p, n}, namespaces[i][0]);
	if (taken) {
		memmove(p + 1, p, n);
		*p = '_';
		n++;
	}
	p[n] = '\0';
	return p;
}

static void namespaces_put(struct stix1 *w, struct buf *b)
{
	char node[UUID_TEXT_LEN + 1];
	buf_printf(b, "<stix:STIX_Package \n\txmlns:%s=\"", w->prefix);
	if (w->opts->base_url.n)
		stix1_xml_text(b, w->opts->base_url, true);
	else
		buf_printf(b, "urn:uuid:%s", uuid_format(w->opts->node_uuid, node));
	LIT(b, "\"\n");
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
		buf_printf(b, "\txmlns:%s=\"%s\"\n", namespaces[i][0], namespaces[i][1]);
	LIT(b, "\t");
}

/* ---- the run ---- */

static enum err begin(struct export_run *r, bool json)
{
	struct stix1 *w = r->state;
	struct buf *b = seal_buf(r->out);
	w->opts = r->opts;
	w->json = json;
	w->attributes = r->opts->scope == EXPORT_ATTRIBUTES;
	w->version = str_is(param_get(r, "stix-version"), "1.2") ? "1.2" : "1.1.1";
	w->prefix = prefix_of(r->opts->host_org_name);
	w->a = arena_new(TREE_MAX);
	buf_init(&w->out, OUT_MAX);
	buf_init(&w->scratch, OUT_MAX);
	buf_init(&w->who, 1 << 20);
	for (size_t i = 0; i < SEC_COUNT; i++)
		spill_init(&w->parts[i], r->opts->spool_dir, r->opts->spool_dir ? PART_MAX : PART_MEMORY_MAX);
	if (!w->prefix || !w->a)
		return ERR_NOMEM;
	if (json)
		buf_putc(b, '{');
	else
		namespaces_put(w, b);
	/* the same each time, as what is asked for is: a later time is a newer version of it */
	static const struct uuid space = {{0x91, 0x3c, 0x52, 0x0e, 0x6b, 0x1d, 0x4f, 0x88, 0xa2, 0x47, 0x0d, 0x39, 0xe5,
					   0x74, 0x1b, 0xc6}};
	package_open(w, b, uuid_v5(space, str_c(w->prefix)), r->opts->now, ".000000");
	bool was = w->attributes;
	w->attributes = true; /* the outer package stands at the edge */
	header(w, b, r->opts->host_org_name);
	w->attributes = was;
	if (json && !w->attributes) {
		buf_putc(b, ',');
		buf_puts(b, rows[SEC_OBSERVABLES].json_none);
	}
	w->step = SEC_OBSERVABLES;
	if (w->attributes) {
		buf_str_add(&w->who, r->opts->host_org_name);
		w->producer = buf_str(&w->who);
	}
	return buf_err(b);
}

static enum err begin_xml(struct export_run *r)
{
	return begin(r, false);
}

static enum err begin_json(struct export_run *r)
{
	return begin(r, true);
}

/* A node as a member of the incident. */
static void member(struct stix1 *w, const struct stix1_node *n)
{
	if (w->json)
		buf_putc(&w->out, ',');
	stix1_write(w, &w->out, n, base(w) + 3);
}

static void member_text(struct stix1 *w, enum stix1_name name, struct str text)
{
	struct stix1_node *n = stix1_root(w, name);
	n->text = text;
	member(w, n);
}

static void organisation(struct stix1 *w, enum stix1_name name, const struct misp_org *org)
{
	if (!org || !org->name.n)
		return;
	struct stix1_node *n = stix1_root(w, name);
	stix1_text(w, stix1_add(w, n, S1_IDENTITY), S1_IDENTITY_NAME, org->name);
	member(w, n);
}

static enum err incident_open(struct stix1 *w, const struct rel_event *e)
{
	const struct misp_event *ev = e->e;
	struct buf *b = &w->out;
	struct str id = stix1_id_text(w, "Incident", ev->uuid), at = stix1_time(w, ev->timestamp);
	buf_clear(b);
	if (w->json) {
		buf_printf(b, ",\"incidents\":[{\"id\":\"%.*s\",\"timestamp\":\"%.*s\",\"related_incidents\":{},"
			      "\"related_packages\":{}",
			   STR_ARG(id), STR_ARG(at));
	} else {
		stix1_indent(b, base(w) + 1);
		LIT(b, "<stix:Incidents>\n");
		stix1_indent(b, base(w) + 2);
		buf_printf(b, "<stix:Incident id=\"%.*s\" timestamp=\"%.*s\" xsi:type='incident:IncidentType'>\n",
			   STR_ARG(id), STR_ARG(at));
	}
	member_text(w, S1_I_TITLE, ev->info.p ? ev->info : STR(""));
	if (e->ids && ev->id) {
		struct stix1_node *list = stix1_root(w, S1_EXTERNAL_IDS);
		struct stix1_node *x = stix1_text(w, list, S1_EXTERNAL_ID,
						  arena_printf(w->a, "%llu", (unsigned long long)ev->id));
		stix1_text(w, x, S1_A_SOURCE, STR("MISP Event"));
		member(w, list);
	}
	struct stix1_node *t = stix1_root(w, S1_I_TIME), *n;
	if (ev->date) {
		OWN(buf) struct buf d = BUF(64);
		buf_printf(&d, "%04u-%02u-%02u", ev->date / 10000, ev->date / 100 % 100, ev->date % 100);
		n = stix1_text(w, t, S1_DISCOVERY,
			       arena_printf(w->a, "%.*sT00:00:00+00:00", STR_ARG(buf_str(&d))));
		stix1_text(w, n, S1_X_PRECISION, STR("second"));
	}
	if (ev->published && ev->publish_timestamp) {
		n = stix1_text(w, t, S1_REPORTED, stix1_time(w, ev->publish_timestamp));
		stix1_text(w, n, S1_X_PRECISION, STR("second"));
	}
	if (t->first)
		member(w, t);
	organisation(w, S1_REPORTER, e->orgc);
	return part_add(w, SEC_OPEN);
}

static enum err journal(struct stix1 *w, struct str text)
{
	struct stix1_node *item = stix1_root(w, S1_HISTORY_ITEM);
	stix1_text(w, stix1_text(w, item, S1_JOURNAL_ENTRY, text), S1_A_TIME_PRECISION, STR("second"));
	return stix1_put(w, SEC_HISTORY, item);
}

static enum err package_begin(struct export_run *r, const struct rel_event *e)
{
	static const char *const analysis[] = {"New", "Open", "Closed"},
				 *const threat[] = {NULL, "High", "Medium", "Low", "Undefined"};
	struct stix1 *w = r->state;
	const struct misp_event *ev = e->e;
	struct buf *b = &w->out;
	w->step = SEC_HEAD;
	w->at = 0;
	w->lifted = 0;
	w->object.open = false;
	seen_free(&w->once);
	w->once = (struct seen){0};
	buf_clear(&w->who);
	buf_str_add(&w->who, e->orgc ? e->orgc->name : r->opts->host_org_name);
	w->producer = buf_str(&w->who);
	arena_reset(w->a);
	buf_clear(b);
	if (w->json) {
		buf_puts(b, w->many ? "," : ",\"related_packages\":{\"related_packages\":[");
		LIT(b, "{\"package\":{");
	} else {
		if (!w->many)
			LIT(b, "    <stix:Related_Packages>\n");
		LIT(b, "        <stix:Related_Package>\n            <stix:Package");
	}
	w->many = true;
	package_open(w, b, ev->uuid, ev->timestamp, "+00:00");
	header(w, b, w->producer);
	TRY(part_add(w, SEC_HEAD));
	TRY(incident_open(w, e));
	if (ev->analysis < ARRAY_LEN(analysis)) {
		buf_clear(b);
		member_text(w, S1_STATUS, str_c(analysis[ev->analysis]));
		TRY(part_add(w, SEC_STATUS));
	}
	if (ev->threat_level_id > 0 && ev->threat_level_id < ARRAY_LEN(threat))
		TRY(journal(w, arena_printf(w->a, "Event Threat Level: %s", threat[ev->threat_level_id])));
	TRY(journal(w, STR("MISP Tag: misp:tool=\"MISP-STIX-Converter\"")));
	return stix1_clusters(w, e->clusters, e->n_clusters, ev->timestamp, NULL, NULL);
}

static enum err event(struct export_run *r, const struct rel_event *e)
{
	struct stix1 *w = r->state;
	seal_count(r->out, 1, 0);
	return w->attributes ? ERR_OK : package_begin(r, e);
}

static enum err element(struct export_run *r, const struct rel_event *e, const struct rel_element *el)
{
	struct stix1 *w = r->state;
	(void)e;
	if (el->kind == EL_ATTR)
		seal_count(r->out, 0, 1);
	if (w->attributes)
		return el->kind == EL_ATTR ? stix1_attr(w, el) : ERR_OK;
	if (el->kind == EL_OBJECT)
		return stix1_object_open(w, el->object);
	if (el->kind != EL_ATTR)
		return ERR_OK;
	if (el->in_object && w->object.open)
		return stix1_object_attr(w, el);
	TRY(stix1_object_close(w));
	return stix1_attr(w, el);
}

/* What an incident ends with is known at the end: observables may have lifted its marking. */
static enum err event_end(struct export_run *r, const struct rel_event *e)
{
	struct stix1 *w = r->state;
	struct stix1_mark marks = {0};
	if (w->attributes)
		return ERR_OK;
	TRY(stix1_object_close(w));
	arena_reset(w->a);
	stix1_marks_add(w, &marks, &e->e->tags, e->clusters, e->n_clusters);
	marks.tlp = MAX(marks.tlp, w->lifted);
	if (marks.confidence) {
		struct stix1_node *c = stix1_root(w, S1_I_CONFIDENCE);
		stix1_text(w, c, S1_A_TIMESTAMP, stix1_time(w, e->e->timestamp));
		stix1_text(w, c, S1_J_TS_PRECISION, STR("second"));
		stix1_text(w, c, S1_CONFIDENCE_VALUE, str_c(stix1_confidence(&marks)));
		buf_clear(&w->out);
		member(w, c);
		TRY(part_add(w, SEC_CONFIDENCE));
	}
	buf_clear(&w->out);
	organisation(w, S1_INFORMATION_SOURCE, e->org);
	struct stix1_node *n = stix1_root(w, S1_INFORMATION_SOURCE);
	stix1_handling(w, n, S1_I_HANDLING, &marks);
	if (n->first)
		member(w, n->first);
	if (w->json) {
		LIT(&w->out, "}]");
	} else {
		stix1_indent(&w->out, base(w) + 2);
		LIT(&w->out, "</stix:Incident>\n");
		stix1_indent(&w->out, base(w) + 1);
		LIT(&w->out, "</stix:Incidents>\n");
	}
	return part_add(w, SEC_CLOSE);
}

static enum err event_more(struct export_run *r, bool *more)
{
	struct stix1 *w = r->state;
	struct buf *b = seal_buf(r->out);
	*more = false;
	if (w->attributes)
		return ERR_OK;
	TRY(sections_slice(w, b, more));
	if (!*more)
		buf_puts(b, w->json ? "}}" : "            </stix:Package>\n        </stix:Related_Package>\n");
	return buf_err(b);
}

static enum err end_more(struct export_run *r, bool *more)
{
	struct stix1 *w = r->state;
	struct buf *b = seal_buf(r->out);
	*more = false;
	if (w->attributes)
		TRY(sections_slice(w, b, more));
	if (*more)
		return buf_err(b);
	if (w->many)
		buf_puts(b, w->json ? "]}" : "    </stix:Related_Packages>\n");
	buf_puts(b, w->json ? "}\n" : "</stix:STIX_Package>\n");
	return buf_err(b);
}

static void state_free(void *state)
{
	struct stix1 *w = state;
	if (!w->a)
		return;
	for (size_t i = 0; i < SEC_COUNT; i++)
		spill_free(&w->parts[i]);
	buf_free(&w->out);
	buf_free(&w->scratch);
	buf_free(&w->who);
	seen_free(&w->once);
	free(w->prefix);
	arena_free(w->a);
	w->a = NULL;
	w->prefix = NULL;
}

#define DROPS                                                                                       \
	"correlations, proposals, sightings, reports, references, notes; tags of what is no indicator (but their " \
	"TLP, which the incident gets)"

const struct exporter export_stix1 = {
	.name = "stix",
	.media = "application/xml",
	.type_name = "xml",
	.doc = "STIX 1.1.1 (or 1.2: stix-version) as XML; as JSON for who takes JSON",
	.drops = DROPS,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct stix1),
	.begin = begin_xml,
	.event = event,
	.element = element,
	.event_end = event_end,
	.event_more = event_more,
	.end_more = end_more,
	.free_state = state_free,
};

const struct exporter export_stix1_json = {
	.name = "stix-json",
	.media = "application/json",
	.type_name = "json",
	.doc = "STIX 1.1.1 (or 1.2: stix-version) as JSON",
	.drops = DROPS,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct stix1),
	.begin = begin_json,
	.event = event,
	.element = element,
	.event_end = event_end,
	.event_more = event_more,
	.end_more = end_more,
	.free_state = state_free,
};
