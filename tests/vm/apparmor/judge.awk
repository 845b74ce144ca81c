# judge.awk -v entry=FILE NEEDED PROFILE: compares the rules that a row of corpus.tsv needs with those
# that whittle made, letter by letter. Prints a line for each that is missing, surplus, or wider (not
# needed, and there on purpose); nothing if they agree.
#
# What whatever program needs may always be there: entry, the file that the run began with, and its
# libraries; a kill from outside. So may deny rules. The owner condition is left to the kernel.

# Octal escapes of what can be printed, quotes, and the variables of tunables/proc become plain.
function plain(name, at, code, text)
{
	gsub(/"/, "", name)
	while (match(name, /\\[0-7][0-7][0-7]/)) {
		code = substr(name, RSTART + 1, 1) * 64 + substr(name, RSTART + 2, 1) * 8 + \
			substr(name, RSTART + 3, 1)
		text = text substr(name, 1, RSTART - 1)
		text = text (code > 32 && code < 127 && code != 92 ? sprintf("%c", code) : sprintf("<%d>", code))
		name = substr(name, RSTART + 4)
	}
	name = text name
	sub(/^@\{PROC\}/, "/proc", name)
	gsub(/@\{pids\}/, "@{pid}", name)
	return name
}

# The regular expression of a name with globs, for scaffolding.
function pattern(name)
{
	gsub(/[.+(){}^$|]/, "\\\\&", name)
	gsub(/\*\*/, "\001", name)
	gsub(/\*/, "[^/]*", name)
	gsub(/\001/, ".*", name)
	return "^" name "$"
}

function listed(text, words, n)
{
	gsub(/[(),]/, " ", text)
	return split(text, words, " ")
}

function add(atom, side, free)
{
	if (side == "got")
		got[atom]
	else if (free == "=")
		may[atom]
	else if (free == "+")
		wide[atom]
	else
		need[atom]
}

# The letters of file permissions: "ix" is one.
function add_file(name, perms, side, free, letter)
{
	name = plain(name)
	while (perms != "") {
		letter = perms ~ /^[ipcu]x/ ? substr(perms, 1, 2) : substr(perms, 1, 1)
		perms = substr(perms, length(letter) + 1)
		if (free && name ~ /[*?]/)
			globs[pattern(name) SUBSEP letter]
		else
			add(name " " letter, side, free)
	}
}

# "signal (send, receive) set=(a, b) peer=P", "ptrace trace peer=P"
function add_peers(kind, rest, side, free, peer, set, perms, signals, i, j, n, m)
{
	peer = set = ""
	if (match(rest, /peer=[^ ]+/)) {
		peer = substr(rest, RSTART + 5, RLENGTH - 5)
		rest = substr(rest, 1, RSTART - 1) substr(rest, RSTART + RLENGTH)
	}
	if (match(rest, /set=(\([^)]*\)|[^ ]+)/)) {
		set = substr(rest, RSTART + 4, RLENGTH - 4)
		rest = substr(rest, 1, RSTART - 1) substr(rest, RSTART + RLENGTH)
	}
	if (peer == "@SELF@")
		peer = "@{profile_name}"
	n = listed(rest, perms)
	m = listed(set, signals)
	if (!m)
		signals[m = 1] = "*"
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++)
			if (free && signals[j] == "*")
				globs["^" kind " " perms[i] " .* " peer "$" SUBSEP ""]
			else
				add(kind " " perms[i] " " signals[j] " " peer, side, free)
}

function add_rule(rule, side, free, name)
{
	sub(/^[ \t]+/, "", rule)
	sub(/,$/, "", rule)
	sub(/^owner /, "", rule)
	if (rule == "" || rule ~ /^#|^}|^(profile|abi|include|deny) /)
		return
	if (match(rule, /^("[^"]*"|[\/@][^ ]*) /)) {
		name = substr(rule, 1, RLENGTH - 1)
		add_file(name, substr(rule, RLENGTH + 1), side, free)
	} else if (rule ~ /^signal /) {
		add_peers("signal", substr(rule, 8), side, free)
	} else if (rule ~ /^ptrace /) {
		add_peers("ptrace", substr(rule, 8), side, free)
	} else {
		gsub(/, /, ",", rule)
		add(plain(rule), side, free)
	}
}

# What whatever program needs.
function is_common(atom)
{
	return atom == entry " m" || atom == entry " r" || atom == entry " ix" || \
		atom == "/etc/ld.so.cache r" || atom ~ /^\/usr\/lib\/[^\/]+\/[^\/]*\.so[.0-9]* [mr]$/ || \
		atom ~ /^signal receive \* (unconfined|crun|runc)$/
}

function is_covered(atom, pair, part)
{
	if (atom in may)
		return 1
	for (pair in globs) {
		split(pair, part, SUBSEP)
		if (part[2] == "" ? atom ~ part[1] : \
		    substr(atom, length(atom) - length(part[2])) == " " part[2] && \
		    substr(atom, 1, length(atom) - length(part[2]) - 1) ~ part[1])
			return 1
	}
	return 0
}

NR == FNR && /^[=+]/ { add_rule(substr($0, 2), "need", substr($0, 1, 1)); next }
NR == FNR { add_rule($0, "need"); next }
{ add_rule($0, "got") }

END {
	for (atom in need)
		if (!(atom in got))
			print "missing " atom
	for (atom in got)
		if (!(atom in need) && !is_common(atom) && !is_covered(atom))
			print (atom in wide ? "wider " : "surplus ") atom
}
