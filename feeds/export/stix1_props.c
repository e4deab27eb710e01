/*
 * stix1_props.c - values as CybOX properties, by the tables of stix1_props.inc: an attribute as an observable, the
 * attributes of a MISP object as members of one thing. What has no place there is a custom property.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "feeds/export/stix1_impl.h"

#define KINDS(X)                                                                                    \
	X(CUSTOM, "Custom", "CustomObj:CustomObjectType")                                           \
	X(FILE, "File", "FileObj:FileObjectType")                                                   \
	X(EXECUTABLE, "WindowsExecutableFile", "WinExecutableFileObj:WindowsExecutableFileObjectType") \
	X(ADDRESS, "Address", "AddressObj:AddressObjectType")                                       \
	X(SOCKET, "SocketAddress", "SocketAddressObj:SocketAddressObjectType")                      \
	X(CONNECTION, "NetworkConnection", "NetworkConnectionObj:NetworkConnectionObjectType")      \
	X(NETSOCKET, "NetworkSocket", "NetworkSocketObj:NetworkSocketObjectType")                   \
	X(HOSTNAME, "Hostname", "HostnameObj:HostnameObjectType")                                   \
	X(DOMAIN, "DomainName", "DomainNameObj:DomainNameObjectType")                               \
	X(PORT, "Port", "PortObj:PortObjectType")                                                   \
	X(AS, "AS", "ASObj:ASObjectType")                                                           \
	X(URI, "URI", "URIObj:URIObjectType")                                                       \
	X(SYSTEM, "System", "SystemObj:SystemObjectType")                                           \
	X(HTTP, "HTTPSession", "HTTPSessionObj:HTTPSessionObjectType")                              \
	X(MUTEX, "Mutex", "MutexObj:MutexObjectType")                                               \
	X(PIPE, "Pipe", "PipeObj:PipeObjectType")                                                   \
	X(REGISTRY, "WindowsRegistryKey", "WinRegistryKeyObj:WindowsRegistryKeyObjectType")         \
	X(SERVICE, "WindowsService", "WinServiceObj:WindowsServiceObjectType")                      \
	X(EMAIL, "EmailMessage", "EmailMessageObj:EmailMessageObjectType")                          \
	X(CERTIFICATE, "X509Certificate", "X509CertificateObj:X509CertificateObjectType")           \
	X(WHOIS, "Whois", "WhoisObj:WhoisObjectType")                                               \
	X(PROCESS, "Process", "ProcessObj:ProcessObjectType")                                       \
	X(USER, "UserAccount", "UserAccountObj:UserAccountObjectType")                              \
	X(UNIX_USER, "UnixUserAccount", "UnixUserAccountObj:UnixUserAccountObjectType")             \
	X(WINDOWS_USER, "WindowsUserAccount", "WinUserAccountObj:WindowsUserAccountObjectType")     \
	X(ARTIFACT, "Artifact", "ArtifactObj:ArtifactObjectType")

enum kind {
#define X(id, name, type) KIND_##id,
	KINDS(X)
#undef X
};
static const struct {
	const char *name, *type;
} kinds[] = {
#define X(id, name, type) [KIND_##id] = {name, type},
	KINDS(X)
#undef X
};

/* ---- the table ---- */

struct step {
	bool (*put)(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v);
	const char *arg;
	uint16_t path[9];
};

#define STEP(fn) static bool fn(struct stix1 *, struct stix1_node *, const struct step *, struct str);
STEP(put_text)
STEP(put_number)
STEP(put_fraction)
STEP(put_hash)
STEP(put_network)
STEP(put_system)
STEP(put_url)
STEP(put_mail)
STEP(put_attached)
STEP(put_pipe)
STEP(put_signature)
STEP(put_moment)
STEP(put_instant)
STEP(put_day)
STEP(put_truth)
STEP(put_hive)
STEP(put_state)
STEP(put_account)
STEP(put_password)
STEP(put_capec)
#undef STEP

