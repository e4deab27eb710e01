/*
 * scan.c - look for a text in all values: first and last byte of the needle at once, 32 bytes a
 * step where the processor can, else 16.
 */
#include "search/plan.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

static uint64_t find_plain(const char *text, uint64_t from, uint64_t end, struct str needle)
{
	const char *p;

	if (end - from < needle.n)
		return end;
	p = memmem(text + from, end - from, needle.p, needle.n);
	return p ? (uint64_t)(p - text) : end;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t find_avx2(const char *text, uint64_t from,
							  uint64_t end, struct str needle)
{
	const __m256i first = _mm256_set1_epi8(needle.p[0]);
	const __m256i last = _mm256_set1_epi8(needle.p[needle.n - 1]);
	uint64_t i = from;

	for (; i + needle.n + 31 <= end; i += 32) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(text + i));
		__m256i b = _mm256_loadu_si256(
			(const __m256i *)(const void *)(text + i + needle.n - 1));
		uint32_t mask = (uint32_t)_mm256_movemask_epi8(
			_mm256_and_si256(_mm256_cmpeq_epi8(a, first), _mm256_cmpeq_epi8(b, last)));

		for (; mask; mask &= mask - 1) {
			uint64_t at = i + (uint64_t)__builtin_ctz(mask);

			if (memcmp(text + at, needle.p, needle.n) == 0)
				return at;
		}
	}
	return find_plain(text, i, end, needle);
}

static uint64_t find_sse2(const char *text, uint64_t from, uint64_t end, struct str needle)
{
	const __m128i first = _mm_set1_epi8(needle.p[0]);
	const __m128i last = _mm_set1_epi8(needle.p[needle.n - 1]);
	uint64_t i = from;

	for (; i + needle.n + 15 <= end; i += 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		__m128i b = _mm_loadu_si128(
			(const __m128i *)(const void *)(text + i + needle.n - 1));
		uint32_t mask = (uint32_t)_mm_movemask_epi8(
			_mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));

		for (; mask; mask &= mask - 1) {
			uint64_t at = i + (uint64_t)__builtin_ctz(mask);

			if (memcmp(text + at, needle.p, needle.n) == 0)
				return at;
		}
	}
	return find_plain(text, i, end, needle);
}
#endif

uint64_t text_find(const char *text, uint64_t from, uint64_t end, struct str needle)
{
	if (!needle.n)
		return from;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return find_avx2(text, from, end, needle);
	return find_sse2(text, from, end, needle);
#else
	return find_plain(text, from, end, needle);
#endif
}
