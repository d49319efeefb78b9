/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/folder.h"

#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 32

void folder_init(struct folder *f, const char *data_mount)
{
	snprintf(f->path, sizeof(f->path), "%s/keelboot/fleet", data_mount);
	snprintf(f->bundle, sizeof(f->bundle), "%s/%s", f->path, FOLDER_BUNDLE);
}

static const char *const names[] = { "keelboot", "fleet" };

static enum kb_err enter(int *dir, bool make)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(names); i++) {
		if (make)
			TRY(os_file_mkdir(*dir, names[i], i == 0 ? 0755 : 0700));
		TRY(os_file_enter(dir, names[i]));
	}
	return KB_OK;
}

/* Whoever made the folder may have been killed before its name was durable, or have failed then. A
 * record is written behind that: what has one is not looked at again. */
static enum kb_err keep_folder(const char *data_mount, int dir)
{
	KB_CLEANUP_FD int above = -1, record = -1;

	if (os_file_open(dir, FOLDER_RECORD, &record) != KB_ENOENT)
		return KB_OK;
	TRY(os_file_folder(data_mount, &above));
	TRY(os_file_sync(above));
	TRY(os_file_enter(&above, names[0]));
	return os_file_sync(above);
}

/* Whether a user may have linked a file of another one into the folder: in one that was root's, and
 * under a kernel that forbids it, nobody has. */
static bool may_hold_links(int dir)
{
	struct stat st;
	char text[8];

	return (fstat(dir, &st) != 0 || st.st_uid != 0) &&
	       (os_read_file("/proc/sys/fs/protected_hardlinks", text, sizeof(text), NULL) !=
			KB_OK ||
		text[0] == '0');
}

/* What is no file of this folder alone is not given away, and has no use here: a link may lead to
 * a file of root's. */
static bool hand_over_file(int dir, const char *name, unsigned user, unsigned group)
{
	KB_CLEANUP_FD int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return true;
	/* A folder is none of ours: whoever needs its name will say so. */
	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_uid == user || S_ISDIR(st.st_mode)))
		return true;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    may_hold_links(dir))
		return unlinkat(dir, name, 0) == 0;
	return fchown(fd, user, group) == 0;
}

static bool hand_over_entries(int dir, unsigned user, unsigned group)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool ok = entries != NULL;

	while (ok && (e = readdir(entries)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ok = hand_over_file(dir, e->d_name, user, group);
	if (entries != NULL)
		closedir(entries);
	else
		util_close(&fd);
	return ok;
}

/* Slots may know the same user by different numbers, and one of them may run an older program as
 * root: each entry is looked at, always. The folder goes last: cut before, all is done again. */
static bool hand_over(int dir, unsigned user, unsigned group)
{
	struct stat st;

	if (fstat(dir, &st) != 0 || !hand_over_entries(dir, user, group))
		return false;
	return st.st_uid == user || fchown(dir, user, group) == 0;
}

static const char *hint(enum kb_err err, unsigned user)
{
	if (err == KB_ENOENT)
		return "; is the data partition mounted?";
	/* To be root would not help. */
	if (errno == EROFS)
		return "; it is mounted read-only, or ReadWritePaths= of the unit lacks it (docs/FLEET.md)";
	if (err != KB_EPERM)
		return "";
	return user != 0 ? "; if its file system keeps no owners, set [fleet] user=root"
			 : "; run as root";
}

enum kb_err folder_open(int *dir, const char *data_mount, bool make, unsigned user, unsigned group,
			char *why, size_t size)
{
	enum kb_err err = os_file_folder(data_mount, dir);

	why[0] = '\0';
	if (err == KB_OK)
		err = enter(dir, make);
	if (err == KB_OK)
		err = keep_folder(data_mount, *dir);
	if (err == KB_OK && user != 0 && !hand_over(*dir, user, group))
		err = err_errno(errno);
	if (err == KB_OK)
		return KB_OK;
	snprintf(why, size, "%s%s", strerror(errno), hint(err, user));
	util_close(dir);
	return err;
}

/* ---------------------------------------------------------------- its files */

static int synced_dir = -1; /* all names in it are durable */

void folder_changes(int dir)
{
	if (synced_dir == dir)
		synced_dir = -1;
}

static enum kb_err sync_names(int dir)
{
	TRY(os_file_sync(dir));
	synced_dir = dir;
	return KB_OK;
}

static void name_fresh(char fresh[NAME_LEN], const char *name)
{
	snprintf(fresh, NAME_LEN, "%s.new", name);
}

/* Its blocks are there already. Behind a power cut it may be the file itself, by another name. */
static enum kb_err write_spare(int dir, const char *fresh, const char *name, const char *text,
			       size_t len)
{
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;

	TRY(os_file_private(dir, fresh, &fd));
	TRY(os_file_size(fd, &size));
	if (size != len || os_file_is(fd, dir, name))
		return KB_EINVAL;
	TRY(os_file_write(fd, text, len));
	return os_file_sync(fd);
}

static enum kb_err write_fresh(int dir, const char *fresh, const void *buf, size_t len)
{
	KB_CLEANUP_FD int fd = -1;

	TRY(os_file_create(dir, fresh, &fd));
	TRY(os_file_write(fd, buf, len));
	return os_file_sync(fd);
}

void folder_tidy(int dir, const char *name)
{
	char fresh[NAME_LEN];
	int before = errno;

	name_fresh(fresh, name);
	if (os_file_unlink(dir, fresh) == KB_OK)
		folder_changes(dir);
	errno = before;
}

enum kb_err folder_rewrite(int dir, const char *name, const char *text, size_t len)
{
	char fresh[NAME_LEN];

	name_fresh(fresh, name);
	/* What the text names is durable before it; and that the spare file is none that it is to
	 * replace: whoever swapped them last may have been killed before that. */
	if (synced_dir != dir)
		TRY(sync_names(dir));
	folder_changes(dir);
	if (write_spare(dir, fresh, name, text, len) != KB_OK) {
		TRY(folder_write(dir, name, text, len));
	} else if (os_file_swap(dir, fresh, name) == KB_OK) {
		/* Cut before, the old one counts; its blocks are the spare ones from here on. */
		return sync_names(dir);
	} else {
		TRY(os_file_rename(dir, fresh, name));
		TRY(sync_names(dir));
	}
	/* For the next time; without room, there is none. */
	if (write_fresh(dir, fresh, text, len) != KB_OK)
		folder_tidy(dir, name);
	return KB_OK;
}

enum kb_err folder_write(int dir, const char *name, const void *buf, size_t len)
{
	char fresh[NAME_LEN];
	enum kb_err err;

	folder_changes(dir);
	name_fresh(fresh, name);
	err = os_file_unlink(dir, fresh);
	if (err != KB_OK && err != KB_ENOENT)
		return err;
	err = write_fresh(dir, fresh, buf, len);
	/* Cut here, the old one counts. */
	if (err == KB_OK)
		err = os_file_rename(dir, fresh, name);
	if (err == KB_OK)
		return sync_names(dir);
	/* A part of it may have taken all the room that was left. */
	folder_tidy(dir, name);
	return err;
}
