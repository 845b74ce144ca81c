# Files of at most 700 lines, functions of at most 70 (kernel style: braces in the first column),
# no goto, none of the functions that invite overruns or a shell; only cli prints and exits (but
# base, when memory is out). Comments and strings do not count; workloads may call what they like.
function complain(text) { print FILENAME ":" FNR ": " text; bad = 1 }
FNR == 1 { split(FILENAME, path, "/"); room = path[1] == "src" ? path[2] : path[1]; comment = 0; start = 0 }
FNR == 701 { complain("longer than 700 lines") }
/^{/ { start = FNR }
/^}/ {
	if (start && FNR - start - 1 > 70) complain("a function of " FNR - start - 1 " lines")
	start = 0
}
{
	code = $0
	gsub(/\\./, "", code)
	gsub(/"[^"]*"/, "\"\"", code)
	gsub(/\/\*([^*]|\*[^\/])*\*\//, "", code)
	if (comment) { if (!sub(/^.*\*\//, "", code)) next; comment = 0 }
	if (sub(/\/\*.*$/, "", code)) comment = 1
	code = " " code
}
path[2] != "workloads" && code ~ /[^A-Za-z0-9_.>](strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|gets|system|popen|alloca) *\(/ {
	complain("a banned function")
}
code ~ /[^A-Za-z0-9_]goto / { complain("goto") }
room != "cli" && room != "base" && room != "tests" &&
code ~ /[^A-Za-z0-9_.>](printf|vprintf|puts|putchar|perror|exit|abort) *\(/ {
	complain("only cli prints and exits")
}
END { exit bad }
