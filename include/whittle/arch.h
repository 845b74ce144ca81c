/*
 * ABIs: what differs between the ways into one kernel. The rows live in arch/<machine>/abi.def and
 * are all built on every machine, so that evidence of any machine can be read anywhere.
 */
#ifndef WHITTLE_ARCH_H
#define WHITTLE_ARCH_H

#include <whittle/buf.h>

/* Quirks of an ABI that decoders and renderers must know. */
enum abi_quirk {
	ABI_SOCKETCALL = 1 << 0,      /* sockets also by socketcall(2): arguments in memory */
	ABI_IPC = 1 << 1,             /* System V IPC also by ipc(2) */
	ABI_SPLIT64 = 1 << 2,         /* 64-bit arguments take two registers */
	ABI_CLONE_BACKWARDS = 1 << 3, /* clone(2): flags, sp, ptid, tls, ctid */
	ABI_UID16 = 1 << 4            /* chown, setuid, ... without "32" take 16-bit ids */
};

struct abi {
	const char *name;    /* ours: x86_64, i386, x32, aarch64, arm */
	const char *machine; /* uname -m of the machine whose native ABI this is, or "" */
	const char *family;  /* the same for all ABIs that one kernel takes: x86, arm */
	uint32_t audit;      /* AUDIT_ARCH_*, as in seccomp_data.arch */
	uint32_t seccomp;    /* libseccomp's SCMP_ARCH_* token */
	const char *oci;     /* "SCMP_ARCH_X86_64", as OCI and Docker profiles name it */
	unsigned int word;   /* bytes of a long in user space */
	uint64_t clone;      /* the number of clone(2): looked at for each call */
	uint64_t exit_group; /* the same */
	uint32_t bit;        /* set in every number of this ABI (x32: 0x40000000), else 0 */
	unsigned int quirks; /* enum abi_quirk */
};

/* The row of a call as the kernel reports it, or NULL if whittle has none. */
const struct abi *abi_of_call(uint32_t audit, uint64_t nr);

/* The row of that name, or NULL. */
const struct abi *abi_by_name(const char *name);

/* The native row of a machine (as uname -m says it), or NULL; NULL asks for this machine. */
const struct abi *abi_of_machine(const char *machine);

/* All rows, ended by one whose name is NULL. */
extern const struct abi abis[];

/*
 * Appends the name of a syscall: libseccomp's, else that of profiles/newer.tsv. Unknown numbers
 * give
 * "#NNN" and false.
 */
bool abi_syscall_name(const struct abi *abi, uint64_t nr, struct buf *ret_name);

/*
 * The number of a syscall by name (also of "#NNN") as this ABI's kernel entry takes it, x32 bit
 * included; -1 if the ABI has no such call.
 */
int64_t abi_syscall_number(const struct abi *abi, const char *name);

/* Is it a name, and not "#NNN"? */
bool syscall_is_named(const char *name);

#endif
