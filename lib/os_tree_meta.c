/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: what belongs to a file beside its content. */
#include "lib/os_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES_MAX 65536 /* of attributes, and the value of one: XATTR_LIST_MAX, XATTR_SIZE_MAX */
#define PATH_LEN  320

static enum kb_err error_of_call(int rc)
{
	return rc == 0 ? KB_OK : err_errno(errno);
}

/* Attributes are asked for by path only; this one follows no link. */
static void path_of(char path[PATH_LEN], int dir, const char *name)
{
	snprintf(path, PATH_LEN, "/proc/self/fd/%d/%.255s", dir, name);
}

/* Of a security module that is at work: what the kernel gives a new file by itself may have no
 * other value. */
static bool is_refused(const char *attribute)
{
	return (errno == EOPNOTSUPP || errno == EPERM || errno == EINVAL) &&
	       strncmp(attribute, "security.", 9) == 0 &&
	       strcmp(attribute, "security.capability") != 0;
}

static enum kb_err copy_attribute(const char *from, const char *to, const char *name)
{
	static char value[NAMES_MAX];
	ssize_t len = lgetxattr(from, name, value, sizeof(value));

	if (len < 0)
		return err_errno(errno);
	if (lsetxattr(to, name, value, (size_t)len, 0) == 0 || is_refused(name))
		return KB_OK;
	return err_errno(errno);
}

static enum kb_err copy_attributes(const char *from, const char *to)
{
	static char names[NAMES_MAX];
	ssize_t len = llistxattr(from, names, sizeof(names));

	if (len < 0)
		return errno == EOPNOTSUPP ? KB_OK : err_errno(errno);
	for (const char *name = names; name < names + len; name += strlen(name) + 1)
		TRY(copy_attribute(from, to, name));
	return KB_OK;
}

/* A new owner takes capabilities and the set-user-ID bit away, so both come after it; an ACL is
 * part of the mode. */
enum kb_err os_tree_copy_meta(int from_dir, const char *from, int to_dir, const char *to,
			      const struct os_tree_stat *st, const char **what)
{
	const struct timespec times[2] = { st->accessed, st->modified };
	char source[PATH_LEN], target[PATH_LEN];

	path_of(source, from_dir, from);
	path_of(target, to_dir, to);
	*what = "owner";
	TRY(error_of_call(fchownat(to_dir, to, st->uid, st->gid, AT_SYMLINK_NOFOLLOW)));
	*what = "attributes";
	TRY(copy_attributes(source, target));
	*what = "mode";
	if (st->kind != OS_TREE_LINK)
		TRY(error_of_call(fchmodat(to_dir, to, st->mode & 07777, 0)));
	*what = "times";
	return error_of_call(utimensat(to_dir, to, times, AT_SYMLINK_NOFOLLOW));
}
