/* follow_suricata.h - Suricata's unix socket, also for --reload suricata:SOCKET. */
#pragma once

#include "cli/follow_target.h"

/* Let it read its rules again, wait for that, and tell how many it refused. */
enum err follow_suricata_reload(struct follow *f, const char *socket);
