/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_inside.h"

#include "lib/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/openat2.h, which older headers lack. */
#define IN_ROOT	 0x10 /* RESOLVE_IN_ROOT */
#define NO_MAGIC 0x02 /* RESOLVE_NO_MAGICLINKS */

#define TRIES 200 /* a millisecond apart */

int os_inside_open(const char *root, const char *path, int flags)
{
	/* struct open_how */
	uint64_t how[3] = { (uint64_t)flags, 0, IN_ROOT | NO_MAGIC };
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = dir, errnum;

	/* A rename or a mount anywhere makes Linux give a path with ".." up: openat2(2). */
	for (int i = 0; dir >= 0 && i < TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dir, path, how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
		os_sleep_ms(1);
		errno = EAGAIN;
	}
	errnum = errno;
	os_close(&dir);
	errno = errnum;
	return fd;
}
