/*
 * conf_gen.c - prints the option list for tocsin.yaml(5) ("roff") or the sample file ("sample").
 * Runs while building, so that neither is written by hand.
 */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

int main(int argc, char **argv)
{
	OWN(buf) struct buf out = BUF(1 << 20);
	bool roff = argc == 2 && strcmp(argv[1], "roff") == 0;

	if (!roff && (argc != 2 || strcmp(argv[1], "sample") != 0)) {
		fputs("usage: conf_gen roff|sample\n", stderr);
		return 2;
	}
	conf_describe(&out, roff ? CONF_ROFF : CONF_SAMPLE, NULL);
	if (buf_err(&out) != ERR_OK || fwrite(out.p, 1, out.n, stdout) != out.n ||
	    fclose(stdout) != 0) {
		fputs("conf_gen: could not write\n", stderr);
		return 1;
	}
	return 0;
}
