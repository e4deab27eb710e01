/* client_world.c - see client_world.h. */
#include "tests/unit/sync/client_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/tap/tap.h"

char world_dir[64], world_pin[100];
static struct {
	char name[20];
	unsigned port;
} ports[20];
static size_t n_ports;
static pid_t server;
static int server_in;

static void read_lines(FILE *f)
{
	char line[200], *value;
	while (fgets(line, sizeof(line), f) && strcmp(line, "end\n") != 0) {
		line[strcspn(line, "\n")] = '\0';
		value = strchr(line, ' ');
		if (!value || n_ports == ARRAY_LEN(ports))
			bail_out("what does the server say?");
		*value++ = '\0';
		if (strcmp(line, "pin") == 0) {
			snprintf(world_pin, sizeof(world_pin), "%.90s", value);
			continue;
		}
		snprintf(ports[n_ports].name, sizeof(ports[0].name), "%.19s", line);
		ports[n_ports++].port = (unsigned)strtoul(value, NULL, 10);
	}
}

void world_start(void)
{
	int in[2], out[2];
	char script[512];
	const char *top = getenv("top_srcdir"), *tmp = getenv("TMPDIR");
	snprintf(world_dir, sizeof(world_dir), "%.40s/tocsin.XXXXXX", tmp ? tmp : "/tmp");
	snprintf(script, sizeof(script), "%s/tests/unit/sync/client_server.py", top ? top : ".");
	if (!mkdtemp(world_dir) || pipe(in) < 0 || pipe(out) < 0)
		bail_out("no folder or pipe");
	server = fork();
	if (server == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp("python3", "python3", script, world_dir, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server_in = in[1];
	FILE *f = fdopen(out[0], "r");
	if (!f)
		bail_out("no stream");
	read_lines(f);
	fclose(f);
	if (!n_ports || !world_pin[0])
		bail_out("the server does not start");
}

void world_stop(void)
{
	char cmd[200];
	close(server_in);
	waitpid(server, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", world_dir);
	if (system(cmd) != 0) /* style: ok, our own folder */
		diag("%s stays", world_dir);
}

unsigned world_port(const char *name)
{
	for (size_t i = 0; i < n_ports; i++)
		if (strcmp(ports[i].name, name) == 0)
			return ports[i].port;
	return 0;
}

const char *world_cert(const char *name)
{
	static char path[4][200];
	static unsigned next;
	char *p = path[next++ % ARRAY_LEN(path)];
	snprintf(p, sizeof(path[0]), "%s/%s.pem", world_dir, name);
	return p;
}
