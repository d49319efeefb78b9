/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated devices, where a program opens them as files. */
#include "tests/sim/powercut_child.h"

#include "tests/sim/os_sim_int.h"
#include "update/apply/media.h"
#include "update/bundle/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int raw_fd = -1;

/* What a raw device is read from: the bundle, with the block that the disk holds before it. */
static int raw_file(void)
{
	int fd = memfd_create("raw", MFD_CLOEXEC);
	static uint8_t buf[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	int from = powercut_release[POWERCUT_NEW].bundle;
	off_t at = 0;
	ssize_t n;

	raw_fd = -1; /* an earlier one was closed, and its number may be this one's */
	while ((n = pread(from, buf, sizeof(buf), at)) > 0) {
		if (pwrite(fd, buf, (size_t)n, at) != n)
			abort();
		at += n;
	}
	if (bdev_read(&powercut_child_disk[POWERCUT_RAW].bdev, 0, buf, sizeof(buf)) == KB_OK &&
	    pwrite(fd, buf, sizeof(buf), 0) == (ssize_t)sizeof(buf)) {
		raw_fd = fd;
		return fd;
	}
	close(fd);
	return -1;
}

static bool staged_is_there(void)
{
	static uint8_t block[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	return bdev_read(&powercut_child_disk[POWERCUT_RAW].bdev, 0, block, sizeof(block)) ==
		       KB_OK &&
	       reader_header_is(block);
}

int powercut_child_open(const char *path, int flags)
{
	if (powercut_child_job == NULL)
		return -2;
	if (powercut_child_job->story->data && strcmp(path, MEDIA_MOUNT) == 0)
		return open(powercut_media_data(staged_is_there()), flags);
	if (powercut_child_job->story->data && strcmp(path, POWERCUT_CHILD_RAW) == 0)
		return open("/dev/null", flags);
	if (strcmp(path, "/dev/kmsg") == 0)
		return os_sim_log_fd();
	if (strcmp(path, POWERCUT_CHILD_RAW) == 0)
		return raw_file();
	if (strcmp(path, POWERCUT_CHILD_STICK) == 0 || strcmp(path, POWERCUT_CHILD_BUNDLE) == 0)
		return fcntl(powercut_release[POWERCUT_NEW].bundle, F_DUPFD_CLOEXEC, 3);
	return -2;
}

bool powercut_child_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return raw_fd < 0 || fd != raw_fd ||
	       cut_disk_write(&powercut_child_disk[POWERCUT_RAW], (uint64_t)off, buf, len) == KB_OK;
}

/*
 * A name in a journalled file system: there or gone, never half. Nobody waits for it to be durable;
 * here it is as soon as the next operation, which leaves no fewer images: nothing is written after
 * it.
 */
bool powercut_child_unlink(const char *path)
{
	static const uint8_t gone[CUT_SECTOR] __attribute__((aligned(BDEV_ALIGN)));
	struct cut_disk *d = &powercut_child_disk[POWERCUT_RAW];

	if (powercut_child_job == NULL || !powercut_child_job->story->data ||
	    strstr(path, ".keel") == NULL)
		return false;
	if (cut_disk_write(d, 0, gone, sizeof(gone)) == KB_OK)
		(void)!cut_disk_flush(d);
	return true;
}

bool powercut_child_fsync(int fd)
{
	return raw_fd < 0 || fd != raw_fd ||
	       cut_disk_flush(&powercut_child_disk[POWERCUT_RAW]) == KB_OK;
}
