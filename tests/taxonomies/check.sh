#!/bin/sh
# Vocabularies: listed, searched, made into tags, folders of one's own.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/run.py" "$@"
