#!/bin/sh
# From a publication on one node to the resolvers of another one two hops away, and back.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
need_python dns.xfr
exec "$py" "$here/e2e.py"
