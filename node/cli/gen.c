/*
 * gen.c - prints the command lists for tocsin(1) ("roff") and the shells ("bash", "zsh"). Runs while
 * building, so that none of them is written by hand.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
	const char *name;
	void (*describe)(struct buf *out);
} forms[] = {
	{"roff", cli_describe_roff},
	{"bash", cli_describe_bash},
	{"zsh", cli_describe_zsh},
};

int main(int argc, char **argv)
{
	OWN(buf) struct buf out = BUF(1 << 20);
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(forms); i++)
		if (strcmp(argv[1], forms[i].name) == 0)
			forms[i].describe(&out);
	if (!out.n) {
		fputs("usage: gen roff|bash|zsh\n", stderr);
		return 2;
	}
	if (buf_err(&out) != ERR_OK || fwrite(out.p, 1, out.n, stdout) != out.n ||
	    fclose(stdout) != 0) {
		fputs("gen: could not write\n", stderr);
		return 1;
	}
	return 0;
}
