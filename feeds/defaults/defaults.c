/*
 * defaults.c - the catalogue, made into a C text by the build (feeds/defaults/room.am). No file has to be found
 * for it.
 */
#include "feeds/defaults/defaults.h"

static const char text[] =
#include "feeds/defaults/defaults.inc"
	;

struct str feed_defaults(void)
{
	return (struct str){text, sizeof(text) - 1};
}