#define P1(a) S1_##a
#define P2(a, ...) S1_##a, P1(__VA_ARGS__)
#define P3(a, ...) S1_##a, P2(__VA_ARGS__)
#define P4(a, ...) S1_##a, P3(__VA_ARGS__)
#define P5(a, ...) S1_##a, P4(__VA_ARGS__)
#define P6(a, ...) S1_##a, P5(__VA_ARGS__)
#define P7(a, ...) S1_##a, P6(__VA_ARGS__)
#define P8(a, ...) S1_##a, P7(__VA_ARGS__)
#define PN(a, b, c, d, e, f, g, h, n, ...) n
#define PATH(...) PN(__VA_ARGS__, P8, P7, P6, P5, P4, P3, P2, P1, 0)(__VA_ARGS__)
#define TEXT(arg, ...) {put_text, arg, {PATH(__VA_ARGS__)}}
#define NUMBER(arg, ...) {put_number, arg, {PATH(__VA_ARGS__)}}
#define FRACTION(arg, ...) {put_fraction, arg, {PATH(__VA_ARGS__)}}
#define HASHED(arg, ...) {put_hash, arg, {PATH(__VA_ARGS__)}}
#define NETWORK(arg, ...) {put_network, arg, {PATH(__VA_ARGS__)}}
#define SYSTEM(arg, ...) {put_system, arg, {PATH(__VA_ARGS__)}}
#define URL(arg, ...) {put_url, arg, {PATH(__VA_ARGS__)}}
#define MAIL(arg, ...) {put_mail, arg, {PATH(__VA_ARGS__)}}
#define ATTACHED(arg, ...) {put_attached, arg, {PATH(__VA_ARGS__)}}
#define PIPE(arg, ...) {put_pipe, arg, {PATH(__VA_ARGS__)}}
#define SIGNED(arg, ...) {put_signature, arg, {PATH(__VA_ARGS__)}}
#define MOMENT(arg, ...) {put_moment, arg, {PATH(__VA_ARGS__)}}
#define INSTANT(arg, ...) {put_instant, arg, {PATH(__VA_ARGS__)}}
#define DAY(arg, ...) {put_day, arg, {PATH(__VA_ARGS__)}}
#define TRUTH(arg, ...) {put_truth, arg, {PATH(__VA_ARGS__)}}
#define HIVE(arg, ...) {put_hive, arg, {PATH(__VA_ARGS__)}}
#define STATE(arg, ...) {put_state, arg, {PATH(__VA_ARGS__)}}
#define ACCOUNT(arg, ...) {put_account, arg, {PATH(__VA_ARGS__)}}
#define PASSWORD(arg, ...) {put_password, arg, {PATH(__VA_ARGS__)}}
#define CAPEC(arg, ...) {put_capec, arg, {PATH(__VA_ARGS__)}}
#define NOTHING {NULL, NULL, {0}}

static const struct type_step {
	uint8_t kind;
	const char *list;
	struct step first, second;
} types[ATTR_TYPE_LIMIT] = {
#define TYPE(id, kind, list, ...) [ATTR_##id] = {KIND_##kind, list, __VA_ARGS__},
#define SHAPE(name, form, kind, list)
#define PART(object, relation, ...)
#define MEMBER(object, relation, rank, id, kind, ...)
#include "feeds/export/stix1_props.inc"
};

enum form { FORM_PROPS, FORM_COMPOSED, FORM_TTP, FORM_COA };
struct stix1_shape {
	const char *name;
	uint8_t form, kind;
	const char *list;
};
static const struct stix1_shape shapes[] = {
#define TYPE(id, kind, list, ...)
#define SHAPE(name, form, kind, list) {name, FORM_##form, KIND_##kind, list},
#define PART(object, relation, ...)
#define MEMBER(object, relation, rank, id, kind, ...)
#include "feeds/export/stix1_props.inc"
};

