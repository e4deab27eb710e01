# embed.awk - text files as C strings, a line each: name[] = {"...\n", .., NULL}; the name is the file's.
FNR == 1 {
	if (NR > 1)
		print "\tNULL};"
	name = FILENAME
	sub(/.*\//, "", name)
	gsub(/[^a-z]/, "_", name)
	print "static const char *const page_" name "[] = {"
}
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	print "\t\"" $0 "\\n\","
}
END { print "\tNULL};" }
