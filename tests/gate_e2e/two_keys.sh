#!/bin/sh
# What needs two persons, by every way: tags endpoints, edits, imports, peers.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/two_keys.py" "$@"
