#!/bin/sh
# Random searches of every scope beside the reference.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/run.py" "$@"
