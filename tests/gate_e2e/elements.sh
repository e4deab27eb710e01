#!/bin/sh
# An attribute's own embargo ends: pulled and pushed again by MISPs, once.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/elements.py" "$@"