static const struct part {
	const char *object, *relation;
	uint8_t rank;
	const char *id;
	uint8_t kind;
	struct step step;
} parts[] = {
#define TYPE(id, kind, list, ...)
#define SHAPE(name, form, kind, list)
#define PART(object, relation, ...) {object, relation, 0, NULL, 0, __VA_ARGS__},
#define MEMBER(object, relation, rank, id, kind, ...)                                               \
	{object, relation, rank, id, KIND_##kind, __VA_ARGS__},
#include "feeds/export/stix1_props.inc"
};

/* ---- steps: false, and nothing done, when the value does not fit ---- */

/* The node at the end of the path; NULL when it is taken. */
static struct stix1_node *reach(struct stix1 *w, struct stix1_node *root, const struct step *s)
{
	struct stix1_node *n = root;
	size_t i = 0;
	while (s->path[i] && s->path[i + 1])
		n = stix1_at(w, n, s->path[i++]);
	if (!s->path[i])
		return n;
	uint32_t had = n->children;
	struct stix1_node *last = stix1_at(w, n, s->path[i]);
	return n->children == had && n != &w->nowhere ? NULL : last;
}

static bool put_text(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct stix1_node *n = reach(w, root, s);
	if (n)
		n->text = arena_str(w->a, v);
	return n != NULL;
}

static bool is_digits(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n <= INT64_MAX && (v.n == 1 || v.p[0] != '0');
}

static bool put_number(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	return is_digits(v) && put_text(w, root, s, v);
}

static bool put_fraction(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct str whole, rest = str_split(v, '.', &whole);
	uint64_t n;
	return is_digits(whole) && (!rest.p || (rest.n < 16 && str_u64(rest, &n))) && put_text(w, root, s, v);
}

static void hash_add_to(struct stix1 *w, struct stix1_node *list, const char *name, struct str v)
{
	struct stix1_node *h = stix1_add(w, list, S1_HASH);
	stix1_text(w, h, strcmp(name, "Other") == 0 ? S1_HASH_TYPE_OTHER : S1_HASH_TYPE, str_c(name));
	stix1_text(w, h, strcmp(name, "SSDEEP") == 0 ? S1_HASH_FUZZY : S1_HASH_VALUE, v);
}

static bool put_hash(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct stix1_node *n = root;
	for (size_t i = 0; s->path[i]; i++)
		n = stix1_at(w, n, s->path[i]);
	hash_add_to(w, n, s->arg, v);
	return true;
}

static bool put_network(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	bool net = str_chr(v, '/') >= 0;
	int version = ip_version(v, true);
	struct stix1_node *n = version ? reach(w, root, s) : NULL;
	if (!n || n->first)
		return false;
	bool source = strcmp(s->arg, "src") == 0;
	stix1_text(w, n, S1_A_CATEGORY, net ? STR("cidr") : version == 6 ? STR("ipv6-addr") : STR("ipv4-addr"));
	stix1_text(w, n, S1_A_IS_SOURCE, source ? STR("true") : STR("false"));
	stix1_text(w, n, S1_A_IS_DESTINATION, source ? STR("false") : STR("true"));
	stix1_text(w, n, net ? S1_ADDRESS_NETWORK : S1_ADDRESS_VALUE, v);
	return true;
}

static bool put_system(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	enum stix1_name name = is_digits(v) ? S1_AS_NUMBER : S1_AS_HANDLE;
	(void)s;
	if ((name == S1_AS_HANDLE && (!str_eq_nocase(str_sub(v, 0, 2), STR("AS")) || !is_digits(str_sub(v, 2, v.n)))) ||
	    stix1_find(root, S1_AS_NUMBER) || stix1_find(root, S1_AS_HANDLE))
		return false;
	stix1_text(w, root, name, v);
	return true;
}

static bool put_url(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	if (!put_text(w, root, s, v))
		return false;
	stix1_text(w, root, S1_A_TYPE, STR("URL"));
	return true;
}

static bool put_mail(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct stix1_node *n = reach(w, root, s);
	if (!n)
		return false;
	stix1_text(w, n, S1_A_CATEGORY, STR("e-mail"));
	stix1_text(w, n, s->arg ? S1_ADDRESS_PLAIN : S1_ADDRESS_VALUE, v);
	return true;
}

/* `root` are properties: the file stands beside them. */
static bool attached(struct stix1 *w, struct stix1_node *root, const char *kind, struct uuid u, struct str v)
{
	struct stix1_node *o = root->parent;
	if (!o)
		return false;
	struct stix1_node *file = stix1_add(w, stix1_at(w, root, S1_EMAIL_ATTACHMENTS), S1_EMAIL_FILE);
	stix1_id(w, file, S1_A_OBJECT_REF, kind, u);
	struct stix1_node *r = stix1_add(w, stix1_at(w, o, S1_RELATED_OBJECTS), S1_RELATED_OBJECT);
	stix1_id(w, r, S1_A_ID, kind, u);
	struct stix1_node *p = stix1_add(w, r, S1_PROPERTIES);
	p->type = kinds[KIND_FILE].type;
	stix1_text(w, p, S1_FILE_NAME, v);
	stix1_text(w, r, S1_OBJECT_RELATION, STR("Contains"));
	return true;
}

/* Its id is the attribute's, which callers know. */
static bool put_attached(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	(void)w, (void)root, (void)s, (void)v;
	return false;
}

static bool put_pipe(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	if (!put_text(w, root, s, v))
		return false;
	stix1_text(w, root, S1_A_NAMED, STR("true"));
	return true;
}

static bool put_signature(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct stix1_node *n = reach(w, root, s);
	if (!n)
		return false;
	stix1_text(w, n, S1_SIGNATURE_ALGORITHM, str_c(s->arg));
	stix1_text(w, n, S1_SIGNATURE_VALUE, v);
	return true;
}

/* "2025-01-01T00:00:00", with a fraction where there is one, and with its zone; absent: it is no such time. */
static struct str moment(struct stix1 *w, struct str v)
{
	struct str rest = str_sub(v, 19, v.n), zone = rest;
	size_t n = 0;
	if (v.n < 19 || v.n > 40 || (v.p[10] != 'T' && v.p[10] != ' '))
		return STR_NONE;
	struct str text = arena_printf(w->a, "%.*sT%.*s", 10, v.p, 8, v.p + 11);
	if (!text.p || clock_from_iso(text) == 0)
		return STR_NONE;
	if (rest.n && rest.p[0] == '.') {
		for (n = 1; n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9';)
			n++;
		zone = str_sub(rest, n, rest.n);
	}
	bool fraction = false;
	for (size_t i = 1; i < n; i++)
		fraction |= rest.p[i] != '0';
	struct str z = str_is(zone, "Z") || str_is(zone, "+0000") || str_is(zone, "+00:00") ? STR("+00:00") : zone;
	if (zone.n && !str_eq(z, STR("+00:00")))
		return STR_NONE;
	return arena_printf(w->a, "%.*s%.*s%.*s", STR_ARG(text), fraction ? (int)n : 0, rest.p, STR_ARG(z));
}

static bool put_moment(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct str t = moment(w, v);
	struct stix1_node *n = t.p ? reach(w, root, s) : NULL;
	if (!n)
		return false;
	n->text = t;
	stix1_text(w, n, S1_J_PRECISION, STR("second"));
	return true;
}

static bool put_instant(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct str t = moment(w, v);
	struct stix1_node *n = t.p ? reach(w, root, s) : NULL;
	if (!n)
		return false;
	n->text = t;
	stix1_text(w, n, S1_X_PRECISION, STR("second"));
	return true;
}

static bool put_day(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	struct str t = v.n == 10 ? moment(w, arena_printf(w->a, "%.*sT00:00:00", STR_ARG(v))) : moment(w, v);
	struct stix1_node *n = t.p && str_find(t, STR("T00:00:00")) == 10 ? reach(w, root, s) : NULL;
	if (!n)
		return false;
	n->text = str_sub(t, 0, 10);
	stix1_text(w, n, S1_A_PRECISION, STR("day"));
	return true;
}

static bool put_truth(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	bool yes = str_is(v, "1") || str_eq_nocase(v, STR("true")),
	     no = str_is(v, "0") || str_eq_nocase(v, STR("false"));
	return (yes || no) && put_text(w, root, s, yes ? STR("true") : STR("false"));
}

static bool put_hive(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	static const char *const hives[][2] = {{"HKCR", "HKEY_CLASSES_ROOT"},	{"HKCC", "HKEY_CURRENT_CONFIG"},
					       {"HKCU", "HKEY_CURRENT_USER"},	{"HKLM", "HKEY_LOCAL_MACHINE"},
					       {"HKU", "HKEY_USERS"},		{"HKPD", "HKEY_PERFORMANCE_DATA"},
					       {"HKPN", "HKEY_PERFORMANCE_NLSTEXT"}, {"HKPT", "HKEY_PERFORMANCE_TEXT"}};
	for (size_t i = 0; i < ARRAY_LEN(hives); i++)
		if (str_is(v, hives[i][0]))
			v = str_c(hives[i][1]);
	return put_text(w, root, s, v);
}

static bool put_state(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	enum stix1_name name = str_is(v, "listening")	? S1_A_LISTENING
			       : str_is(v, "blocking") ? S1_A_BLOCKING
						       : S1_NONE;
	(void)s;
	if (name == S1_NONE || stix1_find(root, name))
		return false;
	stix1_text(w, root, name, STR("true"));
	return true;
}

/* The kind of account is the type of the object, where STIX has one. */
static bool put_account(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	enum kind k = str_is(v, "unix")					       ? KIND_UNIX_USER
		      : str_is(v, "windows-local") || str_is(v, "windows-domain") ? KIND_WINDOWS_USER
										  : KIND_USER;
	(void)w, (void)s;
	if (k == KIND_USER || root->type != kinds[KIND_USER].type)
		return false;
	root->type = kinds[k].type;
	return k == KIND_UNIX_USER; /* the two others differ: which one it is, is told beside it */
}

static bool put_password(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	if (!put_text(w, root, s, v))
		return false;
	struct stix1_node *auth = stix1_at(w, stix1_at(w, root, S1_ACCOUNT_AUTHS), S1_ACCOUNT_AUTH);
	stix1_text(w, auth, S1_AUTH_TYPE, STR("password"));
	return true;
}

static bool put_capec(struct stix1 *w, struct stix1_node *root, const struct step *s, struct str v)
{
	return put_text(w, root, s,
			str_has_prefix(v, STR("CAPEC-")) ? v : arena_printf(w->a, "CAPEC-%.*s", STR_ARG(v)));
}

static void put_custom(struct stix1 *w, struct stix1_node *root, struct str name, struct str v)
{
	struct stix1_node *p = stix1_add(w, stix1_at(w, root, S1_CUSTOM_PROPERTIES), S1_PROPERTY);
	stix1_text(w, p, S1_A_NAME, name);
	p->text = arena_str(w->a, v);
}

/* ---- attributes ---- */

const char *stix1_watchlist(uint16_t type)
{
	const char *list = type < ATTR_TYPE_LIMIT ? types[type].list : NULL;
	return list ? list : "Malware Artifacts";
}

static struct stix1_node *object_of(struct stix1 *w, struct stix1_node *observable, enum kind k, const char *name,
				    struct uuid u)
{
	struct stix1_node *o = stix1_add(w, observable, S1_OBJECT);
	stix1_id(w, o, S1_A_ID, name ? name : kinds[k].name, u);
	struct stix1_node *p = stix1_add(w, o, S1_PROPERTIES);
	p->type = kinds[k].type;
	p->parent = o;
	return p;
}

/* A file with its bytes. */
static void artifact(struct stix1 *w, struct stix1_node *observable, const struct misp_attr *a, struct str data)
{
	stix1_id(w, observable, S1_A_ID, "Observable", a->uuid);
	stix1_text(w, observable, S1_O_TITLE, a->type == ATTR_MALWARE_SAMPLE ? value_first(a->value) : a->value);
	struct stix1_node *p = object_of(w, observable, KIND_ARTIFACT, NULL, a->uuid);
	struct str md5 = a->type == ATTR_MALWARE_SAMPLE ? value_second(a->value) : STR_NONE;
	if (md5.n)
		hash_add_to(w, stix1_add(w, p, S1_ARTIFACT_HASHES), "MD5", md5);
	struct stix1_node *raw = stix1_add(w, p, S1_RAW_ARTIFACT);
	buf_clear(&w->scratch);
	base64_encode(&w->scratch, data);
	raw->text = arena_str(w->a, buf_str(&w->scratch));
}

/* "domain|ip": two observables, each with an id made of the attribute's and its value. */
static void composed_pair(struct stix1 *w, struct stix1_node *observable, const struct misp_attr *a)
{
	static const struct step domain = TEXT(NULL, DOMAIN_VALUE), ip = NETWORK("dst", NONE);
	struct str half[2] = {value_first(a->value), value_second(a->value)};
	stix1_id(w, observable, S1_A_ID, "ObservableComposition", a->uuid);
	struct stix1_node *c = stix1_add(w, observable, S1_COMPOSITION);
	stix1_text(w, c, S1_A_OPERATOR, STR("AND"));
	struct stix1_node *list = stix1_add(w, c, S1_COMPOSED);
	for (int i = 0; i < 2; i++) {
		struct stix1_node *o = stix1_add(w, list, S1_P_OBSERVABLE);
		stix1_id(w, o, S1_A_ID, "Observable", uuid_v5(a->uuid, half[i]));
		struct stix1_node *p = object_of(w, o, i ? KIND_ADDRESS : KIND_DOMAIN, NULL, a->uuid);
		if (i)
			(void)ip.put(w, p, &ip, half[i]);
		else
			(void)domain.put(w, p, &domain, half[i]);
	}
}

/* Are both halves what their steps ask for? Tried on a tree that is thrown away. */
static bool type_fits(struct stix1 *w, const struct type_step *row, const struct misp_attr *a, bool pair)
{
	struct arena_mark m = arena_mark(w->a);
	struct stix1_node *p = stix1_root(w, S1_PROPERTIES);
	bool ok = row->first.put &&
		  row->first.put(w, p, &row->first, pair ? value_first(a->value) : a->value) &&
		  (!row->second.put || row->second.put(w, p, &row->second, value_second(a->value)));
	arena_rewind(w->a, m);
	return ok;
}

void stix1_observable(struct stix1 *w, struct stix1_node *observable, const struct misp_attr *a, struct str data)
{
	const struct type_step *row = &types[a->type < ATTR_TYPE_LIMIT ? a->type : 0];
	bool pair = row->second.put != NULL;
	if (data.p && (a->type == ATTR_ATTACHMENT || a->type == ATTR_MALWARE_SAMPLE)) {
		artifact(w, observable, a, data);
		return;
	}
	if (a->type == ATTR_DOMAIN_IP && ip_version(value_second(a->value), false)) {
		composed_pair(w, observable, a);
		return;
	}
	stix1_id(w, observable, S1_A_ID, "Observable", a->uuid);
	if (a->type == ATTR_EMAIL_ATTACHMENT) {
		(void)attached(w, object_of(w, observable, KIND_EMAIL, NULL, a->uuid), "File", a->uuid, a->value);
		return;
	}
	if (!type_fits(w, row, a, pair)) {
		put_custom(w, object_of(w, observable, KIND_CUSTOM, NULL, a->uuid), type_name(a->type), a->value);
		return;
	}
	struct stix1_node *p = object_of(w, observable, row->kind, NULL, a->uuid);
	(void)row->first.put(w, p, &row->first, pair ? value_first(a->value) : a->value);
	if (pair)
		(void)row->second.put(w, p, &row->second, value_second(a->value));
}

/* ---- objects ---- */

const struct stix1_shape *stix1_shape_of(struct str name)
{
	static const struct stix1_shape custom = {"", FORM_PROPS, KIND_CUSTOM, NULL};
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		if (str_is(name, shapes[i].name))
			return &shapes[i];
	return &custom;
}

const char *stix1_shape_list(const struct stix1_shape *s)
{
	return s->list ? s->list : "Malware Artifacts";
}

void stix1_shape_begin(struct stix1 *w)
{
	static const enum stix1_name roots[] = {[FORM_PROPS] = S1_PROPERTIES,
						[FORM_COMPOSED] = S1_COMPOSED,
						[FORM_TTP] = S1_TTP,
						[FORM_COA] = S1_COA};
	const struct stix1_shape *s = w->object.shape;
	w->object.root = stix1_root(w, roots[s->form]);
	w->object.list = NULL;
	if (s->form == FORM_PROPS) {
		w->object.root->type = kinds[s->kind].type;
		w->object.root->parent = stix1_root(w, S1_OBJECT);
	}
	if (!*s->name) {
		stix1_text(w, w->object.root, S1_A_CUSTOM_NAME, w->object.name);
		stix1_text(w, w->object.root, S1_CUSTOM_DESCRIPTION, w->object.description);
	}
}

static const struct part *part_of(const struct stix1_shape *s, struct str relation)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strcmp(parts[i].object, s->name) == 0 && str_is(relation, parts[i].relation))
			return &parts[i];
	return NULL;
}

