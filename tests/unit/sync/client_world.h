/*
 * client_world.h - the server of the tests of our HTTP client (client_server.py), its ports and
 * certificates.
 */
#pragma once

extern char world_dir[64], world_pin[100];

/* Start it; bails out if that fails. */
void world_start(void);
void world_stop(void);
/*
 * Port of a listener: http, other, server, expired, othername, selfsigned, wantscert, wantscert12,
 * mute, and http2 where nginx is installed. 0: there is none.
 */
unsigned world_port(const char *name);
/* Path of a file with certificate and key (server, client...) or of the CA (ca). */
const char *world_cert(const char *name);
