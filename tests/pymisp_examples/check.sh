#!/bin/sh
# PyMISP's examples against a node.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_python pymisp,requests
need_daemon
exec "$py" "$here/run.py" "$@"
