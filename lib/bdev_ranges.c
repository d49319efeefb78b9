/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev_ranges.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int writer_of(struct bdev *b)
{
	return ((struct bdev_file *)b)->writer;
}

/* fsync() of a range is msync() of a mapping, of which nothing is touched: it, too, ends with a
 * flush of the device's own cache. A mapping begins with a page, which may be larger than a block.
 */
static enum kb_err flush_range(struct bdev *b, uint64_t off, uint64_t len)
{
	uint64_t before = off % (uint64_t)getpagesize();
	void *at = MAP_FAILED;
	int rc;

	off -= before;
	len += before;
	/* bound: BDEV_RANGES_MAX of addresses, and no memory */
	if (len > 0 && len <= BDEV_RANGES_MAX)
		at = mmap(NULL, (size_t)len, PROT_NONE, MAP_SHARED, writer_of(b), (off_t)off);
	if (at == MAP_FAILED)
		return bdev_flush(b);
	rc = msync(at, (size_t)len, MS_SYNC);
	munmap(at, (size_t)len);
	return rc == 0 ? KB_OK : KB_EIO;
}

static void write_out(struct bdev *b, uint64_t off, uint64_t len)
{
	(void)sync_file_range(writer_of(b), (off_t)off, (off_t)len, SYNC_FILE_RANGE_WRITE);
}

void bdev_ranges_use(struct bdev_file *readback, const struct bdev_file *writer)
{
	static struct bdev_ops ops;

	/* Of a mapping that could never be written to, nothing is flushed, and nothing says so. */
	if ((fcntl(writer->fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return;
	ops = *readback->bdev.ops;
	ops.flush_range = flush_range;
	ops.write_out = write_out;
	readback->bdev.ops = &ops;
	readback->writer = writer->fd;
}
