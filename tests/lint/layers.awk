# Which <whittle/…> headers a room may include: the table of the rooms, left to right. A header of
# include/whittle obeys the row of the room that produces its type. <room/…> is private to its room.
BEGIN {
	base = "base buf escape file proc sensitive "
	may["base"] = base "arch"
	may["trace"] = base "arch event"
	may["observe"] = base "arch event fact"
	may["evidence"] = base "arch fact evidence"
	may["derive"] = base "arch evidence policy floor"
	may["emit"] = base "arch policy target"
	may["enforce"] = base "arch policy floor event fact ablate measure"
	may["review"] = base "arch evidence policy floor finding reach"
	may["report"] = base "finding"
	may["container"] = base "arch container"
	split("base:base buf:base escape:base file:base proc:base sensitive:base arch:base event:trace fact:observe " \
		"evidence:evidence policy:derive floor:derive target:emit ablate:enforce measure:enforce " \
		"finding:review reach:review container:container", rows, " ")
	for (i in rows) { split(rows[i], row, ":"); producer[row[1]] = row[2] }
	FS = "[<>/.]"
}
FNR == 1 {
	split(FILENAME, path, "/")
	room = path[1] == "src" ? path[2] : producer[substr(path[3], 1, length(path[3]) - 2)]
	if (room != "cli" && !(room in may)) { print FILENAME ": of no known room"; bad = 1 }
}
/^#include <whittle\// && room != "cli" && index(" " may[room] " ", " " $3 " ") == 0 {
	print FILENAME ":" FNR ": " room " may not include whittle/" $3 ".h"; bad = 1
}
/^#include <[a-z]+\/[a-z_]+\.h>/ && room != "cli" && ($2 in may || $2 == "cli") && $2 != room {
	print FILENAME ":" FNR ": " room " may not include what is private to " $2; bad = 1
}
END { exit bad }
