#!/bin/sh
# check-rooms.sh - plant one mistake after the other in a small tree; check-rooms must find each.
set -u
check=$top_srcdir/contrib/dev/check-rooms
CC=${CC:-cc}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

put() { mkdir -p "$dir/$(dirname "$1")" && cat > "$dir/$1"; }

# The sound tree: base, gate on base, web on base and one header of gate, top on all.
plant() {
	rm -rf "${dir:?}"/*
	put node/rooms.txt <<-E
		base:
		gate: base
		web: base gate/open.h
		top: *
		<zlib.h>: base
	E
	put node/base/base.h <<-E
		int base_add(int a);
	E
	put node/base/base.c <<-E
		#include "base/base.h"
		int base_add(int a) { return a + 1; }
	E
	put node/gate/open.h <<-E
		#include "base/base.h"
		int gate_open(int a); /* not gate_inner */
	E
	put node/gate/inner.h <<-E
		int gate_inner(int a);
		extern int gate_state;
	E
	put node/gate/gate.c <<-E
		#include "gate/inner.h"
		#include "gate/open.h"
		int gate_state;
		int gate_inner(int a) { return a; }
		int gate_open(int a) { return gate_inner(base_add(a)); }
	E
	put node/web/web.c <<-E
		#include "base/base.h"
		#include "gate/open.h"
		int web_run(int a);
		int web_run(int a) { return gate_open(base_add(a)); }
	E
	put node/top/top.c <<-E
		#include "gate/inner.h"
		int top_run(int a);
		int top_run(int a) { return gate_inner(a); }
	E
}

build() {
	for room in base gate web top; do
		for c in "$dir/node/$room"/*.c; do
			$CC -I"$dir/node" -I"$dir/node/web" -I"$dir" -c "$c" -o "${c%.c}.o" || exit 99
		done
		ar cr "$dir/node/$room/lib$room.a" "$dir/node/$room"/*.o || exit 99
	done
}

# expect STATUS PATTERN NAME: run the checker over the planted tree
expect() {
	build
	out=$("$check" --src "$dir" --build "$dir" 2>&1)
	status=$?
	n=$((n + 1))
	if [ $status -eq "$1" ] && printf '%s\n' "$out" | grep -q -- "$2"; then
		echo "ok $n - $3"
	else
		failed=1
		echo "not ok $n - $3 (status $status, want $1 and \"$2\")"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

plant
expect 0 '0 findings' 'a sound tree passes'

plant
put node/web/web.c <<E
#include "gate/inner.h"
E
expect 1 'node/web/web.c:1: web may not include gate/inner.h' 'a forbidden include'

plant
put node/web/web.c <<E
int gate_inner(int a);
int web_run(int a);
int web_run(int a) { return gate_inner(a); }
E
expect 1 'web.o: uses gate_inner of gate' 'a function smuggled in by a prototype of its own'

plant
put node/web/web.c <<E
extern int gate_state;
int web_run(void);
int web_run(void) { return gate_state; }
E
expect 1 'web.o: uses gate_state of gate' 'a variable smuggled in by extern'

plant
put node/gate/open.h <<E
#include "gate/inner.h"
int gate_open(int a);
E
expect 1 'drags gate/inner.h into web' 'a granted header that drags in another'

plant
put node/base/base.c <<E
#include "web/web.h"
int base_add(int a);
int base_add(int a) { return a + 1; }
E
put node/web/web.h <<E
E
expect 1 'base may not include web/web.h' 'looking up the table'

plant
sed -i 's/^base:/base: gate/' "$dir/node/rooms.txt"
expect 1 'base names gate, which is no room above it' 'a line that names a room below it'

plant
put node/web/web.c <<E
#include "open.h"
E
put node/web/open.h <<E
E
expect 1 'is in no room' 'an include without its room'

plant
put node/web/web.c <<E
#include <zlib.h>
E
put node/zlib.h <<E
E
expect 1 '<zlib.h> belongs to base, not to web' 'a third-party header away from home'

plant
put node/top/top.c <<E
int gate_open(int a);
int gate_open(int a) { return a; }
E
expect 1 'gate_open is defined twice' 'a name with two homes'

plant
echo 'LIBS_FROM_base = nothing' > "$dir/node/libs.am"
expect 1 'node/libs.am: not up to date' 'a stale list of libraries'

echo "1..$n"
exit $failed
