/*
 * Call stacks by libunwind. A frame is MODULE+0xOFFSET, the offset being that in the file, so that
 * it is the same wherever the module was loaded.
 */
#include <whittle/event.h>

#include <fcntl.h>
#include <libunwind-ptrace.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>
#include <whittle/escape.h>
#include <whittle/file.h>

enum { FRAMES_MAX = 24, SYMBOL_MAX = 128, MAPS_MAX = 16 << 20 };

struct map {
	uint64_t start, end, offset;
	char *module; /* evidence text: the file's last component, or "[vdso]" */
};

/* What is known of a process: forgotten when it runs a new image. */
struct space {
	pid_t tgid;
	unw_addr_space_t unwind;
	struct map *maps;
	size_t map_count;
	UT_hash_handle hh;
};

struct stacks {
	struct space *spaces;
	struct stat mount_ns;
};

struct stacks *stacks_new(void)
{
	struct stacks *stacks = xcalloc(1, sizeof(*stacks));

	if (stat("/proc/self/ns/mnt", &stacks->mount_ns) < 0)
		memset(&stacks->mount_ns, 0, sizeof(stacks->mount_ns));
	return stacks;
}

static void space_drop_maps(struct space *space)
{
	for (size_t i = 0; i < space->map_count; i++)
		free(space->maps[i].module);
	free(space->maps);
	space->maps = NULL;
	space->map_count = 0;
}

static void space_free(struct stacks *stacks, struct space *space)
{
	space_drop_maps(space);
	if (space->unwind)
		unw_destroy_addr_space(space->unwind);
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
	space->unwind = unw_create_addr_space(&_UPT_accessors, 0);
	if (space->unwind)
		unw_set_caching_policy(space->unwind, UNW_CACHE_GLOBAL);
	HASH_ADD_INT(stacks->spaces, tgid, space);
	return space;
}

/* One line of /proc/PID/maps; false if it is none. */
static bool parse_map(char *line, struct map *ret_map)
{
	unsigned long long start, end, offset;
	int name = 0;

	if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &start, &end, &offset, &name) < 3 ||
	    !name)
		return false;
	const char *path = line + name;
	const char *slash = path[0] == '/' ? strrchr(path, '/') : NULL;
	AUTO_BUF struct buf module = BUF_INIT;
	const char *base = slash ? slash + 1 : path;
	escape_text(&module, base, strlen(base));
	*ret_map = (struct map){ start, end, offset, NULL };
	ret_map->module = buf_steal(&module);
	return true;
}

static void space_load_maps(struct space *space, pid_t tid)
{
	char path[32];
	AUTO_FREE char *text = NULL;
	size_t length;
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
		space->maps = xrealloc(space->maps, space->map_count + 1, sizeof(map));
		space->maps[space->map_count++] = map;
	}
}

static const struct map *space_find(const struct space *space, uint64_t address)
{
	for (size_t i = 0; i < space->map_count; i++)
		if (address >= space->maps[i].start && address < space->maps[i].end)
			return &space->maps[i];
	return NULL;
}

/* Appends "MODULE+0xOFFSET"; code that no file holds (a JIT's) is "anonymous", without an address.
 */
static void add_frame(struct space *space, pid_t tid, uint64_t address, const char *symbol,
		      struct buf *out)
{
	const struct map *map = space_find(space, address);

	if (!map) {
		space_load_maps(space, tid);
		map = space_find(space, address);
	}
	if (out->length)
		buf_addc(out, ';');
	if (!map || !map->module[0]) {
		buf_adds(out, "anonymous");
		return;
	}
	buf_addf(out, "%s+0x%llx", map->module,
		 (unsigned long long)(address - map->start + map->offset));
	if (symbol[0]) {
		buf_addc(out, '(');
		escape_text(out, symbol, strlen(symbol));
		buf_addc(out, ')');
	}
}

/* libunwind opens modules by the names in maps: right only in whittle's own mount namespace. */
static bool can_unwind(const struct stacks *stacks, pid_t tid, const struct abi *abi)
{
	const struct abi *native = abi_of_machine(NULL);
	char path[48];
	struct stat mount_ns;

	if (!abi || !native || abi->word != native->word)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", tid);
	return stat(path, &mount_ns) == 0 && mount_ns.st_ino == stacks->mount_ns.st_ino &&
	       mount_ns.st_dev == stacks->mount_ns.st_dev;
}

static bool unwind(struct space *space, pid_t tid, struct buf *out)
{
	unw_cursor_t cursor;
	void *accessor = _UPT_create(tid);
	size_t start = out->length;

	if (!accessor || !space->unwind || unw_init_remote(&cursor, space->unwind, accessor) < 0) {
		if (accessor)
			_UPT_destroy(accessor);
		return false;
	}
	for (int frame = 0; frame < FRAMES_MAX; frame++) {
		char symbol[SYMBOL_MAX] = "";
		unw_word_t ip, offset;

		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) < 0 || ip == 0)
			break;
		if (unw_get_proc_name(&cursor, symbol, sizeof(symbol), &offset) < 0)
			symbol[0] = '\0';
		add_frame(space, tid, ip, symbol, out);
		if (unw_step(&cursor) <= 0)
			break;
	}
	_UPT_destroy(accessor);
	return out->length > start;
}

void stacks_unwind(struct stacks *stacks, pid_t tgid, pid_t tid, const struct abi *abi, uint64_t ip,
		   struct buf *ret_frames)
{
	struct space *space = space_of(stacks, tgid);
	AUTO_BUF struct buf frames = BUF_INIT;

	if (!can_unwind(stacks, tid, abi) || !unwind(space, tid, &frames))
		add_frame(space, tid, ip, "", &frames);
	buf_add(ret_frames, buf_text(&frames), frames.length);
}
