/*
 * ascii.h - byte classes and eight-bytes-at-a-time tests on strings.
 *
 * Inline because they run for every attribute that comes in. Bytes above 127 belong to no class.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

static inline bool ascii_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}
static inline bool ascii_upper(char c)
{
	return (unsigned char)(c - 'A') < 26;
}
static inline bool ascii_lower(char c)
{
	return (unsigned char)(c - 'a') < 26;
}
static inline bool ascii_alnum(char c)
{
	return ascii_digit(c) || (unsigned char)((c | 0x20) - 'a') < 26;
}
static inline bool ascii_hex(char c)
{
	return ascii_digit(c) || (unsigned char)((c | 0x20) - 'a') < 6;
}
/* What a regular expression calls white space. */
static inline bool ascii_space(char c)
{
	return c == ' ' || (unsigned char)(c - '\t') < 5;
}
static inline char ascii_to_lower(char c)
{
	return ascii_upper(c) ? (char)(c | 0x20) : c;
}
static inline char ascii_to_upper(char c)
{
	return ascii_lower(c) ? (char)(c & ~0x20) : c;
}

#define ASCII_ONES 0x0101010101010101ull
#define ASCII_TOPS 0x8080808080808080ull

static inline uint64_t ascii_load(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return w;
}
/* The top bit of each byte that is an upper-case (first = 'A') or lower-case ('a') letter. */
static inline uint64_t ascii_letters(uint64_t w, char first)
{
	uint64_t low = w & ~ASCII_TOPS;
	uint64_t from = low + (uint64_t)(0x80 - first) * ASCII_ONES;
	uint64_t past = low + (uint64_t)(0x80 - first - 26) * ASCII_ONES;

	return from & ~past & ~w & ASCII_TOPS;
}
/* Is there a letter of that case in `s`? */
static inline bool ascii_has_letter(struct str s, char first)
{
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8)
		if (ascii_letters(ascii_load(s.p + i), first))
			return true;
	for (; i < s.n; i++)
		if ((unsigned char)(s.p[i] - first) < 26)
			return true;
	return false;
}
/* Is every byte below 128? */
static inline bool ascii_only(struct str s)
{
	uint64_t seen = 0;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8)
		seen |= ascii_load(s.p + i);
	for (; i < s.n; i++)
		seen |= (unsigned char)s.p[i];
	return (seen & ASCII_TOPS) == 0;
}
static inline bool ascii_all_hex(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_hex(s.p[i]))
			return false;
	return true;
}
static inline bool ascii_all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_digit(s.p[i]))
			return false;
	return s.n > 0;
}
static inline bool ascii_has(struct str s, char c)
{
	return s.n && memchr(s.p, c, s.n) != NULL;
}
