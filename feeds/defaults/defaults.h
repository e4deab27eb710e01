/* defaults.h - the catalogue of public feeds as it is built in: a list of {"Feed":{..},"Tag":{..}}. */
#pragma once

#include "base/str.h"

/* JSON text of feeds/defaults/defaults.json. */
struct str feed_defaults(void);
