# shellcheck shell=bash
# Compiling profiles here for the kernel of the machine, which would take minutes. Sourced; needs
# WHITTLE_VM_CACHE and the VM_ variables of arch-vm.

# compile DIR [OPTION…]: DIR/profiles becomes DIR/profiles.bin. What the kernel mediates is asked of it
# once, by a boot of its own, and kept beside it.
compile()
{
	local kernel=$WHITTLE_VM_CACHE/kernel-amd64${VM_SUITE-} asked

	if [ ! -e "$kernel/features" ]; then
		asked=$(mktemp -d "$1/features.XXXXXX") || return
		tests/vm/arch-vm amd64 -- cp -r /sys/kernel/security/apparmor/features "$asked/" || return
		mv -T "$asked/features" "$kernel/features" || [ -e "$kernel/features" ] || return
		rm -rf "$asked"
	fi
	apparmor_parser --quiet --skip-kernel-load --skip-read-cache --stdout "${@:2}" \
		--kernel-features="$kernel/features" "$1/profiles" >"$1/profiles.bin"
}
