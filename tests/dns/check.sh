#!/bin/sh
# What the DNS server answers, asked by dnspython.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_python dns.xfr
exec "$py" "$here/protocol.py"
