/* Programs: fs/exec.c, security/commoncap.c. */
#include <observe/capable_rules.h>
#include <observe/interpreter.h>

#include <linux/xattr.h>
#include <sys/xattr.h>

/* vfs_caps_data, include/uapi/linux/capability.h: little endian. */
struct file_capabilities {
	uint64_t permitted, inheritable;
	bool effective;
};

/* get_vfs_caps_from_disk(). Capabilities of another namespace's root (version 3) are none here. */
static bool read_file_capabilities(int fd, struct file_capabilities *ret)
{
	struct vfs_ns_cap_data data = { .magic_etc = 0 };
	ssize_t size = fgetxattr(fd, XATTR_NAME_CAPS, &data, sizeof(data));
	uint32_t version = data.magic_etc & VFS_CAP_REVISION_MASK;

	if (size < (ssize_t)XATTR_CAPS_SZ_1 || data.rootid ||
	    (version != VFS_CAP_REVISION_1 && version != VFS_CAP_REVISION_2 &&
	     version != VFS_CAP_REVISION_3))
		return false;
	ret->permitted = data.data[0].permitted;
	ret->inheritable = data.data[0].inheritable;
	if (version != VFS_CAP_REVISION_1) {
		ret->permitted |= (uint64_t)data.data[1].permitted << 32;
		ret->inheritable |= (uint64_t)data.data[1].inheritable << 32;
	}
	ret->effective = data.magic_etc & VFS_CAP_FLAGS_EFFECTIVE;
	return true;
}

/*
 * bprm_caps_from_vfs_caps(): a file whose capabilities become effective is not executed, by nobody,
 * unless the bounding set holds all that it permits.
 */
static void need_file_capabilities(struct needs *needs, const struct path *path)
{
	struct file_capabilities file;
	AUTO_CLOSE int fd = interpreter_open(needs->call->tid, path);

	if (fd < 0 || !read_file_capabilities(fd, &file) || !file.effective)
		return;
	uint64_t bounded = file.permitted & ~(file.inheritable & needs->call->creds->inheritable);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (bounded & CAP_BIT(cap))
			need_bounding(needs, cap, path->name);
}

/* do_open_execat() of the file, and of the interpreters of a script; the last has the capabilities.
 */
void rule_exec(struct needs *needs)
{
	const struct call *call = needs->call;
	const struct path *path = call_path(call, 0);
	AUTO_PATH struct path interpreter = PATH_INIT;

	if (!path || path->error || !S_ISREG(path->object.mode))
		return;
	need_dac(needs, path, PATH_OBJECT, MAY_EXEC);
	for (int depth = 0; depth < INTERPRETERS_MAX; depth++) {
		AUTO_PATH struct path next = PATH_INIT;

		if (interpreter_of(call->tid, call->tgid, path, &next) < 0)
			break;
		need_searches_of(needs, &next);
		if (next.error || !S_ISREG(next.object.mode))
			return;
		need_dac(needs, &next, PATH_OBJECT, MAY_EXEC);
		path_release(&interpreter);
		interpreter = next;
		next = (struct path)PATH_INIT;
		path = &interpreter;
	}
	need_file_capabilities(needs, path);
}
