#!/bin/sh
# The TAXII 2.1 server as its clients meet it.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/server.py"
