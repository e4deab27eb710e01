/*
 * test_pgp.c - the helper with a real gpg: who has signed what, and what when it dies.
 */
#include "pgp/pgp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "pgp/spool.h"
#include "sandbox/sandbox.h"
#include "tests/tap/tap.h"

static char dir[] = "/tmp/tocsin-pgp.XXXXXX";
static struct arena *a;

/* ---- gpg by hand, for what the room cannot do ---- */

static int sh(const char *fmt, ...) PRINTF_LIKE(1, 2);
static int sh(const char *fmt, ...)
{
	char command[3000];
	int status = -1;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	return status;
}

static struct str file(const char *name)
{
	char path[300], room[CRYPTOKEY_BYTES_MAX];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	OWN(fd) int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, room, sizeof(room));
	if (n < 0)
		bail_out("cannot read %s", path);
	return arena_str(a, (struct str){room, (size_t)n});
}

#define GPG_BARE "gpg --homedir %s/hand --batch --quiet --no-tty --pinentry-mode loopback "
#define GPG GPG_BARE "--passphrase '' "

/* A key pair in the folder `hand`: NAME.pub, and NAME.sec. */
static void hand_key(const char *name, const char *expires, const char *extra)
{
	if (sh(GPG "%s --quick-gen-key 'T <%s@example.test>' ed25519 sign %s 2>/dev/null", dir, extra,
	       name, expires) ||
	    sh(GPG "--armor --export %s@example.test > %s/%s.pub", dir, name, dir, name) ||
	    sh(GPG "--armor --export-secret-keys %s@example.test > %s/%s.sec", dir, name, dir, name))
		bail_out("gpg makes no key");
}

/* ---- lists and data ---- */

static struct entity_list keys_of(struct str x, struct str y)
{
	struct misp_cryptokey *v = ARENA_ARRAY(a, struct misp_cryptokey, 2);
	struct entity_list l = {v, y.n ? 2 : 1};
	v[0].key_data = x;
	v[1].key_data = y;
	if (!cryptokeys_regular(&l, a))
		bail_out("no memory");
	return l;
}

static struct pgp_spool *data_of(struct str text, int *fd, uint64_t *n)
{
	struct pgp_spool *s;
	struct fail f = {0};
	if (pgp_spool_new(dir, 1u << 30, true, &s, &f) != ERR_OK ||
	    pgp_spool_add(s, text, &f) != ERR_OK || pgp_spool_end(s, fd, n, &f) != ERR_OK)
		bail_out("%s", f.text);
	return s;
}

static enum err verify(struct pgp *p, const char *text, struct str sig, struct entity_list keys,
		       struct fail *f)
{
	uint64_t n;
	int fd;
	OWN(pgp_spool) struct pgp_spool *s = data_of(str_c(text), &fd, &n);
	(void)s;
	*f = (struct fail){0};
	return pgp_verify(p, fd, n, sig, &keys, f);
}

static struct str sign(struct pgp *p, const char *text)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct fail f = {0};
	uint64_t n;
	int fd;
	OWN(pgp_spool) struct pgp_spool *s = data_of(str_c(text), &fd, &n);
	(void)s;
	if (!ok(pgp_sign(p, fd, n, &b, &f) == ERR_OK, "signed"))
		diag("%s", f.text);
	return arena_str(a, buf_str(&b));
}

/* A signature by a key of the folder `hand`, over text that has no white space. */
static struct str hand_sign(const char *name, const char *extra, const char *text)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	char path[300];
	if (sh("printf %%s '%s' > %s/text", text, dir) ||
	    sh(GPG "%s -u %s@example.test --detach-sign -o - %s/text > %s/sig", dir, extra, name, dir,
	       dir))
		bail_out("gpg signs nothing");
	snprintf(path, sizeof(path), "sig");
	base64_encode(&b, file(path));
	return arena_str(a, buf_str(&b));
}

/* ---- tests ---- */

static const char event[] = "{\"Event\": {\n \"info\": \"a b\"}}";
static const char event_tight[] = "{\"Event\":{\"info\":\"ab\"}}";
static const char event_other[] = "{\"Event\":{\"info\":\"ac\"}}";

