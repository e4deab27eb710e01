#!/bin/sh
# elements_may_relax: shells in folders and exports.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/shells.py" "$@"
