#!/bin/sh
# TAXII 2.1: the server as its clients meet it, and our client before good and hostile servers. About a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
TOCSIN=${TOCSIN:-${top_builddir:-$top}/tocsin}
export TOCSIN
"$py" "$here/server.py" || exit
"$py" "$here/inbox.py" || exit
"$py" "$here/push.py" || exit
exec "$py" "$here/client.py"
