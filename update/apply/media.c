/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/media.h"
#include "lib/os.h"
#include "lib/util.h"
#include "update/bundle/reader.h"

#include <string.h>
#include <strings.h>
#include <sys/mount.h>

static bool holds_bundle(int fd)
{
	uint8_t raw[READER_HEADER_LEN];
	size_t got;

	return os_file_read(fd, 0, raw, sizeof(raw), &got) == KB_OK && got == sizeof(raw) &&
	       reader_header_is(raw);
}

/* ext4 on a device that is write-protected cannot replay its journal. */
static const char *second_try(const char *fstype)
{
	return strcmp(fstype, "ext4") == 0 ? "noload" : NULL;
}

static enum kb_err mount_one(const char *dev, const char *fstype, unsigned long flags)
{
	enum kb_err err = os_mount(dev, MEDIA_MOUNT, fstype, flags, NULL);

	if (err != KB_OK && second_try(fstype) != NULL)
		err = os_mount(dev, MEDIA_MOUNT, fstype, flags, second_try(fstype));
	return err;
}

static enum kb_err mount_any(struct media *m, const char *dev, const char *const *fstypes,
			     unsigned long flags)
{
	if (fstypes[0] == NULL)
		return KB_EMOUNT;
	TRY(os_mkdir("/run/keelboot", 0755));
	TRY(os_mkdir(MEDIA_MOUNT, 0700));
	for (unsigned i = 0; fstypes[i] != NULL; i++) {
		if (mount_one(dev, fstypes[i], flags) == KB_OK) {
			m->mounted = true;
			return KB_OK;
		}
	}
	return KB_EMOUNT;
}

static enum kb_err open_folder(struct media *m, const char *folder)
{
	KB_CLEANUP_FD int at = -1;
	char name[MEDIA_NAME_MAX + 1];

	TRY(os_file_folder(MEDIA_MOUNT, &at));
	while (util_path_part(&folder, name, sizeof(name))) {
		enum kb_err err = os_file_enter(&at, name);

		if (err != KB_OK)
			return err == KB_EINVAL ? KB_ENOENT : err;
	}
	m->folder = util_take(&at);
	return KB_OK;
}

enum kb_err media_open(struct media *m, const char *dev, bool stranger, const char *const *fstypes,
		       const char *folder)
{
	enum kb_err err;

	m->raw = m->mounted = false;
	m->dev = m->folder = -1;
	m->names.pos = m->names.len = 0;
	TRY(os_file_device(dev, &m->dev));
	if (stranger && holds_bundle(m->dev)) {
		m->raw = true;
		return KB_OK;
	}
	util_close(&m->dev);
	err = mount_any(m, dev, fstypes, stranger ? MEDIA_FLAGS_STRANGERS : MEDIA_FLAGS);
	if (err == KB_OK)
		err = open_folder(m, folder);
	if (err != KB_OK)
		media_close(m);
	return err;
}

enum kb_err media_next(struct media *m, char name[MEDIA_NAME_MAX + 1])
{
	m->names.dir = m->folder;
	return os_file_next(&m->names, name);
}

enum kb_err media_file(const struct media *m, const char *name, int *fd)
{
	return m->raw ? os_file_dup(m->dev, fd) : os_file_open(m->folder, name, fd);
}

bool media_is_bundle(const char *name)
{
	size_t len = strlen(name), suffix = strlen(MEDIA_SUFFIX);

	return name[0] != '.' && len > suffix && strcasecmp(name + len - suffix, MEDIA_SUFFIX) == 0;
}

void media_close(struct media *m)
{
	util_close(&m->folder);
	util_close(&m->dev);
	if (m->mounted && os_umount(MEDIA_MOUNT) == KB_OK)
		m->mounted = false;
	/* The folder stays: another one of us, with mounts of its own, may be about to use it. */
}
