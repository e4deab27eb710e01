#!/bin/sh
# check-ways_out.sh - plant one way out after the other in a copy of this tree; check-ways-out must find each.
set -u
command -v nm >/dev/null || { echo "no nm: skipped"; exit 77; }
CC=${CC:-cc}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
src=$(cd "$top_srcdir" && pwd) build=$(cd "$top_builddir" && pwd)
n=0 failed=0

# The sources as links, so that one can be replaced; the objects likewise.
mkdir "$dir/src" "$dir/build" && mkdir "$dir/src/contrib" &&
	cp -r "$src/node" "$src/feeds" "$dir/src/" && cp -r "$src/contrib/dev" "$dir/src/contrib/" || exit 99
for d in node feeds taxonomies; do
	(cd "$build" && find $d -name '*.o') | while read -r o; do
		mkdir -p "$dir/build/$(dirname "$o")" && ln -s "$build/$o" "$dir/build/$o"
	done
done

# finds WHAT TEXT: does the checker say TEXT now?
finds() {
	n=$((n + 1))
	if python3 "$src/contrib/dev/check-ways-out" "$dir/src" "$dir/build" >"$dir/out"; then
		failed=1
		echo "not ok $n - $1 is not found"
	elif grep -q "$2" "$dir/out"; then
		echo "ok $n - $1 is found"
	else
		failed=1
		echo "not ok $n - $1: other findings"
		sed 's/^/# /' "$dir/out"
	fi
}
object() { printf '%s\n' "$2" >"$dir/x.c" && $CC -c -o "$dir/build/$1.o" "$dir/x.c" || exit 99; }
row() { sed -i "$2" "$dir/src/$1"; }
back() { cp "$src/$1" "$dir/src/$1"; }

object node/base/evil '#include <sys/socket.h>
	void evil(const char *p) { send(3, p, 4, 0); }'
finds "a socket in an object without a row" 'node/base/evil: a way out without a row: add "send"'
object node/base/evil '#include <syslog.h>
	void evil(const char *p) { syslog(3, "%s", p); }'
finds "a function that nobody has looked at" 'node/base/evil: calls .*syslog'
object node/api/evil 'int store_get(void); int evil(void) { return store_get(); }'
finds "a handler that reads the store" 'node/api/evil: reads stored rows past egress: store_get'
rm "$dir/build/node/base/evil.o" "$dir/build/node/api/evil.o"
row node/api/endpoints.inc '$a ENDPOINT(ep_evil)'
finds "an endpoint without a row" 'ep_evil has no ANSWER'
back node/api/endpoints.inc
row feeds/export/exporters.inc '$a EXPORTER(export_evil)'
finds "an exporter without a row" 'export_evil has no FORMAT'
back feeds/export/exporters.inc
row node/sync/steps.inc '$a STEP(PUSH, push_evil, EVENT, "x")'
finds "a step without a row" 'push_evil has no SENT'
back node/sync/steps.inc
row node/egress/ways_out.inc 's/^ANSWER(ep_events_view, .*/ANSWER(ep_events_view, OPERATOR)/'
finds "a row that promises too much" 'ep_events_view, OPERATOR), but others'
back node/egress/ways_out.inc
printf 'void evil(struct misp_attr *a) { log_info("x", "v=%%s", log_val(a->value)); }\n' \
	>"$dir/src/node/base/evil.c"
finds "a value in a log line" 'log_info() prints a->value'
printf 'void evil(struct x *a) { fail(f, ERR_INVAL, "v=%%.*s", STR_ARG(a->something)); }\n' \
	>"$dir/src/node/base/evil.c"
finds "a text in an error that nobody has looked at" 'fail() prints a->something'
rm "$dir/src/node/base/evil.c"
echo "1..$n"
exit $failed
