#!/bin/sh
# Each permission of a role is asked for somewhere, or contrib/doc/accounts.md says that it is not and why.
top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
doc=$top/contrib/doc/accounts.md
n=0 bad=0
for p in $(sed -n 's/^P(\(perm_[a-z_]*\),.*/\1/p' "$top/node/model/perms.inc"); do
	n=$((n + 1))
	asked=$(find "$top/node" -name '*.c' ! -name ep_roles.c ! -name shapes.c ! -name perms.c \
		-exec grep -lw "$p" {} + | wc -l)
	row=$(grep "^| \`$p\` |" "$doc")
	case $row in
	'') why="has no row in contrib/doc/accounts.md" ;;
	*'not asked here'*) [ "$asked" -eq 0 ] && why= || why="is asked for, and accounts.md says it is not" ;;
	*) [ "$asked" -gt 0 ] && why= || why="is asked for nowhere" ;;
	esac
	if [ -n "$why" ]; then
		bad=$((bad + 1))
		echo "not ok $n - $p $why"
	else
		echo "ok $n - $p"
	fi
done
echo "1..$n"
[ "$n" -ge 25 ] && [ "$bad" -eq 0 ]
