#include <whittle/fact.h>

const struct fact_desc fact_descs[FACT_KINDS] = {
	[FACT_PROGRAM] = { "programs", { "path", "loader", "privilege", "attribution" } },
	[FACT_SYSCALL] = { "syscalls", { "abi", "name", "program", "result" } },
	[FACT_ARGUMENT] = { "arguments", { "abi", "name", "index", "value", "program" } },
	[FACT_SITE] = { "sites", { "abi", "name", "program", "frames" } },
	[FACT_PATH] = { "paths", { "path", "access", "owner", "program", "target" } },
	[FACT_EXEC] = { "execs", { "path", "by", "interpreters" } },
	[FACT_SOCKET] = { "sockets",
			  { "operation", "family", "type", "protocol", "address", "port",
			    "program" } },
	[FACT_CAPABILITY] = { "capabilities",
			      { "name", "verdict", "syscall", "object", "program", "source" } },
	[FACT_SIGNAL] = { "signals", { "name", "to", "program" } },
	[FACT_PTRACE] = { "ptraces", { "request", "to", "program", "result" } },
	[FACT_MOUNT] = { "mounts",
			 { "operation", "fstype", "options", "source", "target", "program" } },
	[FACT_NAMESPACE] = { "namespaces", { "operation", "kinds", "program" } },
};
