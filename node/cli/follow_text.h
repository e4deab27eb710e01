/*
 * follow_text.h - reading what came line by line, and whether a value is what it should be.
 */
#pragma once

#include "cli/follow_target.h"

struct follow_lines {
	int fd;
	uint64_t number; /* of the last line, from 1 */
	size_t at, n;
	bool over, ended; /* a line was too long; read to the end */
	char *p;
};

/* From the beginning of the file; false when out of memory. */
bool follow_lines_begin(struct follow_lines *l, int fd);
/* The next line without its break; false at the end and on errors, see follow_lines_end(). */
bool follow_lines_next(struct follow_lines *l, struct str *line);
/* Free, and tell whether all was read. */
enum err follow_lines_end(struct follow_lines *l, struct fail *f);
/* Of a line that is none: its number, never its text beyond what a log may show. */
enum err follow_bad_line(struct follow *f, const struct follow_lines *l, struct str line, const char *why);

/* How many there are, of any length. */
uint64_t follow_lines_count(int fd);

/* Words between single spaces; 0 when there are more than `max`. */
size_t follow_words(struct str line, struct str *words, size_t max);

/* An address or network as text that we write ourselves, at most 60 bytes. Nothing wider than a /8 (IPv6:
   /16): no format of ours has such. */
struct follow_addr {
	unsigned version; /* 4 or 6 */
	bool network;
	char text[64];
};
bool follow_addr_read(struct str s, struct follow_addr *out);
/* A DNS name with a dot in it, letters, digits, - and _; with or without a last dot. Not localhost. */
bool follow_is_name(struct str s);
/* Letters, digits, - and _, 1 to max. */
bool follow_is_word(struct str s, size_t max);
