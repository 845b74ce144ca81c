/*
 * Call stacks by libunwind. A frame is MODULE+0xOFFSET, the offset being that in the file, so that
 * it is the same wherever the module was loaded.
 *
 * The unwind tables are read from the tracee's own memory (as perf's unwind-libunwind-local.c reads
 * them from files): that needs no file of the tracee's mount namespace, and libunwind-ptrace's own
 * look-up, which reads /proc/TID/maps and maps a file for each frame, took 14 ms a stack.
 */
#include <whittle/event.h>

#include <elf.h>
#include <fcntl.h>
#include <libunwind-ptrace.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <trace/symbol.h>
#include <uthash.h>
#include <whittle/escape.h>
#include <whittle/file.h>

enum { FRAMES_MAX = 16, MAPS_MAX = 16 << 20, PAGE = 4096, PAGES = 8, CODE_PAGES = 128 };

/* Exported by libunwind for such callers, though no header declares it. */
#define dwarf_search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
int dwarf_search_unwind_table(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
			      unw_proc_info_t *ret_info, int need_unwind_info, void *context);

struct map {
	uint64_t start, end, offset;
	char *path; /* raw bytes; "[vdso]"; "" if no file holds it */
	bool writable;
	struct symbol_file *symbols; /* of the file, once it was looked for */
	bool searched;               /* for the unwind table */
	uint64_t table;              /* address of .eh_frame_hdr, or 0 */
};

struct page {
	uint64_t address; /* 0: free */
	unsigned char bytes[PAGE];
};

/* What is known of a process: forgotten when it runs a new image. */
struct space {
	pid_t tgid;
	struct map *maps;
	size_t map_count;
	struct page *code; /* CODE_PAGES of what is mapped but never written: tables and code */
	UT_hash_handle hh;
};

/* One walk up one stack. */
struct walk {
	pid_t tid;
	void *registers; /* of libunwind-ptrace */
	struct space *space;
	unw_addr_space_t unwind;
	struct page pages[PAGES];
	const struct page *recent; /* that was read last; or NULL */
};

struct stacks {
	struct space *spaces;
	struct symbols *symbols;
	unw_addr_space_t unwind;
	pid_t cached; /* whose code libunwind's cache is of, which goes by address */
	const struct abi *native;
	struct walk walk; /* kept for its room only */
};

/* ---- memory map ---- */

static void space_drop_maps(struct space *space)
{
	for (size_t i = 0; i < space->map_count; i++)
		free(space->maps[i].path);
	free(space->maps);
	free(space->code);
	space->code = NULL;
	space->maps = NULL;
	space->map_count = 0;
}

/* One line of /proc/PID/maps; false if it is none. */
static bool parse_map(const char *line, struct map *ret_map)
{
	unsigned long long start, end, offset;
	char perms[5];
	int name = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %n", &start, &end, perms, &offset, &name) <
		    4 ||
	    !name)
		return false;
	*ret_map = (struct map){ .start = start,
				 .end = end,
				 .offset = offset,
				 .writable = perms[1] == 'w',
				 .path = xstrdup(line + name) };
	return true;
}

static void space_load_maps(struct space *space, pid_t tid)
{
	char path[32];
	AUTO_FREE char *text = NULL;
	size_t length, size = 0;
	struct error err;
	char *save = NULL;

	space_drop_maps(space);
	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	if (file_read(AT_FDCWD, path, MAPS_MAX, &text, &length, &err) < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct map map;

		if (!parse_map(line, &map))
			continue;
		if (space->map_count == size) {
			size = size ? size * 2 : 64;
			space->maps = xrealloc(space->maps, size, sizeof(map));
		}
		space->maps[space->map_count++] = map;
	}
}

static struct map *space_search(const struct space *space, uint64_t address)
{
	size_t low = 0, high = space->map_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->maps[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == space->map_count || space->maps[low].start > address)
		return NULL;
	return &space->maps[low];
}

/* The map of an address; looked for anew if it is not known, since mappings come and go. */
static struct map *find_map(struct walk *walk, uint64_t address)
{
	struct map *map = space_search(walk->space, address);

	if (map)
		return map;
	walk->recent = NULL; /* it goes with the maps, as does what was found by them */
	if (walk->unwind)
		unw_flush_cache(walk->unwind, 0, 0);
	space_load_maps(walk->space, walk->tid);
	return space_search(walk->space, address);
}

/* ---- unwind tables ---- */

/* Where the page may be kept: that of a writable mapping for this walk only. */
static struct page *page_slot(struct walk *walk, uint64_t page)
{
	const struct map *map = space_search(walk->space, page);

	if (!map || map->writable)
		return &walk->pages[page / PAGE % PAGES];
	if (!walk->space->code)
		walk->space->code = xcalloc(CODE_PAGES, sizeof(*walk->space->code));
	return &walk->space->code[page / PAGE % CODE_PAGES];
}

