#!/bin/sh
# Vocabularies: listed, searched, made into tags, folders of one's own.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/run.py" "$@"
