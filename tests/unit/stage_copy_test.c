/* SPDX-License-Identifier: Apache-2.0 */
/* Room for a staged copy: what is certainly not there is not asked for. */
#include "cli/stage/stage_copy.h"
#include "tests/unit/folder.h"

#include <sys/statvfs.h>

#define BLOCK 4096u

static uint64_t blocks, free_blocks, allocated;
static int fails; /* with this errno, fallocate() */

int fstatvfs(int fd, struct statvfs *st)
{
	memset(st, 0, sizeof(*st));
	st->f_frsize = BLOCK;
	st->f_bsize = 1u << 20; /* not what blocks are counted in */
	st->f_blocks = blocks;
	st->f_bfree = free_blocks;
	return 0;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	assert_int_equal(off, 0);
	allocated = (uint64_t)len;
	errno = fails;
	return fails != 0 ? -1 : 0;
}

static enum kb_err copy(uint64_t size)
{
	struct output_progress none = { .mode = OUTPUT_PROGRESS_NONE };
	int from = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int to = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum kb_err err;

	allocated = 0;
	err = stage_copy(from, "zeroes", size, to, "/x.keel.part", &none);
	close(from);
	close(to);
	return err;
}

TEST(what_is_certainly_too_large_is_not_allocated)
{
	blocks = 1000;
	free_blocks = 10;
	FAILS(copy(11 * BLOCK), KB_ENOSPC);
	FAILS(copy(1ull << 40), KB_ENOSPC);
	assert_int_equal(allocated, 0);
}

TEST(what_may_fit_is_allocated_first)
{
	blocks = 1000;
	free_blocks = 10;
	OK(copy(10 * BLOCK));
	assert_int_equal(allocated, 10 * BLOCK);
	fails = ENOSPC;
	FAILS(copy(5 * BLOCK), KB_ENOSPC);
	fails = EOPNOTSUPP;
	OK(copy(5 * BLOCK));
	fails = 0;
}

TEST(a_file_system_that_tells_nothing_is_asked)
{
	blocks = free_blocks = 0;
	OK(copy(10 * BLOCK));
	assert_int_equal(allocated, 10 * BLOCK);
}

TEST_MAIN("stage_copy", .first = folder_make, .last = folder_remove)