/* NULL if it cannot be read. */
static const struct page *read_page(struct walk *walk, uint64_t page)
{
	struct page *slot = page_slot(walk, page);

	if (slot->address == page)
		return slot;
	slot->address = 0;
	if (tracee_read(walk->tid, page, slot->bytes, PAGE) < 0)
		return NULL;
	slot->address = page;
	return slot;
}

static int read_word(struct walk *walk, uint64_t address, void *bytes, size_t length)
{
	uint64_t page = address / PAGE * PAGE;

	if (address - page + length > PAGE)
		return tracee_read(walk->tid, address, bytes, length);
	if (!walk->recent || walk->recent->address != page)
		walk->recent = read_page(walk, page);
	if (!walk->recent)
		return -1;
	memcpy(bytes, walk->recent->bytes + (address - page), length);
	return 0;
}

/* The first mapping of the module that map belongs to: it holds the ELF header. */
static const struct map *module_base(const struct space *space, const struct map *map)
{
	while (map > space->maps && map->offset != 0 && strcmp(map[-1].path, map->path) == 0)
		map--;
	return map;
}

/* The address of .eh_frame_hdr by the program headers in memory (elf(5), PT_GNU_EH_FRAME), or 0. */
static uint64_t find_table(struct walk *walk, const struct map *base)
{
	Elf64_Ehdr header;
	uint64_t table = 0, bias = base->start;

	if (read_word(walk, base->start, &header, sizeof(header)) < 0 ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return 0;
	for (unsigned int i = 0; i < header.e_phnum && i < 64; i++) {
		Elf64_Phdr segment;

		if (read_word(walk, base->start + header.e_phoff + i * sizeof(segment), &segment,
			      sizeof(segment)) < 0)
			return 0;
		if (segment.p_type == PT_LOAD && segment.p_offset == 0)
			bias = base->start - segment.p_vaddr / PAGE * PAGE;
		if (segment.p_type == PT_GNU_EH_FRAME)
			table = segment.p_vaddr;
	}
	return table ? bias + table : 0;
}

static uint64_t table_of(struct walk *walk, struct map *map)
{
	if (!map->searched && map->path[0]) {
		map->table = find_table(walk, module_base(walk->space, map));
		map->searched = true;
	}
	return map->table;
}

/* .eh_frame_hdr (LSB, "Exception Frames"): the encodings are those that every linker writes. */
static int find_proc_info(unw_addr_space_t unwind, unw_word_t ip, unw_proc_info_t *ret_info,
			  int need_unwind_info, void *context)
{
	static const unsigned char usual[4] = { 1, 0x1b, 0x03, 0x3b };
	struct walk *walk = context;
	struct map *map = find_map(walk, ip);
	uint64_t table = map ? table_of(walk, map) : 0;
	unsigned char header[12];
	uint32_t count;

	if (!table || read_word(walk, table, header, sizeof(header)) < 0 ||
	    memcmp(header, usual, sizeof(usual)) != 0)
		return -UNW_ENOINFO;
	memcpy(&count, header + 8, sizeof(count));
	unw_dyn_info_t info = { .format = UNW_INFO_FORMAT_REMOTE_TABLE,
				.start_ip = map->start,
				.end_ip = map->end };
	info.u.rti.segbase = table;
	info.u.rti.table_data = table + sizeof(header);
	info.u.rti.table_len = (unw_word_t)count * 8 / sizeof(unw_word_t);
	return dwarf_search_unwind_table(unwind, ip, &info, ret_info, need_unwind_info, context);
}

static int access_mem(unw_addr_space_t unwind, unw_word_t address, unw_word_t *value, int write,
		      void *context)
{
	(void)unwind;
	return write || read_word(context, address, value, sizeof(*value)) < 0 ? -UNW_EINVAL : 0;
}

static int access_reg(unw_addr_space_t unwind, unw_regnum_t number, unw_word_t *value, int write,
		      void *context)
{
	struct walk *walk = context;

	return write ? -UNW_EREADONLYREG
		     : _UPT_access_reg(unwind, number, value, 0, walk->registers);
}

static int access_fpreg(unw_addr_space_t unwind, unw_regnum_t number, unw_fpreg_t *value, int write,
			void *context)
{
	struct walk *walk = context;

	return write ? -UNW_EREADONLYREG
		     : _UPT_access_fpreg(unwind, number, value, 0, walk->registers);
}

static void put_unwind_info(unw_addr_space_t unwind, unw_proc_info_t *info, void *context)
{
	(void)unwind;
	(void)info;
	(void)context;
}

static int no_dyn_info(unw_addr_space_t unwind, unw_word_t *address, void *context)
{
	(void)unwind;
	(void)address;
	(void)context;
	return -UNW_ENOINFO;
}

static int no_resume(unw_addr_space_t unwind, unw_cursor_t *cursor, void *context)
{
	(void)unwind;
	(void)cursor;
	(void)context;
	return -UNW_EINVAL;
}

static int no_proc_name(unw_addr_space_t unwind, unw_word_t address, char *name, size_t size,
			unw_word_t *offset, void *context)
{
	(void)unwind;
	(void)address;
	(void)name;
	(void)size;
	(void)offset;
	(void)context;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = no_dyn_info,
	.access_mem = access_mem,
	.access_reg = access_reg,
	.access_fpreg = access_fpreg,
	.resume = no_resume,
	.get_proc_name = no_proc_name,
};

/* ---- spaces ---- */

struct stacks *stacks_new(void)
{
	struct stacks *stacks = xcalloc(1, sizeof(*stacks));

	stacks->symbols = symbols_new();
	stacks->native = abi_of_machine(NULL);
	stacks->unwind = unw_create_addr_space(&accessors, 0);
	if (stacks->unwind)
		unw_set_caching_policy(stacks->unwind, UNW_CACHE_GLOBAL);
	stacks->walk.unwind = stacks->unwind;
	return stacks;
}

static void space_free(struct stacks *stacks, struct space *space)
{
	space_drop_maps(space);
	HASH_DEL(stacks->spaces, space);
	free(space);
}

void stacks_forget(struct stacks *stacks, pid_t tgid)
{
	struct space *space;

	HASH_FIND_INT(stacks->spaces, &tgid, space);
	if (space)
		space_free(stacks, space);
}

void stacks_free(struct stacks *stacks)
{
	struct space *space, *next;

	if (!stacks)
		return;
	HASH_ITER (hh, stacks->spaces, space, next)
		space_free(stacks, space);
	symbols_free(stacks->symbols);
	if (stacks->unwind)
		unw_destroy_addr_space(stacks->unwind);
	free(stacks);
}

static struct space *space_of(struct stacks *stacks, pid_t tgid)
{
	struct space *space;

	HASH_FIND_INT(stacks->spaces, &tgid, space);
	if (space)
		return space;
	space = xcalloc(1, sizeof(*space));
	space->tgid = tgid;
	HASH_ADD_INT(stacks->spaces, tgid, space);
	return space;
}

/* An address means something else in each process; behind an exec the map is read anew. */
static void cache_for(struct stacks *stacks, pid_t tgid)
{
	if (stacks->unwind && stacks->cached != tgid)
		unw_flush_cache(stacks->unwind, 0, 0);
	stacks->cached = tgid;
}

/* ---- frames ---- */

/* The name of the function, from the file as the tracee sees it. */
static const char *find_symbol(struct stacks *stacks, pid_t tid, struct map *map, uint64_t offset)
{
	if (!map->symbols && map->path[0] == '/') {
		AUTO_FREE char *path = xasprintf("/proc/%d/root%s", tid, map->path);
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

		map->symbols = symbols_of(stacks->symbols, fd);
	}
	return map->symbols ? symbols_find(map->symbols, offset) : "";
}

/* Code that no file holds (a JIT's) is "anonymous", without an address. */
static void add_frame(struct stacks *stacks, struct walk *walk, uint64_t ip, struct buf *out)
{
	struct map *map = find_map(walk, ip);
	const char *slash = map ? strrchr(map->path, '/') : NULL;

	if (out->length)
		buf_addc(out, ';');
	if (!map || !map->path[0]) {
		buf_adds(out, "anonymous");
		return;
	}
	uint64_t offset = ip - map->start + map->offset;
	const char *symbol = find_symbol(stacks, walk->tid, map, offset);
	const char *module = slash ? slash + 1 : map->path;
	escape_text(out, module, strlen(module));
	buf_addf(out, "+0x%llx", (unsigned long long)offset);
	if (*symbol) {
		buf_addc(out, '(');
		escape_text(out, symbol, strlen(symbol));
		buf_addc(out, ')');
	}
}

static bool unwind(struct stacks *stacks, struct walk *walk, struct buf *out)
{
	unw_cursor_t cursor;
	uint64_t last = 0;

	if (!stacks->unwind || !walk->registers ||
	    unw_init_remote(&cursor, stacks->unwind, walk) < 0)
		return false;
	for (int frame = 0; frame < FRAMES_MAX; frame++) {
		unw_word_t ip;

		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) < 0 || ip == 0 || ip == last)
			break;
		add_frame(stacks, walk, ip, out);
		last = ip;
		if (unw_step(&cursor) <= 0)
			break;
	}
	return out->length > 0;
}

void stacks_unwind(struct stacks *stacks, pid_t tgid, pid_t tid, const struct abi *abi, uint64_t ip,
		   struct buf *ret_frames)
{
	AUTO_BUF struct buf frames = BUF_INIT;
	struct walk *walk = &stacks->walk;
	bool done = false;

	walk->tid = tid;
	walk->space = space_of(stacks, tgid);
	walk->recent = NULL;
	cache_for(stacks, tgid);
	for (size_t i = 0; i < PAGES; i++)
		walk->pages[i].address = 0;
	if (abi && stacks->native &&
	    abi->word == stacks->native->word) { /* libunwind knows the native ABI only */
		walk->registers = _UPT_create(tid);
		done = unwind(stacks, walk, &frames);
		if (walk->registers)
			_UPT_destroy(walk->registers);
	}
	if (!done)
		add_frame(stacks, walk, ip, &frames);
	buf_add(ret_frames, buf_text(&frames), frames.length);
}
