#!/bin/sh
# Signatures of protected events between nodes, and against keys made by gpg: about half a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
command -v gpg >/dev/null || skip "gpg is not installed"
exec "$py" "$here/run.py" "$@"
