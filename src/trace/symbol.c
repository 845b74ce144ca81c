#include <trace/symbol.h>

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

/* Sorting pays only where many frames are looked up: most files see a few. */
enum { SYMBOLS_MAX = 1 << 20, SEGMENTS_MAX = 64, SCANS_MAX = 32 };

struct symbol {
	uint64_t start, end; /* offsets in the file */
	const char *name;    /* in a string table that the file's Elf holds */
};

struct segments {
	GElf_Phdr load[SEGMENTS_MAX];
	size_t count;
};

struct file_key {
	dev_t device;
	ino_t inode;
};

struct symbol_file {
	struct file_key key;
	Elf *elf; /* read, not mapped: a file that shrinks must not kill its reader by SIGBUS */
	struct symbol *symbols;
	size_t count, size;
	unsigned int scans; /* lookups before they were sorted by start and name */
	UT_hash_handle hh;
};

struct symbols {
	struct symbol_file *files;
};

struct symbols *symbols_new(void)
{
	elf_version(EV_CURRENT);
	return xcalloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *symbols)
{
	struct symbol_file *file, *next;

	if (!symbols)
		return;
	HASH_ITER (hh, symbols->files, file, next) {
		HASH_DEL(symbols->files, file);
		elf_end(file->elf);
		free(file->symbols);
		free(file);
	}
	free(symbols);
}

static void read_segments(Elf *elf, struct segments *ret_segments)
{
	size_t count = 0;
	GElf_Phdr segment;

	ret_segments->count = 0;
	elf_getphdrnum(elf, &count);
	for (size_t i = 0; i < count && ret_segments->count < SEGMENTS_MAX; i++)
		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD)
			ret_segments->load[ret_segments->count++] = segment;
}

/* A symbol's value is an address as linked; the segment that holds it says where in the file. */
static bool to_offset(const struct segments *segments, uint64_t address, uint64_t *ret_offset)
{
	for (size_t i = 0; i < segments->count; i++) {
		const GElf_Phdr *segment = &segments->load[i];

		if (address < segment->p_vaddr || address - segment->p_vaddr >= segment->p_filesz)
			continue;
		*ret_offset = address - segment->p_vaddr + segment->p_offset;
		return true;
	}
	return false;
}

static void add_symbol(struct symbol_file *file, uint64_t start, uint64_t size, const char *name)
{
	if (file->count == file->size) {
		file->size = file->size ? file->size * 2 : 1024;
		file->symbols = xrealloc(file->symbols, file->size, sizeof(*file->symbols));
	}
	file->symbols[file->count++] = (struct symbol){ start, start + size, name };
}

static void read_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
		       const struct segments *segments, struct symbol_file *file)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	for (size_t i = 0; data && i < count && file->count < SYMBOLS_MAX; i++) {
		GElf_Sym symbol;
		uint64_t offset;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_size == 0 ||
		    GELF_ST_TYPE(symbol.st_info) != STT_FUNC ||
		    !to_offset(segments, symbol.st_value, &offset))
			continue;
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name && *name)
			add_symbol(file, offset, symbol.st_size, name);
	}
}

static int compare_symbols(const void *left, const void *right)
{
	const struct symbol *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void read_symbols(int fd, struct symbol_file *file)
{
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	struct segments segments;

	if (!elf)
		return;
	file->elf = elf;
	read_segments(elf, &segments);
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			read_table(elf, section, &header, &segments, file);
	}
	elf_cntl(elf, ELF_C_FDDONE); /* the caller closes fd */
}

struct symbol_file *symbols_of(struct symbols *symbols, int fd)
{
	struct symbol_file *file;
	struct file_key key;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	memset(&key, 0, sizeof(key));
	key.device = st.st_dev;
	key.inode = st.st_ino;
	HASH_FIND(hh, symbols->files, &key, sizeof(key), file);
	if (file)
		return file;
	file = xcalloc(1, sizeof(*file));
	file->key = key;
	read_symbols(fd, file);
	HASH_ADD(hh, symbols->files, key, sizeof(key), file);
	return file;
}

/* The last in order of those that do not start behind offset, or NULL. */
static const struct symbol *scan(const struct symbol_file *file, uint64_t offset)
{
	const struct symbol *best = NULL;

	for (const struct symbol *at = file->symbols; at < file->symbols + file->count; at++)
		if (at->start <= offset && (!best || at->start >= best->start) &&
		    (!best || compare_symbols(at, best) > 0))
			best = at;
	return best;
}

static const struct symbol *search(const struct symbol_file *file, uint64_t offset)
{
	size_t low = 0, high = file->count;

	while (low < high) { /* the first that starts behind offset */
		size_t middle = low + (high - low) / 2;

		if (file->symbols[middle].start <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &file->symbols[low - 1] : NULL;
}

const char *symbols_find(struct symbol_file *file, uint64_t offset)
{
	const struct symbol *symbol;

	if (file->count && file->scans == SCANS_MAX)
		qsort(file->symbols, file->count, sizeof(*file->symbols), compare_symbols);
	if (file->scans <= SCANS_MAX)
		file->scans++;
	symbol = file->scans <= SCANS_MAX ? scan(file, offset) : search(file, offset);
	/* Of the names of one address the last in order is taken: write, not __write. */
	return symbol && symbol->end > offset ? symbol->name : "";
}
