#!/bin/sh
# style.sh - this tree follows the mechanical part of the house style.
exec "$top_srcdir/contrib/dev/check-style" --src "$top_srcdir"