static void own_key(struct pgp *p)
{
	struct pgp_identity id = {0}, again = {0};
	struct fail f = {0};
	is_err(pgp_identity(p, a, &id, &f), ERR_NOENT, "no key at first");
	diag("%s", f.text);
	is_err(pgp_make(p, STR(""), &id, a, &f), ERR_INVAL, "a key wants a name");
	f = (struct fail){0};
	if (!is_ok(pgp_make(p, STR("Node <node@example.test>"), &id, a, &f), "made"))
		bail_out("%s", f.text);
	is_view(id.user_id, "Node <node@example.test>", "its name");
	char fpr[FINGERPRINT_LEN + 1];
	ok(cryptokey_fingerprint(id.armored, fpr), "its public key");
	is_str(fpr, id.fingerprint, "has its fingerprint");
	is_ok(pgp_identity(p, a, &again, &f), "asked again");
	is_str(again.fingerprint, id.fingerprint, "the same");
	is_err(pgp_make(p, STR("Second <s@example.test>"), &id, a, &f), ERR_EXISTS, "one is enough");

	struct entity_list own = keys_of(again.armored, STR_NONE), none = {NULL, 0};
	ok(pgp_is_ours(p, &own), "ours");
	ok(!pgp_is_ours(p, &none), "nobody's");
	LIST_AT(own, struct misp_cryptokey, 0)->revoked = true;
	ok(!pgp_is_ours(p, &own), "ours, but revoked");
	LIST_AT(own, struct misp_cryptokey, 0)->revoked = false;

	struct str sig = sign(p, event);
	is_ok(verify(p, event, sig, own, &f), "verified");
	is_ok(verify(p, event_tight, sig, own, &f), "white space does not matter");
	is_err(verify(p, event_other, sig, own, &f), ERR_PERM, "another text");
	is_str(f.text, "the signature does not fit the content", "why");
}

static void other_keys(struct pgp *p)
{
	struct fail f = {0};
	struct str mine = file("one.pub"), theirs = file("two.pub");
	struct str sig = hand_sign("one", "", event_tight);
	struct entity_list one = keys_of(mine, STR_NONE), two = keys_of(theirs, STR_NONE),
			   both = keys_of(theirs, mine), none = {NULL, 0};
	is_ok(verify(p, event, sig, one, &f), "signed by gpg itself");
	is_ok(verify(p, event, sig, both, &f), "one of two keys");
	is_err(verify(p, event, sig, two, &f), ERR_PERM, "another key");
	is_str(f.text, "signed with a key that is not among the event's", "why");
	is_err(verify(p, event, sig, none, &f), ERR_PERM, "no key");
	LIST_AT(both, struct misp_cryptokey, 1)->revoked = true;
	is_err(verify(p, event, sig, both, &f), ERR_PERM, "a key that the event calls revoked");
	is_err(verify(p, event, STR("%%%"), one, &f), ERR_PERM, "not base64");
	is_err(verify(p, event, STR("QUJD"), one, &f), ERR_PERM, "not a signature");
	is_err(verify(p, event, STR(""), one, &f), ERR_PERM, "nothing");

	/* the node's own key ring does not help */
	struct pgp_identity id;
	is_ok(pgp_identity(p, a, &id, &f), "own key");
	is_err(verify(p, event, sign(p, event), one, &f), ERR_PERM, "the node's key is no exception");

	/* two keys in one block: the event names the first only */
	if (sh(GPG "--armor --export two@example.test one@example.test > %s/block", dir, dir))
		bail_out("gpg");
	struct entity_list block = keys_of(file("block"), STR_NONE);
	char fpr[FINGERPRINT_LEN + 1];
	cryptokey_fingerprint(mine, fpr);
	bool first = str_is(LIST_AT(block, struct misp_cryptokey, 0)->fingerprint, fpr);
	is_err(verify(p, event, sig, block, &f), first ? ERR_OK : ERR_PERM,
	       "a key hidden behind another counts for nothing");
	is_err(verify(p, event, hand_sign("two", "", event_tight), block, &f),
	       first ? ERR_PERM : ERR_OK, "the named one does");
}

static void old_keys(struct pgp *p)
{
	struct fail f = {0};
	struct entity_list dead = keys_of(file("dead.pub"), STR_NONE);
	struct str sig = hand_sign("dead", "--faked-system-time 20200103T000000", event_tight);
	is_err(verify(p, event, sig, dead, &f), ERR_PERM, "an expired key");
	is_str(f.text, "signed with a key that is expired", "why");

	sig = hand_sign("one", "", event_tight);
	/* the revocation that gpg makes beside a key has a colon before its first line */
	if (sh("sed 's/^:---/---/' %s/hand/openpgp-revocs.d/$(" GPG
	       "--with-colons -k one@example.test | sed -n 's/^fpr:*\\([0-9A-F]*\\):/\\1/p').rev | " GPG
	       "--import 2>/dev/null",
	       dir, dir, dir) ||
	    sh(GPG "--armor --export one@example.test > %s/revoked.pub", dir, dir))
		bail_out("gpg revokes nothing");
	is_ok(verify(p, event, sig, keys_of(file("one.pub"), STR_NONE), &f), "before revocation");
	is_err(verify(p, event, sig, keys_of(file("revoked.pub"), STR_NONE), &f), ERR_PERM,
	       "a revoked key");
	is_str(f.text, "signed with a key that is revoked", "why");
	is_err(verify(p, event, sig, keys_of(file("revoked.pub"), file("two.pub")), &f), ERR_PERM,
	       "beside another");
}

