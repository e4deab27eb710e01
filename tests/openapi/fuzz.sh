#!/bin/sh
# schemathesis on what the node says of its interface, some 75 seconds; 77 (skipped) without it.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_python schemathesis
need_daemon
exec "$py" "$here/fuzz.py" "$@"
