/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/files.h"

#include "channel/strict.h"
#include "fleet/monitor_link.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* of the data partition, for what is not ours */
#define RESERVE_PART 32
#define RESERVE_MAX  (64ull << 20)

/* Also where the file system became read-only: the end of an action is reported all the same. */
static enum kb_err open_lock(struct files *f)
{
	enum kb_err err = os_file_private(f->dir, FOLDER_LOCK, &f->lock);

	return err == KB_OK || errno != EROFS ? err : os_file_open(f->dir, FOLDER_LOCK, &f->lock);
}

enum kb_err files_open(struct files *f, struct monitor *m, enum files_use use)
{
	const struct monitor_order order = { .work = MONITOR_FOLDER, .flag = use == FILES_MAKE };
	struct monitor_result r;
	enum kb_err err;

	*f = (struct files){ .dir = -1, .lock = -1, .folder = m->folder };
	monitor_do(m, &order, &r, NULL, &f->dir);
	folder_changes(f->dir);
	err = r.code >= 0 ? (enum kb_err)r.code : KB_EIO;
	if (err == KB_OK && use != FILES_LOOK)
		err = open_lock(f);
	if (err == KB_OK && use != FILES_LOOK)
		err = os_lock(f->lock);
	if (err == KB_OK) {
		if (use != FILES_LOOK)
			folder_tidy(f->dir, FOLDER_BUNDLE);
		return KB_OK;
	}
	if (err == KB_EBUSY)
		log_err("another run of keelboot-fleet is under way");
	else if (err != KB_ENOENT || use == FILES_MAKE)
		log_err("%s: %s", f->folder.path, r.why[0] != '\0' ? r.why : strerror(errno));
	files_close(f);
	return err;
}

void files_close(struct files *f)
{
	util_close(&f->lock);
	util_close(&f->dir);
}

/* ---------------------------------------------------------------- the record */

enum kb_err files_read(const struct files *f, const char *name, void *buf, size_t size, size_t *len)
{
	KB_CLEANUP_FD int fd = -1;

	*len = 0;
	TRY(os_file_open(f->dir, name, &fd));
	return os_file_read(fd, 0, buf, size, len);
}

enum kb_err files_write(const struct files *f, const char *name, const void *buf, size_t len)
{
	enum kb_err err = folder_write(f->dir, name, buf, len);

	if (err != KB_OK)
		log_err("%s/%s: %s", f->folder.path, name, strerror(errno));
	return err;
}

/* As it lies there; with its length, a text. */
static char record[ACTION_TEXT_MAX + 1];

void files_load(const struct files *f, struct action *a)
{
	size_t len;
	enum kb_err err = files_read(f, FOLDER_RECORD, record, sizeof(record), &len);

	memset(a, 0, sizeof(*a));
	if (err == KB_ENOENT)
		return;
	if (err != KB_OK || !action_read(a, record, len))
		log_warn("%s/%s: cannot be read; the server will offer its action again",
			 f->folder.path, FOLDER_RECORD);
}

enum kb_err files_rewrite(const struct files *f, const char *name, const char *text, size_t len)
{
	static char blocks[STRICT_MAX];
	size_t size = FOLDER_BLOCK;
	enum kb_err err = KB_EIO;

	while (size < len)
		size *= 2;
	errno = ENOMEM;
	if (text != NULL && size <= sizeof(blocks)) {
		memset(blocks, ' ', size);
		memcpy(blocks, text, len);
		err = folder_rewrite(f->dir, name, blocks, size);
	}
	if (err != KB_OK)
		log_err("%s/%s: %s", f->folder.path, name, strerror(errno));
	return err;
}

enum kb_err files_save(const struct files *f, const struct action *a)
{
	char *text = action_write(a);
	enum kb_err err = files_rewrite(f, FOLDER_RECORD, text, text != NULL ? strlen(text) : 0);

	free(text);
	return err;
}

bool files_has(const struct files *f, const struct action *a)
{
	char *text = action_write(a);
	size_t len = text != NULL ? strlen(text) : 0, here;
	bool same = len > 0 &&
		    files_read(f, FOLDER_RECORD, record, sizeof(record), &here) == KB_OK &&
		    here >= len && here < sizeof(record) && memcmp(record, text, len) == 0;

	free(text);
	/* Blanks fill its last block. */
	record[same ? here : 0] = '\0';
	return same && strspn(record + len, " ") == here - len;
}

/* ---------------------------------------------------------------- the bundle */

/* UINT64_MAX: not known. */
static uint64_t count_room(const struct files *f)
{
	struct statvfs fs;
	uint64_t room, reserve;

	if (fstatvfs(f->dir, &fs) != 0 ||
	    __builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &room) ||
	    __builtin_mul_overflow((uint64_t)fs.f_blocks, (uint64_t)fs.f_frsize, &reserve))
		return UINT64_MAX;
	reserve = reserve / RESERVE_PART < RESERVE_MAX ? reserve / RESERVE_PART : RESERVE_MAX;
	return room > reserve ? room - reserve : 0;
}

bool files_have_room(const struct files *f, uint64_t wanted, char why[ACTION_WHY_MAX + 1])
{
	uint64_t left = count_room(f);

	if (left >= wanted)
		return true;
	snprintf(why, ACTION_WHY_MAX + 1,
		 "no room: %" PRIu64 " MiB are wanted on the data partition, %" PRIu64
		 " are free beside its reserve",
		 (wanted >> 20) + 1, left >> 20);
	return false;
}

bool files_find_room(const struct files *f, struct action *a, uint64_t wanted,
		     char why[ACTION_WHY_MAX + 1])
{
	bool found = files_have_room(f, wanted, why);

	a->room = found ? 0 : wanted;
	return found;
}

uint64_t files_bundle_size(const struct files *f)
{
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;

	if (os_file_open(f->dir, FOLDER_BUNDLE, &fd) != KB_OK || os_file_size(fd, &size) != KB_OK)
		return 0;
	return size;
}

enum kb_err files_bundle_open(const struct files *f, uint64_t from, int *fd)
{
	enum kb_err err;

	folder_changes(f->dir);
	TRY(os_file_private(f->dir, FOLDER_BUNDLE, fd));
	err = os_file_cut(*fd, from);
	if (err != KB_OK)
		util_close(fd);
	return err;
}

void files_bundle_drop(const struct files *f)
{
	enum kb_err err = os_file_unlink(f->dir, FOLDER_BUNDLE);

	folder_changes(f->dir);
	if (err != KB_OK && err != KB_ENOENT)
		log_warn("%s: cannot be removed: %s", f->folder.bundle, strerror(errno));
}
