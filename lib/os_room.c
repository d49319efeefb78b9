/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_room.h"

#include <errno.h>
#include <sys/statvfs.h>

enum kb_err os_room(const char *path, struct os_room *room)
{
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		return err_errno(errno);
	*room = (struct os_room){
		.free_files = fs.f_ffree,
		.files = fs.f_files,
		.read_only = fs.f_flag & ST_RDONLY,
	};
	if (__builtin_mul_overflow((uint64_t)fs.f_bfree, (uint64_t)fs.f_frsize,
				   &room->free_bytes) ||
	    __builtin_mul_overflow((uint64_t)fs.f_blocks, (uint64_t)fs.f_frsize, &room->bytes))
		return KB_EIO;
	return KB_OK;
}
