/*
 * make_dict.c - prints the dictionary of the JSON fuzzer: every member name of fields.inc, the
 * wrappers, and bytes that tokenizers stumble over.
 */
#include <stdio.h>

#include "base/own.h"
#include "model/misp.h"

int main(void)
{
	static const struct entity_desc *const descs[] = {
#define DESC_PTR(ENT, sname, wrapper) &desc_##sname,
		ENTITIES(DESC_PTR)
	};
	static const char *const more[] = {
		"{", "}", "[", "]", ":", ",", "null", "true", "false", "-0.5e+3", "1e400",
		"\\\\u0000", "\\\\ud83d\\\\ude00", "\\\\udc00", "\\xef\\xbb\\xbf", "\\xed\\xa0\\x80",
		"\\xf0\\x9f\\x98\\x80", "\\\"response\\\":", "\\\"request\\\":", "\\\"0\\\":",
		"2024-05-02T10:11:12.123456+00:00",
	};

	for (size_t i = 0; i < ARRAY_LEN(descs); i++) {
		printf("\"\\\"%s\\\":\"\n", descs[i]->name);
		for (unsigned k = 0; k < descs[i]->n; k++)
			if (descs[i]->fields[k].key)
				printf("\"\\\"%s\\\":\"\n", descs[i]->fields[k].key);
	}
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		printf("\"%s\"\n", more[i]);
	return 0;
}
