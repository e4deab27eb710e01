#!/bin/sh
# A hostile peer: bodies without end, lies about lengths, redirects, bad certificates, a million rows. Half a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
command -v openssl >/dev/null || skip "no openssl to make certificates with"
exec "$py" "$here/hostile.py" "$@"
