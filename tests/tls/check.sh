#!/bin/sh
# Two daemons with TLS between them: CA file, pin, client certificate, verify off and its warning.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
command -v openssl >/dev/null || skip "no openssl(1) to make certificates with"
exec "$py" "$here/run.py" "$@"
