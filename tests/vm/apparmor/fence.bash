# shellcheck shell=bash
# The end of the kernel's log in the machine. Sourced; needs the profile fence.

# fence NAME FILE: the kernel's log. Records come late; this one is the last.
fence()
{
	local try

	echo "/$1" | /mnt/h/hs confine fence /mnt/h/hs fence
	for try in {1..50}; do
		dmesg >"$2"
		! grep -q "name=\"/$1/\"" "$2" || return 0
		sleep 0.1
	done
	echo "the log does not end: $try tries" >&2
	exit 1
}
