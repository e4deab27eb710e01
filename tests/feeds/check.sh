#!/bin/sh
# Feeds of values from a hostile server; the feed folder while a big import runs. About half a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
"$py" "$here/values.py" || exit 1
exec "$py" "$here/withdraw.py" "$@"
