/* test_cert.c - what is read of a certificate that openssl(1) has made. */
#include "base/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap/tap.h"

static int run(const char *cmd)
{
	return system(cmd); /* style: ok, fixed commands on our own files */
}

int main(void)
{
	char dir[] = "/tmp/tocsin-cert-XXXXXX", path[100], command[600];
	struct cert_info c;
	struct fail f = {0};
	if (!mkdtemp(dir))
		return 99;
	snprintf(path, sizeof(path), "%s/cert.pem", dir);
	is_err(cert_read(path, &c, &f), ERR_NOENT, "a file that is not there");
	FILE *empty = fopen(path, "we");
	if (!empty || fclose(empty) != 0)
		return 99;
	is_err(cert_read(path, &c, &f), ERR_INVAL, "a file without certificate");
	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey rsa:2048 -nodes -days 10 -set_serial 4660 "
		 "-subj '/O=Quayside CERT/CN=misp.example' -keyout %s/key.pem -out %s 2>/dev/null",
		 dir, path);
	if (run(command) != 0) {
		printf("# no openssl(1): the rest is left out\n");
		return done_testing();
	}
	is_ok(cert_read(path, &c, &f), "a certificate");
	ok(strcmp(c.subject, "CN=misp.example,O=Quayside CERT") == 0, "subject: %s", c.subject);
	ok(strcmp(c.issuer, c.subject) == 0, "its own issuer");
	ok(strcmp(c.serial, "1234") == 0, "serial number: %s", c.serial);
	is_uint(c.bits, 2048, "bits of its key");
	ok(strncmp(c.type, "RSA", 3) == 0, "kind of its key");
	int64_t now = clock_now();
	ok(c.from <= now && c.from > now - 3600, "good from now on");
	ok(c.to > now + 9 * 86400 && c.to < now + 11 * 86400, "for ten days");
	snprintf(command, sizeof(command), "rm -r %s", dir);
	run(command);
	return done_testing();
}
