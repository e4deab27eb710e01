/*
 * test_secretbox.c - secrets come back under the same key and bond, and under no other.
 */
#include "base/secretbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static void round_trips(void)
{
	struct secret_key a = {{1}}, b = {{2}};
	OWN(buf) struct buf s = BUF(1000);
	OWN(buf) struct buf s2 = BUF(1000);
	OWN(buf) struct buf out = BUF(1000);
	struct str secret = STR("aaaaaaaaaaaaaaaaaaaaBBBBBBBBBBBBBBBBBBBB"), bond = STR("peer/7");
	is_err(secret_seal(&a, secret, bond, &s, NULL), ERR_OK, "seals");
	ok(s.n == secret.n + 28, "28 bytes longer");
	ok(str_find(buf_str(&s), STR("aaaa")) < 0, "not readable");
	is_err(secret_seal(&a, secret, bond, &s2, NULL), ERR_OK, "seals again");
	ok(!str_eq(buf_str(&s), buf_str(&s2)), "differently");
	is_err(secret_open(&a, buf_str(&s), bond, &out, NULL), ERR_OK, "opens");
	ok(str_eq(buf_str(&out), secret), "the same secret");
	is_err(secret_open(&b, buf_str(&s), bond, &out, NULL), ERR_CORRUPT, "not with another key");
	is_err(secret_open(&a, buf_str(&s), STR("peer/8"), &out, NULL), ERR_CORRUPT,
	       "not for another peer");
	s.p[14] ^= 1;
	is_err(secret_open(&a, buf_str(&s), bond, &out, NULL), ERR_CORRUPT, "not when damaged");
	is_err(secret_open(&a, str_sub(buf_str(&s2), 0, 20), bond, &out, NULL), ERR_CORRUPT,
	       "not when cut");
	is_err(secret_open(&a, STR_NONE, bond, &out, NULL), ERR_CORRUPT, "not from nothing");
}

static void key_files(void)
{
	char dir[] = "/tmp/test-secretbox-XXXXXX", path[100];
	struct secret_key a, b;
	struct stat st;
	ok(mkdtemp(dir) != NULL, "a folder");
	snprintf(path, sizeof(path), "%s/peer.key", dir);
	is_err(secret_key_load(path, &a, NULL), ERR_OK, "a key is made");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == 32, "for us only");
	is_err(secret_key_load(path, &b, NULL), ERR_OK, "and read again");
	ok(memcmp(&a, &b, sizeof(a)) == 0, "the same one");
	ok(chmod(path, 0640) == 0, "open to others");
	is_err(secret_key_load(path, &b, NULL), ERR_PERM, "is refused");
	ok(chmod(path, 0600) == 0 && truncate(path, 31) == 0, "cut");
	is_err(secret_key_load(path, &b, NULL), ERR_CORRUPT, "is damaged");
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	round_trips();
	key_files();
	return done_testing();
}
