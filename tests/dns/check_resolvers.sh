#!/bin/sh
# Real resolvers as secondaries of the DNS server.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_python dns.xfr
exec "$py" "$here/resolvers.py" "$@"
