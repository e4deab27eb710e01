#!/bin/sh
# check-style.sh - plant one breach after the other; check-style must find each and excuse the rest.
set -u
check=$top_srcdir/contrib/dev/check-style
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/node/base"
n=0 failed=0

# try STATUS PATTERN NAME < file
try() {
	cat > "$dir/node/base/x.$4"
	out=$("$check" --src "$dir" 2>&1)
	status=$?
	rm "$dir/node/base/x.$4"
	n=$((n + 1))
	if [ $status -eq "$1" ] && printf '%s\n' "$out" | grep -q -- "$2"; then
		echo "ok $n - $3"
	else
		failed=1
		echo "not ok $n - $3 (status $status)"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

try 0 '0 findings' 'a sound file' c <<E
/* x.c - strcpy(a, b) in a comment and "sprintf(" in a string are nobody's business. */
#include <a.h>
#include <b.h>

static const char *s = "strtok(";
int my_system(void); /* and names that only contain one */
E
for f in strcpy strcat sprintf strtok atoi gmtime strerror rand system alloca; do
	try 1 "x.c:2: $f is banned; take" "banned: $f" c <<E
/* x.c */
int x = $f(1);
E
done
try 0 '0 findings' 'excused with a reason' c <<E
/* x.c */
int x = atoi(1); /* style: ok, a reason */
E
try 1 'may overflow' 'a product in malloc' c <<E
/* x.c */
void *p = malloc(n * size);
E
try 1 'columns, want' 'a long line' c <<E
/* x.c */
int aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
E
try 1 'white space at the end' 'white space' c <<E
/* x.c */
int a; 
E
try 1 'want tabs' 'spaces' c <<E
/* x.c */
        int a;
E
try 1 'opening comment' 'no purpose' c <<E
int a;
E
try 1 'pragma once' 'no guard' h <<E
/* x.h */
E
try 1 'not sorted' 'includes out of order' c <<E
/* x.c */
#include <b.h>
#include <a.h>
E
try 1 'in one block' 'includes mixed' c <<E
/* x.c */
#include <b.h>
#include "a.h"
E
try 1 "typedef'd" 'a typedef of a struct' c <<E
/* x.c */
typedef struct a {
E
echo "1..$n"
exit $failed
