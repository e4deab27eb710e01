#!/bin/sh
# Feeds of values, caches and overlap, hostile servers; the feed folder while a big import runs. About a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
"$py" "$here/values.py" || exit 1
"$py" "$here/caches.py" || exit 1
"$py" "$here/hostile.py" || exit 1
exec "$py" "$here/withdraw.py" "$@"
