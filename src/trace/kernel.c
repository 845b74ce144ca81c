#include <trace/kernel.h>

#include <stdio.h>
#include <string.h>
#include <whittle/buf.h>

struct symbol {
	uint64_t address;
	size_t name; /* where it is in kernel->names */
	int64_t nr;  /* of the call that it is the entry of, or -1 */
};

struct kernel {
	struct symbol *symbols; /* by address */
	size_t count, size;
	struct buf names; /* each ended by a NUL */
	const struct abi *abi;
};

bool kernel_shows_addresses(void)
{
	AUTO_FREE char *restricted = file_read_line("/proc/sys/kernel/kptr_restrict");

	return restricted && restricted[0] != '2';
}

static int compare_symbol(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/*
 * "__x64_sys_newfstatat" -> 262. Some names are not those of the calls (fs/stat.c), and where the
 * entry ends in a jump only what it jumped to is on the stack (fs/open.c, fs/stat.c).
 */
static int64_t number_of(const struct abi *abi, const char *name)
{
	static const char *const others[][2] = {
		{ "newstat", "stat" },
		{ "newlstat", "lstat" },
		{ "newfstat", "fstat" },
		{ "do_faccessat", "faccessat" },
		{ "do_readlinkat", "readlinkat" },
		{ "do_statx", "statx" },
	};
	static const char *const prefixes[] = { "__x64_sys_", "__arm64_sys_", "__do_sys_",
						"__se_sys_" };
	const char *call = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			call = name + strlen(prefixes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(call ? call : name, others[i][0]) == 0)
			call = others[i][1];
	return call ? abi_syscall_number(abi, call) : -1;
}

static void add_symbol(struct kernel *kernel, uint64_t address, const char *name)
{
	if (kernel->count == kernel->size) {
		kernel->size = kernel->size ? kernel->size * 2 : 1 << 16;
		kernel->symbols = xrealloc(kernel->symbols, kernel->size, sizeof(*kernel->symbols));
	}
	kernel->symbols[kernel->count++] =
		(struct symbol){ address, kernel->names.length, number_of(kernel->abi, name) };
	buf_add(&kernel->names, name, strlen(name) + 1);
}

struct kernel *kernel_read(const struct abi *abi)
{
	struct kernel *kernel = xcalloc(1, sizeof(*kernel));
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512];

	kernel->abi = abi;
	while (file && fgets(line, sizeof(line), file)) {
		char *type, *name;
		uint64_t address = strtoull(line, &type, 16);

		if (!address || type[0] != ' ' || !type[1] || !strchr("tTwW", type[1]))
			continue;
		name = type + 2 + (type[2] == ' ');
		name[strcspn(name, ".\t\n")] = '\0'; /* "name.part.0", "name [module]" */
		add_symbol(kernel, address, name);
	}
	if (file)
		fclose(file);
	if (kernel->symbols)
		qsort(kernel->symbols, kernel->count, sizeof(*kernel->symbols), compare_symbol);
	return kernel;
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	free(kernel->symbols);
	buf_free(&kernel->names);
	free(kernel);
}

/* The last symbol before a return address, which may be that behind a function's last byte. */
static const struct symbol *symbol_at(const struct kernel *kernel, uint64_t address)
{
	size_t low = 0, high = kernel->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (kernel->symbols[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &kernel->symbols[low - 1] : NULL;
}

const char *kernel_function_at(const struct kernel *kernel, uint64_t address)
{
	const struct symbol *symbol = symbol_at(kernel, address);

	return symbol ? kernel->names.data + symbol->name : NULL;
}

int64_t kernel_call_at(const struct kernel *kernel, uint64_t address)
{
	const struct symbol *symbol = symbol_at(kernel, address);

	return symbol ? symbol->nr : -1;
}
