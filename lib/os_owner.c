/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_owner.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum kb_err os_owner_copy(const char *from, const char *to)
{
	struct stat st;

	/* The owner first: a change of it takes bits of the mode away. */
	if (lstat(from, &st) < 0 || lchown(to, st.st_uid, st.st_gid) < 0 ||
	    chmod(to, st.st_mode & 07777) < 0)
		return err_errno(errno);
	return KB_OK;
}
