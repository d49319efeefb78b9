/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_copy.h"

#include "cli/stage/stage_files.h"

#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BUFFER (1u << 20)

static enum kb_err fail_copy(const char *path, const char *what)
{
	int error = errno;

	log_err("%s: %s: %s%s", path, what, strerror(error), stage_files_hint(error));
	return err_errno(error);
}

static enum kb_err write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		buf += n;
		len -= (size_t)n;
	}
	return KB_OK;
}

static enum kb_err copy_bytes(int from, const char *name, uint64_t size, int to, const char *path,
			      struct output_progress *p)
{
	static uint8_t buf[BUFFER];
	uint64_t done = 0;

	while (done < size) {
		size_t want = size - done < BUFFER ? (size_t)(size - done) : BUFFER;
		ssize_t n = pread(from, buf, want, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_err("%s cannot be read at byte %llu: %s", name,
				(unsigned long long)done,
				n < 0 ? strerror(errno) : "it became shorter");
			return KB_EIO;
		}
		if (write_all(to, buf, (size_t)n) != KB_OK)
			return fail_copy(path, "cannot be written");
		done += (uint64_t)n;
		output_progress_step(p, "copy", done, size);
	}
	return KB_OK;
}

/* Certainly less than that; ENOSPC says so. A file system without blocks tells nothing. */
static bool is_too_small(int fd, uint64_t size)
{
	struct statvfs st;

	if (fstatvfs(fd, &st) != 0 || st.f_blocks == 0 || size / st.f_frsize <= st.f_bfree)
		return false;
	errno = ENOSPC;
	return true;
}

/* Room is reserved first: to find out at the end would wear the flash for nothing. So would filling
 * the disk to find out that it is too small. */
static enum kb_err reserve(int fd, uint64_t size, const char *path)
{
	if (!is_too_small(fd, size) &&
	    (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 || errno == EOPNOTSUPP))
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

	if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
		return fail_copy(path, "cannot be replaced");
	fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail_copy(path, "cannot be made");
	TRY(reserve(fd, size, path));
	err = copy_bytes(from, name, size, fd, path, p);
	output_progress_end(p);
	TRY(err);
	if (fsync(fd) < 0)
		return fail_copy(path, "cannot be flushed to the disk");
	/* What is verified next has to come from the medium. Only advice, so without a check. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return KB_OK;
}