static void big(struct pgp *p)
{
	enum { CHUNK = 1 << 20, CHUNKS = 64 };
	char *chunk = malloc(CHUNK);
	OWN(buf) struct buf sig = BUF(1 << 16);
	OWN(pgp_spool) struct pgp_spool *s = NULL;
	struct pgp_identity id;
	struct fail f = {0};
	uint64_t n;
	int fd;
	is_ok(pgp_spool_new(dir, 1u << 30, true, &s, &f), "a spool");
	memset(chunk, 'x', CHUNK);
	for (unsigned i = 0; i < CHUNKS; i++)
		if (pgp_spool_add(s, (struct str){chunk, CHUNK}, &f) != ERR_OK)
			bail_out("%s", f.text);
	free(chunk);
	is_ok(pgp_spool_end(s, &fd, &n, &f), "64 MiB");
	is_ok(pgp_sign(p, fd, n, &sig, &f), "signed");
	is_ok(pgp_identity(p, a, &id, &f), "own key");
	struct entity_list own = keys_of(id.armored, STR_NONE);
	is_ok(pgp_verify(p, fd, n, buf_str(&sig), &own, &f), "and verified: %s", f.text);
}

static void import(struct pgp *p)
{
	struct pgp_identity id;
	struct fail f = {0};
	is_err(pgp_import(p, file("two.pub"), &id, a, &f), ERR_INVAL, "a public key is none to sign with");
	is_err(pgp_import(p, STR("words"), &id, a, &f), ERR_INVAL, "words neither");
	if (sh(GPG_BARE "--passphrase secret --quick-gen-key 'T <shut@example.test>' ed25519 sign never "
			"2>/dev/null",
	       dir) ||
	    sh(GPG_BARE "--passphrase secret --armor --export-secret-keys shut@example.test > %s/shut.sec",
	       dir, dir))
		bail_out("gpg makes no key");
	is_err(pgp_import(p, file("shut.sec"), &id, a, &f), ERR_INVAL, "a key with a passphrase");
	ok(strstr(f.text, "passphrase") != NULL, "and that is the reason: %s", f.text);
	is_ok(pgp_identity(p, a, &id, &f), "the node's own is still there");
	is_view(id.user_id, "Node <node@example.test>", "and in use");
	int listed = sh("gpg --homedir %s/home --batch -K 2>/dev/null | grep -q shut@", dir);
	ok(listed != 0, "the other one is not kept");
	is_ok(pgp_import(p, file("two.sec"), &id, a, &f), "a key pair: %s", f.text);
}

static void named(void)
{
	char home[300];
	struct pgp_identity id;
	struct fail f = {0};
	struct pgp *p;
	char fpr[FINGERPRINT_LEN + 1];
	snprintf(home, sizeof(home), "%s/home", dir);
	is_ok(pgp_start(&(struct pgp_opts){home, "two@example.test", SANDBOX_ON}, &p, &f),
	      "started again, another key by name");
	is_ok(pgp_identity(p, a, &id, &f), "found");
	cryptokey_fingerprint(file("two.pub"), fpr);
	is_str(id.fingerprint, fpr, "that one");
	pgp_stop(p);
	is_ok(pgp_start(&(struct pgp_opts){home, "nobody@example.test", SANDBOX_ON}, &p, &f),
	      "started again, a key that is not there");
	is_err(pgp_identity(p, a, &id, &f), ERR_NOENT, "is not replaced by another");
	pgp_stop(p);
}

static void nothing_left(void)
{
	bool left = true;
	for (unsigned i = 0; left && i < 100; i++) { /* the helper cleans when the child has ended */
		left = sh("ls -d %s/home/work.* >/dev/null 2>&1", dir) == 0;
		usleep(20000);
	}
	ok(!left, "no folder is left behind");
}

/* The first child of a process; 0: it has none. */
static pid_t child_of(pid_t parent)
{
	char path[64], room[32] = "";
	uint64_t child;
	struct str first;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	OWN(fd) int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, room, sizeof(room) - 1);
	if (n <= 0)
		return 0;
	str_split((struct str){room, (size_t)n}, ' ', &first);
	return str_u64(first, &child) ? (pid_t)child : 0;
}

