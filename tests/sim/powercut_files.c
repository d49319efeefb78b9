/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated devices, where a program opens them as files. */
#include "tests/sim/powercut.h"

#include "tests/sim/host_files.h"
#include "tests/sim/os_sim.h"
#include "update/apply/media.h"

#define DATA_MOUNT "/data" /* as a system.conf has it that does not say */

/* What a raw device is read from: the bundle, with the block that the disk holds before it. */
static int raw_file(void)
{
	static int fd = -1;
	const uint8_t *first = powercut_child_first(POWERCUT_RAW);

	if (fd >= 0)
		close(fd);
	fd = memfd_create("raw", MFD_CLOEXEC);
	bundles_append(powercut_release[POWERCUT_NEW].bundle, fd);
	return first != NULL && pwrite(fd, first, BDEV_ALIGN, 0) == BDEV_ALIGN ? fd : -1;
}

static const char *place(const char *path)
{
	bool data = powercut_child_job->story->data;
	const uint8_t *first = data ? powercut_child_first(POWERCUT_RAW) : NULL;

	if (data && (strcmp(path, MEDIA_MOUNT) == 0 || strcmp(path, DATA_MOUNT) == 0))
		return bundles_path(first != NULL && reader_header_is(first) ? "staged" : "gone");
	if (strcmp(path, POWERCUT_CHILD_RAW) == 0)
		return data ? "/dev/null" : host_files_of(raw_file());
	if (strcmp(path, POWERCUT_CHILD_STICK) == 0 || strcmp(path, POWERCUT_CHILD_BUNDLE) == 0)
		return host_files_of(powercut_release[POWERCUT_NEW].bundle);
	return NULL;
}

/*
 * A name in a journalled file system: there or gone, never half. Nobody waits for it to be durable;
 * here it is as soon as the next operation, which leaves no fewer images: nothing is written after
 * it.
 */
static int before(struct host_files_call *c)
{
	static const uint8_t gone[CUT_SECTOR] __attribute__((aligned(BDEV_ALIGN)));
	struct cut_disk *d = &powercut_child_disk[POWERCUT_RAW];

	if (c->op != HOST_FILES_UNLINK || access(c->path, F_OK) < 0)
		return 0;
	c->left_out = true; /* all programs share it */
	if (cut_disk_write(d, 0, gone, sizeof(gone)) == KB_OK)
		(void)!cut_disk_flush(d);
	return 0;
}

void powercut_child_files(void)
{
	static const struct host_files files = { .place = place, .before = before };

	host_files_use(&files);
	if (powercut_child_job->story->raw)
		os_sim_bdev(POWERCUT_CHILD_RAW, &powercut_child_disk[POWERCUT_RAW].bdev);
	os_sim_copy(bundles_path("keys/key.pem"));
}
