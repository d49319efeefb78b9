/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include <errno.h>
#include <stddef.h>

static const char *const texts[] = {
	[KB_OK] = "no error",
	[KB_EIO] = "input/output error",
	[KB_ENODEV] = "no such device",
	[KB_ETIMEDOUT] = "timed out",
	[KB_EINVAL] = "invalid value",
	[KB_EFORMAT] = "malformed or damaged data",
	[KB_EBLANK] = "never written",
	[KB_ENEWER] = "written by a newer Keelboot",
	[KB_ESIG] = "not signed by a trusted key",
	[KB_EDIGEST] = "content differs from its signed hash",
	[KB_ECOMPAT] = "made for another device",
	[KB_ESEED] = "made from a version that is not here",
	[KB_EDOWNGRADE] = "not newer than what is installed",
	[KB_EAHEAD] = "too far ahead of what proved itself here",
	[KB_EREJECTED] = "this release failed on this device before",
	[KB_EAPPLIED] = "this release is installed, or was before",
	[KB_EWAITS] = "installed before; its slot lost its trust, and is tried again automatically",
	[KB_EBUDGET] = "too many attempts",
	[KB_ENOTARGET] =
		"no slot may be overwritten: each one is in use, needed to fall back to, or on trial",
	[KB_ENOSPC] = "does not fit",
	[KB_EBUSY] = "busy",
	[KB_EMEMBER] = "a member of a RAID array (linux_raid_member), which is never written",
	[KB_EREBUILT] = "the state was lost and rebuilt",
	[KB_EAMBIGUOUS] = "two partitions have this name",
	[KB_ESTALE] = "the token is from another boot",
	[KB_ECHILD] = "helper process failed",
	[KB_EMOUNT] = "file system does not mount",
	[KB_ECHECK] = "check failed",
	[KB_EEXEC] = "program cannot be started",
	[KB_ENOENT] = "not found",
	[KB_EPERM] = "not permitted",
	[KB_ENOCAND] = "no slot can be booted",
	[KB_ENOMEM] = "not enough memory",
};

const char *err_text(enum kb_err err)
{
	if ((size_t)err < sizeof(texts) / sizeof(texts[0]) && texts[err] != NULL)
		return texts[err];
	return "unknown error";
}

static const char *const fat_texts[] = {
	[KB_ENODEV] = "its partition is missing",
	[KB_ENOENT] = "its partition is missing, or another process removed the file",
	[KB_EINVAL] = "a folder or a link has its name, or that of its folder: remove that",
	[KB_ENOSPC] =
		"its file system is full: remove what is not needed there; fsck.vfat -a finds room that a power cut lost",
	[KB_EPERM] =
		"its file system, or the disk, is read-only; Linux makes a damaged FAT so: see dmesg, unmount it, and run fsck.vfat -a",
	[KB_EFORMAT] =
		"its file system is damaged, or cannot be read: unmount it, and run fsck.vfat -a",
	[KB_EBUSY] =
		"its partition is mounted read-only: unmount it, or run mount -o remount,rw, and install again",
	[KB_EMOUNT] =
		"its partition does not mount as vfat: it is no FAT, or the kernel has no module vfat",
	[KB_ETIMEDOUT] = "the process that mounts its partition did not answer in time",
	[KB_ECHILD] = "the process that mounts its partition has ended",
};

const char *err_fat_text(enum kb_err err)
{
	return (size_t)err < sizeof(fat_texts) / sizeof(fat_texts[0]) ? fat_texts[err] : NULL;
}

enum kb_err err_errno(int errnum)
{
	switch (errnum) {
	case 0:
		return KB_OK;
	case ENODEV:
	case ENXIO:
	case ENOMEDIUM:
		return KB_ENODEV;
	case ETIMEDOUT:
		return KB_ETIMEDOUT;
	case EINVAL:
	case EISDIR:
	case ERANGE:
		return KB_EINVAL;
	case ENOSPC:
	case EFBIG:
		return KB_ENOSPC;
	case EBUSY:
	case EAGAIN:
		return KB_EBUSY;
	case ENOENT:
	case ENOTDIR:
		return KB_ENOENT;
	case EPERM:
	case EACCES:
	case EROFS:
		return KB_EPERM;
	case ENOEXEC:
		return KB_EEXEC;
	default:
		return KB_EIO;
	}
}
