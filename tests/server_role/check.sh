#!/bin/sh
# What a pushing and pulling MISP meets; needs no more than python.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/run.py" "$@"