static void composed_attr(struct stix1 *w, const struct misp_attr *a, const struct part *p)
{
	static const struct step source = NETWORK("src", NONE);
	struct stix1_node *o = stix1_add_ranked(w, w->object.root, S1_P_OBSERVABLE, p ? p->rank : 1000);
	struct arena_mark m = arena_mark(w->a);
	struct stix1_node *trial = stix1_root(w, S1_PROPERTIES);
	const struct step *s = p ? &p->step : NULL;
	if (s && s->put == put_network && a->type == ATTR_IP_SRC && strcmp(s->arg, "type") == 0)
		s = &source;
	bool fits = s && s->put(w, trial, s, a->value);
	arena_rewind(w->a, m);
	stix1_id(w, o, S1_A_ID, "Observable", a->uuid);
	struct stix1_node *props = object_of(w, o, fits ? p->kind : KIND_CUSTOM, fits ? p->id : NULL, a->uuid);
	if (fits)
		(void)s->put(w, props, s, a->value);
	else
		put_custom(w, props, a->object_relation, a->value);
}

void stix1_shape_attr(struct stix1 *w, const struct misp_attr *a, struct str data)
{
	const struct stix1_shape *s = w->object.shape;
	const struct part *p = part_of(s, a->object_relation);
	struct stix1_node *root = w->object.root;
	const struct type_step *row = &types[a->type < ATTR_TYPE_LIMIT ? a->type : 0];
	bool is_file = s->form == FORM_PROPS && (s->kind == KIND_FILE || s->kind == KIND_CUSTOM);
	if (data.p && is_file && (a->type == ATTR_ATTACHMENT || a->type == ATTR_MALWARE_SAMPLE)) {
		if (!w->object.list)
			w->object.list = stix1_root(w, S1_COMPOSED);
		artifact(w, stix1_add(w, w->object.list, S1_P_OBSERVABLE), a, data);
		return;
	}
	if (s->form == FORM_COMPOSED) {
		composed_attr(w, a, p);
		return;
	}
	if (p && p->step.put == put_attached && root->parent) {
		(void)attached(w, root, "FileObject", a->uuid, a->value);
		return;
	}
	if (!p && s->kind == KIND_FILE && s->form == FORM_PROPS && row->first.put == put_hash &&
	    str_eq(a->object_relation, type_name(a->type))) {
		(void)put_hash(w, root, &row->first, a->value);
		return;
	}
	if (p && p->step.put(w, root, &p->step, a->value))
		return;
	if (s->form == FORM_PROPS)
		put_custom(w, root, a->object_relation, a->value);
}

