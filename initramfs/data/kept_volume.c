/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/kept_volume.h"

#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define NOTE "kept.volume"

/* A name that is not whole was not durable yet, so nothing was made: then it is "". */
static enum kb_err read_note(struct tree_job *job, int home, kept_lvm_name name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_file_open(home, NOTE, &fd);
	size_t got;

	if (err == KB_ENOENT)
		return err;
	if (err == KB_OK)
		err = os_file_read(fd, 0, name, KEPT_LVM_NAME - 1, &got);
	if (err != KB_OK)
		return tree_job_failed(job, err, NOTE, "cannot be read");
	name[got] = '\0';
	if (name[strcspn(name, "\n")] != '\n')
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (!kept_lvm_is_name(name))
		name[0] = '\0';
	return KB_OK;
}

enum kb_err kept_volume_note(struct tree_job *job, int home, const char *name)
{
	char line[KEPT_LVM_NAME + 1];
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err;

	TRY(kept_volume_drop(job, home));
	snprintf(line, sizeof(line), "%s\n", name);
	err = os_file_create(home, NOTE, &fd);
	if (err == KB_OK)
		err = os_file_write(fd, line, strlen(line));
	if (err == KB_OK)
		err = os_tree_sync(home); /* a cut behind this may leave a snapshot */
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, NOTE, "cannot be written");
}

enum kb_err kept_volume_drop(struct tree_job *job, int home)
{
	kept_lvm_name name = "";
	enum kb_err err = read_note(job, home, name);

	if (err != KB_OK)
		return err == KB_ENOENT ? KB_OK : err;
	if (name[0] != '\0')
		TRY(kept_lvm_remove(job, name));
	err = os_tree_unlink(home, NOTE);
	return err == KB_OK ? KB_OK : tree_job_failed(job, err, NOTE, "cannot be deleted");
}
