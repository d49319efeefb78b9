/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A medium that may carry bundles: a bundle that lies raw on a device, or files in a folder of a
 * file system, mounted read-only in this process's own mount namespace. One at a time.
 */
#pragma once

#include "lib/os_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#define MEDIA_MOUNT	      "/run/keelboot/media"
#define MEDIA_FLAGS	      (MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC)
/* Kernels before 5.10 do not know the last one, and ignore it. */
#define MEDIA_FLAGS_STRANGERS (MEDIA_FLAGS | MS_NOSYMFOLLOW)
#define MEDIA_NAME_MAX	      OS_FILE_NAME_MAX
#define MEDIA_SUFFIX	      ".keel"

struct media {
	/* dev itself holds a bundle; folder is -1 */
	bool raw;
	/* descriptor of the device or file; -1 when mounted */
	int dev;
	/* descriptor of the folder */
	int folder;
	bool mounted;
	/* of media_next() */
	struct os_file_names names;
};

/*
 * Opens a device (or a file that stands for one). If it is a stranger's, a bundle at its
 * very beginning is taken without any mount, and no symbolic link is followed. Else the file
 * systems of the list, which NULL ends, are tried, and `folder` is opened in the first that mounts.
 * Only these are: a stranger's stick decides neither the file system's code nor a path; with an
 * empty list nothing is mounted. KB_ENODEV: nothing is in the drive; KB_EMOUNT: none of these file
 * systems; KB_ENOENT: no such folder. Logs nothing.
 */
enum kb_err media_open(struct media *m, const char *dev, bool stranger, const char *const *fstypes,
		       const char *folder) KB_MUST_CHECK;

/* The next name in the folder, except "." and ".."; KB_ENOENT at the end. */
enum kb_err media_next(struct media *m, char name[MEDIA_NAME_MAX + 1]) KB_MUST_CHECK;

/*
 * Opens a file of the folder for reading: a regular file, not a link. For a raw medium the name
 * does not matter. *fd is the caller's. KB_ENOENT, KB_EINVAL (no regular file), KB_EIO.
 */
enum kb_err media_file(const struct media *m, const char *name, int *fd) KB_MUST_CHECK;

/* Whether a name is a bundle's: it ends in .keel, and does not begin with a dot. */
bool media_is_bundle(const char *name);

/* Unmounts and closes. */
void media_close(struct media *m);
