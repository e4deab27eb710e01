#!/bin/sh
# Time and memory of searches, values that make no sense; then random searches of every scope beside the reference.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
"$py" "$here/bounds.py" || exit $?
"$py" "$here/garbage.py" || exit $?
"$py" "$here/extended.py" || exit $?
"$py" "$here/saved.py" || exit $?
"$py" "$here/caches.py" || exit $?
"$py" "$here/decay.py" || exit $?
exec "$py" "$here/run.py" "$@"
