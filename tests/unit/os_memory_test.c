/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says, from /proc/meminfo, or where that is not to be had. */
#include "lib/os_memory.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>

static bool no_proc;

int open(const char *path, int flags, ...)
{
	if (no_proc) {
		errno = ENOENT;
		return -1;
	}
	return TEST_REAL(open)(path, flags);
}

TEST(it_is_some_of_what_there_is)
{
	struct sysinfo s;

	assert_int_equal(sysinfo(&s), 0);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t have = os_memory_available();

		no_proc = i == 0;
		assert_true(have > 0 && have <= (uint64_t)s.totalram * s.mem_unit);
	}
	no_proc = false;
}

TEST_MAIN("memory")
