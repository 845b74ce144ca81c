# A data file of tab-separated rows -> rows of a C initialiser. A row whose last column (the source)
# is empty, or whose number of columns differs from the header's, fails the build. The header is the
# last comment line before the first row.
BEGIN { FS = "\t" }
function quote(text) {
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	return "\"" text "\""
}
/^#/ { if (!rows) columns = NF; next }
/^$/ { next }
NF != columns || $NF == "" {
	printf "%s:%d: %d columns, wanted %d with a source in the last\n", FILENAME, FNR, NF, columns >"/dev/stderr"
	bad = 1
	exit 1
}
{
	rows++
	line = "{ "
	for (i = 1; i <= NF; i++)
		line = line quote($i) (i < NF ? ", " : " },")
	print line
}
END { if (!bad && !rows) { printf "%s: no rows\n", FILENAME >"/dev/stderr"; exit 1 } }
