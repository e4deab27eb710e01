# fill.awk - puts version, folders and lists (@OPTIONS@: node/man/options.roff, ...) into a manual page.
BEGIN {
	list["@OPTIONS@"] = "node/man/options.roff"
	list["@ENDPOINTS@"] = "node/man/endpoints.roff"
	list["@COMMANDS@"] = "node/man/commands.roff"
}
$0 in list {
	file = list[$0]
	while ((got = (getline line < file)) > 0)
		print line
	if (got < 0) {
		print "fill.awk: no " file > "/dev/stderr"
		exit 1
	}
	close(file)
	next
}
{
	gsub(/@VERSION@/, version)
	gsub(/@sysconfdir@/, sysconfdir)
	gsub(/@docdir@/, docdir)
	print
}