/* Numbers of accounts belong to Unix. */
static void account_finish(struct stix1 *w, struct stix1_node *root)
{
	static const struct {
		enum stix1_name name;
		const char *relation;
	} unix_only[] = {{S1_UNIX_GROUP_ID, "group-id"}, {S1_UNIX_USER_ID, "user-id"}};
	for (size_t i = 0; i < ARRAY_LEN(unix_only) && root->type != kinds[KIND_UNIX_USER].type; i++) {
		struct stix1_node *n = stix1_find(root, unix_only[i].name);
		if (!n)
			continue;
		struct str v = n->text;
		stix1_remove(root, n);
		put_custom(w, root, str_c(unix_only[i].relation), v);
	}
}

static void composition(struct stix1 *w, struct stix1_node *observable, struct stix1_node *list)
{
	stix1_add(w, observable, S1_A_ID)->text =
		stix1_id_text(w, arena_cstr(w->a, arena_printf(w->a, "%.*s_ObservableComposition",
							       STR_ARG(w->object.name))),
			      w->object.uuid);
	struct stix1_node *c = stix1_add(w, observable, S1_COMPOSITION);
	stix1_text(w, c, S1_A_OPERATOR, STR("AND"));
	struct stix1_node *at = stix1_add(w, c, S1_COMPOSED);
	at->first = list->first;
	at->last = list->last;
	at->children = list->children;
}

