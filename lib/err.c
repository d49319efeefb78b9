/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include <errno.h>

const char *err_text(enum kb_err e)
{
	switch (e) {
	case KB_OK:
		return "no error";
	case KB_EIO:
		return "input/output error";
	case KB_ENODEV:
		return "no such device";
	case KB_ETIMEDOUT:
		return "timed out";
	case KB_EINVAL:
		return "invalid value";
	case KB_EFORMAT:
		return "malformed or damaged data";
	case KB_EBLANK:
		return "never written";
	case KB_ENEWER:
		return "written by a newer Keelboot";
	case KB_ESIG:
		return "not signed by a trusted key";
	case KB_EDIGEST:
		return "content differs from its signed hash";
	case KB_ECOMPAT:
		return "made for another device";
	case KB_EDOWNGRADE:
		return "not newer than what is installed";
	case KB_EAHEAD:
		return "too far ahead of what is installed";
	case KB_EREJECTED:
		return "this release failed here before";
	case KB_EAPPLIED:
		return "already installed";
	case KB_EWAITS:
		return "its slot lost its trust, and waits for another chance";
	case KB_EBUDGET:
		return "too many attempts";
	case KB_ENOTARGET:
		return "no slot may be overwritten";
	case KB_ENOSPC:
		return "does not fit";
	case KB_EBUSY:
		return "busy";
	case KB_ESTALE:
		return "token is not of this boot";
	case KB_ECHILD:
		return "helper process failed";
	case KB_EMOUNT:
		return "file system does not mount";
	case KB_ECHECK:
		return "check failed";
	case KB_EEXEC:
		return "program cannot be started";
	case KB_ENOENT:
		return "not found";
	case KB_EPERM:
		return "not permitted";
	case KB_ENOCAND:
		return "no slot can be booted";
	}
	return "unknown error";
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
