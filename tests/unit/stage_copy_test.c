/* SPDX-License-Identifier: Apache-2.0 */
/* Room for a staged copy: what is certainly not there is not asked for. */
#include "cli/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCK 4096u

static char dir[] = "/tmp/keelboot-copy-XXXXXX";
static uint64_t blocks, free_blocks, allocated;
static int fails; /* with this errno, fallocate() */

int fstatvfs(int fd, struct statvfs *st)
{
	(void)fd;
	memset(st, 0, sizeof(*st));
	st->f_frsize = BLOCK;
	st->f_bsize = 1u << 20; /* not what blocks are counted in */
	st->f_blocks = blocks;
	st->f_bfree = free_blocks;
	return 0;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
	(void)fd;
	(void)mode;
	assert_int_equal(off, 0);
	allocated = (uint64_t)len;
	errno = fails;
	return fails != 0 ? -1 : 0;
}

static enum kb_err copy(uint64_t size)
{
	struct output_progress none = { .mode = OUTPUT_PROGRESS_NONE };
	int from = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum kb_err e;

	allocated = 0;
	e = stage_copy(from, "zeroes", size, folder, "/x.keel.part", &none);
	close(from);
	close(folder);
	return e;
}

static void what_is_certainly_too_large_is_not_allocated(void **ctx)
{
	(void)ctx;
	blocks = 1000;
	free_blocks = 10;
	assert_int_equal(copy(11 * BLOCK), KB_ENOSPC);
	assert_int_equal(copy(1ull << 40), KB_ENOSPC);
	assert_int_equal(allocated, 0);
}

static void what_may_fit_is_allocated_first(void **ctx)
{
	(void)ctx;
	blocks = 1000;
	free_blocks = 10;
	assert_int_equal(copy(10 * BLOCK), KB_OK);
	assert_int_equal(allocated, 10 * BLOCK);
	fails = ENOSPC;
	assert_int_equal(copy(5 * BLOCK), KB_ENOSPC);
	fails = EOPNOTSUPP;
	assert_int_equal(copy(5 * BLOCK), KB_OK);
	fails = 0;
}

static void a_file_system_that_tells_nothing_is_asked(void **ctx)
{
	(void)ctx;
	blocks = free_blocks = 0;
	assert_int_equal(copy(10 * BLOCK), KB_OK);
	assert_int_equal(allocated, 10 * BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_certainly_too_large_is_not_allocated),
		cmocka_unit_test(what_may_fit_is_allocated_first),
		cmocka_unit_test(a_file_system_that_tells_nothing_is_asked),
	};
	char cmd[64];
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd) == 0 ? rc : 1;
}