static void properties(struct stix1 *w, struct stix1_node *observable)
{
	struct stix1_node *root = w->object.root, *from = root->parent;
	const char *name = kinds[w->object.shape->kind].name;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (root->type == kinds[i].type)
			name = kinds[i].name;
	stix1_id(w, observable, S1_A_ID, "Observable", w->object.uuid);
	struct stix1_node *o = stix1_add(w, observable, S1_OBJECT);
	stix1_id(w, o, S1_A_ID, name, w->object.uuid);
	struct stix1_node *p = stix1_add(w, o, S1_PROPERTIES);
	p->type = root->type;
	p->first = root->first;
	p->last = root->last;
	struct stix1_node *beside = from ? stix1_find(from, S1_RELATED_OBJECTS) : NULL;
	if (beside) {
		struct stix1_node *r = stix1_add(w, o, S1_RELATED_OBJECTS);
		r->first = beside->first;
		r->last = beside->last;
	}
}

static void exploit_target_finish(struct stix1 *w, struct stix1_node *ttp)
{
	static const uint16_t path[] = {S1_EXPLOIT_TARGETS, S1_EXPLOIT_LIST, S1_EXPLOIT_ITEM, S1_EXPLOIT_TARGET};
	struct stix1_node *n = ttp;
	for (size_t i = 0; i < ARRAY_LEN(path) && n; i++)
		n = stix1_find(n, path[i]);
	if (n) {
		stix1_id(w, n, S1_A_ID, "ExploitTarget", w->object.uuid);
		stix1_text(w, n, S1_A_TIMESTAMP, stix1_time(w, w->object.timestamp));
		stix1_add(w, n, S1_POTENTIAL_COAS);
		stix1_add(w, n, S1_RELATED_TARGETS);
		stix1_add(w, n, S1_RELATED_PACKAGES);
	}
	n = stix1_find(ttp, S1_TTP_BEHAVIOR);
	n = n ? stix1_find(n, S1_ATTACK_PATTERNS) : NULL;
	n = n ? stix1_find(n, S1_ATTACK_PATTERN) : NULL;
	if (n)
		stix1_id(w, n, S1_A_ID, "AttackPattern", w->object.uuid);
}

bool stix1_shape_end(struct stix1 *w, struct stix1_node *observable)
{
	const struct stix1_shape *s = w->object.shape;
	if (s->form == FORM_TTP)
		exploit_target_finish(w, w->object.root);
	if (s->form == FORM_TTP || s->form == FORM_COA)
		return false;
	if (s->kind == KIND_USER)
		account_finish(w, w->object.root);
	if (s->form == FORM_COMPOSED) {
		composition(w, observable, w->object.root);
	} else if (w->object.list) {
		properties(w, stix1_add(w, w->object.list, S1_P_OBSERVABLE));
		composition(w, observable, w->object.list);
	} else {
		properties(w, observable);
	}
	return true;
}