/* Kill a child of the helper, if it has one now. */
static bool kill_child(pid_t helper)
{
	pid_t child = child_of(helper);
	return child && kill(child, SIGKILL) == 0;
}

static void killed(void)
{
	char home[300];
	struct fail f = {0};
	struct pgp *p;
	struct entity_list two = keys_of(file("two.pub"), STR_NONE);
	struct str sig = hand_sign("two", "", event_tight);
	snprintf(home, sizeof(home), "%s/home", dir);
	is_ok(pgp_start(&(struct pgp_opts){home, NULL, SANDBOX_ON}, &p, &f), "started");
	is_ok(verify(p, event, sig, two, &f), "works");

	/* children killed as they come: the request fails, the next one does not */
	pid_t helper = child_of(pgp_pid(p)), killer = fork();
	if (killer == 0) {
		for (unsigned i = 0; i < 20000; i++) {
			if (kill_child(helper))
				_exit(0);
			usleep(1000);
		}
		_exit(1);
	}
	unsigned failed = 0;
	int status = -1;
	for (unsigned i = 0; i < 500 && waitpid(killer, &status, WNOHANG) == 0; i++)
		failed += verify(p, event, sig, two, &f) == ERR_AGAIN;
	if (status == -1)
		waitpid(killer, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child was killed");
	ok(failed <= 1, "at most its own request failed");
	is_ok(verify(p, event, sig, two, &f), "the helper goes on");
	ok(pgp_lives(p), "and lives");

	for (unsigned i = 0; i < 3; i++) {
		is_int(kill(child_of(pgp_pid(p)), SIGKILL), 0, "the helper itself killed");
		is_ok(verify(p, event, sig, two, &f), "the next request finds a new one: %s", f.text);
	}
	ok(child_of(pgp_pid(p)) != helper, "another process");
	ok(pgp_lives(p), "that lives");

	kill(pgp_pid(p), SIGKILL);
	usleep(50000);
	is_err(verify(p, event, sig, two, &f), ERR_AGAIN, "with the one that starts it killed, too");
	is_str(f.text, "the signing helper has died; restart the daemon", "why");
	is_err(verify(p, event, sig, two, &f), ERR_AGAIN, "once more");
	ok(!pgp_lives(p), "known to be dead");
	pgp_stop(p);
}

static void without(void)
{
	struct pgp *p;
	struct fail f = {0};
	struct pgp_identity id;
	char deep[200];
	is_ok(pgp_none("switched off", &p, &f), "none");
	is_err(pgp_identity(p, a, &id, &f), ERR_UNSUPPORTED, "no key");
	is_str(f.text, "switched off", "why");
	pgp_stop(p);
	is_err(pgp_identity(NULL, a, &id, &f), ERR_UNSUPPORTED, "nor here");
	memset(deep, 'x', sizeof(deep));
	deep[0] = '/';
	deep[sizeof(deep) - 1] = 0;
	is_ok(pgp_start(&(struct pgp_opts){deep, NULL, SANDBOX_ON}, &p, &f), "a path that is too long");
	is_err(pgp_identity(p, a, &id, &f), ERR_UNSUPPORTED, "is told");
	pgp_stop(p);
}

int main(void)
{
	char home[300];
	struct fail f = {0};
	struct pgp *p = NULL;
#ifndef HAVE_GPGME
	skip_all("built without GPGME");
#endif
	if (sh("gpg --version >/dev/null 2>&1") != 0)
		skip_all("gpg is not installed");
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	a = arena_new(64u << 20);
	snprintf(home, sizeof(home), "%s/home", dir);
	if (!is_ok(pgp_start(&(struct pgp_opts){home, NULL, SANDBOX_ON}, &p, &f), "started"))
		bail_out("%s", f.text);
	sh("mkdir -m 700 %s/hand", dir);
	hand_key("one", "never", "");
	hand_key("two", "never", "");
	hand_key("dead", "2020-01-05", "--faked-system-time 20200101T000000");
	own_key(p);
	other_keys(p);
	old_keys(p);
	big(p);
	import(p);
	nothing_left();
	pgp_stop(p);
	is_int(sh("ls %s/S.gpg-agent >/dev/null 2>&1", home) != 0, 1, "the key agent has ended");
	named();
	killed();
	without();
	sh("gpgconf --homedir %s/hand --kill all; rm -rf %s", dir, dir);
	arena_free(a);
	return done_testing();
}
