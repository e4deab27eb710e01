#!/bin/sh
# Time and memory of searches; then random searches of every scope beside the reference.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
"$py" "$here/bounds.py" || exit $?
exec "$py" "$here/run.py" "$@"
