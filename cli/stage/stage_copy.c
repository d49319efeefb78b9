/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_copy.h"

#include "cli/stage/stage_files.h"

#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <errno.h>
#include <string.h>

#define BUFFER (1u << 20)

static enum kb_err fail_copy(const char *path, const char *what)
{
	int error = errno;

	log_err("%s: %s: %s%s", path, what, strerror(error), stage_files_hint(error));
	return err_errno(error);
}

static enum kb_err copy_bytes(int from, const char *name, uint64_t size, int to, const char *path,
			      struct output_progress *p)
{
	static uint8_t buf[BUFFER];
	uint64_t done = 0;

	while (done < size) {
		size_t want = size - done < BUFFER ? (size_t)(size - done) : BUFFER, got;
		enum kb_err err = os_file_read(from, done, buf, want, &got);

		if (err != KB_OK || got < want) {
			log_err("%s cannot be read at byte %llu: %s", name,
				(unsigned long long)done + got,
				err != KB_OK ? strerror(errno) : "it became shorter");
			return KB_EIO;
		}
		if (os_file_write(to, buf, want) != KB_OK)
			return fail_copy(path, "cannot be written");
		done += want;
		output_progress_step(p, "copy", done, size);
	}
	return KB_OK;
}

/* Room is reserved first: to find out at the end would wear the flash for nothing. */
static enum kb_err reserve(int fd, uint64_t size, const char *path)
{
	if (os_file_reserve(fd, size) == KB_OK)
		return KB_OK;
	if (errno != ENOSPC && errno != EDQUOT)
		return fail_copy(path, "cannot be written");
	log_err("%s: no room for %llu KiB%s", path, (unsigned long long)(size / 1024),
		stage_files_hint(errno));
	return KB_ENOSPC;
}

enum kb_err stage_copy(int from, const char *name, uint64_t size, int dir, const char *path,
		       struct output_progress *p)
{
	const char *file = stage_files_name(path);
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err;

	err = os_file_unlink(dir, file);
	if (err != KB_OK && err != KB_ENOENT)
		return fail_copy(path, "cannot be replaced");
	if (os_file_create(dir, file, &fd) != KB_OK)
		return fail_copy(path, "cannot be made");
	TRY(reserve(fd, size, path));
	err = copy_bytes(from, name, size, fd, path, p);
	output_progress_end(p);
	TRY(err);
	if (os_file_sync(fd) != KB_OK)
		return fail_copy(path, "cannot be flushed to the disk");
	/* What is verified next has to come from the medium. */
	os_file_forget(fd);
	return KB_OK;
}
