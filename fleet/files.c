/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/files.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD "action.json"
#define BUNDLE "bundle.keel"

static enum kb_err enter_folder(int *dir, bool make)
{
	static const char *const names[] = { "keelboot", "fleet" };

	for (size_t i = 0; i < KB_ARRAY_LEN(names); i++) {
		if (make)
			TRY(os_file_mkdir(*dir, names[i], i == 0 ? 0755 : 0700));
		TRY(os_file_enter(dir, names[i]));
	}
	return KB_OK;
}

enum kb_err files_open(struct files *f, const struct conf *c, enum files_use use)
{
	enum kb_err err;

	*f = (struct files){ .dir = -1, .lock = -1 };
	snprintf(f->folder, sizeof(f->folder), "%s/keelboot/fleet", c->data_mount);
	snprintf(f->bundle, sizeof(f->bundle), "%s/%s", f->folder, BUNDLE);
	err = os_file_folder(c->data_mount, &f->dir);
	if (err == KB_OK)
		err = enter_folder(&f->dir, use == FILES_MAKE);
	if (err == KB_OK && use != FILES_LOOK)
		err = os_file_private(f->dir, "lock", &f->lock);
	if (err == KB_OK && use != FILES_LOOK)
		err = os_lock(f->lock);
	if (err == KB_OK)
		return KB_OK;
	if (err == KB_EBUSY)
		log_err("another run of keelboot-fleet is under way");
	else if (err != KB_ENOENT || use == FILES_MAKE)
		log_err("%s: %s%s", f->folder, strerror(errno),
			err == KB_EPERM ? "; run as root" : "; is the data partition mounted?");
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

static enum kb_err write_anew(const struct files *f, const char *name, const void *buf, size_t len)
{
	KB_CLEANUP_FD int fd = -1;
	char fresh[32];
	enum kb_err err;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	err = os_file_unlink(f->dir, fresh);
	if (err != KB_OK && err != KB_ENOENT)
		return err;
	TRY(os_file_create(f->dir, fresh, &fd));
	TRY(os_file_write(fd, buf, len));
	TRY(os_file_sync(fd));
	/* Cut here, the old one counts. */
	TRY(os_file_rename(f->dir, fresh, name));
	return os_file_sync(f->dir);
}

enum kb_err files_write(const struct files *f, const char *name, const void *buf, size_t len)
{
	enum kb_err err = write_anew(f, name, buf, len);

	if (err != KB_OK)
		log_err("%s/%s: %s", f->folder, name, strerror(errno));
	return err;
}

void files_load(const struct files *f, struct action *a)
{
	static char text[ACTION_TEXT_MAX + 1];
	size_t len;
	enum kb_err err = files_read(f, RECORD, text, sizeof(text), &len);

	memset(a, 0, sizeof(*a));
	if (err == KB_ENOENT)
		return;
	if (err != KB_OK || !action_read(a, text, len))
		log_warn("%s/%s: cannot be read; the server will offer its action again", f->folder,
			 RECORD);
}

enum kb_err files_save(const struct files *f, const struct action *a)
{
	char *text = action_write(a);
	enum kb_err err = KB_ENOSPC;

	if (text != NULL)
		err = files_write(f, RECORD, text, strlen(text));
	else
		log_err("%s/%s: no memory", f->folder, RECORD);
	free(text);
	return err;
}

/* ---------------------------------------------------------------- the bundle */

uint64_t files_bundle_size(const struct files *f)
{
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;

	if (os_file_open(f->dir, BUNDLE, &fd) != KB_OK || os_file_size(fd, &size) != KB_OK)
		return 0;
	return size;
}

enum kb_err files_bundle_open(const struct files *f, uint64_t from, int *fd)
{
	TRY(os_file_private(f->dir, BUNDLE, fd));
	if (ftruncate(*fd, (off_t)from) != 0 || lseek(*fd, (off_t)from, SEEK_SET) < 0)
		return err_errno(errno);
	return KB_OK;
}

void files_bundle_drop(const struct files *f)
{
	enum kb_err err = os_file_unlink(f->dir, BUNDLE);

	if (err != KB_OK && err != KB_ENOENT)
		log_warn("%s: cannot be removed: %s", f->bundle, strerror(errno));
}
