#!/bin/sh
# rooms.sh - the room table is obeyed by this tree: order, includes, symbols.
exec "$top_srcdir/contrib/dev/check-rooms" --src "$top_srcdir" --build "$top_builddir"
